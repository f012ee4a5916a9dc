package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/breaker"
)

// How long calls may take, and how many may be on their way.
const (
	maxCalls   = 128
	maxFlying  = 16
	listenFor  = 10 * time.Second // a late answer is still evidence
	leastWait  = 500 * time.Millisecond
	mostWait   = 3 * time.Second
	readWait   = 10 * time.Second // of reads that settle an unknown outcome
	tryEvery   = time.Second      // of what ends a risk, with a refused session
	forbidden  = time.Minute      // between looks whether a venue that forbids us still does
	probeWait  = 2 * time.Second
	slotMask   = maxCalls - 1
	timingSize = 1000
)

// flight is one request in flight.
type flight struct {
	slot       Slot // zero: free
	kind       ActionKind
	class      order.Class
	late       bool // timed out; an answer is still welcome
	again      bool // repeats another
	attempt    uint8
	probe      bool // finds out for the breakers whether the venue has healed
	job        int32
	epoch      uint64
	venueID    order.VenueID
	started    market.Mono
	deadline   market.Mono
	listen     market.Mono
	generation breaker.Generation
	probed     breaker.Generation // the other breaker's, of a probe for both
	probes     [2]bool            // which breakers the probe is for: writes, reads
}

// callTable holds the calls in flight.
type callTable struct {
	list   [maxCalls]flight
	serial uint32
	flying int       // started, neither answered nor timed out
	taken  int       // those, and the late ones
	timing [2]timing // reads, writes
}

func (t *callTable) find(s Slot) *flight {
	if k := &t.list[s&slotMask]; s != 0 && k.slot == s {
		return k
	}
	return nil
}

// timing knows how long the last calls took.
type timing struct {
	last  [timingSize]time.Duration
	n     int
	worst time.Duration // of the last ones, without the single worst
}

func (t *timing) add(d time.Duration) {
	t.last[t.n%timingSize] = d
	if t.n++; t.n%64 != 0 && t.n > 16 {
		return
	}
	first, second := time.Duration(0), time.Duration(0)
	for _, d := range t.last[:min(t.n, timingSize)] {
		if d > first {
			first, second = d, first
		} else if d > second {
			second = d
		}
	}
	t.worst = second
}

// wait is the p99.9 of the last thousand, within reason.
func (t *timing) wait() time.Duration {
	if t.n < 16 {
		return mostWait
	}
	return min(max(t.worst, leastWait), mostWait)
}

// trip is a guess at how long the next answer takes.
func (t *timing) trip() time.Duration {
	if t.n == 0 {
		return 50 * time.Millisecond
	}
	return min(t.last[(t.n-1)%timingSize], leastWait)
}

// permit asks session, breaker and rate gate, in this order, whether a call may
// leave now. Without one, the core is woken when it is worth asking again.
func (c *Core) permit(kind ActionKind, class order.Class) (breaker.Generation, bool) {
	now := c.at.Mono
	if c.calls.flying >= maxFlying || c.calls.taken >= maxCalls {
		return 0, false
	}
	if class > order.Cancel && now < c.forbidAt {
		c.wake(c.forbidAt)
		return 0, false
	}
	try := (*market.Mono)(nil) // when a refused session may be tried next
	if !c.mayCall() {
		if !c.mayTry() || class > order.Cancel && (class != order.Reconcile || c.level < risk.CancelAll) {
			return 0, false
		}
		if try = &c.tryAt[0]; kind.Write() {
			try = &c.tryAt[1]
		}
		if now < *try {
			c.wake(*try)
			return 0, false
		}
	}
	b := c.reads
	if kind.Write() {
		b = c.writes
	}
	generation, closed := b.Allow(now)
	if !closed && class > order.Cancel {
		return 0, false
	}
	if ready := c.limits.Ready(class, kind.Write(), now); ready > now {
		c.wake(ready)
		return 0, false
	}
	if !closed && class == order.Cancel && !b.Bypass(now) {
		c.wake(now.Add(time.Second))
		return 0, false
	}
	c.limits.Take(class, kind.Write(), now)
	if try != nil {
		*try = now.Add(tryEvery)
	}
	return generation, true
}

