package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// A renewal goes like this. Two goroutines take part: that of Renew, which
// prepares the new link, and that of Run, which goes on delivering the old one.
//
//	Renew: connects, and when the namespace is granted sets joining
//	Run:   from then on remembers what it delivers (shadow)
//	Renew: joins, sends a websocket ping as a fence, keeps what the new link brings
//	Renew: decides, when the fence is answered and all rooms have ticked or the
//	       overlap is over, and interrupts Run
//	Run:   says goodbye on the old link, delivers its last events, closes it
//	Run:   delivers what was kept, without what is remembered, and goes on with
//	       the new link, suppressing what the old one was ahead with
//
// The join is sent after the remembering has begun, so whatever the new link
// brings either was remembered or is new. The fence shows that the venue had read
// the join before the old link was given up, so nothing falls between.
type renewal struct {
	joining atomic.Bool // Run is to remember what it delivers
	hurry   atomic.Bool // the old link is gone: do not wait for the overlap

	decided chan struct{} // closed when the outcome is set
	outcome outcome
	link    *link    // of the outcome ready
	pending [][]byte // events it has brought so far
	fence   int      // how many of them came before the venue was known to have read the join

	done chan error // gets the end of it, once

	mu   sync.Mutex
	conn net.Conn // the new link's, to interrupt its read
}

// outcome is what Renew's goroutine decides.
type outcome uint8

const (
	undecided   outcome = iota
	ready               // the new link is joined
	breakFirst          // it cannot be had beside the old one: give that up first
	withdrawn           // the caller gave up
	maxPending  = 32 << 20
	fencePause  = 5 * time.Second // how long to wait for the fence's answer
	shadowGrace = 5 * time.Second // how far the new link may lag behind the old one's last event
)

var errRenewing = errors.New("stream: giving up the connection for a new one")

func (r *renewal) decide(o outcome) {
	r.outcome = o
	close(r.decided)
}

func (r *renewal) hasDecided() bool {
	select {
	case <-r.decided:
		return true
	default:
		return false
	}
}

// Renew changes to a new connection, made with the credential now in the
// store, and returns when it has taken over. The old one delivers until then:
// no event is lost and none is delivered twice. If the venue will not have a
// second connection, the old one is given up first, with a FeedGap; between
// connections, the next one is made at once. An error tells that the stream is
// not yet on a new connection; it goes on trying by itself. Calls queue.
func (s *Stream) Renew(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("stream: renew: %w", context.Cause(ctx))
	}
	if !s.running.Load() {
		return ErrStopped
	}
	r := &renewal{decided: make(chan struct{}), done: make(chan error, 1)}
	s.renewal.Store(r)
	s.mu.Lock()
	connected := s.conn != nil
	s.mu.Unlock()

	var failure error
	if connected {
		failure = s.prepare(ctx, r)
	}
	switch {
	case connected && failure == nil:
		r.decide(ready)
	case ctx.Err() != nil:
		s.renewal.CompareAndSwap(r, nil)
		r.decide(withdrawn)
		return fmt.Errorf("stream: renew: %w", context.Cause(ctx))
	default:
		if failure != nil {
			s.log.Warn("no second connection to be had; giving up the first", "stream", s.cfg.Name, "cause", failure)
		}
		r.decide(breakFirst)
	}
	s.interrupt()
	giveUp := ctx.Done()
	if r.outcome == ready {
		giveUp = nil // Run takes over at once
	} else {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}

	select {
	case err := <-r.done:
		return err
	case <-giveUp:
		return fmt.Errorf("stream: renew: %w", context.Cause(ctx))
	case <-s.stopped:
		if s.renewal.CompareAndSwap(r, nil) && r.link != nil {
			r.link.goodbye()
			r.link.shut()
		}
		return ErrStopped
	}
}

// prepare makes the new link and lets it run beside the old one.
func (s *Stream) prepare(ctx context.Context, r *renewal) error {
	l, err := s.connect(ctx)
	if err != nil && !errors.Is(err, ErrAuth) && ctx.Err() == nil {
		// Once more before the old connection is sacrificed.
		select {
		case <-time.After(time.Duration(s.cfg.Rand() * float64(s.cfg.Backoff.Initial))):
		case <-ctx.Done():
		}
		l, err = s.connect(ctx)
	}
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.conn = l.conn
	r.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(longAgo) })
	defer stop()
	r.joining.Store(true)
	if err = s.join(l, true); err == nil {
		err = s.overlap(ctx, r, l)
	}
	if err != nil {
		l.shut()
		return err
	}
	r.link = l
	return nil
}

