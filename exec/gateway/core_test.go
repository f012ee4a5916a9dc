package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/breaker"
)

// quietly accepts the order at the venue without a notice.
func (w *world) quietly(a Action) *venueOrder {
	chances := w.chances
	w.chances.noticeLost = 1
	v := w.accept(a)
	w.chances = chances
	return v
}

func TestAnOrderIsPlacedAckedAndFilled(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	require.Equal(t, order.Sending, w.state(id), "it leaves in the step that brings it")
	w.run(w.now + second)
	require.Equal(t, order.Working, w.state(id))

	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 10*second)

	require.Equal(t, order.Filled, w.state(id))
	require.EqualValues(t, lot, w.core.exposure[1].net)
	w.quiet()
}

func TestNoOrderLeavesBeforeTheAccountIsKnown(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	id := w.place(w.ticket())
	w.run(w.now + 3*second)
	require.Equal(t, order.ExpiredLocal, w.state(id), "the order stream never lived")
	require.Empty(t, w.byIntent)
}

func TestN5_AProvablyUnfinishedRequestIsSentAgain(t *testing.T) {
	for _, sent := range []Sent{SentNothing, SentPart} {
		w := newWorld(t, 1, nil).begin()
		w.keep(SendPlace)
		id := w.place(w.ticket())
		minute := w.core.limits.Left(w.now).MinuteUsed

		w.answer(w.take(), Answer{Verdict: order.NotSent, Sent: sent, Broken: true, Reused: true})

		again := w.take()
		require.EqualValues(t, 2, again.Attempt, "one immediate redial of a reused connection")
		if sent == SentNothing {
			require.Equal(t, minute, w.core.limits.Left(w.now).MinuteUsed, "the permit was given back")
		} else {
			require.Equal(t, minute+1, w.core.limits.Left(w.now).MinuteUsed)
		}
		w.answer(again, Answer{Verdict: order.NotSent, Sent: sent, Broken: true, Reused: true})
		require.Empty(t, w.kept, "the second time it waits")
		require.Equal(t, order.Queued, w.state(id))
	}
}

func TestN5_WithoutProofOfWhatWasSentTheOutcomeIsUnknown(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.NotSent, Sent: SentWhole})
	require.Equal(t, order.Ambiguous, w.state(id))
}

func TestRetriesEndAfterThreeAndBeforeTheDeadline(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.EntryTTL = time.Hour }).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	for range 4 {
		require.Equal(t, order.Sending, w.state(id), w.last[id].Reason)
		w.answer(w.take(), Answer{Verdict: order.NotSent, Sent: SentPart})
		for waited := 0; len(w.kept) == 0 && waited < 100; waited++ {
			w.run(w.now + 50*ms)
		}
	}
	require.Empty(t, w.kept)
	require.Equal(t, order.Denied, w.state(id))
	require.Equal(t, "not sent, and no retries are left", w.last[id].Reason)

	w = newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id = w.place(w.ticket())
	w.run(w.now + 1960*ms)
	w.answer(w.take(), Answer{Verdict: order.NotSent, Sent: SentPart})
	require.Equal(t, order.ExpiredLocal, w.state(id), "no hopeless waiting")
}

func TestN6_AResetAfterTheWholeRequestIsNeverAnsweredByASecondOne(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Unknown, Broken: true})
	require.Equal(t, order.Ambiguous, w.state(id))

	w.run(w.now + 14*second)
	require.Equal(t, order.Reconciling, w.state(id), "nothing is concluded inside the fence")
	w.run(w.now + 5*second)
	require.Equal(t, order.ClosedAbsent, w.state(id))
	w.run(w.now + 600*second)
	require.Empty(t, w.kept, "and nothing is ever sent again")
	require.EqualValues(t, 1, w.core.stats.Calls[SendPlace].Attempts)
}

func TestN7_AnAnswerLostAfterAcceptanceIsFoundInTheOrderList(t *testing.T) {
	for _, echo := range []bool{true, false} {
		w := newWorld(t, 1, nil).begin()
		w.echo = echo
		w.keep(SendPlace)
		id := w.place(w.ticket())
		a := w.take()
		v := w.quietly(a)
		w.answer(a, Answer{Verdict: order.Unknown, Broken: true})

		w.run(w.now + 2*second)

		require.Equal(t, order.Working, w.state(id), "remark echoed: %v", echo)
		require.Equal(t, v.id, w.core.slab.Get(id).VenueID)
		require.Len(t, w.orders, 1)
		w.run(w.now + 60*second)
		w.quiet()
	}
}

func TestN9_ALateAnswerIsEvidenceAndEndsTheSearch(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.chances.readFails = 1
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	v := w.quietly(a)
	w.run(a.Deadline + second)
	require.Equal(t, order.Reconciling, w.state(id))

	w.answer(a, Answer{Verdict: order.OK, VenueID: v.id})

	require.Equal(t, order.Acked, w.state(id))
	lists := w.actions[ReadOrders]
	w.run(w.now + 2*second)
	require.Equal(t, lists, w.actions[ReadOrders], "nobody asks any more")
}

