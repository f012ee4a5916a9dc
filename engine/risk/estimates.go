package risk

import (
	"github.com/vayu-trading/vayu/engine/internal/idmap"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// estimates remembers what the fills of orders that are over were booked at,
// while the venue has not named their price: the trades are read later.
type estimates struct {
	index *idmap.Map
	ring  []estimate
	next  int
}

type estimate struct {
	id    order.ID
	value market.Paise
}

// maxEstimates is how many are remembered; the oldest goes first. Trades are
// read within seconds, and a second holds ten orders.
const maxEstimates = 1024

func newEstimates() estimates {
	return estimates{index: idmap.New(maxEstimates), ring: make([]estimate, maxEstimates)}
}

func (e *estimates) get(id order.ID) (market.Paise, bool) {
	at, kept := e.index.Get(uint64(id))
	if !kept {
		return 0, false
	}
	return e.ring[at].value, true
}

func (e *estimates) keep(id order.ID, value market.Paise) {
	at, kept := e.index.Get(uint64(id))
	if !kept {
		at = int32(e.next)
		e.next = (e.next + 1) % maxEstimates
		e.index.Delete(uint64(e.ring[at].id))
		e.index.Put(uint64(id), at)
	}
	e.ring[at] = estimate{id, value}
}
