package exectest

import (
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// behaviour is one case: what it wants changed in the setup, and what it plays.
// Every case ends with the audit.
type behaviour struct {
	name   string
	change func(*Setup)
	play   func(*rig)
	slow   bool // waits for the fence, seconds of real time
}

func cases() []behaviour {
	list := []behaviour{
		{name: "AnOrderIsAcknowledgedAndFillsAtTheBooksPrice", play: fillsAtOnce},
		{name: "ARestingOrderFillsWhenTheMarketComes", play: fillsLater},
		{name: "PartialFillsAddUp", play: fillsInParts},
		{name: "ACancelEndsARestingOrder", play: cancelsResting},
		{name: "ACancelAfterAPartialFillKeepsTheFill", play: cancelsRest},
		{name: "ACancelAfterTheFillChangesNothing", play: cancelsFilled},
		{name: "ACancelBeforeTheAcknowledgementEndsTheOrder", play: cancelsAtOnce},
		{name: "ACancelThatLosesTheRaceLeavesTheFill", change: slowExchange, play: losesRace},
		{name: "ACancelThatWinsTheRaceLeavesNoFill", change: slowExchange, play: winsRace},
		{name: "AModificationMovesThePrice", play: modifies},
		{name: "AModificationThatRiskRefusesChangesNothing", play: modifiesTooFar},
		{name: "AModificationThatTheVenueIgnoresIsNoticed", play: modifiesInVain},
		{name: "AModificationOfAnOrderThatIsOverIsRefused", play: modifiesFilled},
		{name: "ARefusalOfTheVenueComesWithItsText", play: refused},
		{name: "ALateRejectionOfTheExchangeEndsTheOrder", play: rejectedLate},
		{name: "WhatRiskDeniesNeverReachesTheVenue", play: denied},
		{name: "AnImmediateOrderLeavesNothingResting", play: immediate},
		{name: "ARepeatedSignalIsOneOrder", play: repeatsSignal},
		{name: "TwoStrategiesOrdersAreKeptApart", play: twoStrategies},
		{name: "OrdersFromManyGoroutinesAllArriveOnce", play: manyGoroutines},
		{name: "ABusySessionAddsUp", play: busy},
		{name: "ALostAnswerToACancelIsFoundOut", play: losesCancelAnswer},
		{name: "ALostAnswerToAModificationIsFoundOut", play: losesModifyAnswer},
		{name: "AFillThatNoNoticeToldOfIsFoundByReading", play: losesNotices},
		{name: "NoticesThatComeTwiceOrOutOfOrderCountOnce", play: shufflesNotices},
		{name: "ABrokenOrderStreamIsMadeUpForByReading", change: seldomPolls, play: breaksStream},
		{name: "EntriesWaitUntilWhatABrokenStreamMissedIsRead", change: patientEntries, play: waitsForLists},
		{name: "AnEmptyListProvesNothing", play: emptiesLists, slow: true},
		{name: "AThrottledPlacementGoesOutLater", change: quickToForget, play: throttledLenient},
		{name: "AThrottledPlacementIsInDoubtWhenThrottlesAreNotBelieved", change: strict, play: throttledStrict, slow: true},
		{name: "OurOwnLimitsKeepTheVenueFromThrottling", change: narrowLimits, play: pacesItself},
		{name: "ASessionRenewedInTheMiddleLosesNothing", change: patientEntries, play: renews},
		{name: "TheKillLevelCancelsAndFlattens", play: kills},
		{name: "CancelAllLeavesPositionsAlone", play: cancelsAll},
		{name: "ARestartFindsPositionsAndLeavesOldOrdersAlone", play: restarts},
	}
	for _, lost := range unknownOutcomes {
		list = append(list, behaviour{
			name: "AnUnknownOutcomeIsResolvedToOneOrder/" + lost.name, slow: true,
			play: func(r *rig) { inDoubt(r, lost.faults, lost.placed) },
		})
		if lost.placed { // then a notice may have told: without one, lists must
			deaf := lost.faults
			deaf.LoseNotice = 1
			list = append(list, behaviour{
				name: "AnUnknownOutcomeIsResolvedWithoutNotices/" + lost.name, slow: true,
				play: func(r *rig) { inDoubt(r, deaf, true) },
			})
		}
	}
	return list
}

// unknownOutcomes are the ways in which nobody knows what became of a
// placement, and whether the venue has it.
var unknownOutcomes = []struct {
	name   string
	faults sim.Faults
	placed bool
}{
	{"TheRequestIsLost", sim.Faults{DropBefore: 1}, false},
	{"TheAnswerIsCut", sim.Faults{DropAfter: 1}, true},
	{"NoAnswerComes", sim.Faults{LoseAnswer: 1}, true},
	{"ItIsTakenLate", sim.Faults{LateAccept: 1, LateBy: 500 * time.Millisecond}, true},
	{"TheGatewayAnswersWithAPage", sim.Faults{HTML502: 1}, false},
	{"TheBackEndIsDown", sim.Faults{BackendDown: 1}, false},
	{"TheServerThrows", sim.Faults{Exception: 1}, false},
}

func slowExchange(s *Setup) { s.Venue.ExchangeDelay = 300 * time.Millisecond }

// seldomPolls leaves it to the gateway's own doubts to read.
func seldomPolls(s *Setup) { s.Core.PollOpen = time.Hour }

func patientEntries(s *Setup) { s.Core.EntryTTL = time.Minute }

// quickToForget lets one refusal for our rate close the gate for a second, for
// the second's limit is what seems to have been met.
func quickToForget(s *Setup) {
	s.Core.EntryTTL = time.Minute
	s.Core.Limits = throttle.Limits{Second: 2, Spread: time.Second, Minute: 90, Day: 5000}
}

func strict(s *Setup) {
	quickToForget(s)
	s.Core.Lenient = false
}

// narrowLimits lets the core send three writes a second; the venue would bear
// no more.
func narrowLimits(s *Setup) {
	s.Core.EntryTTL = time.Minute
	s.Core.Limits = throttle.Limits{Second: 3, Spread: 1050 * time.Millisecond, Minute: 90, Day: 5000}
	s.Venue.Limits = sim.Limits{PerSecond: 3}
}

func fillsAtOnce(r *rig) {
	id := r.place(market.Buy, 1, 10050)

	u := r.reaches(id, order.Filled)
	r.until("the price is exact", func() bool { return !r.last(id).Estimated })
	u = r.last(id)
	require.Equal(r, market.Paise(10010), u.Average, "the book's price, not the limit")
	require.Equal(r, lot, r.holds(call))
	require.NotZero(r, u.VenueID)
	require.Equal(r, uint64(1), r.placements())
}

func fillsLater(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.reaches(id, order.Working)
	require.Zero(r, r.holds(call))

	r.quote(call, 9890, 650, 9900, 650)

	r.reaches(id, order.Filled)
	require.Contains(r, r.states(id), order.Working)
}

func fillsInParts(r *rig) {
	r.quote(call, 9990, 650, 10010, lot)
	id := r.place(market.Buy, 3, 10010)
	r.until("a part fills", func() bool { return r.last(id).Filled == lot })
	require.Equal(r, order.Partial, r.last(id).State)

	r.quote(call, 9990, 650, 10005, lot)
	r.until("two parts fill", func() bool { return r.last(id).Filled == 2*lot })
	r.quote(call, 9990, 650, 10010, 4*lot)

	r.reaches(id, order.Filled)
	require.Equal(r, 3*lot, r.holds(call))
}

func cancelsResting(r *rig) {
	id := r.place(market.Buy, 2, 9900)
	r.reaches(id, order.Working)

	r.cancel(id)

	u := r.reaches(id, order.Cancelled)
	require.Zero(r, u.Filled)
	r.quote(call, 9800, 650, 9850, 650)
	r.republished()
	require.Zero(r, r.holds(call), "what is cancelled fills no more")
}

func cancelsRest(r *rig) {
	r.quote(call, 9990, 650, 10010, lot)
	id := r.place(market.Buy, 3, 10010)
	r.until("a part fills", func() bool { return r.last(id).Filled == lot })

	r.cancel(id)

	u := r.reaches(id, order.Cancelled)
	require.Equal(r, lot, u.Filled)
	require.Equal(r, lot, r.holds(call))
}

func cancelsFilled(r *rig) {
	id := r.place(market.Buy, 1, 10010)
	r.reaches(id, order.Filled)

	r.cancel(id)
	r.cancel(id)

	r.republished()
	require.Equal(r, order.Filled, r.last(id).State)
	require.Zero(r, r.calls(gateway.SendCancel), "there is nothing to cancel")
}

func cancelsAtOnce(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.cancel(id)

	r.reaches(id, order.Cancelled)
	require.LessOrEqual(r, r.fact(id).accepted, 1)
}

func losesRace(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.reaches(id, order.Working)

	r.cancel(id)
	r.quote(call, 9890, 650, 9900, 650) // the exchange has not heard of the cancel

	u := r.reaches(id, order.Filled)
	require.Equal(r, lot, u.Filled)
}

func winsRace(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.cancel(id) // the exchange has not even heard of the order

	r.reaches(id, order.Cancelled)
	r.quote(call, 9890, 650, 9900, 650)
	r.republished()
	require.Zero(r, r.holds(call))
}

func modifies(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.reaches(id, order.Working)

	r.modify(id, 9950)
	r.until("the price moved", func() bool { return r.last(id).Price == 9950 })
	require.Equal(r, 1, r.fact(id).modified)

	r.modify(id, 10010)
	r.reaches(id, order.Filled)
	require.Equal(r, 2, r.fact(id).modified)
	require.Equal(r, uint64(1), r.placements())
}

func modifiesTooFar(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.reaches(id, order.Working)

	r.modify(id, 40_000)

	r.until("the reason is told", func() bool { return slices.Contains(r.reasons(id), risk.CollarExceeded.String()) })
	require.Equal(r, market.Paise(9900), r.last(id).Price)
	require.Equal(r, order.Working, r.last(id).State)
	require.Zero(r, r.fact(id).modified)
}

func modifiesInVain(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.reaches(id, order.Working)
	r.faults(sim.Faults{IgnoreModify: 1})

	r.modify(id, 9950)

	r.until("it is told that the price did not move", func() bool { return slices.Contains(r.reasons(id), "the modification did not take") })
	require.Equal(r, market.Paise(9900), r.last(id).Price)
}

func modifiesFilled(r *rig) {
	id := r.place(market.Buy, 1, 10010)
	r.reaches(id, order.Filled)

	r.modify(id, 9900)

	r.until("the reason is told", func() bool { return len(r.reasons(id)) > 0 })
	require.Equal(r, order.Filled, r.last(id).State)
	require.Zero(r, r.calls(gateway.SendModify))
}

func refused(r *rig) {
	id := r.place(market.Buy, 1, 14500) // within our collar, beyond the exchange's range

	u := r.reaches(id, order.Rejected)
	require.Equal(r, tooFar, u.Reason)
	require.Zero(r, r.fact(id).accepted)
	require.Equal(r, uint64(1), r.placements(), "what the venue refuses is not tried again")
}

func rejectedLate(r *rig) {
	r.faults(sim.Faults{LateReject: 1})
	id := r.place(market.Buy, 1, 10010)

	u := r.reaches(id, order.RejectedLate)
	require.Zero(r, u.Filled)
	require.Equal(r, 1, r.fact(id).accepted)
}

func denied(r *rig) {
	tooMany := r.place(market.Buy, 21, 10010)
	offTick := r.place(market.Buy, 1, 10011)
	unquoted := r.place(market.Buy, 1, 100, func(t *order.Ticket) { t.Instrument = index })
	unknown := r.place(market.Buy, 1, 100, func(t *order.Ticket) { t.Instrument = 77 })

	require.NotEmpty(r, r.reaches(tooMany, order.Denied).Reason)
	require.Equal(r, risk.OffTick.String(), r.reaches(offTick, order.Denied).Reason)
	require.Equal(r, risk.InstrumentWrong.String(), r.reaches(unquoted, order.Denied).Reason)
	require.NotEmpty(r, r.reaches(unknown, order.Denied).Reason)
	require.Zero(r, r.placements())
	require.Empty(r, r.Venue().Ledger())
}

func immediate(r *rig) {
	r.quote(call, 9990, 650, 10010, lot)
	part := r.place(market.Buy, 2, 10010, ioc)
	u := r.reaches(part, order.Cancelled)
	require.Equal(r, lot, u.Filled)

	none := r.place(market.Buy, 1, 9950, ioc)
	require.Zero(r, r.reaches(none, order.Cancelled).Filled)

	whole := r.place(market.Sell, 1, 9990, ioc)
	r.reaches(whole, order.Filled)
	require.Zero(r, r.holds(call))
}

func repeatsSignal(r *rig) {
	signal := func(t *order.Ticket) { t.Signal = 99 }
	first := r.place(market.Buy, 1, 9900, signal)
	r.reaches(first, order.Working)

	again := r.place(market.Buy, 1, 9900, signal)
	require.Equal(r, risk.SignalRepeated.String(), r.reaches(again, order.Denied).Reason)
	others := r.place(market.Buy, 1, 9905, signal, by(2))
	r.reaches(others, order.Working)

	require.Equal(r, uint64(2), r.placements())
}

func twoStrategies(r *rig) {
	one := r.place(market.Buy, 1, 9900)
	two := r.place(market.Buy, 2, 9905, by(2))
	r.reaches(one, order.Working)
	r.reaches(two, order.Working)
	require.NotEqual(r, one, two)

	r.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: two, Strategy: 1}})
	r.Submit(order.Command{Kind: order.Modify, Ticket: order.Ticket{ID: one, Strategy: 2}, Price: 9950})
	r.republished()
	require.Equal(r, order.Working, r.last(two).State, "another strategy's order is not its to cancel")
	require.Equal(r, market.Paise(9900), r.last(one).Price)

	r.quote(call, 9890, 650, 9905, lot)
	r.until("the better price fills first", func() bool { return r.last(two).Filled == lot })
	require.Equal(r, order.StrategyID(2), r.last(two).Strategy)
	require.Zero(r, r.last(one).Filled)
	r.quote(call, 9890, 650, 9900, 3*lot)
	r.reaches(two, order.Filled)
	r.reaches(one, order.Filled)
}

