package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// The rows of answers, field for field as the real ones are documented, odd
// spellings and mixed types included.

type envelope struct {
	Success any     `json:"Success"`
	Status  int     `json:"Status"`
	Error   *string `json:"Error"`
}

// bareRefusal is the authentication family's form: no Success key.
type bareRefusal struct {
	Status int    `json:"Status"`
	Error  string `json:"Error"`
}

type exception struct {
	Message          string `json:"Message"`
	ExceptionMessage string `json:"ExceptionMessage"`
	ExceptionType    string `json:"ExceptionType"`
	StackTrace       string `json:"StackTrace"`
}

type segments struct {
	NSE string `json:"NSE"`
	BSE string `json:"BSE"`
	FNO string `json:"FNO"`
	NDX string `json:"NDX"`
}

type allowed struct {
	Trading     string `json:"Trading"`
	Equity      string `json:"Equity"`
	Derivatives string `json:"Derivatives"`
	Currency    string `json:"Currency"`
}

type customerRow struct {
	TradeDate        segments `json:"exg_trade_date"`
	Status           segments `json:"exg_status"`
	Allowed          allowed  `json:"segments_allowed"`
	UserID           string   `json:"idirect_userid"`
	SessionToken     string   `json:"session_token"`
	UserName         string   `json:"idirect_user_name"`
	OrderType        string   `json:"idirect_ORD_TYP"`
	LastLogin        string   `json:"idirect_lastlogin_time"`
	HoldingPopup     string   `json:"mf_holding_mode_popup_flg"`
	CommodityStatus  string   `json:"commodity_exchange_status"`
	CommodityDate    string   `json:"commodity_trade_date"`
	CommodityAllowed string   `json:"commodity_allowed"`
}

type fundsRow struct {
	BankAccount        string  `json:"bank_account"`
	TotalBankBalance   float64 `json:"total_bank_balance"`
	AllocatedEquity    float64 `json:"allocated_equity"`
	AllocatedFNO       float64 `json:"allocated_fno"`
	AllocatedCommodity float64 `json:"allocated_commodity"`
	AllocatedCurrency  float64 `json:"allocated_currency"`
	BlockEquity        float64 `json:"block_by_trade_equity"`
	BlockFNO           float64 `json:"block_by_trade_fno"`
	BlockCommodity     float64 `json:"block_by_trade_commodity"`
	BlockCurrency      float64 `json:"block_by_trade_currency"`
	BlockBalance       int64   `json:"block_by_trade_balance"`
	Unallocated        string  `json:"unallocated_balance"`
}

type marginRow struct {
	Limits    []struct{} `json:"limit_list"`
	CashLimit float64    `json:"cash_limit"`
	Allocated float64    `json:"amount_allocated"`
	Blocked   float64    `json:"block_by_trade"`
	Isec      float64    `json:"isec_margin"`
}

type statusRow struct {
	Status string `json:"status"`
}

type placedRow struct {
	OrderID string `json:"order_id"`
	Message string `json:"message"`
	Remark  string `json:"user_remark"`
}

type squaredRow struct {
	OrderID   string `json:"order_id"`
	Message   string `json:"message"`
	Indicator string `json:"indicator"`
}

type modifiedRow struct {
	Message string `json:"message"`
	OrderID string `json:"order_id"`
}

type cancelledRow struct {
	OrderID string `json:"order_id"`
	Message string `json:"message"`
}

