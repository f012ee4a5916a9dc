package shortstraddle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/param"
	"github.com/vayu-trading/vayu/strategies/strategytest"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// seat lets the test desk drive the strategy as the engine does.
type seat struct{ *Straddle }

func (s seat) Market(ctx taker.Context)                       { s.step(ctx) }
func (s seat) Order(ctx taker.Context, u *order.Update)       { s.onOrder(ctx, u) }
func (s seat) Feed(ctx taker.Context, state market.FeedState) { s.onFeed(ctx, state) }

// floor is a desk with a straddle of today's market at 10:43, as a demo starts.
type floor struct {
	*strategytest.Desk
	s         *Straddle
	call, put market.InstrumentID // at 24200, the money
}

func newFloor(t *testing.T, change func(*Params)) *floor {
	t.Helper()
	f := openFloor(t, change)
	f.start(t)
	return f
}

// openFloor is a floor whose strategy has not started.
func openFloor(t *testing.T, change func(*Params)) *floor {
	t.Helper()
	p := Defaults()
	if change != nil {
		change(&p)
	}
	s, err := New(p)
	require.NoError(t, err)
	d := strategytest.New(t, 10, 43)
	d.Strategy = seat{s}
	f := &floor{Desk: d, s: s}
	f.call = d.Option(strategytest.Far, 24_200_00, market.Call)
	f.put = d.Option(strategytest.Far, 24_200_00, market.Put)
	return f
}

func (f *floor) start(t *testing.T) {
	t.Helper()
	f.Pin()
	require.NoError(t, f.s.start(f))
}

// market quotes everything around a forward and shows it.
func (f *floor) market(forward float64) {
	f.Price(forward, 0.12)
	f.Commit()
}

// short requires exactly the straddle of n lots.
func (f *floor) short(t *testing.T, n int) {
	t.Helper()
	require.Equal(t, -n, f.Held(f.call))
	require.Equal(t, -n, f.Held(f.put))
}

func TestItSellsTheNextExpirysStraddleOnTheFirstMarketOfTheDay(t *testing.T) {
	f := newFloor(t, nil)

	f.market(24_212)

	require.Equal(t, Holding, f.s.Phase())
	f.short(t, 1)
	require.Len(t, f.Orders, 2)
	for _, o := range f.Orders {
		require.Equal(t, order.IOC, o.TIF)
		require.Equal(t, market.Lots(1), o.Lots)
	}
}

func TestItWaitsForItsEntryTimeAndForTheSession(t *testing.T) {
	f := openFloor(t, nil)
	f.At(9, 10)
	f.start(t)

	f.market(24_212)
	require.Equal(t, Waiting, f.s.Phase())
	f.At(9, 19)
	f.market(24_212)
	require.Empty(t, f.Orders)

	f.At(9, 20)
	f.market(24_212)
	f.short(t, 1)
}

func TestItIsDoneWhenItIsTooLateToEnter(t *testing.T) {
	f := openFloor(t, nil)
	f.At(14, 45)
	f.start(t)

	f.market(24_212)

	require.Equal(t, Done, f.s.Phase())
	require.Empty(t, f.Orders)
}

func TestItDoesNotEnterOnOldOrOneSidedQuotes(t *testing.T) {
	f := newFloor(t, nil)
	f.Price(24_212, 0.12)
	f.Skip(6 * time.Second)
	f.Commit()
	require.Empty(t, f.Orders)

	f.Price(24_212, 0.12)
	f.Quote(f.put, market.Quote{Last: 150_00, Ask: 151_00})
	f.Commit()
	require.Empty(t, f.Orders)
}

func TestACombinedStopClosesBothLegsAndItReentersAfterThePause(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeMaxLots = 0 })
	f.market(24_212)

	f.Price(24_212, 0.14) // a rise of a sixth: no stop at 30 %
	f.Commit()
	f.short(t, 1)

	f.Price(24_212, 0.17)
	f.Commit()
	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())

	f.Wait(9 * time.Minute)
	require.True(t, f.Flat())
	f.Skip(time.Minute)
	f.market(24_212)
	f.market(24_212)
	require.Equal(t, Holding, f.s.Phase())
	f.short(t, 1)
}

