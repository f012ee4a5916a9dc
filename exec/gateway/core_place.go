package gateway

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/retry"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// unrecorded is why an order is denied while the journal takes no records.
const unrecorded = "the journal takes no records"

// command takes what a strategy asks for.
func (c *Core) command(cmd *order.Command) {
	if cmd.Kind == order.Place {
		if o := c.slab.Get(cmd.Ticket.ID); o != nil || cmd.Ticket.ID == 0 {
			panic(fmt.Sprintf("gateway: order id %d was used twice or is zero", cmd.Ticket.ID))
		}
		ticket := cmd.Ticket
		if ticket.Strategy != 0 {
			ticket.Class = max(ticket.Class, order.Entry) // the reserves are not theirs
		}
		c.admit(&ticket)
		return
	}
	o := c.slab.Get(cmd.Ticket.ID)
	if o == nil || o.Ticket.Strategy != cmd.Ticket.Strategy && cmd.Ticket.Strategy != 0 {
		return // denied, or not theirs: there is nothing to act on
	}
	switch cmd.Kind {
	case order.CancelOne:
		c.wantGone(o)
	case order.Modify:
		c.wantPrice(o, cmd)
	}
}

// admit judges a ticket and, if it may leave, sends it at once.
func (c *Core) admit(t *order.Ticket) {
	in := c.config.Universe.Get(t.Instrument)
	if in.ID == 0 {
		c.deny(t, 0, "unknown instrument")
		return
	}
	quantity := t.Lots.Units(in.LotSize)
	if why := c.refuses(t, quantity); why != "" {
		c.deny(t, quantity, why)
		return
	}
	c.tellLogin()
	c.config.Book.Pin(&c.view)
	approved, reason := c.gate.Check(t, &c.view, c.at)
	if reason != risk.Pass {
		c.deny(t, quantity, reason.String())
		return
	}
	ticket := approved.Ticket()
	o := c.slab.Take(&ticket)
	if o == nil {
		c.deny(t, quantity, "no room for another order today")
		c.gate.Apply(&c.out[len(c.out)-1].Update)
		return
	}
	o.Quantity = quantity
	o.Remark = c.config.Tag.Remark(o.Ticket.ID)
	if t.Class != order.Flatten {
		o.Deadline = c.at.Mono.Add(c.config.EntryTTL)
	}
	j := c.job(o)
	*j = job{o: o}
	if !c.keepIntent(o) {
		c.deny(t, quantity, unrecorded)
		c.gate.Apply(&c.out[len(c.out)-1].Update)
		*j = job{}
		c.slab.Release(o)
		return
	}
	c.move(o, &order.Event{Move: order.Approve})
	first := !c.dirty && !c.queued()
	c.activate(j)
	if first {
		c.dirty = false
		c.place(j) // a permit is usually there: no need to look at everything else
	}
}

// queued tells whether an order waits to be sent: a new one must not overtake
// it.
func (c *Core) queued() bool {
	for _, i := range c.active {
		if c.jobs[i].o.State == order.Queued {
			return true
		}
	}
	return false
}

// refuses tells why a ticket may not even be judged by risk; empty when it may.
func (c *Core) refuses(t *order.Ticket, quantity market.Units) string {
	switch {
	case t.Class == order.Flatten:
		return ""
	case c.halted && !c.cuts(t.Instrument, t.Side, quantity):
		return "halted until a person has looked"
	case c.limits.DayShut():
		return "the day's calls are used up"
	}
	if _, closed := c.writes.Allow(c.at.Mono); !closed {
		return "breaker open"
	}
	if why := c.exposure[t.Instrument].blocked; why != "" && !c.cuts(t.Instrument, t.Side, quantity) {
		return why
	}
	return ""
}

// deny tells the strategy that a ticket was never an order.
func (c *Core) deny(t *order.Ticket, quantity market.Units, why string) {
	c.stats.Denied++
	c.out = append(c.out, Action{Kind: Emit, ID: t.ID, Update: order.Update{
		ID: t.ID, Strategy: t.Strategy, Instrument: t.Instrument, Side: t.Side, State: order.Denied,
		Price: t.Price, Quantity: quantity, Reason: why, At: c.at,
	}})
}

