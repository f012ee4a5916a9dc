package gateway

import (
	"runtime"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v3"
)

// queue is a bounded queue from many goroutines to the core's owner. The
// library's TryEnqueue also refuses when two writers meet, which must not
// look like "full"; so the bound is counted here, and within it a place is
// always free.
type queue[T any] struct {
	items *xsync.MPMCQueueOf[T]
	held  atomic.Int64
	bound int64
}

func newQueue[T any](bound int) *queue[T] {
	return &queue[T]{items: xsync.NewMPMCQueueOf[T](bound), bound: int64(bound)}
}

// put tells whether the item fitted. It never waits. Hot path.
func (q *queue[T]) put(item T) bool {
	if q.held.Add(1) > q.bound {
		q.held.Add(-1)
		return false
	}
	for !q.items.TryEnqueue(item) { // two writers met
		runtime.Gosched()
	}
	return true
}

// take is the owner's. Hot path.
func (q *queue[T]) take() (item T, ok bool) {
	if item, ok = q.items.TryDequeue(); ok {
		q.held.Add(-1)
	}
	return item, ok
}
