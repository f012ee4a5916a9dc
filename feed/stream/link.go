package stream

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
)

const (
	minBuffer    = 64 << 10
	maxHeader    = ws.MaxHeaderSize
	maxFragments = 1000 // of one message
	writeTimeout = 5 * time.Second
)

// link is one websocket connection to the venue. One goroutine owns it at a
// time; only its conn may be touched by others, to interrupt a read.
type link struct {
	conn       net.Conn
	epoch      uint64 // of the credential it was opened with
	period     time.Duration
	heard      market.Mono // last time anything came
	armed      bool        // a read deadline is set
	rooms      *[]string   // what has been joined on it
	maxMessage int

	buf  []byte // fixed: frames are read in place from buf[r:w]
	r, w int

	message    []byte // a fragmented message that is being put together
	valid      int    // how much of it is known to be UTF-8
	fragments  int    // of it; zero when none is under way
	binary     bool   // it is one that we will throw away
	discarded  uint64 // binary messages thrown away
	pongDue    bool   // Engine.IO: one answer covers any number of pings
	echo       [ws.MaxControlFramePayloadSize]byte
	echoLen    int
	echoDue    bool // websocket: the latest ping is answered
	fenced     bool // the venue answered our websocket ping
	out        []byte
	mask       [4]byte
	sentClose  bool
	closeFault ws.StatusCode // what to tell the venue after a protocol error
}

func newLink(conn net.Conn, epoch uint64, maxMessage int) *link {
	return &link{conn: conn, epoch: epoch, maxMessage: maxMessage, buf: make([]byte, max(minBuffer, maxMessage+maxHeader))}
}

// fill reads once from the connection. What next returned before is then of no
// use any more. Hot path.
func (l *link) fill() error {
	switch {
	case l.r == l.w:
		l.r, l.w = 0, 0
	case l.r > 0 && len(l.buf)-l.w < len(l.buf)/4:
		l.w = copy(l.buf, l.buf[l.r:l.w])
		l.r = 0
	}
	n, err := l.conn.Read(l.buf[l.w:])
	l.w += n
	if n > 0 {
		return nil // an error will be met again
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// next is the next whole text message in the buffer, in place, valid until the
// next call of next or fill; ok is false when there is none yet. Pings are taken note of, not
// returned. Hot path: it allocates only for errors.
func (l *link) next() (payload []byte, ok bool, err error) {
	for {
		b := l.buf[l.r:l.w]
		if len(b) < 2 {
			return nil, false, nil
		}
		// The usual frame: final, text, unmasked, less than 64 KiB.
		n, head := int(b[1]), 2
		if b[0] != 0x81 || n > 126 || l.fragments > 0 {
			payload, more, err := l.unusual(b)
			if payload != nil || !more || err != nil {
				return payload, payload != nil, err
			}
			continue
		}
		if n == 126 {
			if head = 4; len(b) < head {
				return nil, false, nil
			}
			n = int(binary.BigEndian.Uint16(b[2:]))
		}
		if n > l.maxMessage {
			return nil, false, l.fault(ws.StatusMessageTooBig, "a message of %d bytes", n)
		}
		if len(b) < head+n {
			return nil, false, nil
		}
		l.r += head + n
		payload = b[head : head+n : head+n]
		if n == 1 && payload[0] == '2' {
			l.pongDue = true
			continue
		}
		if !utf8.Valid(payload) {
			return nil, false, l.fault(ws.StatusInvalidFramePayloadData, "text that is not UTF-8")
		}
		return payload, true, nil
	}
}

// unusual reads any other frame: it returns a message when one is complete, and
// whether another frame may follow in the buffer.
func (l *link) unusual(b []byte) (message []byte, more bool, err error) {
	h, head, err := l.header(b)
	if err != nil || head == 0 {
		return nil, false, err
	}
	// A length is judged before it is waited for: nothing is ever reserved for it.
	if h.Length > int64(l.maxMessage) || !h.OpCode.IsControl() && len(l.message)+int(h.Length) > l.maxMessage {
		return nil, false, l.fault(ws.StatusMessageTooBig, "a message of at least %d bytes", h.Length)
	}
	if int64(len(b)-head) < h.Length {
		return nil, false, nil
	}
	payload := b[head : head+int(h.Length)]
	l.r += head + int(h.Length)
	if h.OpCode.IsControl() {
		return nil, true, l.control(h.OpCode, payload)
	}

	if h.OpCode != ws.OpContinuation {
		l.binary, l.message = h.OpCode == ws.OpBinary, l.message[:0]
	}
	l.fragments++
	if l.fragments > maxFragments {
		return nil, false, l.fault(ws.StatusMessageTooBig, "a message of more than %d fragments", maxFragments)
	}
	if !l.binary {
		if h.OpCode != ws.OpContinuation {
			l.valid = 0
		}
		l.message = append(l.message, payload...)
		n, ok := validStart(l.message[l.valid:])
		if l.valid += n; !ok || h.Fin && l.valid < len(l.message) {
			return nil, false, l.fault(ws.StatusInvalidFramePayloadData, "text that is not UTF-8")
		}
	}
	if !h.Fin {
		return nil, true, nil
	}
	l.fragments = 0
	message = l.message
	l.message = l.message[:0]
	switch {
	case l.binary: // Breeze's streams are text
		l.discarded++
		return nil, true, nil
	case len(message) == 1 && message[0] == '2':
		l.pongDue = true
		return nil, true, nil
	case len(message) == 0:
		return []byte{}, true, nil
	}
	return message, true, nil
}

// validStart is how much of b is whole UTF-8 characters; ok is false when what
// follows cannot become one.
func validStart(b []byte) (n int, ok bool) {
	for n < len(b) {
		r, size := utf8.DecodeRune(b[n:])
		if r == utf8.RuneError && size == 1 {
			return n, !utf8.FullRune(b[n:])
		}
		n += size
	}
	return n, true
}

// header reads a frame header of any form and checks it against the rules for
// what a server may send. head is its length, zero when more bytes are needed.
func (l *link) header(b []byte) (h ws.Header, head int, err error) {
	h = ws.Header{Fin: b[0]&0x80 != 0, Rsv: b[0] >> 4 & 7, OpCode: ws.OpCode(b[0] & 0x0f), Masked: b[1]&0x80 != 0, Length: int64(b[1] & 0x7f)}
	head = 2
	switch h.Length {
	case 126:
		if head = 4; len(b) < head {
			return h, 0, nil
		}
		h.Length = int64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if head = 10; len(b) < head {
			return h, 0, nil
		}
		length := binary.BigEndian.Uint64(b[2:])
		if length>>63 != 0 {
			return h, 0, l.fault(ws.StatusProtocolError, "a frame length with its highest bit set")
		}
		h.Length = int64(length)
	}
	state := ws.StateClientSide
	if l.fragments > 0 {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return h, 0, l.fault(ws.StatusProtocolError, "%s", err)
	}
	return h, head, nil
}

func (l *link) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		l.echoLen, l.echoDue = copy(l.echo[:], payload), true
	case ws.OpPong:
		l.fenced = true
	case ws.OpClose:
		if len(payload) == 0 {
			return &CloseError{}
		}
		code, reason := ws.ParseCloseFrameData(payload)
		if err := ws.CheckCloseFrameData(code, reason); err != nil {
			status := ws.StatusProtocolError
			if errors.Is(err, ws.ErrProtocolInvalidUTF8) {
				status = ws.StatusInvalidFramePayloadData
			}
			return l.fault(status, "a close frame: %s", err)
		}
		return &CloseError{Code: uint16(code), Reason: reason}
	}
	return nil
}

