package main

// gateMutants open the rate gates, the breakers and the budget.
var gateMutants = []Mutant{
	{
		Name: "token bucket instead of log",
		Rule: "an exact log of the last calls: never more than the limit in any window",
		File: "exec/throttle/window.go",
		Find: `	return w.times[w.newest(limit)] + w.span
}`,
		Replace: `	return w.times[w.newest(1)] - market.Mono(limit-1)*w.span/market.Mono(len(w.times))
}`,
		Also: also(`	w.times[w.head] = now
	if w.head++`, `	w.times[w.head] = max(now, w.times[w.newest(1)]) + w.span/market.Mono(len(w.times))
	if w.head++`),
		Killers: append(in("exec/throttle", "TestABurstAndItsRefillStayWithinOneSecondsLimit"), world(400)),
	},
	{
		Name: "refund on partial write",
		Rule: "a permit is given back only for a call of not one byte",
		File: "exec/gateway/core_calls.go",
		Find: `		if a.Sent == SentNothing {
			c.limits.Refund(k.kind.Write(), k.started)`,
		Replace: `		if a.Sent != SentWhole {
			c.limits.Refund(k.kind.Write(), k.started)`,
		Killers: in("exec/gateway", "TestN5_AProvablyUnfinishedRequestIsSentAgain"),
	},
	{
		Name:    "cancel without reserve",
		Rule:    "entries leave 2 a second, 35 a minute and 1,500 a day to what is more urgent",
		File:    "exec/throttle/gate.go",
		Find:    `l.Reserves[order.Entry] = Reserve{Second: 2, Minute: 35, Day: 1500}`,
		Replace: `l.Reserves[order.Entry] = Reserve{}`,
		Killers: in("exec/throttle", "TestTheDayEndsAtItsLimitAndStartsAnewAtMidnight"),
	},
	{
		Name:    "the reserve is anyone's",
		Rule:    "a strategy cannot reach into the reserves",
		File:    "exec/gateway/core_place.go",
		Find:    `ticket.Class = max(ticket.Class, order.Entry)`,
		Replace: `ticket.Class = max(ticket.Class, order.Flatten)`,
		Killers: in("exec/gateway", "TestAStrategyCannotReachIntoTheReserves"),
	},
	{
		Name:    "cancel blocked by breaker",
		Rule:    "cancels bypass an open breaker once a second",
		File:    "exec/gateway/core_calls.go",
		Find:    `if !closed && class > order.Cancel {`,
		Replace: `if !closed {`,
		Killers: in("exec/gateway", "TestACancelPassesAnOpenBreaker"),
	},
	{
		Name:    "cancels flood an open breaker",
		Rule:    "at most one ordinary cancel a second through an open breaker",
		File:    "exec/breaker/breaker.go",
		Find:    `if now-b.lastBypass < bypassEvery {`,
		Replace: `if now-b.lastBypass < 0 {`,
		Killers: in("exec/breaker", "TestCancelsBypassAtOneASecond"),
	},
	{
		Name:    "half-open sends order",
		Rule:    "a half-open breaker lets one cheap read through, never an order",
		File:    "exec/breaker/breaker.go",
		Find:    `return b.generation, b.state == Closed`,
		Replace: `return b.generation, b.state != Open`,
		Killers: append(in("exec/breaker", "TestHalfOpenAdmitsOneProbeAndTwoSuccessesClose"), world(400)),
	},
	{
		Name:    "two probes at a time",
		Rule:    "exactly one probe",
		File:    "exec/breaker/breaker.go",
		Find:    `if b.state != HalfOpen || b.probing {`,
		Replace: `if b.state != HalfOpen {`,
		Killers: in("exec/breaker", "TestHalfOpenAdmitsOneProbeAndTwoSuccessesClose"),
	},
	{
		Name:    "hung probe holds slot",
		Rule:    "a probe that hangs for two seconds has failed",
		File:    "exec/breaker/breaker.go",
		Find:    `b.probing && now-b.probeSince >= probeTimeout {`,
		Replace: `b.probing && now-b.probeSince >= 1000*probeTimeout {`,
		Killers: in("exec/breaker", "TestAFailedOrHungProbeOpensAgainAndLonger"),
	},
	{
		Name:    "late result counts in new generation",
		Rule:    "results of an older generation are ignored",
		File:    "exec/breaker/breaker.go",
		Find:    `if g == b.generation && b.state == Closed && outcome != Neutral {`,
		Replace: `if b.state == Closed && outcome != Neutral {`,
		Killers: in("exec/breaker", "TestResultsOfAnOlderGenerationAreIgnored"),
	},
	{
		Name:    "refusals open the breaker",
		Rule:    "business, session and rate refusals are neutral",
		File:    "exec/breaker/breaker.go",
		Find:    `b.state == Closed && outcome != Neutral {`,
		Replace: `b.state == Closed {`,
		Also: also(`	case Failure:
		b.failures++
		c.failed++`, `	case Failure, Neutral:
		b.failures++
		c.failed++`),
		Killers: in("exec/breaker", "TestRefusalsForBusinessSessionOrRateAreNeutral"),
	},
	{
		Name:    "Retry-After unbounded",
		Rule:    "no answer shuts the gate for more than five minutes",
		File:    "exec/throttle/gate.go",
		Find:    `until := now.Add(min(max(retryAfter, 0), maxRetry))`,
		Replace: `until := now.Add(max(retryAfter, 0))`,
		Killers: in("exec/throttle", "TestH9_RetryAfterShutsTheGateThatLongWithinReason"),
	},
	{
		Name:    "Retry-After ignored",
		Rule:    "the venue's own pause is kept",
		File:    "exec/throttle/gate.go",
		Find:    `g.closedUntil, g.told = until, told`,
		Replace: `g.closedUntil, g.told = now, told`,
		Killers: in("exec/throttle", "TestH9_RetryAfterShutsTheGateThatLongWithinReason"),
	},
	{
		Name:    "a refused rate is not slowed",
		Rule:    "each throttle halves the pace",
		File:    "exec/throttle/gate.go",
		Find:    `g.setRate(max(g.rate/2, 1))`,
		Replace: `g.setRate(g.rate)`,
		Killers: in("exec/throttle", "TestEveryRefusalHalvesThePaceAndTenSecondsGiveATenthBack"),
	},
	{
		Name:    "the day's count never ends",
		Rule:    "at most 5,000 calls a day, counted to midnight in India",
		File:    "exec/throttle/gate.go",
		Find:    `if g.day >= room.Day {`,
		Replace: `if g.day >= 100*room.Day {`,
		Killers: in("exec/throttle", "TestTheDayEndsAtItsLimitAndStartsAnewAtMidnight"),
	},
	{
		Name:    "retries without a budget",
		Rule:    "retries are a tenth of the calls, or three",
		File:    "exec/retry/budget.go",
		Find:    `return b.tenths > threshold && again < max(calls/10, leastRetry)`,
		Replace: `return b.tenths > threshold`,
		Killers: in("exec/retry", "TestRetriesAreATenthOfTheCallsOrThree"),
	},
	{
		Name:    "hopeless waiting",
		Rule:    "a retry that cannot be answered before its deadline is not waited for",
		File:    "exec/retry/policy.go",
		Find:    `return deadline != 0 && now.Add(delay).Add(roundTrip) >= deadline`,
		Replace: `return false`,
		Killers: append(in("exec/retry", "TestWaitingForWhatCannotSucceedIsHopeless"), in("exec/gateway", "TestRetriesEndAfterThreeAndBeforeTheDeadline")...),
	},
}
