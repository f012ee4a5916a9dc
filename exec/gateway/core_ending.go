package gateway

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// endReq is an end that the venue told of without saying how much had filled:
// it is kept back until the trade book has said so, for a fill that is missed
// at the end is missed for good.
type endReq struct {
	held    order.Report // with a living status in place of the word
	heldAs  order.Status // the word
	heldAt  market.Mono  // when it was told; zero: nothing is kept back
	heldAsk market.Mono  // when to ask for the trade book (again)
	stuck   bool         // a person was told that nobody can say what filled
	counted bool         // the trade book was asked: silent rows say nothing new
	silent  bool         // the last report did not say what filled
	sum     market.Units // of the trade book in hand
	sumIn   uint32       // its number
}

// withhold tells which part of a report to believe now. An order stays alive
// while its fill is unknown, and counts as open in every limit.
func (c *Core) withhold(o *order.Order, r *order.Report) (order.Move, *order.Report) {
	j, move, now := c.job(o), o.Sighting(r), c.at.Mono
	over := move > order.SeenFilled
	j.silent = o.Doubts(r)
	switch {
	case move == order.SeenFilled || over && !o.Doubts(r):
		j.heldAt = 0 // a clear word
		return move, r
	case !o.Doubts(r) || j.counted:
		return move, r
	case o.State.Terminal():
		if j.counted = true; o.Filled+o.Cancelled+o.Expired < o.Quantity {
			c.sync.wantTrades(now.Add(c.config.Visibility))
			c.dirty = true
		}
		return move, r
	case !over:
		c.sync.wantTrades(now.Add(tradesDelay))
		c.dirty = true
		return move, r
	}
	if j.heldAt == 0 {
		j.heldAt, j.heldAsk = now, now.Add(c.config.Visibility)
	}
	j.held, j.heldAs = *r, r.Status
	j.held.Status = order.StatusOrdered
	c.activate(j)
	return o.Sighting(&j.held), &j.held
}

// ending lets an end that was kept back take place once a whole trade book
// began late enough to show every fill before it.
func (c *Core) ending(j *job) {
	o, now := j.o, c.at.Mono
	if j.heldAt == 0 {
		return
	}
	if o.State.Terminal() {
		j.heldAt = 0
		return
	}
	if c.sync.tradesClean >= j.heldAt.Add(c.config.Visibility) {
		j.heldAt, j.counted = 0, true
		j.held.Status, j.held.Sequence, j.held.FillUnknown = j.heldAs, 0, true // what filled was booked from the trades
		c.move(o, &order.Event{Move: o.Sighting(&j.held), Report: &j.held})
		c.dirty = true
		return
	}
	if now >= j.heldAsk {
		j.heldAsk = now.Add(tradesBackoff)
		c.sync.wantTrades(now)
		c.sync.tradesClass = order.Reconcile
	}
	c.wake(j.heldAsk)
	if !j.stuck && now.Sub(j.heldAt) >= c.config.GiveUp {
		j.stuck = true
		c.block(o.Ticket.Instrument, "an order is over and nobody can say how much of it filled")
		c.alarm(o.Ticket.ID, "an order is over and nobody can say how much of it filled: look at the venue")
	}
}

// weighTrades leaves out the trades of living orders that claim more than
// notices and lists say filled: the order's own detail decides, for a trade
// that is listed twice is a position nobody has. Where notices and lists do
// not say what filled, the trades are all there is.
func (c *Core) weighTrades(a *Answer) {
	book := c.sync.book + 1
	for i := range a.Trades {
		if o := c.slab.ByVenue(a.Trades[i].VenueID); o != nil {
			j := c.job(o)
			if j.sumIn != book {
				j.sumIn, j.sum = book, 0
			}
			j.sum += a.Trades[i].Quantity
		}
	}
	kept := a.Trades[:0]
	for i := range a.Trades {
		if o := c.slab.ByVenue(a.Trades[i].VenueID); o != nil && !o.State.Terminal() {
			if j := c.job(o); j.sum > o.Filled && !j.silent && j.heldAt == 0 {
				c.look(j, c.at.Mono)
				continue
			}
		}
		kept = append(kept, a.Trades[i])
	}
	a.Trades = kept
}
