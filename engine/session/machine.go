package session

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// State is what the session allows, for those who trade with it.
type State uint8

// The states. The zero value is the one before the first login.
const (
	Down     State = iota // no login yet
	Live                  // trade
	Renewing              // trade; a new login is under way
	Reducing              // the login is lost or about to end: only what cuts exposure
	Fatal                 // only a person can mend it: wrong key, wrong user
)

func (s State) String() string {
	return [...]string{"down", "live", "renewing", "reducing", "fatal", "?", "?", "?"}[s&7]
}

// Phase is how far a renewal has come.
type Phase uint8

// The phases of a renewal, in order.
const (
	Idle     Phase = iota
	Fetch          // asking the source for a login
	Exchange       // exchanging it at the venue
	Probe          // one read with the new credential
	Swap           // putting it in force
	FeedSwap       // the streams move over
)

// Sentinels that an [Exchanger] or a probe wraps, so that the machine knows
// what an error means. Any other error is worth another try.
var (
	ErrBusy   = errors.New("session: the venue throttles us; the login is tried again later")
	ErrLogin  = errors.New("session: the venue refuses this login; log in again")
	ErrConfig = errors.New("session: the venue refuses this application; check app key, secret and address")
)

// EventKind tells what an event is.
type EventKind uint8

// The events.
const (
	Tick      EventKind = iota // time passed
	Lost                       // Epoch: a call was refused for its session
	Fetched                    // Login or Err
	Exchanged                  // Credential or Err
	Probed                     // Err
	Swapped                    // Credential: the one now in force
	FeedsDone                  // every stream has moved over
)

// Event is what the machine is told.
type Event struct {
	Kind       EventKind
	Epoch      uint64
	Login      Token
	Credential *Credential
	Err        error
}

// Action is what the machine wants done. At most one is under way at a time;
// its result comes back as an event.
type Action struct {
	Phase      Phase // Fetch to FeedSwap; Idle: nothing to do
	Login      Token
	Credential *Credential
}

// Machine is the session's rules without the world: no clock, no goroutine, no
// I/O. It is owned by the [Keeper], or by a test.
//
// The end of a login is a fact of the wall clock, since the venue's midnight is
// one. But a wall clock can be set, so the time that is left counts on the
// monotonic clock as well and the shorter of the two holds: a clock set back
// cannot make a login live longer than the venue lets it. Pauses between tries
// and the ten minutes of the exchanges are of the monotonic clock alone.
type Machine struct {
	rules    Rules
	rng      *rand.Rand
	phase    Phase
	checking bool        // the fetch under way only looks whether there is a new login
	current  *Credential // in force
	used     Token       // the login behind current
	dead     Token       // a login that the venue refused
	held     Token       // a new login that waits for its time
	kept     *Credential // of an earlier run, to be taken up
	keptFrom Token
	next     *Credential // being probed, swapped
	nextFrom Token       // the login behind next
	lost     bool        // current was refused
	fatal    bool
	endsAt   market.Mono   // of current, on the monotonic clock
	renewIn  time.Duration // how long before the end of current the renewal starts
	tryAt    market.Mono   // after a failure, not before
	failures int           // in a row
	refusals int           // new credentials refused in a row
	warned   int           // warnings given about current, index into warnings
	made     [maxPer10Min]market.Mono
	madeAt   int
	today    market.Date
	madeDay  int
	limited  bool
	user     string
	alarm    string
}

const maxPer10Min = 1024

// busyPolls is how many polls a throttled login waits.
const busyPolls = 4

// warnings is when a person is told that no new login is there, before the end.
var warnings = [...]time.Duration{60 * time.Minute, 30 * time.Minute, 15 * time.Minute, 5 * time.Minute}

