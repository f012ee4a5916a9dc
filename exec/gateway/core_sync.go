package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
)

const (
	tradesDelay    = time.Second // lets fills gather before one read prices them all
	tradesBackoff  = 5 * time.Second
	tradesMost     = 2 * time.Minute
	positionsPoll  = 10 * time.Minute
	positionsSoon  = 10 * time.Second       // after the base: was it right?
	positionsAgain = time.Minute            // when they could not be read
	baseTries      = 10 * time.Second       // whole lists only; then a base on what can be read, so that it can be closed
	settleTime     = 5 * time.Second        // positions are compared when no fill is younger
	syncSoon       = 100 * time.Millisecond // doubles, up to syncRetry: the answer was whole, and the account moved under it
	syncRetry      = 2 * time.Second        // doubles with every list that proves nothing
	syncRetryMost  = 16 * time.Second
	probeEvery     = 250 * time.Millisecond
	restartEvery   = time.Minute
)

// syncing keeps our picture of the account in step with the venue's: after
// every gap of the order stream it reads the order list and the trades before
// an entry may leave, and the positions once.
type syncing struct {
	stream     market.FeedState
	liveAt     market.Mono
	done       bool // nothing was missed, as far as we know
	armed      bool // it was done once
	restartAt  market.Mono
	list       uint32 // number of the newest order list
	listing    Slot
	listedAt   market.Mono // start of the last order list
	listWanted bool
	listAt     market.Mono
	probeAt    market.Mono // not before, for the breakers' sake
	listOK     bool        // a whole list that began after the gap was read
	poor       uint        // lists in a row that proved nothing
	moved      uint        // whole answers in a row under which the account moved: an exit filled meanwhile
	vague      uint        // trade books in a row that did

	book         uint32 // number of the newest trade book
	tradesSlot   Slot
	tradesWanted bool
	tradesAt     market.Mono
	tradesClass  order.Class
	tradesWait   time.Duration
	tradesClean  market.Mono // start of the last whole trade book in which every trade had its order
	tradesOK     bool

	positionsSlot Slot
	positionsAt   market.Mono
	positionsOK   bool // the day's base is known
	based         bool // it agreed with everything once, or an earlier run recorded it: exits may leave in a gap
	base          bracket
}

// bracket finds what the account held at one instant that fits what the order
// lists say: a list, then the positions, then a list again. If no executed
// quantity changed between the lists, the positions hold exactly the fills that
// are known, and what they hold beyond is from before.
type bracket struct {
	open   bool        // the first list was read
	learnt uint64      // executions known after it
	again  bool        // one failed
	held   bool        // holdings is filled
	heldAt market.Mono // when the positions were answered
	// holdings are the positions between the two lists.
	holdings []order.Holding
}

// stream takes a change of the order stream's state. Anything but live may have
// missed a notice.
func (c *Core) stream(state market.FeedState) {
	s := &c.sync
	gap := state != market.FeedLive || s.stream != market.FeedLive
	s.stream = state
	if !gap {
		return
	}
	s.done, s.listOK, s.tradesOK = false, false, false
	if state == market.FeedLive || state == market.FeedGap {
		s.stream = market.FeedLive
		s.liveAt = c.at.Mono
		s.wantList(c.at.Mono)
	}
	c.dirty = true
}

// mute asks for the order stream to be opened anew: it says that it lives, and
// did not speak of an order that the venue has.
func (c *Core) mute() {
	s := &c.sync
	if s.stream != market.FeedLive || c.at.Mono < s.restartAt {
		return
	}
	s.restartAt = c.at.Mono.Add(restartEvery)
	c.out = append(c.out, Action{Kind: RestartStream})
	c.alarm(0, "the order stream is mute: opening it anew")
	c.stream(market.FeedGap)
}

func (s *syncing) wantList(at market.Mono) {
	if !s.listWanted || at < s.listAt {
		s.listWanted, s.listAt = true, at
	}
}

func (s *syncing) wantTrades(at market.Mono) {
	if !s.tradesWanted || at < s.tradesAt {
		s.tradesWanted, s.tradesAt = true, at
	}
	if s.tradesClass == 0 {
		s.tradesClass = order.Data
	}
}

// pollAt is when the next order list is due though nobody asked for one.
func (s *syncing) pollAt(c *Core) market.Mono {
	if !s.listOK && s.liveAt == 0 {
		return s.listedAt.Add(c.config.PollFlat)
	}
	for _, i := range c.active {
		if c.jobs[i].o.State.Live() {
			return s.listedAt.Add(c.config.PollOpen)
		}
	}
	return s.listedAt.Add(c.config.PollFlat)
}

