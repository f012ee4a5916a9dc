package gateway

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/breaker"
)

const (
	ms     = market.Mono(time.Millisecond)
	second = market.Mono(time.Second)
	lot    = 65
)

// chances are the faults of a world, each a probability.
type chances struct {
	notSent, lostRequest, lostAnswer, slowArrival, lateAnswer float64
	oddAnswer                                                 float64 // taken or not, answered with an unknown text
	throttle, refuse, auth                                    float64
	readFails, listPartial, listShrinks, listEmpty, listLags  float64
	noticeLost, noticeTwice, noticeLate                       float64
	streamGap, deafCancel, cannotRecord                       float64
}

// venueOrder is an order at the venue: the truth.
type venueOrder struct {
	id       order.VenueID
	intent   order.ID
	report   order.Report
	visible  market.Mono
	value    market.Paise
	stranger bool
}

// world is a venue, a network, a strategy and a clock, in one goroutine. It is
// the oracle: it knows every order that the venue accepted.
type world struct {
	t        testing.TB
	rng      *rand.Rand
	core     *Core
	gate     *risk.Gate
	book     *book.Book
	universe *market.Universe
	now      market.Mono
	start    market.UnixNano
	queue    []due
	serial   uint64

	chances   chances
	echo      bool // the venue gives remarks back
	epoch     uint64
	dead      uint64 // epochs up to this are refused
	slowest   market.Mono
	orders    []*venueOrder
	byIntent  map[order.ID][]*venueOrder
	sequence  uint64
	lastID    order.ID
	boot      uint32 // restarts so far
	placed    []order.ID
	last      map[order.ID]order.Update
	history   map[order.ID][]order.Move
	moved     map[order.ID]order.State // as the journal has it
	recorded  map[string]bool
	journal   []journal.Record
	serials   uint64
	writes    []market.Mono
	calls     []market.Mono
	sent      map[order.ID]int
	actions   [actionKinds]int
	alarms    []string
	renewals  int
	noSession bool // a renewal asked for brings nothing
	trace     func(format string, args ...any)
	keeps     func(a Action) bool // calls that the test answers itself
	kept      []Action
}

type due struct {
	at     market.Mono
	serial uint64
	run    func()
}

func newWorld(t testing.TB, seed uint64, change func(*CoreConfig)) *world {
	u, err := market.NewUniverse([]market.Instrument{
		option("1001", 24000, market.Call), option("1002", 24000, market.Put), option("1003", 24100, market.Call),
	})
	require.NoError(t, err)
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 77)), universe: u, start: market.NewDate(2026, 11, 24).At(10 * time.Hour),
		now: second, byIntent: map[order.ID][]*venueOrder{}, last: map[order.ID]order.Update{},
		history: map[order.ID][]order.Move{}, recorded: map[string]bool{}, moved: map[order.ID]order.State{}, sent: map[order.ID]int{},
		epoch: 1, slowest: 20 * second, echo: true, trace: func(string, ...any) {},
	}
	w.gate = openGate(u, w.stamp())
	config := CoreConfig{
		Universe: u, Book: book.New(u), Gate: w.gate, Seed: seed, Recorder: w, Orders: 1024,
		Tag:    order.Tag{Instance: [2]byte{'V', '1'}, Day: 20261124, Boot: 1},
		NextID: w.nextID,
	}
	if change != nil {
		change(&config)
	}
	w.core, err = NewCore(config)
	require.NoError(t, err)
	w.book = config.Book
	w.started()
	w.quotes()
	return w
}

func option(token string, strike int64, right market.Right) market.Instrument {
	return market.Instrument{
		ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20261124, Strike: market.Paise(strike) * 100, Right: right},
		Token:       token, LotSize: lot, TickSize: 5, BandLow: 5, BandHigh: 100000, Freeze: 1800,
	}
}

