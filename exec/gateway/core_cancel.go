package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/retry"
	"github.com/vayu-trading/vayu/exec/throttle"
)

const (
	cancelWait     = time.Second // for the notice, before the cancel is repeated; doubles
	cancelWaitMost = 30 * time.Second
	killWaitMost   = 4 * time.Second
	modifyTTL      = 2 * time.Second
	recheck        = time.Second
)

// wantGone asks for an order's end. It may be asked any number of times.
func (c *Core) wantGone(o *order.Order) {
	if o.CancelWanted || o.State == order.AdoptedLate {
		return
	}
	if effect := c.move(o, &order.Event{Move: order.CancelRequested}); !effect.Illegal {
		c.activate(c.job(o))
	}
}

// cancel sends a cancel for an order that should be gone and that the venue
// knows by an id; one without an id is cancelled on sight. It is repeated until
// the venue names a terminal status.
func (c *Core) cancel(j *job) {
	o, now := j.o, c.at.Mono
	if !o.CancelWanted || !o.State.Live() || o.VenueID.IsZero() || j.cancelSlot != 0 || j.heldAt != 0 {
		return
	}
	if now < j.cancelAt {
		c.wake(j.cancelAt)
		return
	}
	class := order.Cancel
	if c.level >= risk.CancelAll {
		class = order.Flatten
	}
	generation, ok := c.permit(SendCancel, class)
	if !ok {
		return
	}
	k, a := c.start(SendCancel, class, j, generation, j.cancelTries > 0)
	a.Attempt = j.cancelTries + 1
	j.cancelSlot = k.slot
	j.cancelTries = min(j.cancelTries+1, 100)
	k.attempt = a.Attempt
	c.keepCall(a)
}

// cancelled takes the end of a cancel. A yes is a receipt only: what ended the
// order is for the venue's notice or its lists to say.
func (c *Core) cancelled(j *job, k *flight, a *Answer) {
	if j.cancelSlot != k.slot {
		return // timed out before: it was taken into account then
	}
	j.cancelSlot = 0
	now := c.at.Mono
	wait, most := cancelWait<<min(j.cancelTries-1, 6), cancelWaitMost
	if c.level >= risk.CancelAll {
		most = killWaitMost
	}
	switch a.Verdict {
	case order.OK:
		c.look(j, now.Add(recheck))
	case order.NotSent, order.Auth:
		wait = c.config.Retry.Floor << min(j.cancelTries, 8)
	case order.Refused, order.RefusedPre:
		// It is over, or cannot be cancelled yet: a look tells which. To repeat
		// the cancel before would take the calls that the looks need.
		wait, most = cancelWaitMost, cancelWaitMost
		j.refusedAt, j.cancelSoon = now, now.Add(min(retry.Quick().Cap(int(min(j.cancelTries, 8))), killWaitMost))
		c.look(j, now.Add(c.config.Evidence))
	case order.ConfigFatal:
		wait = most // it goes on, but a venue that forbids us is not hammered
	default:
		wait = retry.Quick().Cap(int(min(j.cancelTries, 8)))
		c.look(j, now.Add(c.config.Evidence))
	}
	j.cancelAt = now.Add(min(wait, most))
	c.plan(min(wait, most))
}

// aliveAgain lets a cancel that was refused be repeated once a later read shows
// the order alive.
func (c *Core) aliveAgain(j *job, k *flight) {
	if k == nil || j.refusedAt == 0 || k.started <= j.refusedAt || !j.o.State.Live() {
		return
	}
	j.refusedAt, j.cancelAt = 0, min(j.cancelAt, j.cancelSoon)
	c.activate(j)
}

// look asks for the order's own detail.
func (c *Core) look(j *job, at market.Mono) {
	if j.o.VenueID.IsZero() || j.o.State.Terminal() {
		return
	}
	if j.detailAt == 0 || at < j.detailAt {
		j.detailAt = at
	}
	c.activate(j)
}

// readOrder reads one order's detail.
func (c *Core) readOrder(j *job) {
	if j.detailAt == 0 || j.detailSlot != 0 {
		return
	}
	if j.o.State.Terminal() {
		j.detailAt = 0
		return
	}
	if c.at.Mono < j.detailAt {
		c.wake(j.detailAt)
		return
	}
	generation, ok := c.permit(ReadOrder, order.Reconcile)
	if !ok {
		return
	}
	k, _ := c.start(ReadOrder, order.Reconcile, j, generation, false)
	j.detailSlot, j.detailAt = k.slot, 0
}

func (c *Core) orderRead(j *job, k *flight, a *Answer) {
	if j.detailSlot == k.slot {
		j.detailSlot = 0
	}
	for i := range a.Orders {
		if a.Orders[i].VenueID == k.venueID {
			c.report(&a.Orders[i], k)
		}
	}
	if a.Verdict != order.OK {
		// Nothing learnt. Ask again if anything still hangs on it.
		if j.modifyPrice != 0 || j.o.CancelWanted {
			c.look(j, c.at.Mono.Add(2*recheck))
		}
	}
}

