package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestWindowIsExact(t *testing.T) {
	w := newWindow(3, time.Second)
	admits := func(at time.Duration) bool {
		now := market.Mono(at)
		if w.full(now) {
			return false
		}
		w.add(now)
		return true
	}

	require.True(t, admits(0))
	require.True(t, admits(400*time.Millisecond))
	require.True(t, admits(900*time.Millisecond))
	require.False(t, admits(999*time.Millisecond))
	require.True(t, admits(time.Second), "the first is a full second old")
	require.False(t, admits(1399*time.Millisecond))
	require.True(t, admits(1400*time.Millisecond))
}

func TestLimitsCountWhatTheVenueCounts(t *testing.T) {
	l := newLimits(Limits{PerSecond: 10, PerMinute: 100, PerDay: 150})
	texts := Texts{}.withDefaults()
	at := market.Stamp{Mono: 1, Wall: testDay.At(12 * time.Hour)}

	for range 10 {
		require.Empty(t, l.admit(true, at, &texts))
	}
	require.Equal(t, texts.PerSecond, l.admit(true, at, &texts))
	require.Empty(t, l.admit(false, at, &texts), "reads are not order actions")

	at.Mono = at.Mono.Add(time.Second)
	for range 89 {
		require.Empty(t, l.admit(false, at, &texts))
	}
	require.Equal(t, textPerMinute, l.admit(false, at, &texts))
	require.Equal(t, textPerMinute, l.admit(true, at, &texts))

	at.Mono = at.Mono.Add(time.Minute)
	for range 50 {
		require.Empty(t, l.admit(false, at, &texts))
	}
	require.Equal(t, textPerDay, l.admit(false, at, &texts))
	at.Wall = at.Wall.Add(12 * time.Hour) // midnight in India
	at.Mono = at.Mono.Add(12 * time.Hour)
	require.Empty(t, l.admit(false, at, &texts))
}

func TestNegativeLimitsAreNone(t *testing.T) {
	l := newLimits(Limits{PerSecond: -1, PerMinute: -1, PerDay: -1})
	texts := Texts{}
	for range 10_000 {
		require.Empty(t, l.admit(true, market.Stamp{}, &texts))
	}
}
