package metrics_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/metrics"
)

func TestBucketsHoldEveryRecordInOrder(t *testing.T) {
	var h metrics.Histogram
	for _, ns := range []int64{0, 1, 1, 900, 21_000, 3_000_000_000} {
		h.Record(ns)
	}

	var bounds []int64
	total, last := uint64(0), int64(-1)
	for upTo, n := range h.Snapshot().Buckets() {
		require.Greater(t, upTo, last)
		require.Positive(t, n)
		bounds, total, last = append(bounds, upTo), total+n, upTo
	}

	require.Equal(t, uint64(6), total)
	require.Equal(t, []int64{0, 1}, bounds[:2])
	require.GreaterOrEqual(t, last, int64(3_000_000_000))
	for range h.Snapshot().Buckets() {
		break // an early end is no error
	}
}