func quote(id market.InstrumentID) market.Quote {
	return market.Quote{Instrument: id, Last: 10000, Bid: 9995, Ask: 10005, BidQty: 6500, AskQty: 6500, Volume: 1, BandLow: 5, BandHigh: 100000}
}

// quotes keeps every instrument's quote fresh.
func (w *world) quotes() {
	for _, in := range w.universe.All() {
		q := quote(in.ID)
		q.Recv = w.now
		w.book.PutQuote(&q)
	}
	w.book.Commit(w.stamp())
	w.after(20*second, w.quotes)
}

func (w *world) nextID() order.ID {
	w.lastID++
	return order.Tag{Boot: 1 + w.boot}.ID(uint64(w.lastID))
}

func (w *world) stamp() market.Stamp {
	wall := w.start + market.UnixNano(w.now)
	return market.Stamp{Mono: w.now, Wall: wall, Market: wall}
}

// Append is the journal: it keeps everything but what cannotRecord denies.
func (w *world) Append(r *journal.Record, spare bool) bool {
	refused := !spare && w.chance(w.chances.cannotRecord)
	switch {
	case r.Kind == journal.Intended && !refused:
		w.history[r.ID], w.moved[r.ID] = append(w.history[r.ID], order.Approve), order.Queued
	case r.Kind == journal.Sending && r.Call.Kind == journal.Place:
		w.history[r.ID], w.moved[r.ID] = append(w.history[r.ID], order.Permit), order.Sending
	case r.Kind == journal.Moved:
		w.judge(r)
	}
	if refused {
		return false
	}
	if r.Kind == journal.Sending {
		w.recorded[fmt.Sprint(ActionKind(r.Call.Kind), r.ID, r.Call.Attempt, r.Call.Slot)] = true
	}
	w.serials++
	w.journal = append(w.journal, *r)
	w.journal[len(w.journal)-1].Sequence = w.serials
	return true
}

// judge checks what must hold for every move (invariants 5, 9 and 14) and keeps
// the order's whole life.
func (w *world) judge(r *journal.Record) {
	id, m, from, to := r.ID, r.Move.Move, w.moved[r.ID], r.Move.State
	w.history[id], w.moved[id] = append(w.history[id], m), to
	w.trace("%v order %d: %v %v > %v", w.now, id, m, from, to)
	if from.InDoubt() && !to.InDoubt() && to != order.ClosedAbsent {
		evidence := m.Seen() || m == order.Resend && w.core.config.HardFence > 0 || m == order.AttemptAcked || m == order.AttemptRefused || m == order.AttemptNotSent || m == order.OperatorPlaced
		require.True(w.t, evidence, "doubt ended by %v", m)
	}
	if to == order.ClosedAbsent && from != order.ClosedAbsent {
		require.Contains(w.t, []order.Move{order.CloseAbsent, order.OperatorAbsent}, m)
	}
	if o := w.core.slab.Get(id); m == order.AbsentOnce {
		require.GreaterOrEqual(w.t, o.AbsentAt-o.Sent.Mono, market.Mono(w.core.config.Fence), "the fence")
	}
	require.LessOrEqual(w.t, int(r.Move.Attempts), 4)
}

func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

func (w *world) after(d market.Mono, run func()) {
	w.serial++
	e := due{w.now + max(d, 0), w.serial, run}
	at, _ := slices.BinarySearchFunc(w.queue, e, func(a, b due) int {
		return -cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.serial, b.serial))
	})
	w.queue = slices.Insert(w.queue, at, e)
}

// run lets time pass until the given instant.
func (w *world) run(until market.Mono) {
	ticks := 0
	for {
		next := until
		if len(w.queue) > 0 {
			next = min(next, w.queue[len(w.queue)-1].at)
		}
		if tick := w.core.Next(); tick <= next && tick <= until {
			if tick <= w.now {
				ticks++
				require.Less(w.t, ticks, 10_000, "the core asks for ticks without end")
			} else {
				ticks = 0
			}
			w.now = max(w.now, tick)
			w.step(&Event{Kind: Tick})
			continue
		}
		if len(w.queue) == 0 || next >= until && w.queue[len(w.queue)-1].at > until {
			w.now = until
			return
		}
		e := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		w.now = max(w.now, e.at)
		e.run()
	}
}

