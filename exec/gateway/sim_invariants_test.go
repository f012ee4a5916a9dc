package gateway

import (
	"strings"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/breaker"
)

// What must hold in every world, after every event where it is cheap. The
// numbers are those of the promise, in this order:
//
//	 1 one venue order for one intent at most                        accepted
//	 2 every venue order of ours belongs to its one intent           reckon
//	 3 what was denied, expired here or rejected has no venue order  accepted, told
//	 4 nothing leaves without an earlier record of it                leaving
//	 5 no move outside the table                                     recorded, stepped
//	 6 fills only grow, never beyond the order or the venue          told, reckon
//	 7 position and value are the venue's in the end, and the
//	   venue's position is always within the worst case              traded, reckon
//	 8 rate windows at the first byte, across restarts               network.count
//	 9 four attempts at most, none after the deadline                leaving
//	10 no entry leaves when something forbids it                     leaving
//	11 what leaves is what was asked for                             leaving
//	12 epochs rise by one, the newest signs                          logins.swap, left
//	13 a probe is never an order; breakers close after healing       leaving, converge
//	14 doubt ends by evidence or a person                            recorded
//	15 cancels come through; nothing works under a kill level        converge
//	16 what the journal tells is what was, once or twice             died, resumed
//	17 bounded tables                                                stepped
//	19 everything has its end after healing                          converge
//
// 18 is the feed's, 20 the shell's: their own packages assert them. That the
// core allocates nothing is TestPlaceAckFillAllocatesNothing.
type checks struct {
	known   [instruments + 1]market.Units // by instrument: fills of ours that were told in this run
	paged   bool                          // a person was told of an order that nobody can settle
	differs bool                          // a person was told that the positions differ
	// A person was told of an order that may be one of several; with unreadable
	// remarks a loss of power can leave that behind.
	disputed bool
	graves   []int32 // intents that were given up as absent
	lists    uint32
	marks    []uint64 // by intent: hash of the last record
}

// intent is one wish of a strategy, or of the core itself, over all runs.
type intent struct {
	id       order.ID
	ticket   order.Ticket // of a strategy; zero: the core's own
	signal   uint64
	quantity market.Units
	venue    int32 // place of its venue order, +1
	sent     uint8 // attempts that left the core
	recorded uint8 // newest attempt on record
	journal  order.State
	state    order.State
	filled   market.Units // as told in this run
	over     bool         // the strategy was told of its end
	lost     bool         // records of it were lost with the machine's power
	taken    bool         // its signal made a venue order
}

func (c *checks) begin(*simWorld) { c.marks = make([]uint64, 0, 2048) }

// intent finds the intent of an order.
func (s *simWorld) intent(id order.ID) *intent {
	n := intentOf(id)
	if n < 0 || int(n) >= len(s.intents) || s.intents[n].id != id {
		s.fail("order %d is nobody's", id)
	}
	return &s.intents[n]
}

// stepped looks at the core after every event.
func (c *checks) stepped(s *simWorld) {
	switch core := s.core; {
	case core.stats.Illegal != 0:
		s.fail("a move outside the table")
	case core.calls.taken > maxCalls || core.calls.flying > maxFlying:
		s.fail("%d calls under way", core.calls.taken)
	case len(core.strangers) > maxStrangers:
		s.fail("%d strangers", len(core.strangers))
	}
}

// recorded looks at every record that the journal took.
func (c *checks) recorded(s *simWorld, r *journal.Record) {
	switch r.Kind {
	case journal.Intended:
		it, o := s.intent(r.ID), s.core.slab.Get(r.ID)
		if it.journal = order.Queued; o.State == order.Sending { // an orphan
			it.journal = order.Sending
		}
	case journal.Sending:
		it := s.intent(r.ID)
		if r.Call.Kind == journal.Place {
			if it.journal != order.Queued {
				s.fail("order %d is sent, it was %v", intentOf(r.ID), it.journal)
			}
			it.recorded, it.journal = r.Call.Attempt, order.Sending
		}
	case journal.Moved:
		c.moved(s, r)
	}
}

