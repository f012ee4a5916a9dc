package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Order is one the broker accepted.
type Order struct {
	ID         string
	Instrument market.InstrumentID
	Side       market.Side
	TIF        order.TimeInForce
	Qty        market.Units
	Price      market.Paise
	Trigger    market.Paise // of a stop-limit order, kept after it triggered
	Remark     string       // as sent
	Status     order.Status
	Filled     market.Units
	Cancelled  market.Units
	Expired    market.Units
	Value      market.Paise // of what filled
	Placed     market.Stamp
	Ack        string // the exchange's number; empty until it took the order
	Modified   int

	waiting bool         // a stop that has not triggered
	ahead   market.Units // shown before us at our price when we joined, less what traded since
}

// Pending is what may still fill.
func (o Order) Pending() market.Units { return o.Qty - o.Filled - o.Cancelled - o.Expired }

// Average is the average fill price, rounded to the paisa; zero before a fill.
func (o Order) Average() market.Paise {
	if o.Filled == 0 {
		return 0
	}
	return roundDiv(o.Value, o.Filled)
}

// ErrRefused marks a request that the venue refuses; the text after it is the
// venue's.
var ErrRefused = errors.New("sim: refused")

// lateRejection is how long after its yes the exchange may still say no.
const lateRejection = 40 * time.Millisecond

// Place takes an order, or refuses it with an error that wraps ErrRefused.
func (c *Core) Place(in Intent, at market.Stamp) (orderID string, err error) {
	o, refusal := c.place(in, at)
	if refusal != "" {
		return "", fmt.Errorf("%w: %s", ErrRefused, refusal)
	}
	return o.ID, nil
}

// Modify sets an order's limit, trigger and total quantity, or refuses.
func (c *Core) Modify(orderID string, price, trigger market.Paise, qty market.Units, at market.Stamp) error {
	if refusal := c.modify(orderID, price, trigger, qty, at); refusal != "" {
		return fmt.Errorf("%w: %s", ErrRefused, refusal)
	}
	return nil
}

// Cancel asks the exchange to cancel what is left of an order, or refuses.
func (c *Core) Cancel(orderID string, at market.Stamp) error {
	if refusal := c.cancel(orderID, at); refusal != "" {
		return fmt.Errorf("%w: %s", ErrRefused, refusal)
	}
	return nil
}

// Order is a copy of an order by its number.
func (c *Core) Order(orderID string) (Order, bool) {
	if o := c.orders[orderID]; o != nil {
		return *o, true
	}
	return Order{}, false
}

func (c *Core) place(in Intent, at market.Stamp) (*Order, string) {
	if refusal := c.brokerCheck(&in, at.Market); refusal != "" {
		return nil, refusal
	}
	late := c.exchangeCheck(in.Instrument, in.Side, in.Qty, in.Price, in.Trigger, at.Market)
	if late != "" && !c.strikes(c.cfg.Faults.LateCheck) {
		return nil, late
	}
	if c.requirement(in.Instrument, in.Side, in.Qty, in.Price) > c.Available() {
		return nil, c.cfg.Texts.Funds
	}
	if late == "" && c.strikes(c.cfg.Faults.LateReject) {
		late = "Order rejected by the exchange"
	}
	c.sequence++
	o := &Order{
		// The number's two digits after the date are the broker's pipe to the exchange.
		ID:         fmt.Sprintf("%d38%08d", c.date, c.sequence),
		Instrument: in.Instrument, Side: in.Side, TIF: in.TIF, Qty: in.Qty, Price: in.Price, Trigger: in.Trigger, Remark: in.Remark,
		Status: order.StatusRequested, Placed: at, waiting: in.Trigger != 0,
	}
	c.orders[o.ID], c.working[o.ID] = o, o
	c.list = append(c.list, o)
	c.counts.OrdersAccepted++
	c.record(o, "accepted", o.Qty, o.Price, "", at.Market)
	c.tell(o, at)
	if late != "" {
		c.later(c.cfg.ExchangeDelay+lateRejection, at, func(at market.Stamp) { c.reject(o, late, at) })
		return o, ""
	}
	c.later(c.cfg.ExchangeDelay, at, func(at market.Stamp) { c.admit(o, at) })
	return o, ""
}

// admit is the exchange taking an order.
func (c *Core) admit(o *Order, at market.Stamp) {
	if c.working[o.ID] == nil {
		return
	}
	o.Status = order.StatusOrdered
	o.Ack = fmt.Sprintf("%d", 1_200_000_100_000_000+uint64(c.sequence)*7919)
	c.tell(o, at)
	c.enter(o, at)
}