// overlap keeps the new link's events until it can take over.
func (s *Stream) overlap(ctx context.Context, r *renewal, l *link) error {
	began := time.Now()
	ticked := make(map[string]struct{}, len(*l.rooms))
	bytesKept, passed := 0, false
	for {
		for {
			payload, ok, err := l.next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if !bytes.HasPrefix(payload, eventHead) {
				if err := s.refusal(payload); err != nil {
					return err
				}
				continue
			}
			r.pending = append(r.pending, bytes.Clone(payload))
			bytesKept += len(payload)
			ticked[string(about(payload))] = struct{}{}
		}
		if err := l.answer(); err != nil {
			return err
		}
		if !passed { // in doubt, an event came before the fence
			r.fence, passed = len(r.pending), l.fenced
		}
		until := s.cfg.Overlap
		if !l.fenced {
			until = max(fencePause, until)
		}
		waited := time.Since(began)
		complete := l.fenced && len(*l.rooms) > 0 && len(ticked) >= len(*l.rooms)
		_ = l.conn.SetReadDeadline(began.Add(until))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case complete || waited >= until || bytesKept > maxPending || r.hurry.Load():
			return l.conn.SetReadDeadline(time.Time{})
		}
		if err := l.fill(); err != nil && !isTimeout(err) {
			return closed(err)
		}
	}
}

// refusal is what a message that is no event means for a link in preparation.
func (s *Stream) refusal(payload []byte) error {
	p, err := socketio.Parse(payload)
	switch {
	case err != nil || p.Namespace != nil:
		return nil
	case p.Type == socketio.Disconnect:
		return ErrDropped
	case p.Type == socketio.Close:
		return ErrClosed
	case p.Type == socketio.ConnectError:
		return &AuthError{Message: socketio.ParseConnectError(p.Data)}
	}
	return nil
}

// attend acts on a decided renewal, on Run's goroutine. An error means that the
// link in service is given up.
func (s *Stream) attend(r *renewal) error {
	if !r.hasDecided() {
		return nil
	}
	switch r.outcome {
	case ready:
		s.retire()
		s.takeOver(r)
	case breakFirst:
		s.retire()
		return errRenewing // settleBreak ends the renewal
	default:
		s.next = nil
	}
	return nil
}

// retire says goodbye on the link in service and delivers what the venue had
// already sent on it.
func (s *Stream) retire() {
	s.expose(nil) // Renew's interrupt must not cut this short
	old := s.link
	old.goodbye()
	_ = old.conn.SetReadDeadline(time.Now().Add(s.cfg.Drain))
	for old.fill() == nil {
		s.at = s.cfg.Clock.Now()
		if s.pump(old) != nil {
			break
		}
	}
	old.shut()
}

// takeOver puts the new link of a renewal in service. Whatever the old one
// delivered since the join is suppressed.
func (s *Stream) takeOver(r *renewal) {
	s.renewal.CompareAndSwap(r, nil)
	s.at = s.cfg.Clock.Now()
	s.link, s.past, s.next = r.link, s.next, nil
	s.link.heard = s.at.Mono
	if s.past != nil {
		s.past.recording, s.past.until = false, s.at.Mono.Add(shadowGrace)
	}
	s.expose(s.link.conn)
	s.counts.renewals.add(1)
	s.log.Info("renewed", "stream", s.cfg.Name, "epoch", s.link.epoch)
	for _, payload := range r.pending {
		s.batch.frames++
		if !s.repeated(payload) {
			_ = s.deliver(payload) // an event: it cannot end the connection
		}
	}
	s.publish(s.link)
	r.done <- nil
}

// bridge puts the new link of a renewal under way in service when err has ended
// the old one, and returns false when there is none. Nothing was missed if an
// event that the new link brought after the fence had come on the old one too:
// then both were joined at once. Without that proof a gap is announced.
func (s *Stream) bridge(ctx context.Context, err error) bool {
	s.expose(nil) // a Renew that begins after this sees that there is no connection
	r := s.renewal.Load()
	if r == nil || ctx.Err() != nil {
		return false
	}
	s.log.Warn("connection lost during its renewal", "stream", s.cfg.Name, "cause", err)
	s.link.shut()
	r.rush()
	select {
	case <-r.decided:
	case <-ctx.Done():
	}
	if !r.hasDecided() || r.outcome != ready {
		return false
	}
	if s.next == nil || !slices.ContainsFunc(r.pending[r.fence:], s.next.remembers) {
		s.announce(market.FeedDown)
		s.counts.reconnects.add(1)
		s.gap()
		s.announce(market.FeedLive)
	}
	s.takeOver(r)
	return true
}

// rush tells Renew's goroutine not to wait for the overlap to end.
func (r *renewal) rush() {
	r.hurry.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		_ = r.conn.SetReadDeadline(longAgo)
	}
}

// settleBreak ends a renewal that had to give up the old connection, after an
// attempt at a new one.
func (s *Stream) settleBreak(l *link, err error) {
	r := s.renewal.Load()
	if r == nil || !r.hasDecided() {
		return
	}
	switch current := s.cfg.Session.Current(); {
	case r.outcome != breakFirst:
	case err == nil && current != nil && l.epoch == current.Epoch:
		s.renewal.CompareAndSwap(r, nil)
		r.done <- nil
	case errors.Is(err, ErrAuth):
		s.renewal.CompareAndSwap(r, nil)
		r.done <- err
	}
}
