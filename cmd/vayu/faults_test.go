package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
)

// These tests are the whole engine against a venue behind a real port. Each
// ends with the engine's orders and positions compared with the venue's ledger.

func TestEngineSurvivesTheVenueDyingInTheMiddle(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.start()
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 3 })

	r.close()
	r.until(5*time.Second, "the strategy is told that the feed is down", func() bool { return r.trader.feedWas(market.FeedDown) })
	require.Contains(t, r.log.String(), "connection lost")
	before := r.counts().Submitted
	r.until(5*time.Second, "orders meet a dead venue", func() bool { return r.counts().Submitted > before })
	r.open()

	r.until(10*time.Second, "both streams are back", func() bool {
		return r.system.ticks.State() == market.FeedLive && r.system.orders.State() == market.FeedLive
	})
	require.NotZero(t, r.system.ticks.Stats().Reconnects)
	require.NotZero(t, r.system.orders.Stats().Reconnects)
	seen, filled := r.system.ticksSeen(), r.counts().Filled
	r.until(5*time.Second, "it has joined its rooms again", func() bool { return r.system.ticksSeen() > seen+1000 })
	r.until(10*time.Second, "it trades again", func() bool { return r.counts().Filled > filled })
	r.finish(20 * time.Second)
	require.Zero(t, r.system.keeper.Renewals(), "the login outlived the venue: nothing to renew")
}

func TestEngineReconnectsWhenItsSocketsAreCut(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.start()
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 2 })
	for n := uint64(1); n <= 2; n++ {
		r.venue.DropSockets()
		r.until(10*time.Second, "both streams come back", func() bool {
			return r.system.ticks.Stats().Reconnects >= n && r.system.orders.Stats().Reconnects >= n
		})
	}
	filled := r.counts().Filled
	r.until(10*time.Second, "it trades on", func() bool { return r.counts().Filled > filled+1 })
	r.finish(15 * time.Second)
	require.NotZero(t, r.system.ticks.Stats().Gaps, "a gap is told, not hidden")
	require.Zero(t, r.system.keeper.Renewals())
}

func TestVenueThatForgotTheLoginIsLoggedInToAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *sim.Config) { c.OldLogins = sim.DropOldLogins }, nil)
	r.start()
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 2 })
	r.close()
	r.renewLogin()
	r.open()
	r.until(10*time.Second, "it has logged in again", func() bool { return r.system.keeper.Renewals() == 1 })
	filled := r.counts().Filled
	r.until(15*time.Second, "it trades again", func() bool { return r.counts().Filled > filled+1 })
	r.finish(20 * time.Second)
}

func TestMalformedFramesAreCountedAndKeptAndTheConnectionLives(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *sim.Config) { c.Faults = sim.Faults{MalformedPerMinute: 200} }, nil)
	r.start()
	r.until(15*time.Second, "broken frames", func() bool { return r.system.ticks.Stats().DecodeErrors >= 6 })
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 2 })
	r.finish(15 * time.Second)
	require.Zero(t, r.system.ticks.Stats().Reconnects, "the connection lives")
	letters := r.letters.String()
	require.Equal(t, int(r.system.ticks.Stats().DecodeErrors), strings.Count(letters, " ticks "), "each is kept")
	require.Contains(t, letters, `42[`, "with its bytes")
}

func TestExpiredSessionIsRenewedThroughTheLoginSource(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *sim.Config) { c.OldLogins = sim.DropOldLogins }, nil)
	r.start()
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 2 })
	r.renewLogin()
	r.until(10*time.Second, "the login is renewed", func() bool { return r.system.keeper.Renewals() == 1 })
	filled := r.counts().Filled
	r.until(15*time.Second, "it goes on", func() bool {
		return r.counts().Filled > filled+1 && r.system.keeper.State() == session.Live
	})
	r.finish(15 * time.Second)
	require.EqualValues(t, 1, r.system.keeper.Renewals(), "one lost session, one login")
}