func (c *Core) modify(orderID string, price, trigger market.Paise, qty market.Units, at market.Stamp) string {
	o := c.orders[orderID]
	switch {
	case o == nil:
		return c.cfg.Texts.OrderGone
	case c.working[orderID] == nil:
		return c.cfg.Texts.OrderDone
	}
	if !o.waiting { // a triggered stop has no trigger left to move, a limit order cannot become a stop
		if trigger != 0 && trigger != o.Trigger {
			return c.cfg.Texts.OrderType
		}
		trigger = 0
	}
	probe := Intent{Instrument: o.Instrument, Side: o.Side, TIF: o.TIF, Qty: qty, Price: price, Trigger: trigger}
	if refusal := c.brokerCheck(&probe, at.Market); refusal != "" {
		return refusal
	}
	if qty <= o.Filled {
		return c.cfg.Texts.Quantity
	}
	if refusal := c.exchangeCheck(o.Instrument, o.Side, qty, price, trigger, at.Market); refusal != "" {
		return refusal
	}
	need := c.requirement(o.Instrument, o.Side, qty-o.Filled, price) - c.requirement(o.Instrument, o.Side, o.Pending(), o.Price)
	if need > c.Available() {
		return c.cfg.Texts.Funds
	}
	if c.strikes(c.cfg.Faults.IgnoreModify) {
		return ""
	}
	c.later(c.cfg.ExchangeDelay, at, func(at market.Stamp) {
		if c.working[o.ID] == nil || qty <= o.Filled {
			return // filled or cancelled meanwhile: the request comes too late, silently
		}
		o.Price, o.Qty = price, qty
		if o.waiting {
			o.Trigger, o.waiting = trigger, trigger != 0
		}
		o.Modified++
		c.record(o, "modified", o.Qty, o.Price, "", at.Market)
		c.tell(o, at)
		c.leave(o)
		c.enter(o, at)
	})
	return ""
}

func (c *Core) cancel(orderID string, at market.Stamp) string {
	o := c.orders[orderID]
	switch {
	case o == nil:
		return c.cfg.Texts.OrderGone
	case c.working[orderID] == nil:
		return c.cfg.Texts.OrderDone
	case c.strikes(c.cfg.Faults.IgnoreCancel):
		return ""
	}
	c.later(c.cfg.ExchangeDelay, at, func(at market.Stamp) {
		if c.working[o.ID] != nil {
			c.drop(o, "", at)
		}
	})
	return ""
}

// enter matches an order that has just come, and rests what is left of it.
func (c *Core) enter(o *Order, at market.Stamp) {
	b := &c.books[o.Instrument]
	if o.waiting {
		if !reached(o, b.quote.Last) {
			b.resting = append(b.resting, o)
			return
		}
		if !c.trigger(o, at) {
			return
		}
	}
	if !c.cfg.NoSelfTrade && c.meetsOwn(b, o) {
		c.drop(o, "self trade prevented", at)
		return
	}
	c.take(b, o, at)
	if c.working[o.ID] == nil {
		return
	}
	if o.TIF == order.IOC {
		c.drop(o, "", at)
		return
	}
	own := &b.bids
	if o.Side == market.Sell {
		own = &b.asks
	}
	o.ahead = own.at(o.Price)
	b.resting = append(b.resting, o)
}

// trigger wakes a stop; the protection it escaped when placed applies now.
func (c *Core) trigger(o *Order, at market.Stamp) bool {
	o.waiting = false
	if refusal := c.protectionCheck(o.Instrument, o.Side, o.Price, at.Market); refusal != "" {
		c.reject(o, refusal, at)
		return false
	}
	c.tell(o, at)
	return true
}

func reached(o *Order, last market.Paise) bool {
	return last > 0 && (o.Side == market.Buy && last >= o.Trigger || o.Side == market.Sell && last <= o.Trigger)
}

func (c *Core) meetsOwn(b *book, o *Order) bool {
	return slices.ContainsFunc(b.resting, func(r *Order) bool {
		return r != o && !r.waiting && r.Side != o.Side && acceptable(o, r.Price)
	})
}

// acceptable tells whether the order would trade at the price.
func acceptable(o *Order, price market.Paise) bool {
	return price > 0 && (o.Side == market.Buy && price <= o.Price || o.Side == market.Sell && price >= o.Price)
}

