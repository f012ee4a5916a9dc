package gateway

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/breaker"
	"github.com/vayu-trading/vayu/exec/retry"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// Core is the order core: account risk, the day's orders, rate gates, breakers,
// retries and reconciliation. It takes one event with its time, changes its
// state and answers with actions. It has no socket, clock, lock or goroutine;
// one owner at a time calls it, and all its state is that owner's.
//
// The rule above all: an order whose outcome is unknown is never sent again. It
// is looked for until the venue shows it, or validly does not. What is then
// absent stays so, unless the venue is proven to refuse old requests (see
// [order.AfterHardFence]).
type Core struct {
	config     CoreConfig
	gate       *risk.Gate
	slab       *order.Slab
	limits     *throttle.Gate
	writes     *breaker.Breaker
	reads      *breaker.Breaker
	logins     *breaker.Breaker
	loginCall  loginCall
	budget     *retry.Budget
	rng        *rand.Rand
	view       book.View
	at         market.Stamp  // of the event in hand
	jumped     time.Duration // what the wall clock jumped since the start
	out        []Action
	effect     order.Effect
	record     journal.Record // scratch: a local would escape through Recorder
	unkept     bool           // the last record could not be kept
	unkeptTold bool
	tripped    [3]breaker.State // as the journal knows them
	delay      time.Duration    // until what the answer in hand leads to
	planned    bool             // it leads to another attempt, after delay
	endings    []Ending         // calls that ended in this step
	next       market.Mono
	dirty      bool            // something may be due now
	midnight   market.UnixNano // the day's count ends

	jobs   []job   // beside the slab: jobs[o.Slot()] works on o
	active []int32 // jobs with something to do, oldest first
	tombs  []int32 // closed as absent: watched until the end of the day
	bound  []int32 // jobs whose order has the venue's id
	calls  callTable

	login     Session
	told      bool   // what risk was told of it
	refused   uint64 // newest epoch that was refused for its session
	refusedAt market.Mono
	tryAt     [2]market.Mono // with a refused session, not before: reads, writes
	served    uint64         // newest epoch that had a good answer
	halted    bool           // only a person can mend it
	forbidAt  market.Mono    // the venue forbids us even to read: nothing but cancels and flattening before
	remarks   Remarks        // what became of the texts that travel with orders
	level     risk.Level
	strangers []stranger
	past      restoring
	resumed   bool   // an earlier run of the day has sent orders
	unclaimed int    // strangers that may still turn out to be ours
	met       uint64 // strangers so far
	sync      syncing
	learnt    uint64     // rises with every execution that becomes known
	exposure  []exposure // by instrument
	holding   int        // instruments that are held
	markAt    market.Mono
	unpriced  int // orders whose fills have no exact price yet
	stats     Stats
}

// CoreConfig is what a core needs to know before its first event. Durations of
// zero take their defaults.
type CoreConfig struct {
	Universe   *market.Universe
	Book       *book.Book // what risk judges by
	Gate       *risk.Gate
	Tag        order.Tag       // of this run
	NextID     func() order.ID // numbers the orders the core makes itself, from the same source as the desk's
	Recorder   Recorder        // may be nil
	Lenient    bool            // believe a throttle or session refusal of a write; strict otherwise: its outcome is unknown
	Limits     throttle.Limits // zero: the venue's
	Retry      retry.Policy    // zero: the default
	Seed       uint64          // spreads delays
	Orders     int             // room for a day's orders; default 8192
	PowerLost  bool            // the journal's newest records may be missing: an intent without an attempt may have been sent all the same
	Strategies []string        // names of the strategies, from number 1 up: what an earlier run left is theirs by name

	EntryTTL   time.Duration // an order that could not be sent for so long is not sent; default 2 s
	PermitLife time.Duration // a permit's first byte leaves within; default 50 ms
	Evidence   time.Duration // wait for evidence before asking; default 250 ms
	Fence      time.Duration // a request may be accepted, and become visible, this late; default 15 s
	HardFence  time.Duration // see [order.Policy.HardFence]: an absent order may be sent again so long after its last attempt; zero: never
	Visibility time.Duration // what is accepted shows in lists within; default 3 s
	GiveUp     time.Duration // in doubt so long without a valid read: a person must look; default 10 min
	Notice     time.Duration // the order stream speaks of an accepted order within; default 3 s
	PollOpen   time.Duration // order list while orders are open; default 30 s
	PollFlat   time.Duration // order list otherwise; default 2 min
}

