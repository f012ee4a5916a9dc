package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

const ackBody = `{"Success":{"order_id":"202611233800017846","message":"Successfully Placed the order","user_remark":""},"Status":200,"Error":null}`

func fault(status int, text string) string {
	quoted, _ := json.Marshal(text)
	return fmt.Sprintf(`{"Success":null,"Status":%d,"Error":%s}`, status, quoted)
}

// TestTransportEvidenceComesFirst covers N1, N2, N4 to N7 and N12: what was
// written and what came back decide before any word of the body does.
func TestTransportEvidenceComesFirst(t *testing.T) {
	c := NewClassifier()
	for _, row := range []struct {
		phase       Phase
		write, read order.Verdict
	}{
		{Unsent, order.NotSent, order.Retry},
		{PartSent, order.NotSent, order.Retry},
		{Sent, order.Unknown, order.Retry},
		{Cut, order.Unknown, order.Retry},
		{Phases, order.Unknown, order.Retry},
	} {
		for _, body := range []string{"", ackBody, fault(500, "Invalid stock code"), fault(5, "Limit exceed: API call per minute:")} {
			for _, code := range []int{0, 200, 401, 429, 503} {
				w := c.Classify(&Attempt{Endpoint: PlaceOrder, Phase: row.phase, Code: code, Body: []byte(body)})
				require.Equal(t, row.write, w.Verdict, "%s %d %s", row.phase, code, body)
				require.Equal(t, Unhealthy, w.Health)
				r := c.Classify(&Attempt{Endpoint: Positions, Phase: row.phase, Code: code, Body: []byte(body)})
				require.Equal(t, row.read, r.Verdict)
			}
		}
	}
}