// take matches an aggressor against the displayed book, at the book's prices.
// What lies outside the execution range is not matched: the excess is
// cancelled.
func (c *Core) take(b *book, o *Order, at market.Stamp) {
	opposite := &b.asks
	if o.Side == market.Sell {
		opposite = &b.bids
	}
	low, high := market.Paise(0), market.Paise(0)
	if ref := b.execution(at.Market); ref > 0 {
		low, high = around(ref, c.universe.Get(o.Instrument).Kind)
	}
	for i := range opposite {
		l := &opposite[i]
		if !acceptable(o, l.price) || c.working[o.ID] == nil {
			return
		}
		if high > 0 && (l.price < low || l.price > high) {
			c.drop(o, "outside the trade execution range", at)
			return
		}
		if qty := min(l.left, o.Pending()); qty > 0 {
			l.left -= qty
			c.fill(o, qty, l.price, at)
		}
	}
}

// matchResting lets our resting orders meet what the market has just shown.
// An order fills at its own price: from opposite quantity that came to it, and
// from trades at its price once what stood before it has traded, or beyond its
// price at once.
func (c *Core) matchResting(b *book, traded market.Units, at market.Stamp) {
	last := b.quote.Last
	for _, o := range slices.Clone(b.resting) {
		if c.working[o.ID] == nil {
			continue
		}
		if o.waiting {
			if reached(o, last) {
				c.leave(o)
				c.enter(o, at)
			}
			continue
		}
		own, opposite := &b.bids, &b.asks
		if o.Side == market.Sell {
			own, opposite = opposite, own
		}
		for i := range opposite {
			if l := &opposite[i]; acceptable(o, l.price) {
				if qty := min(l.left, o.Pending()); qty > 0 {
					l.left -= qty
					c.fill(o, qty, o.Price, at)
				}
			}
		}
		if traded > 0 && last > 0 && acceptable(o, last) && o.Pending() > 0 {
			if last == o.Price {
				passed := min(o.ahead, traded)
				o.ahead -= passed
				traded -= passed
			}
			if qty := min(traded, o.Pending()); qty > 0 {
				traded -= qty
				c.fill(o, qty, o.Price, at)
			}
		}
		o.ahead = min(o.ahead, own.at(o.Price))
	}
}

func (c *Core) fill(o *Order, qty market.Units, price market.Paise, at market.Stamp) {
	o.Filled += qty
	o.Value += price.Times(qty)
	f := Fill{Number: len(c.account.fills) + 1, Order: o, Qty: qty, Price: price, At: at}
	c.account.fills = append(c.account.fills, f)
	c.account.book(&f, c.universe.Get(o.Instrument).Kind == market.Future)
	c.counts.Fills++
	c.record(o, "fill", qty, price, "", at.Market)
	o.Status = order.StatusPartiallyExecuted
	if o.Pending() == 0 {
		o.Status = order.StatusExecuted
		c.end(o)
	}
	c.tell(o, at)
}

// drop cancels what is left of an order.
func (c *Core) drop(o *Order, why string, at market.Stamp) {
	rest := o.Pending()
	o.Cancelled += rest
	o.Status = order.StatusCancelled
	if o.Filled > 0 {
		o.Status = order.StatusPartiallyExecutedAndCancelled
	}
	c.end(o)
	c.record(o, "cancelled", rest, o.Price, why, at.Market)
	c.tell(o, at)
}

func (c *Core) expire(o *Order, at market.Stamp) {
	rest := o.Pending()
	o.Expired += rest
	o.Status = order.StatusExpired
	if o.Filled > 0 {
		o.Status = order.StatusPartiallyExecutedAndExpired
	}
	c.end(o)
	c.record(o, "expired", rest, o.Price, "", at.Market)
	c.tell(o, at)
}

func (c *Core) reject(o *Order, why string, at market.Stamp) {
	if c.working[o.ID] == nil {
		return
	}
	o.Status = order.StatusRejected
	c.end(o)
	c.counts.OrdersRejected++
	c.record(o, "rejected", o.Pending(), o.Price, why, at.Market)
	c.tell(o, at)
}

func (c *Core) end(o *Order) {
	delete(c.working, o.ID)
	c.leave(o)
}

func (c *Core) leave(o *Order) {
	b := &c.books[o.Instrument]
	if i := slices.Index(b.resting, o); i >= 0 {
		b.resting = slices.Delete(b.resting, i, i+1)
	}
}
