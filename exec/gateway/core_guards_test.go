package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
)

// Each test here holds a line of the core in place that others pass by: without
// it, a fault of bench/mutants went unnoticed.

func TestH13_AnOrderIDThatTwoAnswersNameHaltsItsInstrument(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	first := w.place(w.ticket())
	a := w.take()
	v := w.quietly(a)
	w.answer(a, Answer{Verdict: order.OK, VenueID: v.id})
	other := w.ticket()
	other.Price = 9990
	second := w.place(other)

	w.answer(w.take(), Answer{Verdict: order.OK, VenueID: v.id})

	require.Equal(t, order.Acked, w.state(first))
	require.Equal(t, order.Ambiguous, w.state(second), "one of the two answers is wrong")
	require.True(t, w.alarmed("named two orders alike"))
	other.ID, other.Price = w.nextID(), 9985
	require.Equal(t, order.Denied, w.state(w.place(other)))
}

func TestH13_AnOrderThatTwoAnswersNameDifferentlyKeepsItsFirstName(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	v := w.quietly(a)
	w.notice(v)
	require.Equal(t, order.Sending, w.state(id))
	w.run(a.Deadline + second)
	require.Equal(t, order.Working, w.state(id), "the notice is its evidence")
	other, err := order.ParseVenueID("202611249900000001")
	require.NoError(t, err)

	w.answer(a, Answer{Verdict: order.OK, VenueID: other})

	require.Equal(t, v.id, w.core.slab.Get(id).VenueID)
	require.True(t, w.alarmed("named two orders alike"))
}

func TestP8_AfterALongPauseNothingStaleLeaves(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	for i := range 8 { // one more than a second's entries
		ticket := w.ticket()
		ticket.Price -= market.Paise(5 * i)
		w.place(ticket)
	}
	last := w.placed[len(w.placed)-1]
	require.Equal(t, order.Queued, w.state(last))
	sent := w.actions[SendPlace]

	w.queue, w.now = nil, w.now+300*second // the process stood still
	w.quotes()
	w.step(&Event{Kind: Tick})

	require.Equal(t, order.ExpiredLocal, w.state(last))
	require.Equal(t, sent, w.actions[SendPlace])
}

func TestP9_AWallClockThatJumpsMovesNoTimer(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -30 * time.Minute} {
		w := newWorld(t, 1, nil).begin()
		w.keep(SendPlace)
		id := w.place(w.ticket())
		w.take()
		w.run(w.now + 5*second)
		require.Equal(t, order.Reconciling, w.state(id))

		w.start = w.start.Add(jump)
		w.run(w.now + 8*second)
		require.Equal(t, order.Reconciling, w.state(id), "the fence is not over, by %v", jump)
		w.run(w.now + 12*second)
		require.Equal(t, order.ClosedAbsent, w.state(id), "now it is, by %v", jump)
	}
}

func TestR9_CancelsOfAKillAreRepeatedUntilTheyTakeEffect(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.chances.deafCancel = 1
	w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "drill"})
	w.run(w.now + 10*second)
	require.False(t, w.byIntent[id][0].report.Status.Terminal())
	require.Greater(t, w.actions[SendCancel], 1)

	w.chances.deafCancel = 0
	w.run(w.now + 10*second)

	require.Equal(t, order.StatusCancelled, w.byIntent[id][0].report.Status)
	require.Equal(t, order.Cancelled, w.state(id))
}

func TestR9_WhatWaitsWhenTheLevelRisesNeverLeaves(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.EntryTTL = time.Minute }).begin()
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
	id := w.place(w.ticket())
	require.Equal(t, order.Queued, w.state(id))

	w.step(&Event{Kind: KillEvent, Level: risk.Reducing, Text: "drill"})
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive})
	w.run(w.now + 5*second)

	require.Equal(t, order.Denied, w.state(id))
	require.Zero(t, w.actions[SendPlace])
}

func TestE4_AnEntryThatWaitsWhenTheSessionEndsNeverLeaves(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.EntryTTL = time.Minute }).begin()
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
	id := w.place(w.ticket())
	require.Equal(t, order.Queued, w.state(id))

	ending := w.session()
	ending.State, ending.EntriesUntil = session.Reducing, w.stamp().Wall
	w.step(&Event{Kind: SessionEvent, Session: ending})
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive})
	w.run(w.now + 5*second)

	require.Equal(t, order.Denied, w.state(id))
	require.Zero(t, w.actions[SendPlace])
}

