package metrics

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestBucketsTileTheRange(t *testing.T) {
	next := int64(0)
	for i := range buckets {
		low, width := lowest(i)
		require.Equal(t, next, low)
		require.Equal(t, i, bucketOf(low))
		require.Equal(t, i, bucketOf(low+width-1))
		if low >= sub {
			require.LessOrEqual(t, float64(width)/float64(low), 1.0/sub)
		}
		next = low + width
	}
	require.Greater(t, next, int64(100e9), "covers 100 s")
	require.Equal(t, buckets-1, bucketOf(math.MaxInt64))
}

func TestQuantilesAreWithinOnePercentOfTheTruth(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []int64
	sum := 0.0
	for range 20_000 {
		ns := int64(math.Exp(random.NormFloat64()*2 + 8))
		h.Record(ns)
		all = append(all, ns)
		sum += float64(ns)
	}
	slices.Sort(all)

	s := h.Snapshot()

	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999} {
		truth := float64(all[int(q*float64(len(all)))])
		require.InEpsilon(t, truth+1, float64(s.Quantile(q)+1), 0.01, "q %v", q)
	}
	require.Equal(t, all[len(all)-1], s.Max())
	require.LessOrEqual(t, s.Quantile(1), s.Max())
	require.InEpsilon(t, sum/float64(len(all)), s.Mean(), 1e-9)
	require.EqualValues(t, len(all), s.Count())
}

func TestMergeEqualsRecordingInOne(t *testing.T) {
	var a, b, both Histogram
	for i := range int64(1000) {
		h := &a
		if i%3 == 0 {
			h = &b
		}
		h.Record(i * i)
		both.Record(i * i)
	}

	merged := a.Snapshot()
	merged.Merge(b.Snapshot())

	require.Equal(t, both.Snapshot(), merged)
	require.Equal(t, both.Snapshot().Summary(), merged.Summary())
}

func TestEmptyHistogramIsAllZeros(t *testing.T) {
	s := new(Histogram).Snapshot()
	require.Zero(t, s.Summary())
	require.Zero(t, s.Mean())
}

func TestOutOfRangeIsKeptAtTheEnds(t *testing.T) {
	var h Histogram
	h.Record(-5)
	h.Record(math.MaxInt64 / 4)
	s := h.Snapshot()
	require.Zero(t, s.Quantile(0))
	require.EqualValues(t, math.MaxInt64/4, s.Max())
	require.EqualValues(t, 2, s.Count())
}

func TestSnapshotsDoNotDisturbTheWriter(t *testing.T) {
	var h Histogram
	var c Counter
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			seen := uint64(0)
			for {
				count := h.Snapshot().Count()
				require.GreaterOrEqual(t, count, seen)
				seen = count
				c.Load()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range int64(20_000) {
		h.Record(i)
		c.Add(1)
	}
	close(stop)
	readers.Wait()
	require.EqualValues(t, 20_000, h.Snapshot().Count())
	require.EqualValues(t, 20_000, c.Load())
}

func TestRecordAllocs(t *testing.T) {
	var h Histogram
	var c Counter
	n := int64(1)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		n = n*3 + 1
		h.Record(n & math.MaxInt32)
		c.Add(1)
	}))
}

func TestCountersDoNotShareLines(t *testing.T) {
	require.EqualValues(t, 128, unsafe.Sizeof(Counter{}))
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	n := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		n = n*6364136223846793005 + 1442695040888963407
		h.Record(n >> 40 & 0xffff)
	}
}
