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
)

var rounds = flag.Int("rounds", 3, "how many rounds TestPeers runs")

// goal is a ratio that the first contestant is to reach over another, or a
// bound on its own time.
type goal struct {
	text  string
	value float64
	least bool // value is to be at least want; otherwise at most
	want  float64
}

func (g goal) String() string {
	reached, sign := "reached", "≤"
	if g.least {
		sign = "≥"
	}
	if g.least && g.value < g.want || !g.least && g.value > g.want {
		reached = "NOT reached"
	}
	return fmt.Sprintf("%-64s %8.1f   goal %s %g   %s", g.text, g.value, sign, g.want, reached)
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

	t.Log("goals; ratios are medians of the rounds' own")
	for _, g := range []goal{
		{"limiter: x/time/rate Allow over ours with the caller's clock", ratio(l[2], l[0]), true, 10},
		{"limiter: x/time/rate AllowN over ours, both with the caller's", ratio(l[3], l[0]), true, 2},
		{"limiter: x/time/rate Allow over ours with its own clock", ratio(l[2], l[1]), true, 2},
		{"breaker: sony/gobreaker over ours", ratio(b[1], b[0]), true, 20},
		{"breaker: failsafe-go over ours", ratio(b[2], b[0]), true, 15},
		{"composed: failsafe-go over ours with its own clock", ratio(c[2], c[1]), true, 40},
		{"composed: failsafe-go over ours with the caller's clock", ratio(c[2], c[0]), true, 40},
		{"composed: ours with its own clock over one clock reading", ratio(c[1], one), false, 1.5},
		{"composed: ours with the caller's clock, ns", middleOf(c[0]), false, 10},
		{"whole way with risk and two journal records, p50 ns", w.p50, false, 300},
	} {
		t.Log("  " + g.String())
	}
}

type percentiles struct{ p50, p99, p999 float64 }

// tails times single calls between two clock readings: the whole way with risk
// and the journal, beside the plain one and beside nothing at all.
func tails(t *testing.T) percentiles {
	w := newWhole(t)
	p := newPlain(w)
	own := newOurs()
	safe := composed()[2]
	const each = 2000
	one := func(name string, prepare func(), call func() bool, into *[]float64) {
		for range each {
			prepare()
			began := time.Now()
			ok := call()
			*into = append(*into, float64(time.Since(began)))
			require.True(t, ok, name)
		}
	}
	rows := []struct {
		name    string
		prepare func()
		call    func() bool
		times   []float64
	}{
		{name: "nothing, between two clock readings", prepare: func() {}, call: func() bool { return true }},
		{name: "limiter, breaker, retry (caller's clock)", prepare: w.next, call: func() bool { return own.call(w.at.Mono, nothing) == nil }},
		{name: "the same with failsafe-go", prepare: func() {}, call: func() bool { safe.run(1); return true }},
		{name: "whole way: risk, two journal records, gates", prepare: w.next, call: w.send},
		{name: "plain gate: mutex and maps, no journal", prepare: w.next, call: func() bool {
			ok := p.send(&w.ticket, start.Add(time.Duration(w.at.Mono)))
			p.ended(&w.ticket)
			return ok
		}},
	}
	for round := range min(*rounds, 20) {
		for i := range rows {
			r := &rows[(i+round)%len(rows)]
			one(r.name, r.prepare, r.call, &r.times)
		}
		require.NoError(t, w.journal.Sync())
	}
	t.Log("single calls, each between two clock readings")
	t.Logf("%-44s %10s %10s %10s", "ns a call", "p50", "p99", "p99.9")
	var out percentiles
	for _, r := range rows {
		slices.Sort(r.times)
		n := len(r.times)
		got := percentiles{r.times[n/2], r.times[n*99/100], r.times[n*999/1000]}
		t.Logf("  %-42s %10.0f %10.0f %10.0f", r.name, got.p50, got.p99, got.p999)
		if r.name[:5] == "whole" {
			out = got
		}
	}
	return out
}

// ratio is the median of the rounds' a/b.
func ratio(a, b []float64) float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return middleOf(r)
}

func middleOf(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}
