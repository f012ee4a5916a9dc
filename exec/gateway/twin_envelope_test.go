package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
	"github.com/vayu-trading/vayu/exec/sim"
)

// reply is what stands in the place of the venue's answer.
type reply struct {
	code int
	text string
}

// fronted is a twin in a bubble behind a front that counts placements and, as
// long as change is set, replaces their answers. Done: the venue did what was
// asked, and only its word is replaced; otherwise it never hears of it.
type fronted struct {
	*twin
	places atomic.Int32
	lists  atomic.Int32
	change atomic.Pointer[func(nth int32, honest string) reply]
	list   atomic.Pointer[func(honest string) reply] // of order lists
}

func behindAFront(t *testing.T, done bool, l link, run func(t *testing.T, f *fronted)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := new(fronted)
		l.front = func(venue http.Handler) http.Handler {
			honest := tampered(func(r *http.Request, body string, a *httptest.ResponseRecorder) (int, string) {
				text := a.Body.String()
				if change := f.change.Load(); change != nil && r.Method == http.MethodPost {
					c := (*change)(f.places.Load(), text)
					return c.code, c.text
				}
				if change := f.list.Load(); change != nil && r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/order") && !strings.Contains(body, "order_id") {
					f.lists.Add(1)
					c := (*change)(text)
					return c.code, c.text
				}
				return a.Code, text
			})(venue)
			return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					nth := f.places.Add(1)
					if change := f.change.Load(); change != nil && !done {
						c := (*change)(nth, "")
						out.WriteHeader(c.code)
						_, _ = fmt.Fprint(out, c.text)
						return
					}
				}
				honest.ServeHTTP(out, r)
			})
		}
		f.twin, _ = newVirtualTwin(t, l)
		run(t, f)
	})
}

func (f *fronted) answers(code int, text string) {
	f.change.Store(new(func(int32, string) reply { return reply{code, text} }))
}

func (w *twin) alarmed(text string) bool {
	w.lock.Lock()
	defer w.lock.Unlock()
	for _, a := range w.alarms {
		if strings.Contains(a, text) {
			return true
		}
	}
	return false
}

func failed(status int, text string) string {
	return fmt.Sprintf(`{"Success":null,"Status":%d,"Error":%q}`, status, text)
}

func TestH1_AListedTextEndsTheOrderAtOnceAtTheTwin(t *testing.T) {
	behindAFront(t, false, link{}, func(t *testing.T, f *fronted) {
		f.answers(http.StatusOK, failed(500, "Invalid stock code"))

		id := f.buy(10010)
		time.Sleep(time.Minute)

		require.Equal(t, order.Rejected, f.update(id).State)
		require.EqualValues(t, 1, f.places.Load(), "no retry")
		require.Zero(t, f.Snapshot().Core.Ambiguous)
	})
}

func TestH1_TheTwinsOwnTextsAreOnNoListUntilTheOperatorListsThem(t *testing.T) {
	const text = "Limit rate is outside the operating range of the day"
	for _, listed := range []bool{false, true} {
		l := link{}
		if listed {
			l.change = func(c *Config) { c.Refusals = []string{text} }
		}
		behindAFront(t, true, l, func(t *testing.T, f *fronted) {
			f.change.Store(new(func(int32, string) reply { return reply{http.StatusOK, failed(500, text)} }))
			f.mute.Store(true)
			require.NoError(t, f.venue.SetFaults(sim.Faults{ListLag: time.Hour}))

			id := f.buy(9900)
			time.Sleep(200 * time.Millisecond)

			if listed {
				require.Equal(t, order.Rejected, f.update(id).State)
			} else {
				require.True(t, f.update(id).State.InDoubt(), "an unknown text proves nothing")
			}
			require.EqualValues(t, 1, f.places.Load())
		})
	}
}

// Each answer proves nothing about the order: it is in doubt, sent once, and
// what the venue's list says settles it.
func TestH2_AnUnknownTextOnAWriteIsSettledByTheListsAtTheTwin(t *testing.T) {
	for _, done := range []bool{false, true} {
		for _, code := range []int{http.StatusOK, http.StatusInternalServerError} {
			inDoubt(t, done, code, failed(500, "Margin shortfall"))
		}
	}
}