func TestN10_ARequestAcceptedTwentySecondsLateIsAdoptedAndCancelled(t *testing.T) {
	for _, echo := range []bool{true, false} {
		w := newWorld(t, 1, nil).begin()
		w.echo = echo
		w.keep(SendPlace)
		id := w.place(w.ticket())
		a := w.take()
		w.run(w.now + 25*second)
		require.Equal(t, order.ClosedAbsent, w.state(id))

		again := w.place(w.ticket())
		require.Equal(t, order.Denied, w.state(again), "it could not be told from the first")
		v := w.accept(a)
		w.run(w.now + 5*second)

		require.Equal(t, order.Cancelled, w.state(id))
		require.Equal(t, order.StatusCancelled, v.report.Status)
		require.EqualValues(t, 1, w.core.stats.Adopted)
		require.True(t, w.alarmed("surfaced"))
		other := w.ticket()
		other.Price = 9990
		require.Equal(t, order.Denied, w.state(w.place(other)), "the instrument waits for a person")
		w.step(&Event{Kind: OperatorEvent, Operator: Operator{Instrument: 1}})
		other.ID = w.nextID()
		require.Equal(t, order.Sending, w.state(w.place(other)))
	}
}

func TestN10_ALateOrderThatFilledIsBooked(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	w.run(w.now + 25*second)
	v := w.quietly(a)
	v.visible = w.now
	w.fill(v, lot)
	w.run(w.now + 60*second)
	require.Equal(t, order.Filled, w.state(id))
	require.EqualValues(t, lot, w.core.exposure[1].net)
	w.quiet()
}

func TestN14_AnAnswerToACallThatIsOverIsCountedAndIgnored(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	v := w.quietly(a)
	w.answer(a, Answer{Verdict: order.OK, VenueID: v.id})

	w.answer(a, Answer{Verdict: order.Refused, Reason: "margin"})

	require.Equal(t, order.Acked, w.state(id))
	require.EqualValues(t, 1, w.core.stats.Stray)
}

func TestH5_ARefusedSessionIsRenewedAndTheWriteJudgedByTheMode(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Auth})
	require.Equal(t, order.Ambiguous, w.state(id), "strict: not believed")
	require.Equal(t, 1, w.renewals)

	w = newWorld(t, 1, func(c *CoreConfig) { c.Lenient = true }).begin()
	w.keep(SendPlace)
	id = w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Auth})
	require.Equal(t, order.Queued, w.state(id))
	require.Equal(t, 1, w.renewals)
	require.Empty(t, w.kept, "nothing is signed with a dead session")

	w.run(w.now + second)

	again := w.take()
	require.EqualValues(t, 2, again.Epoch)
	w.answer(again, Answer{Verdict: order.Auth, Epoch: 1})
	require.Equal(t, 1, w.renewals, "the epoch was renewed already")
	require.Equal(t, order.Denied, w.state(id), "one fresh signature, not two")
}

func TestH6_AThrottleInTheShapeOf401IsNoReasonToRenew(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.Lenient = true; c.EntryTTL = time.Minute }).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Throttle, RetryAfter: 5 * time.Second})
	require.Zero(t, w.renewals)
	require.Equal(t, order.Queued, w.state(id))
	w.run(w.now + 4*second)
	require.Empty(t, w.kept, "the gate is shut")
	w.run(w.now + 3*second)
	require.EqualValues(t, 2, w.take().Attempt)
}

func TestH7_WhenTheDayIsUsedUpEntriesAreFrozenAndCancelsTried(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	resting := w.place(w.ticket())
	w.run(w.now + second)
	w.keep(SendPlace, SendCancel)
	other := w.ticket()
	other.Price = 9990
	id := w.place(other)
	w.answer(w.take(), Answer{Verdict: order.ThrottleDay})
	require.True(t, w.alarmed("used up"))

	other.ID, other.Price = w.nextID(), 9985
	require.Equal(t, order.Denied, w.state(w.place(other)))
	w.ask(order.CancelOne, resting, 0)
	w.run(w.now + 2*second)
	require.Equal(t, SendCancel, w.take().Kind)
	reads := w.actions[ReadOrders]
	w.run(w.now + 290*second)
	require.LessOrEqual(t, w.actions[ReadOrders], reads+1)
	w.run(w.now + 20*second)
	require.Greater(t, w.actions[ReadOrders], reads, "one probe in five minutes")
	require.NotEqual(t, order.Queued, w.state(id))
}

func TestH9_ARetryAfterBeyondTheDeadlineMeansNotSent(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.Lenient = true }).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Throttle, RetryAfter: 10 * 365 * 24 * time.Hour})
	require.Equal(t, order.ExpiredLocal, w.state(id))
	require.Empty(t, w.kept)
	require.Equal(t, 300*time.Second, w.core.Standing().Quota.ClosedFor)
}

