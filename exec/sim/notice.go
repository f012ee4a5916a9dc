package sim

import (
	"strconv"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

var statusLetters = [order.Statuses]string{
	order.StatusUnknown: "*", order.StatusRequested: "R", order.StatusQueued: "Q", order.StatusOrdered: "O",
	order.StatusPartiallyExecuted: "P", order.StatusExecuted: "E", order.StatusRejected: "J", order.StatusExpired: "X",
	order.StatusPartiallyExecutedAndExpired: "B", order.StatusPartiallyExecutedAndCancelled: "D",
	order.StatusFreezed: "F", order.StatusCancelled: "C",
}

// Append writes the notice's argument: 51 strings in the derivatives layout,
// prices in paise, with the noise of the real stream. Elements 38 to 46 carry
// nothing to decide by, as in the captures: 39 is no average, 41 to 43 flip.
func (n *Notice) Append(dst []byte, user string) []byte {
	o, con := &n.Order, n.Contract
	at := n.At.Market.Time()
	date := con.Expiry.Venue()
	today := n.At.Market.Date().Venue()
	product, right := "O", "*"
	switch {
	case con.Kind == market.Future:
		product = "F"
	case con.Right == market.Call:
		right = "C"
	case con.Right == market.Put:
		right = "P"
	}
	flow, kind, validity, layout, limit := "B", "L", "T", "6", o.Price
	if o.Side == market.Sell {
		flow = "S"
	}
	if o.Trigger != 0 {
		kind, layout = "S", "7"
	}
	if o.TIF == order.IOC {
		validity = "I"
	}
	ack, junk := "*", "0.000000"
	if o.Ack != "" {
		ack = o.Ack + "    "
		junk = strconv.FormatInt(int64(n.Sequence%9973)*100, 10) + ".000000"
	}
	noise := func(bit uint) string {
		if n.Sequence>>bit&1 == 1 {
			return "Y"
		}
		return "N"
	}
	paise := func(p market.Paise) string { return strconv.FormatInt(int64(p), 10) }
	units := func(q market.Units) string { return strconv.FormatInt(int64(q), 10) }
	fields := [51]string{
		"1", "*", user, "*", "267", "5", strconv.FormatUint(n.Sequence, 10), at.Format("02-01-2006"), at.Format("15:04:05"),
		"Intraday Calls", "N", layout, "8500000000", con.Exchange, con.Underlying, product, right, "E", paise(con.Strike),
		date, today, flow, kind, validity, paise(limit), statusLetters[o.Status], o.ID,
		units(o.Qty), units(o.Filled), units(o.Cancelled), units(o.Expired), paise(o.Trigger), "N", o.ID[8:10], "WEB", "Y", today,
		ack, "*", junk, paise(o.Average()) + ".000000", noise(0), noise(1), noise(2), "N", "N", "N", "0.000000", "66", "", "",
	}
	dst = append(dst, '[')
	for i, field := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendQuote(dst, field)
	}
	return append(dst, ']')
}