type orderRow struct {
	OrderID            string  `json:"order_id"`
	ExchangeOrderID    *string `json:"exchange_order_id"`
	Exchange           string  `json:"exchange_code"`
	Stock              string  `json:"stock_code"`
	Product            string  `json:"product_type"`
	Action             string  `json:"action"`
	OrderType          string  `json:"order_type"`
	Stoploss           string  `json:"stoploss"`
	Quantity           string  `json:"quantity"`
	Price              string  `json:"price"`
	Validity           string  `json:"validity"`
	Disclosed          string  `json:"disclosed_quantity"`
	Expiry             string  `json:"expiry_date"`
	Right              string  `json:"right"`
	Strike             float64 `json:"strike_price"`
	Average            string  `json:"average_price"`
	Cancelled          string  `json:"cancelled_quantity"`
	Pending            string  `json:"pending_quantity"`
	Status             string  `json:"status"`
	Remark             *string `json:"user_remark"`
	DateTime           string  `json:"order_datetime"`
	Parent             string  `json:"parent_order_id"`
	ModificationNumber *string `json:"modification_number"`
	AckDate            *string `json:"exchange_acknowledgement_date"`
	SLTP               *string `json:"SLTP_price"`
	AckNumber          *string `json:"exchange_acknowledge_number"`
	InitialLimit       *string `json:"initial_limit"`
	InitialSLTP        *string `json:"intial_sltp"`
	LTP                *string `json:"LTP"`
	LimitOffset        *string `json:"limit_offset"`
	MBC                *string `json:"mbc_flag"`
	Cutoff             *string `json:"cutoff_price"`
	ValidityDate       *string `json:"validity_date"`
}

type tradeRow struct {
	Book         string  `json:"book_type"`
	Date         string  `json:"trade_date"`
	Stock        string  `json:"stock_code"`
	Action       string  `json:"action"`
	Quantity     string  `json:"quantity"`
	AverageCost  string  `json:"average_cost"`
	Brokerage    string  `json:"brokerage_amount"`
	Product      string  `json:"product_type"`
	Exchange     string  `json:"exchange_code"`
	OrderID      string  `json:"order_id"`
	Segment      *string `json:"segment"`
	Settlement   *string `json:"settlement_code"`
	DP           *string `json:"dp_id"`
	Client       *string `json:"client_id"`
	LTP          string  `json:"ltp"`
	EATMWithheld string  `json:"eatm_withheld_amount"`
	CashWithheld string  `json:"cash_withheld_amount"`
	Taxes        string  `json:"total_taxes"`
	OrderType    string  `json:"order_type"`
	Expiry       string  `json:"expiry_date"`
	Right        string  `json:"right"`
	Strike       string  `json:"strike_price"`
}

type fillRow struct {
	Settlement   *string `json:"settlement_id"`
	TradeNumber  string  `json:"exchange_trade_id"`
	Quantity     string  `json:"executed_quantity"`
	Action       string  `json:"action"`
	Cost         string  `json:"total_transaction_cost"`
	Brokerage    string  `json:"brokerage_amount"`
	Taxes        string  `json:"taxes"`
	EATMWithheld string  `json:"eatm_withheld_amount"`
	CashWithheld string  `json:"cash_withheld_amount"`
	Price        string  `json:"execution_price"`
	Stock        string  `json:"stock_code"`
	Exchange     string  `json:"exchange_code"`
	TradeID      string  `json:"trade_id"`
	Time         string  `json:"exchange_trade_time"`
}

type positionRow struct {
	Segment         string  `json:"segment"`
	Product         string  `json:"product_type"`
	Exchange        string  `json:"exchange_code"`
	Stock           string  `json:"stock_code"`
	Expiry          string  `json:"expiry_date"`
	Strike          string  `json:"strike_price"`
	Right           string  `json:"right"`
	Action          string  `json:"action"`
	Quantity        string  `json:"quantity"`
	Average         string  `json:"average_price"`
	Settlement      *string `json:"settlement_id"`
	Margin          *string `json:"margin_amount"`
	LTP             string  `json:"ltp"`
	Price           string  `json:"price"`
	Indicator       string  `json:"stock_index_indicator"`
	Cover           string  `json:"cover_quantity"`
	StopTrigger     string  `json:"stoploss_trigger"`
	Stoploss        *string `json:"stoploss"`
	TakeProfit      *string `json:"take_profit"`
	AvailableMargin *string `json:"available_margin"`
	SquareoffMode   *string `json:"squareoff_mode"`
	MTFQuantity     *string `json:"mtf_sell_quantity"`
	MTFPayable      *string `json:"mtf_net_amount_payable"`
	MTFExpiry       *string `json:"mtf_expiry_date"`
	OrderID         string  `json:"order_id"`
	CoverFlow       *string `json:"cover_order_flow"`
	CoverExecuted   *string `json:"cover_order_executed_quantity"`
	Pledge          *string `json:"pledge_status"`
	PnL             *string `json:"pnl"`
	Underlying      string  `json:"underlying"`
	OrderSegment    *string `json:"order_segment_code"`
}

