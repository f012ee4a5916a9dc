package market

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDatesAreReadInEveryFormTheVenueUses(t *testing.T) {
	want := NewDate(2026, time.November, 24)
	for _, text := range []string{"2026-11-24", "24-Nov-2026", "2026-11-24T06:00:00.000Z"} {
		got, err := ParseDate(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "24-11-2026", "2026-02-30", "24-Nov-26"} {
		_, err := ParseDate(text)
		require.Error(t, err, "%q", text)
	}
	require.Equal(t, "2026-11-24", want.String())
	require.Equal(t, "24-Nov-2026", want.Venue())
}

func TestDatesKnowTheirNeighboursAndWeekdays(t *testing.T) {
	day := NewDate(2026, time.February, 28)

	require.Equal(t, NewDate(2026, time.March, 1), day.AddDays(1))
	require.Equal(t, time.Saturday, day.Weekday())
	require.Equal(t, 1, day.DaysTo(day.AddDays(1)))
	require.Equal(t, -59, day.DaysTo(NewDate(2025, time.December, 31)))
}

func TestInstantsSpeakIndianTimeWithoutAZoneFile(t *testing.T) {
	open := NewDate(2026, time.August, 18).At(9*time.Hour + 15*time.Minute)

	require.Equal(t, "2026-08-18T09:15:00.000+05:30", open.String())
	require.Equal(t, 9*time.Hour+15*time.Minute, open.TimeOfDay())
	require.Equal(t, NewDate(2026, time.August, 18), open.Date())
	require.Equal(t, NewDate(2026, time.August, 18), NewDate(2026, time.August, 18).At(0).Date())
}

func TestTapeClockRunsMarketTimeAtItsOwnSpeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := NewDate(2026, time.August, 18).At(10*time.Hour + 43*time.Minute)
		clock := NewTapeClock(start, 20)
		before := clock.Now()

		time.Sleep(3 * time.Second)
		after := clock.Now()

		require.Equal(t, 3*time.Second, after.Mono.Sub(before.Mono))
		require.Equal(t, time.Minute, after.Market.Sub(before.Market))
		require.Equal(t, 3*time.Second, after.Wall.Sub(before.Wall))
	})
}

func TestSystemClockTakesMarketTimeFromTheWall(t *testing.T) {
	now := SystemClock{}.Now()

	require.Equal(t, now.Wall, now.Market)
	require.Positive(t, now.Mono)
}

// A machine without zone files, or set to another zone, reads the same times.
func TestP9_IndiasZoneNeedsNoFileAndHearsNoSetting(t *testing.T) {
	t.Setenv("ZONEINFO", "/nonexistent")
	t.Setenv("TZ", "America/New_York")
	for _, year := range []int{2026, 2027} {
		for month := time.January; month <= time.December; month++ {
			day := NewDate(year, month, 15)
			require.Equal(t, day.At(0), day.At(0).Date().At(0))
			_, offset := day.At(12 * time.Hour).Time().Zone()
			require.Equal(t, 19_800, offset, "no daylight saving")
			utc := time.Date(year, month, 15, 3, 45, 0, 0, time.UTC)
			require.Equal(t, UnixNano(utc.UnixNano()), day.At(9*time.Hour+15*time.Minute))
		}
	}
}
