package parityarb

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/param"
	"github.com/vayu-trading/vayu/strategies/strategytest"
)

type floor struct {
	*strategytest.Desk
	a *Arbitrage
	// The box to plant: the 24100 synthetic bought, the 24300 one sold.
	lowCall, lowPut, highCall, highPut market.InstrumentID
}

func newFloor(t testing.TB, change func(*Params)) *floor {
	t.Helper()
	p := Defaults()
	p.BrokeragePlan = "neo"
	if change != nil {
		change(&p)
	}
	a, err := New(p)
	require.NoError(t, err)
	d := strategytest.New(t, strategytest.Clock(10, 43), a, false)
	f := &floor{
		Desk: d, a: a,
		lowCall: d.Option(strategytest.Far, 24_100_00, market.Call), lowPut: d.Option(strategytest.Far, 24_100_00, market.Put),
		highCall: d.Option(strategytest.Far, 24_300_00, market.Call), highPut: d.Option(strategytest.Far, 24_300_00, market.Put),
	}
	return f
}

// fair quotes a market without any edge.
func (f *floor) fair() {
	f.Price(24_212, 0.12)
	f.Commit()
}

// plant makes the higher strike's call dearer by so much, which makes its
// synthetic a good sale.
func (f *floor) plant(by market.Paise) {
	f.Price(24_212, 0.12)
	f.lift(by, 50*strategytest.Lot)
	f.Commit()
}

// lift quotes the higher call so much above what makes the box of the two
// strikes worth nothing, with so many units bid for.
func (f *floor) lift(by market.Paise, bid market.Units) {
	f.Asleep = true
	f.Harness.Commit() // to read what was just priced
	f.Asleep = false
	low, lowPut, put := f.Last(f.lowCall), f.Last(f.lowPut), f.Last(f.highPut)
	// The lower call is a rupee cheap, so that no other strike, fair but for
	// ticks, is the better one to buy.
	low.Bid, low.Ask, low.Last = low.Bid-1_00, low.Ask-1_00, low.Last-1_00
	f.Quote(f.lowCall, low)
	price := put.Bid + low.Bid - lowPut.Bid - 200_00 + by
	f.Quote(f.highCall, market.Quote{Last: price, Bid: price, Ask: price + 50, BidQty: bid, AskQty: 50 * strategytest.Lot})
}

// holds requires the box at n lots.
func (f *floor) holds(t *testing.T, n int) {
	t.Helper()
	require.Equal(t, []int{n, -n, n, -n}, []int{f.Held(f.lowCall), f.Held(f.lowPut), f.Held(f.highPut), f.Held(f.highCall)})
}

func TestAFairMarketIsLeftAlone(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.fair()
	require.Equal(t, Scanning, f.a.Phase())
	require.Empty(t, f.Orders)
}

func TestAPlantedBoxIsFoundAndTradedAtThePricesSeen(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()

	f.plant(12_00)

	require.Equal(t, Holding, f.a.Phase())
	f.holds(t, 1)
	require.Len(t, f.Orders, 4)
	var cash market.Paise
	for _, o := range f.Orders {
		require.Equal(t, order.IOC, o.Ticket.TIF)
		require.Equal(t, o.Ticket.Price, o.Average, "a limit at the touch that was seen")
		cash -= o.Average.Times(o.Filled) * market.Paise(o.Update.Side.Sign())
	}
	require.Greater(t, cash+200_00*65, market.Paise(0), "the box cost less than it must be worth")
	buys := 0
	for _, o := range f.Orders[:2] {
		if o.Update.Side == market.Buy {
			buys++
		}
	}
	require.Equal(t, 2, buys, "what protects is bought first")
}

func TestAnEdgeSmallerThanChargesIsIgnored(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()

	f.plant(4_00) // 4 points before charges of about 3 and spreads of 1

	require.Empty(t, f.Orders)
	require.Equal(t, Scanning, f.a.Phase())
}

func TestADearPlanNeedsAWiderEdge(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.BrokeragePlan = "i-secure" })
	f.fair()
	f.plant(12_00)
	require.Empty(t, f.Orders)

	f.plant(25_00)
	f.holds(t, 1)
}

