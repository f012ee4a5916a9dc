package shortstraddle

import (
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

// floor is a desk with a straddle of today's market at 10:43, as a demo starts.
type floor struct {
	*strategytest.Desk
	s         *Straddle
	call, put market.InstrumentID // at 24200, the money
}

func newFloor(t testing.TB, change func(*Params)) *floor {
	t.Helper()
	return floorAt(t, strategytest.Clock(10, 43), false, change)
}

func floorAt(t testing.TB, at time.Duration, futures bool, change func(*Params)) *floor {
	t.Helper()
	p := Defaults()
	if change != nil {
		change(&p)
	}
	s, err := New(p)
	require.NoError(t, err)
	d := strategytest.New(t, at, s, futures)
	f := &floor{Desk: d, s: s}
	f.call = d.Option(strategytest.Far, 24_200_00, market.Call)
	f.put = d.Option(strategytest.Far, 24_200_00, market.Put)
	return f
}

// lastNote is what the operator was told last.
func (f *floor) lastNote() string {
	notes := f.Notes()
	return notes[len(notes)-1]
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
		require.Equal(t, order.IOC, o.Ticket.TIF)
		require.Equal(t, market.Lots(1), o.Ticket.Lots)
	}
}

func TestItWaitsForItsEntryTimeAndForTheSession(t *testing.T) {
	f := floorAt(t, strategytest.Clock(9, 10), false, nil)

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
	f := floorAt(t, strategytest.Clock(14, 45), false, nil)

	f.market(24_212)

	require.Equal(t, Done, f.s.Phase())
	require.Empty(t, f.Orders)
}

func TestItDoesNotEnterOnOldOrOneSidedQuotes(t *testing.T) {
	f := newFloor(t, nil)
	f.Price(24_212, 0.12)
	f.Wait(6 * time.Second)
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
	f.Wait(time.Minute)
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
	require.Contains(t, f.lastNote(), "stop of a leg")
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

func TestItIsFlatBeforeTheSessionClosesWhateverTheConfiguredTime(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.ExitAt, p.HedgeMaxLots = clock(16, 0), 0 })
	f.market(24_212)
	f.At(15, 38)
	f.short(t, 1)

	f.At(15, 39)
	f.Wait(time.Second)

	require.True(t, f.Flat())
	require.Equal(t, Done, f.s.Phase())
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

	f.Wait(6 * time.Second)
	f.market(24_450) // the calls are deep in the money: about 1.3 lots short

	f.Do(func(ctx *engine.Context) {
		forward, _, ok := f.s.forward(ctx)
		require.True(t, ok)
		require.InDelta(t, 24_450, forward, 1)
		net, ok := f.s.delta(ctx, forward)
		require.True(t, ok)
		require.Less(t, max(net, -net), 0.6)
	})
	require.Equal(t, 1, f.Held(f.Option(strategytest.Far, 24_450_00, market.Call)))
	require.Equal(t, -1, f.Held(f.Option(strategytest.Far, 24_450_00, market.Put)))
	f.short(t, 2)

	f.Wait(6 * time.Second)
	f.market(24_200) // back home: the hedge goes
	require.Zero(t, f.Held(f.Option(strategytest.Far, 24_450_00, market.Call)))
	f.At(15, 10)
	f.market(24_200)
	require.True(t, f.Flat())
}

func TestAHedgeAtTheStraddlesOwnStrikeNetsWithItsLegs(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.Lots, p.StopPercent = 2, 500 })
	f.market(24_212)
	f.Do(func(ctx *engine.Context) {
		f.s.hedge, f.s.hedgeRow = 1, f.s.legRow
		f.s.aim(ctx)
	})

	f.market(24_212)

	require.Equal(t, -1, f.Held(f.call))
	require.Equal(t, -3, f.Held(f.put))
}

