package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// Stream is one of the venue's streams, kept alive. Make it with New, give Run
// a goroutine, and call Renew when there is a new credential.
type Stream struct {
	cfg Config
	log hclog.Logger

	// Owned by Run's goroutine.
	link    *link
	decoder *Decoder
	at      market.Stamp // when the events in hand were read
	past    *shadow      // suppresses what the connection before this one delivered
	next    *shadow      // remembers what this one delivers, for a renewal under way
	seed    maphash.Seed // of the hashes below and of the shadows
	last    []uint64     // hash of each instrument's last quote and depth, for a renewal to come
	lost    bool         // a connection was lost since events last flowed
	watch   watch
	batch   batch
	quote   market.Quote // scratch: a local would escape through Sink
	depth   market.Depth
	report  order.Report
	candle  Candle

	counts counts       // written by Run's goroutine, read by anyone
	state  atomic.Int32 // a market.FeedState; likewise

	running atomic.Bool
	stopped chan struct{} // closed when Run returns
	wake    chan struct{} // ends a wait between connections; holds one
	turn    chan struct{} // held by the one Renew that may be under way
	renewal atomic.Pointer[renewal]
	rooms   atomic.Pointer[[]string] // what is wanted; a list never changes

	mu   sync.Mutex
	conn net.Conn // what Run is reading, nil between connections; to interrupt it
}

// ErrStopped is Renew's answer when Run is not running.
var ErrStopped = errors.New("stream: not running")

