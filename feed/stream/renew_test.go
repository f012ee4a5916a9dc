package stream

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
)

func TestE10_TwentyRenewalsUnderLoadLoseNothingRepeatNothingAndKeepOrder(t *testing.T) {
	v := newVenue()
	url := v.listen(t)
	store := credentials(v.token)
	tokens := []string{"42505", "42506", "42507", "42508"}
	r := start(t, func(cfg *Config) {
		cfg.URL, cfg.Session, cfg.Rooms = url, store, nil
		for _, token := range append(tokens, "42510") { // the last is never heard: no early switch
			cfg.Rooms = append(cfg.Rooms, "4.1!"+token)
		}
	})
	eventually(t, "joined", func() bool { return v.joined("4.1!42510") })

	published := 0
	done, published2 := make(chan struct{}), make(chan int)
	go func() {
		for {
			select {
			case <-done:
				published2 <- published
				return
			default:
			}
			for range 20 { // a burst, then a breath
				token := tokens[published%len(tokens)]
				v.publish("4.1!"+token, quoteOf(token, published))
				published++
			}
			time.Sleep(time.Millisecond)
		}
	}()
	for epoch := uint64(2); epoch < 22; epoch++ {
		require.True(t, store.Swap(credential(epoch, v.token)))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, r.Renew(ctx))
		cancel()
	}
	close(done)
	total := <-published2
	eventually(t, "the last event", func() bool { return r.Stats().Quotes >= uint64(total) })
	time.Sleep(50 * time.Millisecond)
	stats := r.Stats()
	r.quit(t)

	require.Greater(t, total, 3000)
	require.Len(t, r.sink.quotes, total)
	for i, q := range r.sink.quotes {
		require.Equal(t, market.Units(i), q.Volume)
	}
	require.Equal(t, [4]uint64{20, 0, 0, 0}, [4]uint64{stats.Renewals, stats.Gaps, stats.Reconnects, stats.DecodeErrors})
	require.Greater(t, stats.Duplicates, uint64(20))
	require.Equal(t, []market.FeedState{market.FeedLive, market.FeedDown}, r.sink.states, "strategies notice nothing")
	t.Logf("%d events, %d duplicates suppressed", total, stats.Duplicates)
}

func TestRenewalUsesTheNewCredentialAndSaysGoodbyeOnTheOldConnection(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		store := credentials(v.token)
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Session = v.dial, store })
		synctest.Wait()
		v.mu.Lock()
		v.token = "new"
		v.mu.Unlock()
		store.Swap(credential(2, "new"))
		require.NoError(t, r.Renew(t.Context()))
		require.Equal(t, []string{
			`40{"user":"TESTUSR1","token":"51606286"}`, `42["join",["4.1!42505","4.2!42505"]]`,
			`40{"user":"TESTUSR1","token":"new"}`, `42["join",["4.1!42505","4.2!42505"]]`, `41`, `close `,
		}, v.heard())
		require.True(t, v.joined("4.1!42505"))
		v.publish("4.1!42505", quoteOf("42505", 1))
		synctest.Wait()
		r.quit(t)
		require.Equal(t, []string{"live", "1", "down"}, r.sink.entries())
	})
}

func TestRenewalSwitchesEarlyWhenEveryRoomHasTicked(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Overlap, cfg.Rooms = v.dial, time.Hour, []string{"4.1!42505"} })
		synctest.Wait()
		done := make(chan error)
		go func() { done <- r.Renew(t.Context()) }()
		time.Sleep(time.Second)
		v.publish("4.1!42505", quoteOf("42505", 1))
		require.NoError(t, <-done)
		r.quit(t)
		require.Equal(t, []string{"live", "1", "down"}, r.sink.entries())
		require.Equal(t, uint64(1), r.Stats().Duplicates)
	})
}

func TestAVenueThatRefusesASecondConnectionGetsBreakBeforeMakeWithAGap(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		v.script = func(_ int, c *peer) bool {
			v.mu.Lock()
			others := len(v.peers)
			v.mu.Unlock()
			if others == 1 {
				return true
			}
			c.open()
			c.hear()
			c.say(string(socketio.AppendConnectError(nil, "", "one connection only")))
			return false
		}
		store := credentials(v.token)
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Session = v.dial, store })
		synctest.Wait()
		v.publish("4.1!42505", quoteOf("42505", 1))
		store.Swap(credential(2, v.token))
		require.NoError(t, r.Renew(t.Context()))
		synctest.Wait()
		v.publish("4.1!42505", quoteOf("42505", 2))
		synctest.Wait()
		r.quit(t)
		require.Equal(t, "live 1 down gap live 2 down", strings.Join(r.sink.entries(), " "))
		require.Equal(t, [2]uint64{0, 1}, [2]uint64{r.Stats().Renewals, r.Stats().Gaps})
	})
}

