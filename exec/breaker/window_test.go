package breaker

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"pgregory.net/rapid"
)

// record feeds one result as of the present generation.
func (b *Breaker) record(outcome Outcome, now market.Mono) { b.Record(b.generation, outcome, now) }

func TestACallCountsForTenSecondsAndNotLonger(t *testing.T) {
	feed := func(b *Breaker, now market.Mono) {
		for i := range 9 { // four failures, never five in a row
			b.record([]Outcome{Success, Failure}[i%2], now)
		}
	}
	b := newBreaker()
	feed(b, second)
	b.record(Failure, 11*second-1)
	require.Equal(t, Open, b.State(), "ten calls in ten seconds, half of them failed")

	b = newBreaker()
	feed(b, second)
	b.record(Failure, 11*second)
	require.Equal(t, Closed, b.State(), "the bucket of that second is used anew")

	b = newBreaker()
	feed(b, second)
	b.record(Success, 500*second)
	feed(b, 500*second)
	require.Equal(t, Closed, b.State(), "after a long silence too")
}

func TestNineCallsAreTooFewForARatio(t *testing.T) {
	for _, outcome := range []Outcome{Failure, Slow} {
		b := newBreaker()
		for range 4 {
			b.record(outcome, second)
		}
		for range 4 {
			b.record(Success, second)
		}
		b.record(outcome, second)
		require.Equal(t, Closed, b.State())
		b.record(outcome, second)
		require.Equal(t, Open, b.State(), "the tenth")
	}
}

func TestLessThanHalfIsNotEnough(t *testing.T) {
	for _, outcome := range []Outcome{Failure, Slow} {
		b := newBreaker()
		for i := range 101 {
			b.record([]Outcome{Success, outcome, Success}[i%3], second+market.Mono(i))
		}
		require.Equal(t, Closed, b.State())
	}
}

func TestASlowAnswerEndsFailuresInARow(t *testing.T) {
	b := newBreaker()
	for range 2 {
		for range 4 {
			b.record(Failure, second)
		}
		b.record(Slow, second)
		require.Equal(t, Closed, b.State())
		b = newBreaker()
	}
}

func TestItStaysOpenForTheUpperHalfOfFiveSecondsDoubledToAMinute(t *testing.T) {
	caps := []time.Duration{5, 10, 20, 40, 60, 60, 60}
	var lows, highs [7]float64
	for i := range lows {
		lows[i] = 1
	}
	for seed := range uint64(200) {
		b, now := New(rand.New(rand.NewPCG(seed, 1))), second
		for range 5 {
			b.record(Failure, now)
		}
		for n, most := range caps {
			until := b.Advance(now)
			share := float64(until-now) / float64(most*time.Second)
			require.GreaterOrEqual(t, share, 0.5)
			require.LessOrEqual(t, share, 1.0)
			lows[n], highs[n] = min(lows[n], share), max(highs[n], share)
			require.Equal(t, Open, b.State())
			b.Advance(until - 1)
			require.Equal(t, Open, b.State(), "not a nanosecond earlier")
			now = until
			g, ok := b.Probe(now)
			require.True(t, ok)
			b.Probed(g, Failure, now)
		}
	}
	for n := range caps {
		require.Less(t, lows[n], 0.55, "the whole upper half is drawn from")
		require.Greater(t, highs[n], 0.95)
	}
}

// closeAgain heals an open breaker.
func closeAgain(t *testing.T, b *Breaker, now market.Mono) market.Mono {
	now = max(b.Advance(now), now)
	for range 2 {
		g, ok := b.Probe(now)
		require.True(t, ok)
		b.Probed(g, Success, now)
	}
	require.Equal(t, Closed, b.State())
	return now
}

func TestOnlyAWholeHealthyMinuteForgetsHowOftenItOpened(t *testing.T) {
	for healthy, most := range map[time.Duration]time.Duration{59 * time.Second: 10 * time.Second, 60 * time.Second: 5 * time.Second} {
		longest := time.Duration(0)
		for seed := range uint64(50) {
			b := New(rand.New(rand.NewPCG(seed, 1)))
			for range 5 {
				b.record(Failure, second)
			}
			now := closeAgain(t, b, second).Add(healthy)
			b.record(Success, now)
			for range 5 {
				b.record(Failure, now)
			}
			longest = max(longest, b.Advance(now).Sub(now))
		}
		require.Greater(t, longest, most-time.Second)
		require.LessOrEqual(t, longest, most)
	}
}

func TestFailuresOfBeforeDoNotCountAfterItClosed(t *testing.T) {
	b := newBreaker()
	for range 5 {
		b.record(Failure, second)
	}
	now := closeAgain(t, b, second)
	for range 4 {
		b.record(Failure, now)
	}
	require.Equal(t, Closed, b.State())
}

