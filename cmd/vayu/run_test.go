package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/cmd/vayu/internal/dashboard"
	"github.com/vayu-trading/vayu/cmd/vayu/internal/report"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
)

// engineFile is what a test's configuration has besides the usual.
type engineFile struct {
	mode       string // sim when empty
	appKey     string
	apiSession string
	session    string // lines of [session]
}

// write makes the configuration and credentials files for an engine against
// the twin.
func (f engineFile) write(t *testing.T, w ready) (file string) {
	t.Helper()
	folder := t.TempDir()
	keys := filepath.Join(folder, "keys.toml")
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	require.NoError(t, os.WriteFile(keys, []byte(fmt.Sprintf("app_key = %q\nsecret_key = %q\napi_session = %q\n",
		or(f.appKey, sim.DefaultAppKey), sim.DefaultSecret, or(f.apiSession, sim.DefaultAPISession))), 0o600))
	file = filepath.Join(folder, "vayu.toml")
	text := fmt.Sprintf("mode = %q\n[venue]\ncredentials_file = %q\n", or(f.mode, "sim"), keys)
	if or(f.mode, "sim") == "sim" {
		text += fmt.Sprintf("rest_url = %q\nstream_url = %q\norder_stream_url = %q\nohlcv_url = %q\nmaster_url = %q\nclock_url = %q\ntls_ca = %q\n",
			w.REST, w.Stream, w.Orders, w.OHLCV, w.Master, w.Clock, w.TLSCA)
	}
	text += fmt.Sprintf("[journal]\nfolder = %q\n[market]\nexpiries = 2\n[session]\n%s\n%s", filepath.Join(folder, "journal"), f.session, paper)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// runEngine runs `vayu run` inside the test.
func runEngine(t *testing.T, w *twin, f engineFile, args ...string) (code int, errs string) {
	t.Helper()
	code, _, errs = try(t, append([]string{"run", "--config", f.write(t, w.ready), "--http", "off", "--json", "-"}, args...)...)
	return code, errs
}

func TestModesThatThisBuildHasNotAreRefusedInOneSentence(t *testing.T) {
	for _, mode := range []string{"paper", "live"} {
		code, errs := runEngine(t, new(twin), engineFile{mode: mode})
		require.Equal(t, exitConfig, code)
		require.Equal(t, "vayu: mode "+mode+": "+errModes.Error()+"\n", errs)
	}
	_, out, _ := try(t, "run", "--help")
	require.Contains(t, out, "this build trades only against a")
}

func TestWrongAPISessionEndsTheStartAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := startTwin(t)
	code, errs := runEngine(t, w, engineFile{apiSession: "1234"})
	require.Equal(t, exitTemporary, code, errs)
	require.Contains(t, errs, "put the api session of today's login into the credentials")
}

func TestWrongAppKeyIsAConfigurationError(t *testing.T) {
	t.Parallel()
	w := startTwin(t)
	code, errs := runEngine(t, w, engineFile{appKey: "another"})
	require.Equal(t, exitConfig, code, errs)
	require.Contains(t, errs, "check app key")
}

func TestLoginComesFromAFileOrACommand(t *testing.T) {
	t.Parallel()
	w := startTwin(t)
	login := filepath.Join(t.TempDir(), "login")
	require.NoError(t, os.WriteFile(login, []byte(sim.DefaultAPISession+"\n"), 0o600))
	for _, source := range []string{
		fmt.Sprintf("login_file = %q", login),
		fmt.Sprintf("login_command = [\"cat\", %q]", login),
	} {
		code, errs := runEngine(t, w, engineFile{apiSession: "stale", session: source}, "--for", "1500ms")
		require.Equal(t, exitOK, code, errs)
	}
	code, errs := runEngine(t, w, engineFile{session: `login_file = "/nowhere/login"`}, "--for", "1s")
	require.Equal(t, exitTemporary, code)
	require.Contains(t, errs, "/nowhere/login")
}