func TestH10_WithoutRetryAfterTheGateShutsByItsLogs(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.Lenient = true }).begin()
	w.keep(SendPlace)
	w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Throttle})
	closed := w.core.Standing().Quota.ClosedFor
	require.Greater(t, closed, 50*time.Second, "the second was not busy: it was the minute")
	require.LessOrEqual(t, closed, 60*time.Second)
}

func TestH11_AServerErrorOnAWriteIsUnknownAndFiveInARowOpenTheBreaker(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	for i := range 5 {
		ticket := w.ticket()
		ticket.Instrument = market.InstrumentID(1 + i%3)
		ticket.Price -= market.Paise(5 * i)
		id := w.place(ticket)
		if len(w.kept) == 0 {
			require.Equal(t, order.Denied, w.state(id))
			w.step(&Event{Kind: OperatorEvent, Operator: Operator{Instrument: ticket.Instrument}})
			w.run(w.now + 25*second)
			ticket.ID = w.nextID()
			id = w.place(ticket)
		}
		w.answer(w.take(), Answer{Verdict: order.Unknown, Broken: true})
		require.Equal(t, order.Ambiguous, w.state(id))
	}
	require.Equal(t, breaker.Open, w.core.writes.State())
	ticket := w.ticket()
	ticket.Price = 9950
	id := w.place(ticket)
	require.Equal(t, order.Denied, w.state(id))
	require.Equal(t, "breaker open", w.last[id].Reason)

	w.run(w.now + 30*second)
	require.Equal(t, breaker.Closed, w.core.writes.State(), "two order lists found it healed")
}

func TestH14_ListsThatLackWhatIsKnownProveNothing(t *testing.T) {
	faults := map[string]func(*chances){
		"empty by mistake": func(c *chances) { c.listEmpty = 1 },
		"partial":          func(c *chances) { c.listPartial = 1 },
		"shrinking":        func(c *chances) { c.listShrinks = 1 },
		"failing":          func(c *chances) { c.readFails = 1 },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, nil).begin()
			other := w.ticket()
			other.Instrument = 2
			w.place(other)
			w.run(w.now + 5*second)
			w.keep(SendPlace)
			id := w.place(w.ticket())
			w.take()
			fault(&w.chances)

			w.run(w.now + 120*second)
			require.Equal(t, order.Reconciling, w.state(id))
			w.run(w.now + 600*second)
			require.Equal(t, order.Unresolved, w.state(id))
			require.True(t, w.alarmed("nobody can say"))

			w.chances = chances{}
			w.run(w.now + 150*second)
			require.Equal(t, order.ClosedAbsent, w.state(id), "evidence still counts")
		})
	}
}

func TestH1a_AnEmptyListNeedsTheTradeBookAsASecondSource(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace, ReadTrades)
	id := w.place(w.ticket())
	w.take()
	w.run(w.now + 60*second)
	require.Equal(t, order.Reconciling, w.state(id))
	a := w.take()
	require.Equal(t, ReadTrades, a.Kind)

	w.keeps = nil
	w.run(w.now + 20*second)
	require.Equal(t, order.ClosedAbsent, w.state(id))
}

func TestAnOrderThatMayBeOneOfSeveralIsNeverGivenUp(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.echo = false
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.chances.noticeLost = 1
	w.accept(w.take()).visible = w.now
	w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Buy, Quantity: lot, Limit: 10000}).visible = w.now

	w.run(w.now + 60*second)

	require.Equal(t, order.Reconciling, w.state(id), "one of the two is it, and no read says which")
	require.True(t, w.alarmed("one of several"))
}

func TestABreakerThatOpensWhileAnOrderWaitsDeniesIt(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
	id := w.place(w.ticket())
	require.Equal(t, order.Queued, w.state(id))
	w.openBreaker()
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	require.Equal(t, order.Denied, w.state(id))
	require.Equal(t, "breaker open", w.last[id].Reason)
}

func TestAnOperatorLowersTheKillLevelAndEntriesGoOn(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "drill"})
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())))
	require.NoError(t, w.gate.Lower(risk.Armed, "an operator"))
	require.Equal(t, order.Sending, w.state(w.place(w.ticket())))
}

func TestUnresolvedOrdersAreAPersonsToSettle(t *testing.T) {
	id := func(w *world) order.ID {
		w.keep(SendPlace)
		id := w.place(w.ticket())
		w.take()
		w.chances.readFails = 1
		w.run(w.now + 640*second)
		require.Equal(t, order.Unresolved, w.state(id))
		return id
	}

	w := newWorld(t, 1, nil).begin()
	absent := id(w)
	w.step(&Event{Kind: OperatorEvent, Operator: Operator{ID: absent}})
	require.Equal(t, order.ClosedAbsent, w.state(absent))

	w = newWorld(t, 1, nil).begin()
	placed := id(w)
	venue, _ := order.ParseVenueID("202611240000000099")
	w.step(&Event{Kind: OperatorEvent, Operator: Operator{ID: placed, Placed: venue}})
	require.Equal(t, order.Acked, w.state(placed))
	require.NotNil(t, w.core.slab.ByVenue(venue))
}

