package stream

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

// virtual runs a test in virtual time against an in-memory venue.
func virtual(t *testing.T, test func(t *testing.T, v *venue)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := newVenue()
		test(t, v)
		v.dropAll()
		v.wait.Wait()
	})
}

func TestStreamConnectsProvesWhoItIsAndJoinsInAList(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		var request string
		v.script = func(_ int, c *peer) bool {
			request = c.request
			return true
		}
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		require.Equal(t, market.FeedLive, r.State())
		require.Equal(t, "/socket.io/?EIO=4&transport=websocket", request)

		v.publish("4.1!42505", quoteOf("42505", 7))
		v.publish("4.2!42505", `42["stock",`+depthText+`]`)
		synctest.Wait()
		r.quit(t)
		synctest.Wait()

		require.Equal(t, []string{
			`40{"user":"TESTUSR1","token":"51606286"}`, `42["join",["4.1!42505","4.2!42505"]]`, `41`, `close `,
		}, v.heard())
		require.Equal(t, []string{"live", "7", "depth", "down"}, r.sink.entries())
		require.Equal(t, 2, r.sink.commits)
		require.NotZero(t, r.sink.quotes[0].Recv)
		require.Equal(t, r.sink.quotes[0].Instrument, r.sink.depths[0].Instrument)
		stats := r.Stats()
		require.Equal(t, [4]uint64{1, 1, 1, 0}, [4]uint64{stats.Connects, stats.Quotes, stats.Depths, stats.Gaps})
	})
}

func TestF1_ConnectionDroppedIsReconnectedAndRejoinedWithAGapBeforeTheNextEvent(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		for i := range 5 {
			v.publish("4.1!42505", quoteOf("42505", i))
			synctest.Wait()
			v.dropAll()
			time.Sleep(time.Second)
			synctest.Wait()
			require.True(t, v.joined("4.1!42505") && v.joined("4.2!42505"))
		}
		v.publish("4.1!42505", quoteOf("42505", 5))
		synctest.Wait()
		r.quit(t)
		require.Equal(t, "live 0 down gap live 1 down gap live 2 down gap live 3 down gap live 4 down gap live 5 down",
			strings.Join(r.sink.entries(), " "))
		require.Equal(t, uint64(5), r.Stats().Reconnects)
		require.Equal(t, uint64(5), r.Stats().Gaps)
	})
}

func TestF1_ReconnectsSpreadOutWithFullJitter(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		v.script = func(_ int, c *peer) bool { // accepts nobody
			c.hangUp()
			return false
		}
		random := rand.New(rand.NewPCG(7, 7))
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Backoff, cfg.Rand = v.dial, Backoff{250 * time.Millisecond, 8 * time.Second}, random.Float64
		})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		dials := v.dials()
		r.quit(t)

		require.Greater(t, len(dials), 80)
		require.Less(t, len(dials), 300)
		ceiling, below := 250*time.Millisecond, 0
		for i := 1; i < len(dials); i++ {
			wait := dials[i].Sub(dials[i-1])
			require.LessOrEqual(t, wait, ceiling)
			if wait < ceiling/2 {
				below++
			}
			ceiling = min(2*ceiling, 8*time.Second)
		}
		require.InDelta(t, 0.5, float64(below)/float64(len(dials)-1), 0.15)
	})
}

func TestF1_RecoveryAfterALossTakesLessThanTheFirstBackoff(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Backoff = v.dial, Backoff{} })
		for range 20 {
			time.Sleep(5 * time.Second)
			v.dropAll()
			lost := time.Now()
			for r.State() != market.FeedLive || !v.joined("4.1!42505") {
				time.Sleep(time.Millisecond)
			}
			require.LessOrEqual(t, time.Since(lost), 260*time.Millisecond)
		}
		r.quit(t)
	})
}

