package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine/market"
)

const paper = `
[risk]
order_lots = 2
order_notional = 500000
open_orders = 4
position_lots = 2
gross_lots = 8
day_loss = 10000
flatten_loss = 15000

[[strategies]]
name = "short-straddle"
`

// simulated is the same against a venue on this machine.
const simulated = `mode = "sim"
[venue]
rest_url = "http://127.0.0.1:9400/breezeapi/api/v1/"
stream_url = "ws://127.0.0.1:9400"
order_stream_url = "ws://127.0.0.1:9400"
ohlcv_url = "ws://127.0.0.1:9400"
master_url = "http://127.0.0.1:9400/SecurityMaster.zip"
clock_url = "http://127.0.0.1:9400/clock"
` + paper

func TestDoctorMakesTheRefusalsOfRun(t *testing.T) {
	refuses := func(text, why string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "vayu.toml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		code, out, _ := try(t, "doctor", "--config", file)
		require.Equal(t, exitConfig, code)
		require.Contains(t, out, why)
	}

	refuses(paper, "set mode = \"sim\"")
	refuses(strings.Replace(simulated, "short-straddle", "nope", 1), "nope")
	refuses(simulated+"[strategies.params]\nlotz = 1\n", "lotz")
	refuses(simulated+"[strategies.limits]\norder_lots = 1\n", "not enforced")
}

func TestHelpIsAnAnswerAndAMistakeIsNot(t *testing.T) {
	code, out, _ := try(t, "--help")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "doctor")

	code, out, _ = try(t, "doctor", "--help")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "--config")

	for _, args := range [][]string{{}, {"fly"}, {"doctor", "--fly"}} {
		code, out, errs := try(t, args...)
		require.Equal(t, exitUsage, code, args)
		require.Empty(t, out)
		require.Contains(t, errs, "vayu --help")
	}
}

func TestExitCodesTellWhatKindOfFailureItWas(t *testing.T) {
	require.Equal(t, exitFailed, exitCode(errors.New("x")))
	require.Equal(t, exitConfig, exitCode(fmt.Errorf("x: %w", config.ErrConfig)))
	require.Equal(t, exitRisk, exitCode(fmt.Errorf("x: %w", &exitError{exitRisk, errors.New("loss")})))
	require.Equal(t, exitTemporary, exitCode(&exitError{exitTemporary, config.ErrConfig}))
}

func TestDoctorNamesWhatIsMissing(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "vayu.toml")
	require.NoError(t, os.WriteFile(file, []byte(simulated), 0o600))
	code, out, _ := try(t, "doctor", "--config", file, "--json")
	require.Equal(t, exitConfig, code)
	var got struct {
		Ready    bool
		Findings []finding
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.False(t, got.Ready)
	require.True(t, got.Findings[0].OK, got.Findings[0].Detail)
	require.Equal(t, "credentials", got.Findings[1].What)
	require.False(t, got.Findings[1].OK)
	require.Contains(t, got.Findings[1].Detail, "venue.credentials_file")
}

func TestShownConfigurationMasksSecrets(t *testing.T) {
	folder := t.TempDir()
	file, keys := filepath.Join(folder, "vayu.toml"), filepath.Join(folder, "keys.toml")
	require.NoError(t, os.WriteFile(file, []byte("[venue]\ncredentials_file = \""+keys+"\"\n"+paper), 0o600))
	require.NoError(t, os.WriteFile(keys, []byte("app_key = \"canary\"\nsecret_key = \"canary\"\n"), 0o600))

	code, out, errs := try(t, "doctor", "--config", file, "--show-config")

	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "order_lots = 2")
	require.Contains(t, out, "redacted, from "+keys)
	require.NotContains(t, out+errs, "canary")
}

func TestDoctorKnowsTradingDaysAndHolidays(t *testing.T) {
	c := config.Default()
	at := func(y int, m time.Month, d int) market.UnixNano { return market.NewDate(y, m, d).At(9 * time.Hour) }

	require.Contains(t, lookAtCalendar(&c, at(2026, 8, 18)).Detail, "2026-08-18 trades from 09:15 to")
	require.Contains(t, lookAtCalendar(&c, at(2026, 8, 16)).Detail, "no trading day")
	require.False(t, lookAtCalendar(&c, at(2090, 1, 2)).OK, "a day without data is not guessed at")
	c.Market.Rules = filepath.Join(t.TempDir(), "nothing")
	require.False(t, lookAtCalendar(&c, at(2026, 8, 18)).OK)
}

func TestDoctorLooksForRoomToWrite(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "file"), nil, 0o600))

	require.Contains(t, lookAtJournal(filepath.Join(folder, "a", "b")).Detail, "GiB free")
	require.False(t, lookAtJournal(filepath.Join(folder, "file")).OK)
}

// try runs the program as the shell would.
func try(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}
