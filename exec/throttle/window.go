package throttle

import (
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// window is an exact sliding log: the instants of the last calls. A token
// bucket of ten with a refill of ten a second lets nineteen through in one
// second; this lets through ten.
type window struct {
	times []market.Mono // ring, as long as the largest limit
	head  int           // where the next instant goes
	span  market.Mono
}

// ancient is older than any window, with room to add a span.
const ancient = market.Mono(math.MinInt64 / 2)

func newWindow(limit int, span time.Duration) window {
	w := window{times: make([]market.Mono, limit), span: market.Mono(span)}
	for i := range w.times {
		w.times[i] = ancient
	}
	return w
}

// ready is when fewer than limit calls will lie in the window.
func (w *window) ready(limit int) market.Mono {
	if limit <= 0 {
		return Never
	}
	return w.times[w.newest(limit)] + w.span
}

// newest is the position of the nth newest call, from 1.
func (w *window) newest(n int) int {
	at := w.head - n
	if at < 0 {
		at += len(w.times)
	}
	return at
}

func (w *window) add(now market.Mono) {
	w.times[w.head] = now
	if w.head++; w.head == len(w.times) {
		w.head = 0
	}
}

// insert adds a call that may be older than the newest one, as records of two
// runs can be when the wall clock was set between them.
func (w *window) insert(at market.Mono) {
	n := len(w.times)
	if at <= w.times[w.newest(n)] {
		return // older than all that is kept
	}
	w.add(at)
	for i := 1; i < n && w.times[w.newest(i)] < w.times[w.newest(i+1)]; i++ {
		a, b := w.newest(i), w.newest(i+1)
		w.times[a], w.times[b] = w.times[b], w.times[a]
	}
}

// remove forgets the newest call of that instant.
func (w *window) remove(at market.Mono) bool {
	for n := 1; n <= len(w.times); n++ {
		if w.times[w.newest(n)] != at {
			continue
		}
		for ; n > 1; n-- {
			w.times[w.newest(n)] = w.times[w.newest(n-1)]
		}
		w.head = w.newest(1)
		w.times[w.head] = ancient
		return true
	}
	return false
}

// used counts the calls in the window that ends now.
func (w *window) used(now market.Mono) int {
	n := 0
	for n < len(w.times) && w.times[w.newest(n+1)] > now-w.span {
		n++
	}
	return n
}

// oldest is the oldest call in the window that ends now, or now when there is
// none.
func (w *window) oldest(now market.Mono) market.Mono {
	if n := w.used(now); n > 0 {
		return w.times[w.newest(n)]
	}
	return now
}
