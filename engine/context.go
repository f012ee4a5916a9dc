package engine

import (
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// Context is what a strategy sees and can do during one callback. It is owned
// by whoever steps the strategy.
type Context struct {
	loop      *Loop
	now       market.Stamp
	view      book.View
	changes   []market.InstrumentID
	conflated bool
	resynced  bool
}

// Now is the time of this callback: the commit's own when it came through the
// feed's goroutine or a replay, the clock's at the wake-up otherwise.
func (c *Context) Now() market.Stamp { return c.now }

// View is the book, pinned at one commit for the whole callback. Hot path.
func (c *Context) View() *book.View { return &c.view }

// Changes is the instruments that changed since the last OnMarket, each once;
// empty in other callbacks. It is valid within the call.
func (c *Context) Changes() []market.InstrumentID { return c.changes }

// Conflated tells whether this OnMarket stands for more than one commit with
// changes, so that states in between were not seen.
func (c *Context) Conflated() bool { return c.conflated }

// Resynced tells, in OnOrder, that updates were merged because the inbox was
// full: quantities are right, states in between were not seen.
func (c *Context) Resynced() bool { return c.resynced }

// Universe is the day's instruments.
func (c *Context) Universe() *market.Universe { return c.loop.host.book.Universe() }

// Layout finds chains and strikes.
func (c *Context) Layout() *book.Layout { return c.loop.host.book.Layout() }

// Feed is how far the feed can be trusted, as told to the strategy.
func (c *Context) Feed() market.FeedState {
	return market.FeedState(c.loop.feedSeen.Load() & feedStateMask)
}

// Session is what the venue login allows, as told to the strategy.
func (c *Context) Session() session.State { return session.State(c.loop.sessionSeen.Load()) }

// Day is the trading day's sessions; nil when the host was given none.
func (c *Context) Day() *calendar.Day { return c.loop.host.config.Day }

// Calendar is the market's rules by date; nil when the host was given none.
func (c *Context) Calendar() *calendar.Calendar { return c.loop.host.config.Calendar }

// Strategy is the strategy's number, as on its tickets and updates.
func (c *Context) Strategy() order.StrategyID { return c.loop.id }

// Place asks the desk to send a limit order and returns its id at once. The
// strategy fills Instrument, Side, Lots, Price, and if it wants TIF, Trigger
// and Signal; the rest is stamped here. Refusals come as updates. It returns
// zero, and nothing is sent, when the strategy is quarantined. Hot path.
func (c *Context) Place(t order.Ticket) order.ID {
	l := c.loop
	if l.Quarantined() {
		l.stats.refused.Add(1)
		return 0
	}
	t.ID, t.Class = 0, order.Entry
	c.stamp(&t)
	l.stats.placed.Add(1)
	return l.host.desk.Submit(order.Command{Kind: order.Place, Ticket: t})
}

// Modify asks for a new limit price of a resting order. Hot path.
func (c *Context) Modify(id order.ID, price market.Paise) {
	l := c.loop
	if l.Quarantined() {
		l.stats.refused.Add(1)
		return
	}
	t := order.Ticket{ID: id, Class: order.Entry}
	c.stamp(&t)
	l.stats.modified.Add(1)
	l.host.desk.Submit(order.Command{Kind: order.Modify, Ticket: t, Price: price})
}

// Cancel asks for an order to be cancelled; one that is done already is left
// alone. Hot path.
func (c *Context) Cancel(id order.ID) {
	t := order.Ticket{ID: id, Class: order.Cancel}
	c.stamp(&t)
	c.loop.stats.cancelled.Add(1)
	c.loop.host.desk.Submit(order.Command{Kind: order.CancelOne, Ticket: t})
}

// stamp notes whose ticket it is and when what led to it happened.
func (c *Context) stamp(t *order.Ticket) {
	l := c.loop
	t.Strategy = l.id
	t.TickAt = c.tickAt()
	t.WokenAt = c.now.Mono
	t.DecidedAt = c.now.Mono
	if l.host.clock != nil {
		t.DecidedAt = l.host.clock.Now().Mono
	}
	if t.TickAt != 0 {
		l.stats.latency.Record(int64(t.DecidedAt - t.TickAt))
	}
}

// tickAt is when the first change of this callback arrived; zero when no
// change of the market led here.
func (c *Context) tickAt() market.Mono {
	if len(c.changes) == 0 {
		return 0
	}
	l := c.loop
	if c.view.Quote(c.changes[0], &l.quote) && l.quote.Recv != 0 {
		return l.quote.Recv
	}
	return c.view.At().Mono
}

// TimerAt sets a timer to a market time; OnTimer is called at or after it. A
// timer of the same id is replaced. A time that has passed fires in the next
// step, never within this one.
func (c *Context) TimerAt(id TimerID, at market.UnixNano) { c.loop.setTimer(id, at) }

// TimerAfter sets a timer to a market time from now.
func (c *Context) TimerAfter(id TimerID, d time.Duration) { c.loop.setTimer(id, c.now.Market.Add(d)) }

// StopTimer takes a timer back.
func (c *Context) StopTimer(id TimerID) { c.loop.stopTimer(id) }

// Position is what this strategy holds of an instrument by the fills it has
// been told of, in signed units. Hot path.
func (c *Context) Position(id market.InstrumentID) market.Units { return c.loop.orders.position(id) }

// Order is the last update of one of this strategy's orders. It is false for
// an order that has had none yet, is of another strategy, or is so long done
// that it was forgotten. Hot path.
func (c *Context) Order(id order.ID) (order.Update, bool) { return c.loop.orders.get(id) }

// WorkingOrders appends the ids of this strategy's orders that are not done,
// oldest first.
func (c *Context) WorkingOrders(dst []order.ID) []order.ID { return c.loop.orders.working(dst) }

// Note tells the operator something. The text is written by another goroutine;
// when too many wait it is dropped and counted.
func (c *Context) Note(text string) { c.loop.host.note(c.loop.id, text, c.now) }
