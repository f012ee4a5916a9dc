package shortstraddle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/strategies/strategytest"
)

func TestWhateverTheVenueAnswersItEndsTheDayFlat(t *testing.T) {
	entries := 0
	for seed := range uint64(20) {
		f := floorAt(t, strategytest.Clock(10, 43), seed%2 == 0, func(p *Params) {
			p.Lots, p.CoolOff, p.MaxEntries, p.StopPercent = int64(1+seed%3), 0, 20, 5
		})
		f.Chaos(seed, 90)
		f.market(24_200)

		f.At(15, 9)
		f.market(24_200)
		f.Wait(time.Minute)
		f.Wait(time.Minute)

		require.Equal(t, Done, f.s.Phase(), "seed %d", seed)
		require.True(t, f.Flat(), "seed %d", seed)
		require.Zero(t, f.Open(), "seed %d", seed)
		entries += f.s.entries
		f.Do(func(ctx *engine.Context) { require.True(t, f.s.crew.Settled(ctx), "seed %d", seed) })
	}
	require.Greater(t, entries, 40, "it went on trading")
}
