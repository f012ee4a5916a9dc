package peers

import (
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/risk"
)

var rounds = flag.Int("rounds", 3, "how many rounds TestPeers runs")

// goal is a ratio that the first contestant is to reach over another, or a
// bound on its own time.
type goal struct {
	text  string
	value [2]float64 // of the median round, of the best batches
	least bool       // value is to be at least want; otherwise at most
	want  float64
}

func (g goal) String() string {
	sign := "≤"
	if g.least {
		sign = "≥"
	}
	reached := func(v float64) string {
		if g.least && v < g.want || !g.least && v > g.want {
			return "no "
		}
		return "yes"
	}
	return fmt.Sprintf("%-62s %s %-4g %8.1f %s %8.1f %s", g.text, sign, g.want, g.value[0], reached(g.value[0]), g.value[1], reached(g.value[1]))
}

// Every contestant runs a batch in every round, a different one first each time,
// so that what disturbs the machine disturbs all alike. The table has the median
// batch, the best one, and per-call tails where a clock reading does not drown
// them. Goals are printed, not enforced: a shared machine is no judge.
func TestPeers(t *testing.T) {
	lim, brk, com := limiters(), breakers(), composed()
	floor := clockFloor()
	all := slices.Concat([]contestant{floor}, lim, brk, com)
	times := make([][]float64, len(all))
	const batch = 20_000
	for _, c := range all {
		c.run(batch) // warm
	}
	bad = 0
	calls := 0
	for round := range *rounds {
		for i := range all {
			at := (i + round) % len(all)
			began := time.Now()
			all[at].run(batch)
			times[at] = append(times[at], float64(time.Since(began))/batch)
			calls += batch
		}
	}
	require.Less(t, float64(bad)/float64(calls), 0.001, "a call that is refused is not the call to measure")

	t.Logf("%d rounds of %d calls, GOMAXPROCS %d, %s", *rounds, batch, runtime.GOMAXPROCS(0), runtime.Version())
	t.Logf("%-44s %10s %10s %10s", "ns a call", "median", "best", "p99 batch")
	at := 0
	group := func(name string, n int) [][]float64 {
		t.Log(name)
		part := times[at : at+n]
		for i, s := range part {
			sorted := slices.Sorted(slices.Values(s))
			t.Logf("  %-42s %10.1f %10.1f %10.1f", all[at+i].name, sorted[len(s)/2], sorted[0], sorted[int(math.Ceil(float64(len(s))*0.99))-1])
		}
		at += n
		return part
	}
	one := group("floor", 1)[0]
	l := group("limiter", len(lim))
	b := group("breaker", len(brk))
	c := group("limiter, breaker and retry bookkeeping", len(com))
	w := tails(t)

	t.Logf("%-64s %-6s %12s %12s", "goals", "goal", "median round", "best batches")
	for _, g := range []goal{
		{"limiter: x/time/rate Allow over ours with the caller's clock", ratio(l[2], l[0]), true, 10},
		{"limiter: x/time/rate AllowN over ours, both with the caller's", ratio(l[3], l[0]), true, 2},
		{"limiter: x/time/rate Allow over ours with its own clock", ratio(l[2], l[1]), true, 2},
		{"breaker: sony/gobreaker over ours", ratio(b[1], b[0]), true, 20},
		{"breaker: failsafe-go over ours", ratio(b[2], b[0]), true, 15},
		{"composed: failsafe-go over ours with its own clock", ratio(c[2], c[1]), true, 40},
		{"composed: failsafe-go over ours with the caller's clock", ratio(c[2], c[0]), true, 40},
		{"composed: ours with its own clock over one clock reading", ratio(c[1], one), false, 1.5},
		{"composed: ours with the caller's clock, ns", [2]float64{middleOf(c[0]), slices.Min(c[0])}, false, 10},
		{"whole way with risk and two journal records, p50 ns", [2]float64{w.p50, w.best}, false, 300},
	} {
		t.Log("  " + g.String())
	}
}

type percentiles struct{ best, p50, p99, p999 float64 } // best: the p50 of the best round

// tails times single calls between two clock readings: the whole way with risk
// and the journal, beside the plain one and beside nothing at all.
func tails(t *testing.T) percentiles {
	w := newWhole(t)
	p := newPlain(w)
	own := newOurs()
	safe := composed()[2]
	const each = 2000
	type row struct {
		name        string
		prepare     func()
		call        func() bool
		times, p50s []float64
	}
	run := func(r *row) {
		for range each {
			r.prepare()
			began := time.Now()
			ok := r.call()
			r.times = append(r.times, float64(time.Since(began)))
			require.True(t, ok, r.name)
		}
		r.p50s = append(r.p50s, middleOf(r.times[len(r.times)-each:]))
	}
	rows := []row{
		{name: "nothing, between two clock readings", prepare: func() {}, call: func() bool { return true }},
		{name: "limiter, breaker, retry (caller's clock)", prepare: w.next, call: func() bool { return own.call(w.at.Mono, nothing) == nil }},
		{name: "the same with failsafe-go", prepare: func() {}, call: func() bool { safe.run(1); return true }},
		{name: "whole way: risk, two journal records, gates", prepare: w.next, call: w.send},
		{name: "  of it risk alone", prepare: w.next, call: func() bool {
			_, reason := w.risk.Check(&w.ticket, &w.view, w.at)
			return reason == risk.Pass
		}},
		{name: "  of it one journal record", prepare: w.next, call: func() bool { return w.journal.Append(&w.record, false) }},
		{name: "plain gate: mutex and maps, no journal", prepare: w.next, call: func() bool {
			ok := p.send(&w.ticket, start.Add(time.Duration(w.at.Mono)))
			p.ended(&w.ticket)
			return ok
		}},
	}
	for round := range min(*rounds, 20) {
		for i := range rows {
			run(&rows[(i+round)%len(rows)])
		}
		require.NoError(t, w.journal.Sync())
	}
	t.Log("single calls, each between two clock readings")
	t.Logf("%-44s %10s %10s %10s %14s", "ns a call", "p50", "p99", "p99.9", "p50 best round")
	var out percentiles
	for _, r := range rows {
		slices.Sort(r.times)
		n := len(r.times)
		got := percentiles{slices.Min(r.p50s), r.times[n/2], r.times[n*99/100], r.times[n*999/1000]}
		t.Logf("  %-42s %10.0f %10.0f %10.0f %14.0f", r.name, got.p50, got.p99, got.p999, got.best)
		if r.name[:5] == "whole" {
			out = got
		}
	}
	return out
}

// ratio is a/b: the median of the rounds, and of the best batches.
func ratio(a, b []float64) [2]float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return [2]float64{middleOf(r), slices.Min(a) / slices.Min(b)}
}

func middleOf(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}
