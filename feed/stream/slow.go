package stream

import (
	"fmt"

	"github.com/valyala/fastjson"

	"github.com/vayu-trading/vayu/engine/market"
)

// reading is an event's list of JSON values that is being read under the
// schema. The first fault sticks.
type reading struct {
	d       *Decoder
	items   []*fastjson.Value
	element int // in the event's array
	level   int // in a depth's list of levels, or -1
	fault   string
}

func (r *reading) refuse(fault string, v *fastjson.Value) {
	if r.fault == "" {
		if v != nil {
			r.d.scratch = v.MarshalTo(r.d.scratch[:0])
			fault = fmt.Sprintf("%s: %.40s", fault, r.d.scratch)
		}
		r.fault = fault
	}
}

// number reads the element at i. null and "" are none; a number may be written
// as a string.
func (r *reading) number(i int) (number decimal, some bool) {
	v := r.items[i]
	if r.fault == "" {
		if r.level < 0 {
			r.element = i
		}
	}
	var text []byte
	switch v.Type() {
	case fastjson.TypeNull:
		return number, false
	case fastjson.TypeNumber:
		r.d.scratch = v.MarshalTo(r.d.scratch[:0])
		text = r.d.scratch
	case fastjson.TypeString:
		text, _ = v.StringBytes()
		if len(text) == 0 {
			return number, false
		}
	default:
		r.refuse("not a number", v)
		return number, false
	}
	number, fault := parseDecimal(text)
	if fault != "" {
		r.refuse(fault, v)
		return number, false
	}
	return number, true
}

func (r *reading) price(i int) market.Paise {
	number, some := r.number(i)
	if !some {
		return 0
	}
	price, fault := number.price()
	if fault != "" {
		r.refuse(fault, r.items[i])
	}
	return price
}

func (r *reading) average(i int) market.Paise {
	number, some := r.number(i)
	if !some {
		return 0
	}
	price, fault := number.average()
	if fault != "" {
		r.refuse(fault, r.items[i])
	}
	return price
}

func (r *reading) count(i int, limit int64) int64 {
	number, some := r.number(i)
	if !some {
		return 0
	}
	count, fault := number.count(limit)
	if fault != "" {
		r.refuse(fault, r.items[i])
	}
	return count
}

func (r *reading) units(i int) market.Units { return market.Units(r.count(i, maxUnits)) }

func (r *reading) signed(i int) market.Units {
	number, some := r.number(i)
	if !some {
		return 0
	}
	value, fault := number.integer(maxUnits)
	if fault != "" {
		r.refuse(fault, r.items[i])
	}
	return market.Units(value)
}

func (r *reading) seconds(i int) market.UnixNano {
	return market.UnixNano(r.count(i, maxSeconds)) * second
}

// ignored is an element that we do not use: any number, string or null.
func (r *reading) ignored(i int) {
	switch v := r.items[i]; v.Type() {
	case fastjson.TypeNull, fastjson.TypeNumber, fastjson.TypeString:
	default:
		if r.level < 0 {
			r.element = i
		}
		r.refuse("not a number, a string or null", v)
	}
}

