package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/feed/socketio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// venue is a small Socket.IO server. It is reached by its dial method only. Its
// fields above mu are set before the first connection.
type venue struct {
	interval, timeout time.Duration
	greet             bool                     // a join brings each room's latest event
	admit             func(p *peer) string     // why a credential is refused, "" when it is not
	network           func() (a, b net.Conn)   // default net.Pipe
	dialled           func(number int) error   // refuses a connection
	upgraded          func(conn net.Conn) bool // takes over a connection after the upgrade

	mu     sync.Mutex
	hear   func(*peer, []byte)   // sees every text of a client
	fence  func(*peer) (ok bool) // answers a websocket ping in its own way
	dials  int
	peers  []*peer // all that ever were
	latest map[string][]byte
	wait   sync.WaitGroup
}

// peer is one connection.
type peer struct {
	number int
	conn   net.Conn
	out    chan []byte // frames
	gone   chan struct{}

	// Guarded by the venue's mu.
	auth   socketio.Auth
	rooms  map[string]bool
	heard  []string // texts, in order
	pings  int      // of the websocket kind
	closed string   // the client's close frame: its code
}

func newVenue() *venue {
	return &venue{interval: 25 * time.Second, timeout: 20 * time.Second, latest: make(map[string][]byte), network: net.Pipe}
}

func (v *venue) dial(context.Context, string, string) (net.Conn, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dials++
	if v.dialled != nil {
		if err := v.dialled(v.dials); err != nil {
			return nil, err
		}
	}
	near, far := v.network()
	p := &peer{number: v.dials, conn: far, out: make(chan []byte, 1<<16), gone: make(chan struct{}), rooms: make(map[string]bool)}
	v.peers = append(v.peers, p)
	v.wait.Go(func() { v.serve(p) })
	return near, nil
}

func (v *venue) serve(p *peer) {
	defer p.conn.Close()
	defer close(p.gone)
	if _, err := ws.Upgrade(p.conn); err != nil {
		return
	}
	if v.upgraded != nil && v.upgraded(p.conn) {
		return
	}
	v.wait.Go(p.write)
	p.send(string(socketio.AppendOpen(nil, socketio.Handshake{SID: "a", PingInterval: v.interval, PingTimeout: v.timeout, MaxPayload: 1e6})))
	for {
		frame, err := readFrame(p.conn)
		if err != nil {
			return
		}
		switch frame.Header.OpCode {
		case ws.OpPing:
			v.mu.Lock()
			p.pings++
			own := v.fence
			v.mu.Unlock()
			if own != nil && own(p) {
				continue
			}
			p.frame(ws.NewPongFrame(frame.Payload))
		case ws.OpClose:
			code, _ := ws.ParseCloseFrameData(frame.Payload)
			v.mu.Lock()
			p.closed = fmt.Sprint(uint16(code))
			v.mu.Unlock()
			return
		case ws.OpText:
			v.text(p, frame.Payload)
		}
	}
}

// readFrame reads a frame and takes its mask off; the header still tells of it.
func readFrame(r io.Reader) (ws.Frame, error) {
	header, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	if header.Length > 1<<20 {
		return ws.Frame{}, fmt.Errorf("a client's frame of %d bytes", header.Length)
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return ws.Frame{}, err
	}
	if header.Masked {
		ws.Cipher(payload, header.Mask, 0)
	}
	return ws.Frame{Header: header, Payload: payload}, nil
}

func (v *venue) text(p *peer, payload []byte) {
	v.mu.Lock()
	hear := v.hear
	v.mu.Unlock()
	if hear != nil {
		hear(p, payload)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	p.heard = append(p.heard, string(payload))
	packet, err := socketio.Parse(payload)
	switch {
	case err != nil:
	case packet.Type == socketio.Connect:
		p.auth, _ = socketio.ParseAuth(packet.Data)
		if v.admit != nil {
			if reason := v.admit(p); reason != "" {
				p.send(string(socketio.AppendConnectError(nil, "", reason)))
				return
			}
		}
		p.send(string(socketio.AppendAccept(nil, "b")))
	case packet.Named(socketio.Join):
		rooms, _ := socketio.ParseRooms(packet.Data)
		for _, room := range rooms {
			p.rooms[room] = true
			if event := v.latest[room]; v.greet && event != nil {
				p.send(string(event))
			}
		}
	}
}

func (p *peer) write() {
	for {
		select {
		case frame := <-p.out:
			if _, err := p.conn.Write(frame); err != nil {
				return
			}
		case <-p.gone:
			return
		}
	}
}

func (p *peer) frame(f ws.Frame) { p.out <- ws.MustCompileFrame(f) }
func (p *peer) send(text string) { p.frame(ws.NewTextFrame([]byte(text))) }

// drop ends the connection without a word.
func (p *peer) drop() { _ = p.conn.Close() }

// publish sends an event to those who joined a room.
func (v *venue) publish(room, event string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.latest[room] = []byte(event)
	for _, p := range v.peers {
		select {
		case <-p.gone:
			continue
		default:
		}
		if p.rooms[room] {
			p.send(event)
		}
	}
}

// peer waits for connection number n, from 1, to have joined or been refused.
func (v *venue) peer(tb testing.TB, n int) *peer {
	tb.Helper()
	for range 100_000 {
		v.mu.Lock()
		for _, p := range v.peers {
			if p.number == n && len(p.heard) > 0 {
				v.mu.Unlock()
				return p
			}
		}
		v.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	require.FailNow(tb, "no such connection", "%d", n)
	return nil
}

func (v *venue) texts(p *peer) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]string(nil), p.heard...)
}

