package book

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/vayu-trading/vayu/engine/market"
)

// Seq numbers the commits of a book, from 1 up. Zero is the empty book.
type Seq uint64

const (
	stampRing  = 64      // commits whose stamps can be looked up
	changeRing = 1 << 12 // announced changes a follower may lag behind
)

// Book holds the market's state. One goroutine, the feed's, calls PutQuote,
// PutDepth and Commit; every other method may be called by anyone.
type Book struct {
	universe *market.Universe
	layout   *Layout

	// Written by the writer, read by anyone with atomic loads.
	quotes  ring
	depths  ring
	changes []uint64 // position<<32 | instrument, at position % changeRing
	commits []uint64 // records of commitWords words, at Seq % stampRing

	// Owned by the writer.
	pending   Seq // the sequence that the next Commit makes visible
	dirty     bool
	tail      uint64 // end of what is announced
	committed uint64 // tail at the last commit
	news      uint64 // commits that announced something
	announced []Seq  // per instrument, the commit that announced it last
	unfit     atomic.Uint64
	scratch   [depthSlot]uint64

	_      [128]byte
	seq    atomic.Uint64 // the newest commit: writer → anyone
	_      [120]byte
	parked atomic.Int64 // followers that sleep: followers → writer
	_      [120]byte

	attach sync.Mutex // guards changes of wakers
	wakers atomic.Pointer[[]*Waker]
}

// commitWords is the size of a commit's record: Seq, the three clocks, the end
// of what was announced, and how many commits announced something.
const (
	commitWords = 6
	commitSlot  = 8
)

// New makes an empty book of the day's instruments.
func New(u *market.Universe) *Book {
	n := u.Len() + 1
	return &Book{
		universe:  u,
		layout:    newLayout(u),
		quotes:    newRing(n, quoteSlot),
		depths:    newRing(n, depthSlot),
		changes:   aligned(changeRing),
		commits:   aligned(stampRing * commitSlot),
		announced: make([]Seq, n),
		pending:   1,
	}
}

// Universe is the day's instruments.
func (b *Book) Universe() *market.Universe { return b.universe }

// Layout finds chains and strikes.
func (b *Book) Layout() *Layout { return b.layout }

// Seq is the newest commit.
func (b *Book) Seq() Seq { return Seq(b.seq.Load()) }

// Unfit counts records refused because a price did not fit 32 bits of paise or
// a quantity 32 bits of units, or because the instrument is not of the day.
func (b *Book) Unfit() uint64 { return b.unfit.Load() }

// PutQuote stores a quote for the next commit; a second one of the same
// instrument replaces the first. A repeat that differs in nothing but Recv
// renews the quote's age and is not announced. It is refused and counted in
// Unfit when it cannot be stored exactly. Hot path. Writer only.
func (b *Book) PutQuote(q *market.Quote) bool {
	id := q.Instrument
	if id == 0 || int(id) >= len(b.announced) || !packQuote(&b.scratch, q) {
		b.unfit.Add(1)
		return false
	}
	if !b.quotes.put(id, b.pending, &b.scratch, quoteWords, quoteRecv) {
		b.announce(id)
	}
	b.dirty = true
	return true
}

// PutDepth stores a depth for the next commit, on the terms of PutQuote.
// Hot path. Writer only.
func (b *Book) PutDepth(d *market.Depth) bool {
	id := d.Instrument
	if id == 0 || int(id) >= len(b.announced) || !packDepth(&b.scratch, d) {
		b.unfit.Add(1)
		return false
	}
	if !b.depths.put(id, b.pending, &b.scratch, depthWords, depthRecv) {
		b.announce(id)
	}
	b.dirty = true
	return true
}

// announce adds the instrument to the change ring, once per commit.
func (b *Book) announce(id market.InstrumentID) {
	if b.announced[id] == b.pending {
		return
	}
	b.announced[id] = b.pending
	store(&b.changes[b.tail%changeRing], b.tail<<32|uint64(id))
	b.tail++
}

// Commit makes everything since the last commit visible together, stamped with
// the arrival of the frame that brought it, and wakes parked followers if
// something changed. With nothing put it does nothing. It never waits.
// Hot path. Writer only.
func (b *Book) Commit(at market.Stamp) Seq {
	if !b.dirty {
		return b.pending - 1
	}
	changed := b.tail != b.committed
	if changed {
		b.news++
		b.committed = b.tail
	}
	seq := b.pending
	record := [commitWords]uint64{uint64(seq), uint64(at.Mono), uint64(at.Wall), uint64(at.Market), b.tail, b.news}
	publish(&b.commits[uint64(seq)%stampRing*commitSlot], &record[0], commitWords)
	b.seq.Store(uint64(seq))
	b.pending++
	b.dirty = false
	if changed && b.parked.Load() != 0 {
		b.wake()
	}
	return seq
}

// ring keeps the last versions of one kind of record for every instrument.
type ring struct {
	heads []uint64 // per instrument: Seq<<versionBits | slot of the newest version
	slots []uint64 // versions per instrument, each of size words; word 0 is its Seq
	size  int
}

const (
	versionBits = 3
	versions    = 1 << versionBits

	// writing marks a slot whose words are being replaced. It is above every
	// Seq, so a reader passes it by as too new.
	writing = math.MaxUint64
)

func newRing(instruments, size int) ring {
	return ring{heads: aligned(instruments), slots: aligned(instruments * versions * size), size: size}
}

// put writes a version, in place if this commit has one already, and tells
// whether it repeats the one before in all words but the age. The writer's
// own words can be read plainly: nobody else writes them.
func (r *ring) put(id market.InstrumentID, seq Seq, words *[depthSlot]uint64, n, age int) (repeat bool) {
	head := r.heads[id]
	slot := head & (versions - 1)
	base := int(id) * versions * r.size
	if head != 0 {
		old := r.slots[base+int(slot)*r.size:][:n]
		repeat = true
		for i := 1; i < n; i++ {
			if old[i] != words[i] && i != age {
				repeat = false
				break
			}
		}
	}
	if Seq(head>>versionBits) != seq {
		slot = (slot + 1) & (versions - 1)
	}
	words[0] = uint64(seq)
	publish(&r.slots[base+int(slot)*r.size], &words[0], n)
	store(&r.heads[id], uint64(seq)<<versionBits|slot)
	return repeat
}

// aligned makes n words that begin at a cache line: slots are whole lines, so
// that a record touches no more of them than it must.
func aligned(n int) []uint64 {
	const line = 8
	words := make([]uint64, n+line)
	for i := range line {
		if address(&words[i])%(8*line) == 0 {
			return words[i : i+n : i+n]
		}
	}
	return words[:n:n]
}