func manyGoroutines(r *rig) {
	ids := make(chan order.ID, 24)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 3 {
				ids <- r.place(market.Buy, 1, market.Paise(9800+5*(3*i+n)), by(order.StrategyID(1+i)))
			}
		})
	}
	group.Wait()
	close(ids)
	seen := make(map[order.ID]bool)
	for id := range ids {
		require.False(r, seen[id], "an id was given twice")
		seen[id] = true
		r.until("the order rests or its time ran out", func() bool { s := r.last(id).State; return s == order.Working || over(s) })
	}
	require.Len(r, seen, 24)
}

func busy(r *rig) {
	var ids []order.ID
	for i := range 12 {
		side, price := market.Buy, market.Paise(9940+10*(i%8))
		if i%3 == 2 {
			side, price = market.Sell, market.Paise(10080-10*(i%8))
		}
		ids = append(ids, r.place(side, market.Lots(1+i%3), price, by(order.StrategyID(1+i%3)), func(t *order.Ticket) {
			t.Instrument = []market.InstrumentID{call, put}[i%2]
		}))
		r.quote(call, market.Paise(9960+5*(i%7)), lot*market.Units(1+i%4), market.Paise(9980+5*(i%7)), lot*market.Units(1+(i+2)%4))
		r.quote(put, market.Paise(9970+5*(i%5)), lot*market.Units(1+i%3), market.Paise(9990+5*(i%5)), lot*market.Units(1+(i+1)%3))
		if i%4 == 3 {
			r.modify(ids[i-1], market.Paise(9990))
		}
		time.Sleep(30 * time.Millisecond)
	}
	for _, id := range ids {
		r.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: id}}) // the engine itself may
	}
	for _, id := range ids {
		r.until("the order is over", func() bool { return over(r.last(id).State) })
	}
	require.Positive(r, r.Snapshot().Fills)
}

