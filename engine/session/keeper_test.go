package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// bubbleClock follows synctest's clock.
type bubbleClock struct{ start time.Time }

func (c bubbleClock) Now() market.Stamp {
	now := time.Now()
	wall := market.UnixNano(now.UnixNano())
	return market.Stamp{Mono: market.Mono(now.Sub(c.start)), Wall: wall, Market: wall}
}

// world is a venue and a person, as far as a keeper can see them.
type world struct {
	mu        sync.Mutex
	login     string // the newest login that the person made
	logins    int    // how often the source was asked
	exchanges []time.Time
	fail      func(n int, login string) error // of the nth exchange
	user      string
	probe     func(c *session.Credential) error
	takes     time.Duration
	alarms    []string
	states    []session.State
	moved     []uint64 // epochs that the stream moved to
}

func (w *world) Login(context.Context) (session.Token, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logins++
	if w.login == "" {
		return session.Token{}, errors.New("nobody has logged in")
	}
	return session.NewToken(w.login), nil
}

func (w *world) Exchange(_ context.Context, login session.Token) (*session.Credential, error) {
	w.mu.Lock()
	takes := w.takes
	w.mu.Unlock()
	time.Sleep(takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exchanges = append(w.exchanges, time.Now())
	if w.fail != nil {
		if err := w.fail(len(w.exchanges), login.Reveal()); err != nil {
			return nil, err
		}
	}
	return &session.Credential{User: w.user, Session: session.NewToken("token of " + login.Reveal())}, nil
}

func (w *world) made() []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.exchanges)
}

func (w *world) newLogin(login string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.login = login
}

func (w *world) said(t *testing.T, text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, alarm := range w.alarms {
		if strings.Contains(alarm, text) {
			n++
		}
	}
	return n
}

// at is an instant of the first day of synctest's clock, in India.
func at(hour, minute int) time.Time {
	return market.NewDate(2000, 1, 1).At(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute).Time()
}

// live runs the test beside a keeper that starts at nine in the morning.
func live(t *testing.T, w *world, rules session.Rules, test func(k *session.Keeper, store *session.Store)) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at(9, 0)))
		if w.user == "" {
			w.user = "TESTUSR1"
		}
		store := new(session.Store)
		k, err := session.NewKeeper(session.Config{
			Rules: rules, Store: store, Source: w, Exchanger: w, Clock: bubbleClock{time.Now()}, Seed: 1,
			Probe: func(_ context.Context, c *session.Credential) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.probe != nil {
					return w.probe(c)
				}
				return nil
			},
			OnSwap: []session.Hook{{Name: "ticks", Run: func(context.Context) error {
				time.Sleep(time.Second)
				w.mu.Lock()
				defer w.mu.Unlock()
				w.moved = append(w.moved, store.Current().Epoch)
				return nil
			}}},
			OnState: func(s session.State, _ *session.Credential) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.states = append(w.states, s)
			},
			Alarm: func(text string) { w.mu.Lock(); defer w.mu.Unlock(); w.alarms = append(w.alarms, text) },
		})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- k.Run(ctx) }()
		test(k, store)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func sleepUntil(t time.Time) {
	time.Sleep(time.Until(t))
	synctest.Wait()
}

func TestE2_HoweverManyCallersLoseAnEpochOneLoginFollows(t *testing.T) {
	w := &world{login: "1001", takes: time.Second}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(9, 10))
		require.EqualValues(t, 1, store.Current().Epoch)

		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { k.Renew(1) })
		}
		wg.Wait()
		time.Sleep(500 * time.Millisecond)
		k.Renew(1) // one more while the exchange is on its way
		sleepUntil(at(9, 11))
		k.Renew(1) // and one that comes too late
		sleepUntil(at(9, 30))

		require.Len(t, w.made(), 2)
		require.EqualValues(t, 2, store.Current().Epoch)
		require.EqualValues(t, 1, k.Renewals())
		require.Equal(t, session.Live, k.State())
		w.mu.Lock()
		defer w.mu.Unlock()
		require.Equal(t, []uint64{1, 2}, w.moved)
	})
}

func TestTheSameLoginExchangedAgainNeverLivesLonger(t *testing.T) {
	w := &world{login: "1001"}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(9, 10))
		first := store.Current()
		k.Renew(1)
		sleepUntil(at(12, 0))
		second := store.Current()
		require.EqualValues(t, 2, second.Epoch)
		require.Equal(t, first.Expiry, second.Expiry)
		require.Equal(t, first.Issued, second.Issued)
	})
}

