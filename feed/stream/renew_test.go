package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/feed/socketio"
)

// numbered is the quotes that came, in order.
func numbered(told []string) (out []string) {
	for _, text := range told {
		if text[0] == 'q' {
			out = append(out, text)
		}
	}
	return out
}

func sequence(from, to int) (out []string) {
	for n := from; n <= to; n++ {
		out = append(out, fmt.Sprintf("q%d", n))
	}
	return out
}

// renewUnderFlow renews often while numbered events of five symbols flow, one
// of them rarely, and demands each event once and in order.
func renewUnderFlow(t *testing.T, v *venue, renewals int, pace, pause time.Duration) {
	t.Helper()
	rooms := []string{"4.1!42505", "4.1!42506", "4.1!42507", "4.1!42508", "4.1!42510"}
	r := start(t, v, func(c *Config) { c.Rooms, c.Overlap = rooms, 50*time.Millisecond })
	r.live()
	r.until("the join", func() bool { return strings.HasPrefix(lastOf(v.texts(v.peer(t, 1)), 1)[0], `42["join"`) })
	var flow sync.WaitGroup
	over, published := make(chan struct{}), 0
	flow.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(pace):
			}
			for range 5 {
				published++
				token := rooms[published%4][4:]
				if published%500 == 1 {
					token = "42510"
				}
				v.publish("4.1!"+token, quote(token, published))
			}
		}
	})
	for n := range renewals {
		require.True(t, r.store.Swap(credential(uint64(n)+2, "51606286")))
		require.NoError(t, r.stream.Renew(t.Context()))
		time.Sleep(pause)
	}
	close(over)
	flow.Wait()
	r.until("the last event", func() bool { return len(numbered(r.rec.told())) >= published })
	time.Sleep(10 * time.Millisecond) // for one too many
	r.stop()

	require.Equal(t, sequence(1, published), numbered(r.rec.told()))
	told := r.rec.told()
	require.Equal(t, []string{"live", "down"}, []string{told[0], told[len(told)-1]})
	require.Len(t, told, published+2, "no state but live")
	require.EqualValues(t, renewals, r.stream.Stats().Renewals)
	require.Zero(t, r.stream.Stats().Gaps)
	require.NotZero(t, r.stream.Stats().Duplicates, "the test must have seen some to suppress")
	for _, p := range v.peers[:renewals] {
		require.Equal(t, "41", lastOf(v.texts(p), 1)[0], "every old connection is left politely")
	}
	t.Logf("%d events, %d suppressed", published, r.stream.Stats().Duplicates)
}

func TestE10_RenewingLosesNothingAndRepeatsNothing(t *testing.T) {
	for _, greet := range []bool{false, true} {
		t.Run(fmt.Sprintf("greet=%v", greet), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				v := newVenue()
				v.greet = greet
				renewUnderFlow(t, v, 40, time.Millisecond, 20*time.Millisecond)
			})
		})
	}
}

func TestE10_RenewingLosesNothingOnARealSocket(t *testing.T) {
	v := newVenue()
	v.network, v.greet = tcp(t), true
	renewUnderFlow(t, v, 25, 300*time.Microsecond, 30*time.Millisecond)
}

func TestE10_WhereASecondConnectionCannotBeHadTheGapIsTold(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.dialled = func(int) error { // called with mu held
			for _, p := range v.peers {
				select {
				case <-p.gone:
				default:
					return errors.New("one connection a user")
				}
			}
			return nil
		}
		r := start(t, v, nil)
		r.live()
		v.publish("4.1!42505", quote("42505", 1))
		r.untilTold("q1")

		require.NoError(t, r.stream.Renew(t.Context()))
		r.untilTold("live", "q1", "down", "gap", "live")

		require.Equal(t, "41", lastOf(v.texts(v.peers[0]), 1)[0])
		require.EqualValues(t, 1, r.stream.Stats().Gaps)
		require.Equal(t, 4, v.connections(), "one more try beside the old one")
		r.stop()
	})
}