func (w *world) step(e *Event) {
	for _, a := range slices.Clone(w.core.Step(e, w.stamp())) {
		w.act(a)
	}
}

func (w *world) act(a Action) {
	w.actions[a.Kind]++
	switch a.Kind {
	case Emit:
		w.updated(a.Update)
	case Alarm:
		w.alarms = append(w.alarms, a.Text)
		w.trace("%v alarm %d: %s", w.now, a.ID, a.Text)
	case RenewSession:
		w.renewals++
		if !w.noSession {
			w.after(500*ms, w.renew)
		}
	case RestartStream, Armed:
	default:
		w.call(a)
	}
}

// restart ends the process and starts another one on the same account, with
// what the journal kept or, as after a loss of power, with nothing.
func (w *world) restart(journalled bool) {
	config := w.core.config
	w.boot++
	w.gate = openGate(w.universe, w.stamp())
	config.Gate, config.Tag.Boot = w.gate, config.Tag.Boot+1
	core, err := NewCore(config)
	require.NoError(w.t, err)
	w.core, w.placed, w.kept = core, nil, nil
	clear(w.last)
	if !journalled {
		w.journal, w.calls, w.writes = nil, nil, nil
	}
	w.started()
	if journalled {
		kept := slices.Clone(w.journal)
		for range 2 { // twice is once
			for i := range kept {
				core.Restore(&kept[i], w.stamp())
			}
		}
		for _, a := range slices.Clone(core.Restored(w.stamp())) {
			w.act(a)
		}
	}
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	w.after(w.between(0, second), func() { w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive}) })
}

// started records the beginning of a run.
func (w *world) started() {
	w.Append(&journal.Record{Kind: journal.Started, At: w.stamp(), Start: journal.Start{Tag: w.core.config.Tag}}, true)
}

func (w *world) renew() {
	w.epoch++
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
}

func (w *world) session() Session {
	return Session{Epoch: w.epoch, State: session.Live, EntriesUntil: w.start.Add(13 * time.Hour), Expiry: w.start.Add(14 * time.Hour)}
}

// begin logs in and opens the order stream.
func (w *world) begin() *world {
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive})
	w.run(w.now + 2*second)
	return w
}

// updated checks invariant 6: fills only grow.
func (w *world) updated(u order.Update) {
	if u.ID == 0 {
		return
	}
	before := w.last[u.ID]
	require.GreaterOrEqual(w.t, u.Filled, before.Filled)
	require.Equal(w.t, before.Filled+u.FilledNow, u.Filled, "updates add up: %+v after %+v", u, before)
	w.last[u.ID] = u
}

func (w *world) call(a Action) {
	w.trace("%v %v %d attempt %d", w.now, a.Kind, a.ID, a.Attempt)
	require.Equal(w.t, w.core.login.Epoch, a.Epoch)
	if a.Kind == SendPlace {
		w.leaving(a)
	}
	if w.keeps != nil && w.keeps(a) {
		w.kept = append(w.kept, a)
		w.count(a.Kind)
		return
	}
	answer := Answer{Slot: a.Slot, Epoch: w.epoch, Reused: w.chance(0.7)}
	asked := w.core
	reply := func(d market.Mono, change func(*Answer)) {
		w.after(d, func() {
			change(&answer)
			if w.core != asked {
				return // it died with the process
			}
			w.step(&Event{Kind: AnswerEvent, Answer: answer})
		})
	}
	leaves := w.between(0, 40*ms)
	if w.chance(w.chances.notSent) {
		reply(leaves, func(r *Answer) {
			r.Verdict, r.Broken, r.Sent = order.NotSent, true, []Sent{SentNothing, SentPart}[w.rng.IntN(2)]
			if r.Sent == SentPart {
				w.count(a.Kind)
			}
		})
		return
	}
	w.after(leaves, func() {
		w.count(a.Kind)
		w.deliver(a, reply)
	})
}

