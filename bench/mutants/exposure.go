package main

// exposureMutants let risk, and the kill switch, see less than there may be.
var exposureMutants = []Mutant{
	{
		Name: "exposure ignores AMB",
		Rule: "orders of unknown fate count at their worst in every limit",
		File: "engine/risk/exposure.go",
		Find: `	now := fateOf(u.State)
	if now == buried`,
		Replace: `	now := fateOf(u.State)
	if now == doubted {
		x.remove(at)
		return
	}
	if now == buried`,
		Killers: in("engine/risk", "TestR4_LossCountsOrdersInDoubtAtTheirWorst"),
	},
	{
		Name:    "a tombstone frees its room at once",
		Rule:    "what was given up counts for another minute",
		File:    "engine/risk/exposure.go",
		Find:    `o.until = u.At.Mono.Add(tombstone)`,
		Replace: `o.until = u.At.Mono`,
		Killers: in("engine/risk", "TestTombstoneCountsForAMinute"),
	},
	{
		Name:    "self-cross ignores AMB",
		Rule:    "an order in doubt counts as resting",
		File:    "engine/risk/check.go",
		Find:    `flattens && (o.fate != known || o.id >= Others) {`,
		Replace: `o.fate != known || flattens && o.id >= Others {`,
		Killers: in("engine/risk", "TestR3_SelfCrossIsRefusedAlsoWithOrdersInDoubt"),
	},
	{
		Name:    "self-cross knows the new price only",
		Rule:    "a change may or may not have been taken: both prices count",
		File:    "engine/risk/check.go",
		Find:    `o.low, o.high = min(o.low, price), max(o.high, price)`,
		Replace: `o.low, o.high = price, price`,
		Killers: in("engine/risk", "TestR3_ChangedOrderCrossesAtItsOldPriceToo"),
	},
	{
		Name: "kill switch ignored during recovery",
		Rule: "the kill switch works in every state",
		File: "exec/gateway/core.go",
		Find: `	if level == c.level {
		return false
	}`,
		Replace: `	if level == c.level || !c.sync.done {
		return false
	}`,
		Killers: in("exec/gateway", "TestR9_AKillLevelCancelsAndFlattensWhateverElseGoesOn"),
	},
	{
		Name: "a waiting entry leaves under a kill level",
		Rule: "no entry leaves above K0, not even one that waits already",
		File: "exec/gateway/core_place.go",
		Find: `	case c.level == risk.Reducing && !shrinks():
		return "only what cuts exposure may leave", false
`,
		Replace: "",
		Killers: in("exec/gateway", "TestR9_WhatWaitsWhenTheLevelRisesNeverLeaves"),
	},
	{
		Name:    "flattening beside an order that may close",
		Rule:    "what an order in doubt may close is left to it",
		File:    "exec/gateway/core_kill.go",
		Find:    `			doubtful += o.Open()`,
		Replace: `			doubtful += 0`,
		Killers: in("exec/gateway", "TestR9_WhatAnOrderInDoubtMayCloseIsLeftToIt"),
	},
	{
		Name: "a doubt stops flattening",
		Rule: "an order in doubt that cannot close the position does not stop flattening",
		File: "exec/gateway/core_kill.go",
		Find: `		case !o.State.InDoubt():
			busy = true`,
		Replace: `		case true:
			busy = true`,
		Killers: in("exec/gateway", "TestR9_AnOrderInDoubtThatCannotCloseThePositionDoesNotStopFlattening"),
	},
	{
		Name:    "an exit forgets the open orders of its side",
		Rule:    "an order cuts only if all open ones of its side may fill first",
		File:    "exec/gateway/core_job.go",
		Find:    `			quantity += o.Open()`,
		Replace: `			quantity += 0`,
		Killers: in("exec/gateway", "TestAnExitThatOpenOrdersAlreadyMakeIsNewExposure"),
	},
	{
		Name:    "the kill level falls by itself",
		Rule:    "levels only rise by themselves",
		File:    "engine/risk/level.go",
		Find:    `old != nil && old.level >= l || l == Armed {`,
		Replace: `old != nil && old.level == l {`,
		Killers: in("engine/risk", "TestLevelsOnlyRiseByThemselves"),
	},
	{
		Name:    "a stale quote is good enough",
		Rule:    "no entry on a quote older than its limit",
		File:    "engine/risk/check.go",
		Find:    `age > market.Mono(g.limits.QuoteAge) {`,
		Replace: `age > market.Mono(g.limits.QuoteAge)*1000 {`,
		Killers: in("engine/risk", "TestF6_StaleQuoteStopsEntriesInThatInstrument"),
	},
	{
		Name:    "a repeated decision is a second order",
		Rule:    "one signal, one order",
		File:    "engine/risk/check.go",
		Find:    `repeated := c.seen.Get(t.Signal); repeated {`,
		Replace: `repeated := c.seen.Get(t.Signal); false && repeated {`,
		Killers: in("engine/risk", "TestR5_RepeatedDecisionNamesTheFirstOrder"),
	},
}
