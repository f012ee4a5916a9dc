package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ackOK    = `{"Success":{"order_id":"202611233800017846","message":"Successfully Placed the order","user_remark":""},"Status":200,"Error":null}`
	secret   = "fixed-secret-0123456789abcdef"
	deadline = 300 * time.Millisecond // of an attempt in these tests
	listen   = time.Second
)

func answerOf(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// bench is a clock that starts at zero wherever it is made, virtual time
// included.
type benchClock struct{ start time.Time }

func (c benchClock) Now() market.Stamp {
	now := time.Now()
	return market.Stamp{
		Mono: market.Mono(now.Sub(c.start)) + 1, Wall: market.UnixNano(now.UnixNano()),
		Market: market.UnixNano(now.UnixNano()),
	}
}

// script is a core that sends what it is told and remembers the answers.
type script struct {
	sync.Mutex
	slot    Slot
	send    time.Duration // of SendBy
	answers chan Answer
	events  []Event
	actions []Action
	permits int          // asks that get none, first
	barred  atomic.Int32 // a class that gets none, plus one
	tick    market.Mono
	refused atomic.Int32
}

func newScript() *script { return &script{answers: make(chan Answer, 64), send: deadline, tick: never} }

func (s *script) Endings() []Ending                { return nil }
func (s *script) Stats() Stats                     { return Stats{} }
func (s *script) Standing() Standing               { return Standing{} }
func (s *script) Open(dst []OpenOrder) []OpenOrder { return dst }

func (s *script) Next() market.Mono { return s.tick }

func (s *script) Permit(class order.Class, at market.Mono) (bool, market.Mono) {
	if int32(class)+1 == s.barred.Load() {
		return false, at.Add(time.Minute)
	}
	if s.permits > 0 {
		s.permits--
		return false, at.Add(5 * time.Millisecond)
	}
	return true, 0
}

func (s *script) LoggedIn(order.Verdict, market.Mono) {}

func (s *script) Refused(order.Verdict, time.Duration, market.Mono) { s.refused.Add(1) }

func (s *script) Step(e *Event, at market.Stamp) []Action {
	s.Lock()
	defer s.Unlock()
	s.actions = s.actions[:0]
	switch e.Kind {
	case CommandEvent:
		s.slot++
		a := Action{
			Kind: SendPlace, Attempt: 1, Class: order.Entry, Slot: s.slot, ID: e.Command.Ticket.ID, Ticket: e.Command.Ticket, Quantity: 65,
			SendBy: at.Mono.Add(s.send), Deadline: at.Mono.Add(deadline), Listen: at.Mono.Add(listen),
		}
		a.VenueID, _ = order.ParseVenueID("202611233800017846")
		switch e.Command.Kind {
		case order.Modify:
			a.Kind = SendModify
		case order.CancelOne:
			a.Kind = SendCancel
		case order.NoCommand: // a read, in these tests
			a.Kind = ActionKind(e.Command.Ticket.Signal)
		}
		s.actions = append(s.actions, a)
	case AnswerEvent:
		s.answers <- e.Answer
	case Tick:
	default:
		s.events = append(s.events, *e)
	}
	return s.actions
}

func (s *script) seen(kind EventKind) (found []Event) {
	s.Lock()
	defer s.Unlock()
	for _, e := range s.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// venue is a TCP server whose every connection is served by one function.
type venue struct {
	net.Listener
	conns    atomic.Int32
	requests atomic.Int32
	lock     sync.Mutex
	open     []net.Conn // to close at the end
}

// forget lets go of the connections so far: those that are over keep memory.
func (v *venue) forget() {
	v.lock.Lock()
	v.open = nil
	v.lock.Unlock()
}

// newVenue serves connections, numbered from 1, until the test ends.
func newVenue(t *testing.T, serve func(v *venue, n int, c net.Conn)) *venue {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	v := &venue{Listener: listener}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			v.lock.Lock()
			v.open = append(v.open, c)
			v.lock.Unlock()
			n := int(v.conns.Add(1))
			all.Go(func() {
				defer c.Close()
				serve(v, n, c)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		v.lock.Lock()
		for _, c := range v.open {
			c.Close()
		}
		v.lock.Unlock()
		all.Wait()
	})
	return v
}

// answering reads whole requests and answers each with what reply gives; an
// empty reply ends the connection.
func answering(reply func(n int, r *http.Request, body string) string) func(*venue, int, net.Conn) {
	return func(v *venue, _ int, c net.Conn) {
		in := bufio.NewReader(c)
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			text := reply(int(v.requests.Add(1)), r, string(body))
			if text == "" {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

type shell struct {
	*Gateway
	core    *script
	updates chan order.Update
	renewed atomic.Uint64
	alarms  atomic.Int32

	restarts atomic.Int32
	lastID   atomic.Uint64
}

// newShell runs a gateway over the scripted core until the test ends.
func newShell(t testing.TB, address string, change ...func(*Config)) *shell {
	t.Helper()
	s := &shell{core: newScript(), updates: make(chan order.Update, 64)}
	universe, err := market.NewUniverse([]market.Instrument{{
		ContractKey: market.ContractKey{
			Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20261124, Strike: 26000 * market.Rupee, Right: market.Call,
		},
		Token: "42505", LotSize: 65, TickSize: 5,
	}})
	require.NoError(t, err)
	store := new(session.Store)
	store.Swap(credential(1))
	config := Config{
		BaseURL: "http://" + address + "/breezeapi/api/v1/", Warm: 1, Universe: universe, Session: store, Clock: benchClock{time.Now()},
		AppKey: "key", Secret: session.NewToken(secret),
		Emit:          func(u *order.Update) { s.updates <- *u },
		Renew:         func(epoch uint64) { s.renewed.Store(epoch) },
		Alarm:         func(order.ID, string) { s.alarms.Add(1) },
		RestartStream: func() { s.restarts.Add(1) },
	}
	for _, c := range change {
		c(&config)
	}
	config.Core.NextID = func() order.ID { return order.ID(s.lastID.Add(1)) }
	s.Gateway, err = newGateway(config, s.core)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
	return s
}

func credential(epoch uint64) *session.Credential {
	return &session.Credential{
		Epoch: epoch, User: "TESTUSR1", AppKey: "key", Secret: session.NewToken(secret),
		Session: session.NewToken("VEVTVFVTUjE6NTE2MDYyODY="), Stream: session.NewToken("51606286"),
	}
}

// ready waits until a connection is warm, and its server side served.
func (s *shell) ready(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return s.pool.idle() > 0 }, 3*time.Second, time.Millisecond)
}

func (s *shell) place() order.ID {
	return s.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{
		Instrument: 1, Side: market.Buy, Lots: 1, Price: 9505, TickAt: s.clock.Now().Mono,
	}})
}

func (s *shell) ask(kind ActionKind) {
	s.Submit(order.Command{Ticket: order.Ticket{Signal: uint64(kind), Instrument: 1}})
}

func (s *shell) answer(t *testing.T) Answer {
	t.Helper()
	select {
	case a := <-s.core.answers:
		return a
	case <-time.After(5 * time.Second):
		t.Fatal("no answer came")
		return Answer{}
	}
}

func (s *shell) silent(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case a := <-s.core.answers:
		t.Fatalf("an answer came: %+v", a)
	case <-time.After(d):
	}
}

