package search

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/order"
)

// kind is one thing that may happen.
type kind uint8

// What may happen. Up to lastFair it happens in the end, if it goes on being
// possible; the rest may never.
const (
	send kind = iota
	leave
	record
	timeout
	listenOver
	evidenceOver
	deadline
	fencePasses
	deliver
	answers
	appear
	cancel
	operator
	restart
	retryTimer
	lastFair
	readServed // fair too, but only the whole of a read can change anything
	readEnds
	readCut // what it shows is true, what it lacks proves nothing
	readLost
	submit
	notSent
	loseRequest
	loseAnswer
	breakAnswer
	notice
	exchange
	wantGone
	doubtTooLong
	renew
	crash
	kinds
)

var kindNames = [kinds]string{
	send: "the attempt is recorded and about to leave", leave: "the request leaves", record: "the attempt is recorded",
	timeout: "the attempt times out", listenOver: "the connection is given up", evidenceOver: "asking begins",
	deadline: "its time to be sent is over", fencePasses: "the fence passes", deliver: "the request arrives", answers: "the answer arrives",
	appear: "the venue's order shows in lists", cancel: "a cancel reaches the venue", operator: "an operator looks and tells",
	restart: "the process starts again", retryTimer: "the retry timer fires",
	readServed: "the venue writes an order list", readEnds: "the list arrives",
	readCut: "the list arrives cut", readLost: "the list is lost", submit: "the strategy places", notSent: "provably nothing left",
	loseRequest: "the request is lost", loseAnswer: "the answer is lost", breakAnswer: "the answer arrives broken",
	notice: "a notice arrives", exchange: "the exchange acts by itself", wantGone: "the strategy cancels",
	doubtTooLong: "no list can be read for too long", renew: "the session is renewed", crash: "the process is killed",
}

// action is one step from a world to another.
type action struct {
	kind    kind
	i, k, n uint8
}

// How the venue takes a request, how a notice or the exchange puts an order.
var takes = [...]string{"accepted, in lists at once", "accepted, in lists later", "refused", "refused for its session"}

var states = [...]string{nothing: "nothing", working: "working", filled: "filled", cancelled: "cancelled", rejected: "rejected"}

func (a action) String() string {
	text := kindNames[a.kind]
	switch a.kind {
	case readEnds, readCut, readLost, restart, crash:
		return text
	case readServed:
		return text + [...]string{"", ", and forgets all orders"}[a.n]
	case renew:
		return text + [...]string{"", ", the venue forgets the old one"}[a.n]
	case deliver:
		text += ": " + takes[a.n]
	case notice, exchange:
		text += ": " + states[a.n]
	}
	if ofOrder(a.kind) {
		return fmt.Sprintf("order %d: %s", a.i+1, text)
	}
	return fmt.Sprintf("order %d, attempt %d: %s", a.i+1, a.k+1, text)
}

// step carries an action out; false when it is not possible. The rules of the
// process are in world_test.go, those of the world here.
func (g *game) step(a action) bool {
	w := &g.w
	x := &w.of[a.i]
	t := &x.tries[a.k]
	switch a.kind {
	case readServed:
		if !w.alive || w.read || a.n == 1 && (!g.stale || w.stale) {
			return false
		}
		w.stale = w.stale || a.n == 1
		g.serve(a.n == 1)
	case readEnds, readCut:
		if !w.read {
			return false
		}
		g.listed(a.kind == readEnds)
	case readLost:
		if !w.read {
			return false
		}
		g.forget()
	case crash:
		if !w.alive || w.crashes == g.crashes {
			return false
		}
		g.crash()
	case restart:
		if w.alive {
			return false
		}
		g.restart()
	case renew:
		if !g.renewals || w.renewed {
			return false
		}
		w.renewed, w.dead = true, a.n == 1
	case leave, record, deliver, appear, loseRequest, loseAnswer, breakAnswer, exchange:
		return g.happens(a, t, x)
	default:
		return w.alive && !x.forgotten && g.works(a, x, t)
	}
	return true
}

// happens is what the network and the venue do with an attempt.
func (g *game) happens(a action, t *attempt, x *intent) bool {
	switch a.kind {
	case leave:
		if !g.w.alive || t.request != recorded {
			return false
		}
		t.request = flying
	case record:
		if !g.w.alive || !x.unrecorded || a.k != 0 {
			return false
		}
		x.unrecorded = false
	case deliver:
		return g.arrives(a, t)
	case loseRequest:
		if t.request != flying {
			return false
		}
		t.request = gone
		if a.n == 1 {
			t.answer = broken
		}
	case loseAnswer, breakAnswer:
		if t.answer == noAnswer || t.answer == spent || t.answer == broken && a.kind == breakAnswer {
			return false
		}
		t.answer = spent
		if a.kind == breakAnswer {
			t.answer = broken
		}
	case appear:
		if t.venue == nothing || t.visible {
			return false
		}
		t.visible = true
	case exchange:
		if !g.fills || t.venue != working || a.n == working {
			return false
		}
		t.venue = a.n
	}
	return true
}