func TestAnswersAreClassifiedByTheTable(t *testing.T) {
	const html429 = "<html><head><title>429 Too Many Requests</title></head></html>"
	const html = "<!DOCTYPE html><html><body><h1>Bad Gateway</h1></body></html>"
	u, r := order.Unknown, order.Retry
	for _, row := range []struct {
		name        string
		code        int
		body        string
		write, read order.Verdict
		health      Health
	}{
		{"accepted", 200, ackBody, order.OK, order.OK, Healthy},
		{"accepted with 201", 201, ackBody, order.OK, order.OK, Healthy},
		{"accepted, error is an empty text", 200, strings.Replace(ackBody, `"Error":null`, `"Error":""`, 1), order.OK, order.OK, Healthy},
		{"H3 success without an id", 200, `{"Success":{"message":"ok"},"Status":200,"Error":null}`, u, order.OK, Unhealthy},
		{"H3 success with an empty id", 200, `{"Success":{"order_id":""},"Status":200,"Error":null}`, u, order.OK, Unhealthy},
		{"H13 id too long", 200, `{"Success":{"order_id":"` + strings.Repeat("1", 24) + `"},"Status":200,"Error":null}`, u, order.OK, Unhealthy},
		{"H13 id is not a name", 200, `{"Success":{"order_id":"12 34\n"},"Status":200,"Error":null}`, u, order.OK, Unhealthy},
		{"H3 neither success nor error", 200, `{"Success":null,"Status":200,"Error":null}`, u, r, Unhealthy},
		{"empty object", 200, `{}`, u, r, Unhealthy},
		{"empty body", 200, ``, u, r, Unhealthy},
		{"no object", 200, `[1]`, u, r, Unhealthy},
		{"success as an empty text", 200, `{"Success":"","Status":200,"Error":null}`, u, r, Unhealthy},
		{"success and an error", 200, `{"Success":{"order_id":"1"},"Status":200,"Error":"x"}`, u, r, Unhealthy},
		{"success under HTTP 500", 500, ackBody, u, r, Unhealthy},
		{"success under HTTP 429", 429, ackBody, u, r, Unhealthy},
		{"success under HTTP 400", 400, ackBody, u, r, Unhealthy},
		{"status said twice", 200, `{"Status":500,"Success":{"order_id":"1"},"Status":200,"Error":null}`, u, r, Unhealthy},
		{"success that quotes a limit text", 200, strings.Replace(ackBody, `"user_remark":""`, `"user_remark":"Limit exceed per minute"`, 1), order.OK, order.OK, Healthy},

		{"H1 listed text in HTTP 200", 200, fault(500, "Invalid stock code"), order.Refused, r, Healthy},
		{"H1 listed text in HTTP 500", 500, fault(500, " Invalid Market/Limit indicator:"), order.Refused, r, Healthy},
		{"H2 unknown text in HTTP 200", 200, fault(500, "Margin shortfall"), u, r, Unhealthy},
		{"H2 unknown text in HTTP 500", 500, fault(500, "Margin shortfall"), u, r, Unhealthy},
		{"a text that only contains a listed one", 200, fault(500, "Maybe Invalid stock code or so"), u, r, Unhealthy},
		{"H1a no data", 200, fault(500, "No Data Found"), u, order.Empty, Unhealthy},
		{"H1b address", 200, fault(500, "Request Denied: The IP address used does not match with the static IP declared"), order.ConfigFatal, order.ConfigFatal, Neutral},
		{"H1b user details", 200, fault(500, "Invalid User Details"), u, r, Unhealthy},
		{"H1b app key", 200, fault(5, "Public Key does not exist."), order.ConfigFatal, order.ConfigFatal, Neutral},
		{"resource not available", 200, fault(500, "Resource not available."), u, r, Unhealthy},
		{"H4 400", 400, `{"Success":null,"Status":400,"Error":""}`, order.RefusedPre, order.RefusedPre, Neutral},
		{"H4 404", 404, `{"Status":404,"Error":null}`, order.RefusedPre, order.RefusedPre, Neutral},
		{"H4 413 without a status", 413, `{"Error":null}`, order.RefusedPre, order.RefusedPre, Neutral},
		{"400 with an unknown message", 400, `{"message":"bad"}`, u, order.RefusedPre, Unhealthy},
		{"404 with an unknown text", 404, `{"Status":404,"Error":"no such path"}`, u, order.RefusedPre, Unhealthy},
		{"404 of the framework", 404, `{"Message":"No HTTP resource was found"}`, u, order.RefusedPre, Unhealthy},
		{"400 with a listed text", 400, fault(400, "Invalid stock code"), order.Refused, order.RefusedPre, Healthy},
		{"400 with a payload", 400, `{"Success":{"order_id":"1"},"Status":0,"Error":null}`, u, order.RefusedPre, Unhealthy},
		{"404 resource not available", 404, `{"Success":null,"Error":"Resource not available."}`, u, order.RefusedPre, Unhealthy},
		{"403 resource not available", 403, fault(500, "Resource not available."), u, order.ConfigFatal, Unhealthy},
		{"404 with a status in words", 404, `{"Success":null,"Status":"500","Error":null}`, u, r, Unhealthy},
		{"404 with an empty status", 404, `{"Success":null,"Status":null,"Error":null}`, u, r, Unhealthy},
		{"404 with a broken status", 404, `{"Success":null,"Status":404.5,"Error":null}`, u, r, Unhealthy},
		{"404 with a status of text and an error", 404, `{"Success":null,"Status":"500","Error":"Error while calling service, Please contact admin (T2:104)"}`, u, r, Unhealthy},
		{"400 with an unknown text", 400, `{"Success":null,"Status":null,"Error":"some unknown text"}`, u, r, Unhealthy},
		{"H4 405", 405, `{}`, order.RefusedPre, order.RefusedPre, Neutral},
		{"H4 422", 422, `{}`, order.RefusedPre, order.RefusedPre, Neutral},
		{"400 around an envelope of 500", 400, fault(500, "Something"), u, r, Unhealthy},
		{"400 as a page", 400, html, u, r, Unhealthy},
		{"408", 408, `{}`, u, r, Unhealthy},
		{"409", 409, `{}`, u, r, Unhealthy},
		{"H5 401", 401, `{"Status":5,"Error":"Authentication Fail :: Invalid Checksum."}`, order.Auth, order.Auth, Neutral},
		{"H5 the same in HTTP 200", 200, fault(500, "Authentication Fail :: Invalid Checksum."), order.Auth, order.Auth, Neutral},
		{"401 with an unknown text", 401, fault(5, "Nope"), u, order.Auth, Neutral},
		{"H6 401 throttle", 401, fault(5, "Limit exceed: API call per minute:Try after some time"), order.Throttle, order.Throttle, Neutral},
		{"H7 day", 401, fault(5, "Limit exceed: API call per day: "), order.ThrottleDay, order.ThrottleDay, Neutral},
		{"H8 403", 403, `{}`, order.ConfigFatal, order.ConfigFatal, Neutral},
		{"H8 403 page", 403, html, order.ConfigFatal, order.ConfigFatal, Neutral},
		{"H9 429", 429, `{}`, order.Throttle, order.Throttle, Neutral},
		{"H12 429 page", 429, html429, order.Throttle, order.Throttle, Neutral},
		{"H12 429 page under 502", 502, html429, order.Throttle, order.Throttle, Neutral},
		{"H11 500", 500, `{}`, u, r, Unhealthy},
		{"H11 502 page", 502, html, u, r, Unhealthy},
		{"H11 503 page", 503, html, u, r, Unhealthy},
		{"H11 503 with a throttle text", 503, fault(5, "Limit exceed: API call per minute"), order.Throttle, order.Throttle, Neutral},
		{"H11 504", 504, ``, u, r, Unhealthy},
		{"H12 page under 200", 200, html, u, r, Unhealthy},
		{"N13 redirect", 302, ``, u, r, Unhealthy},
		{"exception object", 500, `{"Message":"An error has occurred.","ExceptionMessage":"null","ExceptionType":"x","StackTrace":"y"}`, u, r, Unhealthy},
		{"exception object under 400", 400, `{"Message":"An error has occurred.","ExceptionMessage":"null"}`, u, r, Unhealthy},
	} {
		c := NewClassifier()
		for _, e := range []Endpoint{PlaceOrder, ModifyOrder, CancelOrder} {
			j := c.Classify(&Attempt{Endpoint: e, Phase: Answered, Code: row.code, Body: []byte(row.body)})
			require.Equal(t, row.write, j.Verdict, "%s on a write: %s", row.name, j.Reason)
			require.Equal(t, row.health, j.Health, "%s on a write", row.name)
			require.Equal(t, j.Verdict == order.OK, !j.VenueID.IsZero(), row.name)
		}
		j := c.Classify(&Attempt{Endpoint: OrderList, Phase: Answered, Code: row.code, Body: []byte(row.body)})
		require.Equal(t, row.read, j.Verdict, "%s on a read: %s", row.name, j.Reason)
	}
}

