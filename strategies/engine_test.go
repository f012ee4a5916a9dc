package strategies_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/pricing"
	"github.com/vayu-trading/vayu/strategies"
	"github.com/vayu-trading/vayu/strategies/param"
)

var (
	today = market.NewDate(2026, time.August, 18)
	next  = market.NewDate(2026, time.August, 25)
)

// hall is a strategy in the real engine, on both expiries of a real day's
// shape, with a desk that fills what the touch crosses.
type hall struct{ *enginetest.Harness }

func newHall(t testing.TB, name string, params param.Table) *hall {
	t.Helper()
	h, err := open(t, name, params)
	require.NoError(t, err)
	return h
}

func open(t testing.TB, name string, params param.Table) (*hall, error) {
	t.Helper()
	rules, err := calendar.Embedded()
	require.NoError(t, err)
	day, err := rules.Day(today)
	require.NoError(t, err)
	list := enginetest.Options("NIFTY", today, 23_700_00, 50_00, 20)
	u, err := market.NewUniverse(append(list, enginetest.Options("NIFTY", next, 23_700_00, 50_00, 20)[2:]...))
	require.NoError(t, err)
	found, err := strategies.Find(name)
	require.NoError(t, err)
	s, err := found.New(params)
	require.NoError(t, err)

	h := &hall{}
	h.Harness, err = enginetest.Start(enginetest.Config{
		Universe: u, Calendar: rules, Day: &day, At: today.At(10*time.Hour + 43*time.Minute),
	}, s)
	if err != nil {
		return nil, err
	}
	h.Desk.React = func(c order.Command) {
		if c.Kind != order.Place {
			return
		}
		var q market.Quote
		view := h.pin()
		require.True(t, view(c.Ticket.Instrument, &q))
		switch {
		case c.Ticket.Side == market.Buy && c.Ticket.Price >= q.Ask:
			h.Fill(c.Ticket.ID, q.Ask, 0)
		case c.Ticket.Side == market.Sell && c.Ticket.Price <= q.Bid:
			h.Fill(c.Ticket.ID, q.Bid, 0)
		default:
			h.Cancelled(c.Ticket.ID)
		}
	}
	return h, nil
}

// price quotes both chains around a forward and shows them as one commit.
func (h *hall) price(t testing.TB, forward, volatility float64) {
	t.Helper()
	rules, err := calendar.Embedded()
	require.NoError(t, err)
	h.Spot(h.Book.Layout().Spot("NIFTY"), market.Paise((forward-36)*100))
	for _, chain := range h.Book.Layout().Chains() {
		end, err := rules.ExpiryInstant(chain.Expiry)
		require.NoError(t, err)
		years := pricing.YearsBetween(h.Now().Market, end)
		o := pricing.Terms{Forward: forward, Years: years, Discount: pricing.Discount(0.0525, years)}
		for _, row := range chain.Rows {
			o.Strike = pricing.Points(row.Strike)
			for right, id := range map[market.Right]market.InstrumentID{market.Call: row.Call, market.Put: row.Put} {
				o.Right = right
				bid := max(market.Paise(o.Price(volatility)*100).RoundDown(5), 5)
				h.Quote(id, bid, bid+30)
			}
		}
	}
	h.Commit()
}

// positions are the desk's fills, in lots.
func (h *hall) positions() map[string]int {
	held := map[string]int{}
	for _, c := range h.Desk.All() {
		if c.Kind == order.Place {
			o := h.Desk.Order(c.Ticket.ID)
			in := h.Book.Universe().Get(o.Instrument)
			key := in.Expiry.String() + " " + in.Strike.String() + " " + in.Right.String()
			if held[key] += int(o.Side.Sign() * o.Filled / in.LotSize); held[key] == 0 {
				delete(held, key)
			}
		}
	}
	return held
}

func TestTheShortStraddleTradesOnTheFirstMarketOfADemoDay(t *testing.T) {
	h := newHall(t, "short-straddle", nil)

	h.price(t, 24_212, 0.12)

	require.Equal(t, map[string]int{"2026-08-25 24200 CE": -1, "2026-08-25 24200 PE": -1}, h.positions())
	require.Len(t, h.Notes(), 1)
	for _, c := range h.Desk.All() {
		require.Equal(t, order.StrategyID(1), c.Ticket.Strategy)
		require.NotZero(t, c.Ticket.TickAt)
		require.NotZero(t, c.Ticket.DecidedAt)
	}
}

