package search

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

const (
	intents  = 2
	attempts = 2
)

// rules are what a search is about: the size and the habits of the world, and
// the mistakes that are built in.
type rules struct {
	crashes  uint8
	renewals bool         // the session may be renewed once; the venue may then refuse the old one
	lenient  bool         // a session refusal of a write is believed
	echo     bool         // lists give remarks back
	twins    bool         // the two intents cannot be told apart by what they ask for
	policy   order.Policy // on an absent order
	window   bool         // the venue refuses what is older than the fence
	cancels  bool         // the strategy may want an order gone
	fills    bool         // the exchange fills, cancels or rejects by itself
	operator bool         // reads may fail for so long that a person must tell
	stale    bool         // one list may lack everything by mistake

	mistake mistake
}

// mistake is a wrong rule. The zero value is none.
type mistake uint8

const (
	none mistake = iota
	journalAfterSend
	blindRetry
	restartResends
	tombstoneLost
	timerSurvives
	resendWithoutWindow
	resendWhileAnswerable
	fenceIgnored
	leaseDropped
	absenceByOneRead
)

// What has become of an attempt's request.
const (
	noRequest uint8 = iota
	recorded        // the permit is given, no byte has left
	flying
	gone
)

// What the answer says.
const (
	noAnswer uint8 = iota
	acked
	refused
	unsigned // the session was refused
	broken   // a reset, a 500, a page
	spent    // delivered or lost
)

// What the venue has.
const (
	nothing uint8 = iota
	working
	filled
	cancelled
	rejected
)

// How the process listens for an attempt's answer.
const (
	deaf uint8 = iota
	waiting
	listening // the attempt was given up; an answer is still welcome
	over
)

// attempt is one way of a request to the venue and back, and what it made there.
type attempt struct {
	request, answer, venue, call uint8
	visible                      bool // in lists
	old                          bool // signed with the first session
}

// intent is one order: as the process knows it, and so the journal, since each
// change is on record before anything follows from it; and as the world has it.
type intent struct {
	state                        order.State
	attempts, absences, sequence uint8
	named                        uint8 // the venue order it is bound to: 1 + intent*attempts + attempt; zero: none
	filled                       bool
	cancelWanted, ended, resent  bool
	fence                        bool // has passed since the last attempt
	asked                        bool // the strategy wanted it gone, once
	unrecorded                   bool // journalAfterSend
	timer                        bool // timerSurvives
	forgotten                    bool // tombstoneLost
	tries                        [attempts]attempt
}

// world is one state of everything.
type world struct {
	of       [intents]intent
	alive    bool
	crashes  uint8
	renewed  bool          // the second session is in force
	dead     bool          // the venue refuses the first
	rejected bool          // the process was told so
	read     bool          // an order list is on its way back
	stale    bool          // a list lacked everything by mistake, once
	fenced   [intents]bool // the fence had passed when that read began
	shown    [intents * attempts]uint8
}

// venueIDs are the venue's numbers, by named.
var venueIDs = func() (ids [1 + intents*attempts]order.VenueID) {
	for i := range ids[1:] {
		ids[i+1], _ = order.ParseVenueID(fmt.Sprint("2026112400", i+1))
	}
	return ids
}()

// statuses and notice numbers of what the venue has.
var statuses = [...]order.Status{
	working: order.StatusOrdered, filled: order.StatusExecuted, cancelled: order.StatusCancelled, rejected: order.StatusRejected,
}

const (
	fence  = 15 * time.Second
	after  = market.Mono(fence)       // when a valid read begins, reckoned from the attempt
	second = market.Mono(1e9) + after // when the next one does
	price  = market.Paise(10000)
	before = market.Mono(time.Second) // too early to prove anything
)

// load is the order as package order knows it.
func (x *intent) load() order.Order {
	o := order.Order{
		Ticket: order.Ticket{Price: price}, State: x.state, Attempts: x.attempts, Absences: x.absences, CancelWanted: x.cancelWanted,
		EndedByVenue: x.ended, VenueID: venueIDs[x.named], Quantity: 1, Price: price, Sequence: uint64(x.sequence),
	}
	if x.absences > 0 {
		o.AbsentAt = after
	}
	if x.filled {
		o.Filled = 1
	}
	return o
}

func (x *intent) save(o *order.Order) {
	x.state, x.attempts, x.absences, x.cancelWanted = o.State, o.Attempts, o.Absences, o.CancelWanted
	x.ended, x.sequence, x.filled = o.EndedByVenue, uint8(o.Sequence), o.Filled > 0
	if x.named == 0 && !o.VenueID.IsZero() {
		for n, id := range venueIDs {
			if id == o.VenueID {
				x.named = uint8(n)
			}
		}
	}
}

