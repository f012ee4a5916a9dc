package stream

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
)

func TestStreamConnectsProvesItselfJoinsAndDelivers(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, func(c *Config) { c.JoinBatch = 1 })
		r.live()

		v.publish("4.1!42505", quote("42505", 7))
		v.publish("4.1!42506", `42["stock",`+strings.Replace(depthText, "42505", "42506", 1)+`]`)
		r.untilTold("live", "q7")
		r.until("depth", func() bool { return r.stream.Stats().Depths == 1 })
		r.stop()

		require.Equal(t, []string{`40{"user":"TESTUSR1","token":"51606286"}`, `42["join",["4.1!42505"]]`, `42["join",["4.1!42506"]]`, `41`}, v.texts(v.peers[0]))
		require.Equal(t, "0", v.farewell(v.peers[0])) // a close frame without a code
		require.Equal(t, []string{"live", "q7", "down"}, r.rec.told())
		require.Equal(t, 2, r.rec.commits)
		require.Equal(t, 2, r.rec.taps)
		require.Equal(t, market.FeedDown, r.stream.State())
		stats := r.stream.Stats()
		require.EqualValues(t, 2, stats.Ticks())
		require.EqualValues(t, 1, stats.Connects)
	})
}

func TestF1_ALostConnectionIsMadeAgainAndJoinedAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		r.live()
		for n := 1; n <= 5; n++ {
			p := v.peer(t, n)
			v.publish("4.1!42505", quote("42505", n))
			r.untilTold(fmt.Sprintf("q%d", n))
			p.drop()
			r.untilTold("down", "gap", "live")
			require.Contains(t, v.texts(v.peer(t, n+1)), `42["join",["4.1!42505","4.1!42506"]]`)
		}
		r.stop()
		require.EqualValues(t, 5, r.stream.Stats().Reconnects)
		require.EqualValues(t, 5, r.stream.Stats().Gaps)
	})
}

func TestF5_AGapIsAnnouncedBeforeTheNextEvent(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.greet = true // the event is there as soon as the join is
		r := start(t, v, nil)
		r.live()
		v.publish("4.1!42505", quote("42505", 1))
		r.untilTold("q1")

		v.peer(t, 1).drop()
		r.untilTold("q1", "down", "gap", "live", "q1")

		r.stop()
	})
}

func TestBackoffIsAShareOfADoublingCeiling(t *testing.T) {
	share := 0.0
	cfg := Config{Backoff: Backoff{250 * time.Millisecond, 30 * time.Second}, AuthWait: Backoff{5 * time.Second, 60 * time.Second}, Rand: func() float64 { return share }}
	lost := errors.New("lost")
	series := func(err error) (out []time.Duration) {
		var w waits
		for range 9 {
			out = append(out, w.after(err, 0, &cfg).Round(time.Millisecond))
		}
		return out
	}

	require.Equal(t, make([]time.Duration, 9), series(lost), "the jitter is full: it reaches down to nothing")
	require.Equal(t, 2500*time.Millisecond, series(ErrAuth)[0], "a refused credential is never tried again at once")
	require.Equal(t, 500*time.Millisecond, series(ErrDropped)[0])
	share = 1
	ms := time.Millisecond
	require.Equal(t, []time.Duration{250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 16000 * ms, 30000 * ms, 30000 * ms}, series(lost))
	require.Equal(t, []time.Duration{5000 * ms, 10000 * ms, 20000 * ms, 40000 * ms, 60000 * ms}, series(ErrAuth)[:5])

	var w waits
	for range 6 {
		w.after(lost, 0, &cfg)
	}
	require.Equal(t, 250*ms, w.after(lost, steady, &cfg), "a connection that lived clears the past")
}

func TestBackoffSpacesTheConnectsOfADeadVenue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.dialled = func(int) error { return errors.New("connection refused") }
		r := start(t, v, nil) // the jitter is always one half

		time.Sleep(10 * time.Minute)
		r.stop()

		// 0.125 + 0.25 + 0.5 + 1 + 2 + 4 + 8 s, then 15 s each.
		require.InDelta(t, 7+(600-15.875)/15, v.connections(), 1.5)
		require.Empty(t, r.rec.told(), "it never was anything but down")
	})
}

