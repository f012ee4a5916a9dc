package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// life runs one keeper until it has a login or time is over, or crashes it where
// the world says; what it recorded is kept in the journal.
func life(t *testing.T, w *world, journal *[]market.UnixNano, crashInProbe bool, until time.Duration) *session.Store {
	ctx, crash := context.WithTimeout(t.Context(), until)
	defer crash()
	store := new(session.Store)
	clock := bubbleClock{time.Now()}
	k, err := session.NewKeeper(session.Config{
		Rules: session.DefaultRules(), Store: store, Source: w, Exchanger: w, Clock: clock, Seed: 1,
		Record: func(a session.Attempt) {
			if !a.OK {
				*journal = append(*journal, clock.Now().Wall)
				require.Equal(t, len(*journal)-1, len(w.made()), "recorded before it is made")
				require.EqualValues(t, 1, a.Epoch)
			}
		},
		Probe: func(context.Context, *session.Credential) error {
			if crashInProbe {
				crash()
				return context.Canceled
			}
			return nil
		},
	})
	require.NoError(t, err)
	k.Restore(*journal)
	require.Error(t, k.Run(ctx))
	return store
}

func TestE8_ACrashBetweenLoginAndSwapLogsInAgainAndTheLoginsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at(9, 0)))
		w, journal := &world{login: "1001", user: "TESTUSR1"}, []market.UnixNano(nil)

		for range 5 { // a crash loop
			life(t, w, &journal, true, 30*time.Second)
			require.LessOrEqual(t, len(w.made()), 3, "the account is not to be locked")
		}
		require.Len(t, w.made(), 3)
		require.Equal(t, len(w.made()), len(journal))

		store := life(t, w, &journal, false, 11*time.Minute)

		require.NotNil(t, store.Current(), "the same api session still opens the venue")
		made := w.made()
		require.Len(t, made, 4)
		require.GreaterOrEqual(t, made[3].Sub(made[0]), 10*time.Minute)
	})
}

func TestE8_ADaysCrashesNeverMakeMoreThanTwentyLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at(9, 0)))
		w, journal := &world{login: "1001", user: "TESTUSR1"}, []market.UnixNano(nil)
		for time.Now().Before(at(20, 0)) {
			life(t, w, &journal, true, time.Minute)
			time.Sleep(time.Minute)
		}
		require.Len(t, w.made(), 20)

		time.Sleep(time.Until(at(24, 1)))
		require.NotNil(t, life(t, w, &journal, false, time.Minute).Current(), "a new day, a new count")
	})
}

func TestE8_ExchangesOfBeforeThatSeemToLieInTheFutureCountAsOfNow(t *testing.T) {
	b := newBench(t, session.DefaultRules(), nine) // has made one
	for range 2 {
		b.machine.Restore(b.at.Wall.Add(time.Hour), b.at)
	}
	b.lose()
	b.pass(9 * time.Minute)
	require.Len(t, b.exchanges, 1)
	b.pass(2 * time.Minute)
	require.Len(t, b.exchanges, 2)
}

func TestTheSuccessOfALoginIsRecordedWithItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at(9, 0)))
		w, told := &world{login: "1001", user: "TESTUSR1"}, []session.Attempt(nil)
		k, err := session.NewKeeper(session.Config{
			Rules: session.DefaultRules(), Store: new(session.Store), Source: w, Exchanger: w, Clock: bubbleClock{time.Now()},
			Record: func(a session.Attempt) { told = append(told, a) },
		})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.Error(t, k.Run(ctx))
		require.Equal(t, []session.Attempt{{Epoch: 1}, {Epoch: 1, OK: true, Expiry: market.NewDate(2000, 1, 2).At(0)}}, told)
	})
}

func TestAThrottledLoginIsTriedAThirdTimeAfterTheMinuteOfTheThrottle(t *testing.T) {
	b := newBench(t, session.DefaultRules(), nine)
	b.err = session.ErrBusy
	b.login = "1002"
	b.lose()
	b.pass(30 * time.Second)
	require.Len(t, b.exchanges, 2)
	b.pass(31 * time.Second)
	require.Len(t, b.exchanges, 3)
}
