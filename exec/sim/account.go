package sim

import (
	"github.com/vayu-trading/vayu/engine/market"
)

// Fill is one trade of an order.
type Fill struct {
	Number int // from 1 up, over the venue's life
	Order  *Order
	Qty    market.Units
	Price  market.Paise
	At     market.Stamp
}

// Position is what the account holds of one instrument. A contract closed today
// stays listed with quantity zero.
type Position struct {
	Instrument market.InstrumentID
	Qty        market.Units // signed
	Cost       market.Paise // paid for Qty, received when it is short: both signed like Qty
	Realised   market.Paise
	Since      market.Mono // of its last change
}

// Average is the position's average price, rounded to the paisa.
func (p *Position) Average() market.Paise {
	if p.Qty == 0 {
		return 0
	}
	return roundDiv(p.Cost, p.Qty)
}

func roundDiv(value market.Paise, qty market.Units) market.Paise {
	q := market.Paise(qty)
	if q < 0 {
		value, q = -value, -q
	}
	if value < 0 {
		return -((-value + q/2) / q)
	}
	return (value + q/2) / q
}

// account is the user's money and holdings. Owned by the core.
type account struct {
	allocated market.Paise // what the user put at derivatives' disposal
	cash      market.Paise // allocated, less premium paid, plus premium received
	positions map[market.InstrumentID]*Position
	order     []market.InstrumentID // of first appearance, for a stable listing
	fills     []Fill
}

// book enters a fill.
func (a *account) book(f *Fill, future bool) {
	id, signed := f.Order.Instrument, f.Order.Side.Sign()*f.Qty
	p := a.positions[id]
	if p == nil {
		p = &Position{Instrument: id}
		a.positions[id] = p
		a.order = append(a.order, id)
	}
	p.Since = f.At.Mono
	if !future { // a future costs nothing to enter, its gain is paid when it closes
		a.cash -= f.Price.Times(signed)
	}
	if closing := min(f.Qty, abs(p.Qty)); p.Qty != 0 && (p.Qty > 0) != (signed > 0) {
		part := roundDiv(p.Cost*market.Paise(closing), abs(p.Qty))
		if p.Qty < 0 {
			closing = -closing
		}
		p.Realised += f.Price.Times(closing) - part
		if future {
			a.cash += f.Price.Times(closing) - part
		}
		p.Cost -= part
		p.Qty -= closing
		signed += closing
	}
	p.Qty += signed
	p.Cost += f.Price.Times(signed)
}

func abs(q market.Units) market.Units {
	if q < 0 {
		return -q
	}
	return q
}

// margin is what being short qty units of the contract blocks.
func (c *Core) margin(id market.InstrumentID, qty market.Units) market.Paise {
	return c.spot(id).Times(qty) * market.Paise(c.cfg.ShortMargin) / 10_000
}

// spot is the underlying's price as far as the tape tells it: the index, else a
// future, else the contract's own strike.
func (c *Core) spot(id market.InstrumentID) market.Paise {
	con := c.universe.Get(id)
	for _, under := range c.underlyings[con.Underlying] {
		if last := c.books[under].quote.Last; last > 0 {
			return last
		}
	}
	return con.Strike
}

// blocked is what open orders and short positions hold of the cash.
func (c *Core) blocked() market.Paise {
	var sum market.Paise
	for id, p := range c.account.positions {
		if held := p.Qty; held < 0 || held > 0 && c.universe.Get(id).Kind == market.Future {
			sum += c.margin(id, abs(held))
		}
	}
	for _, o := range c.working {
		sum += c.requirement(o.Instrument, o.Side, o.Pending(), o.Price)
	}
	return sum
}

// requirement is what an order of that size needs: its premium to buy, a margin
// for what it would sell short.
func (c *Core) requirement(id market.InstrumentID, sd market.Side, qty market.Units, price market.Paise) market.Paise {
	held := market.Units(0)
	if p := c.account.positions[id]; p != nil {
		held = p.Qty
	}
	if c.universe.Get(id).Kind == market.Future {
		return c.margin(id, max(abs(held+sd.Sign()*qty)-abs(held), 0))
	}
	if sd == market.Buy {
		return price.Times(qty)
	}
	return c.margin(id, max(qty-max(held, 0), 0))
}

// Available is what new orders may still use.
func (c *Core) Available() market.Paise { return c.account.cash - c.blocked() }

// Position is the account's position in an instrument; zero when it never had
// one.
func (c *Core) Position(id market.InstrumentID) Position {
	if p := c.account.positions[id]; p != nil {
		return *p
	}
	return Position{Instrument: id}
}

// settle ends the life of contracts that expire on the day: options at their
// intrinsic value, futures at the underlying's last price.
func (c *Core) settle() {
	for id, p := range c.account.positions {
		con := c.universe.Get(id)
		if con.Expiry != c.date || p.Qty == 0 {
			continue
		}
		value := c.spot(id)
		switch con.Right {
		case market.Call:
			value = max(value-con.Strike, 0)
		case market.Put:
			value = max(con.Strike-value, 0)
		}
		gain := value.Times(p.Qty) - p.Cost
		p.Realised += gain
		if con.Kind == market.Future {
			c.account.cash += gain
		} else {
			c.account.cash += value.Times(p.Qty)
		}
		p.Qty, p.Cost = 0, 0
	}
}
