package sim

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

func (c *Core) customerDetails(f fields, at market.Stamp) Response {
	if !same(f.text("AppKey"), c.cfg.AppKey) {
		c.counts.Refused++
		text := textBadKey
		if c.cfg.PlainRefusals {
			return refuse(text)
		}
		return plain(401, envelope{Status: 5, Error: &text})
	}
	token, refusal := c.sessions.exchange(f.text("SessionToken"), at)
	if refusal != "" {
		c.counts.Refused++
		return refuse(refusal)
	}
	day := c.date.Venue()
	status := "X"
	if c.open(at.Market) {
		status = "O"
	}
	return grant(customerRow{
		TradeDate: segments{day, day, day, day}, Status: segments{status, status, status, "X"},
		Allowed: allowed{"Y", "Y", "Y", "Z"}, UserID: c.cfg.User, SessionToken: token, UserName: "SIMULATED USER", OrderType: "N",
		LastLogin: venueTime(at.Market), HoldingPopup: "N", CommodityStatus: "N", CommodityDate: day, CommodityAllowed: "N",
	})
}

func (c *Core) funds() Response {
	used := c.account.allocated - c.Available()
	return grant(fundsRow{
		BankAccount: "000000000001", TotalBankBalance: rupees(c.account.allocated), AllocatedFNO: rupees(c.account.allocated),
		BlockFNO: rupees(used), BlockBalance: int64(used / market.Rupee), Unallocated: "0",
	})
}

func (c *Core) moveFunds(f fields) Response {
	amount, ok := f.price("amount")
	if !ok || amount <= 0 {
		return refuse(c.cfg.Texts.Quantity)
	}
	switch f.word("transaction_type") {
	case "debit":
		amount = -amount
	case "credit":
	default:
		return refuse(c.cfg.Texts.OrderType)
	}
	if segment := f.word("segment"); segment == "fno" {
		if c.Available()+amount < 0 {
			return refuse(c.cfg.Texts.Funds)
		}
		c.account.allocated += amount
		c.account.cash += amount
	}
	return grant(statusRow{"Success"})
}

func (c *Core) marginOf() Response {
	return grant(marginRow{
		Limits: []struct{}{}, CashLimit: rupees(c.account.allocated), Allocated: rupees(c.account.allocated),
		Blocked: rupees(c.account.allocated - c.Available()),
	})
}

// intent reads an order from a request; the stop's key differs between
// placing and squaring off.
func (c *Core) intent(f fields, productKey, stopKey string) (Intent, string) {
	t := &c.cfg.Texts
	in := Intent{Remark: f.text("user_remark")}
	switch f.word("order_type") {
	case "market":
		return in, t.MarketOrder
	case "limit", "stoploss":
	default:
		return in, t.OrderType
	}
	con := c.contract(f, productKey)
	if con == nil {
		return in, t.UnknownContract
	}
	in.Instrument = con.ID
	if product := f.word(productKey); product != "options" && product != "futures" {
		return in, t.OrderType
	}
	switch f.word("action") {
	case "buy":
		in.Side = market.Buy
	case "sell":
		in.Side = market.Sell
	}
	switch f.word("validity") {
	case "day":
	case "ioc":
		in.TIF = order.IOC
	default:
		return in, t.OrderType
	}
	var ok bool
	if in.Qty, ok = f.units("quantity"); !ok {
		return in, t.Quantity
	}
	if in.Price, ok = f.price("price"); !ok {
		return in, t.Price
	}
	stop, ok := f.price(stopKey)
	if !ok {
		return in, t.StopPrice
	}
	if f.word("order_type") == "stoploss" {
		if stop <= 0 {
			return in, t.StopPrice
		}
		in.Trigger = stop
	}
	return in, ""
}

func (c *Core) placeCall(f fields, at market.Stamp) Response {
	in, refusal := c.intent(f, "product", "stoploss")
	if refusal != "" {
		return refuse(refusal)
	}
	o, refusal := c.place(in, at)
	if refusal != "" {
		return refuse(refusal)
	}
	return grant(placedRow{o.ID, textPlaced, c.remark(o.Remark)})
}

var squareOffKeys = []string{
	"source_flag", "stock_code", "exchange_code", "quantity", "price", "action", "order_type", "validity", "stoploss_price",
	"disclosed_quantity", "protection_percentage", "settlement_id", "margin_amount", "open_quantity", "cover_quantity",
	"product_type", "expiry_date", "right", "strike_price", "validity_date", "alias_name", "trade_password",
}

