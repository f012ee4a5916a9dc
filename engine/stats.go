package engine

import (
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
	"github.com/vayu-trading/vayu/engine/order"
)

// stats is what a loop counts. Written by whoever steps it (and its fences),
// read by anyone.
type stats struct {
	callbacks, conflated, overruns, overtaken metrics.Counter
	updates, resyncs, timers                  metrics.Counter
	placed, modified, cancelled, refused      metrics.Counter
	panics, overlong                          metrics.Counter
	latency                                   metrics.Histogram
}

// StrategyStats is what happened to one strategy so far.
type StrategyStats struct {
	ID          order.StrategyID  `json:"id"`
	Name        string            `json:"name"`
	Inline      bool              `json:"inline"`
	Quarantined bool              `json:"quarantined"`
	Callbacks   uint64            `json:"callbacks"` // OnMarket calls
	Conflated   uint64            `json:"conflated"` // commits with changes that were not seen by themselves
	Overruns    uint64            `json:"overruns"`  // times it was lapped in the ring of changes
	Overtaken   uint64            `json:"overtaken"` // reads that failed because the writer was past
	Updates     uint64            `json:"updates"`   // order updates taken
	Resyncs     uint64            `json:"resyncs"`   // order updates that were merged with others
	Timers      uint64            `json:"timers"`
	Placed      uint64            `json:"placed"`
	Modified    uint64            `json:"modified"`
	Cancelled   uint64            `json:"cancelled"` // cancels asked for
	Refused     uint64            `json:"refused"`   // asked for while quarantined
	Panics      uint64            `json:"panics"`
	Overlong    uint64            `json:"overlong"`
	Latency     *metrics.Snapshot `json:"-"` // tick's arrival → decision, ns
}

// HostStats is what happened in a host so far.
type HostStats struct {
	Feed         FeedStats       `json:"feed"`
	FeedState    string          `json:"feed_state"`
	Seq          book.Seq        `json:"seq"`
	NotesDropped uint64          `json:"notes_dropped"`
	Strategies   []StrategyStats `json:"strategies"`
}

// Snapshot reads all counters. Anyone may call it once the strategies are
// added.
func (h *Host) Snapshot() HostStats {
	s := HostStats{
		Feed: h.feed.Stats(), Seq: h.book.Seq(), NotesDropped: h.dropped.Load(),
		FeedState: market.FeedState(h.feed.word.Load() & feedStateMask).String(),
	}
	for _, l := range h.loops {
		c := &l.stats
		s.Strategies = append(s.Strategies, StrategyStats{
			ID: l.id, Name: l.name, Inline: l.inline, Quarantined: l.Quarantined(),
			Callbacks: c.callbacks.Load(), Conflated: c.conflated.Load(), Overruns: c.overruns.Load(), Overtaken: c.overtaken.Load(),
			Updates: c.updates.Load(), Resyncs: c.resyncs.Load(), Timers: c.timers.Load(),
			Placed: c.placed.Load(), Modified: c.modified.Load(), Cancelled: c.cancelled.Load(), Refused: c.refused.Load(),
			Panics: c.panics.Load(), Overlong: c.overlong.Load(), Latency: c.latency.Snapshot(),
		})
	}
	return s
}

// CallbackKind tells what a traced callback was for.
type CallbackKind uint8

// The kinds of callback.
const (
	CallbackMarket CallbackKind = iota
	CallbackOrder
	CallbackTimer
	CallbackFeed
	CallbackSession
)

// Callback is the trace of one callback: enough, with the tape and the order
// events, to make the same call again.
type Callback struct {
	Strategy order.StrategyID
	Kind     CallbackKind
	Seq      book.Seq // what the view was pinned at
	Detail   uint64   // the order's id, the timer's id, or the state of feed or session
	At       market.Stamp
}