func TestE1_AnAttemptInFlightAtARenewalIsJudgedByItsOwnAnswer(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	w.renew()
	v := w.quietly(a)
	w.answer(a, Answer{Verdict: order.OK, VenueID: v.id, Epoch: 1})
	require.Equal(t, order.Acked, w.state(id))

	other := w.ticket()
	other.Price = 9990
	id = w.place(other)
	w.answer(w.take(), Answer{Verdict: order.Auth, Epoch: 1})
	require.Equal(t, order.Ambiguous, w.state(id))
	require.Zero(t, w.renewals, "the epoch it was signed with is gone already")
}

func TestE4_NothingNewLeavesWhenTheSessionIsAboutToEnd(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.step(&Event{Kind: SessionEvent, Session: Session{Epoch: 1, State: session.Reducing, EntriesUntil: w.stamp().Wall, Expiry: w.stamp().Wall.Add(30 * time.Second)}})
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())))
	w.run(w.now + 31*second)
	before := w.core.stats.Calls
	w.run(w.now + 300*second)
	require.Equal(t, before, w.core.stats.Calls, "nothing is signed with a dead session")
}

func TestE7_TwoSessionsRefusedInARowAreAMatterForAPerson(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.Lenient = true }).begin()
	w.dead = 100
	w.place(w.ticket())
	w.run(w.now + 120*second)
	require.LessOrEqual(t, w.renewals, 50, "each refused session asks once; whoever logs in bounds it")
	require.Greater(t, w.renewals, 1)
	require.True(t, w.core.Standing().Halted)
	require.Equal(t, risk.Reducing, w.gate.Level())
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())))
}

func TestConfigFatalHaltsWithoutARetry(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.ConfigFatal, Reason: "Request Denied: The IP address"})
	require.Equal(t, order.Ambiguous, w.state(id), "it was sent, and a page proves nothing")
	require.True(t, w.alarmed("IP address"))
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())))
	w.run(w.now + 60*second)
	require.Equal(t, order.ClosedAbsent, w.state(id), "the lists told")
	require.Empty(t, w.kept)
}

func TestConfigFatalBeforeTheFirstByteRefusesTheOrder(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.ConfigFatal, Sent: SentNothing, Reason: "the credential cannot sign"})
	require.Equal(t, order.Rejected, w.state(id))
	require.Equal(t, order.Denied, w.state(w.place(w.ticket())), "halted")
	require.Empty(t, w.kept)
}

func TestAForbiddenPlacementThatTheVenueTookIsFound(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	w.accept(a)
	w.answer(a, Answer{Verdict: order.ConfigFatal, Reason: "forbidden"})
	w.keeps = nil
	w.run(w.now + 30*second)
	require.Equal(t, order.Working, w.state(id))
	require.True(t, w.core.halted)
}

func TestAForbiddenModificationIsLookedUp(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.keep(SendModify)
	w.ask(order.Modify, id, 10010)
	a := w.take()
	w.byIntent[id][0].report.Limit = 10010
	reads := w.actions[ReadOrder]
	w.answer(a, Answer{Verdict: order.ConfigFatal, Reason: "forbidden"})
	w.keeps = nil
	w.run(w.now + 5*second)
	require.Equal(t, reads+1, w.actions[ReadOrder])
	require.EqualValues(t, 10010, w.last[id].Price)
}

func TestF3_AMuteOrderStreamIsFoundByAReadAndOpenedAnew(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.chances.noticeLost = 1
	id := w.place(w.ticket())
	w.run(w.now + 5*second)
	require.Equal(t, order.Working, w.state(id), "a read of that order told")
	require.Equal(t, 1, w.actions[ReadOrder])
	require.Equal(t, 1, w.actions[RestartStream])
}

func TestF17_ANoticeBeforeTheAnswerLosesNothing(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	v := w.quietly(a)
	v.report.Executed, v.report.Status, v.value = lot, order.StatusExecuted, v.report.Limit.Times(lot)
	w.notice(v)
	require.Equal(t, order.Sending, w.state(id), "whose it is, the answer will tell")
	require.Zero(t, w.core.exposure[1].net)

	w.answer(a, Answer{Verdict: order.OK, VenueID: v.id})

	require.Equal(t, order.Filled, w.state(id))
	require.EqualValues(t, lot, w.core.exposure[1].net)
	w.run(w.now + 30*second)
	w.quiet()
}

