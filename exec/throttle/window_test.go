package throttle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// A token bucket would let nine through at once and nine more as it refills.
func TestABurstAndItsRefillStayWithinOneSecondsLimit(t *testing.T) {
	g, calls := New(Breeze()), []call(nil)
	for now := market.Mono(0); now < 5*second; now += second / 100 {
		for g.Take(order.Cancel, true, now) {
			calls = append(calls, call{now, order.Cancel, true})
		}
	}
	any := func(call) bool { return true }
	require.Equal(t, 9, most(calls, market.Mono(1050*time.Millisecond), any))
	require.GreaterOrEqual(t, len(calls), 4*9, "and no fewer than it may")
}