func TestARefusedCredentialIsToldAndTriedAgainSlowly(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.admit = func(p *peer) string {
			if p.auth.Token != "good" {
				return "Unauthorized"
			}
			return ""
		}
		r := start(t, v, nil)

		time.Sleep(10 * time.Second) // tries at 0 s, 3.75 s and 11.25 s
		require.Equal(t, 2, v.connections())
		require.Equal(t, []string{
			`epoch 1: stream: handshake with ws://127.0.0.1/socket.io/: stream: credential of epoch 1 refused: "Unauthorized"`,
			`epoch 1: stream: handshake with ws://127.0.0.1/socket.io/: stream: credential of epoch 1 refused: "Unauthorized"`,
		}, r.rec.suspected())
		require.EqualValues(t, 2, r.stream.Stats().AuthFailures)

		// A new credential does not wait.
		require.True(t, r.store.Swap(credential(2, "good")))
		began := time.Now()
		require.NoError(t, r.stream.Renew(t.Context()))
		require.Zero(t, time.Since(began))
		r.live()
		require.Equal(t, []string{"live"}, r.rec.told())
		r.stop()
	})
}

func TestARefusalOfAnOlderCredentialDoesNotEndARenewal(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.admit = func(p *peer) string {
			if p.auth.Token != "good" {
				time.Sleep(time.Second) // the new credential comes meanwhile
				return "Unauthorized"
			}
			return ""
		}
		r := start(t, v, nil)
		time.Sleep(time.Second / 2)
		require.True(t, r.store.Swap(credential(2, "good")))

		require.NoError(t, r.stream.Renew(t.Context()))

		require.Equal(t, 2, v.connections())
		r.stop()
	})
}

func TestADroppedSessionIsToldAndTheStreamComesBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		r.live()

		v.peer(t, 1).send("41")
		r.untilTold("down", "gap", "live")

		require.Equal(t, []string{"epoch 1: stream: session dropped by the venue"}, r.rec.suspected())
		r.stop()
	})
}

func TestAConnectErrorInServiceIsARefusal(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		r.live()

		v.peer(t, 1).send(`44{"message":"Unauthorized"}`)
		r.untilTold("down", "gap", "live")

		require.Equal(t, []string{`epoch 1: stream: credential of epoch 1 refused: "Unauthorized"`}, r.rec.suspected())
		r.stop()
	})
}

func TestStreamWaitsForTheFirstCredential(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		store := new(session.Store)
		r := start(t, v, func(c *Config) { c.Session = store })
		time.Sleep(time.Minute)
		require.Zero(t, v.connections())

		require.True(t, store.Swap(credential(1, "x")))
		r.live()
		r.stop()
	})
}

func TestF2_SilenceInMarketHoursEndsTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.interval = time.Second // the link itself is lively
		r := start(t, v, func(c *Config) { c.MarketOpen = func(market.UnixNano) bool { return true } })
		r.live()
		answerPings(v, time.Second)
		for n := range 400 { // 40 s of a quick feed
			v.publish("4.1!42505", quote("42505", n))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, 1, v.connections())

		began := time.Now()
		r.untilTold("q399", "stale", "down", "gap", "live")
		require.InDelta(t, 3, time.Since(began).Seconds(), 0.3)
		require.Equal(t, []string{"3", "41"}, lastOf(v.texts(v.peer(t, 1)), 2))
		require.EqualValues(t, 1, r.stream.Stats().Silences)

		// While a new connection does not help, patience grows.
		time.Sleep(60 * time.Second)
		require.InDelta(t, 5, v.connections(), 1) // after 6, 12, 24 and 48 s
		r.stop()
	})
}

func TestF2_ASlowFeedGetsTenTimesItsInterval(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.interval = time.Second
		r := start(t, v, func(c *Config) { c.MarketOpen = func(market.UnixNano) bool { return true } })
		r.live()
		answerPings(v, time.Second)
		for n := range 60 { // one event every two seconds
			v.publish("4.1!42505", quote("42505", n))
			time.Sleep(2 * time.Second)
		}
		require.Equal(t, 1, v.connections())

		time.Sleep(13 * time.Second)
		require.Equal(t, 1, v.connections())
		time.Sleep(10 * time.Second)
		require.Equal(t, 2, v.connections())
		r.stop()
	})
}

