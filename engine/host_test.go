package engine_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// bubbleClock reads the virtual time of a synctest bubble.
type bubbleClock struct{ start time.Time }

func (c bubbleClock) Now() market.Stamp {
	now := time.Now()
	wall := market.UnixNano(now.UnixNano())
	return market.Stamp{Mono: market.Mono(now.Sub(c.start)) + 1, Wall: wall, Market: wall}
}

// quietDesk keeps commands from any goroutine.
type quietDesk struct {
	mu       sync.Mutex
	commands []order.Command
}

func (d *quietDesk) Submit(c order.Command) order.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commands = append(d.commands, c)
	if c.Kind == order.Place {
		return order.ID(len(d.commands))
	}
	return c.Ticket.ID
}

func (d *quietDesk) all() []order.Command {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]order.Command(nil), d.commands...)
}

// lines keeps texts from any goroutine.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, text)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// live runs a host in a bubble until the test ends it.
type live struct {
	*engine.Host
	clock bubbleClock
	desk  *quietDesk
	call  market.InstrumentID
	put   market.InstrumentID
	log   *bytes.Buffer
	bid   market.Paise
	end   func() error
}

func run(t *testing.T, tune func(*engine.HostConfig), strategies map[string]engine.Strategy, inline bool) *live {
	t.Helper()
	b := book.New(universe(t))
	row := b.Layout().Chains()[0].Rows[0]
	l := &live{clock: bubbleClock{time.Now()}, desk: &quietDesk{}, call: row.Call, put: row.Put, log: new(bytes.Buffer), bid: 100}
	config := engine.HostConfig{Book: b, Desk: l.desk, Clock: l.clock, Log: hclog.New(&hclog.LoggerOptions{Output: l.log})}
	if tune != nil {
		tune(&config)
	}
	l.Host = engine.NewHost(config)
	for name, s := range strategies {
		_, err := l.Add(name, s, engine.Options{Inline: inline})
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	synctest.Wait()
	l.end = func() error { cancel(); return <-ended }
	return l
}

func (l *live) tick(id market.InstrumentID) {
	l.bid += 5
	now := l.clock.Now()
	l.Feed().Quote(&market.Quote{Instrument: id, Bid: l.bid, Ask: l.bid + 5, Recv: now.Mono})
	l.Feed().Commit(now)
	synctest.Wait()
}

// rest lets virtual time pass and everybody finish what it brought.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestParkedStrategyIsWokenByEachKindOfEvent(t *testing.T) {
	for _, inline := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var p puppet
			l := run(t, nil, map[string]engine.Strategy{"one": &p}, inline)
			l.tick(l.call)
			require.Equal(t, []string{"market"}, p.take())
			l.Feed().State(market.FeedStale)
			synctest.Wait()
			require.Equal(t, []string{"feed stale"}, p.take())
			l.Session(session.Live)
			synctest.Wait()
			require.Equal(t, []string{"session live"}, p.take())
			l.Deliver(&order.Update{ID: 1, Strategy: 1, Instrument: l.call, State: order.Working})
			synctest.Wait()
			require.Equal(t, []string{"order working"}, p.take())
			var late time.Duration
			at := l.clock.Now().Market.Add(time.Second)
			p.onTimer = func(c *engine.Context, _ engine.TimerID) { late = c.Now().Market.Sub(at) }
			p.onMarket = func(c *engine.Context) { c.TimerAt(3, at) }
			l.tick(l.call)
			rest(1100 * time.Millisecond) // no tick: the pulse brings the timer
			require.Equal(t, []string{"market", "timer 3"}, p.take())
			require.GreaterOrEqual(t, late, time.Duration(0))
			require.LessOrEqual(t, late, 5*time.Millisecond)
			require.NoError(t, l.end())
			require.Equal(t, []string{"stop"}, p.take())
		})
	}
}