// moved judges one move by the table, and by the evidence behind it.
func (c *checks) moved(s *simWorld, r *journal.Record) {
	it := s.intent(r.ID)
	from, to, m := it.journal, r.Move.State, r.Move.Move
	it.journal = to
	o := s.core.slab.Get(r.ID)
	switch {
	case o == nil || o.State != to:
		s.fail("order %d: the record says %v", intentOf(r.ID), to)
	case r.Move.Attempts > 4:
		s.fail("order %d: %d attempts", intentOf(r.ID), r.Move.Attempts)
	case m == order.AbsentOnce && o.AbsentAt-o.Sent.Mono < 15*second:
		s.fail("order %d: absence inside the fence", intentOf(r.ID))
	case m == order.AbsentOnce || m == order.AbsentTwice:
		c.proves(s, r.ID)
	}
	if to == order.ClosedAbsent && from != to {
		c.graves = append(c.graves, intentOf(r.ID))
	}
	if from == to || from == order.New && it.lost {
		return
	}
	next, ok := from.Next(m)
	if ok && from == order.ClosedAbsent && next == order.AdoptedLate && m.Seen() {
		next, ok = order.AdoptedLate.Next(m)
	}
	if !ok || next != to {
		s.fail("order %d: %v by %v to %v", intentOf(r.ID), from, m, to)
	}
	switch {
	case !from.InDoubt() || to.InDoubt():
	case to == order.ClosedAbsent:
		if m != order.CloseAbsent && m != order.OperatorAbsent {
			s.fail("order %d was given up by %v", intentOf(r.ID), m)
		}
	case !m.Seen() && m != order.AttemptAcked && m != order.AttemptRefused && m != order.AttemptNotSent && m != order.OperatorPlaced:
		s.fail("order %d: doubt ended by %v", intentOf(r.ID), m)
	}
}

// proves asserts that the list in hand may count as evidence of an absence.
func (c *checks) proves(s *simWorld, id order.ID) {
	a, n := &s.event.Answer, intentOf(id)
	if s.event.Kind != AnswerEvent || a.Partial || a.Verdict != order.OK && a.Verdict != order.Empty {
		s.fail("order %d: absence from a list that proves nothing", n)
	}
	c.lists++
	for i := range a.Orders {
		if a.Orders[i].OrderedAt.Date() != s.clock.stamp(s.now).Market.Date() {
			s.fail("order %d: absence from a list of another day", n)
		}
		s.venue.named(a.Orders[i].VenueID).seen = c.lists
	}
	for i := range s.venue.orders {
		if o := &s.venue.orders[i]; o.shown == s.boot && o.seen != c.lists {
			s.fail("order %d: absence from a list that lacks %v, which an earlier one showed", n, o.report.VenueID)
		}
	}
}

// showed keeps which orders a list has shown to the process.
func (c *checks) showed(s *simWorld, a *Answer) {
	for i := range a.Orders {
		s.venue.named(a.Orders[i].VenueID).shown = s.boot
	}
}

// leaving looks at every call that the core wants to make.
func (c *checks) leaving(s *simWorld, a *Action) {
	core := s.core
	if a.Epoch != core.login.Epoch || s.login.current == nil {
		s.fail("a call of epoch %d, the newest is %d", a.Epoch, core.login.Epoch)
	}
	if !a.Kind.Write() {
		return
	}
	it, o := s.intent(a.ID), core.slab.Get(a.ID)
	if o == nil {
		s.fail("order %d leaves and is not there", intentOf(a.ID))
	}
	for i := range core.calls.list {
		if k := &core.calls.list[i]; k.slot == a.Slot && k.probe {
			s.fail("an order as a probe")
		}
	}
	if a.Kind != SendPlace {
		return
	}
	now := s.clock.mono(s.now)
	switch {
	case it.recorded != a.Attempt:
		s.fail("order %d: attempt %d leaves, on record is %d", intentOf(a.ID), a.Attempt, it.recorded)
	case it.sent+1 != a.Attempt && !it.lost:
		s.fail("order %d: attempt %d leaves after %d", intentOf(a.ID), a.Attempt, it.sent)
	case a.Attempt > 4:
		s.fail("order %d: attempt %d", intentOf(a.ID), a.Attempt)
	case o.State != order.Sending:
		s.fail("order %d leaves and is %v", intentOf(a.ID), o.State)
	case a.SendBy > now+50*ms:
		s.fail("order %d: a permit of %d", intentOf(a.ID), a.SendBy-now)
	case a.Quantity != o.Quantity || a.Quantity > 1800:
		s.fail("order %d: %d leave, %d were approved", intentOf(a.ID), a.Quantity, o.Quantity)
	case a.Ticket.Strategy != 0 && (a.Quantity != it.quantity || a.Ticket.Price != it.ticket.Price || a.Ticket.Side != it.ticket.Side || a.Ticket.Instrument != it.ticket.Instrument):
		s.fail("order %d is not what was asked for", intentOf(a.ID))
	}
	it.sent = a.Attempt
	if a.Class != order.Flatten {
		c.entering(s, a, o)
	}
}

