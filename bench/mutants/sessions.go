package main

// sessionMutants log in too often, too late, or as somebody else.
var sessionMutants = []Mutant{
	{
		Name: "renewal without single flight",
		Rule: "at most one login in flight",
		File: "engine/session/machine.go",
		Find: `	if m.phase != Idle || m.fatal {
		return Action{}
	}`,
		Replace: `	if m.fatal {
		return Action{}
	}`,
		Killers: in("engine/session", "TestE2_NothingBeginsWhileALoginIsUnderWay"),
	},
	{
		Name:    "every refused call asks for a login",
		Rule:    "one renewal per lost epoch",
		File:    "exec/gateway/core.go",
		Find:    `if epoch != c.login.Epoch || epoch <= c.refused {`,
		Replace: `if epoch != c.login.Epoch {`,
		Killers: in("exec/gateway", "TestARefusedSessionIsTriedOnceASecondByWhatEndsARisk"),
	},
	{
		Name:    "a refusal of an old epoch asks for a login",
		Rule:    "an epoch that was renewed already is not renewed again",
		File:    "exec/gateway/core.go",
		Find:    `if epoch != c.login.Epoch || epoch <= c.refused {`,
		Replace: `if epoch <= c.refused {`,
		Killers: in("exec/gateway", "TestE1_AnAttemptInFlightAtARenewalIsJudgedByItsOwnAnswer"),
	},
	{
		Name:    "old renewal overwrites new",
		Rule:    "only the next epoch is put in force",
		File:    "engine/session/credential.go",
		Find:    `return c.Epoch == epoch+1 && s.current.CompareAndSwap(old, c)`,
		Replace: `return c.Epoch > 0*epoch && s.current.CompareAndSwap(old, c)`,
		Killers: in("engine/session", "TestE9_ASwapTakesOnlyTheNextEpoch"),
	},
	{
		Name: "the core goes back to an old epoch",
		Rule: "the epoch only rises",
		File: "exec/gateway/core.go",
		Find: `	if s.Epoch < c.login.Epoch {
		return // older than what is known
	}
`,
		Replace: "",
		Killers: in("exec/gateway", "TestE9_TheCoreDoesNotGoBackToAnOldLogin"),
	},
	{
		Name: "swap aborts in-flight",
		Rule: "a swap ends no call that is under way",
		File: "exec/gateway/core.go",
		Find: `		c.stats.Renewals++
`,
		Replace: `		c.stats.Renewals++
		for i := range c.calls.list {
			if k := &c.calls.list[i]; k.slot != 0 && !k.late {
				k.deadline = c.at.Mono
			}
		}
`,
		Killers: in("exec/gateway", "TestE1_ARenewalEndsNoCallThatIsUnderWay"),
	},
	{
		Name:    "signed with a dead session",
		Rule:    "no call is signed with a credential after its end",
		File:    "exec/gateway/core.go",
		Find:    `return c.login.Epoch > c.refused && c.at.Wall < c.login.Expiry && c.login.State != session.Fatal`,
		Replace: `return c.login.Epoch > c.refused && c.login.State != session.Fatal`,
		Killers: in("exec/gateway", "TestE4_NothingNewLeavesWhenTheSessionIsAboutToEnd"),
	},
	{
		Name:    "entries until the last second of a session",
		Rule:    "entries stop before the session's end",
		File:    "exec/gateway/core_place.go",
		Find:    `ending := c.login.State == session.Reducing || c.at.Wall >= c.login.EntriesUntil`,
		Replace: `ending := false && (c.login.State == session.Reducing || c.at.Wall >= c.login.EntriesUntil)`,
		Killers: in("exec/gateway", "TestE4_AnEntryThatWaitsWhenTheSessionEndsNeverLeaves"),
	},
	{
		Name: "a login storm after two refused sessions",
		Rule: "two sessions refused in a row are a person's to mend",
		File: "exec/gateway/core.go",
		Find: `	if again {
		c.halt(`,
		Replace: `	if false && again {
		c.halt(`,
		Killers: in("exec/gateway", "TestE7_TwoSessionsRefusedInARowAreAMatterForAPerson"),
	},
	{
		Name:    "exchanges without a limit",
		Rule:    "at most three exchanges in ten minutes",
		File:    "engine/session/machine.go",
		Find:    `if wait := m.allowed(at); wait > 0 {`,
		Replace: `if wait := m.allowed(at); wait > 0 && m.fatal {`,
		Killers: in("engine/session", "TestE5_WhileTheVenueCannotExchangeTheOldTokenIsUsedToItsEnd"),
	},
	{
		Name:    "another user's login is taken",
		Rule:    "a login of another user is refused",
		File:    "engine/session/machine.go",
		Find:    `if c.User == "" || c.User != m.user {`,
		Replace: `if c.User == "" {`,
		Killers: in("engine/session", "TestE6_AnotherUsersLoginIsRefusedAndTheOldOneStays"),
	},
	{
		Name: "an exchange again lives longer",
		Rule: "exchanging the same login again does not extend its life",
		File: "engine/session/machine.go",
		Find: `			c.Issued = m.current.Issued
`,
		Replace: "",
		Killers: in("engine/session", "TestTheSameLoginExchangedAgainNeverLivesLonger"),
	},
	{
		Name:    "midnight does not end a session",
		Rule:    "a session ends at its timeout, at midnight or at the daily cut, whichever is first",
		File:    "engine/session/rules.go",
		Find:    `	if r.MidnightCut {`,
		Replace: `	if false {`,
		Killers: in("engine/session", "TestExpiryIsTheEarliestOfThree"),
	},
}
