package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// While the breaker of writes is open, a strategy's cancels leave once a second,
// and those of a kill level as fast as the rate limits allow.
func TestKillLevelsPassAnOpenBreakerAtTheFullRateAndStrategiesCancelsOnceASecond(t *testing.T) {
	for _, kill := range []bool{false, true} {
		w := newWorld(t, 1, nil).begin()
		var ids []order.ID
		for i := range 7 {
			ticket := w.ticket()
			ticket.Price -= market.Paise(5 * i)
			ids = append(ids, w.place(ticket))
			w.run(w.now + 2*second)
		}
		w.run(w.now + 61*second)
		w.openBreaker()

		if kill {
			w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "drill"})
		} else {
			for _, id := range ids {
				w.ask(order.CancelOne, id, 0)
			}
		}
		w.run(w.now + 900*ms)

		if kill {
			require.Equal(t, len(ids), w.actions[SendCancel])
		} else {
			require.Equal(t, 1, w.actions[SendCancel])
			w.run(w.now + second)
			require.Equal(t, 2, w.actions[SendCancel])
		}
	}
}
