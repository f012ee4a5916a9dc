package drill

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/param"
	"github.com/vayu-trading/vayu/strategies/strategytest"
)

// yard is a desk with a drill on today's market at 11:00.
type yard struct {
	*strategytest.Desk
	d       *Drill
	forward float64
}

func newYard(t testing.TB, change func(*Params)) *yard {
	t.Helper()
	p := Defaults()
	if change != nil {
		change(&p)
	}
	d, err := New(p)
	require.NoError(t, err)
	return &yard{Desk: strategytest.New(t, strategytest.Clock(11, 0), d, false), d: d, forward: 24_212}
}

// pass lets so many actions' time go by on a market that stands still.
func (y *yard) pass(actions int) {
	for n := range actions {
		if n%3 == 0 { // within max_quote_age
			y.Price(y.forward, 0.12)
			y.Commit()
		}
		y.Wait(time.Duration(y.d.params.Every))
	}
}

// held is the lots of every contract that is held.
func (y *yard) held() map[market.InstrumentID]market.Units {
	held := map[market.InstrumentID]market.Units{}
	y.Do(func(ctx *engine.Context) {
		for _, in := range ctx.Universe().All() {
			if units := ctx.Position(in.ID); units != 0 {
				held[in.ID] = units / strategytest.Lot
			}
		}
	})
	return held
}

func TestItPlacesChangesAndCancelsWithinItsRate(t *testing.T) {
	y := newYard(t, nil)

	y.pass(400)

	require.Greater(t, y.d.placed, 150)
	require.Greater(t, y.d.modified, 10)
	require.Greater(t, y.d.cancelled, 10)
	require.LessOrEqual(t, y.d.placed+y.d.modified+y.d.cancelled, 2*400, "a look at the market and one at the time")
	states := map[order.State]int{}
	for _, o := range y.Orders {
		require.Equal(t, market.Lots(1), o.Ticket.Lots)
		states[o.State]++
	}
	require.Greater(t, states[order.Filled], 40)
	require.Greater(t, states[order.Cancelled], 20)
}

func TestTheSeedAloneDecidesOnTheSameMarket(t *testing.T) {
	run := func(seed uint64) (all []string) {
		y := newYard(t, func(p *Params) { p.Seed = seed })
		y.pass(100)
		for _, o := range y.Orders {
			all = append(all, fmt.Sprint(o.Ticket.Instrument, o.Ticket.Side, o.Ticket.TIF, o.Ticket.Price))
		}
		return all
	}
	require.Equal(t, run(3), run(3))
	require.NotEqual(t, run(3), run(4))
}

func TestNoContractPassesItsCapThoughEveryOpenOrderFills(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 1))
		y := newYard(t, func(p *Params) { p.Seed, p.PositionLots, p.Strikes = seed, 1+int64(seed%3), 1 })
		y.Rule = func(*enginetest.Order) strategytest.Answer {
			return [...]strategytest.Answer{
				strategytest.Match, strategytest.Match, strategytest.Match, strategytest.Stay, strategytest.Miss, strategytest.Reject, strategytest.Vanish,
			}[rng.IntN(7)]
		}
		for range 150 {
			y.forward += float64(rng.IntN(9) - 4)
			y.pass(1)
			worst := map[market.InstrumentID][2]market.Lots{}
			for id, lots := range y.held() {
				worst[id] = [2]market.Lots{market.Lots(lots), market.Lots(lots)}
			}
			for _, o := range y.Desk.Desk.Working() {
				w := worst[o.Update.Instrument]
				if o.Update.Side == market.Buy {
					w[0]++
				} else {
					w[1]--
				}
				worst[o.Update.Instrument] = w
			}
			for id, w := range worst {
				require.LessOrEqual(t, w[0], market.Lots(y.d.params.PositionLots), "seed %d, %d", seed, id)
				require.GreaterOrEqual(t, w[1], -market.Lots(y.d.params.PositionLots), "seed %d, %d", seed, id)
			}
			require.LessOrEqual(t, y.Open(), y.d.params.OpenOrders)
			if open := y.Desk.Desk.Working(); len(open) > 0 && rng.IntN(3) == 0 { // the doubtful and the resting end some time
				y.Tell(open[rng.IntN(len(open))], order.Cancelled, 0, 0)
				y.Settle()
			}
		}
		require.Greater(t, y.d.placed, 40, "seed %d", seed)
	}
}

func TestItNeverMeetsItsOwnOrders(t *testing.T) {
	y := newYard(t, func(p *Params) {
		p.Strikes, p.OpenOrders, p.RestTicks, p.RestFor = 0, 16, 1, param.Duration(time.Minute)
	})
	y.Rule = func(o *enginetest.Order) strategytest.Answer {
		for _, other := range y.Desk.Desk.Working() {
			if other.ID == o.ID || other.Update.Instrument != o.Update.Instrument || other.Update.Side == o.Update.Side {
				continue
			}
			gap := (other.Update.Price - o.Update.Price) * market.Paise(o.Update.Side.Sign())
			require.Positive(t, gap, "order %d meets %d", o.ID, other.ID)
		}
		return strategytest.Stay
	}
	y.pass(300)
	require.Greater(t, y.d.placed, 30)
}

