package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard decides who may speak to the page.
type guard struct {
	token  string // random, of this process; the page carries it
	public bool
}

const tokenHeader = "X-Vayu-Token"

func newGuard(public bool) guard { return guard{token: rand.Text(), public: public} }

// hostAllowed refuses requests for a host by name. A foreign page can point a
// name of its own at our address and would then count as the same origin; it
// cannot make the browser send a literal address.
func (g *guard) hostAllowed(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil && (g.public || address.Unmap().IsLoopback())
}

// stopAllowed tells whether a request to stop trading comes from our own page.
func (g *guard) stopAllowed(r *http.Request) bool {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(g.token)) != 1 {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	origin, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
}

// wrap puts the checks and the headers that confine the page before every
// answer.
func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "+
			"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		if !g.hostAllowed(r.Host) {
			http.Error(w, "this page answers to a literal address of its machine only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// instance tells one run of the process from the next without giving the token
// away: a page of an earlier run reloads itself.
func (g *guard) instance() string {
	sum := sha256.Sum256([]byte("instance " + g.token))
	return hex.EncodeToString(sum[:8])
}
