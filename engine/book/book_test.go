package book

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

// options is a universe of one index, one future and a chain of n strikes from
// 24000 in steps of 50 rupees.
func options(t testing.TB, n int) *market.Universe {
	t.Helper()
	expiry := market.NewDate(2026, 8, 25)
	list := []market.Instrument{
		{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50"},
		{ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: market.NewDate(2026, 8, 25)}, Token: "1", LotSize: 65, TickSize: 10},
	}
	for i := range n {
		strike := market.Paise(24000+50*i) * market.Rupee
		for _, right := range []market.Right{market.Call, market.Put} {
			list = append(list, market.Instrument{
				ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: strike, Right: right},
				Token:       strike.String() + right.String(), LotSize: 65, TickSize: 5,
			})
		}
	}
	u, err := market.NewUniverse(list)
	require.NoError(t, err)
	return u
}

func TestViewReadsWhatWasCommittedAndNothingLater(t *testing.T) {
	b := New(options(t, 2))
	var v View
	var got market.Quote

	b.Pin(&v)
	require.False(t, v.Quote(3, &got))
	first := market.Quote{Instrument: 3, Bid: 100, Ask: 105, Volume: 2_403_900_655 * 4, OIChange: -7, Recv: 9, LastTrade: 1}
	b.PutQuote(&first)
	b.Pin(&v)
	require.False(t, v.Quote(3, &got), "not committed yet")
	at := market.Stamp{Mono: 1, Wall: 2, Market: 3}
	require.Equal(t, Seq(1), b.Commit(at))
	require.False(t, v.Quote(3, &got), "the view is pinned before")
	b.Pin(&v)
	require.True(t, v.Quote(3, &got))
	require.Equal(t, first, got)
	require.Equal(t, at, v.At())
	require.Zero(t, v.Overtaken())

	second := first
	second.Bid = 101
	b.PutQuote(&second)
	b.Commit(at)
	require.True(t, v.Quote(3, &got))
	require.Equal(t, first, got)
}