type holdingRow struct {
	Stock      string  `json:"stock_code"`
	Exchange   string  `json:"exchange_code"`
	Quantity   string  `json:"quantity"`
	Average    string  `json:"average_price"`
	Booked     *string `json:"booked_profit_loss"`
	Price      string  `json:"current_market_price"`
	Change     *string `json:"change_percentage"`
	Answer     *string `json:"answer_flag"`
	Product    string  `json:"product_type"`
	Expiry     string  `json:"expiry_date"`
	Strike     string  `json:"strike_price"`
	Right      string  `json:"right"`
	Category   string  `json:"category_index_per_stock"`
	Action     string  `json:"action"`
	Realized   string  `json:"realized_profit"`
	Unrealized string  `json:"unrealized_profit"`
	OpenValue  string  `json:"open_position_value"`
	Charges    string  `json:"portfolio_charges"`
}

type quoteRow struct {
	Exchange      string  `json:"exchange_code"`
	Product       string  `json:"product_type"`
	Stock         string  `json:"stock_code"`
	Expiry        string  `json:"expiry_date"`
	Right         string  `json:"right"`
	Strike        float64 `json:"strike_price"`
	LTP           float64 `json:"ltp"`
	LTT           string  `json:"ltt"`
	Bid           float64 `json:"best_bid_price"`
	BidQty        string  `json:"best_bid_quantity"`
	Offer         float64 `json:"best_offer_price"`
	OfferQty      string  `json:"best_offer_quantity"`
	Open          float64 `json:"open"`
	High          float64 `json:"high"`
	Low           float64 `json:"low"`
	PreviousClose float64 `json:"previous_close"`
	Change        float64 `json:"ltp_percent_change"`
	Upper         float64 `json:"upper_circuit"`
	Lower         float64 `json:"lower_circuit"`
	Volume        string  `json:"total_quantity_traded"`
	Spot          string  `json:"spot_price"`
}

type chainRow struct {
	quoteRow
	LTQ          string  `json:"ltq"`
	OpenInterest float64 `json:"open_interest"`
	OIChange     float64 `json:"chnge_oi"`
	TotalBuy     string  `json:"total_buy_qty"`
	TotalSell    string  `json:"total_sell_qty"`
}

type previewRow struct {
	Brokerage   float64 `json:"brokerage"`
	Exchange    float64 `json:"exchange_turnover_charges"`
	Stamp       float64 `json:"stamp_duty"`
	STT         float64 `json:"stt"`
	SEBI        float64 `json:"sebi_charges"`
	GST         float64 `json:"gst"`
	TurnoverAll float64 `json:"total_turnover_and_sebi_charges"`
	OtherAll    float64 `json:"total_other_charges"`
	All         float64 `json:"total_brokerage"`
}

type marginPositionRow struct {
	Strike   string `json:"strike_price"`
	Quantity string `json:"quantity"`
	Right    string `json:"right"`
	Product  string `json:"product"`
	Action   string `json:"action"`
	Price    string `json:"price"`
	Expiry   string `json:"expiry_date"`
	Stock    string `json:"stock_code"`
}

type basketRow struct {
	Positions  []marginPositionRow `json:"margin_calulation"` // so spelled on the wire
	NonSpan    string              `json:"non_span_margin_required"`
	OrderValue string              `json:"order_value"`
	Order      string              `json:"order_margin"`
	Trade      *string             `json:"trade_margin"`
	Block      string              `json:"block_trade_margin"`
	Span       string              `json:"span_margin_required"`
}

type calculatorRow struct {
	Quantity string `json:"available_quantity"`
	Action   string `json:"action_id"`
	Margin   string `json:"order_margin"`
	Rate     string `json:"limit_rate"`
}

type historyRow struct {
	DateTime     string `json:"datetime"`
	Stock        string `json:"stock_code"`
	Exchange     string `json:"exchange_code"`
	Product      string `json:"product_type"`
	Expiry       string `json:"expiry_date"`
	Right        string `json:"right"`
	Strike       string `json:"strike_price"`
	Open         string `json:"open"`
	High         string `json:"high"`
	Low          string `json:"low"`
	Close        string `json:"close"`
	Volume       string `json:"volume"`
	OpenInterest string `json:"open_interest"`
	Count        int    `json:"count"`
}

