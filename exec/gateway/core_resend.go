package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// fenceOf is how long after an attempt the absence of its order begins to
// count: longer for an order that may then be sent again.
func (c *Core) fenceOf(o *order.Order) time.Duration {
	if c.renewable(o, o.Sent.Mono.Add(c.config.HardFence)) {
		return max(c.config.Fence, c.config.HardFence)
	}
	return c.config.Fence
}

// renewable tells whether an order may at all be sent again at the instant. One
// that a restart brought back never is: it has lost its deadline, and only the
// wall clock, which may have been set, tells how old its last attempt is. Nor is
// one where the venue does not give our texts back: what surfaces late could be
// taken for what was sent again.
func (c *Core) renewable(o *order.Order, at market.Mono) bool {
	return c.config.HardFence > 0 && c.remarks == RemarksEchoed && o.ApprovedAt != 0 && !o.CancelWanted &&
		int(o.Attempts) <= c.config.Retry.MaxRetries &&
		(o.Deadline == 0 && o.Ticket.Class == order.Flatten || at < o.Deadline)
}

// resend puts an absent order back into the queue, under the same remark, if
// the venue cannot take its last attempt any more and time, risk and position
// still want it. Without a hard fence nothing is ever sent again.
func (c *Core) resend(o *order.Order) bool {
	j, now := c.job(o), c.at.Mono
	if !c.renewable(o, now) || o.AbsentAt.Sub(o.Sent.Mono) < c.config.HardFence || c.answerable(o) || !c.budget.Allow(now) {
		return false
	}
	if o.Ticket.Class == order.Flatten && !c.cuts(o.Ticket.Instrument, o.Ticket.Side, 0) {
		return false // what it was to close is closed
	}
	if why, _ := c.holds(j); why != "" {
		return false
	}
	j.resent, j.notBefore = true, 0
	c.move(o, &order.Event{Move: order.Resend})
	c.tellLogin()
	c.config.Book.Pin(&c.view)
	if _, reason := c.gate.CheckModify(&o.Ticket, o.Ticket.Price, &c.view, c.at); reason != risk.Pass {
		c.move(o, &order.Event{Move: order.CloseAbsent, Reason: reason.String()})
	} else {
		c.stats.Resent++
	}
	c.activate(j)
	return true
}

// answerable tells whether an attempt to place the order may still be answered.
// Its answer would be taken for that of the next.
func (c *Core) answerable(o *order.Order) bool {
	for i := range c.calls.list {
		if k := &c.calls.list[i]; k.slot != 0 && k.kind == SendPlace && int(k.job) == o.Slot() {
			return true
		}
	}
	return false
}

// waits tells whether a resent order is in the queue. It keeps its fingerprint
// for itself as it did in doubt.
func (j *job) waits() bool { return j.resent && j.o.State == order.Queued }

// unsend turns the end of a resent order that waits in the queue into what it
// was before: closed as absent. It was in doubt once, so it stays under watch.
func (c *Core) unsend(o *order.Order, e *order.Event) {
	if !c.job(o).waits() {
		return
	}
	switch e.Move {
	case order.Deny, order.DeadlinePassed, order.CancelRequested:
		e.Move = order.CloseAbsent
	}
}