// NewMachine starts without a login. A user pins the account: another user's
// login is refused; empty, the first login pins it.
func NewMachine(rules Rules, user string, rng *rand.Rand) (*Machine, error) {
	if rules.Timeout <= 0 || rules.RenewBefore < 0 || rules.RenewBefore >= rules.Timeout || rules.Jitter < 0 || rules.Poll <= 0 {
		return nil, fmt.Errorf("session: timeout %v, renew_before %v, poll %v: want a timeout longer than renew_before, and a poll", rules.Timeout, rules.RenewBefore, rules.Poll)
	}
	if rules.Per10Min < 1 || rules.Per10Min > maxPer10Min || rules.PerDay < 1 {
		return nil, fmt.Errorf("session: %d exchanges per ten minutes and %d a day: want 1 to %d, and at least 1", rules.Per10Min, rules.PerDay, maxPer10Min)
	}
	m := &Machine{rules: rules, user: user, rng: rng}
	for i := range m.made {
		m.made[i] = -market.Mono(24 * time.Hour)
	}
	return m, nil
}

// Step takes one event and says what to do next.
func (m *Machine) Step(e Event, at market.Stamp) Action {
	switch e.Kind {
	case Lost:
		if m.current != nil && e.Epoch == m.current.Epoch {
			m.lost = true
		}
	case Fetched:
		if m.phase == Fetch {
			return m.fetched(e, at)
		}
	case Exchanged:
		if m.phase == Exchange {
			return m.exchanged(e, at)
		}
	case Probed:
		if m.phase == Probe {
			return m.probed(e, at)
		}
	case Swapped:
		if m.phase == Swap {
			return m.swapped(e, at)
		}
	case FeedsDone:
		if m.phase == FeedSwap {
			m.phase = Idle
		}
	}
	if m.phase != Idle || m.fatal {
		return Action{}
	}
	return m.idle(at)
}

func (m *Machine) idle(at market.Stamp) Action {
	if c := m.kept; c != nil && m.current == nil {
		m.kept = nil
		c.Expiry = m.rules.Expiry(c.Issued)
		c.EntriesUntil = c.Expiry.Add(-m.rules.StopEntries)
		if (m.user == "" || c.User == m.user) && c.EntriesUntil > at.Wall && c.Issued <= at.Wall {
			m.user = c.User
			m.phase, m.next, m.nextFrom = Probe, c, m.keptFrom
			return Action{Phase: Probe, Credential: c}
		}
	}
	switch {
	case at.Mono < m.tryAt:
	case m.wanted(at):
		if !m.held.IsZero() {
			return m.exchange(m.held, at)
		}
		m.phase, m.checking = Fetch, false
		return Action{Phase: Fetch}
	case m.warningDue(at):
		m.phase, m.checking = Fetch, true
		return Action{Phase: Fetch}
	}
	return Action{}
}

// wanted tells whether a new credential is needed now. One that would end no
// later than the one in force, as every login before a cut does, is not: that
// renewal waits for the cut.
func (m *Machine) wanted(at market.Stamp) bool {
	if m.current == nil || m.lost || m.left(at) <= 0 {
		return true
	}
	return m.left(at) <= m.renewIn && m.rules.Expiry(at.Wall) > m.current.Expiry
}

// left is how long the login in force lives: the shorter of what both clocks
// say.
func (m *Machine) left(at market.Stamp) time.Duration {
	return min(m.current.Expiry.Sub(at.Wall), m.endsAt.Sub(at.Mono))
}

func (m *Machine) warningDue(at market.Stamp) bool {
	return m.held.IsZero() && m.warned < len(warnings) && m.left(at) <= warnings[m.warned]
}

