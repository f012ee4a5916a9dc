package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// traveller is a call on its way to the venue, or its answer on its way back.
type traveller struct {
	kind      ActionKind
	attempt   uint8
	class     order.Class
	boot      uint32
	slot      Slot
	id        order.ID
	ticket    order.Ticket
	quantity  market.Units
	remark    order.Remark
	venueID   order.VenueID
	token     int
	sendBy    market.Mono // on the process's clock
	listen    market.Mono
	reused    bool
	answer    Answer // its slices are below
	orders    []order.Report
	trades    []order.Trade
	holdings  []order.Holding
	leftAt    market.Mono
	delivered bool // the answer was made by the venue
}

// network carries calls. It loses, cuts, delays and reorders them, each on a
// connection of its own.
type network struct {
	draws  draws
	list   []traveller
	free   []int32
	out    bool // nothing gets through
	writes []market.Mono
	calls  []market.Mono // rings of the last first bytes
	nw, nc int
}

func (n *network) begin(s *simWorld) {
	n.draws = newDraws(s.seed, drawsOfNetwork)
	// One more than the venue's limits: the oldest must have left the window.
	n.writes = make([]market.Mono, s.plan.limits.Second+1)
	n.calls = make([]market.Mono, s.plan.limits.Minute+10)
	for i := range n.writes {
		n.writes[i] = -minute
	}
	for i := range n.calls {
		n.calls[i] = -2 * minute
	}
}

const minute = 60 * second

func (n *network) take() int32 {
	if last := len(n.free) - 1; last >= 0 {
		i := n.free[last]
		n.free = n.free[:last]
		return i
	}
	n.list = append(n.list, traveller{})
	return int32(len(n.list) - 1)
}

func (n *network) release(i int32) {
	k := &n.list[i]
	*k = traveller{orders: k.orders[:0], trades: k.trades[:0], holdings: k.holdings[:0]}
	n.free = append(n.free, i)
}

// send takes a call from the core.
func (n *network) send(s *simWorld, a *Action) {
	s.check.leaving(s, a)
	i := n.take()
	k := &n.list[i]
	k.kind, k.attempt, k.class, k.boot, k.slot, k.id = a.Kind, a.Attempt, a.Class, s.boot, a.Slot, a.ID
	k.ticket, k.quantity, k.remark, k.venueID = a.Ticket, a.Quantity, a.Remark, a.VenueID
	k.sendBy, k.listen, k.reused = a.SendBy, a.Listen, n.draws.IntN(4) > 0
	wait := n.draws.between(ms/100, ms/2)
	if n.draws.IntN(16) == 0 {
		wait = n.draws.between(0, 60*ms) // busy, perhaps too long
	}
	s.postOwn(callLeaves, wait, i)
}

// back sends an answer on its way.
func (n *network) back(s *simWorld, i int32, after market.Mono) {
	s.postFor(n.list[i].boot, callAnswered, after, i, 0)
}

// leaves is the moment of the first byte, unless it is too late for it.
func (n *network) leaves(s *simWorld, i int32) {
	k := &n.list[i]
	k.answer = Answer{Slot: k.slot, Reused: k.reused}
	if s.clock.mono(s.now) > k.sendBy {
		k.answer.Verdict, k.answer.Sent = order.NotSent, SentNothing
		n.back(s, i, 0)
		return
	}
	k.token = s.login.held
	k.answer.Epoch = s.login.current.Epoch
	if s.strikes(n.draws, dialFails, k.id) {
		k.answer.Verdict, k.answer.Sent, k.answer.Broken = order.NotSent, SentNothing, true
		n.back(s, i, n.draws.between(0, 200*ms))
		return
	}
	n.count(s, k)
	s.check.left(s, k)
	s.history.left(s, k)
	k.leftAt = s.now
	k.answer.SentAt = s.clock.mono(s.now)
	if s.strikes(n.draws, requestCut, k.id) {
		k.answer.Verdict, k.answer.Sent, k.answer.Broken = order.NotSent, SentPart, true
		n.back(s, i, n.draws.between(ms, 100*ms))
		return
	}
	if n.out {
		s.cover(outage, k.id)
		n.vanish(s, i, n.draws.hit(0.3))
		return
	}
	if s.strikes(n.draws, requestLost, k.id) {
		n.vanish(s, i, false)
		return
	}
	if s.strikes(n.draws, requestReset, k.id) {
		n.vanish(s, i, true)
		return
	}
	wait := n.draws.between(2*ms, 40*ms)
	if k.kind.Write() && s.strikes(n.draws, requestSlow, k.id) {
		wait = n.draws.between(50*ms, s.plan.slowest)
	}
	s.post(callArrives, wait, i)
}

