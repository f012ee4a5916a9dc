// Package strategytest tests option strategies on the engine's own harness
// (package enginetest), which steps them as the engine does and fills nothing by
// itself. It adds what strategies over a chain need in every test: a real
// calendar and day, a whole market made from the pricing model, and a venue that
// answers each order by the quotes, or as a rule of the test says. It has no
// goroutine and no clock; the test moves time. It is for tests only.
package strategytest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// Today is the desk's day, on which Near expires.
const (
	Today market.Date = 2026_08_18
	Near              = Today
	Far   market.Date = 2026_08_25
)

// Lot is every contract's lot size.
const Lot = 65

// Strategy is what the desk can drive.
type Strategy interface {
	engine.Strategy
	engine.Starter
	engine.OrderListener
	engine.TimerListener
	engine.FeedListener
	engine.Stopper
}

// Desk is a started strategy, its market and its venue.
type Desk struct {
	*enginetest.Harness
	Default Answer                         // to orders without a rule
	Rule    func(*enginetest.Order) Answer // decides before Default; nil or Whatever leaves it
	Spread  market.Paise                   // of made quotes
	Orders  []*enginetest.Order            // placed so far
	Asleep  bool                           // the strategy hears of nothing

	t      require.TestingT
	rules  *calendar.Calendar
	view   book.View
	volume market.Units // of the last quote: each has traded more than the one before
	seat   seat
	asks   map[order.ID]asks
}

// asks is how often the strategy asked for a change of one order.
type asks struct{ cancels, modifies int }

// New starts a strategy at the given time of today, with an index and option
// chains of both expiries from 23000 to 25400, 50 apart; with futures, each
// chain has one.
func New(t require.TestingT, at time.Duration, s Strategy, futures bool) *Desk {
	d, err := Start(t, at, s, futures)
	require.NoError(t, err)
	return d
}

// Start is New for strategies that refuse to start.
func Start(t require.TestingT, at time.Duration, s Strategy, futures bool) (*Desk, error) {
	rules, err := calendar.Embedded()
	require.NoError(t, err)
	day, err := rules.Day(Today)
	require.NoError(t, err)
	u, err := market.NewUniverse(instruments(futures))
	require.NoError(t, err)
	d := &Desk{Spread: 50, t: t, rules: rules, asks: map[order.ID]asks{}}
	d.seat = seat{Strategy: s, desk: d}
	d.Harness, err = enginetest.Start(enginetest.Config{Universe: u, At: Today.At(at), Calendar: rules, Day: &day}, &d.seat)
	return d, err
}

func instruments(futures bool) []market.Instrument {
	list := []market.Instrument{{
		ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50", TickSize: 5,
	}}
	add := func(key market.ContractKey) {
		key.Exchange, key.Underlying = "NFO", "NIFTY"
		list = append(list, market.Instrument{ContractKey: key, Token: fmt.Sprint(len(list)), LotSize: Lot, TickSize: 5, Freeze: 1800})
	}
	for _, expiry := range [...]market.Date{Near, Far} {
		if futures {
			add(market.ContractKey{Kind: market.Future, Expiry: expiry})
		}
		for strike := market.Paise(23_000_00); strike <= 25_400_00; strike += 50_00 {
			for _, right := range [...]market.Right{market.Call, market.Put} {
				add(market.ContractKey{Kind: market.Option, Expiry: expiry, Strike: strike, Right: right})
			}
		}
	}
	return list
}

// seat stands between the host and the strategy.
type seat struct {
	Strategy
	desk *Desk
	do   func(*engine.Context)
}

func (s *seat) OnMarket(ctx *engine.Context) {
	if !s.desk.Asleep {
		s.Strategy.OnMarket(ctx)
	}
}

// OnSession runs what Do was given: none of the strategies listens to the
// session.
func (s *seat) OnSession(ctx *engine.Context, _ session.State) {
	if do := s.do; do != nil {
		s.do = nil
		do(ctx)
	}
}

// Do runs f within a callback of the strategy.
func (d *Desk) Do(f func(*engine.Context)) {
	d.seat.do = f
	for state := session.State(0); d.seat.do != nil; state++ { // the host tells changes only
		d.Host.Session(state)
		d.Harness.Step()
	}
	d.Settle()
}

// View is the book as it stands.
func (d *Desk) View() *book.View {
	d.Book.Pin(&d.view)
	return &d.view
}

// Commit publishes what was quoted, lets the strategy look and the venue
// answer.
func (d *Desk) Commit() {
	d.Harness.Commit()
	d.Settle()
}

// State tells the strategy how far the feed can be trusted.
func (d *Desk) State(state market.FeedState) {
	d.Harness.Feed.State(state)
	d.Harness.Step()
	d.Settle()
}

// Wait moves all clocks on; timers fire at their times, and the venue answers
// what they led to.
func (d *Desk) Wait(t time.Duration) {
	end := d.Now().Market.Add(t)
	for d.Now().Market < end {
		next := end
		if due, ok := d.Host.NextTimer(); ok {
			next = min(next, max(due, d.Now().Market+1))
		}
		d.AdvanceTo(next)
		d.Settle()
	}
}

// At waits until a time of today.
func (d *Desk) At(hour, minute int) { d.Wait(Today.At(Clock(hour, minute)).Sub(d.Now().Market)) }

// Clock is a time since midnight.
func Clock(hour, minute int) time.Duration {
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
}

// Carry gives the strategy a position by a fill of an order that an earlier run
// placed.
func (d *Desk) Carry(id market.InstrumentID, units market.Units) {
	u := order.Update{ID: order.ID(1<<40 + int(id)), Strategy: 1, Instrument: id, Side: market.Buy, State: order.Filled, At: d.Now()}
	if units < 0 {
		u.Side, units = market.Sell, -units
	}
	u.Quantity, u.Filled, u.FilledNow, u.FillPrice = units, units, units, 100_00
	u.Value = u.FillPrice.Times(units)
	d.Host.Deliver(&u)
	d.Harness.Step()
	d.Settle()
}

// Units is the strategy's position by all that was filled.
func (d *Desk) Units(id market.InstrumentID) (units market.Units) {
	d.Do(func(ctx *engine.Context) { units = ctx.Position(id) })
	return units
}

// Held is the position in lots.
func (d *Desk) Held(id market.InstrumentID) int { return int(d.Units(id) / Lot) }

// Flat tells whether no position is left.
func (d *Desk) Flat() (flat bool) {
	d.Do(func(ctx *engine.Context) {
		flat = true
		for _, in := range ctx.Universe().All() {
			flat = flat && ctx.Position(in.ID) == 0
		}
	})
	return flat
}

// Open counts the orders that are not terminal.
func (d *Desk) Open() int { return len(d.Desk.Working()) }

// Option finds a contract.
func (d *Desk) Option(expiry market.Date, strike market.Paise, right market.Right) market.InstrumentID {
	id := d.Book.Universe().ByKey(market.ContractKey{
		Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: strike, Right: right,
	})
	require.NotZero(d.t, id)
	return id
}
