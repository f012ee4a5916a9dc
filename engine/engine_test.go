package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
)

// puppet is a strategy whose callbacks the test sets.
type puppet struct {
	heard     []string
	onMarket  func(*engine.Context)
	onOrder   func(*engine.Context, *order.Update)
	onTimer   func(*engine.Context, engine.TimerID)
	onStop    func(*engine.Context)
	noJournal bool
}

func (p *puppet) hear(text string) {
	if !p.noJournal {
		p.heard = append(p.heard, text)
	}
}

func (p *puppet) OnMarket(c *engine.Context) {
	p.hear("market")
	if p.onMarket != nil {
		p.onMarket(c)
	}
}

func (p *puppet) OnOrder(c *engine.Context, u *order.Update) {
	p.hear("order " + u.State.String())
	if p.onOrder != nil {
		p.onOrder(c, u)
	}
}

func (p *puppet) OnTimer(c *engine.Context, id engine.TimerID) {
	p.hear(fmt.Sprint("timer ", id))
	if p.onTimer != nil {
		p.onTimer(c, id)
	}
}

func (p *puppet) OnFeed(_ *engine.Context, s market.FeedState) { p.hear("feed " + s.String()) }

func (p *puppet) OnSession(_ *engine.Context, s session.State) { p.hear("session " + s.String()) }

func (p *puppet) OnStop(c *engine.Context) {
	p.hear("stop")
	if p.onStop != nil {
		p.onStop(c)
	}
}

// take is what was heard since the last take.
func (p *puppet) take() []string {
	heard := p.heard
	p.heard = nil
	return heard
}

func universe(t testing.TB) *market.Universe {
	t.Helper()
	u, err := market.NewUniverse(enginetest.Options("NIFTY", market.NewDate(2026, 8, 25), 24000*market.Rupee, 50*market.Rupee, 10))
	require.NoError(t, err)
	return u
}

func harness(t testing.TB, p *puppet) (*enginetest.Harness, *book.Chain) {
	t.Helper()
	h := enginetest.New(t, enginetest.Config{Universe: universe(t)}, p)
	p.take()
	return h, h.Book.Layout().Chains()[0]
}

func TestStrategyHearsOnlyWhatChanged(t *testing.T) {
	var p puppet
	var changed []market.InstrumentID
	h, chain := harness(t, &p)
	p.onMarket = func(c *engine.Context) { changed = append(changed, c.Changes()...) }
	a, b := chain.Rows[0].Call, chain.Rows[3].Put

	h.Quote(a, 100, 105)
	h.Quote(b, 200, 205)
	h.Quote(a, 100, 110)
	h.Commit()
	require.Equal(t, []market.InstrumentID{a, b}, changed)
	require.Equal(t, []string{"market"}, p.take())
	h.Commit()
	require.Empty(t, p.take(), "nothing was put")
}

func TestContextSeesOneMomentAndItsTime(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	call, put := chain.Rows[0].Call, chain.Rows[0].Put
	p.onMarket = func(c *engine.Context) {
		require.Equal(t, h.Now(), c.Now())
		require.Equal(t, h.Book.Seq(), c.View().Seq())
		require.False(t, c.Conflated())
		require.Same(t, h.Book.Universe(), c.Universe())
		require.Same(t, h.Book.Layout(), c.Layout())
		require.Equal(t, market.FeedLive, c.Feed())
		var a, b market.Quote
		require.True(t, c.View().Quote(call, &a))
		require.True(t, c.View().Quote(put, &b))
		require.Equal(t, a.Bid, b.Bid)
	}
	for i := range market.Paise(20) {
		h.Quote(call, 100+5*i, 200)
		h.Quote(put, 100+5*i, 200)
		h.Commit()
		h.Advance(time.Second)
	}
	require.Len(t, p.take(), 20)
}

