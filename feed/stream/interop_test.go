package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// node is the real Socket.IO server in a process of its own.
type node struct {
	t      *testing.T
	port   int
	stdin  io.WriteCloser
	events chan nodeEvent
}

type nodeEvent struct {
	Event  string
	Number int
	Rooms  []string
	Reason string
}

func startNode(t *testing.T) *node {
	t.Helper()
	const remedy = "; to run it: npm ci --prefix feed/stream/testdata/interop"
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("skipped: node is missing" + remedy)
	}
	folder := filepath.Join("testdata", "interop")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "socket.io")); err != nil {
		t.Skip("skipped: the package socket.io is not installed" + remedy)
	}
	command := exec.Command(program, "server.mjs")
	command.Dir, command.Stderr = folder, os.Stderr
	n := &node{t: t, events: make(chan nodeEvent, 10_000)}
	n.stdin, err = command.StdinPipe()
	require.NoError(t, err)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			var event nodeEvent
			if json.Unmarshal(scanner.Bytes(), &event) == nil {
				n.events <- event
			}
		}
	}()
	t.Cleanup(func() {
		_ = n.stdin.Close() // it ends with its input
		<-read
		require.NoError(t, command.Wait())
	})
	n.port = n.waits("listening").Number
	return n
}

func (n *node) command(format string, args ...any) {
	n.t.Helper()
	_, err := fmt.Fprintf(n.stdin, format+"\n", args...)
	require.NoError(n.t, err)
}

// waits skips to the next event of a name.
func (n *node) waits(name string) nodeEvent {
	n.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		select {
		case event := <-n.events:
			if event.Event == name {
				return event
			}
		case <-timeout:
			require.FailNow(n.t, "the server never said "+name)
		}
	}
}

// start runs a stream against the server.
func (n *node) start(change func(*Config)) *rig {
	n.t.Helper()
	return start(n.t, newVenue(), func(c *Config) {
		c.URL = fmt.Sprintf("ws://127.0.0.1:%d", n.port)
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}
		c.Rooms = []string{"4.1!42505", "4.1!42506", "4.1!42507", "4.2!42505"}
		if change != nil {
			change(c)
		}
	})
}

func TestInteropSocketIOServerServesAStream(t *testing.T) {
	n := startNode(t)
	r := n.start(nil)
	require.Equal(t, r.stream.cfg.Rooms, n.waits("join").Rooms)

	n.command("quote 42505 1")
	n.command("depth 42505")
	n.command("quote 42506 2")
	n.command("quote 99999 3") // a room that we are not in
	r.untilTold("live", "q1", "q2")
	r.until("depth", func() bool { return r.stream.Stats().Depths == 1 })
	for range 3 {
		n.waits("pong")
	}
	n.command("quote 42505 4")
	r.untilTold("live", "q1", "q2", "q4")

	r.stop()
	require.Equal(t, "client namespace disconnect", n.waits("disconnect").Reason)
	require.EqualValues(t, 4, r.stream.Stats().Ticks())
	require.Zero(t, r.stream.Stats().DecodeErrors)
}

func TestInteropSocketIOServerRefusesABadCredential(t *testing.T) {
	n := startNode(t)
	r := n.start(func(c *Config) { c.Session.Swap(credential(2, "bad")) })
	r.until("refusal", func() bool { return r.stream.Stats().AuthFailures == 1 })
	require.Contains(t, r.rec.suspected()[0], `credential of epoch 2 refused: "Unauthorized"`)

	require.True(t, r.store.Swap(credential(3, "51606286")))
	require.NoError(t, r.stream.Renew(t.Context()))
	n.waits("join")
	r.stop()
}

func TestInteropSocketIOServerDropsUsAndWeComeBack(t *testing.T) {
	for _, how := range []string{"41", "close"} {
		t.Run(how, func(t *testing.T) {
			n := startNode(t)
			r := n.start(nil)
			n.waits("join")
			n.command("quote 42505 1")
			r.untilTold("live", "q1")

			n.command(how)
			join := n.waits("join")
			require.Equal(t, 2, join.Number)
			require.Equal(t, r.stream.cfg.Rooms, join.Rooms)
			n.command("quote 42505 2")
			r.untilTold("live", "q1", "down", "gap", "live", "q2")

			require.Equal(t, how == "41", len(r.rec.suspected()) == 1)
			r.stop()
		})
	}
}

func TestInteropSocketIOServerSeesRoomsLeft(t *testing.T) {
	n := startNode(t)
	rooms := []string{"4.1!42505", "4.1!42506", "4.1!42507"}
	store := new(session.Store)
	store.Swap(credential(1, "51606286"))
	s, err := New(Config{Name: "x", URL: fmt.Sprintf("ws://127.0.0.1:%d", n.port), Session: store, Universe: testUniverse(t), Sink: new(recorder), Rooms: rooms})
	require.NoError(t, err)
	l, err := s.connect(t.Context())
	require.NoError(t, err)
	defer l.shut()
	require.NoError(t, s.join(l, true))
	require.Equal(t, rooms, n.waits("join").Rooms)

	l.append(ws.OpText, socketio.AppendRooms(nil, socketio.Leave, rooms[:2]))
	require.NoError(t, l.flush())

	require.Equal(t, rooms[:2], n.waits("leave").Rooms)
	n.command("quote 42505 1")
	n.command("quote 42507 2")
	for {
		payload, ok, err := l.next()
		require.NoError(t, err)
		if ok {
			require.Contains(t, string(payload), "42507", "the room that was left is silent")
			return
		}
		require.NoError(t, l.answer())
		require.NoError(t, l.fill())
	}
}

func TestInteropSocketIOServerIsRenewedWithoutLoss(t *testing.T) {
	n := startNode(t)
	r := n.start(func(c *Config) { c.Overlap = 100 * time.Millisecond })
	n.waits("join")
	n.command("flow")
	for range 20 {
		require.NoError(t, r.stream.Renew(t.Context()))
		time.Sleep(20 * time.Millisecond)
	}
	n.command("halt")
	published := n.waits("published").Number
	r.until("the last event", func() bool { return len(numbered(r.rec.told())) >= published })
	time.Sleep(50 * time.Millisecond) // for one too many
	r.stop()

	require.Equal(t, sequence(1, published), numbered(r.rec.told()))
	require.EqualValues(t, 20, r.stream.Stats().Renewals)
	require.Zero(t, r.stream.Stats().Gaps)
	t.Logf("%d events, %d suppressed", published, r.stream.Stats().Duplicates)
}
