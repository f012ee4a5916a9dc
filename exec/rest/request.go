package rest

import (
	"strconv"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// Place asks for a new limit order, or, with a trigger, a stop-limit order.
type Place struct {
	Instrument *market.Instrument
	Side       market.Side
	TIF        order.TimeInForce
	Quantity   market.Units // units, not lots
	Price      market.Paise
	Trigger    market.Paise // zero: a plain limit order
	Remark     order.Remark // our own name for the order; the venue may or may not echo it
	Day        market.Date  // the trading day, sent as the validity date; zero: not sent
}

// AppendPlace renders the placement of an order. Hot path: no allocation.
func (w *Wire) AppendPlace(dst []byte, sig Signature, p *Place) []byte {
	dst, f := w.open(dst, PlaceOrder, sig)
	in := p.Instrument
	dst = append(dst, `{"stock_code":`...)
	dst = appendQuoted(dst, in.Underlying)
	dst = append(dst, `,"exchange_code":`...)
	dst = appendQuoted(dst, in.Exchange)
	dst = append(dst, `,"product":"`...)
	dst = append(dst, product(in.Kind)...)
	dst = append(dst, `","order_segment_code":"","settlement_id":"","disclosed_quantity":"0","expiry_date":"`...)
	dst = appendISO(dst, in.Expiry)
	dst = append(dst, `","right":"`...)
	dst = append(dst, right(in.Right)...)
	dst = append(dst, `","strike_price":"`...)
	dst = in.Strike.Append(dst)
	if p.Day != 0 {
		dst = append(dst, `","validity_date":"`...)
		dst = appendISO(dst, p.Day)
	}
	dst = append(dst, `","order_type":"`...)
	dst = append(dst, orderType(p.Trigger)...)
	dst = append(dst, `","validity":"`...)
	dst = append(dst, p.TIF.String()...)
	dst = append(dst, `","action":"`...)
	dst = append(dst, p.Side.String()...)
	if p.Trigger != 0 {
		dst = append(dst, `","stoploss":"`...)
		dst = p.Trigger.Append(dst)
	}
	// What differs from one order to the next comes last, so that the constant
	// part of the body is the same bytes each time.
	dst = append(dst, `","quantity":"`...)
	dst = strconv.AppendInt(dst, int64(p.Quantity), 10)
	dst = append(dst, `","price":"`...)
	dst = p.Price.Append(dst)
	dst = append(dst, '"')
	if p.Remark[0] != 0 {
		dst = append(dst, `,"user_remark":`...)
		dst = appendQuoted(dst, remarkBytes(&p.Remark))
	}
	dst = append(dst, '}')
	return f.close(dst)
}

func remarkBytes(r *order.Remark) []byte {
	n := 0
	for n < len(r) && r[n] != 0 {
		n++
	}
	return r[:n]
}

// Modify asks for new absolute values of a working order. Zero fields are not
// sent and stay as they are: a Price alone is the safe form, because what a
// new quantity means after a partial fill is not documented.
type Modify struct {
	Exchange string
	VenueID  order.VenueID
	Price    market.Paise
	Quantity market.Units // the new total; zero: not sent
	Trigger  market.Paise // with Full only: zero sends "0", a plain limit order
	TIF      order.TimeInForce
	Day      market.Date
	Full     bool // send order type, trigger, validity and disclosed quantity too
}

// AppendModify renders the change of an order. Hot path: no allocation.
func (w *Wire) AppendModify(dst []byte, sig Signature, m *Modify) []byte {
	dst, f := w.open(dst, ModifyOrder, sig)
	dst = append(dst, `{"exchange_code":`...)
	dst = appendQuoted(dst, m.Exchange)
	dst = append(dst, `,"order_id":"`...)
	dst = m.VenueID.Append(dst)
	if m.Full {
		dst = append(dst, `","order_type":"`...)
		dst = append(dst, orderType(m.Trigger)...)
		dst = append(dst, `","stoploss":"`...)
		dst = m.Trigger.Append(dst)
		dst = append(dst, `","validity":"`...)
		dst = append(dst, m.TIF.String()...)
		dst = append(dst, `","disclosed_quantity":"0`...)
		if m.Day != 0 {
			dst = append(dst, `","validity_date":"`...)
			dst = appendISO(dst, m.Day)
		}
	}
	if m.Quantity != 0 {
		dst = append(dst, `","quantity":"`...)
		dst = strconv.AppendInt(dst, int64(m.Quantity), 10)
	}
	dst = append(dst, `","price":"`...)
	dst = m.Price.Append(dst)
	dst = append(dst, `"}`...)
	return f.close(dst)
}

// AppendCancel renders the cancellation of an order. Hot path: no allocation.
func (w *Wire) AppendCancel(dst []byte, sig Signature, exchange string, id order.VenueID) []byte {
	return w.appendByID(dst, CancelOrder, sig, exchange, id)
}

// AppendOrderDetail renders the question for one order.
func (w *Wire) AppendOrderDetail(dst []byte, sig Signature, exchange string, id order.VenueID) []byte {
	return w.appendByID(dst, OrderDetail, sig, exchange, id)
}

// AppendTradeDetail renders the question for one order's trades.
func (w *Wire) AppendTradeDetail(dst []byte, sig Signature, exchange string, id order.VenueID) []byte {
	return w.appendByID(dst, TradeDetail, sig, exchange, id)
}

func (w *Wire) appendByID(dst []byte, e Endpoint, sig Signature, exchange string, id order.VenueID) []byte {
	dst, f := w.open(dst, e, sig)
	dst = append(dst, `{"exchange_code":`...)
	dst = appendQuoted(dst, exchange)
	dst = append(dst, `,"order_id":"`...)
	dst = id.Append(dst)
	dst = append(dst, `"}`...)
	return f.close(dst)
}

// AppendOrderList renders the question for all orders of the days from..to.
func (w *Wire) AppendOrderList(dst []byte, sig Signature, exchange string, from, to market.Date) []byte {
	return w.appendByDays(dst, OrderList, sig, exchange, from, to)
}

// AppendTradeList renders the question for all trades of the days from..to.
func (w *Wire) AppendTradeList(dst []byte, sig Signature, exchange string, from, to market.Date) []byte {
	return w.appendByDays(dst, TradeList, sig, exchange, from, to)
}

func (w *Wire) appendByDays(dst []byte, e Endpoint, sig Signature, exchange string, from, to market.Date) []byte {
	dst, f := w.open(dst, e, sig)
	dst = append(dst, `{"exchange_code":`...)
	dst = appendQuoted(dst, exchange)
	dst = append(dst, `,"from_date":"`...)
	dst = appendISO(dst, from)
	dst = append(dst, `","to_date":"`...)
	dst = appendISO(dst, to)
	dst = append(dst, `"}`...)
	return f.close(dst)
}

// AppendPositions renders the question for all positions.
func (w *Wire) AppendPositions(dst []byte, sig Signature) []byte {
	return w.appendEmpty(dst, Positions, sig)
}

// AppendFunds renders the question for the account's funds.
func (w *Wire) AppendFunds(dst []byte, sig Signature) []byte {
	return w.appendEmpty(dst, Funds, sig)
}

// appendEmpty sends the two bytes {}: a signature over nothing is refused.
func (w *Wire) appendEmpty(dst []byte, e Endpoint, sig Signature) []byte {
	dst, f := w.open(dst, e, sig)
	return f.close(append(dst, "{}"...))
}

// AppendMargin renders the question for a segment's limits.
func (w *Wire) AppendMargin(dst []byte, sig Signature, exchange string) []byte {
	dst, f := w.open(dst, Margin, sig)
	dst = append(dst, `{"exchange_code":`...)
	dst = appendQuoted(dst, exchange)
	return f.close(append(dst, '}'))
}

// AppendQuotes renders the question for one contract's quote.
func (w *Wire) AppendQuotes(dst []byte, sig Signature, key market.ContractKey) []byte {
	return w.appendContract(dst, Quotes, sig, key)
}

// AppendOptionChain renders the question for a part of an option chain. A key
// with expiry and right but no strike asks for one whole side of the chain.
func (w *Wire) AppendOptionChain(dst []byte, sig Signature, key market.ContractKey) []byte {
	return w.appendContract(dst, OptionChain, sig, key)
}

func (w *Wire) appendContract(dst []byte, e Endpoint, sig Signature, key market.ContractKey) []byte {
	dst, f := w.open(dst, e, sig)
	dst = append(dst, `{"stock_code":`...)
	dst = appendQuoted(dst, key.Underlying)
	dst = append(dst, `,"exchange_code":`...)
	dst = appendQuoted(dst, key.Exchange)
	dst = append(dst, `,"product_type":"`...)
	dst = append(dst, product(key.Kind)...)
	if key.Expiry != 0 {
		dst = append(dst, `","expiry_date":"`...)
		dst = appendISO(dst, key.Expiry)
	}
	if key.Right != market.NoRight || key.Kind == market.Future {
		dst = append(dst, `","right":"`...)
		dst = append(dst, right(key.Right)...)
	}
	if key.Strike != 0 || key.Kind == market.Future {
		dst = append(dst, `","strike_price":"`...)
		dst = key.Strike.Append(dst)
	}
	dst = append(dst, `"}`...)
	return f.close(dst)
}

// AppendPreview renders the question for an order's charges.
func (w *Wire) AppendPreview(dst []byte, sig Signature, p *Place) []byte {
	dst, f := w.open(dst, PreviewOrder, sig)
	in := p.Instrument
	dst = append(dst, `{"stock_code":`...)
	dst = appendQuoted(dst, in.Underlying)
	dst = append(dst, `,"exchange_code":`...)
	dst = appendQuoted(dst, in.Exchange)
	dst = append(dst, `,"product":"`...)
	dst = append(dst, product(in.Kind)...)
	dst = append(dst, `","order_type":"`...)
	dst = append(dst, orderType(p.Trigger)...)
	dst = append(dst, `","price":"`...)
	dst = p.Price.Append(dst)
	dst = append(dst, `","action":"`...)
	dst = append(dst, p.Side.String()...)
	dst = append(dst, `","quantity":"`...)
	dst = strconv.AppendInt(dst, int64(p.Quantity), 10)
	dst = append(dst, `","expiry_date":"`...)
	dst = append(dst, in.Expiry.Venue()...)
	dst = append(dst, `","right":"`...)
	dst = append(dst, right(in.Right)...)
	dst = append(dst, `","strike_price":"`...)
	dst = in.Strike.Append(dst)
	dst = append(dst, `","specialflag":"N","stoploss":"`...)
	if p.Trigger != 0 {
		dst = p.Trigger.Append(dst)
	}
	dst = append(dst, `","order_rate_fresh":""}`...)
	return f.close(dst)
}

// AppendCustomerDetails renders the exchange of an API session for a session
// token. It is the one call that is not signed.
func (w *Wire) AppendCustomerDetails(dst []byte, appKey string, apiSession session.Token) []byte {
	dst, f := w.open(dst, CustomerDetails, Signature{})
	dst = append(dst, `{"SessionToken":`...)
	dst = appendQuoted(dst, apiSession.Reveal())
	dst = append(dst, `,"AppKey":`...)
	dst = appendQuoted(dst, appKey)
	return f.close(append(dst, '}'))
}

// Interval is the length of a candle.
type Interval string

// The intervals of version 2 history.
const (
	OneSecond     Interval = "1second"
	OneMinute     Interval = "1minute"
	FiveMinutes   Interval = "5minute"
	ThirtyMinutes Interval = "30minute"
	OneDay        Interval = "1day"
)

// Candles asks for at most 1000 candles of a contract.
type Candles struct {
	Key      market.ContractKey
	Interval Interval
	From, To market.UnixNano
}

// AppendHistory renders the question for candles (version 2: another host, a
// query string, no signature).
func (w *Wire) AppendHistory(dst []byte, by *session.Credential, c *Candles) []byte {
	dst = append(dst, w.heads[History]...)
	dst = append(dst, "?interval="...)
	dst = appendQuery(dst, string(c.Interval))
	dst = append(dst, "&from_date="...)
	dst = AppendTimestamp(dst, c.From)
	dst = append(dst, "&to_date="...)
	dst = AppendTimestamp(dst, c.To)
	dst = append(dst, "&stock_code="...)
	dst = appendQuery(dst, c.Key.Underlying)
	dst = append(dst, "&exch_code="...)
	dst = appendQuery(dst, c.Key.Exchange)
	dst = append(dst, "&product_type="...)
	dst = append(dst, product(c.Key.Kind)...)
	dst = append(dst, "&expiry_date="...)
	dst = appendISO(dst, c.Key.Expiry)
	dst = append(dst, "&strike_price="...)
	dst = c.Key.Strike.Append(dst)
	dst = append(dst, "&right="...)
	dst = append(dst, right(c.Key.Right)...)
	dst = append(dst, w.heads[NoEndpoint]...)
	dst = append(dst, "X-SessionToken: "...)
	dst = appendHeaderValue(dst, by.Session.Reveal())
	dst = append(dst, "\r\napikey: "...)
	dst = appendHeaderValue(dst, by.AppKey)
	return append(dst, headEnd...)
}

// appendQuery escapes a value of a query string.
func appendQuery(dst []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '-', c == '_', c == '.', c == '~':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		}
	}
	return dst
}

// appendISO writes a day as the venue's clients do, with an hour that only has
// to lie within it.
func appendISO(dst []byte, d market.Date) []byte {
	y, m, day := d.Civil()
	dst = append(dst, byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-')
	dst = append(dst, byte('0'+m/10), byte('0'+m%10), '-', byte('0'+day/10), byte('0'+day%10))
	return append(dst, "T06:00:00.000Z"...)
}

func product(k market.Kind) string {
	switch k {
	case market.Option:
		return "options"
	case market.Future:
		return "futures"
	}
	return "cash"
}

func right(r market.Right) string {
	switch r {
	case market.Call:
		return "call"
	case market.Put:
		return "put"
	}
	return "others"
}

// orderType is limit, or stoploss with a trigger: there is no third.
func orderType(trigger market.Paise) string {
	if trigger != 0 {
		return "stoploss"
	}
	return "limit"
}
