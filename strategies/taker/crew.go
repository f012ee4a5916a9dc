package taker

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// CrewSize is how many instruments one strategy may work at a time.
const CrewSize = 16

// Crew is a strategy's workers. Owned by its strategy. The zero value is ready.
type Crew struct {
	Workers [CrewSize]Worker
	Quotes  [CrewSize]market.Quote // of the same place, as last read
}

// Of is the worker bound to the instrument; nil when there is none.
func (c *Crew) Of(id market.InstrumentID) *Worker {
	for i := range c.Workers {
		if c.Workers[i].Instrument == id && id != 0 {
			return &c.Workers[i]
		}
	}
	return nil
}

// Room counts the unbound workers.
func (c *Crew) Room() (n int) {
	for i := range c.Workers {
		if !c.Workers[i].Bound() {
			n++
		}
	}
	return n
}

// Bind gives the first unbound worker the instrument; nil when there is none.
func (c *Crew) Bind(in *market.Instrument) *Worker {
	for i := range c.Workers {
		if w := &c.Workers[i]; !w.Bound() {
			w.Bind(in)
			return w
		}
	}
	return nil
}

// Dismiss unbinds every worker. None may have an order out.
func (c *Crew) Dismiss() { c.Workers = [CrewSize]Worker{} }

// Retreat aims every worker at nothing.
func (c *Crew) Retreat() {
	for i := range c.Workers {
		c.Workers[i].Aim(0)
	}
}

// Adopt binds a worker, aimed at nothing, to each position in the underlying
// that has none, as far as there is room. It tells whether it found any.
func (c *Crew) Adopt(ctx Context, underlying string) (found bool) {
	all := ctx.Universe().All()
	for i := range all {
		if all[i].Underlying != underlying || ctx.Position(all[i].ID) == 0 || c.Of(all[i].ID) != nil {
			continue
		}
		found = true
		if c.Bind(&all[i]) == nil {
			break
		}
	}
	return found
}

// Settled tells whether every worker is.
func (c *Crew) Settled(d Desk) bool {
	for i := range c.Workers {
		if w := &c.Workers[i]; w.Bound() && !w.Settled(d) {
			return false
		}
	}
	return true
}

// Out tells whether any order is out.
func (c *Crew) Out() bool {
	for i := range c.Workers {
		if c.Workers[i].Out() {
			return true
		}
	}
	return false
}

// Failed is the first worker that gave up adding; nil when none did.
func (c *Crew) Failed() *Worker {
	for i := range c.Workers {
		if c.Workers[i].State() == Failed {
			return &c.Workers[i]
		}
	}
	return nil
}

// Cash is the sum over the workers.
func (c *Crew) Cash() (cash market.Paise) {
	for i := range c.Workers {
		cash += c.Workers[i].Cash
	}
	return cash
}

// Quote reads the quote of the i-th worker's instrument from the pinned view
// into its place. It is false, and the quote empty, when there is none.
func (c *Crew) Quote(ctx Context, i int) (*market.Quote, bool) {
	q := &c.Quotes[i]
	ok := ctx.View().Quote(c.Workers[i].Instrument, q)
	if !ok {
		*q = market.Quote{Instrument: c.Workers[i].Instrument}
	}
	return q, ok
}

// Work steps every worker that is not settled, buyers first: protection is
// bought before anything is sold. Hot path.
func (c *Crew) Work(ctx Context, rules *Rules) {
	for _, buying := range [...]bool{true, false} {
		for i := range c.Workers {
			w := &c.Workers[i]
			if !w.Bound() || w.Settled(ctx) || (w.Target() > ctx.Position(w.Instrument)) != buying {
				continue
			}
			q, _ := c.Quote(ctx, i) // without a quote the worker waits
			w.Step(ctx, q, rules)
		}
	}
}

// OnOrder hands the update to its worker. An order nobody works on, of an
// earlier run or one thought dead, is cancelled.
func (c *Crew) OnOrder(ctx Context, u *order.Update, rules *Rules) {
	if w := c.Of(u.Instrument); w != nil {
		w.OnOrder(ctx, u, rules)
		return
	}
	switch u.State {
	case order.AdoptedLate, order.Acked, order.Working, order.Partial:
		ctx.Cancel(u.ID)
	}
}

// Stop calls back what rests and tells the operator what stays open.
func (c *Crew) Stop(ctx Context, name string) {
	for i := range c.Workers {
		w := &c.Workers[i]
		if !w.Bound() {
			continue
		}
		if w.Out() {
			ctx.Cancel(w.live)
		}
		if held := ctx.Position(w.Instrument); held != 0 {
			ctx.Note(fmt.Sprintf("%s: stops with %d units of %s open", name, held, w.inst.ContractKey))
		}
	}
}
