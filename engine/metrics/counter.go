package metrics

import "sync/atomic"

// Counter is a count that its owner raises and anyone reads. It fills a cache
// line pair of its own, so that neighbours do not slow each other: adjacent
// lines are fetched together.
type Counter struct {
	n atomic.Uint64
	_ [120]byte
}

// Add raises the count by n. Hot path.
func (c *Counter) Add(n uint64) { c.n.Add(n) }

// Load is the count now.
func (c *Counter) Load() uint64 { return c.n.Load() }