// start opens a call that has its permit, and returns its action to fill in.
// The action is borrowed until the next one is appended.
func (c *Core) start(kind ActionKind, class order.Class, j *job, generation breaker.Generation, again bool) (*flight, *Action) {
	t, now := &c.calls, c.at.Mono
	var k *flight
	for k == nil { // permit made sure that there is one
		t.serial++
		if free := &t.list[t.serial&slotMask]; free.slot == 0 && t.serial != 0 {
			k = free
		}
	}
	wait := t.timing[0].wait()
	if kind.Write() {
		wait = t.timing[1].wait()
	} else if class == order.Reconcile {
		wait = readWait
	}
	*k = flight{
		slot: Slot(t.serial), kind: kind, class: class, job: -1, epoch: c.login.Epoch, again: again,
		attempt: 1, started: now, deadline: now.Add(wait), listen: now.Add(wait + listenFor), generation: generation,
	}
	a := Action{
		Kind: kind, Class: class, Slot: k.slot, Attempt: 1, Epoch: c.login.Epoch,
		SendBy: now.Add(c.config.PermitLife), Deadline: k.deadline, Listen: k.listen,
	}
	if j != nil {
		k.job, k.venueID = int32(j.o.Slot()), j.o.VenueID
		a.ID, a.VenueID, a.Ticket, a.Quantity, a.Remark = j.o.Ticket.ID, j.o.VenueID, j.o.Ticket, j.o.Quantity, j.o.Remark
	}
	t.flying++
	t.taken++
	c.stats.Calls[kind].Attempts++
	if again {
		c.stats.Calls[kind].Retried++
	}
	c.budget.Called(again, now)
	c.wake(k.deadline)
	c.out = append(c.out, a)
	if !kind.Write() {
		c.keepCall(&a)
	}
	return k, &c.out[len(c.out)-1]
}

// expireCalls gives up on calls whose time is over.
func (c *Core) expireCalls() {
	now := c.at.Mono
	t := &c.calls
	for at, left := t.serial, t.taken; left > 0; at-- { // the newest are together
		k := &t.list[at&slotMask]
		if k.slot == 0 {
			continue
		}
		left--
		switch {
		case !k.late && now >= k.deadline:
			t.flying--
			k.late = true
			c.judge(k, breaker.Failure)
			c.budget.Failed()
			c.stats.Calls[k.kind].TimedOut++
			c.ended(k, &Answer{Slot: k.slot, Verdict: order.Unknown, Epoch: k.epoch, Reason: "no answer in time"})
			c.wake(k.listen)
		case k.late && now >= k.listen:
			*k = flight{}
			t.taken--
		case k.late:
			c.wake(k.listen)
		default:
			c.wake(k.deadline)
		}
	}
}

// judge tells the breakers how a call ended.
func (c *Core) judge(k *flight, outcome breaker.Outcome) {
	if k.probe {
		if k.probes[0] {
			c.writes.Probed(k.generation, outcome, c.at.Mono)
		}
		if k.probes[1] {
			c.reads.Probed(k.probed, outcome, c.at.Mono)
		}
		return
	}
	b := c.reads
	if k.kind.Write() {
		b = c.writes
	}
	before := b.State()
	b.Record(k.generation, outcome, c.at.Mono)
	if b.State() != before {
		c.alarm(0, "too many calls fail: no entries until the venue answers again")
		c.dirty = true
	}
}

// answer takes the end of a call.
func (c *Core) answer(a *Answer) {
	k := c.calls.find(a.Slot)
	if k == nil {
		c.stats.Stray++
		return
	}
	took := *k
	if !k.late {
		c.calls.flying--
	}
	*k = flight{}
	c.calls.taken--
	c.dirty = true
	if a.Epoch == 0 {
		a.Epoch = took.epoch
	}
	c.account(&took, a)
	c.ended(&took, a)
}