// wantPrice asks for another limit price. While one modification is not
// confirmed the next waits; the last wish wins.
func (c *Core) wantPrice(o *order.Order, cmd *order.Command) {
	if o.State.Terminal() || o.CancelWanted || o.State == order.AdoptedLate || o.State == order.ClosedAbsent {
		c.explain(o, "modification refused: the order is over or about to be")
		return
	}
	ticket := o.Ticket
	ticket.TickAt, ticket.WokenAt, ticket.DecidedAt = cmd.Ticket.TickAt, cmd.Ticket.WokenAt, cmd.Ticket.DecidedAt
	c.tellLogin()
	c.config.Book.Pin(&c.view)
	approved, reason := c.gate.CheckModify(&ticket, cmd.Price, &c.view, c.at)
	if reason != risk.Pass {
		c.explain(o, reason.String())
		return
	}
	price := approved.Ticket().Price
	looks := o.Fingerprint()
	if looks.Price = price; c.leased(&looks) {
		c.explain(o, "modification refused: at that price it looks like an order that may still surface")
		return
	}
	c.move(o, &order.Event{Move: order.ModifyRequested, Price: price})
	j := c.job(o)
	j.modifyUntil, j.modifyTries = c.at.Mono.Add(modifyTTL), 0
	c.activate(j)
}

// explain repeats an order's state with a reason.
func (c *Core) explain(o *order.Order, why string) {
	u := o.Describe(&order.Effect{}, c.at)
	u.Reason = why
	c.out = append(c.out, Action{Kind: Emit, ID: u.ID, Update: u})
}

// modify sends the price that is wanted, one modification at a time.
func (c *Core) modify(j *job) {
	o, now := j.o, c.at.Mono
	if o.PriceWanted == 0 || j.modifyPrice != 0 || j.modifySlot != 0 || j.heldAt != 0 || !o.State.Live() || o.VenueID.IsZero() {
		return
	}
	if o.PriceWanted == o.Price {
		c.move(o, &order.Event{Move: order.ModifyRequested})
		return
	}
	if now >= j.modifyUntil || o.CancelWanted {
		c.dropPrice(j, "modification dropped: it could not be sent in time")
		return
	}
	c.wake(j.modifyUntil)
	if now < j.modifyAt {
		c.wake(j.modifyAt)
		return
	}
	if _, closed := c.writes.Allow(now); !closed || c.halted || c.level > risk.Armed {
		c.dropPrice(j, "modification dropped: nothing new leaves now")
		return
	}
	if c.limits.Ready(order.Entry, true, now) == throttle.Never {
		c.dropPrice(j, "modification dropped: the day's calls are used up")
		return
	}
	generation, ok := c.permit(SendModify, order.Entry)
	if !ok {
		return
	}
	k, a := c.start(SendModify, order.Entry, j, generation, j.modifyTries > 0)
	a.Ticket.Price = o.PriceWanted
	a.Attempt = j.modifyTries + 1
	a.SendBy = min(a.SendBy, j.modifyUntil)
	j.modifySlot, j.modifyPrice = k.slot, o.PriceWanted
	j.modifyTries++
	k.attempt = a.Attempt
	c.keepCall(a)
}

func (c *Core) dropPrice(j *job, why string) {
	c.move(j.o, &order.Event{Move: order.ModifyRequested})
	j.modifyPrice = 0
	c.explain(j.o, why)
}

// modified takes the end of a modification. Unless it provably did not reach
// the venue, only a notice or a read tells whether the price is in force; it is
// never sent again blindly.
func (c *Core) modified(j *job, k *flight, a *Answer) {
	if j.modifySlot != k.slot {
		return
	}
	now := c.at.Mono
	j.modifySlot, j.modifyDone = 0, now
	if j.o.State.Terminal() {
		j.modifyPrice = 0
		return
	}
	switch a.Verdict {
	case order.NotSent:
		if a.Sent == SentWhole {
			break
		}
		j.modifyPrice = 0
		delay := c.config.Retry.Delay(int(j.modifyTries)-1, c.rng)
		if a.Reused && j.modifyTries == 1 {
			delay = 0
		}
		if int(j.modifyTries) > c.config.Retry.MaxRetries || !c.budget.Allow(now) || retry.Hopeless(now, delay, c.calls.timing[1].trip(), j.modifyUntil) {
			c.dropPrice(j, "modification dropped: it could not be sent")
			return
		}
		j.modifyAt = now.Add(delay)
		c.plan(delay)
		return
	case order.Refused, order.RefusedPre:
		c.dropPrice(j, "modification refused by the venue")
		return
	case order.ConfigFatal:
		if a.Sent == SentNothing {
			c.dropPrice(j, "modification refused: this application must be set right first")
			return
		}
	case order.Throttle, order.ThrottleDay, order.Auth:
		if c.config.Lenient {
			j.modifyPrice = 0
			j.modifyAt = max(c.limits.Ready(order.Entry, true, now), now.Add(c.config.Retry.Floor))
			return
		}
	}
	if j.modifyPrice != 0 {
		c.look(j, now.Add(c.config.Evidence))
	}
}

// priceSeen settles a modification by what the venue shows. A read that shows
// the old price counts only if it began after the change had time to show.
func (c *Core) priceSeen(j *job, r *order.Report, k *flight) {
	switch {
	case j.o.State.Terminal():
		j.modifyPrice = 0
		return
	case j.modifyPrice == 0 || r.Limit == 0:
		return
	}
	switch {
	case r.Limit == j.modifyPrice:
		wanted := j.o.PriceWanted
		if wanted == j.modifyPrice {
			c.move(j.o, &order.Event{Move: order.ModifyRequested})
		} else {
			j.modifyUntil, j.modifyTries = c.at.Mono.Add(modifyTTL), 0
		}
		j.modifyPrice = 0
		c.dirty = true
	case k == nil || j.modifySlot != 0 || k.late:
	case k.started.Sub(j.modifyDone) >= c.config.Visibility:
		c.dropPrice(j, "the modification did not take")
	default:
		c.look(j, max(j.modifyDone.Add(c.config.Visibility), c.at.Mono.Add(recheck)))
	}
}
