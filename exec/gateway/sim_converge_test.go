package gateway

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/breaker"
)

const (
	mostWaiting = 40 * minute // until gates, breakers and the session are open again; a day that was said to be over is tried every five
	fence       = 15 * second
	converging  = fence + 30*second
)

// heal ends every fault. What was on its way still arrives.
func (s *simWorld) heal() {
	s.healed = true
	s.killIn, s.disk.killIn = 0, 0
	s.disk.full, s.net.out, s.mute, s.clock.off = false, false, false, 0
	if s.say != nil {
		s.say("%v healed", s.now)
		if s.up {
			s.say("%v level %v, halted %v, breakers %v %v, quota %+v", s.now, s.gate.Level(), s.core.halted,
				s.core.writes.State(), s.core.reads.State(), s.core.limits.Left(s.clock.mono(s.now)))
		}
	}
	if s.up && s.core.sync.stream != market.FeedLive {
		s.postOwn(streamComes, 100*ms, 0)
	}
}

// open tells whether nothing of the faults' aftermath holds calls back any
// more: what the rules themselves make wait (a breaker's rest of up to a
// minute, a throttle's, the minute's log, a login) is not part of converging.
func (s *simWorld) open() bool {
	if !s.up {
		return false
	}
	c, now := s.core, s.clock.mono(s.now)
	return c.mayCall() && s.login.good(s.login.held, s.now) && c.reads.State() == breaker.Closed && c.writes.State() == breaker.Closed &&
		!c.halted && !c.limits.DayShut() && c.limits.Ready(order.Reconcile, false, now) <= now
}

// converge asserts that all is settled a fence and thirty seconds after the
// world has healed. Invariants 13, 15 and 19.
func (s *simWorld) converge() {
	began := s.now
	for !s.open() {
		if s.now-began > mostWaiting {
			s.fail("still shut %v after healing: up %v, session %v, breakers %v %v, halted %v, %+v", s.now-began, s.up, s.login.state,
				s.core.writes.State(), s.core.reads.State(), s.core.halted, s.core.limits.Left(s.clock.mono(s.now)))
		}
		s.until(s.now + second)
	}
	end := s.now + converging
	for s.now < end {
		if !s.open() { // the minute's log may fill with the very reads that settle things
			end = min(end+second, began+mostWaiting)
		}
		s.until(s.now + second)
		if s.tally.longest == 0 && s.settled() && s.now-began > s.plan.slowest {
			s.tally.longest = s.now - began
		}
	}
	for _, i := range s.core.active {
		o := s.core.jobs[i].o
		n := intentOf(o.Ticket.ID)
		if s.plan.phase == beforeMidnight && o.State.InDoubt() {
			continue // the day's lists are gone: a person's to settle
		}
		if s.intents[n].lost && s.check.disputed {
			continue // its records are gone and it looks like another: a person was told
		}
		switch o.State {
		case order.Queued, order.Sending, order.Ambiguous, order.Reconciling, order.Absent:
			s.fail("order %d is %v", n, o.State)
		case order.Unresolved:
			if !s.check.paged {
				s.fail("order %d is %v and nobody was told", n, o.State)
			}
		}
	}
	for _, i := range s.venue.alive {
		v := &s.venue.orders[i]
		if v.intent < 0 || s.intents[v.intent].lost || s.check.disputed || s.plan.phase == beforeMidnight {
			continue
		}
		if o := s.core.slab.Get(s.intents[v.intent].id); o == nil || o.CancelWanted {
			s.fail("order %d works on, and was to be cancelled", v.intent)
		}
	}
	if s.gate.Level() >= risk.CancelAll && s.plan.phase != beforeMidnight {
		for _, i := range s.venue.alive {
			if o := &s.venue.orders[i]; o.intent >= 0 {
				s.fail("order %d works on under kill level %v", o.intent, s.gate.Level())
			}
		}
	}
}

func (s *simWorld) settled() bool {
	for _, i := range s.core.active {
		switch s.core.jobs[i].o.State {
		case order.Queued, order.Sending, order.Ambiguous, order.Reconciling, order.Absent:
			return false
		}
	}
	return true
}

// reckon compares everything with the venue. Invariants 2, 6 and 7.
func (c *checks) reckon(s *simWorld) {
	if c.disputed && s.tally.powerLosses > 0 {
		s.tally.differ = 1 // a person must tell first what belongs to what
		return
	}
	core := s.core
	for n := range s.intents {
		it := &s.intents[n]
		if it.id == 0 {
			continue
		}
		o := core.slab.Get(it.id)
		if it.venue == 0 {
			if o != nil && (o.State.Live() || o.Filled != 0) {
				s.fail("order %d is %v and has no order at the venue", n, o.State)
			}
			if o != nil && o.State.InDoubt() && s.plan.phase != beforeMidnight {
				s.fail("order %d is %v at the end", n, o.State)
			}
			continue
		}
		v := &s.venue.orders[it.venue-1]
		if s.plan.phase == beforeMidnight || it.lost {
			continue
		}
		switch {
		case o == nil:
			s.fail("order %d lives at the venue and is not known", n)
		case o.VenueID != v.report.VenueID || core.slab.ByVenue(v.report.VenueID) != o:
			s.fail("order %d is %v at the venue, we think %v (%v)", n, v.report.VenueID, o.VenueID, o.State)
		case o.Filled != v.report.Executed:
			s.fail("order %d: %d filled, the venue says %d", n, o.Filled, v.report.Executed)
		case o.State.Terminal() != v.report.Status.Terminal():
			s.fail("order %d is %v, the venue says %v", n, o.State, v.report.Status)
		case o.Estimated:
			s.fail("order %d has no exact price", n)
		case max(o.Value-v.value, v.value-o.Value) > market.Paise(o.Filled):
			s.fail("order %d: worth %d, the venue says %d", n, o.Value, v.value)
		case !o.State.Terminal() && o.Price != v.report.Limit:
			s.fail("order %d: limit %d, the venue says %d", n, o.Price, v.report.Limit)
		}
	}
	for id := 1; id < len(s.venue.net); id++ {
		held, net := s.venue.net[id], core.exposure[id].net
		position := s.gate.Exposure(market.InstrumentID(id)).Position
		if net != held && c.differs && s.mix.grade[external] != absent && net == position {
			// The day's base was taken on lists that hid or did not tell what
			// somebody else had filled. Nothing is made up: a person was told.
			s.tally.differ = 1
			continue
		}
		if s.plan.phase != beforeMidnight && (net != held || position != held) {
			s.fail("instrument %d: the venue holds %d, the core knows %d, risk %d", id, held, net, position)
		}
	}
	if s.plan.phase != beforeMidnight {
		if !core.sync.done {
			s.fail("the account is not known at the end: %+v", core.sync)
		}
		if open := s.gate.OpenOrders(); open > c.mayTrade(s) {
			s.fail("risk counts %d open orders, %d may trade", open, c.mayTrade(s))
		}
	}
	if core.stats.Illegal != 0 {
		s.fail("a move outside the table")
	}
}

// mayTrade counts the orders that may trade: ours, those that were given up
// and may yet surface, and other people's.
func (c *checks) mayTrade(s *simWorld) (n int) {
	for i := range s.intents {
		if o := s.core.slab.Get(s.intents[i].id); o != nil && !o.State.Terminal() {
			n++
		}
	}
	return n + len(s.core.strangers)
}
