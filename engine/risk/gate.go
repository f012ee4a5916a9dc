package risk

import (
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
	"github.com/vayu-trading/vayu/engine/order"
)

// Approved is a ticket that passed Check. Only this package can fill one, and
// a gateway takes nothing else, so no ticket skips risk.
type Approved struct{ ticket order.Ticket }

// Ticket is the ticket that passed; the empty ticket of an Approved that
// nobody approved.
func (a Approved) Ticket() order.Ticket { return a.ticket }

// Gate is the account's gatekeeper. The order core owns it: Check,
// CheckModify, Apply, Mark and the setters of positions are called by one
// goroutine at a time. Level, Raise, Lower and the setters of what surrounds
// trading may be called by anyone.
type Gate struct {
	// Owned by the order core.
	limits     Limits
	valid      bool
	x          exposure
	strategies []*conduct // by strategy
	quote      market.Quote
	last       Refusal
	costs      market.Paise
	markedAt   market.Mono

	// Set by anyone, read by the order core.
	kill   kill
	opens  atomic.Int64 // market time
	closes atomic.Int64
	cutoff atomic.Int64
	today  atomic.Int32 // the date of opens
	feed   atomic.Uint32
	login  atomic.Bool

	// Written by the order core, read by anyone.
	refusals [Reasons]metrics.Counter
	result   atomic.Int64
}

// markAge is how old the valuation of positions may be when an entry is
// judged.
const markAge = 250 * time.Millisecond

// NewGate makes a gate at level Armed. It refuses everything until the limits
// are valid and it has been told of trading hours, a login and a live feed.
func NewGate(l Limits, u *market.Universe) *Gate {
	g := &Gate{limits: l, valid: l.Validate() == nil}
	g.x = newExposure(u, max(2*l.OpenOrders, 16))
	return g
}

// SetSession tells the trading hours of options on the market clock. Entries
// stop at the close unless SetEntryCutoff says earlier.
func (g *Gate) SetSession(open, closes market.UnixNano) {
	g.today.Store(int32(open.Date()))
	g.opens.Store(int64(open))
	g.closes.Store(int64(closes))
}

// SetEntryCutoff tells from when on, on the market clock, only orders that cut
// exposure may leave. Zero: from the close on.
func (g *Gate) SetEntryCutoff(at market.UnixNano) { g.cutoff.Store(int64(at)) }

// SetFeed tells how far quotes can be trusted.
func (g *Gate) SetFeed(s market.FeedState) { g.feed.Store(uint32(s)) }

// SetSessionOK tells whether the venue login allows entries.
func (g *Gate) SetSessionOK(ok bool) { g.login.Store(ok) }

// Level is the kill level in force.
func (g *Gate) Level() Level { l, _ := g.kill.get(); return l }

// Cause is what set the kill level; empty at the start.
func (g *Gate) Cause() string { _, why := g.kill.get(); return why }

// Raise raises the kill level; one that is lower or equal changes nothing.
func (g *Gate) Raise(l Level, why string) { g.kill.raise(l, why) }

// Lower lowers the kill level on an operator's word, whose name is kept.
func (g *Gate) Lower(l Level, operator string) error { return g.kill.lower(l, operator) }

// Halt stops entries in one instrument, or lets them go on.
func (g *Gate) Halt(id market.InstrumentID, halted bool) {
	if int(id) < len(g.x.of) {
		g.x.of[id].halted = halted
	}
}

// SetPosition tells what the account holds of an instrument, as at start-up
// when a position was carried over, and the price it is counted from. It
// replaces what fills said.
func (g *Gate) SetPosition(id market.InstrumentID, position market.Units, mark market.Paise) {
	if id == 0 || int(id) >= len(g.x.of) {
		return
	}
	h := &g.x.of[id]
	g.x.result += (mark - h.mark).Times(h.position) // what was held is worth the new mark
	h.position, h.mark = position, mark
	g.x.hold(id)
	g.x.recount(id)
	g.x.stale = true
}

// Reprice tells that what SetPosition counted of a trade on a side cost so many
// paise more than its price said.
func (g *Gate) Reprice(side market.Side, more market.Paise) {
	g.x.correct(side, more)
	g.x.stale = true
}

// SetCosts tells the day's charges so far, which count as a loss.
func (g *Gate) SetCosts(costs market.Paise) { g.costs = costs }

// Apply follows what became of an order. Orders count from Check on; one that
// Check has not seen, as after a restart, counts from its first update on.
func (g *Gate) Apply(u *order.Update) { g.x.apply(u) }

// Mark values positions at the view and raises the kill level when the day's
// loss calls for it. Check does so by itself when an entry is judged; the owner
// calls it between, several times a second, so that a loss is seen without an
// order.
func (g *Gate) Mark(v *book.View, now market.Stamp) {
	g.x.bury(now.Mono)
	g.x.remark(v, &g.quote)
	g.markedAt = now.Mono
	loss := g.loss()
	g.result.Store(int64(-loss))
	switch {
	case !g.valid:
	case loss >= g.limits.FlattenLoss:
		g.kill.raise(FlattenAll, "the day's loss passed FlattenLoss")
	case loss >= g.limits.DayLoss:
		g.kill.raise(Reducing, "the day's loss passed DayLoss")
	}
}

// loss is the day's loss at worst; negative is a gain.
func (g *Gate) loss() market.Paise { return g.x.doubtful + g.costs - g.x.result }

// Result is the day's result at worst, costs included, at the last Mark.
// Anyone may ask.
func (g *Gate) Result() market.Paise { return market.Paise(g.result.Load()) }

// Refusals counts the refusals for a reason. Anyone may ask.
func (g *Gate) Refusals(r Reason) uint64 {
	if int(r) >= Reasons {
		return 0
	}
	return g.refusals[r].Load()
}

// Last is the last refusal with its numbers.
func (g *Gate) Last() Refusal { return g.last }

// Exposure is what the account holds, and could come to hold, of one
// instrument.
type Exposure struct {
	Position    market.Units // from fills, signed
	Long, Short market.Units // with every open buy, or sell, filled
	InDoubt     int          // orders whose fate is unknown
	Halted      bool
}

// Exposure is the exposure in one instrument.
func (g *Gate) Exposure(id market.InstrumentID) Exposure {
	if int(id) >= len(g.x.of) {
		return Exposure{}
	}
	h := &g.x.of[id]
	return Exposure{Position: h.position, Long: h.long(), Short: h.short(), InDoubt: int(h.doubts), Halted: h.halted}
}

// OpenOrders counts the orders that may trade, those in doubt included.
func (g *Gate) OpenOrders() int { return len(g.x.open) }
