package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/puzpuzpuz/xsync/v3"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// HostConfig is what a host is built from. Book and Desk must be set; zeros
// elsewhere mean what is said there.
type HostConfig struct {
	Book  *book.Book
	Desk  Desk
	Clock market.Clock // stamps wake-ups and decisions; nil: the time a step is given, as a replay wants it
	Log   hclog.Logger // notes to the operator; nil: nowhere

	Calendar *calendar.Calendar // for strategies that ask; nil: none
	Day      *calendar.Day      // today's sessions, for the same; nil: none

	Spins  int // times a loop looks for work before it parks; 0: it parks at once
	Inbox  int // order updates that may wait for a strategy before they merge; 0: 1024
	Orders int // orders a strategy's record keeps before it forgets done ones; 0: 2048
	Notes  int // notes that may wait for the operator; 0: 256

	Pulse     time.Duration // how often timers and watchdogs are looked at; 0: 5 ms
	Overlong  time.Duration // a step that takes longer is counted; 0: 10 ms
	Heartbeat time.Duration // a step that takes longer quarantines its strategy; 0: 100 ms

	// Trace, if set, is called before each callback, by whoever steps; it must
	// not wait.
	Trace func(Callback)
	// OnQuarantine, if set, is told when a strategy is fenced off, by the
	// goroutine that did it.
	OnQuarantine func(id order.StrategyID, name, why string)
	// OnStuckInline, if set, is told, by the watchdog, that an inline strategy
	// does not return. The feed's own goroutine hangs in it, so nothing can be
	// fenced: cancel all and end the process.
	OnStuckInline func(id order.StrategyID, name string)
}

// Options is how one strategy runs.
type Options struct {
	// Inline has the feed's goroutine step the strategy on each commit, so that
	// there is no hand-off and no conflation. The feed waits for it.
	Inline bool
}

// Host runs strategies. Add them, then either Run it, or Start it and Step it
// from one goroutine.
type Host struct {
	config  HostConfig
	book    *book.Book
	desk    Desk
	clock   market.Clock
	log     hclog.Logger
	feed    Feed
	loops   []*Loop // fixed once started
	inlines []*Loop
	started atomic.Bool
	session atomic.Uint32 // a session.State
	pulse   atomic.Int64  // market time at the last pulse: pulse → loops
	notes   *xsync.MPMCQueueOf[Note]
	dropped metrics.Counter
}

// Note is something a strategy, or the host about it, tells the operator.
type Note struct {
	Strategy order.StrategyID
	Text     string
	At       market.Stamp
}

// NewHost makes a host without strategies. A nil Book or Desk is a fault of
// the wiring and panics.
func NewHost(c HostConfig) *Host {
	if c.Book == nil || c.Desk == nil {
		panic("engine: a host needs a book and a desk")
	}
	c.Inbox = orDefault(c.Inbox, 1024)
	c.Orders = orDefault(c.Orders, 2048)
	c.Notes = orDefault(c.Notes, 256)
	c.Pulse = orDefault(c.Pulse, 5*time.Millisecond)
	c.Overlong = orDefault(c.Overlong, 10*time.Millisecond)
	c.Heartbeat = orDefault(c.Heartbeat, 100*time.Millisecond)
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	h := &Host{
		config: c, book: c.Book, desk: c.Desk, clock: c.Clock, log: c.Log,
		notes: xsync.NewMPMCQueueOf[Note](c.Notes),
	}
	h.feed = Feed{host: h, book: c.Book, watches: make([]watch, c.Book.Universe().Len()+1)}
	h.pulse.Store(-1 << 63)
	return h
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// ErrStarted marks a change that can only be made before the host starts.
var ErrStarted = errors.New("engine: the host has started")

// Add gives the strategy its loop and number, from 1 up. Names are for people
// and must differ.
func (h *Host) Add(name string, s Strategy, o Options) (order.StrategyID, error) {
	if h.started.Load() {
		return 0, fmt.Errorf("add strategy %s: %w", name, ErrStarted)
	}
	for _, l := range h.loops {
		if l.name == name {
			return 0, fmt.Errorf("engine: two strategies are named %s: give one another instance name", name)
		}
	}
	l := newLoop(h, order.StrategyID(len(h.loops)+1), name, s, o)
	h.loops = append(h.loops, l)
	if o.Inline {
		h.inlines = append(h.inlines, l)
	}
	return l.id, nil
}

// Feed is the way of the market into the host's book.
func (h *Host) Feed() *Feed { return &h.feed }

// Loops is the loops of all strategies, in the order they were added.
func (h *Host) Loops() []*Loop { return h.loops }

// Deliver hands an order's update to the strategy it belongs to. Updates of
// the engine's own orders (strategy zero) go nowhere. It never waits for a
// strategy and drops nothing. The order core's owner calls it, one at a time.
func (h *Host) Deliver(u *order.Update) {
	if u.Strategy == 0 || int(u.Strategy) > len(h.loops) {
		return
	}
	l := h.loops[u.Strategy-1]
	l.shadow.apply(u)
	l.inbox.put(u)
	l.waker.Wake()
}

// Session says what the venue login allows from now on. Any goroutine may call
// it; strategies hear the newest state.
func (h *Host) Session(s session.State) {
	h.session.Store(uint32(s))
	h.wakeAll()
}

// Start tells the strategies that trading begins, in order, and lets the feed
// step the inline ones from then on. An error or panic of one ends it.
func (h *Host) Start(now market.Stamp) error {
	if h.started.Load() {
		return ErrStarted
	}
	for _, l := range h.loops {
		if err := l.start(now); err != nil {
			return fmt.Errorf("start strategy %s: %w", l.name, err)
		}
	}
	h.started.Store(true)
	return nil
}

func (l *Loop) start(now market.Stamp) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	l.ctx.now = now
	l.host.book.Pin(&l.ctx.view)
	l.seen, l.news = l.ctx.view.Seq(), l.ctx.view.News()
	l.host.book.Follow(&l.cursor)
	if l.starter == nil {
		return nil
	}
	return l.starter.OnStart(&l.ctx)
}