// arrives is the venue's gateway.
func (g *game) arrives(a action, t *attempt) bool {
	dead := t.old && g.w.dead
	if t.request != flying || dead != (takes[a.n] == takes[3]) {
		return false
	}
	t.request = gone
	switch a.n {
	case 0, 1:
		t.venue, t.visible, t.answer = working, a.n == 0, acked
	case 2:
		t.answer = refused
	case 3:
		t.answer = unsigned
	}
	return true
}

// works is what a living process does, or is told.
func (g *game) works(a action, x *intent, t *attempt) bool {
	i := int(a.i)
	switch a.kind {
	case submit:
		if x.state != order.New {
			return false
		}
		g.move(i, &order.Event{Move: order.Approve})
		g.place(i)
	case send:
		return g.place(i)
	case notSent:
		if t.request != recorded {
			return false
		}
		t.request, t.call = gone, over
		g.move(i, &order.Event{Move: order.AttemptNotSent})
		g.again(i)
	case deadline:
		if x.state != order.Queued {
			return false
		}
		g.move(i, &order.Event{Move: order.DeadlinePassed})
	case timeout:
		if t.call != waiting || t.request == recorded {
			return false
		}
		t.call = listening
		g.move(i, &order.Event{Move: order.AttemptUnknown})
		switch {
		case g.mistake == blindRetry && x.state == order.Ambiguous:
			x.state = order.Queued
		case g.mistake == timerSurvives && x.state == order.Ambiguous:
			x.timer = true
		}
	case retryTimer:
		if !x.timer || !x.state.Live() && !x.state.InDoubt() {
			return false
		}
		x.timer = false
		if x.state.Live() {
			x.state = order.Queued
			g.place(i)
		}
	case listenOver:
		if t.call != listening {
			return false
		}
		t.call = over
	case evidenceOver:
		if x.state != order.Ambiguous {
			return false
		}
		g.move(i, &order.Event{Move: order.EvidenceOver})
	case doubtTooLong:
		if !g.operator || x.state != order.Reconciling {
			return false
		}
		g.move(i, &order.Event{Move: order.DoubtTooLong})
	case operator:
		return g.told(i)
	case fencePasses:
		return g.passes(x)
	case answers:
		if t.answer == noAnswer || t.answer == spent {
			return false
		}
		g.placed(i, int(a.k))
	case notice:
		if t.venue == nothing || a.n != working && a.n != t.venue {
			return false
		}
		n := name(i, int(a.k))
		mine := g.owner(n, false, false)
		if mine < 0 {
			return false
		}
		g.sight(mine, n, a.n, 1+a.n/filled)
	case wantGone:
		if !g.cancels || x.asked || x.state == order.New || x.state.Terminal() {
			return false
		}
		x.asked = true
		if x.state != order.AdoptedLate {
			g.move(i, &order.Event{Move: order.CancelRequested})
		}
	case cancel:
		if !x.cancelWanted || !x.state.Live() || x.named != name(i, int(a.k)) || t.venue != working {
			return false
		}
		t.venue = cancelled
	}
	return true
}

// told is an operator who looks at the venue's list.
func (g *game) told(i int) bool {
	x := &g.w.of[i]
	if x.state != order.Unresolved {
		return false
	}
	for k := range x.tries {
		if x.tries[k].visible {
			g.move(i, &order.Event{Move: order.OperatorPlaced, VenueID: venueIDs[name(i, k)]})
			return true
		}
	}
	g.move(i, &order.Event{Move: order.OperatorAbsent})
	return true
}

// passes is the fence of the last attempt. With a window, nothing is accepted
// behind it, and what was accepted shows.
func (g *game) passes(x *intent) bool {
	if x.fence || x.state != order.Reconciling && x.state != order.Unresolved {
		return false
	}
	x.fence = true
	if !g.window {
		return true
	}
	for k := range x.tries {
		t := &x.tries[k]
		if t.request == flying || t.venue != nothing && !t.visible {
			return false
		}
	}
	return true
}

// actions are all there are; most are not possible in most worlds.
var actions = func() (all []action) {
	one := func(k kind, choices ...uint8) {
		if choices == nil {
			choices = []uint8{0}
		}
		for _, n := range choices {
			switch k {
			case readServed, readEnds, readCut, readLost, crash, restart, renew:
				all = append(all, action{kind: k, n: n})
				continue
			}
			for i := range uint8(intents) {
				for a := range uint8(attempts) {
					all = append(all, action{k, i, a, n})
					if ofOrder(k) {
						break
					}
				}
			}
		}
	}
	for k := range kinds {
		switch k {
		case lastFair:
		case deliver:
			one(k, 0, 1, 2, 3)
		case loseRequest, renew, readServed:
			one(k, 0, 1)
		case notice, exchange:
			one(k, working, filled, cancelled, rejected)
		default:
			one(k)
		}
	}
	return all
}()

// ofOrder tells whether an action is about an order, not one of its attempts.
func ofOrder(k kind) bool {
	switch k {
	case send, record, deadline, evidenceOver, fencePasses, operator, retryTimer, submit, wantGone, doubtTooLong:
		return true
	}
	return false
}