// listRead takes note of an order list for the sake of a gap.
func (s *syncing) listRead(c *Core, k *flight, whole bool) {
	if s.done || s.stream != market.FeedLive {
		s.listWanted = false
		return
	}
	if !whole || k.started < s.liveAt {
		wait := min(syncRetry<<min(s.poor, 8), syncRetryMost)
		s.poor++
		c.tellPoor(s.poor, "the order list")
		s.listWanted, s.listAt = true, c.at.Mono.Add(wait)
		return
	}
	s.listWanted, s.poor = false, 0
	if !s.listOK {
		s.listOK = true
		s.tradesWanted, s.tradesAt, s.tradesClass = true, c.at.Mono, order.Reconcile
	}
}

// poorMost is how many reads in a row may prove nothing, most of a minute in
// all, before a person is told: nothing else says why no entry leaves.
const poorMost = 5

func (c *Core) tellPoor(n uint, what string) {
	if n == poorMost {
		c.alarm(0, what+" proves nothing, again and again: no entries until it is whole; look at the venue")
	}
}

// baseList takes an order list for the sake of the base.
func (s *syncing) baseList(c *Core, k *flight, readable, whole bool) {
	if s.positionsOK || s.liveAt == 0 {
		return
	}
	b, now := &s.base, c.at.Mono
	if !whole && (!readable || now.Sub(s.liveAt) < baseTries) {
		s.wantList(now.Add(min(syncRetry<<min(s.poor, 8), syncRetryMost)))
		return
	}
	switch {
	case !b.held:
		b.open, b.learnt = true, c.learnt
	case k.started < b.heldAt:
		s.wantList(now)
	case b.learnt == c.learnt:
		c.rebased()
	default: // it may or may not show what filled meanwhile: this list is the next one's first
		b.held, b.learnt = false, c.learnt
		if b.again {
			s.positionsAt = now.Add(s.soon())
		}
		b.again = true
	}
}

// soon is how long to wait before asking again for what was answered well and
// did not fit, because something traded meanwhile.
func (s *syncing) soon() time.Duration {
	wait := min(syncSoon<<min(s.moved, 8), syncRetry)
	s.moved++
	return wait
}

func (s *syncing) finish(c *Core) {
	if s.done || !s.listOK || !s.tradesOK || !s.positionsOK || s.stream != market.FeedLive {
		return
	}
	if c.unsent() && s.base.learnt != c.learnt {
		// The trades led to an execution that the lists of the bracket lacked, or
		// somebody trades: nobody knows whether the positions showed it.
		s.doubtBase(c)
		return
	}
	s.done, s.based = true, true
	c.dirty = true
	if !s.armed {
		s.armed = true
		c.out = append(c.out, Action{Kind: Armed})
	}
}

// doubtBase asks for the base anew. Only before the first order of ours: from
// then on a difference is a person's to judge.
func (s *syncing) doubtBase(c *Core) {
	s.positionsOK, s.based, s.done, s.base.open, s.base.held = false, false, false, false, false
	s.positionsAt = c.at.Mono
	s.wantList(c.at.Mono)
	c.dirty = true
}

func (c *Core) unsent() bool { return !c.resumed && c.stats.Calls[SendPlace].Attempts == 0 }

// readRest reads trades and positions when they are due.
func (c *Core) readRest() {
	s, now := &c.sync, c.at.Mono
	if s.tradesWanted && s.tradesSlot == 0 {
		if now < s.tradesAt {
			c.wake(s.tradesAt)
		} else if generation, ok := c.permit(ReadTrades, s.tradesClass); ok {
			k, _ := c.start(ReadTrades, s.tradesClass, nil, generation, false)
			s.tradesSlot, s.tradesWanted = k.slot, false
		}
	}
	class := order.Data
	if !s.positionsOK {
		if !s.base.open || s.base.held {
			return // an order list is what is missing
		}
		class = order.Reconcile
	}
	if s.positionsSlot != 0 {
		return
	}
	if now < s.positionsAt {
		c.wake(s.positionsAt)
	} else if generation, ok := c.permit(ReadPositions, class); ok {
		k, _ := c.start(ReadPositions, class, nil, generation, false)
		s.positionsSlot = k.slot
	}
}