func TestAFutureOfTheSameExpiryIsTheHedgeWhenThereIsOne(t *testing.T) {
	f := floorAt(t, strategytest.Clock(10, 43), true, func(p *Params) { p.Lots, p.StopPercent = 2, 500 })
	future := f.Book.Layout().Chain("NIFTY", strategytest.Far).Future
	f.market(24_212)
	f.short(t, 2)

	f.Wait(6 * time.Second)
	f.market(24_450)

	require.Equal(t, 1, f.Held(future))
	f.short(t, 2)
	f.At(15, 10)
	f.market(24_450)
	f.Wait(2 * time.Second)
	require.True(t, f.Flat())
}

func TestADeltaInsideItsBandIsLeftAlone(t *testing.T) {
	f := newFloor(t, nil)
	f.market(24_212)
	for range 5 {
		f.Wait(6 * time.Second)
		f.market(24_240)
	}
	require.Len(t, f.Orders, 2)
}

func TestARefusedHedgeClosesAllAndPauses(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.Lots, p.StopPercent = 2, 500 })
	f.market(24_212)
	hedge := f.Option(strategytest.Far, 24_450_00, market.Call)
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == hedge && o.Update.Side == market.Buy {
			return strategytest.Reject
		}
		return strategytest.Whatever
	}

	f.Wait(6 * time.Second)
	for range 12 {
		f.market(24_450)
		f.Wait(time.Second)
	}

	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())
}

func TestStoppingSendsNothingWhenNothingRests(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeMaxLots = 0 })
	f.market(24_212)

	f.Host.Stop(f.Now())

	require.Len(t, f.Desk.Desk.All(), 2)
}

func TestItRefusesToStartWithoutAChainOrACalendar(t *testing.T) {
	p := Defaults()
	p.MinDaysToExpiry = 30
	s, err := New(p)
	require.NoError(t, err)
	_, err = strategytest.Start(t, strategytest.Clock(9, 10), s, false)
	require.ErrorContains(t, err, "at least 30 days after 2026-08-18")

	u, err := market.NewUniverse(enginetest.Options("NIFTY", strategytest.Far, 24_000_00, 50_00, 3))
	require.NoError(t, err)
	_, err = enginetest.Start(enginetest.Config{Universe: u}, s)
	require.ErrorContains(t, err, "no trading day and calendar")
}

func TestPartialFillsAreCompleted(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.Lots = 3 })
	f.Default = strategytest.Partial

	f.market(24_212)
	require.Equal(t, Entering, f.s.Phase())
	for range 4 {
		f.Wait(time.Second)
		f.market(24_212)
	}

	f.short(t, 3)
	require.Equal(t, Holding, f.s.Phase())
	require.Equal(t, f.s.credit, f.s.crew.Workers[0].Cash+f.s.crew.Workers[1].Cash)
}

func TestALegThatIsRefusedUnwindsTheOther(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.put && o.Update.Side == market.Sell {
			return strategytest.Reject
		}
		return strategytest.Whatever
	}

	for range 14 {
		f.market(24_212)
		f.Wait(time.Second)
	}

	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())
	require.LessOrEqual(t, len(f.Orders), 5, "one call sold and bought back, three refusals")
}

func TestALegThatNeverFillsUnwindsTheOther(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Miss
		}
		return strategytest.Whatever
	}

	for range 25 {
		f.market(24_212)
		f.Wait(time.Second)
	}

	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())
}

func TestAnOrderOfUnknownOutcomeIsNeverSentAgain(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Vanish
		}
		return strategytest.Whatever
	}

	for range 60 {
		f.market(24_212)
		f.Wait(time.Second)
	}

	var lost []*enginetest.Order
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
	f.Settle()
	f.Wait(3 * time.Second)
	f.market(24_212)
	require.True(t, f.Flat())
}

