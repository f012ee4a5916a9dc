package main

// orderMutants break the life of an order: sent once, never forgotten, told by
// what the venue says.
var orderMutants = []Mutant{
	{
		Name: "blind retry on a timeout",
		Rule: "an unknown outcome never leads back to the wire",
		File: "engine/order/machine.go",
		Find: `AttemptTurned: Queued, AttemptUnknown: Ambiguous,
		CancelRequested: Sending`,
		Replace: `AttemptTurned: Queued, AttemptUnknown: Queued,
		CancelRequested: Sending`,
		Killers: append(in("engine/order", "TestEveryPairOfStateAndMoveIsAsLawfulAsTheListSays"), world(200)),
	},
	{
		Name:    "resend after one query",
		Rule:    "absence seen once ends nothing, and absence never leads back to the wire",
		File:    "engine/order/machine.go",
		Find:    `AbsentOnce: Reconciling, AbsentTwice: Absent, DoubtTooLong: Unresolved,`,
		Replace: `AbsentOnce: Queued, AbsentTwice: Absent, DoubtTooLong: Unresolved,`,
		Killers: append(in("engine/order", "TestNoPathLeadsFromDoubtBackToTheWireButThroughAbsentAndResend"), world(200)),
	},
	{
		Name:    "resend after two absent reads",
		Rule:    "what was given up is watched, not sent again",
		File:    "engine/order/machine.go",
		Find:    `AbsentOnce: Reconciling, AbsentTwice: Absent, DoubtTooLong`,
		Replace: `AbsentOnce: Reconciling, AbsentTwice: Queued, DoubtTooLong`,
		Killers: append(in("engine/order", "TestNoPathLeadsFromDoubtBackToTheWireButThroughAbsentAndResend"), world(200)),
	},
	{
		Name:    "resend without a hard fence",
		Rule:    "only behind a proven hard fence is an absent order sent again",
		File:    "exec/gateway/core_resend.go",
		Find:    `return c.config.HardFence > 0 && `,
		Replace: `return `,
		Killers: in("exec/gateway", "TestWithoutAHardFenceNothingIsEverSentAgain"),
	},
	{
		Name:    "resend where remarks do not come back",
		Rule:    "without its remark a second attempt could not be told from the first",
		File:    "exec/gateway/core_resend.go",
		Find:    ` && c.remarks == RemarksEchoed`,
		Replace: ``,
		Killers: in("exec/gateway", "TestH16_WhereRemarksAreNotKnownToComeBackNothingIsEverSentAgain"),
	},
	{
		Name:    "resend inside the hard fence",
		Rule:    "a resend waits until the venue can take the last attempt no more",
		File:    "exec/gateway/core_resend.go",
		Find:    `o.AbsentAt.Sub(o.Sent.Mono) < c.config.HardFence ||`,
		Replace: ``,
		Also:    also(`return max(c.config.Fence, c.config.HardFence)`, `return c.config.Fence`),
		Killers: in("exec/gateway", "TestAHardFenceLongerThanTheFenceIsWaitedFor"),
	},
	{
		Name:    "resend while an answer may come",
		Rule:    "an attempt that may still be answered is not followed by another",
		File:    "exec/gateway/core_resend.go",
		Find:    `c.answerable(o) || `,
		Replace: ``,
		Killers: in("exec/gateway", "TestAnOrderWhoseLastAttemptMayStillBeAnsweredIsNotSentAgain"),
	},
	{
		Name:    "resend without risk",
		Rule:    "a resend asks risk again",
		File:    "exec/gateway/core_resend.go",
		Find:    `reason != risk.Pass {`,
		Replace: `reason != risk.Pass && false {`,
		Killers: in("exec/gateway", "TestAnAbsentOrderIsClosedWhenNobodyWantsItAnyMore"),
	},
	{
		Name: "time alone ends a doubt",
		Rule: "AMBIGUOUS is left by evidence or a person only",
		File: "exec/gateway/core_reconcile.go",
		Find: `		c.move(o, &order.Event{Move: order.DoubtTooLong})
`,
		Replace: `		c.move(o, &order.Event{Move: order.AbsentOnce})
		c.move(o, &order.Event{Move: order.AbsentTwice})
		c.move(o, &order.Event{Move: order.CloseAbsent})
		c.bury(o)
`,
		Killers: in("exec/gateway", "TestUnresolvedOrdersAreAPersonsToSettle"),
	},
	{
		Name: "retry timer not cancelled on ack",
		Rule: "evidence of the order ends its retries",
		File: "exec/gateway/core_place.go",
		Find: `	o, now := j.o, c.at.Mono
	if o.State != order.Queued {
		return
	}`,
		Replace: `	o, now := j.o, c.at.Mono
	if o.State != order.Queued && (j.notBefore == 0 || o.State != order.Working) {
		return
	}`,
		Killers: []Killer{world(200)},
	},
	{
		Name: "two attempts of one order at a time",
		Rule: "one attempt in flight per intent",
		File: "engine/order/machine.go",
		Find: `	Sending: {
		AttemptAcked: Acked,`,
		Replace: `	Sending: {
		Permit: Sending, AttemptAcked: Acked,`,
		Killers: in("engine/order", "TestEveryPairOfStateAndMoveIsAsLawfulAsTheListSays"),
	},
	{
		Name:    "an answer to another call is taken",
		Rule:    "an answer belongs to the call whose slot it names",
		File:    "exec/gateway/core_calls.go",
		Find:    `if k := &t.list[s&slotMask]; s != 0 && k.slot == s {`,
		Replace: `if k := &t.list[s&slotMask]; s != 0 {`,
		Killers: in("exec/gateway", "TestN14_AnAnswerToACallThatIsOverIsCountedAndIgnored"),
	},
	{
		Name: "a late answer is thrown away",
		Rule: "a late answer is free evidence",
		File: "exec/gateway/core_calls.go",
		Find: `			c.wake(k.listen)
		case k.late && now >= k.listen:`,
		Replace: `			*k = flight{}
			t.taken--
		case k.late && now >= k.listen:`,
		Killers: in("exec/gateway", "TestN9_ALateAnswerIsEvidenceAndEndsTheSearch"),
	},
	{
		Name:    "a second order id for one order is taken",
		Rule:    "an order id that contradicts another is an alarm, and its instrument halts",
		File:    "exec/gateway/core_place.go",
		Find:    `if move == order.AttemptAcked && c.misnamed(o, a.VenueID) {`,
		Replace: `if false && c.misnamed(o, a.VenueID) {`,
		Killers: in("exec/gateway", "TestH13_AnOrderIDThatTwoAnswersNameHaltsItsInstrument"),
	},
	{
		Name:    "a throttle of a write is believed in strict mode",
		Rule:    "strict: an order that was throttled or refused for its session is in doubt",
		File:    "exec/gateway/core_place.go",
		Find:    `if c.config.Lenient && !k.late {`,
		Replace: `if !k.late {`,
		Killers: in("exec/gateway", "TestH5_ARefusedSessionIsRenewedAndTheWriteJudgedByTheMode"),
	},
	{
		Name: "a forbidding page rejects an order that was sent",
		Rule: "403 halts, and proves nothing about what was sent",
		File: "exec/gateway/core_place.go",
		Find: `		if a.Sent == SentNothing {
			move = order.AttemptRefused
		}`,
		Replace: `		move = order.AttemptRefused`,
		Killers: in("exec/gateway", "TestAForbiddenPlacementThatTheVenueTookIsFound"),
	},
	{
		Name: "not sent is believed without proof",
		Rule: "NOT_SENT needs proof that no complete request left",
		File: "exec/gateway/core_place.go",
		Find: `		if a.Sent != SentWhole {
			move = order.AttemptNotSent
		}`,
		Replace: `		move = order.AttemptNotSent`,
		Killers: in("exec/gateway", "TestN5_WithoutProofOfWhatWasSentTheOutcomeIsUnknown"),
	},
	{
		Name:    "retries without end",
		Rule:    "at most three retries per intent",
		File:    "exec/gateway/core_place.go",
		Find:    `case int(o.Attempts) > c.config.Retry.MaxRetries:`,
		Replace: `case int(o.Attempts) > 200:`,
		Killers: in("exec/gateway", "TestRetriesEndAfterThreeAndBeforeTheDeadline"),
	},
	{
		Name: "deadline ignored",
		Rule: "nothing leaves after its deadline",
		File: "exec/gateway/core_place.go",
		Find: `		if now >= o.Deadline {
			c.expire(o, "its time to be sent ran out")
			return
		}
`,
		Replace: "",
		Killers: append(in("exec/gateway", "TestP8_AfterALongPauseNothingStaleLeaves"), world(400)),
	},
	{
		Name: "deadline not re-checked after pause",
		Rule: "the clock is read once more directly before the first byte",
		File: "exec/gateway/gateway_send.go",
		Find: `if now = g.clock.Now(); now.Mono > a.SendBy {
			c.release()`,
		Replace: `if now = g.clock.Now(); false {
			c.release()`,
		Killers: in("exec/gateway", "TestP7_APauseWhileTheRequestIsRenderedStopsIt"),
	},
	{
		Name: "wall clock used for timers",
		Rule: "a wall clock that jumps moves no timer",
		File: "exec/gateway/core.go",
		Find: `	c.out, c.endings, c.at = c.out[:0], c.endings[:0], at
	if at.Wall`,
		Replace: `	c.out, c.endings, c.at = c.out[:0], c.endings[:0], at
	if c.midnight == 0 {
		c.offset = at.Mono - market.Mono(at.Wall)
	}
	c.at.Mono = market.Mono(at.Wall) + c.offset
	if at.Wall`,
		Also:    also("\tmidnight ", "\toffset market.Mono\n\tmidnight "),
		Killers: in("exec/gateway", "TestP9_AWallClockThatJumpsMovesNoTimer"),
	},
	{
		Name: "batch cancel untracked",
		Rule: "every cancel of a kill is repeated until the venue shows its effect",
		File: "exec/gateway/core_cancel.go",
		Find: `	j.cancelTries = min(j.cancelTries+1, 100)`,
		Replace: `	j.cancelTries = min(j.cancelTries+1, 100)
	o.CancelWanted = o.CancelWanted && c.level < risk.CancelAll`,
		Killers: in("exec/gateway", "TestR9_CancelsOfAKillAreRepeatedUntilTheyTakeEffect"),
	},
	{
		Name: "a cancel's yes is believed",
		Rule: "a cancel is repeated until the venue names a terminal status",
		File: "exec/gateway/core_cancel.go",
		Find: `	case order.OK:
		c.look(j, now.Add(recheck))`,
		Replace: `	case order.OK:
		j.o.CancelWanted = false`,
		Killers: in("exec/gateway", "TestACancelIsRepeatedUntilTheVenueShowsItsEffect"),
	},
	{
		Name:    "cancel on sight forgotten",
		Rule:    "a cancel of an order without an id is sent on sight",
		File:    "engine/order/machine.go",
		Find:    `		o.CancelWanted = !next.Terminal()`,
		Replace: `		o.CancelWanted = !next.Terminal() && !o.VenueID.IsZero()`,
		Killers: in("exec/gateway", "TestACancelBeforeTheVenueNamedTheOrderHappensOnSight"),
	},
	{
		Name: "an unclear modification is sent again",
		Rule: "an ambiguous change is settled by reading, never by sending it again",
		File: "exec/gateway/core_cancel.go",
		Find: `	if j.modifyPrice != 0 {
		c.look(j, now.Add(c.config.Evidence))
	}`,
		Replace: `	j.modifyPrice = 0`,
		Killers: in("exec/gateway", "TestAModificationIsSettledByReadingAndNeverSentAgainBlindly"),
	},
	{
		Name:    "coid reused after crash",
		Rule:    "the boot counter is part of every id",
		File:    "engine/order/remark.go",
		Find:    `return ID(uint64(t.Boot)*seqRange + sequence%seqRange)`,
		Replace: `return ID(sequence % seqRange)`,
		Killers: in("engine/order", "TestIDsOfLaterBootsAreAlwaysLarger"),
	},
	{
		Name: "fills added instead of max-merged",
		Rule: "cumulative quantities are max-merged",
		File: "engine/order/machine.go",
		Find: `	executed := r.Executed
	if r.Status == StatusExecuted`,
		Replace: `	executed := r.Executed
	if executed > 0 && r.Sequence != 0 {
		executed = min(executed+o.Filled, o.Quantity)
	}
	if r.Status == StatusExecuted`,
		Killers: append(in("engine/order", "TestF18_NoticesRepeatedReorderedOrMissingNeverDecreaseTheFills"), world(200)),
	},
	{
		Name: "fills may decrease",
		Rule: "cumulative quantities never decrease",
		File: "engine/order/machine.go",
		Find: `	if executed > o.Filled {
		effect.FilledNow`,
		Replace: `	if executed != o.Filled {
		effect.FilledNow`,
		Killers: append(in("engine/order", "TestF18_NoticesRepeatedReorderedOrMissingNeverDecreaseTheFills"), world(200)),
	},
	{
		Name:    "fill dedupe by time",
		Rule:    "two fills in one second are two fills",
		File:    "exec/gateway/gateway_send.go",
		Find:    `l := look{t.VenueID, t.Side, t.Quantity, t.Value, t.At}`,
		Replace: `l := look{order: t.VenueID, at: t.At}`,
		Killers: in("exec/gateway", "TestTradesOfOneSecondAreToldApartByWhatTheySay"),
	},
	{
		Name: "a trade listed twice counts twice",
		Rule: "one fill is booked once",
		File: "exec/gateway/gateway_send.go",
		Find: `		rows = distinct(rows)
`,
		Replace: "",
		Killers: in("exec/gateway", "TestReadsBringRows"),
	},
	{
		Name: "a trade book that claims more is booked",
		Rule: "a fill that only the trades know is looked into before it is booked",
		File: "exec/gateway/core_calls.go",
		Find: `		c.weighTrades(a)
`,
		Replace: "",
		Killers: in("exec/gateway", "TestATradeBookThatClaimsMoreThanTheNoticesIsNotBookedButLookedInto"),
	},
	{
		Name: "an end without its fills is believed",
		Rule: "an end that does not say what filled waits for the trade book",
		File: "exec/gateway/core_ending.go",
		Find: `	j.held.Status = order.StatusOrdered
	c.activate(j)
	return o.Sighting(&j.held), &j.held`,
		Replace: `	return move, r`,
		Killers: in("exec/gateway", "TestAFillThatOnlyTheTradesTellIsNotLostAtTheEnd"),
	},
	{
		Name: "a fill after the end is dropped",
		Rule: "a terminal order's larger fill is booked and alarmed",
		File: "engine/order/machine.go",
		Find: `	if executed > o.Filled {
		effect.FilledNow`,
		Replace: `	if executed > o.Filled && !effect.From.Terminal() {
		effect.FilledNow`,
		Killers: in("engine/order", "TestALargerFillAfterTheEndIsBookedWithAnAlarm"),
	},
	{
		Name: "an overfill raises no alarm",
		Rule: "what exceeds its order is booked and alarmed, and halts its instrument",
		File: "exec/gateway/core_job.go",
		Find: `	case effect.Overfill:
		c.block(o.Ticket.Instrument, "the venue filled more than was ordered")`,
		Replace: `	case false:
		c.block(o.Ticket.Instrument, "the venue filled more than was ordered")`,
		Killers: in("exec/gateway", "TestMoreFilledThanOrderedIsBookedAndHaltsItsInstrument"),
	},
	{
		Name:    "an old notice overwrites the price",
		Rule:    "a notice that comes late changes no price",
		File:    "engine/order/machine.go",
		Find:    `fresh := r.Sequence > o.Sequence ||`,
		Replace: `fresh := true ||`,
		Killers: in("engine/order", "TestAnOldNoticeDoesNotBringBackAnOldPrice"),
	},
}