func TestTheSessionEndpointReadsTheSameWordsOtherwise(t *testing.T) {
	c := NewClassifier()
	for text, want := range map[string]order.Verdict{
		"Invalid session.":           order.Auth,
		"Resource not available.":    order.Auth,
		"Public Key does not exist.": order.ConfigFatal,
		"Something new":              order.Retry,
	} {
		for _, code := range []int{200, 401, 500} {
			if text == "Something new" && code == 401 {
				continue
			}
			j := c.Classify(&Attempt{Endpoint: CustomerDetails, Phase: Answered, Code: code, Body: []byte(fault(500, text))})
			require.Equal(t, want, j.Verdict, "%s %d", text, code)
		}
	}
}

func TestTheOperatorsListExtendsTheRefusals(t *testing.T) {
	body := []byte(fault(500, "Insufficient limits."))
	a := &Attempt{Endpoint: PlaceOrder, Phase: Answered, Code: 200, Body: body}

	require.Equal(t, order.Unknown, NewClassifier().Classify(a).Verdict)
	require.Equal(t, order.Refused, NewClassifier("", " Insufficient limits ").Classify(a).Verdict)
}

func TestAnOversizeAnswerToAWriteProvesNothing(t *testing.T) {
	body := strings.Replace(ackBody, "Successfully", strings.Repeat("y", sniffSize), 1)

	j := NewClassifier().Classify(&Attempt{Endpoint: PlaceOrder, Phase: Answered, Code: 200, Body: []byte(body)})

	require.Equal(t, order.Unknown, j.Verdict)
}

func TestH9_RetryAfterIsParsedAndClamped(t *testing.T) {
	now := market.NewDate(2026, 11, 23).At(10 * time.Hour)
	reads := func(value string, want time.Duration) {
		t.Helper()
		got, ok := ParseRetryAfter([]byte(value), now)
		require.True(t, ok, value)
		require.Equal(t, want, got, value)
	}
	refuses := func(value string) {
		t.Helper()
		_, ok := ParseRetryAfter([]byte(value), now)
		require.False(t, ok, value)
	}
	reads("0", 0)
	reads(" 7 ", 7*time.Second)
	reads("300", MaxRetryAfter)
	reads("301", MaxRetryAfter)
	reads("315360000", MaxRetryAfter)
	reads(strings.Repeat("9", 400), MaxRetryAfter)
	reads(now.Add(90*time.Second).Time().UTC().Format(http.TimeFormat), 90*time.Second)
	reads(now.Add(9000*time.Hour).Time().UTC().Format(http.TimeFormat), MaxRetryAfter)
	refuses("")
	refuses("-1")
	refuses("1.5")
	refuses("3 seconds")
	refuses("soon")
	refuses(now.Add(-time.Second).Time().UTC().Format(http.TimeFormat))
	refuses("Mon, 99 Foo 2026 10:00:00 GMT")
}

