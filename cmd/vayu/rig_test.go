package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
)

// TestMain keeps what `vayu run` caches out of the user's own cache. The go
// command, which one test calls, keeps using it.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "vayu-test-cache-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		if cache, err := os.UserCacheDir(); err == nil && os.Getenv("GOCACHE") == "" {
			os.Setenv("GOCACHE", filepath.Join(cache, "go-build"))
		}
		os.Setenv("XDG_CACHE_HOME", folder)
		return m.Run()
	}())
}

// rig is a whole engine against a venue behind a real port, which can be closed
// and opened while the venue keeps its state.
type rig struct {
	t       *testing.T
	venue   *sim.Venue
	address string
	server  *http.Server
	served  chan struct{}
	system  *system
	trader  *churner
	letters *lines
	log     *lines
	mu      sync.Mutex
	login   string // what the login source gives
	asked   int    // how often it was asked
	stop    context.CancelFunc
	ended   chan error
}

const rigSpeed = 20

// newRig makes venue and engine. Either may be changed before it is made.
func newRig(t *testing.T, atVenue func(*sim.Config), atEngine func(*setting)) *rig {
	t.Helper()
	r := &rig{t: t, trader: &churner{every: 350 * time.Millisecond * rigSpeed}, letters: new(lines), log: new(lines), login: sim.DefaultAPISession}
	player, err := openTape("")
	require.NoError(t, err)
	cfg := sim.Config{Tape: player, Speed: rigSpeed, Seed: 7, Limits: sim.Limits{PerMinute: -1}}
	if atVenue != nil {
		atVenue(&cfg)
	}
	r.venue, err = sim.New(cfg)
	require.NoError(t, err)
	playing, stopPlaying := context.WithCancel(context.Background())
	played := make(chan error, 1)
	go func() { played <- r.venue.Run(playing) }()
	r.address = "127.0.0.1:0"
	r.open()
	t.Cleanup(func() {
		r.close()
		stopPlaying()
		require.NoError(t, <-played)
		require.NoError(t, player.Close())
	})

	d := &demo{For: time.Hour, Speed: rigSpeed, Strategy: "short-straddle", Seed: 7}
	log := hclog.New(&hclog.LoggerOptions{Name: "vayu", Level: hclog.Info, Output: r.log})
	set, err := d.setting(r.venue, r.address, t.TempDir(), r.letters, log)
	require.NoError(t, err)
	set.config.Strategies = nil
	set.config.Risk.OpenOrders = 40
	set.config.Limits = config.Limits{PerSecond: 10, PerMinute: 100, PerDay: 5000}
	set.rules = session.DefaultRules()
	set.rules.Poll, set.rules.Per10Min = 100*time.Millisecond, 20
	set.fence = 4 * time.Second // above the latest acceptance of any fault here
	set.login = session.LoginFunc(func(context.Context) (session.Token, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked++
		return session.NewToken(r.login), nil
	})
	if atEngine != nil {
		atEngine(&set)
	}
	r.system, err = newSystem(t.Context(), set)
	require.NoError(t, err)
	_, err = r.system.host.Add("churner", r.trader, engine.Options{})
	require.NoError(t, err)
	return r
}

// open lets the venue be reached, at the same port as before.
func (r *rig) open() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.address)
	require.NoError(r.t, err)
	r.address = listener.Addr().String()
	r.server, r.served = &http.Server{Handler: r.venue.Handler(), ReadHeaderTimeout: time.Minute}, make(chan struct{})
	go func() {
		defer close(r.served)
		_ = r.server.Serve(listener) // ends by close
	}()
}

// close is the venue's process dying, as far as the network can tell.
func (r *rig) close() {
	_ = r.server.Close()
	r.venue.DropSockets()
	<-r.served
}

// start lets the engine trade.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	r.stop, r.ended = cancel, make(chan error, 1)
	go func() { r.ended <- r.system.run(ctx) }()
	r.t.Cleanup(cancel)
}

// until waits for something to come true.
func (r *rig) until(within time.Duration, what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("not within %s: %s\nalarms: %q\nlog:\n%s", within, what, r.alarms(), r.log)
		}
	}
}

func (r *rig) counts() orderCounts { return r.system.account.latest.Load().Counts }

func (r *rig) alarms() (texts []string) {
	for _, n := range r.system.notes.newest() {
		texts = append(texts, n.text)
	}
	return texts
}

// finish heals the venue, lets the engine settle what it owes and end, and
// compares its books with the venue's ledger.
func (r *rig) finish(settle time.Duration) {
	r.t.Helper()
	require.NoError(r.t, r.venue.SetFaults(sim.Faults{}))
	r.trader.rest()
	r.until(settle, "every order has a verdict", r.system.account.settled)
	r.leave()
	r.agrees()
}