func TestExpiredSessionWithoutANewLoginOnlyReducesAndSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *sim.Config) { c.OldLogins = sim.DropOldLogins }, nil)
	r.start()
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 2 })
	next := r.venue.NewLogin() // elsewhere: the old one dies, the new one is not told to us
	r.until(10*time.Second, "the engine only reduces", func() bool { return r.system.keeper.State() == session.Reducing })
	r.until(5*time.Second, "the strategy knows", func() bool { return r.trader.saw(session.Reducing) })
	r.until(5*time.Second, "a person is told", func() bool {
		return strings.Contains(strings.Join(r.alarms(), "\n"), "log in again")
	})
	time.Sleep(500 * time.Millisecond) // what was on its way arrives
	accepted := r.venue.Stats().OrdersAccepted
	time.Sleep(time.Second)
	require.Equal(t, accepted, r.venue.Stats().OrdersAccepted, "no entry without a session")
	require.Zero(t, r.system.keeper.Renewals())

	r.mu.Lock()
	r.login = next
	r.mu.Unlock()
	r.until(10*time.Second, "the new login mends it", func() bool { return r.system.keeper.State() == session.Live })
	r.finish(20 * time.Second)
}

func TestThrottleThatLooksLikeALostSessionIsNoReasonToLogIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.start()
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 2 })
	require.NoError(t, r.venue.SetFaults(sim.Faults{Throttle401: 1}))
	r.until(10*time.Second, "it is throttled", func() bool { return r.system.gateway.Snapshot().Core.Throttled > 0 })
	calls := r.venue.Stats().Calls
	time.Sleep(2 * time.Second)
	require.LessOrEqual(t, r.venue.Stats().Calls-calls, int64(2), "it slows down")
	r.mu.Lock()
	require.Equal(t, 1, r.asked, "no login was asked for")
	r.mu.Unlock()
	require.Zero(t, r.system.keeper.Renewals())
	require.Equal(t, session.Live, r.system.keeper.State())
	// The minute's gate stays shut, so what rests stays: that is told, and no
	// more can be compared than what the venue accepted.
	r.trader.rest()
	r.leave()
	audit := r.system.audit(r.venue)
	require.Zero(t, audit.Duplicates)
	require.Zero(t, audit.Orphans)
	require.ErrorContains(t, r.system.verdict(), "not over when the run ended")
}

func TestErrorPagesLeaveNoOrderInDoubt(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, nil)
	r.start()
	r.until(10*time.Second, "orders are filled", func() bool { return r.counts().Filled >= 2 })
	require.NoError(t, r.venue.SetFaults(sim.Faults{HTML502: 0.5}))
	r.until(15*time.Second, "writes in doubt", func() bool { return r.system.gateway.Snapshot().Core.Ambiguous >= 3 })
	r.finish(30 * time.Second)
	core := r.system.gateway.Snapshot().Core
	require.Equal(t, core.Ambiguous, core.Resolved, "each was settled by reading")
}

func TestAnswersLostAfterAcceptanceMakeNoSecondOrder(t *testing.T) {
	t.Parallel()
	faults, err := sim.FaultProfile("lossy-answers")
	require.NoError(t, err)
	r := newRig(t, nil, nil)
	r.start()
	r.until(10*time.Second, "the first order", func() bool { return r.counts().Filled >= 1 })
	require.NoError(t, r.venue.SetFaults(faults))
	r.until(40*time.Second, "a write in doubt", func() bool { return r.system.gateway.Snapshot().Core.Ambiguous > 0 })
	r.finish(30 * time.Second)
}

func TestTenSecondsOfStormLoseNothingAndRepeatNothing(t *testing.T) {
	t.Parallel()
	faults, err := sim.FaultProfile("storm")
	require.NoError(t, err)
	// A throttle shuts the minute's gate, and the rest of the storm would meet
	// an engine that waits: it has a test of its own.
	faults.Throttle401, faults.HTML429 = 0, 0
	r := newRig(t, nil, nil)
	r.start()
	r.until(10*time.Second, "the first order", func() bool { return r.counts().Filled >= 1 })
	require.NoError(t, r.venue.SetFaults(faults))
	time.Sleep(10 * time.Second)
	require.Greater(t, r.trader.count(), 5, "it traded in the storm")
	require.NotZero(t, r.venue.Stats().FaultsInjected)
	r.finish(90 * time.Second)
}

// renewLogin is a person logging in anew, where the login source sees it.
func (r *rig) renewLogin() {
	next := r.venue.NewLogin()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login = next
}
