package gateway

import (
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// job is the work on one order: its calls in flight and what is due when. It
// stands beside the order in the slab.
type job struct {
	o         *order.Order
	active    bool
	tomb      bool        // closed as absent
	placing   Slot        // the attempt in flight
	notBefore market.Mono // backoff before the next attempt
	resent    bool        // it was absent, and is sent again
	redialed  bool        // the one immediate redial was used
	resigned  bool        // the one fresh signature was used
	clockless bool        // sent by a wall clock that had jumped
	listed    uint32      // number of the last order list that showed it
	readAt    market.Mono // when the next order list should start, in doubt
	doubts    uint8       // lists asked for in this doubt
	validAt   market.Mono // the last valid list, in doubt
	cancelReq
	modifyReq
	endReq
	detailSlot Slot
	detailAt   market.Mono // when to read the order itself; zero: no need
	traded     market.Units
	tradedAs   market.Paise // value of traded
	tradedIn   uint32       // number of the trade book that traded is of
	kept       journal.Move // as the journal knows it
}

type cancelReq struct {
	cancelSlot  Slot
	cancelAt    market.Mono // not before
	cancelTries uint8
	refusedAt   market.Mono // the venue refused the cancel, and no read has shown the order alive since
	cancelSoon  market.Mono // not before, once one has
}

type modifyReq struct {
	modifySlot  Slot
	modifyPrice market.Paise // the price that was sent and is not confirmed; zero: none
	modifyDone  market.Mono  // when its answer came
	modifyAt    market.Mono  // not before
	modifyUntil market.Mono  // not sent after
	modifyTries uint8
}

// idle tells whether nothing is left to do for the order.
func (j *job) idle() bool {
	if j.placing != 0 || j.cancelSlot != 0 || j.modifySlot != 0 || j.detailSlot != 0 || j.detailAt != 0 {
		return false
	}
	return j.o.State.Terminal() || j.o.State == order.ClosedAbsent
}

func (c *Core) job(o *order.Order) *job { return &c.jobs[o.Slot()] }

func (c *Core) activate(j *job) {
	if !j.active {
		j.active = true
		c.active = append(c.active, int32(j.o.Slot()))
	}
	c.dirty = true
}

// move steps an order and tells everybody what changed.
func (c *Core) move(o *order.Order, e *order.Event) order.Effect {
	estimated := o.Estimated
	c.unsend(o, e)
	c.effect = o.Step(e, c.at)
	c.settle(o, e.Move, &c.effect, estimated)
	c.bury(o)
	return c.effect
}

// settle carries an effect's consequences.
func (c *Core) settle(o *order.Order, m order.Move, effect *order.Effect, estimated bool) {
	switch {
	case effect.Illegal:
		c.stats.Illegal++
		c.alarm(o.Ticket.ID, "an order was told what cannot be: "+m.String())
		return
	case effect.Overfill:
		c.block(o.Ticket.Instrument, "the venue filled more than was ordered")
		c.alarm(o.Ticket.ID, "the venue filled more than was ordered: booked")
	case effect.LateFill:
		c.block(o.Ticket.Instrument, "an order filled after its end")
		c.alarm(o.Ticket.ID, "an order filled after its end: booked")
	case effect.Revived:
		c.block(o.Ticket.Instrument, "an order that had ended here lives at the venue")
		c.alarm(o.Ticket.ID, "an order that had ended here lives at the venue: cancel it by hand")
	}
	c.keepMove(o, m)
	if o.Estimated != estimated {
		c.unpriced++
		if estimated {
			c.unpriced -= 2
		}
	}
	if effect.From.InDoubt() && !effect.To.InDoubt() {
		c.stats.Resolved++
	}
	if effect.FilledNow > 0 && o.Estimated {
		c.sync.wantTrades(c.at.Mono.Add(tradesDelay))
		c.dirty = true
	}
	if effect.Moved() || o.Estimated != estimated { // a guess that proves right is told too: nobody waits for it any more
		c.emit(o.Describe(effect, c.at))
	}
}

// emit tells risk first, then everybody else.
func (c *Core) emit(u order.Update) {
	if u.FilledNow != 0 {
		c.learnt++
	}
	if u.FilledNow != 0 && u.Instrument != 0 { // zero: a contract that is not watched
		x := &c.exposure[u.Instrument]
		if x.net != 0 {
			c.holding--
		}
		x.net += u.Side.Sign() * u.FilledNow
		x.filledAt = c.at.Mono
		if x.net != 0 {
			c.holding++
			c.wake(c.markAt)
		}
	}
	if u.ID != 0 {
		c.gate.Apply(&u)
	}
	c.out = append(c.out, Action{Kind: Emit, ID: u.ID, Update: u})
}

// emitForeign tells of a fill that no order of ours made.
func (c *Core) emitForeign(u order.Update) {
	if u.FillPrice == 0 {
		u.FillPrice = c.anyPrice(u.Instrument)
		u.Average, u.Value, u.Estimated = u.FillPrice, u.FillPrice.Times(u.Filled), true
	}
	c.emit(u)
	c.gate.SetPosition(u.Instrument, c.exposure[u.Instrument].net, u.FillPrice)
}

// anyPrice is the last price, or the middle of the day's band: a position must
// not be counted from nothing.
func (c *Core) anyPrice(id market.InstrumentID) market.Paise {
	var q market.Quote
	c.config.Book.Pin(&c.view)
	if c.view.Quote(id, &q) && q.Last > 0 {
		return q.Last
	}
	in := c.config.Universe.Get(id)
	return max((in.BandLow+in.BandHigh)/2, in.TickSize, 1)
}

// exposure is what the account holds of one instrument, as far as fills say.
type exposure struct {
	net      market.Units
	filledAt market.Mono
	blocked  string // why no new exposure may be taken until a person has looked
	odd      bool   // the last list of positions disagreed
	trying   uint8  // flattening orders sent in a row
	refused  bool   // risk refused one, and a person was told
	flatAt   market.Mono
}

// block refuses new exposure in the instrument until a person has looked.
func (c *Core) block(id market.InstrumentID, why string) {
	if int(id) >= len(c.exposure) {
		return
	}
	if was := c.exposure[id].blocked; was == "" || was == unproven { // which ends by itself: nothing may hide behind it
		c.exposure[id].blocked = why
		c.keepBlock(id, why)
	}
}

// cuts tells whether the ticket can only shrink what is held, even if every
// other order on the same side, the doubtful and other people's too, fills.
func (c *Core) cuts(id market.InstrumentID, side market.Side, quantity market.Units) bool {
	net := c.exposure[id].net * side.Opposite().Sign()
	if net <= 0 {
		return false
	}
	for _, i := range c.active {
		if o := c.jobs[i].o; o.Ticket.Instrument == id && o.Ticket.Side == side {
			quantity += o.Open()
		}
	}
	for i := range c.strangers {
		if x := &c.strangers[i]; x.report.Instrument == id && x.report.Side == side {
			quantity += x.open
		}
	}
	return quantity <= net
}
