package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// An engine that starts, trades and dies, again and again, must not go on doing
// so by itself: whatever kills it may be what it trades on.
const (
	startsMost = 2 // in startsSpan, before one wants a person's word
	startsSpan = 10 * time.Minute
)

// ArmsItself tells whether an engine that starts now may trade without a
// person's word, given the instants of the day's earlier starts, in any order:
// the third start within ten minutes may not. A start that seems to lie in the
// future, because the wall clock was set back, counts as a recent one.
func ArmsItself(earlier []market.UnixNano, now market.UnixNano) bool {
	recent := 0
	for _, at := range earlier {
		if now.Sub(at) < startsSpan {
			recent++
		}
	}
	return recent < startsMost
}