func TestF5_GapIsHeardBeforeTheNextChange(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	h.Tick(chain.Rows[0].Call, 100, 105)
	require.Equal(t, []string{"market"}, p.take())

	h.Feed.State(market.FeedGap)
	h.Feed.State(market.FeedLive) // over before anybody looked
	h.Tick(chain.Rows[0].Call, 105, 110)
	require.Equal(t, []string{"feed gap", "feed live", "market"}, p.take())

	h.Feed.State(market.FeedDown)
	h.Step()
	require.Equal(t, []string{"feed down"}, p.take())
	require.EqualValues(t, 2, h.Feed.Stats().Gaps)
}

func TestSessionStateIsHeardOnce(t *testing.T) {
	var p puppet
	h, _ := harness(t, &p)
	h.Host.Session(session.Reducing)
	h.Step()
	h.Step()
	require.Equal(t, []string{"session reducing"}, p.take())
}

func TestTimersFireInOrderAtTheirOwnTime(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	start := h.Now().Market
	fired := map[engine.TimerID]time.Duration{}
	p.onMarket = func(c *engine.Context) {
		c.TimerAfter(1, 3*time.Second)
		c.TimerAt(2, start.Add(time.Second))
		c.TimerAfter(3, time.Second)
		c.TimerAfter(4, time.Second)
		c.TimerAfter(5, 2*time.Second)
		c.TimerAfter(1, 2*time.Second) // instead of three, and behind 5
		c.StopTimer(4)
	}
	p.onTimer = func(c *engine.Context, id engine.TimerID) {
		fired[id] = c.Now().Market.Sub(start)
		if id == 3 {
			c.TimerAfter(6, 0) // due at once, but in the next step
			p.hear("set 6")
		}
	}
	h.Tick(chain.Rows[0].Call, 100, 105)
	h.Advance(time.Minute)
	require.Equal(t, []string{"market", "timer 2", "timer 3", "set 6", "timer 6", "timer 5", "timer 1"}, p.take())
	require.Equal(t, map[engine.TimerID]time.Duration{2: time.Second, 3: time.Second, 6: time.Second, 5: 2 * time.Second, 1: 2 * time.Second}, fired)
	_, set := h.Host.NextTimer()
	require.False(t, set)
}

func TestPlaceStampsTheTicket(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	call := chain.Rows[0].Call
	p.onMarket = func(c *engine.Context) {
		c.Place(order.Ticket{ID: 99, Strategy: 9, Instrument: call, Side: market.Buy, Lots: 1, Price: 105, Signal: 4})
	}
	h.Quote(call, 100, 105)
	tick := h.Now().Mono
	h.Advance(2 * time.Millisecond)
	h.Commit()

	sent := h.Desk.Take()
	require.Len(t, sent, 1)
	require.Equal(t, order.Command{Kind: order.Place, Ticket: order.Ticket{
		ID: 1, Strategy: 1, Signal: 4, Instrument: call, Side: market.Buy, Class: order.Entry, Lots: 1, Price: 105,
		TickAt: tick, WokenAt: h.Now().Mono, DecidedAt: h.Now().Mono,
	}}, sent[0])
	latency := h.Stats().Latency
	require.EqualValues(t, 1, latency.Count())
	require.EqualValues(t, 2*time.Millisecond, latency.Max())
}

func TestOrdersOutsideTheMarketHaveNoTick(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	call := chain.Rows[0].Call
	p.onMarket = func(c *engine.Context) { c.TimerAfter(1, time.Second) }
	p.onTimer = func(c *engine.Context, _ engine.TimerID) {
		c.Place(order.Ticket{Instrument: call, Side: market.Buy, Lots: 1, Price: 105})
		c.Modify(1, 110)
	}
	h.Tick(call, 100, 105)
	h.Advance(time.Second)
	sent := h.Desk.Take()
	require.Len(t, sent, 2)
	require.Zero(t, sent[0].Ticket.TickAt)
	require.Equal(t, order.Modify, sent[1].Kind)
	require.Equal(t, order.ID(1), sent[1].Ticket.ID)
	require.Equal(t, market.Paise(110), sent[1].Price)
	require.Zero(t, h.Stats().Latency.Count())
}