func TestF17_TheAverageOfAPartIsNotThatOfTheWhole(t *testing.T) {
	for _, stale := range []bool{true, false} {
		w := newWorld(t, 1, nil).begin()
		w.keep(SendPlace, ReadTrades)
		ticket := w.ticket()
		ticket.Lots = 2
		id := w.place(ticket)
		a := w.take()
		v := w.quietly(a)
		part, whole := v.report, v.report
		part.Remark, part.Status, part.Executed, part.Average = order.Remark{}, order.StatusPartiallyExecuted, lot, 9990
		whole.Remark, whole.Status, whole.Executed, whole.Sequence = order.Remark{}, order.StatusExecuted, 2*lot, 1000
		if stale {
			part, whole = whole, part
		}
		w.step(&Event{Kind: ReportEvent, Report: part})
		w.step(&Event{Kind: ReportEvent, Report: whole})

		w.answer(a, Answer{Verdict: order.OK, VenueID: v.id})

		require.EqualValues(t, 2*lot, w.last[id].Filled)
		require.True(t, w.core.slab.Get(id).Estimated, "the trade book will tell")
		w.keeps = nil
	}
}

func TestF17_ANoticeOfAnOrderInDoubtIsItsEvidence(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	v := w.quietly(a)
	w.notice(v)
	w.answer(a, Answer{Verdict: order.Unknown, Broken: true})
	require.Equal(t, order.Working, w.state(id))
	require.Equal(t, v.id, w.core.slab.Get(id).VenueID)
	require.Zero(t, w.core.stats.External)
}

func TestF18_NoticesRepeatedAndReorderedBookEachFillOnce(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	ticket := w.ticket()
	ticket.Lots = 2
	id := w.place(ticket)
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.chances.noticeTwice, w.chances.noticeLate = 1, 1
	w.fill(v, lot)
	w.fill(v, lot)
	w.run(w.now + 10*second)
	require.Equal(t, order.Filled, w.state(id))
	require.EqualValues(t, 2*lot, w.core.exposure[1].net)
	w.quiet()
}

func TestAGapOfTheOrderStreamIsFilledBeforeAnEntryLeaves(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.EntryTTL = time.Minute }).begin()
	first := w.place(w.ticket())
	w.run(w.now + second)
	w.chances.noticeLost = 1
	w.fill(w.byIntent[first][0], lot)
	w.chances.noticeLost = 0
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap})

	ticket := w.ticket()
	ticket.Price = 9990
	second := w.place(ticket)
	require.Equal(t, order.Queued, w.state(second))
	w.run(w.now + 500*ms)

	require.Equal(t, order.Filled, w.state(first), "the list told of the missed fill")
	require.NotEqual(t, order.Queued, w.state(second))
}

func TestR5_ARepeatedDecisionIsNotASecondOrder(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	ticket := w.ticket()
	ticket.Signal = 42
	first := w.place(ticket)
	w.run(w.now + second)
	ticket.ID = w.nextID()
	again := w.place(ticket)
	w.run(w.now + second)
	require.Equal(t, order.Working, w.state(first))
	require.Equal(t, order.Denied, w.state(again))
	require.Len(t, w.orders, 1)
}

func TestR8_CancellingAFilledOrderEndsAsTheVenueSays(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	ticket := w.ticket()
	ticket.Lots = 2
	id := w.place(ticket)
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.chances.noticeLost = 1
	w.fill(v, lot)
	w.ask(order.CancelOne, id, 0)
	w.ask(order.CancelOne, id, 0)
	w.run(w.now + 60*second)
	require.Equal(t, order.Cancelled, w.state(id))
	require.EqualValues(t, lot, w.last[id].Filled)
	w.quiet()
}

func TestACancelIsRepeatedUntilTheVenueShowsItsEffect(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.keep(SendCancel)
	w.ask(order.CancelOne, id, 0)
	for attempt := range 3 {
		a := w.take()
		require.EqualValues(t, attempt+1, a.Attempt)
		w.answer(a, Answer{Verdict: order.OK}) // a receipt that nothing follows
		w.run(w.now + 10*second)
	}
	require.Equal(t, order.Working, w.state(id))
	w.keeps = nil
	w.kept = nil
	w.run(w.now + 60*second)
	require.Equal(t, order.Cancelled, w.state(id))
}

func TestRefusedCancelsLeaveRoomForTheReadsThatTellWhy(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	var ids []order.ID
	for i := range 25 {
		ticket := w.ticket()
		ticket.Price -= market.Paise(5 * i)
		ids = append(ids, w.place(ticket))
		w.run(w.now + 3*second)
	}
	w.chances.noticeLost = 1
	for _, id := range ids {
		v := w.byIntent[id][0]
		v.report.Status, v.report.Cancelled = order.StatusCancelled, v.report.Quantity
	}
	w.keep(ReadOrders) // only the orders' own details tell
	w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "drill"})
	w.run(w.now + 100*second)
	for _, id := range ids {
		require.Equal(t, order.Cancelled, w.state(id))
	}
	require.LessOrEqual(t, w.actions[SendCancel], 50)
	w.keeps = nil
	w.windows()
}

