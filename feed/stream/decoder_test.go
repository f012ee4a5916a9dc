package stream

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

const (
	quoteText = `["4.1!42505",98,100.05,120,90,1.05,100,650,100.1,1300,65,101.37,4763100,null,70816125,1974300,548625,"38.31C","",0.05,539.15,1795420800,99]`
	indexText = `["4.1!NIFTY 50",26010.7,26012.4,26055.1,25960.2,0.21,null,null,null,null,null,null,null,null,null,null,"+",null,null,1795420800,25957.9]`
	depthText = `["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5,""],[99.95,715,4,"",100.15,1365,6,""],[99.9,780,5,"",100.2,1430,7,""],[99.85,845,6,"",100.25,1495,8,""],[99.8,910,7,"",100.3,1560,9,""]]]`
)

// testUniverse has every token of the recordings and both NIFTY contracts of
// the order notices.
func testUniverse(tb testing.TB) *market.Universe {
	tb.Helper()
	expiry := market.NewDate(2026, 11, 24)
	option := func(token string, strike market.Paise, right market.Right) market.Instrument {
		return market.Instrument{Token: token, LotSize: 65, TickSize: 5, ContractKey: market.ContractKey{
			Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: strike * market.Rupee, Right: right}}
	}
	cash := func(exchange, token, name string) market.Instrument {
		return market.Instrument{Token: token, LotSize: 1, TickSize: 5,
			ContractKey: market.ContractKey{Exchange: exchange, Underlying: name, Kind: market.Index}}
	}
	universe, err := market.NewUniverse([]market.Instrument{
		option("42505", 26000, market.Call), option("42506", 26000, market.Put), option("42507", 26050, market.Call),
		option("42508", 26050, market.Put), option("42510", 26100, market.Call), option("47869", 26100, market.Put),
		{Token: "35001", LotSize: 65, TickSize: 10, ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: expiry}},
		cash("NSE", "NIFTY 50", "NIFTY"), cash("NSE", "2885", "RELIND"), cash("BSE", "543349", "AMIORG"), cash("BSE", "530005", "INDCEM"),
		{Token: "844663", LotSize: 20, TickSize: 5, ContractKey: market.ContractKey{
			Exchange: "BFO", Underlying: "BSESEN", Kind: market.Option, Expiry: expiry, Strike: 85000 * market.Rupee, Right: market.Call}},
	})
	require.NoError(tb, err)
	return universe
}

// agree decodes args both ways and demands the same outcome.
func agree(tb testing.TB, d *Decoder, args []byte) oracleResult {
	tb.Helper()
	want := oracle(d.universe, args)
	var q market.Quote
	var depth market.Depth
	q.Volume, depth.VenueTime, depth.Asks[4].Qty = 7, 7, 7 // left over from another event
	before := string(args)
	kind, err := d.Stock(args, &q, &depth)

	require.Equal(tb, before, string(args), "the decoder wrote to its input")
	switch {
	case want.bad:
		require.ErrorIs(tb, err, ErrMalformed, "%s", args)
		require.Equal(tb, market.NoEvent, kind)
	case want.unknown:
		require.ErrorIs(tb, err, ErrUnknownInstrument, "%s", args)
		require.Equal(tb, market.NoEvent, kind)
	default:
		require.NoError(tb, err, "%s", args)
		require.Equal(tb, want.kind, kind)
		if kind == market.QuoteEvent {
			require.Equal(tb, want.quote, q, "%s", args)
		} else {
			require.Equal(tb, want.depth, depth, "%s", args)
		}
	}
	return want
}

func TestDecoderReadsADerivativeQuote(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var q market.Quote

	kind, err := d.Stock([]byte(quoteText), &q, nil)

	require.NoError(t, err)
	require.Equal(t, market.QuoteEvent, kind)
	require.Equal(t, market.Quote{
		Instrument: d.universe.ByToken([]byte("42505")),
		Open:       9800, Last: 10005, High: 12000, Low: 9000, Bid: 10000, BidQty: 650, Ask: 10010, AskQty: 1300, LastQty: 65,
		Average: 10137, OpenInterest: 4763100, OIChange: 0, Volume: 70816125, TotalBuy: 1974300, TotalSell: 548625,
		BandLow: 5, BandHigh: 53915, LastTrade: 1795420800e9, PrevClose: 9900,
	}, q)
}