func TestF2_SilenceIsInOrderWhileTheMarketIsClosed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.interval = time.Second
		opening := time.Now().Add(time.Hour)
		r := start(t, v, func(c *Config) {
			c.MarketOpen = func(market.UnixNano) bool { return !time.Now().Before(opening) }
		})
		r.live()
		answerPings(v, time.Second)

		time.Sleep(time.Hour + 29*time.Second)
		require.Equal(t, 1, v.connections())
		time.Sleep(32 * time.Second) // thirty seconds, while no rate is known, from a look at most thirty late
		require.Equal(t, 2, v.connections())
		r.stop()
	})
}

// answerPings keeps every connection of the venue lively.
func answerPings(v *venue, every time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ping := func(p *peer) {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.send("2")
			case <-p.gone:
				return
			}
		}
	}
	for _, p := range v.peers {
		v.wait.Go(func() { ping(p) })
	}
	v.hear = func(p *peer, text []byte) {
		if bytes.HasPrefix(text, []byte("40")) {
			v.wait.Go(func() { ping(p) })
		}
	}
}

func lastOf(all []string, n int) []string { return all[max(0, len(all)-n):] }

func TestF7_MalformedEventsAreDroppedCountedAndKept(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		var letters bytes.Buffer
		r := start(t, v, func(c *Config) { c.DeadLetter = &letters })
		r.live()
		p := v.peer(t, 1)
		broken := []string{
			`42["stock",["4.1!42505",12.`, `42["stock",[]]`, `42["stock",["4.1!42505",1,2,3]]`, `42["stock",["4.1!42505",nan,1e999,-0,"x",{},[],null,1,1,1]]`,
			`42{bad`, `42["stock"]`, `9`, ``, "42[\"stock\",[\"\x1b[31mred\n\"]]",
		}

		for n, text := range broken {
			p.send(text)
			v.publish("4.1!42505", quote("42505", n))
		}
		r.untilTold("q8")
		p.send(quote("999999", 1)) // well-formed, of a token that is not ours
		r.until("unknown", func() bool { return r.stream.Stats().Unknown == 1 })
		r.stop()

		require.EqualValues(t, len(broken), r.stream.Stats().DecodeErrors)
		require.EqualValues(t, 9, r.stream.Stats().Quotes)
		require.Equal(t, 1, v.connections(), "the connection is kept")
		lines := strings.Split(strings.TrimSpace(letters.String()), "\n")
		require.Len(t, lines, len(broken))
		require.Contains(t, lines[1], ` ticks "stream: malformed stock event`)
		require.Contains(t, lines[0], ` ticks "socketio: not a packet`)
		require.Contains(t, lines[0], `"42[\"stock\",[\"4.1!42505\",12."`)
		require.NotContains(t, letters.String(), "\x1b")
	})
}

func TestF7_MoreThanOneInAHundredEndsTheConnection(t *testing.T) {
	for _, test := range []struct {
		every, connections int
	}{{50, 2}, {200, 1}} {
		virtual(t, func(t *testing.T) {
			v := newVenue()
			r := start(t, v, nil)
			r.live()
			p := v.peer(t, 1)

			for n := range 10_500 / 5 { // a little more than ten seconds
				if n%test.every == 0 {
					p.send(`42["stock",[]]`)
				}
				v.publish("4.1!42505", quote("42505", n))
				time.Sleep(5 * time.Millisecond)
			}

			require.Equal(t, test.connections, v.connections())
			r.stop()
		})
	}
}

func TestF12_MissedPingsEndTheConnection(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.interval, v.timeout = 10*time.Second, 5*time.Second
		r := start(t, v, nil)
		r.live()
		p := v.peer(t, 1)
		for range 3 { // late, but not too late
			time.Sleep(14 * time.Second)
			p.send("2")
		}
		require.Equal(t, 1, v.connections())

		began := time.Now()
		r.untilTold("down", "gap", "live")
		require.InDelta(t, 15, time.Since(began).Seconds(), 0.5)
		require.Equal(t, []string{"3", "3", "3"}, lastOf(v.texts(p), 3))
		r.stop()
	})
}

func TestF12_AFloodOfPingsIsAnsweredOnceARead(t *testing.T) {
	var flood []byte
	for range 5000 {
		flood = append(flood, 0x81, 1, '2')
		flood = append(flood, 0x89, 2, 'h', 'i')
	}
	conn := &script{in: flood, chunk: len(flood)}
	l := newLink(conn, 1, 64<<10)

	require.NoError(t, l.fill())
	_, ok, err := l.next()
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, l.answer())

	require.Len(t, conn.written, 6+1+6+2, "one pong of either kind")
}