func TestH9_ARetryAfterDateIsReadOnTheVenuesOwnClock(t *testing.T) {
	const form = http.TimeFormat
	venue := time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)
	a := &Attempt{
		Endpoint: PlaceOrder, Phase: Answered, Code: 429, Body: []byte(`{}`),
		RetryAfter: []byte(venue.Add(20 * time.Second).Format(form)), Date: []byte(venue.Format(form)),
		Wall: market.UnixNano(venue.Add(time.Hour).UnixNano()), // ours is an hour ahead
	}

	require.Equal(t, 20*time.Second, NewClassifier().Classify(a).RetryAfter)

	a.Date, a.RetryAfter = nil, nil
	require.Equal(t, time.Duration(-1), NewClassifier().Classify(a).RetryAfter)
}

func TestS8_VenueTextIsEscapedForTheLog(t *testing.T) {
	escapes := func(text, want string) {
		t.Helper()
		require.Equal(t, want, Escape(text, 40))
	}
	escapes("plain text, ₹ too", "plain text, ₹ too")
	escapes("two\nlines\r\tand a tab", `two\nlines\r\tand a tab`)
	escapes("\x1b[31mred\x1b[0m", `\u{1b}[31mred\u{1b}[0m`)
	escapes("a\u202eb\u2066c\u200bd\ufeffe", `a\u{202e}b\u{2066}c\u{200b}d\u{feff}e`)
	escapes("bad \xff byte", `bad \xff byte`)
	escapes("line\u2028sep\x00nul\x7fdel\u0085", `line\u{2028}sep\u{0}nul\u{7f}del\u{85}`)
	escapes("", "")
	require.Equal(t, "abc...", Escape("abcdef", 3))
	require.Equal(t, "abc", Escape("abc", 3))

	j := NewClassifier().Classify(&Attempt{
		Endpoint: PlaceOrder, Phase: Answered, Code: 200, Body: []byte(fault(500, "x\n2026 INFO all is well\x1b[2J")),
	})
	require.Equal(t, `x\n2026 INFO all is well\u{1b}[2J`, j.Text)
}