func TestF2_SilenceInMarketHoursLeadsToAReconnect(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		v.pingInterval = time.Second // the link is alive all the time
		v.script = pinging(v)
		var open atomic.Bool
		open.Store(true)
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.MarketOpen = v.dial, func(market.UnixNano) bool { return open.Load() }
		})
		for i := range 200 { // ten events a second: the rate is learnt
			time.Sleep(100 * time.Millisecond)
			v.publish("4.1!42505", quoteOf("42505", i))
		}
		mute := time.Now()
		synctest.Wait()
		for r.Stats().Silences == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		require.LessOrEqual(t, time.Since(mute), 3200*time.Millisecond)
		time.Sleep(500 * time.Millisecond)
		require.True(t, v.joined("4.1!42505"), "rejoined")
		v.publish("4.1!42505", quoteOf("42505", 200))
		synctest.Wait()
		log := strings.Join(r.sink.entries(), " ")
		require.Contains(t, log, "199 stale down gap live 200")

		open.Store(false) // the market closes: nothing is expected
		time.Sleep(12 * time.Hour)
		require.Equal(t, uint64(1), r.Stats().Silences)
		open.Store(true)
		time.Sleep(2 * time.Second)
		require.Equal(t, uint64(1), r.Stats().Silences, "silence counts from the opening")
		r.quit(t)
	})
}

func TestF2_ASlowFeedIsGivenTenUsualIntervals(t *testing.T) {
	cfg := &Config{Sink: new(recorder), MarketOpen: func(market.UnixNano) bool { return true }, Silence: 3 * time.Second}
	var w watch
	w.start(market.Stamp{})
	require.Equal(t, 30*time.Second, w.patience(cfg), "nothing learnt yet")

	w.saw(market.Mono(9*time.Second), 10, 0)
	require.NoError(t, w.roll(market.Mono(10*time.Second)))
	require.Equal(t, 10*time.Second, w.patience(cfg), "an event a second")
	require.Zero(t, w.silent(market.Stamp{Mono: market.Mono(18 * time.Second)}, cfg))
	require.Equal(t, 10*time.Second, w.silent(market.Stamp{Mono: market.Mono(19 * time.Second)}, cfg))
	require.Equal(t, 20*time.Second, w.patience(cfg), "a reconnect did not help: more patient")
	w.saw(market.Mono(20*time.Second), 1, 0)
	require.Equal(t, 10*time.Second, w.patience(cfg))
}

// pinging makes every connection send Engine.IO pings.
func pinging(v *venue) func(int, *peer) bool {
	return func(_ int, c *peer) bool {
		v.wait.Go(func() {
			for {
				select {
				case <-c.gone:
					return
				case <-time.After(v.pingInterval):
					c.say("2")
				}
			}
		})
		return true
	}
}

func TestF12_ALinkWithoutPingsIsGivenUpAfterIntervalAndTimeout(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		v.pingInterval, v.pingTimeout = 25*time.Second, 20*time.Second
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		time.Sleep(10 * time.Second)
		v.publish("4.1!42505", quoteOf("42505", 1)) // any packet is a sign of life
		time.Sleep(44 * time.Second)
		require.Equal(t, uint64(1), r.Stats().Connects)
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, uint64(2), r.Stats().Connects)
		r.quit(t)
	})
}

func TestF12_PingsAreAnsweredAndAFloodIsAnsweredOnce(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		for range 3 {
			v.tell("2")
			time.Sleep(time.Second)
		}
		require.Equal(t, []string{"3", "3", "3"}, v.heard()[2:])

		flood := bytes.Repeat(frame(0x81, []byte("2")), 1000)
		flood = append(flood, bytes.Repeat(frame(0x89, []byte("hello")), 1000)...)
		v.mu.Lock()
		v.peers[0].raw(flood)
		v.mu.Unlock()
		time.Sleep(time.Second)
		require.Equal(t, []string{"3", "3", "3", "3"}, v.heard()[2:])
		require.Equal(t, uint64(1), r.Stats().Connects)
		r.quit(t)
	})
}