// vanish loses a call or its answer; with a reset the shell hears of it.
func (n *network) vanish(s *simWorld, i int32, reset bool) {
	if !reset {
		n.release(i)
		return
	}
	k := &n.list[i]
	epoch, sentAt := k.answer.Epoch, k.answer.SentAt
	k.answer = Answer{Slot: k.slot, Reused: k.reused, Epoch: epoch, SentAt: sentAt, Verdict: order.Unknown, Broken: true}
	if !k.kind.Write() {
		k.answer.Verdict = order.Retry
	}
	n.back(s, i, n.draws.between(ms, 2*second))
}

// count logs the first byte of a call. Invariant 8.
func (n *network) count(s *simWorld, k *traveller) {
	if s.now-n.calls[n.nc] <= minute-ms {
		s.fail("%d calls within a minute", len(n.calls))
	}
	n.calls[n.nc] = s.now
	if n.nc++; n.nc == len(n.calls) {
		n.nc = 0
	}
	if !k.kind.Write() {
		s.tally.reads++
		return
	}
	if s.now-n.writes[n.nw] < second {
		s.fail("%d order calls within a second", len(n.writes))
	}
	n.writes[n.nw] = s.now
	if n.nw++; n.nw == len(n.writes) {
		n.nw = 0
	}
	s.tally.writes++
	if k.kind == SendPlace {
		s.tally.places++
	}
}

// arrives is where the venue takes a call.
func (n *network) arrives(s *simWorld, i int32) {
	k := &n.list[i]
	k.answer.Orders, k.answer.Trades, k.answer.Held = nil, nil, nil
	s.venue.serve(s, k)
	k.delivered = true
	if n.out {
		s.cover(outage, k.id)
		n.vanish(s, i, n.draws.hit(0.3))
		return
	}
	if s.strikes(n.draws, answerLost, k.id) {
		n.vanish(s, i, false)
		return
	}
	if s.strikes(n.draws, answerReset, k.id) {
		n.vanish(s, i, true)
		return
	}
	if s.strikes(n.draws, answerCut, k.id) {
		a := &k.answer
		a.Broken, a.VenueID = true, order.VenueID{}
		switch {
		case k.kind.Write():
			a.Verdict = order.Unknown
		case a.Verdict == order.OK && n.draws.hit(0.5):
			a.Partial = true
			a.Orders = a.Orders[:n.draws.IntN(len(a.Orders)+1)]
			a.Trades = a.Trades[:n.draws.IntN(len(a.Trades)+1)]
			a.Held = a.Held[:n.draws.IntN(len(a.Held)+1)]
		default:
			a.Verdict, a.Orders, a.Trades, a.Held = order.Retry, nil, nil, nil
		}
	}
	wait := n.draws.between(2*ms, 40*ms)
	if s.strikes(n.draws, answerLate, k.id) {
		wait = n.draws.between(200*ms, 14*second)
	}
	n.back(s, i, wait)
}

// answered gives an answer to the core, if the shell still listens.
func (n *network) answered(s *simWorld, i int32) {
	k := &n.list[i]
	if k.delivered {
		s.clock.compare(s)
	}
	s.history.answered(s, &n.list[i])
	if k := &n.list[i]; s.boot == k.boot && s.clock.mono(s.now) <= k.listen {
		s.event.Kind, s.event.Answer = AnswerEvent, k.answer
		s.step()
		if k.kind == ReadOrders {
			s.check.showed(s, &k.answer)
		}
	}
	n.release(i)
}

// outage cuts everything off for a while.
func (n *network) outage(s *simWorld) {
	n.out = true
	s.post(outageEnds, n.draws.between(500*ms, market.Mono(20*time.Second)), 0)
}
