package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

const whole = `
mode = "sim"

[venue]
rest_url = "http://127.0.0.1:9000"
stream_url = "ws://127.0.0.1:9000"
order_stream_url = "ws://127.0.0.1:9000"
master_url = "http://127.0.0.1:9000/SecurityMaster.zip"
clock_url = "http://localhost:9000/clock"

[session]
timeout = "23h55m"
renew_before = "5m"
daily_cut = "08:30"

[risk]
order_lots = 10
order_notional = "2500000"
open_orders = 20
position_lots = 20
gross_lots = 60
day_loss = 25000.50
flatten_loss = 40000
collar_percent = 12.5

[[strategies]]
name = "short-straddle"
[strategies.params]
lots = 1
stop = 0.3
exit = "15:10"

[[strategies]]
name = "short-straddle"
instance = "second"
mode = "inline"
[strategies.limits]
day_loss = "5000"
`

func TestLoadReadsAWholeFile(t *testing.T) {
	c, err := Load(write(t, "vayu.toml", whole, 0o644), nil)
	require.NoError(t, err)
	require.NoError(t, c.Validate())

	require.Equal(t, Sim, c.Mode)
	require.Equal(t, market.Paise(2500050), c.Risk.DayLoss.Paise)
	require.Equal(t, 23*time.Hour+55*time.Minute, c.Session.Timeout.Duration)
	cut, ok := c.Session.DailyCut.AfterMidnight()
	require.True(t, ok)
	require.Equal(t, 8*time.Hour+30*time.Minute, cut)
	require.True(t, c.Session.MidnightCut, "the default stands where the file is silent")
	require.Equal(t, map[string]any{"lots": int64(1), "stop": 0.3, "exit": "15:10"}, c.Strategies[0].Params)
	require.Equal(t, "short-straddle", c.Strategies[0].Instance)
	require.Equal(t, Loop, c.Strategies[0].Mode)
	require.Equal(t, Inline, c.Strategies[1].Mode)
	require.Equal(t, 500000, int(c.Strategies[1].Limits.DayLoss.Paise))
}

func TestDefaultsAreSafeAndNeedAStrategyAndAmounts(t *testing.T) {
	c, err := Load("", nil)
	require.NoError(t, err)
	require.ErrorContains(t, c.Validate(), "strategies: none")
	require.ErrorContains(t, c.Validate(), "risk.order_lots: is not set")

	require.Zero(t, c.Risk.OrderLots)
	require.Zero(t, c.Risk.DayLoss.Paise)

	c.Strategies, c.Risk = []Strategy{{Name: "short-straddle"}}, simulated(t).Risk
	require.NoError(t, c.Validate())
	require.Equal(t, Paper, c.Mode)
	require.Equal(t, "https://api.icicidirect.com", c.Venue.RestURL)
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	file := write(t, "vayu.toml", whole, 0o644)
	c, err := Load(file, []string{
		"PATH=/bin", "VAYU_VENUE__REST_URL=http://[::1]:1", "VAYU_RISK__DAY_LOSS=100.05", "VAYU_SESSION__MIDNIGHT_CUT=false",
		"VAYU_SESSION__TIMEOUT=20s", "VAYU_SESSION__RENEW_BEFORE=5s", "VAYU_RETRY__MAX_RETRIES=1", "VAYU_RISK__COLLAR_PERCENT=2.5",
		"VAYU_VENUE__APP_KEY=secret",
	})
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	require.Equal(t, "http://[::1]:1", c.Venue.RestURL)
	require.Equal(t, market.Paise(10005), c.Risk.DayLoss.Paise)
	require.False(t, c.Session.MidnightCut)
	require.Equal(t, 1, c.Retry.MaxRetries)
	require.InDelta(t, 2.5, c.Risk.CollarPercent, 0)
}

func TestEnvironmentThatNamesNothingIsRefused(t *testing.T) {
	_, err := Load("", []string{"VAYU_VENUE__RESTURL=x"})
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, `"VAYU_VENUE__RESTURL" names no setting (did you mean "VAYU_VENUE__REST_URL"?)`)

	_, err = Load("", []string{"VAYU_RETRY__MAX_RETRIES=many"})
	require.ErrorContains(t, err, "VAYU_RETRY__MAX_RETRIES")

	_, err = Load("", []string{"VAYU_SESSION__LOGIN_COMMAND=sh"})
	require.ErrorContains(t, err, "only be made in the file")
}

