package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
)

const canaryLogin = "51606286"

// told is what a command wrote so far.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *told) Write(p []byte) (int, error) { w.mu.Lock(); defer w.mu.Unlock(); return w.text.Write(p) }
func (w *told) String() string              { w.mu.Lock(); defer w.mu.Unlock(); return w.text.String() }

// loginDesk is `vayu login` waiting in the background.
type loginDesk struct {
	t        *testing.T
	out      *told
	callback string // the address it waits at
	state    string
	file     string
	code     chan int
	stop     context.CancelFunc
}

func startLogin(t *testing.T, flags ...string) *loginDesk {
	folder := t.TempDir()
	d := &loginDesk{t: t, out: new(told), file: filepath.Join(folder, "login"), code: make(chan int, 1)}
	secrets := filepath.Join(folder, "credentials.toml")
	require.NoError(t, os.WriteFile(secrets, []byte("app_key = \"a+b=c^d#e%f\"\nsecret_key = \"s3cr3t-canary\"\n"), 0o600))
	file := filepath.Join(folder, "vayu.toml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "[venue]\ncredentials_file = %q\n[session]\nlogin_file = %q\n", secrets, d.file), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	d.stop = stop
	go func() {
		d.code <- run(ctx, append([]string{"login", "--config", file, "--listen=127.0.0.1:0"}, flags...), d.out, d.out)
	}()
	require.Eventually(t, func() bool { return strings.Contains(d.out.String(), "Waiting for it") }, 5*time.Second, 5*time.Millisecond, d.out.String())
	d.callback = regexp.MustCompile(`http://127\S+?,`).FindString(d.out.String())
	d.callback = strings.TrimSuffix(d.callback, ",")
	if found := regexp.MustCompile(`state=(\w+)`).FindStringSubmatch(d.out.String()); found != nil {
		d.state = found[1]
	}
	t.Cleanup(stop)
	return d
}

// ends waits for the command's end.
func (d *loginDesk) ends(code int) {
	d.t.Helper()
	select {
	case got := <-d.code:
		require.Equal(d.t, code, got, d.out.String())
	case <-time.After(10 * time.Second):
		require.Fail(d.t, "it waits for ever")
	}
	for _, secret := range []string{canaryLogin, "s3cr3t-canary"} {
		require.NotContains(d.t, d.out.String(), secret)
	}
}

func (d *loginDesk) get(query string) (int, string) {
	return answered(d.t, http.MethodGet, d.callback+query, "", "")
}

func answered(t *testing.T, method, address, body, host string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.Host = host
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	require.NotContains(t, string(text), canaryLogin)
	if response.StatusCode == http.StatusOK {
		require.Equal(t, donePath, response.Request.URL.Path, "the browser ends where no login is in the address line")
	}
	return response.StatusCode, string(text)
}

func TestTheBrowsersLoginEndsInTheFileThatTheEngineWatches(t *testing.T) {
	for name, bring := range map[string]func(d *loginDesk) int{
		"in the address": func(d *loginDesk) int { code, _ := d.get("?apisession=" + canaryLogin); return code },
		"as its samples": func(d *loginDesk) int { code, _ := d.get("?API_Session=" + canaryLogin); return code },
		"as a form": func(d *loginDesk) int {
			code, _ := answered(d.t, http.MethodPost, d.callback, url.Values{"API_Session": {canaryLogin}}.Encode(), "")
			return code
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := startLogin(t)
			require.Contains(t, d.out.String(), "?api_key=a%2Bb%3Dc%5Ed%23e%25f\n", "app keys hold what an address cannot")

			require.Equal(t, http.StatusOK, bring(d))

			d.ends(exitOK)
			token, err := session.File(d.file).Login(t.Context())
			require.NoError(t, err, "the engine's own reader takes it")
			require.Equal(t, canaryLogin, token.Reveal())
			names, err := filepath.Glob(filepath.Join(filepath.Dir(d.file), ".new-*"))
			require.NoError(t, err)
			require.Empty(t, names, "nothing is left lying about")
		})
	}
}

// The whole way, with the venue's own login page sending the browser on.
func TestTheVenuesLoginPageLeadsToALoginThatItExchanges(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listen := free.Addr().String()
	require.NoError(t, free.Close())
	player, err := openTape("")
	require.NoError(t, err)
	defer player.Close()
	venue, err := sim.New(sim.Config{Tape: player, AppKey: "a+b=c^d#e%f", Redirect: "http://" + listen + "/callback"})
	require.NoError(t, err)
	server := httptest.NewServer(venue.Handler())
	defer server.Close()
	d := startLogin(t, "--listen", listen, "--url", server.URL+"/apiuser/login")

	page := regexp.MustCompile(`http://\S+/apiuser/login\S+`).FindString(d.out.String())
	code, text := answered(t, http.MethodGet, page, "", "")
	require.Equal(t, http.StatusOK, code, text)

	d.ends(exitOK)
	token, err := session.File(d.file).Login(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, token.Reveal())
	require.NotContains(t, d.out.String(), token.Reveal())
}

