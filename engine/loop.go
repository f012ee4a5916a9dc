package engine

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// Loop steps one strategy. Step may be called by anyone who is the only one
// to do so at a time; Host sees to that for its own goroutines by drive.
type Loop struct {
	id     order.StrategyID
	name   string
	host   *Host
	inline bool

	// The strategy and what it listens to; nil when it does not.
	strategy  Strategy
	starter   Starter
	onOrder   OrderListener
	onTimer   TimerListener
	onFeed    FeedListener
	onSession SessionListener
	onStop    Stopper

	// Owned by whoever steps the loop.
	ctx      Context
	cursor   book.Cursor
	changed  []market.InstrumentID
	seen     book.Seq
	news     uint64
	timers   timers
	orders   orders
	update   order.Update   // scratch: a local would escape through the listener
	restored []order.Update // of an earlier run, booked and not yet told
	quote    market.Quote   // scratch

	// Shared.
	feedSeen    atomic.Uint64 // what the strategy was told: this loop → its goroutine, when inline
	sessionSeen atomic.Uint32 // the same
	inbox       inbox         // order core → this loop
	shadow      shadow        // order core → fences
	waker       *book.Waker   // anyone → this loop's goroutine
	due         atomic.Int64  // market time of the earliest timer: this loop → pulse
	turn        atomic.Uint32 // who steps, see drive
	beat        atomic.Uint64 // odd while a step runs: this loop → watchdog
	quarantined atomic.Bool   // set by a fence, for good
	stats       stats         // this loop → anyone
}

// The states of turn.
const (
	idle    = 0
	running = 1 // somebody steps
	again   = 2 // somebody steps and must step once more
)

func newLoop(h *Host, id order.StrategyID, name string, s Strategy, o Options) *Loop {
	n := h.book.Universe().Len() + 1
	l := &Loop{
		id: id, name: name, host: h, inline: o.Inline, strategy: s,
		changed: make([]market.InstrumentID, n),
		timers:  timers{heap: make([]timer, 0, 64)},
		orders:  newOrders(n, h.config.Orders),
		inbox:   newInbox(h.config.Inbox),
		shadow:  newShadow(n, 64),
	}
	l.starter, _ = s.(Starter)
	l.onOrder, _ = s.(OrderListener)
	l.onTimer, _ = s.(TimerListener)
	l.onFeed, _ = s.(FeedListener)
	l.onSession, _ = s.(SessionListener)
	l.onStop, _ = s.(Stopper)
	l.ctx.loop = l
	l.waker = book.NewWaker() // an inline loop is stepped by the feed, not woken by it
	if !o.Inline {
		l.waker = h.book.NewWaker()
	}
	l.due.Store(int64(never))
	h.book.Follow(&l.cursor)
	return l
}

// ID is the strategy's number.
func (l *Loop) ID() order.StrategyID { return l.id }

// Name is the strategy's name.
func (l *Loop) Name() string { return l.name }

// Quarantined tells whether the strategy has been fenced off.
func (l *Loop) Quarantined() bool { return l.quarantined.Load() }

// Ready tells whether Step would find something other than timers to do.
func (l *Loop) Ready() bool {
	return l.seen != l.host.book.Seq() || l.told()
}

// told tells whether there is something to tell the strategy that is not the
// market.
func (l *Loop) told() bool {
	return !l.inbox.empty() || l.feedSeen.Load() != l.host.feed.word.Load() || l.sessionSeen.Load() != l.host.session.Load()
}

// Step handles everything that is there: order updates, the state of feed and
// session, due timers, then the market, once, at its newest commit. It tells whether there
// was anything. A strategy that panics is quarantined; Step returns as usual.
// Hot path: see TestStepAllocs.
func (l *Loop) Step(now market.Stamp) (worked bool) {
	l.beat.Add(1)
	defer l.fence(&worked)
	l.ctx.now = now
	worked = l.stepOrders()
	worked = l.stepFeed() || worked
	worked = l.stepSession() || worked
	worked = l.stepTimers() || worked
	return l.stepMarket() || worked
}