func TestACancelBeforeTheVenueNamedTheOrderHappensOnSight(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	w.ask(order.CancelOne, id, 0)
	a := w.take()
	v := w.quietly(a)
	require.Zero(t, w.actions[SendCancel])
	w.answer(a, Answer{Verdict: order.OK, VenueID: v.id})
	require.Equal(t, 1, w.actions[SendCancel])
	w.run(w.now + 5*second)
	require.Equal(t, order.Cancelled, w.state(id))
}

func TestAModificationIsSettledByReadingAndNeverSentAgainBlindly(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.keep(SendModify)
	w.ask(order.Modify, id, 9950)
	w.ask(order.Modify, id, 9940)
	a := w.take()
	require.EqualValues(t, 9950, a.Ticket.Price)
	require.Empty(t, w.kept, "one at a time")

	w.byIntent[id][0].report.Limit = 9950
	w.answer(a, Answer{Verdict: order.Unknown, Broken: true})
	w.run(w.now + second)

	require.EqualValues(t, 9950, w.last[id].Price, "a read showed it")
	a = w.take()
	require.EqualValues(t, 9940, a.Ticket.Price, "the last wish follows")
	w.answer(a, Answer{Verdict: order.OK}) // and never takes
	w.run(w.now + 30*second)
	require.Empty(t, w.kept)
	require.EqualValues(t, 9950, w.last[id].Price)
	require.Equal(t, "the modification did not take", w.last[id].Reason)
}

func TestR9_AKillLevelCancelsAndFlattensWhateverElseGoesOn(t *testing.T) {
	situations := map[string]func(w *world){
		"in peace": func(*world) {},
		"with an order in doubt": func(w *world) {
			w.keep(SendPlace)
			w.place(func() order.Ticket { x := w.ticket(); x.Instrument = 3; return x }())
			w.take()
			w.keeps = nil
		},
		"while the session is being renewed": func(w *world) {
			w.core.sessionRefused(1)
			w.after(second, w.renew)
		},
		"while the stream is down": func(w *world) { w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown}) },
		"with the breaker open":    func(w *world) { w.openBreaker() },
	}
	for name, happens := range situations {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, nil).begin()
			held := w.place(w.ticket())
			w.run(w.now + second)
			w.fill(w.byIntent[held][0], lot)
			w.run(w.now + second)
			other := w.ticket()
			other.Instrument = 2
			resting := w.place(other)
			w.run(w.now + second)
			happens(w)

			w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
			w.run(w.now + 40*second)

			require.Equal(t, order.Cancelled, w.state(resting))
			require.Zero(t, w.core.exposure[1].net, "flat")
			require.Equal(t, order.Denied, w.state(w.place(w.ticket())))
			w.windows()
		})
	}
}

func (w *world) openBreaker() {
	for range 5 {
		g, _ := w.core.writes.Allow(w.now)
		w.core.writes.Record(g, breaker.Failure, w.now)
	}
}

func TestR9_FiftyCancelsLeaveAsFastAsTheLimitsAllow(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.Limits.Second = 0 }).begin()
	var ids []order.ID
	for i := range 50 {
		ticket := w.ticket()
		ticket.Price -= market.Paise(5 * i)
		ids = append(ids, w.place(ticket))
		w.run(w.now + 3*second)
	}
	w.run(w.now + 120*second)
	began := w.now
	w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "drill"})
	w.run(w.now + 6500*ms)
	require.Equal(t, 50, w.actions[SendCancel], "in %v", w.now-began)
	w.run(w.now + 30*second)
	for _, id := range ids {
		require.Equal(t, order.Cancelled, w.state(id))
	}
	w.windows()
}

func TestOrdersOfOthersAreCountedAndLeftAlone(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.somebody()
	w.run(w.now + 5*second)
	require.EqualValues(t, 3*lot, w.core.exposure[1].net)
	require.EqualValues(t, 3*lot, w.gate.Exposure(1).Position)
	w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "drill"})
	w.run(w.now + 30*second)
	require.Zero(t, w.actions[SendCancel])
}

func TestWhatWasHeldBeforeTheFirstOrderIsCounted(t *testing.T) {
	w := newWorld(t, 1, nil)
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 2, Side: market.Sell, Quantity: lot, Limit: 9000})
	v.visible = 1 << 60 // of yesterday: in no list of today
	v.report.Executed, v.report.Status = lot, order.StatusExecuted
	w.queue = nil
	w.begin()
	require.EqualValues(t, -lot, w.core.exposure[2].net)
	require.EqualValues(t, -lot, w.gate.Exposure(2).Position)
}