func TestARefusedCredentialIsReportedAndNotHammered(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		var suspects []uint64
		var causes []error
		store := credentials("bad")
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Session = v.dial, store
			cfg.OnSuspect = func(epoch uint64, cause error) {
				suspects, causes = append(suspects, epoch), append(causes, cause)
			}
		})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Less(t, len(v.dials()), 25)
		require.Greater(t, len(v.dials()), 8)
		require.GreaterOrEqual(t, v.dials()[1].Sub(v.dials()[0]), 2500*time.Millisecond)
		require.Equal(t, uint64(1), suspects[0])
		require.Len(t, suspects, len(v.dials()))
		var refused *AuthError
		require.ErrorAs(t, causes[0], &refused)
		require.Equal(t, "Unauthorized", refused.Message)
		require.ErrorIs(t, causes[0], ErrAuth)
		require.Empty(t, r.sink.entries(), "never live, nothing to announce")

		// A new credential ends the wait at once.
		require.True(t, store.Swap(credential(2, v.token)))
		before := time.Now()
		require.NoError(t, r.Renew(t.Context()))
		require.Less(t, time.Since(before), time.Second)
		require.Equal(t, market.FeedLive, r.State())
		r.quit(t)
	})
}

func TestADroppedSessionIsReportedThenReconnectedAfterAWait(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		var cause error
		var epoch uint64
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Backoff = v.dial, Backoff{250 * time.Millisecond, 30 * time.Second}
			cfg.OnSuspect = func(e uint64, c error) { epoch, cause = e, c }
		})
		time.Sleep(30 * time.Second)
		v.tell(`41`)
		synctest.Wait()
		require.ErrorIs(t, cause, ErrDropped)
		require.Equal(t, uint64(1), epoch)
		require.Equal(t, market.FeedDown, r.State())
		time.Sleep(400 * time.Millisecond)
		require.Len(t, v.dials(), 1, "not at once")
		time.Sleep(time.Second)
		require.Len(t, v.dials(), 2)
		require.True(t, v.joined("4.1!42505"))
		r.quit(t)
	})
}

func TestF7_MalformedEventsAreDroppedCountedAndBuriedWhileTheConnectionLives(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		var letters bytes.Buffer
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.DeadLetter = v.dial, &letters })
		synctest.Wait()
		bad := []string{`42{bad`, `42["stock",["4.1!42505",1]]`, `42["stock",` + strings.Replace(quoteText, "98", "NaN", 1) + `]`, `9`, `42["stock"]`}
		for _, text := range bad {
			v.tell(text)
		}
		v.tell(quoteOf("99999", 1)) // unknown
		v.tell(`42["news","x"]`)
		v.tell(`42/other,["stock",1]`)
		v.tell(quoteOf("42505", 1))
		synctest.Wait()
		stats := r.Stats()
		r.quit(t)

		require.Equal(t, uint64(len(bad)), stats.DecodeErrors)
		require.Equal(t, uint64(1), stats.Unknown)
		require.Equal(t, uint64(2), stats.Ignored)
		require.Equal(t, []string{"live", "1", "down"}, r.sink.entries())
		lines := strings.Split(strings.TrimSuffix(letters.String(), "\n"), "\n")
		require.Len(t, lines, len(bad))
		for i, line := range lines {
			quoted := line[strings.LastIndex(line, ` "`)+1:]
			text, err := strconv.Unquote(quoted)
			if err == nil {
				require.Equal(t, bad[i], text)
			}
			require.Contains(t, line, " ticks ")
			require.Contains(t, line, strconv.Quote(bad[i]))
		}
	})
}

func TestF7_AConnectionThatIsMostlyNonsenseIsGivenUp(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		for range 30 {
			time.Sleep(500 * time.Millisecond)
			v.tell(quoteOf("42505", 1))
			v.tell(`42{bad`)
		}
		time.Sleep(time.Second)
		require.Equal(t, uint64(2), r.Stats().Connects)
		r.quit(t)
	})
}

