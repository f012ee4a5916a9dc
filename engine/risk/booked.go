package risk

import (
	"github.com/vayu-trading/vayu/engine/internal/idmap"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// booked remembers what the fills of orders that are over were booked at: the
// venue's trades are read later, and may name another price.
type booked struct {
	index *idmap.Map
	ring  []bookedValue
	next  int
}

type bookedValue struct {
	id    order.ID
	value market.Paise
}

// maxBooked is how many orders are remembered; the oldest goes first. The venue
// takes 5,000 calls a day.
const maxBooked = 8192

func newBooked() booked {
	return booked{index: idmap.New(maxBooked), ring: make([]bookedValue, maxBooked)}
}

func (b *booked) get(id order.ID) (market.Paise, bool) {
	at, kept := b.index.Get(uint64(id))
	if !kept {
		return 0, false
	}
	return b.ring[at].value, true
}

func (b *booked) keep(id order.ID, paise market.Paise) {
	at, kept := b.index.Get(uint64(id))
	if !kept {
		at = int32(b.next)
		b.next = (b.next + 1) % maxBooked
		b.index.Delete(uint64(b.ring[at].id))
		b.index.Put(uint64(id), at)
	}
	b.ring[at] = bookedValue{id, paise}
}
