package breaker

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"pgregory.net/rapid"
)

const second = market.Mono(time.Second)

func newBreaker() *Breaker { return New(rand.New(rand.NewPCG(1, 2))) }

func (b *Breaker) feed(t require.TestingT, n int, outcome Outcome, now market.Mono) {
	for range n {
		g, ok := b.Allow(now)
		require.True(t, ok)
		b.Record(g, outcome, now)
	}
}

func opened(t *testing.T) *Breaker {
	b := newBreaker()
	b.feed(t, 5, Failure, second)
	require.Equal(t, Open, b.State())
	return b
}

func TestFiveFailuresInARowOpen(t *testing.T) {
	b := newBreaker()
	b.feed(t, 4, Failure, second)
	b.feed(t, 1, Success, second)
	b.feed(t, 4, Failure, second)
	require.Equal(t, Closed, b.State())

	b.feed(t, 1, Failure, second)

	state, cause, _ := b.Load()
	require.Equal(t, Open, state)
	require.Equal(t, Consecutive, cause)
	_, ok := b.Allow(second)
	require.False(t, ok)
}

func TestHalfOfTenCallsFailingOpens(t *testing.T) {
	b := newBreaker()
	for range 4 {
		b.feed(t, 1, Success, second)
		b.feed(t, 1, Failure, second)
	}
	b.feed(t, 1, Success, second)
	require.Equal(t, Closed, b.State())
	b.feed(t, 1, Failure, second)
	_, cause, _ := b.Load()
	require.Equal(t, Ratio, cause)
}

func TestOldFailuresLeaveTheWindow(t *testing.T) {
	b := newBreaker()
	for i := range 9 {
		b.feed(t, 1, []Outcome{Failure, Success}[i%2], second)
	}
	b.feed(t, 1, Success, 12*second)
	b.feed(t, 1, Failure, 12*second)
	require.Equal(t, Closed, b.State())
}

func TestSlowAnswersOpen(t *testing.T) {
	b := newBreaker()
	b.feed(t, 5, Success, second)
	b.feed(t, 5, Slow, second)
	_, cause, _ := b.Load()
	require.Equal(t, Slowness, cause)
}

func TestRefusalsForBusinessSessionOrRateAreNeutral(t *testing.T) {
	b := newBreaker()
	b.feed(t, 4, Failure, second)
	b.feed(t, 100, Neutral, second)
	require.Equal(t, Closed, b.State())
	b.feed(t, 1, Failure, second)
	require.Equal(t, Open, b.State())
}

func TestHalfOpenAdmitsOneProbeAndTwoSuccessesClose(t *testing.T) {
	b := opened(t)
	_, ok := b.Probe(second)
	require.False(t, ok, "still open")
	now := b.Advance(second)
	require.GreaterOrEqual(t, now, second+5*second/2)
	require.LessOrEqual(t, now, second+5*second)

	g, ok := b.Probe(now)
	require.True(t, ok)
	_, again := b.Probe(now)
	require.False(t, again, "one at a time")
	_, allowed := b.Allow(now)
	require.False(t, allowed, "never an order")
	b.Probed(g, Success, now)
	require.Equal(t, HalfOpen, b.State())

	g, ok = b.Probe(now)
	require.True(t, ok)
	b.Probed(g, Success, now)

	require.Equal(t, Closed, b.State())
}

func TestAFailedOrHungProbeOpensAgainAndLonger(t *testing.T) {
	b := opened(t)
	now := b.Advance(second)
	g, _ := b.Probe(now)
	b.Probed(g, Failure, now)
	require.Equal(t, Open, b.State())
	require.GreaterOrEqual(t, b.Advance(now)-now, 5*second)

	now = b.Advance(now)
	g, ok := b.Probe(now)
	require.True(t, ok)
	now = b.Advance(now)
	b.Advance(now)
	require.Equal(t, Open, b.State(), "two seconds without an answer")
	before := b.generation
	b.Probed(g, Success, now)
	require.Equal(t, before, b.generation, "its late answer is of an older generation")
}

func TestANeutralProbeFreesItsPlace(t *testing.T) {
	b := opened(t)
	now := b.Advance(second)
	g, _ := b.Probe(now)
	b.Probed(g, Neutral, now)
	_, ok := b.Probe(now)
	require.True(t, ok)
}

func TestTheTimeOpenGrowsToAMinuteAndAHealthyMinuteForgets(t *testing.T) {
	b := opened(t)
	now := second
	for range 8 {
		until := b.Advance(now)
		require.LessOrEqual(t, until-now, 60*second)
		now = until
		g, _ := b.Probe(now)
		b.Probed(g, Failure, now)
	}
	for range 2 {
		now = max(b.Advance(now), now)
		g, ok := b.Probe(now)
		require.True(t, ok)
		b.Probed(g, Success, now)
	}
	require.Equal(t, Closed, b.State())
	now += 61 * second
	b.feed(t, 1, Success, now)
	b.feed(t, 5, Failure, now)
	require.LessOrEqual(t, b.Advance(now)-now, 5*second)
}

func TestCancelsBypassAtOneASecond(t *testing.T) {
	b := opened(t)
	passed := 0
	for now := second; now < 6*second; now += second / 10 {
		if b.Bypass(now) {
			passed++
		}
	}
	require.Equal(t, 5, passed)
	require.True(t, newBreaker().Bypass(0))
}

func TestResultsOfAnOlderGenerationAreIgnored(t *testing.T) {
	b := newBreaker()
	old, _ := b.Allow(0)
	b.feed(t, 5, Failure, second)
	now := b.Advance(second)
	b.Advance(now)
	for range 2 {
		g, _ := b.Probe(now)
		b.Probed(g, Success, now)
	}
	for range 20 {
		b.Record(old, Failure, now)
	}
	require.Equal(t, Closed, b.State())
}

func TestBreakerNeverHasTwoProbesAndClosesInBoundedTimeAfterHealing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b, now := New(rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))), second
		for range 300 {
			now += market.Mono(rapid.Int64Range(0, int64(3*time.Second)).Draw(r, "step"))
			b.Advance(now)
			outcome := Outcome(rapid.IntRange(0, 3).Draw(r, "outcome"))
			if g, ok := b.Allow(now); ok {
				b.Record(g, outcome, now)
				continue
			}
			if g, ok := b.Probe(now); ok {
				_, second := b.Probe(now)
				require.False(r, second)
				b.Probed(g, outcome, now)
			}
		}
		for healed := now; b.State() != Closed; now += second / 2 {
			require.Less(r, now-healed, 70*second)
			if g, ok := b.Probe(now); ok {
				b.Probed(g, Success, now)
			}
		}
	})
}

func TestBreakerAllocatesNothing(t *testing.T) {
	b, now := newBreaker(), market.Mono(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now += second / 100
		g, _ := b.Allow(now)
		b.Record(g, Success, now)
	}))
}

func BenchmarkAllowAndRecord(b *testing.B) {
	br, now := newBreaker(), market.Mono(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 1e6
		g, _ := br.Allow(now)
		br.Record(g, Success, now)
	}
}