func TestARenewalWithABadCredentialTellsSo(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		store := credentials(v.token)
		var suspects atomic.Int32
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Session, cfg.OnSuspect = v.dial, store, func(uint64, error) { suspects.Add(1) }
		})
		synctest.Wait()
		store.Swap(credential(2, "wrong"))
		require.ErrorIs(t, r.Renew(t.Context()), ErrAuth)
		synctest.Wait()
		require.Equal(t, int32(1), suspects.Load())
		require.Equal(t, market.FeedDown, r.State())
		r.quit(t)
	})
}

func TestTheOldConnectionMayDieDuringARenewal(t *testing.T) {
	kill := func(v *venue, n int) {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, c := range v.peers {
			if c.n == n {
				_ = c.conn.Close()
			}
		}
	}
	// Events flow on both when it dies: the overlap is proven, nothing was missed.
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Overlap = v.dial, time.Minute })
		synctest.Wait()
		done := make(chan error)
		go func() { done <- r.Renew(t.Context()) }()
		for i := range 10 {
			time.Sleep(time.Second)
			v.publish("4.1!42505", quoteOf("42505", i))
		}
		synctest.Wait()
		kill(v, 1)
		v.publish("4.1!42505", quoteOf("42505", 10))
		require.NoError(t, <-done)
		synctest.Wait()
		v.publish("4.1!42505", quoteOf("42505", 11))
		synctest.Wait()
		r.quit(t)
		require.Equal(t, "live 0 1 2 3 4 5 6 7 8 9 10 11 down", strings.Join(r.sink.entries(), " "))
		require.Zero(t, r.Stats().Gaps)
	})
	// Nothing shows that both were joined at once: a gap.
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Overlap = v.dial, time.Minute })
		synctest.Wait()
		done := make(chan error)
		go func() { done <- r.Renew(t.Context()) }()
		time.Sleep(time.Second)
		kill(v, 1)
		v.publish("4.1!42505", quoteOf("42505", 1))
		require.NoError(t, <-done)
		synctest.Wait()
		r.quit(t)
		require.Equal(t, "live down gap live 1 down", strings.Join(r.sink.entries(), " "))
	})
	// It dies before the new one is granted.
	virtual(t, func(t *testing.T, v *venue) {
		v.script = func(n int, c *peer) bool {
			if n == 2 {
				time.Sleep(3 * time.Second)
			}
			return true
		}
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Overlap = v.dial, time.Minute })
		synctest.Wait()
		done := make(chan error)
		go func() { done <- r.Renew(t.Context()) }()
		time.Sleep(time.Second)
		kill(v, 1)
		require.NoError(t, <-done)
		synctest.Wait()
		v.publish("4.1!42505", quoteOf("42505", 1))
		synctest.Wait()
		r.quit(t)
		require.Equal(t, "live down gap live 1 down", strings.Join(r.sink.entries(), " "))
		require.Len(t, v.dials(), 2)
	})
}

func TestAVenueThatDropsTheOldSessionOnANewLoginCostsAGapAtMost(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		v.script = func(n int, c *peer) bool {
			if n == 2 {
				v.tell(`41`)
			}
			return true
		}
		var suspects atomic.Int32
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.OnSuspect = v.dial, func(uint64, error) { suspects.Add(1) } })
		synctest.Wait()
		require.NoError(t, r.Renew(t.Context()))
		synctest.Wait()
		v.publish("4.1!42505", quoteOf("42505", 1))
		synctest.Wait()
		r.quit(t)
		require.Equal(t, "live down gap live 1 down", strings.Join(r.sink.entries(), " "))
		require.Zero(t, suspects.Load())
	})
}

