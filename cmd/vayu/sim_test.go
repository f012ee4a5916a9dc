package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// twin is `vayu sim` running inside the test.
type twin struct {
	ready
	stop func() int // ends it and gives its exit code
	errs *lines
}

func startTwin(t *testing.T, args ...string) *twin {
	t.Helper()
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended, w := make(chan int, 1), &twin{errs: new(lines)}
	go func() {
		ended <- run(ctx, append([]string{"sim", "--listen", "127.0.0.1:0", "--speed", "20"}, args...), writer, w.errs)
		writer.Close()
	}()
	var once bool
	w.stop = func() (code int) {
		if once {
			return -1
		}
		once = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { w.stop() })
	line, err := bufio.NewReader(reader).ReadBytes('\n')
	require.NoError(t, err, w.errs)
	require.NoError(t, json.Unmarshal(line, &w.ready))
	return w
}

func TestTwinSaysWhereEverythingIsAndStopsCleanly(t *testing.T) {
	t.Parallel()
	ledger := filepath.Join(t.TempDir(), "ledger.jsonl")
	w := startTwin(t, "--ledger", ledger, "--start", "11:00", "--limits", "per-second=8,per-minute=-1")
	require.True(t, w.Ready)
	require.Equal(t, "2026-08-18", w.Date)
	require.Empty(t, w.TLSCA)

	response, err := http.Get(w.Clock)
	require.NoError(t, err)
	defer response.Body.Close()
	var clock struct {
		MarketTime time.Time `json:"market_time"`
		Speed      float64   `json:"speed"`
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&clock))
	require.EqualValues(t, 20, clock.Speed)
	require.Equal(t, 11, clock.MarketTime.Hour())

	response, err = http.Get(w.Master)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)

	require.Equal(t, exitOK, w.stop())
	require.FileExists(t, ledger)
	_, err = http.Get(w.Clock)
	require.Error(t, err, "it is gone")
}

func TestTwinServesTLSWithAnAuthorityOfItsOwn(t *testing.T) {
	t.Parallel()
	w := startTwin(t, "--tls")
	require.Contains(t, w.REST, "https://127.0.0.1:")
	require.Contains(t, w.Stream, "wss://")
	_, err := http.Get(w.Clock)
	require.ErrorContains(t, err, "certificate", "nobody trusts it unasked")

	roots, err := trusted(w.TLSCA)
	require.NoError(t, err)
	client := &http.Client{Transport: transport(roots)}
	defer client.CloseIdleConnections()
	response, err := client.Get(w.Clock)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.GreaterOrEqual(t, response.TLS.Version, uint16(tls.VersionTLS12))

	code, errs := runEngine(t, w, engineFile{}, "--for", "2s")
	require.Equal(t, exitOK, code, errs)

	require.Equal(t, exitOK, w.stop())
	require.NoFileExists(t, w.TLSCA, "it is thrown away")
	require.NoDirExists(t, filepath.Dir(w.TLSCA))
}

func TestTwinRefusesWhatCannotBeMeant(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--listen", "0.0.0.0:0"}, exitUsage, "--public"},
		{[]string{"--listen", ":0"}, exitUsage, "--public"},
		{[]string{"--listen", "here"}, exitUsage, "127.0.0.1:0"},
		{[]string{"--faults", "gremlins"}, exitUsage, "storm"},
		{[]string{"--speed", "0"}, exitUsage, "--speed"},
		{[]string{"--speed", "NaN"}, exitUsage, "--speed"},
		{[]string{"--start", "25:00"}, exitUsage, "--start"},
		{[]string{"--limits", "per-week=3"}, exitUsage, "per-second, per-minute, per-day"},
		{[]string{"--limits", "per-day=0"}, exitUsage, "no limit"},
		{[]string{"--session-lifetime", "-1s"}, exitUsage, "--session-lifetime"},
		{[]string{"--tape", "nothing.tape"}, exitFailed, "nothing.tape"},
		{[]string{"--ledger", "/nowhere/ledger"}, exitFailed, "/nowhere/ledger"},
	} {
		code, out, errs := try(t, append([]string{"sim"}, c.args...)...)
		require.Equal(t, c.code, code, c.args)
		require.Empty(t, out, "nothing is ready")
		require.Contains(t, errs, c.says)
	}
}

func TestImportMakesATapeThatTheTwinPlays(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	w := startTwin(t)
	master := filepath.Join(folder, "SecurityMaster.zip")
	response, err := http.Get(w.Master)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(master, text, 0o600))
	w.stop()

	tape := filepath.Join(folder, "made.tape")
	args := []string{
		"import", "nse-chain-1min", "--source", filepath.Join("internal", "importer", "testdata", "chain.excerpt.csv"),
		"--master", master, "--expiries", "2026-08-18,2026-08-25", "--window", "1200", "--title", "eight minutes",
		"--origin", "a test", "--out", tape, "--json",
	}
	code, out, errs := try(t, args...)
	require.Equal(t, exitOK, code, errs)
	var report struct {
		Snapshots int
		Frames    int
		Date      string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, 8, report.Snapshots)
	require.Equal(t, "2026-08-18", report.Date)
	require.NotZero(t, report.Frames)

	code, _, errs = try(t, args...)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "is there already")
	code, _, errs = try(t, append(args[:4:4], "--master", master, "--out", tape, "--expiries", "soon")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--expiries")

	w = startTwin(t, "--tape", tape)
	require.Equal(t, "2026-08-18", w.Date)
	require.Equal(t, exitOK, w.stop())
}

func TestProgressIsForTerminalsOnly(t *testing.T) {
	var out bytes.Buffer
	showProgress(&out, "importing")()
	require.Empty(t, out.String())
}
