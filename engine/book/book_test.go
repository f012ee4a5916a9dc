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

func TestDepthSurvivesTheBookExactly(t *testing.T) {
	b := New(options(t, 1))
	var v View
	want := market.Depth{Instrument: 3, VenueTime: 1_755_500_000_000_000_000, Recv: 77}
	for i := range market.Levels {
		want.Bids[i] = market.Level{Price: market.Paise(10000 - 5*i), Qty: market.Units(1<<32 - 1 - i), Orders: int32(i)}
		want.Asks[i] = market.Level{Price: market.Paise(10005 + 5*i), Qty: market.Units(65 * i), Orders: int32(100 + i)}
	}
	require.True(t, b.PutDepth(&want))
	b.Commit(market.Stamp{})
	b.Pin(&v)
	var got market.Depth
	require.True(t, v.Depth(3, &got))
	require.Equal(t, want, got)
	require.False(t, v.Quote(3, new(market.Quote)), "depth is no quote")
}

func TestWhatCannotBeStoredExactlyIsRefusedAndCounted(t *testing.T) {
	b := New(options(t, 1))
	refused := uint64(0)
	refuse := func(q market.Quote) {
		t.Helper()
		refused++
		require.False(t, b.PutQuote(&q))
		require.Equal(t, refused, b.Unfit())
	}
	refuse(market.Quote{})
	refuse(market.Quote{Instrument: 999})
	refuse(market.Quote{Instrument: 3, Bid: 1 << 31})
	refuse(market.Quote{Instrument: 3, BandHigh: -1<<31 - 1})
	refuse(market.Quote{Instrument: 3, AskQty: 1 << 32})
	refuse(market.Quote{Instrument: 3, LastQty: -1})
	require.False(t, b.PutDepth(&market.Depth{Instrument: 3, Bids: [5]market.Level{4: {Qty: 1 << 40}}}))
	require.Zero(t, b.Commit(market.Stamp{}), "nothing was put")

	require.True(t, b.PutQuote(&market.Quote{Instrument: 3, Bid: -1 << 31, Ask: 1<<31 - 1, BidQty: 1<<32 - 1, OIChange: -1 << 31}))
}

func TestRepeatRenewsTheAgeAndIsNotAnnounced(t *testing.T) { // F4
	b := New(options(t, 1))
	var c Cursor
	var v View
	b.Follow(&c)
	ids := make([]market.InstrumentID, 8)
	q := market.Quote{Instrument: 3, Bid: 100, Ask: 105, Recv: 1}
	b.PutQuote(&q)
	b.Commit(market.Stamp{})
	n, _ := c.Next(ids)
	require.Equal(t, 1, n)

	q.Recv = 2
	b.PutQuote(&q)
	b.Commit(market.Stamp{})

	n, _ = c.Next(ids)
	require.Zero(t, n)
	b.Pin(&v)
	require.EqualValues(t, 1, v.News())
	require.True(t, v.Quote(3, &q))
	require.EqualValues(t, 2, q.Recv)
}

func TestViewThatIsOvertakenSaysSo(t *testing.T) {
	b := New(options(t, 1))
	var v View
	var q market.Quote
	put := func(id market.InstrumentID, bid market.Paise) {
		b.PutQuote(&market.Quote{Instrument: id, Bid: bid})
		b.Commit(market.Stamp{})
	}
	put(3, 1)
	b.Pin(&v)
	for i := range versions - 1 {
		put(3, market.Paise(2+i))
		require.True(t, v.Quote(3, &q))
		require.EqualValues(t, 1, q.Bid)
	}
	put(3, 100)
	require.False(t, v.Quote(3, &q))
	require.EqualValues(t, 1, v.Overtaken())
	b.Pin(&v)
	require.True(t, v.Quote(3, &q))
	require.EqualValues(t, 100, q.Bid)
	put(4, 5)
	require.False(t, v.Quote(4, &q), "first quoted after the view")
	require.EqualValues(t, 1, v.Overtaken(), "that is not being overtaken")
}

func TestZeroViewSeesNothing(t *testing.T) {
	var v View
	require.False(t, v.Quote(1, new(market.Quote)))
	require.False(t, v.Depth(1, new(market.Depth)))
	New(options(t, 1)).Pin(&v)
	require.False(t, v.Quote(1, new(market.Quote)))
	require.Zero(t, v.Seq())
}
