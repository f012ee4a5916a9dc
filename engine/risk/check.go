package risk

import (
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Check judges a ticket. With Pass it may leave and counts as open from now
// on, until Apply says that it is over: also when it is not sent after all. It
// looks at the book through v, whatever commit that is pinned at. The checks
// come in a fixed order; the first that fails is the reason, and Last has its
// numbers. Hot path: see TestCheckAllocs.
func (g *Gate) Check(t *order.Ticket, v *book.View, now market.Stamp) (Approved, Reason) {
	if !g.valid {
		return g.refuse(t, LimitsUnset, 0, 0)
	}
	if g.x.tombs > 0 {
		g.x.bury(now.Mono)
	}
	in := g.x.universe.Get(t.Instrument)
	h := &g.x.of[in.ID]
	sized := t.Lots > 0 && t.Lots <= maxOrderLots // what is not may not be multiplied
	quantity := market.Units(0)
	if sized {
		quantity = t.Lots.Units(in.LotSize)
	}
	cuts := quantity > 0 && h.closes(t, t.Side, quantity)

	if level := g.Level(); level != Armed && forbids(level, t.Class, cuts) {
		return g.refuse(t, LevelForbids, int64(level), int64(Armed))
	}
	switch {
	case in.Kind != market.Option && in.Kind != market.Future || in.LotSize <= 0:
		return g.refuse(t, InstrumentWrong, int64(t.Instrument), 0)
	case t.Side != market.Buy && t.Side != market.Sell:
		return g.refuse(t, SideWrong, 0, 0)
	case !sized:
		return g.refuse(t, LotsWrong, int64(t.Lots), maxOrderLots)
	}
	if got, limit, reason := g.state(cuts, h, in, now.Market); reason != Pass {
		return g.refuse(t, reason, got, limit)
	}
	if got, limit, reason := g.price(t, cuts, in, quantity, v, now.Mono); reason != Pass {
		return g.refuse(t, reason, got, limit)
	}
	if got, limit, reason := g.size(t, cuts, h, in, quantity, v, now); reason != Pass {
		return g.refuse(t, reason, got, limit)
	}
	if other := g.crossed(t.ID, t.Instrument, t.Side, t.Price, t.Class == order.Flatten); other != nil {
		a, r := g.refuse(t, SelfCross, int64(t.Price), int64(other.low))
		g.last.First = other.id
		return a, r
	}
	c := g.conduct(t.Strategy)
	if t.ID == 0 {
		return g.refuse(t, IDWrong, 0, 0)
	}
	if _, taken := g.x.index.Get(uint64(t.ID)); taken {
		return g.refuse(t, IDWrong, int64(t.ID), 0)
	}
	if at, repeated := c.seen.Get(t.Signal); repeated {
		a, r := g.refuse(t, SignalRepeated, 0, 0)
		g.last.First = c.firsts[at].id
		return a, r
	}
	if t.Class != order.Flatten {
		if n := c.repeats(t, now.Mono, g.limits.RepeatWindow); n >= g.limits.Repeats && !cuts {
			return g.misconduct(c, t, OrderRepeated, int64(n), int64(g.limits.Repeats), now)
		}
		if reason, limit := g.rate(c, now.Mono); reason != Pass {
			return g.misconduct(c, t, reason, limit, limit, now)
		}
		c.second.add(now.Mono)
		c.minute.add(now.Mono)
	}
	c.remember(t, now.Mono)
	g.x.add(open{
		id: t.ID, strategy: t.Strategy, instrument: t.Instrument, side: t.Side,
		low: t.Price, high: t.Price, remaining: quantity,
	})
	return Approved{*t}, Pass
}

// CheckModify judges a new limit price of an open order of the strategy. With
// Pass the Approved has the order's ticket at the new price, with its stamps
// and id as in t, which names the order by ID. Both prices count from then on.
func (g *Gate) CheckModify(t *order.Ticket, price market.Paise, v *book.View, now market.Stamp) (Approved, Reason) {
	if !g.valid {
		return g.refuse(t, LimitsUnset, 0, 0)
	}
	at, known := g.x.index.Get(uint64(t.ID))
	if !known || g.x.open[at].strategy != t.Strategy {
		return g.refuse(t, OrderUnknown, 0, 0)
	}
	o := &g.x.open[at]
	in, h := g.x.universe.Get(o.instrument), &g.x.of[o.instrument]
	changed := *t
	changed.Instrument, changed.Side, changed.Price = o.instrument, o.side, price
	changed.Lots = lotsOf(o.remaining, in.LotSize)
	cuts := h.closes(t, o.side, 0) // its own quantity is among the open ones
	if level := g.Level(); level != Armed && forbids(level, t.Class, cuts) {
		return g.refuse(&changed, LevelForbids, int64(level), int64(Armed))
	}
	if got, limit, reason := g.state(cuts, h, in, now.Market); reason != Pass {
		return g.refuse(&changed, reason, got, limit)
	}
	if got, limit, reason := g.price(&changed, cuts, in, o.remaining, v, now.Mono); reason != Pass {
		return g.refuse(&changed, reason, got, limit)
	}
	if notional := price.Times(o.remaining); !cuts && notional > g.limits.OrderNotional {
		return g.refuse(&changed, NotionalExceeded, int64(notional), int64(g.limits.OrderNotional))
	}
	slip := open{side: o.side, low: price, high: price, remaining: o.remaining}.slip(&g.quote)
	if loss := g.loss() + slip; !cuts && loss >= g.limits.DayLoss {
		return g.refuse(&changed, LossExceeded, int64(loss), int64(g.limits.DayLoss))
	}
	if other := g.crossed(o.id, o.instrument, o.side, price, t.Class == order.Flatten); other != nil {
		a, r := g.refuse(&changed, SelfCross, int64(price), int64(other.low))
		g.last.First = other.id
		return a, r
	}
	if t.Class != order.Flatten {
		c := g.conduct(t.Strategy)
		if reason, limit := g.rate(c, now.Mono); reason != Pass {
			return g.misconduct(c, &changed, reason, limit, limit, now)
		}
		c.second.add(now.Mono)
		c.minute.add(now.Mono)
	}
	o.low, o.high = min(o.low, price), max(o.high, price)
	return Approved{changed}, Pass
}

// forbids tells whether a kill level keeps an order back.
func forbids(level Level, class order.Class, cuts bool) bool {
	switch level {
	case Armed:
		return false
	case Reducing:
		return !cuts
	case CancelAll, FlattenAll:
		return !cuts || class != order.Flatten
	}
	return true
}

// state is the first part of the checks: instrument, hours, login and feed.
func (g *Gate) state(cuts bool, h *holding, in *market.Instrument, now market.UnixNano) (got, limit int64, reason Reason) {
	switch {
	case in.Expiry != 0 && int32(in.Expiry) < g.today.Load():
		return int64(in.Expiry), int64(g.today.Load()), InstrumentOver
	case int64(now) < g.opens.Load() || int64(now) >= g.closes.Load():
		return 0, 0, OutsideHours
	case cuts:
		return 0, 0, Pass
	case h.halted:
		return 0, 0, InstrumentHalted
	case h.doubts > 0:
		return int64(h.doubts), 0, InstrumentDoubt
	case g.cutoff.Load() != 0 && int64(now) >= g.cutoff.Load():
		return 0, 0, EntriesClosed
	case !g.login.Load():
		return 0, 0, SessionDown
	}
	if feed := market.FeedState(g.feed.Load()); feed == market.FeedDown || feed == market.FeedStale {
		return 0, 0, FeedDown
	}
	return 0, 0, Pass
}

// price is the second part: the quote, then the ticket's own numbers, then the
// collar. The quote stays in g.quote.
func (g *Gate) price(t *order.Ticket, cuts bool, in *market.Instrument, quantity market.Units, v *book.View, now market.Mono) (got, limit int64, reason Reason) {
	q := &g.quote
	if !v.Quote(t.Instrument, q) {
		return 0, 0, QuoteMissing
	}
	age := now - q.Recv
	if !cuts && age > market.Mono(g.limits.QuoteAge) {
		return int64(age), int64(g.limits.QuoteAge), QuoteStale
	}
	if !cuts && !q.TwoSided() {
		return int64(q.Bid), int64(q.Ask), QuoteCrossed
	}
	if in.Freeze > 0 && quantity > in.Freeze {
		return int64(quantity), int64(in.Freeze), FreezeExceeded
	}
	if !cuts && t.Lots > g.limits.OrderLots {
		return int64(t.Lots), int64(g.limits.OrderLots), LotsWrong
	}
	if t.Price <= 0 || t.Price > maxPrice || t.Trigger < 0 || t.Trigger > maxPrice {
		return int64(t.Price), int64(maxPrice), PriceWrong
	}
	if !t.Price.OnTick(in.TickSize) || !t.Trigger.OnTick(in.TickSize) {
		return int64(t.Price), int64(in.TickSize), OffTick
	}
	low, high := q.BandLow, q.BandHigh
	if high <= 0 {
		low, high = in.BandLow, in.BandHigh
	}
	if high > 0 && (t.Price < low || t.Price > high || t.Trigger != 0 && (t.Trigger < low || t.Trigger > high)) {
		return int64(t.Price), int64(high), OffBand
	}
	reference, ok := reference(t, q)
	if !ok {
		return 0, 0, QuoteMissing
	}
	if t.Trigger != 0 && (t.Price-t.Trigger)*market.Paise(t.Side.Sign()) < 0 {
		return int64(t.Price), int64(t.Trigger), TriggerWrong
	}
	distance := min(reference*market.Paise(g.limits.CollarShare)/10_000, g.limits.CollarPoints)
	if reference < g.limits.CheapBelow {
		distance = min(distance, g.limits.CheapPoints)
	}
	distance = max(distance, in.TickSize)
	if beyond := (t.Price - reference) * market.Paise(t.Side.Sign()); beyond > distance {
		return int64(t.Price), int64(reference + distance*market.Paise(t.Side.Sign())), CollarExceeded
	}
	return 0, 0, Pass
}

// reference is the price a ticket is measured against: its trigger, the middle
// of the quote, or, for cuts on a quote that has none, what there is.
func reference(t *order.Ticket, q *market.Quote) (market.Paise, bool) {
	if t.Trigger > 0 {
		return t.Trigger, true
	}
	if mid, ok := q.Mid(); ok {
		return mid, true
	}
	if price := closing(q, t.Side); price > 0 {
		return price, true
	}
	price := closing(q, t.Side.Opposite())
	return price, price > 0
}

// size is the third part: notional, open orders, positions and loss, all at
// worst.
func (g *Gate) size(t *order.Ticket, cuts bool, h *holding, in *market.Instrument, quantity market.Units, v *book.View, now market.Stamp) (got, limit int64, reason Reason) {
	l := &g.limits
	if cuts {
		if n := len(g.x.open) - g.x.others; n >= 2*l.OpenOrders {
			return int64(n), int64(2 * l.OpenOrders), TooManyOpen
		}
		return 0, 0, Pass
	}
	if notional := t.Price.Times(quantity); notional > l.OrderNotional {
		return int64(notional), int64(l.OrderNotional), NotionalExceeded
	}
	if n := len(g.x.open); n >= l.OpenOrders {
		return int64(n), int64(l.OpenOrders), TooManyOpen
	}
	worst := h.long() + quantity
	if t.Side == market.Sell {
		worst = -(h.short() - quantity)
	}
	if most := l.PositionLots.Units(in.LotSize); worst > most {
		return int64(worst), int64(most), PositionExceeded
	}
	if gross := g.x.gross - h.lots + lotsOf(max(worst, h.worst()), in.LotSize); gross > l.GrossLots {
		return int64(gross), int64(l.GrossLots), GrossExceeded
	}
	slip := (open{side: t.Side, low: t.Price, high: t.Price, remaining: quantity}).slip(&g.quote)
	if g.x.stale || now.Mono.Sub(g.markedAt) > markAge {
		g.Mark(v, now) // replaces g.quote
	}
	if loss := g.loss() + slip; loss >= l.DayLoss {
		return int64(loss), int64(l.DayLoss), LossExceeded
	}
	return 0, 0, Pass
}

// slip is what an order would lose if it were filled and closed at once.
func (o open) slip(q *market.Quote) market.Paise { return o.losing(closing(q, o.side.Opposite())) }

// crossed is an own order that one at the price would trade with; nil when
// there is none. An order in doubt counts as resting, but does not stop the one that
// flattens: it may never have been placed. Nor does one of [Others].
func (g *Gate) crossed(self order.ID, id market.InstrumentID, side market.Side, price market.Paise, flattens bool) *open {
	for i := range g.x.open {
		o := &g.x.open[i]
		if o.instrument != id || o.side == side || o.id == self || o.remaining == 0 || flattens && (o.fate != known || o.id >= Others) {
			continue
		}
		if side == market.Buy && price >= o.low || side == market.Sell && price <= o.high {
			return o
		}
	}
	return nil
}

// rate tells whether one more message of a strategy is too many.
func (g *Gate) rate(c *conduct, now market.Mono) (Reason, int64) {
	if c.second.full(now) {
		return RateExceeded, int64(g.limits.PerSecond)
	}
	if c.minute.full(now) {
		return RateExceeded, int64(g.limits.PerMinute)
	}
	return Pass, 0
}

// misconduct refuses a ticket and raises the level when a strategy runs away.
func (g *Gate) misconduct(c *conduct, t *order.Ticket, r Reason, got, limit int64, now market.Stamp) (Approved, Reason) {
	if c.strike(now.Mono, g.limits.Runaway) {
		g.kill.raise(Reducing, "a strategy runs away")
	}
	return g.refuse(t, r, got, limit)
}

// refuse counts a refusal and keeps its numbers.
func (g *Gate) refuse(t *order.Ticket, r Reason, got, limit int64) (Approved, Reason) {
	g.refusals[r].Add(1)
	g.last = Refusal{Reason: r, ID: t.ID, Strategy: t.Strategy, Instrument: t.Instrument, Got: got, Limit: limit}
	return Approved{}, r
}