func TestPositionsFollowFillsAndNothingElse(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	call := chain.Rows[0].Call
	p.onMarket = func(c *engine.Context) {
		if c.Position(call) == 0 {
			c.Place(order.Ticket{Instrument: call, Side: market.Sell, Lots: 2, Price: 100})
		}
	}
	h.Tick(call, 100, 105)
	var position market.Units
	var working []order.ID
	p.onOrder = func(c *engine.Context, u *order.Update) {
		position, working = c.Position(call), c.WorkingOrders(nil)
		kept, ok := c.Order(u.ID)
		require.True(t, ok)
		require.Equal(t, *u, kept)
		_, ok = c.Order(77)
		require.False(t, ok)
	}
	h.Ambiguous(1)
	require.Zero(t, position)
	require.Equal(t, []order.ID{1}, working)
	h.Fill(1, 100, 65)
	require.EqualValues(t, -65, position)
	late := h.Desk.Order(1).Update
	h.Fill(1, 100, 0)
	require.EqualValues(t, -130, position)
	require.Empty(t, working)
	p.take()
	h.Host.Deliver(&late) // an older account of the order changes nothing
	h.Step()
	require.Empty(t, p.take())
	h.Host.Deliver(&order.Update{ID: 5, Strategy: 0, Instrument: call, State: order.Filled, FilledNow: 65, Filled: 65})
	h.Host.Deliver(&order.Update{ID: 6, Strategy: 9, Instrument: call, State: order.Filled, FilledNow: 65, Filled: 65})
	h.Step()
	require.Empty(t, p.take(), "not this strategy's")
}

func TestDoneOrdersAreForgottenAndWorkingOnesNever(t *testing.T) {
	p := &puppet{noJournal: true}
	h, chain := harness(t, p)
	call := chain.Rows[0].Call
	p.onMarket = func(c *engine.Context) {
		c.Place(order.Ticket{Instrument: call, Side: market.Buy, Lots: 1, Price: 105})
	}
	var rests order.Update
	for i := range 3000 {
		h.Tick(call, 100, market.Paise(105+5*(i%2)))
		id := order.ID(i + 1)
		if i == 0 {
			h.Ack(id)
			continue
		}
		h.Fill(id, 0, 0)
	}
	p.onMarket = func(c *engine.Context) {
		rests, _ = c.Order(1)
		require.Equal(t, []order.ID{1}, c.WorkingOrders(nil))
		require.EqualValues(t, 2999*65, c.Position(call))
		_, kept := c.Order(2)
		require.False(t, kept)
	}
	h.Tick(call, 95, 105)
	require.Equal(t, order.Working, rests.State)
}

