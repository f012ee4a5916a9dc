package book

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/market"
)

// twin is the slow, obvious book: it keeps every commit whole.
type twin struct {
	commits []map[market.InstrumentID]market.Quote // by Seq
	pending map[market.InstrumentID]market.Quote
	changed []map[market.InstrumentID]bool // by Seq
	fresh   map[market.InstrumentID]bool
	dirty   bool
}

func (t *twin) put(q market.Quote) {
	old, was := t.pending[q.Instrument]
	old.Recv = q.Recv
	if !was || old != q {
		t.fresh[q.Instrument] = true
	}
	t.pending[q.Instrument], t.dirty = q, true
}

func (t *twin) commit() {
	if !t.dirty {
		return
	}
	whole := map[market.InstrumentID]market.Quote{}
	for id, q := range t.pending {
		whole[id] = q
	}
	t.commits, t.changed = append(t.commits, whole), append(t.changed, t.fresh)
	t.fresh, t.dirty = map[market.InstrumentID]bool{}, false
}

// versionsAfter counts the commits after seq that hold a newer version.
func (t *twin) versionsAfter(id market.InstrumentID, seq int) (n int) {
	for s := seq + 1; s < len(t.commits); s++ {
		if t.commits[s][id] != t.commits[s-1][id] {
			n++
		}
	}
	if len(t.commits) > 0 && t.pending[id] != t.commits[len(t.commits)-1][id] {
		n++
	}
	return n
}

func TestBookAgreesWithItsSlowTwin(t *testing.T) {
	u := options(t, 3)
	rapid.Check(t, func(t *rapid.T) {
		b := New(u)
		model := &twin{pending: map[market.InstrumentID]market.Quote{}, fresh: map[market.InstrumentID]bool{}}
		model.commits = append(model.commits, map[market.InstrumentID]market.Quote{})
		model.changed = append(model.changed, nil)
		var views [3]View
		var cursor Cursor
		b.Follow(&cursor)
		followed := 0
		ids := make([]market.InstrumentID, u.Len())
		recv := market.Mono(0)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "do") {
			case 0, 1:
				recv++ // so that no two versions are the same, as twin.versionsAfter needs
				q := market.Quote{
					Instrument: market.InstrumentID(rapid.IntRange(1, 4).Draw(t, "id")),
					Bid:        market.Paise(rapid.IntRange(0, 3).Draw(t, "bid")), Recv: recv,
				}
				require.True(t, b.PutQuote(&q))
				model.put(q)
			case 2:
				b.Commit(market.Stamp{Mono: market.Mono(len(model.commits))})
				model.commit()
			case 3:
				v := &views[rapid.IntRange(0, 2).Draw(t, "view")]
				b.Pin(v)
				require.EqualValues(t, len(model.commits)-1, v.Seq())
				require.EqualValues(t, max(0, len(model.commits)-1), b.Seq())
			case 4:
				n, overrun := cursor.Next(ids)
				require.False(t, overrun)
				want := map[market.InstrumentID]bool{}
				for s := followed + 1; s < len(model.commits); s++ {
					for id := range model.changed[s] {
						want[id] = true
					}
				}
				followed = len(model.commits) - 1
				require.Len(t, want, n)
				for _, id := range ids[:n] {
					require.True(t, want[id])
				}
			case 5:
				v := &views[rapid.IntRange(0, 2).Draw(t, "view")]
				if v.book == nil {
					continue
				}
				for id := range market.InstrumentID(6) {
					want, had := model.commits[v.Seq()][id]
					overtaken := v.Overtaken()
					var got market.Quote
					ok := v.Quote(id, &got)
					newer := model.versionsAfter(id, int(v.Seq()))
					switch {
					case ok:
						require.True(t, had)
						require.Equal(t, want, got)
						require.Less(t, newer, versions)
					case had:
						require.GreaterOrEqual(t, newer, versions)
						require.Equal(t, overtaken+1, v.Overtaken())
					}
				}
			}
		}
	})
}

// TestPinnedViewsAreConsistentUnderAFullRateWriter has the writer move volume
// between the rows of a chain so that the sum over the chain is the same at
// each commit, and the other side of each quote repeat its own. A reader must
// never see another sum through one view.
func TestPinnedViewsAreConsistentUnderAFullRateWriter(t *testing.T) {
	const rows, each = 8, 1000
	b := New(options(t, rows))
	chain := b.Layout().Chains()[0]
	sides := func(i int) market.InstrumentID {
		if i%2 == 0 {
			return chain.Rows[i/2].Call
		}
		return chain.Rows[i/2].Put
	}
	volumes := [2 * rows]market.Units{}
	put := func(i int) {
		v := volumes[i]
		q := market.Quote{Instrument: sides(i), Volume: v, OpenInterest: -v, Bid: market.Paise(v), Ask: market.Paise(v) + 1, TotalBuy: v, TotalSell: v}
		require.True(t, b.PutQuote(&q))
		d := market.Depth{Instrument: sides(i), VenueTime: market.UnixNano(v), Recv: market.Mono(v)}
		for l := range d.Bids {
			d.Bids[l].Qty, d.Asks[l].Qty = v, v
		}
		require.True(t, b.PutDepth(&d))
	}
	for i := range volumes {
		volumes[i] = each
		put(i)
	}
	b.Commit(market.Stamp{})

	var readers sync.WaitGroup
	var whole, broken, overtaken atomic.Uint64
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			var v View
			var q market.Quote
			var d market.Depth
			for {
				select {
				case <-done:
					overtaken.Add(v.Overtaken())
					return
				default:
				}
				b.Pin(&v)
				sum, ok := market.Units(0), true
				for i := range volumes {
					if !v.Quote(sides(i), &q) || !v.Depth(sides(i), &d) {
						ok = false
						break
					}
					x := q.Volume
					if q.OpenInterest != -x || q.Bid != market.Paise(x) || q.Ask != market.Paise(x)+1 || q.TotalSell != x ||
						d.VenueTime != market.UnixNano(x) || d.Recv != market.Mono(x) || d.Bids[0].Qty != x || d.Asks[4].Qty != x {
						broken.Add(1)
					}
					sum += x
				}
				switch {
				case ok && sum != 2*rows*each:
					broken.Add(1)
				case ok:
					whole.Add(1)
				}
			}
		})
	}
	deadline, commits := time.Now().Add(400*time.Millisecond), 1
	for i := 0; time.Now().Before(deadline); i++ {
		from, to := i%(2*rows), (i*7+3)%(2*rows)
		if from == to || volumes[from] == 0 {
			continue
		}
		volumes[from]--
		volumes[to]++
		put(from)
		put(to)
		b.Commit(market.Stamp{})
		commits++
	}
	close(done)
	readers.Wait()

	require.Zero(t, broken.Load())
	require.NotZero(t, whole.Load())
	t.Logf("%d commits, %d whole chains read, %d reads overtaken", commits, whole.Load(), overtaken.Load())
}

