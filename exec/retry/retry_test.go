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

// Each retry's own interval, and its mean: the cap is reached, and the lower end
// is the floor's.
func TestEveryRetryDrawsFromItsWholeInterval(t *testing.T) {
	p, rng := Default(), NewRand(5)
	for k := range 7 {
		low, high, sum := time.Hour, time.Duration(0), time.Duration(0)
		const draws = 20_000
		for range draws {
			d := p.Delay(k, rng)
			low, high, sum = min(low, d), max(high, d), sum+d
		}
		most := p.Cap(k)
		require.GreaterOrEqual(t, low, p.Floor)
		require.LessOrEqual(t, low, p.Floor+most/1000)
		require.LessOrEqual(t, high, most)
		require.Greater(t, high, most-most/500)
		require.InEpsilon(t, float64(most)/2, float64(sum)/draws, 0.02)
	}
}

func TestDelaysOfEveryRetryUpToTheSixtyThirdDoNotOverflow(t *testing.T) {
	huge := Policy{Initial: math.MaxInt64 / 3, Max: math.MaxInt64 - 1, Floor: time.Millisecond}
	for _, p := range []Policy{Default(), Quick(), huge, {Initial: 1, Max: math.MaxInt64 - 1}} {
		last := time.Duration(0)
		for k := range 64 {
			most := p.Cap(k)
			require.GreaterOrEqual(t, most, last, "caps never shrink")
			require.LessOrEqual(t, most, p.Max)
			d := p.Delay(k, NewRand(uint64(k)))
			require.GreaterOrEqual(t, d, p.Floor)
			require.LessOrEqual(t, d, max(most, p.Floor))
			last = most
		}
		require.Equal(t, p.Max, p.Cap(63))
	}
}

func TestAnotherSeedGivesOtherDelays(t *testing.T) {
	a, b, equal := NewRand(7), NewRand(8), 0
	for range 1000 {
		if Default().Delay(2, a) == Default().Delay(2, b) {
			equal++
		}
	}
	require.Less(t, equal, 10+1000/50, "but for the floor's few")
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
	low, high := time.Hour, time.Duration(0)
	for range 2000 {
		d := After(60*time.Second, rng)
		low, high = min(low, d), max(high, d)
	}
	require.InDelta(t, 60*float64(time.Second), float64(low), 5e6, "never earlier than the venue said")
	require.GreaterOrEqual(t, low, 60*time.Second)
	require.InDelta(t, 61*float64(time.Second), float64(high), 5e6, "a tenth, but a second at most")
	require.Zero(t, After(-time.Hour, rng))
	require.InDelta(t, 300.5*float64(time.Second), float64(After(10*365*24*time.Hour, rng)), 0.51*float64(time.Second))
}

func TestWaitingForWhatCannotSucceedIsHopeless(t *testing.T) {
	now, deadline := market.Mono(0), market.Mono(2*time.Second)
	require.False(t, Hopeless(now, time.Second, 50*time.Millisecond, deadline))
	require.True(t, Hopeless(now, 1960*time.Millisecond, 50*time.Millisecond, deadline))
	require.True(t, Hopeless(now, 1950*time.Millisecond, 50*time.Millisecond, deadline), "an answer at the deadline is too late")
	require.False(t, Hopeless(now, 1950*time.Millisecond-1, 50*time.Millisecond, deadline))
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
