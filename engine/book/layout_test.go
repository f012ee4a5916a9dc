package book

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestLayoutFindsChainsStrikesSpotAndFuture(t *testing.T) {
	u := options(t, 5)
	l := New(u).Layout()
	expiry := market.NewDate(2026, 8, 25)
	require.Equal(t, []market.Date{expiry}, l.Expiries("NIFTY"))
	chain := l.Chain("NIFTY", expiry)
	require.Same(t, l.Chains()[0], chain)
	require.Nil(t, l.Chain("NIFTY", expiry+1))
	require.Nil(t, l.Chain("BANKNIFTY", expiry))
	require.Len(t, chain.Rows, 5)
	require.Equal(t, market.Future, u.Get(chain.Future).Kind)
	require.Equal(t, market.Index, u.Get(l.Spot("NIFTY")).Kind)
	require.Zero(t, l.Spot("SENSEX"))
	for i, row := range chain.Rows {
		require.Equal(t, market.Call, u.Get(row.Call).Right)
		require.Equal(t, market.Put, u.Get(row.Put).Right)
		require.Equal(t, row.Strike, u.Get(row.Put).Strike)
		require.Equal(t, i, chain.Row(row.Strike))
		of, at := l.Of(row.Put)
		require.Same(t, chain, of)
		require.Equal(t, i, at)
	}
	require.Equal(t, -1, chain.Row(24001*market.Rupee))
	none, _ := l.Of(chain.Future)
	require.Nil(t, none)
	none, _ = l.Of(9999)
	require.Nil(t, none)
}

func TestChainTakesTheNextFuture(t *testing.T) {
	key := func(kind market.Kind, expiry market.Date) market.ContractKey {
		return market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: kind, Expiry: expiry, Right: market.Call}
	}
	u, err := market.NewUniverse([]market.Instrument{
		{ContractKey: key(market.Option, 20260818), Token: "1"},
		{ContractKey: key(market.Option, 20260825), Token: "2"},
		{ContractKey: key(market.Option, 20261231), Token: "3"},
		{ContractKey: key(market.Future, 20260825), Token: "4"},
		{ContractKey: key(market.Future, 20260929), Token: "5"},
	})
	require.NoError(t, err)
	l := New(u).Layout()
	require.Equal(t, u.ByToken([]byte("4")), l.Chain("NIFTY", 20260818).Future)
	require.Equal(t, u.ByToken([]byte("4")), l.Chain("NIFTY", 20260825).Future)
	require.Zero(t, l.Chain("NIFTY", 20261231).Future)
	require.Equal(t, []market.Date{20260818, 20260825, 20261231}, l.Expiries("NIFTY"))
	require.Zero(t, l.Chain("NIFTY", 20260818).Rows[0].Put, "only calls are listed")
}

func TestATMIsTheNearestStrike(t *testing.T) {
	require.Equal(t, -1, new(Chain).ATM(1))
	rapid.Check(t, func(t *rapid.T) {
		chain, strike := &Chain{}, market.Paise(0)
		for range rapid.IntRange(1, 30).Draw(t, "rows") {
			strike += market.Paise(rapid.IntRange(1, 200).Draw(t, "gap"))
			chain.Rows = append(chain.Rows, Row{Strike: strike})
		}
		forward := market.Paise(rapid.IntRange(-50, int(strike)+50).Draw(t, "forward"))
		want := 0
		for i, row := range chain.Rows {
			if max(row.Strike-forward, forward-row.Strike) < max(chain.Rows[want].Strike-forward, forward-chain.Rows[want].Strike) {
				want = i
			}
		}
		require.Equal(t, want, chain.ATM(forward))
	})
}

func ExampleChain_ATM() {
	chain := Chain{Rows: []Row{{Strike: 24150 * market.Rupee}, {Strike: 24200 * market.Rupee}, {Strike: 24250 * market.Rupee}}}
	i := chain.ATM(24_231_40)
	fmt.Println(i, chain.Rows[i].Strike)
	// Output: 2 24250
}
