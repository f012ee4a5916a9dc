package stream

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// venue is a small Socket.IO server: enough of Breeze's stream to test a client
// against, and every way to misbehave. Rooms, joins and broadcasts are settled
// under one lock, so that all connections see events in one order.
type venue struct {
	token        string
	pingInterval time.Duration
	pingTimeout  time.Duration
	// script, when set, serves the n-th connection (from 1) in place of the
	// usual way; it returns true to go on the usual way after it.
	script func(n int, c *peer) bool

	mu     sync.Mutex
	count  int
	peers  []*peer // open ones
	dialed []time.Time
	said   []string // every text of every client, in order of arrival
	wait   sync.WaitGroup
}

func newVenue() *venue {
	return &venue{token: "51606286", pingInterval: 25 * time.Second, pingTimeout: 20 * time.Second}
}

// peer is one connection, seen from the venue.
type peer struct {
	v       *venue
	n       int
	conn    net.Conn
	request string
	rooms   map[string]bool // guarded by v.mu
	granted bool
	out     chan []byte
	closed  atomic.Bool
	gone    chan struct{}
}

// dial is a Config.Dial that reaches the venue through an in-memory pipe, for
// tests in virtual time.
func (v *venue) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	v.wait.Go(func() { v.serve(server) })
	return client, nil
}

// listen serves on loopback and returns the URL.
func (v *venue) listen(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	v.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			v.wait.Go(func() { v.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		v.dropAll()
		v.wait.Wait()
	})
	return "ws://" + listener.Addr().String()
}

func (v *venue) serve(conn net.Conn) {
	defer conn.Close()
	v.mu.Lock()
	v.count++
	n := v.count
	v.dialed = append(v.dialed, time.Now())
	v.mu.Unlock()
	c := &peer{v: v, n: n, conn: conn, rooms: make(map[string]bool), out: make(chan []byte, 1<<16), gone: make(chan struct{})}
	upgrader := ws.Upgrader{OnRequest: func(uri []byte) error {
		c.request = string(uri)
		return nil
	}}
	if _, err := upgrader.Upgrade(conn); err != nil {
		return
	}
	v.mu.Lock()
	v.peers = append(v.peers, c)
	v.mu.Unlock()
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.peers = slices.DeleteFunc(v.peers, func(other *peer) bool { return other == c })
		close(c.gone)
	}()

	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		buffered := bufio.NewWriterSize(conn, 32<<10)
		for {
			select {
			case frame := <-c.out:
				if frame == nil {
					_ = buffered.Flush()
					_ = conn.Close()
					return
				}
				_, _ = buffered.Write(frame)
				if len(c.out) == 0 {
					if buffered.Flush() != nil {
						return
					}
				}
			case <-stop:
				return
			}
		}
	})
	defer writer.Wait()
	defer close(stop)
	if v.script != nil && !v.script(n, c) {
		c.drain()
		return
	}
	c.open()
	c.usual()
}

func (c *peer) open() {
	c.say(string(socketio.AppendOpen(nil, socketio.Handshake{
		SID: fmt.Sprint("s", c.n), PingInterval: c.v.pingInterval, PingTimeout: c.v.pingTimeout, MaxPayload: 1e6})))
}

// usual handles what a client says as the real server does.
func (c *peer) usual() {
	for {
		text, ok := c.hear()
		if !ok {
			return
		}
		p, err := socketio.Parse([]byte(text))
		if err != nil {
			c.hangUp()
			return
		}
		c.v.mu.Lock()
		switch {
		case p.Type == socketio.Connect:
			auth, err := socketio.ParseAuth(p.Data)
			if err != nil || auth.User != "TESTUSR1" || auth.Token != c.v.token {
				c.say(string(socketio.AppendConnectError(nil, "", "Unauthorized")))
			} else {
				c.granted = true
				c.say(`40{"sid":"granted"}`)
			}
		case p.Type == socketio.Disconnect:
			clear(c.rooms)
			c.granted = false
		case p.Named(socketio.Join), p.Named(socketio.Leave):
			rooms, _ := socketio.ParseRooms(p.Data)
			for _, room := range rooms {
				c.rooms[room] = p.Named(socketio.Join)
			}
		}
		c.v.mu.Unlock()
	}
}

