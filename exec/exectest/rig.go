package exectest

import (
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

// patience is how long a case waits for what must come.
const patience = 90 * time.Second

// rig is one case's gateway, with everything that it said.
type rig struct {
	*testing.T
	Desk
	setup Setup

	lock    sync.Mutex // guards the rest: the gateway tells from any goroutine
	orders  map[order.ID]*told
	held    map[market.InstrumentID]market.Units // by updates
	wrong   []string                             // updates that do not fit
	alarms  []string
	outside int // updates of no order of ours
}

// told is what was said of one order.
type told struct {
	last    order.Update
	states  []order.State  // each once, as reached
	prices  []market.Paise // likewise
	reasons []string
}

func newRig(t *testing.T, setup Setup, open Opener) *rig {
	t.Helper()
	r := &rig{T: t, orders: make(map[order.ID]*told), held: make(map[market.InstrumentID]market.Units)}
	r.attach(setup, open)
	r.quote(call, 9990, 650, 10010, 650)
	r.quote(put, 9990, 650, 10010, 650)
	return r
}

// attach opens the gateway and waits until it is in step with the venue.
func (r *rig) attach(setup Setup, open Opener) {
	r.Helper()
	setup.Emit = r.hear
	setup.Alarm = func(_ order.ID, text string) {
		r.lock.Lock()
		defer r.lock.Unlock()
		r.alarms = append(r.alarms, text)
	}
	r.setup = setup
	r.Desk = open(r.T, setup)
	r.until("the gateway is in step with its venue", func() bool { return r.Snapshot().Standing.Synced })
}

// restart ends the gateway and opens the next one, which knows nothing of this
// one's orders.
func (r *rig) restart() *rig {
	r.Helper()
	setup := newSetup(r.T)
	setup.Core.Tag.Boot = r.setup.Core.Tag.Boot + 1
	next := &rig{T: r.T, orders: make(map[order.ID]*told), held: make(map[market.InstrumentID]market.Units)}
	next.attach(setup, r.Reopen)
	next.quote(call, 9990, 650, 10010, 650)
	next.quote(put, 9990, 650, 10010, 650)
	return next
}

// hear takes an update, and holds it against what was told before.
func (r *rig) hear(u *order.Update) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.held[u.Instrument] += u.Side.Sign() * u.FilledNow
	if u.ID == 0 {
		r.outside++
		return
	}
	o := r.orders[u.ID]
	if o == nil {
		o = &told{last: order.Update{ID: u.ID, Strategy: u.Strategy, Instrument: u.Instrument, Side: u.Side, Quantity: u.Quantity}}
		r.orders[u.ID] = o
	}
	r.wrong = append(r.wrong, misfits(&o.last, u)...)
	if len(o.states) == 0 || o.states[len(o.states)-1] != u.State {
		o.states = append(o.states, u.State)
	}
	if len(o.prices) == 0 || o.prices[len(o.prices)-1] != u.Price {
		o.prices = append(o.prices, u.Price)
	}
	if u.Reason != "" {
		o.reasons = append(o.reasons, u.Reason)
	}
	o.last = *u
}

// until waits for what must come.
func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.lock.Lock()
			defer r.lock.Unlock()
			for _, id := range slices.Sorted(maps.Keys(r.orders)) {
				r.Logf("%s %+v", r.orders[id].states, r.orders[id].last)
			}
			r.Logf("alarms %q, snapshot %+v", r.alarms, r.Snapshot())
			for _, e := range r.Venue().Ledger() {
				r.Logf("ledger %+v", e)
			}
			require.FailNow(r, "it never comes true that "+what)
		}
	}
}

// reaches waits for an order's state.
func (r *rig) reaches(id order.ID, want order.State) order.Update {
	r.Helper()
	r.until("order is "+want.String(), func() bool {
		s := r.last(id).State
		require.False(r, s != want && over(s) && over(want), "the order is %s, want %s: %+v", s, want, r.last(id))
		return s == want
	})
	return r.last(id)
}

// last is the newest update of an order.
func (r *rig) last(id order.ID) order.Update {
	r.lock.Lock()
	defer r.lock.Unlock()
	if o := r.orders[id]; o != nil {
		return o.last
	}
	return order.Update{}
}

// reasons is what was said in explanation of an order.
func (r *rig) reasons(id order.ID) []string {
	r.lock.Lock()
	defer r.lock.Unlock()
	if o := r.orders[id]; o != nil {
		return slices.Clone(o.reasons)
	}
	return nil
}

// states is the states that an order was told to be in.
func (r *rig) states(id order.ID) []order.State {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.orders[id].states)
}

// prices is the limits that an order was told to have.
func (r *rig) prices(id order.ID) []market.Paise {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.orders[id].prices)
}

func (r *rig) holds(id market.InstrumentID) market.Units {
	r.lock.Lock()
	defer r.lock.Unlock()
	return r.held[id]
}

// over tells whether the gateway has nothing more to find out of an order.
func over(s order.State) bool { return s.Terminal() || s == order.ClosedAbsent }

// quote moves the market of one contract: the book first, then the venue.
func (r *rig) quote(id market.InstrumentID, bid market.Paise, bidQty market.Units, ask market.Paise, askQty market.Units) {
	now := r.Now()
	q := market.Quote{
		Instrument: id, Last: 10000, Bid: bid, BidQty: bidQty, Ask: ask, AskQty: askQty, BandLow: 5, BandHigh: 53915, Recv: now.Mono,
	}
	r.setup.Core.Book.PutQuote(&q)
	r.setup.Core.Book.Commit(now)
	r.Venue().Market(&market.Event{At: now.Market, Kind: market.QuoteEvent, Quote: q})
}

// place is a ticket of strategy 1 in the call, changed by the case.
func (r *rig) place(side market.Side, lots market.Lots, price market.Paise, change ...func(*order.Ticket)) order.ID {
	now := r.Now().Mono
	t := order.Ticket{
		Strategy: 1, Instrument: call, Side: side, Class: order.Entry, Lots: lots, Price: price, TickAt: now, WokenAt: now, DecidedAt: now,
	}
	for _, c := range change {
		c(&t)
	}
	return r.Submit(order.Command{Kind: order.Place, Ticket: t})
}

func ioc(t *order.Ticket) { t.TIF = order.IOC }

func by(id order.StrategyID) func(*order.Ticket) { return func(t *order.Ticket) { t.Strategy = id } }

func (r *rig) modify(id order.ID, price market.Paise) {
	r.Submit(order.Command{Kind: order.Modify, Ticket: order.Ticket{ID: id, Strategy: r.last(id).Strategy}, Price: price})
}

func (r *rig) cancel(id order.ID) {
	r.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: id, Strategy: 1}})
}

func (r *rig) faults(f sim.Faults) { require.NoError(r, r.Venue().SetFaults(f)) }

// calls is how many calls of a kind the core made, as last published.
func (r *rig) calls(k gateway.ActionKind) uint64 { return r.Snapshot().Core.Calls[k].Attempts }

// republished waits for a snapshot that was taken after now.
func (r *rig) republished() *gateway.Snapshot {
	r.Helper()
	now := r.Now().Mono
	r.until("a snapshot is published", func() bool { return r.Snapshot().At.Mono > now })
	return r.Snapshot()
}