func TestAnOldQuoteIsNotTradedOn(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.Wait(3 * time.Second)
	q := f.Last(f.highCall)
	q.Bid, q.Ask = q.Bid+12_00, q.Ask+12_00
	f.Quote(f.highCall, q) // fresh, but its three companions are not

	f.Commit()

	require.Empty(t, f.Orders)
}

func TestTheSizeIsWhatAllFourLegsShow(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MaxLots = 10 })
	f.fair()
	f.Price(24_212, 0.12)
	f.lift(12_00, 3*strategytest.Lot+10)
	f.Commit()

	f.holds(t, 3)
}

func TestAMissedLegIsCompletedWhenTheBoxStillPays(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	missed := false
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.lowPut && !missed {
			missed = true
			return strategytest.Miss
		}
		return strategytest.Whatever
	}

	f.plant(15_00)

	require.Equal(t, Holding, f.a.Phase())
	f.holds(t, 1)
	require.Len(t, f.Orders, 5)
}

func TestAMissedLegIsUnwoundWhenTheEdgeIsGone(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.highCall && o.Update.Side == market.Sell {
			return strategytest.Vanish
		}
		return strategytest.Whatever
	}
	f.plant(15_00)
	require.Equal(t, Entering, f.a.Phase())
	var missed *enginetest.Order
	for _, o := range f.Orders {
		if o.Update.Instrument == f.highCall {
			missed = o
		}
	}

	f.plant(-20_00) // meanwhile the edge went
	f.Tell(missed, order.Cancelled, 0, 0)
	f.Settle()

	require.True(t, f.Flat())
	require.Equal(t, Scanning, f.a.Phase())
	f.plant(15_00)
	require.True(t, f.Flat(), "it pauses after a box that came apart")
}

func TestPartialLegsEndAsOneWholeBox(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MaxLots = 3 })
	f.fair()
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.lowCall {
			return strategytest.Partial
		}
		return strategytest.Whatever
	}

	f.plant(15_00)
	for range 4 {
		f.Wait(time.Second)
		f.plant(15_00)
	}

	require.Equal(t, Holding, f.a.Phase())
	f.holds(t, int(f.a.box.lots))
	require.Positive(t, f.a.box.lots)
}

func TestARefusedLegUnwindsTheOthers(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.highPut && o.Update.Side == market.Buy {
			return strategytest.Reject
		}
		return strategytest.Whatever
	}

	f.plant(15_00)
	f.Wait(12 * time.Second)
	f.plant(15_00)

	require.True(t, f.Flat())
	require.Equal(t, 1, f.a.boxes)
}

func TestALegOfUnknownOutcomeIsNotSentAgainAndTheKnownOnesAreUnwound(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.highCall && o.Update.Side == market.Sell {
			return strategytest.Vanish
		}
		return strategytest.Whatever
	}
	f.plant(15_00)
	require.Len(t, f.Orders, 4)
	f.Wait(15 * time.Second)

	require.True(t, f.Flat())
	require.Equal(t, Closing, f.a.Phase(), "it waits for the verdict")
	require.Equal(t, 1, f.Open())
	var lost *enginetest.Order
	for _, o := range f.Orders {
		if o.State == order.Ambiguous {
			lost = o
		}
	}
	f.Tell(lost, order.Filled, strategytest.Lot, lost.Ticket.Price)
	f.Settle()
	f.Wait(3 * time.Second)

	require.True(t, f.Flat())
	require.Equal(t, Scanning, f.a.Phase())
}

func TestABoxIsClosedWhenTheEdgeComesBack(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.plant(12_00)
	f.holds(t, 1)

	f.plant(6_00) // not far enough to pay for the way out
	f.holds(t, 1)
	f.plant(-3_00)

	require.True(t, f.Flat())
	require.Equal(t, Scanning, f.a.Phase())
	require.Positive(t, f.net(t), "after every charge it earned")
}

// net is what all fills brought, less exact charges.
func (f *floor) net(t *testing.T) market.Paise {
	t.Helper()
	var cash market.Paise
	var costs calendar.Amount
	for _, o := range f.Orders {
		if o.Filled > 0 {
			cash -= market.Paise(o.Update.Side.Sign()) * o.Average.Times(o.Filled)
			b := f.a.charges.Order(o.Update.Side, o.Average, o.Filled, market.Lots(o.Filled/strategytest.Lot))
			costs = costs.Plus(b.Total())
		}
	}
	return cash - costs.PaiseUp()
}