// entering looks at what forbids an entry. Invariant 10.
func (c *checks) entering(s *simWorld, a *Action, o *order.Order) {
	core, n := s.core, intentOf(a.ID)
	cuts := c.cuts(s, a)
	at := s.clock.stamp(s.now)
	level := s.gate.Level()
	switch {
	case at.Mono > o.Deadline:
		s.fail("entry %d leaves after its deadline", n)
	case core.writes.State() != breaker.Closed:
		s.fail("entry %d leaves while the breaker is %v", n, core.writes.State())
	case at.Wall >= core.login.Expiry:
		s.fail("entry %d leaves with a session that is over", n)
	case core.refused >= core.login.Epoch:
		s.fail("entry %d leaves with a refused session", n)
	case level >= risk.CancelAll:
		s.fail("entry %d leaves under kill level %v", n, level)
	case cuts:
	case !core.sync.done:
		s.fail("entry %d leaves before the account is known", n)
	case level > risk.Armed:
		s.fail("entry %d leaves under kill level %v", n, level)
	case core.halted:
		s.fail("entry %d leaves though a person must look", n)
	case core.exposure[a.Ticket.Instrument].blocked != "":
		s.fail("entry %d leaves for a blocked instrument", n)
	case at.Wall >= core.login.EntriesUntil || core.login.State == session.Reducing:
		s.fail("entry %d leaves at the end of the session", n)
	case s.disk.full:
		s.fail("entry %d leaves and nothing can be recorded", n)
	}
	f := o.Fingerprint()
	for _, i := range c.graves {
		if other := core.slab.Get(s.intents[i].id); other != nil && other.State == order.ClosedAbsent && other.Fingerprint() == f {
			s.fail("entry %d cannot be told from order %d, which may surface", n, i)
		}
	}
	for _, i := range core.active {
		other := core.jobs[i].o
		if other == o || other.Ticket.Instrument != a.Ticket.Instrument {
			continue
		}
		state := other.State
		if (state.InDoubt() || state == order.Sending) && other.Fingerprint() == f {
			s.fail("entry %d cannot be told from order %d", n, intentOf(other.Ticket.ID))
		}
		if state.InDoubt() && !cuts {
			s.fail("entry %d leaves while order %d is in doubt", n, intentOf(other.Ticket.ID))
		}
	}
}

// cuts tells whether the order can only shrink what is held, even if every
// other one of its side that may live fills first.
func (c *checks) cuts(s *simWorld, a *Action) bool {
	most := market.Units(0)
	for _, i := range s.core.active {
		o := s.core.jobs[i].o
		if o.Ticket.Instrument == a.Ticket.Instrument && o.Ticket.Side == a.Ticket.Side && !o.State.Terminal() && o.State != order.ClosedAbsent {
			most += max(o.Quantity-o.Filled, 0)
		}
	}
	return most <= s.core.exposure[a.Ticket.Instrument].net*a.Ticket.Side.Opposite().Sign()
}

// left looks at a call's first byte.
func (c *checks) left(s *simWorld, k *traveller) {
	if k.token != s.login.held || s.login.byEpoch[k.answer.Epoch] != k.token {
		s.fail("signed with token %d, the newest is %d", k.token, s.login.held)
	}
}

// accepted looks at every order that comes to life at the venue.
func (c *checks) accepted(s *simWorld, k *traveller, place int32) {
	it := s.intent(k.id)
	if s.say != nil {
		s.say("%v venue takes order %d as %v", s.now, intentOf(k.id), s.venue.orders[place].report.VenueID)
	}
	if it.venue != 0 {
		s.fail("two venue orders for intent %d", intentOf(k.id))
	}
	it.venue = place + 1
	if c.nowhere(it.state) && !it.lost {
		s.fail("order %d is %v and came to life at the venue", intentOf(k.id), it.state)
	}
	if it.signal != 0 {
		first := &s.intents[it.signal-1]
		if first.taken && !first.lost {
			s.fail("two venue orders for one decision, intents %d and %d", it.signal-1, intentOf(k.id))
		}
		first.taken = true
	}
}

