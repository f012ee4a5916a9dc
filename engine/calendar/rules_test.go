package calendar_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
)

func TestAnExpiryOnAHolidayFallsBackToTheTradingDayBefore(t *testing.T) {
	c := embedded(t)
	next := func(from, want string, cycle calendar.Cycle) {
		t.Helper()
		e, err := c.NextExpiry("NIFTY", date(t, from))
		require.NoError(t, err)
		require.Equal(t, calendar.Expiry{Date: date(t, want), Cycle: cycle}, e)
	}

	next("2026-02-25", "2026-03-02", calendar.Weekly)
	next("2026-03-25", "2026-03-30", calendar.Quarterly)
	next("2026-04-08", "2026-04-13", calendar.Weekly)
	next("2026-10-14", "2026-10-19", calendar.Weekly)
	next("2026-11-04", "2026-11-09", calendar.Weekly)
	next("2026-11-18", "2026-11-23", calendar.Monthly)
	next("2026-11-23", "2026-11-23", calendar.Monthly)
	next("2026-11-24", "2026-12-01", calendar.Weekly)
	for _, month := range []string{"2026-01-27", "2026-02-24", "2026-04-28", "2026-05-26", "2026-07-28", "2026-08-25", "2026-10-27"} {
		next(month, month, calendar.Monthly)
	}
	for _, month := range []string{"2026-06-30", "2026-09-29", "2026-12-29"} {
		next(month, month, calendar.Quarterly)
	}
}

func TestNiftyMovesFromThursdayToTuesdayInSeptember2025(t *testing.T) {
	list, err := embedded(t).Expiries("NIFTY", date(t, "2025-08-20"), 4)
	require.NoError(t, err)

	require.Equal(t, []calendar.Expiry{
		{Date: date(t, "2025-08-21"), Cycle: calendar.Weekly},
		{Date: date(t, "2025-08-28"), Cycle: calendar.Monthly},
		{Date: date(t, "2025-09-02"), Cycle: calendar.Weekly},
		{Date: date(t, "2025-09-09"), Cycle: calendar.Weekly},
	}, list)
}

func TestBankNiftyHasOnlyMonthliesUnderEitherName(t *testing.T) {
	c := embedded(t)
	for _, name := range []string{"BANKNIFTY", "CNXBAN"} {
		list, err := c.Expiries(name, date(t, "2026-08-01"), 3)
		require.NoError(t, err)
		require.Equal(t, []calendar.Expiry{
			{Date: date(t, "2026-08-25"), Cycle: calendar.Monthly},
			{Date: date(t, "2026-09-29"), Cycle: calendar.Quarterly},
			{Date: date(t, "2026-10-27"), Cycle: calendar.Monthly},
		}, list)
	}
}

func TestEveryExpiryIsATradingDayAndLeavesNoWeekOut(t *testing.T) {
	c := embedded(t)
	rapid.Check(t, func(t *rapid.T) {
		from := market.NewDate(2024, 1, 1).AddDays(rapid.IntRange(0, 1080).Draw(t, "day"))

		e, err := c.NextExpiry("NIFTY", from)
		require.NoError(t, err)

		require.GreaterOrEqual(t, e.Date, from)
		require.LessOrEqual(t, from.DaysTo(e.Date), 8)
		day, err := c.Day(e.Date)
		require.NoError(t, err)
		require.True(t, day.Trading)
		again, err := c.NextExpiry("NIFTY", e.Date)
		require.NoError(t, err)
		require.Equal(t, e, again)
	})
}

func TestTheExpiryInstantIsThatDaysClose(t *testing.T) {
	c := embedded(t)
	at, err := c.ExpiryInstant(date(t, "2026-08-25"))
	require.NoError(t, err)
	require.Equal(t, clock(date(t, "2026-08-25"), 15, 40), at)
	at, err = c.ExpiryInstant(date(t, "2026-05-26"))
	require.NoError(t, err)
	require.Equal(t, clock(date(t, "2026-05-26"), 15, 30), at)
	_, err = c.ExpiryInstant(date(t, "2026-11-24"))
	require.ErrorIs(t, err, calendar.ErrNotTrading)
}

