package gateway

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/rest"
	"github.com/vayu-trading/vayu/exec/sim"
)

// pages collects what is written.
type pages struct {
	sync.Mutex
	text strings.Builder
}

func (p *pages) Write(b []byte) (int, error) {
	p.Lock()
	defer p.Unlock()
	return p.text.Write(b)
}

func (p *pages) lines(with ...string) (found []string) {
	p.Lock()
	defer p.Unlock()
	for line := range strings.Lines(p.text.String()) {
		all := true
		for _, w := range with {
			all = all && strings.Contains(line, w)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

func logged(log *pages) func(*Config) {
	return func(c *Config) { c.Log = hclog.New(&hclog.LoggerOptions{Output: log, Level: hclog.Trace}) }
}

func TestEveryAttemptHasOneLineWithVerdictReasonAndTheDelayToTheNext(t *testing.T) {
	var log pages
	behindAFront(t, false, link{change: func(c *Config) {
		logged(&log)(c)
		c.Core.EntryTTL = 20 * time.Second
	}}, func(t *testing.T, f *fronted) {
		f.change.Store(new(func(nth int32, honest string) reply {
			if nth == 1 {
				return reply{http.StatusUnauthorized, failed(5, "Limit exceed: API call per minute:Try after some time")}
			}
			return reply{http.StatusOK, failed(500, "Invalid stock code")}
		}))
		id := f.buy(9900)
		f.settled(t, 2*time.Minute, id)
		time.Sleep(2 * publishEvery)

		first := log.lines("endpoint=place_order", "attempt=1")
		require.Len(t, first, 1)
		require.Contains(t, first[0], "verdict=throttle")
		require.Contains(t, first[0], `reason="limit per minute"`)
		calls, any := f.Snapshot().CallsTo(rest.PlaceOrder)
		require.True(t, any)
		require.EqualValues(t, 1, calls.Throttled)
		if f.places.Load() > 1 { // there was room before its deadline
			require.Contains(t, first[0], "next_attempt_in=")
			second := log.lines("endpoint=place_order", "attempt=2")
			require.Len(t, second, 1)
			require.Contains(t, second[0], "verdict=refused")
			require.NotContains(t, second[0], "next_attempt_in=")
			require.EqualValues(t, 1, calls.Retried)
			require.EqualValues(t, 1, calls.Refused)
			require.Positive(t, calls.Delay)
		}
	})
}

func TestAnAttemptThatTimesOutHasALineToo(t *testing.T) {
	var log pages
	behindAFront(t, true, link{change: logged(&log)}, func(t *testing.T, f *fronted) {
		require.NoError(t, f.venue.SetFaults(sim.Faults{LoseAnswer: 1}))
		f.buy(9900)
		time.Sleep(4 * time.Second)
		require.NoError(t, f.venue.SetFaults(sim.Faults{}))
		time.Sleep(20 * time.Second)

		lines := log.lines("endpoint=place_order")
		require.Len(t, lines, 1)
		require.Contains(t, lines[0], "call timed out")
		require.Contains(t, lines[0], `reason="no answer in time"`)
		calls, _ := f.Snapshot().CallsTo(rest.PlaceOrder)
		require.EqualValues(t, 1, calls.TimedOut)
		require.EqualValues(t, 1, calls.Ambiguous)
		require.EqualValues(t, 1, f.Snapshot().Core.Ambiguous)
	})
}

func TestACancelThatIsRefusedTellsWhenItIsTriedAgain(t *testing.T) {
	var log pages
	behindAFront(t, true, link{change: logged(&log)}, func(t *testing.T, f *fronted) {
		id := f.buy(9900)
		require.Eventually(t, func() bool { return f.update(id).State == order.Working }, 5*time.Second, time.Millisecond)
		require.NoError(t, f.venue.SetFaults(sim.Faults{HTML502: 1}))
		f.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: id, Strategy: 1}})
		time.Sleep(5 * time.Second)
		require.NoError(t, f.venue.SetFaults(sim.Faults{}))
		f.settled(t, time.Minute, id)
		time.Sleep(2 * publishEvery)

		lines := log.lines("endpoint=cancel_order", "verdict=ambiguous")
		require.NotEmpty(t, lines)
		for _, line := range lines {
			require.Contains(t, line, "next_attempt_in=")
		}
		calls, _ := f.Snapshot().CallsTo(rest.CancelOrder)
		require.Positive(t, calls.Delay)
		require.Positive(t, calls.Retried)
	})
}

func TestAReadOfOthersTellsWhenItIsTriedAgain(t *testing.T) {
	var log pages
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(failed(500, "Invalid User Details")) }))
	s := newShell(t, v.Addr().String(), logged(&log))

	_, err := s.Funds(t.Context())

	require.Error(t, err)
	require.Eventually(t, func() bool { return len(log.lines("endpoint=funds")) == askAttempts }, 2*time.Second, time.Millisecond)
	require.Contains(t, log.lines("endpoint=funds")[0], "next_attempt_in=250ms")
	require.Contains(t, log.lines("endpoint=funds")[1], "next_attempt_in=500ms")
	require.NotContains(t, log.lines("endpoint=funds")[2], "next_attempt_in")
}

func TestH1b_InvalidUserDetailsIsTriedTwiceMoreOnAReadAndNotLonger(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(failed(500, "Invalid User Details")) }))
	s := newShell(t, v.Addr().String())

	_, err := s.Positions(t.Context())

	require.Error(t, err)
	require.Equal(t, int32(3), v.requests.Load())
}