// inDoubt places an order whose outcome nobody knows.
func inDoubt(r *rig, faults sim.Faults, placed bool) {
	r.faults(faults)
	id := r.place(market.Buy, 1, 9900)
	r.until("the order is in doubt or known", func() bool { s := r.last(id).State; return s.InDoubt() || s.Live() || over(s) })
	if faults.LateBy > 0 {
		time.Sleep(2 * faults.LateBy)
	}
	r.faults(sim.Faults{})

	if placed {
		r.until("the order is known to rest", func() bool { return r.last(id).State == order.Working })
		require.Equal(r, 1, r.fact(id).accepted)
	} else {
		r.reaches(id, order.ClosedAbsent)
		require.Zero(r, r.fact(id).accepted)
	}
	require.Equal(r, uint64(1), r.placements(), "what may have arrived is never sent again")
	if placed {
		r.cancel(id)
		r.reaches(id, order.Cancelled)
	}
}

func losesCancelAnswer(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.reaches(id, order.Working)
	r.faults(sim.Faults{DropAfter: 1, LoseNotice: 1})

	r.cancel(id)
	r.until("the venue has cancelled", func() bool { return r.fact(id).end == "cancelled" })
	r.faults(sim.Faults{})

	r.reaches(id, order.Cancelled)
}

