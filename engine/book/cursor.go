package book

import (
	"sync/atomic"

	"github.com/vayu-trading/vayu/engine/market"
)

// Cursor is one follower's place in the ring of changes. Its owner alone uses
// it; the writer does not know it, so following costs the writer nothing.
type Cursor struct {
	book     *Book
	view     View
	pos      uint64
	seen     Seq // everything up to here has been handed out
	sweep    market.InstrumentID
	from     Seq // a sweep hands out what changed after this
	turn     uint32
	mark     []uint32 // the turn that handed the instrument out last
	overruns uint64
}

// Follow sets the cursor to the newest commit: it will hand out what changes
// from now on.
func (b *Book) Follow(c *Cursor) {
	*c = Cursor{book: b, mark: make([]uint32, b.universe.Len()+1)}
	b.Pin(&c.view)
	c.pos, c.seen = c.view.tail, c.view.seq
}

// Next hands out the instruments that changed since the last call, up to the
// newest commit, each once. When n is len(dst) there may be more. It tells of
// an overrun when the follower had been lapped: nothing is lost then, but an
// instrument that changed often is handed out once.
func (c *Cursor) Next(dst []market.InstrumentID) (n int, overrun bool) {
	c.book.Pin(&c.view)
	return c.Until(&c.view, dst)
}

// Until is Next up to the commit at which v, a view of the same book, is
// pinned. Views must not go back between calls. Hot path.
func (c *Cursor) Until(v *View, dst []market.InstrumentID) (n int, overrun bool) {
	if c.turn++; c.turn == 0 { // wrapped: forget the marks of 2^32 turns ago
		clear(c.mark)
		c.turn = 1
	}
	if c.sweep == 0 {
		if v.tail-c.pos <= changeRing {
			for c.pos < v.tail {
				if n == len(dst) {
					return n, false
				}
				change := atomic.LoadUint64(&c.book.changes[c.pos%changeRing])
				if uint32(change>>32) != uint32(c.pos) {
					break // lapped while reading
				}
				c.pos++
				if id := uint32(change); c.mark[id] != c.turn {
					c.mark[id] = c.turn
					dst[n] = market.InstrumentID(id)
					n++
				}
			}
		}
		if c.pos >= v.tail {
			c.seen = v.seq
			return n, false
		}
		c.overruns++
		c.sweep, c.from, c.seen, c.pos = 1, c.seen, v.seq, v.tail
	}
	// What changed is written on the versions themselves.
	for ; int(c.sweep) < len(c.mark); c.sweep++ {
		newest := max(atomic.LoadUint64(&c.book.quotes.heads[c.sweep]), atomic.LoadUint64(&c.book.depths.heads[c.sweep]))
		if Seq(newest>>versionBits) <= c.from || c.mark[c.sweep] == c.turn {
			continue
		}
		if n == len(dst) {
			return n, true
		}
		c.mark[c.sweep] = c.turn
		dst[n] = c.sweep
		n++
	}
	c.sweep = 0
	return n, true
}

// Overruns counts how often the follower was lapped.
func (c *Cursor) Overruns() uint64 { return c.overruns }
