package exectest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/sim"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// Ending is where one order of a script ended.
type Ending struct {
	State            order.State
	VenueID          order.VenueID
	Price            market.Paise
	Quantity, Filled market.Units
	Value            market.Paise
	Modified         int
	Reason           string
}

// Outcome is where a script led to: its orders as they were placed, and what
// the account holds.
type Outcome struct {
	Orders []Ending
	Held   []market.Units // by instrument
}

// Count adds up what the orders of outcomes came to: by state, those that
// filled in part, and changes of price.
type Count struct {
	States           [order.States]int
	Partly, Modified int
}

// Add counts one outcome.
func (c *Count) Add(o Outcome) {
	for _, e := range o.Orders {
		c.States[e.State]++
		c.Modified += e.Modified
		if e.Filled > 0 && e.Filled < e.Quantity {
			c.Partly++
		}
	}
}

// Differs names what is not the same in two outcomes. Values may differ by the
// rounding of averages to the paisa, which a wire does.
func (a Outcome) Differs(b Outcome) (found []string) {
	if len(a.Orders) != len(b.Orders) {
		return []string{fmt.Sprintf("%d orders against %d", len(a.Orders), len(b.Orders))}
	}
	for i, one := range a.Orders {
		other := b.Orders[i]
		if off := one.Value - other.Value; max(off, -off) <= market.Paise(one.Filled) {
			other.Value = one.Value
		}
		if one != other {
			found = append(found, fmt.Sprintf("order %d: %+v against %+v", i, one, other))
		}
	}
	if !slices.Equal(a.Held, b.Held) {
		found = append(found, fmt.Sprintf("held %v against %v", a.Held, b.Held))
	}
	return found
}

// steps is the length of a script.
const steps = 120

// Play drives one gateway through a random script of quotes, books, orders,
// changes and cancels, the same for the same seed. Each step is settled before
// the next, so that nothing hangs on how fast the gateway is.
func Play(t *testing.T, open Opener, seed uint64) Outcome {
	t.Helper()
	setup := newSetup(t)
	// How fast a script is played must not matter.
	setup.Core.Limits = throttle.Limits{Second: 1000, Spread: time.Second, Minute: 10_000, Day: 100_000}
	setup.Venue.Limits = sim.Limits{PerSecond: -1, PerMinute: -1, PerDay: -1}
	setup.Venue.Cash = 1e9 * market.Rupee
	s := &script{rig: newRig(t, setup, open), rng: rand.New(rand.NewPCG(seed, 0x5c417))}
	for range steps {
		s.step()
	}
	s.audit()
	return s.outcome()
}

// script is a rig with the orders of a random play.
type script struct {
	*rig
	rng *rand.Rand
	ids []order.ID
	mid [put + 1]market.Paise
}

func (s *script) step() {
	s.Helper()
	switch n := s.rng.IntN(100); {
	case n < 30:
		s.move()
	case n < 40:
		s.deepen()
	case n < 72:
		s.trade()
	case n < 86:
		s.change()
	default:
		if id, ok := s.some(); ok {
			s.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: id, Strategy: s.last(id).Strategy}})
			s.until("the order is over", func() bool { return over(s.last(id).State) })
		}
	}
	time.Sleep(25 * time.Millisecond) // for the venue to see the market, and below what a strategy may send in a second
	s.until("the step is settled", s.settled)
}

// settled tells whether nothing is on its way.
func (s *script) settled() bool {
	for _, id := range s.ids {
		if state := s.last(id).State; !over(state) && state != order.Working && state != order.Partial {
			return false
		}
	}
	return len(s.differences(false)) == 0
}

func (s *script) contract() market.InstrumentID { return call + market.InstrumentID(s.rng.IntN(2)) }

// near is a price around the middle of the contract's last quote.
func (s *script) near(id market.InstrumentID, ticks int) market.Paise {
	if s.mid[id] == 0 {
		s.mid[id] = 10000
	}
	return s.mid[id] + market.Paise(5*(s.rng.IntN(2*ticks+1)-ticks))
}

func (s *script) lots() market.Units { return lot * market.Units(1+s.rng.IntN(5)) }

// move shows another quote.
func (s *script) move() {
	id := s.contract()
	s.mid[id] = min(max(s.near(id, 12), 9500), 10500)
	half := market.Paise(5 * (1 + s.rng.IntN(4)))
	s.quote(id, s.mid[id]-half, s.lots(), s.mid[id]+half, s.lots())
}

// deepen shows a whole book.
func (s *script) deepen() {
	id, now := s.contract(), s.Now()
	d := market.Depth{Instrument: id, Recv: now.Mono}
	bid, ask := s.near(id, 2)-10, s.mid[id]+20
	for i := range d.Bids {
		d.Bids[i] = market.Level{Price: bid - market.Paise(5*i), Qty: s.lots(), Orders: 1}
		d.Asks[i] = market.Level{Price: ask + market.Paise(5*i), Qty: s.lots(), Orders: 1}
	}
	s.setup.Core.Book.PutDepth(&d)
	s.setup.Core.Book.Commit(now)
	s.Venue().Market(&market.Event{At: now.Market, Kind: market.DepthEvent, Depth: d})
}

func (s *script) trade() {
	instrument, side := s.contract(), market.Buy
	if s.rng.IntN(2) == 0 {
		side = market.Sell
	}
	price := s.near(instrument, 10)
	kind := s.rng.IntN(10)
	strategy := order.StrategyID(1 + len(s.ids)%4)
	id := s.place(side, market.Lots(1+s.rng.IntN(6)), price, by(strategy), func(t *order.Ticket) {
		t.Instrument = instrument
		switch kind {
		case 0, 1:
			t.TIF = order.IOC
		case 2:
			t.Trigger = price - 10*market.Paise(side.Sign()) // reached at once or never: the last price stands still
		case 3:
			if t.Price = 0; side == market.Buy {
				t.Price = 14800 // within our collar, beyond the exchange's range
			}
		}
	})
	s.ids = append(s.ids, id)
}

// some is one of the orders that live.
func (s *script) some() (order.ID, bool) {
	var living []order.ID
	for _, id := range s.ids {
		if !over(s.last(id).State) {
			living = append(living, id)
		}
	}
	if len(living) == 0 {
		return 0, false
	}
	return living[s.rng.IntN(len(living))], true
}

// change modifies one of the orders that live, and waits for what came of it.
func (s *script) change() {
	id, ok := s.some()
	if !ok {
		return
	}
	price := s.near(s.last(id).Instrument, 8)
	if price == s.last(id).Price {
		return
	}
	said := len(s.reasons(id))
	s.modify(id, price)
	s.until("the change is settled", func() bool {
		u := s.last(id)
		return u.Price == price || over(u.State) || len(s.reasons(id)) > said
	})
}

func (s *script) outcome() (o Outcome) {
	for _, id := range s.ids {
		u := s.last(id)
		o.Orders = append(o.Orders, Ending{
			State: u.State, VenueID: u.VenueID, Price: u.Price, Quantity: u.Quantity, Filled: u.Filled, Value: u.Value,
			Modified: s.fact(id).modified, Reason: u.Reason,
		})
	}
	for id := range market.InstrumentID(s.setup.Universe.Len() + 1) {
		o.Held = append(o.Held, s.holds(id))
	}
	require.NotEmpty(s, o.Orders)
	return o
}
