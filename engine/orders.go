package engine

import (
	"slices"

	"github.com/vayu-trading/vayu/engine/internal/idmap"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// orders is what a strategy has been told of its own orders, and the
// positions that follow from it. Owned by whoever steps the strategy.
type orders struct {
	positions []market.Units // per instrument, signed
	slab      []order.Update
	index     *idmap.Map // order id → place in slab
	hand      int        // where to look for room next
}

func newOrders(instruments, room int) orders {
	return orders{positions: make([]market.Units, instruments), slab: make([]order.Update, 0, room), index: idmap.New(room)}
}

// apply books an update and sets its FilledNow to what it adds to what was
// known, so that a repeated or merged update counts once. It tells whether the
// update says anything new; a late one that would undo a fill does not.
func (o *orders) apply(u *order.Update) bool {
	at, known := o.index.Get(uint64(u.ID))
	if !known {
		at = o.room()
		o.slab[at] = order.Update{ID: u.ID, Instrument: u.Instrument, Side: u.Side}
		o.index.Put(uint64(u.ID), at)
	}
	kept := &o.slab[at]
	if u.Filled < kept.Filled {
		return false
	}
	u.FilledNow = u.Filled - kept.Filled
	if int(u.Instrument) < len(o.positions) {
		o.positions[u.Instrument] += u.Side.Sign() * u.FilledNow
	}
	*kept = *u
	return true
}

// room is a place in the slab: a fresh one, else that of an order that is
// done. Only when all are working does the slab grow.
func (o *orders) room() int32 {
	if len(o.slab) < cap(o.slab) {
		o.slab = o.slab[:len(o.slab)+1]
		return int32(len(o.slab) - 1)
	}
	for range o.slab {
		at := o.hand
		o.hand = (o.hand + 1) % len(o.slab)
		if o.slab[at].State.Terminal() {
			o.index.Delete(uint64(o.slab[at].ID))
			return int32(at)
		}
	}
	o.slab = append(o.slab, order.Update{})
	return int32(len(o.slab) - 1)
}

func (o *orders) get(id order.ID) (order.Update, bool) {
	at, known := o.index.Get(uint64(id))
	if !known {
		return order.Update{}, false
	}
	return o.slab[at], true
}

func (o *orders) position(id market.InstrumentID) market.Units {
	if int(id) >= len(o.positions) {
		return 0
	}
	return o.positions[id]
}

func (o *orders) working(dst []order.ID) []order.ID {
	from := len(dst)
	for i := range o.slab {
		if u := &o.slab[i]; u.ID != 0 && !u.State.Terminal() && u.State != order.ClosedAbsent {
			dst = append(dst, u.ID)
		}
	}
	slices.Sort(dst[from:])
	return dst
}
