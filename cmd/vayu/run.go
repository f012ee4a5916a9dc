package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/cmd/vayu/internal/dashboard"
	"github.com/vayu-trading/vayu/cmd/vayu/internal/report"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// trade runs an engine by a configuration file.
type trade struct {
	Config string        `required:"" type:"path" placeholder:"FILE" help:"Configuration file; the environment (VAYU_SECTION__KEY) is laid over it."`
	For    time.Duration `placeholder:"D" help:"How long to trade, in real time; until it is told to stop when not given."`
	JSON   string        `placeholder:"FILE" help:"Write the result as JSON; - is the standard output."`
	Arm    bool          `help:"Trade though the engine was started three times within ten minutes."`
	HTTP   string        `placeholder:"ADDRESS" help:"Where the page is served, instead of dashboard.listen; port 0 takes any, off is none."`
}

// Help is what --help says beyond the flags.
func (*trade) Help() string {
	return "Mode sim is the live gateway against a simulated venue on loopback addresses, such as `vayu sim` serves: " +
		"it needs no arming, for nothing of it can reach a market. Modes paper and live are refused: " +
		"this build trades only against a simulated venue on this machine. " +
		"Credentials come from venue.credentials_file (mode 0600); a new login from session.login_file or session.login_command."
}

// errModes is the answer to the modes that this build has not.
var errModes = errors.New("this build trades only against a simulated venue on this machine: set mode = \"sim\"")

// Run trades until its time is up or ctx ends.
func (t *trade) Run(ctx context.Context, s streams) error {
	if t.For < 0 {
		return &exitError{exitUsage, errors.New("--for must not be negative")}
	}
	c, err := t.load(os.Environ())
	if err != nil {
		return err
	}
	if c.Mode != config.Sim {
		return &exitError{exitConfig, fmt.Errorf("mode %s: %w", c.Mode, errModes)}
	}
	credentials, warnings, err := config.LoadCredentials(c.Venue.CredentialsFile, os.Environ())
	if err != nil {
		return err
	}
	if c.Session.LoginFile == "" && len(c.Session.LoginCommand) == 0 && credentials.APISession.IsZero() {
		return fmt.Errorf("%w: no api session: put it beside the app key, or name a session.login_file or session.login_command", config.ErrConfig)
	}
	line := report.NewLine(s.err)
	log, closeLog, err := openLog(&c.Log, line)
	if err != nil {
		return err
	}
	defer closeLog()
	for _, warning := range warnings {
		log.Warn(warning)
	}
	roots, err := trusted(c.Venue.TLSCA)
	if err != nil {
		return err
	}
	folder, err := cacheFolder(&c)
	if err != nil {
		return err
	}
	kept, err := openJournal(c.Journal.Folder)
	if err != nil {
		return err
	}
	defer kept.Close()
	letters, err := openLetters(c.Journal.Folder)
	if err != nil {
		return err
	}
	defer letters.Close()
	clock, moment, stopClock, err := marketClock(ctx, c.Venue.ClockURL, roots, log)
	if err != nil {
		return err
	}
	defer stopClock()

	if err := canWrite(t.JSON); err != nil {
		return err
	}
	m := newMeter()
	engine, err := newSystem(ctx, setting{
		config: c, clock: clock, appKey: credentials.AppKey.Reveal(), secret: credentials.SecretKey,
		login: loginSource(&c.Session, credentials.APISession), rules: sessionRules(&c.Session),
		folder: folder, journal: kept, letters: letters, roots: roots, seed: uint64(time.Now().UnixNano()), log: log,
		armed: t.Arm, told: s.err,
	})
	if err != nil {
		return err
	}
	defer engine.serveOperator(c.Journal.Folder)()
	page, closePage, err := engine.servePage(c.Dashboard.Listen, string(c.Mode), c.Venue.RestURL, moment)
	if err != nil {
		return err
	}
	defer closePage()
	fmt.Fprintf(s.err, "%s against %s, market time %s\n", engine.title(), c.Venue.RestURL, clock.Now().Market)
	if page != "" {
		fmt.Fprintf(s.err, "page: %s\n", page)
	}
	if t.For > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, t.For)
		defer stop()
	}
	watched, stopLine := make(chan struct{}), make(chan struct{})
	go func() {
		engine.watchLine(line, stopLine)
		close(watched)
	}()
	err = engine.run(ctx)
	close(stopLine)
	<-watched
	if err != nil {
		return err
	}
	result := engine.document(m)
	result.HTTP = page
	if err := finish(result, t.JSON, s); err != nil {
		return err
	}
	return engine.verdict()
}

