package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/sim"
)

// orders proves that an order goes the whole way, whatever becomes of answers.
func (t *trials) orders(ctx context.Context, s *sheet) {
	if !t.mayPlace() {
		s.skip("all of it", "the venue is no simulation; add --place-orders to let it place one lot far from the market")
		return
	}
	b, err := t.open(ctx, terms{})
	if !s.step("an engine logs in and reads the day's lists", func() (string, error) {
		if err != nil {
			return "", err
		}
		return t.firstLogin(b)
	}) {
		t.close(b)
		return
	}
	defer t.close(b)
	t.soundOrders(s, b)
	if !t.embedded() {
		s.skip("lost answers, error pages, no connection", "the venue is not ours to break")
		return
	}
	t.wrongOrders(s, b)
	t.unansweredOrders(s, b)
	s.step("the books of engine and venue agree", func() (string, error) {
		if err := b.until(30*time.Second, b.system.account.settled); err != nil {
			return "", err
		}
		audit := b.system.audit(b.venue.Venue)
		detail := fmt.Sprintf("%d orders accepted, %d duplicates, %d orphans, %d positions apart",
			audit.OrdersAccepted, audit.Duplicates, audit.Orphans, audit.PositionsApart)
		if audit.Duplicates+audit.Orphans > 0 || audit.PositionsApart > 0 {
			return detail, errors.New("they differ")
		}
		return detail, nil
	})
}

// trialOrder is how far from the touch an order is placed, and how.
type trialOrder struct {
	side  market.Side
	ticks int64 // from the touch: above zero crosses, below zero rests
	tif   order.TimeInForce
	lots  market.Lots // zero: one
	odd   market.Paise
}

