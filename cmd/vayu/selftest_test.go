package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/exec/sim"
)

func TestSelftestPassesAgainstAVenueThatMisbehaves(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "retry_test.log")

	code, out, errs := try(t, "selftest", "--log", log, "--json", "-")

	require.Equal(t, exitOK, code, errs)
	var r trialResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.True(t, r.OK)
	require.Len(t, r.Tests, 3)
	verdicts, grows, repeats := map[string]int{}, false, uint8(0)
	for _, test := range r.Tests {
		for _, step := range test.Steps {
			for i, a := range step.Attempts {
				repeats = max(repeats, a.Attempt)
				verdicts[a.Verdict]++
				grows = grows || i >= 2 && a.Endpoint == "funds" && a.Delay > 1.5*step.Attempts[i-1].Delay && step.Attempts[i-1].Delay > 100
			}
		}
	}
	for _, verdict := range []string{"ok", "auth", "throttle", "retry", "ambiguous"} {
		require.NotZero(t, verdicts[verdict], verdict)
	}
	require.True(t, grows, "delays grow")
	require.EqualValues(t, 3, repeats, "and attempts are counted")
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Contains(t, string(text), "selftest passed")
	require.Contains(t, string(text), "vayu.gateway: call: endpoint=place_order", "the engine's own words")
	for _, secret := range []string{sim.DefaultSecret, "api_session=", "X-SessionToken"} {
		require.NotContains(t, string(text)+out+errs, secret)
	}
}

func TestSelftestAgainstAConfiguredVenueOnlyDoesWhatIsNoHarm(t *testing.T) {
	t.Parallel()
	w := startTwin(t, "--limits", "per-minute=-1")
	log := filepath.Join(t.TempDir(), "retry_test.log")

	code, out, errs := try(t, "selftest", "--config", engineFile{}.write(t, w.ready), "--log", log)

	require.Equal(t, exitOK, code, out+errs)
	require.Contains(t, out, "the venue is not ours to break")
	require.Contains(t, out, "valid: it is cancelled")
	require.NotContains(t, out, "crosses the spread")
}

func TestSelftestRefusesWhatCannotBeMeant(t *testing.T) {
	code, _, errs := try(t, "selftest", "--only", "nothing", "--log", filepath.Join(t.TempDir(), "log"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "session, calls, orders")

	code, _, errs = try(t, "selftest", "--config", engineFile{mode: "live"}.write(t, ready{}), "--log", filepath.Join(t.TempDir(), "log"))
	require.Equal(t, exitConfig, code)
	require.Contains(t, errs, errModes.Error())
}

func TestOrdersAreOnlyPlacedAtASimulationOrOnAPersonsWord(t *testing.T) {
	require.True(t, (&trials{selftest: &selftest{}}).mayPlace(), "the embedded venue")
	live := configWithMode("live")
	require.False(t, (&trials{selftest: &selftest{}, config: &live}).mayPlace())
	require.True(t, (&trials{selftest: &selftest{PlaceOrders: true}, config: &live}).mayPlace())
}

func configWithMode(mode config.Mode) config.Config {
	c := config.Default()
	c.Mode = mode
	return c
}
