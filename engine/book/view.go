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
	var words [quoteWords]uint64
	if v.book == nil || !v.load(&v.book.quotes, id, words[:]) {
		return false
	}
	unpackQuote(&words, id, q)
	return true
}

// Depth reads the newest depth, on the terms of Quote. Hot path.
func (v *View) Depth(id market.InstrumentID, d *market.Depth) bool {
	var words [depthWords]uint64
	if v.book == nil || !v.load(&v.book.depths, id, words[:]) {
		return false
	}
	unpackDepth(&words, id, d)
	return true
}

// load copies the newest version at or before the view's commit. It walks from
// the newest version back: those above the view's Seq are too new or being
// written, the first that is not is the one, unless it is replaced meanwhile.
// If it was replaced before, so were all older ones, for the writer goes round
// in order; the walk then finds only newer ones.
func (v *View) load(r *ring, id market.InstrumentID, dst []uint64) bool {
	if int(id) >= len(r.heads) {
		return false
	}
	head := atomic.LoadUint64(&r.heads[id])
	if head == 0 {
		return false
	}
	slots := r.slots[int(id)*versions*r.size:][:versions*r.size]
	for back := range uint64(versions) {
		slot := slots[int((head-back)&(versions-1))*r.size:][:len(dst)]
		seq := atomic.LoadUint64(&slot[0])
		if seq > uint64(v.seq) {
			continue
		}
		if seq == 0 {
			return false // never written: the first version is newer than the view
		}
		for i := 1; i < len(dst); i++ {
			dst[i] = atomic.LoadUint64(&slot[i])
		}
		if atomic.LoadUint64(&slot[0]) == seq {
			return true
		}
		break
	}
	v.overtaken++
	return false
}