func TestAnOrderGoesOutSignedAndItsAnswerComesBack(t *testing.T) {
	var request atomic.Pointer[http.Request]
	v := newVenue(t, answering(func(_ int, r *http.Request, body string) string {
		request.Store(r)
		if !strings.Contains(body, `"price":"95.05"`) || r.Method != http.MethodPost {
			return ""
		}
		return answerOf(ackOK)
	}))
	s := newShell(t, v.Addr().String())
	s.ready(t)

	id := s.place()

	require.Equal(t, int32(1), s.conns(), "the order is on the wire when Submit returns")
	a := s.answer(t)
	require.NotZero(t, id)
	require.Equal(t, order.OK, a.Verdict)
	require.Equal(t, "202611233800017846", a.VenueID.String())
	require.Equal(t, uint64(1), a.Epoch)
	require.False(t, a.Broken)
	require.False(t, a.Reused)
	require.Len(t, request.Load().Header.Get("X-Checksum"), len("token ")+64)
	require.Eventually(t, func() bool {
		snap := s.Snapshot()
		return snap.TickToWire.Count == 1 && snap.OrderAck.Count == 1 && snap.Submitted == 1
	}, 2*time.Second, 5*time.Millisecond)

	s.ready(t)
	s.place()
	require.True(t, s.answer(t).Reused)
	require.Equal(t, int32(1), v.conns.Load(), "one connection carried both")
}

// conns counts connections that carried a call.
func (s *shell) conns() (n int32) {
	for i := range s.pool.slots {
		if c := s.pool.slots[i].Load(); c != nil && c.calls > 0 {
			n++
		}
	}
	return n
}

