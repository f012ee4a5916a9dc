package exectest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

// misfits says what is wrong with an update after the one before it.
func misfits(was, u *order.Update) (wrong []string) {
	law := func(holds bool, text string) {
		if !holds {
			wrong = append(wrong, fmt.Sprintf("%s: %+v after %+v", text, *u, *was))
		}
	}
	law(u.Strategy == was.Strategy && u.Instrument == was.Instrument && u.Side == was.Side, "an order changed whose it is")
	law(was.Quantity == 0 || u.Quantity == was.Quantity, "the quantity changed")
	law(u.Filled >= was.Filled, "fills were taken back")
	law(u.FilledNow == u.Filled-was.Filled, "the fills do not add up")
	law(u.Filled <= u.Quantity || u.Quantity == 0, "more filled than was ordered")
	law(!was.State.Terminal() || u.State == was.State && u.FilledNow == 0, "an order that was over went on")
	law(u.State != order.Filled || u.Filled == u.Quantity, "filled, and not all of it")
	law(u.VenueID == was.VenueID || was.VenueID.IsZero(), "the venue's number changed")
	law(u.Filled != 0 || u.Value == 0, "a value without fills")
	if u.FilledNow > 0 {
		change := u.Value - was.Value - u.FillPrice.Times(u.FilledNow)
		law(max(change, -change) <= market.Paise(u.FilledNow), "the value does not rise by what filled")
	}
	if u.Filled > 0 {
		off := u.Average.Times(u.Filled) - u.Value
		law(max(off, -off) <= market.Paise(u.Filled), "the average is not of the value")
	}
	return wrong
}

// fact is what the venue's ledger says of one order.
type fact struct {
	accepted int
	filled   market.Units
	value    market.Paise
	end      string // the kind of its last entry, if that ends it
	modified int
}

// facts reads the ledger, by remark.
func facts(ledger []sim.Entry) map[string]*fact {
	all := make(map[string]*fact)
	for _, e := range ledger {
		f := all[e.Remark]
		if f == nil {
			f = new(fact)
			all[e.Remark] = f
		}
		price, _ := market.ParsePaise(e.Price) // the venue's own prices parse
		switch e.Kind {
		case "accepted":
			f.accepted++
		case "modified":
			f.modified++
		case "fill":
			f.filled += market.Units(e.Quantity)
			f.value += price.Times(market.Units(e.Quantity))
		default:
			f.end = e.Kind
		}
	}
	return all
}

// fact is what the ledger says of one of our orders; all zero if nothing.
func (r *rig) fact(id order.ID) fact {
	if f := facts(r.Venue().Ledger())[r.setup.Core.Tag.Remark(id).String()]; f != nil {
		return *f
	}
	return fact{}
}

// audit waits until everything is told, and holds all of it against the
// ledger: every order is there once or not at all, as the gateway says; every
// fill and every position agrees.
func (r *rig) audit() {
	r.Helper()
	r.faults(sim.Faults{})
	r.until("the gateway and the ledger agree", func() bool { return len(r.differences(true)) == 0 })
	r.republished()
	require.Empty(r, r.differences(true))
	r.lock.Lock()
	defer r.lock.Unlock()
	require.Empty(r, r.wrong)
	require.Zero(r, r.Snapshot().Core.Illegal, "moves outside the table of states")
}

// differences is what the gateway and the ledger disagree about, values too if
// they should be exact by now.
func (r *rig) differences(values bool) (found []string) {
	ledger := facts(r.Venue().Ledger())
	r.lock.Lock()
	defer r.lock.Unlock()
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	known := make(map[string]bool)
	for _, id := range slices.Sorted(maps.Keys(r.orders)) {
		u := &r.orders[id].last
		remark := r.setup.Core.Tag.Remark(id).String()
		known[remark] = true
		f := ledger[remark]
		if f == nil {
			f = new(fact)
		}
		there := f.accepted == 1
		switch u.State {
		case order.Denied, order.ExpiredLocal, order.Rejected, order.ClosedAbsent:
			there = f.accepted == 0
		case order.Filled:
			there = there && f.filled == u.Quantity
		case order.Cancelled:
			// One that was cancelled before it was sent is at no venue.
			there = there && f.end == "cancelled" || f.accepted == 0 && u.VenueID.IsZero()
		case order.Expired:
			there = there && f.end == "expired"
		case order.RejectedLate:
			there = there && f.end == "rejected"
		case order.Acked, order.Working, order.Partial:
			there = there && f.end == "" && f.filled < u.Quantity
		default:
			there = false // not settled yet
		}
		if !there {
			say("order %d is %s here and %+v there", id, u.State, *f)
		}
		if f.filled != u.Filled {
			say("of order %d filled %d here and %d there", id, u.Filled, f.filled)
		}
		// The venue names averages to the paisa.
		if off := f.value - u.Value; values && (u.Estimated || max(off, -off) > market.Paise(u.Filled)) {
			say("order %d is worth %d here (estimated: %t) and %d there", id, u.Value, u.Estimated, f.value)
		}
	}
	for remark := range ledger {
		if ours := r.ours(remark); ours && !known[remark] {
			say("the venue has an order %q that nobody speaks of", remark)
		}
	}
	for id := range market.InstrumentID(r.setup.Universe.Len() + 1) {
		if here, there := r.held[id], r.Venue().Position(id).Qty; here != there {
			say("of instrument %d %d are held here and %d there", id, here, there)
		}
	}
	return found
}

// ours tells whether a remark is of this run of the gateway.
func (r *rig) ours(text string) bool {
	var remark order.Remark
	copy(remark[:], text)
	tag, _, ok := order.ParseRemark(&remark)
	return ok && tag == r.setup.Core.Tag
}

// placements is how often the core tried to place an order.
func (r *rig) placements() uint64 {
	r.Helper()
	r.republished()
	return r.calls(gateway.SendPlace)
}