func TestS7_ConfigurationThatCannotBeMeantIsRefusedWithItsKey(t *testing.T) {
	refuses := func(text string, says ...string) {
		t.Helper()
		c, err := Parse("vayu.toml", []byte(text))
		if err == nil {
			err = c.Validate()
		}
		require.ErrorIs(t, err, ErrConfig)
		for _, part := range says {
			require.ErrorContains(t, err, part)
		}
	}

	refuses("[risk]\nday_los = \"1\"", "vayu.toml:2", `"risk.day_los"`, `did you mean "risk.day_loss"`)
	refuses("[[strategies]]\nnmae = \"x\"", "vayu.toml:2", `did you mean "strategies.name"`)
	refuses("[risks]\nday_loss = \"1\"", `"risks`, "vayu.toml:1")
	refuses("[venue]\nday_loss = \"1\"", `did you mean "risk.day_loss"`)
	refuses("[venue]\napp_key = \"x\"", "secrets do not belong into this file")
	refuses("mode = \"live\"\nmode = \"sim\"", "vayu.toml:2", "mode")
	refuses("[risk]\n[risk]", "vayu.toml:2")
	refuses("[risk]\ncollar_percent = nan", "risk.collar_percent", "NaN")
	refuses("[risk]\ncollar_percent = -1.0", "risk.collar_percent")
	refuses(strings.Replace(whole, "25000.50", "-1", 1), "risk.day_loss: is -100, want at most")
	refuses(strings.Replace(whole, "25000.50", "50000", 1), "risk.flatten_loss", "less than")
	refuses("[risk]\norder_lots = 5\nday_loss = nan # x", "vayu.toml:3: day_loss: \"nan\" is not an amount in rupees")
	refuses("[risk]\nday_loss = 0x10", "vayu.toml:2: day_loss")
	refuses("[risk]\nday_loss = 1979-05-27", "vayu.toml:2", "day_loss")
	refuses("[risk]\nday_loss = \"1.005\"", "vayu.toml:2", "rupees")
	refuses("[risk]\norder_lots = -1", "risk.order_lots: is -1")
	refuses("[risk]\norder_lots = 99999", "risk.order_lots")
	refuses("[session]\ntimeout = 5", "vayu.toml:2: timeout")
	refuses("[session]\ntimeout = \"48h\"", "session.timeout")
	refuses("[session]\ntimeout = \"1m\"\nrenew_before = \"2m\"", "session.renew_before")
	refuses("[session]\ndaily_cut = \"25:00\"", "vayu.toml:2", "time of day")
	refuses("[limits]\nper_second = 11", "limits.per_second")
	refuses("mode = \"sim\"\n[limits]\nper_second = 10001", "limits.per_second")
	refuses("[retry]\nmax_retries = 1000000", "retry.max_retries")
	refuses("[retry]\ninitial_backoff = \"1m\"\nmax_backoff = \"1s\"", "retry.max_backoff")
	refuses("mode = \"yolo\"", "mode", "paper, live, sim")
	refuses("[log]\nlevel = \"loud\"", "log.level")
	refuses("[dashboard]\nlisten = \"0.0.0.0:80\"", "dashboard.listen", "dashboard.public")
	refuses("[[strategies]]\nname = \"a\"\n[[strategies]]\nname = \"a\"", "strategies[1].instance", "taken")
	refuses("[[strategies]]\nname = \"../a\"", "strategies[0].name")
	refuses("[[strategies]]\nname = \"a\"\n[strategies.params]\nx = nan", "strategies[0].params.x")
	refuses("[[strategies]]\nname = \"a\"\n[strategies.params]\nx = [1]", "strategies[0].params.x")
	refuses("[[strategies]]\nname = \"a\"\n[strategies.limits]\nday_loss = \"-5\"", "strategies[0].limits.day_loss")
	refuses("x = "+strings.Repeat("[", 10_000), "nested deeper", "vayu.toml:1")
	refuses("\nx = "+strings.Repeat("{a = ", 10_000), "nested deeper", "vayu.toml:2")
	refuses(strings.Repeat("a.", 10_000)+"a = 1", "nested deeper")
	refuses("["+strings.Repeat("a.", 10_000)+"a]", "nested deeper")
	refuses(strings.Repeat("#", 10<<20), "larger than 64 KiB")
	refuses("mode = \"\x1b[2J\"", "vayu.toml:1")
}