func (m *Machine) fetched(e Event, at market.Stamp) Action {
	m.phase = Idle
	fresh := e.Err == nil && !e.Login.IsZero() && !same(e.Login, m.used) && !same(e.Login, m.dead)
	if m.current != nil {
		for m.warningDue(at) {
			m.warned++
			if !fresh {
				m.say(fmt.Sprintf("session ends in %v and no new login is there", max(m.left(at), 0).Round(time.Second)))
			}
		}
	}
	if fresh {
		m.held = e.Login
	}
	if m.checking {
		return Action{}
	}
	switch {
	case fresh:
		return m.exchange(e.Login, at)
	case m.lost && e.Err == nil && !e.Login.IsZero() && !same(e.Login, m.dead) && m.left(at) > 0:
		// The login itself may still be good: exchanging it again mends a token
		// that the venue dropped early. It never lives longer for it.
		return m.exchange(e.Login, at)
	}
	m.tryAt = at.Mono.Add(m.rules.Poll)
	return Action{}
}

func (m *Machine) exchange(login Token, at market.Stamp) Action {
	if wait := m.allowed(at); wait > 0 {
		if !m.limited {
			m.say(fmt.Sprintf("session: %d exchanges in ten minutes or %d today: waiting until %v", m.rules.Per10Min, m.rules.PerDay, at.Wall.Add(wait)))
		}
		m.limited, m.tryAt = true, at.Mono.Add(wait)
		return Action{}
	}
	m.limited = false
	m.count(at.Mono)
	m.madeDay++
	m.phase, m.nextFrom = Exchange, login
	return Action{Phase: Exchange, Login: login}
}

// allowed is how long the next exchange must wait.
func (m *Machine) allowed(at market.Stamp) time.Duration {
	if today := at.Wall.Date(); today > m.today {
		m.today, m.madeDay = today, 0
	}
	if m.madeDay >= m.rules.PerDay {
		return m.today.AddDays(1).At(0).Sub(at.Wall)
	}
	return max(m.made[m.madeAt].Add(10*time.Minute).Sub(at.Mono), 0)
}

func (m *Machine) count(at market.Mono) {
	m.made[m.madeAt] = at
	m.madeAt = (m.madeAt + 1) % m.rules.Per10Min
}

// Resume takes up the credential of an earlier run and the login behind it: if
// it is still good for entries, no exchange is needed, and it does not live
// longer for the restart. It is called before the first Step.
func (m *Machine) Resume(c Credential, login Token) {
	c.Epoch = 1
	m.kept, m.keptFrom = &c, login
}

// Restore counts an exchange of an earlier run, which was recorded before it was
// made. Calls come oldest first and before the first Step. An exchange that
// seems to lie in the future, since the wall clock was set back, counts as of
// now.
func (m *Machine) Restore(made market.UnixNano, at market.Stamp) {
	made = min(made, at.Wall)
	m.allowed(at) // begins the day
	if made.Date() == m.today {
		m.madeDay++
	}
	m.count(at.Mono - market.Mono(at.Wall.Sub(made)))
}

func (m *Machine) exchanged(e Event, at market.Stamp) Action {
	if e.Err != nil {
		return m.failed(e.Err, at)
	}
	c := *e.Credential
	if m.user == "" {
		m.user = c.User
	}
	if c.User == "" || c.User != m.user {
		return m.failed(fmt.Errorf("%w: login is of user %q, want %q", ErrConfig, c.User, m.user), at)
	}
	c.Epoch, c.Issued = 1, at.Wall
	if m.current != nil {
		c.Epoch = m.current.Epoch + 1
		if same(m.nextFrom, m.used) {
			c.Issued = m.current.Issued
		}
	}
	c.Expiry = m.rules.Expiry(c.Issued)
	c.EntriesUntil = c.Expiry.Add(-m.rules.StopEntries)
	m.phase, m.next = Probe, &c
	return Action{Phase: Probe, Credential: &c}
}

func (m *Machine) probed(e Event, at market.Stamp) Action {
	resumed := !m.keptFrom.IsZero()
	m.keptFrom = Token{}
	if e.Err != nil {
		if resumed {
			m.nextFrom = Token{} // the login behind it may be exchanged for another token
		} else if errors.Is(e.Err, ErrLogin) {
			if m.refusals++; m.refusals >= 2 {
				return m.failed(fmt.Errorf("%w: two new credentials refused in a row (%w)", ErrConfig, e.Err), at)
			}
		}
		return m.failed(e.Err, at)
	}
	m.refusals = 0
	m.phase = Swap
	return Action{Phase: Swap, Credential: m.next, Login: m.nextFrom}
}