// Step steps every strategy once, in the order they were added, and tells
// whether any found something to do. For tests, replays and back-tests: the
// caller is then the only one who steps.
func (h *Host) Step(now market.Stamp) (worked bool) {
	for _, l := range h.loops {
		worked = l.Step(now) || worked
	}
	return worked
}

// NextTimer is when the earliest timer of any strategy is due on the market
// clock; false when none is set. For those who own the time.
func (h *Host) NextTimer() (at market.UnixNano, ok bool) {
	at = never
	for _, l := range h.loops {
		at = min(at, market.UnixNano(l.due.Load()))
	}
	return at, at != never
}

// Stop tells the strategies that trading ends, in order. Nobody steps them any
// more. One that is stuck is left behind: it ends with the process.
func (h *Host) Stop(now market.Stamp) { h.stop(now) }

// stop is Stop; it tells whether every strategy returned.
func (h *Host) stop(now market.Stamp) (all bool) {
	h.started.Store(false)
	all = true
	for _, l := range h.loops {
		if l.retire(10 * h.config.Heartbeat) {
			l.stop(now)
		} else {
			all = false
			h.log.Error("a strategy does not return and is left behind", "strategy", l.name)
		}
	}
	h.DrainNotes(h.write)
	return all
}

func (l *Loop) stop(now market.Stamp) {
	if l.onStop == nil || l.Quarantined() {
		return
	}
	worked := false
	l.beat.Add(1)
	defer l.fence(&worked)
	l.ctx.now = now
	l.host.book.Pin(&l.ctx.view)
	l.onStop.OnStop(&l.ctx)
}

// Run starts the strategies, gives each a goroutine, looks after timers and
// watchdogs, and stops them when ctx ends. It returns the error of a strategy
// that would not start, else nil.
func (h *Host) Run(ctx context.Context) error {
	if h.clock == nil {
		return errors.New("engine: a host that runs by itself needs a clock")
	}
	if err := h.Start(h.clock.Now()); err != nil {
		return err
	}
	var loops sync.WaitGroup
	for _, l := range h.loops {
		loops.Go(func() { l.run(ctx.Done()) })
	}
	h.pulsate(ctx.Done())
	if h.stop(h.clock.Now()) {
		loops.Wait()
	}
	return nil
}

func (h *Host) now() market.Stamp { return h.clock.Now() }

// wakeAll wakes every loop that sleeps.
func (h *Host) wakeAll() {
	for _, l := range h.loops {
		l.waker.Wake()
	}
}

func (h *Host) note(id order.StrategyID, text string, at market.Stamp) {
	if !h.notes.TryEnqueue(Note{Strategy: id, Text: text, At: at}) {
		h.dropped.Add(1)
	}
}

// DrainNotes hands out the notes that wait. Run does so by itself.
func (h *Host) DrainNotes(to func(Note)) {
	for {
		n, ok := h.notes.TryDequeue()
		if !ok {
			return
		}
		to(n)
	}
}

func (h *Host) write(n Note) {
	h.log.Info(n.Text, "strategy", h.loops[n.Strategy-1].name, "market_time", n.At.Market.String())
}