// place starts the next attempt of a queued order, if everything agrees.
func (c *Core) place(j *job) {
	o, now := j.o, c.at.Mono
	if o.State != order.Queued {
		return
	}
	if o.Deadline != 0 {
		if now >= o.Deadline {
			c.expire(o, "its time to be sent ran out")
			return
		}
		c.wake(o.Deadline)
	}
	if now < j.notBefore {
		c.wake(j.notBefore)
		return
	}
	if why, wait := c.holds(j); wait {
		return
	} else if why != "" {
		c.move(o, &order.Event{Move: order.Deny, Reason: why})
		c.stats.Denied++
		c.dirty = true
		return
	}
	ready := c.limits.Ready(o.Ticket.Class, true, now)
	if ready == throttle.Never || o.Deadline != 0 && ready >= o.Deadline {
		c.expire(o, "the venue's rate limits leave no room before its deadline")
		return
	}
	generation, ok := c.permit(SendPlace, o.Ticket.Class)
	if !ok {
		return
	}
	c.move(o, &order.Event{Move: order.Permit, Epoch: c.login.Epoch})
	j.clockless = clockless(c.jumped)
	k, a := c.start(SendPlace, o.Ticket.Class, j, generation, o.Attempts > 1)
	a.Attempt = o.Attempts
	if o.Deadline != 0 {
		a.SendBy = min(a.SendBy, o.Deadline)
	}
	j.placing = k.slot
	k.attempt = a.Attempt
	if !c.keepCall(a) {
		// It is not on record, so it must not leave: take the call back.
		c.out = c.out[:len(c.out)-1]
		c.limits.Refund(true, now)
		*k = flight{}
		c.calls.flying--
		c.calls.taken--
		j.placing = 0
		c.move(o, &order.Event{Move: order.AttemptNotSent})
		c.move(o, &order.Event{Move: order.Deny, Reason: unrecorded})
		c.dirty = true
	}
}

// holds tells whether a queued order must wait, or why it must not leave at
// all. It is asked again before every attempt.
func (c *Core) holds(j *job) (why string, wait bool) {
	o := j.o
	t := &o.Ticket
	if t.Class == order.Flatten {
		return "", !c.mayTry()
	}
	if c.limits.DayShut() {
		return "the day's calls are used up", false
	}
	// An open breaker is a definite no, not a wait.
	if _, closed := c.writes.Allow(c.at.Mono); !closed {
		return "breaker open", false
	}
	ending := c.login.State == session.Reducing || c.at.Wall >= c.login.EntriesUntil
	adds := -1 // not yet known
	shrinks := func() bool {
		if adds < 0 {
			adds = 1
			if c.cuts(t.Instrument, t.Side, 0) { // its own quantity is among the open ones
				adds = 0
			}
		}
		return adds == 0
	}
	switch {
	case !c.mayCall(), !c.sync.done && !(c.sync.based && c.sync.positionsOK && shrinks()):
		// A gap holds back what adds; an exit counts every open order of its side
		// as filled, so whatever the gap hid of our own, it cannot turn the
		// position. After a restart the positions must have been seen first: while
		// the engine was down anybody may have closed them.
		return "", true
	case c.halted && !shrinks():
		return "halted until a person has looked", false
	case c.level >= risk.CancelAll:
		return "kill level", false
	case c.level == risk.Reducing && !shrinks():
		return "only what cuts exposure may leave", false
	case ending && !shrinks():
		return "the session ends", false
	case c.exposure[t.Instrument].blocked != "" && !shrinks():
		return c.exposure[t.Instrument].blocked, false
	}
	mine := o.Fingerprint()
	for _, i := range c.active {
		other := c.jobs[i].o
		if other == o || other.Ticket.Instrument != t.Instrument {
			continue
		}
		if other.State.InDoubt() && !shrinks() {
			return "the instrument is being reconciled", false
		}
		if (other.State == order.Sending || other.State.InDoubt() || c.jobs[i].waits()) && other.Fingerprint() == mine {
			return "", true // the two could not be told apart at the venue
		}
	}
	if c.leased(&mine) {
		return "looks like an order that may still surface: change price or quantity", false
	}
	return "", false
}

