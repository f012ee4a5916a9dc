package gateway

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/rest"
)

// call is one request on the wire and all that its answer needs to be judged.
type call struct {
	endpoint rest.Endpoint
	slot     Slot
	ask      *ask // a read that the core did not order; nil otherwise
	epoch    uint64
	reused   bool
	sentWall market.UnixNano
	sentMono market.Mono
	deadline market.Mono // after it an answer is late: the connection is not used again
	id       order.ID
	attempt  uint8
	class    order.Class
}

// result is the transport's account of a call. Its byte slices are borrowed
// until the receiver returns.
type result struct {
	call    *call
	phase   rest.Phase
	answer  *httpAnswer // of phase Answered; nil otherwise
	err     error       // why there is none
	late    bool
	arrived market.Stamp
}

// The states of a connection. Idle to claimed is the owner's compare-and-swap,
// so that of a take and the end of an idle connection exactly one wins.
const (
	connIdle uint32 = iota
	connClaimed
	connInFlight
	connReporting // its answer is being told; the reader's
	connDead
)

// conn is one HTTP/1.1 connection with at most one request in flight. The
// order core's owner writes requests to it; its own goroutine reads, always,
// so that the end of an idle connection is noticed when it comes and not when
// the next order goes out.
type conn struct {
	net.Conn               // TLS or plain
	under    *countingConn // what the kernel took
	state    atomic.Uint32 // see above
	call     call          // written by the claimant, read by the reader while in flight
	calls    int           // requests carried; the claimant's
	peek     func() bool   // false when the peer has closed or said something unasked
	born     market.Mono   // when it was opened
	unused   bool          // the peer ended it before it carried anything; whoever closes it
	idleAt   atomic.Int64  // market.Mono when it last became idle
	maxIdle  time.Duration // its own share of the pool's bound
	answer   httpAnswer    // the reader's
	clock    market.Clock
	result   result        // scratch: a local would escape through deliver
	deliver  func(*result) // the reader's way out; must not block
	ended    func(*conn)   // told once, when it is dead
	settled  func()        // told after a call ended and, if it can, the connection is idle again
}

// countingConn counts what the kernel accepted of the bytes below TLS.
type countingConn struct {
	net.Conn
	written int64 // the writer's
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written += int64(n)
	return n, err
}

// claim takes an idle connection, if nothing has happened to it.
func (c *conn) claim() bool {
	if !c.state.CompareAndSwap(connIdle, connClaimed) {
		return false
	}
	if c.peek != nil && !c.peek() {
		c.kill()
		return false
	}
	return true
}

// writeTimeout bounds a write. A request fits the kernel's empty buffer, so it
// is never waited for in practice.
const writeTimeout = 250 * time.Millisecond

// send writes a request on a claimed connection and says how much of it the
// kernel took. After anything but SentWhole the connection is dead and nothing
// more is heard of the call. Hot path.
func (c *conn) send(request []byte, k *call, listen time.Time) (Sent, error) {
	k.reused = c.calls > 0
	c.call = *k
	c.calls++
	if !c.state.CompareAndSwap(connClaimed, connInFlight) {
		return SentNothing, errLost // it ended just now
	}
	// Deadlines are set before the first byte, for the answer may come, and the
	// connection be idle again, before Write returns.
	_ = c.SetReadDeadline(listen)
	_ = c.SetWriteDeadline(time.Now().Add(writeTimeout))
	before := c.under.written
	n, err := c.Write(request)
	if err == nil {
		return SentWhole, nil
	}
	// The reader may have seen the same end and reported the call already:
	// whoever takes it out of flight speaks for it.
	if !c.state.CompareAndSwap(connInFlight, connDead) {
		return SentWhole, nil
	}
	c.close()
	// What the kernel took, below TLS too, which only ever adds bytes: fewer
	// than the request has cannot hold all of it.
	switch took := c.under.written - before; {
	case took == 0 && n == 0:
		return SentNothing, err
	case took < int64(len(request)) && n < len(request):
		return SentPart, err
	}
	return SentWhole, err
}

var errLost = errors.New("gateway: the connection ended before the request")

// kill ends a claimed or idle connection.
func (c *conn) kill() {
	if before := c.state.Swap(connDead); before != connDead {
		c.unused = (before == connIdle || before == connClaimed) && c.idleAt.Load() == int64(c.born)
		c.close()
	}
}

func (c *conn) close() {
	_ = c.under.Conn.Close() // below TLS: a goodbye could block
	c.ended(c)
}

// retire closes the connection if it is idle.
func (c *conn) retire() bool {
	if c.state.CompareAndSwap(connIdle, connDead) {
		c.close()
		return true
	}
	return false
}

// read is the connection's goroutine: it ends with the connection.
func (c *conn) read() {
	buf := make([]byte, 8<<10)
	c.answer.reset()
	for {
		n, err := c.Conn.Read(buf)
		state := c.state.Load()
		if state != connInFlight {
			// Bytes that nobody asked for, or the end. A claimant that has not
			// sent yet finds out.
			if n > 0 || err != nil {
				c.kill()
				return
			}
			continue
		}
		var broken error
		if n > 0 {
			broken = c.answer.take(buf[:n])
		}
		if err != nil && errors.Is(err, io.EOF) && broken == nil {
			c.answer.closed()
		}
		switch {
		case broken != nil: // two answers among others: which is ours cannot be told
			c.finish(rest.Cut, broken)
			return
		case c.answer.done():
			if !c.finish(rest.Answered, nil) {
				return
			}
			if err != nil {
				c.kill()
				return
			}
		case err != nil:
			phase := rest.Sent
			if c.answer.began {
				phase = rest.Cut
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.silent() // the core has long called it unknown
				return
			}
			c.finish(phase, err)
			return
		}
	}
}

// silent ends a connection whose listening time is over.
func (c *conn) silent() {
	if !c.state.CompareAndSwap(connInFlight, connReporting) {
		return
	}
	if c.call.ask != nil { // nobody else tells those who asked
		c.deliver(&result{call: &c.call, phase: rest.Sent, err: os.ErrDeadlineExceeded, late: true, arrived: c.clock.Now()})
	}
	c.state.Store(connDead)
	c.close()
	c.settled()
}

// finish reports the call's end and makes the connection idle if it can carry
// another. It tells whether it can.
func (c *conn) finish(phase rest.Phase, err error) bool {
	if !c.state.CompareAndSwap(connInFlight, connReporting) {
		return false // the writer spoke for the call, or the pool closed
	}
	now := c.clock.Now()
	c.result = result{call: &c.call, phase: phase, err: err, late: now.Mono > c.call.deadline, arrived: now}
	r := &c.result
	if phase == rest.Answered {
		r.answer = &c.answer
	}
	keep := phase == rest.Answered && !r.late && c.answer.keepAlive
	if keep {
		_ = c.SetReadDeadline(time.Time{})
	}
	c.deliver(r)
	c.answer.reset()
	if !keep {
		c.state.Store(connDead)
		c.close()
		c.settled()
		return false
	}
	c.idleAt.Store(int64(now.Mono))
	if !c.state.CompareAndSwap(connReporting, connIdle) {
		return false
	}
	c.settled()
	return true
}

// newTLS puts TLS on a connection. Verification cannot be turned off.
func newTLS(raw *countingConn, config *tls.Config) *tls.Conn { return tls.Client(raw, config) }
