package rest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/order"
)

// on judges an answer to each kind of write and to a read.
func on(t *testing.T, c *Classifier, code int, body string, check func(what string, write bool, j Judgement)) {
	t.Helper()
	for _, e := range []Endpoint{PlaceOrder, ModifyOrder, CancelOrder, OrderList, OrderDetail, Positions} {
		j := c.Classify(&Attempt{Endpoint: e, Phase: Answered, Code: code, Body: []byte(body)})
		check(fmt.Sprintf("%s %d %s: %s", e, code, body, j.Reason), e.Write(), j)
	}
}

// The list that ships is short on purpose: texts that users report for refusals
// of what was asked. What is refused for other reasons nobody has written down.
func TestH1_TheListThatShipsIsTheTwoTextsThatAreKnown(t *testing.T) {
	require.Equal(t, []string{"Invalid Market/Limit indicator", "Invalid stock code"}, shippedRefusals[:])
	for _, text := range []string{"Invalid Market/Limit indicator:", "Invalid Market/Limit indicator", " Invalid stock code ", "Invalid stock code."} {
		for _, code := range []int{200, 201, 401, 500, 502} {
			on(t, NewClassifier(), code, fault(500, text), func(what string, write bool, j Judgement) {
				require.Equal(t, write, j.Verdict == order.Refused, what)
				if write {
					require.Equal(t, Healthy, j.Health, what)
				}
			})
		}
	}
}

func TestH1_WhatOnlyLooksLikeAListedTextIsUnknown(t *testing.T) {
	for _, text := range []string{
		"invalid stock code", "INVALID STOCK CODE", "Invalid  stock code", "Invalid stock code NIFTY", "Sorry: Invalid stock code", "Invalid stock cod",
		"Invalid stock code\nand more", "Invalid stock code\u200b", "", "null",
	} {
		on(t, NewClassifier("Another text"), 200, fault(500, text), func(what string, write bool, j Judgement) {
			require.True(t, !write || j.Verdict == order.Unknown, what)
		})
	}
}

func TestH1_TheOperatorsTextsAreTakenToTheLetterToo(t *testing.T) {
	c := NewClassifier("  Insufficient limits.", "", " .:")
	on(t, c, 200, fault(500, "Insufficient limits:"), func(what string, write bool, j Judgement) {
		require.Equal(t, write, j.Verdict == order.Refused, what)
	})
	for _, text := range []string{"", " ", ".", "insufficient limits", "Insufficient limits of funds"} { // an empty line lists nothing
		on(t, c, 200, fault(500, text), func(what string, _ bool, j Judgement) { require.NotEqual(t, order.Refused, j.Verdict, what) })
	}
}

func TestH1a_NoDataFoundIsEmptyOnAReadAndNothingOnAWrite(t *testing.T) {
	for _, code := range []int{200, 404, 500} {
		on(t, NewClassifier(), code, fault(500, "No Data Found"), func(what string, write bool, j Judgement) {
			want := order.Empty
			if write {
				want = order.Unknown
			}
			require.Equal(t, want, j.Verdict, what)
		})
	}
}

func TestH1b_WhatOnlyAPersonCanMendIsFatalUnderAnyStatus(t *testing.T) {
	for _, text := range []string{
		"Request Denied: The IP address used does not match with the static IP declared when this API key was created",
		"Public Key does not exist.",
	} {
		for _, status := range []int{5, 200, 500} {
			for code := 200; code < 600; code++ {
				if code == 429 {
					continue // a throttle is a throttle
				}
				on(t, NewClassifier(), code, fault(status, text), func(what string, _ bool, j Judgement) {
					require.Equal(t, order.ConfigFatal, j.Verdict, what)
					require.Equal(t, Neutral, j.Health, what)
				})
			}
		}
	}
}

func TestH1b_InvalidUserDetailsIsAPassingFaultOfAReadAndNothingOnAWrite(t *testing.T) {
	on(t, NewClassifier(), 200, fault(500, "Invalid User Details"), func(what string, write bool, j Judgement) {
		require.Equal(t, unclear(write), j.Verdict, what)
	})
}

