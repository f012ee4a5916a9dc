package sim

import (
	"github.com/vayu-trading/vayu/engine/market"
)

// CallKind tells what a [Call] asks for.
type CallKind uint8

// The calls that an order core makes.
const (
	NoCall        CallKind = iota
	PlaceCall              // Intent
	ModifyCall             // OrderID, Price
	CancelCall             // OrderID
	OrderCall              // OrderID: one order
	OrdersCall             // the day's orders
	TradesCall             // the day's orders that filled
	PositionsCall          // what the account holds
)

// action tells whether the ten-a-second limit counts the call.
func (k CallKind) action() bool { return k >= PlaceCall && k <= CancelCall }

// Call is one request of a client in the same process: typed and unsigned, but
// subject to the limits, the order checks and the faults of the wire.
type Call struct {
	Kind    CallKind
	Intent  Intent
	OrderID string
	Price   market.Paise // the new limit; what else the order says stays
	Dead    bool         // the client's login has ended
}

// Outcome tells what a [Reply] says.
type Outcome uint8

// The outcomes.
const (
	Served       Outcome = iota
	Refused              // by broker or exchange, for what was asked: Text
	NoData               // a list without rows
	LimitSecond          // a rate limit: Text
	LimitMinute          // likewise, or the gateway's own page
	LimitDay             // likewise
	Unauthorized         // the login has ended: Text
	Failed               // an answer that proves nothing: Text, if it has one
)

// Reply is the answer to a [Call]. Rows are copies.
type Reply struct {
	Fate      Fate // unless Delivered, the client hears nothing of the rest
	Outcome   Outcome
	Text      string
	OrderID   string // of what was placed
	Orders    []Order
	Positions []Position
}

// Call serves a client in the same process as Answer serves one on the wire.
func (c *Core) Call(q *Call, at market.Stamp) Reply {
	met, text := c.meets(q.Kind.action(), at, func() string {
		if q.Dead {
			return textChecksum
		}
		return ""
	})
	switch met {
	case cutBefore:
		return Reply{Fate: Cut}
	case limited, tooMany:
		return Reply{Outcome: c.limit(text), Text: text}
	case unauthorized:
		return Reply{Outcome: Unauthorized, Text: text}
	case badGateway, backendDown, exceptional:
		return Reply{Outcome: Failed, Text: text}
	case acceptedLate:
		late := *q
		c.later(c.cfg.Faults.LateBy, at, func(at market.Stamp) { c.serveCall(&late, at) })
		return Reply{Fate: Silence}
	}
	reply := c.serveCall(q, at)
	reply.Fate = c.fate()
	return reply
}

// limit tells which limit a refusal speaks of; a page without words is the
// gateway's own, for a while.
func (c *Core) limit(text string) Outcome {
	switch text {
	case c.cfg.Texts.PerSecond:
		return LimitSecond
	case textPerDay:
		return LimitDay
	}
	return LimitMinute
}

func (c *Core) serveCall(q *Call, at market.Stamp) (r Reply) {
	refused := func(text string) {
		if text != "" {
			r = Reply{Outcome: Refused, Text: text}
		}
	}
	switch q.Kind {
	case PlaceCall:
		o, refusal := c.place(q.Intent, at)
		if refusal == "" {
			r.OrderID = o.ID
		}
		refused(refusal)
	case ModifyCall:
		if o := c.orders[q.OrderID]; o != nil {
			refused(c.modify(o.ID, q.Price, o.Trigger, o.Qty, at))
		} else {
			refused(c.cfg.Texts.OrderGone)
		}
	case CancelCall:
		refused(c.cancel(q.OrderID, at))
	case OrderCall:
		if o := c.orders[q.OrderID]; o != nil && c.visible(o.Placed.Mono, at) {
			r.Orders = append(r.Orders, c.shown(o))
		}
	case OrdersCall:
		for o := range c.listed(at.Market.Date(), at.Market.Date(), at) {
			r.Orders = append(r.Orders, c.shown(o))
		}
		if len(r.Orders) > 0 && c.strikes(c.cfg.Faults.EmptyList) {
			r.Orders = nil
		}
	case TradesCall:
		for o := range c.listed(at.Market.Date(), at.Market.Date(), at) {
			if o.Filled > 0 {
				r.Orders = append(r.Orders, c.shown(o))
			}
		}
	case PositionsCall:
		for p := range c.held(at) {
			r.Positions = append(r.Positions, *p)
		}
	}
	if !q.Kind.action() && len(r.Orders)+len(r.Positions) == 0 {
		r.Outcome = NoData
	}
	return r
}

// shown is an order as lists show it.
func (c *Core) shown(o *Order) Order {
	row := *o
	row.Remark = c.remark(o.Remark)
	return row
}
