package stream

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

// loop is a connection that gives the same bytes again and again, in reads of
// at most 60 KiB, and swallows what is written.
type loop struct {
	net.Conn // only the methods below are called
	data     []byte
	at       int
	written  int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 60<<10)], l.data[l.at:])
	l.at = (l.at + n) % len(l.data)
	return n, nil
}

func (l *loop) Write(p []byte) (int, error) {
	l.written += len(p)
	return len(p), nil
}

func (l *loop) SetReadDeadline(time.Time) error  { return nil }
func (l *loop) SetWriteDeadline(time.Time) error { return nil }
func (l *loop) Close() error                     { return nil }

// counter is a Sink that does nothing but count.
type counter struct{ events, commits int }

func (c *counter) Quote(*market.Quote)    { c.events++ }
func (c *counter) Depth(*market.Depth)    { c.events++ }
func (c *counter) Commit(market.Stamp)    { c.commits++ }
func (c *counter) State(market.FeedState) {}

// fed is a stream in service on a loop of real-shaped frames, pings between
// them.
func fed(tb testing.TB) (*Stream, *loop, *counter) {
	random := rand.New(rand.NewPCG(5, 6))
	conn, sink := new(loop), new(counter)
	for i := range 1024 {
		text := randomQuote(random)
		if i%2 == 1 {
			text = randomDepth(random)
		}
		conn.data = append(conn.data, frame(0x81, []byte(`42["stock",`+text+`]`))...)
		if i%100 == 50 {
			conn.data = append(append(conn.data, frame(0x81, []byte("2"))...), frame(0x89, []byte("are you there"))...)
		}
	}
	s, err := New(Config{Name: "ticks", URL: "wss://x", Session: credentials("t"), Universe: testUniverse(tb), Sink: sink,
		Dial: nil, MarketOpen: func(market.UnixNano) bool { return true }})
	require.NoError(tb, err)
	l := newLink(conn, 1, s.cfg.MaxMessage)
	l.rooms, l.period = s.rooms.Load(), time.Minute
	s.adopt(l)
	return s, conn, sink
}

func TestFramesToSinkDoesNotAllocate(t *testing.T) {
	s, conn, sink := fed(t)
	for range 10 { // the write buffer finds its size
		require.NoError(t, s.read())
	}
	require.Zero(t, testing.AllocsPerRun(200, func() {
		if err := s.read(); err != nil {
			panic(err)
		}
	}))
	require.Greater(t, sink.events, 10_000)
	require.Equal(t, sink.events, sink.commits)
	require.Equal(t, uint64(sink.events), s.Stats().Ticks())
	require.Positive(t, conn.written)
	require.Zero(t, s.Stats().DecodeErrors)
}

func TestLinkFindsTheSameFramesWhereverTheReadsCut(t *testing.T) {
	var data []byte
	var want []string
	for n := range 300 {
		text := bytes.Repeat([]byte("x"), n*7%2000)
		data = append(data, frame(0x81, text)...)
		want = append(want, string(text))
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		conn := &pieces{data: data, random: random}
		l := newLink(conn, 1, 64<<10)
		var got []string
		for len(got) < len(want) {
			require.NoError(t, l.fill())
			for {
				payload, ok, err := l.next()
				require.NoError(t, err)
				if !ok {
					break
				}
				got = append(got, string(payload))
			}
		}
		require.Equal(t, want, got)
	}
}

// pieces is a connection whose reads end anywhere.
type pieces struct {
	net.Conn
	data   []byte
	random *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b, p.data[:min(len(p.data), 1+p.random.IntN(3000))])
	p.data = p.data[n:]
	return n, nil
}

// Whatever bytes come, the link neither panics nor reads beyond what it was
// given, and does not find other messages in one read than in many.
func FuzzLink(f *testing.F) {
	f.Add(frame(0x81, []byte("42[\"a\",1]")), uint8(3))
	f.Add(append(frame(0x01, []byte("42")), frame(0x80, []byte("[]"))...), uint8(1))
	f.Add(frame(0x88, []byte{3, 232, 'x'}), uint8(2))
	f.Add([]byte{0x81, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		if len(data) == 0 || len(data) > 32<<10 {
			return
		}
		read := func(step int) (got []string, fault string) {
			l := newLink(nil, 1, 1000)
			for rest := data; len(rest) > 0; {
				n := min(len(rest), step)
				conn := &loop{data: rest[:n]}
				l.conn, rest = conn, rest[n:]
				if err := l.fill(); err != nil {
					return got, err.Error()
				}
				for {
					payload, ok, err := l.next()
					if err != nil {
						return got, err.Error()
					}
					if !ok {
						break
					}
					got = append(got, string(payload))
				}
				require.LessOrEqual(t, len(l.message), 1000)
			}
			return got, ""
		}
		whole, fault := read(len(data))
		cut, cutFault := read(int(step) + 1)
		require.Equal(t, whole, cut)
		require.Equal(t, fault, cutFault)
	})
}

func BenchmarkFrameToSink(b *testing.B) {
	s, _, sink := fed(b)
	b.ReportAllocs()
	for sink.events < b.N {
		if err := s.read(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(sink.events)/b.Elapsed().Seconds(), "ticks/s")
}
