package gateway

import (
	"errors"
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// invalidation is what a new login does to older sessions at the venue.
type invalidation uint8

const (
	deadAtOnce invalidation = iota
	deadAfterGrace
	allLive
	invalidations
)

const loginGrace = 30 * second

// grant is one session at the venue.
type grant struct {
	made market.Mono
	ends market.Mono // refused from then on
}

// logins is the venue's table of sessions, the person who logs in, and the real
// session machine of the process.
type logins struct {
	draws    draws
	mode     invalidation
	tokens   []grant // the venue's; a token's number is its place
	personAt market.Mono
	texts    []session.Token

	machine *session.Machine
	current *session.Credential
	held    int   // token in force; -1: none
	byEpoch []int // tokens of this process by epoch
	state   session.State
	action  session.Action // under way
	made    int            // token that the exchange under way brought
	tickAt  market.Mono
	swaps   uint64
}

func (l *logins) begin(s *simWorld) {
	l.draws, l.mode = newDraws(s.seed, drawsOfPeople+1), s.plan.sessions
	l.logIn(0)
	for _, at := range s.cuts() {
		s.post(cutComes, at-s.now, 0)
	}
}

// logIn is the person's new login, seen by the engine from then on.
func (l *logins) logIn(at market.Mono) {
	l.texts = append(l.texts, session.NewToken(fmt.Sprintf("login %d", len(l.texts))))
	l.personAt = at
}

// remind makes the person log in again when the session has ended.
func (l *logins) remind(s *simWorld) {
	if (l.state == session.Reducing || l.state == session.Down) && s.now-l.personAt > 20*second {
		l.logIn(s.now + l.draws.between(0, 5*second))
	}
}

// cuts are when the venue ends every session.
func (s *simWorld) cuts() (at []market.Mono) {
	if s.plan.cut > 0 {
		at = append(at, market.Mono(simDay.At(s.plan.cut)-s.clock.zero))
	}
	if midnight := market.Mono(simDay.AddDays(1).At(0) - s.clock.zero); midnight < 3600*second {
		at = append(at, midnight)
	}
	return at
}

// cut ends all sessions of the venue; the person logs in again soon.
func (l *logins) cut(s *simWorld) {
	for i := range l.tokens {
		l.tokens[i].ends = min(l.tokens[i].ends, s.now)
	}
	l.logIn(s.now + l.draws.between(0, 10*second))
	if s.say != nil {
		s.say("%v the venue ends every session", s.now)
	}
}

// dropped is the venue forgetting the newest session.
func (l *logins) dropped(s *simWorld) {
	if n := len(l.tokens); n > 0 {
		l.tokens[n-1].ends = min(l.tokens[n-1].ends, s.now)
		s.coverAll(tokenDies)
	}
}

// good tells whether the venue takes a call with the token.
func (l *logins) good(t int, now market.Mono) bool { return t >= 0 && now < l.tokens[t].ends }

// start is the session machine of a new process, which has no credential yet.
func (l *logins) start(s *simWorld) {
	rules := session.DefaultRules()
	rules.DailyCut = s.plan.cut
	// A journal knows the exchanges of earlier starts; here each start has its own
	// allowance, as an operator would grant it.
	rules.Per10Min, rules.PerDay = 60, 1000
	machine, err := session.NewMachine(rules, "user", l.draws.Rand)
	if err != nil {
		panic(err)
	}
	l.machine, l.current, l.held, l.byEpoch, l.tickAt = machine, nil, -1, append(l.byEpoch[:0], -1), 0
	l.state, l.action, l.made = session.Down, session.Action{}, -1
	l.feed(s, session.Event{Kind: session.Tick})
}

func (l *logins) happens(s *simWorld, h *happening) {
	e := session.Event{Kind: session.Tick}
	switch h.what {
	case loginTicks:
		l.tickAt = 0
	case loginLost:
		e = session.Event{Kind: session.Lost, Epoch: uint64(h.more)}
	case loginFetched:
		e.Kind = session.Fetched
		n := len(l.texts) - 1
		if s.now < l.personAt {
			n--
		}
		if s.strikes(l.draws, loginDown, 0) || n < 0 {
			e.Err = errLoginDown
		} else {
			e.Login = l.texts[n]
		}
	case loginExchanged:
		e = l.exchanged(s)
	case loginProbed:
		e.Kind = session.Probed
		if !l.good(l.made, s.now) {
			e.Err = session.ErrLogin
		}
	case feedsMoved:
		e.Kind = session.FeedsDone
	}
	l.feed(s, e)
}

var errLoginDown = errors.New("the login page is down")

// exchanged is the venue's answer to a login.
func (l *logins) exchanged(s *simWorld) session.Event {
	e := session.Event{Kind: session.Exchanged}
	if s.strikes(l.draws, loginDown, 0) || s.net.out {
		e.Err = errLoginDown
		return e
	}
	for i := range l.tokens {
		switch l.mode {
		case deadAtOnce:
			l.tokens[i].ends = min(l.tokens[i].ends, s.now)
		case deadAfterGrace:
			l.tokens[i].ends = min(l.tokens[i].ends, s.now+loginGrace)
		}
	}
	l.tokens = append(l.tokens, grant{made: s.now, ends: 1 << 62})
	l.made = len(l.tokens) - 1
	e.Credential = &session.Credential{User: "user", Session: l.texts[len(l.texts)-1]}
	return e
}

// feed gives the machine an event and does what it wants.
func (l *logins) feed(s *simWorld, e session.Event) {
	for {
		at := s.clock.stamp(s.now)
		a := l.machine.Step(e, at)
		l.machine.Alarm()
		if a.Phase == session.Swap {
			l.swap(s, a.Credential)
			if !s.up {
				return
			}
			e = session.Event{Kind: session.Swapped, Credential: l.current}
			continue
		}
		if state := l.machine.State(at); state != l.state {
			l.state = state
			l.announce(s)
			if !s.up {
				return
			}
		}
		switch a.Phase {
		case session.Fetch:
			s.postOwn(loginFetched, l.draws.between(ms, 50*ms), 0)
		case session.Exchange:
			s.postOwn(loginExchanged, l.draws.between(50*ms, 800*ms), 0)
		case session.Probe:
			s.postOwn(loginProbed, l.draws.between(20*ms, 300*ms), 0)
		case session.FeedSwap:
			s.postOwn(feedsMoved, l.draws.between(20*ms, 500*ms), 0)
		}
		break
	}
	l.wake(s)
}

// wake makes the machine tick when it wants to.
func (l *logins) wake(s *simWorld) {
	at := s.clock.stamp(s.now)
	// As the keeper does: the wall clock may jump meanwhile.
	due := s.now + min(max(market.Mono(l.machine.Wait(at)), ms), minute)
	if l.tickAt == 0 || due < l.tickAt || l.tickAt <= s.now {
		l.tickAt = due
		s.postOwn(loginTicks, due-s.now, 0)
	}
}

// swap puts a credential in force. Invariant 12: epochs rise by one.
func (l *logins) swap(s *simWorld, c *session.Credential) {
	before := uint64(0)
	if l.current != nil {
		before = l.current.Epoch
	}
	if c.Epoch != before+1 {
		s.fail("epoch %d follows %d", c.Epoch, before)
	}
	l.current, l.held = c, l.made
	l.byEpoch = append(l.byEpoch, l.made)
	l.swaps++
	l.state = session.Live
	l.announce(s)
}

func (l *logins) announce(s *simWorld) {
	if l.current == nil {
		return
	}
	s.event.Kind = SessionEvent
	s.event.Session = Session{Epoch: l.current.Epoch, State: l.state, EntriesUntil: l.current.EntriesUntil, Expiry: l.current.Expiry}
	s.step()
}