func TestASessionIsRenewedBeforeItsTimeout(t *testing.T) {
	w := &world{login: "1001"}
	rules := session.DefaultRules()
	rules.MidnightCut = false
	live(t, w, rules, func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(20, 0))
		w.newLogin("1002")
		sleepUntil(at(9+24, 0))
		require.EqualValues(t, 2, store.Current().Epoch)
		require.Len(t, w.made(), 2)
		before := store.Current().Issued.Time()
		expiry := at(9+24, 0).Add(-5 * time.Minute) // of the first
		require.WithinRange(t, before, expiry.Add(-5*time.Minute-31*time.Second), expiry.Add(-5*time.Minute+time.Second))
		require.Zero(t, w.said(t, "no new login"))
	})
}

func TestE4_MidnightEndsTheSessionAndTheNewLoginFollowsTheCut(t *testing.T) {
	w := &world{login: "1001"}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(22, 0))
		require.Equal(t, at(24, 0), store.Current().Expiry.Time())
		w.newLogin("1002")

		sleepUntil(at(23, 59))
		require.Equal(t, session.Live, k.State())
		sleepUntil(at(23, 59).Add(31 * time.Second))
		require.Equal(t, session.Reducing, k.State(), "entries stop before the cut")
		require.Len(t, w.made(), 1, "a login made before the cut would end with it")

		sleepUntil(at(24, 0).Add(2 * time.Second))
		require.Equal(t, session.Live, k.State())
		require.EqualValues(t, 2, store.Current().Epoch)
		require.Equal(t, at(47, 55).Add(store.Current().Issued.Time().Sub(at(24, 0))), store.Current().Expiry.Time())
	})
}

func TestE4_TheDailyCutEndsTheSessionToo(t *testing.T) {
	w := &world{login: "1001"}
	rules := session.DefaultRules()
	rules.DailyCut = 17 * time.Hour
	live(t, w, rules, func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(10, 0))
		require.Equal(t, at(17, 0), store.Current().Expiry.Time())
		sleepUntil(at(17, 0).Add(time.Minute))
		require.Equal(t, session.Reducing, k.State(), "the old login is dead")
		w.newLogin("1002")
		sleepUntil(at(17, 2))
		require.Equal(t, session.Live, k.State())
	})
}

func TestE5_WhileTheVenueCannotExchangeTheOldTokenIsUsedToItsEnd(t *testing.T) {
	w := &world{login: "1001"}
	w.fail = func(n int, _ string) error {
		if n > 1 && time.Now().Before(at(9+23, 58)) {
			return errors.New("502 <html>")
		}
		return nil
	}
	rules := session.DefaultRules()
	rules.MidnightCut = false
	live(t, w, rules, func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(12, 0))
		w.newLogin("1002")
		sleepUntil(at(9+23, 54))
		require.NotEqual(t, session.Reducing, k.State())
		require.EqualValues(t, 1, store.Current().Epoch)
		sleepUntil(at(9+23, 56))
		require.Equal(t, session.Reducing, k.State())
		require.Equal(t, 1, w.said(t, "exchanges in ten minutes"), "a person is told once")

		sleepUntil(at(9+24, 20))
		require.Equal(t, session.Live, k.State(), "healed")
		for made, i := w.made(), 3; i < len(made); i++ {
			require.GreaterOrEqual(t, made[i].Sub(made[i-3]), 10*time.Minute)
		}
	})
}

func TestE6_AnotherUsersLoginIsRefusedAndTheOldOneStays(t *testing.T) {
	w := &world{login: "1001"}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(10, 0))
		w.mu.Lock()
		w.user, w.login = "SOMEBODY", "6666"
		w.mu.Unlock()
		k.Renew(1)
		sleepUntil(at(11, 0))
		require.EqualValues(t, 1, store.Current().Epoch)
		require.Equal(t, session.Fatal, k.State())
		require.Equal(t, 1, w.said(t, `login is of user "SOMEBODY", want "TESTUSR1"`))
		require.Len(t, w.made(), 2, "no loop")
	})
}

func TestE7_CredentialsRefusedAgainAcrossAnEpochAreAMatterForAPerson(t *testing.T) {
	w := &world{login: "1001"}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(10, 0))
		w.mu.Lock()
		w.probe = func(*session.Credential) error { return fmt.Errorf("invalid checksum: %w", session.ErrLogin) }
		w.mu.Unlock()
		w.newLogin("1002")
		k.Renew(1)
		sleepUntil(at(10, 5))
		w.newLogin("1003")
		sleepUntil(at(14, 0))
		require.Equal(t, session.Fatal, k.State())
		require.Len(t, w.made(), 3, "no loop")
	})
}