// markEvery is how often positions are valued.
const markEvery = 200 * time.Millisecond

// ErrCore marks a configuration that an order core cannot work with.
var ErrCore = errors.New("gateway: bad order core configuration")

// NewCore checks the configuration.
func NewCore(config CoreConfig) (*Core, error) {
	if config.Universe == nil || config.Book == nil || config.Gate == nil || config.NextID == nil {
		return nil, fmt.Errorf("%w: it needs a universe, a book, a risk gate and numbers for orders", ErrCore)
	}
	if config.Limits == (throttle.Limits{}) {
		config.Limits = throttle.Breeze()
	}
	if config.Retry == (retry.Policy{}) {
		config.Retry = retry.Default()
	}
	if config.Orders == 0 {
		config.Orders = 8192
	}
	for _, d := range []struct {
		set   *time.Duration
		value time.Duration
	}{
		{&config.EntryTTL, 2 * time.Second}, {&config.PermitLife, 50 * time.Millisecond},
		{&config.Evidence, 250 * time.Millisecond}, {&config.Fence, 15 * time.Second},
		{&config.Visibility, 3 * time.Second}, {&config.GiveUp, 10 * time.Minute}, {&config.Notice, 3 * time.Second},
		{&config.PollOpen, 30 * time.Second}, {&config.PollFlat, 2 * time.Minute},
	} {
		if *d.set < 0 {
			return nil, fmt.Errorf("%w: a duration is negative", ErrCore)
		}
		if *d.set == 0 {
			*d.set = d.value
		}
	}
	if config.HardFence < 0 {
		return nil, fmt.Errorf("%w: the hard fence is negative", ErrCore)
	}
	rng := retry.NewRand(config.Seed)
	c := &Core{
		config: config, gate: config.Gate, slab: order.NewSlab(config.Orders), limits: throttle.New(config.Limits),
		writes: breaker.New(rng), reads: breaker.New(rng), logins: breaker.New(rng), budget: retry.NewBudget(), rng: rng,
		out: make([]Action, 0, 256), endings: make([]Ending, 0, maxCalls), jobs: make([]job, config.Orders),
		active: make([]int32, 0, config.Orders), tombs: make([]int32, 0, config.Orders), bound: make([]int32, 0, config.Orders),
		strangers: make([]stranger, 0, maxStrangers), exposure: make([]exposure, config.Universe.Len()+1),
	}
	return c, nil
}

// Step handles one event from start to end. The actions are borrowed until the
// next Step. Hot path: see TestPlaceAckFillAllocatesNothing.
func (c *Core) Step(e *Event, at market.Stamp) []Action {
	c.jumped += jump(c.at, at)
	c.out, c.endings, c.at = c.out[:0], c.endings[:0], at
	if at.Wall >= c.midnight {
		c.newDay()
	}
	c.obey() // anyone may have raised it, or lowered it by hand
	switch e.Kind {
	case CommandEvent:
		if at.Mono >= c.next { // what is overdue may forbid it
			c.pump()
		}
		c.command(&e.Command)
	case AnswerEvent:
		c.answer(&e.Answer)
	case ReportEvent:
		c.stats.Notices++
		c.report(&e.Report, nil)
	case StreamEvent:
		c.stream(e.Stream)
	case SessionEvent:
		c.session(e.Session)
	case KillEvent:
		c.gate.Raise(e.Level, e.Text)
	case OperatorEvent:
		c.operator(&e.Operator)
	case LoginEvent:
		c.record.ID, c.record.Session = 0, e.Login
		c.keep(journal.Login, true)
	case FenceEvent:
		c.config.HardFence = max(e.Fence, 0)
	}
	c.obey()
	if c.dirty || at.Mono >= c.next {
		c.pump()
	}
	if c.obey() { // valuing positions raised it
		c.pump()
	}
	c.keepTrips()
	c.tellUnkept()
	return c.out
}

