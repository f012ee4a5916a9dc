package stream

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// parsed is one payload and what the official JavaScript client made of it.
type parsed struct {
	Name    string          `json:"name"`
	Event   string          `json:"event"`
	Payload string          `json:"socketio_payload"`
	Raw     json.RawMessage `json:"raw"`
	Client  map[string]any  `json:"js_client_parsed"`
}

func parsedPayloads(tb testing.TB) (list []parsed) {
	tb.Helper()
	file, err := os.Open(filepath.Join("testdata", "parsed_payloads.jsonl"))
	require.NoError(tb, err)
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var p parsed
		require.NoError(tb, json.Unmarshal(scanner.Bytes(), &p))
		list = append(list, p)
	}
	require.NoError(tb, scanner.Err())
	return list
}

// data is the payload's one argument.
func (p *parsed) data(tb testing.TB) []byte {
	tb.Helper()
	packet, err := socketio.Parse([]byte(p.Payload))
	require.NoError(tb, err)
	require.True(tb, packet.Named(p.Event))
	return packet.Data
}

func TestEveryCapturedPayloadMeansWhatTheOfficialClientMadeOfIt(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	seen := map[string]int{}
	for _, p := range parsedPayloads(t) {
		data := p.data(t)
		switch {
		case p.Event == "stock":
			require.JSONEq(t, string(p.Raw), string(data))
			result := agree(t, d, data)
			require.False(t, result.bad || result.unknown, p.Name)
			if result.kind == market.QuoteEvent {
				q := result.quote
				for name, price := range map[string]market.Paise{"last": q.Last, "open": q.Open, "high": q.High, "low": q.Low, "bPrice": q.Bid, "sPrice": q.Ask, "close": q.PrevClose} {
					require.Equal(t, paiseOf(p.Client[name]), price, "%s %s", p.Name, name)
				}
				for name, number := range map[string]market.Units{"bQty": q.BidQty, "sQty": q.AskQty, "ltq": q.LastQty, "ttq": q.Volume, "totalBuyQt": q.TotalBuy, "totalSellQ": q.TotalSell, "OI": q.OpenInterest} {
					require.Equal(t, market.Units(numberOf(p.Client[name])), number, "%s %s", p.Name, name)
				}
			}
		case p.Event == "order":
			var r order.Report
			require.NoError(t, d.Order(data, &r))
			text := func(names ...string) string {
				for _, name := range names {
					if s, ok := p.Client[name].(string); ok {
						return s
					}
				}
				return "0"
			}
			number := func(names ...string) int64 {
				n, err := strconv.ParseInt(text(names...), 10, 64)
				require.NoError(t, err)
				return n
			}
			require.Equal(t, text("orderStatus"), r.Status.String(), p.Name)
			require.Equal(t, text("orderReference"), r.VenueID.String(), p.Name)
			require.Equal(t, text("orderFlow") == "Sell", r.Side == market.Sell, p.Name)
			require.EqualValues(t, number("messageSequence"), r.Sequence, p.Name)
			require.EqualValues(t, number("orderTotalQuantity", "orderQuantity"), r.Quantity, p.Name)
			require.EqualValues(t, number("executedQuantity", "orderExecutedQuantity"), r.Executed, p.Name)
			require.EqualValues(t, number("cancelledQuantity"), r.Cancelled, p.Name)
			require.EqualValues(t, number("expiredQuantity"), r.Expired, p.Name)
			require.EqualValues(t, number("limitRate", "orderLimitRate"), r.Limit, p.Name)
			require.EqualValues(t, number("stopLossTrigger", "orderStopLossTrigger"), r.Trigger, p.Name)
			if in := d.universe.Get(r.Instrument); in.Kind == market.Option {
				require.EqualValues(t, number("strikePrice"), in.Strike, p.Name)
				require.Equal(t, text("optionType") == "Call", in.Right == market.Call, p.Name)
			} else {
				require.Equal(t, "Cash", text("productType"), p.Name)
			}
		default:
			var c Candle
			require.NoError(t, d.Candle(data, &c))
			require.NotZero(t, c.Instrument, p.Name)
			for name, price := range map[string]market.Paise{"low": c.Low, "high": c.High, "open": c.Open, "close": c.Close} {
				require.Equal(t, paiseOf(p.Client[name]), price, "%s %s", p.Name, name)
			}
			require.EqualValues(t, numberOf(p.Client["volume"]), c.Volume, p.Name)
			require.EqualValues(t, numberOf(p.Client["oi"]), c.OpenInterest, p.Name)
			start := time.Unix(0, int64(c.Start)).In(market.IST)
			require.Equal(t, p.Client["datetime"], start.Format(time.DateTime), p.Name)
			require.Equal(t, map[string]time.Duration{"1second": time.Second, "1minute": time.Minute}[p.Client["interval"].(string)], c.Interval)
		}
		seen[p.Event]++
	}
	require.Equal(t, map[string]int{"stock": 11, "order": 11, "1MIN": 1, "1SEC": 2}, seen)
}

// numberOf is a value as the client had it; nothing is zero.
func numberOf(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case string:
		n, _ := strconv.ParseFloat(v, 64)
		return n
	}
	return 0
}

