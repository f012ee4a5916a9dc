package gateway

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// simWorld is one seeded world in one goroutine: venue, network, clock, disk,
// processes that die, strategies and people, around the real order core. The
// same seed makes the same world, to the last byte. It is the oracle: it knows
// every order that the venue accepted.
type simWorld struct {
	seed     uint64
	mix      mix
	plan     plan
	schedule draws
	people   draws
	strategy draws
	clock    simClock
	net      network
	venue    exchange
	disk     disk
	login    logins
	check    checks

	// The process, until it dies.
	up       bool
	boot     uint32
	core     *Core
	gate     *risk.Gate
	killIn   int // boundaries between actions until it is killed; zero: not armed
	dying    bool
	mute     bool // the order stream says nothing
	universe *market.Universe
	book     *book.Book

	agenda agenda
	posted uint64
	now    market.Mono // of the world; never goes back
	healed bool
	ends   market.Mono // the strategies stop
	event  Event       // scratch
	lastID uint64
	stalls int // ticks without time passing

	intents []intent
	tally   tally
	history *history                         // nil: nobody keeps one
	trace   uint64                           // hash of every event and action
	say     func(format string, args ...any) // nil: nobody wants to know
}

// plan is how a world is set up, besides its faults.
type plan struct {
	phase      phase
	dense      bool // limits raised on both sides
	lenient    bool
	remarks    remarks
	sessions   invalidation
	shuffled   bool // what happens at one instant happens in a drawn order
	limits     throttle.Limits
	strategies int
	pace       market.Mono // mean time between two orders of a strategy
	life       market.Mono // mean life of an order before its cancel
	slowest    market.Mono // of a request on its way
	lag        market.Mono // of the venue's lists
	person     market.Mono // between two looks of the operator
	activity   market.Mono // between two trades at the venue
	lasts      market.Mono
	runaways   int // strikes until the level rises
	cut        time.Duration
}

// tally is what a world counted.
type tally struct {
	worlds                          uint64
	writes, places, reads           uint64 // first bytes that left
	intents, accepted, events       uint64
	restarts, powerLosses, replayed uint64
	virtual                         market.Mono
	stats                           Stats
	hits                            [faults]uint64
	cover                           [faults][order.States]uint32
	differ                          uint64      // worlds whose base somebody else's hidden fills spoilt, a person told
	longest                         market.Mono // from healing to convergence
}

func (t *tally) add(o *tally) {
	t.writes += o.writes
	t.places += o.places
	t.reads += o.reads
	t.intents += o.intents
	t.accepted += o.accepted
	t.events += o.events
	t.restarts += o.restarts
	t.powerLosses += o.powerLosses
	t.replayed += o.replayed
	t.differ += o.differ
	t.virtual += o.virtual
	t.longest = max(t.longest, o.longest)
	t.addStats(&o.stats)
	for f := range t.hits {
		t.hits[f] += o.hits[f]
		for s := range t.cover[f] {
			t.cover[f][s] += o.cover[f][s]
		}
	}
}

func (t *tally) addStats(s *Stats) {
	t.stats.Denied += s.Denied
	t.stats.Throttled += s.Throttled
	t.stats.Ambiguous += s.Ambiguous
	t.stats.Resolved += s.Resolved
	t.stats.Adopted += s.Adopted
	t.stats.Renewals += s.Renewals
	t.stats.External += s.External
	t.stats.Orphans += s.Orphans
	t.stats.Shrunk += s.Shrunk
	t.stats.Alarms += s.Alarms
	t.stats.Unrecorded += s.Unrecorded
}

// what is a kind of happening.
type what uint8

const (
	callLeaves what = iota
	callArrives
	callAnswered
	noticeComes
	iocEnds
	marketTrades
	ownerTrades // somebody else
	strategyActs
	strategyRuns
	cancelAsked
	modifyAsked
	quotesCome
	streamGoes
	streamComes
	streamFallsMute
	loginTicks
	loginLost
	loginFetched
	loginExchanged
	loginProbed
	feedsMoved
	tokenIsDropped
	cutComes
	outageBegins
	outageEnds
	processStops
	wallJumpsNow
	diskFills
	diskFrees
	killComes
	processStarts
	personLooks
	levelRises
)

func simInstruments() []market.Instrument {
	return []market.Instrument{
		option("1001", 24000, market.Call), option("1002", 24000, market.Put), option("1003", 24100, market.Call),
		option("1004", 24100, market.Put), option("1005", 23900, market.Call), option("1006", 23900, market.Put),
	}
}

// instruments is how many there are to trade.
const instruments = 6

