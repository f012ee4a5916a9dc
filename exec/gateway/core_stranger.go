package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// maxStrangers is how many orders of the account that are not ours one day may
// bring.
const maxStrangers = 512

// clockSlack is how far the venue's order times, which may have minute
// resolution, may lie before ours.
const clockSlack = time.Minute + 5*time.Second

// stranger is an order at the venue that no intent answers for: ours, with an
// answer still on its way, or somebody else's on the same account.
type stranger struct {
	report   order.Report // the newest word, quantities merged
	serial   uint64       // our number of it
	external bool         // somebody else's: counted in exposure, never touched
	disputed bool         // may be one of several of ours
	booked   market.Units // fills counted in exposure
	open     market.Units // counted by risk as open
	bookedAs market.Paise // their value
	listed   uint32       // number of the last order list that showed it
}

func (c *Core) strangerNamed(id order.VenueID) *stranger {
	for i := range c.strangers {
		if c.strangers[i].report.VenueID == id {
			return &c.strangers[i]
		}
	}
	return nil
}

// meet takes a report that belongs to no known order.
func (c *Core) meet(r *order.Report) {
	x := c.strangerNamed(r.VenueID)
	if x == nil {
		if len(c.strangers) == maxStrangers {
			c.alarm(0, "too many orders on this account that are not ours: exposure is no longer known")
			c.halt("too many orders on this account that are not ours")
			return
		}
		c.met++
		c.strangers = append(c.strangers, stranger{report: *r, serial: c.met})
		if r.Executed != 0 {
			c.learnt++
		}
		c.unclaimed++
		c.dirty = true
		return
	}
	merged := *r
	if r.Executed > x.report.Executed {
		c.learnt++
	}
	if r.Executed < x.report.Executed || r.Executed == x.report.Executed && r.Average == 0 {
		merged.Average = x.report.Average // an average is that of its own quantity
	}
	merged.Executed = max(merged.Executed, x.report.Executed)
	merged.Cancelled = max(merged.Cancelled, x.report.Cancelled)
	merged.Expired = max(merged.Expired, x.report.Expired)
	if merged.Remark == (order.Remark{}) {
		merged.Remark = x.report.Remark
	}
	if merged.OrderedAt == 0 {
		merged.OrderedAt = x.report.OrderedAt
	}
	if r.Sequence != 0 && r.Sequence < x.report.Sequence || x.report.Status.Terminal() {
		merged.Status, merged.Limit = x.report.Status, x.report.Limit
	}
	merged.Sequence = max(merged.Sequence, x.report.Sequence)
	x.report = merged
	if x.external {
		c.bookExternal(x)
	}
	c.dirty = true
}

// claim gives what was said about an order before its id was known to it.
func (c *Core) claim(o *order.Order) {
	for i := range c.strangers {
		x := c.strangers[i]
		if x.report.VenueID != o.VenueID {
			continue
		}
		c.dropStranger(i)
		if x.external {
			c.weigh(&x, 0)
		}
		if x.external && x.booked > 0 { // it was taken for somebody else's
			price := x.bookedAs / market.Paise(x.booked) // as it was booked: nothing is earned by the mistake
			c.emitForeign(order.Update{
				Instrument: x.report.Instrument, Side: x.report.Side.Opposite(), State: order.Filled, VenueID: o.VenueID,
				Quantity: x.booked, Filled: x.booked, FilledNow: x.booked, FillPrice: price, Average: price,
				Value: x.bookedAs, Reason: "ours after all", At: c.at,
			})
		}
		c.sight(o, &x.report, nil)
		c.job(o).listed = max(c.job(o).listed, x.listed)
		return
	}
}

func (c *Core) dropStranger(i int) {
	if !c.strangers[i].external {
		c.unclaimed--
	}
	last := len(c.strangers) - 1
	c.strangers[i] = c.strangers[last]
	c.strangers = c.strangers[:last]
}

// settleStrangers finds out whose the unclaimed orders are: ours if exactly one
// of ours may be it and it is the only one that may be ours, somebody else's if
// none may be.
func (c *Core) settleStrangers() {
	for i := 0; c.unclaimed > 0 && i < len(c.strangers); i++ {
		x := &c.strangers[i]
		if x.external {
			continue
		}
		mine, candidates, pending := c.candidates(&x.report)
		switch {
		case candidates == 0 && pending:
			// An answer on its way will tell.
		case candidates == 0:
			c.makeExternal(x)
		case candidates == 1 && !pending && c.rivals(mine, i) == 0:
			r, listed := x.report, x.listed
			c.dropStranger(i)
			i--
			c.sight(mine, &r, nil)
			c.job(mine).listed = listed
		case !x.disputed:
			x.disputed = true
			c.block(x.report.Instrument, "an order at the venue may be one of several of ours")
			c.alarm(0, "an order at the venue may be one of several of ours: look and tell")
		}
	}
}