// New checks the configuration. It connects to nothing.
func New(cfg Config) (*Stream, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Clock == nil {
		cfg.Clock = market.SystemClock{}
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Log == nil {
		cfg.Log = hclog.NewNullLogger()
	}
	s := &Stream{
		cfg: cfg, log: cfg.Log, decoder: NewDecoder(cfg.Universe), seed: maphash.MakeSeed(), last: make([]uint64, 2*(cfg.Universe.Len()+1)),
		stopped: make(chan struct{}), wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
	if err := s.SetRooms(cfg.Rooms); err != nil {
		return nil, err
	}
	return s, nil
}

// State is how far the stream can be trusted now. Any goroutine may ask.
func (s *Stream) State() market.FeedState { return market.FeedState(s.state.Load()) }

// Run connects, delivers and reconnects until ctx ends, and returns its cause.
// It may be called once.
func (s *Stream) Run(ctx context.Context) error {
	if !s.running.CompareAndSwap(false, true) {
		return errors.New("stream: Run was called before")
	}
	defer func() {
		close(s.stopped)
		if r := s.renewal.Load(); r != nil {
			r.cancel(ErrStopped)
		}
	}()
	stop := context.AfterFunc(ctx, s.interrupt)
	defer stop()

	var wait waits
	for ctx.Err() == nil {
		l, err := s.connect(ctx)
		if err == nil {
			if err = s.join(l, false); err != nil {
				l.shut()
			}
		}
		began := s.cfg.Clock.Now().Mono
		if err == nil {
			s.adopt(l)
			s.finish(l.epoch, nil)
			err = s.serve(ctx)
			s.release()
		}
		if refused, ok := errors.AsType[*AuthError](err); ok {
			s.finish(refused.Epoch, err)
		}
		if s.State() != market.FeedDown {
			s.announce(market.FeedDown)
		}
		if ctx.Err() != nil {
			break
		}
		pause := wait.after(err, s.cfg.Clock.Now().Mono.Sub(began), &s.cfg)
		s.complain(err, pause)
		s.pause(ctx, pause, s.wake)
	}
	return context.Cause(ctx)
}

// complain tells what ended a connection, and who must know.
func (s *Stream) complain(err error, pause time.Duration) {
	switch {
	case errors.Is(err, errRenewing):
		return
	case errors.Is(err, errNoCredential):
		s.log.Debug("waiting for a credential", "stream", s.cfg.Name)
		return
	}
	s.log.Warn("connection lost", "stream", s.cfg.Name, "cause", err, "retry_in", pause)
	if refused, ok := errors.AsType[*AuthError](err); ok {
		s.counts.authFailures.add(1)
		s.suspect(refused.Epoch, err)
	} else if dropped, ok := errors.AsType[*droppedError](err); ok {
		s.suspect(dropped.epoch, err)
	}
}

func (s *Stream) suspect(epoch uint64, cause error) {
	if s.cfg.OnSuspect != nil {
		s.cfg.OnSuspect(epoch, cause)
	}
}

// pause waits between two connections. A renewal that waits for the next one
// ends it early; a wake that is left over from an earlier renewal does not.
func (s *Stream) pause(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-wake:
			if s.settled() != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// waits counts failures, to space out the attempts after them.
type waits struct{ failures, refusals int }

// steady is how long a connection must live to clear its past.
const steady = 2 * time.Second

// after is how long to wait after err ended a connection that lived so long.
// Ordinary losses wait a random time below a doubling ceiling (full jitter), so
// that a crowd of clients does not come back at once. A refusal waits at least
// half its ceiling: asking again at once cannot help, and may hurt the account.
func (w *waits) after(err error, lived time.Duration, cfg *Config) time.Duration {
	if lived >= steady {
		*w = waits{}
	}
	share := func(d time.Duration, f float64) time.Duration { return time.Duration(float64(d) * f) }
	switch {
	case errors.Is(err, errRenewing):
		return 0
	case errors.Is(err, errNoCredential):
		return cfg.Backoff.Initial
	case errors.Is(err, ErrAuth):
		w.refusals++
		return share(cfg.AuthWait.ceiling(w.refusals-1), 0.5+cfg.Rand()/2)
	case errors.Is(err, ErrDropped):
		w.failures = max(w.failures, 2) + 1
		return share(cfg.Backoff.ceiling(w.failures-1), 0.5+cfg.Rand()/2)
	}
	w.failures++
	return share(cfg.Backoff.ceiling(w.failures-1), cfg.Rand())
}

// adopt takes a joined link into service and says so.
func (s *Stream) adopt(l *link) {
	s.at = s.cfg.Clock.Now()
	l.heard = s.at.Mono
	s.link, s.past = l, nil
	s.watch.start(s.at)
	s.expose(l.conn)
	s.counts.connects.add(1)
	s.log.Info("connected", "stream", s.cfg.Name, "rooms", len(*l.rooms), "epoch", l.epoch)
	if s.lost {
		s.counts.reconnects.add(1)
		s.gap()
	}
	s.announce(market.FeedLive)
	s.lost = true // from now on the end of a connection is a loss
}

func (s *Stream) gap() {
	s.counts.gaps.add(1)
	s.announce(market.FeedGap)
}

// release ends the link in service, if serve has not.
func (s *Stream) release() {
	s.expose(nil)
	s.link.shut()
	s.next = nil
}

func (s *Stream) expose(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
}

// interrupt ends a read that is under way, or the next one.
func (s *Stream) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.SetReadDeadline(longAgo)
	}
}

func (s *Stream) announce(state market.FeedState) {
	s.state.Store(int32(state))
	if s.cfg.Sink != nil {
		s.cfg.Sink.State(state)
	}
	if s.cfg.OnState != nil {
		s.cfg.OnState(state)
	}
}

// serve delivers what s.link brings until the connection ends, ctx ends or it
// must be given up. A renewal changes s.link under way.
func (s *Stream) serve(ctx context.Context) error {
	// Events may have come together with the venue's acceptance.
	if err := s.pump(s.link); err != nil && !s.bridge(ctx, err) {
		return err
	}
	for {
		// The alarm is set before anyone's wish to interrupt is looked at: an
		// interrupt that comes later ends the read, one that came before is seen.
		if !s.link.armed {
			due := min(s.link.heard.Add(s.link.period), s.watch.due(&s.cfg))
			_ = s.link.conn.SetReadDeadline(time.Now().Add(max(due.Sub(s.at.Mono), time.Millisecond)))
			s.link.armed = true
		}
		if ctx.Err() != nil {
			s.link.goodbye()
			return context.Cause(ctx)
		}
		if r := s.settled(); r != nil {
			if err := s.attend(ctx, r); err != nil {
				return err
			}
			if !s.link.armed {
				continue
			}
		}

		if err := s.read(); err != nil && !s.bridge(ctx, err) {
			return err
		}
	}
}

// read delivers what one read of the socket brings. Hot path.
func (s *Stream) read() error {
	l := s.link
	if s.rooms.Load() != l.rooms {
		if err := s.resubscribe(l); err != nil {
			return err
		}
	}
	err := l.fill()
	s.at = s.cfg.Clock.Now()
	switch {
	case isTimeout(err):
		l.armed = false
		return s.overdue()
	case err != nil:
		return closed(err)
	}
	l.heard = s.at.Mono
	if err := s.pump(l); err != nil {
		return err
	}
	return s.watch.roll(s.at.Mono)
}

// overdue tells why an alarm means the end of the connection; nil when it does
// not.
func (s *Stream) overdue() error {
	if mute := s.at.Mono.Sub(s.link.heard); mute >= s.link.period {
		return fmt.Errorf("%w: nothing for %s", ErrMute, mute)
	}
	if mute := s.watch.silent(s.at, &s.cfg); mute > 0 {
		s.counts.silences.add(1)
		s.announce(market.FeedStale)
		s.link.goodbye()
		return fmt.Errorf("%w: none for %s", ErrSilent, mute)
	}
	return nil
}

// pump delivers every whole message that the link holds. Hot path.
func (s *Stream) pump(l *link) error {
	if r := s.renewal.Load(); r == nil {
		s.next = nil // the last one was called off
	} else if s.next == nil && r.joining.Load() {
		s.next = newShadow(s.seed, s.last)
	}
	var err error
	for {
		var payload []byte
		var ok bool
		if payload, ok, err = l.next(); !ok {
			break
		}
		s.batch.frames++
		if s.past != nil || s.next != nil {
			if s.repeated(payload) {
				continue
			}
		}
		if err = s.deliver(payload); err != nil {
			break
		}
	}
	s.publish(l)
	if s.past != nil && s.past.over(s.at.Mono) {
		s.past = nil
	}
	if err != nil {
		return err
	}
	return l.answer()
}

// repeated keeps the two memories of a renewal.
func (s *Stream) repeated(payload []byte) bool {
	if !bytes.HasPrefix(payload, eventHead) {
		return false
	}
	if s.next != nil {
		s.next.remember(payload)
	}
	if s.past != nil && s.past.suppresses(payload) {
		s.batch.duplicates++
		return true
	}
	return false
}

// publish makes a batch's counts visible.
func (s *Stream) publish(l *link) {
	s.watch.saw(s.at.Mono, s.batch.quotes+s.batch.depths, s.batch.errors)
	s.counts.frames.add(s.batch.frames)
	s.counts.quotes.add(s.batch.quotes)
	s.counts.depths.add(s.batch.depths)
	s.counts.duplicates.add(s.batch.duplicates)
	s.counts.decodeErrors.add(s.batch.errors)
	s.counts.ignored.add(l.discarded)
	s.batch, l.discarded = batch{}, 0
}

// deliver handles one message. What cannot be decoded is counted and buried; an
// error means the end of the connection. Hot path.
func (s *Stream) deliver(payload []byte) error {
	const head = `42["stock",`
	if n := len(payload); n > len(head) && string(payload[:len(head)]) == head && payload[n-1] == ']' {
		s.stock(payload, payload[len(head):n-1])
		return nil
	}
	p, err := socketio.Parse(payload)
	switch {
	case err != nil:
		s.bury(err, payload)
	case p.Namespace != nil:
		s.counts.ignored.add(1)
	case p.Type == socketio.Event:
		s.event(&p, payload)
	case p.Type == socketio.Disconnect:
		return &droppedError{s.link.epoch}
	case p.Type == socketio.Close:
		return ErrClosed
	case p.Type == socketio.ConnectError:
		return &AuthError{Epoch: s.link.epoch, Message: socketio.ParseConnectError(p.Data)}
	default:
		s.counts.ignored.add(1)
	}
	return nil
}

// stock decodes a market data event into the Sink. Hot path.
func (s *Stream) stock(payload, args []byte) {
	if s.cfg.Tap != nil {
		s.cfg.Tap(payload)
	}
	if s.cfg.Sink == nil {
		s.counts.ignored.add(1)
		return
	}
	kind, err := s.decoder.Stock(args, &s.quote, &s.depth)
	switch {
	case err != nil:
		s.refused(err, payload)
		return
	case kind == market.QuoteEvent:
		s.batch.quotes++
		s.last[2*s.quote.Instrument] = maphash.Bytes(s.seed, payload)
		s.quote.Recv = s.at.Mono
		s.cfg.Sink.Quote(&s.quote)
	default:
		s.batch.depths++
		s.last[2*s.depth.Instrument+1] = maphash.Bytes(s.seed, payload)
		s.depth.Recv = s.at.Mono
		s.cfg.Sink.Depth(&s.depth)
	}
	s.cfg.Sink.Commit(s.at)
}

// event handles an event that is not of the usual form or name.
func (s *Stream) event(p *socketio.Packet, payload []byte) {
	if p.Named("stock") {
		s.stock(payload, p.Data)
		return
	}
	if s.cfg.Tap != nil {
		s.cfg.Tap(payload)
	}
	switch {
	case s.cfg.Orders != nil && p.Named("order"):
		if err := s.decoder.Order(p.Data, &s.report); err != nil {
			s.refused(err, payload)
			// The notice may have been a fill. Whoever counts on notices must
			// look for themselves.
			s.gap()
			s.announce(market.FeedLive)
			break
		}
		s.counts.orders.add(1)
		s.report.Recv = s.at.Mono
		s.cfg.Orders(&s.report)
	case s.cfg.Candles != nil && interval(p.Name) != 0:
		if err := s.decoder.Candle(p.Data, &s.candle); err != nil {
			s.refused(err, payload)
			break
		}
		s.counts.candles.add(1)
		s.candle.Recv = s.at.Mono
		s.cfg.Candles(&s.candle)
	default:
		s.counts.ignored.add(1)
	}
}

// refused counts an event that the decoder did not take.
func (s *Stream) refused(err error, payload []byte) {
	if errors.Is(err, ErrUnknownInstrument) {
		s.counts.unknown.add(1)
		return
	}
	s.bury(err, payload)
}

// bury counts a refused message and keeps its bytes: a line of time, stream,
// reason and the text, the last two quoted as Go quotes.
func (s *Stream) bury(cause error, payload []byte) {
	s.batch.errors++
	if s.cfg.DeadLetter == nil {
		return
	}
	line := append([]byte(s.at.Wall.String()), ' ')
	line = append(append(line, s.cfg.Name...), ' ')
	line = append(strconv.AppendQuote(line, cause.Error()), ' ')
	line = append(strconv.AppendQuote(line, string(payload)), '\n')
	if _, err := s.cfg.DeadLetter.Write(line); err != nil {
		s.counts.deadLetterErr.add(1)
	}
}