// newSim draws a world from its seed.
func newSim(seed uint64) *simWorld {
	s := &simWorld{
		seed: seed, schedule: newDraws(seed, drawsOfSchedule), people: newDraws(seed, drawsOfPeople),
		strategy: newDraws(seed, drawsOfStrategy), now: second, trace: 14695981039346656037,
	}
	universe, err := market.NewUniverse(simInstruments())
	if err != nil {
		panic(err)
	}
	s.universe, s.book = universe, book.New(universe)
	s.plan = drawPlan(s.schedule)
	if *simBrief {
		s.plan.lasts /= 3
	}
	s.mix = drawMix(s.schedule.Rand)
	if s.plan.lenient { // what lies to those who believe it makes duplicates
		s.mix.chance[throttledTaken], s.mix.chance[sessionTaken] = 0, 0
	}
	s.agenda = make(agenda, 0, 4096)
	s.intents = make([]intent, 0, 2048)
	s.clock.begin(s)
	s.net.begin(s)
	s.venue.begin(s)
	s.disk.begin(s)
	s.login.begin(s)
	s.check.begin(s)
	return s
}

func drawPlan(r draws) plan {
	p := plan{
		dense: r.hit(0.75), lenient: r.hit(0.3), remarks: remarks(r.IntN(int(remarkModes))), sessions: invalidation(r.IntN(int(invalidations))),
		shuffled: r.hit(0.5), limits: throttle.Breeze(),
		strategies: 1 + r.IntN(4), pace: r.between(300*ms, 4*second), life: r.between(200*ms, 10*second),
		slowest: []market.Mono{5 * second, 12 * second, 25 * second}[r.IntN(3)], lag: r.between(0, 3*second),
		person: r.between(3*second, 20*second), activity: r.between(200*ms, 3*second), lasts: r.between(60*second, 300*second),
		runaways: 1_000_000,
	}
	if r.hit(0.5) {
		p.remarks = echoed
	}
	if r.hit(0.3) {
		p.phase = phase(1 + r.IntN(phases-1))
	}
	if r.hit(0.3) {
		p.runaways = 50
	}
	if p.dense {
		p.limits.Second, p.limits.Minute, p.limits.Day = 60, 2000, 1_000_000
		p.limits.Reserves[order.Reconcile] = throttle.Reserve{Second: 10, Minute: 100, Day: 500}
		p.limits.Reserves[order.Entry] = throttle.Reserve{Second: 10, Minute: 300, Day: 1500}
		p.limits.Reserves[order.Data] = throttle.Reserve{Second: 10, Minute: 400, Day: 2000}
		p.strategies = 4 + r.IntN(4)
		p.pace, p.lasts = r.between(450*ms, 900*ms), r.between(60*second, 180*second)
		p.life, p.activity = r.between(100*ms, 2*second), r.between(30*ms, 300*ms)
		p.person = r.between(second, 8*second)
	}
	return p
}

// run lives the world to its end: faults, healing, convergence, the last
// reckoning.
func (s *simWorld) run() {
	s.post(quotesCome, 0, 0)
	s.start()
	s.ends = s.now + s.plan.lasts
	s.schedulePeople()
	s.scheduleFaults()
	s.until(s.ends)
	s.heal()
	s.converge()
	s.until(s.now + 150*second)
	s.check.reckon(s)
	s.tally.virtual = s.now
	s.tally.accepted = uint64(len(s.venue.orders))
	s.tally.intents = uint64(len(s.intents))
	s.tally.addStats(&s.core.stats)
}

// post makes something happen after a while.
func (s *simWorld) post(w what, after market.Mono, n int32) { s.postFor(0, w, after, n, 0) }

// postOwn makes something happen to the process, if it still lives then.
func (s *simWorld) postOwn(w what, after market.Mono, n int32) { s.postFor(s.boot, w, after, n, 0) }

func (s *simWorld) postFor(boot uint32, w what, after market.Mono, n int32, more int64) {
	s.posted++
	rank := s.posted
	if s.plan.shuffled {
		rank |= uint64(s.schedule.Uint32()) << 32
	}
	s.agenda.push(happening{at: s.now + max(after, 0), rank: rank, what: w, boot: boot, n: n, more: more})
}