// history2Row is version 2's: numbers for text, and another order.
type history2Row struct {
	Close        float64 `json:"close"`
	DateTime     string  `json:"datetime"`
	Exchange     string  `json:"exchange_code"`
	Expiry       string  `json:"expiry_date"`
	High         float64 `json:"high"`
	Low          float64 `json:"low"`
	Open         float64 `json:"open"`
	OpenInterest int64   `json:"open_interest"`
	Product      string  `json:"product_type"`
	Right        string  `json:"right"`
	Stock        string  `json:"stock_code"`
	Strike       float64 `json:"strike_price"`
	Volume       int64   `json:"volume"`
}

func rupees(p market.Paise) float64 { return float64(p) / 100 }

func units(q market.Units) string { return strconv.FormatInt(int64(q), 10) }

// fixed is an amount with two decimals, as the trade book writes it.
func fixed(p market.Paise) string { return fmt.Sprintf("%.2f", rupees(p)) }

func venueTime(at market.UnixNano) string { return at.Time().Format("02-Jan-2006 15:04:05") }

// words are a contract in the title case of answers.
func words(in *market.Instrument) (product, right string) {
	switch in.Kind {
	case market.Option:
		if in.Right == market.Call {
			return "Options", "Call"
		}
		return "Options", "Put"
	case market.Future:
		return "Futures", "Others"
	}
	return "", ""
}

func action(s market.Side) string {
	if s == market.Sell {
		return "Sell"
	}
	return "Buy"
}

func (c *Core) remark(text string) string {
	switch c.cfg.Remarks {
	case EchoRemarks:
		return text
	case TruncatedRemarks:
		return string([]rune(text)[:min(4, len([]rune(text)))])
	case UpperRemarks:
		return strings.ToUpper(text)
	}
	return ""
}

func (c *Core) orderRow(o *Order) orderRow {
	in := c.universe.Get(o.Instrument)
	product, right := words(in)
	r := orderRow{
		OrderID: o.ID, Exchange: in.Exchange, Stock: in.Underlying, Product: product, Action: action(o.Side), OrderType: "Limit",
		Stoploss: o.Trigger.String(), Quantity: units(o.Qty), Price: o.Price.String(), Validity: "Day", Disclosed: "0",
		Expiry: in.Expiry.Venue(), Right: right, Strike: rupees(in.Strike), Average: o.Average().String(),
		Cancelled: units(o.Cancelled), Pending: units(o.Qty - o.Filled - o.Cancelled), Status: o.Status.String(),
		DateTime: venueTime(o.Placed.Market),
	}
	if o.Ack != "" {
		r.ExchangeOrderID = &o.Ack
	}
	if o.Trigger != 0 {
		r.OrderType = "StopLoss"
	}
	if o.TIF == order.IOC {
		r.Validity = "IoC"
	}
	if text := c.remark(o.Remark); text != "" {
		r.Remark = &text
	}
	return r
}

func (c *Core) tradeRow(o *Order) tradeRow {
	in := c.universe.Get(o.Instrument)
	product, right := words(in)
	charges := c.charges(o.Side, o.Average(), o.Filled)
	kind := "Limit"
	if o.Trigger != 0 {
		kind = "StopLoss"
	}
	return tradeRow{
		Book: "Trade-Book", Date: o.Placed.Market.Date().Venue(), Stock: in.Underlying, Action: action(o.Side),
		Quantity: units(o.Filled), AverageCost: o.Average().String(), Brokerage: fixed(charges.Brokerage), Product: product,
		Exchange: in.Exchange, OrderID: o.ID, LTP: c.books[in.ID].quote.Last.String(), EATMWithheld: "0.00", CashWithheld: "0.00",
		Taxes: fixed(charges.Total() - charges.Brokerage), OrderType: kind, Expiry: in.Expiry.Venue(), Right: right, Strike: in.Strike.String(),
	}
}

