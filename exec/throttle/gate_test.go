package throttle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"pgregory.net/rapid"
)

const second = market.Mono(time.Second)

type call struct {
	at    market.Mono
	class order.Class
	write bool
}

// most is the largest number of calls that pass the filter in any window.
func most(calls []call, span market.Mono, counts func(call) bool) int {
	best := 0
	for i, last := range calls {
		n := 0
		for j := i; j >= 0 && calls[j].at > last.at-span; j-- {
			if counts(calls[j]) {
				n++
			}
		}
		best = max(best, n)
	}
	return best
}

func TestNoWindowEverHoldsMoreThanTheLimitsAndReservesHold(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		g, now, calls := New(Breeze()), market.Mono(0), []call(nil)
		storm := rapid.Bool().Draw(r, "storm")
		for range 400 {
			step := rapid.Int64Range(0, int64(400*time.Millisecond)).Draw(r, "step")
			if storm {
				step /= 20
			}
			now += market.Mono(step)
			c := call{now, order.Class(rapid.IntRange(0, order.Classes-1).Draw(r, "class")), rapid.Bool().Draw(r, "write")}
			ready := g.Ready(c.class, c.write, now)
			taken := g.Take(c.class, c.write, now)
			require.Equal(r, ready <= now, taken, "Ready says what Take does")
			if taken {
				calls = append(calls, c)
			}
			switch rapid.IntRange(0, 30).Draw(r, "then") {
			case 0:
				g.Throttled(time.Duration(rapid.Int64Range(0, int64(5*time.Second)).Draw(r, "retry after")), now)
			case 1:
				if taken {
					g.Refund(c.write, now)
					calls = calls[:len(calls)-1]
				}
			}
		}
		all := func(call) bool { return true }
		require.LessOrEqual(r, most(calls, market.Mono(1050*time.Millisecond), func(c call) bool { return c.write }), 9)
		require.LessOrEqual(r, most(calls, 60*second, all), 90)
		from := func(class order.Class) func(call) bool { return func(c call) bool { return c.class >= class } }
		require.LessOrEqual(r, most(calls, 60*second, from(order.Reconcile)), 70, "20 a minute are the cancels'")
		require.LessOrEqual(r, most(calls, 60*second, from(order.Entry)), 55, "15 more are the reconciling reads'")
		writes := func(c call) bool { return c.write && c.class >= order.Reconcile }
		require.LessOrEqual(r, most(calls, market.Mono(1050*time.Millisecond), writes), 7, "2 a second are the cancels'")
	})
}

func TestTheDayEndsAtItsLimitAndStartsAnewAtMidnight(t *testing.T) {
	g, now := New(Breeze()), market.Mono(0)
	taken := map[order.Class]int{}
	for _, class := range []order.Class{order.Data, order.Entry, order.Reconcile, order.Cancel} {
		for ; g.Ready(class, false, now) != Never; now += second {
			if g.Take(class, false, now) {
				taken[class]++
			}
		}
	}
	require.Equal(t, map[order.Class]int{order.Data: 3000, order.Entry: 500, order.Reconcile: 1000, order.Cancel: 500}, taken)
	require.False(t, g.Take(order.Flatten, true, now), "5,000 is the venue's own limit")

	g.NewDay()

	require.True(t, g.Take(order.Data, false, now+60*second))
}

func TestARefundGivesBackExactlyOnePermit(t *testing.T) {
	g := New(Breeze())
	for i := range 7 {
		require.True(t, g.Take(order.Entry, true, market.Mono(i)*second/100))
	}
	require.False(t, g.Take(order.Entry, true, second/10))

	g.Refund(true, 3*second/100)

	require.True(t, g.Take(order.Entry, true, second/10))
	require.False(t, g.Take(order.Entry, true, second/10))
	require.Equal(t, 7, g.Left(second/10).DayUsed)
}

func TestH9_RetryAfterShutsTheGateThatLongWithinReason(t *testing.T) {
	for given, kept := range map[time.Duration]time.Duration{
		7 * time.Second: 7 * time.Second, 10 * 365 * 24 * time.Hour: 300 * time.Second,
	} {
		g := New(Breeze())
		g.Throttled(given, 0)
		require.Equal(t, market.Mono(kept), g.Ready(order.Entry, true, 0))
	}
}

func TestH10_WithoutRetryAfterTheGateShutsToTheEndOfTheBusyLog(t *testing.T) {
	g := New(Breeze())
	for range 7 {
		require.True(t, g.Take(order.Entry, true, 10*second))
	}
	g.Throttled(0, 10*second)
	require.Equal(t, 10*second+market.Mono(1050*time.Millisecond), g.Ready(order.Entry, true, 10*second), "the second's log was busy")

	g.Throttled(0, 12*second)
	require.Equal(t, 70*second, g.Ready(order.Entry, true, 12*second), "that was not it: the minute's")

	g = New(Breeze())
	g.Take(order.Data, false, 5*second)
	g.Take(order.Data, false, 20*second)
	g.Throttled(-1, 20*second)
	require.Equal(t, 65*second, g.Ready(order.Entry, true, 20*second), "the oldest call of the minute leaves it then")
}

func TestH7_WhenTheDayIsShutCancelsAreTriedAndOneReadProbes(t *testing.T) {
	g := New(Breeze())
	g.ThrottledDay(0)
	require.Equal(t, Never, g.Ready(order.Entry, true, second))
	require.Equal(t, Never, g.Ready(order.Data, false, second))
	require.True(t, g.Take(order.Cancel, true, second))
	require.False(t, g.Take(order.Cancel, true, second), "once a second")
	require.False(t, g.Take(order.Reconcile, false, 299*second))
	require.True(t, g.Take(order.Reconcile, false, 300*second))
	require.False(t, g.Take(order.Reconcile, false, 500*second))

	g.NewDay()

	require.True(t, g.Take(order.Entry, true, 600*second))
}

func TestEveryRefusalHalvesThePaceAndTenSecondsGiveATenthBack(t *testing.T) {
	g := New(Breeze())
	g.Throttled(time.Nanosecond, 0)
	require.Equal(t, 4, g.Left(0).PerSecond)
	for range 5 {
		g.Throttled(time.Nanosecond, 0)
	}
	require.Equal(t, 1, g.Left(0).PerSecond)

	sent := 0
	for now := second; now < 9*second; now += second / 10 {
		if g.Take(order.Entry, true, now) {
			sent++
		}
	}
	require.LessOrEqual(t, sent, 8, "one a second")

	require.Positive(t, g.Ready(order.Entry, true, 90*second))
	require.Equal(t, 9, g.Left(90*second).PerSecond)
}

func TestCancelsAreNotPaced(t *testing.T) {
	g := New(Breeze())
	g.Throttled(time.Nanosecond, 0)
	for range 9 {
		require.True(t, g.Take(order.Cancel, true, second))
	}
}

func TestGateAllocatesNothing(t *testing.T) {
	g, now := New(Breeze()), market.Mono(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		now += second
		if g.Take(order.Entry, true, now) {
			g.Refund(true, now)
		}
	}))
}

func BenchmarkTake(b *testing.B) {
	limits := Breeze()
	limits.Day = 1 << 60
	g, now := New(limits), market.Mono(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 2 * second
		if !g.Take(order.Entry, true, now) {
			b.Fatal("refused")
		}
	}
}
