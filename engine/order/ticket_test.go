package order

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVenueOrderIDsAreLettersAndDigitsOnly(t *testing.T) {
	for _, text := range []string{"202607173800017846", "20261123N300001234", "1"} {
		id, err := ParseVenueID(text)
		require.NoError(t, err)
		require.Equal(t, text, id.String())
		require.False(t, id.IsZero())
	}
	for _, text := range []string{"", "2026 07", "2026\n", "123456789012345678901234", "ordér"} {
		_, err := ParseVenueID(text)
		require.Error(t, err, "%q", text)
	}
}

func TestEveryStateVerdictAndStatusHasAName(t *testing.T) {
	for s := range State(States) {
		require.NotEmpty(t, s.String())
	}
	for v := range Verdict(Verdicts) {
		require.NotEmpty(t, v.String())
	}
	for s := Status(1); s < Statuses; s++ {
		require.Equal(t, s, ParseStatus(s.String()))
	}
	require.Equal(t, StatusUnknown, ParseStatus("Somewhere"))
	require.Equal(t, "?", State(200).String())
}

func TestAnOrderInDoubtIsNeverTerminal(t *testing.T) {
	for _, s := range []State{New, Queued, Sending, Ambiguous, Reconciling, Absent, ClosedAbsent, AdoptedLate, Unresolved, Acked, Working, Partial} {
		require.False(t, s.Terminal(), s)
	}
}
