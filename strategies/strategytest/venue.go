package strategytest

import (
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Answer is what the venue does with an order.
type Answer uint8

// The answers.
const (
	Match    Answer = iota // fills what the touch crosses, whole; cancels an IOC that misses
	Partial                // fills one lot, then cancels
	Miss                   // cancels an IOC, leaves a day order resting
	Reject                 // refuses
	Vanish                 // no evidence: the outcome is unknown until the test says so
	Stay                   // accepts, and leaves it working
	Whatever               // as the desk's default says
)

// Settle answers orders until the strategy asks for nothing more.
func (d *Desk) Settle() {
	for round := 0; ; round++ {
		require.Less(d.t, round, 1000, "the strategy never comes to rest")
		commands := d.Desk.Take()
		if len(commands) == 0 {
			return
		}
		// Noted before any is answered, for an answer may end the test's turn.
		for _, c := range commands {
			if c.Kind == order.Place {
				d.check(&c.Ticket)
				d.Orders = append(d.Orders, d.Desk.Order(c.Ticket.ID))
			}
		}
		for _, c := range commands {
			d.obey(c)
		}
	}
}

// check holds a ticket against what every venue refuses.
func (d *Desk) check(t *order.Ticket) {
	in := d.Book.Universe().Get(t.Instrument)
	require.NotZero(d.t, in.ID)
	require.Positive(d.t, t.Lots)
	require.Positive(d.t, t.Price)
	require.True(d.t, t.Price.OnTick(in.TickSize), "%s is off the tick", t.Price)
	require.LessOrEqual(d.t, t.Lots.Units(in.LotSize), in.Freeze, "beyond the freeze quantity")
}

func (d *Desk) obey(c order.Command) {
	id := c.Ticket.ID
	n := d.asks[id]
	switch c.Kind {
	case order.Place:
		d.answer(d.Desk.Order(id))
	case order.Modify:
		n.modifies++
		if o := d.Desk.Order(id); o.State.Live() {
			o.Price = c.Price
			d.answer(o)
		}
	case order.CancelOne:
		n.cancels++
		if o := d.find(id); o != nil && o.State.Live() {
			d.Tell(o, order.Cancelled, 0, 0)
		}
	}
	d.asks[id] = n
}

// find is an order of this run; nil for one of an earlier.
func (d *Desk) find(id order.ID) *enginetest.Order {
	if id == 0 || int(id) > len(d.Orders) {
		return nil
	}
	return d.Desk.Order(id)
}

// Cancels is how often the strategy asked for an order to be cancelled.
func (d *Desk) Cancels(o *enginetest.Order) int { return d.asks[o.Ticket.ID].cancels }

// Modifies is how often it asked for another price.
func (d *Desk) Modifies(o *enginetest.Order) int { return d.asks[o.Ticket.ID].modifies }

func (d *Desk) answer(o *enginetest.Order) {
	answer := Whatever
	if d.Rule != nil {
		answer = d.Rule(o)
	}
	if answer == Whatever {
		answer = d.Default
	}
	var q market.Quote
	d.View().Quote(o.Update.Instrument, &q)
	touch, open := q.Ask, o.Quantity-o.Filled
	crosses := touch > 0 && o.Update.Price >= touch
	if o.Update.Side == market.Sell {
		touch = q.Bid
		crosses = touch > 0 && o.Update.Price <= touch
	}
	switch {
	case answer == Partial && crosses && open > Lot:
		d.Tell(o, order.Partial, Lot, touch)
		if o.State.Live() { // the strategy may have cancelled it at once
			d.Tell(o, order.Cancelled, 0, 0)
		}
	case (answer == Match || answer == Partial) && crosses:
		d.Tell(o, order.Filled, open, touch)
	case answer == Reject:
		o.Reason = "refused by the test"
		d.Tell(o, order.Rejected, 0, 0)
	case answer == Vanish:
		d.Tell(o, order.Ambiguous, 0, 0)
	case answer == Stay, o.Ticket.TIF == order.Day:
		d.Tell(o, order.Working, 0, 0)
	default:
		d.Tell(o, order.Cancelled, 0, 0)
	}
}

// Tell moves an order, with a fill of so many units if any, and tells the
// strategy. What it asks for in answer waits for Settle.
func (d *Desk) Tell(o *enginetest.Order, state order.State, units market.Units, price market.Paise) {
	o.State, o.FilledNow, o.FillPrice, o.At = state, units, price, d.Now()
	if units > 0 {
		o.Filled += units
		o.Value += price.Times(units)
		o.Average = o.Value / market.Paise(o.Filled)
	}
	update := o.Update
	d.Host.Deliver(&update)
	d.Harness.Step()
}