// until lets time pass.
func (s *simWorld) until(end market.Mono) {
	for {
		next := end
		if len(s.agenda) > 0 {
			next = min(next, s.agenda[0].at)
		}
		if s.up {
			if tick := s.core.Next(); tick != throttle.Never && tick <= s.clock.mono(next) {
				if at := s.clock.base + tick; at > s.now {
					s.now, s.stalls = at, 0
				} else if s.stalls++; s.stalls > 10_000 {
					s.fail("the core asks for ticks without end")
				}
				s.event.Kind = Tick
				s.step()
				continue
			}
		}
		if len(s.agenda) == 0 || s.agenda[0].at > end {
			s.now = max(s.now, end)
			return
		}
		h := s.agenda.pop()
		if h.at > s.now {
			s.now, s.stalls = h.at, 0
		}
		if h.boot != 0 && h.boot != s.boot {
			s.gone(&h)
			continue
		}
		s.happen(&h)
	}
}

// gone is what becomes of something that was for a process that is dead.
func (s *simWorld) gone(h *happening) {
	switch h.what {
	case callLeaves, callAnswered:
		s.net.release(h.n)
	case noticeComes:
		s.venue.forget(h.n)
	}
}

func (s *simWorld) happen(h *happening) {
	switch h.what {
	case callLeaves:
		s.net.leaves(s, h.n)
	case callArrives:
		s.net.arrives(s, h.n)
	case callAnswered:
		s.net.answered(s, h.n)
	case noticeComes:
		s.venue.noticed(s, h.n)
	case iocEnds:
		s.venue.iocEnds(s, h.n)
	case marketTrades:
		s.venue.trades(s)
	case ownerTrades:
		s.venue.somebody(s)
	case strategyActs:
		s.acts(h.n)
	case strategyRuns:
		s.runs(h.n)
	case cancelAsked:
		s.asks(order.CancelOne, h.n, 0)
	case modifyAsked:
		s.asks(order.Modify, h.n, market.Paise(h.more))
	case quotesCome:
		s.quotes()
		s.post(quotesCome, 20*second, 0)
	case streamGoes:
		s.coverAll(streamGap)
		s.streamIs(market.FeedDown)
		s.postOwn(streamComes, s.venue.draws.between(0, 4*second), 0)
	case streamComes:
		s.mute = false
		s.streamIs(market.FeedLive)
	case streamFallsMute: // until somebody opens it anew
		s.coverAll(streamMute)
		s.mute = true
	case loginTicks, loginLost, loginFetched, loginExchanged, loginProbed, feedsMoved:
		s.login.happens(s, h)
	case tokenIsDropped:
		s.login.dropped(s)
	case cutComes:
		s.login.cut(s)
	case outageBegins:
		s.net.outage(s)
	case outageEnds:
		s.net.out = false
	case processStops:
		s.clock.pause(s)
	case wallJumpsNow:
		s.clock.jump(s)
	case diskFills:
		s.disk.fill(s)
	case diskFrees:
		s.disk.full = false
	case killComes:
		s.armKill()
	case processStarts:
		s.start()
	case personLooks:
		s.looks()
		s.post(personLooks, s.plan.person, 0)
	case levelRises:
		s.raises()
	}
}

// start starts the process: it takes in what the disk kept.
func (s *simWorld) start() {
	s.boot++
	s.up, s.dying, s.killIn, s.mute, s.stalls = true, false, 0, false, 0
	s.clock.base = s.now - s.clock.draws.between(ms, 50*ms)
	s.clock.mend()
	s.quotes()
	limits := wide()
	limits.Runaway = s.plan.runaways
	s.gate = risk.NewGate(limits, s.universe)
	s.gate.SetSession(s.clock.opens, s.clock.closes)
	s.gate.SetFeed(market.FeedLive)
	tag := order.Tag{Instance: [2]byte{'V', '1'}, Day: simDay, Boot: s.boot}
	core, err := NewCore(CoreConfig{
		Universe: s.universe, Book: s.book, Gate: s.gate, Seed: s.seed<<8 + uint64(s.boot), Recorder: &s.disk, Orders: 2048,
		Tag: tag, NextID: s.nextID, Lenient: s.plan.lenient, Limits: s.plan.limits,
	})
	if err != nil {
		panic(err)
	}
	s.core = core
	if s.say != nil {
		s.say("%v start %d: %d records were kept", s.now, s.boot, s.disk.kept())
	}
	s.disk.replay(s)
	s.check.resumed(s)
	s.disk.Append(&journal.Record{Kind: journal.Started, At: s.clock.stamp(s.now), Start: journal.Start{Tag: tag}}, true)
	s.disk.sync()
	if s.boot > 1 {
		s.tally.restarts++
		s.carryOut(s.core.Restored(s.clock.stamp(s.now)))
	}
	s.login.start(s)
	s.postOwn(streamComes, s.venue.draws.between(0, second), 0)
}

