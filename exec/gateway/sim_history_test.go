package gateway

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

var historyCount = flag.Int("histories", 2000, "how many lives of orders TestEveryHistoryHasASequentialOrder checks")

// act is one operation in the life of an intent.
type act uint8

const (
	placing   act = iota // an attempt to place, from its first byte to its answer
	cancelled            // likewise
	modifying
	changing // the venue's order changed, at that instant
	telling  // the engine said how the order stands: true of some instant before
	ending   // the last reckoning
)

// operation is what an intent's history is made of. What is in it but act and
// price is the outcome.
type operation struct {
	act     act
	price   market.Paise
	verdict order.Verdict
	state   order.State  // telling
	status  order.Status // changing, ending
	filled  market.Units
	exists  bool // ending: the venue has an order for it
}

func (o operation) String() string {
	switch o.act {
	case placing, cancelled, modifying:
		return fmt.Sprintf("%s at %d: %v", [...]string{"place", "cancel", "modify"}[o.act], o.price, o.verdict)
	case telling:
		return fmt.Sprintf("told: %v, %d filled, limit %d", o.state, o.filled, o.price)
	}
	return fmt.Sprintf("the venue has it %v: %v, %d filled, limit %d", o.exists, o.status, o.filled, o.price)
}

// history keeps what happens to each intent of a world, as [porcupine] wants
// it. A nil one keeps nothing.
type history struct {
	lives [][]porcupine.Operation
	open  map[flightName]place
}

// flightName names a call across restarts.
type flightName struct {
	boot uint32
	slot Slot
}

// place is where an operation stands.
type place struct{ intent, at int32 }

func (h *history) life(i int32) *[]porcupine.Operation {
	for len(h.lives) <= int(i) {
		h.lives = append(h.lives, nil)
	}
	return &h.lives[i]
}

func (h *history) add(i int32, from, to market.Mono, o operation) place {
	life := h.life(i)
	*life = append(*life, porcupine.Operation{ClientId: int(o.act), Input: o, Call: int64(from), Return: int64(to)})
	return place{i, int32(len(*life) - 1)}
}

// unanswered is when an operation returns whose outcome nobody learns.
const unanswered = market.Mono(math.MaxInt64)

func (h *history) left(s *simWorld, k *traveller) {
	if h == nil || !k.kind.Write() {
		return
	}
	o := operation{act: placing, price: k.ticket.Price, verdict: order.Unknown}
	switch k.kind {
	case SendModify:
		o.act = modifying
	case SendCancel:
		o.act = cancelled
	}
	h.open[flightName{k.boot, k.slot}] = h.add(intentOf(k.id), s.now, unanswered, o)
}

// answered ends an operation, if the answer is one. What the venue's gateway
// says of throttles and sessions is not: it may have taken the order all the same.
func (h *history) answered(s *simWorld, k *traveller) {
	if h == nil || k.kind == NoAction {
		return
	}
	at, known := h.open[flightName{k.boot, k.slot}]
	if !known {
		return
	}
	delete(h.open, flightName{k.boot, k.slot})
	v := k.answer.Verdict
	if v == order.OK && k.kind == SendPlace && k.answer.VenueID.IsZero() ||
		v != order.OK && v != order.Refused && (v != order.NotSent || k.answer.Sent == SentWhole) {
		return
	}
	op := &(*h.life(at.intent))[at.at]
	o := op.Input.(operation)
	o.verdict = v
	op.Input, op.Return = o, int64(s.now)
}

// told keeps what the engine says of an order once that is definite.
func (h *history) told(s *simWorld, u *order.Update) {
	if h == nil || u.ID == 0 {
		return
	}
	if !u.State.Terminal() && !u.State.Live() {
		return
	}
	h.add(intentOf(u.ID), 0, s.now, operation{act: telling, state: u.State, filled: u.Filled, price: u.Price})
}

// changed keeps the truth.
func (h *history) changed(s *simWorld, o *simOrder) {
	if h == nil || o.intent < 0 {
		return
	}
	r := &o.report
	h.add(o.intent, s.now, s.now, operation{act: changing, status: r.Status, filled: r.Executed, price: r.Limit, exists: true})
}

// ended adds the last reckoning to each life, and lets what nobody answered end
// after it.
func (h *history) ended(s *simWorld) {
	for i := range h.lives {
		last := operation{act: ending}
		for n := range s.venue.orders {
			if o := &s.venue.orders[n]; o.intent == int32(i) {
				last.exists, last.status, last.filled, last.price = true, o.report.Status, o.report.Executed, o.report.Limit
			}
		}
		h.add(int32(i), s.now, s.now, last)
		for n := range h.lives[i] {
			if op := &h.lives[i][n]; op.Return == int64(unanswered) {
				op.Return = int64(s.now) + 1
			}
		}
	}
}

