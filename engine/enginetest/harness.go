package enginetest

import (
	"testing"
	"time"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Config is what a harness starts from.
type Config struct {
	Universe *market.Universe
	At       market.UnixNano // market time at the start; zero: 18 Aug 2026, 10:00 in India
	Calendar *calendar.Calendar
	Day      *calendar.Day
}

// Harness steps one strategy. Everything happens on the test's goroutine.
type Harness struct {
	Book *book.Book
	Host *engine.Host
	Feed *engine.Feed
	Desk *Desk

	now    market.Stamp
	quotes map[market.InstrumentID]*market.Quote
	notes  []string
}

// New starts a strategy on an empty book, with a live feed, and fails the test
// if it does not start.
func New(t testing.TB, c Config, s engine.Strategy) *Harness {
	t.Helper()
	h, err := Start(c, s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Start is New for tests of strategies that refuse to start.
func Start(c Config, s engine.Strategy) (*Harness, error) {
	if c.At == 0 {
		c.At = market.NewDate(2026, 8, 18).At(10 * time.Hour)
	}
	h := &Harness{Book: book.New(c.Universe), quotes: map[market.InstrumentID]*market.Quote{}}
	h.now = market.Stamp{Mono: market.Mono(time.Hour), Wall: c.At, Market: c.At}
	h.Desk = &Desk{harness: h, orders: map[order.ID]*Order{}}
	h.Host = engine.NewHost(engine.HostConfig{
		Book: h.Book, Desk: h.Desk, Clock: (*clock)(h), Calendar: c.Calendar, Day: c.Day,
	})
	h.Feed = h.Host.Feed()
	if _, err := h.Host.Add("test", s, engine.Options{}); err != nil {
		return nil, err
	}
	if err := h.Host.Start(h.now); err != nil {
		return nil, err
	}
	h.Feed.State(market.FeedLive)
	h.Step()
	return h, nil
}

// clock reads the harness's time.
type clock Harness

func (c *clock) Now() market.Stamp { return c.now }

// Now is the harness's time.
func (h *Harness) Now() market.Stamp { return h.now }

// Quote puts a quote of 1,000 units a side into the next commit; its other
// fields stay as they were last put. The last price is the bid.
func (h *Harness) Quote(id market.InstrumentID, bid, ask market.Paise) {
	q := h.quotes[id]
	if q == nil {
		q = new(market.Quote)
	}
	next := *q
	next.Instrument, next.Bid, next.Ask, next.Last = id, bid, ask, max(bid, 0)
	next.BidQty, next.AskQty, next.LastQty = 1000, 1000, 1
	next.Volume++
	h.Put(next)
}

// Spot puts the level of an index into the next commit.
func (h *Harness) Spot(id market.InstrumentID, level market.Paise) {
	h.Put(market.Quote{Instrument: id, Last: level})
}

// Put puts a whole quote into the next commit, stamped with the time now.
func (h *Harness) Put(q market.Quote) {
	q.Recv, q.LastTrade = h.now.Mono, h.now.Market
	h.quotes[q.Instrument] = &q
	h.Feed.Quote(&q)
}

// Depth puts a depth into the next commit, stamped with the time now.
func (h *Harness) Depth(d market.Depth) {
	d.Recv = h.now.Mono
	h.Feed.Depth(&d)
}

// Commit makes what was put visible together and steps the strategy.
func (h *Harness) Commit() {
	h.Feed.Commit(h.now)
	h.Step()
}

// Tick is Quote and Commit.
func (h *Harness) Tick(id market.InstrumentID, bid, ask market.Paise) {
	h.Quote(id, bid, ask)
	h.Commit()
}

// Step steps the strategy until it has nothing left to do now.
func (h *Harness) Step() {
	for h.Host.Step(h.now) {
	}
	h.Host.DrainNotes(func(n engine.Note) { h.notes = append(h.notes, n.Text) })
}

// Advance moves all clocks on by d; timers fire at their own times on the way.
func (h *Harness) Advance(d time.Duration) { h.AdvanceTo(h.now.Market.Add(d)) }

// AdvanceTo moves all clocks on until market time is at.
func (h *Harness) AdvanceTo(at market.UnixNano) {
	for {
		due, ok := h.Host.NextTimer()
		if !ok || due > at {
			break
		}
		h.move(due)
		h.Step()
	}
	h.move(at)
	h.Step()
}

func (h *Harness) move(at market.UnixNano) {
	if d := at.Sub(h.now.Market); d > 0 {
		h.now = market.Stamp{Mono: h.now.Mono.Add(d), Wall: h.now.Wall.Add(d), Market: at}
	}
}

// Notes is what the strategy, or the host about it, told the operator so far.
func (h *Harness) Notes() []string { return h.notes }

// Stats is what the host counted about the strategy.
func (h *Harness) Stats() engine.StrategyStats { return h.Host.Snapshot().Strategies[0] }