func TestH2_AnUnknownTextProvesNothingOnAWrite(t *testing.T) {
	for _, text := range []string{
		"Margin shortfall", "Order rejected", "Rejected: price out of range", "RMS: blocked", "Market is closed", "Resource not available.",
		"Error while calling service, Please contact admin (T2:154)", "\u20b9", strings.Repeat("x", 3000),
	} {
		for _, code := range []int{200, 201, 400, 404, 422, 500, 501, 502, 503, 504} {
			on(t, NewClassifier(), code, fault(500, text), func(what string, write bool, j Judgement) {
				require.Equal(t, unclear(write), j.Verdict, what)
				require.Equal(t, Unhealthy, j.Health, what)
			})
		}
	}
}

func TestH3_SuccessWithoutAnIdProvesNothingAndAWrongOneIsToldApart(t *testing.T) {
	for id, misnamed := range map[string]bool{
		"": false, `"order_id":""`: false, `"order_id":null`: false, `"id":"1"`: false,
		`"order_id":17`: true, `"order_id":"1 2"`: true, `"order_id":"-1"`: true, `"order_id":{}`: true, `"order_id":"` + strings.Repeat("1", 24) + `"`: true,
	} {
		body := `{"Success":{` + id + `},"Status":200,"Error":null}`
		on(t, NewClassifier(), 200, body, func(what string, write bool, j Judgement) {
			if write {
				require.Equal(t, order.Unknown, j.Verdict, what)
				require.Equal(t, Unhealthy, j.Health, what)
			}
			require.Equal(t, write && misnamed, j.Misnamed, what)
			require.True(t, j.VenueID.IsZero(), what)
		})
	}
}

func TestH4_OnlyAnAnswerThatSaysNothingElseRefusesAWriteUnread(t *testing.T) {
	for _, code := range []int{400, 404, 405, 422} {
		for _, body := range []string{`{}`, `{"Status":0}`, fmt.Sprintf(`{"Success":null,"Status":%d,"Error":null}`, code), `{"Success":"","Error":" "}`} {
			on(t, NewClassifier(), code, body, func(what string, _ bool, j Judgement) {
				require.Equal(t, order.RefusedPre, j.Verdict, what)
				require.Equal(t, Neutral, j.Health, what)
			})
		}
	}
}

func TestH8_ForbiddenIsAMatterForAPerson(t *testing.T) {
	for _, body := range []string{``, `{}`, `<html>Forbidden</html>`, fault(403, "who knows"), `[]`} {
		on(t, NewClassifier(), 403, body, func(what string, _ bool, j Judgement) {
			require.Equal(t, order.ConfigFatal, j.Verdict, what)
			require.Equal(t, Neutral, j.Health, what)
		})
	}
}

// A page is judged by its title and its status alone, whatever words it has.
func TestH12_APageUnderAnyStatusProvesNothing(t *testing.T) {
	pages := []string{
		"<html><body>Invalid stock code</body></html>", "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>",
		`<html>{"Success":{"order_id":"1"},"Status":200,"Error":null}</html>`, "<html>Authentication Fail :: Invalid Checksum.</html>",
		"<html>Limit exceed: API call per minute</html>",
	}
	for _, page := range pages {
		for code := 200; code < 600; code++ {
			if code == 403 || code == 429 {
				continue // rows of their own
			}
			on(t, NewClassifier(), code, page, func(what string, write bool, j Judgement) {
				require.Equal(t, unclear(write), j.Verdict, what)
				require.Equal(t, Unhealthy, j.Health, "the breaker counts it: %s", what)
			})
		}
	}
	for code := 200; code < 600; code++ {
		if code == 403 {
			continue
		}
		on(t, NewClassifier(), code, "<html><head><title>429 Too Many Requests</title></head></html>", func(what string, _ bool, j Judgement) {
			require.Equal(t, order.Throttle, j.Verdict, what)
		})
	}
}

func TestH13_AnIdIsLettersAndDigitsAndNotTooLong(t *testing.T) {
	for id, good := range map[string]bool{
		"202611233800017846": true, "20261123N300001234": true, // as the venue's own documentation shows them
		strings.Repeat("9", 23): true, strings.Repeat("9", 24): false, "1 2": false, "1\\n": false, "\\u0661": false, "-5": false, "1e9": true,
	} {
		j := NewClassifier().Classify(&Attempt{
			Endpoint: PlaceOrder, Phase: Answered, Code: 200, Body: []byte(`{"Success":{"order_id":"` + id + `"},"Status":200,"Error":null}`),
		})
		require.Equal(t, good, j.Verdict == order.OK, id)
		require.Equal(t, !good, j.Misnamed, id)
	}
}
