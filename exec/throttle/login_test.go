package throttle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

func TestThreeLoginsInAnyTenMinutes(t *testing.T) {
	g := New(Breeze())
	for _, at := range []market.Mono{0, 100 * second, 200 * second} {
		require.True(t, g.Take(order.Login, false, at))
	}
	require.Equal(t, 0, g.Left(200*second).LoginsLeft)
	require.Equal(t, 600*second, g.Ready(order.Login, false, 300*second))
	require.False(t, g.Take(order.Login, false, 600*second-1))
	require.True(t, g.Take(order.Login, false, 600*second))
	require.Equal(t, 700*second, g.Ready(order.Login, false, 600*second))
	require.True(t, g.Take(order.Reconcile, false, 600*second), "that limit is nobody else's")
}

func TestALoginUsesWhatIsReservedFromOthersButNeverMoreThanTheVenueAllows(t *testing.T) {
	g, now := New(Breeze()), market.Mono(0)
	for range 89 {
		require.True(t, g.Take(order.Cancel, false, now))
	}
	require.False(t, g.Take(order.Reconcile, false, now))
	require.True(t, g.Take(order.Login, false, now))
	require.False(t, g.Take(order.Login, false, now), "90 a minute are 90")
	require.Equal(t, 60*second, g.Ready(order.Login, false, now))
}

func TestADueLoginPassesAShutGateOnceInTwoSeconds(t *testing.T) {
	limits := Breeze()
	limits.Logins = 100
	g := New(limits)
	g.Throttled(50*time.Second, 100*second)
	require.Equal(t, 150*second, g.Ready(order.Entry, true, 100*second), "entries wait")

	var left []market.Mono
	for now := 100 * second; now < 107*second; now += second / 10 {
		if g.Take(order.Login, false, now) {
			left = append(left, now)
		}
	}
	require.Equal(t, []market.Mono{102 * second, 104 * second, 106 * second}, left)
	require.True(t, g.Take(order.Cancel, true, 106*second), "the cancels' turn is another")
}

func TestAThrottledLoginDoesNotWaitLongerForTheSecondThrottle(t *testing.T) {
	g := New(Breeze())
	g.Throttled(60*time.Second, 0)
	require.Equal(t, 2*second, g.Ready(order.Login, false, 0))
	require.True(t, g.Take(order.Login, false, 2*second))
	g.Throttled(60*time.Second, 3*second)
	require.Equal(t, 5*second, g.Ready(order.Login, false, 3*second))
	g.ThrottledDay(10 * second)
	require.Equal(t, 12*second, g.Ready(order.Login, false, 10*second), "without a login no cancel would leave either")
}

func TestAReadThatSettlesAnUnknownOutcomeAsksThroughAGateShutOnAGuess(t *testing.T) {
	g := New(Breeze())
	g.Take(order.Data, false, 0)
	g.Throttled(0, second)
	require.Equal(t, 60*second, g.Ready(order.Data, false, second))
	require.Equal(t, 60*second, g.Ready(order.Entry, true, second))

	var left []market.Mono
	for now := second; now < 20*second; now += second / 10 {
		if g.Take(order.Reconcile, false, now) {
			left = append(left, now)
		}
	}
	require.Equal(t, []market.Mono{6 * second, 11 * second, 16 * second}, left)

	g.Throttled(30*time.Second, 20*second)
	require.Equal(t, 60*second, g.Ready(order.Entry, true, 20*second), "the longer of two waits, which was a guess")
	require.Equal(t, 25*second, g.Ready(order.Reconcile, false, 20*second))
	g.Throttled(50*time.Second, 21*second)
	require.Equal(t, 71*second, g.Ready(order.Reconcile, false, 21*second), "now the venue has said how long")
}
