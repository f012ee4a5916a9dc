package stream

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// notice is the recorded "ordered" notice as elements, to change and join again.
func notice(tb testing.TB) []string {
	tb.Helper()
	p, err := socketio.Parse([]byte(notices(tb)[1]))
	require.NoError(tb, err)
	var elements []string
	require.NoError(tb, json.Unmarshal(p.Data, &elements))
	return elements
}

func joined(elements []string) []byte {
	text, _ := json.Marshal(elements)
	return text
}

func TestOrderReadsADerivativeNotice(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var r order.Report

	require.NoError(t, d.Order(joined(notice(t)), &r))

	id, err := order.ParseVenueID("202611233800017846")
	require.NoError(t, err)
	require.Equal(t, order.Report{
		VenueID: id, Sequence: 2026112301788212, Status: order.StatusOrdered, Instrument: d.universe.ByToken([]byte("42505")),
		Side: market.Sell, Quantity: 130, Limit: 300,
	}, r)
}

func TestOrderToleratesWhatTheWireDoesToItsTexts(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var want, got order.Report
	require.NoError(t, d.Order(joined(notice(t)), &want))
	same := func(text []byte) {
		t.Helper()
		require.NoError(t, d.Order(text, &got))
		require.Equal(t, want, got)
	}
	change := func(at int, text string) []byte {
		elements := notice(t)
		elements[at] = text
		return joined(elements)
	}

	same(change(4, "\x19267"))
	same(change(50, "\x1a"))
	for at := range notice(t) { // padded by blanks and control characters, escaped by JSON
		same(change(at, "\x19 "+notice(t)[at]+"   \x1a"))
	}
	bare := []byte(strings.Replace(string(joined(notice(t))), `"267"`, "\"\x19267\x1a\"", 1)) // and bare, which JSON forbids
	same(bare)
	same([]byte(strings.Replace(string(joined(notice(t))), `"267"`, "\"\x19\\u0041\"", 1)))
	same([]byte(strings.Replace(string(joined(notice(t))), `"130"`, `130`, 1)))
}

func TestOrderUsesNothingOfTheElementsWhoseMeaningIsInDoubt(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var want, got order.Report
	require.NoError(t, d.Order(joined(notice(t)), &want))
	for at := 36; at < len(notice(t)); at++ {
		for _, text := range []string{"*", "", "Y", "1550900.000000", "-1", "x\"y"} {
			elements := notice(t)
			elements[at] = text
			require.NoError(t, d.Order(joined(elements), &got))
			require.Equal(t, want, got, "element %d as %q", at, text)
		}
	}
}

func TestOrderReadsPlaceholdersAsNoneAndDecimalsThatAreWhole(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	elements := notice(t)
	elements[24], elements[28], elements[29], elements[30], elements[31] = "300.000000", "*", "", " * ", "0"
	elements[21], elements[25], elements[16] = "s", "p", "c"
	var r order.Report
	require.NoError(t, d.Order(joined(elements), &r))
	require.Equal(t, market.Paise(300), r.Limit)
	require.Equal(t, market.Sell, r.Side)
	require.Equal(t, order.StatusPartiallyExecuted, r.Status)
	require.NotZero(t, r.Instrument)
	require.Zero(t, r.Executed+r.Cancelled+r.Expired)
}

func TestOrderPassesOnWhatItDoesNotKnow(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var r order.Report
	for at, text := range map[int]string{14: "NIFTY FIN", 13: "BFO", 18: "2600100", 15: "I", 19: "25-Nov-2026"} {
		elements := notice(t)
		elements[at] = text
		require.NoError(t, d.Order(joined(elements), &r))
		require.Zero(t, r.Instrument, "element %d as %q", at, text)
		require.Equal(t, market.Units(130), r.Quantity)
	}
	for _, letter := range []string{"A", "Z", "*", ""} {
		elements := notice(t)
		elements[25] = letter
		require.NoError(t, d.Order(joined(elements), &r))
		require.Equal(t, order.StatusUnknown, r.Status)
	}
	future := notice(t)
	future[15], future[16], future[18] = "F", "*", "0"
	require.NoError(t, d.Order(joined(future), &r))
	require.Equal(t, d.universe.ByToken([]byte("35001")), r.Instrument)
}

func TestF7_OrderRefusesWhatItCannotBeSureOf(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	refuses := func(element int, args []byte) {
		t.Helper()
		var r order.Report
		err := d.Order(args, &r)
		require.ErrorIs(t, err, ErrMalformed)
		var fault *DecodeError
		require.ErrorAs(t, err, &fault)
		require.Equal(t, element, fault.Element, fault)
	}
	for at, texts := range map[int][]string{
		6:  {"", "*", "0", "12a", "-5", "1234567890123456789"},
		11: {"", "*", "8", "66"},
		16: {"", "*", "X", "CE"},
		18: {"x", "-1", "2600000.5", "99999999999999"},
		19: {"", "*", "2026-11-24", "31-Feb-2026", "24-Foo-2026", "24-Nov-26"},
		21: {"", "*", "N", "BS"},
		24: {"x", "3.5", "-300", "1e400"},
		26: {"", "*", "2026 11", "123456789012345678901234"},
		27: {"", "*", "x", "-130", "1.5"},
		28: {"x", "-1"}, 29: {"x"}, 30: {"x"}, 31: {"0.5"},
	} {
		for _, text := range texts {
			elements := notice(t)
			elements[at] = text
			refuses(at, joined(elements))
		}
	}
	refuses(-1, joined(notice(t)[:46]))
	refuses(-1, joined(append(notice(t), "", "")))
	refuses(-1, joined(make([]string, 200)))
	for _, text := range []string{``, `[`, `[]`, `{}`, `null`, `["a"`, `["a",]`, `["a" "b"]`, `[[]]`, `[{}]`, `["\x"]`, `[tru]`, `[01]`, `["a\"]`} {
		refuses(-1, []byte(text))
	}
}

