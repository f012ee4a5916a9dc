package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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
	lookupEvery    = time.Minute
	dialBackoff    = 100 * time.Millisecond // doubled with each failure
	dialBackoffMax = 5 * time.Second
	trustFailures  = 3 // certificate refusals in a row that only a person can mend
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
	distrust   func(error)          // certificates are refused for good

	slots   [maxConns]atomic.Pointer[conn] // written by run and by each connection's end
	demand  atomic.Int32                   // calls that wait for a connection; the owner writes
	wake    chan struct{}
	readers sync.WaitGroup

	dials, failures metrics.Counter // run's

	addresses struct {
		sync.Mutex
		list []netip.Addr // the last answer that was any
		next int
		at   time.Time
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
		refused  int // certificates, in a row
		notUntil time.Time
	)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		wanted := p.warm + int(p.demand.Load()) - p.idle() - pending
		wanted = min(wanted, maxConns-p.open()-pending)
		if failures > 0 {
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
		case err := <-failed:
			pending--
			failures++
			p.failures.Add(1)
			p.note("dial", err)
			if untrusted(err) {
				if refused++; refused == trustFailures {
					p.distrust(err)
				}
			} else {
				refused = 0
			}
			pause := min(dialBackoff<<min(failures-1, 10), dialBackoffMax)
			notUntil = time.Now().Add(pause/2 + rand.N(pause/2+1))
		}
	}
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
	for i := range p.slots {
		if p.slots[i].CompareAndSwap(c, nil) {
			break
		}
	}
	p.nudge()
}

// connect opens one connection, TLS included.
func (p *pool) connect(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	address, err := p.address(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := p.dial(ctx, p.network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{under: &countingConn{Conn: raw}, clock: p.clock, deliver: p.reader(), ended: p.ended, settled: p.settled}
	c.Conn = c.under
	if p.tls != nil {
		secure := handshake(c.under, p.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, fmt.Errorf("TLS with %s: %w", p.host, err)
		}
		c.Conn = secure
	}
	c.peek = peeker(raw, p.tls != nil)
	c.idleAt.Store(int64(p.clock.Now().Mono))
	c.maxIdle = p.maxIdle - rand.N(p.maxIdle/4+1) // so that they do not all end together
	return c, nil
}

// address is the next of the host's addresses. A look-up that fails leaves the
// last good answer in use.
func (p *pool) address(ctx context.Context) (string, error) {
	if ip, err := netip.ParseAddr(p.host); err == nil {
		return net.JoinHostPort(ip.String(), p.port), nil
	}
	a := &p.addresses
	a.Lock()
	fresh := len(a.list) > 0 && time.Since(a.at) < lookupEvery
	a.Unlock()
	var failure error
	if !fresh {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		family := map[string]string{"tcp": "ip", "tcp4": "ip4", "tcp6": "ip6"}[p.network]
		list, err := p.lookup(ctx, family, p.host)
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("%s has no address", p.host)
		}
		a.Lock()
		if failure = err; err == nil {
			a.list, a.at = list, time.Now()
		}
		a.Unlock()
	}
	a.Lock()
	defer a.Unlock()
	if len(a.list) == 0 {
		return "", fmt.Errorf("look up %s: %w", p.host, failure)
	}
	a.next++
	return net.JoinHostPort(a.list[a.next%len(a.list)].Unmap().String(), p.port), nil
}

// untrusted tells failures of certificates from all others.
func untrusted(err error) bool {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}
