package retry

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"pgregory.net/rapid"
)

func TestDelaysStayWithinTheirBoundsForEveryRetry(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := Policy{
			Initial: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(r, "initial")),
			Max:     time.Duration(rapid.Int64Range(1, math.MaxInt64-1).Draw(r, "max")),
			Floor:   50 * time.Millisecond,
		}
		k := rapid.IntRange(0, 63).Draw(r, "k")
		d := p.Delay(k, NewRand(rapid.Uint64().Draw(r, "seed")))
		require.GreaterOrEqual(r, d, p.Floor)
		require.LessOrEqual(r, d, max(p.Cap(k), p.Floor))
		require.LessOrEqual(r, p.Cap(k), p.Max)
		require.Positive(r, p.Cap(k))
	})
}

func TestCapsDoubleFromOneSecondToThirty(t *testing.T) {
	p := Default()
	for k, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		require.Equal(t, want*time.Second, p.Cap(k))
	}
}

func TestDelaysAreUniform(t *testing.T) {
	const draws, cells = 100_000, 20
	p, rng := Policy{Initial: time.Second, Max: time.Second}, NewRand(1)
	var counts [cells]float64
	for range draws {
		counts[min(int64(p.Delay(0, rng))*cells/int64(time.Second), cells-1)]++
	}
	chi := 0.0
	for _, n := range counts {
		chi += (n - draws/cells) * (n - draws/cells) / (draws / cells)
	}
	require.Less(t, chi, 43.8, "χ² with 19 degrees of freedom at 0.1 %%")
}

func TestTheSameSeedGivesTheSameDelays(t *testing.T) {
	a, b := NewRand(7), NewRand(7)
	for k := range 100 {
		require.Equal(t, Default().Delay(k%4, a), Default().Delay(k%4, b))
	}
}

func TestH9_RetryAfterIsClampedAndSpread(t *testing.T) {
	rng := NewRand(3)
	for range 1000 {
		require.InDelta(t, 5.25*float64(time.Second), float64(After(5*time.Second, rng)), 0.26*float64(time.Second))
	}
	require.Zero(t, After(-time.Hour, rng))
	require.InDelta(t, 300.5*float64(time.Second), float64(After(10*365*24*time.Hour, rng)), 0.51*float64(time.Second))
}

func TestWaitingForWhatCannotSucceedIsHopeless(t *testing.T) {
	now, deadline := market.Mono(0), market.Mono(2*time.Second)
	require.False(t, Hopeless(now, time.Second, 50*time.Millisecond, deadline))
	require.True(t, Hopeless(now, 1960*time.Millisecond, 50*time.Millisecond, deadline))
	require.False(t, Hopeless(now, time.Hour, time.Hour, 0))
}

func TestABudgetAllowsRetriesAboveHalfOnly(t *testing.T) {
	b := NewBudget()
	for range 4 {
		b.Failed()
	}
	require.True(t, b.Allow(0))
	b.Failed()
	require.False(t, b.Allow(0))
	b.Succeeded()
	require.True(t, b.Allow(0))
}

func TestRetriesAreATenthOfTheCallsOrThree(t *testing.T) {
	b := NewBudget()
	for range 3 {
		require.True(t, b.Allow(0))
		b.Called(true, 0)
	}
	require.False(t, b.Allow(0))

	for range 40 {
		b.Called(false, market.Mono(30*time.Second))
	}
	require.True(t, b.Allow(market.Mono(30*time.Second)))
	b.Called(true, market.Mono(30*time.Second))
	require.False(t, b.Allow(market.Mono(31*time.Second)))
	require.True(t, b.Allow(market.Mono(3*time.Minute)), "two minutes later all is forgotten")
}

func TestRetryAllocatesNothing(t *testing.T) {
	b, rng, p, now := NewBudget(), NewRand(1), Default(), market.Mono(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now += market.Mono(time.Second)
		b.Called(false, now)
		b.Succeeded()
		if !b.Allow(now) || Hopeless(now, p.Delay(1, rng), time.Second, 0) {
			panic("refused")
		}
	}))
}

func BenchmarkBookkeeping(b *testing.B) {
	budget, now := NewBudget(), market.Mono(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 1e6
		budget.Called(false, now)
		budget.Succeeded()
	}
}
