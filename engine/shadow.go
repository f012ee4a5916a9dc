package engine

import (
	"sync"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// shadow is a second record of a strategy's open orders and positions, kept
// from the updates as they are delivered. Whoever fences a strategy that is
// stuck cannot ask the strategy's own record, which the stuck goroutine owns.
type shadow struct {
	mu        sync.Mutex // held for tens of nanoseconds: by the deliverer, and by a fence
	positions []market.Units
	open      []openOrder
}

type openOrder struct {
	id         order.ID
	instrument market.InstrumentID
	side       market.Side
	remaining  market.Units
	filled     market.Units
	cancelled  bool // a fence asked for it
}

func newShadow(instruments, room int) shadow {
	return shadow{positions: make([]market.Units, instruments), open: make([]openOrder, 0, room)}
}

func (s *shadow) apply(u *order.Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := len(s.open) - 1
	for i >= 0 && s.open[i].id != u.ID {
		i--
	}
	if i < 0 {
		if u.State.Terminal() && u.FilledNow == 0 {
			return
		}
		// FilledNow, not Filled: an order that was forgotten when it ended has
		// its earlier fills in the position already.
		i = len(s.open)
		s.open = append(s.open, openOrder{id: u.ID, instrument: u.Instrument, side: u.Side, filled: u.Filled - u.FilledNow})
	}
	o := &s.open[i]
	if u.Filled > o.filled {
		if int(o.instrument) < len(s.positions) {
			s.positions[o.instrument] += o.side.Sign() * (u.Filled - o.filled)
		}
		o.filled = u.Filled
	}
	o.remaining = u.Quantity - o.filled
	if u.State.Terminal() {
		s.open = append(s.open[:i], s.open[i+1:]...)
	}
}

// adding appends the open orders that could add exposure and that no fence has
// asked to cancel yet. An order protects, and stays, when it and those before
// it on its side together do no more than close the position.
func (s *shadow) adding(dst []order.ID) []order.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.open {
		o := &s.open[i]
		if o.cancelled {
			continue
		}
		closing := o.remaining
		for j := range s.open[:i] {
			if other := &s.open[j]; other.instrument == o.instrument && other.side == o.side && !other.cancelled {
				closing += other.remaining
			}
		}
		held := market.Units(0)
		if int(o.instrument) < len(s.positions) {
			held = -o.side.Sign() * s.positions[o.instrument]
		}
		if closing > held {
			o.cancelled = true
			dst = append(dst, o.id)
		}
	}
	return dst
}