// place sends an order on the option nearest to the money of the last watched
// expiry.
func (b *bench) place(o trialOrder) (id order.ID, err error) {
	var q market.Quote
	for range 100 { // a quote may still be on its way
		failed := b.hand.do(func(ctx *engine.Context) {
			chains := ctx.Layout().Expiries(b.system.config.Market.Underlying)
			if !ctx.View().Quote(ctx.Layout().Spot(b.system.config.Market.Underlying), &q) || len(chains) == 0 {
				return
			}
			chain := ctx.Layout().Chain(b.system.config.Market.Underlying, chains[len(chains)-1])
			call := chain.Rows[chain.ATM(q.Last)].Call
			if call == 0 || !ctx.View().Quote(call, &q) || !q.TwoSided() || ctx.Now().Mono.Sub(q.Recv) > time.Second {
				return
			}
			in := ctx.Universe().Get(call)
			price := q.Ask + market.Paise(o.ticks)*in.TickSize
			if o.side == market.Sell {
				price = q.Bid - market.Paise(o.ticks)*in.TickSize
			}
			id = ctx.Place(order.Ticket{Instrument: call, Side: o.side, Lots: max(o.lots, 1), TIF: o.tif, Price: price + o.odd})
		})
		if id != 0 || failed != nil {
			return id, failed
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0, errors.New("no fresh quote at the money")
}

// becomes waits until an order is told to be in one of the states.
func (b *bench) becomes(id order.ID, within time.Duration, states ...order.State) (string, error) {
	began := time.Now()
	err := b.until(within, func() bool { return b.hand.was(id, states...) })
	u := b.hand.last(id)
	detail := fmt.Sprintf("order %d is %s after %s", id, u.State, time.Since(began).Round(100*time.Microsecond))
	if !u.VenueID.IsZero() {
		detail += ", venue's number " + u.VenueID.String()
	}
	if u.Reason != "" {
		detail += " (" + u.Reason + ")"
	}
	return detail, err
}

const trialWait = 10 * time.Second

// soundOrders are placed, changed, cancelled and, at a simulation, filled.
func (t *trials) soundOrders(s *sheet, b *bench) {
	var resting order.ID
	placed := s.step("valid: an order that rests is accepted", func() (detail string, err error) {
		if resting, err = b.place(trialOrder{side: market.Buy, ticks: -60}); err != nil {
			return "", err
		}
		return b.becomes(resting, trialWait, order.Acked, order.Working)
	})
	if placed {
		s.step("valid: its price is changed", func() (string, error) {
			u := b.hand.last(resting)
			tick := b.system.universe.Get(u.Instrument).TickSize
			if err := b.hand.do(func(ctx *engine.Context) { ctx.Modify(resting, u.Price-tick) }); err != nil {
				return "", err
			}
			err := b.until(trialWait, func() bool { return b.hand.last(resting).Price == u.Price-tick })
			return fmt.Sprintf("%s to %s", u.Price, b.hand.last(resting).Price), err
		})
		s.step("valid: it is cancelled", func() (string, error) {
			if err := b.hand.do(func(ctx *engine.Context) { ctx.Cancel(resting) }); err != nil {
				return "", err
			}
			return b.becomes(resting, trialWait, order.Cancelled)
		})
	}
	if !t.embedded() {
		return
	}
	for _, side := range []market.Side{market.Buy, market.Sell} {
		s.step("valid: an order that crosses the spread is filled: "+side.String(), func() (string, error) {
			id, err := b.place(trialOrder{side: side, ticks: 4, tif: order.IOC})
			if err != nil {
				return "", err
			}
			return b.becomes(id, trialWait, order.Filled)
		})
	}
}

// wrongOrders never leave.
func (t *trials) wrongOrders(s *sheet, b *bench) {
	denied := func(what string, o trialOrder) {
		s.step("invalid: "+what+" is refused before the wire", func() (string, error) {
			accepted := b.venue.Stats().OrdersAccepted
			id, err := b.place(o)
			if err != nil {
				return "", err
			}
			detail, err := b.becomes(id, trialWait, order.Denied)
			time.Sleep(settleLog)
			if err == nil && (s.count("place_order", "") > 0 || b.venue.Stats().OrdersAccepted != accepted) {
				err = errors.New("something left")
			}
			return detail, err
		})
	}
	denied("a price off the tick", trialOrder{side: market.Buy, ticks: -60, odd: 1})
	denied("a quantity beyond the limit", trialOrder{side: market.Buy, ticks: -60, lots: 1000})
	denied("a price far through the market", trialOrder{side: market.Buy, ticks: 5000})
}

// unansweredOrders meet a venue in trouble.
func (t *trials) unansweredOrders(s *sheet, b *bench) {
	// met places an order that meets the faults and lets them go once its fate
	// is in doubt.
	met := func(what string, faults sim.Faults, o trialOrder, within time.Duration, states ...order.State) {
		s.step(what, func() (string, error) {
			if err := b.calm(); err != nil {
				return "", err
			}
			before := b.venue.Stats()
			if err := b.venue.SetFaults(faults); err != nil {
				return "", err
			}
			id, err := b.place(o)
			detail := ""
			if err == nil {
				detail, err = b.becomes(id, trialWait, order.Ambiguous, order.Reconciling)
			}
			if err := errors.Join(err, b.venue.SetFaults(sim.Faults{})); err != nil {
				return detail, err
			}
			detail, err = b.becomes(id, within, states...)
			now := b.venue.Stats()
			if err == nil && (now.OrdersAccepted-before.OrdersAccepted > 1 || now.Duplicates != before.Duplicates) {
				err = errors.New("it was sent twice")
			}
			time.Sleep(settleLog)
			if err == nil && s.count("place_order", "") != 1 {
				err = fmt.Errorf("%d placements left", s.count("place_order", ""))
			}
			return detail, err
		})
	}
	s.step("no connection: proven unsent, so it is sent again while there is time", func() (string, error) {
		if err := b.calm(); err != nil {
			return "", err
		}
		before := b.venue.Stats().OrdersAccepted
		b.venue.cut()
		mended := make(chan error, 1)
		time.AfterFunc(150*time.Millisecond, func() { mended <- b.venue.reopen() })
		id, err := b.place(trialOrder{side: market.Buy, ticks: -70})
		if err = errors.Join(err, <-mended); err != nil {
			return "", err
		}
		// The delay before the next attempt is drawn: it may leave none.
		detail, err := b.becomes(id, trialWait, order.Acked, order.Working, order.ExpiredLocal)
		want := 1
		if b.hand.was(id, order.ExpiredLocal) {
			want = 0
		}
		if accepted := int(b.venue.Stats().OrdersAccepted - before); err == nil && accepted != want {
			err = fmt.Errorf("the venue took %d orders, want %d", accepted, want)
		}
		return detail, err
	})
	rests := trialOrder{side: market.Buy, ticks: -60}
	met("the answer is lost after the venue took it: found by reading, not sent again",
		sim.Faults{DropAfter: 1}, rests, 20*time.Second, order.Acked, order.Working)
	met("an error page instead of an answer: settled by reading, not sent again",
		sim.Faults{HTML502: 1}, trialOrder{side: market.Sell, ticks: -60}, 40*time.Second, order.ClosedAbsent)
	s.step("what rests is cancelled", func() (string, error) {
		if err := b.hand.do(func(ctx *engine.Context) {
			for _, id := range ctx.WorkingOrders(nil) {
				ctx.Cancel(id)
			}
		}); err != nil {
			return "", err
		}
		return "", b.until(20*time.Second, b.system.account.settled)
	})
}