func TestF8AndF9_BrokenFramesEndTheConnectionWithTheRightCode(t *testing.T) {
	masked := frame(0x81, []byte("hello"))
	masked = append(append([]byte{masked[0], masked[1] | 0x80}, 1, 2, 3, 4), masked[2:]...)
	cases := []struct {
		name string
		raw  []byte
		code ws.StatusCode
	}{
		{"F8 length of 2^63-1 bytes", []byte{0x81, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255}, 1009},
		{"F8 length of 2^63 bytes", []byte{0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, 1002},
		{"F8 length beyond the limit", append([]byte{0x81, 127}, 0, 0, 0, 0, 0, 1, 0, 1), 1009},
		{"F8 10,000 fragments", append(frame(0x01, nil), bytes.Repeat(frame(0x00, nil), 10_000)...), 1009},
		{"F8 fragments beyond the limit", append(frame(0x01, make([]byte, 60_000)), frame(0x00, make([]byte, 60_000))...), 1009},
		{"F9 fragmented control frame", frame(0x09, []byte("x")), 1002},
		{"F9 control frame of 126 bytes", frame(0x89, make([]byte, 126)), 1002},
		{"F9 reserved bit", frame(0xc1, []byte("x")), 1002},
		{"F11 compressed frame", frame(0xc1, []byte{0xaa, 0, 0}), 1002},
		{"F9 reserved opcode", frame(0x83, []byte("x")), 1002},
		{"F9 reserved control opcode", frame(0x8b, []byte("x")), 1002},
		{"F9 masked server frame", masked, 1002},
		{"F9 continuation of nothing", frame(0x80, []byte("x")), 1002},
		{"F9 new message within a fragmented one", append(frame(0x01, []byte("x")), frame(0x81, []byte("y"))...), 1002},
		{"F9 close frame of one byte", frame(0x88, []byte{3}), 1002},
		{"F9 close code not in use", frame(0x88, []byte{0, 5}), 1002},
		{"F10 text that is not UTF-8", frame(0x81, []byte("42[\"\xff\"]")), 1007},
		{"F10 fragments that are not UTF-8", append(frame(0x01, []byte("42[\"\xe2\x82")), frame(0x80, []byte("\"]"))...), 1007},
		{"F10 close reason that is not UTF-8", frame(0x88, []byte{3, 232, 0xff}), 1007},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			virtual(t, func(t *testing.T, v *venue) {
				r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
				synctest.Wait()
				v.mu.Lock()
				v.peers[0].raw(c.raw)
				v.mu.Unlock()
				time.Sleep(time.Second)
				synctest.Wait()
				want := frame(0x88, []byte{byte(c.code >> 8), byte(c.code)})
				require.Contains(t, v.heard(), "close "+base64.RawStdEncoding.EncodeToString(want[2:]))
				require.Equal(t, uint64(2), r.Stats().Connects, "reconnected")
				r.quit(t)
			})
		})
	}
}

func TestFragmentedMessagesArePutTogetherWithControlFramesBetween(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		text := []byte(quoteOf("42505", 1))
		for cut := 1; cut < len(text); cut += 13 {
			v.mu.Lock()
			raw := frame(0x01, text[:cut])
			raw = append(raw, frame(0x89, []byte("ping"))...)
			raw = append(raw, frame(0x00, nil)...)
			raw = append(raw, frame(0x80, text[cut:])...)
			raw = append(raw, frame(0x82, []byte{4, 1, 2})...)                              // binary: ignored
			raw = append(append(raw, frame(0x02, []byte{4})...), frame(0x80, []byte{1})...) // likewise in two parts
			for i := range raw {                                                            // and each byte in a write of its own
				v.peers[0].raw(raw[i : i+1])
			}
			v.mu.Unlock()
		}
		synctest.Wait()
		r.quit(t)
		require.Equal(t, (len(text)-2)/13+1, len(r.sink.quotes))
		require.Equal(t, uint64(1), r.Stats().Connects)
		require.NotZero(t, r.Stats().Ignored)
	})
}

func TestOrderStreamDeliversNoticesAndCallsAnUnreadableOneAGap(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		var states []market.FeedState
		sink := new(recorder)
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Sink, cfg.Rooms, cfg.Orders = v.dial, nil, nil, sink.order
			cfg.OnState = func(s market.FeedState) { states = append(states, s) }
		})
		synctest.Wait()
		notice := notices(t)[0]
		v.tell(notice)
		v.tell(`42["order",["1","*"]]`)
		v.tell(`42["stock",["2026-11-23 10:29:29","x"]]`)
		v.tell(notice)
		synctest.Wait()
		r.quit(t)

		require.Len(t, sink.reports, 2)
		require.NotZero(t, sink.reports[0].Recv)
		require.Equal(t, []market.FeedState{market.FeedLive, market.FeedGap, market.FeedLive, market.FeedDown}, states)
		require.Equal(t, uint64(1), r.Stats().DecodeErrors)
		require.Equal(t, uint64(1), r.Stats().Ignored)
	})
}