func TestN1_ARefusedConnectionIsNotSentAndRedialledInsideTheDeadline(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	listener.Close()
	s := newShell(t, address)

	s.place()

	a := s.answer(t)
	require.Equal(t, order.NotSent, a.Verdict)
	require.Equal(t, SentNothing, a.Sent)
	require.True(t, a.Broken)
	require.GreaterOrEqual(t, s.pool.dials.Load(), uint64(2), "it tried again inside the deadline")

	s.core.send = 5 * time.Second
	s.place()
	again, err := net.Listen("tcp", address)
	require.NoError(t, err)
	defer again.Close()
	go func() {
		for {
			c, err := again.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, answerOf(ackOK))
			}
		}
	}()
	require.Equal(t, order.OK, s.answer(t).Verdict)
}

func TestN4_AConnectionThatEndedBeforeTheRequestIsReplacedBeforeAByteIsLost(t *testing.T) {
	first := make(chan struct{})
	v := newVenue(t, func(v *venue, n int, c net.Conn) {
		if n == 1 {
			<-first
			_ = c.(*net.TCPConn).SetLinger(0) // RST
			return
		}
		answering(func(int, *http.Request, string) string { return answerOf(ackOK) })(v, n, c)
	})
	s := newShell(t, v.Addr().String())
	s.ready(t)

	close(first)
	time.Sleep(20 * time.Millisecond)
	s.place()

	require.Equal(t, order.OK, s.answer(t).Verdict)
	require.Equal(t, int32(1), v.requests.Load())
}

// cutting runs a shell whose kernel takes only so many bytes of a write.
func cutting(t *testing.T, address string, change ...func(*Config)) (s *shell, limit *atomic.Int64) {
	t.Helper()
	limit = new(atomic.Int64)
	limit.Store(1 << 20)
	s = newShell(t, address, append(change, func(c *Config) {
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			raw, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &shortConn{Conn: raw, limit: limit}, nil
		}
	})...)
	s.ready(t)
	s.place()
	require.Equal(t, order.OK, s.answer(t).Verdict)
	return s, limit
}

// cutAt places an order of which only so many bytes leave.
func (s *shell) cutAt(t *testing.T, limit *atomic.Int64, cut int64) Answer {
	t.Helper()
	s.ready(t)
	limit.Store(cut)
	s.place()
	a := s.answer(t)
	limit.Store(1 << 20)
	require.True(t, a.Broken, "cut at %d", cut)
	return a
}

// What the kernel did not take cannot have been understood. The request is cut
// at every byte.
func TestN5_ARequestThatDidNotLeaveWholeIsNotSent(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	s, limit := cutting(t, v.Addr().String())
	whole := len(s.request)
	require.Greater(t, whole, 500)

	for cut := range int64(whole) {
		a := s.cutAt(t, limit, cut)

		require.Equal(t, order.NotSent, a.Verdict, "cut at %d", cut)
		want := SentPart
		if cut == 0 {
			want = SentNothing
		}
		require.Equal(t, want, a.Sent, "cut at %d", cut)
	}
	require.Equal(t, int32(1), v.requests.Load(), "the venue understood only the whole one")
}

// Under TLS the kernel takes more bytes than the request has; as soon as it took
// as many, nobody proves that the request was not among them.
func TestN5_UnderTLSOnlyFewerBytesThanTheRequestHasAreProof(t *testing.T) {
	cert := certificate(t, time.Now().Add(time.Hour), "venue.test")
	port, served := secureVenue(t, cert)
	s, limit := cutting(t, "", named("venue.test", port, cert.Leaf))
	whole := int64(len(s.request))
	const overhead = 5 + 1 + 16 // of a TLS 1.3 record

	for cut := int64(0); cut < whole+overhead; cut++ {
		if cut > 30 && cut < whole-30 && cut%11 != 0 { // each costs a handshake
			continue
		}
		a := s.cutAt(t, limit, cut)

		switch {
		case cut == 0:
			require.Equal(t, SentNothing, a.Sent)
			require.Equal(t, order.NotSent, a.Verdict)
		case cut < whole:
			require.Equal(t, SentPart, a.Sent, "cut at %d", cut)
			require.Equal(t, order.NotSent, a.Verdict, "cut at %d", cut)
		default:
			require.Equal(t, SentWhole, a.Sent, "cut at %d of %d", cut, whole)
			require.Equal(t, order.Unknown, a.Verdict, "cut at %d of %d", cut, whole)
		}
	}
	require.Equal(t, int32(1), served.Load(), "the venue understood only the whole one")
}

