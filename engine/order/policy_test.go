package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAPolicySurvivesItsNameAndAnUnknownOneIsRefused(t *testing.T) {
	for _, p := range []Policy{Never, AfterHardFence} {
		text, err := p.MarshalText()
		require.NoError(t, err)
		var again Policy
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, p, again)
	}
	p := AfterHardFence
	require.ErrorContains(t, p.UnmarshalText([]byte("always")), `want "never" or "after_hard_fence"`)
	require.Equal(t, AfterHardFence, p, "a bad name changes nothing")
	require.Equal(t, "?", Policy(9).String())
	require.Equal(t, Never, *new(Policy), "the zero value is the safe one")
}

func TestWithoutTheProofOrThePolicyThereIsNoHardFence(t *testing.T) {
	require.Zero(t, Never.HardFence(10*time.Second))
	require.Zero(t, AfterHardFence.HardFence(0))
	require.Zero(t, AfterHardFence.HardFence(-time.Second))
	require.Equal(t, 15*time.Second, AfterHardFence.HardFence(10*time.Second))
	require.Equal(t, 65*time.Second, AfterHardFence.HardFence(time.Minute))
}

// aged writes probes as letters for the ages 0, 10, 60, 300 s and 0 again:
// T taken, R refused, - neither.
func aged(letters string) (calls []AgedCall) {
	for i, age := range []time.Duration{0, 10 * time.Second, time.Minute, 5 * time.Minute, 0} {
		calls = append(calls, AgedCall{Age: age, Taken: letters[i] == 'T', Refused: letters[i] == 'R'})
	}
	return calls
}

func TestAWindowIsProvenOnlyByRefusalsBesideFreshCallsThatWereTaken(t *testing.T) {
	proves := func(letters string, window time.Duration) {
		t.Helper()
		require.Equal(t, window, ProvenWindow(aged(letters)), letters)
	}
	proves("TRRRT", 10*time.Second)
	proves("TTRRT", time.Minute)
	proves("TTTRT", 5*time.Minute)
	proves("TTTTT", 0) // no window at all

	// What ended otherwise proves nothing: the window begins beyond it.
	proves("T-RRT", time.Minute)
	proves("TR-RT", 5*time.Minute)
	proves("TRR-T", 0)
	proves("T---T", 0)

	// Refused for another reason: the session, a bad key, the order of calls.
	proves("RRRRR", 0)
	proves("TRRRR", 0)
	proves("RRRRT", 0)
	proves("-RRRT", 0)
	proves("TRRR-", 0)
	proves("TRTTT", 0)
	proves("TRTRT", 0)

	require.Zero(t, ProvenWindow(nil))
	require.Zero(t, ProvenWindow([]AgedCall{{Age: time.Minute, Refused: true}}), "no fresh call beside it")
	require.Zero(t, ProvenWindow([]AgedCall{{Taken: true}, {Age: time.Minute, Refused: true, Taken: true}}), "it cannot be both")
	require.Zero(t, ProvenWindow([]AgedCall{{Taken: true}, {Age: -time.Minute, Refused: true}}), "the future is another matter")
}

func TestAProvenWindowIsNeverShorterThanTheVenues(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		window := rapid.IntRange(0, 400).Draw(r, "the venue's window in seconds, 0: none")
		calls := []AgedCall{{Taken: true}}
		for _, age := range []int{10, 60, 300} {
			lost := rapid.Bool().Draw(r, "lost")
			refused := window != 0 && age >= window
			calls = append(calls, AgedCall{Age: time.Duration(age) * time.Second, Taken: !lost && !refused, Refused: !lost && refused})
		}
		if proven := ProvenWindow(calls); proven != 0 {
			require.Positive(r, window)
			require.GreaterOrEqual(r, proven, time.Duration(window)*time.Second)
		}
	})
}