func TestTwoOrdersThatCannotBeToldApartAreNeverUnderWayTogether(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	first, twin := w.place(w.ticket()), w.place(w.ticket())
	require.Equal(t, order.Queued, w.state(twin), "it waits for the first one's answer")
	a := w.take()
	v := w.accept(a)
	w.answer(a, Answer{Verdict: order.OK, VenueID: v.id})
	require.Equal(t, order.Acked, w.state(first))
	require.Equal(t, order.Sending, w.state(twin))
}

func TestWhatCannotBeRecordedDoesNotLeave(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.chances.cannotRecord = 1
	id := w.place(w.ticket())
	require.Equal(t, order.Denied, w.state(id))
	require.Zero(t, w.actions[SendPlace])
	require.Zero(t, w.core.Standing().Quota.SecondUsed, "its permit was given back")
}

func TestAStrategyCannotReachIntoTheReserves(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	ticket := w.ticket()
	ticket.Class = order.Flatten
	w.place(ticket)
	require.Equal(t, order.Entry, w.take().Class)
}

func TestPlaceAckFillAllocatesNothing(t *testing.T) {
	run := placeAckFill(t)
	for range 50 {
		run()
	}
	require.Zero(t, testing.AllocsPerRun(300, run))
}

// placeAckFill returns a function that takes one order from command to fill.
func placeAckFill(t testing.TB) func() {
	w := newWorld(t, 1, func(c *CoreConfig) {
		c.Recorder = nil
		c.Limits.Second, c.Limits.Minute, c.Limits.Day, c.Limits.Spread = 1000, 1000, 1<<40, time.Millisecond
	}).begin()
	c, id := w.core, uint64(0)
	w.queue = nil
	var e Event
	price := market.Paise(0)
	return func() {
		id++
		w.now += 2 * second
		price = 10000 - 5*market.Paise(id%100)
		q := quote(1)
		q.Recv = w.now
		w.book.PutQuote(&q)
		at := w.stamp()
		w.book.Commit(at)
		e = Event{Kind: CommandEvent, Command: order.Command{Kind: order.Place, Ticket: order.Ticket{
			ID: order.Tag{Boot: 1}.ID(1000 + id), Strategy: 1, Instrument: 1, Side: []market.Side{market.Buy, market.Sell}[id&1], Class: order.Entry, Lots: 1, Price: price,
		}}}
		var slot Slot
		for _, a := range c.Step(&e, at) {
			if a.Kind == SendPlace {
				slot = a.Slot
			}
		}
		if slot == 0 {
			panic("not sent")
		}
		var text [18]byte
		for i, n := len(text)-1, id; i >= 0; i, n = i-1, n/10 {
			text[i] = byte('0' + n%10)
		}
		venue, _ := order.ParseVenueID(text[:])
		e = Event{Kind: AnswerEvent, Answer: Answer{Slot: slot, Verdict: order.OK, VenueID: venue, Epoch: 1}}
		c.Step(&e, at)
		e = Event{Kind: ReportEvent, Report: order.Report{
			VenueID: venue, Sequence: id, Status: order.StatusExecuted, Instrument: 1, Side: []market.Side{market.Buy, market.Sell}[id&1],
			Quantity: lot, Executed: lot, Limit: price, Average: price,
		}}
		c.Step(&e, at)
	}
}

func BenchmarkPlaceAckFill(b *testing.B) {
	run := placeAckFill(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%400 == 399 { // a day's room
			b.StopTimer()
			run = placeAckFill(b)
			b.StartTimer()
		}
		run()
	}
}

func TestWhatIsOverdueIsDoneBeforeACommandIsJudged(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	for n := range 5 {
		ticket := w.ticket()
		ticket.Price -= market.Paise(5 * n)
		w.place(ticket)
	}
	w.now += 5 * second // the process stood still: five calls are overdue
	id := w.place(func() order.Ticket { t := w.ticket(); t.Instrument = 2; return t }())
	require.Equal(t, order.Denied, w.state(id))
	require.Equal(t, breaker.Open, w.core.writes.State())
	require.Len(t, w.kept, 5)
}

func TestP9_AnOrderSentByAClockThatJumpedIsStillOurs(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.echo = false
	w.start = w.start.Add(20 * time.Minute) // ours: the venue's stays
	w.keep(SendPlace)
	id := w.place(w.ticket())
	a := w.take()
	w.chances.noticeLost = 1
	v := w.accept(a)
	v.report.OrderedAt = v.report.OrderedAt.Add(-20 * time.Minute)
	v.visible = w.now
	w.answer(a, Answer{Verdict: order.Unknown, Broken: true})
	w.keeps = nil
	w.run(w.now + 5*second)
	require.Equal(t, order.Working, w.state(id))
	require.Zero(t, w.core.stats.External)
}

func TestH7_AnIdleEngineFindsOutThatTheDayGoesOnAfterAll(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.core.limits.ThrottledDay(w.now)
	w.run(w.now + 310*second)
	require.False(t, w.core.limits.DayShut())
}