func TestDecoderReadsADepth(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var depth market.Depth

	kind, err := d.Stock([]byte(depthText), nil, &depth)

	require.NoError(t, err)
	require.Equal(t, market.DepthEvent, kind)
	require.Equal(t, market.UnixNano(1795420800e9), depth.VenueTime)
	require.Equal(t, market.Level{Price: 10000, Qty: 650, Orders: 3}, depth.Bids[0])
	require.Equal(t, market.Level{Price: 10030, Qty: 1560, Orders: 9}, depth.Asks[4])
}

// Each line is one spelling; the oracle says what it must become.
func TestDecoderAgreesWithTheSchemaOnEveryForm(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	numbers := []string{
		`0`, `-0`, `0.0`, `-0.0`, `1`, `98`, `100.1`, `100.05`, `100.050`, `100.055`, `100.05000000000001`, `99.99999999999999`, `100.0499999999`,
		`100.0500001`, `100.0000009`, `100.00000010`, `0.004`, `0.005`, `0.0051`, `1e2`, `1E+2`, `9.8e1`, `10000e-2`, `1.5e-1`, `1e400`, `1e-400`, `0e9999`, `-0e1`,
		`999999`, `999999.99`, `1000000`, `1234567.89`, `99999999`, `123456789`, `999999999999999`, `1000000000000000`, `1000000000000001`, `12345678901234567890`,
		`1000000000.00`, `1000000000.01`, `999999999.999999999`, `9000000000`, `9000000001`, `-5`, `-5.5`, `01`, `00`, `.5`, `5.`, `1.2.3`, `1e`, `e1`, `+1`, `--1`, `1-2`, `NaN`, `nan`, `Infinity`,
		`-`, `null`, `""`, `"98"`, `"98.5"`, `"-3"`, `"1e1"`, `" 98"`, `"98 "`, `"x"`, `"9\u0038"`, `"01"`, `"\ud800"`, `true`, `false`, `[]`, `{}`, `[1]`, `nul`, `nulll`, `"`, ``, ` 98 `, `1 2`,
		`123456789012345678901234567890123`, `0.00000000000000000000000000000001`, `0.000000000000000000000000000001`, "\"\x01\"", `"38.31C"`, `98,98`, `650.0`, `650.5`,
	}
	outcomes := map[bool]int{}
	for _, text := range []string{
		quoteText, indexText, depthText,
		strings.Replace(quoteText, "4.1!42505", "8.1!844663", 1), strings.Replace(indexText, "4.1!NIFTY 50", "1.1!543349", 1),
		`["1.2!530005",1795420800,[[216.25,1,216.5,12],[216.2,17,216.55,145]]]`,
		`["8.2!844663",1795420800,[[216.25,1,3,216.5,12,4],[216.2,17,5,216.55,145,6]]]`,
		`["2.2!844663",1795420800,[]]`,
	} {
		agree(t, d, []byte(text))
		for _, field := range spans(text) {
			for _, number := range numbers {
				want := agree(t, d, []byte(text[:field[0]]+number+text[field[1]:]))
				outcomes[want.bad]++
			}
		}
	}
	require.Greater(t, outcomes[true], 2000)
	require.Greater(t, outcomes[false], 2000)
}

// spans finds the scalars of a stock event after its symbol.
func spans(text string) (out [][2]int) {
	start, quoted := -1, false
	for i := strings.IndexByte(text, ',') + 1; i < len(text); i++ {
		c := text[i]
		if c == '"' {
			quoted = !quoted
		}
		boundary := !quoted && strings.IndexByte(`,[]`, c) >= 0
		switch {
		case boundary && start >= 0:
			out, start = append(out, [2]int{start, i}), -1
		case !boundary && start < 0:
			start = i
		}
	}
	return out
}