func losesModifyAnswer(r *rig) {
	id := r.place(market.Buy, 1, 9900)
	r.reaches(id, order.Working)
	r.faults(sim.Faults{DropAfter: 1, LoseNotice: 1})

	r.modify(id, 9950)
	r.until("the venue has moved the price", func() bool { return r.fact(id).modified == 1 })
	r.faults(sim.Faults{})

	r.until("the price is known", func() bool { return r.last(id).Price == 9950 })
	r.republished()
	require.Equal(r, 1, r.fact(id).modified, "a modification is not sent twice")
}

func losesNotices(r *rig) {
	r.faults(sim.Faults{LoseNotice: 1})
	taken := r.place(market.Buy, 1, 10010)
	resting := r.place(market.Buy, 1, 9900)

	r.reaches(taken, order.Filled)
	r.until("the venue has the other", func() bool { return r.fact(resting).accepted == 1 })
	r.quote(call, 9890, 650, 9900, 650)
	r.reaches(resting, order.Filled)
}

func shufflesNotices(r *rig) {
	r.faults(sim.Faults{RepeatNotice: 1, SwapNotice: 1})
	parts := r.place(market.Buy, 6, 9900)
	moved := r.place(market.Buy, 1, 9800)
	r.until("both are known", func() bool { return r.last(parts).State.Live() && r.last(moved).State.Live() })

	filled := market.Units(0)
	for n := range market.Units(4) { // two fills that follow each other change places
		part := lot * (1 + n%2)
		filled += part
		r.quote(call, 9800, 650, 9900, part)
		r.until("the venue has filled more", func() bool { return r.fact(parts).filled == filled })
	}
	for _, price := range []market.Paise{9805, 9810, 9815} { // likewise two changes
		r.modify(moved, price)
		r.until("the price moved", func() bool { return r.last(moved).Price == price })
	}

	r.reaches(parts, order.Filled)
	r.cancel(moved)
	r.reaches(moved, order.Cancelled)
	require.Equal(r, []market.Paise{9800, 9805, 9810, 9815}, r.prices(moved), "an old notice brings no old price back")
}

