package portfolio

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// name tells one order from another: by our id, or by the venue's when it is
// somebody else's order on the account.
type name struct {
	id    order.ID
	venue order.VenueID
}

func nameOf(u *order.Update) name {
	if u.ID != 0 {
		return name{id: u.ID}
	}
	return name{venue: u.VenueID}
}

// booking is how much of one order is booked, and where.
type booking struct {
	side    market.Side
	row     int
	entries []int // places in the row's entries
	units   market.Units
	value   market.Paise // of those units
}

// Carry books a position brought from an earlier day at its average price. It
// costs nothing and is not a fill.
func (p *Portfolio) Carry(s order.StrategyID, id market.InstrumentID, quantity market.Units, average market.Paise) {
	p.carry(s, id, quantity, average.Times(quantity))
}

func (p *Portfolio) carry(s order.StrategyID, id market.InstrumentID, quantity market.Units, cost market.Paise) {
	i := p.row(s, id)
	p.add(&p.rows[i], entry{units: quantity, cost: cost})
	p.sum()
}

// Apply books what the update says was filled. Fills are merged by the order's
// cumulative quantity and value: an update seen twice, or late, books nothing
// twice. A negative FilledNow is a trade taken back by the exchange. An update
// that fills nothing but names another value corrects what its order's fills
// cost, and all that followed from it: charges, and what was realised since.
//
// Without an id an update is of an order that is not ours, told apart by the
// venue's id; if it takes the other side it was ours after all, and what was
// booked for it is withdrawn. Without any id it is what the account held
// before.
func (p *Portfolio) Apply(u *order.Update) {
	key := nameOf(u)
	if key == (name{}) {
		if u.FilledNow != 0 {
			value := u.Value
			if value == 0 {
				value = u.FillPrice.Times(u.FilledNow)
			}
			p.carry(u.Strategy, u.Instrument, u.Side.Sign()*u.FilledNow, market.Paise(u.Side.Sign())*value)
		}
		return
	}
	b := p.orders[key]
	if b == nil {
		if u.Filled == 0 && u.FilledNow == 0 {
			return
		}
		b = &booking{side: u.Side, row: p.row(u.Strategy, u.Instrument)}
		p.orders[key] = b
	}
	delta := u.Filled - b.units
	switch {
	case u.ID == 0 && u.Side != b.side:
		p.withdraw(key, b)
	case delta == 0 && u.FilledNow == 0:
		p.correct(b, u)
	case delta <= 0 && u.FilledNow >= 0, delta >= 0 && u.FilledNow < 0:
		p.totals.Repeated++
	default:
		p.fill(b, u, delta)
	}
}

// fill books a change of an order's quantity.
func (p *Portfolio) fill(b *booking, u *order.Update, delta market.Units) {
	r := &p.rows[b.row]
	value := u.Value
	if value == 0 && u.Filled != 0 { // the update knows only prices
		value = b.value + u.FillPrice.Times(delta)
		if delta != u.FilledNow { // an update was missed: the average makes up for it
			value = u.Average.Times(u.Filled)
		}
	}
	e := entry{
		units: b.side.Sign() * delta, cost: market.Paise(b.side.Sign()) * (value - b.value), estimated: u.Estimated,
	}
	if delta > 0 {
		p.totals.Fills++
		e.charged = p.chargeable(r)
		e.brokerage = p.brokerage(r, b.side, delta, b.units == 0)
	} else {
		p.totals.Busts++
	}
	corrects := delta > 0 && u.Value != 0 && !u.Estimated && b.estimated(r)
	b.units += delta
	b.entries = append(b.entries, len(r.entries))
	p.today[p.universe.Get(r.Instrument).ID] += e.units
	if corrects { // the exact value of all that was estimated, this fill included
		e.estimated = true
		r.entries = append(r.entries, e)
		p.spread(b, value)
	} else {
		b.value = value
		p.charge(r, &e)
		p.add(r, e)
	}
	p.sum()
}

// correct takes another value of the same quantity. An estimate never replaces
// what is exact.
func (p *Portfolio) correct(b *booking, u *order.Update) {
	estimated := b.estimated(&p.rows[b.row])
	if u.Value == 0 || u.Estimated || u.Value == b.value && !estimated {
		return
	}
	if u.Value != b.value {
		p.totals.Corrected++
	}
	p.spread(b, u.Value)
	p.sum()
}

// spread makes an order's fills worth the value in all: what was estimated
// shares by quantity what the exact ones leave. When none was estimated, all
// share.
func (p *Portfolio) spread(b *booking, value market.Paise) {
	r := &p.rows[b.row]
	sign := market.Paise(b.side.Sign())
	estimated := b.estimated(r)
	shares := func(e *entry) bool { return (e.estimated || !estimated) && (e.units > 0) == (sign > 0) }
	left, units := value, market.Units(0)
	for _, i := range b.entries {
		if e := &r.entries[i]; shares(e) {
			units += abs(e.units)
		} else {
			left -= sign * e.cost
		}
	}
	var counted market.Units
	var given market.Paise
	for _, i := range b.entries {
		e := &r.entries[i]
		if !shares(e) {
			continue
		}
		counted += abs(e.units)
		upTo := left * market.Paise(counted) / market.Paise(units)
		e.cost = sign * (upTo - given)
		given = upTo
		p.charge(r, e)
	}
	for _, i := range b.entries { // not before: who shares depends on it
		r.entries[i].estimated = false
	}
	b.value = value
	r.replay()
}

// withdraw takes back all that was booked of an order: it is booked again
// under its true owner.
func (p *Portfolio) withdraw(key name, b *booking) {
	r := &p.rows[b.row]
	for _, i := range b.entries {
		p.today[p.universe.Get(r.Instrument).ID] -= r.entries[i].units
		r.entries[i] = entry{}
	}
	delete(p.orders, key)
	p.totals.Busts++
	r.replay()
	p.sum()
}

func (b *booking) estimated(r *row) bool {
	for _, i := range b.entries {
		if r.entries[i].estimated {
			return true
		}
	}
	return false
}

// add books a new entry.
func (p *Portfolio) add(r *row, e entry) {
	r.entries = append(r.entries, e)
	r.take(&e)
}

// charge works out what an entry costs besides its price.
func (p *Portfolio) charge(r *row, e *entry) {
	if !e.charged {
		return
	}
	in := p.universe.Get(r.Instrument)
	side, value := market.Buy, e.cost
	if e.units < 0 {
		side, value = market.Sell, -e.cost
	}
	costs := p.costs[costKey{in.Exchange, in.Kind}]
	e.charges = costs.Fill(side, value, 1, e.brokerage) // rates are on turnover: one unit of that value
}

func (p *Portfolio) chargeable(r *row) bool {
	in := p.universe.Get(r.Instrument)
	_, ok := p.costs[costKey{in.Exchange, in.Kind}]
	if !ok {
		p.totals.Uncharged++
	}
	return ok
}

// brokerage is the broker's fee of a fill. Lots against today's earlier trades
// of the account count as a second leg, whichever strategy made them.
func (p *Portfolio) brokerage(r *row, side market.Side, units market.Units, newOrder bool) market.Paise {
	in := p.universe.Get(r.Instrument)
	var closing market.Units
	if net := p.today[in.ID]; net != 0 && (net > 0) == (side == market.Sell) {
		closing = min(abs(net), units)
	}
	lots := func(u market.Units) market.Lots { return market.Lots((u + in.LotSize - 1) / max(in.LotSize, 1)) }
	plan := p.costs[costKey{in.Exchange, in.Kind}].Plan
	return plan.Brokerage(newOrder, lots(units-closing), lots(closing))
}
