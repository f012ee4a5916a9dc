package dashboard

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hashicorp/go-hclog"
)

//go:embed assets
var assets embed.FS

// Config is what a page needs.
type Config struct {
	Listen   string                    // "127.0.0.1:0" takes any free port of this machine
	Public   bool                      // answer other machines too, to look only
	Snapshot func() Snapshot           // called by one goroutine, a few times a second
	Kill     func(reason string) error // stops trading; nil: no button
	Every    time.Duration             // between two frames; 200 ms when zero
	Log      hclog.Logger              // nil: silent
}

// Server serves the page from Listen until Run ends.
type Server struct {
	config   Config
	listener net.Listener
	guard    guard
	index    []byte
	hub      hub
	curve    curve // owned by the goroutine that Run starts for it
}

const (
	defaultEvery = 200 * time.Millisecond
	idleEvery    = time.Second      // when nobody looks, for the curve alone
	writeTimeout = 10 * time.Second // a browser that takes longer for a frame is gone
)

// Listen takes the address, so that URL is known and a taken port is an error
// before anything trades.
func Listen(config Config) (*Server, error) {
	if config.Snapshot == nil {
		return nil, errors.New("dashboard: no source of snapshots")
	}
	if config.Every <= 0 {
		config.Every = defaultEvery
	}
	if config.Log == nil {
		config.Log = hclog.NewNullLogger()
	}
	s := &Server{config: config, guard: newGuard(config.Public)}
	host, _, err := net.SplitHostPort(config.Listen)
	if err != nil {
		return nil, fmt.Errorf("dashboard: listen address %q: %w", config.Listen, err)
	}
	if !config.Public && !(&guard{}).hostAllowed(host) {
		return nil, fmt.Errorf("dashboard: %q can be reached from other machines: allow that explicitly or listen on 127.0.0.1", config.Listen)
	}
	page, err := template.ParseFS(assets, "assets/index.html")
	if err != nil {
		return nil, fmt.Errorf("dashboard: page: %w", err)
	}
	var index strings.Builder
	if err := page.Execute(&index, map[string]string{"Token": s.killToken()}); err != nil {
		return nil, fmt.Errorf("dashboard: page: %w", err)
	}
	s.index = []byte(index.String())
	if s.listener, err = net.Listen("tcp", config.Listen); err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	return s, nil
}

// killOffered tells whether the page has the button: never where other
// machines can reach it.
func (s *Server) killOffered() bool { return s.config.Kill != nil && !s.config.Public }

func (s *Server) killToken() string {
	if s.killOffered() {
		return s.guard.token
	}
	return ""
}

// URL is where the page is.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close gives the address back, for a server that is never run.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves until ctx ends and returns when every connection is closed.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          s.config.Log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	var group sync.WaitGroup
	group.Go(func() { s.tick(ctx) })
	group.Go(func() {
		<-ctx.Done()
		// The streams end with ctx; what else is open has a moment.
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer done()
		if server.Shutdown(closing) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(s.listener)
	cancel()
	group.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("dashboard: %w", err)
}

// tick takes a snapshot now and then and hands it to whoever looks.
func (s *Server) tick(ctx context.Context) {
	ticker := time.NewTicker(s.config.Every)
	defer ticker.Stop()
	var told time.Time
	for {
		if s.hub.watched() || time.Since(told) >= idleEvery {
			told = time.Now()
			s.publish()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Server) publish() {
	snapshot := s.config.Snapshot()
	var news message
	var err error
	if news.frame, err = encode(&snapshot, s.killOffered()); err != nil {
		s.config.Log.Error("dashboard frame", "error", err)
		return
	}
	if s.curve.add(snapshot.Now, snapshot.PnL.Net) {
		if news.curve, err = s.curve.encode(); err != nil {
			s.config.Log.Error("dashboard curve", "error", err)
			return
		}
	}
	s.hub.publish(news)
}

// Handler is the page behind its guard. Frames come only while Run runs.
func (s *Server) Handler() http.Handler {
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	static := http.FileServerFS(files)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(s.index)
	})
	mux.HandleFunc("GET /stream", s.stream)
	mux.HandleFunc("POST /stop", s.stop)
	mux.HandleFunc("GET /{file}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("file") == "index.html" {
			http.NotFound(w, r) // only the filled-in page is served
			return
		}
		static.ServeHTTP(w, r)
	})
	return s.guard.wrap(mux)
}

// stream sends frames as server-sent events until the browser leaves.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	watcher, ok := s.hub.join()
	if !ok {
		http.Error(w, "too many pages are open: close one", http.StatusServiceUnavailable)
		return
	}
	defer s.hub.leave(watcher)

	w.Header().Set("Content-Type", "text/event-stream")
	connection := http.NewResponseController(w)
	send := func(event string, data []byte) error {
		if data == nil {
			return nil
		}
		if err := connection.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		_, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data)
		return err
	}
	if send("hello", []byte(strconv.Quote(s.guard.instance()))) != nil || connection.Flush() != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-watcher.wake:
		}
		news := watcher.take()
		if send("curve", news.curve) != nil || send("frame", news.frame) != nil || connection.Flush() != nil {
			return
		}
	}
}

// stop is the button.
func (s *Server) stop(w http.ResponseWriter, r *http.Request) {
	if !s.killOffered() {
		http.Error(w, "this page cannot stop trading", http.StatusForbidden)
		return
	}
	if !s.guard.stopAllowed(r) {
		s.config.Log.Warn("a request to stop trading did not come from the page", "from", r.RemoteAddr, "origin", clean(r.Header.Get("Origin")))
		http.Error(w, "only this page may stop trading: reload it", http.StatusForbidden)
		return
	}
	var body struct {
		Reason string `json:"reason"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<10)).Decode(&body); err != nil {
		http.Error(w, "want {\"reason\": \"…\"}", http.StatusBadRequest)
		return
	}
	reason := clean(body.Reason)
	if reason == "" {
		reason = "stopped from the dashboard"
	}
	if err := s.config.Kill(reason); err != nil {
		s.config.Log.Error("stop trading", "reason", reason, "error", err)
		http.Error(w, "trading was not stopped: "+err.Error(), http.StatusInternalServerError)
		return
	}
	s.config.Log.Warn("trading stopped from the dashboard", "reason", reason)
	w.WriteHeader(http.StatusNoContent)
}

// clean makes a text that a person typed fit for one line of a log.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200])
	}
	return strings.TrimSpace(text)
}
