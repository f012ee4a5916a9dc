package sim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// running is a venue on loopback that plays.
type running struct {
	*Venue
	base string // host:port
	wire string // the session token
}

func run(t *testing.T, change func(*Config)) *running {
	t.Helper()
	cfg := Config{Tape: tape(30), Seed: 5, Speed: 20, FirstToken: "51606286", User: "TESTUSR1"}
	if change != nil {
		change(&cfg)
	}
	v, err := New(cfg)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- v.Serve(ctx, ln) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	r := &running{Venue: v, base: ln.Addr().String()}
	v.mu.Lock()
	defer v.mu.Unlock()
	r.wire, _ = v.core.sessions.exchange(DefaultAPISession, v.clock.Now())
	return r
}

// client is a hand-made Socket.IO client: it does what a test says, right or
// wrong.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (r *running) dial(t *testing.T, path string) *client {
	t.Helper()
	conn, in, _, err := ws.Dial(t.Context(), "ws://"+r.base+path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	return &client{t, conn, in}
}

const (
	tickPath   = "/socket.io/?EIO=4&transport=websocket"
	candlePath = "/ohlcvstream/?EIO=4&transport=websocket"
	goodAuth   = `40{"user":"TESTUSR1","token":"51606286"}`
)

func (c *client) send(text string) {
	c.t.Helper()
	require.NoError(c.t, ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewTextFrame([]byte(text)))))
}

// next is the next text, "close" for a close frame, or "end".
func (c *client) next() string {
	c.t.Helper()
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	h, err := ws.ReadHeader(c.in)
	if err != nil {
		if netErr, ok := errors.AsType[net.Error](err); ok && netErr.Timeout() {
			c.t.Fatal("nothing came")
		}
		return "end"
	}
	require.False(c.t, h.Masked)
	payload := make([]byte, h.Length)
	_, err = io.ReadFull(c.in, payload)
	require.NoError(c.t, err)
	if h.OpCode == ws.OpClose {
		require.Empty(c.t, payload, "the real server closes without a code")
		return "close"
	}
	return string(payload)
}

// until skips to the next text with the prefix.
func (c *client) until(prefix string) string {
	c.t.Helper()
	for {
		text := c.next()
		if strings.HasPrefix(text, prefix) {
			return text
		}
		if text == "end" || text == "close" {
			c.t.Fatalf("the connection ended while waiting for %s", prefix)
		}
	}
}

func (r *running) login(t *testing.T, path string) *client {
	t.Helper()
	c := r.dial(t, path)
	require.Regexp(t, `^0\{"sid":"[^"]+","upgrades":\[\],"pingInterval":\d+,"pingTimeout":\d+,"maxPayload":1000000\}$`, c.next())
	c.send(goodAuth)
	require.Regexp(t, `^40\{"sid":"[^"]+"\}$`, c.next())
	return c
}

// stock is the array of a stock event.
func stock(t *testing.T, text string) []any {
	t.Helper()
	var event []any
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(text, "42")), &event))
	require.Len(t, event, 2, "an event carries exactly one argument")
	require.Equal(t, "stock", event[0])
	return event[1].([]any)
}

func TestJoinedRoomsGetTheirEventsAndNoOthers(t *testing.T) {
	r := run(t, nil)
	c := r.login(t, tickPath)
	c.send(`42["join",["4.1!42501","4.2!42502","4.1!NIFTY 50"]]`)
	c.send(`42["join","9.9!nonsense"]`)

	lengths := map[string]int{}
	for range 60 {
		array := stock(t, c.until("42"))
		lengths[array[0].(string)] = len(array)
	}

	require.Equal(t, map[string]int{"4.1!42501": 23, "4.2!42502": 3, "4.1!NIFTY 50": 21}, lengths)
	require.Positive(t, r.PublishedTo("4.1!42501"))
	require.Zero(t, r.PublishedTo("4.2!42501"))
	require.Zero(t, r.Stats().TicksPublished-r.PublishedTo("4.1!42501")-r.PublishedTo("4.2!42502")-r.PublishedTo("4.1!NIFTY 50"))
}