func TestATimeStopClosesTheBox(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.plant(12_00)
	f.holds(t, 1)

	f.At(15, 10)
	f.fair()
	f.fair()

	require.True(t, f.Flat())
	require.Equal(t, Done, f.a.Phase())
}

func TestABoxIsFlatBeforeTheSessionClosesThoughTheMarketIsSilent(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.ExitAt = param.TimeOfDay(strategytest.Clock(16, 0)) })
	f.plant(12_00)
	f.holds(t, 1)

	f.At(15, 38)
	f.holds(t, 1)
	f.At(15, 39)
	f.Wait(time.Second)

	require.True(t, f.Flat())
	require.Equal(t, Done, f.a.Phase())
}

func TestTheSizeIsCapped(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MaxLots = 2 })
	f.fair()
	f.plant(12_00)
	f.holds(t, 2)
	f.plant(12_00)
	f.plant(20_00)
	f.holds(t, 2) // one box at a time
}

func TestAGapForgetsWhatTheStrikesWereWorth(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	f.State(market.FeedGap)
	require.True(t, f.a.all)
	f.Wait(settle)
	f.State(market.FeedLive)
	f.plant(12_00)
	f.holds(t, 1)
}

func TestABoxIsStillClosedWhileTheFeedIsDown(t *testing.T) {
	f := newFloor(t, nil)
	f.plant(12_00)
	f.holds(t, 1)
	f.State(market.FeedDown)

	f.At(15, 10)
	f.Wait(time.Second)

	require.True(t, f.Flat())
}

func TestBoxesADayAreCapped(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MaxBoxes = 2 })
	f.fair()
	for range 4 {
		f.plant(12_00)
		f.plant(-3_00)
	}
	require.Equal(t, 2, f.a.boxes)
	require.Equal(t, Done, f.a.Phase())
	require.True(t, f.Flat())
}

func TestThereIsNoNewBoxWhileTheFeedCannotBeTrusted(t *testing.T) {
	f := newFloor(t, nil)
	f.fair()
	for _, state := range []market.FeedState{market.FeedDown, market.FeedStale, market.FeedGap} {
		f.State(state)
		f.plant(12_00)
		require.Empty(t, f.Orders, state)
	}
	f.State(market.FeedLive)
	f.plant(12_00)
	require.Empty(t, f.Orders, "a moment after the gap it still waits")
	f.Wait(settle)
	f.plant(12_00)
	f.holds(t, 1)
}

func TestNothingIsBegunOutsideItsHours(t *testing.T) {
	f := newFloor(t, nil)
	f.At(15, 0)
	f.fair()
	f.plant(12_00)
	require.Empty(t, f.Orders)
	require.Equal(t, Done, f.a.Phase())
}

func TestWhatAnEarlierRunLeftIsClosedFirst(t *testing.T) {
	f := newFloor(t, nil)
	odd := f.Option(strategytest.Far, 24_000_00, market.Call)
	f.Carry(odd, strategytest.Lot)
	require.Equal(t, Closing, f.a.Phase())
	f.Carry(f.lowPut, -2*strategytest.Lot)

	f.fair()
	f.fair()

	require.True(t, f.Flat())
	require.Equal(t, Scanning, f.a.Phase())
}

func TestParametersAreRefusedByTheirKeys(t *testing.T) {
	refuses := func(key string, change func(*Params)) {
		t.Helper()
		p := Defaults()
		change(&p)
		_, err := New(p)
		require.ErrorIs(t, err, param.ErrParam)
		require.ErrorContains(t, err, key)
	}

	refuses("max_lots", func(p *Params) { p.MaxLots = 0 })
	refuses("max_lots", func(p *Params) { p.MaxLots = 101 })
	refuses("min_edge_rupees", func(p *Params) { p.MinEdge = 0 })
	refuses("close_profit_rupees", func(p *Params) { p.CloseProfit = -1 })
	refuses("max_quote_age", func(p *Params) { p.MaxQuoteAge = 0 })
	refuses("legging_timeout", func(p *Params) { p.LeggingTimeout = p.ChaseEvery })

	a, err := New(withPlan("gold"))
	require.NoError(t, err)
	_, err = strategytest.Start(t, strategytest.Clock(10, 43), a, false)
	require.ErrorIs(t, err, calendar.ErrNoData)
}

