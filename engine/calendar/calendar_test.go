package calendar_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
)

func embedded(t testing.TB) *calendar.Calendar {
	t.Helper()
	c, err := calendar.Embedded()
	require.NoError(t, err)
	return c
}

func date(t testing.TB, text string) market.Date {
	t.Helper()
	d, err := market.ParseDate(text)
	require.NoError(t, err)
	return d
}

func clock(d market.Date, hour, minute int) market.UnixNano {
	return d.At(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func TestTheCloseMovesFrom1530To1540On3August2026(t *testing.T) {
	c := embedded(t)
	closes := func(on string, hour, minute int) {
		t.Helper()
		d := date(t, on)
		day, err := c.Day(d)
		require.NoError(t, err)
		require.True(t, day.Trading)
		require.Equal(t, clock(d, hour, minute), day.Close)
	}

	closes("2024-06-04", 15, 30)
	closes("2026-07-31", 15, 30)
	closes("2026-08-03", 15, 40)
	closes("2026-11-23", 15, 40)
}

func TestThePhasesOfADayWithAClosingAuction(t *testing.T) {
	d := date(t, "2026-08-18")
	day, err := embedded(t).Day(d)
	require.NoError(t, err)
	phase := func(hour, minute int, want calendar.Phase) {
		t.Helper()
		require.Equal(t, want, day.Phase(clock(d, hour, minute)))
	}

	phase(8, 59, calendar.Closed)
	phase(9, 0, calendar.PreOpen)
	phase(9, 15, calendar.Continuous)
	phase(15, 14, calendar.Continuous)
	phase(15, 15, calendar.AuctionUnderlying)
	phase(15, 34, calendar.AuctionUnderlying)
	phase(15, 35, calendar.PostSettle)
	phase(15, 40, calendar.Closed)
	require.True(t, day.UnderlyingTradable(clock(d, 15, 14)))
	require.False(t, day.UnderlyingTradable(clock(d, 15, 15)))
	require.Equal(t, clock(d, 15, 30), day.AuctionMatch)
	require.False(t, calendar.PreOpen.Tradable())
	require.True(t, calendar.AuctionUnderlying.Tradable())
}

func TestADayBeforeTheClosingAuctionHasOnePhase(t *testing.T) {
	d := date(t, "2026-05-26")
	day, err := embedded(t).Day(d)
	require.NoError(t, err)

	require.Equal(t, calendar.Continuous, day.Phase(clock(d, 15, 29)))
	require.Equal(t, calendar.Closed, day.Phase(clock(d, 15, 30)))
	require.Zero(t, day.AuctionMatch)
}

func TestAdHocClosuresAndWeekendSessionsAreKnown(t *testing.T) {
	c := embedded(t)
	trades := func(on string, want bool) {
		t.Helper()
		day, err := c.Day(date(t, on))
		require.NoError(t, err)
		require.Equal(t, want, day.Trading, on)
	}

	trades("2024-01-22", false)
	trades("2024-05-20", false)
	trades("2024-11-20", false)
	trades("2026-01-15", false)
	trades("2026-11-21", false) // a Saturday
	trades("2024-01-20", true)
	trades("2025-02-01", true)
	trades("2026-02-01", true) // a Sunday, Budget
}

func TestAMuhuratSessionKeepsItsOwnHours(t *testing.T) {
	d := date(t, "2025-10-21")
	day, err := embedded(t).Day(d)
	require.NoError(t, err)

	require.Equal(t, "muhurat", day.Special)
	require.Equal(t, calendar.Closed, day.Phase(clock(d, 13, 44)))
	require.Equal(t, calendar.Continuous, day.Phase(clock(d, 13, 45)))
	require.Equal(t, calendar.Closed, day.Phase(clock(d, 14, 45)))
}

func TestAnUnknownDateIsAnErrorThatNamesDateAndFile(t *testing.T) {
	c := embedded(t)
	unknown := func(err error, on, file string) {
		t.Helper()
		var missing *calendar.NoDataError
		require.ErrorAs(t, err, &missing)
		require.ErrorIs(t, err, calendar.ErrNoData)
		require.Equal(t, date(t, on), missing.Date)
		require.Equal(t, file, missing.File)
		require.ErrorContains(t, err, on)
		require.ErrorContains(t, err, file)
	}

	_, err := c.Day(date(t, "2027-01-04"))
	unknown(err, "2027-01-04", "sessions.csv")
	_, err = c.Day(date(t, "2023-12-29"))
	unknown(err, "2023-12-29", "holidays.csv")
	_, err = c.Day(date(t, "2026-11-08")) // Muhurat, hours not announced
	unknown(err, "2026-11-08", "special_sessions.csv")
	_, err = c.Day(date(t, "2024-03-02"))
	unknown(err, "2024-03-02", "special_sessions.csv")
	_, err = c.Freeze("NIFTY", date(t, "2026-09-01"))
	unknown(err, "2026-09-01", "freeze.csv")
	_, err = c.Freeze("NIFTY", date(t, "2025-10-06")) // a gap inside the coverage
	unknown(err, "2025-10-06", "freeze.csv")
	_, err = c.Charges(date(t, "2023-03-31"))
	unknown(err, "2023-03-31", "charges.csv")
	_, err = c.LPPOf("BFO", market.Option, date(t, "2025-11-28"))
	unknown(err, "2025-11-28", "price_limits.csv")
	_, err = c.NextExpiry("NIFTY", date(t, "2026-12-30"))
	unknown(err, "2027-01-01", "expiry_rules.csv")
	_, err = c.NextExpiry("NIKKEI", date(t, "2026-12-01"))
	unknown(err, "2026-12-01", "symbols.csv")
}

func TestAFolderOverridesOneFileAndKeepsTheRest(t *testing.T) {
	text, err := fs.ReadFile(calendar.Files(), "special_sessions.csv")
	require.NoError(t, err)
	changed := strings.Replace(string(text), "2026-11-08,unknown,,,,,,", "2026-11-08,muhurat,18:00,19:00,19:00,,19:00,", 1)
	folder := fstest.MapFS{"special_sessions.csv": {Data: []byte(changed)}}

	c, err := calendar.Load(folder)
	require.NoError(t, err)
	day, err := c.Day(date(t, "2026-11-08"))
	require.NoError(t, err)

	require.Equal(t, clock(day.Date, 19, 0), day.Close)
	holiday, err := c.Day(date(t, "2026-11-10"))
	require.NoError(t, err)
	require.False(t, holiday.Trading)
}

func TestAMalformedFileIsRefusedByNameAndRow(t *testing.T) {
	refuses := func(file, text, why string) {
		t.Helper()
		_, err := calendar.Load(fstest.MapFS{file: {Data: []byte(text)}})
		require.ErrorIs(t, err, calendar.ErrFile)
		require.ErrorContains(t, err, file)
		require.ErrorContains(t, err, why)
	}
	const covers = "#covers,2026-01-01,2026-12-31\n"

	refuses("holidays.csv", "", "#covers")
	refuses("holidays.csv", "date,name,source\n", "#covers")
	refuses("holidays.csv", covers+"date,name\n", "columns")
	refuses("holidays.csv", covers+"date,name,source\n2026-01-26,Republic Day,\n", "row 3: field 3 is empty")
	refuses("holidays.csv", covers+"date,name,source\n26 Jan,Republic Day,x\n", "not a date")
	refuses("holidays.csv", covers+"date,name,source\n2026-01-26,a\n", "2 fields, want 3")
	refuses("freeze.csv", covers+"symbol,month,units,source\nNIFTY,2026-08,-1,x\n", "positive number of units")
	refuses("charges.csv", covers+"exchange,kind,from,stt_sell,stt_exercise,txn,ipft,sebi,stamp_buy,gst,source\nNFO,option,2026-01-01,1.5,0,0,0,0,0,0,x\n", "not a rate")
	refuses("charges.csv", covers+"exchange,kind,from,stt_sell,stt_exercise,txn,ipft,sebi,stamp_buy,gst,source\nNFO,option,2026-01-01,0.00000000001,0,0,0,0,0,0,x\n", "not a rate")
	refuses("sessions.csv", covers+"from,pre_open,open,close,underlying_end,auction_match,settle_known,source\n2026-01-01,,09:15,15:30,15:40,,15:30,x\n", "must hold")
	refuses("special_sessions.csv", covers+"date,kind,open,close,underlying_end,auction_match,settle_known,source\n2026-01-01,party,,,,,,x\n", "kind")
}

func FuzzAnOverrideNeverPanics(f *testing.F) {
	f.Add("#covers,2026-01-01,2026-12-31\ndate,kind,open,close,underlying_end,auction_match,settle_known,source\n2026-11-08,muhurat,18:00,19:00,19:00,,19:00,x\n")
	f.Add("#covers,2026-01-01\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := calendar.Load(fstest.MapFS{"special_sessions.csv": {Data: []byte(text)}})
		if err != nil {
			require.ErrorIs(t, err, calendar.ErrFile)
			return
		}
		if day, err := c.Day(market.NewDate(2026, time.November, 8)); err == nil && day.Trading {
			require.Less(t, day.Open, day.Close)
		}
	})
}