func TestOrderDoesNotAllocate(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	text := joined(notice(t))
	var r order.Report
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if err := d.Order(text, &r); err != nil {
			panic(err)
		}
	}))
}

// Puts any text in any element: what is accepted agrees with encoding/json and
// a plain reading of the layout, and nothing panics.
func FuzzOrderNotice(f *testing.F) {
	for at, text := range map[int]string{4: "\x19267", 24: "300.0", 25: "e", 27: "1e2", 37: "1200000100947912    ", 50: "\x1a"} {
		f.Add(at, text, []byte(`["1","*"]`))
	}
	for _, line := range recording[payloadLine](f, "parsed_payloads.jsonl") {
		if line.Event == "order" {
			f.Add(0, "1", []byte(line.Raw))
		}
	}
	elements := notice(f)
	d := NewDecoder(testUniverse(f))
	f.Fuzz(func(t *testing.T, at int, text string, raw []byte) {
		var r order.Report
		_ = d.Order(raw, &r)
		var list []string
		if utf8.Valid(raw) && json.Unmarshal(raw, &list) == nil && list != nil && len(list) <= maxFields && !strings.Contains(string(raw), "null") && len(list) > 0 {
			require.Empty(t, d.fields.split(raw))
			require.Equal(t, len(list), d.fields.n)
			for i := range list {
				require.Equal(t, list[i], string(d.fields.list[i]))
			}
		}
		if at < 0 || at >= len(elements) || !utf8.ValidString(text) {
			return
		}
		changed := append([]string(nil), elements...)
		changed[at] = text
		if d.Order(joined(changed), &r) != nil {
			return
		}
		plain := func(i int) string {
			text := strings.TrimFunc(changed[i], func(c rune) bool { return c <= ' ' })
			if text == "*" {
				return ""
			}
			return text
		}
		require.Equal(t, plain(26), r.VenueID.String())
		require.Equal(t, strings.EqualFold(plain(21), "B"), r.Side == market.Buy)
		require.GreaterOrEqual(t, min(r.Quantity, r.Executed, r.Cancelled, r.Expired), market.Units(0))
		require.GreaterOrEqual(t, min(r.Limit, r.Trigger), market.Paise(0))
		if at != 27 {
			require.Equal(t, market.Units(130), r.Quantity)
		}
	})
}

func TestCandleRefusesWhatItCannotBeSureOf(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	good := `"NFO,NIFTY,24-Nov-2026,26000.0,CE,100.1,102.3,100.9,101.05,354975,4763100,2026-11-23 10:10:00,1MIN"`
	var c Candle
	require.NoError(t, d.Candle([]byte(good), &c))
	require.Equal(t, d.universe.ByToken([]byte("42505")), c.Instrument)
	require.NoError(t, d.Candle([]byte(strings.Replace(good, "NIFTY", `NI\u0046TY`, 1)), &c))
	require.NotZero(t, c.Instrument)
	require.NoError(t, d.Candle([]byte(strings.Replace(good, "NIFTY", "NIFSEL", 1)), &c))
	require.Zero(t, c.Instrument, "not in the universe")
	for old, replacement := range map[string]string{
		"26000.0": "26000.005", "CE": "XX", "24-Nov-2026": "tomorrow", "100.1": "-1", "102.3": "", "354975": "1.5", "4763100": "x", "2026-11-23 10:10:00": "2026-11-23", "1MIN": "2MIN", "NFO,": "",
	} {
		require.ErrorIs(t, d.Candle([]byte(strings.Replace(good, old, replacement, 1)), &c), ErrMalformed, replacement)
	}
	for _, text := range []string{``, `"`, `""`, `["a"]`, `"a","b"`, `"\x"`, `"` + strings.Repeat(",", 40) + `"`} {
		require.ErrorIs(t, d.Candle([]byte(text), &c), ErrMalformed, text)
	}
}

func FuzzCandle(f *testing.F) {
	for _, line := range recording[payloadLine](f, "parsed_payloads.jsonl") {
		if strings.HasSuffix(line.Event, "SEC") || strings.HasSuffix(line.Event, "MIN") {
			f.Add([]byte(line.Raw))
		}
	}
	d := NewDecoder(testUniverse(f))
	f.Fuzz(func(t *testing.T, args []byte) {
		var c Candle
		if err := d.Candle(args, &c); err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		require.NotZero(t, c.Interval)
		require.NotZero(t, c.Start)
	})
}
