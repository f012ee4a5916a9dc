package session_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

func TestE2_NothingBeginsWhileALoginIsUnderWay(t *testing.T) {
	m, err := session.NewMachine(session.DefaultRules(), "TESTUSR1", rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	now := market.Mono(0)
	step := func(e session.Event) session.Action {
		now += market.Mono(time.Second)
		wall := market.NewDate(2026, 11, 24).At(9*time.Hour) + market.UnixNano(now)
		return m.Step(e, market.Stamp{Mono: now, Wall: wall, Market: wall})
	}
	idly := func(phase session.Phase) {
		t.Helper()
		for _, e := range []session.Event{{Kind: session.Tick}, {Kind: session.Lost}, {Kind: session.Lost, Epoch: 1}, {Kind: session.Tick}} {
			require.Equal(t, session.Idle, step(e).Phase, "while %d is under way", phase)
		}
	}
	a := step(session.Event{Kind: session.Tick})
	for range 2 { // the first login, and a renewal
		require.Equal(t, session.Fetch, a.Phase)
		idly(session.Fetch)
		a = step(session.Event{Kind: session.Fetched, Login: session.NewToken("1001")})
		require.Equal(t, session.Exchange, a.Phase)
		idly(session.Exchange)
		a = step(session.Event{Kind: session.Exchanged, Credential: &session.Credential{User: "TESTUSR1"}})
		require.Equal(t, session.Probe, a.Phase)
		idly(session.Probe)
		a = step(session.Event{Kind: session.Probed})
		require.Equal(t, session.Swap, a.Phase)
		idly(session.Swap)
		epoch := a.Credential.Epoch
		a = step(session.Event{Kind: session.Swapped, Credential: a.Credential})
		require.Equal(t, session.FeedSwap, a.Phase)
		require.Equal(t, session.Idle, step(session.Event{Kind: session.FeedsDone}).Phase)
		a = step(session.Event{Kind: session.Lost, Epoch: epoch})
	}
}
