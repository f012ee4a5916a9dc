package taker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/strategytest"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// gang lets the test desk drive a crew.
type gang struct {
	taker.Crew
	rules taker.Rules
}

func (g *gang) Market(ctx taker.Context)                 { g.Work(ctx, &g.rules) }
func (g *gang) Order(ctx taker.Context, u *order.Update) { g.OnOrder(ctx, u, &g.rules) }
func (g *gang) Feed(taker.Context, market.FeedState)     {}

func newGang(t *testing.T) (*gang, *strategytest.Desk) {
	t.Helper()
	g, d := &gang{rules: taker.Rules{MaxRejects: 1}}, strategytest.New(t, 11, 0)
	d.Strategy = g
	d.Price(24_212, 0.12)
	d.Commit()
	return g, d
}

func TestWhatProtectsIsBoughtBeforeAnythingIsSold(t *testing.T) {
	g, d := newGang(t)
	for i, lots := range []market.Lots{-1, 1, -2, 2} {
		id := d.Option(strategytest.Far, market.Paise(24_000_00+i*50_00), market.Call)
		g.Bind(d.Universe().Get(id)).Aim(lots.Units(strategytest.Lot))
	}
	d.Look()

	var sides []market.Side
	for _, o := range d.Orders {
		sides = append(sides, o.Ticket.Side)
	}
	require.Equal(t, []market.Side{market.Buy, market.Buy, market.Sell, market.Sell}, sides)
	require.True(t, g.Settled(d))

	g.Retreat()
	d.Look()
	require.True(t, d.Flat())
}

func TestPositionsWithoutAWorkerAreAdoptedAsFarAsThereIsRoom(t *testing.T) {
	g, d := newGang(t)
	for i := range taker.CrewSize + 3 {
		d.Carry(d.Option(strategytest.Far, market.Paise(24_000_00+i*50_00), market.Put), -strategytest.Lot)
	}
	require.True(t, g.Adopt(d, "NIFTY"))
	require.Zero(t, g.Room())
	d.Look()
	require.True(t, g.Settled(d))
	require.False(t, d.Flat())

	g.Dismiss()
	require.True(t, g.Adopt(d, "NIFTY"))
	d.Look()
	require.True(t, d.Flat())
	g.Dismiss()
	require.False(t, g.Adopt(d, "NIFTY"))
}

func TestAnOrderNobodyWorksOnIsCalledBack(t *testing.T) {
	g, d := newGang(t)
	d.Default = strategytest.Stay
	id := d.Option(strategytest.Far, 24_000_00, market.Call)
	g.Bind(d.Universe().Get(id)).Aim(strategytest.Lot)
	d.Look()
	require.True(t, g.Out())
	g.Dismiss()

	d.Tell(d.Orders[0], order.Working, 0, 0)

	require.Equal(t, 1, d.Orders[0].Cancels)
}

func TestTheFirstWorkerThatGaveUpIsKnown(t *testing.T) {
	g, d := newGang(t)
	d.Default = strategytest.Reject
	require.Nil(t, g.Failed())
	id := d.Option(strategytest.Far, 24_000_00, market.Call)
	w := g.Bind(d.Universe().Get(id))
	w.Aim(strategytest.Lot)
	d.Look()

	require.Same(t, w, g.Failed())
	require.Equal(t, "refused by the test", w.Refusal)
}