func TestDecoderAgreesWithTheSchemaOnEveryShape(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	for _, text := range []string{
		``, `[`, `]`, `[]`, `{}`, `null`, `1`, `"a"`, `[[]]`, `[null]`, `[1]`, `["4.1!42505"]`, `["4.1!42505",]`, `["4.1!42505"],`,
		quoteText + `x`, quoteText + ` `, ` ` + quoteText, quoteText[:len(quoteText)-1], quoteText[1:], quoteText + quoteText, strings.ReplaceAll(quoteText, ",", " , "),
		strings.Replace(quoteText, `,99]`, `,99,1]`, 1), strings.Replace(quoteText, `,99]`, `]`, 1), strings.Replace(quoteText, `,99]`, `,]`, 1), strings.Replace(quoteText, `,99]`, `,,99]`, 1),
		strings.Replace(quoteText, "4.1!", "4.2!", 1), strings.Replace(quoteText, "4.1!", "4.3!", 1), strings.Replace(quoteText, "4.1!", "13.1!", 1), strings.Replace(quoteText, "4.1!", "0.1!", 1),
		strings.Replace(quoteText, "4.1!", "04.1!", 1), strings.Replace(quoteText, "4.1!", "1.1!", 1), strings.Replace(quoteText, "4.1!", "8.1!", 1), strings.Replace(quoteText, "4.1!", "x.1!", 1),
		strings.Replace(quoteText, "42505", "", 1), strings.Replace(quoteText, "42505", "99999", 1), strings.Replace(quoteText, "42505", `425\u00305`, 1), strings.Replace(quoteText, "42505", `4250\"`, 1),
		strings.Replace(quoteText, "42505", `42505,1`, 1), strings.Replace(quoteText, `""`, `"a,b"`, 1), strings.Replace(quoteText, `""`, `"a]b"`, 1), strings.Replace(quoteText, `""`, `"a\"b"`, 1),
		strings.Replace(quoteText, `""`, `"€"`, 1), strings.Replace(quoteText, `"38.31C"`, `6338.74`, 1), strings.Replace(quoteText, `"4.1!42505"`, `null`, 1), strings.Replace(quoteText, `"4.1!42505"`, `42505`, 1),
		depthText + `]`, strings.Replace(depthText, "4.2!", "4.1!", 1), `["4.2!42505",1795420800,[]]`, `["4.2!42505",1795420800,[],1]`, `["4.2!42505",1795420800]`, `["4.2!42505",1795420800,null]`,
		`["4.2!42505",1795420800,""]`, `["4.2!42505",1795420800,[[]]]`, `["4.2!42505",1795420800,[null]]`, `["4.2!42505",1795420800,[1]]`, `["4.2!42505",null,[]]`, `["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5,""]]]`,
		`["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5,""],[0,0,0,"",0,0,0,""]]]`, `["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5]]]`, `["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5,"",1]]]`,
		`["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5,""],]]`, `["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5,""]]`, `["4.2!42505",1795420800,[[100,650,3,"",100.1,1300,5,""],[100,650,3,"",100.1,1300,5,""]x]]`,
		strings.Replace(depthText, `]]]`, `],[1,1,1,"",1,1,1,""]]]`, 1), strings.Replace(depthText, `""`, `"x"`, 1), strings.Replace(depthText, `""`, `null`, 1), strings.Replace(depthText, `""`, `1`, 1), strings.Replace(depthText, `""`, `[]`, 1),
		`["2026-11-23 10:29:29","2026-11-23 10:29:29","133444","Call Initiated"]`, `["4.1!42505",[1,2],3]`, `["1.2!530005",1795420800,[[216.25,1,216.5,12,1]]]`, `["8.2!844663",1795420800,[[216.25,1,216.5,12]]]`,
		`["4.1!42505"` + strings.Repeat(`,1`, 22) + `]`, `["4.1!42505"` + strings.Repeat(`,null`, 22) + `]`, `["4.1!42505"` + strings.Repeat(`,""`, 22) + `]`, `["4.1!42505"` + strings.Repeat(`,"1"`, 22) + `]`,
		`["4.1!42505"` + strings.Repeat(`,1`, 20) + `]`, `["4.1!42505"` + strings.Repeat(`,1`, 21) + `]`, strings.Repeat(`[`, 50_000), `[[[[]]]]`, `[[[]]]`, `[{"a":[[1]]}]`, strings.Replace(quoteText, `""`, `"[[[["`, 1),
	} {
		agree(t, d, []byte(text))
		for cut := range len(text) {
			if cut < 300 {
				agree(t, d, []byte(text[:cut]))
			}
		}
	}
}