// move is Core.move: one step of the real machine. A move outside the table is
// a fault.
func (g *game) move(i int, e *order.Event) {
	x := &g.w.of[i]
	if x.state == order.Queued && x.resent { // Core.unsend
		switch e.Move {
		case order.Deny, order.DeadlinePassed, order.CancelRequested:
			e.Move = order.CloseAbsent
		}
	}
	o := x.load()
	effect := o.Step(e, market.Stamp{})
	g.pairs[effect.From][e.Move]++
	if effect.Illegal {
		g.fault = fmt.Sprintf("order %d: %v is illegal in %v", i+1, e.Move, effect.From)
	}
	if effect.Overfill {
		g.fault = fmt.Sprintf("order %d is filled beyond its quantity", i+1)
	}
	x.save(&o)
}

// game is a world in hand.
type game struct {
	rules
	w     world
	fault string
	pairs pairs
}

// pairs counts how often each move met each state.
type pairs [order.States][order.Moves]uint64

// holds is Core.holds: an intent waits while it could not be told apart.
func (g *game) holds(i int) bool {
	if g.w.rejected && !g.w.renewed {
		return true
	}
	if !g.twins || g.mistake == leaseDropped {
		return false
	}
	other := &g.w.of[1-i]
	return other.state == order.Sending || other.state.InDoubt() || other.state == order.Queued && other.resent ||
		other.state == order.ClosedAbsent && !other.forgotten
}

// place is Core.place: the attempt is on record, no byte has left.
func (g *game) place(i int) bool {
	x := &g.w.of[i]
	if x.state != order.Queued || x.attempts == attempts || g.holds(i) {
		return false
	}
	g.move(i, &order.Event{Move: order.Permit, Epoch: 1})
	x.fence, x.unrecorded = false, g.mistake == journalAfterSend
	x.tries[x.attempts-1] = attempt{request: recorded, call: waiting, old: !g.w.renewed}
	if x.unrecorded {
		x.tries[x.attempts-1].request = flying
	}
	return true
}

// again is Core.again: an attempt that provably came to nothing.
func (g *game) again(i int) {
	switch x := &g.w.of[i]; {
	case x.state != order.Queued:
	case x.cancelWanted:
		g.move(i, &order.Event{Move: order.CancelRequested})
	case x.attempts == attempts:
		g.move(i, &order.Event{Move: order.Deny})
	}
}

// placed is Core.placed: an attempt's answer.
func (g *game) placed(i, k int) {
	x := &g.w.of[i]
	a := &x.tries[k]
	answer, call := a.answer, a.call
	a.answer = spent
	if call != waiting && call != listening || !g.w.alive {
		return // nobody waits for it any more
	}
	a.call = over
	e := order.Event{Move: order.AttemptUnknown}
	switch {
	case answer == acked:
		e.Move, e.VenueID = order.AttemptAcked, venueIDs[name(i, k)]
	case answer == refused:
		e.Move = order.AttemptRefused
	case answer == unsigned:
		g.w.rejected = g.w.rejected || a.old
		if g.lenient && call == waiting {
			e.Move = order.AttemptTurned
		}
	}
	late := x.state == order.ClosedAbsent
	g.move(i, &e)
	g.adopted(i, late)
	if e.Move == order.AttemptTurned {
		g.again(i)
	}
}

func name(i, k int) uint8 { return uint8(1 + i*attempts + k) }

// adopted is Core.adopted: what surfaces after it was given up must go.
func (g *game) adopted(i int, late bool) {
	if late && g.w.of[i].state == order.AdoptedLate {
		g.move(i, &order.Event{Move: order.CancelRequested})
	}
}

// sight is Core.sight: the venue's word about the order n, as a row of a list
// or a notice.
func (g *game) sight(i int, n, status, sequence uint8) {
	x := &g.w.of[i]
	if x.named != 0 && x.named != n {
		return // two orders for one intent: an alarm there, a fault here already
	}
	r := order.Report{VenueID: venueIDs[n], Sequence: uint64(sequence), Status: statuses[status], Quantity: 1, Limit: price}
	switch status {
	case filled:
		r.Executed = 1
	case cancelled:
		r.Cancelled = 1
	}
	o, late := x.load(), x.state == order.ClosedAbsent
	g.move(i, &order.Event{Move: o.Sighting(&r), Report: &r})
	g.adopted(i, late)
}