func TestItStopsReenteringWhenItsEntriesAreUsedUp(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MaxEntries, p.CoolOff, p.HedgeMaxLots = 2, 0, 0 })
	for range 4 {
		f.market(24_212)
		f.market(24_212)
		f.Price(24_212, 0.17)
		f.Commit()
	}

	require.Equal(t, Done, f.s.Phase())
	require.True(t, f.Flat())
	require.Len(t, f.Orders, 8, "two entries and two exits of two legs")
}

func TestALegStopWatchesEachLegAlone(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.StopMode, p.HedgeMaxLots = "leg", 0 })
	f.market(24_212)

	f.market(24_330) // the call gains half, the put loses as much

	require.True(t, f.Flat())
	require.Contains(t, f.Notes[len(f.Notes)-1], "stop of a leg")
}

func TestATimeStopClosesAllForTheDay(t *testing.T) {
	f := newFloor(t, nil)
	f.market(24_212)

	f.At(15, 9)
	f.market(24_212)
	f.short(t, 1)
	f.At(15, 10)
	f.market(24_212)

	require.True(t, f.Flat())
	require.Equal(t, Done, f.s.Phase())
	f.market(24_212)
	require.Zero(t, f.Open())
}

func TestOnExpiryDayItIsFlatBeforeTheClosingAuction(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.MinDaysToExpiry, p.ExitAt, p.HedgeMaxLots = 0, clock(15, 30), 0 })
	f.market(24_212)
	require.Equal(t, strategytest.Near, f.s.chain.Expiry)

	f.At(15, 14)
	f.market(24_212)

	require.True(t, f.Flat())
}

func TestAHedgeTakesTheDeltaBackIntoItsBand(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.Lots, p.StopPercent, p.HedgeMaxLots = 2, 500, 3 })
	f.market(24_212)
	f.short(t, 2)

	f.Skip(6 * time.Second)
	f.market(24_450) // the calls are deep in the money: about 1.3 lots short

	forward, _, ok := f.s.forward(f)
	require.True(t, ok)
	require.InDelta(t, 24_450, forward, 1)
	net, ok := f.s.delta(f, forward)
	require.True(t, ok)
	require.Less(t, max(net, -net), 0.6)
	require.Equal(t, 1, f.Held(f.Option(strategytest.Far, 24_450_00, market.Call)))
	require.Equal(t, -1, f.Held(f.Option(strategytest.Far, 24_450_00, market.Put)))
	f.short(t, 2)

	f.Skip(6 * time.Second)
	f.market(24_200) // back home: the hedge goes
	require.Zero(t, f.Held(f.Option(strategytest.Far, 24_450_00, market.Call)))
	f.At(15, 10)
	f.market(24_200)
	require.True(t, f.Flat())
}

func TestAHedgeAtTheStraddlesOwnStrikeNetsWithItsLegs(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.Lots, p.StopPercent = 2, 500 })
	f.market(24_212)
	f.s.hedge, f.s.hedgeRow = 1, f.s.legRow
	f.s.aim(f)

	f.Wait(2 * time.Second)

	require.Equal(t, -1, f.Held(f.call))
	require.Equal(t, -3, f.Held(f.put))
}

func TestPartialFillsAreCompleted(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.Lots = 3 })
	f.Default = strategytest.Partial

	f.market(24_212)
	require.Equal(t, Entering, f.s.Phase())
	for range 4 {
		f.Skip(time.Second)
		f.market(24_212)
	}

	f.short(t, 3)
	require.Equal(t, Holding, f.s.Phase())
	require.Equal(t, f.s.credit, f.s.workers[0].Cash+f.s.workers[1].Cash)
}

func TestALegThatIsRefusedUnwindsTheOther(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *strategytest.Order) strategytest.Answer {
		if o.Update.Instrument == f.put && o.Update.Side == market.Sell {
			return strategytest.Reject
		}
		return strategytest.Whatever
	}

	for range 14 {
		f.market(24_212)
		f.Skip(time.Second)
	}

	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())
	require.LessOrEqual(t, len(f.Orders), 5, "one call sold and bought back, three refusals")
}