func TestARenewalThatIsCancelledLeavesTheOldConnectionInService(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		v.script = func(n int, c *peer) bool {
			if n == 2 {
				time.Sleep(time.Hour)
			}
			return true
		}
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Renew(ctx), context.DeadlineExceeded)
		v.publish("4.1!42505", quoteOf("42505", 1))
		synctest.Wait()
		require.Equal(t, uint64(1), r.Stats().Connects)
		require.Nil(t, r.renewal.Load())
		require.NoError(t, r.Renew(t.Context()), "the next one works")
		r.quit(t)
		require.Equal(t, "live 1 down", strings.Join(r.sink.entries(), " "))
	})
}

func TestRenewBetweenConnectionsConnectsAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Backoff, cfg.Rand = v.dial, Backoff{time.Minute, time.Hour}, func() float64 { return 0.99 }
		})
		time.Sleep(10 * time.Second)
		v.dropAll()
		synctest.Wait()
		require.Equal(t, market.FeedDown, r.State())
		before := time.Now()
		require.NoError(t, r.Renew(t.Context()))
		require.Less(t, time.Since(before), time.Second)
		synctest.Wait()
		require.Equal(t, market.FeedLive, r.State())
		r.quit(t)
	})
}

func TestStoppingInTheMiddleOfARenewalEndsBoth(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Overlap = v.dial, time.Minute })
		synctest.Wait()
		done := make(chan error)
		go func() { done <- r.Renew(t.Context()) }()
		time.Sleep(time.Second)
		r.quit(t)
		require.ErrorIs(t, <-done, ErrStopped)
		time.Sleep(time.Second)
		v.mu.Lock()
		defer v.mu.Unlock()
		require.Empty(t, v.peers, "no connection is left")
	})
}

func TestRenewalOfAnOrderStreamLosesNoNotice(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		sink := new(recorder)
		store := credentials(v.token)
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Session, cfg.Sink, cfg.Rooms, cfg.Orders = v.dial, store, nil, nil, sink.order
		})
		synctest.Wait()
		all := notices(t)
		done := make(chan error)
		go func() {
			store.Swap(credential(2, v.token))
			done <- r.Renew(t.Context())
		}()
		for _, notice := range all {
			v.tell(notice)
			time.Sleep(5 * time.Millisecond)
		}
		require.NoError(t, <-done)
		synctest.Wait()
		r.quit(t)
		require.Len(t, sink.reports, len(all))
		for i := 1; i < len(all); i++ {
			require.Greater(t, sink.reports[i].Sequence, sink.reports[i-1].Sequence)
		}
		require.NotZero(t, r.Stats().Duplicates)
	})
}

func TestShadowTellsRepeatsOfTheOldConnectionFromNewEvents(t *testing.T) {
	event := func(token string, n int) []byte { return []byte(fmt.Sprintf(`42["stock",["4.1!%s",%d]]`, token, n)) }
	s := newShadow()
	for _, n := range []int{1, 1, 2, 3} { // an identical repeat
		s.remember(event("a", n))
	}
	s.remember(event("b", 1))
	s.remember([]byte(`42["order",["1","x"]]`))
	s.recording, s.until = false, 100
	require.False(t, s.over(0))

	// The new connection joined between the two ones.
	require.True(t, s.suppresses(event("a", 1)))
	require.True(t, s.suppresses(event("a", 2)))
	require.True(t, s.remembers(event("a", 3)))
	require.True(t, s.suppresses(event("a", 3)))
	require.False(t, s.suppresses(event("a", 3)), "all of the old are through: this is news")
	require.False(t, s.suppresses(event("a", 1)))
	require.False(t, s.suppresses(event("c", 1)), "never seen before")
	require.False(t, s.suppresses(event("b", 2)), "joined after b's last: news")
	require.False(t, s.suppresses(event("b", 1)), "so whatever follows is news as well")
	require.False(t, s.over(0))
	require.True(t, s.suppresses([]byte(`42["order",["1","x"]]`)))
	require.True(t, s.over(0))
	require.False(t, s.remembers(event("d", 1)))

	require.Equal(t, `42["stock",["4.1!a`, string(about(event("a", 1))))
	require.Equal(t, `42["1SEC"`, string(about([]byte(`42["1SEC","NFO,NIFTY"]`))))
	require.Equal(t, `42["x",["a`, string(about([]byte(`42["x",["a"]]`))))
	for _, odd := range []string{``, `4`, `42`, `42[`, `42["`, `42["x`, `42["x",["a`, `42x"y"`} {
		_ = about([]byte(odd)) // does not panic
	}
}
