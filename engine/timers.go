package engine

import "github.com/vayu-trading/vayu/engine/market"

// timer is one pending timer. Equal times fire in the order they were set.
type timer struct {
	at  market.UnixNano
	set uint64
	id  TimerID
}

func (t *timer) before(other *timer) bool {
	return t.at < other.at || t.at == other.at && t.set < other.set
}

// timers is a heap of pending timers, earliest first. A strategy has few, so
// replacing one looks through them all.
type timers struct {
	heap []timer
	sets uint64
}

// put sets a timer in place of one of the same id.
func (ts *timers) put(id TimerID, at market.UnixNano) {
	ts.remove(id)
	ts.sets++
	ts.heap = append(ts.heap, timer{at: at, set: ts.sets, id: id})
	for i := len(ts.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !ts.heap[i].before(&ts.heap[parent]) {
			break
		}
		ts.heap[i], ts.heap[parent] = ts.heap[parent], ts.heap[i]
		i = parent
	}
}

// remove takes a timer out if it is set.
func (ts *timers) remove(id TimerID) {
	for i := range ts.heap {
		if ts.heap[i].id == id {
			ts.take(i)
			return
		}
	}
}

// take takes out the timer at place i of the heap.
func (ts *timers) take(i int) {
	last := len(ts.heap) - 1
	ts.heap[i] = ts.heap[last]
	ts.heap = ts.heap[:last]
	for i < last { // up, if the last one is earlier than the parent here
		parent := (i - 1) / 2
		if i == 0 || !ts.heap[i].before(&ts.heap[parent]) {
			break
		}
		ts.heap[i], ts.heap[parent] = ts.heap[parent], ts.heap[i]
		i = parent
	}
	for { // and down
		child := 2*i + 1
		if child >= last {
			return
		}
		if child+1 < last && ts.heap[child+1].before(&ts.heap[child]) {
			child++
		}
		if !ts.heap[child].before(&ts.heap[i]) {
			return
		}
		ts.heap[i], ts.heap[child] = ts.heap[child], ts.heap[i]
		i = child
	}
}

// pop takes out the earliest timer that is due at now and was set no later
// than the given count of sets, so that a timer set while timers fire waits
// for the next step.
func (ts *timers) pop(now market.UnixNano, sets uint64) (TimerID, bool) {
	if len(ts.heap) == 0 || ts.heap[0].at > now || ts.heap[0].set > sets {
		return 0, false
	}
	id := ts.heap[0].id
	ts.take(0)
	return id, true
}

// next is when the earliest timer is due; never when there is none.
func (ts *timers) next() market.UnixNano {
	if len(ts.heap) == 0 {
		return never
	}
	return ts.heap[0].at
}

// never is later than any market time.
const never = market.UnixNano(1<<63 - 1)