// FuzzClassify's oracle is written apart from the classifier: whatever the
// bytes, a write is Refused, Throttle, Auth or OK only on the evidence that
// the table names, and NotSent only by the transport.
func FuzzClassify(f *testing.F) {
	for _, s := range lines[sample](f, "rest_response_samples.jsonl") {
		f.Add(uint8(PlaceOrder), uint8(Answered), 200, s.bytes(), "")
		f.Add(uint8(CancelOrder), uint8(Answered), 401, s.bytes(), "5")
	}
	f.Add(uint8(ModifyOrder), uint8(Cut), 429, []byte(ackBody), "Mon, 23 Nov 2026 05:00:00 GMT")
	f.Add(uint8(0), uint8(Answered), 404, []byte(`{"Status":404}`), "-9")
	for _, body := range []string{
		`{"Success":null,"Error":"Resource not available."}`, `{"Status":"500","Error":null}`, `{"Status":null}`, `{"message":"bad"}`,
		`{"Status":404,"Error":"no such path"}`, `{"Status":4.5}`, `{"Error":{"text":"x"}}`,
	} {
		f.Add(uint8(PlaceOrder), uint8(Answered), 404, []byte(body), "")
		f.Add(uint8(PlaceOrder), uint8(Answered), 403, []byte(body), "")
	}
	// Listed texts where they are no refusal, texts that nearly are, pages.
	for _, body := range []string{
		`{"Success":{"order_id":"1","message":"Invalid stock code"},"Status":200,"Error":null}`,
		`{"Success":null,"Status":500,"Error":"invalid stock code"}`, `{"Success":null,"Status":500,"Error":"Invalid stock code?"}`,
		`{"Success":null,"Status":500,"Error":"Invalid stock code","Error":"timed out"}`,
		`{"Success":null,"Status":500,"Error":"timed out","Message":"Invalid stock code"}`,
		`{"Success":null,"Status":500,"Error":["Invalid stock code"]}`, `"Invalid stock code"`, `Invalid stock code`,
		`{"Success":null,"Status":500,"Error":"Invalid\u0020stock code.:. "}`, `{"error":"Invalid stock code"}`,
		`<html><title>Invalid stock code</title></html>`, `<html><head><title>429 Too Many Requests</title></head></html>`,
		`{"Message":"An error has occurred.","ExceptionMessage":"Invalid stock code","ExceptionType":"x","StackTrace":"y"}`,
		`{"Success":null,"Status":500,"Error":"No Data Found"}`, `{"Success":null,"Status":500,"Error":"Error while calling service, Please contact admin (T2:154)"}`,
	} {
		for _, code := range []int{200, 400, 401, 403, 500, 502} {
			f.Add(uint8(PlaceOrder), uint8(Answered), code, []byte(body), "")
		}
	}
	for _, name := range []string{"rest_js_client.jsonl", "rest_python_client.jsonl"} { // what went out, as if it came back
		for _, r := range lines[json.RawMessage](f, name) {
			f.Add(uint8(PlaceOrder), uint8(Answered), 200, []byte(r), "")
		}
	}
	listed := []string{"Invalid Market/Limit indicator", "Invalid stock code"}
	c := NewClassifier()
	f.Fuzz(func(t *testing.T, endpoint, phase uint8, code int, body []byte, retryAfter string) {
		a := &Attempt{Endpoint: Endpoint(endpoint), Phase: Phase(phase), Code: code, Body: body, RetryAfter: []byte(retryAfter)}
		j := c.Classify(a)

		require.NotEmpty(t, j.Reason)
		require.True(t, j.RetryAfter >= -1 && j.RetryAfter <= MaxRetryAfter)
		for _, r := range j.Text {
			require.True(t, r >= ' ' && r != 0x7f && (r < 0x202a || r > 0x202e))
		}
		if !a.Endpoint.Write() {
			require.NotEqual(t, order.Unknown, j.Verdict)
			return
		}
		lower := strings.ToLower(errorText(body))
		answered := Phase(phase) == Answered
		switch j.Verdict {
		case order.Unknown:
		case order.NotSent:
			require.True(t, Phase(phase) == Unsent || Phase(phase) == PartSent)
		case order.OK:
			require.True(t, answered && code/100 == 2 && bytes.Contains(body, []byte("order_id")))
			require.False(t, j.VenueID.IsZero())
		case order.Refused:
			require.True(t, answered)
			require.True(t, saysOneOf(body, listed), "refused on %q", lower)
		case order.Throttle:
			require.True(t, answered && (code == 429 || bytes.Contains(body, []byte("429 Too Many Requests")) ||
				strings.Contains(lower, "limit exceed") && strings.Contains(lower, "per minute")))
		case order.ThrottleDay:
			require.True(t, answered && strings.Contains(lower, "limit exceed") && strings.Contains(lower, "per day"))
		case order.Auth:
			require.True(t, answered && (strings.Contains(lower, "authentication fail") || strings.Contains(lower, "invalid checksum")))
		case order.RefusedPre:
			require.True(t, answered && code >= 400 && code < 500 && code != 401 && code != 403 && code != 408 && code != 409 && code != 429)
			requireBare(t, body)
		case order.ConfigFatal:
			require.True(t, answered && (code == 403 || strings.Contains(lower, "static ip") || strings.Contains(lower, "public key")))
		default:
			t.Fatalf("a write got %s", j.Verdict)
		}
	})
}

// saysOneOf tells whether the answer's own text, Error's or Message's, is one of
// the list to the letter, but for space around and punctuation behind it. It
// looks with another parser than the classifier's; of what encoding/json does
// not take it asks that the text is there at all.
func saysOneOf(body []byte, list []string) bool {
	var members map[string]json.RawMessage
	whole := json.Unmarshal(body, &members) != nil
	for _, text := range list {
		if whole && bytes.Contains(body, []byte(text)) {
			return true
		}
		for _, key := range []string{"Error", "Message"} {
			var said string
			if json.Unmarshal(members[key], &said) == nil && strings.TrimRight(strings.TrimSpace(said), " .:") == text {
				return true
			}
		}
	}
	return false
}

// requireBare holds of a body that says nothing but a status of the 4xx.
func requireBare(t *testing.T, body []byte) {
	t.Helper()
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		require.NotContains(t, strings.ToLower(string(body)), `"order_id"`)
		return
	}
	for key, value := range members {
		if key == "Status" {
			status := 0
			require.NoError(t, json.Unmarshal(value, &status), "an unreadable status refused a write")
			require.NotEqual(t, "null", string(value))
			require.True(t, status == 0 || status/100 == 4, "status %d refused a write", status)
			continue
		}
		text := "?"
		if string(value) != "null" && json.Unmarshal(value, &text) == nil {
			require.Empty(t, strings.TrimSpace(text), "a text that is not listed refused a write")
		}
	}
}

// errorText finds Error and Message with another parser than the classifier's.
// What encoding/json does not accept comes back whole: it may hold anything.
func errorText(body []byte) string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return string(body)
	}
	text := ""
	for _, key := range []string{"Error", "Message"} {
		var s string
		if json.Unmarshal(members[key], &s) == nil {
			text += s + "\n"
		}
	}
	return text + string(body)
}
