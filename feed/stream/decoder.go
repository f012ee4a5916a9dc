package stream

import (
	"bytes"

	"github.com/valyala/fastjson"

	"github.com/vayu-trading/vayu/engine/market"
)

// Decoder turns the one argument of an event into the engine's records. It has
// scratch of its own: one goroutine at a time. What it fills belongs to the
// caller; it keeps nothing of what it is given.
//
// A number of the wire is read by these rules, on the fast path and the slow:
//
//   - null and "" are none, that is zero.
//   - A JSON number in any spelling (98, 98.0, 9.8e1), or the same within a
//     string. Not 01, .5, 1., NaN, minus zero, nor more than 32 bytes.
//   - Prices are exact to the paisa and not negative. The noise of a binary
//     fraction (100.05000000000001) is taken off; see noise. What is finer is
//     refused, never rounded, except the day's average, which is rounded half up.
//   - Quantities, counts and times are whole and not negative, except the change
//     of open interest.
//   - Elements we do not use (percentage, traded value, trend, depth flags) may be
//     any number, string or null.
//
// An event that breaks a rule is refused whole, with a *DecodeError.
type Decoder struct {
	universe  *market.Universe
	exchanges []byte            // by instrument id: the first part of its symbols
	names     map[string]string // underlyings and exchanges, so that a key is found without allocating
	parser    fastjson.Parser   // slow path
	scratch   []byte            // slow path
	fields    fields            // order notices
}

// NewDecoder makes a decoder for the day's instruments.
func NewDecoder(u *market.Universe) *Decoder {
	d := &Decoder{universe: u, exchanges: make([]byte, u.Len()+1), names: make(map[string]string)}
	for i := range u.All() {
		in := u.Get(market.InstrumentID(i + 1))
		d.names[in.Exchange], d.names[in.Underlying] = in.Exchange, in.Underlying
		switch in.Exchange {
		case "NFO", "NSE":
			d.exchanges[in.ID] = 4
		case "BSE":
			d.exchanges[in.ID] = 1
		case "BFO":
			d.exchanges[in.ID] = 8
		default:
			d.exchanges[in.ID] = 0xff // no symbol has it
		}
	}
	return d
}

const second = market.UnixNano(1_000_000_000)

// layout is how many elements a depth level of an exchange has.
type layout int

const (
	noLayout  layout = 0
	nseLevels layout = 8 // rate, quantity, orders, flag; twice
	bfoLevels layout = 6 // rate, quantity, orders; twice
	bseLevels layout = 4 // rate, quantity; twice
)

// layoutOf is the depth layout of an exchange's number; noLayout for one that
// we do not trade.
func layoutOf(exchange byte) layout {
	switch exchange {
	case 4:
		return nseLevels
	case 8, 2:
		return bfoLevels
	case 1:
		return bseLevels
	}
	return noLayout
}

// symbol is "4.1!42505" taken apart.
type symbol struct {
	exchange byte
	level    byte
	token    []byte
}

func parseSymbol(text []byte) (s symbol, ok bool) {
	i := 0
	for ; i < len(text) && i < 2 && text[i] >= '0' && text[i] <= '9'; i++ {
		s.exchange = s.exchange*10 + text[i] - '0'
	}
	if i == 0 || len(text) < i+4 || text[i] != '.' || text[i+2] != '!' {
		return s, false
	}
	s.level, s.token = text[i+1]-'0', text[i+3:]
	return s, s.level == 1 || s.level == 2
}

// lookup finds the instrument of a token at an exchange. Tokens are unique
// within an exchange only, so a token of the right number at the wrong
// exchange is unknown.
func (d *Decoder) lookup(exchange byte, token []byte) market.InstrumentID {
	id := d.universe.ByToken(token)
	if exchange == 2 {
		exchange = 8 // BFO's other number
	}
	if d.exchanges[id] != exchange {
		return 0
	}
	return id
}

// Stock reads a "stock" event: a quote of 23 or 21 elements into q, or a depth
// of 3 into depth, and says which. Recv is left zero for the caller to stamp.
// The error is a *DecodeError or ErrUnknownInstrument; the records are then of
// no use. Hot path: it does not allocate unless it refuses.
func (d *Decoder) Stock(args []byte, q *market.Quote, depth *market.Depth) (market.EventKind, error) {
	n := len(args)
	// The usual symbol is ["4.1!…": one digit of exchange.
	if n > 10 && args[0] == '[' && args[1] == '"' && args[3] == '.' && args[5] == '!' && args[n-1] == ']' {
		body := args[1 : n-1]
		if end := bytes.IndexByte(body[5:min(len(body), 32)], '"') + 5; end > 5 && end+1 < len(body) && body[end+1] == ',' {
			id := d.lookup(args[2]-'0', body[5:end])
			switch {
			case id == 0: // unknown, or escapes in the token
			case args[4] == '1' && fastQuote(body, end+2, q):
				q.Instrument = id
				return market.QuoteEvent, nil
			case args[4] == '2' && args[2] == '4' && fastDepth(body, end+2, depth):
				depth.Instrument = id
				return market.DepthEvent, nil
			}
		}
	}
	return d.slowStock(args, q, depth)
}