// shortConn takes no more than limit bytes of a write.
type shortConn struct {
	net.Conn
	limit *atomic.Int64
}

func (c *shortConn) Write(p []byte) (int, error) {
	if limit := c.limit.Load(); limit < int64(len(p)) {
		n, _ := c.Conn.Write(p[:limit])
		return n, io.ErrShortWrite
	}
	return c.Conn.Write(p)
}

// TestN6_AnswersThatBreakOffAreUnknown cuts the answer at every byte, by FIN
// and by RST, and never may an order be sent twice.
func TestN6_AnswersThatBreakOffAreUnknown(t *testing.T) {
	text := answerOf(ackOK)
	cut := new(atomic.Int64)
	reset := new(atomic.Bool)
	v := newVenue(t, func(v *venue, _ int, c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		v.requests.Add(1)
		_, _ = io.WriteString(c, text[:cut.Load()])
		if reset.Load() {
			_ = c.(*net.TCPConn).SetLinger(0)
		}
	})
	s := newShell(t, v.Addr().String())
	sent := 0
	for at := range text {
		for _, rst := range []bool{false, true} {
			s.ready(t)
			cut.Store(int64(at))
			reset.Store(rst)
			sent++

			s.place()

			a := s.answer(t)
			require.Equal(t, order.Unknown, a.Verdict, "cut at %d", at)
			require.Equal(t, SentWhole, a.Sent)
			require.True(t, a.Broken)
			require.Equal(t, int32(sent), v.requests.Load())
		}
	}
}

// noAnswers sends answers that are none, each to an order of its own: the order
// is in doubt, was sent once, and its connection is not used again.
func noAnswers(t *testing.T, texts map[string]string) {
	t.Helper()
	reply := new(atomic.Pointer[string])
	v := newVenue(t, func(v *venue, n int, c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		v.requests.Add(1)
		_, _ = io.WriteString(c, *reply.Load()) // and the connection ends
	})
	s := newShell(t, v.Addr().String())
	for name, text := range texts {
		s.ready(t)
		before := v.requests.Load()
		reply.Store(&text)

		s.place()

		a := s.answer(t)
		require.Equal(t, order.Unknown, a.Verdict, name)
		require.Equal(t, SentWhole, a.Sent, name)
		require.True(t, a.Broken, name)
		require.Equal(t, before+1, v.requests.Load(), "%s: sent once, followed nowhere", name)
		require.Eventually(t, func() bool { return s.conns() == 0 }, time.Second, time.Millisecond, name)
	}
}

func TestN12_AnswersThatAreNotWholeAreUnknown(t *testing.T) {
	noAnswers(t, map[string]string{
		"more announced than sent": "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" + ackOK,
		"less announced than sent": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + ackOK,
		"a chunk cut":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + ackOK,
		"the last chunk missing":   fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(ackOK), ackOK),
		"without a length and cut": "HTTP/1.1 200 OK\r\n\r\n" + ackOK[:len(ackOK)-2],
		"two lengths":              "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Length: 10\r\n\r\n" + ackOK,
	})
}

// A read that was cut is simply made again.
func TestN12_AReadThatWasCutIsMadeAgain(t *testing.T) {
	for name, cut := range map[string]string{
		"length": "HTTP/1.1 200 OK\r\nContent-Length: 999\r\nConnection: close\r\n\r\n{\"Success\":",
		"chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"Success\":",
		"status": "HTTP/1.1 20",
	} {
		t.Run(name, func(t *testing.T) {
			v := newVenue(t, func(v *venue, _ int, c net.Conn) {
				for in := bufio.NewReader(c); ; {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if v.requests.Add(1) <= 2 {
						_, _ = io.WriteString(c, cut)
						return
					}
					_, _ = io.WriteString(c, answerOf(`{"Success":{"allocated_fno":200000.0},"Status":200,"Error":null}`))
				}
			})
			s := newShell(t, v.Addr().String())

			_, err := s.Funds(t.Context())

			require.NoError(t, err)
			require.Equal(t, int32(3), v.requests.Load())

			v.requests.Store(0) // and one of the core's own is told as that
			s.ready(t)
			s.ask(ReadOrders)
			a := s.answer(t)
			require.Equal(t, order.Retry, a.Verdict)
			require.True(t, a.Broken)
		})
	}
}