func (s *simWorld) nextID() order.ID {
	s.lastID++
	for len(s.intents) < int(s.lastID) {
		s.intents = append(s.intents, intent{})
	}
	id := order.Tag{Boot: s.boot}.ID(s.lastID)
	s.intents[s.lastID-1].id = id
	return id
}

// intentOf is the place of an order's intent.
func intentOf(id order.ID) int32 {
	const sequences = 36 * 36 * 36 * 36 * 36 * 36 * 36
	return int32(uint64(id)%sequences) - 1
}

// step hands the scratch event to the core and carries out what it wants.
func (s *simWorld) step() {
	if !s.up {
		return
	}
	s.tally.events++
	s.hashEvent(&s.event)
	s.disk.appended = 0
	out := s.core.Step(&s.event, s.clock.stamp(s.now))
	s.event = Event{}
	s.check.stepped(s)
	s.carryOut(out)
}

func (s *simWorld) carryOut(out []Action) {
	if s.dying || s.boundary() {
		s.die()
		return
	}
	for i := range out {
		s.act(&out[i])
		if s.boundary() {
			s.die()
			return
		}
	}
}

// boundary is a place between two actions: the process may be killed here.
func (s *simWorld) boundary() bool {
	if s.killIn == 0 {
		return false
	}
	s.killIn--
	return s.killIn == 0
}

// armKill draws where the process dies.
func (s *simWorld) armKill() {
	if !s.up || s.healed {
		return
	}
	in := s.disk.draws.hit(0.4)
	switch {
	case in && s.mix.grade[killedInAppend] != absent:
		s.disk.killIn = 1 + s.disk.draws.IntN(12)
	case s.mix.grade[killed] != absent || s.mix.grade[powerLost] != absent:
		s.killIn = 1 + s.disk.draws.IntN(24)
	default:
		s.disk.killIn = 1 + s.disk.draws.IntN(12)
	}
}

// die ends the process where it stands. What it sent goes on without it.
func (s *simWorld) die() {
	inside := s.disk.killed
	s.check.died(s, !inside)
	s.tally.addStats(&s.core.stats)
	s.up, s.dying, s.killIn = false, false, 0
	f, down := killed, s.disk.draws.between(50*ms, 5*second)
	if inside {
		f = killedInAppend
	}
	if s.mix.grade[powerLost] != absent && (s.mix.grade[killed] == absent && !inside || s.disk.draws.hit(0.3)) {
		// A machine that lost its power takes longer than a minute to come back.
		f, down = powerLost, s.disk.draws.between(65*second, 100*second)
		s.tally.powerLosses++
	}
	if s.clock.jumped != 0 { // see simClock.jump
		down = max(down, s.clock.jumped+65*second-s.now)
	}
	s.coverAll(f)
	s.disk.crash(s, f == powerLost)
	if s.say != nil {
		s.say("%v dies: %v, back in %v", s.now, f, time.Duration(down))
	}
	s.boot++ // nothing of this process reaches the next
	s.post(processStarts, down, 0)
	if f != powerLost && !s.healed && s.disk.draws.hit(0.25) { // crash loop
		s.post(killComes, down+s.disk.draws.between(0, 2*second), 0)
	}
}

// act carries out one action.
func (s *simWorld) act(a *Action) {
	s.hashAction(a)
	switch {
	case a.Kind == Emit:
		s.check.told(s, &a.Update)
		s.history.told(s, &a.Update)
	case a.Kind == RenewSession:
		s.postFor(s.boot, loginLost, 0, 0, int64(a.Epoch))
	case a.Kind == RestartStream:
		s.postOwn(streamGoes, 10*ms, 0)
	case a.Kind == Alarm:
		s.check.alarm(a)
	case a.Kind.Call():
		s.net.send(s, a)
	}
}

func (s *simWorld) streamIs(state market.FeedState) {
	s.event.Kind, s.event.Stream = StreamEvent, state
	s.step()
}

// quotes keeps every instrument's quote fresh.
func (s *simWorld) quotes() {
	for _, in := range s.universe.All() {
		q := quote(in.ID)
		q.Recv = s.clock.mono(s.now)
		s.book.PutQuote(&q)
	}
	s.book.Commit(s.clock.stamp(s.now))
}

// happens tells whether a fault strikes now, and counts it against the state of
// the order it strikes.
func (s *simWorld) strikes(d draws, f fault, id order.ID) bool {
	p := s.mix.chance[f]
	if p == 0 || s.healed || d.Float64() >= p {
		return false
	}
	s.cover(f, id)
	return true
}

func (s *simWorld) cover(f fault, id order.ID) {
	s.tally.hits[f]++
	if id != 0 && s.up {
		if o := s.core.slab.Get(id); o != nil {
			s.tally.cover[f][o.State]++
		}
	}
}

