package gateway

import (
	"flag"
	"fmt"
	"hash/fnv"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

var (
	simSeeds = flag.Int("seeds", 800, "how many worlds TestNoFaultMakesADuplicateOrLosesAnOrder simulates")
	simSeed  = flag.Uint64("seed", 0, "the one world to simulate, told step by step")
)

// TestNoFaultMakesADuplicateOrLosesAnOrder runs the core in seeded worlds, each
// with a random mix of faults, then heals the world and asserts that all is as
// the venue knows it. A failing seed is simulated again, step by step, with
// -seed.
func TestNoFaultMakesADuplicateOrLosesAnOrder(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed, t.Logf)
		return
	}
	var sum Stats
	placed, accepted := 0, 0
	for seed := uint64(1); seed <= uint64(*simSeeds); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := simulate(t, seed, func(string, ...any) {})
			sum.Ambiguous += w.core.stats.Ambiguous
			sum.Resolved += w.core.stats.Resolved
			sum.Adopted += w.core.stats.Adopted
			sum.Renewals += w.core.stats.Renewals
			sum.Throttled += w.core.stats.Throttled
			sum.External += w.core.stats.External
			placed += len(w.placed)
			accepted += len(w.byIntent)
		})
	}
	t.Logf("%d seeds: %d intents, %d orders at the venue, %d ambiguous, %d resolved, %d adopted late, %d renewals, %d throttles, %d external",
		*simSeeds, placed, accepted, sum.Ambiguous, sum.Resolved, sum.Adopted, sum.Renewals, sum.Throttled, sum.External)
	require.Positive(t, sum.Ambiguous)
	require.Positive(t, sum.Adopted)
	require.Positive(t, sum.External)
}

func simulate(t *testing.T, seed uint64, trace func(string, ...any)) *world {
	w := newWorld(t, seed, nil)
	w.trace = trace
	w.core.config.Lenient = w.chance(0.3)
	w.echo = w.chance(0.5)
	c := &w.chances
	for _, p := range []*float64{
		&c.notSent, &c.lostRequest, &c.lostAnswer, &c.slowArrival, &c.lateAnswer, &c.oddAnswer, &c.throttle, &c.refuse, &c.auth,
		&c.readFails, &c.listPartial, &c.listShrinks, &c.listEmpty, &c.listLags, &c.noticeLost, &c.noticeTwice, &c.noticeLate,
		&c.streamGap, &c.deafCancel, &c.cannotRecord,
	} {
		// Each seed has some of the faults, each rare or frequent.
		if w.chance(0.35) {
			*p = []float64{0.02, 0.1, 0.3}[w.rng.IntN(3)]
		}
	}
	c.auth /= 10
	c.throttle /= 2
	w.begin()
	w.strategy()
	w.run(w.now + 120*second)

	*c = chances{}
	w.step(&Event{Kind: OperatorEvent})
	w.renew()
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap})
	w.run(w.now + 240*second)
	if level := w.gate.Level(); level >= risk.CancelAll {
		for _, v := range w.orders {
			require.True(t, v.stranger || v.report.Status.Terminal(), "order %d works on under a kill level", v.intent)
		}
	}
	w.quiet()
	return w
}

func TestTheSameSeedMakesTheSameWorld(t *testing.T) {
	told := func(seed uint64) uint64 {
		h := fnv.New64a()
		simulate(t, seed, func(format string, args ...any) { fmt.Fprintf(h, format, args...) })
		return h.Sum64()
	}
	for seed := uint64(1); seed <= 30; seed++ {
		require.Equal(t, told(seed), told(seed))
	}
}

// strategy places, modifies and cancels at random, and now and then somebody
// else trades on the account, the stream breaks, or a kill level is raised.
func (w *world) strategy() {
	pause := 8 * second
	if w.chance(0.1) {
		pause = 300 * ms // more than the limits let through
	}
	for at := market.Mono(0); at < 100*second; at += w.between(50*ms, pause) {
		w.after(at, func() {
			t := w.ticket()
			t.Instrument = market.InstrumentID(1 + w.rng.IntN(3))
			t.Side = []market.Side{market.Buy, market.Sell}[w.rng.IntN(2)]
			t.Lots = market.Lots(1 + w.rng.IntN(2))
			t.Price = market.Paise(10000 + 5*w.rng.IntN(4))
			id := w.place(t)
			if w.chance(0.5) {
				w.after(w.between(0, 10*second), func() { w.ask(order.CancelOne, id, 0) })
			}
			if w.chance(0.3) {
				w.after(w.between(0, 10*second), func() { w.ask(order.Modify, id, market.Paise(9950+5*w.rng.IntN(4))) })
			}
		})
		w.after(at+w.between(0, 5*second), w.trades)
	}
	for range 2 {
		if w.chance(0.2) {
			w.after(w.between(0, 100*second), w.somebody)
		}
	}
	for at := market.Mono(0); at < 100*second; at += 10 * second {
		if w.chance(w.chances.streamGap) {
			w.after(at, func() {
				w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
				w.after(w.between(0, 4*second), func() { w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive}) })
			})
		}
	}
	if w.chance(0.1) {
		level := []risk.Level{risk.Reducing, risk.CancelAll, risk.FlattenAll}[w.rng.IntN(3)]
		w.after(w.between(10*second, 100*second), func() { w.step(&Event{Kind: KillEvent, Level: level, Text: "drill"}) })
	}
}

// trades fills a part of some order.
func (w *world) trades() {
	if len(w.orders) == 0 {
		return
	}
	v := w.orders[w.rng.IntN(len(w.orders))]
	w.fill(v, lot)
}

// somebody trades by hand on the same account.
func (w *world) somebody() {
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Buy, Quantity: 3 * lot, Limit: 10500})
	v.stranger = true
	w.after(second, func() { w.fill(v, 3*lot) })
}
