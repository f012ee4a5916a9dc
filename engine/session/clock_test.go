package session_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// bench steps a machine by hand, with a venue and a person who answer at once,
// so that the wall clock can be set at will.
type bench struct {
	t         *testing.T
	machine   *session.Machine
	at        market.Stamp
	store     session.Store
	login     string
	err       error // of exchanges
	exchanges []market.Stamp
}

func newBench(t *testing.T, rules session.Rules, start market.UnixNano) *bench {
	m, err := session.NewMachine(rules, "TESTUSR1", rand.New(rand.NewPCG(1, 2)))
	require.NoError(t, err)
	b := &bench{t: t, machine: m, login: "1001", at: market.Stamp{Mono: market.Mono(time.Second), Wall: start, Market: start}}
	b.tick()
	return b
}

// tick steps the machine until it has nothing more to do at this instant.
func (b *bench) tick() { b.step(session.Event{Kind: session.Tick}) }

// lose tells that a call was refused for the session in force.
func (b *bench) lose() {
	b.step(session.Event{Kind: session.Lost, Epoch: b.store.Current().Epoch})
}

func (b *bench) step(e session.Event) {
	for {
		a := b.machine.Step(e, b.at)
		switch a.Phase {
		case session.Idle:
			return
		case session.Fetch:
			e = session.Event{Kind: session.Fetched, Login: session.NewToken(b.login)}
		case session.Exchange:
			b.exchanges = append(b.exchanges, b.at)
			e = session.Event{Kind: session.Exchanged, Credential: &session.Credential{User: "TESTUSR1"}, Err: b.err}
		case session.Probe:
			e = session.Event{Kind: session.Probed}
		case session.Swap:
			require.True(b.t, b.store.Swap(a.Credential))
			e = session.Event{Kind: session.Swapped, Credential: a.Credential}
		case session.FeedSwap:
			e = session.Event{Kind: session.FeedsDone}
		}
	}
}

// pass lets time pass as the keeper would, which looks around once a minute.
func (b *bench) pass(d time.Duration) {
	for d > 0 {
		step := max(min(b.machine.Wait(b.at), d, time.Minute), time.Millisecond)
		b.at.Mono, b.at.Wall = b.at.Mono.Add(step), b.at.Wall.Add(step)
		d -= step
		b.tick()
	}
}

func (b *bench) setWall(by time.Duration) { b.at.Wall = b.at.Wall.Add(by); b.tick() }

func (b *bench) state() session.State { return b.machine.State(b.at) }

var nine = market.NewDate(2026, 11, 24).At(9 * time.Hour)

func TestP9_AWallClockSetBackMakesNoLoginLiveLonger(t *testing.T) {
	b := newBench(t, session.DefaultRules(), nine)
	b.pass(time.Hour)
	b.setWall(-time.Hour)
	require.Equal(t, session.Live, b.state())

	b.pass(14*time.Hour - 31*time.Second)
	require.Equal(t, session.Live, b.state())
	b.pass(2 * time.Second)

	require.Equal(t, session.Reducing, b.state(), "fifteen hours have passed since nine, whatever the wall clock says")
	require.Len(t, b.exchanges, 1)
}

func TestP9_AWallClockSetForwardStopsEntriesAtTheMidnightItShows(t *testing.T) {
	b := newBench(t, session.DefaultRules(), nine)
	b.pass(14*time.Hour + 30*time.Minute) // half past eleven
	b.login = "1002"
	b.setWall(time.Hour)
	require.Equal(t, session.Live, b.state(), "a new login was there, and it was taken at once")
	require.Len(t, b.exchanges, 2)
	require.Equal(t, market.NewDate(2026, 11, 26).At(0), b.store.Current().Expiry)

	b = newBench(t, session.DefaultRules(), nine)
	b.pass(14*time.Hour + 30*time.Minute)
	b.setWall(time.Hour)
	require.Equal(t, session.Reducing, b.state(), "without one only what cuts exposure goes on")
	b.setWall(-time.Hour)
	require.Equal(t, session.Live, b.state(), "and when the clock is put right, all does")
}

func TestP9_PausesBetweenTriesAndTheTenMinutesDoNotHearTheWallClock(t *testing.T) {
	for _, jump := range []time.Duration{-time.Hour, time.Hour} {
		b := newBench(t, session.DefaultRules(), nine)
		b.err = session.ErrBusy
		b.pass(time.Minute)
		b.login = "1002"
		b.lose()
		require.Len(t, b.exchanges, 2)

		b.setWall(jump)
		require.Len(t, b.exchanges, 2, "not before its pause is over")
		b.pass(time.Minute)
		require.Len(t, b.exchanges, 3, "and not an hour after it either")

		b.setWall(jump)
		b.pass(7 * time.Minute)
		require.Len(t, b.exchanges, 3, "three in ten minutes")
		b.err = nil
		b.pass(3 * time.Minute)
		require.Equal(t, session.Live, b.state())
		require.GreaterOrEqual(t, b.exchanges[3].Mono.Sub(b.exchanges[0].Mono), 10*time.Minute)
	}
}

func TestP9_ADateThatGoesBackDoesNotGiveTheDaysExchangesBack(t *testing.T) {
	rules := session.DefaultRules()
	rules.PerDay, rules.Per10Min = 2, 100
	b := newBench(t, rules, nine)
	b.lose()
	require.Len(t, b.exchanges, 2)

	b.setWall(-24 * time.Hour)
	b.lose()
	b.pass(time.Hour)

	require.Len(t, b.exchanges, 2)
	require.Equal(t, session.Reducing, b.state())
}

// The wall clock is set to and fro at random: exchanges keep their limits on the
// monotonic clock, epochs rise one by one, and nobody trades on a login that is
// older than the venue allows.
func TestP9_NoSettingOfTheWallClockBreaksARule(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 9))
		b := newBench(t, session.DefaultRules(), nine)
		began := b.at.Mono
		for range 60 {
			if rng.IntN(3) == 0 {
				b.setWall(time.Duration(rng.Int64N(int64(2*time.Hour))) - time.Hour)
			}
			if rng.IntN(5) == 0 {
				b.lose()
			}
			if rng.IntN(20) == 0 {
				b.login, began = b.login+"1", b.at.Mono
			}
			b.err = []error{nil, nil, session.ErrBusy}[rng.IntN(3)]
			b.pass(time.Duration(rng.Int64N(int64(time.Hour))))
			if b.state() == session.Live {
				require.LessOrEqual(t, b.at.Mono.Sub(min(began, b.at.Mono)), 24*time.Hour)
			}
		}
		for i := 3; i < len(b.exchanges); i++ {
			require.GreaterOrEqual(t, b.exchanges[i].Mono.Sub(b.exchanges[i-3].Mono), 10*time.Minute)
		}
	}
}
