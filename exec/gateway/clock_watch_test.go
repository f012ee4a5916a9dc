package gateway

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
)

// The wall clock jumps by an hour, both ways; the venue's does not.
func TestP9_ASignatureCarriesTheVenuesTimeAfterTheWallClockJumped(t *testing.T) {
	venue := market.NewDate(2026, 11, 24).At(10*time.Hour + 300*time.Millisecond)
	var w clockWatch
	// answer is one call that takes 20 ms, by a wall clock that is off.
	answer := func(off time.Duration) (alarm, halt bool) {
		sent := venue.Add(off)
		venue = venue.Add(20 * time.Millisecond)
		date := []byte(venue.Time().UTC().Format(http.TimeFormat))
		_, alarm, halt = w.observe(date, sent, venue.Add(off))
		venue = venue.Add(time.Second)
		return alarm, halt
	}
	signed := func(off time.Duration) time.Duration { return venue.Add(off).Add(w.correction()).Sub(venue) }

	answer(0)
	require.Zero(t, w.correction(), "clocks that may agree are left alone")
	for _, off := range []time.Duration{time.Hour, -time.Hour, 45 * time.Second, -3 * time.Second} {
		alarm, halt := answer(off)
		require.True(t, alarm, "a person is told at once")
		require.Equal(t, off.Abs() > 30*time.Second, halt)
		require.Less(t, signed(off).Abs(), 600*time.Millisecond, "off by %s", off)

		alarm, halt = answer(off)
		require.False(t, alarm || halt, "and once")

		answer(0)
		require.Zero(t, w.correction(), "a clock that is put right is believed again")
		require.Zero(t, signed(0))
	}
}

func TestP9_AJumpBetweenRequestAndAnswerIsNoEvidence(t *testing.T) {
	var w clockWatch
	sent := market.NewDate(2026, 11, 24).At(10 * time.Hour)
	date := []byte(sent.Time().UTC().Format(http.TimeFormat))

	_, alarm, halt := w.observe(date, sent, sent.Add(-time.Hour)) // back while it travelled
	require.False(t, alarm || halt)
	require.Zero(t, w.correction())

	_, alarm, halt = w.observe(date, sent, sent.Add(time.Hour)) // forward: the interval holds no offset for sure
	require.False(t, alarm || halt)
	require.Zero(t, w.correction())
}