func TestANewLoginReplacesTheOldOneInOneStep(t *testing.T) {
	d := startLogin(t)
	require.NoError(t, os.WriteFile(d.file, []byte("of yesterday"), 0o644))
	code, _ := d.get("?apisession=" + canaryLogin)
	require.Equal(t, http.StatusOK, code)
	d.ends(exitOK)
	info, err := os.Stat(d.file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestWhatIsNoLoginIsRefusedAndTheWaitGoesOn(t *testing.T) {
	d := startLogin(t, "--path", "/callback-q7x2")
	root := strings.TrimSuffix(d.callback, "/callback-q7x2")
	refuses := func(want int, method, address, body, host string) {
		t.Helper()
		code, _ := answered(t, method, address, body, host)
		require.Equal(t, want, code)
	}
	refuses(http.StatusNotFound, http.MethodGet, root+"/callback?apisession=1", "", "")
	refuses(http.StatusNotFound, http.MethodGet, root+"/?apisession=1", "", "")
	refuses(http.StatusBadRequest, http.MethodGet, d.callback, "", "")
	refuses(http.StatusBadRequest, http.MethodGet, d.callback+"?apisession=", "", "")
	refuses(http.StatusBadRequest, http.MethodGet, d.callback+"?apisession=1&API_Session=2", "", "")
	refuses(http.StatusBadRequest, http.MethodGet, d.callback+"?apisession=1%0a2", "", "")
	refuses(http.StatusBadRequest, http.MethodGet, d.callback+"?apisession="+strings.Repeat("1", 5000), "", "")
	refuses(http.StatusBadRequest, http.MethodPost, d.callback, "apisession="+strings.Repeat("1", 20_000), "")
	refuses(http.StatusMethodNotAllowed, http.MethodPut, d.callback, "apisession=1", "")
	refuses(http.StatusMisdirectedRequest, http.MethodGet, d.callback+"?apisession=1", "", "evil.example:80")
	require.NoFileExists(t, d.file)

	code, _ := d.get("?apisession=" + canaryLogin)
	require.Equal(t, http.StatusOK, code)
	d.ends(exitOK)
}

func TestS11_WhereTheVenueHandsAStateThroughOnlyOurOwnIsTaken(t *testing.T) {
	d := startLogin(t, "--state")
	require.NotEmpty(t, d.state)
	for _, query := range []string{"?apisession=1", "?apisession=1&state=", "?apisession=1&state=" + d.state + "x"} {
		code, _ := d.get(query)
		require.Equal(t, http.StatusForbidden, code)
	}
	code, _ := d.get("?apisession=" + canaryLogin + "&state=" + d.state)
	require.Equal(t, http.StatusOK, code)
	d.ends(exitOK)
}

func TestALoginThatNeverComesIsWaitedForAsLongAsAskedAndNoLonger(t *testing.T) {
	d := startLogin(t, "--wait", "50ms")
	d.ends(exitTemporary)
	require.NoFileExists(t, d.file)

	d = startLogin(t)
	d.stop()
	d.ends(exitTemporary)
}

func TestALoginIsTakenOnALoopbackAddressOnly(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "vayu.toml")
	secrets := filepath.Join(folder, "credentials.toml")
	require.NoError(t, os.WriteFile(secrets, []byte("app_key = \"k\"\nsecret_key = \"s\"\n"), 0o600))
	text := fmt.Sprintf("[venue]\ncredentials_file = %q\n", secrets)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	refuses := func(code int, why string, flags ...string) {
		t.Helper()
		out := new(told)
		require.Equal(t, code, run(t.Context(), append([]string{"login", "--config", file}, flags...), out, out))
		require.Contains(t, out.String(), why)
	}
	refuses(exitConfig, "session.login_file is not set")
	require.NoError(t, os.WriteFile(file, []byte(text+fmt.Sprintf("[session]\nlogin_file = %q\n", filepath.Join(folder, "login"))), 0o600))
	refuses(exitUsage, "loopback", "--listen", "0.0.0.0:0")
	refuses(exitUsage, "loopback", "--listen", "192.168.1.2:8472")
	refuses(exitUsage, "loopback", "--listen", ":8472")
	refuses(exitUsage, "port", "--listen", "127.0.0.1")
	refuses(exitUsage, "begins with /", "--path", "callback")
	refuses(exitUsage, "--wait", "--wait", "-1s")
}

func TestS6_ALoginIsNotPutWhereOthersMayWrite(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.Mkdir(folder, 0o700))
	require.NoError(t, os.Chmod(folder, 0o777))
	require.ErrorContains(t, writePrivate(filepath.Join(folder, "login"), []byte("1")), "chmod go-w")
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, entries)

	require.ErrorContains(t, writePrivate("/nonexistent/login", []byte("1")), "/nonexistent")
}