func TestLeaveEndsARoom(t *testing.T) {
	r := run(t, nil)
	c := r.login(t, tickPath)
	c.send(`42["join","4.1!42501"]`)
	c.send(`42["join","4.1!42502"]`)
	c.until(`42["stock",["4.1!42501"`)

	c.send(`42["leave",["4.1!42501"]]`)
	c.send(`42["join","4.2!42503"]`)
	c.until(`42["stock",["4.2!42503"`)

	for range 30 {
		require.NotEqual(t, "4.1!42501", stock(t, c.until("42"))[0])
	}
}

func TestAJoinBringsTheStateAtOnce(t *testing.T) {
	r := run(t, func(c *Config) { c.RecordedOnly = true; c.Speed = 0.001 })
	require.Eventually(t, func() bool { _, ok := r.quote("42501"); return ok }, 5*time.Second, time.Millisecond)
	c := r.login(t, tickPath)

	c.send(`42["join","4.1!42501"]`)

	require.Equal(t, "4.1!42501", stock(t, c.next())[0])
	require.EqualValues(t, 1, r.Stats().Snapshots)
	require.Zero(t, r.Stats().TicksPublished)
}

func (r *running) quote(token string) (any, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.core.Quote(r.core.Universe().ByToken([]byte(token)))
}

func TestTheServerClosesWhereTheRealOneDoes(t *testing.T) {
	var scenarios = map[string]bool{}
	for _, line := range lines[struct {
		Scenario, Dir, Payload, Event string
	}](t, "ws_raw_probes.jsonl") {
		scenarios[line.Scenario] = true
	}
	probes := map[string]struct {
		auth bool
		send string
		want []string
	}{
		"client_ping_instead_of_pong": {true, "2", []string{"close"}},
		"event_before_connect":        {false, `42["join","4.1!42505"]`, []string{"close"}},
		"unknown_namespace":           {false, `40/nope,{"user":"TESTUSR1","token":"51606286"}`, []string{`44/nope,{"message":"Invalid namespace"}`}},
		"malformed_packet":            {true, "42{bad", []string{"close"}},
	}
	r := run(t, nil)
	for name, probe := range probes {
		require.True(t, scenarios[name], "%s is a recorded scenario", name)
		c := r.dial(t, tickPath)
		require.Equal(t, byte('0'), c.next()[0])
		if probe.auth {
			c.send(goodAuth)
			require.Equal(t, "40", c.next()[:2])
		}
		c.send(probe.send)
		for _, want := range probe.want {
			require.Equal(t, want, c.next(), name)
		}
	}
	require.True(t, scenarios["no_pong_ping_timeout"])
}

func TestF12_SilentClientIsClosedAfterThePingTimeout(t *testing.T) {
	r := run(t, func(c *Config) { c.PingInterval, c.PingTimeout = 60*time.Millisecond, 50*time.Millisecond })
	c := r.login(t, tickPath)
	for range 3 {
		require.Equal(t, "2", c.next())
		c.send("3")
	}

	require.Equal(t, "2", c.next())
	require.Equal(t, "close", c.next())
}

func TestWrongCredentialsGet44AndTheClientCloses(t *testing.T) {
	r := run(t, nil)
	sent := 0
	for _, line := range lines[struct{ Dir, Payload string }](t, "ws_bad_auth.jsonl") {
		if line.Dir != "c2s" || !strings.HasPrefix(line.Payload, "40") {
			continue
		}
		c := r.dial(t, tickPath)
		c.next()
		c.send(line.Payload)
		require.Equal(t, `44{"message":"Unauthorized"}`, c.next())
		require.NoError(t, ws.WriteFrame(c.conn, ws.MaskFrame(ws.NewCloseFrame(nil))))
		require.Equal(t, "close", c.next())
		sent++
	}
	require.Equal(t, 2, sent)
	require.EqualValues(t, 2, r.Stats().SocketsRefused)
}