// truth is the state of the sequential model: one intent, at most one order at
// the venue.
type truth struct {
	exists bool
	never  bool // the engine said that there is none and will be none
	status order.Status
	filled market.Units
	price  market.Paise
}

// sequential is what one intent may do, one operation after the other.
func sequential() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init:              func() []any { return []any{truth{}} },
		Step:              func(state, input, _ any) []any { return follow(state.(truth), input.(operation)) },
		DescribeOperation: func(input, _ any) string { return input.(operation).String() },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return m.ToModel()
}

// follow are the states that an operation may lead to; none, it cannot have
// happened then.
func follow(s truth, o operation) (next []any) {
	switch o.act {
	case placing:
		if o.verdict != order.OK {
			next = append(next, s) // nothing came of it
		}
		if (o.verdict == order.OK || o.verdict == order.Unknown) && !s.exists && !s.never {
			next = append(next, truth{exists: true, status: order.StatusOrdered, price: o.price})
		}
	case cancelled:
		if s.exists { // that it takes effect is the venue's to show
			next = append(next, s)
		}
	case modifying:
		if !s.exists {
			return nil
		}
		next = append(next, s) // it may be ignored
		if o.verdict != order.Refused && o.verdict != order.NotSent && !s.status.Terminal() {
			s.price = o.price
			next = append(next, s)
		}
	case changing:
		if s.exists && !s.status.Terminal() && o.filled >= s.filled && o.price == s.price {
			s.status, s.filled = o.status, o.filled
			next = append(next, s)
		}
	case telling:
		return tell(s, o)
	case ending:
		if s.exists == o.exists && s.filled == o.filled && (!s.exists || s.status == o.status && s.price == o.price) {
			next = append(next, s)
		}
	}
	return next
}

// tell judges what the engine said.
func tell(s truth, o operation) []any {
	fits := s.exists && s.filled == o.filled
	switch o.state {
	case order.Denied, order.ExpiredLocal, order.Rejected:
		fits = !s.exists
		s.never = true
	case order.Cancelled:
		if !s.exists {
			fits, s.never = o.filled == 0, true // before it was sent
			break
		}
		fits = fits && s.status.Terminal()
	case order.Filled:
		fits = fits && s.status == order.StatusExecuted
	case order.Expired:
		fits = fits && (s.status == order.StatusExpired || s.status == order.StatusPartiallyExecutedAndExpired)
	case order.RejectedLate:
		fits = fits && s.status == order.StatusRejected
	case order.Partial:
		fits = fits && s.filled > 0 && o.price == s.price
	default:
		fits = fits && o.price == s.price
	}
	if !fits {
		return nil
	}
	return []any{s}
}

// record lives a world and keeps its history.
func record(seed uint64) *history {
	s := newSim(seed)
	s.history = &history{open: map[flightName]place{}}
	s.run()
	s.history.ended(s)
	return s.history
}

func lawful(life []porcupine.Operation) bool {
	return porcupine.CheckOperationsTimeout(sequential(), life, 20*time.Second) == porcupine.Ok
}

