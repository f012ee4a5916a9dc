package book

import (
	"slices"
	"sync/atomic"
)

// Waker lets one follower sleep until something happens. The follower calls
// Prepare, looks once more whether there is work, and then either receives
// from C or calls Abort. Between Prepare and the end of that sleep every Wake
// is delivered; a stray wake-up now and then is possible and harmless.
type Waker struct {
	book   *Book // nil when commits do not wake it
	asleep atomic.Bool
	c      chan struct{}
}

// NewWaker makes a waker that only Wake wakes.
func NewWaker() *Waker { return &Waker{c: make(chan struct{}, 1)} }

// NewWaker makes a waker that each commit with changes wakes. Release it when
// the follower ends.
func (b *Book) NewWaker() *Waker {
	w := NewWaker()
	w.book = b
	b.attach.Lock()
	defer b.attach.Unlock()
	list := []*Waker{w}
	if old := b.wakers.Load(); old != nil {
		list = append(slices.Clone(*old), w)
	}
	b.wakers.Store(&list)
	return w
}

// Release ends the waking by commits.
func (w *Waker) Release() {
	if w.book == nil {
		return
	}
	w.book.attach.Lock()
	defer w.book.attach.Unlock()
	list := slices.DeleteFunc(slices.Clone(*w.book.wakers.Load()), func(other *Waker) bool { return other == w })
	w.book.wakers.Store(&list)
	w.Abort()
}

// C delivers one value for a wake-up.
func (w *Waker) C() <-chan struct{} { return w.c }

// Prepare announces that its follower is about to sleep.
func (w *Waker) Prepare() {
	if w.book != nil {
		w.book.parked.Add(1)
	}
	w.asleep.Store(true)
}

// Abort takes Prepare back.
func (w *Waker) Abort() {
	if w.rouse() {
		return
	}
	select {
	case <-w.c:
	default:
	}
}

// Wake ends the follower's sleep if it sleeps. It never waits; any goroutine
// may call it.
func (w *Waker) Wake() {
	if !w.asleep.Load() || !w.rouse() {
		return
	}
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// rouse tells whether this call was the one that ended the sleep.
func (w *Waker) rouse() bool {
	if !w.asleep.CompareAndSwap(true, false) {
		return false
	}
	if w.book != nil {
		w.book.parked.Add(-1)
	}
	return true
}

// wake wakes the followers that sleep.
func (b *Book) wake() {
	for _, w := range *b.wakers.Load() {
		w.Wake()
	}
}
