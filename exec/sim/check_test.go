package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

func TestExchangeRulesRefuseWhatTheExchangeWould(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 7990, 8010, 8000, 1000)
	texts := b.cfg.Texts
	refuses := func(want string, change func(*Intent)) {
		t.Helper()
		in := b.intent(market.Buy, 65, 8000)
		change(&in)
		_, err := b.Place(in, b.at)
		require.ErrorIs(t, err, ErrRefused)
		require.ErrorContains(t, err, want)
	}

	refuses(texts.UnknownContract, func(in *Intent) { in.Instrument = 0 })
	refuses(texts.UnknownContract, func(in *Intent) { in.Instrument = b.id("NIFTY 50") })
	refuses(texts.Quantity, func(in *Intent) { in.Qty = 0 })
	refuses(texts.Quantity, func(in *Intent) { in.Qty = -65 })
	refuses(texts.OffLot, func(in *Intent) { in.Qty = 66 })
	refuses(texts.Price, func(in *Intent) { in.Price = 0 })
	refuses(texts.OffTick, func(in *Intent) { in.Price = 8003 })
	refuses(texts.OffTick, func(in *Intent) { in.Trigger = 7999 })
	refuses(texts.Frozen, func(in *Intent) { in.Qty = 28 * 65 })
	refuses(texts.Band, func(in *Intent) { in.Price = 40_005 })
	refuses(texts.Protection, func(in *Intent) { in.Price = 11_205 })
	refuses(texts.Protection, func(in *Intent) { in.Side, in.Price = market.Sell, 4795 })
	refuses(texts.StopPrice, func(in *Intent) { in.Trigger = 8100 })
	refuses(texts.OrderType, func(in *Intent) { in.Trigger, in.TIF = 7900, order.IOC })
	refuses(texts.OrderType, func(in *Intent) { in.Side = market.NoSide })

	_, err := b.Place(b.intent(market.Buy, 27*65, 11_200), b.at)
	require.NoError(t, err, "27 lots and 40 % above are the most that is allowed")
	_, err = b.Place(b.intent(market.Buy, 65, 5), b.at)
	require.NoError(t, err, "the cheap side is never limited")
}

func TestProtectionFollowsTheReference(t *testing.T) {
	ranges := func(ref, low, high market.Paise) {
		t.Helper()
		gotLow, gotHigh := around(ref, market.Option)
		require.Equal(t, []market.Paise{low, high}, []market.Paise{gotLow, gotHigh})
	}

	ranges(8000, 4800, 11_200)
	ranges(5000, 3000, 7000)
	ranges(5005, 3003, 7007)
	ranges(500, 0, 2500)
}

func TestReferenceIsTheMeanOfTheLastHalfMinute(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.quote("42501", 9990, 10_010, 10_200, 1065)
	b.wait(30 * time.Second)
	b.quote("42501", 19_990, 20_010, 20_000, 1130)

	require.Equal(t, market.Paise(10_100), b.books[b.id("42501")].protection(b.at.Market))
	b.wait(30 * time.Second)
	require.Equal(t, market.Paise(20_000), b.books[b.id("42501")].protection(b.at.Market))
	b.wait(10 * time.Minute)
	require.Equal(t, market.Paise(20_000), b.books[b.id("42501")].protection(b.at.Market), "without trades it stays")
}

func TestOrdersAreTakenInTradingHoursOnly(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	at := func(clock time.Duration) error {
		stamp := b.at
		stamp.Market = testDay.At(clock)
		_, err := b.Place(b.intent(market.Buy, 65, 9000), stamp)
		return err
	}

	require.ErrorContains(t, at(9*time.Hour+14*time.Minute+59*time.Second), b.cfg.Texts.Hours)
	require.NoError(t, at(9*time.Hour+15*time.Minute))
	require.NoError(t, at(15*time.Hour+39*time.Minute+59*time.Second))
	require.ErrorContains(t, at(15*time.Hour+40*time.Minute), b.cfg.Texts.Hours)
}

func TestFuturesCloseAtHalfPastThreeBeforeAugust2026(t *testing.T) {
	require.Equal(t, 15*time.Hour+30*time.Minute, usualClose(20260731))
	require.Equal(t, 15*time.Hour+40*time.Minute, usualClose(20260803))
}

func TestOrdersBeyondTheFundsAreRefused(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Cash = 10_000 * market.Rupee })
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.quote("NIFTY 50", 0, 0, 2_425_000, 0)

	_, err := b.Place(b.intent(market.Sell, 65, 9990), b.at)
	require.ErrorContains(t, err, b.cfg.Texts.Funds, "a short option needs a margin")
	b.put(b.intent(market.Buy, 65, 9900))
	_, err = b.Place(b.intent(market.Buy, 65, 9900), b.at)
	require.ErrorContains(t, err, b.cfg.Texts.Funds, "the resting order holds its premium")
}

func TestLateRejectionComesAfterTheYes(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Faults.LateReject = 1 })
	b.quote("42501", 9990, 10_010, 10_000, 1000)

	o := b.put(b.intent(market.Buy, 65, 10_010))
	require.Equal(t, order.StatusRequested, o.Status)
	b.wait(time.Second)

	require.Equal(t, "RJ", b.story())
	require.Zero(t, b.order(o.ID).Filled)
}

func TestExchangeCheckMayComeAfterTheYes(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Faults.LateCheck = 1 })
	b.quote("42501", 9990, 10_010, 10_000, 1000)

	o := b.put(b.intent(market.Buy, 65, 30_000))
	b.wait(time.Second)

	require.Equal(t, order.StatusRejected, b.order(o.ID).Status)
}

func TestIgnoredModifyAndCancelAnswerYesAndDoNothing(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Faults.IgnoreModify, c.Faults.IgnoreCancel = 1, 1 })
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Buy, 65, 9000))

	require.NoError(t, b.Modify(o.ID, 9100, 0, 65, b.at))
	require.NoError(t, b.Cancel(o.ID, b.at))
	b.wait(time.Second)

	require.Equal(t, market.Paise(9000), b.order(o.ID).Price)
	require.Equal(t, order.StatusOrdered, b.order(o.ID).Status)
}

func TestNoTextOfOursIsOneThatClientsKnow(t *testing.T) {
	known := []string{
		textResource, textResourceBare, textBadSession, textBadKey, textChecksum, textPerMinute, textPerDay, textNoData, textBackend,
		"Invalid User Details", "Invalid Market/Limit indicator:", "Invalid stock code",
	}
	texts := Texts{}.withDefaults()
	for _, ours := range []string{
		texts.UnknownContract, texts.MarketOrder, texts.OrderType, texts.Quantity, texts.Price, texts.OffTick, texts.OffLot, texts.Frozen,
		texts.Band, texts.Protection, texts.Hours, texts.Funds, texts.StopPrice, texts.OrderGone, texts.OrderDone, texts.NothingToClose,
	} {
		require.NotEmpty(t, ours)
		require.NotContains(t, known, ours)
	}
}
