package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestACallMeetsTheSameWeatherAsARequest(t *testing.T) {
	place := func(b *bench) *Call { return &Call{Kind: PlaceCall, Intent: b.intent(market.Buy, 65, 9000)} }
	for _, c := range []struct {
		faults   Faults
		fate     Fate
		outcome  Outcome
		accepted int64
	}{
		{Faults{}, Delivered, Served, 1},
		{Faults{DropBefore: 1}, Cut, Served, 0},
		{Faults{DropAfter: 1}, Cut, Served, 1},
		{Faults{LoseAnswer: 1}, Silence, Served, 1},
		{Faults{Throttle401: 1}, Delivered, LimitMinute, 0},
		{Faults{HTML429: 1}, Delivered, LimitMinute, 0},
		{Faults{HTML502: 1}, Delivered, Failed, 0},
		{Faults{BackendDown: 1}, Delivered, Failed, 0},
		{Faults{Exception: 1}, Delivered, Failed, 0},
	} {
		b := newBench(t, func(cfg *Config) { cfg.Faults = c.faults })
		b.quote("42501", 9990, 10010, 10000, 0)

		reply := b.Call(place(b), b.at)

		require.Equal(t, c.fate, reply.Fate, "%+v", c.faults)
		require.Equal(t, c.accepted, b.Counts().OrdersAccepted, "%+v", c.faults)
		if c.fate == Delivered {
			require.Equal(t, c.outcome, reply.Outcome, "%+v", c.faults)
		}
	}
}

func TestACallTakenLateIsServedLater(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.Faults = Faults{LateAccept: 1, LateBy: time.Second} })
	b.quote("42501", 9990, 10010, 10000, 0)

	reply := b.Call(&Call{Kind: PlaceCall, Intent: b.intent(market.Buy, 65, 9000)}, b.at)
	require.Equal(t, Silence, reply.Fate)
	due, ok := b.Next()
	require.True(t, ok)
	require.Equal(t, b.at.Mono.Add(time.Second), due)

	b.wait(time.Second)
	require.EqualValues(t, 1, b.Counts().OrdersAccepted)
}

func TestCallsShowWhatTheListsOfTheWireShow(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10010, 10000, 0)
	require.Equal(t, NoData, b.Call(&Call{Kind: OrdersCall}, b.at).Outcome)
	require.Equal(t, NoData, b.Call(&Call{Kind: TradesCall}, b.at).Outcome)
	require.Equal(t, NoData, b.Call(&Call{Kind: PositionsCall}, b.at).Outcome)

	in := b.intent(market.Buy, 195, 10010)
	in.Remark = "blank on the wire"
	placed := b.Call(&Call{Kind: PlaceCall, Intent: in}, b.at)
	require.Equal(t, Served, placed.Outcome)
	resting := b.Call(&Call{Kind: PlaceCall, Intent: b.intent(market.Buy, 65, 9000)}, b.at)

	orders := b.Call(&Call{Kind: OrdersCall}, b.at).Orders
	require.Len(t, orders, 2)
	require.Equal(t, placed.OrderID, orders[0].ID)
	require.Empty(t, orders[0].Remark)
	trades := b.Call(&Call{Kind: TradesCall}, b.at).Orders
	require.Len(t, trades, 1)
	require.EqualValues(t, 130, trades[0].Filled)
	held := b.Call(&Call{Kind: PositionsCall}, b.at).Positions
	require.Len(t, held, 1)
	require.EqualValues(t, 130, held[0].Qty)

	require.Equal(t, Served, b.Call(&Call{Kind: ModifyCall, OrderID: resting.OrderID, Price: 9005}, b.at).Outcome)
	one := b.Call(&Call{Kind: OrderCall, OrderID: resting.OrderID}, b.at).Orders
	require.Len(t, one, 1)
	require.EqualValues(t, 9005, one[0].Price)
	require.Equal(t, Served, b.Call(&Call{Kind: CancelCall, OrderID: resting.OrderID}, b.at).Outcome)
	gone := b.Call(&Call{Kind: CancelCall, OrderID: resting.OrderID}, b.at)
	require.Equal(t, Refused, gone.Outcome)
	require.Equal(t, b.cfg.Texts.OrderDone, gone.Text)
	require.Equal(t, Unauthorized, b.Call(&Call{Kind: OrdersCall, Dead: true}, b.at).Outcome)
}

func TestCallsCountAgainstTheLimits(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.Limits = Limits{PerSecond: 1, PerMinute: 3, PerDay: 4} })
	cancel, list := &Call{Kind: CancelCall, OrderID: "none"}, &Call{Kind: OrdersCall}

	require.Equal(t, Refused, b.Call(cancel, b.at).Outcome)
	require.Equal(t, LimitSecond, b.Call(cancel, b.at).Outcome)
	require.Equal(t, NoData, b.Call(list, b.at).Outcome)
	require.Equal(t, NoData, b.Call(list, b.at).Outcome)
	require.Equal(t, LimitMinute, b.Call(list, b.at).Outcome)
	b.wait(time.Minute)
	require.Equal(t, NoData, b.Call(list, b.at).Outcome)
	require.Equal(t, LimitDay, b.Call(list, b.at).Outcome)
}
