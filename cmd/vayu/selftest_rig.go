package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/breaker"
	"github.com/vayu-trading/vayu/exec/sim"
)

// trialSpeed is the pace of the embedded venue: quotes come often enough for
// every step, and a minute of test is no day.
const trialSpeed = 5

// bench is one whole engine on trial, against a venue of its own or the
// configured one.
type bench struct {
	venue   *venueOnTrial // nil: the configured one
	system  *system
	hand    *hand
	ended   chan error
	stop    context.CancelFunc
	closers []func()
}

// terms is what a test changes of the usual.
type terms struct {
	venue func(*sim.Config)
	login session.LoginSource // nil: the venue's first login, for ever
	rules session.Rules       // zero: the default
}

// open makes an engine and lets it run until close. At a venue that is not ours
// one engine serves all tests: logins are few there.
func (t *trials) open(ctx context.Context, what terms) (*bench, error) {
	if t.embedded() {
		return t.start(ctx, what)
	}
	if t.only == nil {
		b, err := t.start(ctx, what)
		if err != nil {
			return nil, err
		}
		t.only = b
	}
	return t.only, nil
}

// close ends an engine that open made, unless others still use it.
func (t *trials) close(b *bench) {
	if b != nil && b != t.only {
		b.close()
	}
}

func (t *trials) start(ctx context.Context, what terms) (*bench, error) {
	b := &bench{hand: newHand(), ended: make(chan error, 1)}
	folder, err := os.MkdirTemp(t.folder, "engine-")
	if err != nil {
		return nil, err
	}
	var set setting
	if t.embedded() {
		set, err = t.embed(b, folder, what)
	} else {
		set, err = t.configured(ctx, b)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	b.closers = append(b.closers, func() { _ = set.journal.Close() })
	if b.system, err = newSystem(ctx, set); err == nil {
		_, err = b.system.host.Add("selftest", b.hand, engine.Options{})
	}
	if err != nil {
		b.close()
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	go func() { b.ended <- b.system.run(running) }()
	return b, nil
}

// embed makes a venue in this process, and the setting of an engine against it.
func (t *trials) embed(b *bench, folder string, what terms) (setting, error) {
	player, err := openTape("")
	if err != nil {
		return setting{}, err
	}
	b.closers = append(b.closers, func() { _ = player.Close() })
	cfg := sim.Config{Tape: player, Speed: trialSpeed, Seed: t.Seed, OldLogins: sim.DropOldLogins, Limits: sim.Limits{PerMinute: -1}}
	if what.venue != nil {
		what.venue(&cfg)
	}
	if b.venue, err = openVenue(cfg); err != nil {
		return setting{}, err
	}
	b.closers = append(b.closers, b.venue.close)
	d := &demo{For: time.Hour, Speed: trialSpeed, Strategy: "drill", Seed: t.Seed}
	set, err := d.setting(b.venue.Venue, b.venue.address, folder, io.Discard, t.log)
	if err != nil {
		return set, err
	}
	set.config.Strategies, set.config.Risk.OpenOrders = nil, 40
	set.config.Risk.PerSecond, set.config.Risk.PerMinute = 16, 128 // the steps follow each other closely
	set.config.Limits = config.Limits{PerSecond: 10, PerMinute: 100, PerDay: 5000}
	set.rules, set.fence = what.rules, 3*time.Second // the embedded venue accepts nothing so late
	if set.rules == (session.Rules{}) {
		set.rules = quickRules(session.DefaultRules().Timeout)
	}
	set.login = what.login
	if set.login == nil {
		set.login = session.Static(session.NewToken(sim.DefaultAPISession))
	}
	return set, nil
}

// configured is the setting of an engine against the configured venue.
func (t *trials) configured(ctx context.Context, b *bench) (setting, error) {
	c := *t.config
	credentials, _, err := config.LoadCredentials(c.Venue.CredentialsFile, os.Environ())
	if err != nil {
		return setting{}, err
	}
	roots, err := trusted(c.Venue.TLSCA)
	if err != nil {
		return setting{}, err
	}
	folder, err := cacheFolder(&c)
	if err != nil {
		return setting{}, err
	}
	clock, _, stopClock, err := marketClock(ctx, c.Venue.ClockURL, roots, t.log)
	if err != nil {
		return setting{}, err
	}
	b.closers = append(b.closers, stopClock)
	kept, err := openJournal(c.Journal.Folder) // refused while an engine runs: both would use the account's limits up
	if err != nil {
		return setting{}, err
	}
	c.Strategies = nil
	return setting{
		config: c, clock: clock, appKey: credentials.AppKey.Reveal(), secret: credentials.SecretKey,
		login: loginSource(&c.Session, credentials.APISession), rules: sessionRules(&c.Session),
		folder: folder, journal: kept, letters: io.Discard, roots: roots, seed: t.Seed, log: t.log,
	}, nil
}

// close ends the engine, then its venue.
func (b *bench) close() {
	if b.stop != nil {
		b.stop()
		<-b.ended
	}
	for i := len(b.closers) - 1; i >= 0; i-- {
		b.closers[i]()
	}
}

// ready waits until the engine may trade.
func (b *bench) ready() error {
	if err := b.until(10*time.Second, func() bool { return b.system.store.Current() != nil }); err != nil {
		return errors.Join(errTrialLogin, b.system.loginTrouble())
	}
	return b.until(15*time.Second, func() bool {
		return b.system.gateway.Snapshot().Standing.Synced && b.system.ticks.State() == market.FeedLive &&
			b.system.orders.State() == market.FeedLive && b.system.keeper.State() == session.Live
	})
}

// calm waits until the engine owes nothing and may enter, by a look of its own
// that is newer than this call.
func (b *bench) calm() error {
	since := b.system.clock.Now().Mono
	return b.until(30*time.Second, func() bool {
		desk := b.system.gateway.Snapshot()
		return desk.At.Mono > since && desk.Standing.Synced && desk.Standing.InDoubt == 0 &&
			desk.Standing.Writes == breaker.Closed && desk.Standing.Reads == breaker.Closed
	})
}

var errTrialTime = errors.New("it did not come true in time")

// until waits for something to come true.
func (b *bench) until(within time.Duration, is func() bool) error {
	for deadline := time.Now().Add(within); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("%w (%s)", errTrialTime, within)
		}
		select {
		case err := <-b.ended:
			b.ended <- err
			return fmt.Errorf("the engine ended: %w", err)
		default:
		}
	}
	return nil
}

