package rest

// Endpoint is one call of the venue's REST interface. Its number is stable
// within a build only.
type Endpoint uint8

// The calls. Detail and list of orders, and of trades, share a path at the
// venue and are told apart by their bodies.
const (
	NoEndpoint Endpoint = iota
	PlaceOrder
	ModifyOrder
	CancelOrder
	OrderDetail
	OrderList
	TradeList
	TradeDetail
	Positions
	Funds
	Margin
	Quotes
	OptionChain
	CustomerDetails
	PreviewOrder
	History
	Endpoints = iota
)

type endpointFacts struct {
	name, method, path string
}

var endpoints = [Endpoints]endpointFacts{
	NoEndpoint:      {"none", "GET", ""},
	PlaceOrder:      {"place_order", "POST", "order"},
	ModifyOrder:     {"modify_order", "PUT", "order"},
	CancelOrder:     {"cancel_order", "DELETE", "order"},
	OrderDetail:     {"order_detail", "GET", "order"},
	OrderList:       {"order_list", "GET", "order"},
	TradeList:       {"trade_list", "GET", "trades"},
	TradeDetail:     {"trade_detail", "GET", "trades"},
	Positions:       {"positions", "GET", "portfoliopositions"},
	Funds:           {"funds", "GET", "funds"},
	Margin:          {"margin", "GET", "margin"},
	Quotes:          {"quotes", "GET", "quotes"},
	OptionChain:     {"option_chain", "GET", "optionchain"},
	CustomerDetails: {"customer_details", "GET", "customerdetails"},
	PreviewOrder:    {"preview_order", "GET", "preview_order"},
	History:         {"history", "GET", "historicalcharts"},
}

func (e Endpoint) facts() *endpointFacts {
	if int(e) >= Endpoints {
		e = NoEndpoint
	}
	return &endpoints[e]
}

// String is the name used in logs and counters.
func (e Endpoint) String() string { return e.facts().name }

// Method is the HTTP method.
func (e Endpoint) Method() string { return e.facts().method }

// Path is the last part of the path.
func (e Endpoint) Path() string { return e.facts().path }

// Write tells whether the call changes something at the venue, so that an
// attempt without evidence must not be repeated. An endpoint that is not of
// the list counts as one.
func (e Endpoint) Write() bool {
	return e == PlaceOrder || e == ModifyOrder || e == CancelOrder || e == NoEndpoint || int(e) >= Endpoints
}