func TestTheTimeStopNeedsNoTick(t *testing.T) {
	h := newHall(t, "short-straddle", param.Table{"hedge_max_lots": int64(0)})
	h.price(t, 24_212, 0.12)
	require.NotEmpty(t, h.positions())

	h.AdvanceTo(today.At(15*time.Hour + 10*time.Minute))

	require.Empty(t, h.positions())
}

func TestAMissedExitIsChasedByTheBeatAlone(t *testing.T) {
	h := newHall(t, "short-straddle", param.Table{"hedge_max_lots": int64(0)})
	h.price(t, 24_212, 0.12)
	fill, misses := h.Desk.React, 0
	h.Desk.React = func(c order.Command) {
		if misses++; misses <= 4 {
			h.Cancelled(c.Ticket.ID)
			return
		}
		fill(c)
	}
	h.AdvanceTo(today.At(15*time.Hour + 10*time.Minute))
	require.NotEmpty(t, h.positions())

	h.Advance(3 * time.Second)

	require.Empty(t, h.positions())
}

func TestParityArbitrageTradesAPlantedBoxInTheEngine(t *testing.T) {
	h := newHall(t, "parity-arbitrage", param.Table{"brokerage_plan": "neo"})
	h.price(t, 24_212, 0.12)
	require.Empty(t, h.positions())
	chain := h.Book.Layout().Chain("NIFTY", next)
	row := chain.Row(24_300_00)
	var call market.Quote
	view := h.pin()
	require.True(t, view(chain.Rows[row].Call, &call))

	h.Quote(chain.Rows[row].Call, call.Bid+15_00, call.Bid+15_30)
	h.Commit()

	held := h.positions()
	require.Len(t, held, 4)
	require.Equal(t, -1, held["2026-08-25 24300 CE"])
	require.Equal(t, 1, held["2026-08-25 24300 PE"])
	h.AdvanceTo(today.At(15*time.Hour + 10*time.Minute))
	require.Empty(t, h.positions())
}

// pin reads the book as it is now.
func (h *hall) pin() func(market.InstrumentID, *market.Quote) bool {
	view := new(book.View)
	h.Book.Pin(view)
	return view.Quote
}

func TestAStrategyRefusesADayWithoutItsChain(t *testing.T) {
	for _, e := range strategies.Table() {
		_, err := open(t, e.Name, param.Table{"underlying": "CNXBAN"})
		require.ErrorContains(t, err, "CNXBAN")
	}
}

// A callback of the market that decides nothing costs no memory, engine
// included.
func TestOnMarketWithoutADecisionDoesNotAllocate(t *testing.T) {
	for _, e := range strategies.Table() {
		h := newHall(t, e.Name, nil)
		h.price(t, 24_212, 0.12)
		placed := len(h.Desk.All())
		call := h.Book.Layout().Chain("NIFTY", next).Rows[10].Call
		q := market.Quote{Instrument: call, Last: 160_00, Bid: 160_00, Ask: 160_30}
		allocs := testing.AllocsPerRun(500, func() {
			q.Volume++
			q.Recv = h.Now().Mono
			h.Feed.Quote(&q)
			h.Feed.Commit(h.Now())
			h.Host.Step(h.Now())
		})
		require.Zero(t, allocs, e.Name)
		require.Len(t, h.Desk.All(), placed, e.Name)
	}
}

func BenchmarkOnMarket(b *testing.B) {
	for _, e := range strategies.Table() {
		b.Run(e.Name, func(b *testing.B) {
			h := newHall(b, e.Name, nil)
			h.price(b, 24_212, 0.12)
			call := h.Book.Layout().Chain("NIFTY", next).Rows[10].Call
			q := market.Quote{Instrument: call, Last: 160_00, Bid: 160_00, Ask: 160_30, Recv: h.Now().Mono}
			b.ReportAllocs()
			for b.Loop() {
				q.Volume++
				h.Feed.Quote(&q)
				h.Feed.Commit(h.Now())
				h.Host.Step(h.Now())
			}
		})
	}
}
