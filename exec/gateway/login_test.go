package gateway_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

func TestALoginExchangesSessionsAndAsksForNothingElse(t *testing.T) {
	const day = market.Date(20261123)
	index := market.Instrument{
		ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50", LotSize: 1, TickSize: 5,
	}
	venue, err := sim.New(sim.Config{RecordedOnly: true, Tape: &sim.MemoryTape{Day: day, List: []market.Instrument{index}, Events: []market.Event{
		{At: day.At(10 * time.Hour), Kind: market.QuoteEvent, Quote: market.Quote{Instrument: 1, Last: 26000 * market.Rupee}},
		{At: day.At(15 * time.Hour), Kind: market.QuoteEvent, Quote: market.Quote{Instrument: 1, Last: 26000 * market.Rupee}},
	}}})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	login, err := gateway.NewLogin(gateway.Config{
		BaseURL: "http://" + listener.Addr().String() + "/breezeapi/api/v1/", Clock: market.SystemClock{},
		AppKey: sim.DefaultAppKey, Secret: session.NewToken(sim.DefaultSecret),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { _ = venue.Serve(ctx, listener) })
	all.Go(func() { _ = login.Run(ctx) })
	defer all.Wait()
	defer cancel()

	credential, err := login.Exchange(ctx, session.NewToken(sim.DefaultAPISession))
	require.NoError(t, err)
	require.Equal(t, sim.DefaultUser, credential.User)
	_, err = login.Exchange(ctx, session.NewToken("12345678"))
	require.ErrorIs(t, err, session.ErrLogin)

	time.Sleep(300 * time.Millisecond) // a core would have read its lists by now
	require.EqualValues(t, 2, venue.Stats().Calls)
}