func TestF3_AnOrderThatOnceFoundTheStreamMuteDoesNotReopenItForEver(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.chances.noticeLost = 1
	w.place(w.ticket())
	w.run(w.now + 5*second)
	w.chances.noticeLost = 0
	w.run(w.now + 600*second)
	require.Equal(t, 1, w.actions[RestartStream])
}

func TestAnApprovedOrderThatDoesNotLeaveFreesWhatRiskReserved(t *testing.T) {
	free := func(w *world, id order.ID, state order.State) {
		t.Helper()
		require.Equal(t, state, w.state(id), w.last[id].Reason)
		require.Zero(t, w.gate.OpenOrders())
		require.Equal(t, risk.Exposure{}, w.gate.Exposure(1))
	}

	w := newWorld(t, 1, func(c *CoreConfig) { c.Orders = 1 }).begin()
	first := w.place(w.ticket())
	w.run(w.now + second)
	w.ask(order.CancelOne, first, 0)
	w.run(w.now + 5*second)
	free(w, first, order.Cancelled)
	ticket := w.ticket()
	id := w.place(ticket)
	require.Equal(t, "no room for another order today", w.last[id].Reason)
	free(w, id, order.Denied)

	w = newWorld(t, 1, nil).begin()
	w.chances.cannotRecord = 1
	free(w, w.place(w.ticket()), order.Denied)

	w = newWorld(t, 1, nil)
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	id = w.place(w.ticket()) // the stream never lives
	require.EqualValues(t, lot, w.gate.Exposure(1).Long)
	w.run(w.now + 3*second)
	free(w, id, order.ExpiredLocal)

	w = newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id = w.place(w.ticket())
	w.answer(w.take(), Answer{Verdict: order.Refused, Reason: "no"})
	free(w, id, order.Rejected)

	w = newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id = w.place(w.ticket())
	w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "test"})
	w.answer(w.take(), Answer{Verdict: order.NotSent, Sent: SentNothing})
	free(w, id, order.Cancelled)
}

func TestSomebodyElsesFillIsBookedAtItsTruePriceInTheEnd(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	var told []order.Update
	listen := func(e *Event) {
		for _, a := range w.core.Step(e, w.stamp()) {
			if a.Kind == Emit && a.Update.ID == 0 {
				told = append(told, a.Update)
			}
		}
	}
	id, err := order.ParseVenueID("202611249900000001")
	require.NoError(t, err)
	r := order.Report{VenueID: id, Sequence: 1, Status: order.StatusPartiallyExecuted, Instrument: 1, Side: market.Buy, Quantity: 2 * lot, Executed: lot, Limit: 10100}
	result := func(want market.Paise) {
		t.Helper()
		var view book.View
		w.book.Pin(&view)
		w.gate.Mark(&view, w.stamp())
		require.Equal(t, want, w.gate.Result())
	}

	listen(&Event{Kind: ReportEvent, Report: r})
	require.Len(t, told, 1)
	require.True(t, told[0].Estimated)
	result((9995 - 10100) * lot)
	r.Average = 10000
	listen(&Event{Kind: ReportEvent, Report: r})
	listen(&Event{Kind: ReportEvent, Report: r})
	require.Len(t, told, 2)
	require.Zero(t, told[1].FilledNow)
	require.EqualValues(t, 10000*lot, told[1].Value)
	result((9995 - 10000) * lot)
	r.Sequence, r.Executed, r.Average, r.Status = 2, 2*lot, 10010, order.StatusExecuted
	listen(&Event{Kind: ReportEvent, Report: r})

	require.Len(t, told, 3)
	require.EqualValues(t, 2*10010*lot, told[2].Value)
	result((9995 - 10010) * 2 * lot)
	require.EqualValues(t, 2*lot, w.gate.Exposure(1).Position)
}

func TestAFillTakenForSomebodyElsesEarnsNothingWhenItTurnsOutToBeOurs(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.keep(SendPlace)
	id := w.place(w.ticket())
	venue, err := order.ParseVenueID("202611249900000001")
	require.NoError(t, err)
	w.step(&Event{Kind: ReportEvent, Report: order.Report{ // not at the limit that was sent
		VenueID: venue, Sequence: 1, Status: order.StatusExecuted, Instrument: 1, Side: market.Buy, Quantity: lot, Executed: lot, Limit: 10090, Average: 10080,
	}})
	require.EqualValues(t, 1, w.core.stats.External)
	require.EqualValues(t, lot, w.gate.Exposure(1).Position)

	w.answer(w.take(), Answer{Verdict: order.OK, VenueID: venue})

	require.Equal(t, order.Filled, w.state(id))
	require.EqualValues(t, lot, w.gate.Exposure(1).Position)
	require.EqualValues(t, lot, w.core.exposure[1].net)
	var view book.View
	w.book.Pin(&view)
	w.gate.Mark(&view, w.stamp())
	require.EqualValues(t, (9995-10080)*lot, w.gate.Result())
}
