package strategies_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/strategies"
	"github.com/vayu-trading/vayu/strategies/param"
)

func TestEveryStrategyIsMadeFromAnEmptyTableAndHearsWhatItNeeds(t *testing.T) {
	var names []string
	for _, e := range strategies.Table() {
		names = append(names, e.Name)
		s, err := e.New(nil)
		require.NoError(t, err, e.Name)
		require.Implements(t, (*engine.Starter)(nil), s)
		require.Implements(t, (*engine.OrderListener)(nil), s)
		require.Implements(t, (*engine.TimerListener)(nil), s)
		require.Implements(t, (*engine.FeedListener)(nil), s)
		require.Implements(t, (*engine.Stopper)(nil), s)
		for _, p := range e.Params {
			require.NotEmpty(t, p.Key, e.Name)
			require.NotEmpty(t, p.About, p.Key)
		}
	}
	require.Equal(t, []string{"short-straddle", "parity-arbitrage", "drill"}, names)
}

func TestWrongParametersAreRefusedByTheirKey(t *testing.T) {
	for _, e := range strategies.Table() {
		for key, value := range map[string]any{
			"lotz": int64(1), "ticks": "many", "chase_every": int64(3), "exit_at": "soon", "underlying": int64(5), "max_rejects": int64(0),
		} {
			s, err := e.New(map[string]any{key: value})
			require.Nil(t, s, "%s %s", e.Name, key)
			require.ErrorIs(t, err, param.ErrParam)
			require.ErrorContains(t, err, e.Name)
			require.ErrorContains(t, err, key)
		}
	}
}

func TestAnUnknownNameListsTheKnownOnes(t *testing.T) {
	_, err := strategies.Find("straddle")
	require.ErrorContains(t, err, `"straddle"`)
	require.ErrorContains(t, err, "short-straddle, parity-arbitrage, drill")

	e, err := strategies.Find("parity-arbitrage")
	require.NoError(t, err)
	require.Equal(t, "parity-arbitrage", e.Name)
}
