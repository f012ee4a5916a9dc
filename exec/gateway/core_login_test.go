package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
	"github.com/vayu-trading/vayu/exec/retry"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// loginCore is a core as far as logins go, with room for many.
func loginCore() *Core {
	limits := throttle.Breeze()
	limits.Logins = 100
	return &Core{limits: throttle.New(limits), logins: breaker.New(retry.NewRand(1)), budget: retry.NewBudget()}
}

func TestE5_AfterFiveLoginsThatBrokeTheBreakerWaitsAndThenLetsOneThroughAtATime(t *testing.T) {
	c, now := loginCore(), market.Mono(0)
	login := func(v order.Verdict) {
		t.Helper()
		now = now.Add(time.Second)
		ok, _ := c.Permit(order.Login, now)
		require.True(t, ok)
		c.LoggedIn(v, now)
	}
	for _, v := range []order.Verdict{order.Retry, order.Retry, order.Retry, order.Retry, order.OK, order.Auth, order.Throttle} {
		login(v)
	}
	require.Equal(t, breaker.Closed, c.logins.State(), "a login in between, and refusals that are none of the endpoint's")
	for range 5 {
		login(order.Retry)
	}
	require.Equal(t, breaker.Open, c.logins.State())

	ok, again := c.Permit(order.Login, now)
	require.False(t, ok)
	require.GreaterOrEqual(t, again.Sub(now), 2500*time.Millisecond)
	require.LessOrEqual(t, again.Sub(now), 5*time.Second)
	ok, _ = c.Permit(order.Reconcile, now)
	require.True(t, ok, "that is no matter of reads")

	now = again
	ok, _ = c.Permit(order.Login, now)
	require.True(t, ok)
	ok, again = c.Permit(order.Login, now)
	require.False(t, ok, "one at a time")
	require.Equal(t, now.Add(2*time.Second), again, "a probe has two seconds")
	c.LoggedIn(order.OK, now)
	login(order.OK)
	require.Equal(t, breaker.Closed, c.logins.State())
}

func TestALoginWithoutAPlaceInTheWindowsIsNoProbe(t *testing.T) {
	c := loginCore()
	c.limits.Fill(0)
	ok, again := c.Permit(order.Login, 0)
	require.False(t, ok)
	require.Equal(t, market.Mono(time.Minute), again)
	require.Zero(t, c.loginCall)
}
