package taker

import (
	"cmp"
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Rules are how a strategy's workers trade. All of them share one.
type Rules struct {
	Ticks       int64 // beyond the touch, at the first try; each miss adds as many
	TIF         order.TimeInForce
	ChaseEvery  time.Duration // between tries, and before a resting order is re-priced; real time
	RejectPause time.Duration // after the first refusal; doubles with each, to half a minute
	MaxRejects  int           // refusals in a row after which it stops adding
	MaxLots     market.Lots   // of one order; zero: as the freeze quantity allows
	Protection  calendar.LPP  // the zero value protects nothing
}

// Desk is what a worker needs of the engine.
type Desk interface {
	Now() market.Stamp
	Position(market.InstrumentID) market.Units
	Place(order.Ticket) order.ID
	Modify(order.ID, market.Paise)
	Cancel(order.ID)
}

// Context is what a strategy sees and can do during one callback.
type Context = *engine.Context

// LookEvery is how often, in market time, a strategy with orders under way
// looks at them without news.
const LookEvery = 250 * time.Millisecond

// Ready tells why a strategy that needs the day's sessions and rules cannot
// start.
func Ready(ctx Context, name string) error {
	if ctx.Day() == nil || ctx.Calendar() == nil {
		return fmt.Errorf("%s: the host was given no trading day and calendar", name)
	}
	return nil
}

// State is what a worker is doing.
type State uint8

// The states.
const (
	Idle       State = iota // no order; perhaps waiting for the next try
	Live                    // an order is out
	Cancelling              // and we asked for it back
	Unknown                 // an order's outcome is unknown: wait for the verdict
	Failed                  // refused too often to add; still reduces
)

func (s State) String() string {
	return [...]string{"idle", "live", "cancelling", "unknown", "failed", "?", "?", "?"}[s&7]
}

const rejectPauseMax = 30 * time.Second

// Worker is one instrument's target and the order under way to it. Owned by
// its strategy. The zero value is unbound.
type Worker struct {
	Instrument market.InstrumentID
	Cash       market.Paise // net of fills since Bind, before charges
	Refusal    string       // the last one, for the operator

	inst      *market.Instrument
	target    market.Units
	limit     market.Paise // of the next order only; zero: price at the touch
	state     State
	left      market.Units // of it to fill
	valued    order.ID     // the newest order, done or not
	value     market.Paise // of its fills
	live      order.ID
	side      market.Side
	price     market.Paise
	askedAt   market.Mono // when the order was last placed, modified or cancelled
	notBefore market.Mono // no new order until then
	reach     int64       // steps beyond the touch; below zero: only to the middle
	rejects   int
}

// Bind gives the worker an instrument, dropping everything it knew. It must not
// be called while an order is out.
func (w *Worker) Bind(inst *market.Instrument) { *w = Worker{Instrument: inst.ID, inst: inst} }

// Bound tells whether the worker has an instrument.
func (w *Worker) Bound() bool { return w.Instrument != 0 }

// Aim sets the position to reach, in signed units. A new target forgives
// refusals and ends the pause after one.
func (w *Worker) Aim(target market.Units) {
	if target == w.target {
		return
	}
	w.target, w.limit, w.reach, w.rejects = target, 0, 0, 0
	w.notBefore = 0
	if w.state == Failed {
		w.state = Idle
	}
}

// AimAt is Aim with the first order's limit price given, for a trade that is
// only wanted at the price that was seen.
func (w *Worker) AimAt(target market.Units, limit market.Paise) {
	w.Aim(target)
	w.limit = limit
}

// Target is the position to reach.
func (w *Worker) Target() market.Units { return w.target }

// State is what the worker is doing.
func (w *Worker) State() State { return w.state }

// Out tells whether an order is out, its outcome perhaps unknown.
func (w *Worker) Out() bool { return w.state == Live || w.state == Cancelling || w.state == Unknown }

// Settled tells whether the position is at its target and no order is out. A
// remainder smaller than a lot cannot be traded and counts as settled.
func (w *Worker) Settled(d Desk) bool {
	return !w.Out() && w.lots(w.target-d.Position(w.Instrument)) == 0
}

func (w *Worker) lots(u market.Units) market.Lots { return market.Lots(u / max(w.inst.LotSize, 1)) }

// Step does the next thing towards the target, if it is time. Hot path: it does
// not allocate.
func (w *Worker) Step(d Desk, q *market.Quote, rules *Rules) {
	now := d.Now().Mono
	held := d.Position(w.Instrument)
	gap := w.target - held
	switch w.state {
	case Idle:
		if now >= w.notBefore && w.lots(gap) != 0 {
			w.place(d, q, rules, gap, now)
		}
	case Live:
		paced := now.Sub(w.askedAt) >= rules.ChaseEvery
		switch {
		case w.stray(gap) && (paced || rules.TIF == order.Day): // an IOC ends by itself
			w.cancel(d, now)
		case !paced:
		case rules.TIF == order.Day && w.limit == 0:
			w.reach++
			if price, ok := w.marketable(q, rules); ok && price != w.price {
				d.Modify(w.live, price)
				w.price = price
			}
			w.askedAt = now
		}
	case Cancelling:
		if now.Sub(w.askedAt) >= max(rules.ChaseEvery, time.Second) {
			w.cancel(d, now) // a cancel is safe to repeat
		}
	case Unknown, Failed:
	}
}

// stray tells whether the live order would lead past the target, which has moved.
func (w *Worker) stray(gap market.Units) bool {
	return gap == 0 || side(gap) != w.side || max(gap, -gap) < w.left
}

func (w *Worker) cancel(d Desk, now market.Mono) {
	d.Cancel(w.live)
	w.state, w.askedAt = Cancelling, now
}

func (w *Worker) place(d Desk, q *market.Quote, rules *Rules, gap market.Units, now market.Mono) {
	w.side = side(gap)
	price, ok := w.limit, true
	if price == 0 {
		price, ok = w.marketable(q, rules)
	}
	if !ok {
		return // no price to go by yet
	}
	lots := w.lots(max(gap, -gap))
	if w.inst.Freeze > 0 {
		lots = min(lots, calendar.LargestOrder(w.inst.Freeze, w.inst.LotSize))
	}
	if rules.MaxLots > 0 {
		lots = min(lots, rules.MaxLots)
	}
	id := d.Place(order.Ticket{
		Instrument: w.Instrument, Side: w.side, TIF: rules.TIF, Class: order.Entry, Lots: lots, Price: price, TickAt: q.Recv,
	})
	if id == 0 { // the engine takes nothing from us now
		w.notBefore = now.Add(rules.RejectPause)
		return
	}
	w.state, w.live, w.price, w.askedAt, w.limit = Live, id, price, now, 0
	w.left, w.valued, w.value = lots.Units(w.inst.LotSize), id, 0
}

// marketable is the touch plus ticks that grow with each miss and shrink with a
// refusal, to a tick from the middle at the least; inside the
// exchange's protection range around the last price and the day's band. With
// no touch on that side it starts from the last price. ok is false when there
// is nothing to go by.
func (w *Worker) marketable(q *market.Quote, rules *Rules) (price market.Paise, ok bool) {
	tick := max(w.inst.TickSize, 1)
	reach := market.Paise(rules.Ticks*(1+max(w.reach, 0))) * tick
	low, high := cmp.Or(q.BandLow, w.inst.BandLow), cmp.Or(q.BandHigh, w.inst.BandHigh)
	if w.side == market.Buy {
		touch := q.Ask
		if touch == 0 {
			touch = max(q.Last, q.Bid)
		}
		if touch == 0 {
			return 0, false
		}
		price = (touch + reach).RoundUp(tick)
		if high > 0 {
			price = min(price, high.RoundDown(tick))
		}
	} else {
		touch := q.Bid
		if touch == 0 {
			touch = q.Last
		}
		if touch == 0 {
			return 0, false
		}
		price = max((touch - reach).RoundDown(tick), tick, low.RoundUp(tick))
	}
	if mid, fine := q.Mid(); fine && w.reach < 0 { // not beyond the touch, though
		if w.side == market.Buy {
			price = min(mid.RoundUp(tick)+tick, q.Ask)
		} else {
			price = max(mid.RoundDown(tick)-tick, q.Bid)
		}
	}
	if q.Last > 0 && rules.Protection.BasisPoints > 0 {
		price = rules.Protection.Clamp(w.side, price, q.Last, tick)
	}
	return price, price > 0
}

// OnOrder takes what became of an order in this instrument. An old order that
// surfaces late is cancelled; what it filled is in the position already.
func (w *Worker) OnOrder(d Desk, u *order.Update, rules *Rules) {
	w.book(u)
	if u.ID != w.live {
		switch u.State {
		case order.AdoptedLate, order.Acked, order.Working, order.Partial:
			d.Cancel(u.ID)
		}
		return
	}
	now := d.Now().Mono
	switch u.State {
	case order.New, order.Queued, order.Sending:
	case order.Acked, order.Working, order.Partial, order.AdoptedLate:
		if w.state != Cancelling {
			w.state = Live
		}
	case order.Ambiguous, order.Reconciling, order.Absent, order.Unresolved:
		w.state = Unknown
	case order.Filled:
		w.end()
		w.reach, w.rejects = 0, 0
	case order.Cancelled, order.Expired:
		w.end()
		w.reach++
		w.rejects = 0
		w.notBefore = now.Add(rules.ChaseEvery)
		if u.Filled > 0 {
			w.reach = 0
		}
	case order.Denied, order.ExpiredLocal, order.Rejected, order.RejectedLate, order.ClosedAbsent:
		w.end()
		w.refused(d, u, rules, now)
	}
}

// book counts what an update changed: of the newest order by its value, which is
// exact and is corrected without a fill when the venue names its price late; of
// an older one by the fill's price.
func (w *Worker) book(u *order.Update) {
	change := u.FillPrice.Times(u.FilledNow)
	if u.ID == w.valued {
		w.left -= u.FilledNow
		if u.Value != 0 { // not every desk tells it
			change = u.Value - w.value
		}
		w.value += change
	}
	w.Cash -= market.Paise(u.Side.Sign()) * change
}

// end forgets the order. A closed-absent order that surfaces after all is
// then an old one.
func (w *Worker) end() { w.state, w.live = Idle, 0 }

func (w *Worker) refused(d Desk, u *order.Update, rules *Rules, now market.Mono) {
	pause := rules.RejectPause << min(w.rejects, 10)
	w.rejects++
	w.notBefore = now.Add(min(pause, rejectPauseMax))
	w.Refusal = u.Reason
	// Perhaps the price was too far from the middle of the market: back to the
	// touch, then to what every limit allows.
	w.reach = max(min(w.reach, 1)-1, -1)
	held := d.Position(w.Instrument)
	reducing := held != 0 && (w.target == 0 || (w.target > 0) == (held > 0)) && max(w.target, -w.target) < max(held, -held)
	// An order given up as not placed may surface yet: nothing is added to that.
	if !reducing && (w.rejects >= rules.MaxRejects || u.State == order.ClosedAbsent) {
		w.state = Failed
	}
}

func side(gap market.Units) market.Side {
	if gap > 0 {
		return market.Buy
	}
	return market.Sell
}