func TestDecoderAgreesWithTheSchemaOnEveryByteFlip(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	for _, text := range []string{quoteText, indexText, depthText} {
		for i := range len(text) {
			for _, c := range []byte("09.,\"[]-e +n\\\x00\x1f") {
				flipped := []byte(text)
				flipped[i] = c
				agree(t, d, flipped)
			}
		}
	}
}

func TestF7_MalformedEventsAreRefusedWithTheirReason(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	refuses := func(text string, element, level int, reason string) {
		t.Helper()
		var q market.Quote
		var depth market.Depth
		kind, err := d.Stock([]byte(text), &q, &depth)
		require.Equal(t, market.NoEvent, kind)
		var fault *DecodeError
		require.ErrorAs(t, err, &fault)
		require.Equal(t, element, fault.Element, fault)
		require.Equal(t, level, fault.Level, fault)
		require.Contains(t, fault.Error(), reason)
	}
	refuses(`{bad`, -1, -1, "not JSON")
	refuses(`["4.1!42505",1,2]`, -1, -1, "3 elements, want 23 or 21")
	refuses(strings.Replace(quoteText, "100.05,", "1e400,", 1), 2, -1, "too large")
	refuses(strings.Replace(quoteText, "100.05,", "NaN,", 1), -1, -1, "not JSON")
	refuses(strings.Replace(quoteText, "100.05,", `"NaN",`, 1), 2, -1, "not a number")
	refuses(strings.Replace(quoteText, "100.05,", "-0,", 1), 2, -1, "minus zero")
	refuses(strings.Replace(quoteText, "100.05,", "100.055,", 1), 2, -1, "finer than a paisa: 100.055")
	refuses(strings.Replace(quoteText, ",650,", ",-650,", 1), 7, -1, "negative")
	refuses(strings.Replace(quoteText, ",650,", ",6.5,", 1), 7, -1, "not a whole number")
	refuses(strings.Replace(depthText, "99.9,", "true,", 1), 2, 2, "not a number: true")
	refuses(strings.Replace(depthText, `[99.9,780,5,"",100.2,1430,7,""]`, `[]`, 1), 2, 2, "a list of 8")
}

func TestDecoderTakesOffTheNoiseOfBinaryFractions(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	reads := func(number string, want market.Paise) {
		t.Helper()
		var q market.Quote
		_, err := d.Stock([]byte(strings.Replace(quoteText, "100.05,", number+",", 1)), &q, nil)
		require.NoError(t, err)
		require.Equal(t, want, q.Last)
	}
	reads("110.05000000000001", 11005)
	reads("110.04999999999999", 11005)
	reads("0.30000000000000004", 30)
	reads("110.0500", 11005)
}

func TestDecoderRoundsOnlyTheAverage(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	for text, want := range map[string]market.Paise{"101.374": 10137, "101.375": 10138, "101.3749999": 10137, "0.0049": 0, "0.005": 1} {
		var q market.Quote
		_, err := d.Stock([]byte(strings.Replace(quoteText, "101.37", text, 1)), &q, nil)
		require.NoError(t, err)
		require.Equal(t, want, q.Average, text)
	}
}

func TestDecoderKnowsATokenOnlyAtItsExchange(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var q market.Quote
	for _, symbol := range []string{"1.1!42505", "8.1!42505", "4.1!543349", "4.1!77777", "13.1!42505"} {
		_, err := d.Stock([]byte(strings.Replace(quoteText, "4.1!42505", symbol, 1)), &q, nil)
		require.ErrorIs(t, err, ErrUnknownInstrument, symbol)
	}
}

func TestDecoderDoesNotAllocate(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	slow := []byte(strings.Replace(quoteText, "100.05,", "1.0005e2,", 1))
	var q market.Quote
	var depth market.Depth
	texts := [][]byte{[]byte(quoteText), []byte(indexText), []byte(depthText), []byte(`["4.2!42505",1795420800,[]]`), slow}
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for _, text := range texts {
			if _, err := d.Stock(text, &q, &depth); err != nil {
				panic(err)
			}
		}
	}))
}