func (c *Core) squareOffCall(f fields, at market.Stamp) Response {
	if !f.has(squareOffKeys...) {
		return refuse(textResourceBare)
	}
	in, refusal := c.intent(f, "product_type", "stoploss_price")
	if refusal != "" {
		return refuse(refusal)
	}
	if held := c.Position(in.Instrument).Qty; held == 0 || held > 0 != (in.Side == market.Sell) || in.Qty > abs(held) {
		return refuse(c.cfg.Texts.NothingToClose)
	}
	o, refusal := c.place(in, at)
	if refusal != "" {
		return refuse(refusal)
	}
	return grant(squaredRow{o.ID, textPlaced, "0"})
}

// dates reads from_date and to_date; absent ones bound nothing.
func (f fields) dates() (from, to market.Date, ok bool) {
	from, to = 0, 99991231
	var err error
	if text := f.text("from_date"); text != "" {
		if from, err = market.ParseDate(text); err != nil {
			return from, to, false
		}
	}
	if text := f.text("to_date"); text != "" {
		if to, err = market.ParseDate(text); err != nil {
			return from, to, false
		}
	}
	return from, to, true
}

func (c *Core) ordersCall(f fields, at market.Stamp) Response {
	if f.has("order_id") {
		o := c.orders[f.text("order_id")]
		if o == nil || !c.sameExchange(f, o) || !c.visible(o.Placed.Mono, at) {
			return refuse(textNoData)
		}
		return grant([]orderRow{c.orderRow(o)})
	}
	from, to, ok := f.dates()
	if !ok || !f.has("from_date", "to_date") {
		return refuse(textNoData)
	}
	var rows []orderRow
	for o := range c.listed(from, to, at) {
		if c.sameExchange(f, o) {
			rows = append(rows, c.orderRow(o))
		}
	}
	if len(rows) == 0 || c.strikes(c.cfg.Faults.EmptyList) {
		return refuse(textNoData)
	}
	return grant(rows)
}

func (c *Core) sameExchange(f fields, o *Order) bool {
	return strings.EqualFold(f.text("exchange_code"), c.universe.Get(o.Instrument).Exchange)
}

func (c *Core) modifyCall(f fields, at market.Stamp) Response {
	o := c.orders[f.text("order_id")]
	if o == nil || !c.sameExchange(f, o) {
		return refuse(c.cfg.Texts.OrderGone)
	}
	price, trigger, qty := o.Price, o.Trigger, o.Qty
	for key, dst := range map[string]*market.Paise{"price": &price, "stoploss": &trigger} {
		if f.text(key) == "" {
			continue
		}
		v, ok := f.price(key)
		if !ok {
			return refuse(c.cfg.Texts.Price)
		}
		*dst = v
	}
	if f.text("quantity") != "" {
		v, ok := f.units("quantity")
		if !ok {
			return refuse(c.cfg.Texts.Quantity)
		}
		qty = v
	}
	switch f.word("order_type") {
	case "market":
		return refuse(c.cfg.Texts.MarketOrder)
	case "limit":
		trigger = 0
	}
	if refusal := c.modify(o.ID, price, trigger, qty, at); refusal != "" {
		return refuse(refusal)
	}
	return grant(modifiedRow{textModified, o.ID})
}

func (c *Core) cancelCall(f fields, at market.Stamp) Response {
	o := c.orders[f.text("order_id")]
	if o == nil || !c.sameExchange(f, o) {
		return refuse(c.cfg.Texts.OrderGone)
	}
	if refusal := c.cancel(o.ID, at); refusal != "" {
		return refuse(refusal)
	}
	return grant(cancelledRow{o.ID, textCancelled})
}

func (c *Core) tradesCall(f fields, at market.Stamp) Response {
	if f.has("order_id") {
		var rows []fillRow
		for i := range c.account.fills {
			fill := &c.account.fills[i]
			if fill.Order.ID == f.text("order_id") && c.sameExchange(f, fill.Order) && c.visible(fill.At.Mono, at) {
				rows = append(rows, c.fillRow(fill))
			}
		}
		if len(rows) == 0 {
			return refuse(textNoData)
		}
		return grant(rows)
	}
	from, to, ok := f.dates()
	if !ok {
		return refuse(textNoData)
	}
	var rows []tradeRow
	for o := range c.listed(from, to, at) {
		in := c.universe.Get(o.Instrument)
		product, _ := words(in)
		matches := func(key, value string) bool { return f.text(key) == "" || strings.EqualFold(f.text(key), value) }
		if o.Filled == 0 || !c.sameExchange(f, o) ||
			!matches("product_type", product) || !matches("action", action(o.Side)) || !matches("stock_code", in.Underlying) {
			continue
		}
		rows = append(rows, c.tradeRow(o))
	}
	if len(rows) == 0 {
		return refuse(textNoData)
	}
	return grant(rows)
}

