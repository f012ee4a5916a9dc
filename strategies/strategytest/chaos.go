package strategytest

import (
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Chaos lets the market wander, the feed fail and the venue answer as it likes
// for so many seconds, all drawn from the seed; orders in doubt are settled
// later, some as absent, to surface after all. Throughout, no instrument may
// have two orders out at once. It ends with every order settled and a venue that
// behaves.
func (d *Desk) Chaos(seed uint64, seconds int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	draw := func(percent int) bool { return rng.IntN(100) < percent }
	bad := rng.IntN(60)
	d.Rule = func(*enginetest.Order) Answer {
		if !draw(bad) {
			return Match
		}
		return [...]Answer{Partial, Miss, Reject, Vanish, Vanish, Stay}[rng.IntN(6)]
	}
	forward := 24_200.0
	for range seconds {
		forward += float64(rng.IntN(41) - 20)
		d.Price(forward, 0.12+0.04*rng.Float64())
		if draw(30) { // one instrument jumps out of line
			chain := d.Book.Layout().Chain("NIFTY", Far)
			d.Around(chain.Rows[20+rng.IntN(10)].Call, market.Paise(50_00+5*rng.IntN(4000)))
		}
		d.Commit()
		if draw(3) {
			d.State([...]market.FeedState{market.FeedDown, market.FeedStale, market.FeedGap}[rng.IntN(3)])
		}
		if draw(20) {
			d.State(market.FeedLive)
		}
		d.Wait(time.Duration(1+rng.IntN(1999)) * time.Millisecond)
		for _, o := range d.Desk.Working() {
			if draw(20) {
				d.resolve(o, rng.IntN(5))
			}
		}
		d.alone()
	}
	d.Rule, d.Default = nil, Match
	d.State(market.FeedLive)
	for _, o := range d.Desk.Working() {
		d.resolve(o, 0)
	}
}

// resolve settles an order that rests or is in doubt.
func (d *Desk) resolve(o *enginetest.Order, how int) {
	left := o.Quantity - o.Filled
	switch {
	case how == 1:
		d.Tell(o, order.Filled, left, o.Update.Price)
	case how == 2 && o.State == order.Ambiguous:
		d.Tell(o, order.ClosedAbsent, 0, 0)
	case how == 3 && o.State == order.ClosedAbsent:
		d.Tell(o, order.AdoptedLate, 0, 0)
	case how == 4 && o.State == order.Ambiguous:
		d.Tell(o, order.Rejected, 0, 0)
	default:
		d.Tell(o, order.Cancelled, 0, 0)
	}
	d.Settle()
}

// alone requires that no instrument has two orders out, those given up as not
// placed aside.
func (d *Desk) alone() {
	out := map[market.InstrumentID]order.ID{}
	for _, o := range d.Desk.Working() {
		if o.State == order.ClosedAbsent || o.State == order.AdoptedLate {
			continue
		}
		id := o.Update.Instrument
		require.Zero(d.t, out[id], "orders %d and %d are out in %s at once", out[id], o.Ticket.ID, d.Book.Universe().Get(id).ContractKey)
		out[id] = o.Ticket.ID
	}
}
