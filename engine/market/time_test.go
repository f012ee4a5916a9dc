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
