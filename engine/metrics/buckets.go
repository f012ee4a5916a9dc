package metrics

import "iter"

// Buckets walks what was recorded, shortest first: the longest duration of a
// bucket in nanoseconds, and how many records it holds. Empty ones are left
// out.
func (s *Snapshot) Buckets() iter.Seq2[int64, uint64] {
	return func(yield func(upTo int64, count uint64) bool) {
		for i, n := range s.counts {
			if low, width := lowest(i); n > 0 && !yield(low+width-1, n) {
				return
			}
		}
	}
}
