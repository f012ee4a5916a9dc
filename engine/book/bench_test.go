package book

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/puzpuzpuz/xsync/v3"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestBookAllocs(t *testing.T) {
	b := New(options(t, 20))
	var c Cursor
	var v View
	var q market.Quote
	var d market.Depth
	b.Follow(&c)
	ids := make([]market.InstrumentID, b.Universe().Len())
	bid := market.Paise(0)
	require.Zero(t, testing.AllocsPerRun(5000, func() {
		bid++
		q.Instrument, q.Bid = 3+market.InstrumentID(bid%20), bid
		b.PutQuote(&q)
		d.Instrument, d.Recv = q.Instrument, market.Mono(bid)
		b.PutDepth(&d)
		b.Commit(market.Stamp{Mono: market.Mono(bid)})
		b.Pin(&v)
		c.Until(&v, ids)
		v.Quote(q.Instrument, &q)
		v.Depth(q.Instrument, &d)
	}))
}

// BenchmarkPublish is what one version costs the writer: with plain moves
// (amd64), with Go's atomic stores, and beside them a plain copy.
func BenchmarkPublish(b *testing.B) {
	slots, src := aligned(512*quoteSlot), [depthSlot]uint64{1, 2, 3}
	at := 0
	next := func() *uint64 {
		at = (at + 1) & 511
		return &slots[at*quoteSlot]
	}
	b.Run("form=built", func(b *testing.B) {
		for b.Loop() {
			publish(next(), &src[0], quoteWords)
		}
	})
	b.Run("form=atomic", func(b *testing.B) {
		for b.Loop() {
			publishAtomic(next(), &src[0], quoteWords)
		}
	})
	b.Run("form=copy", func(b *testing.B) {
		for b.Loop() {
			*(*[quoteWords]uint64)(slots[at*quoteSlot:]) = [quoteWords]uint64(src[:])
			next()
		}
	})
}

// BenchmarkPut is one quote put and committed, against the same into a
// concurrent map and a plain copy of the record.
func BenchmarkPut(b *testing.B) {
	u := options(b, 250)
	quotes := make([]market.Quote, u.Len()+1)
	for i := range quotes {
		quotes[i] = market.Quote{Instrument: market.InstrumentID(max(i, 1)), Bid: 100, Ask: 105}
	}
	b.Run("in=book", func(b *testing.B) {
		b.ReportAllocs()
		book, i := New(u), 0
		for b.Loop() {
			i++
			q := &quotes[i%len(quotes)]
			q.Bid = market.Paise(i & 0xffff)
			book.PutQuote(q)
			book.Commit(market.Stamp{})
		}
	})
	b.Run("in=xsync", func(b *testing.B) {
		b.ReportAllocs()
		m, i := xsync.NewMapOf[market.InstrumentID, market.Quote](), 0
		for b.Loop() {
			i++
			q := &quotes[i%len(quotes)]
			q.Bid = market.Paise(i & 0xffff)
			m.Store(q.Instrument, *q)
		}
	})
	b.Run("in=copy", func(b *testing.B) {
		records, i := make([]market.Quote, len(quotes)), 0
		for b.Loop() {
			i++
			q := &quotes[i%len(quotes)]
			q.Bid = market.Paise(i & 0xffff)
			records[i%len(quotes)] = *q
		}
	})
}

func BenchmarkGet(b *testing.B) {
	u := options(b, 250)
	full := New(u)
	for id := range market.InstrumentID(u.Len()) {
		full.PutQuote(&market.Quote{Instrument: id + 1, Bid: 100})
	}
	full.Commit(market.Stamp{})
	b.Run("from=view", func(b *testing.B) {
		var v View
		var q market.Quote
		id := market.InstrumentID(0)
		full.Pin(&v)
		for b.Loop() {
			id = id%500 + 1
			v.Quote(id, &q)
		}
	})
	b.Run("from=copy", func(b *testing.B) {
		records, q, id := make([]market.Quote, 512), market.Quote{}, 0
		for b.Loop() {
			id = id%500 + 1
			q = records[id]
		}
		_ = q
	})
	b.Run("from=rwmutex", func(b *testing.B) {
		var mu sync.RWMutex
		records, q, id := map[int]market.Quote{}, market.Quote{}, 0
		for i := range 512 {
			records[i] = market.Quote{}
		}
		for b.Loop() {
			id = id%500 + 1
			mu.RLock()
			q = records[id]
			mu.RUnlock()
		}
		_ = q
	})
	b.Run("pin", func(b *testing.B) {
		var v View
		for b.Loop() {
			full.Pin(&v)
		}
	})
}

// BenchmarkHotKey is reading one instrument while the writer replaces it as
// fast as it can.
func BenchmarkHotKey(b *testing.B) {
	hot := New(options(b, 1))
	hot.PutQuote(&market.Quote{Instrument: 3, Bid: 1})
	hot.Commit(market.Stamp{})
	var writer sync.WaitGroup
	stop := make(chan struct{})
	writer.Go(func() {
		for bid := market.Paise(2); ; bid++ {
			hot.PutQuote(&market.Quote{Instrument: 3, Bid: bid & 0xffffff})
			hot.Commit(market.Stamp{})
			if bid%1024 == 0 {
				select {
				case <-stop:
					return
				default:
				}
			}
		}
	})
	var v View
	var q market.Quote
	var spans []time.Duration
	for b.Loop() {
		start := time.Now()
		hot.Pin(&v)
		v.Quote(3, &q)
		if len(spans) < 1<<20 {
			spans = append(spans, time.Since(start))
		}
	}
	close(stop)
	writer.Wait()
	slices.Sort(spans)
	b.ReportMetric(float64(spans[len(spans)*999/1000]), "p99.9-ns")
	b.ReportMetric(100*float64(v.Overtaken())/float64(b.N), "%overtaken")
}

// BenchmarkAnnounce is what one commit costs the writer beside awake
// followers, whose number must not matter.
func BenchmarkAnnounce(b *testing.B) {
	for _, followers := range []int{0, 1, 16} {
		b.Run(fmt.Sprintf("followers=%d", followers), func(b *testing.B) {
			busy := New(options(b, 50))
			cursors := make([]Cursor, followers)
			ids := make([]market.InstrumentID, busy.Universe().Len())
			for i := range cursors {
				busy.Follow(&cursors[i])
			}
			i := 0
			for b.Loop() {
				i++
				busy.PutQuote(&market.Quote{Instrument: market.InstrumentID(1 + i%100), Bid: market.Paise(i & 0xffff)})
				busy.Commit(market.Stamp{})
				if followers > 0 && i%512 == 0 {
					b.StopTimer()
					for f := range cursors {
						cursors[f].Next(ids)
					}
					b.StartTimer()
				}
			}
		})
	}
}
