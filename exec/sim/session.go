package sim

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// login is one time a person logged in: an API session, and the session token
// it is exchanged for, always the same one.
type login struct {
	api, token string
	exchanged  bool
	born       market.Stamp // first exchange; the life counts from here
	ends       market.Mono  // by a later login; zero: not by that
	dead       bool
}

// sessions has one owner, the core.
type sessions struct {
	cfg    *Config
	rng    *rand.Rand
	logins []*login
}

func newSessions(cfg *Config) *sessions {
	s := &sessions{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x5e55))}
	token := cfg.FirstToken
	if token == "" {
		token = s.number()
	}
	s.logins = []*login{{api: cfg.APISession, token: token}}
	return s
}

func (s *sessions) number() string { return fmt.Sprintf("%08d", 10_000_000+s.rng.IntN(89_000_000)) }

func (s *sessions) issue(now market.Mono) string {
	for _, l := range s.logins {
		switch s.cfg.OldLogins {
		case DropOldLogins:
			l.dead = true
		case GraceOldLogins:
			if l.ends == 0 {
				l.ends = now.Add(s.cfg.Grace)
			}
		}
	}
	l := &login{api: s.number(), token: s.number()}
	s.logins = append(s.logins, l)
	return l.api
}

func (s *sessions) endAll() {
	for _, l := range s.logins {
		l.dead = true
	}
}

func (s *sessions) alive(l *login, at market.Stamp) bool {
	if l.dead {
		return false
	}
	switch {
	case l.ends != 0 && at.Mono >= l.ends,
		l.exchanged && s.cfg.SessionLifetime > 0 && at.Mono.Sub(l.born.Mono) >= s.cfg.SessionLifetime,
		l.exchanged && s.cfg.MidnightCut && at.Wall.Date() != l.born.Wall.Date():
		l.dead = true
	}
	return !l.dead
}

// exchange answers customerdetails: the session token, or the text that
// refuses it. Asking again never lengthens a life.
func (s *sessions) exchange(api string, at market.Stamp) (token, refusal string) {
	for _, l := range s.logins {
		if !same(l.api, api) {
			continue
		}
		if !s.alive(l, at) {
			return "", textResource
		}
		if !l.exchanged {
			l.exchanged, l.born = true, at
		}
		return s.encode(l), ""
	}
	return "", textBadSession
}

func (s *sessions) encode(l *login) string {
	return base64.StdEncoding.EncodeToString([]byte(s.cfg.User + ":" + l.token))
}

// known tells whether the base64 session token is of a living session.
func (s *sessions) known(encoded string, at market.Stamp) bool {
	found := false
	for _, l := range s.logins {
		found = found || l.exchanged && same(s.encode(l), encoded) && s.alive(l, at)
	}
	return found
}

// socket tells whether a stream's credential is of a living session.
func (s *sessions) socket(user, token string, at market.Stamp) bool {
	found := false
	for _, l := range s.logins {
		found = found || l.exchanged && same(user, s.cfg.User) && same(token, l.token) && s.alive(l, at)
	}
	return found
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

const timestampForm = "2006-01-02T15:04:05.000Z"

// fresh tells whether a request's timestamp has the venue's form and is within
// the window of the wall clock.
func fresh(timestamp string, now market.UnixNano, window time.Duration) bool {
	t, err := time.Parse(timestampForm, timestamp)
	return err == nil && (window < 0 || now.Sub(market.UnixNano(t.UnixNano())).Abs() <= window)
}
