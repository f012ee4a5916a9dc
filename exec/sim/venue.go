package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/master"
)

// pumpEvery is how often the venue looks at its clock. The tape is played in
// portions of this length, a few milliseconds as a busy feed's frames are.
const pumpEvery = 4 * time.Millisecond

// Venue is the twin with its edges: an HTTP handler for everything and a
// goroutine that plays the tape. Its methods may be called from any goroutine.
type Venue struct {
	cfg    Config
	clock  *market.TapeClock
	master []byte // SecurityMaster.zip

	mu      sync.Mutex // guards all below
	core    *Core
	player  *Player
	hub     *hub
	weather *rand.Rand // of the streams
	last    market.Mono
	frozen  bool // no more ticks
	over    bool // the tape has ended, with Config.Once
	laps    int
	lately  bool // the last event played was synthetic
	failure error
}

// Stats are a venue's counters since it was made.
type Stats struct {
	CoreCounts
	TicksPublished  int64 // distinct stock events that at least one socket was given
	TicksUnheard    int64 // stock events of rooms once joined that no socket was there for
	TicksSent       int64 // TicksPublished, each socket counted
	TicksSynthetic  int64 // of TicksPublished, how many are made up
	Snapshots       int64 // stock events sent because of a join, to the joiner only
	Notices         int64 // distinct order events that at least one socket was given
	Malformed       int64 // broken frames sent on purpose
	Sockets         int   // open now
	SocketsOpened   int64
	SocketsDropped  int64 // cut by a fault, a dead session, a wrap of the tape
	SocketsTooSlow  int64 // cut because they lagged hopelessly
	SocketsRefused  int64 // bad credential
	Laps            int   // times the tape began anew
	MarketTime      market.UnixNano
	PublishingEnded bool // by StopPublishing or at the end of a tape played once
}

// New makes a venue. It stands still until [Venue.Run] or [Venue.Serve].
func New(cfg Config) (*Venue, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	core, err := NewCore(cfg)
	if err != nil {
		return nil, err
	}
	var zip bytes.Buffer
	if err := master.Write(&zip, core.Date(), core.Universe().All()); err != nil {
		return nil, fmt.Errorf("sim: security master: %w", err)
	}
	player, err := NewPlayer(cfg, core.Universe())
	if err != nil {
		return nil, err
	}
	v := &Venue{
		cfg: cfg, master: zip.Bytes(), core: core, player: player, hub: newHub(core.Universe()),
		weather: rand.New(rand.NewPCG(cfg.Seed, 0x50c4)),
	}
	v.clock = market.NewTapeClock(v.dawn(), cfg.Speed)
	return v, nil
}

// dawn is the market time at which each lap begins.
func (v *Venue) dawn() market.UnixNano {
	if v.cfg.Start > 0 {
		return v.core.Date().At(v.cfg.Start)
	}
	return v.player.Next()
}

// Clock reads the three clocks, market time being the tape's. It jumps back
// when the tape begins anew.
func (v *Venue) Clock() market.Clock { return v.clock }

// Date is the tape's day.
func (v *Venue) Date() market.Date { return v.core.Date() }

// Synthetic tells whether the present moment's prices are made up between two
// recorded snapshots, as /clock says too.
func (v *Venue) Synthetic() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lately
}

// NewLogin is a person logging in again: it issues another API session.
func (v *Venue) NewLogin() string {
	now := v.clock.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.sessions.issue(now.Mono)
}

// EndSessions lets every login so far die at once, as the venue's night does.
// A later NewLogin lives.
func (v *Venue) EndSessions() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.core.sessions.endAll()
}

// Market shows an event beside the tape, now, for tests that want the market to
// move when they say so.
func (v *Venue) Market(ev *market.Event) {
	now := v.clock.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.core.Market(ev, now)
	v.hub.publish(ev, now.Mono)
	v.flush(now)
}

// StopPublishing ends the market data for good, so that what was sent can be
// compared with what arrived. Pings, orders and their notices go on.
func (v *Venue) StopPublishing() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.frozen = true
	v.hub.wakeAll()
}

// Stats are the counters as they stand.
func (v *Venue) Stats() Stats {
	now := v.clock.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.hub.stats
	s.CoreCounts, s.Laps, s.MarketTime, s.PublishingEnded = v.core.Counts(), v.laps, now.Market, v.frozen || v.over
	s.Sockets = len(v.hub.conns)
	return s
}

// PublishedTo is how many distinct stock events of a room ("4.1!42505") at least
// one socket was given.
func (v *Venue) PublishedTo(room string) int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if k, ok := v.hub.room(room, false); ok {
		return v.hub.published[k]
	}
	return 0
}

// Ledger is a copy of every entry so far.
func (v *Venue) Ledger() []Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.Ledger()
}

// InstrumentOf is the venue's number of the instrument with a token; zero when
// it has none.
func (v *Venue) InstrumentOf(token string) market.InstrumentID {
	return v.core.Universe().ByToken([]byte(token)) // immutable
}

// Cash is what all fills so far moved, before charges: sales less purchases.
func (v *Venue) Cash() (moved market.Paise) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.core.orders {
		moved -= market.Paise(o.Side.Sign()) * o.Value
	}
	return moved
}

// Position is the account's position in an instrument.
func (v *Venue) Position(id market.InstrumentID) Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.Position(id)
}

