package main

// evidenceMutants believe what proves nothing, or forget what was given up.
var evidenceMutants = []Mutant{
	{
		Name:    "fence ignored",
		Rule:    "a read proves absence only if it began after the fence",
		File:    "engine/order/machine.go",
		Find:    `started.Sub(o.Sent.Mono) < fence:`,
		Replace: `started.Sub(o.Sent.Mono) < 0:`,
		Killers: append(in("engine/order", "TestAbsenceNeedsTheFenceAndTwoReadsASecondApart"), world(200)),
	},
	{
		Name:    "absence of one read is enough",
		Rule:    "absence needs two valid reads, a second apart",
		File:    "engine/order/machine.go",
		Find:    `case started.Sub(o.AbsentAt) < time.Second:`,
		Replace: `case started.Sub(o.AbsentAt) < 0:`,
		Killers: in("engine/order", "TestAbsenceNeedsTheFenceAndTwoReadsASecondApart"),
	},
	{
		Name:    "absence accepted from a failed read",
		Rule:    "a read that failed proves nothing",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `whole := (a.Verdict == order.OK || a.Verdict == order.Empty) && !a.Partial && !k.late`,
		Replace: `whole := !a.Partial && !k.late`,
		Killers: in("exec/gateway", "TestH14_OnlyAWholeListOfTodayProvesAbsence"),
	},
	{
		Name:    "absence accepted from a partial read",
		Rule:    "a list that does not parse to its end proves nothing by what it lacks",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `whole := (a.Verdict == order.OK || a.Verdict == order.Empty) && !a.Partial && !k.late`,
		Replace: `whole := (a.Verdict == order.OK || a.Verdict == order.Empty) && !k.late`,
		Killers: in("exec/gateway", "TestH14_OnlyAWholeListOfTodayProvesAbsence"),
	},
	{
		Name:    "absence accepted from a shrinking list",
		Rule:    "a list that lacks what it showed before proves nothing",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `if whole && c.shrunk(k.started) {`,
		Replace: `if false && c.shrunk(k.started) {`,
		Killers: in("exec/gateway", "TestH14_ListsThatLackWhatIsKnownProveNothing"),
	},
	{
		Name:    "absence accepted from a list of another day",
		Rule:    "a list must be of today",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `if r.OrderedAt != 0 && r.OrderedAt.Date() != today {`,
		Replace: `if false && r.OrderedAt.Date() != today {`,
		Killers: in("exec/gateway", "TestH14_OnlyAWholeListOfTodayProvesAbsence"),
	},
	{
		Name:    "no data found is believed",
		Rule:    "\"No Data Found\" is evidence only with the trade book's word",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `if valid && empty && k.started >= fence && c.sync.tradesClean < fence {`,
		Replace: `if false {`,
		Killers: in("exec/gateway", "TestH1a_AnEmptyListNeedsTheTradeBookAsASecondSource"),
	},
	{
		Name:    "a look-alike is ignored",
		Rule:    "an unclaimed order that may be ours keeps the doubt alive",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `valid := whole && !c.lookalike(o)`,
		Replace: `valid := whole`,
		Killers: in("exec/gateway", "TestAnOrderThatMayBeOneOfSeveralIsNeverGivenUp"),
	},
	{
		Name:    "one of several is taken for ours",
		Rule:    "attribution by fingerprint needs exactly one candidate on either side",
		File:    "exec/gateway/core_stranger.go",
		Find:    `case candidates == 1 && !pending && c.rivals(mine, i) == 0:`,
		Replace: `case candidates >= 1:`,
		Killers: in("exec/gateway", "TestAnOrderThatMayBeOneOfSeveralIsNeverGivenUp"),
	},
	{
		Name: "tombstone not watched",
		Rule: "what was given up is watched until the end of the day",
		File: "exec/gateway/core_stranger.go",
		Find: `			case o.State.InDoubt(), o.State == order.ClosedAbsent, c.jobs[i].waits():
				mine, n = o, n+1`,
		Replace: `			case o.State.InDoubt(), c.jobs[i].waits():
				mine, n = o, n+1`,
		Killers: append(in("exec/gateway", "TestN10_ARequestAcceptedTwentySecondsLateIsAdoptedAndCancelled"), world(800)),
	},
	{
		Name: "an order that surfaces late works on",
		Rule: "ADOPTED_LATE: cancelled at once, its instrument waits for a person",
		File: "exec/gateway/core_reconcile.go",
		Find: `	if late && effect.To != order.ClosedAbsent {
		c.adopted(o)
	}`,
		Replace: `	_ = late`,
		Killers: in("exec/gateway", "TestN10_ARequestAcceptedTwentySecondsLateIsAdoptedAndCancelled"),
	},
	{
		Name:    "lease not held during AMB",
		Rule:    "no second order with the fingerprint of one whose fate is unknown",
		File:    "exec/gateway/core_place.go",
		Find:    `(other.State == order.Sending || other.State.InDoubt() || c.jobs[i].waits()) && other.Fingerprint() == mine`,
		Replace: `other.State == order.Sending && other.Fingerprint() == mine`,
		Killers: in("exec/gateway", "TestAnExitThatLooksLikeAnOrderInDoubtWaits"),
	},
	{
		Name:    "lease not held by what was given up",
		Rule:    "until the end of the day no order may look like one that may still surface",
		File:    "exec/gateway/core_place.go",
		Find:    `other.State == order.ClosedAbsent && other.Fingerprint() == *f`,
		Replace: `other.State == order.Absent && other.Fingerprint() == *f`,
		Killers: append(in("exec/gateway", "TestN10_ARequestAcceptedTwentySecondsLateIsAdoptedAndCancelled"), world(800)),
	},
	{
		Name:    "entries while the instrument is reconciled",
		Rule:    "no new exposure while an order of the instrument is in doubt",
		File:    "exec/gateway/core_place.go",
		Find:    `if other.State.InDoubt() && !shrinks() {`,
		Replace: `if false && !shrinks() {`,
		Killers: []Killer{world(800)},
	},
	{
		Name: "a gap of the order stream is ignored",
		Rule: "after a gap nothing enters before list and trades were read",
		File: "exec/gateway/core_sync.go",
		Find: `	s.done, s.listOK, s.tradesOK = false, false, false
	if state`,
		Replace: `	if state`,
		Killers: in("exec/gateway", "TestAGapOfTheOrderStreamIsFilledBeforeAnEntryLeaves"),
	},
	{
		Name:    "zombie undetected outside own traffic",
		Rule:    "a mute order stream is found by a read that knows more",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `		c.mute() // a read`,
		Replace: `		// a read`,
		Killers: in("exec/gateway", "TestF3_AMuteOrderStreamIsFoundByAReadAndOpenedAnew"),
	},
	{
		Name: "position invented at mismatch",
		Rule: "no fill is ever made up from a difference of positions",
		File: "exec/gateway/core_sync.go",
		Find: `			c.differs(market.InstrumentID(id))
`,
		Replace: `			c.differs(market.InstrumentID(id))
			c.begin(market.InstrumentID(id), held-x.net, 0)
`,
		Killers: in("exec/gateway", "TestR6_AtARestartADifferentPositionStopsThatInstrumentAndIsNotTradedAway"),
	},
	{
		Name: "a different position is shrugged off",
		Rule: "a mismatch halts new exposure in its instrument",
		File: "exec/gateway/core_sync.go",
		Find: `	c.block(id, "the venue's position differs from ours")
`,
		Replace: "",
		Killers: in("exec/gateway", "TestR6_AtARestartADifferentPositionStopsThatInstrumentAndIsNotTradedAway"),
	},
	{
		Name: "somebody else's fills are not counted",
		Rule: "orders that are not ours count in exposure",
		File: "exec/gateway/core_stranger.go",
		Find: `	c.alarm(0, "an order on this account is not ours: counted, left alone")
	c.bookExternal(x)`,
		Replace: `	c.alarm(0, "an order on this account is not ours: counted, left alone")`,
		Killers: in("exec/gateway", "TestAFillTakenForSomebodyElsesEarnsNothingWhenItTurnsOutToBeOurs"),
	},
	{
		Name: "what was held before is forgotten",
		Rule: "the day's base is read before the first entry",
		File: "exec/gateway/core_sync.go",
		Find: `		default:
			c.begin(market.InstrumentID(id), held-x.net, average)
`,
		Replace: `		default:
			_ = average
`,
		Killers: in("exec/gateway", "TestWhatWasHeldBeforeTheFirstOrderIsCounted"),
	},
}