func TestFastPathTakesWhatTheVenueSends(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var q market.Quote
	var depth market.Depth
	body := func(text string) ([]byte, int) {
		b := []byte(text[1 : len(text)-1])
		return b, strings.IndexByte(string(b), ',') + 1
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := randomQuote(random)
		b, i := body(text)
		require.True(t, fastQuote(b, i, &q), text)
		agree(t, d, []byte(text))
		text = randomDepth(random)
		b, i = body(text)
		require.True(t, fastDepth(b, i, &depth), text)
		agree(t, d, []byte(text))
	}
	b, i := body(indexText)
	require.True(t, fastQuote(b, i, &q))
}

// randomQuote has the shape of what the venue sends.
func randomQuote(r *rand.Rand) string {
	price := func() string { return market.Paise(r.Int64N(5_000_000) / 5 * 5).String() }
	oi := [...]string{"null", `""`, "12880", "-4550"}[r.IntN(4)]
	trend := [...]string{"", "+", "-"}[r.IntN(3)]
	return fmt.Sprintf(`["4.1!42505",%s,%s,%s,%s,%.2f,%s,%d,%s,%d,%d,%d.%02d,%d,%s,%d,%d,%d,"%d.%02dC","%s",0.05,%s,%d,%s]`,
		price(), price(), price(), price(), r.Float64()*40-20, price(), r.IntN(9999), price(), r.IntN(99999), r.IntN(999), r.IntN(999), r.IntN(100),
		r.IntN(99999999), oi, r.Int64N(3_000_000_000), r.IntN(9999999), r.IntN(9999999), r.IntN(999), r.IntN(100), trend, price(), 1795420800+r.IntN(20000), price())
}

func randomDepth(r *rand.Rand) string {
	var levels []string
	for range r.IntN(6) {
		levels = append(levels, fmt.Sprintf(`[%s,%d,%d,"",%s,%d,%d,""]`,
			market.Paise(r.IntN(50000)), r.IntN(99999), r.IntN(99), market.Paise(r.IntN(50000)), r.IntN(99999), r.IntN(99)))
	}
	return fmt.Sprintf(`["4.2!42506",%d,[%s]]`, 1795420800+r.IntN(20000), strings.Join(levels, ","))
}

func FuzzStockDecoder(f *testing.F) {
	for _, text := range []string{
		quoteText, indexText, depthText, `["1.2!530005",1795420800,[[216.25,1,216.5,12]]]`, `["8.2!844663",null,[["1",1e1,3,216.5,12,4]]]`,
		strings.Replace(quoteText, "100.05,", `"100.05000000000001",`, 1), `["4.1!42505"` + strings.Repeat(`,""`, 20) + `]`,
	} {
		f.Add([]byte(text))
	}
	d := NewDecoder(testUniverse(f))
	f.Fuzz(func(t *testing.T, args []byte) {
		if utf8.Valid(args) { // the frame layer lets nothing else through
			agree(t, d, args)
		}
	})
}

func BenchmarkDecodeQuote(b *testing.B) { benchmarkDecode(b, randomQuote) }

func BenchmarkDecodeDepth(b *testing.B) {
	benchmarkDecode(b, func(r *rand.Rand) string {
		for {
			if text := randomDepth(r); strings.Count(text, "[") == 7 { // all five levels
				return text
			}
		}
	})
}

func benchmarkDecode(b *testing.B, make func(*rand.Rand) string) {
	random := rand.New(rand.NewPCG(3, 4))
	var texts [1024][]byte // one message repeated would flatter the branch predictor
	bytes := 0
	for i := range texts {
		texts[i] = []byte(make(random))
		bytes += len(texts[i])
	}
	d := NewDecoder(testUniverse(b))
	var q market.Quote
	var depth market.Depth
	b.SetBytes(int64(bytes / len(texts)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := d.Stock(texts[i%len(texts)], &q, &depth); err != nil {
			b.Fatal(err)
		}
	}
}
