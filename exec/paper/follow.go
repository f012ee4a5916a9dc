package paper

import (
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
)

// follower shows the venue what the book has learnt. Owned by the desk. Several
// quotes of one instrument between two looks are one to it, the newest: what
// traded meanwhile is in the volume.
type follower struct {
	book    *book.Book
	cursor  book.Cursor
	upTo    book.View // what the cursor is moved to
	view    book.View // newest, to read from
	started bool
	quotes  []market.Quote // as shown, by instrument
	depths  []market.Depth
	changed [64]market.InstrumentID
	event   market.Event // scratch
}

func newFollower(b *book.Book) follower {
	n := b.Universe().Len() + 1
	return follower{book: b, quotes: make([]market.Quote, n), depths: make([]market.Depth, n)}
}

// follow shows what changed since the last call, and tells whether anything
// did.
func (f *follower) follow(v *Venue, now market.Stamp) (moved bool) {
	if !f.started {
		f.started = true
		f.book.Follow(&f.cursor)
		for id := range f.quotes {
			moved = f.show(v, market.InstrumentID(id), now) || moved
		}
	}
	f.book.Pin(&f.upTo)
	for n := len(f.changed); n == len(f.changed); {
		n, _ = f.cursor.Until(&f.upTo, f.changed[:])
		for _, id := range f.changed[:n] {
			moved = f.show(v, id, now) || moved
		}
	}
	return moved
}

// show tells the venue of one instrument. Of a quote and a depth that are both
// new, the later comes last: it overrides the other.
func (f *follower) show(v *Venue, id market.InstrumentID, now market.Stamp) (moved bool) {
	var q market.Quote
	var d market.Depth
	hasQuote, hasDepth := false, false
	for range 3 { // a writer may overtake a view, hardly ever twice
		f.book.Pin(&f.view)
		before := f.view.Overtaken()
		hasQuote, hasDepth = f.view.Quote(id, &q), f.view.Depth(id, &d)
		if f.view.Overtaken() == before {
			break
		}
	}
	hasQuote = hasQuote && q != f.quotes[id]
	hasDepth = hasDepth && d != f.depths[id]
	depthFirst := hasDepth && hasQuote && d.Recv < q.Recv
	if depthFirst {
		f.put(v, market.Event{Kind: market.DepthEvent, Depth: d}, now)
	}
	if hasQuote {
		f.quotes[id] = q
		f.put(v, market.Event{Kind: market.QuoteEvent, Quote: q}, now)
	}
	if hasDepth {
		f.depths[id] = d
		if !depthFirst {
			f.put(v, market.Event{Kind: market.DepthEvent, Depth: d}, now)
		}
	}
	return hasQuote || hasDepth
}

func (f *follower) put(v *Venue, ev market.Event, now market.Stamp) {
	f.event = ev
	f.event.At = now.Market
	v.show(&f.event, now)
}
