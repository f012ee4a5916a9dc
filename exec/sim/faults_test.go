package sim

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestFaultProfilesHaveNames(t *testing.T) {
	for name := range profiles() {
		f, err := FaultProfile(name)
		require.NoError(t, err)
		require.Equal(t, name, f.Name)
		require.NoError(t, f.validate())
	}
	_, err := FaultProfile("hurricane")
	require.ErrorContains(t, err, "flaky")
	_, err = New(Config{Tape: tape(2), Faults: Faults{DropAfter: 1.5}})
	require.ErrorIs(t, err, ErrConfig)
}

func TestEveryCallFaultDoesWhatItSays(t *testing.T) {
	order := placeBody("buy", `"95"`, "")
	strikes := func(f Faults) (Response, *bench) {
		b := vectorBench(t, func(c *Config) { c.Faults = f })
		return b.Answer(b.signed("POST", "order", order), b.at), b
	}

	r, b := strikes(Faults{DropBefore: 1})
	require.Equal(t, Cut, r.Fate)
	require.Zero(t, b.Counts().OrdersAccepted)

	r, b = strikes(Faults{DropAfter: 1})
	require.Equal(t, Cut, r.Fate)
	require.EqualValues(t, 1, b.Counts().OrdersAccepted)

	r, b = strikes(Faults{LoseAnswer: 1})
	require.Equal(t, Silence, r.Fate)
	require.EqualValues(t, 1, b.Counts().OrdersAccepted)

	r, _ = strikes(Faults{HTML502: 1})
	require.Equal(t, http.StatusBadGateway, r.Code)
	require.True(t, r.HTML)

	r, _ = strikes(Faults{HTML429: 1})
	require.Equal(t, http.StatusTooManyRequests, r.Code)

	r, _ = strikes(Faults{Throttle401: 1})
	require.Equal(t, http.StatusUnauthorized, r.Code)
	require.Contains(t, string(r.Body), textPerMinute)

	r, _ = strikes(Faults{BackendDown: 1})
	require.Contains(t, string(r.Body), textBackend)

	r, b = strikes(Faults{Exception: 1})
	require.Equal(t, http.StatusInternalServerError, r.Code)
	require.Contains(t, string(r.Body), "NullReferenceException")
	require.Zero(t, b.Counts().OrdersAccepted)
	require.EqualValues(t, 1, b.Counts().FaultsInjected)
}

func TestN10_LateAcceptanceComesAfterTheSilence(t *testing.T) {
	b := vectorBench(t, func(c *Config) { c.Faults = Faults{LateAccept: 1, LateBy: 20 * time.Second} })
	r := b.Answer(b.signed("POST", "order", placeBody("buy", `"95"`, "")), b.at)
	require.Equal(t, Silence, r.Fate)

	b.wait(20*time.Second - 1)
	require.Zero(t, b.Counts().OrdersAccepted)
	b.wait(1)
	require.EqualValues(t, 1, b.Counts().OrdersAccepted)
}

func TestF18_NoticesAreLostRepeatedAndSwappedAsTold(t *testing.T) {
	story := func(f Faults) string {
		b := newBench(t, func(c *Config) { c.Faults = f })
		b.quote("42501", 9990, 10_010, 10_000, 1000)
		b.put(b.intent(market.Buy, 65, 10_010))
		return b.story()
	}
	require.Equal(t, "ROE", story(Faults{}))
	require.Equal(t, "", story(Faults{LoseNotice: 1}))
	require.Equal(t, "RROOEE", story(Faults{RepeatNotice: 1}))
	require.Equal(t, "OR", story(Faults{SwapNotice: 1}), "the last one waits for a follower")
}

func TestTheSameSeedGivesTheSameWeatherAndTheSameLedger(t *testing.T) {
	history := func(seed uint64) ([]Entry, CoreCounts) {
		storm, err := FaultProfile("storm")
		require.NoError(t, err)
		b := vectorBench(t, func(c *Config) { c.Faults, c.Seed = storm, seed })
		for i := range 300 {
			price := market.Paise(10_000 + i%7*5)
			b.quote("42505", price-10, price+10, price, market.Units(1000+65*i))
			b.Answer(b.signed("POST", "order", placeBody([]string{"buy", "sell"}[i%2], `"`+price.String()+`"`, "")), b.at)
			b.wait(100 * time.Millisecond)
		}
		return b.Ledger(), b.Counts()
	}
	a, countsA := history(1)
	again, countsAgain := history(1)
	other, _ := history(2)
	require.Equal(t, a, again)
	require.Equal(t, countsA, countsAgain)
	require.NotEqual(t, a, other)
	require.Positive(t, countsA.FaultsInjected)
}