// alarmed tells whether a person was told something that contains the text.
func (b *bench) alarmed(text string) bool {
	for _, n := range b.system.notes.newest() {
		if n.alarm && strings.Contains(n.text, text) {
			return true
		}
	}
	return false
}

// venueOnTrial is a simulated venue behind a port that can be closed and opened
// while it keeps its state and its streams.
type venueOnTrial struct {
	*sim.Venue
	address string
	server  *http.Server
	served  chan struct{}
	end     context.CancelFunc
	played  chan error
}

func openVenue(cfg sim.Config) (*venueOnTrial, error) {
	venue, err := sim.New(cfg)
	if err != nil {
		return nil, err
	}
	v := &venueOnTrial{Venue: venue, address: "127.0.0.1:0", played: make(chan error, 1)}
	if err := v.reopen(); err != nil {
		return nil, err
	}
	var playing context.Context
	playing, v.end = context.WithCancel(context.Background())
	go func() { v.played <- venue.Run(playing) }()
	return v, nil
}

// reopen lets it be reached, at the same port as before.
func (v *venueOnTrial) reopen() error {
	listener, err := net.Listen("tcp", v.address)
	if err != nil {
		return err
	}
	v.address = listener.Addr().String()
	v.server, v.served = &http.Server{Handler: v.Handler(), ReadHeaderTimeout: time.Minute}, make(chan struct{})
	go func() {
		defer close(v.served)
		_ = v.server.Serve(listener) // ends by cut
	}()
	return nil
}

// cut refuses every connection and ends the open ones; the streams, which are
// connections no more to the server, live on.
func (v *venueOnTrial) cut() {
	_ = v.server.Close()
	<-v.served
}

func (v *venueOnTrial) close() {
	v.cut()
	v.DropSockets()
	v.end()
	<-v.played
}

// hand is the strategy on trial: it does what the test says, in a strategy's own
// callbacks, and remembers what it is told.
type hand struct {
	todo chan func(*engine.Context)

	mu   sync.Mutex
	told map[order.ID][]order.Update
}

func newHand() *hand {
	return &hand{todo: make(chan func(*engine.Context), 16), told: make(map[order.ID][]order.Update)}
}

const (
	handTimer engine.TimerID = 1
	handEvery                = 20 * time.Millisecond * trialSpeed
)

var _ engine.Starter = (*hand)(nil)

// OnStart begins to listen to the test.
func (h *hand) OnStart(ctx *engine.Context) error {
	ctx.TimerAfter(handTimer, handEvery)
	return nil
}

// OnMarket does what the test wants.
func (h *hand) OnMarket(ctx *engine.Context) {
	for {
		select {
		case do := <-h.todo:
			do(ctx)
		default:
			return
		}
	}
}

// OnTimer does so too though the market be silent.
func (h *hand) OnTimer(ctx *engine.Context, _ engine.TimerID) {
	ctx.TimerAfter(handTimer, handEvery)
	h.OnMarket(ctx)
}

// OnOrder remembers.
func (h *hand) OnOrder(_ *engine.Context, u *order.Update) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told[u.ID] = append(h.told[u.ID], *u)
}

// do runs f within a callback and waits for it.
func (h *hand) do(f func(*engine.Context)) error {
	done := make(chan struct{})
	select {
	case h.todo <- func(ctx *engine.Context) { defer close(done); f(ctx) }:
	case <-time.After(5 * time.Second):
		return errTrialTime
	}
	select {
	case <-done:
		return nil
	case <-time.After(5 * time.Second):
		return errTrialTime
	}
}

// last is the newest update of an order; the zero one before the first.
func (h *hand) last(id order.ID) order.Update {
	h.mu.Lock()
	defer h.mu.Unlock()
	if list := h.told[id]; len(list) > 0 {
		return list[len(list)-1]
	}
	return order.Update{}
}

// was tells whether an order was ever told to be in a state.
func (h *hand) was(id order.ID, states ...order.State) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range h.told[id] {
		for _, state := range states {
			if u.State == state {
				return true
			}
		}
	}
	return false
}
