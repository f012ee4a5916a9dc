package market

// Quote is one level-1 event: the venue's view of an instrument at one moment.
// Prices are paise, sizes units; a zero price means the venue has none.
type Quote struct {
	Instrument      InstrumentID
	Last            Paise
	Bid, Ask        Paise
	BidQty, AskQty  Units
	Open, High, Low Paise
	PrevClose       Paise
	Average         Paise // the day's average, rounded to the paisa
	LastQty         Units
	OpenInterest    Units
	OIChange        Units
	Volume          Units // the day's total; never falls within a day
	TotalBuy        Units // resting buy quantity over the whole book
	TotalSell       Units
	BandLow         Paise
	BandHigh        Paise
	LastTrade       UnixNano // exchange time of the last trade, whole seconds; may step back
	Recv            Mono     // stamped by the feed on arrival
}

// Mid is the middle of a two-sided, uncrossed quote; ok is false otherwise.
func (q *Quote) Mid() (mid Paise, ok bool) {
	if !q.TwoSided() {
		return 0, false
	}
	return (q.Bid + q.Ask) / 2, true
}

// TwoSided tells whether both sides are there and not crossed or locked.
func (q *Quote) TwoSided() bool { return q.Bid > 0 && q.Ask > q.Bid }

// Levels is how many price levels a depth event carries per side.
const Levels = 5

// Level is one price level of a book.
type Level struct {
	Price  Paise
	Qty    Units
	Orders int32
}

// Depth is one level-2 event: up to five levels a side, best first. Missing
// levels are zero.
type Depth struct {
	Instrument InstrumentID
	Bids, Asks [Levels]Level
	VenueTime  UnixNano // whole seconds
	Recv       Mono
}

// EventKind tells what an Event carries.
type EventKind uint8

// The kinds of event.
const (
	NoEvent EventKind = iota
	QuoteEvent
	DepthEvent
)

// Event is one change of the market on a tape: what a simulated venue plays
// and a back-test merges. Only the part that Kind names is set.
type Event struct {
	At        UnixNano // market time
	Kind      EventKind
	Synthetic bool // made up between two recorded moments, never recorded
	Quote     Quote
	Depth     Depth
}

// FeedState is how far a stream can be trusted. The zero value is "down".
type FeedState uint8

// The states of a stream.
const (
	FeedDown  FeedState = iota // no connection, or not yet accepted and joined
	FeedLive                   // connected, joined, delivering
	FeedGap                    // something may have been missed just now; announced before the next event
	FeedStale                  // connected but mute
)

func (s FeedState) String() string { return [...]string{"down", "live", "gap", "stale"}[s&3] }
