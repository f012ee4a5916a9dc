// Package strategytest is a desk for testing strategies step by step: a real
// book and calendar, a market made from the pricing model, and a venue whose
// every answer the test decides. It has no goroutine and no clock of its own;
// the test moves time. It is for tests only.
package strategytest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/pricing"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// Today is the desk's day, on which Near expires.
var (
	Today = market.NewDate(2026, time.August, 18)
	Near  = Today
	Far   = market.NewDate(2026, time.August, 25)
)

// Lot is every contract's lot size.
const Lot = 65

// Answer is what the venue does with an order.
type Answer uint8

// The answers.
const (
	Match    Answer = iota // fills what the touch crosses, whole; cancels an IOC that misses
	Partial                // fills one lot, then cancels
	Miss                   // cancels an IOC, leaves a day order resting
	Reject                 // refuses
	Vanish                 // no evidence: the outcome is unknown until the test says so
	Stay                   // accepts, and leaves it working
	Whatever               // as the desk's default says
)

// Order is one order the strategy placed.
type Order struct {
	order.Ticket
	order.Update          // as last told
	Cancels, Modifies int // how often asked
	Asked             market.Stamp
}

// Desk implements what strategies need of the engine.
type Desk struct {
	T        require.TestingT
	Strategy interface {
		Market(taker.Context)
		Order(taker.Context, *order.Update)
		Feed(taker.Context, market.FeedState)
	}
	Default Answer              // to orders without a rule
	Rule    func(*Order) Answer // decides before Default; nil or Whatever leaves it
	Spread  market.Paise        // of made quotes
	Orders  []*Order
	Notes   []string

	universe  *market.Universe
	book      *book.Book
	view      book.View
	cursor    book.Cursor
	day       calendar.Day
	rules     *calendar.Calendar
	now       market.Stamp
	positions map[market.InstrumentID]market.Units
	changes   []market.InstrumentID
	buffer    [4096]market.InstrumentID
	pending   []*Order
	fresh     []market.InstrumentID
}