func (c *Core) positionsCall(at market.Stamp) Response {
	var rows []positionRow
	for p := range c.held(at) {
		rows = append(rows, c.positionRow(p))
	}
	if len(rows) == 0 {
		return refuse(textNoData)
	}
	return grant(rows)
}

func (c *Core) holdingsCall(f fields) Response {
	var rows []holdingRow
	for _, id := range c.account.order {
		in := c.universe.Get(id)
		if strings.EqualFold(in.Exchange, f.text("exchange_code")) && (f.text("stock_code") == "" || strings.EqualFold(in.Underlying, f.text("stock_code"))) {
			rows = append(rows, c.holdingRow(c.account.positions[id]))
		}
	}
	if len(rows) == 0 {
		return refuse(textNoData)
	}
	return grant(rows)
}

func (c *Core) quotesCall(f fields) Response {
	in := c.contract(f, "product_type")
	if in == nil {
		return refuse(textNoData)
	}
	return grant([]quoteRow{c.chainRow(in).quoteRow})
}

// chainCall answers a chain. Of an option's expiry, right and strike, two must
// be given.
func (c *Core) chainCall(f fields) Response {
	given := 0
	var expiry market.Date
	var right market.Right
	var strike market.Paise
	if text := f.text("expiry_date"); text != "" {
		var err error
		if expiry, err = market.ParseDate(text); err != nil {
			return refuse(textNoData)
		}
		given++
	}
	kind := market.Option
	switch f.word("right") {
	case "call":
		right = market.Call
		given++
	case "put":
		right = market.Put
		given++
	}
	if strings.HasPrefix(f.word("product_type"), "future") {
		kind, right, given = market.Future, 0, 2
	}
	if text := f.text("strike_price"); text != "" && text != "0" && kind == market.Option {
		var ok bool
		if strike, ok = f.price("strike_price"); !ok {
			return refuse(textNoData)
		}
		given++
	}
	if given < 2 {
		return refuse(textNoData)
	}
	var rows []chainRow
	for i := range c.universe.All() {
		in := &c.universe.All()[i]
		if in.Kind == kind && strings.EqualFold(in.Underlying, f.text("stock_code")) && strings.EqualFold(in.Exchange, f.text("exchange_code")) &&
			(expiry == 0 || in.Expiry == expiry) && (right == 0 || in.Right == right) && (strike == 0 || in.Strike == strike) {
			rows = append(rows, c.chainRow(in))
		}
	}
	if len(rows) == 0 {
		return refuse(textNoData)
	}
	return grant(rows)
}

func (c *Core) previewCall(f fields) Response {
	in, refusal := c.intent(previewed(f), "product", "stoploss")
	if refusal != "" {
		return refuse(refusal)
	}
	ch := c.charges(in.Side, in.Price, in.Qty)
	turnover := ch.Exchange + ch.SEBI
	return grant(previewRow{
		Brokerage: rupees(ch.Brokerage), Exchange: rupees(ch.Exchange), Stamp: rupees(ch.Stamp), STT: rupees(ch.STT), SEBI: rupees(ch.SEBI),
		GST: rupees(ch.GST), TurnoverAll: rupees(turnover), OtherAll: rupees(ch.Total() - ch.Brokerage), All: rupees(ch.Total()),
	})
}

// previewed completes a preview's fields to an order's: it has no validity.
func previewed(asked fields) fields {
	f := fields{"validity": "day"}
	for k, v := range asked {
		f[k] = v
	}
	return f
}