func TestE1_ARenewalEndsNoCallThatIsUnderWay(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()

	w.renew()
	w.run(w.now + 100*ms)

	require.Equal(t, order.Sending, w.state(id))
	w.answer(a, Answer{Verdict: order.OK, VenueID: w.quietly(a).id, Epoch: 1})
	require.Equal(t, order.Acked, w.state(id))
	require.Zero(t, w.core.stats.Ambiguous)
}

func TestE9_TheCoreDoesNotGoBackToAnOldLogin(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	old := w.session()
	w.renew()
	w.step(&Event{Kind: SessionEvent, Session: old})
	w.keep(SendPlace)
	require.EqualValues(t, 2, w.core.login.Epoch)
	w.place(w.ticket())
	require.EqualValues(t, 2, w.take().Epoch)
}

func TestMoreFilledThanOrderedIsBookedAndHaltsItsInstrument(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	v := w.byIntent[id][0]
	v.report.Executed, v.report.Status, v.value = 2*lot, order.StatusExecuted, v.report.Limit.Times(2*lot)

	w.notice(v)

	require.EqualValues(t, 2*lot, w.core.exposure[1].net)
	require.True(t, w.alarmed("more than was ordered"))
	other := w.ticket()
	other.Price = 9990
	require.Equal(t, order.Denied, w.state(w.place(other)))
}

// lists answers every order list with what the function makes of it.
func (w *world) lists(answer func(rows []order.Report) Answer) {
	w.keeps = func(a Action) bool {
		if a.Kind != ReadOrders {
			return a.Kind == SendPlace
		}
		w.after(50*ms, func() {
			var rows []order.Report
			for _, v := range w.orders {
				rows = append(rows, w.row(v))
			}
			w.answer(a, answer(rows))
		})
		return true
	}
}

func TestH14_OnlyAWholeListOfTodayProvesAbsence(t *testing.T) {
	yesterday := func(rows []order.Report) order.Report {
		r := order.Report{Status: order.StatusCancelled, Instrument: 1, Side: market.Buy, Quantity: lot, Cancelled: lot, Limit: 9000}
		r.VenueID, _ = order.ParseVenueID("202611239900000001")
		r.OrderedAt = market.NewDate(2026, 11, 23).At(10 * time.Hour)
		return r
	}
	for name, answer := range map[string]func(rows []order.Report) Answer{
		"one that failed": func([]order.Report) Answer { return Answer{Verdict: order.Retry} },
		"one that cannot be read to its end": func(rows []order.Report) Answer {
			return Answer{Verdict: order.OK, Orders: rows, Partial: true}
		},
		"one with a row of yesterday": func(rows []order.Report) Answer {
			return Answer{Verdict: order.OK, Orders: append(rows, yesterday(rows))}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, nil).begin()
			w.lists(answer)
			id := w.place(w.ticket())
			w.run(w.now + 120*second)
			require.Equal(t, order.Reconciling, w.state(id))

			w.keeps = nil
			w.run(w.now + 30*second)
			require.Equal(t, order.ClosedAbsent, w.state(id))
		})
	}
}

// holdsTwo buys two lots of the first instrument.
func (w *world) holdsTwo() *world {
	w.begin()
	ticket := w.ticket()
	ticket.Lots = 2
	id := w.place(ticket)
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], 2*lot)
	w.run(w.now + second)
	require.EqualValues(w.t, 2*lot, w.core.exposure[1].net)
	return w
}

func TestAnExitThatLooksLikeAnOrderInDoubtWaits(t *testing.T) {
	w := newWorld(t, 1, nil).holdsTwo()
	w.doubt(market.Sell, 10010)
	sent := w.actions[SendPlace]
	twin := w.ticket()
	twin.Side, twin.Price = market.Sell, 10010

	id := w.place(twin)

	require.Equal(t, order.Queued, w.state(id), "the two could not be told apart")
	w.run(w.now + 3*second)
	require.Equal(t, order.ExpiredLocal, w.state(id))
	require.Equal(t, sent, w.actions[SendPlace])
	twin.ID, twin.Price = w.nextID(), 10005
	require.Equal(t, order.Sending, w.state(w.place(twin)), "one that looks otherwise may leave")
}