// leave ends the engine.
func (r *rig) leave() {
	r.t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		require.NoError(r.t, err)
	case <-time.After(settling + 10*time.Second):
		r.t.Fatal("the engine does not end")
	}
}

// agrees compares what the engine believes with what the venue did.
func (r *rig) agrees() {
	r.t.Helper()
	audit := r.system.audit(r.venue)
	require.Zero(r.t, audit.Duplicates, "an order was sent twice")
	require.Zero(r.t, audit.Orphans, "an order nobody answers for")
	held, filled := make(map[string]market.Units), make(map[string]market.Units)
	for _, e := range r.venue.Ledger() {
		if e.Kind != "fill" {
			continue
		}
		q := market.Units(e.Quantity)
		filled[e.OrderID] += q
		if e.Side == "sell" {
			q = -q
		}
		if held[e.Token] += q; held[e.Token] == 0 {
			delete(held, e.Token)
		}
	}
	mine := make(map[string]market.Units)
	for id, q := range r.system.account.held() {
		mine[r.system.universe.Get(id).Token] = q
	}
	require.Equal(r.t, held, mine, "positions")
	for _, u := range r.system.account.orders {
		require.True(r.t, u.State.Terminal() || u.State == order.ClosedAbsent, "order %d is %s", u.ID, u.State)
		if !u.VenueID.IsZero() {
			require.Equal(r.t, filled[u.VenueID.String()], u.Filled, "fills of order %s", u.VenueID)
		}
	}
	require.NotContains(r.t, r.log.String(), "panic")
}

// churner buys, sells, rests and cancels by turns, a lot at a time, so that
// every kind of call meets every fault.
type churner struct {
	every time.Duration // of market time

	mu      sync.Mutex
	resting bool // nothing more is sent
	turns   int
	states  []session.State
	feeds   []market.FeedState
}

func (c *churner) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resting = true
}

func (c *churner) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turns
}

func (c *churner) saw(state session.State) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.states {
		if s == state {
			return true
		}
	}
	return false
}

func (c *churner) feedWas(state market.FeedState) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.feeds {
		if s == state {
			return true
		}
	}
	return false
}

func (c *churner) OnStart(ctx *engine.Context) error {
	ctx.TimerAfter(1, c.every)
	return nil
}

func (c *churner) OnMarket(*engine.Context) {}

func (c *churner) OnSession(_ *engine.Context, s session.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states = append(c.states, s)
}

func (c *churner) OnFeed(_ *engine.Context, s market.FeedState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.feeds = append(c.feeds, s)
}

func (c *churner) OnTimer(ctx *engine.Context, _ engine.TimerID) {
	ctx.TimerAfter(1, c.every)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.resting {
		return
	}
	for _, id := range ctx.WorkingOrders(nil) {
		if u, ok := ctx.Order(id); ok && u.State == order.Working {
			if c.turns%2 == 0 {
				ctx.Modify(id, u.Price-ctx.Universe().Get(u.Instrument).TickSize)
			} else {
				ctx.Cancel(id)
			}
		}
	}
	in, q, ok := c.pick(ctx)
	if !ok {
		return
	}
	t := order.Ticket{Instrument: in.ID, Lots: 1}
	switch c.turns % 3 {
	case 0:
		t.Side, t.TIF, t.Price = market.Buy, order.IOC, q.Ask+4*in.TickSize
	case 1:
		t.Side, t.TIF, t.Price = market.Sell, order.IOC, q.Bid-4*in.TickSize
	default:
		t.Side, t.Price = market.Buy, q.Bid-20*in.TickSize
	}
	if ctx.Place(t) != 0 {
		c.turns++
	}
}

// pick walks along the strikes at the money of the farther expiry.
func (c *churner) pick(ctx *engine.Context) (*market.Instrument, market.Quote, bool) {
	var q market.Quote
	expiries := ctx.Layout().Expiries("NIFTY")
	if !ctx.View().Quote(ctx.Layout().Spot("NIFTY"), &q) || len(expiries) == 0 {
		return nil, q, false
	}
	chain := ctx.Layout().Chain("NIFTY", expiries[len(expiries)-1])
	row := chain.Rows[max(chain.ATM(q.Last)-3+c.turns/3%6, 0)]
	if !ctx.View().Quote(row.Call, &q) || q.Bid <= 0 || q.Ask <= 0 {
		return nil, q, false
	}
	return ctx.Universe().Get(row.Call), q, true
}

// lines is a buffer that many goroutines write.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