func TestP10_PanicQuarantinesThatStrategyAlone(t *testing.T) {
	u := universe(t)
	desk := &recorder{}
	b := book.New(u)
	var events []string
	host := engine.NewHost(engine.HostConfig{Book: b, Desk: desk, OnQuarantine: func(id order.StrategyID, name, why string) {
		events = append(events, fmt.Sprint(id, name))
		require.Contains(t, why, "panic: oh no")
		require.Contains(t, why, "engine_test.go", "the stack names the place")
	}})
	desk.host = host
	call, put := b.Layout().Chains()[0].Rows[0].Call, b.Layout().Chains()[0].Rows[0].Put
	var bad, good puppet
	_, err := host.Add("bad", &bad, engine.Options{Inline: true})
	require.NoError(t, err)
	_, err = host.Add("good", &good, engine.Options{Inline: true})
	require.NoError(t, err)
	_, err = host.Add("good", &good, engine.Options{})
	require.ErrorContains(t, err, "good")
	require.NoError(t, host.Start(market.Stamp{}))
	_, err = host.Add("late", &good, engine.Options{})
	require.ErrorIs(t, err, engine.ErrStarted)

	bad.onMarket = func(c *engine.Context) {
		c.Place(order.Ticket{Instrument: call, Side: market.Buy, Lots: 1, Price: 105}) // 1: will be held
		c.Place(order.Ticket{Instrument: call, Side: market.Sell, Lots: 1, Price: 95}) // 2: protects it
		c.Place(order.Ticket{Instrument: call, Side: market.Sell, Lots: 1, Price: 90}) // 3: would go short
		c.Place(order.Ticket{Instrument: put, Side: market.Buy, Lots: 1, Price: 105})  // 4: would add
	}
	tick := func(bid market.Paise) {
		host.Feed().Quote(&market.Quote{Instrument: call, Bid: bid, Ask: bid + 5, Last: bid})
		host.Feed().Commit(market.Stamp{Mono: 1})
	}
	tick(100)
	desk.tell(host, 1, order.Filled)
	for id := order.ID(2); id <= 4; id++ {
		desk.tell(host, id, order.Working)
	}
	tick(105) // takes the updates
	bad.onMarket = func(*engine.Context) { panic("oh no") }
	tick(110)
	tick(115)
	desk.tell(host, 2, order.Filled)
	tick(120)

	require.Equal(t, []string{"1bad"}, events)
	require.Equal(t, []order.ID{3, 4}, desk.cancels())
	stats := host.Snapshot().Strategies
	require.True(t, stats[0].Quarantined)
	require.EqualValues(t, 1, stats[0].Panics)
	require.EqualValues(t, 5, stats[0].Updates, "order events are kept")
	require.False(t, stats[1].Quarantined)
	require.EqualValues(t, 5, stats[1].Callbacks)
	notes := 0
	host.DrainNotes(func(engine.Note) { notes++ })
	require.Equal(t, 1, notes)
}

func TestQuarantinedStrategyCanPlaceNothing(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	call := chain.Rows[0].Call
	p.onMarket = func(c *engine.Context) {
		defer func() {
			_ = recover()
			panic("again")
		}()
		panic("oh no")
	}
	h.Tick(call, 100, 105)
	p.onStop = func(c *engine.Context) { c.Place(order.Ticket{Instrument: call}) }
	h.Host.Stop(h.Now())
	require.Empty(t, h.Desk.All())
	require.Equal(t, []string{"market"}, p.take())
	require.Len(t, h.Notes(), 1)
}

func TestStrategyMaySendWhenItStops(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	p.onStop = func(c *engine.Context) { c.Cancel(7) }
	h.Host.Stop(h.Now())
	require.Equal(t, []string{"stop"}, p.take())
	require.Len(t, h.Desk.Take(), 1)
	h.Feed.Commit(h.Now())
	h.Tick(chain.Rows[0].Call, 100, 105)
}

func TestPanicOnStartIsAnError(t *testing.T) {
	_, err := enginetest.Start(enginetest.Config{Universe: universe(t)}, panicky{})
	require.ErrorContains(t, err, "start strategy test: panic: not today")
}

type panicky struct{}

func (panicky) OnMarket(*engine.Context)      {}
func (panicky) OnStart(*engine.Context) error { panic("not today") }

func TestP12_NotesAreBoundedAndCounted(t *testing.T) {
	var p puppet
	h, chain := harness(t, &p)
	p.onMarket = func(c *engine.Context) {
		for range 1000 {
			c.Note("hello")
		}
	}
	h.Tick(chain.Rows[0].Call, 100, 105)
	require.Len(t, h.Notes(), 256)
	require.EqualValues(t, 744, h.Host.Snapshot().NotesDropped)
}

