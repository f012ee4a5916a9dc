package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
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
//	Run:   sends a fence on the old link, delivers what comes before its answer,
//	       says goodbye and closes it
//	Run:   delivers what was kept, without what is remembered, and goes on with
//	       the new link, suppressing what the old one was ahead with
//
// The join is sent after the remembering has begun, so whatever the new link
// brings either was remembered or is new. The new link's fence shows that the
// venue has read the join; the old link's, that it still delivered after that.
// So nothing falls between, and if the old link dies before its fence is
// answered, a gap is announced.
type renewal struct {
	joining atomic.Bool // Run is to remember what it delivers
	hurry   atomic.Bool // the old link is gone: do not wait for the overlap

	cancel  context.CancelCauseFunc // ends the preparation
	decided chan struct{}           // closed when the outcome is set
	outcome outcome
	link    *link    // of the outcome ready
	pending [][]byte // events it has brought so far

	done chan error // gets the end of it, once

	mu   sync.Mutex
	conn net.Conn // the new link's, to interrupt its read
}

// outcome is what Renew's goroutine decides.
type outcome uint8

const (
	ready      outcome = iota // the new link is joined
	breakFirst                // it cannot be had beside the old one: give that up first
	await                     // there is no old one: Run's next connection settles it
)

const (
	maxPending  = 32 << 20        // bytes kept of the new link's events
	fencePause  = 5 * time.Second // how long to wait for the fence's answer
	shadowGrace = 5 * time.Second // how far the new link may lag behind the old one's last event
)

var errRenewing = errors.New("stream: giving up the connection for a new one")

func (r *renewal) decide(o outcome) {
	r.outcome = o
	close(r.decided)
}

// settled returns the renewal under way if it has been decided.
func (s *Stream) settled() *renewal {
	r := s.renewal.Load()
	if r == nil {
		return nil
	}
	select {
	case <-r.decided:
		return r
	default:
		return nil
	}
}

// Renew changes to a new connection, made with the credential now in the
// store, and returns when it has taken over. The old one delivers until then:
// no event is lost and none is delivered twice. Between connections the next
// one is made at once. If the venue will not have a second connection, the old
// one is given up first, with a FeedGap; but a connection that works is kept
// when the credential itself is missing or refused (ErrAuth), because then a
// break would only blind us. After another error than those the stream goes on
// trying by itself. Calls queue.
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
	preparing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &renewal{decided: make(chan struct{}), done: make(chan error, 1), cancel: cancel}
	s.renewal.Store(r)
	select {
	case <-s.stopped: // Run may have missed r to cancel it
		cancel(ErrStopped)
	default:
	}
	outcome, err := s.prepare(preparing, r)
	if err != nil {
		s.renewal.CompareAndSwap(r, nil)
		r.decide(await) // for Run, should it wait: no new link will come
		return fmt.Errorf("stream: renew: %w", err)
	}
	r.decide(outcome)
	s.interrupt()
	select {
	case s.wake <- struct{}{}:
	default:
	}

	giveUp := ctx.Done()
	if outcome == ready {
		giveUp = nil // Run takes over at once; another Renew must not replace r before
	}
	select {
	case err := <-r.done:
		return err
	case <-giveUp:
		return fmt.Errorf("stream: renew: %w", context.Cause(ctx)) // Run brings it to its end
	case <-s.stopped:
		if s.renewal.CompareAndSwap(r, nil) && r.link != nil {
			r.link.goodbye()
			r.link.shut()
		}
		return ErrStopped
	}
}

// prepare makes the new link, lets it run beside the old one and says how to
// go on. An error means: leave the old one as it is.
func (s *Stream) prepare(ctx context.Context, r *renewal) (outcome, error) {
	s.mu.Lock()
	connected := s.conn != nil
	s.mu.Unlock()
	if !connected {
		return await, nil
	}
	err := s.beside(ctx, r)
	for tries := 1; err != nil && tries < 2 && ctx.Err() == nil && !errors.Is(err, ErrAuth) && !errors.Is(err, errNoCredential); tries++ {
		// Once more before the old connection is sacrificed.
		if !r.hurry.Load() {
			s.pause(ctx, time.Duration(s.cfg.Rand()*float64(s.cfg.Backoff.Initial)), nil)
		}
		err = s.beside(ctx, r)
	}
	refused, isRefusal := errors.AsType[*AuthError](err)
	switch {
	case err == nil:
		return ready, nil
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case isRefusal:
		s.suspect(refused.Epoch, err)
		return 0, err
	case errors.Is(err, errNoCredential):
		return 0, err
	}
	s.log.Warn("no second connection to be had; giving up the first", "stream", s.cfg.Name, "cause", err)
	return breakFirst, nil
}

