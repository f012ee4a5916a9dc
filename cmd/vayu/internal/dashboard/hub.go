package dashboard

import (
	"sync"
	"sync/atomic"
)

// maxWatchers bounds how many pages may be open at once.
const maxWatchers = 32

// hub hands each frame to every open page. A page that has not taken its last
// frame yet misses that one: newest wins, and the loss is counted.
type hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
	latest   message // what a page that opens now sees first
	skipped  atomic.Uint64
}

// message is one piece of news; a nil part has not changed.
type message struct{ frame, curve []byte }

type watcher struct {
	mu      sync.Mutex
	pending message
	wake    chan struct{} // hub → the page's goroutine, one token
}

// join adds a page; ok is false when there are too many.
func (h *hub) join() (w *watcher, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) >= maxWatchers {
		return nil, false
	}
	w = &watcher{wake: make(chan struct{}, 1)}
	w.put(h.latest)
	if h.watchers == nil {
		h.watchers = make(map[*watcher]struct{})
	}
	h.watchers[w] = struct{}{}
	return w, true
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

// watched tells whether any page is open.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// publish never waits for a page.
func (h *hub) publish(m message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.latest.merge(m)
	for w := range h.watchers {
		if w.put(m) {
			h.skipped.Add(1)
		}
	}
}

func (m *message) merge(newer message) {
	if newer.frame != nil {
		m.frame = newer.frame
	}
	if newer.curve != nil {
		m.curve = newer.curve
	}
}

// put leaves news for the page and tells whether it replaced a frame that the
// page never took.
func (w *watcher) put(m message) (replaced bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	replaced = w.pending.frame != nil && m.frame != nil
	w.pending.merge(m)
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return replaced
}

// take is the news since the last time.
func (w *watcher) take() message {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.pending
	w.pending = message{}
	return m
}
