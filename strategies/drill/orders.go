package drill

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// room is how many orders are followed at once: what is out, and as many again
// that an earlier run may have left.
const room = 64

// resting is one order that may still trade.
type resting struct {
	id         order.ID
	instrument market.InstrumentID
	side       market.Side
	state      order.State
	price      market.Paise
	open       market.Units // not yet filled
	since      market.Mono  // placed, or first heard of
	askedAt    market.Mono  // its cancel was last asked for; zero: never
}

// book is the orders that are out. Owned by its strategy.
type book struct {
	list [room]resting
	n    int
}

func (b *book) find(id order.ID) *resting {
	for i := range b.n {
		if b.list[i].id == id {
			return &b.list[i]
		}
	}
	return nil
}

// add begins to follow an order; nil when there is no room.
func (b *book) add(r resting) *resting {
	if b.n == room {
		return nil
	}
	b.list[b.n] = r
	b.n++
	return &b.list[b.n-1]
}

func (b *book) drop(id order.ID) {
	for i := range b.n {
		if b.list[i].id == id {
			copy(b.list[i:b.n], b.list[i+1:b.n])
			b.n--
			return
		}
	}
}

// hear follows what is told of an order. It is false when an order is new and
// there is no room to follow it.
func (b *book) hear(u *order.Update, now market.Mono) bool {
	if u.State.Terminal() || u.State == order.ClosedAbsent {
		b.drop(u.ID)
		return true
	}
	r := b.find(u.ID)
	if r == nil {
		if r = b.add(resting{id: u.ID, instrument: u.Instrument, side: u.Side, since: now}); r == nil {
			return false
		}
	}
	r.state, r.price, r.open = u.State, u.Price, u.Quantity-u.Filled
	return true
}

// worst is what would be held with every open buy, and with every open sell,
// filled.
func (b *book) worst(id market.InstrumentID, held market.Units) (long, short market.Units) {
	long, short = held, held
	for i := range b.n {
		r := &b.list[i]
		switch {
		case r.instrument != id:
		case r.side == market.Buy:
			long += r.open
		default:
			short -= r.open
		}
	}
	return long, short
}

// against tells whether an order on the side at that price would meet one of
// our own.
func (b *book) against(id market.InstrumentID, side market.Side, price market.Paise) bool {
	for i := range b.n {
		r := &b.list[i]
		if r.instrument != id || r.side == side {
			continue
		}
		if side == market.Buy && price >= r.price || side == market.Sell && price <= r.price {
			return true
		}
	}
	return false
}

// askAgain is how long a cancel is given before it is asked for once more.
const askAgain = 2 * time.Second

// quiet is the n-th order, from the oldest on, that rests and has not been asked
// back lately; nil when there are not so many.
func (b *book) quiet(n int, now market.Mono) *resting {
	for i := range b.n {
		r := &b.list[i]
		if !r.state.Live() || r.askedAt != 0 && now.Sub(r.askedAt) < askAgain {
			continue
		}
		if n == 0 {
			return r
		}
		n--
	}
	return nil
}