// hear is the client's next text; false at the end. Close frames are answered.
func (c *peer) hear() (string, bool) {
	for {
		h, err := ws.ReadHeader(c.conn)
		if err != nil {
			return "", false
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(c.conn, payload); err != nil {
			return "", false
		}
		if !h.Masked {
			panic("a client's frame is not masked")
		}
		ws.Cipher(payload, h.Mask, 0)
		switch h.OpCode {
		case ws.OpText:
			c.v.mu.Lock()
			c.v.said = append(c.v.said, string(payload))
			c.v.mu.Unlock()
			return string(payload), true
		case ws.OpPing:
			c.raw(frame(0x8a, payload))
		case ws.OpClose:
			c.v.mu.Lock()
			c.v.said = append(c.v.said, "close "+base64.RawStdEncoding.EncodeToString(payload))
			c.v.mu.Unlock()
			c.raw(frame(0x88, payload))
			c.hangUp()
		}
	}
}

// drain reads until the client is gone.
func (c *peer) drain() {
	for ok := true; ok; {
		_, ok = c.hear()
	}
}

func (c *peer) say(text string) { c.raw(frame(0x81, []byte(text))) }

func (c *peer) raw(frame []byte) {
	if !c.closed.Load() {
		c.out <- frame
	}
}

// hangUp ends the TCP connection after what has been said.
func (c *peer) hangUp() {
	if !c.closed.Swap(true) {
		c.out <- nil
	}
}

// frame is an unmasked frame, as a server sends it.
func frame(first byte, payload []byte) []byte {
	h := ws.Header{Fin: first&0x80 != 0, Rsv: first >> 4 & 7, OpCode: ws.OpCode(first & 15), Length: int64(len(payload))}
	var out strings.Builder
	_ = ws.WriteHeader(&out, h)
	return append([]byte(out.String()), payload...)
}

// publish sends an event to everyone in the room.
func (v *venue) publish(room, payload string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.peers {
		if c.rooms[room] {
			c.say(payload)
		}
	}
}

// tell sends a text to everyone who was granted the namespace.
func (v *venue) tell(payload string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.peers {
		if c.granted {
			c.say(payload)
		}
	}
}

func (v *venue) dropAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.peers {
		_ = c.conn.Close()
	}
}

func (v *venue) heard() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.said)
}

func (v *venue) dials() []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.dialed)
}

// joined tells whether a connection of the client is in the room.
func (v *venue) joined(room string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.ContainsFunc(v.peers, func(c *peer) bool { return c.rooms[room] })
}

// recorder is a Sink that keeps everything, and notices when two goroutines
// call it at once.
type recorder struct {
	mu      sync.Mutex
	quotes  []market.Quote
	depths  []market.Depth
	states  []market.FeedState
	log     []string // states and volumes in order
	commits int
	reports []order.Report
	busy    atomic.Int32
	crowded atomic.Bool
}

func (r *recorder) enter() func() {
	if r.busy.Add(1) != 1 {
		r.crowded.Store(true)
	}
	r.mu.Lock()
	return func() {
		r.busy.Add(-1)
		r.mu.Unlock()
	}
}

func (r *recorder) Quote(q *market.Quote) {
	defer r.enter()()
	r.quotes = append(r.quotes, *q)
	r.log = append(r.log, fmt.Sprint(q.Volume))
}

func (r *recorder) Depth(d *market.Depth) {
	defer r.enter()()
	r.depths = append(r.depths, *d)
	r.log = append(r.log, "depth")
}

func (r *recorder) Commit(market.Stamp) {
	defer r.enter()()
	r.commits++
}

func (r *recorder) State(state market.FeedState) {
	defer r.enter()()
	r.states = append(r.states, state)
	r.log = append(r.log, state.String())
}

func (r *recorder) order(report *order.Report) {
	defer r.enter()()
	r.reports = append(r.reports, *report)
}

func (r *recorder) entries() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log)
}

// locked runs f while nobody writes.
func (r *recorder) locked(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func credential(epoch uint64, token string) *session.Credential {
	return &session.Credential{Epoch: epoch, User: "TESTUSR1", Stream: session.NewToken(token)}
}

func credentials(token string) *session.Store {
	store := new(session.Store)
	store.Swap(credential(1, token))
	return store
}

// quoteOf is a quote event whose volume is a number to tell it by.
func quoteOf(token string, number int) string {
	return fmt.Sprintf(`42["stock",["4.1!%s",98,100.05,120,90,1.05,100,650,100.1,1300,65,101.37,4763100,null,%d,1974300,548625,"38.31C","",0.05,539.15,1795420800,99]]`, token, number)
}

// running is a stream under test with its Run under way.
type running struct {
	*Stream
	sink *recorder
	stop context.CancelFunc
	err  chan error
}

// start runs a stream; quit ends it.
func start(t *testing.T, change func(*Config)) *running {
	t.Helper()
	sink := new(recorder)
	cfg := Config{
		Name: "ticks", URL: "ws://127.0.0.1:1", Session: credentials("51606286"), Universe: testUniverse(t), Sink: sink,
		Rooms: []string{"4.1!42505", "4.2!42505"}, Backoff: Backoff{10 * time.Millisecond, 100 * time.Millisecond},
		Overlap: 20 * time.Millisecond,
	}
	change(&cfg)
	s, err := New(cfg)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{Stream: s, sink: sink, stop: cancel, err: make(chan error, 1)}
	go func() { r.err <- s.Run(ctx) }()
	return r
}

func (r *running) quit(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.err:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(30 * time.Second):
		t.Fatal("Run did not end")
	}
	require.False(t, r.sink.crowded.Load(), "two goroutines called the sink at once")
	require.Equal(t, market.FeedDown, r.State())
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 10_000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never: " + what)
}