func TestUpdatesAreMergedNotDroppedWhenTheInboxIsFull(t *testing.T) {
	u := universe(t)
	b := book.New(u)
	var p puppet
	host := engine.NewHost(engine.HostConfig{Book: b, Desk: &recorder{}, Inbox: 4})
	_, err := host.Add("slow", &p, engine.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Start(market.Stamp{}))
	var merged, position market.Units
	resynced := 0
	p.onOrder = func(c *engine.Context, u *order.Update) {
		position = c.Position(3)
		if c.Resynced() {
			resynced++
			merged += u.FilledNow
			if u.ID == 1 {
				require.EqualValues(t, 102, u.FillPrice, "the mean of what was merged")
			}
		}
	}
	for filled := market.Units(1); filled <= 8; filled++ {
		host.Deliver(&order.Update{
			ID: 1, Strategy: 1, Instrument: 3, Side: market.Buy, State: order.Partial, Quantity: 65,
			Filled: filled, FilledNow: 1, FillPrice: market.Paise(99 + filled%4), Average: 100,
		})
		if filled == 4 {
			host.Deliver(&order.Update{ID: 2, Strategy: 1, Instrument: 4, Side: market.Sell, State: order.Working, Quantity: 65})
		}
	}
	host.Deliver(&order.Update{ID: 1, Strategy: 1, Instrument: 3, Side: market.Buy, State: order.Filled, Quantity: 65, Filled: 9, FilledNow: 1, FillPrice: 112})
	for host.Step(market.Stamp{}) {
	}
	require.Equal(t, 2, resynced)
	require.EqualValues(t, 5, merged)
	require.EqualValues(t, 9, position)
	require.EqualValues(t, 6, host.Snapshot().Strategies[0].Updates)

	host.Deliver(&order.Update{ID: 2, Strategy: 1, Instrument: 4, Side: market.Sell, State: order.Filled, Quantity: 65, Filled: 65, FilledNow: 65})
	require.True(t, host.Step(market.Stamp{}))
	require.Equal(t, 2, resynced, "all is as usual again")
}

func TestConflationIsTold(t *testing.T) {
	u := universe(t)
	b := book.New(u)
	var p puppet
	host := engine.NewHost(engine.HostConfig{Book: b, Desk: &recorder{}})
	_, err := host.Add("slow", &p, engine.Options{})
	require.NoError(t, err)
	require.NoError(t, host.Start(market.Stamp{}))
	var conflated []bool
	var bid market.Paise
	p.onMarket = func(c *engine.Context) {
		conflated = append(conflated, c.Conflated())
		require.Len(t, c.Changes(), 1)
		var q market.Quote
		require.True(t, c.View().Quote(3, &q))
		bid = q.Bid
	}
	put := func(n int) { // F16: a burst conflates per instrument, the newest wins
		for range n {
			bid += 10
			host.Feed().Quote(&market.Quote{Instrument: 3, Bid: bid, Ask: bid + 10})
			host.Feed().Commit(market.Stamp{})
		}
		last := bid
		host.Step(market.Stamp{})
		require.Equal(t, last, bid)
	}
	put(1)
	put(10_000)
	put(1)
	require.Equal(t, []bool{false, true, false}, conflated)
	stats := host.Snapshot().Strategies[0]
	require.EqualValues(t, 9_999, stats.Conflated)
	require.EqualValues(t, 1, stats.Overruns)
}