// account keeps gates, budget, breakers and session in step with an answer.
func (c *Core) account(k *flight, a *Answer) {
	now := c.at.Mono
	switch a.Verdict {
	case order.Throttle:
		c.stats.Throttled++
		c.stats.Calls[k.kind].Throttled++
		c.limits.Throttled(a.RetryAfter, now)
	case order.ThrottleDay:
		c.stats.Throttled++
		c.stats.Calls[k.kind].Throttled++
		if !c.limits.DayShut() {
			c.alarm(0, "the venue says that the day's calls are used up")
		}
		c.limits.ThrottledDay(now)
	case order.Auth:
		c.sessionRefused(a.Epoch)
	case order.ConfigFatal:
		why := a.Reason
		if why == "" {
			why = "the venue refuses this application: check address, app key and secret"
		}
		c.halt(why)
		if !k.kind.Write() { // a write's fate may be read as ever
			c.forbidAt = now.Add(forbidden)
		}
	case order.OK, order.Refused, order.Empty:
		c.forbidAt = 0
		c.limits.Served()
		c.sessionServed(a.Epoch, k.started)
		c.budget.Succeeded()
		t := &c.calls.timing[0]
		if k.kind.Write() {
			t = &c.calls.timing[1]
		}
		t.add(now.Sub(k.started))
	case order.NotSent:
		c.stats.Calls[k.kind].NotSent++
		if a.Sent == SentNothing {
			c.limits.Refund(k.kind.Write(), k.started)
		}
	}
	if k.late {
		return // it was judged when its time ran out
	}
	outcome := breaker.Neutral
	switch {
	case a.Broken:
		outcome = breaker.Failure
		c.budget.Failed()
	case now > k.deadline:
		outcome = breaker.Slow
	case a.Verdict == order.OK || a.Verdict == order.Refused || a.Verdict == order.Empty:
		outcome = breaker.Success
	}
	c.judge(k, outcome)
}

// ended hands an answer to what waits for it.
func (c *Core) ended(k *flight, a *Answer) {
	c.delay, c.planned = 0, false
	c.settled(k, a)
	c.planRead(k, a)
	c.keepAnswer(k, a)
	e := Ending{
		Slot: k.slot, Kind: k.kind, Class: k.class, Attempt: k.attempt, Epoch: a.Epoch, Verdict: a.Verdict, Late: k.late,
		Again: c.planned && a.Verdict != order.OK, Delay: c.delay, Reason: a.Reason, Took: c.at.Mono.Sub(k.started),
	}
	if k.job >= 0 && c.jobs[k.job].o != nil {
		e.ID = c.jobs[k.job].o.Ticket.ID
	}
	c.endings = append(c.endings, e)
	s := &c.stats.Calls[k.kind]
	switch a.Verdict {
	case order.Refused:
		s.Refused++
	case order.RefusedPre:
		s.Malformed++
	case order.Unknown:
		if k.kind.Write() && (!k.late || c.calls.find(k.slot) != nil) { // a time-out counts once, what comes after it does not
			s.Ambiguous++
		}
	}
	if e.Again {
		s.Delay += c.delay
	}
}

// Ending is how one attempt ended, and what follows from it.
type Ending struct {
	Slot    Slot
	Kind    ActionKind
	Class   order.Class
	Attempt uint8
	ID      order.ID // zero for reads of lists
	Epoch   uint64
	Verdict order.Verdict
	Late    bool          // its time was over: now, or before
	Again   bool          // there will be another attempt, if all still agrees
	Delay   time.Duration // until then
	Took    time.Duration
	Reason  string
}

// Endings are the calls that ended in the last Step, borrowed until the next.
func (c *Core) Endings() []Ending { return c.endings }

// plan notes that the answer in hand leads to another attempt.
func (c *Core) plan(delay time.Duration) { c.delay, c.planned = max(delay, 0), true }

// planRead notes when a read that brought nothing is made again.
func (c *Core) planRead(k *flight, a *Answer) {
	if a.Verdict == order.OK || a.Verdict == order.Empty {
		return
	}
	s, now := &c.sync, c.at.Mono
	switch {
	case k.kind == ReadOrders && s.listWanted:
		c.plan(s.listAt.Sub(now))
	case k.kind == ReadTrades && s.tradesWanted:
		c.plan(s.tradesAt.Sub(now))
	case k.kind == ReadPositions:
		c.plan(s.positionsAt.Sub(now))
	case k.kind == ReadOrder && k.job >= 0 && c.jobs[k.job].detailAt != 0:
		c.plan(c.jobs[k.job].detailAt.Sub(now))
	}
}

func (c *Core) settled(k *flight, a *Answer) {
	var j *job
	if k.job >= 0 {
		j = &c.jobs[k.job]
		if a.Misnamed {
			c.misnames(j.o, "the venue named an order as no order can be named")
		}
	}
	switch k.kind {
	case SendPlace:
		c.placed(j, k, a)
	case SendCancel:
		c.cancelled(j, k, a)
	case SendModify:
		c.modified(j, k, a)
	case ReadOrder:
		c.orderRead(j, k, a)
	case ReadOrders:
		c.ordersRead(k, a)
	case ReadTrades:
		c.weighTrades(a)
		c.tradesRead(k, a)
	case ReadPositions:
		c.positionsRead(k, a)
	}
}