func (v *venue) farewell(p *peer) string {
	<-p.gone
	v.mu.Lock()
	defer v.mu.Unlock()
	return p.closed
}

func (v *venue) connections() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.dials
}

// quote is a "stock" event of a token; n is its volume, so that it can be told
// from others.
func quote(token string, n int) string {
	text := strings.Replace(quoteText, "42505", token, 1)
	return `42["stock",` + strings.Replace(text, "70816125", fmt.Sprint(n), 1) + `]`
}

// recorder is a Sink, and takes everything else a stream tells.
type recorder struct {
	mu       sync.Mutex
	log      []string // states, and "q7" for a quote of volume 7, in order
	depths   int
	commits  int
	orders   []order.Report
	candles  int
	suspects []string
	taps     int
}

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, text)
}

func (r *recorder) Quote(q *market.Quote)    { r.note(fmt.Sprintf("q%d", q.Volume)) }
func (r *recorder) State(s market.FeedState) { r.note(s.String()) }
func (r *recorder) Depth(*market.Depth)      { r.mu.Lock(); r.depths++; r.mu.Unlock() }
func (r *recorder) Commit(market.Stamp)      { r.mu.Lock(); r.commits++; r.mu.Unlock() }
func (r *recorder) order(report *order.Report) {
	r.mu.Lock()
	r.orders = append(r.orders, *report)
	r.mu.Unlock()
}
func (r *recorder) candle(*Candle) { r.mu.Lock(); r.candles++; r.mu.Unlock() }
func (r *recorder) tap([]byte)     { r.mu.Lock(); r.taps++; r.mu.Unlock() }
func (r *recorder) suspect(epoch uint64, e error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.suspects = append(r.suspects, fmt.Sprintf("epoch %d: %s", epoch, e))
}

func (r *recorder) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.log...)
}

func (r *recorder) suspected() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.suspects...)
}

func credential(epoch uint64, token string) *session.Credential {
	return &session.Credential{Epoch: epoch, User: "TESTUSR1", Stream: session.NewToken(token)}
}

// rig is a stream against a venue.
type rig struct {
	t      *testing.T
	venue  *venue
	rec    *recorder
	store  *session.Store
	stream *Stream
	cancel context.CancelCauseFunc
	ended  chan error
}

var errTestOver = errors.New("the test is over")

// start runs a stream; change may alter its configuration.
func start(t *testing.T, v *venue, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, venue: v, rec: new(recorder), store: new(session.Store), ended: make(chan error, 1)}
	r.store.Swap(credential(1, "51606286"))
	cfg := Config{
		Name: "ticks", URL: "ws://127.0.0.1", Session: r.store, Rooms: []string{"4.1!42505", "4.1!42506"}, Dial: v.dial,
		Rand: func() float64 { return 0.5 }, Universe: testUniverse(t), Sink: r.rec, Tap: r.rec.tap, OnSuspect: r.rec.suspect,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	r.stream, err = New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	r.cancel = cancel
	go func() { r.ended <- r.stream.Run(ctx) }()
	return r
}

// stop ends the stream and waits for everyone.
func (r *rig) stop() {
	r.t.Helper()
	r.cancel(errTestOver)
	require.ErrorIs(r.t, <-r.ended, errTestOver)
	r.venue.wait.Wait()
}

// until waits until ok.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for range 100_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	require.FailNow(r.t, "never happened: "+what, "%v\n%+v", r.rec.told(), r.stream.Stats())
}

func (r *rig) live() { r.t.Helper(); r.untilTold("live") }

func (r *rig) untilTold(want ...string) {
	r.t.Helper()
	r.until(strings.Join(want, " "), func() bool { return endsWith(r.rec.told(), want) })
}

func endsWith(all, end []string) bool {
	return len(all) >= len(end) && strings.Join(all[len(all)-len(end):], " ") == strings.Join(end, " ")
}

// virtual runs a test in virtual time.
func virtual(t *testing.T, test func(t *testing.T)) { t.Helper(); synctest.Test(t, test) }

// tcp makes a pair of real connections.
func tcp(tb testing.TB) func() (a, b net.Conn) {
	return func() (net.Conn, net.Conn) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(tb, err)
		defer listener.Close()
		near, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(tb, err)
		far, err := listener.Accept()
		require.NoError(tb, err)
		return near, far
	}
}

// script is a connection that plays given bytes to a link and keeps what it
// writes.
type script struct {
	net.Conn
	in      []byte
	chunk   int
	written []byte
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.in[:min(len(s.in), max(s.chunk, 1))])
	s.in = s.in[n:]
	return n, nil
}

func (s *script) Write(p []byte) (int, error) {
	s.written = append(s.written, p...)
	return len(p), nil
}
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) Close() error                     { return os.ErrClosed }
