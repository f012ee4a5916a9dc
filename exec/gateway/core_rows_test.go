package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
)

func TestN1_ARefusedConnectionCountsOnceForTheBreakerAndGivesItsPermitBack(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	minute := w.core.limits.Left(w.now).MinuteUsed
	refused := func(i int) order.ID {
		ticket := w.ticket()
		ticket.Price -= market.Paise(5 * i)
		id := w.place(ticket)
		w.answer(w.take(), Answer{Verdict: order.NotSent, Sent: SentNothing, Broken: true})
		return id
	}
	for i := range 4 {
		id := refused(i)
		require.Equal(t, order.Queued, w.state(id), "it is tried again, later")
		w.ask(order.CancelOne, id, 0)
		require.Equal(t, breaker.Closed, w.core.writes.State())
	}
	require.Equal(t, minute, w.core.limits.Left(w.now).MinuteUsed, "nothing left us")

	refused(4)

	require.Equal(t, breaker.Open, w.core.writes.State(), "the fifth in a row")
}

func TestN4_AResetBeforeTheFirstByteMayBeSentAgainAtOnceOnce(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())

	w.answer(w.take(), Answer{Verdict: order.NotSent, Sent: SentNothing, Broken: true, Reused: true})

	again := w.take()
	require.EqualValues(t, 2, again.Attempt)
	v := w.quietly(again)
	w.answer(again, Answer{Verdict: order.OK, VenueID: v.id})
	require.Equal(t, order.Acked, w.state(id))
	require.Len(t, w.orders, 1)
}

func TestN15_AVenueThatForbidsReadsIsLookedAtOnceAMinuteAndCancelsGoOn(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.keep(ReadOrder, ReadOrders, ReadTrades, ReadPositions, SendCancel)
	forbid := func() {
		for len(w.kept) > 0 {
			w.answer(w.take(), Answer{Verdict: order.ConfigFatal, Reason: "forbidden"})
		}
	}
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap}) // it must read everything anew
	cancels := w.actions[SendCancel]
	w.ask(order.CancelOne, id, 0)
	reads := func() int {
		return w.actions[ReadOrder] + w.actions[ReadOrders] + w.actions[ReadTrades] + w.actions[ReadPositions]
	}
	before := reads()
	for range 600 {
		w.run(w.now + second)
		forbid()
	}

	require.True(t, w.core.halted)
	require.LessOrEqual(t, reads()-before, 12, "in ten minutes")
	require.GreaterOrEqual(t, w.actions[SendCancel]-cancels, 10, "the cancel is tried for as long as it takes")
	require.LessOrEqual(t, w.actions[SendCancel]-cancels, 25)

	w.keeps = nil
	w.run(w.now + 120*second)
	require.Equal(t, order.Cancelled, w.state(id))
	require.True(t, w.core.halted, "until a person has looked")
	w.step(&Event{Kind: OperatorEvent})
	w.run(w.now + 10*second)
	require.True(t, w.core.sync.done)
}

func TestH13_ACancelsAnswerWithAnIdThatCannotBeOneStopsTheInstrumentToo(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.keep(SendCancel)
	w.ask(order.CancelOne, id, 0)

	w.answer(w.take(), Answer{Verdict: order.Unknown, Misnamed: true, Broken: true})

	require.True(t, w.alarmed("named an order as no order can be named"))
	other := w.ticket()
	other.Price = 9990
	require.Equal(t, order.Denied, w.state(w.place(other)))
	other.ID, other.Instrument = w.nextID(), 2
	require.NotEqual(t, order.Denied, w.state(w.place(other)), "that instrument alone")
}

func TestH16_OneRemarkThatDidNotComeBackEndsTheTrustInAll(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	require.Equal(t, RemarksUntried, w.core.Standing().Remarks)
	w.place(w.ticket())
	w.run(w.now + 60*second)
	require.Equal(t, RemarksEchoed, w.core.Standing().Remarks)

	w.echo = false
	w.run(w.now + 60*second)
	require.Equal(t, RemarksLost, w.core.Standing().Remarks)

	w.echo = true
	w.run(w.now + 60*second)
	require.Equal(t, RemarksLost, w.core.Standing().Remarks)
}

// Until the end of the day an order that was given up could not be told from an
// equal one, so there is none.
func TestH16_WithoutRemarksAnOrderThatLooksLikeAGivenUpOneIsDeniedAllDay(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.echo = false
	w.keep(SendPlace)
	w.place(w.ticket())
	w.take()
	w.run(w.now + 3*3600*second)

	equal := w.place(w.ticket())

	require.Equal(t, order.Denied, w.state(equal))
	require.Empty(t, w.kept)
	other := w.ticket()
	other.Price -= 5
	w.place(other)
	require.Len(t, w.kept, 1, "a tick away it is another order")
}