func TestF8_AHugeFrameIsRefusedWithClose1009(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		r := start(t, v, nil)
		r.live()
		p := v.peer(t, 1)

		p.out <- []byte{0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		r.untilTold("down", "gap", "live")

		require.Equal(t, "1009", v.farewell(p))
		r.stop()
	})
}

func TestF17_OrderNoticesAreDeliveredAndABrokenOneIsAGap(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		rec := new(recorder)
		r := start(t, v, func(c *Config) {
			c.Orders, c.Candles, c.Sink, c.Rooms, c.OnState = rec.order, rec.candle, nil, nil, rec.State
		})
		r.rec = rec
		r.live()
		p := v.peer(t, 1)
		for _, line := range captured(t, "ws_order_events.jsonl", "ws_ohlc.jsonl") {
			if line.Dir == "s2c" && strings.HasPrefix(line.Payload, "42") {
				p.send(line.Payload)
			}
		}
		r.until("orders and candles", func() bool { s := r.stream.Stats(); return s.Orders >= 10 && s.Candles >= 4 })
		require.Len(t, rec.orders, int(r.stream.Stats().Orders))
		require.Equal(t, "202611233800017846", rec.orders[0].VenueID.String())
		require.Equal(t, []string{"live"}, rec.told())

		p.send(`42["order",["1","*"]]`)
		r.untilTold("live", "gap", "live")
		require.Equal(t, 1, v.connections(), "the connection is kept")
		r.stop()
	})
}

func TestEventsThatComeWithTheAcceptanceAreNotHeldBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.upgraded = func(conn net.Conn) bool {
			opening := `0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
			_, _ = conn.Write([]byte(frame(fin|text, opening)))
			_, _ = readFrame(conn)
			_, _ = conn.Write([]byte(frame(fin|text, `40{"sid":"b"}`) + frame(fin|text, quote("42505", 1))))
			for {
				if got, err := readFrame(conn); err != nil || got.Header.OpCode == ws.OpClose {
					return true
				}
			}
		}
		r := start(t, v, nil)
		synctest.Wait()

		require.Equal(t, []string{"live", "q1"}, r.rec.told())
		r.stop()
	})
}

func TestAHandshakeThatGoesWrongIsAnError(t *testing.T) {
	opening := `0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	for _, test := range []struct {
		says []string
		want error
	}{
		{[]string{`42["stock",[]]`}, ErrProtocol}, {[]string{`hello`}, ErrProtocol}, {[]string{`0{`}, ErrProtocol}, {[]string{`0{"pingInterval":0}`}, ErrProtocol},
		{[]string{opening, `41`}, ErrDropped}, {[]string{opening, `1`}, ErrClosed}, {[]string{opening, `44{"message":"no"}`}, ErrAuth}, {[]string{opening, `44`}, ErrProtocol},
		{[]string{opening}, ErrClosed}, {nil, ErrClosed},
	} {
		virtual(t, func(t *testing.T) {
			v := newVenue()
			v.upgraded = func(conn net.Conn) bool {
				for i, says := range test.says {
					if i > 0 {
						_, _ = readFrame(conn)
					}
					_, _ = conn.Write([]byte(frame(fin|text, says)))
				}
				return true
			}
			store := new(session.Store)
			store.Swap(credential(1, "x"))
			s, err := New(Config{Name: "x", URL: "ws://127.0.0.1", Session: store, Universe: testUniverse(t), Sink: new(recorder), Dial: v.dial})
			require.NoError(t, err)

			_, err = s.connect(t.Context())

			require.ErrorIs(t, err, test.want, "%q", test.says)
			v.wait.Wait()
		})
	}
}

func TestStopEndsEveryWait(t *testing.T) {
	hang := func(v *venue) { v.upgraded = func(conn net.Conn) bool { _, _ = readFrame(conn); return true } }
	for name, prepare := range map[string]func(v *venue){
		"in service":       func(*venue) {},
		"in the handshake": hang,
		"between connects": func(v *venue) { v.dialled = func(int) error { return errors.New("no") } },
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				v := newVenue()
				prepare(v)
				r := start(t, v, nil)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				began := time.Now()
				r.stop()
				require.Less(t, time.Since(began), 3*time.Second)
			})
		})
	}
}

