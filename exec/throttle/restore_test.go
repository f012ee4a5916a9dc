package throttle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"pgregory.net/rapid"
)

// run is one process's life: the monotonic clock starts anew in each.
type run struct {
	gate  *Gate
	start market.Mono // of the process, on the world's clock
}

// entry is a line of the journal, as of the world's clock.
type entry struct {
	call
	throttled  bool
	retryAfter time.Duration
}

func restart(journal []entry, now market.Mono) run {
	r := run{New(Breeze()), now}
	for _, e := range journal {
		if e.throttled {
			r.gate.Throttled(e.retryAfter, e.at-now)
		} else {
			r.gate.Restore(e.at-now, e.class, e.write)
		}
	}
	r.gate.Restored(0)
	return r
}

// Invariant: the windows hold across any crash. Each call is in the journal
// before its first byte, so that a crash may leave a call recorded that never
// left, and never one that left unrecorded.
func TestNoWindowHoldsMoreThanTheLimitsAcrossAnyCrash(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		now, sent, journal := 1000*second, []call(nil), []entry(nil)
		p := restart(nil, now)
		storm := rapid.Bool().Draw(r, "storm")
		for range 200 {
			step := rapid.Int64Range(0, int64(400*time.Millisecond)).Draw(r, "step")
			if storm {
				step /= 20
			}
			now += market.Mono(step)
			c := call{now, order.Class(rapid.IntRange(0, int(order.Login)).Draw(r, "class")), false}
			c.write = c.class != order.Login && rapid.Bool().Draw(r, "write")
			crash := rapid.IntRange(0, 40).Draw(r, "crash")
			if p.gate.Take(c.class, c.write, now-p.start) && crash != 1 { // 1: before it was recorded
				journal = append(journal, entry{call: c})
				if crash != 2 { // 2: before its first byte
					sent = append(sent, c)
				}
				if rapid.IntRange(0, 20).Draw(r, "throttled") == 0 {
					e := entry{call: call{at: now}, throttled: true, retryAfter: time.Duration(rapid.IntRange(0, 3).Draw(r, "retry after")) * time.Second}
					p.gate.Throttled(e.retryAfter, now-p.start)
					journal = append(journal, e)
				}
			}
			if crash <= 2 {
				now += market.Mono(rapid.Int64Range(0, int64(2*time.Second)).Draw(r, "down"))
				p = restart(journal, now)
			}
		}
		all := func(call) bool { return true }
		require.LessOrEqual(r, most(sent, market.Mono(1050*time.Millisecond), func(c call) bool { return c.write }), 9)
		require.LessOrEqual(r, most(sent, 60*second, all), 90)
		require.LessOrEqual(r, most(sent, 600*second, func(c call) bool { return c.class == order.Login }), 3)
		require.LessOrEqual(r, most(sent, 60*second, func(c call) bool { return c.class == order.Entry || c.class == order.Data }), 55)
		require.Equal(r, len(journal)-throttles(journal), p.gate.Left(now-p.start).DayUsed)
	})
}

func throttles(journal []entry) (n int) {
	for _, e := range journal {
		if e.throttled {
			n++
		}
	}
	return n
}

func TestARestoredGateAnswersAsTheOneThatCrashed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		now, journal := 1000*second, []entry(nil)
		before := New(Breeze())
		for range 150 {
			now += market.Mono(rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(r, "step"))
			c := call{now, order.Class(rapid.IntRange(0, int(order.Login)).Draw(r, "class")), rapid.Bool().Draw(r, "write")}
			if before.Take(c.class, c.write, now) {
				journal = append(journal, entry{call: c})
			}
			if rapid.IntRange(0, 30).Draw(r, "throttled") == 0 {
				e := entry{call: call{at: now}, throttled: true, retryAfter: time.Duration(rapid.IntRange(0, 9).Draw(r, "retry after")) * time.Second}
				before.Throttled(e.retryAfter, now)
				journal = append(journal, e)
			}
		}
		after := restart(journal, now).gate
		for _, later := range []market.Mono{0, second, 7 * second, 40 * second} {
			for class := order.Flatten; class <= order.Login; class++ {
				for _, write := range []bool{false, true} {
					want, got := before.Ready(class, write, now+later), after.Ready(class, write, later)
					require.Equal(r, max(want-now, 0), max(got, 0), "%s, write %v, %s later", class, write, time.Duration(later))
				}
			}
		}
		require.Equal(r, before.Left(now+60*second), after.Left(60*second))
	})
}

func TestRecordsOfTwoRunsMayOverlap(t *testing.T) {
	g := New(Limits{Second: 3, Spread: time.Second, Minute: 90, Day: 5000})
	for _, at := range []market.Mono{-5, -9, -3, -7, -8} {
		g.Restore(at*second/10, order.Entry, true)
	}
	g.Restored(0)
	require.Equal(t, []market.Mono{-7 * second / 10, -5 * second / 10, -3 * second / 10}, []market.Mono{
		g.second.times[g.second.newest(3)], g.second.times[g.second.newest(2)], g.second.times[g.second.newest(1)],
	})
	require.Equal(t, 3*second/10, g.Ready(order.Entry, true, 0))
}

func TestP9_AWallClockSetBackBetweenTwoRunsHoldsCallsForOneWindowOnly(t *testing.T) {
	g, hour := New(Breeze()), 3600*second
	for range 90 {
		g.Restore(hour, order.Entry, true)
	}
	g.Throttled(0, hour)
	for range 3 {
		g.Restore(hour, order.Login, false)
	}
	g.Restored(0)
	require.Equal(t, 60*second, g.Ready(order.Cancel, true, 0))
	require.Equal(t, 600*second, g.Ready(order.Login, false, 0))
	require.LessOrEqual(t, g.Ready(order.Entry, true, 0), 300*second)
}

func TestP14_WhoCannotKnowWhatLeftBeforeAssumesFullWindows(t *testing.T) {
	g := New(Breeze())
	g.Fill(5 * second)
	for class := order.Flatten; class < order.Classes; class++ {
		require.Equal(t, 65*second, g.Ready(class, false, 5*second))
	}
	require.True(t, g.Take(order.Cancel, true, 65*second))
	require.Equal(t, 1, g.Left(5*second).LoginsLeft, "one login stays, or nothing of the day could ever be known")

	g.RestoreDay(4999)
	g.RestoreDay(12)
	require.True(t, g.Take(order.Cancel, false, 66*second))
	require.Equal(t, Never, g.Ready(order.Cancel, false, 67*second))
}

func TestARefusalOfBeforeTheCrashStillHolds(t *testing.T) {
	g := New(Breeze())
	g.Restore(-20*second, order.Entry, true)
	g.Throttled(0, -15*second)
	g.Restored(0)
	require.Equal(t, 40*second, g.Ready(order.Entry, true, 0), "the oldest call of the minute leaves it then")
	require.Equal(t, 5, g.Left(0).PerSecond, "fifteen seconds have given back a tenth")
}
