package engine

import (
	"sync/atomic"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
)

// Feed is the way of the market into the engine, and the one writer of the
// book: Quote, Depth and Commit are called by one goroutine at a time. It
// refuses and counts records that cannot be true, so that no strategy prices
// from them; a crossed, locked or one-sided book is true but not tradable and
// is left to risk to judge.
type Feed struct {
	host    *Host
	book    *book.Book
	watches []watch

	committed book.Seq

	// How far the feed can be trusted: a market.FeedState below, and above it
	// a count of the times it was not live, so that a gap that was over before
	// a strategy looked is still told. Written by State, read by loops.
	word atomic.Uint64

	count feedCounters
}

const (
	feedStateBits = 8
	feedStateMask = 1<<feedStateBits - 1
)

// watch is what the feed remembers of an instrument to judge its next quote.
type watch struct {
	volume    market.Units
	lastTrade market.UnixNano
	last      market.Paise
	suspect   market.Paise // a price that jumped and waits to be confirmed
	agreed    uint8
}

// FeedStats counts what came through a feed.
type FeedStats struct {
	Quotes  uint64 `json:"quotes"`  // stored
	Depths  uint64 `json:"depths"`  // stored
	Commits uint64 `json:"commits"` // frames made visible
	Gaps    uint64 `json:"gaps"`    // times the feed was not live
	// Refused records, by what was wrong.
	Unfit   uint64 `json:"unfit"`    // of no instrument of the day, or too large for the book
	Invalid uint64 `json:"invalid"`  // a negative price or quantity, depth out of order
	OffTick uint64 `json:"off_tick"` // a price between ticks
	OffBand uint64 `json:"off_band"` // a price outside the day's band
	Jumped  uint64 `json:"jumped"`   // a jump of the last price without volume, not yet confirmed
	Late    uint64 `json:"late"`     // older than what is known: volume and last trade both fell
}

type feedCounters struct {
	quotes, depths, commits, gaps                  metrics.Counter
	unfit, invalid, offTick, offBand, jumped, late metrics.Counter
}

// A jump of the last price without volume is held back when it is more than
// both: a fifth of the price, and ten rupees, since cheap options move by
// multiples in one trade. Three ticks that agree release it.
const (
	jumpShare    = 5
	jumpPoints   = 10 * market.Rupee
	jumpReleases = 3
)

// Quote takes a quote into the book's next commit, or refuses and counts it.
// Hot path.
func (f *Feed) Quote(q *market.Quote) {
	if int(q.Instrument) >= len(f.watches) || q.Instrument == 0 {
		f.count.unfit.Add(1)
		return
	}
	in, w := f.book.Universe().Get(q.Instrument), &f.watches[q.Instrument]
	switch {
	case q.Bid|q.Ask|q.Last|q.Open|q.High|q.Low|q.PrevClose < 0 || q.BidQty|q.AskQty|q.LastQty|q.Volume < 0:
		f.count.invalid.Add(1)
		return
	case in.Kind != market.Index && !(q.Bid.OnTick(in.TickSize) && q.Ask.OnTick(in.TickSize) && q.Last.OnTick(in.TickSize)):
		f.count.offTick.Add(1)
		return
	case q.Volume < w.volume && q.LastTrade < w.lastTrade:
		f.count.late.Add(1)
		return
	}
	low, high := Band(in, q)
	if !within(q.Bid, low, high) || !within(q.Ask, low, high) || !within(q.Last, low, high) {
		f.count.offBand.Add(1)
		return
	}
	if w.jumped(q) {
		f.count.jumped.Add(1)
		return
	}
	if !f.book.PutQuote(q) {
		f.count.unfit.Add(1)
		return
	}
	w.volume, w.lastTrade, w.last = q.Volume, q.LastTrade, q.Last
	w.suspect, w.agreed = 0, 0
	f.count.quotes.Add(1)
}

// Band is the price band in force for an instrument: the quote's own when it
// carries one, else the master's; zeros mean none.
func Band(in *market.Instrument, q *market.Quote) (low, high market.Paise) {
	if q.BandHigh > 0 {
		return q.BandLow, q.BandHigh
	}
	return in.BandLow, in.BandHigh
}

// within tells whether a price, if there is one, lies in the band, if there is
// one.
func within(p, low, high market.Paise) bool { return p == 0 || high == 0 || p >= low && p <= high }

// jumped tells whether the last price is too far from the one before to be
// believed without volume, and counts the ticks that agree on it.
func (w *watch) jumped(q *market.Quote) bool {
	if w.last == 0 || q.Last == 0 || q.Volume > w.volume || !far(q.Last, w.last) {
		return false
	}
	if w.suspect == 0 || far(q.Last, w.suspect) {
		w.suspect, w.agreed = q.Last, 0
	}
	w.agreed++
	return w.agreed < jumpReleases
}

func far(p, from market.Paise) bool {
	distance := max(p-from, from-p)
	return distance > jumpPoints && distance*jumpShare > from
}

// Depth takes a depth into the book's next commit, or refuses and counts it.
// Hot path.
func (f *Feed) Depth(d *market.Depth) {
	if int(d.Instrument) >= len(f.watches) || d.Instrument == 0 {
		f.count.unfit.Add(1)
		return
	}
	in := f.book.Universe().Get(d.Instrument)
	for i := range market.Levels {
		bid, ask := &d.Bids[i], &d.Asks[i]
		if bid.Price|ask.Price < 0 || bid.Qty|ask.Qty < 0 || bid.Orders|ask.Orders < 0 ||
			i > 0 && (bid.Price > d.Bids[i-1].Price || ask.Price != 0 && ask.Price < d.Asks[i-1].Price) {
			f.count.invalid.Add(1)
			return
		}
		if !bid.Price.OnTick(in.TickSize) || !ask.Price.OnTick(in.TickSize) {
			f.count.offTick.Add(1)
			return
		}
		if !within(bid.Price, in.BandLow, in.BandHigh) || !within(ask.Price, in.BandLow, in.BandHigh) {
			f.count.offBand.Add(1)
			return
		}
	}
	if !f.book.PutDepth(d) {
		f.count.unfit.Add(1)
		return
	}
	f.count.depths.Add(1)
}

// Commit makes what one frame brought visible together, stamped with the
// frame's arrival, wakes strategies and steps the inline ones. Hot path.
func (f *Feed) Commit(at market.Stamp) {
	if seq := f.book.Commit(at); seq != f.committed {
		f.committed = seq
		f.count.commits.Add(1)
	}
	if !f.host.started.Load() {
		return
	}
	for _, l := range f.host.inlines {
		l.drive(at)
	}
}

// State says how far the feed can be trusted from now on. Strategies hear it
// before the next change of the market.
func (f *Feed) State(s market.FeedState) {
	word := f.word.Load()
	losses := word >> feedStateBits
	if s != market.FeedLive {
		losses++
		f.count.gaps.Add(1)
	}
	if s == market.FeedDown {
		clear(f.watches) // what comes after may be another day, or a corrected one
	}
	f.word.Store(losses<<feedStateBits | uint64(s))
	f.host.wakeAll()
}

// Stats is what came through so far. Anyone may call it.
func (f *Feed) Stats() FeedStats {
	c := &f.count
	return FeedStats{
		Quotes: c.quotes.Load(), Depths: c.depths.Load(), Commits: c.commits.Load(), Gaps: c.gaps.Load(),
		Unfit: c.unfit.Load(), Invalid: c.invalid.Load(), OffTick: c.offTick.Load(), OffBand: c.offBand.Load(),
		Jumped: c.jumped.Load(), Late: c.late.Load(),
	}
}