func withPlan(plan string) Params {
	p := Defaults()
	p.BrokeragePlan = plan
	return p
}

// Whatever the quotes: a box it enters locks at least the least edge after a
// slow, exact account of every charge and the way out.
func TestEveryBoxEnteredPaysByAnIndependentAccount(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MaxLots = 5 })
	rapid.Check(t, func(t *rapid.T) {
		f.Price(24_212, 0.12)
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			strike := market.Paise(24_000_00 + 50_00*rapid.IntRange(0, 8).Draw(t, "strike"))
			id := f.Option(strategytest.Far, strike, rapid.SampledFrom([]market.Right{market.Call, market.Put}).Draw(t, "right"))
			f.Around(id, market.Paise(rapid.IntRange(20, 6000).Draw(t, "price"))*5)
		}
		f.Wait(time.Millisecond)
		f.a.all, f.Asleep = true, true
		f.Commit()
		var b box
		var pays bool
		f.Do(func(ctx *engine.Context) {
			f.a.refresh(ctx, ctx.Now())
			b, pays = f.a.find(ctx, ctx.Now())
		})
		f.Do(func(ctx *engine.Context) { // no other pair of strikes is better
			for buy := range 12 { // the rows around those that changed
				for sell := range 12 {
					other := box{buy: 19 + buy, sell: 19 + sell}
					if buy != sell && f.a.judge(ctx, ctx.Now(), &other) < 0 && other.edge >= f.a.minEdge+2_00 {
						require.True(t, pays)
						require.GreaterOrEqual(t, b.edge, other.edge-2_00)
					}
				}
			}
		})
		if !pays {
			return
		}
		units := b.lots.Units(strategytest.Lot)
		value := float64(f.a.chain.Rows[b.sell].Strike-f.a.chain.Rows[b.buy].Strike) * f.a.discount * float64(units)
		for i, id := range f.a.legIDs(&b) {
			var q market.Quote
			require.True(t, f.View().Quote(id, &q))
			entry, exit := q.Ask, float64(q.Bid+q.Ask)/2
			if legSide[i] == market.Sell {
				entry = q.Bid
			}
			sign := float64(legSide[i].Sign())
			value -= sign * float64(entry) * float64(units)
			value -= float64(q.Ask-q.Bid) / 2 * float64(units) // the way out
			in, out := f.a.charges.Order(legSide[i], entry, units, b.lots), f.a.charges.SquareOff(legSide[i].Opposite(), market.Paise(exit), units, b.lots)
			value -= float64(in.Total().Paise() + out.Total().Paise())
		}
		require.GreaterOrEqual(t, value/float64(b.lots), float64(f.a.minEdge)-10)
	})
}

func TestScanningDoesNotAllocate(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MaxQuoteAge = param.Duration(time.Hour) })
	f.plant(4_00) // an edge before charges, judged each time
	require.Equal(t, Scanning, f.a.Phase())

	require.Zero(t, testing.AllocsPerRun(200, f.ticker()))
	require.Equal(t, Scanning, f.a.Phase())
	require.Empty(t, f.Desk.Desk.All())
}

// ticker is one quote, one commit and one callback, a millisecond on, as the
// engine does it.
func (f *floor) ticker() func() {
	q, now := f.Last(f.highCall), f.Now()
	return func() {
		now.Mono, now.Wall, now.Market = now.Mono.Add(time.Millisecond), now.Wall.Add(time.Millisecond), now.Market.Add(time.Millisecond)
		q.Recv, q.Volume = now.Mono, q.Volume+1
		q.BidQty ^= 1
		f.Harness.Feed.Quote(&q)
		f.Harness.Feed.Commit(now)
		f.Host.Step(now)
	}
}

func BenchmarkOnMarketScanning(b *testing.B) {
	f := newFloor(b, nil)
	f.fair()
	tick := f.ticker()
	b.ReportAllocs()
	for b.Loop() {
		tick()
	}
	require.Empty(b, f.Desk.Desk.All())
}