func TestLoginCommandIsKeptShort(t *testing.T) {
	t.Setenv("VAYU_VENUE__SECRET_KEY", "canary")
	run := func(script string) (session.Token, error) {
		return loginCommand{[]string{"sh", "-c", script}, 300 * time.Millisecond}.Login(t.Context())
	}
	login, err := run("echo 5012")
	require.NoError(t, err)
	require.Equal(t, "5012", login.Reveal())
	login, err = run("env | grep -c canary || true")
	require.NoError(t, err)
	require.Equal(t, "0", login.Reveal(), "our secrets are none of its business")

	_, err = run("exit 3")
	require.ErrorContains(t, err, "exit status 3")
	_, err = run("true")
	require.ErrorContains(t, err, "alone on its output")
	_, err = run("echo two words")
	require.ErrorContains(t, err, "alone on its output")
	_, err = run("head -c 100000 /dev/zero")
	require.Error(t, err)
	began := time.Now()
	_, err = run("sleep 20 & sleep 20")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestAddressesArePutIntoTheFormThatThePartsWant(t *testing.T) {
	require.Equal(t, "ws://127.0.0.1:9", socketURL("http://127.0.0.1:9/"))
	require.Equal(t, "wss://localhost:9", socketURL("https://localhost:9/socket.io/"))
	require.Equal(t, "wss://localhost:9", socketURL("wss://localhost:9"))
	require.Equal(t, "http://127.0.0.1:9/breezeapi/api/v1/", restURL("http://127.0.0.1:9"))
	require.Equal(t, "http://127.0.0.1:9/other/", restURL("http://127.0.0.1:9/other/"))
}

func TestClockFollowsTheVenueAndRunsOnWithoutIt(t *testing.T) {
	t.Parallel()
	at := market.NewDate(2026, time.August, 18).At(11 * time.Hour)
	body := make(chan string, 1)
	answer := fmt.Sprintf(`{"market_time":%q,"speed":20}`, at.Time().Format(time.RFC3339Nano))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case answer = <-body:
		default:
		}
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	log := new(lines)
	clock, moment, stop, err := marketClock(t.Context(), server.URL, nil, hclog.New(&hclog.LoggerOptions{Output: log}))
	require.NoError(t, err)
	defer stop()
	require.Less(t, clock.Now().Market.Sub(at), 20*time.Second)
	require.Equal(t, dashboard.Unlabelled, moment(), "a venue that does not say is not taken for real")
	body <- fmt.Sprintf(`{"market_time":%q,"speed":2,"source":"synthetic"}`, at.Add(time.Hour).Time().Format(time.RFC3339Nano))
	require.Eventually(t, func() bool { return clock.Now().Market >= at.Add(time.Hour) }, 3*time.Second, 10*time.Millisecond)
	require.Equal(t, dashboard.Synthetic, moment())
	body <- `{"speed":0}`
	require.Eventually(t, func() bool { return bytes.Contains([]byte(log.String()), []byte("market time runs on")) }, 3*time.Second, 10*time.Millisecond)
	before := clock.Now().Market
	time.Sleep(5 * time.Millisecond)
	require.Greater(t, clock.Now().Market, before)

	_, _, _, err = marketClock(t.Context(), "http://127.0.0.1:1/clock", nil, hclog.NewNullLogger())
	require.Equal(t, exitTemporary, exitCode(err))
}

func TestSecurityMasterOfAnotherDayIsRefused(t *testing.T) {
	t.Parallel()
	w := startTwin(t)
	wednesday := market.NewDate(2026, time.August, 19).At(11 * time.Hour)
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(out, `{"market_time":%q,"speed":1}`, wednesday.Time().Format(time.RFC3339))
	}))
	defer server.Close()
	late := *w
	late.Clock = server.URL
	code, errs := runEngine(t, &late, engineFile{}, "--for", "1s")
	require.Equal(t, exitTemporary, code, errs)
	require.Contains(t, errs, "file of another day")
}

