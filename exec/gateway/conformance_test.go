package gateway_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/exectest"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
	"github.com/vayu-trading/vayu/feed/stream"
)

func TestGatewayConformsAtTheTwin(t *testing.T) { exectest.Run(t, openAtTwin) }

// Over a wire or in the process: the same script ends the same, order by order.
func TestTheLiveAndThePaperGatewayEndAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("scripts at the speed of a wire take a quarter of a minute: run without -short")
	}
	var count exectest.Count
	for seed := range uint64(3) {
		live := exectest.Play(t, openAtTwin, seed)
		var paper exectest.Outcome
		synctest.Test(t, func(t *testing.T) { paper = exectest.Play(t, exectest.OpenPaper, seed) })
		require.Empty(t, live.Differs(paper), "seed %d", seed)
		count.Add(live)
	}
	t.Logf("%+v", count)
	require.Positive(t, count.Modified)
	require.Positive(t, count.Partly)
	for _, s := range []order.State{order.Filled, order.Cancelled, order.Working, order.Denied, order.Rejected} {
		require.Positive(t, count.States[s], "no script ended with an order %s: it compares too little", s)
	}
}

// wired is the live gateway with its session and its order stream, over TCP on
// this machine.
type wired struct {
	*gateway.Gateway
	twin   twinVenue
	setup  exectest.Setup
	store  session.Store
	orders *stream.Stream
	renews sync.Mutex // one login at a time
	all    sync.WaitGroup
	ctx    context.Context // ends with the gateway; a test's own
	cancel context.CancelFunc
}

// twinVenue is the simulated venue, serving.
type twinVenue struct {
	*sim.Venue
	address string
}

func (v twinVenue) BreakStream() { v.DropSockets() }

func openAtTwin(t *testing.T, s exectest.Setup) exectest.Desk {
	config := s.Venue
	// The index alone is on the tape; all else moves when the case says so.
	index := market.Quote{Instrument: 1, Last: 26000 * market.Rupee}
	start := s.Day.At(10 * time.Hour)
	config.Tape = &sim.MemoryTape{Day: s.Day, List: s.Universe.All(), Events: []market.Event{
		{At: start, Kind: market.QuoteEvent, Quote: index}, {At: start.Add(5 * time.Hour), Kind: market.QuoteEvent, Quote: index},
	}}
	config.RecordedOnly = true
	venue, err := sim.New(config)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { _ = venue.Serve(ctx, listener) }) // it ends because ctx does
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
	return connect(t, s, twinVenue{venue, listener.Addr().String()})
}

// connect opens a gateway at a venue that serves.
func connect(t *testing.T, s exectest.Setup, twin twinVenue) *wired {
	w := &wired{twin: twin, setup: s}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	t.Cleanup(w.end)
	var err error
	w.Gateway, err = gateway.New(gateway.Config{
		BaseURL: "http://" + twin.address + "/breezeapi/api/v1/", Universe: s.Universe, Session: &w.store, Clock: twin.Clock(),
		AppKey: sim.DefaultAppKey, Secret: session.NewToken(sim.DefaultSecret), Refusals: s.Refusals,
		Emit: s.Emit, Alarm: s.Alarm, Core: s.Core,
		Renew:         func(epoch uint64) { w.all.Go(func() { w.renew(epoch) }) },
		RestartStream: func() { w.all.Go(func() { _ = w.orders.Renew(w.ctx) }) }, // it heals by itself too
	})
	require.NoError(t, err)
	w.orders, err = stream.New(stream.Config{
		Name: "orders", URL: "ws://" + twin.address, Session: &w.store, Clock: twin.Clock(), Universe: s.Universe,
		Orders: w.OnReport, OnState: w.OnOrderStream,
		OnSuspect: func(epoch uint64, _ error) { w.all.Go(func() { w.renew(epoch) }) },
		AuthWait:  stream.Backoff{Initial: 100 * time.Millisecond, Max: time.Second},
	})
	require.NoError(t, err)
	w.all.Go(func() { _ = w.Run(w.ctx) })
	w.renew(0)
	require.NotNil(t, w.store.Current(), "no login")
	w.all.Go(func() { _ = w.orders.Run(w.ctx) })
	return w
}

// renew logs in again, unless that epoch has been replaced.
func (w *wired) renew(epoch uint64) {
	w.renews.Lock()
	defer w.renews.Unlock()
	if c := w.store.Current(); c != nil && c.Epoch != epoch || w.ctx.Err() != nil {
		return
	}
	c, err := w.Exchange(w.ctx, session.NewToken(w.twin.NewLogin()))
	if err != nil {
		return // whoever is refused next asks again
	}
	now := w.twin.Clock().Now().Wall
	c.Epoch, c.Issued, c.Expiry = epoch+1, now, now.Add(time.Hour)
	w.store.Swap(c)
	w.OnSession(gateway.LoginOf(session.Live, c, time.Minute))
}

func (w *wired) end() {
	w.cancel()
	w.all.Wait()
}

func (w *wired) Now() market.Stamp     { return w.twin.Clock().Now() }
func (w *wired) Venue() exectest.Venue { return w.twin }

func (w *wired) Reopen(t *testing.T, s exectest.Setup) exectest.Desk {
	w.end()
	return connect(t, s, w.twin)
}
