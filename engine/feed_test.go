package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
)

// line is a feed into a book, quote by quote.
type line struct {
	*engine.Feed
	t    *testing.T
	book *book.Book
	call market.InstrumentID
	last market.Quote
}

func newLine(t *testing.T) *line {
	b := book.New(universe(t))
	h := engine.NewHost(engine.HostConfig{Book: b, Desk: &recorder{}})
	return &line{Feed: h.Feed(), t: t, book: b, call: b.Layout().Chains()[0].Rows[0].Call}
}

// reaches puts a quote and tells whether the book has it.
func (l *line) reaches(change func(*market.Quote)) bool {
	l.t.Helper()
	q := l.last
	q.Instrument = l.call
	q.Recv++
	change(&q)
	l.Quote(&q)
	l.Commit(market.Stamp{})
	var v book.View
	var got market.Quote
	l.book.Pin(&v)
	if !v.Quote(l.call, &got) || got != q {
		return false
	}
	l.last = q
	return true
}

func plain(q *market.Quote) {
	q.Bid, q.Ask, q.Last, q.BandLow, q.BandHigh, q.Volume, q.LastTrade = 10000, 10010, 10005, 500, 50000, 1000, 1000
}

func TestF13_QuotesThatCannotBeTrueAreRefusedAndCounted(t *testing.T) {
	l := newLine(t)
	require.True(t, l.reaches(plain))
	refused := func(change func(*market.Quote)) {
		t.Helper()
		require.False(t, l.reaches(change))
	}
	refused(func(q *market.Quote) { q.Bid = -5 })
	refused(func(q *market.Quote) { q.AskQty = -1 })
	refused(func(q *market.Quote) { q.Low = -1 })
	refused(func(q *market.Quote) { q.Ask = 10012 })
	refused(func(q *market.Quote) { q.Ask = 50005 })
	refused(func(q *market.Quote) { q.Last = 495 })
	refused(func(q *market.Quote) { q.Instrument = 9999 })
	refused(func(q *market.Quote) { q.Instrument = 0 })
	refused(func(q *market.Quote) { q.BidQty = 1 << 40 })
	require.True(t, l.reaches(func(q *market.Quote) { q.Bid = 0 }), "one-sided is true; risk keeps it from trading")
	require.True(t, l.reaches(func(q *market.Quote) { q.Bid, q.Ask = 10010, 10000 }), "so is crossed")
	s := l.Stats()
	require.Equal(t, engine.FeedStats{Quotes: 3, Commits: 3, Unfit: 3, Invalid: 3, OffTick: 1, OffBand: 2}, s)
}

func TestF13_JumpWithoutVolumeNeedsThreeTicksThatAgree(t *testing.T) {
	l := newLine(t)
	require.True(t, l.reaches(plain))
	to := func(p market.Paise, volume market.Units) bool {
		return l.reaches(func(q *market.Quote) { q.Last, q.Volume = p, volume })
	}
	require.True(t, to(11000, 1000), "ten percent")
	require.False(t, to(14000, 1000))
	require.False(t, to(14005, 1000))
	require.False(t, to(20000, 1000), "another one: begins anew")
	require.False(t, to(20005, 1000))
	require.True(t, to(20000, 1000))
	require.True(t, to(40000, 1001), "with volume it is a trade")
	require.True(t, to(1000, 1002))
	require.True(t, to(1600, 1002), "six rupees are no jump, though 60 %")
	require.EqualValues(t, 4, l.Stats().Jumped)
}

func TestF4_QuoteIsLateOnlyWhenVolumeAndTradeTimeBothFall(t *testing.T) {
	l := newLine(t)
	require.True(t, l.reaches(plain))
	require.True(t, l.reaches(func(q *market.Quote) { q.LastTrade = 990 }), "the venue's trade time may step back")
	require.True(t, l.reaches(func(q *market.Quote) { q.LastTrade, q.Volume = 1001, 999 }))
	require.False(t, l.reaches(func(q *market.Quote) { q.LastTrade, q.Volume = 1000, 998 }))
	require.EqualValues(t, 1, l.Stats().Late)
	l.State(market.FeedDown) // a new day, perhaps
	require.True(t, l.reaches(func(q *market.Quote) { q.LastTrade, q.Volume = 1, 1 }))
}

func TestDepthThatCannotBeTrueIsRefusedAndCounted(t *testing.T) {
	l := newLine(t)
	good := market.Depth{Instrument: l.call}
	for i := range 3 {
		good.Bids[i] = market.Level{Price: market.Paise(10000 - 5*i), Qty: 65, Orders: 1}
		good.Asks[i] = market.Level{Price: market.Paise(10005 + 5*i), Qty: 65, Orders: 1}
	}
	put := func(change func(*market.Depth)) {
		d := good
		change(&d)
		l.Depth(&d)
	}
	put(func(*market.Depth) {})
	put(func(d *market.Depth) { d.Bids[1].Price = 10005 })
	put(func(d *market.Depth) { d.Asks[2].Price = 5 })
	put(func(d *market.Depth) { d.Asks[4].Qty = -1 })
	put(func(d *market.Depth) { d.Asks[2].Price = 10016 })
	put(func(d *market.Depth) { d.Instrument = 0 })
	put(func(d *market.Depth) { d.Bids[0].Qty = 1 << 33 })
	l.Commit(market.Stamp{})
	require.Equal(t, engine.FeedStats{Depths: 1, Commits: 1, Invalid: 3, OffTick: 1, Unfit: 2}, l.Stats())
}