// jump is what the wall clock leapt between two readings; what it is set right
// by, a little at a time, is none.
func jump(from, to market.Stamp) time.Duration {
	if from.Mono == 0 || from.Wall != from.Market || to.Wall != to.Market { // a tape's time goes its own way
		return 0
	}
	if gap := to.Wall.Sub(from.Wall) - to.Mono.Sub(from.Mono); gap.Abs() > time.Second {
		return gap
	}
	return 0
}

// clockless tells whether what is stamped after such jumps cannot be compared
// with the venue's times.
func clockless(jumped time.Duration) bool { return jumped.Abs() > 5*time.Second }

// obey takes over the kill level in force. It tells whether there is something
// to do about it.
func (c *Core) obey() bool {
	level := c.gate.Level()
	if level == c.level {
		return false
	}
	raised := level > c.level
	c.level = level
	c.keepLevel(level, !raised) // it falls by a person's hand only
	if raised {
		c.raised(level)
	}
	return raised
}

// Next is when the core wants a [Tick] at the latest; [throttle.Never] when
// only an event can move it.
func (c *Core) Next() market.Mono { return c.next }

// wake makes sure that the core is stepped at that instant.
func (c *Core) wake(at market.Mono) { c.next = min(c.next, at) }

// pump does everything that is due, the most urgent first, and finds out when
// it must run again.
func (c *Core) pump() {
	c.dirty, c.next = false, throttle.Never
	c.expireCalls()
	for _, b := range []*breaker.Breaker{c.writes, c.reads} {
		if at := b.Advance(c.at.Mono); at != 0 {
			c.wake(at)
		}
	}
	c.settleStrangers()
	c.tidy()
	for _, i := range c.active {
		c.watch(&c.jobs[i])
	}
	c.mark()
	c.flatten()
	for _, i := range c.active {
		c.cancel(&c.jobs[i])
	}
	c.readOrders()
	for _, i := range c.active {
		c.readOrder(&c.jobs[i])
	}
	for _, i := range c.active {
		if c.jobs[i].o.Ticket.Class == order.Flatten {
			c.place(&c.jobs[i])
		}
	}
	for _, i := range c.active {
		c.place(&c.jobs[i])
		c.modify(&c.jobs[i])
	}
	c.readRest()
}

// mark lets risk see what positions are worth, several times a second while
// there are any.
func (c *Core) mark() {
	if c.holding == 0 && !c.doubtful() {
		return
	}
	if c.at.Mono >= c.markAt {
		c.markAt = c.at.Mono.Add(markEvery)
		c.config.Book.Pin(&c.view)
		c.gate.Mark(&c.view, c.at)
	}
	c.wake(c.markAt)
}

func (c *Core) doubtful() bool {
	for _, i := range c.active {
		if c.jobs[i].o.State.InDoubt() {
			return true
		}
	}
	return false
}

// tidy forgets jobs that have nothing left to do.
func (c *Core) tidy() {
	kept := c.active[:0]
	for _, i := range c.active {
		j := &c.jobs[i]
		if !j.idle() {
			kept = append(kept, i)
			continue
		}
		j.active = false
		if o := j.o; o.Attempts == 0 && o.VenueID.IsZero() {
			*j = job{}
			c.slab.Release(o)
		}
	}
	c.active = kept
}

func (c *Core) newDay() {
	if c.midnight != 0 {
		c.limits.NewDay()
		c.dirty = true
	}
	c.midnight = c.at.Wall.Date().AddDays(1).At(0)
}

// session takes a new credential or a change of the session's state.
func (c *Core) session(s Session) {
	if s.Epoch < c.login.Epoch {
		return // older than what is known
	}
	if s.Epoch > c.login.Epoch {
		c.stats.Renewals++
	}
	c.login = s
	c.tellLogin()
	c.dirty = true
}

// mayEnter tells whether the session has time left for new exposure.
func (c *Core) mayEnter() bool {
	return c.mayCall() && c.login.State != session.Reducing && c.at.Wall < c.login.EntriesUntil
}

// tellLogin tells risk when that changed.
func (c *Core) tellLogin() {
	if ok := c.mayEnter(); ok != c.told {
		c.told = ok
		c.gate.SetSessionOK(ok)
	}
}

