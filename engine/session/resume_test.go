package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestE8_ARestartTakesUpTheLoginOfTheEarlierRunWithoutAnExchange(t *testing.T) {
	issued := market.NewDate(2026, 11, 24).At(9 * time.Hour)
	kept := Credential{Epoch: 7, User: "ME", Session: NewToken("token"), Issued: issued}
	for name, row := range map[string]struct {
		after time.Duration
		user  string
		first Phase
	}{
		"still good":     {2 * time.Hour, "ME", Probe},
		"over":           {24 * time.Hour, "ME", Fetch},
		"another user's": {2 * time.Hour, "YOU", Fetch},
		"clock set back": {-time.Hour, "ME", Fetch},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := NewMachine(DefaultRules(), row.user, rand.New(rand.NewPCG(1, 1)))
			require.NoError(t, err)
			m.Resume(kept, NewToken("login"))
			at := market.Stamp{Mono: 1, Wall: issued.Add(row.after)}

			action := m.Step(Event{Kind: Tick}, at)

			require.Equal(t, row.first, action.Phase)
			if row.first != Probe {
				return
			}
			require.Equal(t, issued, action.Credential.Issued)
			require.Equal(t, DefaultRules().Expiry(issued), action.Credential.Expiry, "it lives no longer for the restart")
			require.EqualValues(t, 1, action.Credential.Epoch, "epochs are of the run")
			swap := m.Step(Event{Kind: Probed}, at)
			require.Equal(t, Swap, swap.Phase)
			m.Step(Event{Kind: Swapped, Credential: swap.Credential}, at)
			m.Step(Event{Kind: FeedsDone}, at)
			require.Equal(t, Live, m.State(at))
		})
	}
}

func TestE8_ALoginOfBeforeThatTheVenueRefusesIsExchangedAnew(t *testing.T) {
	m, err := NewMachine(DefaultRules(), "", rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	at := market.Stamp{Mono: 1, Wall: market.NewDate(2026, 11, 24).At(9 * time.Hour)}
	m.Resume(Credential{User: "ME", Session: NewToken("token"), Issued: at.Wall.Add(-time.Minute)}, NewToken("old"))
	require.Equal(t, Probe, m.Step(Event{Kind: Tick}, at).Phase)
	m.Step(Event{Kind: Probed, Err: ErrLogin}, at)
	at.Mono, at.Wall = at.Mono.Add(time.Minute), at.Wall.Add(time.Minute)

	require.Equal(t, Fetch, m.Step(Event{Kind: Tick}, at).Phase)
	require.Equal(t, Exchange, m.Step(Event{Kind: Fetched, Login: NewToken("new")}, at).Phase)
}