func TestTraceTellsEveryCallback(t *testing.T) {
	u := universe(t)
	b := book.New(u)
	var p puppet
	var trace []engine.Callback
	host := engine.NewHost(engine.HostConfig{Book: b, Desk: &recorder{}, Trace: func(c engine.Callback) { trace = append(trace, c) }})
	_, err := host.Add("traced", &p, engine.Options{Inline: true})
	require.NoError(t, err)
	require.NoError(t, host.Start(market.Stamp{}))
	p.onMarket = func(c *engine.Context) { c.TimerAt(9, 5) }
	at := market.Stamp{Mono: 1, Market: 5}
	host.Feed().Quote(&market.Quote{Instrument: 3, Bid: 10, Ask: 20})
	host.Feed().Commit(at)
	host.Feed().Commit(at)
	host.Deliver(&order.Update{ID: 8, Strategy: 1})
	host.Feed().Commit(at)
	require.Equal(t, []engine.Callback{
		{Strategy: 1, Kind: engine.CallbackMarket, Seq: 1, At: at},
		{Strategy: 1, Kind: engine.CallbackTimer, Seq: 1, Detail: 9, At: at},
		{Strategy: 1, Kind: engine.CallbackOrder, Seq: 1, Detail: 8, At: at},
	}, trace)
}

// recorder is a desk that numbers orders and keeps commands.
type recorder struct {
	host     *engine.Host
	commands []order.Command
	orders   []order.Ticket
}

func (r *recorder) Submit(c order.Command) order.ID {
	if c.Kind == order.Place {
		r.orders = append(r.orders, c.Ticket)
		c.Ticket.ID = order.ID(len(r.orders))
	}
	r.commands = append(r.commands, c)
	return c.Ticket.ID
}

func (r *recorder) cancels() (ids []order.ID) {
	for _, c := range r.commands {
		if c.Kind == order.CancelOne {
			ids = append(ids, c.Ticket.ID)
		}
	}
	return ids
}

// tell delivers what became of an order.
func (r *recorder) tell(h *engine.Host, id order.ID, s order.State) {
	t := r.orders[id-1]
	u := order.Update{ID: id, Strategy: t.Strategy, Instrument: t.Instrument, Side: t.Side, State: s, Price: t.Price, Quantity: t.Lots.Units(65)}
	if s == order.Filled {
		u.Filled, u.FilledNow, u.FillPrice = u.Quantity, u.Quantity, t.Price
	}
	h.Deliver(&u)
}

// crossing looks at a whole chain on each tick and, when asked to, buys.
type crossing struct {
	chain *book.Chain
	quote market.Quote
	sum   market.Paise
	buys  bool
	held  market.Units
}

func (s *crossing) OnStart(c *engine.Context) error {
	s.chain = c.Layout().Chains()[0]
	return nil
}

func (s *crossing) OnMarket(c *engine.Context) {
	s.sum = 0
	for i := range s.chain.Rows {
		if c.View().Quote(s.chain.Rows[i].Call, &s.quote) {
			s.sum += s.quote.Bid
		}
	}
	if id := c.Changes()[0]; s.buys && c.View().Quote(id, &s.quote) {
		c.Place(order.Ticket{Instrument: id, Side: market.Buy, Lots: 1, Price: s.quote.Ask})
	}
}

func (s *crossing) OnOrder(c *engine.Context, u *order.Update) { s.held = c.Position(u.Instrument) }

func (s *crossing) OnTimer(*engine.Context, engine.TimerID) {}

// gated is a desk with the risk gate in it that kills each order at once.
type gated struct {
	host   *engine.Host
	book   *book.Book
	gate   *risk.Gate
	view   book.View
	ticket order.Ticket
	update order.Update
	at     market.Stamp
	id     order.ID
	passed int
}

func (g *gated) Submit(c order.Command) order.ID {
	g.id++
	g.ticket = c.Ticket
	g.ticket.ID = g.id
	g.book.Pin(&g.view)
	g.update = order.Update{
		ID: g.id, Strategy: c.Ticket.Strategy, Instrument: c.Ticket.Instrument, Side: c.Ticket.Side,
		State: order.Denied, Price: c.Ticket.Price, Quantity: c.Ticket.Lots.Units(65), At: g.at,
	}
	if _, reason := g.gate.Check(&g.ticket, &g.view, g.at); reason == risk.Pass {
		g.passed++
		g.update.State = order.Cancelled
		g.gate.Apply(&g.update)
	}
	g.host.Deliver(&g.update)
	return g.id
}

