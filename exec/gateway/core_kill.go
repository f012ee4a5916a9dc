package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

const (
	flattenEvery  = time.Second // between two flattening orders of one instrument
	flattenRest   = 3 * time.Second
	collarLeast   = 100 // paise
	collarPercent = 5   // the most that a flattening order gives away
)

// raised acts on a higher kill level. It falls by an operator's hand only.
func (c *Core) raised(level risk.Level) {
	text := "kill level raised: " + level.String()
	if cause := c.gate.Cause(); cause != "" {
		text += ", " + cause
	}
	c.alarm(0, text)
	c.dirty = true
	if level < risk.CancelAll {
		return
	}
	for n := len(c.active) - 1; n >= 0; n-- {
		j := &c.jobs[c.active[n]]
		j.cancelAt = c.at.Mono
		if !j.o.State.Terminal() && j.o.State != order.ClosedAbsent {
			c.wantGone(j.o)
		}
	}
}

// flatten closes what is held, instrument by instrument, once nothing of ours
// is open there. An order whose fate is unknown may be the one that closes it:
// what it may close is left to it. One on the other side cannot close anything.
func (c *Core) flatten() {
	if c.level != risk.FlattenAll || !c.sync.positionsOK {
		return
	}
	for id := 1; id < len(c.exposure); id++ {
		x := &c.exposure[id]
		if x.net == 0 {
			x.trying, x.refused = 0, false
			continue
		}
		busy, doubtful := c.occupied(market.InstrumentID(id), closingSide(x.net))
		if busy || doubtful >= max(x.net, -x.net) {
			continue
		}
		if c.at.Mono < x.flatAt {
			c.wake(x.flatAt)
			continue
		}
		x.flatAt = c.at.Mono.Add(flattenEvery)
		c.wake(x.flatAt)
		c.closing(market.InstrumentID(id), x, doubtful)
	}
}

func closingSide(net market.Units) market.Side {
	if net < 0 {
		return market.Buy
	}
	return market.Sell
}

// occupied tells whether an order of ours is open in the instrument, and how
// much orders in doubt may yet trade on a side. A flattening order that rests
// too long is cancelled.
func (c *Core) occupied(id market.InstrumentID, side market.Side) (busy bool, doubtful market.Units) {
	for _, i := range c.active {
		o := c.jobs[i].o
		switch {
		case o.Ticket.Instrument != id || o.State.Terminal() || o.State == order.ClosedAbsent:
			continue
		case !o.State.InDoubt():
			busy = true
		case o.Ticket.Side == side:
			doubtful += o.Open()
		}
		if o.Ticket.Class == order.Flatten && o.State.Live() {
			if due := o.AckedAt.Add(flattenRest); c.at.Mono >= due {
				c.wantGone(o)
			} else {
				c.wake(due)
			}
		}
	}
	return busy, doubtful
}

// closing places one order against what is held beyond what orders in doubt may
// close, at most one freeze quantity of it, at a price that gives way a little more with every try.
func (c *Core) closing(id market.InstrumentID, x *exposure, doubtful market.Units) {
	in := c.config.Universe.Get(id)
	quantity, side := max(x.net, -x.net)-doubtful, closingSide(x.net)
	if in.Freeze > 0 {
		quantity = min(quantity, in.Freeze)
	}
	lots := market.Lots(quantity / max(in.LotSize, 1))
	c.config.Book.Pin(&c.view)
	var q market.Quote
	if lots == 0 || !c.view.Quote(id, &q) {
		c.cannotClose(x)
		return
	}
	price := closingPrice(&q, in, side, int(x.trying)+1)
	if price <= 0 {
		c.cannotClose(x)
		return
	}
	looks := order.Fingerprint{
		Instrument: id, Side: side, TIF: order.IOC, Quantity: lots.Units(in.LotSize), Price: price,
	}
	for c.leased(&looks) { // give way by a tick more: it must not look like a lost one
		looks.Price += market.Paise(side.Sign()) * max(in.TickSize, 1)
	}
	if price = looks.Price; price <= 0 {
		c.cannotClose(x)
		return
	}
	x.trying = min(x.trying+1, 100)
	ticket := order.Ticket{
		ID: c.config.NextID(), Instrument: id, Side: side, TIF: order.IOC, Class: order.Flatten,
		Lots: lots, Price: price, DecidedAt: c.at.Mono,
	}
	c.admit(&ticket)
	if c.slab.Get(ticket.ID) == nil {
		x.trying = 0 // risk's own collar is narrower: begin again close to the market
		if !x.refused {
			c.alarm(ticket.ID, "risk refuses to close a position: "+c.gate.Last().Reason.String())
		}
		x.refused = true
	}
}

func (c *Core) cannotClose(x *exposure) {
	if x.trying == 0 {
		x.trying = 1
		c.alarm(0, "a position cannot be closed: no price, or less than a lot")
	}
}

// closingPrice is the other side's best price and a collar: one percent for
// each try up to five, a rupee at least, inside the day's band. Zero: there is
// no price.
func closingPrice(q *market.Quote, in *market.Instrument, side market.Side, try int) market.Paise {
	percent := market.Paise(min(try, collarPercent))
	if side == market.Sell {
		if q.Bid <= 0 {
			return 0
		}
		price := (q.Bid - max(q.Bid*percent/100, collarLeast)).RoundDown(in.TickSize)
		return max(price, in.BandLow, max(in.TickSize, 1))
	}
	if q.Ask <= 0 {
		return 0
	}
	price := (q.Ask + max(q.Ask*percent/100, collarLeast)).RoundUp(in.TickSize)
	if in.BandHigh > 0 {
		price = min(price, in.BandHigh)
	}
	return price
}