func breaksStream(r *rig) {
	resting := r.place(market.Buy, 1, 9900)
	gone := r.place(market.Buy, 1, 9850)
	r.reaches(resting, order.Working)
	r.reaches(gone, order.Working)
	r.faults(sim.Faults{LoseNotice: 1})
	r.quote(call, 9890, 650, 9900, 650)
	r.until("the venue has filled it", func() bool { return r.fact(resting).filled == lot })
	r.faults(sim.Faults{})

	r.Venue().BreakStream()

	r.reaches(resting, order.Filled)
	r.until("the gateway is in step again", func() bool { return r.republished().Standing.Synced })
	r.cancel(gone)
	r.reaches(gone, order.Cancelled)
}

func waitsForLists(r *rig) {
	known := r.place(market.Buy, 1, 9900)
	r.reaches(known, order.Working)
	time.Sleep(2 * r.setup.Core.Visibility) // from now on every list must show it
	r.faults(sim.Faults{EmptyList: 1})      // so none will prove anything
	r.Venue().BreakStream()
	r.until("the gateway knows that it may have missed something", func() bool { return !r.Snapshot().Standing.Synced })

	waiting := r.place(market.Buy, 1, 9905)
	time.Sleep(time.Second)
	require.Equal(r, order.Queued, r.last(waiting).State)
	require.Zero(r, r.fact(waiting).accepted)
	r.faults(sim.Faults{})

	r.reaches(waiting, order.Working)
}