// candidates counts the orders in doubt that the report may be about. Pending
// tells that an attempt in flight may be it too.
func (c *Core) candidates(r *order.Report) (mine *order.Order, n int, pending bool) {
	if _, _, ours := order.ParseRemark(&r.Remark); ours {
		return nil, 0, false // it names another order: an earlier run's, or another engine's
	}
	look := func(list []int32) {
		for _, i := range list {
			o := c.jobs[i].o
			if !o.VenueID.IsZero() {
				continue
			}
			f := o.Fingerprint()
			if !f.Matches(r) {
				continue
			}
			if r.OrderedAt != 0 && r.OrderedAt.Add(clockSlack) < o.Sent.Market && !c.jobs[i].clockless {
				continue // the venue had it before we sent ours
			}
			switch {
			case o.State == order.Sending:
				pending = true
			case o.State.InDoubt(), o.State == order.ClosedAbsent, c.jobs[i].waits():
				mine, n = o, n+1
			}
		}
	}
	look(c.active)
	for _, i := range c.tombs {
		if !c.jobs[i].active {
			look([]int32{i})
		}
	}
	return mine, n, pending
}

// rivals counts other unclaimed orders that may be the same order of ours.
func (c *Core) rivals(o *order.Order, but int) (n int) {
	f := o.Fingerprint()
	for i := range c.strangers {
		if x := &c.strangers[i]; i != but && !x.external && f.Matches(&x.report) {
			n++
		}
	}
	return n
}

// lookalike tells whether an unclaimed order may be this one: then no read
// proves its absence.
func (c *Core) lookalike(o *order.Order) bool { return c.unclaimed > 0 && c.rivals(o, -1) > 0 }

// makeExternal counts an order that is not ours in exposure. It is never
// cancelled.
func (c *Core) makeExternal(x *stranger) {
	x.external = true
	c.unclaimed--
	c.stats.External++
	c.alarm(0, "an order on this account is not ours: counted, left alone")
	c.bookExternal(x)
}

// weigh makes risk count what is open of an order that is not ours, as it
// counts our own: it may fill, and we must not trade with it.
func (c *Core) weigh(x *stranger, open market.Units) {
	r := &x.report
	if r.Instrument == 0 || open == x.open {
		return
	}
	x.open = open
	u := order.Update{
		ID: risk.Others | order.ID(x.serial), Instrument: r.Instrument, Side: r.Side, State: order.Working, Price: r.Limit, Quantity: open, At: c.at,
	}
	if open == 0 {
		u.State = order.Cancelled
	}
	c.gate.Apply(&u)
}

// bookExternal counts what filled, and corrects what an earlier word put on it.
func (c *Core) bookExternal(x *stranger) {
	r := &x.report
	open := max(r.Quantity-r.Executed, 0)
	if r.Status.Terminal() {
		open = 0
	}
	c.weigh(x, open)
	now := r.Executed - x.booked
	if r.Executed == 0 || r.Instrument == 0 || int(r.Instrument) >= len(c.exposure) || now == 0 && r.Average == 0 {
		return
	}
	price, estimated := r.Average, r.Average == 0
	if estimated {
		if price = r.Limit; price == 0 {
			price = c.anyPrice(r.Instrument)
		}
	}
	value := price.Times(r.Executed)
	if now == 0 && value == x.bookedAs {
		return
	}
	u := order.Update{
		Instrument: r.Instrument, Side: r.Side, State: order.Partial, VenueID: r.VenueID, Price: r.Limit,
		Quantity: r.Quantity, Filled: r.Executed, FilledNow: now, FillPrice: price, Average: price,
		Value: value, Estimated: estimated, Reason: "not ours", At: c.at,
	}
	if r.Status.Terminal() {
		u.State = order.Filled
	}
	if now > 0 {
		c.emitForeign(u)
	} else {
		u.FillPrice = 0
		c.emit(u)
	}
	c.gate.Reprice(r.Side, value-x.bookedAs-price.Times(now))
	x.booked, x.bookedAs = r.Executed, value
}