func TestN13_OversizeFloodsAndRedirectsAreUnknownAndFollowedNowhere(t *testing.T) {
	elsewhere := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	texts := map[string]string{
		"headers without end":      "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 17<<10),
		"headers of 16 KiB and 1":  "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxHead-len("HTTP/1.1 200 OK\r\nX: \r\n\r\n")+1) + "\r\n\r\n" + ackOK,
		"a body of 8 MiB and 1":    fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", maxBody+1),
		"chunks of 8 MiB and more": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("y", 0x10000)+"\r\n", 129),
		"a body without end":       "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("y", maxBody+1),
		"a flood of 1xx":           strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100),
		"an early hint and no end": "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
		"another protocol":         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
		"no HTTP":                  "\x16\x03\x01garbage\r\n\r\n",
	}
	for _, code := range []int{300, 301, 302, 303, 307, 308} {
		texts[fmt.Sprint("redirect ", code)] = fmt.Sprintf("HTTP/1.1 %d Go\r\nLocation: http://%s/breezeapi/api/v1/order\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", code, elsewhere.Addr())
	}

	noAnswers(t, texts)

	require.Zero(t, elsewhere.conns.Load())
}

func TestN14_TwoAnswersToOneRequestAreNone(t *testing.T) {
	noAnswers(t, map[string]string{
		"at once":           answerOf(ackOK) + answerOf(ackOK),
		"the second begins": answerOf(ackOK) + "H",
		"another order's":   answerOf(strings.Replace(ackOK, "17846", "66666", 1)) + answerOf(ackOK),
	})
}

func TestVerdictsOfTheEnvelopeReachTheCore(t *testing.T) {
	reply := new(atomic.Pointer[string])
	v := newVenue(t, answering(func(int, *http.Request, string) string { return *reply.Load() }))
	s := newShell(t, v.Addr().String())
	status := func(line, headers, body string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s", line, headers, len(body), body)
	}
	for _, row := range []struct {
		name, text string
		verdict    order.Verdict
		retryAfter time.Duration
		broken     bool
	}{
		{"H1", answerOf(`{"Success":null,"Status":500,"Error":"Invalid stock code"}`), order.Refused, 0, false},
		{"H4", status("400 Bad", "", `{"Error":null}`), order.RefusedPre, 0, false},
		{"H5", status("401 No", "", `{"Status":5,"Error":"Authentication Fail :: Invalid Checksum."}`), order.Auth, 0, false},
		{"H6", status("401 No", "", `{"Status":5,"Error":"Limit exceed: API call per minute:Try after some time"}`), order.Throttle, 0, false},
		{"H7", status("401 No", "", `{"Status":5,"Error":"Limit exceed: API call per day: "}`), order.ThrottleDay, 0, false},
		{"H8", status("403 No", "", `{}`), order.ConfigFatal, 0, false},
		{"H9", status("429 Slow", "Retry-After: 7\r\n", `{}`), order.Throttle, 7 * time.Second, false},
		{"H9 ten years", status("429 Slow", "Retry-After: 315360000\r\n", `{}`), order.Throttle, 300 * time.Second, false},
		{"H9 garbage", status("429 Slow", "Retry-After: soon\r\n", `{}`), order.Throttle, 0, false},
		{"H10", status("429 Slow", "", `{}`), order.Throttle, 0, false},
		{"H11 500", status("500 Oops", "", `{}`), order.Unknown, 0, true},
		{"H11 503", status("503 Oops", "", `<html>`), order.Unknown, 0, true},
		{"H12", status("502 Bad", "", `<html><title>429 Too Many Requests</title>`), order.Throttle, 0, false},
	} {
		s.ready(t)
		reply.Store(&row.text)

		s.place()

		a := s.answer(t)
		require.Equal(t, row.verdict, a.Verdict, row.name)
		require.Equal(t, row.retryAfter, a.RetryAfter, row.name)
		require.Equal(t, row.broken, a.Broken, row.name)
	}
	require.Zero(t, s.renewed.Load(), "renewing is the core's decision alone")
}

func TestN9_ALateAnswerIsStillEvidenceAndItsConnectionIsNotUsedAgain(t *testing.T) {
	v := newVenue(t, answering(func(n int, _ *http.Request, _ string) string {
		if n == 1 {
			time.Sleep(deadline + 100*time.Millisecond)
		}
		return answerOf(ackOK)
	}))
	s := newShell(t, v.Addr().String())
	s.ready(t)

	s.place()
	s.silent(t, deadline)

	a := s.answer(t)
	require.Equal(t, order.OK, a.Verdict)
	require.Eventually(t, func() bool { return s.Snapshot().Late == 1 }, 2*time.Second, 5*time.Millisecond)
	s.ready(t)
	s.place()
	a = s.answer(t)
	require.Equal(t, order.OK, a.Verdict)
	require.False(t, a.Reused)
	require.GreaterOrEqual(t, v.conns.Load(), int32(2))
}

