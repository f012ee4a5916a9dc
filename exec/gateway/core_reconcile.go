package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
)

const (
	listBackoff    = time.Second
	listBackoffMax = 10 * time.Second
	slowList       = time.Minute // of an order that a person must settle
)

// watch moves an order's doubt on: from waiting for evidence to asking, and
// after too long without a valid answer to a person.
func (c *Core) watch(j *job) {
	o, now := j.o, c.at.Mono
	c.ending(j)
	switch o.State {
	case order.Ambiguous:
		if due := o.DoubtAt.Add(c.config.Evidence); now < due {
			c.wake(due)
			return
		}
		c.move(o, &order.Event{Move: order.EvidenceOver})
		j.readAt, j.doubts, j.validAt = now, 0, now
		fallthrough
	case order.Reconciling:
		due := j.validAt.Add(c.config.GiveUp)
		if now < due {
			c.wake(due)
			return
		}
		c.move(o, &order.Event{Move: order.DoubtTooLong})
		c.block(o.Ticket.Instrument, "an order's fate is unknown")
		c.alarm(o.Ticket.ID, "nobody can say whether this order was placed: look at the venue and tell")
		j.readAt = now.Add(slowList)
	case order.Acked:
		// The stream should have spoken of it by now. A read tells whether it is
		// only the stream that is mute.
		if o.Sequence != 0 || j.detailSlot != 0 || j.detailAt != 0 {
			return
		}
		if due := o.AckedAt.Add(c.config.Notice); now < due {
			c.wake(due)
		} else if o.ChangedAt == o.AckedAt && j.validAt < o.AckedAt {
			j.validAt = now
			c.look(j, now)
		}
	}
}

// readOrders starts the one order list that serves everybody who waits for one.
func (c *Core) readOrders() {
	if c.sync.listing != 0 {
		return
	}
	now := c.at.Mono
	writesProbe, readsProbe := c.probesWanted()
	at, class := c.sync.pollAt(c), order.Data
	if c.limits.DayShut() {
		class = order.Reconcile // it finds out whether the day goes on after all
	}
	if c.sync.listWanted {
		at, class = c.sync.listAt, order.Reconcile
	}
	for _, i := range c.active {
		if j := &c.jobs[i]; j.o.State == order.Reconciling || j.o.State == order.Unresolved {
			if class == order.Data || j.readAt < at {
				at = j.readAt
			}
			class = order.Reconcile
		}
	}
	if writesProbe || readsProbe {
		at, class = min(at, max(now, c.sync.probeAt)), order.Reconcile
	}
	if now < at {
		c.wake(at)
		return
	}
	if c.reads.State() != breaker.Closed {
		if readsProbe {
			c.probe(writesProbe, readsProbe)
		}
		return
	}
	generation, ok := c.permit(ReadOrders, class)
	if !ok {
		return
	}
	k, _ := c.start(ReadOrders, class, nil, generation, false)
	c.listing(k)
	if writesProbe {
		c.probing(k, true, false)
	}
}

func (c *Core) listing(k *flight) {
	c.sync.listing, c.sync.listedAt = k.slot, c.at.Mono
}

// sight applies the venue's word to one of our orders.
func (c *Core) sight(o *order.Order, r *order.Report, k *flight) {
	if !o.VenueID.IsZero() && o.VenueID != r.VenueID {
		c.block(o.Ticket.Instrument, "one intent has two orders at the venue")
		c.alarm(o.Ticket.ID, "one intent has two orders at the venue")
		return
	}
	if r.Quantity != 0 && r.Quantity != o.Quantity || r.Instrument != 0 && r.Instrument != o.Ticket.Instrument || r.Side != 0 && r.Side != o.Ticket.Side {
		c.block(o.Ticket.Instrument, "an order at the venue is not what was sent")
		c.alarm(o.Ticket.ID, "an order at the venue is not what was sent")
	}
	if k != nil && o.Sequence == 0 && o.AckedAt > c.sync.liveAt && k.started.Sub(o.AckedAt) >= c.config.Notice {
		c.mute() // a read knows it, no notice ever spoke of it, and no gap explains that
	}
	late := o.State == order.ClosedAbsent
	move, word := c.withhold(o, r)
	effect := c.move(o, &order.Event{Move: move, Report: word})
	c.bind(o)
	if late && effect.To != order.ClosedAbsent {
		c.adopted(o)
	}
	j := c.job(o)
	c.priceSeen(j, r, k)
	c.aliveAgain(j, k)
	if effect.From != effect.To || effect.From.InDoubt() {
		c.activate(j)
	}
	if r.Status == order.StatusFreezed && effect.Moved() {
		c.alarm(o.Ticket.ID, "the exchange holds this order: frozen for its quantity")
	}
}