func TestWrongUpgradesAreRefusedAsRecorded(t *testing.T) {
	r := run(t, nil)
	checked := 0
	for _, probe := range lines[struct{ Scenario, Request, Response string }](t, "ws_rejected_upgrades.jsonl") {
		if probe.Request == "" {
			continue
		}
		conn, err := net.Dial("tcp", r.base)
		require.NoError(t, err)
		_, err = io.WriteString(conn, probe.Request)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		got, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		_, want, _ := strings.Cut(probe.Response, "\r\n\r\n")
		if probe.Response == "" {
			require.Empty(t, got, probe.Scenario)
		} else {
			require.Equal(t, probe.Response[:12], string(got[:12]), probe.Scenario)
			_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
			require.Equal(t, want, string(body), probe.Scenario)
		}
		checked++
	}
	require.Equal(t, 4, checked)
}

func TestOrderNoticesAreFiftyOneStringsInPaise(t *testing.T) {
	r := run(t, nil)
	c := r.login(t, tickPath)
	r.mu.Lock()
	now := r.clock.Now()
	in := Intent{Instrument: r.core.Universe().ByToken([]byte("42501")), Side: 1, Qty: 65, Price: 9000}
	o, refusal := r.core.place(in, now)
	r.mu.Unlock()
	require.Empty(t, refusal)

	var requested, ordered []string
	for i, dst := range []*[]string{&requested, &ordered} {
		var event []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(c.until(`42["order"`)[2:]), &event))
		require.NoError(t, json.Unmarshal(event[1], dst), "all strings")
		require.Len(t, *dst, 51, "notice %d", i)
	}

	for index, want := range map[int]string{
		2: "TESTUSR1", 7: now.Market.Time().Format("02-01-2006"), 11: "6", 13: "NFO", 14: "NIFTY", 15: "O", 16: "C", 17: "E",
		18: "2420000", 19: "25-Aug-2026", 21: "B", 22: "L", 23: "T", 24: "9000", 25: "O", 26: o.ID, 27: "65", 28: "0", 29: "0", 30: "0", 31: "0",
	} {
		require.Equal(t, want, ordered[index], "element %d", index)
	}
	require.Equal(t, "R", requested[25])
	require.Equal(t, "*", requested[37])
	require.Regexp(t, `^\d{16} {4}$`, ordered[37], "padded")
	require.Len(t, ordered[6], 16)
	require.Greater(t, ordered[6], requested[6])
}

func TestCandlesComeAsCommaTexts(t *testing.T) {
	r := run(t, func(c *Config) { c.Speed = 100 })
	c := r.login(t, candlePath)
	c.send(`42["join","4.1!42501"]`)
	c.send(`42["join","4.1!NIFTY 50"]`)
	c.send(`42["join","4.1!42500"]`)
	parts := map[string]int{"42501": 13, "42500": 11, "NIFTY 50": 9}
	seen := map[int]bool{}
	names := map[string]bool{}
	for len(seen) < 3 || !names["1MIN"] {
		var event []string
		require.NoError(t, json.Unmarshal([]byte(c.until("42")[2:]), &event))
		fields := strings.Split(event[1], ",")
		require.Equal(t, event[0], fields[len(fields)-1])
		_, err := time.Parse(time.DateTime, fields[len(fields)-2])
		require.NoError(t, err)
		seen[len(fields)] = true
		names[event[0]] = true
	}
	for token, n := range parts {
		require.True(t, seen[n], token)
	}
}

func TestE10_SocketsOfADeadSessionAreTold(t *testing.T) {
	for how, want := range map[SocketEnd]string{EndWith41: "41", EndWith44: `44{"message":"Unauthorized"}`, EndWithTransport: "close"} {
		r := run(t, func(c *Config) { c.OldLogins, c.SocketEnd = DropOldLogins, how })
		c := r.login(t, tickPath)
		r.NewLogin()
		require.Equal(t, want, c.next())
		require.Eventually(t, func() bool { return r.Stats().Sockets == 0 }, 3*time.Second, 5*time.Millisecond)
		require.EqualValues(t, 1, r.Stats().SocketsDropped)
	}
}

