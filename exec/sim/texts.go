package sim

// Texts are the refusals whose real wording nobody outside knows. A client must
// not know them: it has to judge by what it can prove. Each is replaceable.
type Texts struct {
	UnknownContract, MarketOrder, OrderType, Quantity, Price, OffTick, OffLot, Frozen, Band, Protection, Hours, Funds string
	StopPrice, OrderGone, OrderDone, NothingToClose                                                                   string
	PerSecond                                                                                                         string
}

func (t Texts) withDefaults() Texts {
	or(&t.UnknownContract, "Contract details could not be located for the given inputs")
	or(&t.MarketOrder, "Orders at market are not accepted on this channel")
	or(&t.OrderType, "Order type or validity is not permitted for this product")
	or(&t.Quantity, "Quantity entered is not valid")
	or(&t.Price, "Limit rate entered is not valid")
	or(&t.OffTick, "Limit rate should be in multiples of the tick size")
	or(&t.OffLot, "Quantity should be in multiples of the market lot")
	or(&t.Frozen, "Quantity is beyond the single order quantity permitted by the exchange")
	or(&t.Band, "Limit rate is outside the operating range of the day")
	or(&t.Protection, "Limit rate is outside the limit price protection range")
	or(&t.Hours, "Market is closed for this segment at present")
	or(&t.Funds, "Sufficient limits are not available for this order")
	or(&t.StopPrice, "Stop loss trigger price and limit rate do not agree")
	or(&t.OrderGone, "No such order was placed from this account")
	or(&t.OrderDone, "The order can no longer be changed")
	or(&t.NothingToClose, "There is no open position to square off")
	or(&t.PerSecond, "Limit exceed: API call per second:Try after some time")
	return t
}

// The texts clients do know, as collected from users of the real venue.
const (
	textResource     = "Resource not available."
	textResourceBare = "Resource not available"
	textBadSession   = "Invalid session."
	textBadKey       = "Public Key does not exist."
	textChecksum     = "Authentication Fail :: Invalid Checksum."
	textPerMinute    = "Limit exceed: API call per minute:Try after some time"
	textPerDay       = "Limit exceed: API call per day: "
	textNoData       = "No Data Found"
	textBackend      = "Error while calling service, Please contact admin (T2:154)"
	textPlaced       = "Successfully Placed the order"
	textModified     = "Successfully Modified the order"
	textCancelled    = "Your Order Canceled successfully."
)
