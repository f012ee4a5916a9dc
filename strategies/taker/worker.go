package taker

import (
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Desk is what a worker needs of the engine.
type Desk interface {
	Now() market.Stamp
	Position(market.InstrumentID) market.Units
	Place(order.Ticket) order.ID
	Modify(order.ID, market.Paise)
	Cancel(order.ID)
}

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

// Context is what a strategy built on workers needs of the engine:
// engine.Context satisfies it, and so does a desk made for tests.
type Context interface {
	Desk
	View() *book.View
	Changes() []market.InstrumentID
	Conflated() bool
	Universe() *market.Universe
	Layout() *book.Layout
	Day() *calendar.Day
	Calendar() *calendar.Calendar
	Note(string)
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
	Turnover   market.Units // units traded since Bind
	LastFill   market.Paise
	Refusal    string // the last one, for the operator

	inst      *market.Instrument
	target    market.Units
	limit     market.Paise // of the next order only; zero: price at the touch
	state     State
	placing   bool // inside Desk.Place, whose answer may come before it returns
	live      order.ID
	side      market.Side
	price     market.Paise
	askedAt   market.Mono // when the order was last placed, modified or cancelled
	notBefore market.Mono // no new order until then
	misses    int64
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
	w.target, w.limit, w.misses, w.rejects = target, 0, 0, 0
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

// Tries counts the orders since the last Aim that filled nothing, whether they
// missed or were refused.
func (w *Worker) Tries() int64 { return w.misses + int64(w.rejects) }

// State is what the worker is doing.
func (w *Worker) State() State { return w.state }

// Out tells whether an order is out, its outcome perhaps unknown.
func (w *Worker) Out() bool { return w.state == Live || w.state == Cancelling || w.state == Unknown }

// Settled tells whether the position is at its target and no order is out. A
// remainder smaller than a lot cannot be traded and counts as settled.
func (w *Worker) Settled(d Desk) bool {
	return !w.Out() && w.lots(w.target-d.Position(w.Instrument)) == 0
}

// Lots is the worker's position in whole lots.
func (w *Worker) Lots(d Desk) market.Lots { return w.lots(d.Position(w.Instrument)) }

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
		switch {
		case now.Sub(w.askedAt) < rules.ChaseEvery:
		case gap == 0 || side(gap) != w.side: // the target moved
			w.cancel(d, now)
		case rules.TIF == order.Day && w.limit == 0:
			w.misses++
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
		w.notBefore = now.Add(rules.ChaseEvery) // no price to go by yet
		return
	}
	lots := w.lots(max(gap, -gap))
	if w.inst.Freeze > 0 {
		lots = min(lots, calendar.LargestOrder(w.inst.Freeze, w.inst.LotSize))
	}
	if rules.MaxLots > 0 {
		lots = min(lots, rules.MaxLots)
	}
	w.state, w.price, w.askedAt, w.limit, w.placing = Live, price, now, 0, true
	id := d.Place(order.Ticket{
		Instrument: w.Instrument, Side: w.side, TIF: rules.TIF, Class: order.Entry, Lots: lots, Price: price, TickAt: q.Recv,
	})
	w.placing = false
	if w.Out() {
		w.live = id
	}
}

// marketable is the touch plus ticks that grow with each miss, inside the
// exchange's protection range around the last price and the day's band. With
// no touch on that side it starts from the last price. ok is false when there
// is nothing to go by.
func (w *Worker) marketable(q *market.Quote, rules *Rules) (price market.Paise, ok bool) {
	tick := max(w.inst.TickSize, 1)
	reach := market.Paise(rules.Ticks*(1+w.misses)) * tick
	low, high := q.BandLow, q.BandHigh
	if high == 0 {
		low, high = w.inst.BandLow, w.inst.BandHigh
	}
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
	if q.Last > 0 && rules.Protection.BasisPoints > 0 {
		price = rules.Protection.Clamp(w.side, price, q.Last, tick)
	}
	return price, price > 0
}

// OnOrder takes what became of an order in this instrument. An old order that
// surfaces late is cancelled; what it filled is in the position already.
func (w *Worker) OnOrder(d Desk, u *order.Update, rules *Rules) {
	w.Cash -= market.Paise(u.Side.Sign()) * u.FillPrice.Times(u.FilledNow)
	w.Turnover += max(u.FilledNow, -u.FilledNow)
	if u.FilledNow > 0 {
		w.LastFill = u.FillPrice
	}
	if w.placing {
		w.live = u.ID
	}
	if u.ID != w.live {
		switch u.State {
		case order.AdoptedLate, order.Acked, order.Working:
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
		w.misses, w.rejects = 0, 0
	case order.Cancelled, order.Expired:
		w.end()
		w.misses++
		w.rejects = 0
		w.notBefore = now.Add(rules.ChaseEvery)
		if u.Filled > 0 {
			w.misses = 0
		}
	case order.Denied, order.ExpiredLocal, order.Rejected, order.RejectedLate, order.ClosedAbsent:
		w.end()
		w.refused(d, u, rules, now)
	}
}

// end forgets the order. A closed-absent order that surfaces after all is
// then an old one.
func (w *Worker) end() { w.state, w.live = Idle, 0 }

func (w *Worker) refused(d Desk, u *order.Update, rules *Rules, now market.Mono) {
	pause := rules.RejectPause << min(w.rejects, 10)
	w.rejects++
	w.notBefore = now.Add(min(pause, rejectPauseMax))
	w.Refusal = u.Reason
	held := d.Position(w.Instrument)
	reducing := held != 0 && (w.target == 0 || (w.target > 0) == (held > 0)) && max(w.target, -w.target) < max(held, -held)
	if w.rejects >= rules.MaxRejects && !reducing {
		w.state = Failed
	}
}

func side(gap market.Units) market.Side {
	if gap > 0 {
		return market.Buy
	}
	return market.Sell
}