func TestAClosedAbsentOrderThatSurfacesLateIsBoughtBack(t *testing.T) {
	f := newFloor(t, nil)
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Vanish
		}
		return strategytest.Whatever
	}
	f.market(24_212)
	lost := f.Orders[0]
	require.Equal(t, f.call, lost.Update.Instrument)
	f.Tell(lost, order.ClosedAbsent, 0, 0)
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if o.Update.Instrument == f.call && o.Update.Side == market.Sell {
			return strategytest.Reject
		}
		return strategytest.Whatever
	}
	for range 20 {
		f.Wait(time.Second)
		f.market(24_212)
	}
	require.True(t, f.Flat())
	require.Equal(t, Cooling, f.s.Phase())

	f.Tell(lost, order.AdoptedLate, 0, 0)
	f.Settle()
	require.Equal(t, 1, f.Cancels(lost), "an order nobody wants any more is called back")
	lost.State = order.Working
	f.Tell(lost, order.Filled, strategytest.Lot, 150_00) // too late
	f.Settle()
	f.market(24_212)
	require.True(t, f.Flat())
}

func TestThereIsNoNewEntryWhileTheFeedCannotBeTrusted(t *testing.T) {
	f := newFloor(t, nil)
	for _, state := range []market.FeedState{market.FeedDown, market.FeedStale, market.FeedGap} {
		f.State(state)
		f.market(24_212)
		require.Empty(t, f.Orders, state)
	}

	f.State(market.FeedLive)
	f.market(24_212)
	require.Empty(t, f.Orders, "a moment after the gap it still waits")
	f.Wait(settle)
	f.market(24_212)
	f.short(t, 1)
}

func TestAStopStillClosesWhileTheFeedIsDown(t *testing.T) {
	f := newFloor(t, func(p *Params) { p.HedgeMaxLots = 0 })
	f.market(24_212)
	f.State(market.FeedDown)

	f.At(15, 10)

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
	f := newFloor(t, nil)
	odd := f.Option(strategytest.Far, 23_500_00, market.Put)
	f.Carry(odd, -2*strategytest.Lot)
	f.Carry(f.call, -strategytest.Lot)
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
	f.Rule = func(o *enginetest.Order) strategytest.Answer {
		if misses++; misses <= 6 {
			return strategytest.Miss
		}
		return strategytest.Whatever
	}
	f.At(15, 10)
	f.Wait(5 * time.Second)

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

	f.market(24_220)
	require.Zero(t, f.Modifies(f.Orders[0]), "changes are paced")
	f.Wait(time.Second)
	require.Len(t, f.Orders, 2)
	require.Equal(t, 1, f.Modifies(f.Orders[0]))
	require.Equal(t, 1, f.Modifies(f.Orders[1]))

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
	f := newFloor(t, func(p *Params) { p.HedgeEvery, p.StopPercent, p.MaxQuoteAge = 1, 500, param.Duration(time.Hour) })
	f.market(24_212)
	require.Equal(t, Holding, f.s.Phase())
	tick := f.ticker()

	require.Zero(t, testing.AllocsPerRun(200, tick)) // the delta is looked at each time
	require.Equal(t, Holding, f.s.Phase())
	require.Len(t, f.Desk.Desk.All(), 2)
}

// ticker is one quote, one commit and one callback, a millisecond on, as the
// engine does it.
func (f *floor) ticker() func() {
	q, now := f.Last(f.call), f.Now()
	return func() {
		now.Mono, now.Wall, now.Market = now.Mono.Add(time.Millisecond), now.Wall.Add(time.Millisecond), now.Market.Add(time.Millisecond)
		q.Recv, q.Volume = now.Mono, q.Volume+1
		q.BidQty ^= 1
		f.Harness.Feed.Quote(&q)
		f.Harness.Feed.Commit(now)
		f.Host.Step(now)
	}
}

func BenchmarkOnMarketHolding(b *testing.B) {
	f := newFloor(b, nil)
	f.market(24_212)
	require.Equal(b, Holding, f.s.Phase())
	tick := f.ticker()
	b.ReportAllocs()
	for b.Loop() {
		tick()
	}
}