// load is the configuration with the flags laid over it, its addresses in the
// form that the parts want.
func (t *trade) load(environ []string) (config.Config, error) {
	c, err := config.Load(t.Config, environ)
	if err != nil {
		return c, err
	}
	switch t.HTTP {
	case "":
	case "off":
		c.Dashboard.Listen = ""
	default:
		c.Dashboard.Listen = t.HTTP
	}
	if err := c.Validate(); err != nil {
		return c, err
	}
	c.Venue.StreamURL, c.Venue.OrderStreamURL = socketURL(c.Venue.StreamURL), socketURL(c.Venue.OrderStreamURL)
	c.Venue.RestURL = restURL(c.Venue.RestURL)
	return c, nil
}

// socketURL is the websocket form of a stream's address, which people also
// write as http and with Socket.IO's own path.
func socketURL(text string) string {
	if rest, ok := strings.CutPrefix(text, "http"); ok { // http and https
		text = "ws" + rest
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "/"), "/socket.io")
}

// restURL adds the API's path to an address that is a host alone.
func restURL(text string) string {
	if u, err := url.Parse(text); err == nil && (u.Path == "" || u.Path == "/") {
		u.Path = "/breezeapi/api/v1/"
		return u.String()
	}
	return text
}

// openLog logs above the status line and, if the configuration names one, into
// a file.
func openLog(c *config.Log, line io.Writer) (hclog.Logger, func(), error) {
	out, done := line, func() {}
	if c.File != "" {
		file, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: log.file: %w", config.ErrConfig, err)
		}
		out, done = io.MultiWriter(line, file), func() { _ = file.Close() } // a log's last line is worth no failure
	}
	return hclog.New(&hclog.LoggerOptions{
		Name: "vayu", Level: hclog.LevelFromString(c.Level), Output: out, TimeFormat: "2006-01-02T15:04:05.000Z0700",
	}), done, nil
}

// trusted is the system's certificates and those of the file; nil, which means
// the system's, without one.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: venue.tls_ca: %w", config.ErrConfig, err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without any
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%w: venue.tls_ca: %s has no certificate in PEM form", config.ErrConfig, file)
	}
	return roots, nil
}

// cacheFolder is where the security master of this venue is kept: under the
// user's cache, one folder a venue, for two venues have different tokens.
func cacheFolder(c *config.Config) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: no folder to keep the security master in: %w", config.ErrConfig, err)
	}
	u, err := url.Parse(c.Venue.MasterURL)
	if err != nil {
		return "", fmt.Errorf("%w: venue.master_url: %w", config.ErrConfig, err)
	}
	folder := filepath.Join(cache, "vayu", strings.Map(fileSafe, u.Host))
	return folder, os.MkdirAll(folder, 0o700)
}

func fileSafe(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
		return r
	}
	return '_'
}

// openLetters opens the file that keeps refused bytes of the streams, beside
// the journal.
func openLetters(folder string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(folder, "dead-letters.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: journal.folder: %w", config.ErrConfig, err)
	}
	return file, nil
}

// sessionRules is the configured life of a login; a life of minutes, as in a
// rehearsal, scales the margins that are not configured.
func sessionRules(c *config.Session) session.Rules {
	rules := session.DefaultRules()
	rules.Timeout, rules.MidnightCut = c.Timeout.Duration, c.MidnightCut
	rules.DailyCut, _ = c.DailyCut.AfterMidnight()
	rules.RenewBefore = c.RenewBefore.Duration
	return rules.Scaled()
}

// marketClock reads market time, and how its prices came to be, from the
// simulated venue at address; from this machine when there is none.
func marketClock(ctx context.Context, address string, roots *x509.CertPool, log hclog.Logger) (market.Clock, func() dashboard.Moment, func(), error) {
	if address == "" {
		return market.SystemClock{}, func() dashboard.Moment { return dashboard.Unlabelled }, func() {}, nil
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: transport(roots)}
	r := &clockReader{url: address, client: client, log: log.Named("clock")}
	if err := r.start(ctx); err != nil {
		client.CloseIdleConnections()
		return nil, nil, nil, err
	}
	following, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.follow(following)
	}()
	moment := func() dashboard.Moment { return dashboard.Moment(r.moment.Load()) }
	return r.clock, moment, func() { stop(); <-done; client.CloseIdleConnections() }, nil
}