// mayCall tells whether there is a session to sign calls with.
func (c *Core) mayCall() bool {
	return c.login.Epoch > c.refused && c.at.Wall < c.login.Expiry && c.login.State != session.Fatal
}

// mayTry tells whether there is a credential to try though it was refused: the
// refusal may be the venue's mistake, and what ends a risk must go on.
func (c *Core) mayTry() bool { return c.login.Epoch != 0 && c.at.Wall < c.login.Expiry }

// sessionServed takes a good answer. It lifts the refusal of its epoch if it is
// to a call that began after it.
func (c *Core) sessionServed(epoch uint64, started market.Mono) {
	c.served = max(c.served, epoch)
	if epoch == c.refused && epoch == c.login.Epoch && started > c.refusedAt {
		c.refused = epoch - 1
		c.tellLogin()
		c.dirty = true
	}
}

// sessionRefused takes an answer that refused its session. Of an epoch that was
// replaced meanwhile it means nothing.
func (c *Core) sessionRefused(epoch uint64) {
	if epoch != c.login.Epoch || epoch <= c.refused {
		return
	}
	again := c.refused != 0 && c.served <= c.refused
	c.refused, c.refusedAt = epoch, c.at.Mono
	c.tellLogin()
	if again {
		c.halt("two sessions in a row were refused: check app key and secret")
	}
	c.out = append(c.out, Action{Kind: RenewSession, Epoch: epoch})
	c.dirty = true
}

// halt stops entries until a person has looked: what the venue refuses is not
// ours to mend.
func (c *Core) halt(why string) {
	if c.halted {
		return
	}
	c.halted = true
	c.alarm(0, why)
	c.gate.Raise(risk.Reducing, why)
	c.dirty = true
}

func (c *Core) alarm(id order.ID, text string) {
	c.stats.Alarms++
	c.keepNote(id, text)
	c.out = append(c.out, Action{Kind: Alarm, ID: id, Text: text})
}

// operator takes a person's word.
func (c *Core) operator(p *Operator) {
	c.dirty = true
	c.keepNote(p.ID, "operator "+p.Name)
	o := c.slab.Get(p.ID)
	switch {
	case p.Lower:
		if err := c.gate.Lower(p.Level, p.Name); err != nil {
			c.alarm(0, err.Error())
		}
	case o != nil && !p.Placed.IsZero():
		c.move(o, &order.Event{Move: order.OperatorPlaced, VenueID: p.Placed})
		c.bind(o)
	case o != nil:
		c.move(o, &order.Event{Move: order.OperatorAbsent})
	case p.ID != 0:
		c.alarm(p.ID, "an operator named an order that this engine does not have")
	case p.Instrument != 0 && int(p.Instrument) < len(c.exposure):
		c.exposure[p.Instrument].blocked = ""
		c.keepBlock(p.Instrument, "")
	default:
		c.halted, c.refused, c.forbidAt = false, 0, 0 // the person has looked at the login too
		c.tellLogin()
	}
}

// Permit asks for a permit to make a read that the core did not order; without
// one, again is when to ask again.
func (c *Core) Permit(class order.Class, at market.Mono) (ok bool, again market.Mono) {
	if class == order.Login {
		if again := c.mayLogin(at); again > at {
			return false, again
		}
	}
	if c.limits.Take(class, false, at) {
		c.budget.Called(false, at)
		if past := at.Sub(c.at.Mono); past > 0 { // all three clocks go on: else the next event seems to come after a jump
			c.at.Mono, c.at.Wall, c.at.Market = at, c.at.Wall.Add(past), c.at.Market.Add(past)
		}
		c.record.ID, c.record.Call = 0, journal.Call{Kind: journal.ReadOther, Class: class, Attempt: 1, Epoch: c.login.Epoch}
		c.keep(journal.Reading, true)
		return true, 0
	}
	return false, c.limits.Ready(class, false, at)
}

// Refused tells the gates that such a read was throttled.
func (c *Core) Refused(v order.Verdict, retryAfter time.Duration, at market.Mono) {
	switch v {
	case order.Throttle:
		c.stats.Throttled++
		c.limits.Throttled(retryAfter, at)
	case order.ThrottleDay:
		c.stats.Throttled++
		c.limits.ThrottledDay(at)
	}
}