// tradesRead takes the trade book: exact values of fills, and fills that no
// notice told of.
func (c *Core) tradesRead(k *flight, a *Answer) {
	s, now := &c.sync, c.at.Mono
	if s.tradesSlot == k.slot {
		s.tradesSlot = 0
	}
	s.book++
	clean := (a.Verdict == order.OK || a.Verdict == order.Empty) && !a.Partial && !k.late
	for i := range a.Trades {
		t := &a.Trades[i]
		o := c.slab.ByVenue(t.VenueID)
		if o == nil {
			if x := c.strangerNamed(t.VenueID); x == nil || !x.external {
				clean = false
				s.wantList(now)
			}
			continue
		}
		j := c.job(o)
		if j.tradedIn != s.book {
			j.tradedIn, j.traded, j.tradedAs = s.book, 0, 0
		}
		j.traded += t.Quantity
		if t.Value != 0 {
			j.tradedAs += t.Value
		} else {
			j.tradedAs += t.Price.Times(t.Quantity)
		}
	}
	for i := range a.Trades {
		if o := c.slab.ByVenue(a.Trades[i].VenueID); o != nil && c.job(o).tradedIn == s.book {
			j := c.job(o)
			j.tradedIn = 0 // once, though it may have many rows
			c.price(o, j.traded, j.tradedAs)
		}
	}
	if clean {
		s.moved, s.vague = 0, 0
		s.tradesClean = k.started
		if s.listOK && k.started >= s.liveAt {
			s.tradesOK = true
			s.finish(c)
		}
	}
	switch {
	case !s.tradesOK && s.listOK:
		wait := min(syncRetry<<min(s.vague, 8), syncRetryMost)
		if a.Verdict == order.OK && !a.Partial && !k.late && s.moved < poorMost {
			wait = s.soon() // a trade whose order is being learnt of right now, as of an exit just sent
		} else {
			s.vague++
			c.tellPoor(s.vague, "the trade book")
		}
		s.tradesWanted, s.tradesAt, s.tradesClass = true, now.Add(wait), order.Reconcile
	case c.unpriced > 0:
		s.tradesWait = min(max(2*s.tradesWait, tradesBackoff), tradesMost)
		if a.Verdict != order.OK && a.Verdict != order.Empty {
			s.tradesWait = min(s.tradesWait, syncRetryMost) // it was not even looked
		}
		s.tradesClass = order.Data
		s.wantTrades(now.Add(s.tradesWait))
	default:
		s.tradesWait, s.tradesClass = 0, order.Data
	}
}

// price corrects the value of an order's fills from the trade book.
func (c *Core) price(o *order.Order, filled market.Units, value market.Paise) {
	estimated := o.Estimated
	c.effect = o.Traded(filled, value)
	if c.effect.FilledNow > 0 && !o.State.Terminal() {
		c.look(c.job(o), c.at.Mono) // the stream missed a fill: what else?
	}
	c.settle(o, order.SeenPartial, &c.effect, estimated)
}

// positionsRead takes the account's positions: the first time to know where the
// day began, later to see whether the two pictures still agree. No fill is ever
// made up from a difference.
func (c *Core) positionsRead(k *flight, a *Answer) {
	s, now := &c.sync, c.at.Mono
	if s.positionsSlot == k.slot {
		s.positionsSlot = 0
	}
	if a.Verdict != order.OK && a.Verdict != order.Empty || a.Partial || k.late {
		s.positionsAt = now.Add(syncRetry)
		if s.positionsOK {
			s.positionsAt = now.Add(positionsAgain)
			if a.Verdict == order.ConfigFatal {
				s.positionsAt = now.Add(positionsPoll) // a person must act: no loop
			}
		}
		return
	}
	if !s.positionsOK {
		s.base.held, s.base.heldAt = true, now
		s.base.holdings = append(s.base.holdings[:0], a.Held...)
		s.wantList(now)
		c.dirty = true
		return
	}
	s.positionsAt = now.Add(positionsPoll)
	for id := range c.exposure {
		x := &c.exposure[id]
		held, _ := holding(a.Held, market.InstrumentID(id))
		switch {
		case held == x.net:
			c.agrees(market.InstrumentID(id))
		case c.doubted(market.InstrumentID(id)):
			s.positionsAt = now.Add(settleTime)
		case x.filledAt != 0 && k.started.Sub(x.filledAt) < settleTime:
			s.positionsAt = now.Add(settleTime)
		case c.unsent():
			// No order of ours can have made it: the base was wrong, say by an
			// order that the lists showed only later.
			s.doubtBase(c)
			return
		case !x.odd:
			x.odd = true // a second look decides
			s.positionsAt = now.Add(settleTime)
		case x.blocked == "" || x.blocked == unproven:
			c.differs(market.InstrumentID(id))
		}
	}
	c.dirty = true
}