// nowhere tells whether an order in that state has no venue order, ever.
func (c *checks) nowhere(state order.State) bool {
	return state == order.Denied || state == order.ExpiredLocal || state == order.Rejected
}

// told looks at every update that strategies get.
func (c *checks) told(s *simWorld, u *order.Update) {
	if u.ID == 0 {
		return
	}
	it := s.intent(u.ID)
	if u.Filled < it.filled || it.filled+u.FilledNow != u.Filled {
		s.fail("order %d: %d filled and %d more make %d", intentOf(u.ID), it.filled, u.FilledNow, u.Filled)
	}
	it.state, it.filled = u.State, u.Filled
	it.over = u.State.Terminal()
	if int(u.Instrument) < len(c.known) {
		c.known[u.Instrument] += u.Side.Sign() * u.FilledNow
	}
	truth := market.Units(0)
	if it.venue != 0 {
		truth = s.venue.orders[it.venue-1].report.Executed
	}
	switch {
	case u.Filled > truth:
		s.fail("order %d: %d filled, the venue says %d", intentOf(u.ID), u.Filled, truth)
	case c.nowhere(u.State) && it.venue != 0 && !it.lost:
		s.fail("order %d is %v and lives at the venue", intentOf(u.ID), u.State)
	}
}

// traded looks at every fill at the venue: what the account holds must be
// within what risk counts at worst, whether it has heard of the fill or not.
func (c *checks) traded(s *simWorld, id market.InstrumentID) {
	if !s.up || s.tally.powerLosses > 0 || s.dying {
		return
	}
	x := s.gate.Exposure(id)
	own := s.venue.own[id]
	if low, high := c.known[id]-(x.Position-x.Short), c.known[id]+(x.Long-x.Position); own < low || own > high {
		s.fail("instrument %d: the venue holds %d, risk counts %d to %d", id, own, low, high)
	}
}

func (c *checks) alarm(a *Action) {
	switch {
	case strings.HasPrefix(a.Text, "nobody can say"):
		c.paged = true
	case strings.Contains(a.Text, "one of several"):
		c.disputed = true
	case strings.Contains(a.Text, "position differs"):
		c.differs = true
	}
}

// lost marks the intents whose records did not survive a loss of power.
func (c *checks) lost(s *simWorld, kept int) {
	for _, m := range s.disk.at[kept:] {
		if m.id != 0 && m.id < foreign {
			s.intent(m.id).lost = true
		}
	}
}

// lastMarks is what each order was like at its last record.
func (c *checks) lastMarks(s *simWorld) []uint64 {
	c.marks = c.marks[:0]
	for range s.intents {
		c.marks = append(c.marks, 0)
	}
	for i := range s.disk.at {
		if m := &s.disk.at[i]; m.hash != 0 {
			c.marks[intentOf(m.id)] = m.hash
		}
	}
	return c.marks
}

// died compares the journal with the process that ends, when it ends between
// two steps.
func (c *checks) died(s *simWorld, whole bool) {
	if !whole || s.core.stats.Unrecorded > 0 {
		return
	}
	for n, hash := range c.lastMarks(s) {
		if hash == 0 {
			continue
		}
		if o := s.core.slab.Get(s.intents[n].id); o != nil && hashOrder(o) != hash {
			s.fail("order %d is %v (filled %d, cancel wanted %v) and its last record says otherwise", n, o.State, o.Filled, o.CancelWanted)
		}
	}
}

// resumed compares what a new process took in with what the last one was when
// it wrote the last record that was kept.
func (c *checks) resumed(s *simWorld) {
	c.known = [len(c.known)]market.Units{}
	compare := func(times string) {
		for n, hash := range c.lastMarks(s) {
			if hash == 0 {
				continue
			}
			o := s.core.slab.Get(s.intents[n].id)
			if o == nil || hashOrder(o) != hash {
				s.fail("order %d taken in %s is not what it was: %+v", n, times, o)
			}
		}
	}
	compare("once")
	if s.seed%4 == 0 {
		s.disk.again(s, s.core)
		compare("twice")
	}
	for n := range s.intents {
		it := &s.intents[n]
		it.filled = 0
		if it.id == 0 {
			continue
		}
		if o := s.core.slab.Get(it.id); o != nil {
			it.journal, it.state = o.State, o.State
			if it.lost {
				it.sent, it.recorded = o.Attempts, o.Attempts
			}
		} else if !it.over {
			it.journal = order.New
		}
	}
}