func TestRenewKeepsTheConnectionWhenTheNewCredentialIsRefused(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.admit = func(p *peer) string {
			if p.auth.Token == "bad" {
				return "Unauthorized"
			}
			return ""
		}
		r := start(t, v, nil)
		r.live()
		r.store.Swap(credential(2, "bad"))

		require.ErrorIs(t, r.stream.Renew(t.Context()), ErrAuth)

		require.Len(t, r.rec.suspected(), 1)
		require.Contains(t, r.rec.suspected()[0], "epoch 2")
		v.publish("4.1!42505", quote("42505", 1))
		r.untilTold("live", "q1")

		// And the next one works.
		r.store.Swap(credential(3, "good"))
		require.NoError(t, r.stream.Renew(t.Context()))
		v.publish("4.1!42505", quote("42505", 2))
		r.untilTold("live", "q1", "q2")
		r.stop()
	})
}

func TestAVenueThatDropsTheSecondSessionKeepsTheFirstOrGivesABreak(t *testing.T) {
	for says, kept := range map[string]bool{"41": false, "1": false, `44{"message":"no"}`: true} {
		virtual(t, func(t *testing.T) {
			v := newVenue()
			v.fence = func(p *peer) bool {
				if p.number == 2 || p.number == 3 {
					p.send(says)
					return true
				}
				return false
			}
			r := start(t, v, nil)
			r.live()

			err := r.stream.Renew(t.Context())

			if kept {
				require.ErrorIs(t, err, ErrAuth)
				require.Equal(t, []string{"live"}, r.rec.told())
			} else {
				require.NoError(t, err)
				r.untilTold("live", "down", "gap", "live")
			}
			r.stop()
		})
	}
}

func TestRenewThatIsCalledOffLeavesTheOldConnection(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		r.live()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // within the overlap
		defer cancel()

		require.ErrorIs(t, r.stream.Renew(ctx), context.DeadlineExceeded)

		v.publish("4.1!42505", quote("42505", 1))
		r.untilTold("live", "q1")
		require.Equal(t, "0", v.farewell(v.peers[1]))
		require.Nil(t, r.stream.renewal.Load())
		r.stop()
		require.Nil(t, r.stream.next, "nothing is remembered any more")
	})
}

func TestE10_AConnectionLostDuringARenewalIsReplacedAtOnceWithAGap(t *testing.T) {
	for name, lose := range map[string]func(*peer){
		"dropped": (*peer).drop,
		"41":      func(p *peer) { p.send("41") },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				v := newVenue()
				v.greet = true
				r := start(t, v, nil)
				r.live()
				v.publish("4.1!42505", quote("42505", 1))
				r.untilTold("q1")
				done := make(chan error)
				go func() { done <- r.stream.Renew(t.Context()) }()
				second := v.peer(t, 2)
				r.until("the fence", func() bool { v.mu.Lock(); defer v.mu.Unlock(); return second.pings == 1 })
				v.publish("4.1!42505", quote("42505", 2))
				r.untilTold("q1", "q2")

				began := time.Now()
				lose(v.peers[0])
				require.NoError(t, <-done)

				require.Less(t, time.Since(began), time.Second)
				v.publish("4.1!42505", quote("42505", 3))
				r.untilTold("live", "q1", "q2", "down", "gap", "live", "q3")
				require.Equal(t, 2, v.connections())
				r.stop()
			})
		})
	}
}

func TestAnOldConnectionThatDiesBeforeItAnswersItsFenceIsAGap(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.fence = func(p *peer) bool {
			if p.number == 1 {
				p.drop()
			}
			return p.number == 1
		}
		r := start(t, v, nil)
		r.live()

		require.NoError(t, r.stream.Renew(t.Context()))

		require.Equal(t, []string{"live", "gap", "live"}, r.rec.told())
		require.EqualValues(t, 1, r.stream.Stats().Gaps)
		r.stop()
	})
}