func (c *Core) fillRow(f *Fill) fillRow {
	in := c.universe.Get(f.Order.Instrument)
	charges := c.charges(f.Order.Side, f.Price, f.Qty)
	return fillRow{
		TradeNumber: strconv.Itoa(123_000_000 + f.Number), Quantity: units(f.Qty), Action: action(f.Order.Side)[:1],
		Cost: charges.Total().String(), Brokerage: charges.Brokerage.String(), Taxes: (charges.Total() - charges.Brokerage).String(),
		EATMWithheld: "0", CashWithheld: "0", Price: f.Price.String(), Stock: in.Underlying, Exchange: in.Exchange,
		TradeID: fmt.Sprintf("%d/%04d/%08d", c.date/10000, c.date%10000, f.Number), Time: venueTime(f.At.Market),
	}
}

func (c *Core) positionRow(p *Position) positionRow {
	in := c.universe.Get(p.Instrument)
	product, right := words(in)
	last := c.books[in.ID].quote.Last.String()
	side := "NA"
	switch {
	case p.Qty > 0:
		side = "Buy"
	case p.Qty < 0:
		side = "Sell"
	}
	return positionRow{
		Segment: "fno", Product: product, Exchange: in.Exchange, Stock: in.Underlying, Expiry: in.Expiry.Venue(),
		Strike: in.Strike.String(), Right: right, Action: side, Quantity: units(abs(p.Qty)), Average: p.Average().String(),
		LTP: last, Price: last, Indicator: "Index", Cover: "0", StopTrigger: "0", Underlying: in.Underlying,
	}
}

func (c *Core) holdingRow(p *Position) holdingRow {
	in := c.universe.Get(p.Instrument)
	product, right := words(in)
	pos := c.positionRow(p)
	last := c.books[in.ID].quote.Last
	return holdingRow{
		Stock: in.Underlying, Exchange: in.Exchange, Quantity: pos.Quantity, Average: pos.Average, Price: last.String(),
		Product: product, Expiry: in.Expiry.Venue(), Strike: in.Strike.String(), Right: right, Category: "I", Action: pos.Action,
		Realized: p.Realised.String(), Unrealized: (last.Times(p.Qty) - p.Cost).String(), OpenValue: p.Cost.String(), Charges: "0",
	}
}

func (c *Core) chainRow(in *market.Instrument) chainRow {
	q := &c.books[in.ID].quote
	product, right := words(in)
	if in.Kind == market.Future {
		product, right = "Future", "*" // so the quotes endpoint spells them
	}
	r := chainRow{
		quoteRow: quoteRow{
			Exchange: in.Exchange, Product: product, Stock: in.Underlying, Right: right, Strike: rupees(in.Strike),
			LTP: rupees(q.Last), Bid: rupees(q.Bid), BidQty: units(q.BidQty), Offer: rupees(q.Ask), OfferQty: units(q.AskQty),
			Open: rupees(q.Open), High: rupees(q.High), Low: rupees(q.Low), PreviousClose: rupees(q.PrevClose),
			Change: percent(q.Last, q.PrevClose), Upper: rupees(q.BandHigh), Lower: rupees(q.BandLow), Volume: units(q.Volume),
			Spot: c.spot(in.ID).String(),
		},
		LTQ: units(q.LastQty), OpenInterest: float64(q.OpenInterest), OIChange: float64(q.OIChange),
		TotalBuy: units(q.TotalBuy), TotalSell: units(q.TotalSell),
	}
	if in.Expiry != 0 {
		r.Expiry = in.Expiry.Venue()
	}
	if q.LastTrade != 0 {
		r.LTT = venueTime(q.LastTrade)
	}
	return r
}

// percent is the change from close to last, in per cent with two decimals.
func percent(last, close market.Paise) float64 {
	if close == 0 || last == 0 {
		return 0
	}
	return float64(roundDiv((last-close)*10_000, market.Units(close))) / 100
}

func (c *Core) charges(side market.Side, price market.Paise, qty market.Units) Charges {
	if c.cfg.Charges == nil || qty == 0 {
		return Charges{}
	}
	return c.cfg.Charges(side, price, qty)
}

func historyExpiry(d market.Date, layout string) string {
	if d == 0 {
		return ""
	}
	return strings.ToUpper(d.At(0).Time().Format(layout))
}

func (b *Candle) stamp() string { return b.Start.Time().Format(time.DateTime) }
