package gateway

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// brokenGateway has an observer that panics, and is not run.
func brokenGateway(t *testing.T, fatal func(any)) *Gateway {
	t.Helper()
	universe, err := market.NewUniverse([]market.Instrument{{
		ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20261124, Strike: 26000 * market.Rupee, Right: market.Call},
		Token:       "42505", LotSize: 65, TickSize: 5,
	}})
	require.NoError(t, err)
	store := new(session.Store)
	store.Swap(credential(1))
	g, err := newGateway(Config{
		BaseURL: "http://127.0.0.1:9/", Universe: universe, Session: store, Clock: benchClock{time.Now()},
		Emit:  func(*order.Update) { panic("a bug below Submit") },
		Renew: func(uint64) {}, RestartStream: func() {}, Fatal: fatal,
		Core: CoreConfig{NextID: func() order.ID { return 1 }},
	}, newScript())
	require.NoError(t, err)
	g.inbox.denied = append(g.inbox.denied, order.Update{})
	g.posted.Add(1)
	return g
}

// A strategy's fence recovers what panics below its Submit: that must not
// leave a gateway that looks alive.
func TestAPanicBelowSubmitIsFatalThoughTheStrategyRecoversIt(t *testing.T) {
	var fatal atomic.Value
	g := brokenGateway(t, func(why any) { fatal.Store(why) })
	place := order.Command{Kind: order.Place, Ticket: order.Ticket{Instrument: 1, Side: market.Buy, Lots: 1, Price: 9505}}

	require.PanicsWithValue(t, "a bug below Submit", func() { g.Submit(place) })

	require.Equal(t, "a bug below Submit", fatal.Load())
	require.Empty(t, g.core.(*script).seen(CommandEvent), "half a step is no state to go on from")
	g.Submit(place)
	require.Empty(t, g.core.(*script).seen(CommandEvent))

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	cancel()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(5 * time.Second):
		require.Fail(t, "Run waits for an owner that is gone")
	}
}

// A goroutine may also end without a panic, as a test's does.
func TestAGoroutineThatEndsInsideTheCoreIsFatal(t *testing.T) {
	fatal := make(chan any, 1)
	g := brokenGateway(t, func(why any) { fatal <- why })
	g.config.Emit = func(*order.Update) { runtime.Goexit() }
	go func() {
		defer func() { _ = recover() }()
		g.drain()
	}()
	require.Equal(t, "its goroutine ended", <-fatal)
}