func TestF1_ClientThatLagsHopelesslyIsCutAndDelaysNobody(t *testing.T) {
	r := run(t, func(c *Config) { c.SocketBuffer, c.Rate = 64<<10, 40 })
	ours, theirs := net.Pipe() // holds nothing: a reader that stops is felt at once
	t.Cleanup(func() { _ = ours.Close() })
	r.accept(theirs, bufio.NewReader(theirs), false)
	slow, quick := &client{t, ours, bufio.NewReader(ours)}, r.login(t, tickPath)
	slow.next()
	slow.send(goodAuth)
	slow.next()
	join := `42["join",["4.1!42501","4.1!42502","4.1!42503","4.1!42504","4.2!42501","4.2!42502","4.2!42503","4.2!42504"]]`
	slow.send(join)
	quick.send(join)
	done := make(chan struct{})
	go func() { // the quick one keeps reading
		defer close(done)
		buffer := make([]byte, 64<<10)
		for {
			if _, err := quick.in.Read(buffer); err != nil {
				return
			}
		}
	}()

	require.Eventually(t, func() bool { return r.Stats().SocketsTooSlow == 1 }, 30*time.Second, 10*time.Millisecond)

	require.Equal(t, 1, r.Stats().Sockets)
	require.NoError(t, quick.conn.Close())
	<-done
}

func TestTheTapeBeginsAnewWithTheStreamsClosed(t *testing.T) {
	r := run(t, func(c *Config) { c.Tape, c.Speed = tape(3), 200 })
	c := r.login(t, tickPath)
	c.send(`42["join","4.1!42501"]`)
	volume := 0.0
	for {
		text := c.next()
		if text == "close" {
			break
		}
		if strings.HasPrefix(text, "42") {
			v := stock(t, text)[14].(float64)
			require.GreaterOrEqual(t, v, volume)
			volume = v
		}
	}
	require.GreaterOrEqual(t, r.Stats().Laps, 1)
}

func TestStopPublishingFreezesTheTicksAndTheirCount(t *testing.T) {
	r := run(t, nil)
	c := r.login(t, tickPath)
	c.send(`42["join",["4.1!42501","4.1!42502","4.1!NIFTY 50"]]`)
	received := 0
	for range 20 {
		c.until("42")
		received++
	}

	r.StopPublishing()
	total := r.Stats()
	for int64(received) < total.TicksSent+total.Snapshots {
		c.until("42")
		received++
	}

	time.Sleep(50 * time.Millisecond) // a frozen stream shows only by nothing coming
	require.Equal(t, total.TicksSent, r.Stats().TicksSent)
	require.True(t, r.Stats().PublishingEnded)
}

func TestTicksForTwoSocketsOfAUserCountOnce(t *testing.T) {
	r := run(t, nil)
	a, b := r.login(t, tickPath), r.login(t, tickPath)
	a.send(`42["join","4.1!42501"]`)
	b.send(`42["join","4.1!42501"]`)
	b.until("42")
	for range 20 {
		a.until("42")
	}
	r.StopPublishing()
	s := r.Stats()
	require.Greater(t, s.TicksSent, s.TicksPublished)
	require.LessOrEqual(t, s.TicksSent, 2*s.TicksPublished)
}

func TestStreamFaultsStrike(t *testing.T) {
	r := run(t, func(c *Config) { c.Faults = Faults{MalformedPerMinute: 6000} })
	c := r.login(t, tickPath)
	require.Eventually(t, func() bool { return r.Stats().Malformed > 0 }, 5*time.Second, time.Millisecond)
	require.Contains(t, brokenFrames, c.next())

	require.NoError(t, r.SetFaults(Faults{KickPerMinute: 6000}))
	require.Equal(t, "41", c.until("41"))

	require.NoError(t, r.SetFaults(Faults{}))
	c = r.login(t, tickPath)
	require.NoError(t, r.SetFaults(Faults{DropPerMinute: 6000}))
	require.Equal(t, "close", c.next())
}