// coverAll counts a fault against every order that is under way.
func (s *simWorld) coverAll(f fault) {
	s.tally.hits[f]++
	if s.core == nil {
		return
	}
	for _, i := range s.core.active {
		s.tally.cover[f][s.core.jobs[i].o.State]++
	}
	for _, i := range s.core.tombs {
		if j := &s.core.jobs[i]; !j.active {
			s.tally.cover[f][j.o.State]++
		}
	}
}

// fold takes a number into the trace.
func (s *simWorld) fold(v uint64) {
	h := (s.trace ^ v) * 0x9e3779b97f4a7c15
	s.trace = h ^ h>>29
}

func (s *simWorld) hashEvent(e *Event) {
	s.fold(uint64(s.now))
	s.fold(uint64(e.Kind)<<32 | uint64(e.Answer.Verdict)<<24 | uint64(e.Report.Status)<<16 | uint64(e.Stream)<<8 | uint64(e.Level))
	s.fold(uint64(e.Answer.Slot)<<32 | uint64(len(e.Answer.Orders))<<16 | uint64(len(e.Answer.Trades)))
	s.fold(uint64(e.Command.Ticket.ID) ^ uint64(e.Command.Price)<<40)
	s.fold(e.Report.Sequence<<32 | uint64(e.Report.Executed))
	s.fold(e.Session.Epoch)
	if s.say != nil {
		s.tell(e)
	}
}

func (s *simWorld) hashAction(a *Action) {
	u := &a.Update
	s.fold(uint64(a.Kind)<<56 | uint64(a.Attempt)<<48 | uint64(u.State)<<40 | uint64(a.Slot))
	s.fold(uint64(a.ID))
	s.fold(uint64(a.SendBy) ^ uint64(a.Deadline)<<1 ^ a.Epoch<<48)
	s.fold(uint64(a.Quantity)<<32 | uint64(a.Ticket.Price))
	s.fold(uint64(u.Filled)<<32 ^ uint64(u.Value) ^ uint64(u.Price)<<20)
	if s.say != nil {
		s.tellAction(a)
	}
}

// tell prints an event of the story.
func (s *simWorld) tell(e *Event) {
	switch e.Kind {
	case CommandEvent:
		t := &e.Command.Ticket
		s.say("%v strategy %d: command %d order %d %v %d at %d, price %d", s.now, t.Strategy, e.Command.Kind, intentOf(t.ID), t.Side, t.Lots, t.Price, e.Command.Price)
	case AnswerEvent:
		a := &e.Answer
		s.say("%v answer to %d: %v sent %d broken %v id %v partial %v rows %d trades %d held %v", s.now, a.Slot, a.Verdict, a.Sent, a.Broken, a.VenueID, a.Partial, len(a.Orders), len(a.Trades), a.Held)
	case ReportEvent:
		r := &e.Report
		s.say("%v notice %d: %v %v executed %d of %d at %d", s.now, r.Sequence, r.VenueID, r.Status, r.Executed, r.Quantity, r.Limit)
	case StreamEvent:
		s.say("%v stream %v", s.now, e.Stream)
	case SessionEvent:
		s.say("%v session %v epoch %d until %v", s.now, e.Session.State, e.Session.Epoch, e.Session.Expiry)
	case KillEvent:
		s.say("%v kill level %v asked for", s.now, e.Level)
	case OperatorEvent:
		s.say("%v operator: order %d placed %v instrument %d", s.now, intentOf(e.Operator.ID), e.Operator.Placed, e.Operator.Instrument)
	}
}

func (s *simWorld) tellAction(a *Action) {
	switch a.Kind {
	case Emit:
		u := &a.Update
		s.say("%v   > order %d is %v: %v filled %d (+%d) of %d, price %d, %s", s.now, intentOf(u.ID), u.State, u.VenueID, u.Filled, u.FilledNow, u.Quantity, u.Price, u.Reason)
	case Alarm:
		s.say("%v   > alarm, order %d: %s", s.now, intentOf(a.ID), a.Text)
	default:
		s.say("%v   > %v slot %d order %d %v attempt %d epoch %d", s.now, a.Kind, a.Slot, intentOf(a.ID), a.VenueID, a.Attempt, a.Epoch)
	}
}

// violation is what a world ends with when an invariant is broken.
type violation struct{ text string }

func (s *simWorld) fail(format string, args ...any) {
	panic(violation{fmt.Sprintf("at %v: ", time.Duration(s.now)) + fmt.Sprintf(format, args...)})
}