// deliver is the network and the venue's gateway.
func (w *world) deliver(a Action, reply func(market.Mono, func(*Answer))) {
	broken := func(r *Answer) { r.Verdict, r.Broken = order.Unknown, true }
	vanish := func() {
		if w.chance(0.5) {
			reply(w.between(ms, 2*second), broken) // a reset; otherwise silence
		}
	}
	if w.chance(w.chances.lostRequest) {
		vanish()
		return
	}
	arrives := w.between(5*ms, 60*ms)
	if a.Kind.Write() && w.chance(w.chances.slowArrival) {
		arrives = w.between(ms, w.slowest)
	}
	w.after(arrives, func() {
		change := w.serve(a)
		back := w.between(5*ms, 60*ms)
		if w.chance(w.chances.lateAnswer) {
			back = w.between(500*ms, 11*second)
		}
		if w.chance(w.chances.lostAnswer) {
			vanish()
			return
		}
		reply(back, change)
	})
}

func (w *world) between(low, high market.Mono) market.Mono {
	return low + market.Mono(w.rng.Int64N(int64(high-low)+1))
}

// count logs the first byte of a call (invariant 8 is judged on it).
func (w *world) count(kind ActionKind) {
	w.calls = append(w.calls, w.now)
	if kind.Write() {
		w.writes = append(w.writes, w.now)
	}
}

// leaving checks what must hold when a placement leaves (invariants 4, 9, 10).
func (w *world) leaving(a Action) {
	c, o := w.core, w.core.slab.Get(a.ID)
	require.True(w.t, w.recorded[fmt.Sprint(a.Kind, a.ID, a.Attempt, uint32(a.Slot))], "it is on record")
	require.Equal(w.t, order.Sending, o.State)
	w.sent[a.ID]++
	require.Equal(w.t, w.sent[a.ID], int(a.Attempt), "one attempt at a time")
	require.LessOrEqual(w.t, a.SendBy, w.now+50*ms)
	if a.Class == order.Flatten {
		return
	}
	require.LessOrEqual(w.t, w.now, o.Deadline)
	require.Equal(w.t, breaker.Closed, c.writes.State())
	require.Less(w.t, w.stamp().Wall, c.login.Expiry)
	require.Less(w.t, c.refused, c.login.Epoch)
	require.True(w.t, c.sync.done || c.sync.based && c.cuts(a.Ticket.Instrument, a.Ticket.Side, 0), "an entry left in a gap")
	if w.gate.Level() >= risk.CancelAll {
		require.Fail(w.t, "an entry left under a kill level")
	}
	f := o.Fingerprint()
	for i := range c.jobs {
		other := c.jobs[i].o
		if other == nil || other == o || other.Ticket.Instrument != a.Ticket.Instrument {
			continue
		}
		if (other.State.InDoubt() || other.State == order.Sending || other.State == order.ClosedAbsent) && other.Fingerprint() == f {
			require.Fail(w.t, "two orders that cannot be told apart")
		}
		if other.State.InDoubt() {
			require.True(w.t, c.cuts(a.Ticket.Instrument, a.Ticket.Side, 0), "an entry left while the instrument was in doubt")
		}
	}
}

// keep makes the test itself answer the calls of these kinds.
func (w *world) keep(kinds ...ActionKind) {
	w.keeps = func(a Action) bool { return slices.Contains(kinds, a.Kind) }
}

// take is the oldest call that was kept.
func (w *world) take() Action {
	require.NotEmpty(w.t, w.kept, "nothing was sent")
	a := w.kept[0]
	w.kept = w.kept[1:]
	return a
}