// slowStock reads a stock event with fastjson: every form the fast path leaves,
// and the reason of every refusal.
func (d *Decoder) slowStock(args []byte, q *market.Quote, depth *market.Depth) (market.EventKind, error) {
	refuse := func(element int, reason string) (market.EventKind, error) {
		return market.NoEvent, &DecodeError{Event: "stock", Element: element, Level: -1, Reason: reason}
	}
	// fastjson's errors grow with the square of the nesting: a message of nothing
	// but brackets would cost seconds. No event is deeper than three.
	if deeper(args, 3) {
		return refuse(-1, "nested too deep")
	}
	// The parser is lenient in strings and numbers; the validator is strict.
	if err := fastjson.ValidateBytes(args); err != nil {
		return refuse(-1, "not JSON")
	}
	root, err := d.parser.ParseBytes(args)
	if err != nil {
		return refuse(-1, "not JSON")
	}
	items, err := root.Array()
	if err != nil || len(items) == 0 {
		return refuse(-1, "not an array")
	}
	text, err := items[0].StringBytes()
	if err != nil {
		return refuse(0, "the symbol is not a string")
	}
	symbol, ok := parseSymbol(text)
	if !ok {
		return refuse(0, fmt.Sprintf("%.40q is not a symbol of level 1 or 2", text))
	}
	r := reading{d: d, items: items, level: -1}
	id := d.lookup(symbol.exchange, symbol.token)
	kind := market.QuoteEvent
	switch {
	case layoutOf(symbol.exchange) == noLayout:
		return market.NoEvent, ErrUnknownInstrument
	case symbol.level == 2:
		kind = market.DepthEvent
		if len(items) != 3 {
			return refuse(-1, fmt.Sprintf("a depth of %d elements, want 3", len(items)))
		}
		r.depth(layoutOf(symbol.exchange), depth)
		depth.Instrument = id
	case len(items) == 23 || len(items) == 21:
		r.quote(q)
		q.Instrument = id
	default:
		return refuse(-1, fmt.Sprintf("a quote of %d elements, want 23 or 21", len(items)))
	}
	if r.fault != "" {
		return market.NoEvent, &DecodeError{Event: "stock", Element: r.element, Level: r.level, Reason: r.fault}
	}
	if id == 0 {
		return market.NoEvent, ErrUnknownInstrument
	}
	return kind, nil
}

// deeper tells whether arrays or objects nest deeper than the limit.
func deeper(text []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > limit {
				return true
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return false
}

func (r *reading) quote(q *market.Quote) {
	*q = market.Quote{
		Open: r.price(1), Last: r.price(2), High: r.price(3), Low: r.price(4),
		Bid: r.price(6), BidQty: r.units(7), Ask: r.price(8), AskQty: r.units(9),
		LastQty: r.units(10), Average: r.average(11),
	}
	r.ignored(5) // change in percent
	i := 12
	if len(r.items) == 23 {
		q.OpenInterest, q.OIChange = r.units(12), r.signed(13)
		i = 14
	}
	q.Volume, q.TotalBuy, q.TotalSell = r.units(i), r.units(i+1), r.units(i+2)
	r.ignored(i + 3) // value traded, as a text with a suffix
	r.ignored(i + 4) // trend
	q.BandLow, q.BandHigh = r.price(i+5), r.price(i+6)
	q.LastTrade, q.PrevClose = r.seconds(i+7), r.price(i+8)
}

func (r *reading) depth(layout layout, d *market.Depth) {
	*d = market.Depth{VenueTime: r.seconds(1)}
	if r.fault != "" {
		return
	}
	r.element = 2
	levels, err := r.items[2].Array()
	if err != nil || len(levels) > market.Levels {
		r.refuse("not a list of up to 5 levels", nil)
		return
	}
	for n, level := range levels {
		r.level = n
		items, err := level.Array()
		if err != nil || len(items) != int(layout) {
			r.refuse(fmt.Sprintf("a level that is not a list of %d", layout), level)
			return
		}
		r.items = items
		bid, ask := &d.Bids[n], &d.Asks[n]
		switch layout {
		case nseLevels:
			*bid = market.Level{Price: r.price(0), Qty: r.units(1), Orders: int32(r.count(2, maxOrders))}
			r.ignored(3)
			*ask = market.Level{Price: r.price(4), Qty: r.units(5), Orders: int32(r.count(6, maxOrders))}
			r.ignored(7)
		case bfoLevels:
			*bid = market.Level{Price: r.price(0), Qty: r.units(1), Orders: int32(r.count(2, maxOrders))}
			*ask = market.Level{Price: r.price(3), Qty: r.units(4), Orders: int32(r.count(5, maxOrders))}
		case bseLevels:
			*bid = market.Level{Price: r.price(0), Qty: r.units(1)}
			*ask = market.Level{Price: r.price(2), Qty: r.units(3)}
		}
		if r.fault != "" {
			return
		}
	}
}