// printed is a history to read.
func printed(life []porcupine.Operation) (text string) {
	life = slices.Clone(life)
	slices.SortStableFunc(life, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	for _, op := range life {
		text += fmt.Sprintf("%12v to %-12v %v\n", time.Duration(op.Call), time.Duration(op.Return), op.Input)
	}
	return text
}

// TestEveryHistoryHasASequentialOrder checks the lives of orders in the
// simulated worlds, each an order of what was asked, what the venue did and what
// the engine said, against a model that knows nothing of how it came about.
func TestEveryHistoryHasASequentialOrder(t *testing.T) {
	checked, operations, longest := 0, 0, 0
	unknown := 0
	began := time.Now()
	worlds := uint64(0)
	for seed := uint64(1); checked < *historyCount; seed++ {
		worlds++
		most := checked + *historyCount/30 + 1 // some of each world
		for i, life := range record(seed).lives {
			if checked == most || attempts(life) == 0 {
				continue
			}
			require.True(t, lawful(life), "seed %d, intent %d:\n%s", seed, i, printed(life))
			checked++
			operations += len(life)
			longest = max(longest, len(life))
			for _, op := range life {
				if o := op.Input.(operation); o.act == placing && o.verdict == order.Unknown {
					unknown++
				}
			}
		}
	}
	t.Logf("%d histories of %d worlds, %d operations, %d attempts of unknown outcome, the longest has %d operations: all lawful, in %v",
		checked, worlds, operations, unknown, longest, time.Since(began))
	require.Positive(t, unknown)
}

func attempts(life []porcupine.Operation) (n int) {
	for _, op := range life {
		if op.Input.(operation).act == placing {
			n++
		}
	}
	return n
}

// TestABrokenHistoryIsRejected breaks true histories, one operation of each, as
// an engine or a venue that breaks a promise would.
func TestABrokenHistoryIsRejected(t *testing.T) {
	told := func(o *operation, states ...order.State) bool {
		return o.act == telling && slices.Contains(states, o.state)
	}
	for name, spoil := range map[string]func(op *porcupine.Operation, o *operation) bool{
		"a rejection made up": func(_ *porcupine.Operation, o *operation) bool {
			fits := told(o, order.Acked, order.Working)
			o.state = order.Rejected
			return fits
		},
		"a denial made up": func(_ *porcupine.Operation, o *operation) bool {
			fits := told(o, order.Filled)
			o.state, o.filled = order.Denied, 0
			return fits
		},
		"a fill made up": func(_ *porcupine.Operation, o *operation) bool {
			o.filled += 100 * lot
			return told(o, order.Working, order.Partial, order.Filled, order.Cancelled)
		},
		"a cancel told before it took effect": func(op *porcupine.Operation, o *operation) bool {
			op.Return = 1
			return told(o, order.Cancelled) && o.filled > 0
		},
		"an order lost": func(_ *porcupine.Operation, o *operation) bool {
			fits := o.act == ending && o.exists
			*o = operation{act: ending}
			return fits
		},
		"an order nobody placed": func(_ *porcupine.Operation, o *operation) bool {
			fits := o.act == placing && o.verdict == order.OK
			o.verdict = order.Refused
			return fits
		},
		"a price nobody asked for": func(_ *porcupine.Operation, o *operation) bool {
			o.price += 35
			return o.act == changing
		},
		"a fill taken back": func(_ *porcupine.Operation, o *operation) bool {
			fits := o.act == ending && o.filled > 0
			o.filled -= lot
			return fits
		},
	} {
		broken := 0
		for seed := uint64(1); broken < 20; seed++ {
			require.Less(t, seed, uint64(20), name)
			for _, life := range record(seed).lives {
				if attempts(life) > 1 {
					continue // another attempt may explain it
				}
				for at := range life {
					spoilt := slices.Clone(life)
					o := spoilt[at].Input.(operation)
					if !spoil(&spoilt[at], &o) {
						continue
					}
					spoilt[at].Input = o
					require.False(t, lawful(spoilt), "%s:\n%s", name, printed(spoilt))
					broken++
					break
				}
			}
		}
	}
}

func TestASecondOrderForOneIntentIsNoLawfulHistory(t *testing.T) {
	op := func(from, to int64, o operation) porcupine.Operation {
		return porcupine.Operation{Input: o, Call: from, Return: to}
	}
	accepted := operation{act: changing, status: order.StatusOrdered, price: 100, exists: true}
	at := operation{act: ending, exists: true, status: order.StatusOrdered, price: 100}
	place := func(v order.Verdict) operation { return operation{act: placing, price: 100, verdict: v} }

	require.True(t, lawful([]porcupine.Operation{
		op(1, 99, place(order.Unknown)), op(5, 5, accepted), op(10, 10, at),
	}), "an attempt of unknown outcome may have been taken")
	require.True(t, lawful([]porcupine.Operation{
		op(1, 99, place(order.Unknown)), op(10, 10, operation{act: ending}),
	}), "and may not")
	require.True(t, lawful([]porcupine.Operation{
		op(1, 2, place(order.NotSent)), op(3, 6, place(order.OK)), op(5, 5, accepted), op(10, 10, at),
	}), "one attempt that came to nothing, and one that did not")
	require.False(t, lawful([]porcupine.Operation{
		op(1, 2, place(order.OK)), op(3, 6, place(order.OK)), op(5, 5, accepted), op(10, 10, at),
	}), "two that were both taken")
	require.False(t, lawful([]porcupine.Operation{
		op(1, 99, place(order.Unknown)), op(2, 2, accepted), op(3, 6, place(order.OK)), op(10, 10, at),
	}), "one of unknown outcome that was taken, and one that was taken")
	require.False(t, lawful([]porcupine.Operation{
		op(1, 99, place(order.Unknown)), op(0, 3, operation{act: telling, state: order.Denied}), op(5, 5, accepted), op(10, 10, at),
	}), "silence was taken for a no")
}