func TestSpinningLoopEndsToo(t *testing.T) {
	var p puppet
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	b := book.New(universe(t))
	h := engine.NewHost(engine.HostConfig{Book: b, Desk: &quietDesk{}, Clock: market.SystemClock{}, Spins: 1 << 62})
	_, err := h.Add("spins", &p, engine.Options{})
	require.NoError(t, err)
	require.NoError(t, h.Run(ctx))
	require.Equal(t, []string{"stop"}, p.take())
}

func TestP11_StuckStrategyIsQuarantinedAndOthersRunOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bad puppet
		var fenced lines
		release := make(chan struct{})
		l := run(t, func(c *engine.HostConfig) {
			c.OnQuarantine = func(_ order.StrategyID, name, why string) { fenced.add(name + ": " + why) }
		}, map[string]engine.Strategy{"bad": &bad}, false)
		bad.onMarket = func(c *engine.Context) {
			c.Place(order.Ticket{Instrument: l.call, Side: market.Buy, Lots: 1, Price: 105})
			c.Place(order.Ticket{Instrument: l.put, Side: market.Sell, Lots: 1, Price: 105})
			<-release
			require.Zero(t, c.Place(order.Ticket{Instrument: l.call, Side: market.Buy, Lots: 1, Price: 105}), "fenced meanwhile")
		}
		l.tick(l.call)
		update := order.Update{Strategy: 1, Instrument: l.call, Side: market.Buy, Quantity: 65}
		update.ID, update.State = 1, order.Working
		l.Deliver(&update)
		rest(90 * time.Millisecond)
		require.Empty(t, fenced.all())
		require.EqualValues(t, 1, l.Snapshot().Strategies[0].Overlong)
		rest(30 * time.Millisecond)
		require.Len(t, fenced.all(), 1)
		require.Contains(t, fenced.all()[0], "bad: no heartbeat")
		cancels := l.desk.all()[2:]
		require.Len(t, cancels, 1, "by another goroutine, for the strategy's own is stuck")
		require.Equal(t, order.CancelOne, cancels[0].Kind)
		require.Equal(t, order.ID(1), cancels[0].Ticket.ID)

		update.ID, update.Instrument, update.Side = 2, l.put, market.Sell // was on its way
		l.Deliver(&update)
		rest(10 * time.Millisecond)
		require.Len(t, l.desk.all(), 4)
		close(release)
		l.tick(l.call)
		require.Equal(t, []string{"market"}, bad.take(), "its ticks are dropped from then on")
		stats := l.Snapshot().Strategies[0]
		require.EqualValues(t, 2, stats.Updates, "its order events are kept")
		require.EqualValues(t, 1, stats.Refused)
		require.NoError(t, l.end())
		require.Contains(t, l.log.String(), "quarantined: no heartbeat")
	})
}

func TestP11_OthersRunOnBesideAStuckStrategy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bad, good puppet
		l := run(t, nil, map[string]engine.Strategy{"bad": &bad, "good": &good}, false)
		release := make(chan struct{})
		bad.onMarket = func(*engine.Context) { <-release }
		for range 10 {
			l.tick(l.call)
			rest(50 * time.Millisecond)
		}
		require.Len(t, good.take(), 10)
		ended := make(chan error)
		go func() { ended <- l.end() }()
		require.NoError(t, <-ended, "the host ends without it")
		require.Contains(t, l.log.String(), "left behind")
		require.Equal(t, []string{"stop"}, good.take())
		close(release)
	})
}

func TestStuckInlineStrategyIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p puppet
		var stuck atomic.Uint32
		l := run(t, func(c *engine.HostConfig) {
			c.OnStuckInline = func(id order.StrategyID, name string) {
				require.Equal(t, "one", name)
				stuck.Add(1)
			}
		}, map[string]engine.Strategy{"one": &p}, true)
		release := make(chan struct{})
		p.onMarket = func(*engine.Context) { <-release }
		go l.tick2(l.call)
		rest(time.Second)
		require.EqualValues(t, 1, stuck.Load())
		close(release)
		require.NoError(t, l.end())
	})
}