// fault notes which code the venue is to be told, and makes the error.
func (l *link) fault(code ws.StatusCode, format string, args ...any) error {
	l.closeFault = code
	return fmt.Errorf("%w: %s (close %d)", ErrProtocol, fmt.Sprintf(format, args...), code)
}

// answer sends the pongs that are due: one, however many were asked for.
func (l *link) answer() error {
	if !l.pongDue && !l.echoDue {
		return nil
	}
	if l.pongDue {
		l.append(ws.OpText, pong)
	}
	if l.echoDue {
		l.append(ws.OpPong, l.echo[:l.echoLen])
	}
	l.pongDue, l.echoDue = false, false
	return l.flush()
}

var pong = socketio.AppendPong(nil)

// append adds a masked frame to what flush will send.
func (l *link) append(op ws.OpCode, payload []byte) {
	l.out = append(l.out, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		l.out = append(l.out, 0x80|byte(n))
	case n < 1<<16:
		l.out = binary.BigEndian.AppendUint16(append(l.out, 0x80|126), uint16(n))
	default:
		l.out = binary.BigEndian.AppendUint64(append(l.out, 0x80|127), uint64(n))
	}
	_, _ = rand.Read(l.mask[:]) // never fails
	l.out = append(l.out, l.mask[:]...)
	start := len(l.out)
	l.out = append(l.out, payload...)
	ws.Cipher(l.out[start:], l.mask, 0)
}

// flush sends what was appended, if anything.
func (l *link) flush() error {
	if len(l.out) == 0 {
		return nil
	}
	// A venue that does not read must not hold the feed up for ever.
	_ = l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := l.conn.Write(l.out)
	clear(l.out) // it may have held the credential
	l.out = l.out[:0]
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return nil
}

// fence adds a websocket ping to what flush will send. Its answer sets fenced,
// and shows that the venue has read all that was sent before.
func (l *link) fence() { l.append(ws.OpPing, nil) }

// goodbye leaves politely: Socket.IO's disconnect, then a close frame. What the
// venue had sent before can still be read.
func (l *link) goodbye() {
	l.append(ws.OpText, socketio.AppendDisconnect(nil))
	l.append(ws.OpClose, nil)
	l.sentClose = true
	_ = l.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = l.conn.Write(l.out)
	l.out = l.out[:0]
}

// shut ends the connection: it answers or explains by a close frame if that has
// not been done, without waiting for the venue.
func (l *link) shut() {
	if !l.sentClose {
		var reason []byte
		if l.closeFault != 0 {
			reason = binary.BigEndian.AppendUint16(nil, uint16(l.closeFault))
		}
		l.append(ws.OpClose, reason)
		_ = l.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = l.conn.Write(l.out)
	}
	_ = l.conn.Close()
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