// owner is Core.report, Core.remarked and Core.settleStrangers: whose the order
// n is, as far as the process can tell; -1 when it cannot. Rival tells that
// another unclaimed order looks alike.
func (g *game) owner(n uint8, remark, rival bool) int {
	for i := range g.w.of {
		if g.w.of[i].named == n {
			return i
		}
	}
	i := int(n-1) / attempts
	x := &g.w.of[i]
	if remark {
		if x.state == order.New || x.forgotten {
			return -1
		}
		return i
	}
	mine, candidates, pending := -1, 0, false
	for j := range g.w.of {
		y := &g.w.of[j]
		if y.named != 0 || y.forgotten || j != i && !g.twins {
			continue
		}
		switch {
		case y.state == order.Sending:
			pending = true
		case y.state.InDoubt(), y.state == order.ClosedAbsent, y.state == order.Queued && y.resent:
			mine, candidates = j, candidates+1
		}
	}
	if candidates != 1 || pending || rival {
		return -1
	}
	return mine
}

// serve is the venue's order list at this moment. A list that was asked for
// earlier shows the same and proves less: that is a list that arrives cut.
func (g *game) serve(stale bool) {
	g.w.read = true
	for i := range g.w.of {
		g.w.fenced[i] = g.w.of[i].fence
		if stale {
			continue
		}
		for k := range attempts {
			if a := &g.w.of[i].tries[k]; a.visible {
				g.w.shown[name(i, k)-1] = a.venue
			}
		}
	}
}

// listed is Core.ordersRead: what the list shows is true, what it lacks counts
// if it is whole.
func (g *game) listed(whole bool) {
	w := &g.w
	shown, fenced := w.shown, w.fenced
	g.forget()
	strangers := [intents]int{}
	for i, status := range shown {
		if status != nothing && g.owner(uint8(i+1), g.echo, false) < 0 {
			strangers[i/attempts]++
		}
	}
	unclaimed := strangers
	if g.twins {
		unclaimed[0], unclaimed[1] = strangers[0]+strangers[1], strangers[0]+strangers[1]
	}
	for i, status := range shown {
		if status == nothing {
			continue
		}
		if mine := g.owner(uint8(i+1), g.echo, unclaimed[i/attempts] > 1); mine >= 0 {
			g.sight(mine, uint8(i+1), status, 0)
		}
	}
	for i := range w.of {
		if whole && unclaimed[i] == 0 {
			g.absent(i, fenced[i])
		}
	}
}

// forget ends a read.
func (g *game) forget() {
	g.w.read, g.w.shown, g.w.fenced = false, [intents * attempts]uint8{}, [intents]bool{}
}

// absent is Core.absent: a whole list without the order.
func (g *game) absent(i int, fenced bool) {
	x := &g.w.of[i]
	o, began := x.load(), before
	switch {
	case (fenced || g.mistake == fenceIgnored) && x.absences > 0:
		began = second
	case fenced || g.mistake == fenceIgnored:
		began = after
	}
	move, ok := o.Absence(began, fence)
	if !ok {
		return
	}
	g.move(i, &order.Event{Move: move, Started: began})
	if g.mistake == absenceByOneRead && x.absences == 1 {
		g.move(i, &order.Event{Move: order.AbsentTwice, Started: began})
	}
	if x.state != order.Absent {
		return
	}
	if !g.resend(i) {
		g.move(i, &order.Event{Move: order.CloseAbsent})
	}
}

// resend is Core.resend.
func (g *game) resend(i int) bool {
	x := &g.w.of[i]
	if g.policy != order.AfterHardFence || x.cancelWanted || x.attempts == attempts {
		return false
	}
	for _, a := range x.tries {
		if (a.call == listening || a.call == waiting) && g.mistake != resendWhileAnswerable {
			return false
		}
	}
	x.resent = true
	g.move(i, &order.Event{Move: order.Resend})
	return true
}

// crash ends the process: what it held in memory alone is lost.
func (g *game) crash() {
	w := &g.w
	w.alive, w.rejected = false, false
	w.crashes++
	g.forget()
	for i := range w.of {
		x := &w.of[i]
		x.timer = false
		if x.unrecorded { // the journal knows the intent, not the attempt
			x.unrecorded, x.state = false, order.Queued
			x.attempts--
		}
		for k := range x.tries {
			a := &x.tries[k]
			if a.call != deaf {
				a.call = over
			}
			if a.request == recorded {
				a.request = gone
			}
		}
	}
}

// restart is Core.resume for each order that the journal has.
func (g *game) restart() {
	g.w.alive = true
	for i := range g.w.of {
		x := &g.w.of[i]
		switch {
		case g.mistake == restartResends && (x.state == order.Sending || x.state.InDoubt()):
			x.state = order.Queued
		case x.state == order.Queued:
			g.move(i, &order.Event{Move: order.DeadlinePassed})
		case x.state == order.Sending:
			g.move(i, &order.Event{Move: order.AttemptUnknown})
		case x.state == order.ClosedAbsent:
			x.forgotten = g.mistake == tombstoneLost
		}
	}
}