// tick2 is tick without waiting, for a goroutine beside the test's.
func (l *live) tick2(id market.InstrumentID) {
	now := l.clock.Now()
	l.Feed().Quote(&market.Quote{Instrument: id, Bid: 500, Ask: 505, Recv: now.Mono})
	l.Feed().Commit(now)
}

func TestRunReportsWhoWouldNotStart(t *testing.T) {
	sad := errors.New("no chain today")
	b := book.New(universe(t))
	h := engine.NewHost(engine.HostConfig{Book: b, Desk: &quietDesk{}, Clock: market.SystemClock{}})
	_, err := h.Add("sad", refusing{sad}, engine.Options{})
	require.NoError(t, err)
	require.ErrorIs(t, h.Run(t.Context()), sad)
	none := engine.NewHost(engine.HostConfig{Book: b, Desk: &quietDesk{}})
	require.ErrorContains(t, none.Run(t.Context()), "clock")
	require.Panics(t, func() { engine.NewHost(engine.HostConfig{Book: b}) })
}

type refusing struct{ err error }

func (refusing) OnMarket(*engine.Context)        {}
func (r refusing) OnStart(*engine.Context) error { return r.err }

// TestManyGoroutinesAtFullRate has a feed, an order core, three strategies and
// an observer at work together; the race detector judges it, and each strategy
// must end at the newest state with every fill booked.
func TestManyGoroutinesAtFullRate(t *testing.T) {
	const ticks, fills = 20_000, 3_000
	b := book.New(universe(t))
	h := engine.NewHost(engine.HostConfig{Book: b, Desk: &quietDesk{}, Clock: market.SystemClock{}, Inbox: 64, Heartbeat: time.Minute})
	var strategies [3]counting
	for i, name := range []string{"parked", "another", "inline"} {
		_, err := h.Add(name, &strategies[i], engine.Options{Inline: i == 2})
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	var sources sync.WaitGroup
	sources.Go(func() {
		for i := range market.Paise(ticks) {
			h.Feed().Quote(&market.Quote{Instrument: 3, Bid: 5 * (i + 1), Ask: 5 * (i + 2), Volume: market.Units(i)})
			if i%1000 == 0 {
				h.Feed().State(market.FeedGap)
				h.Feed().State(market.FeedLive)
			}
			h.Feed().Commit(market.SystemClock{}.Now())
		}
	})
	sources.Go(func() {
		for i := range market.Units(fills) {
			for id := order.StrategyID(1); id <= 3; id++ {
				h.Deliver(&order.Update{ID: order.ID(id), Strategy: id, Instrument: 3, Side: market.Buy, State: order.Partial, Quantity: fills, Filled: i + 1, FilledNow: 1, FillPrice: 100})
			}
		}
	})
	sources.Wait()
	require.Eventually(t, func() bool {
		for i := range strategies {
			if strategies[i].bid.Load() != 5*ticks || strategies[i].held.Load() != fills {
				return false
			}
		}
		h.Snapshot()
		return true
	}, 10*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-ended)
	for i := range strategies {
		require.EqualValues(t, fills, strategies[i].summed, "the fills add up to the position")
	}
}

type counting struct {
	bid, held atomic.Int64
	summed    market.Units
	quote     market.Quote
}

func (s *counting) OnMarket(c *engine.Context) {
	if c.View().Quote(3, &s.quote) {
		s.bid.Store(int64(s.quote.Bid))
	}
	c.TimerAfter(1, time.Millisecond)
}

func (s *counting) OnOrder(c *engine.Context, u *order.Update) {
	s.summed += u.FilledNow
	s.held.Store(int64(c.Position(3)))
}

func (s *counting) OnTimer(c *engine.Context, _ engine.TimerID) { c.Cancel(1) }