func TestAProbeHasTwoSeconds(t *testing.T) {
	b := opened(t)
	now := b.Advance(second)
	g, ok := b.Probe(now)
	require.True(t, ok)
	require.Equal(t, now+2*second, b.Advance(now), "its deadline is what the owner must wake for")
	b.Advance(now + 2*second - 1)
	require.Equal(t, HalfOpen, b.State())
	b.Probed(g, Success, now+2*second-1)
	require.Equal(t, HalfOpen, b.State(), "one success of two")
	require.Zero(t, b.Advance(now+2*second), "nothing is due until somebody probes")

	g, ok = b.Probe(now + 10*second)
	require.True(t, ok)
	b.Probed(g, Failure, now+11*second)
	state, cause, _ := b.Load()
	require.Equal(t, Open, state)
	require.Equal(t, ProbeFailed, cause)
}

func TestASlowProbeIsAFailedOne(t *testing.T) {
	b := opened(t)
	g, _ := b.Probe(b.Advance(second))
	b.Probed(g, Slow, 7*second)
	require.Equal(t, Open, b.State())
}

func TestSuccessesOfTwoOutagesDoNotAddUp(t *testing.T) {
	b := opened(t)
	now := b.Advance(second)
	g, _ := b.Probe(now)
	b.Probed(g, Success, now)
	g, _ = b.Probe(now)
	b.Probed(g, Failure, now)
	now = b.Advance(now)
	g, _ = b.Probe(now)
	b.Probed(g, Success, now)
	require.Equal(t, HalfOpen, b.State())
}

func TestAResultOfAProbeThatNobodySentChangesNothing(t *testing.T) {
	b := opened(t)
	b.Advance(b.Advance(second))
	b.Probed(b.generation, Success, 9*second)
	b.Probed(b.generation, Success, 9*second)
	require.Equal(t, HalfOpen, b.State())
	b.record(Success, 9*second)
	require.Equal(t, HalfOpen, b.State())
}

func TestBypassedCancelsTellNothing(t *testing.T) {
	b := opened(t)
	require.True(t, b.Bypass(second))
	require.False(t, b.Bypass(2*second-1))
	b.record(Failure, second)
	b.record(Success, second)
	require.Equal(t, Open, b.State())
	require.True(t, b.Bypass(2*second))
	b.Advance(b.Advance(second))
	require.Equal(t, HalfOpen, b.State())
	require.True(t, b.Bypass(20*second), "half open too")
	require.False(t, b.Bypass(20*second))
}

// The exported word is state, cause and generation of one moment: whoever reads
// it beside the owner sees generations rise and never a mixture.
func TestTheExportedWordIsOneMoments(t *testing.T) {
	b, done := newBreaker(), make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		last := Generation(0)
		for {
			select {
			case <-done:
				return
			default:
			}
			state, cause, generation := b.Load()
			if generation < last || (state == Closed) != (cause == NoCause) || state == Closed && generation%3 != 0 {
				t.Errorf("read %v, %v, %d after %d", state, cause, generation, last)
				return
			}
			last = generation
		}
	})
	now := second
	for range 2000 { // closed → open → half-open → closed: three generations
		for range 5 {
			b.record(Failure, now)
		}
		now = max(b.Advance(now), now)
		for range 2 {
			g, _ := b.Probe(now)
			b.Probed(g, Success, now)
		}
	}
	close(done)
	readers.Wait()
	state, _, generation := b.Load()
	require.Equal(t, Closed, state)
	require.EqualValues(t, 6000, generation)
}

// naive is the window written plainly: every call with its instant.
type naive struct {
	at  []market.Mono
	out []Outcome
}

func (n *naive) trips(now market.Mono) bool {
	all, failed, slow, row := 0, 0, 0, 0
	for i := range n.at {
		switch n.out[i] {
		case Failure:
			row++
		default:
			row = 0
		}
		if n.at[i]/second > now/second-10 {
			all++
			if n.out[i] == Failure {
				failed++
			}
			if n.out[i] == Slow {
				slow++
			}
		}
	}
	bad := n.out[len(n.out)-1] != Success
	return bad && (row >= 5 || all >= 10 && (2*failed >= all || 2*slow >= all))
}

func TestTheWindowCountsLikeAPlainList(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b, n, now := newBreaker(), naive{}, market.Mono(0)
		for range 200 {
			now += market.Mono(rapid.Int64Range(0, int64(2*time.Second)).Draw(r, "step"))
			outcome := rapid.SampledFrom([]Outcome{Success, Success, Slow, Failure}).Draw(r, "outcome")
			n.at, n.out = append(n.at, now), append(n.out, outcome)
			b.record(outcome, now)
			require.Equal(r, n.trips(now), b.State() == Open)
			if b.State() == Open {
				return
			}
		}
	})
}
