package enginetest

import (
	"fmt"
	"slices"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Order is one ticket at the desk and where the test has brought it.
type Order struct {
	Ticket order.Ticket
	order.Update
}

// Desk records what the strategy asks for. It does nothing by itself: the test
// decides what becomes of each order, or sets React.
type Desk struct {
	// React, if set, is called with each command after it is recorded, while
	// the strategy's callback still runs; it may call Ack, Fill and the like,
	// whose updates then reach the strategy after the callback.
	React func(order.Command)

	harness *Harness
	all     []order.Command
	taken   int
	orders  map[order.ID]*Order
	inside  bool
}

// Submit records a command.
func (d *Desk) Submit(c order.Command) order.ID {
	if c.Kind == order.Place {
		c.Ticket.ID = order.ID(len(d.orders) + 1)
		in := d.harness.Book.Universe().Get(c.Ticket.Instrument)
		d.orders[c.Ticket.ID] = &Order{Ticket: c.Ticket, Update: order.Update{
			ID: c.Ticket.ID, Strategy: c.Ticket.Strategy, Instrument: c.Ticket.Instrument, Side: c.Ticket.Side,
			Price: c.Ticket.Price, Quantity: c.Ticket.Lots.Units(in.LotSize),
		}}
	}
	d.all = append(d.all, c)
	if d.React != nil {
		inside := d.inside
		d.inside = true
		d.React(c)
		d.inside = inside
	}
	return c.Ticket.ID
}

// All is every command so far.
func (d *Desk) All() []order.Command { return d.all }

// Take is the commands since the last Take.
func (d *Desk) Take() []order.Command {
	fresh := d.all[d.taken:]
	d.taken = len(d.all)
	return slices.Clone(fresh)
}

// Order is an order by its id. An id that the desk never gave is a fault of
// the test and panics.
func (d *Desk) Order(id order.ID) *Order {
	o := d.orders[id]
	if o == nil {
		panic(fmt.Sprintf("enginetest: there is no order %d", id))
	}
	return o
}

// Working is the orders that are not done, oldest first.
func (d *Desk) Working() []*Order {
	var list []*Order
	for id := order.ID(1); int(id) <= len(d.orders); id++ {
		if o := d.orders[id]; !o.State.Terminal() {
			list = append(list, o)
		}
	}
	return list
}

// Ack lets the venue take an order: it rests.
func (h *Harness) Ack(id order.ID) { h.update(id, order.Working, 0, 0, "") }

// Fill fills an order by some units, or all that is left of it when units is
// zero, at a price, or at its limit when price is zero.
func (h *Harness) Fill(id order.ID, price market.Paise, units market.Units) {
	o := h.Desk.Order(id)
	left := o.Quantity - o.Filled
	if units == 0 {
		units = left
	}
	if price == 0 {
		price = o.Price
	}
	state := order.Partial
	if units >= left {
		state = order.Filled
	}
	h.update(id, state, units, price, "")
}

// Repriced lets the venue take an order's new limit price.
func (h *Harness) Repriced(id order.ID, price market.Paise) {
	h.Desk.Order(id).Price = price
	h.update(id, order.Working, 0, 0, "")
}

// Cancelled ends an order as cancelled, with the fills it has.
func (h *Harness) Cancelled(id order.ID) { h.update(id, order.Cancelled, 0, 0, "") }

// Expired ends an order as expired, with the fills it has.
func (h *Harness) Expired(id order.ID) { h.update(id, order.Expired, 0, 0, "") }

// Deny ends an order before the wire, as risk does.
func (h *Harness) Deny(id order.ID, reason string) { h.update(id, order.Denied, 0, 0, reason) }

// Reject ends an order by the venue's refusal.
func (h *Harness) Reject(id order.ID, reason string) { h.update(id, order.Rejected, 0, 0, reason) }

// Ambiguous leaves an order in doubt: nobody knows whether the venue has it.
func (h *Harness) Ambiguous(id order.ID) { h.update(id, order.Ambiguous, 0, 0, "") }

// Absent gives an order in doubt up as not placed; it may yet surface.
func (h *Harness) Absent(id order.ID) { h.update(id, order.ClosedAbsent, 0, 0, "") }

// update moves an order, tells the strategy and steps it.
func (h *Harness) update(id order.ID, state order.State, units market.Units, price market.Paise, reason string) {
	o := h.Desk.Order(id)
	if units != 0 {
		value := o.Value + price.Times(units)
		o.Filled += units
		o.Value = value
		o.Average = value / market.Paise(o.Filled)
	}
	o.State, o.FilledNow, o.FillPrice, o.Reason, o.At = state, units, price, reason, h.now
	u := o.Update
	h.Host.Deliver(&u)
	if !h.Desk.inside {
		h.Step()
	}
}
