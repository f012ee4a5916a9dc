package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
)

// Sizes and times of the pool.
const (
	maxConns       = 32 // warm, in flight and listening for late answers together
	dialTimeout    = 5 * time.Second
	lookupTimeout  = 2 * time.Second
	lookupEvery    = time.Minute            // how old an answer may be; an older one is used until there is a newer
	dialBackoff    = 100 * time.Millisecond // doubled with each failure
	dialBackoffMax = 5 * time.Second
	infancy        = time.Second // a connection that ends so young and unused is as good as refused
	trustFailures  = 3           // refused handshakes in a row that only a person can mend
)

// DialFunc opens a transport connection: net.Dialer.DialContext, or a test's.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// LookupFunc resolves a host: net.Resolver.LookupNetIP, or a test's.
type LookupFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)

// pool keeps connections to the venue open and ready, dialled ahead with TLS
// done. The order core's owner takes from it without waiting; its own
// goroutine dials and retires.
type pool struct {
	host, port string
	tls        *tls.Config // nil: plain, for simulated venues on loopback
	network    string      // tcp, tcp4 or tcp6
	dial       DialFunc
	lookup     LookupFunc
	clock      market.Clock
	warm       int                  // idle connections to keep
	maxIdle    time.Duration        // a connection idle for so long is retired, before the server does it
	reader     func() func(*result) // makes what a connection hands its calls' ends to; it must not block
	settled    func()               // a call ended, or a connection became idle
	note       func(string, error)  // a dial failed, or worked again (nil)
	distrust   func(error)          // handshakes are refused for good

	slots   [maxConns]atomic.Pointer[conn] // written by run and by each connection's end
	infants atomic.Int32                   // connections in a row that ended young and unused
	demand  atomic.Int32                   // calls that wait for a connection; the owner writes
	wake    chan struct{}
	readers sync.WaitGroup
	lookups sync.WaitGroup // beside the dials: renewals of addresses

	dials, failures metrics.Counter // run's

	addresses struct {
		sync.Mutex
		list   []netip.Addr // the last answer that was any
		next   int
		at     time.Time // of the last look-up that was tried
		asking bool      // one is on its way
	}
}

// take claims an idle connection, or returns nil. A read leaves the last one
// to writes. Hot path.
func (p *pool) take(write bool) *conn {
	if !write && p.idle() < 2 && p.warm > 1 {
		return nil
	}
	for i := range p.slots {
		if c := p.slots[i].Load(); c != nil && c.claim() {
			return c
		}
	}
	return nil
}

func (p *pool) idle() (n int) {
	for i := range p.slots {
		if c := p.slots[i].Load(); c != nil && c.state.Load() == connIdle {
			n++
		}
	}
	return n
}

func (p *pool) open() (n int) {
	for i := range p.slots {
		if p.slots[i].Load() != nil {
			n++
		}
	}
	return n
}

func (p *pool) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// want tells the pool how many calls wait for a connection.
func (p *pool) want(n int) {
	if int(p.demand.Swap(int32(n))) < n {
		p.nudge()
	}
}

// run dials and retires until ctx ends, then closes everything and waits for
// the readers.
func (p *pool) run(ctx context.Context) {
	var (
		dialling sync.WaitGroup
		opened   = make(chan *conn)
		failed   = make(chan error)
		pending  int
		failures int // in a row
		refused  int // handshakes, in a row
		notUntil time.Time
	)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		wanted := p.warm + int(p.demand.Load()) - p.idle() - pending
		wanted = min(wanted, maxConns-p.open()-pending)
		if failures > 0 || p.infants.Load() > 0 {
			wanted = min(wanted, 1-pending)
		}
		for ; wanted > 0 && !now.Before(notUntil); wanted-- {
			pending++
			p.dials.Add(1)
			dialling.Go(func() {
				c, err := p.connect(ctx)
				if err != nil {
					select {
					case failed <- err:
					case <-ctx.Done():
					}
					return
				}
				select {
				case opened <- c:
				case <-ctx.Done():
					c.kill()
				}
			})
		}
		next := p.retire()
		if wanted > 0 {
			next = min(next, max(notUntil.Sub(now), 0))
		}
		timer.Reset(next)
		select {
		case <-ctx.Done():
			dialling.Wait()
			p.lookups.Wait()
			for i := range p.slots {
				if c := p.slots[i].Load(); c != nil {
					c.kill()
				}
			}
			p.readers.Wait()
			return
		case <-timer.C:
		case <-p.wake:
		case c := <-opened:
			pending--
			if failures > 0 {
				p.note("connected again", nil)
			}
			failures, refused, notUntil = 0, 0, time.Time{}
			p.install(c)
			if young := p.infants.Load(); young > 0 { // wait before the next, should this one end like the last
				notUntil = time.Now().Add(spread(int(young)))
			}
		case err := <-failed:
			pending--
			failures++
			p.failures.Add(1)
			p.note("no connection to the venue", err)
			if untrusted(err) {
				if refused++; refused == trustFailures {
					p.distrust(err)
				}
			} else {
				refused = 0
			}
			notUntil = time.Now().Add(spread(failures))
		}
	}
}

