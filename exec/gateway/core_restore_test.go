package gateway

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

func TestP1_AnAttemptWithoutAnOutcomeIsLookedForAfterARestartAndNeverSentAgain(t *testing.T) {
	for _, taken := range []bool{true, false} {
		w := newWorld(t, 1, nil).begin()
		w.keep(SendPlace)
		id := w.place(w.ticket())
		a := w.take()
		if taken {
			w.accept(a)
		}
		w.keeps = nil
		placed := w.actions[SendPlace]

		w.restart(true)
		require.Equal(t, order.Ambiguous, w.state(id))
		w.run(w.now + 60*second)

		require.Equal(t, placed, w.actions[SendPlace], "nothing is sent")
		if taken {
			require.Equal(t, order.Working, w.state(id))
			require.Equal(t, w.byIntent[id][0].id, w.last[id].VenueID)
		} else {
			require.Equal(t, order.ClosedAbsent, w.state(id))
		}
	}
}

func TestP1_AnIntentThatWasNeverSentEndsAtTheRestart(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown}) // it waits for the lists
	id := w.place(w.ticket())
	require.Equal(t, order.Queued, w.state(id))

	w.restart(true)

	require.Equal(t, order.ExpiredLocal, w.state(id))
	require.Zero(t, w.gate.OpenOrders())
	w.run(w.now + 30*second)
	require.Empty(t, w.byIntent[id])
}

func TestP1_AWorkingOrderIsItsStrategysAgainAfterARestart(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], 0)
	require.Equal(t, order.Working, w.state(id))

	w.restart(true)
	require.True(t, w.last[id].Restored)
	require.EqualValues(t, 1, w.last[id].Strategy)
	require.Equal(t, 1, w.gate.OpenOrders())
	w.run(w.now + 5*second)
	w.ask(order.CancelOne, id, 0)
	w.run(w.now + 5*second)

	require.Equal(t, order.Cancelled, w.state(id))
}

func TestP1_AnOrderWhoseStrategyIsGoneIsCancelledAtTheRestart(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.Strategies = []string{"straddle"} })
	w.Append(&journal.Record{Kind: journal.Named, At: w.stamp(), Name: journal.Name{Strategy: 1, Text: "straddle"}}, true)
	w.begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.core.config.Strategies = []string{"arbitrage"}

	w.restart(true)
	w.run(w.now + 5*second)

	require.Equal(t, order.Cancelled, w.state(id))
	require.Zero(t, w.last[id].Strategy)
}

func TestATombstoneSurvivesTheRestart(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	w.keeps = nil
	w.run(w.now + 60*second)
	require.Equal(t, order.ClosedAbsent, w.state(id))

	w.restart(true)
	w.run(w.now + 10*second)
	again := w.place(w.ticket())
	require.Equal(t, order.Denied, w.state(again), "it looks like the one that may still surface")
	w.accept(a) // and it does
	w.run(w.now + 200*second)

	require.Equal(t, order.Cancelled, w.state(id))
	require.True(t, w.alarmed("had been given up"))
}

func TestInvariant8_TheRateWindowsSurviveTheRestart(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	for i := range 6 {
		t := w.ticket()
		t.Price += market.Paise(5 * i)
		w.place(t)
	}
	left := w.core.limits.Left(w.now)
	require.Positive(t, left.SecondUsed)

	w.restart(true)

	require.Equal(t, left.SecondUsed, w.core.limits.Left(w.now).SecondUsed)
	require.Equal(t, left.MinuteUsed, w.core.limits.Left(w.now).MinuteUsed)
	require.Equal(t, left.DayUsed, w.core.limits.Left(w.now).DayUsed)
}

func TestR4_TheDaysLossAndTheKillLevelAreNotResetByARestart(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	dear := w.ticket()
	dear.Price = 10050
	id := w.place(dear)
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 3*second)
	result := w.gate.Result()
	require.NotZero(t, result)
	w.step(&Event{Kind: KillEvent, Level: risk.Reducing, Text: "drill"})

	w.restart(true)
	w.run(w.now + 5*second)

	require.Equal(t, risk.Reducing, w.gate.Level())
	require.Equal(t, "drill", w.gate.Cause())
	require.Equal(t, result, w.gate.Result())
	require.EqualValues(t, lot, w.gate.Exposure(1).Position)
}

