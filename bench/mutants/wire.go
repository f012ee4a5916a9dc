package main

// wireMutants misjudge answers, and send what must never be sent.
var wireMutants = []Mutant{
	{
		Name: "401 → renew always",
		Rule: "the body is read before the status: a throttle in the shape of 401 renews nothing",
		File: "exec/rest/classify.go",
		Find: `	lower := strings.ToLower(string(env.err))
	switch limited`,
		Replace: `	lower := strings.ToLower(string(env.err))
	if a.Code == 401 {
		return is(order.Auth, "unauthorized")
	}
	switch limited`,
		Killers: in("exec/rest", "TestAnswersAreClassifiedByTheTable"),
	},
	{
		Name:    "5xx → rejected",
		Rule:    "a server error proves nothing about a write",
		File:    "exec/rest/classify.go",
		Find:    `		j.Reason = "server error"`,
		Replace: `		j.Verdict, j.Reason = order.Refused, "server error"`,
		Killers: in("exec/rest", "TestAnswersAreClassifiedByTheTable"),
	},
	{
		Name:    "unknown text → rejected",
		Rule:    "only the allow-list rejects a write",
		File:    "exec/rest/classify.go",
		Find:    `		j.Reason = "unknown error text"`,
		Replace: `		j.Verdict, j.Reason = order.Refused, "unknown error text"`,
		Killers: in("exec/rest", "TestAnswersAreClassifiedByTheTable"),
	},
	{
		Name: "success without an order id is a yes",
		Rule: "a yes without a usable order id proves nothing",
		File: "exec/rest/classify.go",
		Find: `			j.Reason = "success without a usable order id"
			return`,
		Replace: `			j.Verdict, j.Reason = order.OK, "success without a usable order id"
			return`,
		Killers: in("exec/rest", "TestAnswersAreClassifiedByTheTable"),
	},
	{
		Name:    "no data found is an answer to a write",
		Rule:    "\"No Data Found\" means something on reads only",
		File:    "exec/rest/classify.go",
		Find:    `case !write && normal(lower) == "no data found":`,
		Replace: `case normal(lower) == "no data found":`,
		Killers: in("exec/rest", "TestAnswersAreClassifiedByTheTable"),
	},
	{
		Name:    "a redirect is followed in thought",
		Rule:    "a redirect of a write proves nothing",
		File:    "exec/rest/classify.go",
		Find:    `		j.Reason = "redirected"`,
		Replace: `		j.Verdict, j.Reason = order.RefusedPre, "redirected"`,
		Killers: in("exec/rest", "TestAnswersAreClassifiedByTheTable"),
	},
	{
		Name:    "forbidden → login",
		Rule:    "403 and a refused address are a person's to mend, not a login's",
		File:    "exec/rest/classify.go",
		Find:    `		j.Verdict, j.Health, j.Reason = order.ConfigFatal, Neutral, "forbidden"`,
		Replace: `		j.Verdict, j.Health, j.Reason = order.Auth, Neutral, "forbidden"`,
		Killers: in("exec/rest", "TestAnswersAreClassifiedByTheTable"),
	},
	{
		Name: "a cut answer is judged",
		Rule: "an answer that breaks off proves nothing, whatever it began with",
		File: "exec/gateway/conn.go",
		Find: `			if c.answer.began {
				phase = rest.Cut
			}`,
		Replace: `			if c.answer.began {
				phase = rest.Unsent
			}`,
		Killers: in("exec/gateway", "TestN6_AnswersThatBreakOffAreUnknown"),
	},
	{
		Name: "what the kernel took counts as nothing",
		Rule: "the proof of NOT_SENT is the kernel's count, below TLS too",
		File: "exec/gateway/conn.go",
		Find: `	case took == 0 && n == 0:
		return SentNothing, err`,
		Replace: `	case took >= 0 && n == 0:
		return SentNothing, err`,
		Killers: in("exec/gateway", "TestN5_UnderTLSOnlyFewerBytesThanTheRequestHasAreProof"),
	},
	{
		Name:    "a whole request counts as a part",
		Rule:    "what the kernel took whole may be at the venue",
		File:    "exec/gateway/conn.go",
		Find:    `	case took < int64(len(request)) && n < len(request):`,
		Replace: `	case n < len(request) || took > 0:`,
		Killers: in("exec/gateway", "TestN5_UnderTLSOnlyFewerBytesThanTheRequestHasAreProof"),
	},
	{
		Name:    "a connection is used again after a late answer",
		Rule:    "a connection whose answer was late carries nothing more",
		File:    "exec/gateway/conn.go",
		Find:    `keep := phase == rest.Answered && !r.late && c.answer.keepAlive`,
		Replace: `keep := phase == rest.Answered && c.answer.keepAlive`,
		Killers: in("exec/gateway", "TestN9_ALateAnswerIsStillEvidenceAndItsConnectionIsNotUsedAgain"),
	},
	{
		Name: "two answers on one connection",
		Rule: "bytes after an answer poison their connection",
		File: "exec/gateway/conn_answer.go",
		Find: `			return errExtra
`,
		Replace: `			return nil
`,
		Killers: in("exec/gateway", "TestN14_BytesAfterAnAnswerPoisonIt"),
	},
	{
		Name: "an unasked answer is kept for the next order",
		Rule: "what comes on an idle connection ends it",
		File: "exec/gateway/conn.go",
		Find: `			if n > 0 || err != nil {
				c.kill()`,
		Replace: `			if err != nil {
				c.kill()`,
		Killers: in("exec/gateway", "TestN14_AnUnaskedAnswerPoisonsAnIdleConnection"),
	},
	{
		Name:    "a Retry-After date of ten years",
		Rule:    "Retry-After is clamped where it is read",
		File:    "exec/rest/header.go",
		Find:    `return min(at.Sub(now), MaxRetryAfter), true`,
		Replace: `return at.Sub(now), true`,
		Killers: in("exec/rest", "TestH9_RetryAfterIsParsedAndClamped"),
	},
	{
		Name:    "square-off endpoint used",
		Rule:    "orders go to one endpoint, which carries our remark",
		File:    "exec/rest/endpoint.go",
		Find:    `{"place_order", "POST", "order"}`,
		Replace: `{"place_order", "POST", "square` + `off"}`,
		Killers: in("exec/rest", "TestAPlacementIsTheseBytes"),
	},
	{
		Name: "market type used",
		Rule: "there is no market order",
		File: "exec/rest/request.go",
		Find: `	return "limit"
`,
		Replace: `	return "market"
`,
		Killers: in("exec/rest", "TestAPlacementIsTheseBytes"),
	},
	{
		Name:    "an order without its remark",
		Rule:    "every order carries its own name",
		File:    "exec/rest/request.go",
		Find:    `	if p.Remark[0] != 0 {`,
		Replace: `	if false {`,
		Killers: in("exec/rest", "TestAPlacementIsTheseBytes"),
	},
	{
		Name: "a change sends the quantity too",
		Rule: "a change names the new price alone",
		File: "exec/gateway/gateway_send.go",
		Find: `VenueID: a.VenueID, Price: a.Ticket.Price}
		dst = w.AppendModify`,
		Replace: `VenueID: a.VenueID, Price: a.Ticket.Price, Quantity: a.Quantity}
		dst = w.AppendModify`,
		Killers: in("exec/gateway", "TestAChangeOnTheWireNamesThePriceAlone"),
	},
	{
		Name:    "skew is not corrected",
		Rule:    "a signature's time is the venue's",
		File:    "exec/gateway/gateway_send.go",
		Find:    `At: wall.Add(g.watch.correction())}`,
		Replace: `At: wall}`,
		Killers: in("exec/gateway", "TestH15_AClockFarFromTheVenuesIsAlarmedCorrectedAndHalts"),
	},
}