func emptiesLists(r *rig) {
	known := r.place(market.Buy, 1, 9900)
	r.reaches(known, order.Working)
	r.faults(sim.Faults{DropAfter: 1, LoseNotice: 1})
	doubtful := r.place(market.Buy, 1, 9905)
	r.until("it is in doubt", func() bool { return r.last(doubtful).State.InDoubt() })
	r.faults(sim.Faults{EmptyList: 1, LoseNotice: 1})

	time.Sleep(5 * time.Second) // the fence, and many lists
	require.True(r, r.last(doubtful).State.InDoubt(), "a list that lacks a known order proves no absence")
	require.Equal(r, order.Working, r.last(known).State)
	r.faults(sim.Faults{})

	r.reaches(doubtful, order.Working)
	require.Equal(r, uint64(2), r.placements())
}

func throttledLenient(r *rig) {
	r.faults(sim.Faults{Throttle401: 1})
	id := r.place(market.Buy, 1, 10010)
	r.until("the venue has throttled it", func() bool { return r.Snapshot().Core.Throttled > 0 })
	r.faults(sim.Faults{})

	r.reaches(id, order.Filled)
	require.GreaterOrEqual(r, r.placements(), uint64(2))
	require.Equal(r, 1, r.fact(id).accepted)
}

func throttledStrict(r *rig) {
	r.faults(sim.Faults{Throttle401: 1})
	id := r.place(market.Buy, 1, 10010)
	r.until("it is in doubt", func() bool { return r.last(id).State.InDoubt() })
	r.faults(sim.Faults{})

	r.reaches(id, order.ClosedAbsent)
	require.Equal(r, uint64(1), r.placements())
}

func pacesItself(r *rig) {
	began := r.Now().Mono
	var ids []order.ID
	for i := range 8 {
		ids = append(ids, r.place(market.Buy, 1, market.Paise(9800+5*i)))
	}
	for _, id := range ids {
		r.reaches(id, order.Working)
	}
	require.GreaterOrEqual(r, r.Now().Mono.Sub(began), 2*1050*time.Millisecond, "three in a second at most")
	require.Zero(r, r.republished().Core.Throttled)
	require.Equal(r, uint64(8), r.placements())
}