// spread is the pause after so many failures in a row.
func spread(failures int) time.Duration {
	pause := min(dialBackoff<<min(failures-1, 10), dialBackoffMax)
	return pause/2 + rand.N(pause/2+1)
}

// install puts a connection where takers find it and starts its reader.
func (p *pool) install(c *conn) {
	for i := range p.slots {
		if p.slots[i].CompareAndSwap(nil, c) {
			p.readers.Go(c.read)
			p.settled()
			return
		}
	}
	c.kill()
}

// retire closes connections that were idle for long and says when to look
// again.
func (p *pool) retire() time.Duration {
	now, next := p.clock.Now().Mono, p.maxIdle
	for i := range p.slots {
		c := p.slots[i].Load()
		if c == nil || c.state.Load() != connIdle {
			continue
		}
		left := c.maxIdle - now.Sub(market.Mono(c.idleAt.Load()))
		if left <= 0 {
			c.retire()
			left = 0
		}
		next = min(next, left)
	}
	return max(next, time.Millisecond)
}

// ended forgets a dead connection.
func (p *pool) ended(c *conn) {
	if c.unused && p.clock.Now().Mono.Sub(c.born) < infancy {
		p.infants.Add(1)
	} else {
		p.infants.Store(0)
	}
	for i := range p.slots {
		if p.slots[i].CompareAndSwap(c, nil) {
			break
		}
	}
	p.nudge()
}

// connect opens one connection, TLS included.
func (p *pool) connect(ctx context.Context) (*conn, error) {
	address, err := p.address(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := p.dial(ctx, p.network, address)
	if err != nil {
		return nil, err
	}
	tune(raw)
	c := &conn{born: p.clock.Now().Mono, under: &countingConn{Conn: raw}, clock: p.clock, deliver: p.reader(), ended: p.ended, settled: p.settled}
	c.Conn = c.under
	if p.tls != nil {
		secure := newTLS(c.under, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, &handshakeError{p.host, err}
		}
		c.Conn = secure
	}
	c.peek = peeker(raw, p.tls != nil)
	c.idleAt.Store(int64(c.born))
	c.maxIdle = p.maxIdle - rand.N(p.maxIdle/4+1) // so that they do not all end together
	return c, nil
}

// address is the next of the host's addresses. Once there was an answer nobody
// waits for the next one: the last good addresses serve until a look-up beside
// brings others, and when it fails, or brings none, they go on serving.
func (p *pool) address(ctx context.Context) (string, error) {
	if ip, err := netip.ParseAddr(p.host); err == nil {
		return net.JoinHostPort(ip.String(), p.port), nil
	}
	a := &p.addresses
	a.Lock()
	known, old := len(a.list) > 0, time.Since(a.at) >= lookupEvery
	renew := known && old && !a.asking
	if renew {
		a.asking = true
	}
	a.Unlock()
	switch {
	case renew:
		p.lookups.Go(func() {
			err := p.resolve(ctx)
			a.Lock()
			a.asking = false
			a.Unlock()
			if err != nil {
				p.note("the venue's name is not resolved: its last addresses stay in use", err)
			}
		})
	case !known:
		if err := p.resolve(ctx); err != nil {
			return "", err
		}
	}
	a.Lock()
	defer a.Unlock()
	a.next++
	return net.JoinHostPort(a.list[a.next%len(a.list)].Unmap().String(), p.port), nil
}

// resolve asks for the host's addresses and keeps them if there are any.
func (p *pool) resolve(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	family := map[string]string{"tcp": "ip", "tcp4": "ip4", "tcp6": "ip6"}[p.network]
	list, err := p.lookup(ctx, family, p.host)
	if err == nil && len(list) == 0 {
		err = errNoAddress
	}
	a := &p.addresses
	a.Lock()
	defer a.Unlock()
	a.at = time.Now()
	if err != nil {
		return fmt.Errorf("look up %s: %w", p.host, err)
	}
	a.list = list
	return nil
}

var errNoAddress = errors.New("the name has no address")

// handshakeError is a TLS handshake that did not come about.
type handshakeError struct {
	host string
	err  error
}

func (e *handshakeError) Error() string { return "TLS with " + e.host + ": " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// untrusted tells handshakes that were refused, by us for the certificate or by
// either side for the protocol, from those that the network broke off, which
// the next may mend.
func untrusted(err error) bool {
	if _, is := errors.AsType[*handshakeError](err); !is {
		return false
	}
	var refused *net.OpError
	if errors.As(err, &refused) && refused.Op == "remote error" { // an alert
		return true
	}
	if _, is := errors.AsType[net.Error](err); is {
		return false
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded, net.ErrClosed, io.ErrClosedPipe} {
		if errors.Is(err, broken) {
			return false
		}
	}
	return true
}