func TestAHandshakeHasItsTime(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.upgraded = func(conn net.Conn) bool { _, _ = readFrame(conn); return true }
		r := start(t, v, nil)
		time.Sleep(10*time.Second + 100*time.Millisecond)
		require.Equal(t, 1, v.connections())
		time.Sleep(time.Second)
		require.Equal(t, 2, v.connections())
		r.stop()
	})
}

func TestRunMayBeCalledOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		r := start(t, newVenue(), nil)
		r.live()
		require.Error(t, r.stream.Run(t.Context()))
		r.stop()
		require.ErrorIs(t, r.stream.Renew(t.Context()), ErrStopped)
	})
}

func TestConfigNamesWhatItRefuses(t *testing.T) {
	good := Config{Name: "ticks", URL: "wss://livestream.example", Session: new(session.Store), Universe: testUniverse(t), Sink: new(recorder), TLS: &tls.Config{}}
	_, err := New(good)
	require.NoError(t, err)
	refuses := func(text string, change func(*Config)) {
		t.Helper()
		cfg := good
		change(&cfg)
		_, err := New(cfg)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, text)
	}
	refuses("not wss://", func(c *Config) { c.URL = "https://x" })
	refuses("not wss://", func(c *Config) { c.URL = "" })
	refuses("more than a host", func(c *Config) { c.URL = "wss://x/socket.io/" })
	refuses("in the clear", func(c *Config) { c.URL = "ws://livestream.example" })
	refuses("session", func(c *Config) { c.Session = nil })
	refuses("nothing to deliver", func(c *Config) { c.Sink = nil })
	refuses("universe", func(c *Config) { c.Universe = nil })
	refuses("slash", func(c *Config) { c.Path = "x" })
	refuses("backoff", func(c *Config) { c.Backoff = Backoff{2, 1} })
	refuses("negative", func(c *Config) { c.Overlap = -1 })
	refuses("empty room", func(c *Config) { c.Rooms = []string{""} })
}

func TestTheHotPathDoesNotAllocate(t *testing.T) {
	store := new(session.Store)
	sink := new(countingSink)
	s, err := New(Config{Name: "ticks", URL: "ws://127.0.0.1", Session: store, Universe: testUniverse(t), Sink: sink, Tap: func([]byte) {}})
	require.NoError(t, err)
	var in []byte
	for n := range 20 {
		in = append(in, ws.MustCompileFrame(ws.NewTextFrame([]byte(quote("42505", n))))...)
		in = append(in, ws.MustCompileFrame(ws.NewTextFrame([]byte(`42["stock",`+depthText+`]`)))...)
	}
	in = append(in, 0x81, 1, '2')
	conn := &script{chunk: 1 << 20}
	s.link = newLink(conn, 1, s.cfg.MaxMessage)

	allocs := testing.AllocsPerRun(200, func() {
		conn.in, conn.written = in, conn.written[:0]
		if err := errors.Join(s.link.fill(), s.pump(s.link)); err != nil {
			panic(err)
		}
	})

	require.Zero(t, allocs)
	require.Equal(t, 201*20, sink.quotes)
	require.Equal(t, 201*20, sink.depths)
	require.Equal(t, 201*40, sink.commits)
}

type countingSink struct{ quotes, depths, commits int }

func (c *countingSink) Quote(*market.Quote)    { c.quotes++ }
func (c *countingSink) Depth(*market.Depth)    { c.depths++ }
func (c *countingSink) Commit(market.Stamp)    { c.commits++ }
func (c *countingSink) State(market.FeedState) {}

func BenchmarkFrameToSink(b *testing.B) {
	s, err := New(Config{Name: "ticks", URL: "ws://127.0.0.1", Session: new(session.Store), Universe: testUniverse(b), Sink: new(countingSink)})
	require.NoError(b, err)
	in := ws.MustCompileFrame(ws.NewTextFrame([]byte(quote("42505", 1))))
	conn := &script{chunk: 1 << 20}
	s.link = newLink(conn, 1, s.cfg.MaxMessage)
	b.ReportAllocs()
	for b.Loop() {
		conn.in = in
		if err := errors.Join(s.link.fill(), s.pump(s.link)); err != nil {
			b.Fatal(err)
		}
	}
}
