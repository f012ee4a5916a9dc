package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

func TestMarketableOrderFillsAtTheDisplayedPrices(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)

	o := b.put(b.intent(market.Buy, 65, 10_050))

	require.Equal(t, order.StatusExecuted, o.Status)
	require.Equal(t, market.Paise(10_010), o.Average())
	require.Equal(t, "ROE", b.story())
	require.Equal(t, market.Units(65), b.Position(o.Instrument).Qty)
}

func TestOrderWalksTheDepthAndRestsWithTheRest(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.depth("42501", [5]market.Level{{Price: 9990, Qty: 130}}, [5]market.Level{{Price: 10_010, Qty: 130}, {Price: 10_020, Qty: 65}, {Price: 10_040, Qty: 650}})

	o := b.put(b.intent(market.Buy, 325, 10_020))

	require.Equal(t, order.StatusPartiallyExecuted, o.Status)
	require.Equal(t, market.Units(195), o.Filled)
	require.Equal(t, market.Units(130), o.Pending())
	require.Equal(t, market.Paise(130*10_010+65*10_020), o.Value)
	require.Equal(t, "ROPP", b.story())
}

func TestConsumedQuantityComesBackOnlyWithARefreshedLevel(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.put(b.intent(market.Buy, 130, 10_010))

	ioc := b.intent(market.Buy, 65, 10_010)
	ioc.TIF = order.IOC
	require.Zero(t, b.put(ioc).Filled, "the level was eaten")
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	require.Zero(t, b.put(ioc).Filled, "the same level shown again is still eaten")

	b.depth("42501", [5]market.Level{{Price: 9990, Qty: 130}}, [5]market.Level{{Price: 10_010, Qty: 195}})
	require.Equal(t, market.Units(65), b.put(ioc).Filled)
}

func TestIOCRemainderIsCancelled(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	in := b.intent(market.Sell, 195, 9990)
	in.TIF = order.IOC

	o := b.put(in)

	require.Equal(t, order.StatusPartiallyExecutedAndCancelled, o.Status)
	require.Equal(t, market.Units(130), o.Filled)
	require.Equal(t, market.Units(65), o.Cancelled)
	require.Equal(t, "ROPD", b.story())
}

func TestRestingOrderFillsAtItsPriceWhenTheMarketCrosses(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Buy, 195, 9980))
	require.Equal(t, order.StatusOrdered, o.Status)

	b.quote("42501", 9960, 9975, 10_000, 1000)

	o = b.order(o.ID)
	require.Equal(t, market.Units(130), o.Filled)
	require.Equal(t, market.Paise(9980), o.Average())
	require.Equal(t, order.StatusPartiallyExecuted, o.Status)
}

func TestTradesAtOurPriceFillUsAfterWhatStoodBefore(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Buy, 65, 9990)) // 130 stand before us

	b.quote("42501", 9990, 10_010, 9990, 1065)
	require.Zero(t, b.order(o.ID).Filled)
	b.quote("42501", 9990, 10_010, 9990, 1130)
	require.Zero(t, b.order(o.ID).Filled, "exactly those before us have traded")
	b.quote("42501", 9990, 10_010, 9990, 1195)
	require.Equal(t, market.Units(65), b.order(o.ID).Filled)
}

func TestTradesThroughOurPriceFillUsAtOnce(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Sell, 65, 10_010))

	b.quote("42501", 9990, 10_010, 10_020, 1065)

	require.Equal(t, order.StatusExecuted, b.order(o.ID).Status)
	require.Equal(t, market.Paise(10_010), b.order(o.ID).Average())
}

func TestStopWaitsForItsTriggerThenTrades(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	in := b.intent(market.Sell, 65, 8900)
	in.Trigger = 9000
	o := b.put(in)
	require.Equal(t, "RO", b.story())

	b.quote("42501", 9400, 9420, 9410, 1065)
	require.Equal(t, order.StatusOrdered, b.order(o.ID).Status)
	b.quote("42501", 8990, 9010, 9000, 1130)

	require.Equal(t, order.StatusExecuted, b.order(o.ID).Status)
	require.Equal(t, market.Paise(8990), b.order(o.ID).Average())
	require.Equal(t, "OE", b.story(), "the trigger is a notice without a status of its own")
}

func TestStopOutsideTheProtectionIsRejectedWhenItTriggers(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	in := b.intent(market.Sell, 65, 500) // far below 40 % of the reference, allowed while it waits
	in.Trigger = 9000
	o := b.put(in)

	b.quote("42501", 8990, 9010, 9000, 1130)

	require.Equal(t, order.StatusRejected, b.order(o.ID).Status)
	require.Equal(t, "ROJ", b.story())
}

