package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestPageIsConfinedAndCarriesTheToken(t *testing.T) {
	s := listen(t, Config{Kill: func(string) error { return nil }})

	answer := ask(s, "GET", "/", "127.0.0.1:8420", nil, "")

	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), s.guard.token)
	require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'none'")
	require.NotContains(t, answer.Body.String(), "http://", "everything comes from this binary")
	require.NotContains(t, answer.Body.String(), "https://")
	for _, file := range []string{"app.js", "chain.js", "plot.js", "stop.js", "format.js", "style.css", "mark.svg"} {
		require.Equal(t, http.StatusOK, ask(s, "GET", "/"+file, "localhost", nil, "").Code, file)
	}
	for _, file := range []string{"index.html", "..%2fserver.go", "assets/app.js", "nothing"} {
		require.Equal(t, http.StatusNotFound, ask(s, "GET", "/"+file, "localhost", nil, "").Code, file)
	}
}

func TestForeignNamesForThisAddressAreRefused(t *testing.T) {
	s := listen(t, Config{})
	for _, host := range []string{"evil.example", "evil.example:8420", "127.0.0.1.evil.example", "10.1.2.3:8420", "localhost.evil", ""} {
		require.Equal(t, http.StatusMisdirectedRequest, ask(s, "GET", "/", host, nil, "").Code, host)
		require.Equal(t, http.StatusMisdirectedRequest, ask(s, "GET", "/stream", host, nil, "").Code, host)
	}
	for _, host := range []string{"127.0.0.1:1", "localhost:1", "[::1]:1", "127.0.0.1"} {
		require.Equal(t, http.StatusOK, ask(s, "GET", "/", host, nil, "").Code, host)
	}
}

func TestOnlyTheOwnPageMayStopTrading(t *testing.T) {
	var reasons []string
	s := listen(t, Config{Kill: func(reason string) error {
		reasons = append(reasons, reason)
		return nil
	}})
	const host = "127.0.0.1:8420"
	good := map[string]string{tokenHeader: s.guard.token, "Origin": "http://" + host, "Sec-Fetch-Site": "same-origin"}
	refused := func(header, value string) {
		t.Helper()
		headers := make(map[string]string)
		for k, v := range good {
			headers[k] = v
		}
		headers[header] = value
		require.Equal(t, http.StatusForbidden, ask(s, "POST", "/stop", host, headers, `{"reason":"x"}`).Code)
	}

	refused(tokenHeader, "")
	refused(tokenHeader, s.guard.token[1:])
	refused("Origin", "")
	refused("Origin", "null")
	refused("Origin", "http://evil.example")
	refused("Origin", "http://127.0.0.1:9999")
	refused("Sec-Fetch-Site", "cross-site")
	refused("Sec-Fetch-Site", "same-site")
	require.Equal(t, http.StatusNotFound, ask(s, "GET", "/stop", host, good, "").Code)
	require.Equal(t, http.StatusBadRequest, ask(s, "POST", "/stop", host, good, "reason").Code)
	require.Equal(t, http.StatusBadRequest, ask(s, "POST", "/stop", host, good, `{"reason":"`+strings.Repeat("x", 5000)+`"}`).Code)
	require.Empty(t, reasons)

	require.Equal(t, http.StatusNoContent, ask(s, "POST", "/stop", host, good, `{"reason":"fat finger\u001b[2J\n\u202e"}`).Code)
	require.Equal(t, []string{"fat finger [2J"}, reasons)
}

func TestStopThatFailsSaysSo(t *testing.T) {
	s := listen(t, Config{Kill: func(string) error { return errors.New("the order core has ended") }})
	headers := map[string]string{tokenHeader: s.guard.token, "Origin": "http://localhost"}

	answer := ask(s, "POST", "/stop", "localhost", headers, `{}`)

	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.Contains(t, answer.Body.String(), "trading was not stopped: the order core has ended")
}

func TestS4_OtherMachinesMayLookAtMost(t *testing.T) {
	_, err := Listen(Config{Listen: "0.0.0.0:0", Snapshot: func() Snapshot { return Snapshot{} }})
	require.ErrorContains(t, err, "reached from other machines")

	s := listen(t, Config{Listen: "0.0.0.0:0", Public: true, Kill: func(string) error { panic("never called") }})
	page := ask(s, "GET", "/", "192.0.2.1:80", nil, "")
	require.Equal(t, http.StatusOK, page.Code)
	require.NotContains(t, page.Body.String(), s.guard.token)
	headers := map[string]string{tokenHeader: s.guard.token, "Origin": "http://192.0.2.1:80"}
	require.Equal(t, http.StatusForbidden, ask(s, "POST", "/stop", "192.0.2.1:80", headers, `{}`).Code)
	require.Equal(t, http.StatusMisdirectedRequest, ask(s, "GET", "/", "evil.example", nil, "").Code)
}

func TestStreamTellsFramesUntilTheEngineEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	engine := newFakeEngine()
	s := listen(t, Config{Snapshot: engine.snapshot, Kill: engine.kill, Every: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(s.URL() + "/stream")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	events := make(map[string]int)
	var last frame
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for event := ""; lines.Scan() && events["frame"] < 5; {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			event = name
			events[event]++
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && event == "frame" {
			require.NoError(t, json.Unmarshal([]byte(data), &last))
		}
	}

	require.Equal(t, 1, events["hello"])
	require.Positive(t, events["curve"])
	require.Equal(t, "armed", last.Kill.Level)
	require.True(t, last.Kill.Offered)
	require.Len(t, last.Chain.Rows, 39)
	require.NotContains(t, s.guard.instance(), s.guard.token[:8])

	cancel()
	require.NoError(t, <-ended)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err, "the stream ends, it does not break")
}

func TestNobodyLookingCostsOneSnapshotASecond(t *testing.T) {
	var taken atomic.Int64
	s := listen(t, Config{Every: time.Millisecond, Snapshot: func() Snapshot {
		taken.Add(1)
		return Snapshot{}
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()

	require.NoError(t, s.Run(ctx))

	require.Equal(t, int64(1), taken.Load())
}

func TestP12_SlowBrowserMissesFramesAndHoldsNobody(t *testing.T) {
	var h hub
	slow, ok := h.join()
	require.True(t, ok)
	quick, ok := h.join()
	require.True(t, ok)

	for i := range 10 {
		h.publish(message{frame: []byte{byte(i)}})
		require.Equal(t, []byte{byte(i)}, quick.take().frame)
	}

	require.Equal(t, []byte{9}, slow.take().frame, "newest wins")
	require.Equal(t, uint64(9), h.skipped.Load())
	h.publish(message{frame: []byte{10}, curve: []byte("c")})
	h.publish(message{frame: []byte{11}})
	require.Equal(t, message{frame: []byte{11}, curve: []byte("c")}, slow.take(), "a curve is kept until it is taken")

	h.leave(slow)
	h.leave(quick)
	require.False(t, h.watched())
}

func TestOnlySoManyPagesMayBeOpen(t *testing.T) {
	var h hub
	for range maxWatchers {
		_, ok := h.join()
		require.True(t, ok)
	}
	_, ok := h.join()
	require.False(t, ok)
}

func TestCurveHoldsAWholeDayInBoundedSpace(t *testing.T) {
	var c curve
	open, end := market.NewDate(2026, 8, 18).At(9*time.Hour+15*time.Minute), market.NewDate(2026, 8, 18).At(15*time.Hour+30*time.Minute)
	for at := open; at <= end; at = at.Add(200 * time.Millisecond) {
		c.add(at, market.Paise(at-open))
	}

	require.LessOrEqual(t, len(c.points), curvePoints)
	require.Greater(t, len(c.points), curvePoints/2-1)
	require.Equal(t, millis(open), c.points[0][0])
	require.InDelta(t, millis(end), c.points[len(c.points)-1][0], 64_000)
	for i := 1; i < len(c.points); i++ {
		require.Less(t, c.points[i-1][0], c.points[i][0])
	}

	require.True(t, c.add(open, 5), "a new day begins a new curve")
	require.Equal(t, [][2]int64{{millis(open), 5}}, c.points)
}

func TestFrameNeverCarriesNullOrWhatJSONCannotSay(t *testing.T) {
	s := Snapshot{Chain: Chain{Rows: []Row{{Call: Leg{IV: nan(), Age: -1}}}}, Orders: make([]Order, 500), Notes: make([]Note, 500)}

	text, err := encode(&s, false)

	require.NoError(t, err)
	require.NotContains(t, string(text), "null")
	var f frame
	require.NoError(t, json.Unmarshal(text, &f))
	require.Len(t, f.Orders, maxOrders)
	require.Len(t, f.Notes, maxNotes)
	require.Equal(t, legFrame{0, 0, 0, 0, -1, 0}, f.Chain.Rows[0].Call)
	require.Equal(t, "unlabelled", f.Moment)
}

func TestTakenAddressIsAnErrorBeforeAnythingTrades(t *testing.T) {
	s := listen(t, Config{})
	_, err := Listen(Config{Listen: s.listener.Addr().String(), Snapshot: func() Snapshot { return Snapshot{} }})
	require.ErrorContains(t, err, "address already in use")
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}

func listen(t *testing.T, c Config) *Server {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Snapshot == nil {
		c.Snapshot = func() Snapshot { return Snapshot{} }
	}
	s, err := Listen(c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func ask(s *Server, method, path, host string, headers map[string]string, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Host = host
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, request)
	return answer
}
