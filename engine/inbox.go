package engine

import (
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v3"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// inbox carries order updates from the order core to a strategy. It is bounded
// and loses nothing: when the queue is full, updates are merged per order
// until the strategy has caught up. Quantities are cumulative, so the merged
// update says all that matters.
type inbox struct {
	queue *xsync.MPMCQueueOf[order.Update] // order core → whoever steps the strategy

	spilling atomic.Bool // set while spilled holds something
	mu       sync.Mutex  // guards what follows; taken only when the queue was full
	spilled  []spill

	waiting   atomic.Int64  // updates put and not taken, for those who only look
	overflows atomic.Uint64 // times the queue was found full
}

func newInbox(room int) inbox { return inbox{queue: xsync.NewMPMCQueueOf[order.Update](room)} }

// put hands an update over. The order core's owner calls it, one at a time.
func (in *inbox) put(u *order.Update) {
	in.waiting.Add(1)
	if !in.spilling.Load() {
		if in.queue.TryEnqueue(*u) {
			return
		}
		in.overflows.Add(1)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.spilling.Store(true) // from here on nothing may pass what is spilled
	for i := range in.spilled {
		if kept := &in.spilled[i]; kept.ID == u.ID {
			kept.merge(u)
			in.waiting.Add(-1)
			return
		}
	}
	in.spilled = append(in.spilled, spill{*u, u.FillPrice.Times(u.FilledNow)})
}

// spill is the sum of an order's updates that the queue had no room for.
type spill struct {
	order.Update
	value market.Paise // of FilledNow
}

func (s *spill) merge(u *order.Update) {
	filled := s.FilledNow + u.FilledNow
	s.value += u.FillPrice.Times(u.FilledNow)
	s.Update = *u
	if s.FilledNow = filled; filled != 0 {
		s.FillPrice = s.value / market.Paise(filled)
	}
}

// take moves the oldest update into u and tells whether it had to be merged
// with others. Hot path while nothing is spilled.
func (in *inbox) take(u *order.Update) (merged, ok bool) {
	if in.waiting.Load() == 0 {
		return false, false
	}
	if next, ok := in.queue.TryDequeue(); ok {
		*u = next
		in.waiting.Add(-1)
		return false, true
	}
	if !in.spilling.Load() {
		return false, false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	// The queue is looked at again: an update that entered it before the
	// spilling began is older than what is spilled.
	if next, ok := in.queue.TryDequeue(); ok {
		*u = next
		in.waiting.Add(-1)
		return false, true
	}
	if len(in.spilled) == 0 {
		return false, false
	}
	*u = in.spilled[0].Update
	in.spilled = append(in.spilled[:0], in.spilled[1:]...)
	in.waiting.Add(-1)
	if len(in.spilled) == 0 {
		in.spilling.Store(false)
	}
	return true, true
}

// empty tells whether there is nothing to take.
func (in *inbox) empty() bool { return in.waiting.Load() == 0 }
