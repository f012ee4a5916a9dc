package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
)

func TestP14_TheThirdStartInTenMinutesWantsAPersonsWord(t *testing.T) {
	now := market.NewDate(2026, 11, 24).At(10 * time.Hour)
	arms := func(want bool, ages ...time.Duration) {
		t.Helper()
		var earlier []market.UnixNano
		for _, age := range ages {
			earlier = append(earlier, now.Add(-age))
		}
		require.Equal(t, want, ArmsItself(earlier, now))
	}
	arms(true)
	arms(true, time.Second)
	arms(false, time.Second, 2*time.Second)
	arms(false, 10*time.Minute-1, time.Second)
	arms(true, 10*time.Minute, time.Second)
	arms(true, time.Hour, 2*time.Hour, 3*time.Hour, time.Minute)
	arms(false, time.Hour, time.Minute, 2*time.Hour, time.Minute)
	arms(false, -time.Hour, -time.Hour) // the clock was set back
}

func TestP14_ACrashLoopIsStoppedHoweverFastItTurns(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond, time.Second, time.Minute, 4*time.Minute + 59*time.Second} {
		now, starts, armed := market.NewDate(2026, 11, 24).At(10*time.Hour), []market.UnixNano(nil), 0
		for ; armed < 100 && ArmsItself(starts, now); armed++ {
			starts = append(starts, now)
			now = now.Add(every)
		}
		require.Equal(t, 2, armed, every.String())
	}
}
