package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// restoring is what a restart gathers from the journal until [Core.Restored].
type restoring struct {
	sequence uint64             // of the last record taken
	today    bool               // the run in hand is one of this engine and trading day
	named    bool               // the run in hand names its strategies
	names    []order.StrategyID // this run's number by that run's
	based    bool               // the run in hand recorded its base
	orders   []*order.Order     // as they were taken in
	base     []journal.Holding  // by instrument
	level    risk.Level
	operator string // who lowered it last
	cause    string
	full     bool          // the slab had no room
	last     market.Stamp  // of the run in hand
	jumped   time.Duration // what the wall clock jumped in that run so far
}

// Restore takes one record of what earlier runs kept, oldest first, before the
// first Step; at is the time now. A record twice changes nothing more than
// once.
func (c *Core) Restore(r *journal.Record, at market.Stamp) {
	p := &c.past
	if p.base == nil {
		p.base = make([]journal.Holding, len(c.exposure))
	}
	if r.Sequence != 0 && r.Sequence <= p.sequence {
		return
	}
	p.sequence = r.Sequence
	if r.Kind == journal.Started {
		p.last, p.jumped = market.Stamp{}, 0
	}
	p.jumped, p.last = p.jumped+jump(p.last, r.At), r.At
	then := restamp(r.At, at)
	c.restoreCall(r, then, at)
	if r.Kind == journal.Started {
		tag := &r.Start.Tag
		p.today = tag.Day == c.config.Tag.Day && tag.Instance == c.config.Tag.Instance
		p.names, p.named, p.based = p.names[:0], false, false
	}
	if !p.today {
		return
	}
	switch r.Kind {
	case journal.Named:
		for p.named = true; len(p.names) <= int(r.Name.Strategy); {
			p.names = append(p.names, 0)
		}
		p.names[r.Name.Strategy] = c.strategyNamed(r.Name.Text)
	case journal.Intended:
		c.restoreIntent(r, then)
	case journal.Sending:
		c.restoreSending(r, then)
	case journal.Moved:
		c.restoreMove(r, then)
	case journal.Leveled:
		p.level, p.cause = risk.Level(r.Level.Level), r.Level.Text
		if p.operator = ""; r.Level.Operator {
			p.operator = r.Level.Text
		}
	case journal.Held:
		h := &p.base[c.config.Universe.ByKey(r.Holding.Key)]
		h.Quantity, h.Average = h.Quantity+r.Holding.Quantity, r.Holding.Average
	case journal.Based:
		c.sync.based, p.based = true, true
	case journal.Blocked:
		if id := c.config.Universe.ByKey(r.Block.Key); id != 0 {
			if c.exposure[id].blocked = ""; r.Block.Blocked {
				c.exposure[id].blocked = r.Block.Text
			}
		}
	}
}

// restamp is an earlier run's instant on this run's clocks. Where the wall
// clock went backwards meanwhile it is now, the cautious guess for every fence
// and limit.
func restamp(then, now market.Stamp) market.Stamp {
	ago := max(now.Wall.Sub(then.Wall), 0)
	then.Mono = now.Mono.Add(-ago)
	return then
}

// strategyNamed is a strategy's number in this run; zero when it is gone.
func (c *Core) strategyNamed(name string) order.StrategyID {
	for i, known := range c.config.Strategies {
		if known == name {
			return order.StrategyID(i + 1)
		}
	}
	return 0
}

// restoreCall counts a call in the rate limits, whatever day or run it is of.
func (c *Core) restoreCall(r *journal.Record, then, at market.Stamp) {
	k := &r.Call
	switch r.Kind {
	case journal.Sending, journal.Reading:
		if r.At.Wall.Date() == at.Wall.Date() || at.Wall.Sub(r.At.Wall) < 2*time.Minute {
			c.limits.Restore(then.Mono, k.Class, k.Kind.Write())
		}
	case journal.Answered:
		switch {
		case k.Verdict == order.Throttle && !k.Late:
			c.limits.Throttled(k.RetryAfter, then.Mono)
		case k.Verdict == order.ThrottleDay && r.At.Wall.Date() == at.Wall.Date():
			c.limits.ThrottledDay(then.Mono)
		case k.Verdict == order.OK || k.Verdict == order.Refused || k.Verdict == order.Empty:
			c.limits.Served()
		}
	}
}

func (c *Core) restoreIntent(r *journal.Record, then market.Stamp) {
	i, p := &r.Intent, &c.past
	if c.slab.Get(r.ID) != nil {
		return
	}
	in := c.config.Universe.Get(c.config.Universe.ByKey(i.Key))
	strategy := i.Strategy
	if p.named {
		if strategy = 0; int(i.Strategy) < len(p.names) {
			strategy = p.names[i.Strategy]
		}
	}
	ticket := order.Ticket{
		ID: r.ID, Strategy: strategy, Signal: i.Signal, Instrument: in.ID, Side: i.Side, TIF: i.TIF, Class: i.Class,
		Lots: market.Lots(i.Quantity / max(in.LotSize, 1)), Price: i.Price, Trigger: i.Trigger,
	}
	o := c.slab.Take(&ticket)
	if o == nil {
		c.past.full = true
		return
	}
	o.State, o.Quantity, o.Remark, o.Sent = order.Queued, i.Quantity, c.config.Tag.Remark(r.ID), then
	if i.Strategy == 0 && i.Class != order.Flatten {
		// An orphan that was taken in: it was at the venue before this was written.
		o.State, o.Attempts, o.CancelWanted, o.Sent = order.Sending, 1, true, then
		if p.based { // that run took its base back, for the orphan's fills may be in it
			c.sync.based, p.based = false, false
		}
	}
	*c.job(o) = job{o: o}
	p.orders = append(p.orders, o)
	c.gate.Remember(&o.Ticket)
}

