package retry

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"pgregory.net/rapid"
)

func TestTheBudgetHoldsTenTokensAndNoMore(t *testing.T) {
	b := NewBudget()
	for range 1000 {
		b.Succeeded()
	}
	for range 4 {
		b.Failed()
	}
	require.True(t, b.Allow(0), "six are left")
	b.Failed()
	require.False(t, b.Allow(0), "five are not above five")
	for range 100 {
		b.Failed()
	}
	for range 50 {
		b.Succeeded()
		require.False(t, b.Allow(0))
	}
	b.Succeeded()
	require.True(t, b.Allow(0), "fifty-one successes from nothing: a tenth of a token each")
}

func TestTwoMinutesLaterACallIsForgottenAndNotBefore(t *testing.T) {
	at := func(d time.Duration) market.Mono { return market.Mono(d) }
	b := NewBudget()
	for range 3 {
		b.Called(true, at(5*time.Second))
	}
	require.False(t, b.Allow(at(119*time.Second)))
	require.True(t, b.Allow(at(120*time.Second)))
	for range 3 {
		b.Called(true, at(120*time.Second))
	}
	require.False(t, b.Allow(at(121*time.Second)))
	require.True(t, b.Allow(at(time.Hour)))
}

func TestRetriesAreNeverMoreThanATenthOfTwoMinutesCallsOrThree(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b, now := NewBudget(), market.Mono(0)
		var calls, again []market.Mono
		within := func(times []market.Mono) (n int) {
			const span = market.Mono(10 * time.Second)
			for _, at := range times {
				if at/span > now/span-12 {
					n++
				}
			}
			return n
		}
		for range 300 {
			now += market.Mono(rapid.Int64Range(0, int64(3*time.Second)).Draw(r, "step"))
			wanted := rapid.Bool().Draw(r, "retry")
			require.Equal(r, within(again) < max(within(calls)/10, 3), b.Allow(now))
			if wanted && b.Allow(now) {
				b.Called(true, now)
				calls, again = append(calls, now), append(again, now)
			} else {
				b.Called(false, now)
				calls = append(calls, now)
			}
		}
	})
}