func TestH3_AnAnswerWithoutSuccessOrWithoutAnIdIsSettledByTheListsAtTheTwin(t *testing.T) {
	for _, text := range []string{
		`{"Success":null,"Status":200,"Error":null}`, `{"Success":{"message":"Successfully Placed the order"},"Status":200,"Error":null}`,
		`{"Success":{"order_id":""},"Status":200,"Error":null}`, `{"Success":{"order_id":null},"Status":200,"Error":null}`,
		`{"Success":"","Status":200,"Error":null}`, `{}`, `null`, ``,
	} {
		inDoubt(t, true, http.StatusOK, text)
	}
}

func TestH11_AServerErrorOnAWriteIsSettledByTheListsAtTheTwin(t *testing.T) {
	for _, code := range []int{500, 502, 503, 504} {
		for _, done := range []bool{false, true} {
			inDoubt(t, done, code, `{"Message":"An error has occurred."}`)
		}
	}
}

func TestH12_APageUnderAnyStatusIsSettledByTheListsAtTheTwin(t *testing.T) {
	for _, code := range []int{200, 201, 301, 302, 307, 400, 401, 404, 405, 422, 500, 502, 503, 504, 520} {
		inDoubt(t, true, code, "<!DOCTYPE html><html><head><title>Service</title></head><body>maintenance</body></html>")
	}
}

func inDoubt(t *testing.T, done bool, code int, text string) {
	t.Helper()
	behindAFront(t, done, link{}, func(t *testing.T, f *fronted) {
		f.mute.Store(true)
		f.answers(code, text)

		id := f.buy(9900)
		time.Sleep(200 * time.Millisecond)

		require.True(t, f.update(id).State.InDoubt(), "%d %s: %s", code, text, f.update(id).State)
		want := order.ClosedAbsent
		if done {
			want = order.Working
		}
		require.Eventually(t, func() bool { return f.update(id).State == want }, time.Minute, time.Millisecond, "%d %s", code, text)
		require.EqualValues(t, 1, f.places.Load(), "sent once")
		require.False(t, f.alarmed("named"), "an id that is missing is no invariant broken")
		f.change.Store(nil)
		other := f.buy(9905)
		require.Eventually(t, func() bool { return f.update(other).State == order.Working || f.update(other).State == order.Acked }, 30*time.Second, time.Millisecond)
	})
}

func TestH12_FivePagesInARowOpenTheBreakerAtTheTwin(t *testing.T) {
	behindAFront(t, false, link{}, func(t *testing.T, f *fronted) {
		f.answers(http.StatusOK, "<html>maintenance</html>")
		for i := range 5 {
			require.False(t, f.alarmed("too many calls fail"))
			id := f.buy(9900 - 5*orderStep(i))
			f.settled(t, time.Minute, id)
		}
		require.True(t, f.alarmed("too many calls fail"))
		require.EqualValues(t, 5, f.places.Load())
		require.Zero(t, f.venue.Stats().OrdersAccepted)
	})
}

func TestH4_AMalformedRequestIsOurOwnFaultAndNotTheVenuesAtTheTwin(t *testing.T) {
	for _, code := range []int{400, 404, 405, 422} {
		behindAFront(t, false, link{}, func(t *testing.T, f *fronted) {
			f.answers(code, fmt.Sprintf(`{"Success":null,"Status":%d,"Error":null}`, code))
			for i := range 7 {
				id := f.buy(9900 - 5*orderStep(i))
				time.Sleep(100 * time.Millisecond)
				require.Equal(t, order.Rejected, f.update(id).State)
			}
			require.EqualValues(t, 7, f.places.Load(), "no retry")
			time.Sleep(2 * publishEvery)
			snap := f.Snapshot()
			require.Equal(t, breaker.Closed, snap.Standing.Writes, "seven in a row do not open it")
			require.EqualValues(t, 7, snap.Verdicts[order.RefusedPre], "counted")
			require.Zero(t, snap.Core.Ambiguous)
		})
	}
}