func (c *Core) restoreSending(r *journal.Record, then market.Stamp) {
	o := c.slab.Get(r.ID)
	if o == nil || r.Call.Kind != journal.Place || r.Call.Attempt <= o.Attempts {
		return
	}
	o.State, o.Attempts, o.Absences = order.Sending, r.Call.Attempt, 0
	o.Sent = then
	c.job(o).clockless = clockless(c.past.jumped)
}

// restoreMove makes the order what the record says that it was.
func (c *Core) restoreMove(r *journal.Record, then market.Stamp) {
	o, m := c.slab.Get(r.ID), &r.Move
	if o == nil {
		return
	}
	if m.State.InDoubt() && !o.State.InDoubt() {
		o.DoubtAt = then.Mono
	}
	if !m.VenueID.IsZero() && o.AckedAt == 0 {
		o.AckedAt = then.Mono
	}
	if m.Absences > 0 && m.Absences != o.Absences {
		o.AbsentAt = then.Mono // it began a little before: a second one is a second later all the same
	}
	if m.State != o.State {
		o.ChangedAt = then.Mono
	}
	o.State, o.Attempts, o.Absences = m.State, m.Attempts, m.Absences
	o.CancelWanted, o.Estimated, o.EndedByVenue = m.CancelWanted, m.Estimated, m.EndedByVenue
	o.VenueID, o.Filled, o.Cancelled, o.Expired = m.VenueID, m.Filled, m.Cancelled, m.Expired
	o.Value, o.Price, o.Sequence, o.Reason = m.Value, m.Price, m.Notice, m.Text
	j := c.job(o)
	j.resent = j.resent || m.Move == order.Resend
	j.kept = *m
	j.kept.Move, j.kept.Notice, j.kept.Text = 0, 0, ""
}

// Restored ends the restoring: every intent has a verdict or is being looked
// for, everybody is told of what is held and open, and what an order's fate
// hung on goes on. The actions are borrowed until the first Step.
func (c *Core) Restored(at market.Stamp) []Action {
	p := c.past
	c.out, c.at, c.past = c.out[:0], at, restoring{}
	c.limits.Restored(at.Mono)
	for id, h := range p.base {
		if h.Quantity == 0 {
			continue
		}
		if id == 0 {
			c.alarm(0, "a position from before is in a contract that is not watched today: it is not counted")
			continue
		}
		c.emitHeld(market.InstrumentID(id), h.Quantity, h.Average)
	}
	if p.full {
		c.halt("the journal holds more orders than this engine has room for")
	}
	unwatched := false
	for _, o := range p.orders {
		unwatched = unwatched || o.Ticket.Instrument == 0 && o.Filled > 0
		c.resume(o)
	}
	if unwatched {
		c.alarm(0, "fills of before are in a contract that is not watched today: they are not counted")
	}
	if p.operator == "" && p.level > risk.Armed {
		c.gate.Raise(p.level, p.cause)
	} else if p.level > risk.Armed {
		c.gate.Raise(p.level, "as an operator left it: "+p.operator)
	}
	for i := range c.out {
		c.out[i].Update.Restored = c.out[i].Kind == Emit
	}
	c.obey()
	c.dirty = true
	return c.out
}

// resume takes up an order where the last run left it.
func (c *Core) resume(o *order.Order) {
	j := c.job(o)
	o.PriceWanted = 0 // what became of a modification is read from the venue
	if o.State == order.Queued && c.config.PowerLost {
		// The record of its attempt may have gone with the power: that there is
		// none proves nothing.
		o.State, o.Attempts, o.Sent.Mono = order.Sending, max(o.Attempts, 1), c.at.Mono
	}
	if o.Attempts > 0 {
		c.resumed = true
	}
	if !o.VenueID.IsZero() && c.slab.ByVenue(o.VenueID) == nil {
		c.slab.Bind(o)
		c.bound = append(c.bound, int32(o.Slot()))
	}
	if o.Estimated {
		c.unpriced++
	}
	if o.Filled > 0 || !o.State.Terminal() {
		c.emit(o.Describe(&order.Effect{From: o.State, To: o.State, FilledNow: o.Filled, ValueNow: o.Value}, c.at))
	}
	if o.Ticket.Instrument == 0 && !o.State.Terminal() {
		c.alarm(o.Ticket.ID, "an order of before is in a contract that is not watched today: look at the venue")
	}
	switch {
	case o.State == order.Queued:
		c.move(o, &order.Event{Move: order.DeadlinePassed, Reason: "the engine restarted before it was sent"})
	case o.State == order.Sending:
		c.move(o, &order.Event{Move: order.AttemptUnknown})
		c.stats.Ambiguous++
		c.activate(j)
	case o.State == order.Absent:
		c.move(o, &order.Event{Move: order.CloseAbsent})
	case o.State == order.ClosedAbsent:
		c.bury(o)
	case o.State.InDoubt():
		j.readAt, j.validAt = c.at.Mono, c.at.Mono
		c.activate(j)
	case o.State.Live():
		c.look(j, c.at.Mono)
		if o.Ticket.Strategy == 0 && o.Ticket.Class != order.Flatten {
			c.wantGone(o) // whose it was trades no more: nobody would answer for it
		}
	case o.Estimated:
		c.sync.wantTrades(c.at.Mono)
	}
	if o.State.Terminal() && o.Attempts == 0 && o.VenueID.IsZero() {
		*j = job{}
		c.slab.Release(o)
	}
}