func TestN8_AHalfOpenPeerIsGivenUpAfterTheListeningTime(t *testing.T) {
	v := newVenue(t, func(_ *venue, _ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	s := newShell(t, v.Addr().String())
	s.ready(t)

	s.place()

	require.Equal(t, int32(1), s.conns())
	require.Eventually(t, func() bool { return s.conns() == 0 }, listen+2*time.Second, 5*time.Millisecond)
	s.silent(t, 50*time.Millisecond) // the core has called it unknown by itself
}

func TestN11_ASlowLorisCannotHoldAnAttempt(t *testing.T) {
	v := newVenue(t, func(v *venue, _ int, c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000)) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	s := newShell(t, v.Addr().String())
	s.ready(t)
	start := time.Now()

	s.place()

	require.Eventually(t, func() bool { return s.conns() == 0 }, listen+2*time.Second, 5*time.Millisecond)
	require.Less(t, time.Since(start), listen+500*time.Millisecond, "the whole time counts, not the time between bytes")
}

func TestN14_AnUnaskedAnswerPoisonsAnIdleConnection(t *testing.T) {
	speak := make(chan struct{})
	v := newVenue(t, func(v *venue, n int, c net.Conn) {
		if n == 1 {
			<-speak
			_, _ = io.WriteString(c, answerOf(strings.Replace(ackOK, "17846", "66666", 1)))
			_, _ = io.Copy(io.Discard, c)
			return
		}
		answering(func(int, *http.Request, string) string { return answerOf(ackOK) })(v, n, c)
	})
	s := newShell(t, v.Addr().String())
	s.ready(t)

	close(speak)
	time.Sleep(20 * time.Millisecond)
	s.place()

	require.Equal(t, "202611233800017846", s.answer(t).VenueID.String())
}

func TestAKeepAliveThatTheServerEndsIsNoticedBeforeTheNextOrder(t *testing.T) {
	v := newVenue(t, func(v *venue, _ int, c net.Conn) { // one answer, then an end that no header announced
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		v.requests.Add(1)
		_, _ = io.WriteString(c, answerOf(ackOK))
	})
	s := newShell(t, v.Addr().String())
	for range 50 {
		s.ready(t)
		s.place()
		require.Equal(t, order.OK, s.answer(t).Verdict)
		time.Sleep(time.Millisecond)
	}
	require.Equal(t, int32(50), v.requests.Load())
}

func TestIdleConnectionsAreRetiredBeforeTheServerDoesIt(t *testing.T) {
	v := newVenue(t, func(_ *venue, _ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	s := newShell(t, v.Addr().String(), func(c *Config) { c.MaxIdle = 60 * time.Millisecond; c.Warm = 2 })

	require.Eventually(t, func() bool { return v.conns.Load() > 6 }, 3*time.Second, 5*time.Millisecond)
	require.LessOrEqual(t, s.pool.open(), 4)
}

func TestReadsLeaveTheLastConnectionToOrders(t *testing.T) {
	hold := make(chan struct{})
	v := newVenue(t, answering(func(_ int, r *http.Request, _ string) string {
		if r.Method == http.MethodGet {
			<-hold
		}
		return answerOf(ackOK)
	}))
	defer close(hold)
	s := newShell(t, v.Addr().String(), func(c *Config) { c.Warm = 2 })
	require.Eventually(t, func() bool { return s.pool.idle() == 2 }, 3*time.Second, time.Millisecond)
	s.ask(ReadPositions)
	s.ask(ReadOrders)

	s.place()

	require.Equal(t, order.OK, s.answer(t).Verdict)
}

func TestReadsBringRows(t *testing.T) {
	v := newVenue(t, answering(func(_ int, r *http.Request, body string) string {
		switch {
		case strings.HasSuffix(r.URL.Path, "/trades"):
			row := `{"order_id":"2","action":"Buy","quantity":"65","average_cost":"95.0533","stock_code":"NIFTY","exchange_code":"NFO","product_type":"Options","expiry_date":"24-Nov-2026","right":"Call","strike_price":"26000"}`
			return answerOf(`{"Success":[` + row + "," + row + `],"Status":200,"Error":null}`) // a row listed twice counts once
		case strings.HasSuffix(r.URL.Path, "/portfoliopositions"):
			return answerOf(`{"Success":null,"Status":500,"Error":"No Data Found"}`)
		case strings.Contains(body, "order_id"):
			return answerOf(`{"Success":[{"order_id":"2","status":"Cancelled","quantity":"65","cancelled_quantity":"0","pending_quantity":"0"}],"Status":200,"Error":null}`)
		}
		return answerOf(`{"Success":[{"order_id":"2","status":"Ordered","quantity":"65","pending_quantity":"65"},{"order_id":"3","quantity":"x"}],"Status":200,"Error":null}`)
	}))
	s := newShell(t, v.Addr().String())

	s.ask(ReadOrders)
	a := s.answer(t)
	require.Equal(t, order.OK, a.Verdict)
	require.Len(t, a.Orders, 1)
	require.True(t, a.Partial, "a row that cannot be read makes the list no proof of absence")
	require.NotZero(t, a.Orders[0].Recv)

	s.ask(ReadOrder)
	a = s.answer(t)
	require.Len(t, a.Orders, 1)
	require.True(t, a.Orders[0].FillUnknown, "the row does not say what was filled")

	s.ask(ReadTrades)
	a = s.answer(t)
	require.Equal(t, []order.Trade{{
		VenueID: a.Trades[0].VenueID, Instrument: 1, Side: market.Buy, Quantity: 65, Price: 9505, Value: 617846,
	}}, a.Trades)

	s.ask(ReadPositions)
	require.Equal(t, order.Empty, s.answer(t).Verdict)
}

func TestH15_AClockFarFromTheVenuesIsAlarmedCorrectedAndHalts(t *testing.T) {
	ahead := new(atomic.Int64)
	signed := new(atomic.Pointer[string])
	v := newVenue(t, answering(func(_ int, r *http.Request, _ string) string {
		signed.Store(new(r.Header.Get("X-Timestamp")))
		date := time.Now().Add(time.Duration(ahead.Load())).UTC().Format(http.TimeFormat)
		return strings.Replace(answerOf(ackOK), "\r\n", "\r\nDate: "+date+"\r\n", 1)
	}))
	s := newShell(t, v.Addr().String())
	order1 := func() {
		s.ready(t)
		s.place()
		s.answer(t)
	}

	order1()
	require.Zero(t, s.alarms.Load())
	require.Zero(t, s.watch.correction())

	ahead.Store(int64(10 * time.Second))
	order1()
	order1()
	require.Equal(t, int32(1), s.alarms.Load(), "told once")
	require.InDelta(t, 10*time.Second, s.watch.correction(), float64(time.Second))
	at, err := time.Parse(time.RFC3339, *signed.Load())
	require.NoError(t, err)
	require.InDelta(t, 10, time.Until(at).Seconds(), 2.5)
	require.Empty(t, s.core.seen(KillEvent))

	ahead.Store(int64(time.Hour))
	order1()
	require.Eventually(t, func() bool { return len(s.core.seen(KillEvent)) == 1 }, time.Second, time.Millisecond)

	ahead.Store(0)
	order1()
	require.Zero(t, s.watch.correction())
}

func TestNothingIsSentAfterItsTimeOrWithoutASession(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	s := newShell(t, v.Addr().String(), func(c *Config) { c.Session = new(session.Store) })
	s.ready(t)

	s.place()

	a := s.answer(t)
	require.Equal(t, order.NotSent, a.Verdict)
	require.False(t, a.Broken, "the breaker has nothing to learn from it")

	bad := credential(1)
	bad.AppKey = "a\r\nb"
	s.config.Session.Swap(bad)
	s.place()
	require.Equal(t, order.ConfigFatal, s.answer(t).Verdict)

	s.config.Session.Swap(credential(2))
	s.core.send = -time.Millisecond
	s.place()
	a = s.answer(t)
	require.Equal(t, order.NotSent, a.Verdict)
	require.Equal(t, SentNothing, a.Sent)
	require.Zero(t, v.requests.Load())
}

func TestStopsKillsAndReportsReachTheCore(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	s := newShell(t, v.Addr().String())

	s.Kill(3, "operator\x1b[2J")
	s.OnOrderStream(market.FeedLive)
	s.OnSession(Session{Epoch: 2})
	s.Operator(Operator{ID: 7})
	s.OnReport(&order.Report{Sequence: 5})

	// Whoever owns the core at the moment hands them over.
	require.Eventually(t, func() bool { return len(s.core.seen(ReportEvent)) == 1 }, time.Second, time.Millisecond)
	kills := s.core.seen(KillEvent)
	require.Len(t, kills, 1)
	require.Equal(t, `operator\u{1b}[2J`, kills[0].Text)
	require.EqualValues(t, 3, kills[0].Level)
	require.Len(t, s.core.seen(StreamEvent), 1)
	require.Len(t, s.core.seen(SessionEvent), 1)
	require.Len(t, s.core.seen(OperatorEvent), 1)
	require.Equal(t, uint64(5), s.core.seen(ReportEvent)[0].Report.Sequence)
}

func TestAFullQueueDeniesOrdersAndKeepsCancels(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	s := newShell(t, v.Addr().String())
	s.ready(t)
	require.Eventually(t, func() bool { return s.owned.CompareAndSwap(false, true) }, time.Second, time.Microsecond)

	for range commandQueue {
		require.NotZero(t, s.Submit(order.Command{Ticket: order.Ticket{ID: 1, Signal: uint64(NoAction)}}))
	}
	id := s.place()
	s.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: 9, Instrument: 1}})
	for range reportQueue + 10 {
		s.OnReport(new(order.Report))
	}
	s.owned.Store(false)
	s.drain()

	u := <-s.updates
	require.Equal(t, order.Denied, u.State)
	require.Equal(t, id, u.ID)
	require.NotEmpty(t, u.Reason)
	require.Equal(t, order.OK, s.answer(t).Verdict, "the cancel")
	require.Len(t, s.core.seen(StreamEvent), 1, "reports that did not fit are a gap, told once")
	require.Equal(t, market.FeedGap, s.core.seen(StreamEvent)[0].Stream)
	require.Len(t, s.core.seen(ReportEvent), reportQueue)
}

func TestSubmitDoesNotAllocate(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	s := newShell(t, v.Addr().String())
	s.ready(t)
	s.core.send = -1 // up to the wire: a write's own cost is the kernel's
	s.config.Log = nil
	drain := func() {
		for len(s.core.answers) > 0 {
			<-s.core.answers
		}
	}
	s.place()
	drain()

	require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
		s.place()
		drain()
	}), 0.5)
}