// answer ends a call that was kept.
func (w *world) answer(a Action, r Answer) {
	r.Slot = a.Slot
	if r.Epoch == 0 {
		r.Epoch = a.Epoch
	}
	w.step(&Event{Kind: AnswerEvent, Answer: r})
}

// notice is a notice of the order stream about an order of ours.
func (w *world) notice(v *venueOrder) {
	w.sequence++
	r := v.report
	r.Sequence, r.Remark, r.OrderedAt = w.sequence, order.Remark{}, 0
	w.step(&Event{Kind: ReportEvent, Report: r})
}

// serve is the venue itself; it returns what the answer says.
func (w *world) serve(a Action) func(*Answer) {
	if a.Epoch <= w.dead || w.chance(w.chances.auth) {
		w.dead = max(w.dead, a.Epoch)
		return func(r *Answer) { r.Verdict, r.Epoch = order.Auth, a.Epoch }
	}
	if w.chance(w.chances.throttle) {
		wait := time.Duration(w.between(0, 2*second))
		return func(r *Answer) { r.Verdict, r.RetryAfter, r.Epoch = order.Throttle, wait, a.Epoch }
	}
	ok := func(r *Answer) { r.Verdict, r.Epoch = order.OK, a.Epoch }
	switch a.Kind {
	case SendPlace:
		if w.chance(w.chances.refuse) {
			return func(r *Answer) { r.Verdict, r.Reason = order.Refused, "margin" }
		}
		odd := w.chance(w.chances.oddAnswer)
		if odd && w.chance(0.5) {
			return func(r *Answer) { r.Broken = true }
		}
		v := w.accept(a)
		return func(r *Answer) {
			r.Broken = odd
			if !odd {
				r.Verdict, r.VenueID = order.OK, v.id
			}
		}
	case SendCancel:
		v := w.named(a.VenueID)
		if !v.report.Status.Terminal() && !w.chance(w.chances.deafCancel) {
			v.report.Cancelled = v.report.Quantity - v.report.Executed
			v.report.Status = order.StatusCancelled
			if v.report.Executed > 0 {
				v.report.Status = order.StatusPartiallyExecutedAndCancelled
			}
			w.notify(v)
			return ok
		}
		return func(r *Answer) { r.Verdict, r.Reason = order.Refused, "too late" }
	case SendModify:
		v := w.named(a.VenueID)
		if !v.report.Status.Terminal() && !w.chance(w.chances.deafCancel) {
			v.report.Limit = a.Ticket.Price
			w.notify(v)
		}
		return ok
	}
	return w.read(a, ok)
}

func (w *world) read(a Action, ok func(*Answer)) func(*Answer) {
	if w.chance(w.chances.readFails) {
		return func(r *Answer) { r.Verdict, r.Broken = order.Retry, true }
	}
	switch a.Kind {
	case ReadOrder:
		if v := w.named(a.VenueID); v.visible <= w.now {
			row := w.row(v)
			return func(r *Answer) { ok(r); r.Orders = []order.Report{row} }
		}
		return func(r *Answer) { r.Verdict = order.Empty }
	case ReadOrders:
		var rows []order.Report
		for _, v := range w.orders {
			if v.visible <= w.now {
				rows = append(rows, w.row(v))
			}
		}
		switch {
		case len(rows) == 0 || w.chance(w.chances.listEmpty):
			return func(r *Answer) { r.Verdict = order.Empty }
		case w.chance(w.chances.listPartial):
			return func(r *Answer) { ok(r); r.Orders, r.Partial = rows[:w.rng.IntN(len(rows))], true }
		case w.chance(w.chances.listShrinks):
			return func(r *Answer) { ok(r); r.Orders = slices.Delete(rows, 0, 1) }
		}
		return func(r *Answer) { ok(r); r.Orders = rows }
	case ReadTrades:
		var rows []order.Trade
		for _, v := range w.orders {
			if v.report.Executed > 0 {
				rows = append(rows, order.Trade{VenueID: v.id, Instrument: v.report.Instrument, Side: v.report.Side, Quantity: v.report.Executed, Value: v.value})
			}
		}
		if len(rows) == 0 {
			return func(r *Answer) { r.Verdict = order.Empty }
		}
		return func(r *Answer) { ok(r); r.Trades = rows }
	}
	held := w.positions()
	return func(r *Answer) { ok(r); r.Held = held }
}

