package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func sessionsOf(t *testing.T, change func(*Config)) *sessions {
	t.Helper()
	cfg := Config{Tape: tape(2), Seed: 7, User: "TESTUSR1", FirstToken: "51606286"}
	if change != nil {
		change(&cfg)
	}
	cfg, err := cfg.withDefaults()
	require.NoError(t, err)
	return newSessions(&cfg)
}

func TestExchangeGivesTheDocumentedTokenAgainAndAgain(t *testing.T) {
	s := sessionsOf(t, nil)
	at := market.Stamp{Wall: testDay.At(9 * time.Hour)}

	for range 3 {
		token, refusal := s.exchange(DefaultAPISession, at)
		require.Empty(t, refusal)
		require.Equal(t, "VEVTVFVTUjE6NTE2MDYyODY=", token)
	}
	_, refusal := s.exchange("1", at)
	require.Equal(t, textBadSession, refusal)
	require.True(t, s.known("VEVTVFVTUjE6NTE2MDYyODY=", at))
	require.True(t, s.socket("TESTUSR1", "51606286", at))
	require.False(t, s.socket("TESTUSR1", "51606287", at))
}

func TestE1_SessionDiesByItsLifetimeAndAskingAgainDoesNotLengthenIt(t *testing.T) {
	s := sessionsOf(t, func(c *Config) { c.SessionLifetime = time.Minute })
	at := market.Stamp{Mono: 5, Wall: testDay.At(9 * time.Hour)}
	token, _ := s.exchange(DefaultAPISession, at)

	at.Mono = at.Mono.Add(59 * time.Second)
	_, refusal := s.exchange(DefaultAPISession, at)
	require.Empty(t, refusal)
	at.Mono = at.Mono.Add(time.Second)

	require.False(t, s.known(token, at))
	_, refusal = s.exchange(DefaultAPISession, at)
	require.Equal(t, textResource, refusal)
}

func TestE3_NewLoginTreatsOldOnesByTheMode(t *testing.T) {
	for mode, alive := range map[OldLogins][2]bool{
		KeepOldLogins: {true, true}, DropOldLogins: {false, false}, GraceOldLogins: {true, false},
	} {
		s := sessionsOf(t, func(c *Config) { c.OldLogins, c.Grace = mode, 10*time.Second })
		at := market.Stamp{Mono: 5, Wall: testDay.At(9 * time.Hour)}
		old, _ := s.exchange(DefaultAPISession, at)

		api := s.issue(at.Mono)
		fresh, refusal := s.exchange(api, at)

		require.Empty(t, refusal)
		require.NotEqual(t, old, fresh)
		require.Equal(t, alive[0], s.known(old, at), "mode %d at once", mode)
		at.Mono = at.Mono.Add(11 * time.Second)
		require.Equal(t, alive[1], s.known(old, at), "mode %d later", mode)
		require.True(t, s.known(fresh, at))
	}
}

func TestE4_SessionsEndAtMidnightWhenTold(t *testing.T) {
	s := sessionsOf(t, func(c *Config) { c.MidnightCut = true })
	at := market.Stamp{Wall: testDay.At(23 * time.Hour)}
	token, _ := s.exchange(DefaultAPISession, at)

	at.Wall = testDay.At(24*time.Hour - 1)
	require.True(t, s.known(token, at))
	at.Wall = testDay.At(24 * time.Hour)
	require.False(t, s.known(token, at))
}

func TestTimestampMustBeCloseAndInForm(t *testing.T) {
	now := testDay.At(10 * time.Hour)
	text := func(t market.UnixNano) string { return t.Time().UTC().Format(timestampForm) }

	require.True(t, fresh(text(now), now, time.Minute))
	require.True(t, fresh(text(now.Add(-time.Minute)), now, time.Minute))
	require.False(t, fresh(text(now.Add(-time.Minute-time.Second)), now, time.Minute))
	require.False(t, fresh(text(now.Add(2*time.Minute)), now, time.Minute))
	require.True(t, fresh(text(now.Add(-time.Hour)), now, -1))
	require.False(t, fresh("2026-08-18T10:00:00Z", now, -1))
	require.False(t, fresh("", now, -1))
}