func paiseOf(v any) market.Paise { return market.Paise(numberOf(v)*100 + 0.5) }

func TestF7_BrokenOrderNoticesAreRefusedWithTheirElement(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var elements []any
	for _, p := range parsedPayloads(t) {
		if p.Name == "order_6_P" {
			require.NoError(t, json.Unmarshal(p.Raw, &elements))
		}
	}
	refuses := func(element int, value any, reason string) {
		t.Helper()
		changed := append([]any(nil), elements...)
		changed[element] = value
		text, err := json.Marshal(changed)
		require.NoError(t, err)
		var r order.Report
		err = d.Order(text, &r)
		require.ErrorIs(t, err, ErrMalformed)
		require.ErrorContains(t, err, reason)
	}
	refuses(6, "", "element 6: no sequence number")
	refuses(11, "9", "element 11: no message type")
	refuses(21, "X", "neither buy nor sell")
	refuses(26, "", "no order reference")
	refuses(27, "", "no quantity")
	refuses(27, "-65", "element 27")
	refuses(28, "1.5", "element 28")
	refuses(28, "99999999999999999999", "element 28")
	refuses(19, "32-Foo-2026", "no expiry date")
	refuses(16, "X", "neither call nor put")
	var r order.Report
	for _, text := range []string{``, `[`, `[]`, `{}`, `null`, `["1","*"]`, `[` + strings.Repeat(`"1",`, 60) + `"1"]`, `[[1]]`} {
		require.ErrorIs(t, d.Order([]byte(text), &r), ErrMalformed, text)
	}
}

func TestAnOrderNoticeMayBeSpeltInManyWays(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var plain []byte
	for _, p := range parsedPayloads(t) {
		if p.Name == "order_6_P" {
			plain = p.data(t)
		}
	}
	var want order.Report
	require.NoError(t, d.Order(plain, &want))
	for name, spell := range map[string]func(string) string{
		"spaces between":     func(s string) string { return strings.ReplaceAll(s, `","`, "\" , \r\n\t\"") },
		"padding":            func(s string) string { return strings.ReplaceAll(s, `","`, ` "," `) },
		"control characters": func(s string) string { return strings.ReplaceAll(s, `","`, "\x01\",\"\x02") },
		"escaped characters": func(s string) string { return strings.ReplaceAll(s, `"NIFTY`, `"\u004eIFTY`) },
		"both":               func(s string) string { return strings.ReplaceAll(s, `"NIFTY`, "\"\x01\\u004eIFTY") },
		"bare numbers":       func(s string) string { return strings.ReplaceAll(s, `"130"`, `130`) },
		"nothing as null":    func(s string) string { return strings.ReplaceAll(s, `"*"`, `null`) },
		"small letters":      func(s string) string { return strings.ReplaceAll(s, `"P"`, `"p"`) },
	} {
		text := spell(string(plain))
		require.NotEqual(t, string(plain), text, name)
		var got order.Report
		require.NoError(t, d.Order([]byte(text), &got), "%s: %s", name, text)
		require.Equal(t, want, got, name)
	}
}

func TestF7_BrokenCandlesAreRefused(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var c Candle
	for _, text := range []string{
		``, `"`, `""`, `1`, `"a,b"`, `"NSE,NIFTY,26012.955,1,1,1,0,2026-11-23 10:10:16,1SEC"`, `"NSE,NIFTY,1,1,1,1,-1,2026-11-23 10:10:16,1SEC"`,
		`"NSE,NIFTY,1,1,1,1,0,2026-13-23 10:10:16,1SEC"`, `"NSE,NIFTY,1,1,1,1,0,2026-11-23 10:10:16,2SEC"`, `"NSE,NIFTY,1,1,1,1,0,2026-11-23 10:10:16,1SEC""`,
		`"NFO,NIFTY,24-Nov-2026,26000.0,XX,1,1,1,1,1,1,2026-11-23 10:10:00,1MIN"`, `"` + strings.Repeat(",", 40) + `"`, `"\q"`,
	} {
		require.ErrorIs(t, d.Candle([]byte(text), &c), ErrMalformed, text)
	}
}

func FuzzOrder(f *testing.F) {
	for _, p := range parsedPayloads(f) {
		if p.Event == "order" {
			f.Add([]byte(p.Raw))
		}
	}
	d := NewDecoder(testUniverse(f))
	f.Fuzz(func(t *testing.T, in []byte) {
		var r order.Report
		if err := d.Order(in, &r); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.False(t, r.VenueID.IsZero())
		require.NotZero(t, r.Sequence)
		require.GreaterOrEqual(t, min(r.Quantity, r.Executed, r.Cancelled, r.Expired), market.Units(0))
	})
}

func FuzzCandle(f *testing.F) {
	for _, p := range parsedPayloads(f) {
		if strings.HasPrefix(p.Name, "ohlc") {
			f.Add([]byte(p.Raw))
		}
	}
	d := NewDecoder(testUniverse(f))
	f.Fuzz(func(t *testing.T, in []byte) {
		var c Candle
		if err := d.Candle(in, &c); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.NotZero(t, c.Interval)
		require.GreaterOrEqual(t, min(c.Low, c.High, c.Open, c.Close), market.Paise(0))
	})
}