func TestSessionRulesOfARehearsalKeepTheirProportions(t *testing.T) {
	c := config.Default().Session
	require.Equal(t, session.DefaultRules(), sessionRules(&c))
	c.Timeout, c.RenewBefore = config.Seconds(8), config.Seconds(2)
	require.Equal(t, 2*time.Second, sessionRules(&c).RenewBefore)
}

func TestDemoTradesAndLosesNothing(t *testing.T) {
	t.Parallel()
	code, out, errs := try(t, "demo", "--for", "6s", "--speed", "20", "--json", "-", "--seed", "1", "--http", "off")
	require.Equal(t, exitOK, code, errs)
	var d report.Document
	require.NoError(t, json.Unmarshal([]byte(out), &d))
	require.Greater(t, d.Ticks, uint64(5000))
	require.Equal(t, d.Ticks, d.BookUpdates)
	require.NotZero(t, d.Orders.Filled)
	require.Zero(t, d.Orders.Unknown)
	require.Zero(t, d.DecodeErrors)
	require.NotZero(t, d.SessionRenewals)
	require.Zero(t, d.Venue.Duplicates)
	require.Zero(t, d.Venue.Orphans)
	require.Zero(t, d.Venue.TicksLost)
	require.NotZero(t, d.Latency.TickToWire.Count)
}

func TestBinaryTradesAgainstATwinOfItsOwn(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	binary := filepath.Join(folder, "vayu")
	text, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(text))

	ledger := filepath.Join(folder, "ledger.jsonl")
	var simErrs bytes.Buffer
	venue := exec.Command(binary, "sim", "--listen", "127.0.0.1:0", "--speed", "20", "--ledger", ledger)
	venue.Stderr = &simErrs
	out, err := venue.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, venue.Start())
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = venue.Process.Kill()
			_ = venue.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err)
	var w ready
	require.NoError(t, json.Unmarshal(line, &w))

	var stdout, stderr bytes.Buffer
	engine := exec.Command(binary, "run", "--config", engineFile{}.write(t, w), "--for", "5s", "--json", "-", "--http", "off")
	engine.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(folder, "cache"))
	engine.Stdout, engine.Stderr = &stdout, &stderr
	require.NoError(t, engine.Run(), stderr.String())
	var keys map[string]any
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &keys))
	for _, key := range []string{"venue", "tape", "seed"} {
		require.NotContains(t, keys, key)
	}
	var d report.Document
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &d))
	require.Greater(t, d.Ticks, uint64(3000))
	require.Zero(t, d.DecodeErrors)
	require.NotZero(t, d.Orders.Filled, stderr.String())
	require.Zero(t, d.Orders.Unknown)
	cached, err := filepath.Glob(filepath.Join(folder, "cache", "vayu", "*", "SecurityMaster.zip"))
	require.NoError(t, err)
	require.Len(t, cached, 1)

	require.NoError(t, venue.Process.Signal(syscall.SIGTERM))
	require.NoError(t, venue.Wait(), simErrs.String())
	ended = true
	require.Empty(t, simErrs.String())

	accepted, held := uint64(0), make(map[string]market.Units)
	file, err := os.Open(ledger)
	require.NoError(t, err)
	defer file.Close()
	for scan := bufio.NewScanner(file); scan.Scan(); {
		var e sim.Entry
		require.NoError(t, json.Unmarshal(scan.Bytes(), &e))
		require.False(t, e.Twice)
		switch {
		case e.Kind == "accepted":
			accepted++
		case e.Kind == "fill" && e.Side == "sell":
			held[e.Token] -= market.Units(e.Quantity)
		case e.Kind == "fill":
			held[e.Token] += market.Units(e.Quantity)
		}
	}
	require.Equal(t, d.Orders.Accepted, accepted)
	for _, p := range d.Positions {
		require.Equal(t, held[p.Token], p.Quantity, p.Token)
		delete(held, p.Token)
	}
	for token, q := range held {
		require.Zero(t, q, token)
	}
}