// differs stops new exposure where the two pictures disagree. Nothing is traded
// or made up to make them agree.
func (c *Core) differs(id market.InstrumentID) {
	c.agrees(id)
	c.block(id, "the venue's position differs from ours")
	c.alarm(0, "the venue's position differs from ours: no new exposure in that instrument")
}

// unproven is why an instrument takes no new exposure between a first look at
// its position after a restart, which did not agree, and the second.
const unproven = "the venue's position is being compared with ours"

// agrees ends what only a comparison of positions was waited for.
func (c *Core) agrees(id market.InstrumentID) {
	x := &c.exposure[id]
	if x.odd = false; x.blocked == unproven {
		x.blocked = ""
		c.keepBlock(id, "")
	}
}

// doubted tells whether an order in the instrument has an unknown fate: its
// fills may be in the positions.
func (c *Core) doubted(id market.InstrumentID) bool {
	for _, i := range c.active {
		if o := c.jobs[i].o; o.Ticket.Instrument == id && (o.State.InDoubt() || o.State == order.Sending) {
			return true
		}
	}
	return false
}

// rebased makes the positions of the bracket the day's base. The fills that are
// known are in them already. Where an earlier run recorded the base, the
// positions must agree with it.
func (c *Core) rebased() {
	s, odd := &c.sync, false
	for id := range c.exposure {
		x := &c.exposure[id]
		held, average := holding(s.base.holdings, market.InstrumentID(id))
		switch {
		case held == x.net:
		case s.based && !c.unsent():
			// Perhaps it only shows before the list does: a second look decides.
			x.odd, odd = true, true
			c.block(market.InstrumentID(id), unproven)
		default:
			c.begin(market.InstrumentID(id), held-x.net, average)
		}
	}
	c.keepBase()
	s.base.open, s.base.held, s.base.again, s.base.learnt = false, false, false, c.learnt
	s.positionsOK, s.positionsAt = true, c.at.Mono.Add(positionsSoon)
	if odd {
		s.positionsAt = c.at.Mono.Add(settleTime)
	}
	s.finish(c)
	c.dirty = true
}

// holding sums what the positions say of an instrument.
func holding(rows []order.Holding, id market.InstrumentID) (held market.Units, average market.Paise) {
	for i := range rows {
		if rows[i].Instrument == id && id != 0 {
			held += rows[i].Quantity
			average = rows[i].Average
		}
	}
	return held, average
}

// begin counts what the account held before the first order of this run.
func (c *Core) begin(id market.InstrumentID, quantity market.Units, average market.Paise) {
	c.keepHolding(id, quantity, average)
	c.emitHeld(id, quantity, average)
}

// emitHeld tells of what was held before the day's first order.
func (c *Core) emitHeld(id market.InstrumentID, quantity market.Units, average market.Paise) {
	side := market.Buy
	if quantity < 0 {
		side, quantity = market.Sell, -quantity
	}
	c.emitForeign(order.Update{
		Instrument: id, Side: side, State: order.Filled, Quantity: quantity, Filled: quantity, FilledNow: quantity,
		FillPrice: average, Average: average, Value: average.Times(quantity), Reason: "held before", At: c.at,
	})
}

// probesWanted tells which breakers wait for a cheap read.
func (c *Core) probesWanted() (writes, reads bool) {
	return c.writes.State() == breaker.HalfOpen, c.reads.State() == breaker.HalfOpen
}

// probe sends an order list as the one cheap read that half-open breakers wait
// for. Nothing else is read while the breaker of reads is not closed.
func (c *Core) probe(writes, reads bool) {
	now := c.at.Mono
	if !c.mayCall() || c.calls.flying >= maxFlying || c.calls.taken >= maxCalls {
		return
	}
	if ready := c.limits.Ready(order.Reconcile, false, now); ready > now {
		c.wake(ready)
		return
	}
	c.limits.Take(order.Reconcile, false, now)
	k, _ := c.start(ReadOrders, order.Reconcile, nil, 0, false)
	c.listing(k)
	c.probing(k, writes, reads)
}

// probing makes a call the probe of the breakers that want one.
func (c *Core) probing(k *flight, writes, reads bool) {
	if writes {
		k.generation, k.probes[0] = c.writes.Probe(c.at.Mono)
	}
	if reads {
		k.probed, k.probes[1] = c.reads.Probe(c.at.Mono)
	}
	k.probe = k.probes[0] || k.probes[1]
	c.sync.probeAt = c.at.Mono.Add(probeEvery)
	k.deadline = c.at.Mono.Add(probeWait)
	c.out[len(c.out)-1].Deadline = k.deadline
	c.wake(k.deadline)
}
