package peers

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/breaker"
)

// whole is everything a ticket passes before its request is rendered: risk, the
// journal's two records, breaker, limiter, and the bookkeeping of retries; and
// what its end puts back.
type whole struct {
	*ours
	risk    *risk.Gate
	book    *book.Book
	view    book.View
	journal *journal.Journal
	record  journal.Record
	ticket  order.Ticket
	over    order.Update
	key     market.ContractKey
	at      market.Stamp
}

func newWhole(t testing.TB) *whole {
	day := market.NewDate(2026, 11, 24)
	key := market.ContractKey{
		Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: day, Strike: 26_000 * market.Rupee, Right: market.Call,
	}
	u, err := market.NewUniverse([]market.Instrument{{ContractKey: key, Token: "42505", LotSize: 65, TickSize: 5, Freeze: 1800}})
	require.NoError(t, err)
	id := u.ByToken([]byte("42505"))
	j, err := journal.Open(journal.Config{Folder: t.TempDir(), HotRecords: 1 << 17})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	w := &whole{
		ours: newOurs(), key: key, journal: j, book: book.New(u),
		risk: risk.NewGate(risk.Limits{
			QuoteAge: 2 * time.Second, CollarShare: 2000, CollarPoints: 20 * market.Rupee,
			OrderLots: 10, OrderNotional: 200_000 * market.Rupee, OpenOrders: 8, PositionLots: 20, GrossLots: 40,
			DayLoss: 50_000 * market.Rupee, FlattenLoss: 80_000 * market.Rupee,
			Repeats: 16, RepeatWindow: time.Millisecond, PerSecond: 16, PerMinute: 128, Runaway: 50,
		}, u),
		ticket: order.Ticket{Strategy: 1, Instrument: id, Side: market.Buy, Class: order.Entry, Lots: 1, Price: 10050},
		over:   order.Update{Strategy: 1, Instrument: id, Side: market.Buy, State: order.Cancelled, Price: 10050, Quantity: 65},
		at:     market.Stamp{Mono: market.Mono(time.Hour), Wall: day.At(10 * time.Hour), Market: day.At(10 * time.Hour)},
	}
	w.risk.SetSession(day.At(9*time.Hour), day.At(23*time.Hour+59*time.Minute))
	w.risk.SetFeed(market.FeedLive)
	w.risk.SetSessionOK(true)
	w.quote()
	return w
}

// quote is a fresh one of the market, a second later: with it time goes on.
func (w *whole) quote() {
	w.at.Mono = w.at.Mono.Add(time.Second)
	w.book.PutQuote(&market.Quote{
		Instrument: w.ticket.Instrument, Bid: 10000, Ask: 10100, Last: 10050, BandLow: 5, BandHigh: 50000, Recv: w.at.Mono,
	})
	w.book.Commit(w.at)
	w.book.Pin(&w.view)
}

// send is one ticket's way, up to where its bytes are rendered.
func (w *whole) send() bool {
	now := w.at.Mono
	if _, reason := w.risk.Check(&w.ticket, &w.view, w.at); reason != risk.Pass {
		return false
	}
	w.record.ID, w.record.At = w.ticket.ID, w.at
	w.record.Kind = journal.Intended
	w.record.Intent = journal.Intent{
		Key: w.key, Strategy: 1, Class: order.Entry, Side: market.Buy, Signal: w.ticket.Signal, Quantity: 65, Price: w.ticket.Price,
		DecidedAt: now,
	}
	if !w.journal.Append(&w.record, false) {
		return false
	}
	generation, ok := w.breaker.Allow(now)
	if !ok || !w.gate.Take(order.Entry, true, now) {
		return false
	}
	w.budget.Called(false, now)
	w.record.Kind = journal.Sending
	w.record.Call = journal.Call{Kind: journal.Place, Class: order.Entry, Attempt: 1, Slot: 1, Epoch: 1, Price: w.ticket.Price}
	if !w.journal.Append(&w.record, false) {
		return false
	}
	w.breaker.Record(generation, breaker.Success, now)
	w.budget.Succeeded()
	return true
}

// next ends the last ticket and makes another, apart from what is timed.
func (w *whole) next() {
	w.over.ID = w.ticket.ID
	w.risk.Apply(&w.over)
	w.quote()
	w.ticket.ID++
	w.ticket.Signal++
}

// plain is the same checks the plain Go way: a mutex, maps, a slice of instants.
type plain struct {
	mu       sync.Mutex
	position map[market.ContractKey]market.Units
	working  map[order.ID]order.Ticket
	quotes   map[market.ContractKey]market.Quote
	sent     []time.Time
	failures int
	seen     map[uint64]order.ID
	key      market.ContractKey
}

func newPlain(w *whole) *plain {
	return &plain{
		position: map[market.ContractKey]market.Units{}, working: map[order.ID]order.Ticket{}, seen: map[uint64]order.ID{}, key: w.key,
		quotes: map[market.ContractKey]market.Quote{w.key: {Bid: 10000, Ask: 10100}},
	}
}

func (p *plain) send(t *order.Ticket, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.quotes[p.key]
	if !ok || q.Ask < q.Bid || t.Price > (q.Bid+q.Ask)/2+20*market.Rupee {
		return false
	}
	if _, again := p.seen[t.Signal]; again || len(p.working) >= 8 || p.position[p.key]+65 > 20*65 {
		return false
	}
	kept := p.sent[:0]
	for _, at := range p.sent {
		if now.Sub(at) < time.Minute {
			kept = append(kept, at)
		}
	}
	if p.sent = kept; len(p.sent) >= 90 || p.failures >= 5 {
		return false
	}
	p.sent = append(p.sent, now)
	p.working[t.ID], p.seen[t.Signal] = *t, t.ID
	return true
}

func (p *plain) ended(t *order.Ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.working, t.ID)
	delete(p.seen, t.Signal)
}

func TestTheWholeWayBeforeAnOrderAllocatesNothing(t *testing.T) {
	w := newWhole(t)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		w.next()
		if !w.send() {
			panic("refused: " + w.risk.Last().String())
		}
	}))
}