func TestFollowerThatIsLappedGetsEveryChangeOnceAndIsTold(t *testing.T) {
	u := options(t, 40)
	b := New(u)
	var c Cursor
	b.Follow(&c)
	ids := make([]market.InstrumentID, u.Len())
	for i := range 2 * changeRing {
		b.PutQuote(&market.Quote{Instrument: market.InstrumentID(1 + i%50), Bid: market.Paise(i)})
		b.Commit(market.Stamp{})
	}

	n, overrun := c.Next(ids)

	require.True(t, overrun)
	require.EqualValues(t, 1, c.Overruns())
	got := slices.Clone(ids[:n])
	slices.Sort(got)
	require.Len(t, slices.Compact(got), 50)
	require.Equal(t, n, len(got))
	n, overrun = c.Next(ids)
	require.Zero(t, n)
	require.False(t, overrun)
}

func TestSmallBufferTakesChangesPieceByPiece(t *testing.T) {
	for name, puts := range map[string]int{"in order": 30, "lapped": 2*changeRing + 1} {
		t.Run(name, func(t *testing.T) {
			b := New(options(t, 40))
			var c Cursor
			b.Follow(&c)
			for i := range puts {
				b.PutQuote(&market.Quote{Instrument: market.InstrumentID(1 + i%30), Bid: market.Paise(i)})
				b.Commit(market.Stamp{})
			}
			seen := map[market.InstrumentID]bool{}
			ids := make([]market.InstrumentID, 7)
			for {
				n, _ := c.Next(ids)
				for _, id := range ids[:n] {
					seen[id] = true
				}
				if n < len(ids) {
					break
				}
			}
			require.Len(t, seen, 30)
		})
	}
}

func TestFollowersMissNothingUnderAFullRateWriter(t *testing.T) {
	u := options(t, 20)
	b := New(u)
	const rounds = 30_000
	var followers sync.WaitGroup
	for range 2 {
		waker := b.NewWaker()
		var c Cursor
		b.Follow(&c)
		followers.Go(func() {
			defer waker.Release()
			ids, latest := make([]market.InstrumentID, u.Len()), make([]market.Paise, u.Len()+1)
			var v View
			var q market.Quote
			for latest[u.Len()] != rounds { // the last change of all
				b.Pin(&v)
				n, _ := c.Until(&v, ids)
				for _, id := range ids[:n] {
					if v.Quote(id, &q) {
						require.GreaterOrEqual(t, q.Bid, latest[id])
						latest[id] = q.Bid
					}
				}
				if n > 0 {
					continue
				}
				waker.Prepare()
				if b.Seq() != v.Seq() {
					waker.Abort()
					continue
				}
				<-waker.C()
			}
		})
	}
	for i := range rounds {
		b.PutQuote(&market.Quote{Instrument: market.InstrumentID(1 + i%(u.Len()-1)), Bid: market.Paise(i)})
		b.Commit(market.Stamp{})
	}
	b.PutQuote(&market.Quote{Instrument: market.InstrumentID(u.Len()), Bid: rounds})
	b.Commit(market.Stamp{})
	followers.Wait() // a lost wake-up hangs here
	require.Zero(t, b.parked.Load())
}

func TestWakerOnlyWakesWhoSleeps(t *testing.T) {
	b := New(options(t, 1))
	w := b.NewWaker()
	commit := func(bid market.Paise) {
		b.PutQuote(&market.Quote{Instrument: 3, Bid: bid})
		b.Commit(market.Stamp{})
	}
	commit(1)
	require.Empty(t, w.C())
	w.Prepare()
	require.EqualValues(t, 1, b.parked.Load())
	commit(1) // a repeat changes nothing
	require.Empty(t, w.C())
	commit(2)
	require.Len(t, w.C(), 1)
	require.Zero(t, b.parked.Load())
	commit(3)
	require.Len(t, w.C(), 1)
	<-w.C()
	w.Prepare()
	w.Wake()
	w.Abort() // too late, but the wake-up is taken back with it
	require.Empty(t, w.C())
	w.Prepare()
	w.Release()
	require.Zero(t, b.parked.Load())
	commit(4)
	require.Empty(t, w.C())
}
