package throttle

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Restore logs a call that left before a restart, at an instant on this run's
// clock. Calls are given oldest first; the day's count is [Gate.RestoreDay]'s.
func (g *Gate) Restore(at market.Mono, _ order.Class, write bool) {
	if write {
		g.second.add(max(at, g.second.times[g.second.newest(1)]))
	}
	g.minute.add(max(at, g.minute.times[g.minute.newest(1)]))
}

// RestoreDay adds the calls of the day that left before a restart.
func (g *Gate) RestoreDay(calls int) { g.day += calls }
