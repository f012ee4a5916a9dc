package metrics

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	subBits = 6 // 64 buckets an octave: a bucket is at most 1/64 of its value wide
	sub     = 1 << subBits
	octaves = 31 // 64 ns · 2^31 is 137 s
	buckets = (octaves + 1) * sub
)

// Histogram counts durations from 1 ns to 100 s in buckets whose width is at
// most 1.6 % of their value. One goroutine records; anyone takes snapshots
// meanwhile. The zero value is ready. It is 16 KiB: share it by pointer.
type Histogram struct {
	_      [128]byte // keeps the owner's first line off its neighbour's
	sum    atomic.Uint64
	max    atomic.Int64
	counts [buckets]atomic.Uint64
}

// Record counts one duration in nanoseconds. What is below zero counts as
// zero, what is above 137 s in the last bucket; Max keeps the true value.
// Hot path: no allocation, no lock. One writer.
func (h *Histogram) Record(ns int64) {
	ns = max(ns, 0)
	c := &h.counts[bucketOf(ns)]
	c.Store(c.Load() + 1)
	h.sum.Store(h.sum.Load() + uint64(ns))
	if ns > h.max.Load() {
		h.max.Store(ns)
	}
}

// RecordDuration is Record for a time.Duration. Hot path.
func (h *Histogram) RecordDuration(d time.Duration) { h.Record(int64(d)) }

// Snapshot copies the histogram. Taken while the owner records, it may lack
// the record in progress; it never holds one twice.
func (h *Histogram) Snapshot() *Snapshot {
	s := new(Snapshot)
	for i := range h.counts {
		n := h.counts[i].Load()
		s.counts[i] = n
		s.count += n
	}
	s.sum, s.max = h.sum.Load(), h.max.Load()
	return s
}

// bucketOf is the bucket of a duration that is not negative: exact below 64,
// then 64 buckets for each doubling.
func bucketOf(ns int64) int {
	if ns < sub {
		return int(ns)
	}
	shift := bits.Len64(uint64(ns)) - 1 - subBits
	return min(shift<<subBits+int(ns>>shift), buckets-1)
}

// lowest is the smallest duration that falls into bucket i, width how many do.
func lowest(i int) (low, width int64) {
	if i < sub {
		return int64(i), 1
	}
	shift := i>>subBits - 1
	return int64(i-shift<<subBits) << shift, 1 << shift
}

// Snapshot is a histogram at one moment. Its owner may merge others into it.
type Snapshot struct {
	counts [buckets]uint64
	count  uint64
	sum    uint64
	max    int64
}

// Count is how many durations were recorded.
func (s *Snapshot) Count() uint64 { return s.count }

// Max is the longest duration, exact; zero when there is none.
func (s *Snapshot) Max() int64 { return s.max }

// Mean is the arithmetic mean in nanoseconds; zero when there is none.
func (s *Snapshot) Mean() float64 {
	if s.count == 0 {
		return 0
	}
	return float64(s.sum) / float64(s.count)
}

// Quantile is the duration in nanoseconds that the share q (0 to 1) of all
// records does not exceed: the middle of its bucket, so off by at most 0.8 %,
// and never above Max. Zero when there is no record.
func (s *Snapshot) Quantile(q float64) int64 {
	if s.count == 0 {
		return 0
	}
	rank := uint64(min(max(q, 0), 1) * float64(s.count))
	rank = min(rank, s.count-1)
	for i, n := range s.counts {
		if rank < n {
			low, width := lowest(i)
			return min(low+(width-1)/2, s.max)
		}
		rank -= n
	}
	return s.max
}

// Merge adds what other holds.
func (s *Snapshot) Merge(other *Snapshot) {
	for i, n := range other.counts {
		s.counts[i] += n
	}
	s.count += other.count
	s.sum += other.sum
	s.max = max(s.max, other.max)
}

// Summary is the customary extract of a snapshot, in nanoseconds.
type Summary struct {
	P50   int64  `json:"p50"`
	P90   int64  `json:"p90"`
	P99   int64  `json:"p99"`
	P999  int64  `json:"p999"`
	Max   int64  `json:"max"`
	Count uint64 `json:"count"`
}

// Summary extracts the customary quantiles.
func (s *Snapshot) Summary() Summary {
	return Summary{
		P50: s.Quantile(0.5), P90: s.Quantile(0.9), P99: s.Quantile(0.99), P999: s.Quantile(0.999),
		Max: s.max, Count: s.count,
	}
}