func TestRenewWhileBetweenConnectionsMakesTheNextOneAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		down := true
		v.dialled = func(int) error {
			if down {
				return errors.New("down")
			}
			return nil
		}
		r := start(t, v, nil)
		time.Sleep(5 * time.Minute) // the waits are long by now
		v.mu.Lock()
		down = false
		v.mu.Unlock()
		began := time.Now()

		require.NoError(t, r.stream.Renew(t.Context()))

		require.Zero(t, time.Since(began))
		r.live()
		r.stop()
	})
}

func TestRenewCallsQueue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		r.live()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { require.NoError(t, r.stream.Renew(t.Context())) })
		}
		all.Wait()
		require.EqualValues(t, 5, r.stream.Stats().Renewals)
		r.stop()
	})
}

func TestStopDuringARenewalEndsBoth(t *testing.T) {
	for _, wait := range []time.Duration{time.Second / 2, 10 * time.Second} {
		virtual(t, func(t *testing.T) {
			v := newVenue()
			hung := false
			v.upgraded = func(conn net.Conn) bool {
				if !hung || wait < time.Second {
					return false
				}
				_, _ = readFrame(conn) // the second connection hangs in its handshake
				return true
			}
			r := start(t, v, nil)
			r.live()
			hung = true
			done := make(chan error, 1)
			go func() { done <- r.stream.Renew(context.Background()) }()
			time.Sleep(wait / 4)

			r.cancel(errTestOver)
			require.ErrorIs(t, <-r.ended, errTestOver)
			require.ErrorIs(t, <-done, ErrStopped)
			v.wait.Wait()
		})
	}
}

func TestAVenueThatNeverAnswersWebsocketPingsCanStillBeRenewed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.upgraded = func(conn net.Conn) bool { return deaf(conn) }
		r := start(t, v, nil)
		r.live()

		require.NoError(t, r.stream.Renew(t.Context()))

		require.EqualValues(t, 1, r.stream.Stats().Renewals)
		require.Equal(t, []string{"live"}, r.rec.told())
		r.stop()
	})
}

// deaf serves a client without ever answering a websocket ping.
func deaf(conn net.Conn) bool {
	say := func(text []byte) { _ = ws.WriteFrame(conn, ws.NewTextFrame(text)) }
	say(socketio.AppendOpen(nil, socketio.Handshake{SID: "a", PingInterval: time.Minute, PingTimeout: time.Minute}))
	for {
		frame, err := readFrame(conn)
		if err != nil || frame.Header.OpCode == ws.OpClose {
			return true
		}
		if strings.HasPrefix(string(frame.Payload), "40") {
			say(socketio.AppendAccept(nil, "b"))
		}
	}
}

func TestShadowSuppressesExactlyWhatWasDelivered(t *testing.T) {
	seed := newSeed()
	s := newShadow(seed, []uint64{0, hashOf(seed, quote("42506", 5))})
	for n := 1; n <= 3; n++ {
		s.remember([]byte(quote("42505", n)))
	}
	suppresses := func(want bool, text string) {
		t.Helper()
		require.Equal(t, want, s.suppresses([]byte(text)), text)
	}

	suppresses(true, quote("42505", 2)) // the join was read after 1
	suppresses(true, quote("42505", 3))
	suppresses(false, quote("42505", 4))
	suppresses(false, quote("42505", 3)) // news, though it was so before
	suppresses(true, quote("42506", 5))  // a greeting that was delivered before the recording
	suppresses(false, quote("42506", 6))
	suppresses(false, quote("42506", 5))
	suppresses(false, quote("42507", 1))

	require.False(t, s.over(1<<40))
	s.recording, s.until = false, 10
	require.False(t, s.over(10))
	require.True(t, s.over(11))
}

func TestAboutIsTheEventsNameAndSymbol(t *testing.T) {
	require.Equal(t, `42["stock",["4.1!42505`, string(about([]byte(quote("42505", 1)))))
	require.Equal(t, `42["1SEC"`, string(about([]byte(`42["1SEC","NFO,NIFTY"]`))))
	for _, text := range []string{``, `4`, `42`, `42["`, `42["x`, `42["x"`, `42["x",["`} {
		require.LessOrEqual(t, len(about([]byte(text))), len(text))
	}
}