// bind makes an order findable by the venue's id, and hears what was said under
// that id before.
func (c *Core) bind(o *order.Order) {
	if o.VenueID.IsZero() || c.slab.ByVenue(o.VenueID) != nil {
		return
	}
	c.slab.Bind(o)
	c.bound = append(c.bound, int32(o.Slot()))
	c.claim(o)
}

// bury keeps an order that was given up as not placed under watch.
func (c *Core) bury(o *order.Order) {
	j := c.job(o)
	if o.State == order.ClosedAbsent && !j.tomb {
		j.tomb = true
		c.tombs = append(c.tombs, int32(o.Slot()))
		c.dirty = true
	}
}

// adopted takes in an order that surfaced after it was given up: what is filled
// is booked already, what is not must go.
func (c *Core) adopted(o *order.Order) {
	c.stats.Adopted++
	c.block(o.Ticket.Instrument, "an order surfaced that had been given up: look, then allow the instrument again")
	c.alarm(o.Ticket.ID, "an order surfaced that had been given up: adopted")
	j := c.job(o)
	if o.State == order.AdoptedLate {
		c.move(o, &order.Event{Move: order.CancelRequested})
	}
	c.activate(j)
}

// ordersRead takes an order list. What it shows is true; what it lacks is
// evidence only if the list is whole, of today, and lacks nothing that is known
// to exist.
func (c *Core) ordersRead(k *flight, a *Answer) {
	s := &c.sync
	if s.listing == k.slot {
		s.listing = 0
	}
	whole := (a.Verdict == order.OK || a.Verdict == order.Empty) && !a.Partial && !k.late
	readable := (a.Verdict == order.OK || a.Verdict == order.Empty) && !k.late
	s.list++
	today := c.at.Market.Date()
	for i := range a.Orders {
		r := &a.Orders[i]
		if r.OrderedAt != 0 && r.OrderedAt.Date() != today {
			whole = false
			continue
		}
		c.report(r, k)
		if o := c.slab.ByVenue(r.VenueID); o != nil {
			c.job(o).listed = s.list
			c.remarks.see(&o.Remark, &r.Remark)
			if o.State.Terminal() {
				continue // what filled is known, whatever the row leaves out
			}
		} else if x := c.strangerNamed(r.VenueID); x != nil {
			x.listed = s.list
		}
		// What the row does not say, the trades must: until then the list proves
		// nothing by what it lacks.
		whole = whole && !r.FillUnknown
	}
	c.settleStrangers()
	if whole && c.shrunk(k.started) {
		whole = false
		c.stats.Shrunk++
	}
	empty := a.Verdict == order.Empty || len(a.Orders) == 0
	for _, i := range c.active {
		if j := &c.jobs[i]; j.o.State == order.Reconciling || j.o.State == order.Unresolved {
			c.absent(j, k, whole, empty)
		}
	}
	s.listRead(c, k, whole)
	s.baseList(c, k, readable, whole)
	c.dirty = true
}

// Remarks says what the venue's lists make of the texts that travel with
// orders. As long as they do not come back whole, orders are told apart by what
// they are, and one that is in doubt must not be sent again under any policy.
type Remarks uint8

// The findings. One text that did not come back outweighs all that did.
const (
	RemarksUntried Remarks = iota // no list has shown an order of ours
	RemarksEchoed
	RemarksLost
)

func (r Remarks) String() string { return [...]string{"untried", "echoed", "lost", "?"}[r&3] }

func (r *Remarks) see(sent, listed *order.Remark) {
	switch {
	case *sent != *listed:
		*r = RemarksLost
	case *r == RemarksUntried:
		*r = RemarksEchoed
	}
}

