package sim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// silence is how long an answer that a fault withholds keeps its connection.
const silence = 2 * time.Minute

// Handler serves everything on one port: REST, the streams, the security
// master, the clock and a login page. The venue moves only while [Venue.Run]
// or [Venue.Serve] does.
func (v *Venue) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(v1, v.rest)
	mux.HandleFunc(v2, v.rest)
	mux.HandleFunc("/socket.io/", v.stream(false))
	mux.HandleFunc("/ohlcvstream/", v.stream(true))
	mux.HandleFunc("GET /SecurityMaster.zip", v.serveMaster)
	mux.HandleFunc("GET /MotherAppMaster/SecurityMaster.zip", v.serveMaster)
	mux.HandleFunc("GET /clock", v.serveClock)
	mux.HandleFunc("GET /apiuser/login", v.serveLogin)
	mux.HandleFunc("/", v.unknown)
	return mux
}

func (v *Venue) rest(w http.ResponseWriter, r *http.Request) {
	// GET and DELETE carry bodies here; net/http reads them like any other.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return
	}
	req := Request{
		Method: r.Method, Path: r.URL.Path, Checksum: r.Header.Get("X-Checksum"), Timestamp: r.Header.Get("X-Timestamp"),
		AppKey: r.Header.Get("X-AppKey"), SessionToken: r.Header.Get("X-SessionToken"), Body: body,
	}
	if req.Path == v2 {
		req.AppKey, req.Query = r.Header.Get("apikey"), make(map[string]string)
		for key, values := range r.URL.Query() {
			req.Query[key] = values[0]
		}
	}
	v.mu.Lock()
	now := v.clock.Now()
	answer := v.core.Answer(&req, now)
	v.flush(now)
	v.mu.Unlock()
	switch answer.Fate {
	case Cut:
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	case Silence:
		select {
		case <-r.Context().Done():
		case <-time.After(silence):
		}
		panic(http.ErrAbortHandler)
	}
	kind := "application/json; charset=utf-8"
	if answer.HTML {
		kind = "text/html"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body) // a client that is gone needs no answer
}

func (v *Venue) serveMaster(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-zip-compressed")
	stamp := v.core.Date().At(7*time.Hour + 30*time.Minute).Time()
	http.ServeContent(w, r, "SecurityMaster.zip", stamp, bytes.NewReader(v.master))
}

// clockNow is what /clock answers. An engine beside the venue takes market time
// from it.
type clockNow struct {
	MarketTime string  `json:"market_time"`
	Speed      float64 `json:"speed"`
	Date       string  `json:"date"`
	Phase      string  `json:"phase"`  // "open" or "closed"
	Source     string  `json:"source"` // of the last event: "recorded" or "synthetic"
	Next       string  `json:"next_recorded,omitempty"`
	Lap        int     `json:"lap"`
	Tape       string  `json:"tape"`
}

func (v *Venue) serveClock(w http.ResponseWriter, _ *http.Request) {
	v.mu.Lock()
	now := v.clock.Now()
	c := clockNow{
		MarketTime: now.Market.Time().Format(time.RFC3339Nano), Speed: v.clock.Speed(), Date: v.core.Date().String(),
		Phase: "closed", Source: "recorded", Lap: v.laps, Tape: v.cfg.Tape.Describe(),
	}
	if v.core.open(now.Market) {
		c.Phase = "open"
	}
	if v.lately {
		c.Source = "synthetic"
	}
	if next := v.player.Next(); next != 0 {
		c.Next = next.String()
	}
	v.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c) // a client that is gone needs no answer
}

// serveLogin is the person at the browser: it logs in and sends the browser on
// with the API session.
func (v *Venue) serveLogin(w http.ResponseWriter, r *http.Request) {
	if !same(r.URL.Query().Get("api_key"), v.cfg.AppKey) {
		http.Error(w, textBadKey, http.StatusUnauthorized)
		return
	}
	api := v.NewLogin()
	if v.cfg.Redirect == "" {
		_, _ = io.WriteString(w, api) // a client that is gone needs no answer
		return
	}
	separator := "?"
	if strings.Contains(v.cfg.Redirect, "?") {
		separator = "&"
	}
	http.Redirect(w, r, v.cfg.Redirect+separator+"apisession="+url.QueryEscape(api), http.StatusFound)
}

// unknown answers paths nobody serves. An upgrade there gets nothing for a
// second and is then closed, as the real server does.
func (v *Venue) unknown(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		select {
		case <-r.Context().Done():
		case <-time.After(time.Second):
		}
		panic(http.ErrAbortHandler)
	}
	http.NotFound(w, r)
}