func TestR5_ADecisionRepeatedAfterARestartNamesItsFirstOrder(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	decided := w.ticket()
	decided.Signal = 42
	first := w.place(decided)
	w.run(w.now + second)

	w.restart(true)
	w.run(w.now + 5*second)
	decided.ID = w.nextID()
	again := w.place(decided)

	require.Equal(t, order.Denied, w.state(again))
	require.Equal(t, first, w.gate.Last().First)
}

func TestR6_AtARestartADifferentPositionStopsThatInstrumentAndIsNotTradedAway(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 3*second)
	w.keeps = func(a Action) bool {
		if a.Kind == ReadPositions {
			w.after(20*ms, func() { w.answer(a, Answer{Verdict: order.Empty}) })
		}
		return a.Kind == ReadPositions
	}

	w.restart(true)
	w.run(w.now + 20*second)

	require.True(t, w.core.sync.done, "other instruments trade on")
	require.Equal(t, "the venue's position differs from ours", w.core.exposure[1].blocked)
	require.EqualValues(t, lot, w.core.exposure[1].net, "no fill is made up")
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())))
	other := w.ticket()
	other.Instrument = 2
	require.NotEqual(t, order.Denied, w.state(w.place(other)))
}

func TestAfterALossOfPowerOrdersWithOurTextAreAdoptedAndCancelled(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.fill(v, 0)

	w.restart(false)
	w.run(w.now + 10*second)

	require.True(t, w.alarmed("the journal does not know"))
	require.Equal(t, order.Cancelled, w.state(id))
	require.Equal(t, order.StatusCancelled, v.report.Status)
}

func TestAnAdoptedOrphanIsNotTakenForAnUnsentIntentAtTheNextStart(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.journal = w.journal[:0] // the power was lost before anything was synced
	w.restart(true)
	w.run(w.now + 2*second)
	w.journal = slices.DeleteFunc(w.journal, func(r journal.Record) bool { return r.Kind == journal.Moved || r.Kind == journal.Sending })

	w.restart(true) // killed right after the adoption was written

	require.Equal(t, order.Ambiguous, w.core.slab.Get(id).State)
	w.run(w.now + 30*second)
	require.True(t, w.core.slab.Get(id).State.Terminal(), "it was cancelled: %v", w.core.slab.Get(id).State)
	require.NotEqual(t, order.ExpiredLocal, w.core.slab.Get(id).State)
}

func TestAnExitPassesWhileAGapIsRead(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + second)
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
	exit := w.ticket()
	exit.Side, exit.Price = market.Sell, 9995
	entry := w.ticket()

	require.Equal(t, order.Queued, w.state(w.place(entry)), "what adds waits for the lists")
	w.core.at.Mono += 3 * second
	w.now += 3 * second
	w.step(&Event{Kind: Tick})
	require.Equal(t, order.Sending, w.state(w.place(exit)))
}

func TestAnOpenOrderOfSomebodyElseCountsInRisk(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Sell, Quantity: 2 * lot, Limit: 9990})
	v.visible = 0
	w.run(w.now + 5*second)

	require.EqualValues(t, -2*lot, w.gate.Exposure(1).Short)
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())), "it would trade with it")
	v.report.Status, v.report.Cancelled = order.StatusCancelled, 2*lot
	w.notify(v)
	w.run(w.now + 5*second)
	require.Zero(t, w.gate.Exposure(1).Short)
}

func TestP4_WhileTheJournalTakesNothingEntriesAreDeniedAndCancelsLeave(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.chances.cannotRecord = 1
	t2 := w.ticket()
	t2.Price = 9990
	require.Equal(t, order.Denied, w.state(w.place(t2)))
	require.True(t, w.alarmed("takes no records"))
	w.ask(order.CancelOne, id, 0)
	w.run(w.now + 3*second)
	require.Equal(t, order.Cancelled, w.state(id))
}

func TestAModificationMayNotMakeAnOrderLookLikeALostOne(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	lost := w.place(w.ticket())
	w.take()
	w.keeps = nil
	w.run(w.now + 60*second)
	require.Equal(t, order.ClosedAbsent, w.state(lost))
	other := w.ticket()
	other.Price = 9990
	id := w.place(other)
	w.run(w.now + second)

	w.ask(order.Modify, id, 10000)
	w.run(w.now + second)

	require.Contains(t, w.last[id].Reason, "may still surface")
	require.EqualValues(t, 9990, w.byIntent[id][0].report.Limit)
}
