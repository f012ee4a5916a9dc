package stream

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// Candle is one bar of the candle stream.
type Candle struct {
	Instrument             market.InstrumentID // zero when it is not in today's universe
	Interval               time.Duration
	Start                  market.UnixNano // whole seconds
	Low, High, Open, Close market.Paise
	Volume                 market.Units
	OpenInterest           market.Units // of derivatives
	Recv                   market.Mono
}

// The intervals are the events' names.
var intervals = [...]struct {
	name   string
	length time.Duration
}{{"1SEC", time.Second}, {"1MIN", time.Minute}, {"5MIN", 5 * time.Minute}, {"30MIN", 30 * time.Minute}}

// interval is the length that a candle event's name says; zero for another name.
func interval(name []byte) time.Duration {
	for _, i := range intervals {
		if i.name == string(name) {
			return i.length
		}
	}
	return 0
}

// Candle reads a candle event: one JSON string of 13 (option), 11 (future) or 9
// (index, share) parts between commas, where low and high come before open and
// close. Recv is left zero. The error is a *DecodeError.
func (d *Decoder) Candle(args []byte, c *Candle) error {
	refuse := func(part int, reason string) error {
		return &DecodeError{Event: "candle", Element: part, Level: -1, Reason: reason}
	}
	if len(args) < 2 || args[0] != '"' || args[len(args)-1] != '"' {
		return refuse(-1, "not a string")
	}
	text := args[1 : len(args)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		var err error
		if d.scratch, err = socketio.AppendUnquoted(d.scratch[:0], text); err != nil {
			return refuse(-1, "a string with a bad escape")
		}
		text = d.scratch
	}
	if bytes.IndexByte(text, '"') >= 0 {
		return refuse(-1, "more than a string")
	}
	var parts [14][]byte
	n := 0
	for rest, more := text, true; more; n++ {
		if n == len(parts) {
			return refuse(-1, "more parts than any layout has")
		}
		parts[n], rest, more = bytes.Cut(rest, comma)
	}

	*c = Candle{}
	key := market.ContractKey{Exchange: d.names[string(parts[0])], Kind: market.Index}
	if n > 1 {
		key.Underlying = d.names[string(bytes.TrimSpace(parts[1]))]
	}
	prices := 2 // index of the first of the four
	switch n {
	case 13:
		key.Kind, prices = market.Option, 5
		strike, fault := priceText(parts[3])
		if fault != "" {
			return refuse(3, fault)
		}
		key.Strike = strike
		switch string(parts[4]) {
		case "CE":
			key.Right = market.Call
		case "PE":
			key.Right = market.Put
		default:
			return refuse(4, fmt.Sprintf("neither CE nor PE: %.20q", parts[4]))
		}
	case 11:
		key.Kind, prices = market.Future, 3
	case 9:
	default:
		return refuse(-1, fmt.Sprintf("%d parts, want 13, 11 or 9", n))
	}
	if n != 9 {
		if key.Expiry = date(parts[2]); key.Expiry == 0 {
			return refuse(2, fmt.Sprintf("no expiry date: %.20q", parts[2]))
		}
	}
	for i, into := range [...]*market.Paise{&c.Low, &c.High, &c.Open, &c.Close} {
		price, fault := priceText(parts[prices+i])
		if fault != "" {
			return refuse(prices+i, fault)
		}
		*into = price
	}
	at := prices + 4
	counts := []*market.Units{&c.Volume, &c.OpenInterest}
	if n == 9 {
		counts = counts[:1]
	}
	for _, into := range counts {
		number, fault := parseDecimal(parts[at])
		if fault == "" {
			var value int64
			value, fault = number.count(maxUnits)
			*into = market.Units(value)
		}
		if fault != "" {
			return refuse(at, fault)
		}
		at++
	}
	if c.Start = moment(parts[at]); c.Start == 0 {
		return refuse(at, fmt.Sprintf("no time: %.30q", parts[at]))
	}
	if c.Interval = interval(parts[at+1]); c.Interval == 0 {
		return refuse(at+1, fmt.Sprintf("no interval that we know: %.10q", parts[at+1]))
	}
	c.Instrument = d.universe.ByKey(key)
	return nil
}

func priceText(text []byte) (market.Paise, string) {
	number, fault := parseDecimal(text)
	if fault != "" {
		return 0, fault
	}
	return number.price()
}

// moment reads "2026-11-23 10:10:14" of India; zero when it is none such.
func moment(text []byte) market.UnixNano {
	t, err := time.ParseInLocation(time.DateTime, string(text), market.IST)
	if err != nil || len(text) != len(time.DateTime) {
		return 0
	}
	return market.UnixNano(t.UnixNano())
}