// beside makes r's link and keeps what it brings until it can take over.
func (s *Stream) beside(ctx context.Context, r *renewal) error {
	l, err := s.connect(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.conn = l.conn
	r.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(longAgo) })
	defer stop()
	r.pending = nil
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
	bytesKept := 0
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
				if err := s.refusal(l, payload); err != nil {
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
		until := s.cfg.Overlap
		if !l.fenced {
			until = max(fencePause, until)
		}
		complete := l.fenced && len(*l.rooms) > 0 && len(ticked) >= len(*l.rooms)
		_ = l.conn.SetReadDeadline(began.Add(until))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case complete || time.Since(began) >= until || bytesKept > maxPending || r.hurry.Load():
			return l.conn.SetReadDeadline(time.Time{})
		}
		if err := l.fill(); err != nil && !isTimeout(err) {
			return closed(err)
		}
	}
}

// refusal is what a message that is no event means for a link in preparation.
func (s *Stream) refusal(l *link, payload []byte) error {
	p, err := socketio.Parse(payload)
	switch {
	case err != nil || p.Namespace != nil:
		return nil
	case p.Type == socketio.Disconnect:
		return &droppedError{l.epoch}
	case p.Type == socketio.Close:
		return ErrClosed
	case p.Type == socketio.ConnectError:
		return &AuthError{Epoch: l.epoch, Message: socketio.ParseConnectError(p.Data)}
	}
	return nil
}

// attend acts on a decided renewal, on Run's goroutine. An error means that the
// link in service is given up.
func (s *Stream) attend(ctx context.Context, r *renewal) error {
	if r.outcome == ready {
		s.takeOver(r, s.retire(ctx))
		return nil
	}
	if r.outcome == await && s.finish(s.link.epoch, nil) {
		return nil
	}
	s.retire(ctx)
	return errRenewing // the next connection finishes the renewal
}

// retire ends the link in service after delivering what the venue had sent on
// it, and tells whether something may have been missed.
func (s *Stream) retire(ctx context.Context) (missed bool) {
	old := s.link
	old.fenced = false
	old.fence()
	err := old.flush()
	_ = old.conn.SetReadDeadline(time.Now().Add(s.cfg.Drain))
	for err == nil && !old.fenced && ctx.Err() == nil {
		if err = old.fill(); err == nil {
			s.at = s.cfg.Clock.Now()
			err = s.pump(old)
		}
	}
	s.expose(nil)
	old.goodbye()
	old.shut()
	// A venue that just never answers websocket pings has missed nothing.
	return err != nil && !isTimeout(err)
}

// takeOver puts the new link of a renewal in service. Whatever was delivered by
// the old one since the join is suppressed.
func (s *Stream) takeOver(r *renewal, missed bool) {
	s.renewal.CompareAndSwap(r, nil)
	s.at = s.cfg.Clock.Now()
	s.link, s.past, s.next = r.link, s.next, nil
	s.link.heard = s.at.Mono
	if s.past != nil {
		s.past.recording, s.past.until = false, s.at.Mono.Add(shadowGrace)
	}
	s.expose(s.link.conn)
	s.counts.renewals.add(1)
	s.log.Info("renewed", "stream", s.cfg.Name, "epoch", s.link.epoch, "missed", missed)
	if missed {
		s.gap()
		s.announce(market.FeedLive)
	}
	for _, payload := range r.pending {
		s.batch.frames++
		if s.past == nil || !s.repeated(payload) {
			_ = s.deliver(payload) // an event: it cannot end the connection
		}
	}
	s.publish(s.link)
	r.done <- nil
}

// bridge decides what the end of the link in service means: if a renewal is
// under way, its link takes over as soon as it can, with a gap. It returns
// false when there is none to take over.
func (s *Stream) bridge(ctx context.Context, cause error) bool {
	r := s.renewal.Load()
	if r == nil {
		return false
	}
	s.expose(nil)
	s.link.shut()
	s.announce(market.FeedDown)
	r.hurry.Store(true)
	r.mu.Lock()
	if r.conn != nil {
		_ = r.conn.SetReadDeadline(longAgo)
	}
	r.mu.Unlock()
	select {
	case <-r.decided:
	case <-ctx.Done():
		return false
	}
	if r.outcome != ready || ctx.Err() != nil {
		return false
	}
	s.log.Warn("connection lost while it was renewed", "stream", s.cfg.Name, "cause", cause)
	s.takeOver(r, true)
	return true
}

// finish ends a renewal that had to wait for Run's next connection: with
// success when one with the credential now in force is in service, with err
// when the venue refuses that credential. It tells whether it did.
func (s *Stream) finish(epoch uint64, err error) bool {
	r, current := s.settled(), s.cfg.Session.Current()
	if r == nil || r.outcome == ready || current == nil || current.Epoch != epoch || err != nil && !errors.Is(err, ErrAuth) {
		return false
	}
	s.renewal.CompareAndSwap(r, nil)
	r.done <- err
	return true
}