// fence ends a step. A panic in the strategy ends here and fences it off.
func (l *Loop) fence(worked *bool) {
	if fault := recover(); fault != nil {
		*worked = true
		l.stats.panics.Add(1)
		l.quarantine(fmt.Sprintf("panic: %v\n%s", fault, debug.Stack()), l.ctx.now)
	}
	l.ctx.changes, l.ctx.conflated, l.ctx.resynced = nil, false, false
	l.beat.Add(1)
}

func (l *Loop) stepOrders() (worked bool) {
	for {
		merged, ok := l.inbox.take(&l.update)
		if !ok {
			l.tellRestored()
			return worked
		}
		worked = true
		if merged {
			l.ctx.resynced = true
			l.stats.resyncs.Add(1)
		}
		// Booked before the strategy sees it: a panic must not lose a fill.
		fresh := l.orders.apply(&l.update)
		l.stats.updates.Add(1)
		if l.update.Restored {
			l.restored = append(l.restored, l.update)
			continue
		}
		if l.restored != nil {
			next := l.update
			l.tellRestored()
			l.update = next
		}
		if fresh && l.onOrder != nil && !l.Quarantined() {
			l.host.book.Pin(&l.ctx.view)
			l.trace(CallbackOrder, uint64(l.update.ID))
			l.onOrder.OnOrder(&l.ctx, &l.update)
		}
		l.ctx.resynced = false
	}
}

// tellRestored tells the strategy of the orders of an earlier run once all of
// them are booked: a position half restored is one that nobody holds.
func (l *Loop) tellRestored() {
	for i := range l.restored {
		l.update = l.restored[i]
		if l.onOrder != nil && !l.Quarantined() {
			l.host.book.Pin(&l.ctx.view)
			l.trace(CallbackOrder, uint64(l.update.ID))
			l.onOrder.OnOrder(&l.ctx, &l.update)
		}
	}
	l.restored = nil
}

func (l *Loop) stepFeed() bool {
	word, seen := l.host.feed.word.Load(), l.feedSeen.Load()
	if word == seen {
		return false
	}
	lost, state := word>>feedStateBits != seen>>feedStateBits, market.FeedState(word&feedStateMask)
	l.feedSeen.Store(word)
	if l.onFeed == nil || l.Quarantined() {
		return true
	}
	l.host.book.Pin(&l.ctx.view)
	if lost && state == market.FeedLive {
		l.trace(CallbackFeed, uint64(market.FeedGap))
		l.onFeed.OnFeed(&l.ctx, market.FeedGap)
	}
	l.trace(CallbackFeed, uint64(state))
	l.onFeed.OnFeed(&l.ctx, state)
	return true
}

func (l *Loop) stepSession() bool {
	state := l.host.session.Load()
	if state == l.sessionSeen.Load() {
		return false
	}
	l.sessionSeen.Store(state)
	if l.onSession != nil && !l.Quarantined() {
		l.host.book.Pin(&l.ctx.view)
		l.trace(CallbackSession, uint64(state))
		l.onSession.OnSession(&l.ctx, session.State(state))
	}
	return true
}

func (l *Loop) stepTimers() (worked bool) {
	if market.UnixNano(l.due.Load()) > l.ctx.now.Market {
		return false
	}
	for sets := l.timers.sets; ; {
		id, ok := l.timers.pop(l.ctx.now.Market, sets)
		if !ok {
			break
		}
		worked = true
		l.due.Store(int64(l.timers.next()))
		l.stats.timers.Add(1)
		if l.onTimer != nil && !l.Quarantined() {
			l.host.book.Pin(&l.ctx.view)
			l.trace(CallbackTimer, uint64(id))
			l.onTimer.OnTimer(&l.ctx, id)
		}
	}
	return worked
}

