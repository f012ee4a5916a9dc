package portfolio

import (
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Position is one strategy's holding of one instrument. Strategy zero is the
// account's own: flattening orders, somebody else's orders, what was held
// before the run.
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

// row is a position and all that made it. What was realised depends on what
// each earlier trade had cost, so a price that is corrected late is booked by
// going through the trades once more.
type row struct {
	Position
	entries []entry
	costs   calendar.Breakdown // what they cost besides their price
	marked  bool               // the market gave the mark, not a trade
}

// entry is one change of a position.
type entry struct {
	units     market.Units // signed
	cost      market.Paise // signed as units: a sale costs a negative amount
	estimated bool         // its share of the order's value is not known yet
	charged   bool         // charges follow from the cost
	brokerage market.Paise
	charges   calendar.Breakdown
}

// replay works the position out anew from its entries.
func (r *row) replay() {
	mark := r.Mark
	if !r.marked {
		mark = 0
	}
	r.Position = Position{Strategy: r.Strategy, Instrument: r.Instrument, Mark: mark}
	r.costs = calendar.Breakdown{}
	for i := range r.entries {
		r.take(&r.entries[i])
	}
}

// take moves the position by one entry.
func (r *row) take(e *entry) {
	if e.units == 0 {
		return // taken back
	}
	r.costs = r.costs.Plus(e.charges)
	r.Charges = r.costs.Total()
	r.trade(e.units, e.cost)
}

// trade moves the position by a signed quantity that cost so much. What closes
// realises its share of the basis; rounding of that share stays in the basis,
// so no paisa is lost.
func (p *Position) trade(quantity market.Units, cost market.Paise) {
	if quantity > 0 {
		p.Bought += quantity
	} else {
		p.Sold -= quantity
	}
	if p.Mark == 0 {
		p.Mark = cost / market.Paise(quantity) // until the market says better
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