func TestAnExitThatOpenOrdersAlreadyMakeIsNewExposure(t *testing.T) {
	w := newWorld(t, 1, nil).holds()
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
	exit := w.ticket()
	exit.Side, exit.Price = market.Sell, 10010
	first := w.place(exit)
	require.Equal(t, order.Sending, w.state(first), "an exit passes a gap")
	exit.ID, exit.Price = w.nextID(), 10015
	require.Equal(t, order.Queued, w.state(w.place(exit)), "were both filled, it would be a new position")
}

func TestACancelPassesAnOpenBreaker(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.openBreaker()

	w.ask(order.CancelOne, id, 0)
	w.run(w.now + second)

	require.Equal(t, order.Cancelled, w.state(id))
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())), "it is open still")
}

func TestAnAttemptThatCannotBeRecordedDoesNotLeave(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.EntryTTL = time.Minute }).begin()
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
	id := w.place(w.ticket()) // the intent is kept
	require.Equal(t, order.Queued, w.state(id))

	w.chances.cannotRecord = 1
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive})
	w.run(w.now + 5*second)

	require.Equal(t, order.Denied, w.state(id))
	require.Zero(t, w.actions[SendPlace])
	require.Zero(t, w.core.Standing().Quota.SecondUsed, "its permit was given back")
}

func TestAnOrderThatFillsWhileTheEngineIsDownIsBookedOnce(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.echo, w.chances.noticeLost = false, 1 // nothing but the venue's own number tells whose it is
	w.fill(w.byIntent[id][0], lot)

	w.restart(true)
	w.run(w.now + 30*second)

	require.Equal(t, order.Filled, w.state(id))
	require.EqualValues(t, lot, w.core.exposure[1].net)
	require.Zero(t, w.core.stats.External)
	require.Empty(t, w.core.exposure[1].blocked)
}

func TestAThrottleOfBeforeTheRestartStillHolds(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Throttle, RetryAfter: 40 * time.Second})
	w.keeps = nil
	closed := w.core.limits.Left(w.now).ClosedFor
	require.Positive(t, closed)

	w.restart(true)

	require.Equal(t, closed, w.core.limits.Left(w.now).ClosedFor)
}

func TestABlockedInstrumentWaitsForAPersonThroughARestart(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.core.block(1, "look at it")

	w.restart(true)
	w.run(w.now + 10*second)
	require.Equal(t, "look at it", w.last[w.place(w.ticket())].Reason)

	w.step(&Event{Kind: OperatorEvent, Operator: Operator{Instrument: 1}})
	w.restart(true)
	w.run(w.now + 10*second)
	require.Equal(t, order.Sending, w.state(w.place(w.ticket())))
}

func TestWhatWasHeldBeforeTheDayIsKnownAfterARestart(t *testing.T) {
	w := newWorld(t, 1, nil)
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 2, Side: market.Sell, Quantity: lot, Limit: 9000})
	v.visible = 1 << 60 // of yesterday: in no list of today
	v.report.Executed, v.report.Status = lot, order.StatusExecuted
	w.queue = nil
	w.quotes()
	w.begin()
	w.place(w.ticket()) // from now on a difference is not the base's
	w.run(w.now + second)

	w.restart(true)

	require.EqualValues(t, -lot, w.core.exposure[2].net)
	require.EqualValues(t, -lot, w.gate.Exposure(2).Position)
	w.run(w.now + 30*second)
	require.EqualValues(t, -lot, w.core.exposure[2].net)
	require.Empty(t, w.core.exposure[2].blocked)
}

func TestAHardFenceLongerThanTheFenceIsWaitedFor(t *testing.T) {
	w := fenced(t, func(c *CoreConfig) { c.HardFence = order.AfterHardFence.HardFence(25 * time.Second) })
	w.lose(w.ticket())
	sent := w.now

	w.run(sent + 30*second)
	require.Empty(t, w.kept, "the venue may take the first attempt for half a minute")

	w.run(sent + 45*second)
	require.EqualValues(t, 2, w.take().Attempt)
}