func TestF2_MuteSocketGetsOnlyPings(t *testing.T) {
	r := run(t, func(c *Config) {
		c.PingInterval = 50 * time.Millisecond
		c.Faults = Faults{MutePerMinute: 6000, MuteFor: time.Hour}
	})
	c := r.login(t, tickPath)
	r.mu.Lock()
	for conn := range r.hub.conns {
		conn.mutedUntil = 1 << 62
	}
	r.mu.Unlock()
	c.send(`42["join",["4.1!42501","4.1!42502"]]`)
	for range 5 {
		require.Equal(t, "2", c.next())
		c.send("3")
	}
	require.Zero(t, r.Stats().TicksPublished)
}

func TestF16_StallHoldsEverythingThenBursts(t *testing.T) {
	r := run(t, nil)
	c := r.login(t, tickPath)
	c.send(`42["join",["4.1!42501","4.1!42502","4.1!42503"]]`)
	c.until("42")
	r.mu.Lock()
	begin := time.Now()
	r.hub.stalledUntil = r.clock.Now().Mono.Add(400 * time.Millisecond)
	r.hub.settle(r.clock.Now().Mono)
	r.mu.Unlock()
	var longest time.Duration
	for last := begin; time.Since(begin) < 700*time.Millisecond; {
		c.until("42")
		longest = max(longest, time.Since(last))
		last = time.Now()
	}
	require.Greater(t, longest, 250*time.Millisecond)
	before := r.Stats()
	require.Equal(t, before.TicksSent, before.TicksPublished, "nothing is lost by a stall")
}

func TestVenueLeavesNothingBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("a run", func(t *testing.T) {
		r := run(t, nil)
		r.login(t, tickPath).send(`42["join","4.1!42501"]`)
		r.dial(t, candlePath)
		r.DropSockets()
	})
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before)
}

func TestLostAnswersLoseTheAnswerOnly(t *testing.T) {
	r := run(t, func(c *Config) { c.Faults.DropAfter = 1; c.SignatureWindow = -1 })
	b := &bench{T: t, Core: r.core}
	r.mu.Lock()
	b.at = r.clock.Now()
	body := `{"stock_code":"NIFTY","exchange_code":"NFO","expiry_date":"2026-08-25T06:00:00.000Z","right":"call","strike_price":"24200","product":"options","action":"buy","order_type":"limit","quantity":"65","price":"90","validity":"day","user_remark":"one"}`
	signed := b.signed("POST", "order", body)
	r.mu.Unlock()
	request := httptest.NewRequest("POST", "http://"+r.base+signed.Path, strings.NewReader(body))
	request.RequestURI = ""
	for key, value := range map[string]string{"X-Checksum": signed.Checksum, "X-Timestamp": signed.Timestamp, "X-AppKey": signed.AppKey, "X-SessionToken": signed.SessionToken} {
		request.Header.Set(key, value)
	}

	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if answer != nil {
		_ = answer.Body.Close()
	}

	require.Error(t, err)
	require.EqualValues(t, 1, r.Stats().OrdersAccepted)
	require.Equal(t, "one", r.Ledger()[0].Remark)
}

func FuzzReadFrameNeverPanicsNorTakesMoreThanItsLimit(f *testing.F) {
	f.Add([]byte{0x81, 0x81, 1, 2, 3, 4, 5})
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x89, 0xfe, 0, 200})
	f.Fuzz(func(t *testing.T, wire []byte) {
		_, payload, _, err := readFrame(bufio.NewReader(bytes.NewReader(wire)), 1000)
		if err == nil {
			require.LessOrEqual(t, len(payload), 1000)
		}
	})
}