func renews(r *rig) {
	resting := r.place(market.Buy, 1, 9900)
	r.reaches(resting, order.Working)
	first := r.republished().Core.Renewals

	r.Venue().EndSessions()
	taken := r.place(market.Buy, 1, 10010)

	r.reaches(taken, order.Filled)
	require.Greater(r, r.republished().Core.Renewals, first)
	require.Equal(r, 1, r.fact(taken).accepted)
	require.Equal(r, order.Working, r.last(resting).State)
	r.cancel(resting)
	r.reaches(resting, order.Cancelled)
	require.False(r, r.Snapshot().Standing.Halted)
}

func kills(r *rig) {
	long := r.place(market.Buy, 2, 10010)
	short := r.place(market.Sell, 1, 9990, func(t *order.Ticket) { t.Instrument = put })
	r.reaches(long, order.Filled)
	r.reaches(short, order.Filled)
	resting := r.place(market.Buy, 1, 9900)
	r.reaches(resting, order.Working)

	r.Kill(risk.FlattenAll, "drill")

	r.reaches(resting, order.Cancelled)
	r.until("all is flat", func() bool { return r.holds(call) == 0 && r.holds(put) == 0 })
	late := r.place(market.Buy, 1, 10010)
	require.Equal(r, risk.LevelForbids.String(), r.reaches(late, order.Denied).Reason)
}

func cancelsAll(r *rig) {
	long := r.place(market.Buy, 1, 10010)
	r.reaches(long, order.Filled)
	resting := r.place(market.Buy, 1, 9900)
	r.reaches(resting, order.Working)

	r.Kill(risk.CancelAll, "drill")

	r.reaches(resting, order.Cancelled)
	r.republished()
	require.Equal(r, lot, r.holds(call))
	late := r.place(market.Sell, 1, 9990)
	require.Equal(r, order.Denied, r.reaches(late, order.Denied).State)
}

func restarts(r *rig) {
	taken := r.place(market.Buy, 2, 10010)
	r.reaches(taken, order.Filled)
	resting := r.place(market.Buy, 1, 9900)
	r.reaches(resting, order.Working)
	r.until("all is told", func() bool { return len(r.differences(true)) == 0 })

	next := r.restart()

	require.Equal(r, 2*lot, next.holds(call), "the day began with what the account held")
	id := next.place(market.Sell, 1, 9990)
	require.NotEqual(r, taken, id)
	require.NotEqual(r, resting, id)
	next.reaches(id, order.Filled)
	require.Equal(r, lot, next.holds(call))
	require.Empty(r, r.fact(resting).end, "an order of somebody else is never touched")

	next.quote(call, 9890, 650, 9900, 650)
	next.until("its fill is counted", func() bool { return next.holds(call) == 2*lot })
	next.audit()
	next.Kill(risk.FlattenAll, "drill")
	next.until("what was held before is closed too", func() bool { return next.holds(call) == 0 })
	next.audit()
	r.Desk = next.Desk // the old one's own books end where it ended
	require.Equal(r, lot, r.fact(resting).filled)
	r.adopt(next, resting)
}

// adopt lets the old rig know what the next one saw, for its audit.
func (r *rig) adopt(next *rig, ids ...order.ID) {
	for _, id := range ids {
		f := r.fact(id)
		r.lock.Lock()
		o := r.orders[id]
		o.last.Filled, o.last.Value, o.last.State = f.filled, f.value, order.Filled
		r.lock.Unlock()
	}
	next.lock.Lock()
	defer next.lock.Unlock()
	r.lock.Lock()
	defer r.lock.Unlock()
	clear(r.held)
	for instrument, held := range next.held {
		r.held[instrument] = held
	}
}
