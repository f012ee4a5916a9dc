package sim

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
)

const (
	maxPayload     = 1_000_000
	connectTimeout = 45 * time.Second // socket.io's default: how long a client may stay unannounced
	closeTimeout   = time.Second      // how long a close frame is waited for
	writeTimeout   = 10 * time.Second
)

// conn is one Engine.IO connection: a goroutine that reads and one that writes.
type conn struct {
	venue  *Venue
	number uint64
	sid    string
	nc     net.Conn

	// Guarded by the venue's mutex.
	candles     bool
	authed      bool
	user, token string
	rooms       map[roomKey]struct{}
	mutedUntil  market.Mono

	mu      sync.Mutex // guards the three below
	out     []byte     // frames not yet taken by the writer
	state   connState
	limit   int
	wake    chan struct{} // capacity 1: the writer has something to do
	pong    chan struct{} // capacity 1: the client answered a ping
	goodbye chan struct{} // closed when the reader has ended
}

type connState uint8

const (
	connOpen      connState = iota
	connLingering           // 41 is out; the client is expected to close
	connFinishing           // flush, close frame, then end
	connAborted             // end at once
)

type putResult uint8

const (
	putOK putResult = iota
	putFull
	putClosed
)

// put queues frames; wake is false while the venue stalls.
func (c *conn) put(frame []byte, wake bool) putResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != connOpen {
		return putClosed
	}
	if len(c.out)+len(frame) > c.limit {
		return putFull
	}
	c.out = append(c.out, frame...)
	if wake {
		c.nudge()
	}
	return putOK
}

func (c *conn) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) enter(s connState) {
	c.mu.Lock()
	c.state = max(c.state, s)
	c.mu.Unlock()
	c.nudge()
}

// finish flushes what is queued, sends a close frame and ends.
func (c *conn) finish() { c.enter(connFinishing) }

// linger leaves the transport to the client, for a while.
func (c *conn) linger() { c.enter(connLingering) }

// abort ends the connection without a word.
func (c *conn) abort() {
	c.enter(connAborted)
	_ = c.nc.Close() // unblocks reader and writer; nobody is left to tell
}

// stream serves a Socket.IO path.
func (v *Venue) stream(candles bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		query := r.URL.Query()
		switch {
		case query.Get("transport") != "websocket":
			badStream(w, "Transport unknown")
			return
		case query.Has("sid"):
			badStream(w, "Session ID unknown")
			return
		}
		up := ws.HTTPUpgrader{Header: http.Header{"Access-Control-Allow-Origin": {"*"}}}
		nc, rw, _, err := up.Upgrade(r, w)
		if err != nil {
			return // the upgrader has answered
		}
		if query.Get("EIO") != "4" {
			// The real server upgrades first and refuses in plain HTTP behind it.
			_, _ = io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: 28\r\n\r\nUnsupported protocol version")
			_ = nc.Close()
			return
		}
		v.accept(nc, rw.Reader, candles)
	}
}

func badStream(w http.ResponseWriter, text string) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, text) // a client that is gone needs no answer
}

func (v *Venue) accept(nc net.Conn, in *bufio.Reader, candles bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	h := v.hub
	h.born++
	h.stats.SocketsOpened++
	c := &conn{
		venue: v, number: h.born, sid: fmt.Sprintf("sim%016x", h.born), nc: nc, candles: candles, rooms: make(map[roomKey]struct{}),
		limit: v.cfg.SocketBuffer, wake: make(chan struct{}, 1), pong: make(chan struct{}, 1), goodbye: make(chan struct{}),
	}
	h.conns[c] = struct{}{}
	c.put(appendFrame(nil, ws.OpText, socketio.AppendOpen(nil, socketio.Handshake{
		SID: c.sid, PingInterval: v.cfg.PingInterval, PingTimeout: v.cfg.PingTimeout, MaxPayload: maxPayload,
	})), true)
	h.wait.Go(c.write)
	h.wait.Go(func() { c.read(in) })
}

// write sends what is queued, many frames a call, and the pings.
func (c *conn) write() {
	defer c.nc.Close()
	interval, timeout := c.venue.cfg.PingInterval, c.venue.cfg.PingTimeout
	timer := time.NewTimer(interval)
	defer timer.Stop()
	waiting := false
	var spare []byte
	for {
		ping, gone := false, false
		select {
		case <-c.wake:
		case <-c.pong:
			waiting = false
			timer.Reset(interval)
			continue
		case <-timer.C:
			if waiting {
				c.forget()
				c.finish()
				continue
			}
			waiting, ping = true, true
			timer.Reset(timeout)
		case <-c.goodbye:
			gone = true // what is queued may still be a close frame for the client's own
		}
		c.mu.Lock()
		batch, state := c.out, c.state
		c.out = spare[:0]
		c.mu.Unlock()
		if ping {
			batch = appendFrame(batch, ws.OpText, socketio.AppendPing(nil))
		}
		if state == connAborted {
			return
		}
		if state == connFinishing {
			batch = appendFrame(batch, ws.OpClose, nil)
		}
		_ = c.nc.SetWriteDeadline(time.Now().Add(writeTimeout)) // a failure shows in the write
		if _, err := c.nc.Write(batch); err != nil {
			c.forget()
			return
		}
		if gone {
			return
		}
		spare = batch
		if state >= connLingering {
			select { // the client's own close, or its absence
			case <-c.goodbye:
			case <-time.After(closeTimeout):
			}
			return
		}
	}
}