func TestALegThatNeverFillsUnwindsTheOther(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *strategytest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Miss
		}
		return strategytest.Whatever
	}

	for range 25 {
		f.market(24_212)
		f.Skip(time.Second)
	}

	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())
}

func TestAnOrderOfUnknownOutcomeIsNeverSentAgain(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *strategytest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Vanish
		}
		return strategytest.Whatever
	}

	for range 60 {
		f.market(24_212)
		f.Skip(time.Second)
	}

	var lost []*strategytest.Order
	for _, o := range f.Orders {
		if o.Update.Instrument == f.call {
			lost = append(lost, o)
		}
	}
	require.Len(t, lost, 1)
	require.Zero(t, f.Held(f.put), "the known leg does not stay naked")
	require.Equal(t, Exiting, f.s.Phase(), "it waits for the verdict")

	// The verdict: it was filled after all. What it filled is bought back.
	f.Rule = nil
	f.Tell(lost[0], order.Filled, strategytest.Lot, 150_00)
	f.Wait(3 * time.Second)
	f.market(24_212)
	require.True(t, f.Flat())
}

func TestAClosedAbsentOrderThatSurfacesLateIsBoughtBack(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *strategytest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Vanish
		}
		return strategytest.Whatever
	}
	f.market(24_212)
	lost := f.Orders[0]
	require.Equal(t, f.call, lost.Update.Instrument)
	f.Tell(lost, order.ClosedAbsent, 0, 0)
	f.Rule = func(o *strategytest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Reject
		}
		return strategytest.Whatever
	}
	for range 20 {
		f.Skip(time.Second)
		f.market(24_212)
	}
	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())

	f.Tell(lost, order.AdoptedLate, 0, 0)
	require.Equal(t, 1, lost.Cancels, "an order nobody wants any more is called back")
	lost.State = order.Working
	f.Tell(lost, order.Filled, strategytest.Lot, 150_00) // too late
	f.Settle()
	f.market(24_212)
	require.True(t, f.Flat())
}

func TestThereIsNoNewEntryWhileTheFeedCannotBeTrusted(t *testing.T) {
	f := newFloor(t, nil)
	for _, state := range []market.FeedState{market.FeedDown, market.FeedStale, market.FeedGap} {
		f.s.onFeed(f, state)
		f.market(24_212)
		require.Empty(t, f.Orders, state)
	}

	f.s.onFeed(f, market.FeedLive)
	f.market(24_212)
	require.Empty(t, f.Orders, "a moment after the gap it still waits")
	f.Skip(settle)
	f.market(24_212)
	f.short(t, 1)
}

func TestAStopStillClosesWhileTheFeedIsDown(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeMaxLots = 0 })
	f.market(24_212)
	f.s.onFeed(f, market.FeedDown)

	f.At(15, 10)
	f.Look()

	require.True(t, f.Flat(), "the time stop needs no news")
}

func TestAVanishedOfferCannotHideALoss(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeMaxLots = 0 })
	f.market(24_212)

	f.Quote(f.call, market.Quote{Last: 400_00, Bid: 390_00})
	f.Commit()

	require.Equal(t, Exiting, f.s.Phase())
	for _, o := range f.Orders[2:] {
		if o.Update.Instrument == f.call {
			require.Equal(t, market.Paise(400_10), o.Ticket.Price, "priced from the last trade")
		}
	}
}

func TestWhatAnEarlierRunLeftIsClosedBeforeAnythingElse(t *testing.T) {
	f := openFloor(t, nil)
	odd := f.Option(strategytest.Far, 23_500_00, market.Put)
	f.Carry(odd, -2*strategytest.Lot)
	f.Carry(f.call, -strategytest.Lot)
	f.start(t)
	require.Equal(t, Exiting, f.s.Phase())

	f.market(24_212)
	require.Zero(t, f.Held(odd))
	f.market(24_212)
	f.market(24_212)

	require.Equal(t, Holding, f.s.Phase())
	f.short(t, 1)
}