func (m *Machine) swapped(e Event, at market.Stamp) Action {
	if e.Credential != m.next {
		// Somebody else was faster; theirs is newer than ours.
		m.current, m.lost, m.phase = e.Credential, false, Idle
		m.schedule(at)
		m.say("session: a renewal ended late and was dropped")
		return Action{}
	}
	if !same(m.nextFrom, m.used) {
		m.warned = 0
	}
	m.current, m.used, m.held, m.lost = m.next, m.nextFrom, Token{}, false
	m.failures, m.tryAt = 0, 0
	m.schedule(at)
	for m.warned < len(warnings) && m.left(at) <= warnings[m.warned] {
		m.warned++ // before this login's life began
	}
	m.phase = FeedSwap
	return Action{Phase: FeedSwap, Credential: m.current}
}

func (m *Machine) schedule(at market.Stamp) {
	m.endsAt = at.Mono.Add(m.current.Expiry.Sub(at.Wall))
	m.renewIn = m.rules.RenewBefore + time.Duration(m.rng.Int64N(int64(m.rules.Jitter)+1))
}

func (m *Machine) failed(err error, at market.Stamp) Action {
	m.phase, m.next = Idle, nil
	m.failures++
	m.say(err.Error())
	switch {
	case errors.Is(err, ErrConfig):
		m.fatal = true
	case errors.Is(err, ErrLogin):
		m.dead, m.held = m.nextFrom, Token{}
		m.tryAt = at.Mono.Add(m.rules.Poll)
	case errors.Is(err, ErrBusy):
		// A minute's throttle is over before the third of three exchanges.
		m.tryAt = at.Mono.Add(busyPolls * m.rules.Poll)
	default:
		m.tryAt = at.Mono.Add(m.rules.Poll << min(m.failures-1, 5))
	}
	return Action{}
}

// State is what the session allows at this instant.
func (m *Machine) State(at market.Stamp) State {
	switch {
	case m.fatal:
		return Fatal
	case m.current == nil:
		return Down
	case m.lost || m.left(at) <= m.rules.StopEntries:
		return Reducing
	case m.phase != Idle && !m.checking:
		return Renewing
	}
	return Live
}

// Wait is how long the machine can do without a [Tick]: until its next try,
// warning or change of state.
func (m *Machine) Wait(at market.Stamp) time.Duration {
	const never = time.Duration(1<<63 - 1)
	if m.fatal {
		return never
	}
	wait := never
	if m.current != nil {
		for _, before := range []time.Duration{m.rules.StopEntries, 0} {
			if left := m.left(at) - before; left > 0 {
				wait = min(wait, left)
			}
		}
	}
	if m.phase != Idle {
		return wait
	}
	pause := max(m.tryAt.Sub(at.Mono), 0)
	if m.current == nil || m.wanted(at) {
		return min(wait, pause)
	}
	if left := m.left(at) - m.renewIn; m.rules.Expiry(at.Wall.Add(left)) > m.current.Expiry {
		wait = min(wait, max(left, pause))
	}
	if m.held.IsZero() && m.warned < len(warnings) {
		wait = min(wait, max(m.left(at)-warnings[m.warned], pause))
	}
	return wait
}

// Alarm is what a person should know since the last call; empty: nothing.
func (m *Machine) Alarm() string {
	text := m.alarm
	m.alarm = ""
	return text
}

func (m *Machine) say(text string) {
	if m.alarm != "" {
		text = m.alarm + "; " + text
	}
	m.alarm = text
}

func same(a, b Token) bool { return !a.IsZero() && a.Reveal() == b.Reveal() }