func TestTheLotBelongsToTheContract(t *testing.T) {
	c := embedded(t)
	lot := func(underlying, expiry, on string, want market.Units) {
		t.Helper()
		key := market.ContractKey{Exchange: "NFO", Underlying: underlying, Kind: market.Option, Expiry: date(t, expiry)}
		got, err := c.Lot(key, date(t, on))
		require.NoError(t, err)
		require.Equal(t, want, got, "%s %s on %s", underlying, expiry, on)
	}

	// December 2024: two lot sizes side by side on one day.
	lot("NIFTY", "2024-12-19", "2024-12-10", 25)
	lot("NIFTY", "2025-01-02", "2024-12-10", 75)
	lot("NIFTY", "2025-01-30", "2024-12-10", 25)
	lot("NIFTY", "2025-02-27", "2024-12-10", 75)
	// A quarterly contract is converted over night.
	lot("NIFTY", "2025-03-27", "2024-12-26", 25)
	lot("NIFTY", "2025-03-27", "2024-12-27", 75)
	lot("NIFTY", "2026-03-30", "2025-12-30", 75)
	lot("NIFTY", "2026-03-30", "2025-12-31", 65)
	lot("NIFTY", "2024-04-25", "2024-04-22", 50)
	lot("NIFTY", "2025-12-30", "2025-12-15", 75)
	lot("NIFTY", "2026-01-06", "2025-12-15", 65)
	lot("NIFTY", "2026-01-27", "2025-12-15", 65)
	lot("NIFTY", "2026-08-25", "2026-08-18", 65)
	lot("NIFTY", "2031-06-24", "2026-08-18", 65)
	lot("BANKNIFTY", "2025-12-30", "2025-12-15", 35)
	lot("CNXBAN", "2026-08-25", "2026-08-18", 30)

	_, err := c.Lot(market.ContractKey{Underlying: "FINNIFTY", Expiry: date(t, "2025-06-26")}, date(t, "2025-06-02"))
	require.ErrorIs(t, err, calendar.ErrNoData)
}

func TestTheFreezeQuantityMovesByMonth(t *testing.T) {
	c := embedded(t)
	freeze := func(underlying, on string, want market.Units) {
		t.Helper()
		got, err := c.Freeze(underlying, date(t, on))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}

	freeze("NIFTY", "2026-08-18", 1800)
	freeze("BANKNIFTY", "2025-08-29", 600)
	freeze("BANKNIFTY", "2025-09-01", 900)
	freeze("CNXBAN", "2026-06-30", 900)
	freeze("BANKNIFTY", "2026-07-01", 600)
	require.Equal(t, market.Lots(27), calendar.LargestOrder(1800, 65))
	require.Equal(t, market.Lots(23), calendar.LargestOrder(2800, 120))
	require.Zero(t, calendar.LargestOrder(1800, 0))
}

func TestThePriceProtectionRangeAroundAReference(t *testing.T) {
	rule, err := embedded(t).LPP(date(t, "2026-08-18"))
	require.NoError(t, err)
	exact := func(reference, low, high market.Paise) {
		t.Helper()
		gotLow, gotHigh := rule.Range(reference)
		require.Equal(t, [2]market.Paise{low, high}, [2]market.Paise{gotLow, gotHigh})
	}
	onTick := func(reference, low, high market.Paise) {
		t.Helper()
		gotLow, gotHigh := rule.OnTick(reference, 5)
		require.Equal(t, [2]market.Paise{low, high}, [2]market.Paise{gotLow, gotHigh})
	}

	exact(8000, 4800, 11200)
	exact(5000, 3000, 7000)
	exact(5005, 3003, 7007)
	onTick(5005, 3005, 7005)
	onTick(500, 5, 2500)
	require.Equal(t, market.Paise(2500), rule.Clamp(market.Buy, 9000, 500, 5))
	require.Equal(t, market.Paise(100), rule.Clamp(market.Buy, 100, 8000, 5), "the cheap side is never limited")
	require.Equal(t, market.Paise(4800), rule.Clamp(market.Sell, 5, 8000, 5))
}