func TestAnOrderOfAnEarlierRunCountsAndIsCancelledInTime(t *testing.T) {
	y := newYard(t, func(p *Params) { p.OpenOrders = 1 })
	call := y.Option(strategytest.Far, 24_200_00, market.Call)
	old := order.Update{
		ID: 1 << 40, Strategy: 1, Instrument: call, Side: market.Buy, State: order.Working, Quantity: strategytest.Lot, Price: 100_00, At: y.Now(),
	}
	y.Host.Deliver(&old)
	y.Step()

	y.pass(1)
	require.Empty(t, y.Orders, "the old one takes the place")

	var cancels int
	for _, c := range y.Desk.Desk.All() {
		if c.Kind == order.CancelOne && c.Ticket.ID == old.ID {
			cancels++
		}
	}
	require.Positive(t, cancels)
	old.State = order.Cancelled
	y.Host.Deliver(&old)
	y.Step()
	y.pass(10)
	require.NotEmpty(t, y.Orders)
}

func TestAPositionOfAnEarlierRunIsBroughtHome(t *testing.T) {
	y := newYard(t, func(p *Params) { p.Strikes, p.PositionLots = 0, 1 })
	call := y.Option(strategytest.Far, 24_200_00, market.Call)
	y.Carry(call, 3*strategytest.Lot)

	y.pass(60)

	require.LessOrEqual(t, y.Held(call), 1, "beyond the cap it only sells")
}

func TestRefusalsInARowMakeItPause(t *testing.T) {
	y := newYard(t, func(p *Params) { p.Modify, p.Cancel = 0, 0 })
	y.Default = strategytest.Reject

	y.pass(100)

	// Fifty seconds: five tries, then two seconds of nothing, again and again.
	require.Less(t, y.d.placed, 75)
	require.Greater(t, y.d.placed, 20)
}

func TestNothingIsSentOnAFeedThatCannotBeTrusted(t *testing.T) {
	y := newYard(t, nil)
	y.State(market.FeedDown)
	y.pass(10)
	require.Empty(t, y.Orders)

	y.State(market.FeedLive)
	y.pass(10)
	require.NotEmpty(t, y.Orders)
}

func TestNothingIsSentOnOldQuotes(t *testing.T) {
	y := newYard(t, nil)
	y.Price(y.forward, 0.12)
	y.Commit()
	placed := y.d.placed
	y.Wait(3 * time.Second)
	before := y.d.placed
	y.Wait(time.Minute)
	require.Equal(t, before, y.d.placed)
	require.LessOrEqual(t, placed, 1)
}

func TestFromExitAtOnItGoesFlatAndStaysFlat(t *testing.T) {
	y := newYard(t, func(p *Params) { p.OpenOrders = 8 })
	y.pass(100)
	require.NotEmpty(t, y.held())

	y.At(15, 10)
	y.pass(200)

	require.Empty(t, y.held())
	require.Zero(t, y.Open())
	placed := y.d.placed
	y.pass(20)
	require.Equal(t, placed, y.d.placed)
}

func TestAtItsEndItCallsBackWhatRestsAndSaysWhatItDid(t *testing.T) {
	y := newYard(t, nil)
	y.Default = strategytest.Stay
	y.pass(10)
	require.NotZero(t, y.Open())

	y.Do(func(ctx *engine.Context) { y.d.OnStop(ctx) })

	require.Zero(t, y.Open())
	notes := y.Notes()
	require.Contains(t, notes[len(notes)-1], "drill: ")
	require.Contains(t, notes[len(notes)-1], "contracts held")
}

func TestParametersOutOfRangeAreNamed(t *testing.T) {
	refuses := func(key string, change func(*Params)) {
		t.Helper()
		p := Defaults()
		change(&p)
		_, err := New(p)
		require.ErrorIs(t, err, param.ErrParam)
		require.ErrorContains(t, err, key)
	}
	refuses("every", func(p *Params) { p.Every = 0 })
	refuses("open_orders", func(p *Params) { p.OpenOrders = room })
	refuses("position_lots", func(p *Params) { p.PositionLots = 0 })
	refuses("cancel_percent", func(p *Params) { p.Modify, p.Cancel = 50, 50 })
	refuses("rest_ticks", func(p *Params) { p.RestTicks = 0 })
	refuses("underlying", func(p *Params) { p.Underlying = "" })
}

func TestWaitingForItsTurnDoesNotAllocate(t *testing.T) {
	y := newYard(t, nil)
	y.pass(10)
	call := y.Option(strategytest.Far, 24_200_00, market.Call)
	y.d.actAt = y.Now().Mono.Add(time.Hour)
	q := y.Last(call)
	require.Zero(t, testing.AllocsPerRun(500, func() {
		q.Volume++
		y.Feed.Quote(&q)
		y.Feed.Commit(y.Now())
		y.Host.Step(y.Now())
	}))
}