// leased tells whether an order that was given up looks the same: until the end
// of the day the two could not be told apart, should it surface.
func (c *Core) leased(f *order.Fingerprint) bool {
	for _, i := range c.tombs {
		if other := c.jobs[i].o; other.State == order.ClosedAbsent && other.Fingerprint() == *f {
			return true
		}
	}
	return false
}

func (c *Core) expire(o *order.Order, why string) {
	c.move(o, &order.Event{Move: order.DeadlinePassed, Reason: why})
	c.dirty = true
}

// placed judges the end of an attempt to place.
func (c *Core) placed(j *job, k *flight, a *Answer) {
	o := j.o
	if j.placing == k.slot {
		j.placing = 0
	}
	move := order.AttemptUnknown
	switch a.Verdict {
	case order.OK:
		if !a.VenueID.IsZero() {
			move = order.AttemptAcked
		}
	case order.Refused, order.RefusedPre:
		move = order.AttemptRefused
	case order.ConfigFatal:
		// A forbidding page halts us, but proves nothing about an order that
		// was sent: it may come from anywhere on the way back.
		if a.Sent == SentNothing {
			move = order.AttemptRefused
		}
	case order.NotSent:
		if a.Sent != SentWhole {
			move = order.AttemptNotSent
		}
	case order.Throttle, order.ThrottleDay, order.Auth:
		if c.config.Lenient && !k.late {
			move = order.AttemptTurned
		}
	}
	if move == order.AttemptAcked && c.misnamed(o, a.VenueID) {
		move = order.AttemptUnknown
	}
	doubtful := o.State == order.Sending && move == order.AttemptUnknown
	late := o.State == order.ClosedAbsent
	c.move(o, &order.Event{Move: move, VenueID: a.VenueID, Reason: a.Reason})
	switch {
	case doubtful:
		c.stats.Ambiguous++
	case move == order.AttemptAcked:
		c.bind(o)
	}
	if late && o.State == order.AdoptedLate {
		c.adopted(o)
	}
	if o.State == order.Queued {
		c.again(j, a)
	}
	c.activate(j)
}

// misnamed tells whether the venue's id belongs to another order, or the order
// to another id: one of the two answers is wrong, and a person must find out
// which.
func (c *Core) misnamed(o *order.Order, id order.VenueID) bool {
	other := c.slab.ByVenue(id)
	if other == o || other == nil && o.VenueID.IsZero() {
		return false
	}
	c.misnames(o, "the venue named two orders alike, or one twice")
	return true
}

// misnames stops an instrument: the ids that everything else stands on are not
// to be trusted there.
func (c *Core) misnames(o *order.Order, why string) {
	c.block(o.Ticket.Instrument, why)
	c.alarm(o.Ticket.ID, why)
}

// again schedules the next attempt of an order that provably did not reach the
// venue, or ends it.
func (c *Core) again(j *job, a *Answer) {
	o, now := j.o, c.at.Mono
	if o.CancelWanted {
		c.move(o, &order.Event{Move: order.CancelRequested})
		return
	}
	switch {
	case a.Verdict == order.Auth && j.resigned:
		c.giveUp(o, "the venue refused two sessions")
		return
	case int(o.Attempts) > c.config.Retry.MaxRetries:
		c.giveUp(o, "not sent, and no retries are left")
		return
	case !c.budget.Allow(now):
		c.giveUp(o, "not sent, and the retry budget is used up")
		return
	}
	delay := c.config.Retry.Delay(int(o.Attempts)-1, c.rng)
	switch a.Verdict {
	case order.Auth:
		j.resigned = true
		delay = 0
	case order.Throttle:
		delay = max(c.limits.Ready(o.Ticket.Class, true, now).Sub(now), retry.After(a.RetryAfter, c.rng))
	case order.NotSent:
		if a.Reused && !j.redialed {
			j.redialed = true
			delay = 0
		}
	}
	if retry.Hopeless(now, delay, c.calls.timing[1].trip(), o.Deadline) {
		c.expire(o, "no time to try again")
		return
	}
	j.notBefore = now.Add(delay)
	c.plan(delay)
}

func (c *Core) giveUp(o *order.Order, why string) {
	c.stats.Denied++
	c.move(o, &order.Event{Move: order.Deny, Reason: why})
}