// stage is the whole way of a tick through the engine, driven by hand.
func stage(t testing.TB, buys bool) (s *crossing, desk *gated, step func()) {
	u := universe(t)
	b := book.New(u)
	desk = &gated{book: b, gate: risk.NewGate(risk.Limits{
		QuoteAge: time.Second, CollarShare: 500, CollarPoints: 1000, OrderLots: 1, OrderNotional: 1 << 36, OpenOrders: 10,
		PositionLots: 10, GrossLots: 10, DayLoss: 1 << 36, FlattenLoss: 1 << 36, Repeats: 16, RepeatWindow: 1, PerSecond: 16, PerMinute: 128, Runaway: 1000,
	}, u)}
	desk.gate.SetSession(1, 1<<62)
	desk.gate.SetSessionOK(true)
	desk.gate.SetFeed(market.FeedLive)
	desk.host = engine.NewHost(engine.HostConfig{Book: b, Desk: desk})
	s = &crossing{buys: buys}
	_, err := desk.host.Add("crossing", s, engine.Options{Inline: true})
	require.NoError(t, err)
	require.NoError(t, desk.host.Start(market.Stamp{}))
	feed := desk.host.Feed()
	feed.State(market.FeedLive)
	n := market.Paise(0)
	quote, depth := new(market.Quote), new(market.Depth)
	rows := b.Layout().Chains()[0].Rows
	return s, desk, func() {
		n++
		at := market.Stamp{Mono: market.Mono(n) * market.Mono(time.Second), Market: market.UnixNano(n + 1)}
		id := rows[int(n)%len(rows)].Call
		*quote = market.Quote{Instrument: id, Bid: 10000 + n%100*5, Ask: 10505, Last: 10000, Volume: market.Units(n), Recv: at.Mono}
		depth.Instrument, depth.Recv, depth.Bids[0].Price = id, at.Mono, 10000
		desk.at = at
		feed.Quote(quote)
		feed.Depth(depth)
		feed.Commit(at)
	}
}

func TestStepAllocs(t *testing.T) { // never Parallel: AllocsPerRun panics then
	s, _, step := stage(t, false)
	require.Zero(t, testing.AllocsPerRun(3000, step))
	require.NotZero(t, s.sum)

	_, desk, step := stage(t, true)
	require.Zero(t, testing.AllocsPerRun(6000, step))
	require.Greater(t, desk.passed, 5900, "%s", desk.gate.Last())
}

func BenchmarkStep(b *testing.B) {
	for name, buys := range map[string]bool{"decides=no": false, "decides=yes": true} {
		b.Run(name, func(b *testing.B) {
			_, _, step := stage(b, buys)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

func TestAfterARestartNothingIsToldUntilEveryEarlierOrderIsBooked(t *testing.T) {
	p := &puppet{}
	h, chain := harness(t, p)
	call := chain.Rows[0].Call
	h.Step()
	p.take()
	var held []market.Units
	p.onOrder = func(c *engine.Context, u *order.Update) { held = append(held, c.Position(call)) }
	sold := order.Update{ID: 1, Strategy: 1, Instrument: call, Side: market.Sell, State: order.Filled, Filled: 65, FilledNow: 65, Restored: true}
	bought := order.Update{ID: 2, Strategy: 1, Instrument: call, Side: market.Buy, State: order.Partial, Filled: 65, FilledNow: 65, Restored: true}
	later := order.Update{ID: 2, Strategy: 1, Instrument: call, Side: market.Buy, State: order.Filled, Filled: 130, FilledNow: 65}
	for _, u := range []order.Update{sold, bought, later} {
		h.Host.Deliver(&u)
	}

	h.Step()

	require.Equal(t, []string{"order filled", "order partial", "order filled"}, p.take())
	require.Equal(t, []market.Units{65, 65, 65}, held, "the whole, from the first call on")
}
