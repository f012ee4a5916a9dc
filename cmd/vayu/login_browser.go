package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine/session"
)

// browserLogin brings a person's login from the browser into the file that a
// running engine watches: the person logs in at the venue, which sends the
// browser on to the address registered for the application, with the api session.
type browserLogin struct {
	Config string        `required:"" type:"path" placeholder:"FILE" help:"Configuration file; its session.login_file receives the login."`
	Listen string        `default:"127.0.0.1:8472" placeholder:"ADDRESS" help:"Where the venue sends the browser back to: the address registered for the application, on this machine."`
	Path   string        `default:"/callback" help:"The path registered for the application. One that nobody can guess keeps other pages in the same browser from sending a login of theirs."`
	Wait   time.Duration `default:"10m" help:"How long to wait for the person."`
	State  bool          `help:"Send a random state along and want it back. For a venue that hands it through; it is not documented that this one does."`
	URL    string        `default:"https://api.icicidirect.com/apiuser/login" help:"The venue's login page."`
}

// Help is what --help says beyond the flags.
func (*browserLogin) Help() string {
	return "It prints the venue's login address, waits on this machine for the browser to come back, and writes the api session into " +
		"session.login_file, mode 0600, in one step. A running engine takes it up by itself. The api session is never printed."
}

// Run waits for one login.
func (l *browserLogin) Run(ctx context.Context, s streams) error {
	c, err := config.Load(l.Config, os.Environ())
	if err != nil {
		return err
	}
	if c.Session.LoginFile == "" {
		return fmt.Errorf("%w: session.login_file is not set: name the file that the login is to be written to", config.ErrConfig)
	}
	credentials, warnings, err := config.LoadCredentials(c.Venue.CredentialsFile, os.Environ())
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	if err := l.check(); err != nil {
		return &exitError{exitUsage, err}
	}
	listener, err := net.Listen("tcp", l.Listen)
	if err != nil {
		return &exitError{exitTemporary, fmt.Errorf("--listen: %w", err)}
	}
	desk := &callback{path: l.Path, got: make(chan session.Token, 1)}
	if l.State {
		desk.state = rand.Text()
	}
	fmt.Fprintf(s.out, "Log in here, in a browser on this machine:\n\n  %s\n\n", loginAddress(l.URL, credentials.AppKey.Reveal(), desk.state))
	fmt.Fprintf(s.out, "Waiting for it to come back to http://%s%s, for %s at most.\n", listener.Addr(), l.Path, l.Wait)

	ctx, cancel := context.WithTimeout(ctx, l.Wait)
	defer cancel()
	login, err := desk.wait(ctx, listener)
	if err != nil {
		return &exitError{exitTemporary, fmt.Errorf("no login came: %w", err)}
	}
	if err := writePrivate(c.Session.LoginFile, []byte(login.Reveal()+"\n")); err != nil {
		return fmt.Errorf("session.login_file: %w", err)
	}
	fmt.Fprintf(s.out, "The login is in %s. A running engine takes it up by itself.\n", c.Session.LoginFile)
	return nil
}

func (l *browserLogin) check() error {
	host, _, err := net.SplitHostPort(l.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s: want an address and a port, such as 127.0.0.1:8472", l.Listen)
	}
	if address, err := netip.ParseAddr(host); err != nil || !address.IsLoopback() {
		return fmt.Errorf("--listen %s: a login is taken on a loopback address only, such as 127.0.0.1", l.Listen)
	}
	if !strings.HasPrefix(l.Path, "/") || l.Path == donePath {
		return fmt.Errorf("--path %s: want a path that begins with / and is not %s", l.Path, donePath)
	}
	if u, err := url.Parse(l.URL); err != nil || u.Host == "" {
		return fmt.Errorf("--url %s: want the address of the venue's login page", l.URL)
	}
	if l.Wait <= 0 {
		return errors.New("--wait must be above 0")
	}
	return nil
}

// loginAddress is the venue's login page for an application. App keys hold
// characters that an address cannot.
func loginAddress(page, appKey, state string) string {
	address := page + "?api_key=" + url.QueryEscape(appKey)
	if state != "" {
		address += "&state=" + url.QueryEscape(state)
	}
	return address
}

// callback takes one login from a browser and forgets how it came.
type callback struct {
	path  string
	state string // wanted back; empty: none was sent
	got   chan session.Token
}

// donePath is where the browser is sent on to, so that the login stands neither
// in its address line nor in its history.
const donePath = "/done"

const loginBody = 8 << 10 // bytes of a form at most

// wait serves until a login has come and its browser has been told.
func (c *callback) wait(ctx context.Context, listener net.Listener) (session.Token, error) {
	server := &http.Server{
		Handler: c, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0), // what it says of a request could hold the login
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	var login session.Token
	var err error
	select {
	case login = <-c.got:
	case err = <-failed:
		return login, err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	polite, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if login.IsZero() {
		cancel()
	} else {
		time.Sleep(200 * time.Millisecond) // the browser asks for the last page
	}
	if server.Shutdown(polite) != nil {
		server.Close()
	}
	<-failed
	return login, err
}

func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case !literalLoopback(r.Host):
		// A foreign page can point a name of its own at this machine, but cannot
		// make the browser say a literal address.
		http.Error(w, "this answers to a literal address of its machine only", http.StatusMisdirectedRequest)
	case r.URL.Path == donePath:
		say(w, http.StatusOK, "The login has arrived. You may close this window.")
	case subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte(c.path)) != 1:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		h.Set("Allow", "GET, POST")
		say(w, http.StatusMethodNotAllowed, "Only GET and POST bring a login.")
	default:
		c.take(w, r)
	}
}

func (c *callback) take(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, loginBody)
	if err := r.ParseForm(); err != nil {
		say(w, http.StatusBadRequest, "That form cannot be read.")
		return
	}
	if c.state != "" && subtle.ConstantTimeCompare([]byte(value(r.Form, "state")), []byte(c.state)) != 1 {
		say(w, http.StatusForbidden, "That login was not asked for here.")
		return
	}
	login := value(r.Form, "apisession")
	if login == "" || len(login) > loginCommandText || strings.ContainsFunc(login, func(r rune) bool { return r <= ' ' || r > '~' }) {
		say(w, http.StatusBadRequest, "No api session came along. Log in again, and look at the address registered for the application.")
		return
	}
	select {
	case c.got <- session.NewToken(login):
		http.Redirect(w, r, donePath, http.StatusSeeOther)
	default:
		say(w, http.StatusConflict, "A login has come already.")
	}
}

// value finds a form's only value, whatever the case and underlines of its name:
// the venue writes apisession, its samples API_Session. Two are none.
func value(form url.Values, name string) (found string) {
	n := 0
	for key, values := range form {
		if strings.EqualFold(strings.ReplaceAll(key, "_", ""), name) {
			for _, v := range values {
				found = v
				n++
			}
		}
	}
	if n != 1 {
		return ""
	}
	return found
}

func literalLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintf(w, "<!doctype html><title>Vayu</title><p>%s</p>\n", html.EscapeString(text))
}
