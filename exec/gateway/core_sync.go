package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
)

const (
	tradesDelay   = time.Second // lets fills gather before one read prices them all
	tradesBackoff = 5 * time.Second
	tradesMost    = 2 * time.Minute
	positionsPoll = 10 * time.Minute
	positionsSoon = 30 * time.Second // after the first: was it right?
	settleTime    = 5 * time.Second  // positions are compared when no fill is younger
	syncRetry     = 2 * time.Second
	probeEvery    = 250 * time.Millisecond
	restartEvery  = time.Minute
)

// syncing keeps our picture of the account in step with the venue's: after
// every gap of the order stream it reads the order list and the trades before
// an entry may leave, and the positions once.
type syncing struct {
	stream     market.FeedState
	liveAt     market.Mono
	done       bool // nothing was missed, as far as we know
	restartAt  market.Mono
	list       uint32 // number of the newest order list
	listing    Slot
	listedAt   market.Mono // start of the last order list
	listWanted bool
	listAt     market.Mono
	probeAt    market.Mono // not before, for the breakers' sake
	listOK     bool        // a whole list that began after the gap was read

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
		s.listWanted, s.listAt = true, c.at.Mono.Add(syncRetry)
		return
	}
	s.listWanted, s.listOK = false, true
	s.tradesWanted, s.tradesAt, s.tradesClass = true, c.at.Mono, order.Reconcile
}

func (s *syncing) finish(c *Core) {
	if s.done || !s.listOK || !s.tradesOK || !s.positionsOK || s.stream != market.FeedLive {
		return
	}
	s.done = true
	c.dirty = true
}

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
		if s.liveAt == 0 {
			return // not before the stream could tell of what changes meanwhile
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
		s.tradesClean = k.started
		if s.listOK && k.started >= s.liveAt {
			s.tradesOK = true
			s.finish(c)
		}
	}
	switch {
	case !s.tradesOK && s.listOK:
		s.tradesWanted, s.tradesAt, s.tradesClass = true, now.Add(syncRetry), order.Reconcile
	case c.unpriced > 0:
		s.tradesWait = min(max(2*s.tradesWait, tradesBackoff), tradesMost)
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
			s.positionsAt = now.Add(positionsPoll)
		}
		return
	}
	first := !s.positionsOK
	if first && c.filledSince(k.started) {
		s.positionsAt = now.Add(syncRetry) // it may or may not show what filled meanwhile
		return
	}
	s.positionsAt = now.Add(positionsPoll)
	if first {
		s.positionsAt = now.Add(positionsSoon)
	}
	for id := range c.exposure {
		x := &c.exposure[id]
		held, average := market.Units(0), market.Paise(0)
		for i := range a.Held {
			if int(a.Held[i].Instrument) == id && id != 0 {
				held += a.Held[i].Quantity
				average = a.Held[i].Average
			}
		}
		switch {
		case held == x.net:
			x.odd = false
		case first:
			c.begin(market.InstrumentID(id), held-x.net, average)
		case x.filledAt != 0 && k.started.Sub(x.filledAt) < settleTime:
			s.positionsAt = now.Add(settleTime)
		case !x.odd:
			x.odd = true // a second look decides
			s.positionsAt = now.Add(settleTime)
		case x.blocked == "":
			c.block(market.InstrumentID(id), "the venue's position differs from ours")
			c.alarm(0, "the venue's position differs from ours: no new exposure in that instrument")
		}
	}
	s.positionsOK = true
	s.finish(c)
	c.dirty = true
}

func (c *Core) filledSince(at market.Mono) bool {
	for i := range c.exposure {
		if x := &c.exposure[i]; x.filledAt != 0 && x.filledAt >= at {
			return true
		}
	}
	return false
}

// begin counts what the account held before the first order of this run.
func (c *Core) begin(id market.InstrumentID, quantity market.Units, average market.Paise) {
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