func TestSendingDoesNotAllocate(t *testing.T) {
	left, right := net.Pipe()
	defer left.Close()
	defer right.Close()
	go func() { _, _ = io.Copy(io.Discard, right) }()
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	s := newShell(t, v.Addr().String())
	c := &conn{under: &countingConn{Conn: sink{left}}, clock: s.clock, ended: func(*conn) {}, settled: func() {}}
	c.Conn = c.under
	a := &Action{Kind: SendPlace, Quantity: 65, Ticket: order.Ticket{Instrument: 1, Side: market.Buy, Price: 9505}}
	cred := s.config.Session.Current()
	k := call{}
	until := time.Now().Add(time.Hour)
	s.render(a, nil, cred, 0)

	require.Zero(t, testing.AllocsPerRun(200, func() {
		c.state.Store(connClaimed)
		s.render(a, nil, cred, s.clock.Now().Wall)
		if sent, err := c.send(s.request, &k, until); sent != SentWhole || err != nil {
			panic(err)
		}
	}))
}

// sink takes every write without a peer.
type sink struct{ net.Conn }

func (sink) Write(p []byte) (int, error)      { return len(p), nil }
func (sink) SetReadDeadline(time.Time) error  { return nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }

func TestManySubmittersLoseNothing(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	s := newShell(t, v.Addr().String())
	s.core.send = -1
	answered := make(chan int)
	const each, submitters = 200, 4
	go func() {
		n := 0
		for n < each*submitters {
			select {
			case <-s.core.answers:
				n++
			case <-time.After(3 * time.Second):
				answered <- n
				return
			}
		}
		answered <- n
	}()

	var all sync.WaitGroup
	for range submitters {
		all.Go(func() {
			for range each {
				s.place()
				s.OnReport(new(order.Report))
			}
		})
	}
	all.Wait()

	n := <-answered
	require.Equal(t, each*submitters, n, "posted %d, updates %d, commands of core %d, waiting %d", s.posted.Load(), len(s.updates), s.core.slot, len(s.waiting))
	require.Eventually(t, func() bool { return len(s.core.seen(ReportEvent)) == each*submitters }, time.Second, time.Millisecond)
	require.Zero(t, s.posted.Load())
}