func TestH8_AForbiddenWriteHaltsEntriesAndIsSettledByTheListsAtTheTwin(t *testing.T) {
	for _, done := range []bool{false, true} {
		behindAFront(t, done, link{}, func(t *testing.T, f *fronted) {
			f.answers(http.StatusForbidden, `{}`)

			id := f.buy(9900)
			time.Sleep(200 * time.Millisecond)
			require.Equal(t, order.Denied, f.update(f.buy(9905)).State)

			want := order.ClosedAbsent
			if done {
				want = order.Working
			}
			require.Eventually(t, func() bool { return f.update(id).State == want }, time.Minute, time.Millisecond)
			require.Eventually(t, func() bool { return f.Snapshot().Standing.Halted }, time.Second, time.Millisecond)
			require.EqualValues(t, 1, f.places.Load())
			require.NotEmpty(t, f.alarms)
		})
	}
}

func TestH1b_AnUnknownAppKeyHaltsAtTheTwin(t *testing.T) {
	behindAFront(t, false, link{}, func(t *testing.T, f *fronted) {
		f.answers(http.StatusOK, failed(5, "Public Key does not exist."))
		id := f.buy(9900)
		require.Eventually(t, func() bool { return f.Snapshot().Standing.Halted }, time.Second, time.Millisecond)
		require.Equal(t, order.Denied, f.update(f.buy(9905)).State)
		f.settled(t, time.Minute, id)
		require.EqualValues(t, 1, f.places.Load())
	})
}

var orderIDs = regexp.MustCompile(`"order_id":"(\w+)"`)

func TestH13_OneIdForTwoOrdersHaltsTheInstrumentAtTheTwin(t *testing.T) {
	behindAFront(t, true, link{}, func(t *testing.T, f *fronted) {
		var first string
		f.change.Store(new(func(nth int32, honest string) reply {
			if nth == 1 {
				first = orderIDs.FindStringSubmatch(honest)[1]
				return reply{http.StatusOK, honest}
			}
			return reply{http.StatusOK, orderIDs.ReplaceAllString(honest, `"order_id":"`+first+`"`)}
		}))
		one := f.buy(9900)
		require.Eventually(t, func() bool { return f.update(one).State == order.Working }, 5*time.Second, time.Millisecond)
		f.mute.Store(true)

		two := f.buy(9905)
		time.Sleep(200 * time.Millisecond)

		require.True(t, f.alarmed("named two orders alike"))
		require.True(t, f.update(two).State.InDoubt())
		f.settledOrWorking(t, two)
		require.Equal(t, order.Working, f.update(two).State, "the list has its real id")
		require.Equal(t, order.Working, f.update(one).State, "and the first keeps its own")
		require.Equal(t, order.Denied, f.update(f.buy(9910)).State, "the instrument waits for a person")
		f.judge(t, []order.ID{one, two})

		f.Operator(Operator{Instrument: 1})
		f.change.Store(nil)
		three := f.buy(9910)
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, order.Acked, f.update(three).State)
	})
}

func TestH13_AnIdThatCannotBeOneHaltsTheInstrumentAtTheTwin(t *testing.T) {
	for _, id := range []string{`"12 34"`, `"` + strings.Repeat("1", 40) + `"`, `"2026-11-23/7"`, `202611233800017846`, `["1"]`, `"\u0661\u0662"`} {
		behindAFront(t, true, link{}, func(t *testing.T, f *fronted) {
			f.mute.Store(true)
			f.change.Store(new(func(_ int32, honest string) reply {
				return reply{http.StatusOK, orderIDs.ReplaceAllLiteralString(honest, `"order_id":`+id)}
			}))

			one := f.buy(9900)
			time.Sleep(200 * time.Millisecond)

			require.True(t, f.alarmed("named an order as no order can be named"), id)
			require.True(t, f.update(one).State.InDoubt(), id)
			f.settledOrWorking(t, one)
			require.Equal(t, order.Working, f.update(one).State, "the list has its real id")
			require.Equal(t, order.Denied, f.update(f.buy(9910)).State, "the instrument waits for a person")
			f.judge(t, []order.ID{one})
		})
	}
}

func (w *twin) settledOrWorking(t *testing.T, id order.ID) {
	t.Helper()
	require.Eventually(t, func() bool { s := w.update(id).State; return s.Terminal() || s == order.Working }, time.Minute, time.Millisecond)
}