// SetFaults changes the weather from now on; the zero Faults heals the venue.
func (v *Venue) SetFaults(f Faults) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.core.SetFaults(f); err != nil {
		return err
	}
	v.cfg.Faults = v.core.cfg.Faults
	return nil
}

// DropSockets cuts every stream's transport, as a network would.
func (v *Venue) DropSockets() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hub.dropAll()
}

// Run plays the tape until the context ends. It returns an error only when the
// tape or the ledger fails.
func (v *Venue) Run(ctx context.Context) error {
	v.clock.Set(v.dawn(), v.cfg.Speed)
	ticker := time.NewTicker(pumpEvery)
	defer ticker.Stop()
	defer v.closeSockets()
	v.warmUp()
	for {
		if err := v.pump(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// warmUp takes in what the tape has before the start, without publishing it.
func (v *Venue) warmUp() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.takeIn(v.clock.Now())
}

func (v *Venue) takeIn(now market.Stamp) {
	if v.cfg.Start == 0 {
		return
	}
	_, v.failure = v.player.Advance(v.dawn()-1, func(ev *market.Event) {
		v.core.Market(ev, stampAt(now, ev.At))
		v.hub.remember(ev)
	})
}

func stampAt(now market.Stamp, at market.UnixNano) market.Stamp {
	now.Market = at
	return now
}

// pump lets the venue catch up with its clock.
func (v *Venue) pump() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock.Now()
	if !v.frozen && !v.over {
		over, err := v.player.Advance(now.Market, func(ev *market.Event) {
			v.core.Market(ev, stampAt(now, ev.At))
			v.hub.publish(ev, now.Mono)
			v.lately = ev.Synthetic
		})
		if err != nil {
			v.failure = err
		}
		if over {
			v.wrap(&now)
		}
	}
	v.core.Step(now)
	v.flush(now)
	v.socketWeather(now)
	v.endSessions(now)
	v.hub.settle(now.Mono)
	if err := v.core.LedgerError(); err != nil && v.failure == nil {
		v.failure = fmt.Errorf("sim: write ledger: %w", err)
	}
	return v.failure
}

// wrap begins the day anew once the tape's last event is out: the streams
// close, so that no client sees volume run backwards on a living one.
func (v *Venue) wrap(now *market.Stamp) {
	if v.cfg.Once {
		v.over = true
		return
	}
	v.core.NewDay(*now)
	v.flush(*now)
	v.hub.dropAll()
	v.hub.newDay()
	v.laps++
	if v.failure = v.player.Rewind(); v.failure != nil {
		return
	}
	v.clock.Set(v.dawn(), v.cfg.Speed)
	*now = v.clock.Now()
	v.takeIn(*now)
}

// flush sends what happened to orders, and the candles that are whole.
func (v *Venue) flush(now market.Stamp) {
	for _, n := range v.core.Notices() {
		v.hub.notify(&n, v.cfg.User, now.Mono)
	}
	for _, f := range v.core.candles.drain() {
		v.hub.candle(&f, now.Mono)
	}
}

func (v *Venue) endSessions(now market.Stamp) {
	for c := range v.hub.conns {
		if c.authed && !v.core.sessions.socket(c.user, c.token, now) {
			v.hub.end(c, v.cfg.SocketEnd)
		}
	}
}

// socketWeather draws the streams' faults for the time since the last look.
func (v *Venue) socketWeather(now market.Stamp) {
	minutes := now.Mono.Sub(v.last).Minutes()
	if v.last == 0 {
		minutes = 0
	}
	v.last = now.Mono
	f := &v.cfg.Faults
	strikes := func(perMinute float64) bool {
		if perMinute <= 0 || v.weather.Float64() >= perMinute*minutes {
			return false
		}
		v.core.counts.FaultsInjected++
		return true
	}
	if strikes(f.MalformedPerMinute) {
		v.hub.malformed(v.weather.IntN(len(brokenFrames)), now.Mono)
	}
	if strikes(f.StallPerMinute) {
		v.hub.stalledUntil = now.Mono.Add(f.StallFor)
	}
	if strikes(f.DropPerMinute) {
		v.hub.each(v.weather, func(c *conn) { v.hub.end(c, EndWithTransport) })
	}
	if strikes(f.KickPerMinute) {
		v.hub.each(v.weather, func(c *conn) { v.hub.end(c, EndWith41) })
	}
	if strikes(f.MutePerMinute) {
		v.hub.each(v.weather, func(c *conn) { c.mutedUntil = now.Mono.Add(f.MuteFor) })
	}
}

func (v *Venue) closeSockets() {
	v.mu.Lock()
	v.hub.dropAll()
	v.mu.Unlock()
	v.hub.wait.Wait()
}

// Serve runs the venue on a listener, which may be a TLS one, until the context
// ends. It closes the listener.
func (v *Venue) Serve(ctx context.Context, ln net.Listener) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	server := &http.Server{Handler: v.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	var wg sync.WaitGroup
	wg.Go(func() { stop(v.Run(ctx)) })
	wg.Go(func() {
		<-ctx.Done()
		_ = server.Close() // closing is all there is to do; nothing waits for an answer
	})
	err := server.Serve(ln)
	stop(err)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, http.ErrServerClosed) {
		return cause
	}
	return nil
}
