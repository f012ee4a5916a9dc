package stream

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// A notice has 47 to 52 elements, and nothing but the message type in element
// 11 tells its layout.
const (
	minNotice = 47
	maxNotice = 52
)

// noticeLayout says where a layout keeps what we read. From element 38 of the
// derivative layout on, names and contents do not agree in captures, so nothing
// there is used: the price of a fill comes from the order's detail or its trades.
type noticeLayout struct {
	exchange, stock, side           int
	limit, status, reference        int
	total, executed, cancelled      int
	expired, trigger                int
	product, right, strike, expires int // of derivatives only
}

var (
	derivativeNotice = noticeLayout{
		exchange: 13, stock: 14, product: 15, right: 16, strike: 18, expires: 19, side: 21, limit: 24, status: 25, reference: 26,
		total: 27, executed: 28, cancelled: 29, expired: 30, trigger: 31,
	}
	cashNotice = noticeLayout{
		exchange: 13, stock: 14, side: 15, limit: 18, status: 20, reference: 23,
		total: 24, executed: 26, cancelled: 27, expired: 28, trigger: 30,
	}
)

// statuses are the letters of the wire.
var statuses = [...]struct {
	letter byte
	status order.Status
}{
	{'R', order.StatusRequested}, {'Q', order.StatusQueued}, {'O', order.StatusOrdered}, {'P', order.StatusPartiallyExecuted},
	{'E', order.StatusExecuted}, {'J', order.StatusRejected}, {'X', order.StatusExpired}, {'B', order.StatusPartiallyExecutedAndExpired},
	{'D', order.StatusPartiallyExecutedAndCancelled}, {'F', order.StatusFreezed}, {'C', order.StatusCancelled},
}

// Order reads an "order" event, of derivatives or of the cash market, into r.
// Money in a notice is paise. Instrument is zero when the contract is not in
// today's universe; Status is StatusUnknown for a letter we do not know; Average
// and Remark are never set: a notice carries neither. The error is a
// *DecodeError. It allocates only for escapes and refusals.
func (d *Decoder) Order(args []byte, r *order.Report) error {
	f := &d.fields
	if fault := f.split(args); fault != "" {
		return &DecodeError{Event: "order", Element: -1, Level: -1, Reason: fault}
	}
	if f.n < minNotice || f.n > maxNotice {
		return &DecodeError{Event: "order", Element: -1, Level: -1, Reason: fmt.Sprintf("%d elements, want %d to %d", f.n, minNotice, maxNotice)}
	}
	layout := &derivativeNotice
	switch f.letter(11) {
	case '6', '7':
	case '4', '5':
		layout = &cashNotice
	default:
		return f.refuse(11, "no message type that we know")
	}

	*r = order.Report{}
	sequence, ok := uint64(0), false
	if text := f.text(6); len(text) > 0 && len(text) <= 18 {
		var n int
		if n, ok = naturals(text); ok {
			sequence = uint64(n)
		}
	}
	if !ok || sequence == 0 {
		return f.refuse(6, "no sequence number")
	}
	r.Sequence = sequence
	id, err := order.ParseVenueID(f.text(layout.reference))
	if err != nil {
		return f.refuse(layout.reference, "no order reference")
	}
	r.VenueID = id
	switch f.letter(layout.side) {
	case 'B':
		r.Side = market.Buy
	case 'S':
		r.Side = market.Sell
	default:
		return f.refuse(layout.side, "neither buy nor sell")
	}
	for _, s := range statuses {
		if s.letter == f.letter(layout.status) {
			r.Status = s.status
		}
	}
	if len(f.text(layout.total)) == 0 {
		return f.refuse(layout.total, "no quantity")
	}
	for _, number := range [...]struct {
		at   int
		into *int64
		max  int64
	}{
		{layout.total, (*int64)(&r.Quantity), maxUnits},
		{layout.executed, (*int64)(&r.Executed), maxUnits},
		{layout.cancelled, (*int64)(&r.Cancelled), maxUnits},
		{layout.expired, (*int64)(&r.Expired), maxUnits},
		{layout.limit, (*int64)(&r.Limit), int64(maxPrice)},
		{layout.trigger, (*int64)(&r.Trigger), int64(maxPrice)},
	} {
		value, fault := f.whole(number.at, number.max)
		if fault != "" {
			return f.refuse(number.at, fault)
		}
		*number.into = value
	}
	return d.contract(layout, r)
}

// contract finds the notice's instrument by what it says of it: a notice
// carries no token.
func (d *Decoder) contract(layout *noticeLayout, r *order.Report) error {
	f := &d.fields
	key := market.ContractKey{
		Exchange:   d.names[string(f.text(layout.exchange))],
		Underlying: d.names[string(f.text(layout.stock))],
		Kind:       market.Index,
	}
	if layout.product != 0 {
		switch f.letter(layout.product) {
		case 'O':
			key.Kind = market.Option
		case 'F':
			key.Kind = market.Future
		default:
			return nil // another product: a report without an instrument
		}
		if key.Expiry = date(f.text(layout.expires)); key.Expiry == 0 {
			return f.refuse(layout.expires, "no expiry date")
		}
	}
	if key.Kind == market.Option {
		strike, fault := f.whole(layout.strike, int64(maxPrice))
		if fault != "" {
			return f.refuse(layout.strike, fault)
		}
		key.Strike = market.Paise(strike)
		switch f.letter(layout.right) {
		case 'C':
			key.Right = market.Call
		case 'P':
			key.Right = market.Put
		default:
			return f.refuse(layout.right, "neither call nor put")
		}
	}
	r.Instrument = d.universe.ByKey(key)
	return nil
}

func (f *fields) refuse(element int, reason string) error {
	return &DecodeError{Event: "order", Element: element, Level: -1, Reason: fmt.Sprintf("%s: %.40q", reason, f.list[element])}
}