func (c *Core) basketCall(body []byte) Response {
	var asked struct {
		Exchange  string   `json:"exchange_code"`
		Positions []fields `json:"list_of_positions"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&asked) != nil || len(asked.Positions) == 0 {
		return refuse(c.cfg.Texts.Quantity)
	}
	var value, margin market.Paise
	rows := make([]marginPositionRow, 0, len(asked.Positions))
	for _, f := range asked.Positions {
		if f == nil {
			return refuse(c.cfg.Texts.Quantity)
		}
		f["exchange_code"] = asked.Exchange
		in := c.contract(f, "product")
		if in == nil {
			return refuse(c.cfg.Texts.UnknownContract)
		}
		price, okPrice := f.price("price")
		qty, okQty := f.units("quantity")
		if !okPrice || !okQty {
			return refuse(c.cfg.Texts.Quantity)
		}
		side := market.Buy
		if f.word("action") == "sell" {
			side = market.Sell
		}
		value += price.Times(qty)
		margin += c.requirement(in.ID, side, qty, price)
		product, right := words(in)
		rows = append(rows, marginPositionRow{
			Strike: in.Strike.String(), Quantity: units(qty), Right: right, Product: product, Action: action(side), Price: price.String(),
			Expiry: in.Expiry.Venue(), Stock: in.Underlying + " ", // padded on the wire
		})
	}
	return grant(basketRow{Positions: rows, NonSpan: "0", OrderValue: value.String(), Order: "0", Block: "0", Span: margin.String()})
}

func (c *Core) calculatorCall(f fields) Response {
	rate, ok := f.price("limit_rate")
	if !ok {
		return refuse(c.cfg.Texts.Price)
	}
	quantity := market.Units(0)
	if rate > 0 {
		quantity = market.Units(max(c.Available(), 0) / rate)
	}
	return grant(calculatorRow{Quantity: units(quantity), Action: "0", Margin: "0", Rate: rate.String()})
}

var historySpans = map[string]time.Duration{
	"minute": time.Minute, "5minute": 5 * time.Minute, "30minute": 30 * time.Minute, "day": 24 * time.Hour,
	"1minute": time.Minute, "1day": 24 * time.Hour,
}

// historyLimit is how many candles version 2 gives in an answer.
const historyLimit = 1000

// bars finds the candles a history call asks for. Bars of a second are not
// kept: they are streamed only.
func (c *Core) bars(f fields) (*market.Instrument, []Candle) {
	in := c.contract(f, "product_type")
	span, known := historySpans[f.word("interval")]
	from, errFrom := time.Parse(time.RFC3339, f.text("from_date"))
	to, errTo := time.Parse(time.RFC3339, f.text("to_date"))
	if in == nil || !known || errFrom != nil || errTo != nil {
		return nil, nil
	}
	bars := c.candles.between(in.ID, span, market.UnixNano(from.UnixNano()), market.UnixNano(to.UnixNano()))
	return in, bars
}

func (c *Core) history1(f fields) Response {
	in, bars := c.bars(f)
	if len(bars) == 0 {
		return refuse(textNoData)
	}
	product, right := words(in)
	rows := make([]historyRow, len(bars))
	for i := range bars {
		b := &bars[i]
		rows[i] = historyRow{
			DateTime: b.stamp(), Stock: in.Underlying, Exchange: in.Exchange, Product: product, Expiry: historyExpiry(in.Expiry, "02-Jan-06"),
			Right: right, Strike: in.Strike.String(), Open: b.Open.String(), High: b.High.String(), Low: b.Low.String(), Close: b.Close.String(),
			Volume: units(b.Volume), OpenInterest: units(b.OpenInterest), Count: b.Count,
		}
	}
	return grant(rows)
}

func (c *Core) history2(query map[string]string) Response {
	f := make(fields, len(query))
	for k, v := range query {
		f[k] = v
	}
	in, bars := c.bars(f)
	if len(bars) == 0 {
		return refuse2(textNoData)
	}
	bars = bars[:min(len(bars), historyLimit)]
	product, right := words(in)
	rows := make([]history2Row, len(bars))
	for i := range bars {
		b := &bars[i]
		rows[i] = history2Row{
			Close: rupees(b.Close), DateTime: b.stamp(), Exchange: in.Exchange, Expiry: historyExpiry(in.Expiry, "02-Jan-2006"),
			High: rupees(b.High), Low: rupees(b.Low), Open: rupees(b.Open), OpenInterest: int64(b.OpenInterest), Product: product,
			Right: right, Stock: in.Underlying, Strike: rupees(in.Strike), Volume: int64(b.Volume),
		}
	}
	return plain(200, envelope2{Status: 200, Success: rows})
}

// envelope2 is version 2's order of keys.
type envelope2 struct {
	Error   *string `json:"Error"`
	Status  int     `json:"Status"`
	Success any     `json:"Success"`
}

func refuse2(text string) Response { return plain(200, envelope2{Error: &text, Status: 500}) }
