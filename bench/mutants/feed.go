package main

// feedMutants let a strategy see what is not there, or not see what is.
var feedMutants = []Mutant{
	{
		Name: "gap not announced",
		Rule: "a gap is always announced before the next tick",
		File: "feed/stream/stream.go",
		Find: `		s.counts.reconnects.add(1)
		s.gap()`,
		Replace: `		s.counts.reconnects.add(1)`,
		Killers: in("feed/stream", "TestF5_AGapIsAnnouncedBeforeTheNextEvent"),
	},
	{
		Name: "a broken order notice is no gap",
		Rule: "a notice that cannot be read may have been a fill",
		File: "feed/stream/stream.go",
		Find: `			// look for themselves.
			s.gap()`,
		Replace: `			// look for themselves.`,
		Killers: in("feed/stream", "TestF17_OrderNoticesAreDeliveredAndABrokenOneIsAGap"),
	},
	{
		Name: "an old link's end is no gap",
		Rule: "what an old connection may have lost at a renewal is announced",
		File: "feed/stream/renew.go",
		Find: `	return err != nil && !isTimeout(err)
}

// takeOver`,
		Replace: `	return false
}

// takeOver`,
		Killers: in("feed/stream", "TestAnOldConnectionThatDiesBeforeItAnswersItsFenceIsAGap"),
	},
	{
		Name: "stale tick overwrites",
		Rule: "at a renewal the new connection does not bring back what the old one had delivered",
		File: "feed/stream/shadow.go",
		Find: `			t.next = i + 1
			return true`,
		Replace: `			t.next = i + 1
			return false`,
		Killers: in("feed/stream", "TestShadowSuppressesExactlyWhatWasDelivered"),
	},
	{
		Name: "zombie feed undetected",
		Rule: "a feed that pings and says nothing is found in market hours",
		File: "feed/stream/stream.go",
		Find: `	l.heard = s.at.Mono
	if err := s.pump(l)`,
		Replace: `	l.heard, s.watch.quiet = s.at.Mono, s.at.Mono
	if err := s.pump(l)`,
		Killers: in("feed/stream", "TestF2_SilenceInMarketHoursEndsTheConnection"),
	},
	{
		Name:    "a mute link lives on",
		Rule:    "missed pings end the connection",
		File:    "feed/stream/stream.go",
		Find:    `if mute := s.at.Mono.Sub(s.link.heard); mute >= s.link.period {`,
		Replace: `if mute := s.at.Mono.Sub(s.link.heard); mute >= 1000*s.link.period {`,
		Killers: in("feed/stream", "TestF12_MissedPingsEndTheConnection"),
	},
	{
		Name: "rooms are not joined again",
		Rule: "every reconnect subscribes all again",
		File: "feed/stream/stream.go",
		Find: `			if err = s.join(l, false); err != nil {`,
		Replace: `			l.rooms = s.rooms.Load()
			if err = nil; s.counts.connects.shown.Load() == 0 {
				err = s.join(l, false)
			}
			if err != nil {`,
		Killers: in("feed/stream", "TestF1_ALostConnectionIsMadeAgainAndJoinedAgain"),
	},
	{
		Name: "a malformed event is delivered",
		Rule: "an event that breaks a rule is refused whole",
		File: "feed/stream/stream.go",
		Find: `		s.refused(err, payload)
		return
	case kind`,
		Replace: `		s.refused(err, payload)
		fallthrough
	case kind`,
		Killers: in("feed/stream", "TestF7_MalformedEventsAreDroppedCountedAndKept"),
	},
	{
		Name:    "garbage without end is borne",
		Rule:    "more than one malformed event in a hundred ends the connection",
		File:    "feed/stream/watch.go",
		Find:    `if errors >= minGarbled && errors*100 > events+errors {`,
		Replace: `if errors >= minGarbled && errors > 100*(events+errors) {`,
		Killers: in("feed/stream", "TestF7_MoreThanOneInAHundredEndsTheConnection"),
	},
	{
		Name:    "a huge frame is waited for",
		Rule:    "a length is judged before it is waited for",
		File:    "feed/stream/link.go",
		Find:    `	if h.Length > int64(l.maxMessage) || !h.OpCode.IsControl()`,
		Replace: `	if !h.OpCode.IsControl() && h.Length > 0 && int64(l.w-l.r-head) >= h.Length`,
		Killers: in("feed/stream", "TestF8_AHugeFrameIsRefusedWithClose1009"),
	},
}
