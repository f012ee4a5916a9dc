package book

import (
	"sync/atomic"

	"github.com/vayu-trading/vayu/engine/market"
)

// View reads the book as it stood at one commit. Its owner keeps it and pins
// it again and again; it is not for sharing. The zero View sees nothing.
type View struct {
	book      *Book
	seq       Seq
	at        market.Stamp
	tail      uint64 // end of what was announced by then
	news      uint64 // commits that had announced something by then
	overtaken uint64
}

// Pin moves the view to the newest commit. Hot path.
func (b *Book) Pin(v *View) {
	if v.book != b {
		*v = View{book: b}
	}
	for {
		seq := b.seq.Load()
		record := (*[commitWords]uint64)(b.commits[seq%stampRing*commitSlot:])
		if seq == 0 {
			v.seq, v.at, v.tail, v.news = 0, market.Stamp{}, 0, 0
			return
		}
		mono, wall, at := atomic.LoadUint64(&record[1]), atomic.LoadUint64(&record[2]), atomic.LoadUint64(&record[3])
		tail, news := atomic.LoadUint64(&record[4]), atomic.LoadUint64(&record[5])
		// The record of seq was complete before seq was, so it is whole if it
		// still carries seq. Otherwise 64 commits have passed since: take a
		// newer one.
		if atomic.LoadUint64(&record[0]) == seq {
			v.seq, v.tail, v.news = Seq(seq), tail, news
			v.at = market.Stamp{Mono: market.Mono(mono), Wall: market.UnixNano(wall), Market: market.UnixNano(at)}
			return
		}
	}
}

// Seq is the commit the view is pinned at.
func (v *View) Seq() Seq { return v.seq }

// At is the stamp of that commit; zero for the empty book.
func (v *View) At() market.Stamp { return v.at }

// News counts the commits, up to the view's, that changed something.
func (v *View) News() uint64 { return v.news }

// Overtaken counts the reads of this view, over all its pins, that failed
// because the writer had replaced the version they needed. Pin again and read
// on.
func (v *View) Overtaken() uint64 { return v.overtaken }

// Quote reads the newest quote at or before the view's commit into q. It is
// false, and q is in no defined state, when the instrument had no quote by
// then or the view was overtaken (counted). Hot path.
func (v *View) Quote(id market.InstrumentID, q *market.Quote) bool {
	if v.book == nil {
		return false
	}
	slot, seq := v.find(&v.book.quotes, id)
	if slot == nil {
		return false
	}
	loadQuote((*[quoteWords]uint64)(slot), id, q)
	return v.still(&slot[0], seq)
}

// Depth reads the newest depth, on the terms of Quote. Hot path.
func (v *View) Depth(id market.InstrumentID, d *market.Depth) bool {
	if v.book == nil {
		return false
	}
	slot, seq := v.find(&v.book.depths, id)
	if slot == nil {
		return false
	}
	loadDepth((*[depthWords]uint64)(slot), id, d)
	return v.still(&slot[0], seq)
}

// find is the slot of the newest version at or before the view's commit, and
// that version's Seq; nil when there is none. It walks from the newest version
// back: those above the view's Seq are too new or being written, the first
// that is not is the one, unless it is replaced while it is read. If it was
// replaced before, so were all older ones, for the writer goes round in order;
// the walk then finds only newer ones.
func (v *View) find(r *ring, id market.InstrumentID) ([]uint64, uint64) {
	if int(id) >= len(r.heads) {
		return nil, 0
	}
	head := atomic.LoadUint64(&r.heads[id])
	if head == 0 {
		return nil, 0
	}
	for back := range uint64(versions) {
		slot := r.slots[(int(id)*versions+int((head-back)&(versions-1)))*r.size:][:r.size]
		switch seq := atomic.LoadUint64(&slot[0]); {
		case seq > uint64(v.seq):
		case seq == 0:
			return nil, 0 // never written: the first version is newer than the view
		default:
			return slot, seq
		}
	}
	v.overtaken++
	return nil, 0
}

// still tells whether a slot still holds the version that was read from it.
func (v *View) still(stamp *uint64, seq uint64) bool {
	if atomic.LoadUint64(stamp) == seq {
		return true
	}
	v.overtaken++
	return false
}