func TestE7_AWrongAppKeyStopsAtOnce(t *testing.T) {
	w := &world{login: "1001", fail: func(int, string) error { return session.ErrConfig }}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, _ *session.Store) {
		sleepUntil(at(12, 0))
		require.Equal(t, session.Fatal, k.State())
		require.Len(t, w.made(), 1)
	})
}

func TestE9_ARenewalThatEndsAfterANewerOneChangesNothing(t *testing.T) {
	w := &world{login: "1001"}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, store *session.Store) {
		sleepUntil(at(10, 0))
		w.mu.Lock()
		w.takes = time.Minute
		w.mu.Unlock()
		w.newLogin("1002")
		k.Renew(1)
		sleepUntil(at(10, 0).Add(10 * time.Second))
		newer := &session.Credential{Epoch: 2, User: "TESTUSR1", Expiry: store.Current().Expiry, EntriesUntil: store.Current().EntriesUntil}
		require.True(t, store.Swap(newer))

		sleepUntil(at(10, 5))

		require.Same(t, newer, store.Current())
		require.Equal(t, 1, w.said(t, "ended late"))
		require.Equal(t, session.Live, k.State())
	})
}

func TestAPersonIsWarnedFourTimesWhenNoNewLoginComes(t *testing.T) {
	w := &world{login: "1001"}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, _ *session.Store) {
		for i, until := range []time.Time{at(22, 59), at(23, 1), at(23, 31), at(23, 46), at(23, 56)} {
			sleepUntil(until)
			require.Equal(t, i, w.said(t, "no new login"))
		}
		sleepUntil(at(24, 10))
		require.Equal(t, session.Reducing, k.State())
		w.newLogin("1002")
		sleepUntil(at(24, 11))
		require.Equal(t, session.Live, k.State())
	})
}

func TestADeadLoginIsNotExchangedTwice(t *testing.T) {
	w := &world{login: "1001", fail: func(n int, login string) error {
		if login == "1001" {
			return fmt.Errorf("resource not available: %w", session.ErrLogin)
		}
		return nil
	}}
	live(t, w, session.DefaultRules(), func(k *session.Keeper, _ *session.Store) {
		sleepUntil(at(10, 0))
		require.Len(t, w.made(), 1)
		require.Equal(t, session.Down, k.State())
		w.newLogin("1002")
		sleepUntil(at(10, 1))
		require.Equal(t, session.Live, k.State())
	})
}

func TestAShortDemonstrationSessionRenewsAllTheTime(t *testing.T) {
	w := &world{}
	rules := session.DefaultRules()
	rules.Timeout = 10 * time.Second
	var n atomic.Int64
	store := new(session.Store)
	synctest.Test(t, func(t *testing.T) {
		w.user = "TESTUSR1"
		k, err := session.NewKeeper(session.Config{
			Rules: rules.Scaled(), Store: store, Exchanger: w, Clock: bubbleClock{time.Now()},
			Source: session.LoginFunc(func(context.Context) (session.Token, error) {
				return session.NewToken(fmt.Sprint(n.Add(1))), nil
			}),
		})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
		defer cancel()
		err = k.Run(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.InDelta(t, 25*60/7.5, float64(k.Renewals()), 8)
		require.Equal(t, session.Live, k.State())
	})
}

func TestExpiryIsTheEarliestOfThree(t *testing.T) {
	rules := session.DefaultRules()
	day := market.NewDate(2026, 11, 24)
	require.Equal(t, day.AddDays(1).At(0), rules.Expiry(day.At(9*time.Hour)))
	require.Equal(t, day.AddDays(1).At(0), rules.Expiry(day.At(0)).Add(5*time.Minute))
	rules.DailyCut = 8 * time.Hour
	require.Equal(t, day.At(8*time.Hour), rules.Expiry(day.At(7*time.Hour)))
	require.Equal(t, day.AddDays(1).At(0), rules.Expiry(day.At(8*time.Hour)))
	rules.MidnightCut = false
	require.Equal(t, day.AddDays(1).At(8*time.Hour), rules.Expiry(day.At(8*time.Hour+10*time.Minute)))
}

func TestALoginFileMustBePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "login")
	require.NoError(t, os.WriteFile(path, []byte("1001\n"), 0o600))
	token, err := session.File(path).Login(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1001", token.Reveal())

	link := path + ".link"
	require.NoError(t, os.Symlink(path, link))
	_, err = session.File(link).Login(t.Context())
	require.Error(t, err)

	require.NoError(t, os.Chmod(path, 0o644))
	_, err = session.File(path).Login(t.Context())
	require.ErrorContains(t, err, "0600")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", session.Static(token), session.Static(token), session.Static(token)), "1001")
}
