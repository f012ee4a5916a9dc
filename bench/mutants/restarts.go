package main

// restartMutants lose, on the way through the journal, what the engine knew.
var restartMutants = []Mutant{
	{
		Name:    "journal after send",
		Rule:    "the SENDING record is kept before the first byte leaves",
		File:    "exec/gateway/core_place.go",
		Find:    `	if !c.keepCall(a) {`,
		Replace: `	if false {`,
		Also: also(`	if j.placing == k.slot {
		j.placing = 0`, `	if j.placing == k.slot {
		c.keepCall(&Action{Kind: SendPlace, Class: k.class, Slot: k.slot, ID: o.Ticket.ID, Attempt: k.attempt, Epoch: k.epoch})
		j.placing = 0`),
		Killers: append(in("exec/gateway", "TestP1_AnAttemptWithoutAnOutcomeIsLookedForAfterARestartAndNeverSentAgain"), world(50)),
	},
	{
		Name:    "no SENDING record",
		Rule:    "no bytes of an order without an earlier SENDING record",
		File:    "exec/gateway/core_place.go",
		Find:    `	if !c.keepCall(a) {`,
		Replace: `	if false {`,
		Killers: append(in("exec/gateway", "TestP1_AnAttemptWithoutAnOutcomeIsLookedForAfterARestartAndNeverSentAgain"), world(50)),
	},
	{
		Name:    "sent though it could not be recorded",
		Rule:    "what is not on record does not leave",
		File:    "exec/gateway/core_place.go",
		Find:    `	if !c.keepCall(a) {`,
		Replace: `	if c.keepCall(a); false {`,
		Killers: in("exec/gateway", "TestAnAttemptThatCannotBeRecordedDoesNotLeave"),
	},
	{
		Name:    "no intent record",
		Rule:    "an intent is on record before it is an order",
		File:    "exec/gateway/core_place.go",
		Find:    `	if !c.keepIntent(o) {`,
		Replace: `	if false {`,
		Killers: in("exec/gateway", "TestP1_AWorkingOrderIsItsStrategysAgainAfterARestart"),
	},
	{
		Name: "a restart resends what is unknown",
		Rule: "SENDING without an outcome is AMBIGUOUS after a restart",
		File: "exec/gateway/core_restore.go",
		Find: `		c.move(o, &order.Event{Move: order.AttemptUnknown})
		c.stats.Ambiguous++`,
		Replace: `		o.State = order.Queued`,
		Killers: in("exec/gateway", "TestP1_AnAttemptWithoutAnOutcomeIsLookedForAfterARestartAndNeverSentAgain"),
	},
	{
		Name:    "a restart sends what waited",
		Rule:    "an intent that was never sent ends with its run",
		File:    "exec/gateway/core_restore.go",
		Find:    `		c.move(o, &order.Event{Move: order.DeadlinePassed, Reason: "the engine restarted before it was sent"})`,
		Replace: `		c.activate(j)`,
		Killers: in("exec/gateway", "TestP1_AnIntentThatWasNeverSentEndsAtTheRestart"),
	},
	{
		Name: "tombstone dropped at restart",
		Rule: "tombstones survive restarts",
		File: "exec/gateway/core_restore.go",
		Find: `	case o.State == order.ClosedAbsent:
		c.bury(o)
`,
		Replace: "",
		Killers: in("exec/gateway", "TestATombstoneSurvivesTheRestart"),
	},
	{
		Name: "working order dropped at start-up",
		Rule: "an order that works at the venue is taken up again",
		File: "exec/gateway/core_restore.go",
		Find: `	if !o.VenueID.IsZero() && c.slab.ByVenue(o.VenueID) == nil {
		c.slab.Bind(o)`,
		Replace: `	if o.State.Terminal() && c.slab.ByVenue(o.VenueID) == nil {
		c.slab.Bind(o)`,
		Killers: in("exec/gateway", "TestAnOrderThatFillsWhileTheEngineIsDownIsBookedOnce"),
	},
	{
		Name:    "limiter reset on restart",
		Rule:    "the rate windows come back from the journal",
		File:    "exec/gateway/core_restore.go",
		Find:    `			c.limits.Restore(then.Mono, k.Class, k.Kind.Write())`,
		Replace: ``,
		Killers: in("exec/gateway", "TestInvariant8_TheRateWindowsSurviveTheRestart"),
	},
	{
		Name:    "a throttle of before is forgotten",
		Rule:    "a gate that the venue shut stays shut through a restart",
		File:    "exec/gateway/core_restore.go",
		Find:    `			c.limits.Throttled(k.RetryAfter, then.Mono)`,
		Replace: ``,
		Killers: in("exec/gateway", "TestAThrottleOfBeforeTheRestartStillHolds"),
	},
	{
		Name:    "the kill level falls at a restart",
		Rule:    "lowering a level needs a person",
		File:    "exec/gateway/core_restore.go",
		Find:    `	if p.operator == "" && p.level > risk.Armed {`,
		Replace: `	if false {`,
		Also:    also(`	} else if p.level > risk.Armed {`, `	} else if false {`),
		Killers: in("exec/gateway", "TestR4_TheDaysLossAndTheKillLevelAreNotResetByARestart"),
	},
	{
		Name:    "a blocked instrument is free after a restart",
		Rule:    "what waits for a person waits through a restart",
		File:    "exec/gateway/core_restore.go",
		Find:    `c.exposure[id].blocked = ""; r.Block.Blocked {`,
		Replace: `c.exposure[id].blocked = ""; false {`,
		Killers: in("exec/gateway", "TestABlockedInstrumentWaitsForAPersonThroughARestart"),
	},
	{
		Name:    "the day's base is forgotten",
		Rule:    "what was held before the day's first order is recorded, and compared after a restart",
		File:    "exec/gateway/core_restore.go",
		Find:    `		c.emitHeld(market.InstrumentID(id), h.Quantity, h.Average)`,
		Replace: ``,
		Killers: in("exec/gateway", "TestWhatWasHeldBeforeTheDayIsKnownAfterARestart"),
	},
	{
		Name:    "a repeated decision after a restart is a second order",
		Rule:    "one signal, one order, across restarts",
		File:    "exec/gateway/core_restore.go",
		Find:    `	c.gate.Remember(&o.Ticket)`,
		Replace: ``,
		Killers: in("exec/gateway", "TestR5_ADecisionRepeatedAfterARestartNamesItsFirstOrder"),
	},
	{
		Name:    "an order whose strategy is gone works on",
		Rule:    "after a restart somebody answers for every order",
		File:    "exec/gateway/core_restore.go",
		Find:    `			c.wantGone(o) // whose`,
		Replace: `			// whose`,
		Killers: in("exec/gateway", "TestP1_AnOrderWhoseStrategyIsGoneIsCancelledAtTheRestart"),
	},
	{
		Name:    "an order that the journal lost is a stranger",
		Rule:    "an order with our text is ours, though the power took its records",
		File:    "exec/gateway/core_reconcile.go",
		Find:    `	return c.orphan(r, id)`,
		Replace: `	return nil`,
		Killers: in("exec/gateway", "TestAfterALossOfPowerOrdersWithOurTextAreAdoptedAndCancelled"),
	},
	{
		Name:    "a record twice counts twice",
		Rule:    "replay is idempotent",
		File:    "exec/gateway/core_restore.go",
		Find:    `	if r.Sequence != 0 && r.Sequence <= p.sequence {`,
		Replace: `	if false {`,
		Killers: in("exec/gateway", "TestInvariant8_TheRateWindowsSurviveTheRestart"),
	},
	{
		Name:    "a damaged record is read",
		Rule:    "every bit of a record is under its checksum",
		File:    "engine/journal/record.go",
		Find:    `	if crc32.Checksum(src[4:], castagnoli) != binary.LittleEndian.Uint32(src[:4]) {`,
		Replace: `	if crc32.Checksum(src[4:], castagnoli) == 0 {`,
		Killers: in("engine/journal", "TestP3_EveryBitOfARecordIsUnderItsChecksum"),
	},
}