func TestDepthIsCountedOutsideTextsAndComments(t *testing.T) {
	_, err := Parse("x", []byte("# [[[[[[[[[[[[[[[[[\n[log]\nfile = \"[[[[[[[[[[[[[[[[[\\\"a.b.c.d.e.f.g.h.i.j.k.l\"\n"))
	require.NoError(t, err)
}

func TestS7_OversizedFileIsNotReadWhole(t *testing.T) {
	_, err := Load(write(t, "vayu.toml", strings.Repeat("# large\n", 10<<20/8), 0o644), nil)
	require.ErrorContains(t, err, "larger than 64 KiB")

	fifo := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	_, err = Load(fifo, nil)
	require.ErrorContains(t, err, "not a regular file")

	_, err = Load(filepath.Join(t.TempDir(), "none.toml"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestModeSimTakesAddressesOfThisMachineOnly(t *testing.T) {
	for _, url := range []string{
		"https://api.icicidirect.com", "http://10.0.0.1:9000", "http://127.0.0.1.example.com", "http://0.0.0.0:1",
		"http://user:secret@127.0.0.1:9000", "http://127.0.0.1:9000/?apikey=secret", "ftp://127.0.0.1", "127.0.0.1:9000", "http://",
	} {
		c := simulated(t)
		c.Venue.RestURL = url
		err := c.Validate()
		require.ErrorContains(t, err, "venue.rest_url", url)
		require.NotContains(t, err.Error(), "secret")
	}
	for _, url := range []string{"http://127.0.0.1:9000", "https://localhost", "http://[::1]:80", "http://127.9.9.9"} {
		c := simulated(t)
		c.Venue.RestURL = url
		require.NoError(t, c.Validate(), url)
	}
	c := simulated(t)
	c.Venue.StreamURL = ""
	require.ErrorContains(t, c.Validate(), "venue.stream_url: missing")
}

func TestLiveAndPaperWantEncryptionAndTheirOwnClock(t *testing.T) {
	for _, mode := range []Mode{Live, Paper} {
		c := simulated(t)
		c.Mode = mode
		require.ErrorContains(t, c.Validate(), "venue.clock_url: only mode sim")

		c.Venue.ClockURL = ""
		require.NoError(t, c.Validate())

		c.Venue.StreamURL = "ws://livestream.icicidirect.com"
		require.ErrorContains(t, c.Validate(), "venue.stream_url")
	}
}

func TestShownConfigurationLoadsToTheSame(t *testing.T) {
	c := simulated(t)
	var out bytes.Buffer
	require.NoError(t, Show(&out, &c, nil))

	again, err := Parse("shown", out.Bytes())
	require.NoError(t, err, out.String())
	require.NoError(t, again.Validate())
	require.Equal(t, c, again)
}

func TestS1_ShownConfigurationHoldsNoSecret(t *testing.T) {
	const canary = "canary-7f3a"
	file := write(t, "keys.toml", `app_key = "`+canary+`"`+"\n"+`secret_key = "`+canary+`"`, 0o600)
	found, _, err := LoadCredentials(file, nil)
	require.NoError(t, err)
	c := simulated(t)
	var out bytes.Buffer
	require.NoError(t, Show(&out, &c, &found))

	printed := out.String() + fmt.Sprintf("%v %+v %#v %s", found, found, found, &found)
	require.NotContains(t, printed, canary)
	require.Contains(t, out.String(), "#   secret_key   redacted, from "+file)
	require.Contains(t, out.String(), "#   api_session  missing")
}

func simulated(t *testing.T) Config {
	t.Helper()
	c, err := Parse("whole", []byte(whole))
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	return c
}

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("[a.b.c]\nd = [[[1]]]"))
	f.Add([]byte("mode = '''\nx'''\n[[strategies]]\nparams = {a = 1, b = \"]\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("fuzz", text)
		if err != nil {
			require.ErrorIs(t, err, ErrConfig)
			return
		}
		if c.Validate() != nil {
			return
		}
		var out bytes.Buffer
		require.NoError(t, Show(&out, &c, nil))
		again, err := Parse("shown", out.Bytes())
		require.NoError(t, err, out.String())
		require.NoError(t, again.Validate())
		require.Equal(t, c, again)
	})
}