// The order lives at the venue and its answer is lost; the lists lie. None of
// them may close it.
func TestH14_AListThatLiesClosesNoOrderAtTheTwin(t *testing.T) {
	row := regexp.MustCompile(`\{"order_id"[^}]*\}`)
	var stale atomic.Pointer[string]
	for name, lie := range map[string]func(honest string) string{
		"empty by mistake, with another order known": func(string) string { return failed(500, "No Data Found") },
		"partial": func(honest string) string {
			rows := row.FindAllString(honest, -1)
			return `{"Success":[` + rows[0] + `,{"order_id":"77","quantity":"sixty five"}],"Status":200,"Error":null}`
		},
		"cut in the middle": func(honest string) string { return honest[:len(honest)*2/3] },
		"of another day": func(honest string) string {
			rows := row.FindAllString(honest, -1)
			return `{"Success":[` + regexp.MustCompile(`"order_datetime":"[^"]*"`).ReplaceAllString(rows[0], `"order_datetime":"20-Nov-2026 10:00"`) + `],"Status":200,"Error":null}`
		},
		"a stale cache": func(honest string) string { // from before either order
			return *stale.Load()
		},
		"shrinking": func(honest string) string {
			rows := row.FindAllString(honest, -1)
			return `{"Success":[` + strings.Join(rows[2:], ",") + `],"Status":200,"Error":null}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			behindAFront(t, true, link{}, func(t *testing.T, f *fronted) {
				stale.Store(new(`{"Success":[],"Status":200,"Error":null}`))
				known := f.buy(9800)
				require.Eventually(t, func() bool { return f.update(known).State == order.Working }, 5*time.Second, time.Millisecond)
				time.Sleep(5 * time.Second) // a list has shown it
				f.mute.Store(true)
				f.list.Store(new(func(honest string) reply { return reply{http.StatusOK, lie(honest)} }))
				f.answers(http.StatusBadGateway, "")

				id := f.buy(9900)
				time.Sleep(2 * time.Minute)

				require.Equal(t, order.Reconciling, f.update(id).State)
				require.Greater(t, f.lists.Load(), int32(5))
				f.list.Store(nil)
				f.settledOrWorking(t, id)
				require.Equal(t, order.Working, f.update(id).State)
				f.judge(t, []order.ID{known, id})
			})
		})
	}
}

// The venue's own "No Data Found" about an order that lives: the list alone
// closes nothing, its detail ends nothing.
func TestH1a_NoDataFoundOnADetailEndsNothingAtTheTwin(t *testing.T) {
	behindAFront(t, true, link{front: nil}, func(t *testing.T, f *fronted) {
		id := f.buy(9900)
		require.Eventually(t, func() bool { return f.update(id).State == order.Working }, 5*time.Second, time.Millisecond)
		require.NoError(t, f.venue.SetFaults(sim.Faults{EmptyList: 1, IgnoreCancel: 1}))
		f.mute.Store(true)
		f.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: id, Strategy: 1}}) // makes it read the detail

		time.Sleep(3 * time.Minute)

		require.Equal(t, order.Working, f.update(id).State)
		require.NoError(t, f.venue.SetFaults(sim.Faults{}))
		require.Eventually(t, func() bool { return f.update(id).State == order.Cancelled }, 2*time.Minute, time.Millisecond)
	})
}

func TestH16_RemarksThatDoNotComeBackAreReplacedByFingerprintsAtTheTwin(t *testing.T) {
	for _, row := range []struct {
		mode sim.RemarkMode
		want Remarks
	}{{sim.BlankRemarks, RemarksLost}, {sim.TruncatedRemarks, RemarksLost}, {sim.UpperRemarks, RemarksEchoed}, {sim.EchoRemarks, RemarksEchoed}} {
		behindAFront(t, true, link{remarks: row.mode}, func(t *testing.T, f *fronted) {
			f.mute.Store(true)
			f.answers(http.StatusBadGateway, "")

			id := f.buy(9900)
			f.settledOrWorking(t, id)
			require.Equal(t, order.Working, f.update(id).State, "found by what it is")
			time.Sleep(time.Minute)

			require.Equal(t, row.want, f.Snapshot().Standing.Remarks)
			require.EqualValues(t, 1, f.places.Load(), "never sent again")
			f.judge(t, []order.ID{id})
		})
	}
}

// orderStep keeps prices of several orders apart.
func orderStep(i int) market.Paise { return market.Paise(i) }