func TestF17AndF18_NoticesArePassedOnAsTheyComeWithTheirSequence(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		sink := new(recorder)
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Sink, cfg.Rooms, cfg.Orders = v.dial, nil, nil, sink.order })
		synctest.Wait()
		all := notices(t)
		for _, i := range []int{0, 2, 1, 1, 3} { // reordered and repeated: not for the feed to judge
			v.tell(all[i])
		}
		synctest.Wait()
		r.quit(t)
		var sequences []uint64
		for _, report := range sink.reports {
			sequences = append(sequences, report.Sequence%100_000_0000)
		}
		require.Equal(t, []uint64{301788200, 301796231, 301788212, 301788212, 301799000}, sequences)
	})
}

func TestSetRoomsLeavesAndJoinsTheDifferenceAndHoldsAfterAReconnect(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		require.NoError(t, r.SetRooms([]string{"4.2!42505", "4.1!42506"}))
		synctest.Wait()
		require.False(t, v.joined("4.1!42505"))
		require.True(t, v.joined("4.2!42505") && v.joined("4.1!42506"))
		require.Equal(t, []string{`42["leave",["4.1!42505"]]`, `42["join",["4.1!42506"]]`}, v.heard()[2:])
		v.dropAll()
		time.Sleep(time.Second)
		require.Equal(t, `42["join",["4.2!42505","4.1!42506"]]`, v.heard()[len(v.heard())-1])
		require.ErrorIs(t, r.SetRooms([]string{""}), ErrConfig)
		r.quit(t)
	})
}

func TestConfigIsCheckedOnce(t *testing.T) {
	good := Config{Name: "x", URL: "wss://livestream.example", Session: credentials("t"), Universe: testUniverse(t), Sink: new(recorder)}
	_, err := New(good)
	require.NoError(t, err)
	refuses := func(what string, change func(*Config)) {
		t.Helper()
		cfg := good
		change(&cfg)
		_, err := New(cfg)
		require.ErrorIs(t, err, ErrConfig)
		require.Contains(t, err.Error(), what)
	}
	refuses("not wss://", func(c *Config) { c.URL = "https://livestream.example" })
	refuses("in the clear", func(c *Config) { c.URL = "ws://livestream.example" })
	refuses("more than a host", func(c *Config) { c.URL = "wss://livestream.example/socket.io/" })
	refuses("no session", func(c *Config) { c.Session = nil })
	refuses("nothing to deliver", func(c *Config) { c.Sink = nil })
	refuses("no universe", func(c *Config) { c.Universe = nil })
	refuses("slash", func(c *Config) { c.Path = "socket.io" })
	refuses("empty room", func(c *Config) { c.Rooms = []string{""} })
	refuses("backoff", func(c *Config) { c.Backoff.Initial = time.Second })
	refuses("negative", func(c *Config) { c.Overlap = -1 })
}

func TestRunMayBeCalledOnceAndRenewNeedsIt(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		r := start(t, func(cfg *Config) { cfg.Dial = v.dial })
		synctest.Wait()
		require.Error(t, r.Run(t.Context()))
		r.quit(t)
		require.ErrorIs(t, r.Renew(t.Context()), ErrStopped)
	})
}

func TestStreamWaitsForTheFirstCredential(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		store := new(session.Store)
		r := start(t, func(cfg *Config) { cfg.Dial, cfg.Session = v.dial, store })
		time.Sleep(time.Minute)
		require.Empty(t, v.dials())
		store.Swap(credential(1, v.token))
		time.Sleep(time.Second)
		require.Equal(t, market.FeedLive, r.State())
		r.quit(t)
	})
}
