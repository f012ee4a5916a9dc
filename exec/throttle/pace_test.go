package throttle

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"pgregory.net/rapid"
)

func TestAPaceLetsSavedTokensThroughAtOnceAndThenOneEachInterval(t *testing.T) {
	p, now, left := pace(0), 100*second, []market.Mono(nil)
	for ; now < 102*second; now += second / 100 {
		for p.ready(second/4, 3) <= now {
			p.take(second/4, 3, now)
			left = append(left, now)
		}
	}
	at := func(hundredths market.Mono) market.Mono { return 100*second + hundredths*second/100 }
	require.Equal(t, []market.Mono{at(0), at(0), at(0), at(0), at(25), at(50), at(75), at(100), at(125), at(150), at(175)}, left)
}

func TestNoWindowHoldsMoreThanAPaceAllows(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		interval := market.Mono(rapid.Int64Range(1, 1000).Draw(r, "interval"))
		saved := rapid.IntRange(0, 12).Draw(r, "saved")
		p, now, left := pace(0), market.Mono(1_000_000), []market.Mono(nil)
		for range 300 {
			now += market.Mono(rapid.Int64Range(0, 500).Draw(r, "step"))
			if p.ready(interval, saved) <= now {
				p.take(interval, saved, now)
				left = append(left, now)
			}
		}
		for i := range left {
			for j := i; j < len(left); j++ {
				allowed := saved + 1 + int((left[j]-left[i])/interval)
				require.LessOrEqual(r, j-i+1, allowed)
			}
		}
	})
}

func TestDebtOfThoseWhoDoNotWaitIsNeverMoreThanABucket(t *testing.T) {
	p := pace(0)
	for range 1000 {
		p.take(second, 8, 0)
	}
	require.Equal(t, second, p.ready(second, 8))
}

func TestAnEmptiedPaceSavesNothingUp(t *testing.T) {
	p := pace(0)
	p.empty(second, 100*second)
	require.Equal(t, 101*second, p.ready(second, 0))
}

func TestReadsArePacedThoughTheSecondsWindowDoesNotCountThem(t *testing.T) {
	g, left := New(Breeze()), 0
	for now := 10 * second; now < 11*second; now += second / 100 {
		for g.Take(order.Reconcile, false, now) {
			left++
		}
	}
	require.Equal(t, 9+8, left, "nine saved up and eight that came in the second")
}