// New is a desk at the given time of today, with an index and option chains of
// both expiries from 23000 to 25400, 50 apart.
func New(t require.TestingT, hour, minute int) *Desk {
	rules, err := calendar.Embedded()
	require.NoError(t, err)
	day, err := rules.Day(Today)
	require.NoError(t, err)
	list := []market.Instrument{{
		ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50", TickSize: 5,
	}}
	for _, expiry := range [...]market.Date{Near, Far} {
		for strike := market.Paise(23_000_00); strike <= 25_400_00; strike += 50_00 {
			for _, right := range [...]market.Right{market.Call, market.Put} {
				key := market.ContractKey{
					Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: strike, Right: right,
				}
				list = append(list, market.Instrument{
					ContractKey: key, Token: fmt.Sprint(len(list)), LotSize: Lot, TickSize: 5, Freeze: 1800,
				})
			}
		}
	}
	u, err := market.NewUniverse(list)
	require.NoError(t, err)
	d := &Desk{
		T: t, Spread: 50, universe: u, book: book.New(u), day: day, rules: rules,
		positions: map[market.InstrumentID]market.Units{},
	}
	at := Today.At(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	d.now = market.Stamp{Mono: market.Mono(24 * time.Hour), Wall: at, Market: at}
	d.book.Follow(&d.cursor)
	return d
}

// The engine's side.

func (d *Desk) Now() market.Stamp                            { return d.now }
func (d *Desk) View() *book.View                             { return &d.view }
func (d *Desk) Changes() []market.InstrumentID               { return d.changes }
func (d *Desk) Conflated() bool                              { return false }
func (d *Desk) Universe() *market.Universe                   { return d.universe }
func (d *Desk) Layout() *book.Layout                         { return d.book.Layout() }
func (d *Desk) Day() *calendar.Day                           { return &d.day }
func (d *Desk) Calendar() *calendar.Calendar                 { return d.rules }
func (d *Desk) Position(id market.InstrumentID) market.Units { return d.positions[id] }
func (d *Desk) Note(text string)                             { d.Notes = append(d.Notes, text) }

// Place takes an order; its answer comes in the next Settle.
func (d *Desk) Place(t order.Ticket) order.ID {
	in := d.universe.Get(t.Instrument)
	require.NotZero(d.T, in.ID)
	require.Positive(d.T, t.Lots)
	require.Positive(d.T, t.Price)
	require.True(d.T, t.Price.OnTick(in.TickSize), "%s is off the tick", t.Price)
	require.LessOrEqual(d.T, t.Lots.Units(in.LotSize), in.Freeze, "beyond the freeze quantity")
	t.ID = order.ID(len(d.Orders) + 1)
	o := &Order{Ticket: t, Asked: d.now}
	o.Update = order.Update{
		ID: t.ID, Instrument: t.Instrument, Side: t.Side, State: order.Queued, Price: t.Price, Quantity: t.Lots.Units(in.LotSize),
	}
	d.Orders = append(d.Orders, o)
	d.pending = append(d.pending, o)
	return t.ID
}

// Modify re-prices a working order.
func (d *Desk) Modify(id order.ID, price market.Paise) {
	o := d.Orders[id-1]
	o.Modifies++
	o.Update.Price = price
	d.pending = append(d.pending, o)
}

// Cancel ends a working order, unless nobody knows whether it works.
func (d *Desk) Cancel(id order.ID) {
	o := d.Orders[id-1]
	o.Cancels++
	switch o.State {
	case order.Working, order.Partial, order.Acked, order.AdoptedLate:
		d.Tell(o, order.Cancelled, 0, 0)
	}
}

// The test's side.

// Tell sends the strategy one update about an order.
func (d *Desk) Tell(o *Order, state order.State, units market.Units, price market.Paise) {
	o.State = state
	o.FilledNow, o.FillPrice = units, price
	if units > 0 {
		o.Average = (o.Average.Times(o.Filled) + price.Times(units)) / market.Paise(o.Filled+units)
	}
	o.Filled += units
	d.positions[o.Update.Instrument] += o.Update.Side.Sign() * units
	o.At = d.now
	update := o.Update
	d.Strategy.Order(d, &update)
}

// Settle answers orders until the strategy asks for nothing more.
func (d *Desk) Settle() {
	for round := 0; len(d.pending) > 0; round++ {
		require.Less(d.T, round, 1000, "the strategy never comes to rest")
		o := d.pending[0]
		d.pending = d.pending[1:]
		if !o.State.Terminal() {
			d.answer(o)
		}
	}
}

func (d *Desk) answer(o *Order) {
	answer := Whatever
	if d.Rule != nil {
		answer = d.Rule(o)
	}
	if answer == Whatever {
		answer = d.Default
	}
	open := o.Quantity - o.Filled
	var q market.Quote
	d.view.Quote(o.Update.Instrument, &q)
	touch := q.Ask
	crosses := touch > 0 && o.Update.Price >= touch
	if o.Update.Side == market.Sell {
		touch = q.Bid
		crosses = touch > 0 && o.Update.Price <= touch
	}
	switch {
	case answer == Match && crosses:
		d.Tell(o, order.Filled, open, touch)
	case answer == Partial && crosses && open > Lot:
		d.Tell(o, order.Partial, Lot, touch)
		d.Tell(o, order.Cancelled, 0, 0)
	case answer == Partial && crosses:
		d.Tell(o, order.Filled, open, touch)
	case answer == Reject:
		o.Reason = "refused by the test"
		d.Tell(o, order.Rejected, 0, 0)
	case answer == Vanish:
		d.Tell(o, order.Ambiguous, 0, 0)
	case answer == Stay, o.TIF == order.Day:
		d.Tell(o, order.Working, 0, 0)
	default:
		d.Tell(o, order.Cancelled, 0, 0)
	}
}

// Carry puts a position there as if from an earlier run.
func (d *Desk) Carry(id market.InstrumentID, units market.Units) { d.positions[id] = units }

// Held is the position in lots.
func (d *Desk) Held(id market.InstrumentID) int { return int(d.positions[id] / Lot) }

// Flat tells whether no position is left.
func (d *Desk) Flat() bool {
	for _, units := range d.positions {
		if units != 0 {
			return false
		}
	}
	return true
}

// Open counts the orders that are not terminal.
func (d *Desk) Open() (n int) {
	for _, o := range d.Orders {
		if !o.State.Terminal() {
			n++
		}
	}
	return n
}

// Option finds a contract.
func (d *Desk) Option(expiry market.Date, strike market.Paise, right market.Right) market.InstrumentID {
	id := d.universe.ByKey(market.ContractKey{
		Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: strike, Right: right,
	})
	require.NotZero(d.T, id)
	return id
}

// Price makes a whole market: both chains around one forward at one
// volatility, the spot thirty points below it. Commit shows it.
func (d *Desk) Price(forward, volatility float64) {
	d.Quote(d.Layout().Spot("NIFTY"), market.Quote{Last: tick(forward - 30)})
	for _, expiry := range [...]market.Date{Near, Far} {
		end, err := d.rules.ExpiryInstant(expiry)
		require.NoError(d.T, err)
		years := pricing.YearsBetween(d.now.Market, end)
		o := pricing.Terms{Forward: forward, Years: years, Discount: pricing.Discount(0.0525, years)}
		for _, row := range d.Layout().Chain("NIFTY", expiry).Rows {
			o.Strike = pricing.Points(row.Strike)
			o.Right = market.Call
			d.Around(row.Call, tick(o.Price(volatility)))
			o.Right = market.Put
			d.Around(row.Put, tick(o.Price(volatility)))
		}
	}
}

func tick(points float64) market.Paise { return max(market.Paise(points*100).RoundDown(5), 5) }

// Around quotes an instrument half the spread to either side of a price.
func (d *Desk) Around(id market.InstrumentID, mid market.Paise) {
	half := (d.Spread / 2).RoundUp(5)
	d.Quote(id, market.Quote{Last: mid, Bid: max(mid-half, 5), Ask: max(mid-half, 5) + 2*half, BidQty: 50 * Lot, AskQty: 50 * Lot})
}

// Quote puts one quote; Commit shows it.
func (d *Desk) Quote(id market.InstrumentID, q market.Quote) {
	q.Instrument, q.Recv = id, d.now.Mono
	d.book.PutQuote(&q)
}

// Commit publishes what was quoted and lets the strategy look.
func (d *Desk) Commit() {
	d.book.Commit(d.now)
	d.Look()
}

// Look lets the strategy look at the market as it is, as a timer does.
func (d *Desk) Look() {
	d.Pin()
	d.Strategy.Market(d)
	d.Settle()
}

// Pin moves the view on without the strategy.
func (d *Desk) Pin() {
	d.book.Pin(&d.view)
	n, _ := d.cursor.Until(&d.view, d.buffer[:])
	d.changes = d.buffer[:n]
}

// Wait moves all clocks on and lets the strategy look, in steps of a quarter
// second.
func (d *Desk) Wait(t time.Duration) {
	const step = 250 * time.Millisecond
	for ; t > 0; t -= step {
		d.Skip(min(t, step))
		d.Look()
	}
}

// Skip moves all clocks on and tells nobody.
func (d *Desk) Skip(t time.Duration) {
	d.now.Mono, d.now.Wall, d.now.Market = d.now.Mono.Add(t), d.now.Wall.Add(t), d.now.Market.Add(t)
}

// At moves all clocks to a time of today.
func (d *Desk) At(hour, minute int) {
	d.Skip(Today.At(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute).Sub(d.now.Market))
}
