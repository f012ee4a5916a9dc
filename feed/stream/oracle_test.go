package stream

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"regexp"
	"strings"

	"github.com/vayu-trading/vayu/engine/market"
)

// The oracle reads a stock event the slow and obvious way: encoding/json for
// the grammar, big.Rat for the numbers, and the schema as the package documents
// it. It shares no code with the decoder.

type oracleResult struct {
	kind    market.EventKind
	quote   market.Quote
	depth   market.Depth
	unknown bool // well formed, but of no instrument we know
	bad     bool
}

type refused struct{}

func oracle(u *market.Universe, args []byte) (result oracleResult) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(refused); !ok {
				panic(r)
			}
			result = oracleResult{bad: true}
		}
	}()
	decoder := json.NewDecoder(bytes.NewReader(args))
	decoder.UseNumber()
	var root any
	must(decoder.Decode(&root) == nil)
	_, err := decoder.Token()
	must(err == io.EOF)
	items, ok := root.([]any)
	must(ok && len(items) > 0)
	text, ok := items[0].(string)
	must(ok)

	parts := symbolForm.FindStringSubmatch(text)
	must(parts != nil)
	exchange, level, token := strings.TrimLeft(parts[1], "0"), parts[2], parts[3]
	width := map[string]int{"4": 8, "1": 4, "8": 6, "2": 6}[exchange]
	if width == 0 {
		return oracleResult{unknown: true}
	}
	id := u.ByToken([]byte(token))
	homes := map[string][]string{"4": {"NFO", "NSE"}, "1": {"BSE"}, "8": {"BFO"}, "2": {"BFO"}}[exchange]
	if id != 0 && !strings.Contains(strings.Join(homes, " "), u.Get(id).Exchange) {
		id = 0
	}
	price := func(v any) market.Paise { return oraclePrice(v) }
	count := func(v any) market.Units { return market.Units(oracleInteger(v, maxUnits, false)) }

	if level == "2" {
		must(len(items) == 3)
		result.kind, result.depth.Instrument = market.DepthEvent, id
		result.depth.VenueTime = market.UnixNano(oracleInteger(items[1], maxSeconds, false)) * 1e9
		levels, ok := items[2].([]any)
		must(ok && len(levels) <= 5)
		for i, raw := range levels {
			l, ok := raw.([]any)
			must(ok && len(l) == width)
			bid, ask := &result.depth.Bids[i], &result.depth.Asks[i]
			half := l[width/2:]
			*bid = market.Level{Price: price(l[0]), Qty: count(l[1])}
			*ask = market.Level{Price: price(half[0]), Qty: count(half[1])}
			if width > 4 {
				bid.Orders = int32(oracleInteger(l[2], maxOrders, false))
				ask.Orders = int32(oracleInteger(half[2], maxOrders, false))
			}
			if width == 8 {
				oracleIgnored(l[3])
				oracleIgnored(half[3])
			}
		}
	} else {
		must(len(items) == 23 || len(items) == 21)
		result.kind = market.QuoteEvent
		tail := items[len(items)-9:]
		result.quote = market.Quote{
			Instrument: id,
			Open:       price(items[1]), Last: price(items[2]), High: price(items[3]), Low: price(items[4]),
			Bid: price(items[6]), BidQty: count(items[7]), Ask: price(items[8]), AskQty: count(items[9]),
			LastQty: count(items[10]), Average: oracleAverage(items[11]),
			Volume: count(tail[0]), TotalBuy: count(tail[1]), TotalSell: count(tail[2]),
			BandLow: price(tail[5]), BandHigh: price(tail[6]),
			LastTrade: market.UnixNano(oracleInteger(tail[7], maxSeconds, false)) * 1e9, PrevClose: price(tail[8]),
		}
		oracleIgnored(items[5])
		oracleIgnored(tail[3])
		oracleIgnored(tail[4])
		if len(items) == 23 {
			result.quote.OpenInterest = count(items[12])
			result.quote.OIChange = market.Units(oracleInteger(items[13], maxUnits, true))
		}
	}
	if id == 0 {
		return oracleResult{unknown: true}
	}
	return result
}

func must(ok bool) {
	if !ok {
		panic(refused{})
	}
}

var symbolForm = regexp.MustCompile(`(?s)^([0-9]{1,2})\.([12])!(.+)$`)

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

func oracleNumber(v any) (*big.Rat, bool) {
	text := ""
	switch v := v.(type) {
	case nil:
		return nil, false
	case json.Number:
		text = string(v)
	case string:
		if text = v; text == "" {
			return nil, false
		}
	default:
		must(false)
	}
	must(len(text) <= 32 && jsonNumber.MatchString(text))
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	digits := strings.TrimLeft(strings.TrimLeft(exponent, "+-"), "0")
	if strings.Trim(mantissa, "-0.") == "" {
		must(text[0] != '-') // minus zero
		return new(big.Rat), true
	}
	if len(digits) > 3 { // beyond any bound, and beyond what big.Rat should be asked for
		must(strings.HasPrefix(exponent, "-"))
		text = mantissa[:strings.IndexAny(mantissa, "123456789")+1] + "e-900"
	}
	number, ok := new(big.Rat).SetString(text)
	must(ok)
	return number, true
}

func oraclePrice(v any) market.Paise {
	number, some := oracleNumber(v)
	if !some {
		return 0
	}
	must(number.Sign() >= 0)
	paise := new(big.Rat).Mul(number, big.NewRat(100, 1))
	floor := new(big.Int).Quo(paise.Num(), paise.Denom())
	rest := new(big.Rat).Sub(paise, new(big.Rat).SetInt(floor))
	switch grain := big.NewRat(1, 100_000); {
	case rest.Cmp(grain) < 0:
	case new(big.Rat).Add(rest, grain).Cmp(big.NewRat(1, 1)) >= 0:
		floor.Add(floor, big.NewInt(1))
	default:
		must(false)
	}
	must(floor.Cmp(big.NewInt(int64(maxPrice))) <= 0)
	return market.Paise(floor.Int64())
}

func oracleAverage(v any) market.Paise {
	number, some := oracleNumber(v)
	if !some {
		return 0
	}
	must(number.Sign() >= 0)
	paise := new(big.Rat).Mul(number, big.NewRat(100, 1))
	paise.Add(paise, big.NewRat(1, 2))
	floor := new(big.Int).Quo(paise.Num(), paise.Denom())
	must(floor.Cmp(big.NewInt(int64(maxPrice))) <= 0)
	return market.Paise(floor.Int64())
}

func oracleInteger(v any, limit int64, signed bool) int64 {
	number, some := oracleNumber(v)
	if !some {
		return 0
	}
	must(number.IsInt() && (signed || number.Sign() >= 0))
	must(new(big.Int).Abs(number.Num()).Cmp(big.NewInt(limit)) <= 0)
	return number.Num().Int64()
}

func oracleIgnored(v any) {
	switch v.(type) {
	case nil, string, json.Number:
	default:
		must(false)
	}
}
