package sim

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Intent is an order as a client asks for it.
type Intent struct {
	Instrument market.InstrumentID
	Side       market.Side
	TIF        order.TimeInForce
	Qty        market.Units
	Price      market.Paise
	Trigger    market.Paise // of a stop-limit order, else zero
	Remark     string
}

// brokerCheck is what the broker refuses before it gives an order number. It
// returns the refusal, or "".
func (c *Core) brokerCheck(in *Intent, at market.UnixNano) string {
	con, t := c.universe.Get(in.Instrument), &c.cfg.Texts
	switch {
	case con.ID == 0 || con.Kind == market.Index:
		return t.UnknownContract
	case in.Side == market.NoSide:
		return t.OrderType
	case in.Qty <= 0:
		return t.Quantity
	case in.Price <= 0:
		return t.Price
	case con.LotSize > 0 && in.Qty%con.LotSize != 0:
		return t.OffLot
	case !in.Price.OnTick(con.TickSize) || !in.Trigger.OnTick(con.TickSize):
		return t.OffTick
	case in.Trigger != 0 && (in.Side == market.Buy && in.Trigger > in.Price || in.Side == market.Sell && in.Trigger < in.Price):
		return t.StopPrice
	case in.Trigger != 0 && in.TIF == order.IOC:
		return t.OrderType
	case !c.open(at):
		return t.Hours
	}
	return ""
}

// exchangeCheck is what the exchange refuses: freeze quantity, then the day's
// price band (DPR), then the limit price protection (LPP). A stop's protection
// is looked at when it triggers.
func (c *Core) exchangeCheck(id market.InstrumentID, sd market.Side, qty market.Units, price, trigger market.Paise, at market.UnixNano) string {
	con, t := c.universe.Get(id), &c.cfg.Texts
	if con.Freeze > 0 && qty > con.Freeze {
		return t.Frozen
	}
	b := &c.books[id]
	low, high := b.quote.BandLow, b.quote.BandHigh
	if high <= 0 {
		low, high = con.BandLow, con.BandHigh
	}
	if high > 0 && (price < low || price > high || trigger != 0 && (trigger < low || trigger > high)) {
		return t.Band
	}
	if trigger != 0 {
		return ""
	}
	return c.protectionCheck(id, sd, price, at)
}

// protectionCheck refuses to buy too high or to sell too low; the cheap side is
// never limited.
func (c *Core) protectionCheck(id market.InstrumentID, sd market.Side, price market.Paise, at market.UnixNano) string {
	ref := c.books[id].protection(at)
	if ref <= 0 {
		return ""
	}
	low, high := around(ref, c.universe.Get(id).Kind)
	if sd == market.Buy && price > high || sd == market.Sell && price < low {
		return c.cfg.Texts.Protection
	}
	return ""
}

// open tells whether derivatives trade at the instant.
func (c *Core) open(at market.UnixNano) bool {
	t := at.TimeOfDay()
	return at.Date() == c.date && t >= c.cfg.Open && t < c.cfg.Close
}
