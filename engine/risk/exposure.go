package risk

import (
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/internal/idmap"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Others is the first of the ids by which other people's orders on the account
// are known. They count in every limit, but do not hold up what flattens: they
// are never cancelled, so it would wait for ever, and a fill of theirs is
// flattened as well.
const Others = order.ID(1 << 63)

// tombstone is how long an order given up as absent still counts.
const tombstone = 60 * time.Second

// exposure is the account's running state. Owned by the order core.
type exposure struct {
	universe *market.Universe
	of       []holding // per instrument
	open     []open
	index    *idmap.Map            // order id → place in open
	held     []market.InstrumentID // instruments with a position
	doubts   int                   // open orders of unknown fate, those under a tombstone included
	tombs    int                   // those under a tombstone
	others   int                   // open orders of other people
	booked   booked
	gross    market.Lots  // sum of the worst positions
	result   market.Paise // of the day, before costs: cash plus positions at their marks
	doubtful market.Paise // what the orders in doubt would lose, were they filled
	stale    bool         // fills or doubts changed since the last mark
}

// holding is what is held of one instrument.
type holding struct {
	position    market.Units
	buys, sells market.Units    // open, in doubt included
	others      [2]market.Units // of these, other people's
	mark        market.Paise
	lots        market.Lots // the worst position, as counted in gross
	doubts      int32       // orders being reconciled
	held        int32       // place in held, +1
	halted      bool
}

// open is one order that may trade. Its prices at risk span every price it was
// ever given, since a change may or may not have been taken.
type open struct {
	id         order.ID
	strategy   order.StrategyID
	instrument market.InstrumentID
	side       market.Side
	low, high  market.Paise
	remaining  market.Units
	filled     market.Units
	value      market.Paise // of filled
	fate       fate
	until      market.Mono // end of a tombstone
}

// fate is what is known of an open order.
type fate uint8

const (
	known   fate = iota
	doubted      // it may or may not be at the venue
	buried       // given up as absent, and may yet surface
)

func fateOf(s order.State) fate {
	switch s {
	case order.Ambiguous, order.Reconciling, order.Absent, order.Unresolved:
		return doubted
	case order.ClosedAbsent:
		return buried
	}
	return known
}

func newExposure(u *market.Universe, room int) exposure {
	return exposure{
		universe: u, of: make([]holding, u.Len()+1),
		open: make([]open, 0, room), index: idmap.New(room), booked: newBooked(), held: make([]market.InstrumentID, 0, 64),
	}
}

// long and short are the position with every open buy, or sell, filled.
func (h *holding) long() market.Units  { return h.position + h.buys }
func (h *holding) short() market.Units { return h.position - h.sells }

// worst is the larger of the two, as a size.
func (h *holding) worst() market.Units { return max(abs(h.long()), abs(h.short())) }

func abs(u market.Units) market.Units { return max(u, -u) }

// cuts tells whether an order can only shrink the position: even if every open
// order of its side is filled first, it does not pass through zero.
func (h *holding) cuts(side market.Side, quantity market.Units) bool {
	switch side {
	case market.Sell:
		return h.short()-quantity >= 0
	case market.Buy:
		return h.long()+quantity <= 0
	}
	return false
}

// closes tells the same of a ticket; of one that flattens, only our own open
// orders are filled first.
func (h *holding) closes(t *order.Ticket, side market.Side, quantity market.Units) bool {
	if t.Class == order.Flatten {
		switch side {
		case market.Buy:
			quantity -= h.others[0]
		case market.Sell:
			quantity -= h.others[1]
		}
	}
	return h.cuts(side, quantity)
}

// add counts an order as open.
func (x *exposure) add(o open) {
	x.index.Put(uint64(o.id), int32(len(x.open)))
	x.open = append(x.open, o)
	if o.id >= Others {
		x.others++
	}
	x.count(&o, o.remaining)
}

// remove ends an open order.
func (x *exposure) remove(at int32) {
	o := x.open[at]
	x.count(&o, -o.remaining)
	if o.id >= Others {
		x.others--
	}
	x.settle(&o, known)
	x.index.Delete(uint64(o.id))
	last := int32(len(x.open) - 1)
	if at != last {
		x.open[at] = x.open[last]
		x.index.Put(uint64(x.open[at].id), at)
	}
	x.open = x.open[:last]
}

// count adds to what is open on the order's side.
func (x *exposure) count(o *open, quantity market.Units) {
	h := &x.of[o.instrument]
	at := 0
	if o.side == market.Buy {
		h.buys += quantity
	} else {
		h.sells += quantity
		at = 1
	}
	if o.id >= Others {
		h.others[at] += quantity
	}
	x.recount(o.instrument)
}

// settle changes what is known of an order.
func (x *exposure) settle(o *open, now fate) {
	if o.fate == now {
		return
	}
	x.tally(o, -1)
	o.fate = now
	x.tally(o, 1)
	x.stale = true
}

// tally counts an order of unknown fate in or out.
func (x *exposure) tally(o *open, n int) {
	switch o.fate {
	case doubted:
		x.of[o.instrument].doubts += int32(n)
		x.doubts += n
	case buried:
		x.tombs += n
		x.doubts += n
	}
}

// recount renews what the instrument adds to gross.
func (x *exposure) recount(id market.InstrumentID) {
	h := &x.of[id]
	lots := lotsOf(h.worst(), x.universe.Get(id).LotSize)
	x.gross += lots - h.lots
	h.lots = lots
}

// lotsOf counts begun lots.
func lotsOf(u, lotSize market.Units) market.Lots {
	if lotSize <= 0 {
		return market.Lots(u)
	}
	return market.Lots((u + lotSize - 1) / lotSize)
}

// fill books a trade of a quantity for a value in paise.
func (x *exposure) fill(id market.InstrumentID, side market.Side, quantity market.Units, value market.Paise) {
	h := &x.of[id]
	if h.mark == 0 {
		h.mark = value / market.Paise(quantity)
	}
	signed := side.Sign() * quantity
	h.position += signed
	x.result += h.mark.Times(signed) - value.Times(side.Sign())
	x.hold(id)
	x.recount(id)
	x.stale = true
}

// hold keeps the list of instruments that have a position.
func (x *exposure) hold(id market.InstrumentID) {
	h := &x.of[id]
	switch {
	case h.position != 0 && h.held == 0:
		x.held = append(x.held, id)
		h.held = int32(len(x.held))
	case h.position == 0 && h.held != 0:
		last := x.held[len(x.held)-1]
		x.held[h.held-1] = last
		x.of[last].held = h.held
		x.held = x.held[:len(x.held)-1]
		h.held = 0
	}
}

// apply follows an order's update.
func (x *exposure) apply(u *order.Update) {
	if u.Instrument == 0 || int(u.Instrument) >= len(x.of) || u.ID == 0 {
		return
	}
	at, counted := x.index.Get(uint64(u.ID))
	if !counted {
		x.late(u)
		if u.State.Terminal() || u.State == order.New {
			return
		}
		x.add(open{
			id: u.ID, strategy: u.Strategy, instrument: u.Instrument, side: u.Side, low: u.Price, high: u.Price,
			remaining: max(u.Quantity-u.Filled, 0), filled: u.Filled, value: valueOf(u),
		})
		at = int32(len(x.open) - 1)
	}
	o := &x.open[at]
	if u.Filled > o.filled {
		value := priceOf(u).Times(u.Filled - o.filled)
		if u.Value != 0 {
			value = u.Value - o.value
		}
		x.fill(o.instrument, o.side, u.Filled-o.filled, value)
		o.filled, o.value = u.Filled, o.value+value
	} else if u.Value != 0 && u.Filled == o.filled {
		x.correct(o.side, u.Value-o.value)
		o.value = u.Value
	}
	if u.Price > 0 {
		o.low, o.high = min(o.low, u.Price), max(o.high, u.Price)
	}
	// What is left follows from what was approved or last said, never below
	// zero; an update that does not carry a quantity changes nothing.
	if u.Quantity > 0 {
		left := max(u.Quantity-o.filled, 0)
		x.count(o, left-o.remaining)
		o.remaining = left
	}
	if u.State.Terminal() {
		if o.filled > 0 {
			x.booked.keep(o.id, o.value)
		}
		x.remove(at)
		return
	}
	now := fateOf(u.State)
	if now == buried && o.fate != buried {
		o.until = u.At.Mono.Add(tombstone)
	}
	x.settle(o, now)
}

// late books what is said of an order that was over, or that nobody knew: a
// fill that came late, or another price for what was booked.
func (x *exposure) late(u *order.Update) {
	before, kept := x.booked.get(u.ID)
	if u.FilledNow > 0 {
		value := priceOf(u).Times(u.FilledNow)
		if u.Value != 0 && (kept || u.Filled == u.FilledNow) {
			value = u.Value - before
		}
		x.fill(u.Instrument, u.Side, u.FilledNow, value)
	} else if kept && u.Value != 0 {
		x.correct(u.Side, u.Value-before)
	}
	if kept || u.FilledNow > 0 {
		x.booked.keep(u.ID, valueOf(u))
	}
}

// correct books that what was filled has cost so much more than it was said to.
func (x *exposure) correct(side market.Side, more market.Paise) {
	x.result -= more.Times(side.Sign())
}

// valueOf is the value of all that an order has filled.
func valueOf(u *order.Update) market.Paise {
	if u.Value != 0 {
		return u.Value
	}
	return u.Average.Times(u.Filled)
}

// priceOf is the price of an update's fill. One that is not known yet is taken
// at the limit, the worst the order allows.
func priceOf(u *order.Update) market.Paise {
	if u.FillPrice > 0 {
		return u.FillPrice
	}
	return u.Price
}

// bury ends tombstones whose time is over.
func (x *exposure) bury(now market.Mono) {
	for at := int32(len(x.open)) - 1; at >= 0 && x.tombs > 0; at-- {
		if o := &x.open[at]; o.fate == buried && now >= o.until {
			x.remove(at)
		}
	}
}

// remark values positions at what closing them would bring, and the orders in
// doubt at what they would lose. An instrument without a usable quote keeps
// its last mark.
func (x *exposure) remark(v *book.View, q *market.Quote) {
	for _, id := range x.held {
		if !v.Quote(id, q) {
			continue
		}
		h := &x.of[id]
		side := market.Sell
		if h.position < 0 {
			side = market.Buy
		}
		if mark := closing(q, side); mark > 0 {
			x.result += (mark - h.mark).Times(h.position)
			h.mark = mark
		}
	}
	x.doubtful = 0
	if x.doubts > 0 {
		for i := range x.open {
			if o := &x.open[i]; o.fate != known {
				mark := x.of[o.instrument].mark
				if v.Quote(o.instrument, q) {
					mark = closing(q, o.side.Opposite())
				}
				x.doubtful += o.losing(mark)
			}
		}
	}
	x.stale = false
}

// losing is what an open order would lose if it were filled at its worst price
// and closed at the mark. Without a mark a buy loses all it costs.
func (o *open) losing(mark market.Paise) market.Paise {
	if o.side == market.Buy {
		return max(o.high-mark, 0).Times(o.remaining)
	}
	return max(mark-o.low, 0).Times(o.remaining)
}

// closing is the price at which an order of the side would trade at once; the
// last price when nobody is there.
func closing(q *market.Quote, side market.Side) market.Paise {
	price := q.Bid
	if side == market.Buy {
		price = q.Ask
	}
	if price > 0 {
		return price
	}
	return q.Last
}
