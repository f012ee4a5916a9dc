package rest

import (
	"errors"
	"strings"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

var (
	errNoSide      = errors.New("neither buy nor sell")
	errNegativeBuy = errors.New("a negative quantity with action buy")
)

// OrderRow is one row of the order list or detail.
type OrderRow struct {
	order.Report                    // Sequence is zero: a list has none
	Key          market.ContractKey // Report.Instrument when that is not zero
	Exchange     string
	ExchangeID   string // the exchange's own number, escaped
	TIF          order.TimeInForce
}

// RowErrors are rows of a list that could not be read, with why. A list with
// one is no evidence that an order is absent.
type RowErrors []error

// Orders reads an order list or detail. Rows that cannot be read are left out
// and come back as errors of their own; err is for the whole answer.
func (p *Parser) Orders(body []byte) (rows []OrderRow, bad RowErrors, err error) {
	list, err := p.rows(body)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range list {
		r := reader{row: v}
		row := OrderRow{Key: r.contract(), ExchangeID: Escape(r.text("exchange_order_id"), 40)}
		row.Exchange = row.Key.Exchange
		row.Instrument = p.instrument(row.Key)
		row.VenueID, err = order.ParseVenueID(r.text("order_id"))
		r.fail("order_id", err)
		row.Status = order.ParseStatus(r.text("status"))
		row.Side = sideOf(r.text("action"))
		row.Quantity = r.units("quantity")
		row.Cancelled = r.units("cancelled_quantity")
		pending := r.units("pending_quantity")
		if r.text("pending_quantity") == "" {
			pending = untold
		}
		row.Limit = r.price("price")
		row.Trigger = r.price("stoploss")
		row.Average = r.amount("average_price")
		copy(row.Remark[:], r.text("user_remark"))
		row.OrderedAt = r.moment("order_datetime")
		if strings.EqualFold(r.text("validity"), "ioc") {
			row.TIF = order.IOC
		}
		row.Executed, row.Expired, row.FillUnknown = filled(row.Status, row.Quantity, pending, row.Cancelled)
		if r.err != nil {
			bad = append(bad, r.err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, bad, nil
}

// untold is a pending quantity that the row leaves out or leaves empty.
const untold = market.Units(-1 << 62) // what a venue would not say

// filled works out what a row's quantities say. Filled is quantity less
// pending less cancelled while an order lives; once it is over, the word of
// the status and the quantities must agree, or the lower bound is zero. The
// venue sends no filled quantity, and what it calls pending is not documented
// for every status: an empty field is no zero, and what would make an open
// order a full one is not believed.
func filled(s order.Status, quantity, pending, cancelled market.Units) (executed, expired market.Units, unknown bool) {
	if pending == untold && quantity >= 0 && cancelled >= 0 {
		switch {
		case s == order.StatusExecuted && cancelled == 0:
			return quantity, 0, false // the word says it all
		case s == order.StatusCancelled && cancelled == quantity && quantity > 0:
			return 0, 0, false
		case s == order.StatusRejected && (cancelled == 0 || cancelled == quantity):
			return 0, 0, false
		}
		return 0, 0, true
	}
	rest := quantity - pending - cancelled
	if quantity < 0 || pending < 0 || cancelled < 0 || rest < 0 {
		return 0, 0, true
	}
	switch s {
	case order.StatusRequested, order.StatusQueued, order.StatusOrdered, order.StatusFreezed:
		if pending == 0 {
			return 0, 0, true
		}
		return rest, 0, false
	case order.StatusPartiallyExecuted:
		if rest == 0 || rest == quantity { // contradicts "partially"
			return 0, 0, true
		}
		return rest, 0, false
	case order.StatusExecuted:
		return rest, 0, pending != 0 || cancelled != 0
	case order.StatusRejected:
		return 0, 0, rest != 0 && rest != quantity
	case order.StatusCancelled:
		// Nothing cancelled in a cancelled order: the fields are empty, not
		// the order full.
		if cancelled == 0 && pending == 0 {
			return 0, 0, true
		}
		return rest, 0, false
	case order.StatusExpired:
		if rest == 0 || rest == quantity {
			return 0, quantity - cancelled, false
		}
		return 0, 0, true
	case order.StatusPartiallyExecutedAndCancelled, order.StatusPartiallyExecutedAndExpired:
		if rest == 0 || rest == quantity { // contradicts "partially"
			return 0, 0, true
		}
		if s == order.StatusPartiallyExecutedAndExpired {
			return rest, pending, false
		}
		return rest, 0, false
	}
	return 0, 0, true
}

// Trade is one fill (of a trade detail) or one order's fills together (a row
// of the trade list).
type Trade struct {
	VenueID    order.VenueID // zero in a detail: the question named it
	TradeID    string        // of a detail, escaped
	Instrument market.InstrumentID
	Key        market.ContractKey // of a list
	Side       market.Side
	Quantity   market.Units
	Price      market.Paise // rounded to the paisa: an average in a list
	Value      market.Paise // of the whole row, from the price as it was told
	Charges    market.Paise // brokerage and taxes as told; often zero until the end of the day
	At         market.UnixNano
}

// Trades reads a trade list or an order's trade detail.
func (p *Parser) Trades(body []byte) (trades []Trade, bad RowErrors, err error) {
	list, err := p.rows(body)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range list {
		r := reader{row: v}
		t := Trade{Side: sideOf(r.text("action"))}
		if v.Exists("executed_quantity") {
			t.Quantity, t.Price = r.units("executed_quantity"), r.amount("execution_price")
			t.Value = r.value("execution_price", t.Quantity)
			t.TradeID = Escape(r.text("trade_id"), 40)
			t.Charges = r.amount("brokerage_amount") + r.amount("taxes")
			t.At = r.moment("exchange_trade_time")
		} else {
			t.Quantity, t.Price = r.units("quantity"), r.amount("average_cost")
			t.Value = r.value("average_cost", t.Quantity)
			t.Charges = r.amount("brokerage_amount") + r.amount("total_taxes")
			t.At = r.moment("trade_date")
			t.Key = r.contract()
			t.Instrument = p.instrument(t.Key)
			t.VenueID, err = order.ParseVenueID(r.text("order_id"))
			r.fail("order_id", err)
		}
		if t.Side == market.NoSide {
			r.fail("action", errNoSide)
		}
		if r.err != nil {
			bad = append(bad, r.err)
			continue
		}
		trades = append(trades, t)
	}
	return trades, bad, nil
}

// Position is one row of the positions.
type Position struct {
	Instrument market.InstrumentID
	Key        market.ContractKey
	Net        market.Units // signed: below zero is short; zero for a contract closed today
	Average    market.Paise // rounded
	Last       market.Paise
}

// Positions reads the positions. The side may be in the action, with a
// positive quantity, or in the quantity's sign: both are understood. A
// contract closed today stays listed with action NA.
func (p *Parser) Positions(body []byte) (positions []Position, bad RowErrors, err error) {
	list, err := p.rows(body)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range list {
		r := reader{row: v}
		pos := Position{
			Key: r.contract(), Net: r.units("quantity"),
			Average: r.amount("average_price"), Last: r.amount("ltp"),
		}
		pos.Instrument = p.instrument(pos.Key)
		switch side := sideOf(r.text("action")); {
		case side == market.Sell && pos.Net > 0:
			pos.Net = -pos.Net
		case side == market.Buy && pos.Net < 0:
			r.fail("quantity", errNegativeBuy)
		case side == market.NoSide && pos.Net != 0:
			r.fail("action", errNoSide)
		}
		if r.err != nil {
			bad = append(bad, r.err)
			continue
		}
		positions = append(positions, pos)
	}
	return positions, bad, nil
}

// FundsAnswer is the account's money.
type FundsAnswer struct {
	Bank, Unallocated          market.Paise
	AllocatedFNO, BlockedFNO   market.Paise
	AllocatedTotal, BlockedAll market.Paise
	AvailableFNO               market.Paise // allocated less blocked; the venue does not say so itself
}

// Funds reads the account's funds.
func (p *Parser) Funds(body []byte) (FundsAnswer, error) {
	v, err := p.object(body)
	if err != nil {
		return FundsAnswer{}, err
	}
	r := reader{row: v}
	f := FundsAnswer{
		Bank: r.amount("total_bank_balance"), Unallocated: r.amount("unallocated_balance"),
		AllocatedFNO: r.amount("allocated_fno"), BlockedFNO: r.amount("block_by_trade_fno"),
		AllocatedTotal: r.amount("allocated_equity") + r.amount("allocated_fno") + r.amount("allocated_commodity") + r.amount("allocated_currency"),
		BlockedAll:     r.amount("block_by_trade_balance"),
	}
	f.AvailableFNO = f.AllocatedFNO - f.BlockedFNO
	return f, r.err
}

// MarginAnswer is a segment's limits.
type MarginAnswer struct {
	CashLimit, Allocated, Blocked, Broker market.Paise
}

// Margin reads a segment's limits.
func (p *Parser) Margin(body []byte) (MarginAnswer, error) {
	v, err := p.object(body)
	if err != nil {
		return MarginAnswer{}, err
	}
	r := reader{row: v}
	m := MarginAnswer{r.amount("cash_limit"), r.amount("amount_allocated"), r.amount("block_by_trade"), r.amount("isec_margin")}
	return m, r.err
}

// ChainRow is one row of quotes or of an option chain.
type ChainRow struct {
	market.Quote
	Key  market.ContractKey
	Spot market.Paise // the underlying's last price
}

// Chain reads quotes or a part of an option chain.
func (p *Parser) Chain(body []byte) (rows []ChainRow, bad RowErrors, err error) {
	list, err := p.rows(body)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range list {
		r := reader{row: v}
		row := ChainRow{Key: r.contract(), Spot: r.amount("spot_price")}
		row.Quote = market.Quote{
			Instrument: p.instrument(row.Key),
			Last:       r.price("ltp"),
			Bid:        r.price("best_bid_price"), BidQty: r.units("best_bid_quantity"),
			Ask: r.price("best_offer_price"), AskQty: r.units("best_offer_quantity"),
			Open: r.price("open"), High: r.price("high"), Low: r.price("low"),
			PrevClose: r.price("previous_close"),
			LastQty:   r.units("ltq"), OpenInterest: r.units("open_interest"), OIChange: r.units("chnge_oi"),
			Volume: r.units("total_quantity_traded"), TotalBuy: r.units("total_buy_qty"), TotalSell: r.units("total_sell_qty"),
			BandLow: r.price("lower_circuit"), BandHigh: r.price("upper_circuit"),
			LastTrade: r.moment("ltt"),
		}
		if r.err != nil {
			bad = append(bad, r.err)
			continue
		}
		rows = append(rows, row)
	}
	return rows, bad, nil
}

// Charges are what preview_order says an order would cost, rounded to the
// paisa.
type Charges struct {
	Brokerage, Turnover, StampDuty, STT, SEBI, GST, Other, Total market.Paise
}

// Charges reads the preview of an order.
func (p *Parser) Charges(body []byte) (Charges, error) {
	v, err := p.object(body)
	if err != nil {
		return Charges{}, err
	}
	r := reader{row: v}
	c := Charges{
		Brokerage: r.amount("brokerage"), Turnover: r.amount("exchange_turnover_charges"), StampDuty: r.amount("stamp_duty"),
		STT: r.amount("stt"), SEBI: r.amount("sebi_charges"), GST: r.amount("gst"),
		Other: r.amount("total_other_charges"), Total: r.amount("total_brokerage"),
	}
	return c, r.err
}

// Candle is one candle of history.
type Candle struct {
	At                     market.UnixNano // begin
	Open, High, Low, Close market.Paise
	Volume, OpenInterest   market.Units
}

// Candles reads history, whose numbers are strings in version 1 and numbers in
// version 2.
func (p *Parser) Candles(body []byte) (candles []Candle, bad RowErrors, err error) {
	list, err := p.rows(body)
	if err != nil {
		return nil, nil, err
	}
	for _, v := range list {
		r := reader{row: v}
		c := Candle{
			At:   r.moment("datetime"),
			Open: r.price("open"), High: r.price("high"), Low: r.price("low"), Close: r.price("close"),
			Volume: r.units("volume"), OpenInterest: r.units("open_interest"),
		}
		if r.err != nil {
			bad = append(bad, r.err)
			continue
		}
		candles = append(candles, c)
	}
	return candles, bad, nil
}
