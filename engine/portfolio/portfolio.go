package portfolio

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Config is what a portfolio needs to know of its day.
type Config struct {
	Universe   *market.Universe
	Calendar   *calendar.Calendar
	Date       market.Date
	Plan       string        // brokerage plan; empty: the calendar's default
	CurveEvery time.Duration // market time between points of the equity curve; zero: one second
	CurveLen   int           // points kept; zero: 4096
}

// Marks is where prices to mark at come from: a pinned view of the book.
type Marks interface {
	Quote(market.InstrumentID, *market.Quote) bool
}

// Portfolio is the account. Owned by one goroutine; only Latest may be called
// from others.
type Portfolio struct {
	universe *market.Universe
	costs    map[costKey]calendar.Charges
	rows     []row
	index    map[rowKey]int
	orders   map[name]*booking
	today    []market.Units // by instrument: net of today's fills, which tells a second leg
	charges  calendar.Breakdown
	totals   Totals
	peak     market.Paise
	curve    curve
	quote    market.Quote // scratch: a local would escape through Marks

	latest atomic.Pointer[Snapshot] // written by the owner, read by anyone
}

type costKey struct {
	exchange string
	kind     market.Kind
}

type rowKey struct {
	strategy   order.StrategyID
	instrument market.InstrumentID
}

// Totals are sums over positions.
type Totals struct {
	Realised    market.Paise
	Unrealised  market.Paise
	Charges     market.Paise // rounded to the paisa from the exact sum
	Net         market.Paise // realised + unrealised - charges
	MaxDrawdown market.Paise // deepest fall of Net below its peak, as a positive number
	Fills       uint64
	Uncharged   uint64 // fills of contracts whose rates the calendar lacks
	Unmarked    uint64 // open positions that Mark found no price for, in its last run
	Repeated    uint64 // updates whose fills were booked already
	Corrected   uint64 // updates that named another price for fills booked already
	Busts       uint64 // fills taken back: by the venue, or because they were booked a second time under their true owner
}

// New is an empty portfolio for one day. Rates that the calendar lacks are an
// error only for the kinds it can trade here: NSE options.
func New(cfg Config) (*Portfolio, error) {
	p := &Portfolio{
		universe: cfg.Universe, costs: map[costKey]calendar.Charges{}, index: map[rowKey]int{},
		orders: map[name]*booking{}, today: make([]market.Units, cfg.Universe.Len()+1),
		curve: newCurve(cfg.CurveEvery, cfg.CurveLen),
	}
	plan, err := cfg.Calendar.Plan(cfg.Plan, cfg.Date)
	if err != nil {
		return nil, fmt.Errorf("portfolio: %w", err)
	}
	for _, in := range cfg.Universe.All() {
		key := costKey{in.Exchange, in.Kind}
		if _, known := p.costs[key]; known || in.Kind == market.Index {
			continue
		}
		costs, err := cfg.Calendar.ChargesOf(in.Exchange, in.Kind, cfg.Date)
		switch {
		case err == nil:
			p.costs[key] = costs.With(plan)
		case in.Exchange == "NFO" && in.Kind == market.Option:
			return nil, fmt.Errorf("portfolio: %w", err)
		}
	}
	p.Publish()
	return p, nil
}

// Mark values every open position at the middle of its quote, at the last price
// when a side is missing. One that has neither keeps its old mark and is
// counted. It does not allocate.
func (p *Portfolio) Mark(view Marks, now market.Stamp) {
	p.totals.Unmarked = 0
	for i := range p.rows {
		row := &p.rows[i]
		if row.Quantity == 0 {
			continue
		}
		if !view.Quote(row.Instrument, &p.quote) {
			p.totals.Unmarked++
			continue
		}
		mark, ok := p.quote.Mid()
		if !ok {
			mark = p.quote.Last
		}
		if mark <= 0 {
			p.totals.Unmarked++
			continue
		}
		row.Mark, row.marked = mark, true
		row.remark()
	}
	p.sum()
	p.curve.add(now.Market, &p.totals)
}

// Settle ends every contract of the underlying's expiry at once, against one
// final value of the underlying, as the exchange does: each option becomes its
// intrinsic value, and holders of options in the money pay the exercise tax.
func (p *Portfolio) Settle(underlying string, expiry market.Date, final market.Paise) {
	for i := range p.rows {
		row := &p.rows[i]
		in := p.universe.Get(row.Instrument)
		if row.Quantity == 0 || in.Underlying != underlying || in.Expiry != expiry {
			continue
		}
		payoff, tax := final, calendar.Breakdown{}
		if in.Kind == market.Option {
			payoff = max(final-in.Strike, 0)
			if in.Right == market.Put {
				payoff = max(in.Strike-final, 0)
			}
			if costs, ok := p.costs[costKey{in.Exchange, in.Kind}]; ok && row.Quantity > 0 {
				tax = costs.Exercise(payoff, row.Quantity)
			}
		}
		row.Mark, row.marked = payoff, true
		p.add(row, entry{units: -row.Quantity, cost: payoff.Times(-row.Quantity), charges: tax})
	}
	p.sum()
}

// Position is the strategy's holding of an instrument; the empty one when it
// has none.
func (p *Portfolio) Position(s order.StrategyID, id market.InstrumentID) Position {
	if i, ok := p.index[rowKey{s, id}]; ok {
		return p.rows[i].Position
	}
	return Position{Strategy: s, Instrument: id}
}

// Totals are the sums as of the last change.
func (p *Portfolio) Totals() Totals { return p.totals }

// Charges is the exact sum of all costs, part by part.
func (p *Portfolio) Charges() calendar.Breakdown { return p.charges }

// row is the place of the strategy's holding of an instrument in rows.
func (p *Portfolio) row(s order.StrategyID, id market.InstrumentID) int {
	key := rowKey{s, id}
	i, ok := p.index[key]
	if !ok {
		i = len(p.rows)
		p.index[key] = i
		p.rows = append(p.rows, row{Position: Position{Strategy: s, Instrument: id}})
	}
	return i
}

func (p *Portfolio) sum() {
	t := &p.totals
	t.Realised, t.Unrealised, p.charges = 0, 0, calendar.Breakdown{}
	for i := range p.rows {
		t.Realised += p.rows[i].Realised
		t.Unrealised += p.rows[i].Unrealised
		p.charges = p.charges.Plus(p.rows[i].costs)
	}
	t.Charges = p.charges.Total().Paise()
	t.Net = t.Realised + t.Unrealised - t.Charges
	p.peak = max(p.peak, t.Net)
	t.MaxDrawdown = max(t.MaxDrawdown, p.peak-t.Net)
}