// shrunk tells whether the list lacks an order that it must show: one that an
// earlier list showed, or that the venue has long acknowledged.
func (c *Core) shrunk(started market.Mono) bool {
	for _, i := range c.bound {
		j := &c.jobs[i]
		known := j.listed != 0 || j.o.AckedAt != 0 && started.Sub(j.o.AckedAt) > c.config.Visibility
		if known && j.listed != c.sync.list {
			return true
		}
	}
	for i := range c.strangers {
		if x := &c.strangers[i]; x.listed != 0 && x.listed != c.sync.list {
			return true
		}
	}
	return false
}

// absent takes a list that does not show an order in doubt.
func (c *Core) absent(j *job, k *flight, whole, empty bool) {
	o, now := j.o, c.at.Mono
	fence := o.Sent.Mono.Add(c.fenceOf(o))
	valid := whole && !c.lookalike(o)
	if valid && empty && k.started >= fence && c.sync.tradesClean < fence {
		// "No data" may mean that there is nothing, or that it was not found:
		// the trade book must say so too.
		valid = false
		c.sync.tradesWanted, c.sync.tradesAt, c.sync.tradesClass = true, now, order.Reconcile
	}
	if valid {
		j.validAt = now
		if move, ok := o.Absence(k.started, c.fenceOf(o)); ok {
			c.move(o, &order.Event{Move: move, Started: k.started})
			if o.State == order.Absent {
				if !c.resend(o) {
					// Given up, never sent again: it may still surface.
					c.move(o, &order.Event{Move: order.CloseAbsent})
				}
				return
			}
		}
	}
	j.doubts = min(j.doubts+1, 30)
	wait := min(listBackoff<<min(j.doubts-1, 8), listBackoffMax)
	switch {
	case o.State == order.Unresolved:
		j.readAt = now.Add(slowList)
		if o.Absences > 0 && valid {
			j.readAt = k.started.Add(listBackoff)
		}
	case k.started < fence:
		j.readAt = min(now.Add(wait), max(fence, now))
	case valid:
		j.readAt = max(k.started.Add(listBackoff), now)
	default:
		j.readAt = now.Add(min(wait, 2*listBackoff))
	}
}

// report takes the venue's word about an order: a notice, or a row of a read.
func (c *Core) report(r *order.Report, k *flight) {
	if r.VenueID.IsZero() {
		return
	}
	o := c.slab.ByVenue(r.VenueID)
	if o == nil {
		o = c.remarked(r)
	}
	if o == nil {
		c.meet(r)
		return
	}
	c.sight(o, r, k)
}

// remarked finds the order whose remark the report carries.
func (c *Core) remarked(r *order.Report) *order.Order {
	tag, id, ok := order.ParseRemark(&r.Remark)
	if !ok || tag.Instance != c.config.Tag.Instance || tag.Day != c.config.Tag.Day {
		return nil
	}
	if o := c.slab.Get(id); o != nil && o.Attempts > 0 {
		return o
	} else if o != nil {
		// It never left: the text was given away twice. What the order at the
		// venue did is not this one's doing.
		c.halt("an order at the venue bears the text of one that was never sent: the journal's folder was deleted or copied, or another engine trades on this account")
		return nil
	}
	return c.orphan(r, id)
}

// orphan takes in an order that bears our text and is not in the journal: the
// machine lost its power before the journal was on disk. No strategy answers
// for it any more, so it is booked and must go.
func (c *Core) orphan(r *order.Report, id order.ID) *order.Order {
	in := c.config.Universe.Get(r.Instrument)
	if in.ID == 0 || r.Side == market.NoSide || r.Quantity <= 0 {
		return nil
	}
	ticket := order.Ticket{
		ID: id, Instrument: in.ID, Side: r.Side, Class: order.Entry, Lots: market.Lots(r.Quantity / max(in.LotSize, 1)),
		Price: r.Limit, Trigger: r.Trigger,
	}
	o := c.slab.Take(&ticket)
	if o == nil {
		return nil
	}
	o.Quantity, o.Remark, o.Attempts = r.Quantity, r.Remark, 1
	o.Sent = market.Stamp{Mono: c.at.Mono, Wall: c.at.Wall, Market: c.at.Market}
	*c.job(o) = job{o: o}
	o.State, o.CancelWanted = order.Sending, true
	c.keepIntent(o)
	c.stats.Orphans++
	c.alarm(id, "an order of ours that the journal does not know: adopted")
	c.activate(c.job(o))
	if c.sync.positionsOK { // what it filled may be in the base already
		c.sync.based = false
		c.sync.doubtBase(c)
	}
	return o
}