func TestExitsAreChasedUntilFlat(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeMaxLots = 0 })
	f.market(24_212)
	misses := 0
	f.Rule = func(o *strategytest.Order) strategytest.Answer {
		if misses++; misses <= 6 {
			return strategytest.Miss
		}
		return strategytest.Whatever
	}
	f.At(15, 10)
	f.market(24_212)
	for range 5 {
		f.Skip(time.Second)
		f.market(24_212)
	}

	require.True(t, f.Flat())
	first, last := f.Orders[2], f.Orders[len(f.Orders)-2]
	require.Greater(t, last.Ticket.Price, first.Ticket.Price, "each miss reaches further")
}

func TestRefusedExitsNeverGiveUp(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeMaxLots = 0 })
	f.market(24_212)
	f.Default = strategytest.Reject
	f.At(15, 10)
	f.market(24_212)
	f.Wait(2 * time.Minute)
	tries := len(f.Orders) - 2
	require.Greater(t, tries, 8)
	require.Less(t, tries, 30, "refusals are paced")

	f.Default = strategytest.Match
	f.Wait(40 * time.Second)
	require.True(t, f.Flat())
}

func TestADayOrderIsRepricedInsteadOfSentAnew(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.TIF, p.HedgeMaxLots, p.Ticks = "day", 0, 0 })
	f.Default = strategytest.Miss
	f.market(24_212)
	require.Equal(t, 2, f.Open())

	f.Skip(time.Second)
	f.market(24_220)
	require.Len(t, f.Orders, 2)
	require.Equal(t, 1, f.Orders[0].Modifies)
	require.Equal(t, 1, f.Orders[1].Modifies)

	f.At(15, 10)
	f.market(24_220)
	f.Wait(2 * time.Second)
	require.Zero(t, f.Open())
	require.True(t, f.Flat())
}

func TestParametersAreRefusedByTheirKeys(t *testing.T) {
	refuses := func(key string, change func(*Params)) {
		t.Helper()
		p := Defaults()
		change(&p)
		_, err := New(p)
		require.ErrorIs(t, err, param.ErrParam)
		require.ErrorContains(t, err, Name)
		require.ErrorContains(t, err, key)
	}

	defaults := Defaults()
	require.NoError(t, defaults.Validate())
	refuses("lots", func(p *Params) { p.Lots = 0 })
	refuses("stop_mode", func(p *Params) { p.StopMode = "none" })
	refuses("stop_percent", func(p *Params) { p.StopPercent = 0 })
	refuses("entry_after", func(p *Params) { p.EntryAfter = p.EntryUntil })
	refuses("entry_until", func(p *Params) { p.EntryUntil = clock(15, 20) })
	refuses("hedge_threshold_lots", func(p *Params) { p.HedgeThreshold = 0.2 })
	refuses("parity_strikes", func(p *Params) { p.ParityStrikes = 10 })
	refuses("tif", func(p *Params) { p.TIF = "gtc" })
	refuses("chase_every", func(p *Params) { p.ChaseEvery = 0 })
}

func TestLookingWithNothingToDoDoesNotAllocate(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeEvery = 1; p.StopPercent = 500; p.MaxQuoteAge = param.Duration(time.Hour) })
	f.market(24_212)
	require.Equal(t, Holding, f.s.Phase())

	require.Zero(t, testing.AllocsPerRun(200, func() {
		f.Skip(time.Millisecond) // the delta is looked at each time
		f.s.step(f)
	}))
	require.Equal(t, Holding, f.s.Phase())
	require.Len(t, f.Orders, 2)
}

func BenchmarkOnMarketHolding(b *testing.B) {
	p := Defaults()
	s, err := New(p)
	require.NoError(b, err)
	d := strategytest.New(b, 10, 43)
	d.Strategy = seat{s}
	d.Pin()
	require.NoError(b, s.start(d))
	d.Price(24_212, 0.12)
	d.Commit()
	require.Equal(b, Holding, s.Phase())
	b.ReportAllocs()
	for b.Loop() {
		s.step(d)
	}
}