func (w *world) positions() (held []order.Holding) {
	for _, in := range w.universe.All() {
		net := market.Units(0)
		for _, v := range w.orders {
			if v.report.Instrument == in.ID {
				net += v.report.Side.Sign() * v.report.Executed
			}
		}
		held = append(held, order.Holding{Instrument: in.ID, Quantity: net})
	}
	return held
}

func (w *world) row(v *venueOrder) order.Report {
	r := v.report
	r.Sequence = 0
	if !w.echo {
		r.Remark = order.Remark{}
	}
	if r.Executed > 0 && w.chance(0.5) {
		r.Average = (v.value + market.Paise(r.Executed)/2) / market.Paise(r.Executed)
	}
	return r
}

func (w *world) named(id order.VenueID) *venueOrder {
	for _, v := range w.orders {
		if v.id == id {
			return v
		}
	}
	require.Fail(w.t, "the venue was asked for an order that it does not have")
	return nil
}

// accept is where an order comes to life. Invariant 1: once for each intent.
func (w *world) accept(a Action) *venueOrder {
	v := w.create(order.Report{
		Status: order.StatusOrdered, Instrument: a.Ticket.Instrument, Side: a.Ticket.Side, Quantity: a.Quantity,
		Limit: a.Ticket.Price, Trigger: a.Ticket.Trigger, Remark: a.Remark,
	})
	v.intent = a.ID
	w.byIntent[a.ID] = append(w.byIntent[a.ID], v)
	require.Len(w.t, w.byIntent[a.ID], 1, "two venue orders for one intent")
	w.trace("%v venue accepts %d as %v", w.now, a.ID, v.id)
	if a.Ticket.TIF == order.IOC {
		w.after(20*ms, func() { w.fill(v, v.report.Quantity) })
	}
	return v
}

func (w *world) create(r order.Report) *venueOrder {
	r.VenueID, _ = order.ParseVenueID(fmt.Sprintf("20261124%010d", len(w.orders)+1))
	r.OrderedAt = w.stamp().Market / market.UnixNano(time.Minute) * market.UnixNano(time.Minute)
	v := &venueOrder{id: r.VenueID, report: r, visible: w.now + w.between(0, 500*ms)}
	if w.chance(w.chances.listLags) {
		v.visible = w.now + w.between(0, 3*second)
	}
	w.orders = append(w.orders, v)
	w.notify(v)
	return v
}

// fill fills up to n more units of an order.
func (w *world) fill(v *venueOrder, n market.Units) {
	if v.report.Status.Terminal() {
		return
	}
	n = min(n, v.report.Quantity-v.report.Executed)
	v.report.Executed += n
	v.value += (v.report.Limit - market.Paise(v.report.Side.Sign())*market.Paise(w.rng.IntN(3)*5)).Times(n)
	v.report.Status = order.StatusPartiallyExecuted
	if v.report.Executed == v.report.Quantity {
		v.report.Status = order.StatusExecuted
	}
	w.notify(v)
}

// notify sends a notice of the order stream, which carries no remark and no
// average.
func (w *world) notify(v *venueOrder) {
	w.sequence++
	r := v.report
	r.Sequence, r.Remark, r.OrderedAt = w.sequence, order.Remark{}, 0
	if w.chance(w.chances.noticeLost) {
		return
	}
	times := 1
	if w.chance(w.chances.noticeTwice) {
		times = 2
	}
	for range times {
		d := w.between(2*ms, 100*ms)
		if w.chance(w.chances.noticeLate) {
			d = w.between(0, 5*second)
		}
		w.after(d, func() { w.step(&Event{Kind: ReportEvent, Report: r}) })
	}
}