func (l *Loop) stepMarket() bool {
	c := &l.ctx
	for l.host.book.Pin(&c.view); l.stepFeed(); l.host.book.Pin(&c.view) {
		// A state that the feed told before the pinned commit is visible by
		// now; the strategy hears it first.
	}
	if c.view.Seq() == l.seen {
		return false
	}
	l.seen = c.view.Seq()
	n, overrun := l.cursor.Until(&c.view, l.changed)
	commits := c.view.News() - l.news
	l.news = c.view.News()
	if n == 0 {
		return true
	}
	if overrun {
		l.stats.overruns.Add(1)
	}
	if l.Quarantined() {
		return true
	}
	c.changes, c.conflated = l.changed[:n], commits > 1
	if c.conflated {
		l.stats.conflated.Add(commits - 1)
	}
	l.stats.callbacks.Add(1)
	l.trace(CallbackMarket, 0)
	overtaken := c.view.Overtaken()
	l.strategy.OnMarket(c)
	if overtaken = c.view.Overtaken() - overtaken; overtaken != 0 {
		l.stats.overtaken.Add(overtaken)
	}
	c.changes, c.conflated = nil, false
	return true
}

func (l *Loop) setTimer(id TimerID, at market.UnixNano) {
	l.timers.put(id, at)
	l.due.Store(int64(l.timers.next()))
}

func (l *Loop) stopTimer(id TimerID) {
	l.timers.remove(id)
	l.due.Store(int64(l.timers.next()))
}

// quarantine fences the strategy off: its callbacks end, what could add to its
// exposure is cancelled, the operator is told. Any goroutine may call it.
func (l *Loop) quarantine(why string, at market.Stamp) {
	if !l.quarantined.CompareAndSwap(false, true) {
		return
	}
	l.cancelExposure()
	l.host.note(l.id, "quarantined: "+why, at)
	if l.host.config.OnQuarantine != nil {
		l.host.config.OnQuarantine(l.id, l.name, why)
	}
}

// cancelExposure asks for every order of a fenced strategy that could add
// exposure to be cancelled; protective ones stay. It is repeated, since an
// order may have been on its way when the fence came down.
func (l *Loop) cancelExposure() {
	for _, id := range l.shadow.adding(nil) {
		l.host.desk.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: id, Strategy: l.id, Class: order.Cancel}})
		l.stats.cancelled.Add(1)
	}
}

// drive steps the loop unless somebody else does; who does then steps once
// more, so that nothing is missed and nobody waits.
func (l *Loop) drive(now market.Stamp) {
	for !l.turn.CompareAndSwap(idle, running) {
		if l.turn.CompareAndSwap(running, again) || l.turn.Load() == again {
			return
		}
	}
	for {
		l.Step(now)
		if l.turn.CompareAndSwap(running, idle) {
			return
		}
		l.turn.Store(running)
	}
}

// retire takes the loop out of service: nobody steps it from then on. It is
// false when whoever steps it does not return in time.
func (l *Loop) retire(patience time.Duration) bool {
	const glance = time.Millisecond
	for ; !l.turn.CompareAndSwap(idle, running); patience -= glance {
		if patience <= 0 {
			return false
		}
		time.Sleep(glance)
	}
	return true
}

// run steps the loop from a goroutine of its own until done is closed.
func (l *Loop) run(done <-chan struct{}) {
	defer l.waker.Release()
	for spins := 0; ; {
		if l.work() {
			spins = 0
		} else if spins < l.host.config.Spins {
			if spins++; spins%64 != 0 {
				continue
			}
			runtime.Gosched() // lets a collection begin, and others run on few cores
		} else {
			l.waker.Prepare()
			if l.waiting() {
				l.waker.Abort()
				continue
			}
			select {
			case <-l.waker.C():
				spins = 0
			case <-done:
			}
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// work steps the loop if there is something to do and tells whether there was.
func (l *Loop) work() bool {
	if !l.waiting() {
		return false
	}
	l.drive(l.host.now())
	return true
}

// waiting tells whether the loop's goroutine has something to do. It may look
// while another goroutine steps an inline loop, so it reads only what is
// shared.
func (l *Loop) waiting() bool {
	if l.inline {
		return l.told() || l.host.pulse.Load() >= l.due.Load()
	}
	return l.Ready() || l.host.pulse.Load() >= l.due.Load()
}

func (l *Loop) trace(kind CallbackKind, detail uint64) {
	if l.host.config.Trace == nil {
		return
	}
	l.host.config.Trace(Callback{Strategy: l.id, Kind: kind, Seq: l.ctx.view.Seq(), Detail: detail, At: l.ctx.now})
}
