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
	rows     []Position
	index    map[rowKey]int
	orders   map[order.ID]filled
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

// filled is how much of one order is booked.
type filled struct {
	units market.Units
	value market.Paise // of those units
}

// Position is one strategy's holding of one instrument.
type Position struct {
	Strategy   order.StrategyID
	Instrument market.InstrumentID
	Quantity   market.Units // signed
	Basis      market.Paise // what the quantity cost; negative for a short: what it brought
	Cash       market.Paise // net of all trades, before charges
	Realised   market.Paise
	Unrealised market.Paise
	Mark       market.Paise
	Charges    calendar.Amount
	Bought     market.Units
	Sold       market.Units
}

// Average is the open quantity's average price, rounded down to the paisa.
func (p *Position) Average() market.Paise {
	if p.Quantity == 0 {
		return 0
	}
	return p.Basis / market.Paise(p.Quantity)
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
	Busts       uint64 // fills taken back by the venue
}

// New is an empty portfolio for one day. Rates that the calendar lacks are an
// error only for the kinds it can trade here: NSE options.
func New(cfg Config) (*Portfolio, error) {
	p := &Portfolio{
		universe: cfg.Universe, costs: map[costKey]calendar.Charges{}, index: map[rowKey]int{},
		orders: map[order.ID]filled{}, today: make([]market.Units, cfg.Universe.Len()+1),
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

// Carry books a position brought from an earlier day at its average price. It
// costs nothing and is not a fill.
func (p *Portfolio) Carry(s order.StrategyID, id market.InstrumentID, quantity market.Units, average market.Paise) {
	p.row(s, id).trade(quantity, average.Times(quantity), average)
	p.sum()
}

// Apply books what the update says was filled. Fills are merged by the order's
// cumulative quantity: an update seen twice, or late, books nothing twice. A
// negative FilledNow is a trade taken back by the exchange.
func (p *Portfolio) Apply(u *order.Update) {
	known := p.orders[u.ID]
	delta := u.Filled - known.units
	switch {
	case delta == 0 && u.FilledNow == 0:
		return
	case delta <= 0 && u.FilledNow >= 0:
		p.totals.Repeated++
		return
	case delta >= 0 && u.FilledNow < 0:
		p.totals.Repeated++
		return
	}
	price, value := u.FillPrice, u.FillPrice.Times(delta)
	if delta != u.FilledNow { // an update was missed: the average makes up for it
		value = u.Average.Times(u.Filled) - known.value
		price = value / market.Paise(delta)
	}
	p.orders[u.ID] = filled{known.units + delta, known.value + value}

	row := p.row(u.Strategy, u.Instrument)
	signed := u.Side.Sign() * delta
	row.trade(signed, market.Paise(u.Side.Sign())*value, price)
	if delta < 0 {
		p.totals.Busts++
	} else {
		p.totals.Fills++
		p.charge(row, u.Side, price, delta, known.units == 0)
	}
	p.today[p.universe.Get(u.Instrument).ID] += signed
	p.sum()
}

// trade moves the position by a signed quantity that cost so much (a sale costs
// a negative amount). What closes realises its share of the basis; rounding of
// that share stays in the basis, so no paisa is lost.
func (p *Position) trade(quantity market.Units, cost, price market.Paise) {
	if quantity > 0 {
		p.Bought += quantity
	} else {
		p.Sold -= quantity
	}
	if p.Mark == 0 {
		p.Mark = price // until the market says better
	}
	p.Cash -= cost
	if p.Quantity != 0 && (p.Quantity > 0) != (quantity > 0) {
		closing := -quantity // signed as the position is
		if abs(closing) > abs(p.Quantity) {
			closing = p.Quantity
		}
		released := p.Basis * market.Paise(closing) / market.Paise(p.Quantity)
		spent := cost * market.Paise(-closing) / market.Paise(quantity)
		p.Realised -= spent + released
		p.Basis -= released
		p.Quantity -= closing
		quantity, cost = quantity+closing, cost-spent
	}
	p.Quantity += quantity
	p.Basis += cost
	p.remark()
}

func (p *Position) remark() { p.Unrealised = p.Mark.Times(p.Quantity) - p.Basis }

func abs(u market.Units) market.Units { return max(u, -u) }

// charge books what a fill costs. Lots against today's earlier trades of the
// account count as a second leg, whichever strategy made them.
func (p *Portfolio) charge(row *Position, side market.Side, price market.Paise, units market.Units, newOrder bool) {
	in := p.universe.Get(row.Instrument)
	costs, ok := p.costs[costKey{in.Exchange, in.Kind}]
	if !ok {
		p.totals.Uncharged++
		return
	}
	var closing market.Units
	if net := p.today[in.ID]; net != 0 && (net > 0) == (side == market.Sell) {
		closing = min(abs(net), units)
	}
	lots := func(u market.Units) market.Lots { return market.Lots((u + in.LotSize - 1) / max(in.LotSize, 1)) }
	fee := costs.Plan.Brokerage(newOrder, lots(units-closing), lots(closing))
	b := costs.Fill(side, price, units, fee)
	row.Charges = row.Charges.Plus(b.Total())
	p.charges = p.charges.Plus(b)
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
		row.Mark = mark
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
		payoff := final
		if in.Kind == market.Option {
			payoff = max(final-in.Strike, 0)
			if in.Right == market.Put {
				payoff = max(in.Strike-final, 0)
			}
			if costs, ok := p.costs[costKey{in.Exchange, in.Kind}]; ok && row.Quantity > 0 {
				b := costs.Exercise(payoff, row.Quantity)
				row.Charges = row.Charges.Plus(b.Total())
				p.charges = p.charges.Plus(b)
			}
		}
		row.Mark = payoff
		row.trade(-row.Quantity, payoff.Times(-row.Quantity), payoff)
	}
	p.sum()
}

// Position is the strategy's holding of an instrument; the empty one when it
// has none.
func (p *Portfolio) Position(s order.StrategyID, id market.InstrumentID) Position {
	if i, ok := p.index[rowKey{s, id}]; ok {
		return p.rows[i]
	}
	return Position{Strategy: s, Instrument: id}
}

// Totals are the sums as of the last change.
func (p *Portfolio) Totals() Totals { return p.totals }

// Charges is the exact sum of all costs, part by part.
func (p *Portfolio) Charges() calendar.Breakdown { return p.charges }

func (p *Portfolio) row(s order.StrategyID, id market.InstrumentID) *Position {
	key := rowKey{s, id}
	i, ok := p.index[key]
	if !ok {
		i = len(p.rows)
		p.index[key] = i
		p.rows = append(p.rows, Position{Strategy: s, Instrument: id})
	}
	return &p.rows[i]
}

func (p *Portfolio) sum() {
	t := &p.totals
	t.Realised, t.Unrealised = 0, 0
	for i := range p.rows {
		t.Realised += p.rows[i].Realised
		t.Unrealised += p.rows[i].Unrealised
	}
	t.Charges = p.charges.Total().Paise()
	t.Net = t.Realised + t.Unrealised - t.Charges
	p.peak = max(p.peak, t.Net)
	t.MaxDrawdown = max(t.MaxDrawdown, p.peak-t.Net)
}