// ticket is a limit order of one lot for the first option.
func (w *world) ticket() order.Ticket {
	return order.Ticket{
		ID: w.nextID(), Strategy: 1, Instrument: 1, Side: market.Buy, Class: order.Entry, Lots: 1, Price: 10000, DecidedAt: w.now,
	}
}

func (w *world) place(t order.Ticket) order.ID {
	w.placed = append(w.placed, t.ID)
	w.step(&Event{Kind: CommandEvent, Command: order.Command{Kind: order.Place, Ticket: t}})
	return t.ID
}

func (w *world) ask(kind order.CommandKind, id order.ID, price market.Paise) {
	w.step(&Event{Kind: CommandEvent, Command: order.Command{Kind: kind, Ticket: order.Ticket{ID: id, Strategy: 1}, Price: price}})
}

func (w *world) state(id order.ID) order.State { return w.last[id].State }

func (w *world) alarmed(text string) bool {
	return slices.ContainsFunc(w.alarms, func(a string) bool { return strings.Contains(a, text) })
}

// quiet checks what must hold whenever nothing is under way any more
// (invariants 1 to 3, 5 to 9).
func (w *world) quiet() {
	t, c := w.t, w.core
	require.Zero(t, c.stats.Illegal)
	for _, id := range w.placed {
		venue, o := w.byIntent[id], c.slab.Get(id)
		state := w.state(id)
		w.replayed(id)
		switch {
		case state == order.ClosedAbsent, state == order.Denied, state == order.ExpiredLocal, state == order.Rejected:
			require.Empty(t, venue, "order %d is %v", id, state)
		case len(venue) == 0:
			require.Equal(t, order.Cancelled, state, "order %d has no order at the venue", id)
			require.NotContains(t, w.history[id], order.AttemptUnknown)
		default:
			require.Equal(t, venue[0].id, o.VenueID, "attributed")
			require.Same(t, o, c.slab.ByVenue(o.VenueID))
			require.Equal(t, venue[0].report.Executed, o.Filled, "order %d, %v", id, state)
			require.Equal(t, venue[0].report.Status.Terminal(), state.Terminal(), "order %d is %v, the venue says %v", id, state, venue[0].report.Status)
			require.False(t, o.Estimated, "order %d has no exact price", id)
			require.InDelta(t, float64(venue[0].value), float64(o.Value), float64(o.Filled), "the value converges")
			if !state.Terminal() {
				require.Equal(t, venue[0].report.Limit, o.Price)
			}
		}
		require.False(t, state.InDoubt(), "order %d is %v", id, state)
	}
	for _, held := range w.positions() {
		require.Equal(t, held.Quantity, c.exposure[held.Instrument].net, "position")
	}
	open := 0
	for _, id := range w.placed {
		if o := c.slab.Get(id); o != nil && !o.State.Terminal() {
			open++ // given up as absent: it counts until its tombstone is over
		}
	}
	require.LessOrEqual(t, w.gate.OpenOrders(), open, "risk counts only what is open")
	w.windows()
}

func (w *world) windows() {
	require.LessOrEqual(w.t, busiest(w.writes, second), 10)
	require.LessOrEqual(w.t, busiest(w.calls, 60*second), 100)
}

func busiest(calls []market.Mono, span market.Mono) (most int) {
	from := 0
	for i, at := range calls {
		for calls[from] <= at-span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// replayed walks the order's whole life through the table again: every life is
// explainable.
func (w *world) replayed(id order.ID) {
	state := order.New
	for _, m := range w.history[id] {
		next, ok := state.Next(m)
		require.True(w.t, ok, "%v × %v", state, m)
		if state == order.ClosedAbsent && next == order.AdoptedLate && m.Seen() {
			next, _ = next.Next(m)
		}
		state = next
	}
	if len(w.history[id]) > 0 {
		require.Equal(w.t, w.state(id), state)
	}
}
