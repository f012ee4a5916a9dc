package search

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/order"
)

var mostStates = flag.Int("states", 0, "how many states TestTheWholeWorldKeepsTheRules visits in each of its worlds")

// small are worlds that are searched to their end.
var small = []struct {
	name string
	r    rules
}{
	{"remarks come back", rules{echo: true}},
	{"a crash", rules{crashes: 1, echo: true}},
	{"a crash, and orders that look alike without remarks", rules{crashes: 1, twins: true}},
	{"a renewal, and refusals believed", rules{renewals: true, lenient: true, echo: true}},
	{"sent again behind a hard fence", rules{echo: true, policy: order.AfterHardFence, window: true}},
	{"the same across a renewal", rules{echo: true, renewals: true, policy: order.AfterHardFence, window: true}},
}

func TestEveryPathOfASmallWorldKeepsTheRules(t *testing.T) {
	for _, row := range small[:worlds] {
		t.Run(row.name, func(t *testing.T) {
			at := time.Now()
			found := explore(row.r, 1<<24, false)
			t.Logf("%v, in %v", found, time.Since(at))
			require.Empty(t, found.fault, "%v", found)
			require.True(t, found.complete, "the world is visited to its end")
			require.Positive(t, found.quiescent)
		})
	}
}

// TestEachWrongRuleIsFound shows that the search can fail: each of the known
// mistakes, built into the model alone, is found as a shortest way to a fault.
func TestEachWrongRuleIsFound(t *testing.T) {
	for _, row := range []struct {
		name  string
		steps int // the shortest way
		r     rules
	}{
		{"the journal is written after the send", 4, rules{crashes: 1, echo: true, mistake: journalAfterSend}},
		{"a time-out is answered with another send", 5, rules{echo: true, mistake: blindRetry}},
		{"a restart sends unknown orders again", 6, rules{crashes: 1, echo: true, mistake: restartResends}},
		{"the tombstone is lost at a restart", 12, rules{crashes: 1, echo: true, mistake: tombstoneLost}},
		{"the retry's timer survives the answer", 7, rules{echo: true, mistake: timerSurvives}},
		{"two absent reads, then sent again, without a proven window", 14, rules{echo: true, policy: order.AfterHardFence, mistake: resendWithoutWindow}},
		{"sent again while the last attempt may be answered", 11, rules{echo: true, renewals: true, policy: order.AfterHardFence, window: true, mistake: resendWhileAnswerable}},
		{"the fence is ignored", 13, rules{echo: true, policy: order.AfterHardFence, window: true, mistake: fenceIgnored}},
		{"one read is enough", 12, rules{echo: true, stale: true, policy: order.AfterHardFence, window: true, mistake: absenceByOneRead}},
		{"what looks like an order in doubt is sent", 13, rules{twins: true, mistake: leaseDropped}},
	} {
		t.Run(row.name, func(t *testing.T) {
			found := explore(row.r, 1<<21, true)
			t.Log(found)
			require.NotEmpty(t, found.fault)
			require.Len(t, found.trace, row.steps)
		})
	}
}

// TestTheWholeWorldKeepsTheRules visits as many states as it is told of the
// world with everything in it: crashes, a renewal, cancels, fills by the
// exchange, lists that lack everything, a person's verdict.
func TestTheWholeWorldKeepsTheRules(t *testing.T) {
	if *mostStates == 0 {
		t.Skip("the whole world takes minutes and gigabytes: make model")
	}
	for _, row := range []struct {
		name string
		r    rules
	}{
		{"never", rules{crashes: 2, renewals: true, echo: true, cancels: true, fills: true, operator: true, stale: true}},
		{"never, alike", rules{crashes: 1, renewals: true, twins: true, cancels: true, fills: true}},
		{"behind a hard fence", rules{crashes: 1, renewals: true, echo: true, cancels: true, fills: true, policy: order.AfterHardFence, window: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := time.Now()
			found := explore(row.r, *mostStates, false)
			took := time.Since(at)
			// Two of n states share a 64-bit name by chance with n²/2⁶⁵.
			n := float64(found.states)
			t.Logf("%v; to its end: %v; %.0f states/s; a state may have been missed by a shared hash with odds of %.1e",
				found, found.complete, n/took.Seconds(), n*n/(1<<62)/8)
			require.Empty(t, found.fault, "%v", found)
		})
	}
}
