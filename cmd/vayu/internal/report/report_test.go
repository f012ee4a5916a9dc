package report

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func sample() *Document {
	call := market.Instrument{Token: "42501", ContractKey: market.ContractKey{
		Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20260825, Strike: 2420000, Right: market.Call}}
	future := market.Instrument{Token: "35001", ContractKey: market.ContractKey{
		Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: 20260825}}
	return &Document{
		Ticks: 1234567, BookUpdates: 1200000, SessionRenewals: 1,
		Orders:    Orders{Submitted: 12, Accepted: 11, Filled: 9, Cancelled: 2, Rejected: 1},
		Fills:     10,
		Positions: []Position{PositionOf(&call, -75), PositionOf(&future, 75)},
		NetPnL:    -1234567_50, Charges: 40210,
		Latency: Latencies{
			TickToDecision: Latency{P50: 830, P90: 1210, P99: 4120, P999: 31_000, Max: 1_300_000, Count: 9000},
			TickToWire:     Latency{P50: 21_400, P90: 40_000, P99: 99_960, P999: 999_600, Max: 1_000_000_000, Count: 12},
		},
		GC: GC{Cycles: 3, MaxPause: 120_000}, AllocsPerTick: 1.25, Scope: WholeProcessWithVenue,
		Retries:   Retries{Attempts: 15, Retried: 2, Ambiguous: 1, Resolved: 1, Endpoints: map[string]Calls{"place_order": {Attempts: 13, Retried: 1, Delay: 250_000_000}, "order_list": {Attempts: 2, Retried: 1}}},
		Rehearsal: &Rehearsal{Venue: Venue{OrdersAccepted: 11, TicksPublished: 1234567, TicksSynthetic: 1200000}, Tape: "nifty-2026-08-18", Seed: 1},
		Strategy:  "short-straddle", WallSeconds: 20.04, HTTP: "http://127.0.0.1:8420",
	}
}

func TestDocumentHasTheKeysThatScriptsReadAndNoOthers(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sample().WriteJSON(&out))

	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))

	latency := "p50 p90 p99 p999 max count"
	wants := map[string]string{
		"": "ticks book_updates decode_errors feed_gaps reconnects session_renewals orders fills positions net_pnl_paise " +
			"charges_paise latency_ns gc allocs_per_tick allocs_and_gc_scope retries venue strategy tape seed wall_s http",
		"orders":                      "submitted accepted filled cancelled rejected unknown",
		"latency_ns":                  "tick_to_decision tick_to_wire order_ack",
		"latency_ns.tick_to_decision": latency, "latency_ns.tick_to_wire": latency, "latency_ns.order_ack": latency,
		"gc":                            "cycles max_pause_ns",
		"retries":                       "attempts retried throttled ambiguous resolved renewals endpoints",
		"retries.endpoints.place_order": "attempts retried throttled not_sent timed_out ambiguous refused malformed delay_ns",
		"venue":                         "orders_accepted duplicates orphans positions_apart cash_apart_paise ticks_published ticks_synthetic ticks_unheard ticks_lost",
	}
	for place, keys := range wants {
		node := got
		for _, step := range strings.FieldsFunc(place, func(r rune) bool { return r == '.' }) {
			node = node[step].(map[string]any)
		}
		require.ElementsMatch(t, strings.Fields(keys), keysOf(node), place)
	}
	require.Equal(t, map[string]any{"token": "42501", "underlying": "NIFTY", "expiry": "2026-08-25", "strike": 24200.0, "right": "CE", "quantity": -75.0},
		got["positions"].([]any)[0])
	require.InDelta(t, -123456750, got["net_pnl_paise"], 0)
}

func TestRunHasNoVenueTapeOrSeed(t *testing.T) {
	d := sample()
	d.Rehearsal, d.Positions = nil, nil
	var out bytes.Buffer
	require.NoError(t, d.WriteJSON(&out))

	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	for _, key := range []string{"venue", "tape", "seed"} {
		require.NotContains(t, got, key)
	}
	require.Equal(t, []any{}, got["positions"], "a list, never null")
}

func TestDocumentSurvivesWritingAndReading(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sample().WriteJSON(&out))

	var again Document
	require.NoError(t, json.Unmarshal(out.Bytes(), &again))
	require.Equal(t, sample(), &again)
}

func TestSummaryReadsWell(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, sample().WriteSummary(&out))

	want, err := os.ReadFile("testdata/summary.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for _, row := range []struct{ got, want string }{
		{Money(0, true), "₹0.00"}, {Money(5, false), "₹0.05"}, {Money(123456789, true), "+₹12,34,567.89"},
		{Money(-100, false), "−₹1.00"}, {Money(1000_00, false), "₹1,000.00"}, {Money(100000_00, false), "₹1,00,000.00"},
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(-1234567), "−1,234,567"},
		{Span(0), "0ns"}, {Span(999), "999ns"}, {Span(1000), "1.00µs"}, {Span(99_960), "100µs"}, {Span(999_600), "1.00ms"}, {Span(-5), "−5ns"},
		{Span(12_345_678), "12.3ms"}, {Span(2_500_000_000), "2.50s"},
		{Clock(7 * time.Second), "7s"}, {Clock(245 * time.Second), "4m05s"}, {Clock(23*time.Hour + 55*time.Minute), "23h55m"}, {Clock(-time.Second), "−1s"},
	} {
		require.Equal(t, row.want, row.got)
	}
}

func TestLineOnATerminalIsRedrawnAndCutToItsWidth(t *testing.T) {
	var out bytes.Buffer
	l := &Line{out: &out, terminal: true, width: func() int { return 40 }}
	status := Status{At: market.Stamp{Market: market.NewDate(2026, 8, 18).At(10 * time.Hour)}, Phase: "open", TicksPerSecond: 1500}

	l.Show(status)
	_, err := l.Write([]byte("a log line\n"))
	require.NoError(t, err)
	l.Done()

	line := "10:00:00 open | 1,500 ticks/s | 0 posi…"
	require.Equal(t, eraseLine+line+eraseLine+"a log line\n"+line+eraseLine, out.String())
}

func TestLineElsewhereSpeaksEveryTenSeconds(t *testing.T) {
	var out bytes.Buffer
	l := NewLine(&out)
	for i := range 25 {
		l.Show(Status{At: market.Stamp{Mono: market.Mono(i) * market.Mono(time.Second)}, Phase: "open", TickToWire: Latency{P50: 1500, P99: 9000, Count: 3}})
	}
	l.Done()

	require.Equal(t, 3, strings.Count(out.String(), "\n"))
	require.NotContains(t, out.String(), "\x1b")
	require.Contains(t, out.String(), "tick to wire p50 1.50µs p99 9.00µs")
}

func TestLineSaysFirstThatTradingStopped(t *testing.T) {
	s := Status{Kill: "cancel all"}
	require.True(t, strings.HasPrefix(s.String(), "TRADING STOPPED (cancel all)"))
}

func keysOf(m map[string]any) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