// forget takes the connection off the hub's lists.
func (c *conn) forget() {
	c.venue.mu.Lock()
	defer c.venue.mu.Unlock()
	c.venue.hub.remove(c)
}

var errEnd = errors.New("sim: the connection ends")

// read serves what the client sends, until it or we are done.
func (c *conn) read(in *bufio.Reader) {
	defer close(c.goodbye)
	defer c.forget()
	_ = c.nc.SetReadDeadline(time.Now().Add(connectTimeout)) // a failure shows in the read
	var message []byte
	for {
		op, payload, fin, err := readFrame(in, maxPayload-len(message))
		if err != nil {
			c.finish()
			return
		}
		switch op {
		case ws.OpClose:
			c.finish()
			return
		case ws.OpPing:
			c.put(appendFrame(nil, ws.OpPong, payload), true)
			continue
		case ws.OpPong:
			continue
		case ws.OpText, ws.OpContinuation:
			message = append(message, payload...)
			if !fin {
				continue
			}
		default: // the streams are text only
			c.finish()
			return
		}
		err = c.handle(message)
		message = message[:0]
		if err != nil {
			c.forget()
			c.finish()
			c.drain(in)
			return
		}
	}
}

// drain waits for the client's close frame after we have sent ours.
func (c *conn) drain(in *bufio.Reader) {
	_ = c.nc.SetReadDeadline(time.Now().Add(closeTimeout)) // a failure shows in the read
	for {
		if op, _, _, err := readFrame(in, maxPayload); err != nil || op == ws.OpClose {
			return
		}
	}
}

// readFrame reads one masked frame of at most limit bytes.
func readFrame(in *bufio.Reader, limit int) (op ws.OpCode, payload []byte, fin bool, err error) {
	var head [2]byte
	if _, err = io.ReadFull(in, head[:]); err != nil {
		return
	}
	op, fin = ws.OpCode(head[0]&0x0f), head[0]&0x80 != 0
	size := uint64(head[1] & 0x7f)
	if head[0]&0x70 != 0 || head[1]&0x80 == 0 {
		return op, nil, fin, errEnd // reserved bits, or a client that does not mask
	}
	var wide [8]byte
	switch size {
	case 126:
		if _, err = io.ReadFull(in, wide[:2]); err != nil {
			return
		}
		size = uint64(binary.BigEndian.Uint16(wide[:2]))
	case 127:
		if _, err = io.ReadFull(in, wide[:]); err != nil {
			return
		}
		size = binary.BigEndian.Uint64(wide[:])
	}
	if size > uint64(max(limit, 0)) || op.IsControl() && (size > 125 || !fin) {
		return op, nil, fin, errEnd
	}
	var mask [4]byte
	if _, err = io.ReadFull(in, mask[:]); err != nil {
		return
	}
	payload = make([]byte, size)
	if _, err = io.ReadFull(in, payload); err != nil {
		return
	}
	ws.Cipher(payload, mask, 0)
	return op, payload, fin, nil
}

// handle serves one packet; an error closes the link, where the real server
// closes it: on anything but a connect first, a ping from the client, or what
// is no packet.
func (c *conn) handle(message []byte) error {
	p, err := socketio.Parse(message)
	if err != nil {
		return err
	}
	v := c.venue
	now := v.clock.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	switch p.Type {
	case socketio.Pong:
		select {
		case c.pong <- struct{}{}:
		default:
		}
		return nil
	case socketio.Connect:
		return c.connect(&p, now)
	case socketio.Disconnect:
		c.authed = false
		v.hub.leaveAll(c)
		return nil
	case socketio.Event:
		if !c.authed || p.Namespace != nil {
			return errEnd
		}
		return c.event(&p, now)
	case socketio.Noop, socketio.Ack, socketio.BinaryAck:
		return nil
	}
	return errEnd
}

func (c *conn) connect(p *socketio.Packet, now market.Stamp) error {
	v := c.venue
	if p.Namespace != nil {
		c.put(appendFrame(nil, ws.OpText, socketio.AppendConnectError(nil, string(p.Namespace), "Invalid namespace")), true)
		return nil
	}
	auth, err := socketio.ParseAuth(p.Data)
	if err != nil || !v.core.sessions.socket(auth.User, auth.Token, now) {
		v.hub.stats.SocketsRefused++
		c.put(appendFrame(nil, ws.OpText, socketio.AppendConnectError(nil, "", "Unauthorized")), true)
		return nil
	}
	c.authed, c.user, c.token = true, auth.User, auth.Token
	_ = c.nc.SetReadDeadline(time.Time{}) // a failure shows in the next read
	c.put(appendFrame(nil, ws.OpText, socketio.AppendAccept(nil, c.sid+"n")), true)
	return nil
}

func (c *conn) event(p *socketio.Packet, now market.Stamp) error {
	v := c.venue
	join := p.Named("join")
	if !join && !p.Named("leave") {
		return nil
	}
	names, err := socketio.ParseRooms(p.Data)
	if err != nil {
		return nil // the server's handler ignores what it cannot read
	}
	for _, name := range names {
		k, ok := v.hub.room(name, c.candles)
		switch {
		case !ok:
		case !join:
			v.hub.leave(c, k)
		case v.hub.join(c, k) && !v.cfg.NoJoinSnapshot:
			v.hub.snapshot(c, k, now.Mono)
		}
	}
	return nil
}
