package parityarb

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/strategies/param"
)

func TestWhateverTheVenueAnswersItEndsTheDayFlat(t *testing.T) {
	boxes := 0
	for seed := range uint64(20) {
		f := newFloor(t, func(p *Params) {
			p.MaxLots, p.MaxBoxes, p.CoolOff, p.MaxQuoteAge = int64(1+seed%3), 100, 0, param.Duration(time.Minute)
		})
		f.Chaos(seed, 90)
		f.fair()

		f.At(15, 9)
		f.fair()
		f.Wait(time.Minute)
		f.Wait(time.Minute)

		require.Equal(t, Done, f.a.Phase(), "seed %d", seed)
		require.True(t, f.Flat(), "seed %d", seed)
		require.Zero(t, f.Open(), "seed %d", seed)
		boxes += f.a.boxes
	}
	require.Greater(t, boxes, 30, "the market offered boxes")
}
