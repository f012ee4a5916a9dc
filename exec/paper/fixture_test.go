package paper

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

const (
	day = market.Date(20261123)
	lot = market.Units(65)
)

// rig is a desk with a clock that the test turns.
type rig struct {
	*testing.T
	*Desk
	config  Config
	now     market.Stamp
	updates []order.Update
	alarms  []string
	wave    market.Units // so that no quote shows the quantity of the last
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	universe, err := market.NewUniverse([]market.Instrument{{
		ContractKey: market.ContractKey{
			Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: day + 1, Strike: 26000 * market.Rupee, Right: market.Call,
		},
		Token: "42505", LotSize: lot, TickSize: 5, BandLow: 5, BandHigh: 53915, Freeze: 1800,
	}})
	require.NoError(t, err)
	gate := risk.NewGate(risk.Limits{
		QuoteAge: time.Minute, CollarShare: 5000, CollarPoints: 1000 * market.Rupee, OrderLots: 20, OrderNotional: 1e7 * market.Rupee,
		OpenOrders: 200, PositionLots: 100, GrossLots: 200, DayLoss: 1e7 * market.Rupee, FlattenLoss: 1e7 * market.Rupee,
		Repeats: 16, RepeatWindow: time.Millisecond, PerSecond: 16, PerMinute: 128, Runaway: 1_000_000,
	}, universe)
	gate.SetSession(day.At(9*time.Hour+15*time.Minute), day.At(15*time.Hour+30*time.Minute))
	gate.SetFeed(market.FeedLive)
	r := &rig{T: t, now: market.Stamp{Mono: 1, Wall: day.At(10 * time.Hour), Market: day.At(10 * time.Hour)}}
	venue, err := NewVenue(day, universe, sim.Config{Seed: 3, Close: 15*time.Hour + 30*time.Minute})
	require.NoError(t, err)
	r.config = Config{
		Venue: venue,
		Core:  gateway.CoreConfig{Book: book.New(universe), Gate: gate, Tag: order.Tag{Instance: [2]byte{'P', 'T'}, Day: day, Boot: 1}},
		Emit:  func(u *order.Update) { r.updates = append(r.updates, *u) },
		Alarm: func(_ order.ID, text string) { r.alarms = append(r.alarms, text) },
	}
	if change != nil {
		change(&r.config)
	}
	r.Desk, err = NewDesk(r.config)
	require.NoError(t, err)
	r.Step(r.now)
	r.quote(9990, 10010)
	return r
}

func (r *rig) quote(bid, ask market.Paise) {
	r.wave++
	r.config.Core.Book.PutQuote(&market.Quote{
		Instrument: 1, Last: 10000, Bid: bid, Ask: ask, BidQty: 10*lot + r.wave, AskQty: 10*lot + r.wave, BandLow: 5, BandHigh: 53915, Recv: r.now.Mono,
	})
	r.config.Core.Book.Commit(r.now)
}

// wait lets time pass without a step.
func (r *rig) wait(d time.Duration) {
	r.now.Mono, r.now.Wall, r.now.Market = r.now.Mono.Add(d), r.now.Wall.Add(d), r.now.Market.Add(d)
}

// pass steps through a span of time, as its owner should: whenever something is
// due.
func (r *rig) pass(d time.Duration) {
	for end := r.now.Mono.Add(d); r.now.Mono < end; {
		r.wait(max(min(r.Next(), end).Sub(r.now.Mono), time.Microsecond))
		r.Step(r.now)
	}
}

func (r *rig) buy(price market.Paise) order.ID {
	return r.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{
		Strategy: 1, Instrument: 1, Side: market.Buy, Class: order.Entry, Lots: 1, Price: price, TickAt: r.now.Mono, DecidedAt: r.now.Mono,
	}})
}

func (r *rig) last(id order.ID) (u order.Update) {
	for i := range r.updates {
		if r.updates[i].ID == id {
			u = r.updates[i]
		}
	}
	return u
}