func TestWhatLiesOutsideTheExecutionRangeIsCancelled(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.depth("42501", [5]market.Level{{Price: 9990, Qty: 130}, {Price: 5995, Qty: 130}}, [5]market.Level{{Price: 10_010, Qty: 130}})

	o := b.put(b.intent(market.Sell, 195, 6000))

	require.Equal(t, market.Units(130), o.Filled)
	require.Equal(t, order.StatusPartiallyExecuted, o.Status, "5995 is worse than the limit")

	b = newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.wait(time.Minute)
	b.quote("42501", 4990, 5010, 5000, 1065) // the reference is still 100 rupees, of half a minute ago and before
	o = b.put(b.intent(market.Sell, 65, 7000))
	require.Equal(t, order.StatusOrdered, o.Status)
}

func TestModifyMovesThePriceAndMatchesAgain(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Buy, 65, 9000))

	require.NoError(t, b.Modify(o.ID, 10_010, 0, 65, b.at))

	require.Equal(t, order.StatusExecuted, b.order(o.ID).Status)
	require.Equal(t, "ROOE", b.story())
	require.ErrorIs(t, b.Modify(o.ID, 10_020, 0, 65, b.at), ErrRefused)
	require.ErrorIs(t, b.Cancel("202608183899999999", b.at), ErrRefused)
}

func TestR8_CancelThatLosesTheRaceAgainstAFillChangesNothing(t *testing.T) {
	b := newBench(t, func(c *Config) { c.ExchangeDelay = 5 * time.Millisecond })
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Buy, 65, 9980))
	b.wait(5 * time.Millisecond)

	require.NoError(t, b.Cancel(o.ID, b.at))
	b.quote("42501", 9900, 9920, 9920, 1065)
	b.wait(5 * time.Millisecond)

	require.Equal(t, order.StatusExecuted, b.order(o.ID).Status)
	require.Zero(t, b.order(o.ID).Cancelled)
}

func TestOrderThatWouldMeetOurOwnIsCancelled(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.put(b.intent(market.Buy, 65, 9995))

	o := b.put(b.intent(market.Sell, 65, 9995))

	require.Equal(t, order.StatusCancelled, o.Status)
}

func TestRestingOrdersExpireAtTheClose(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Buy, 65, 9000))
	partly := b.put(b.intent(market.Buy, 195, 10_010))

	b.wait(6 * time.Hour)

	require.Equal(t, order.StatusExpired, b.order(o.ID).Status)
	require.Equal(t, order.StatusPartiallyExecutedAndExpired, b.order(partly.ID).Status)
	require.Equal(t, market.Units(65), b.order(partly.ID).Expired)
}

func TestPositionsAndCashFollowTheFills(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	before := b.Available()

	b.put(b.intent(market.Buy, 130, 10_010))
	require.Equal(t, before-10_010*130, b.Available())
	b.quote("42501", 10_490, 10_510, 10_500, 1000)
	b.put(b.intent(market.Sell, 65, 10_490))
	p := b.Position(b.id("42501"))
	require.Equal(t, market.Units(65), p.Qty)
	require.Equal(t, market.Paise(10_010), p.Average())
	require.Equal(t, market.Paise(480*65), p.Realised)

	b.quote("42501", 10_480, 10_510, 10_500, 1000)
	b.put(b.intent(market.Sell, 130, 10_480)) // closes and turns short
	p = b.Position(b.id("42501"))
	require.Equal(t, market.Units(-65), p.Qty)
	require.Equal(t, market.Paise(10_480), p.Average())
	require.Equal(t, market.Paise(480*65+470*65), p.Realised)
}

func TestPositionIsAlwaysTheSumOfTheFills(t *testing.T) {
	b := newBench(t, func(c *Config) { c.NoSelfTrade = true })
	price := market.Paise(10_000)
	var sum market.Units
	for i := range 400 {
		price += []market.Paise{5, -10, 15, -5}[i%4]
		b.quote("42501", price-10, price+10, price, market.Units(1000+i*65))
		side := market.Buy
		if i%3 == 0 {
			side = market.Sell
		}
		b.put(b.intent(side, 65*market.Units(1+i%3), price+market.Paise(i%5-2)*5))
		b.wait(10 * time.Millisecond)
	}
	for _, f := range b.account.fills {
		sum += f.Order.Side.Sign() * f.Qty
		require.LessOrEqual(t, f.Order.Filled, f.Order.Qty)
	}
	require.Equal(t, sum, b.Position(b.id("42501")).Qty)
	require.NotEmpty(t, b.account.fills)
}

func TestExpiringContractsAreSettledAtTheirIntrinsicValue(t *testing.T) {
	b := newBench(t, nil)
	b.Core.date = testExpiry
	b.at.Market = testExpiry.At(11 * time.Hour)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.quote("NIFTY 50", 0, 0, 2_430_000, 0)
	b.put(b.intent(market.Buy, 65, 10_010)) // the 24200 call

	b.NewDay(b.at)

	p := b.Position(b.id("42501"))
	require.Zero(t, p.Qty)
	require.Equal(t, market.Paise(65*10_000-65*10_010), p.Realised)
}
