package stream

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// realServer is the npm socket.io server as a child process.
type realServer struct {
	t     *testing.T
	url   string
	stdin io.Writer

	mu  sync.Mutex
	did []serverLine
}

type serverLine struct {
	Port   int
	Did    string
	Rooms  []string
	Reason string
}

func startRealServer(t *testing.T) *realServer {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed: the interop test with the real socket.io server did not run")
	}
	if _, err := os.Stat("testdata/interop/node_modules/socket.io"); err != nil {
		t.Skip("socket.io is not installed: run `npm ci` in feed/stream/testdata/interop for the interop test")
	}
	command := exec.Command(node, "server.mjs")
	command.Dir = "testdata/interop"
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	s := &realServer{t: t, stdin: stdin}
	read := make(chan struct{})
	ready := make(chan int, 1)
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			var line serverLine
			if json.Unmarshal(scanner.Bytes(), &line) != nil {
				continue
			}
			if line.Port != 0 {
				ready <- line.Port
			}
			s.mu.Lock()
			s.did = append(s.did, line)
			s.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close() // it ends by itself
		<-read
		_ = command.Wait()
	})
	select {
	case port := <-ready:
		s.url = "ws://127.0.0.1:" + strconv.Itoa(port)
	case <-time.After(20 * time.Second):
		_ = command.Process.Kill()
		t.Fatal("the socket.io server did not start")
	}
	return s
}

func (s *realServer) tell(command map[string]any) {
	s.t.Helper()
	line, err := json.Marshal(command)
	require.NoError(s.t, err)
	_, err = s.stdin.Write(append(line, '\n'))
	require.NoError(s.t, err)
}

func (s *realServer) emit(room, event, arg string) {
	s.t.Helper()
	s.tell(map[string]any{"do": "emit", "room": room, "event": event, "arg": json.RawMessage(arg)})
}

// count counts what clients did, rooms joined by a blank.
func (s *realServer) count(did, rooms string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.did {
		if line.Did == did && strings.Join(line.Rooms, " ") == rooms {
			n++
		}
	}
	return n
}

func TestInteropWithTheRealSocketIOServer(t *testing.T) {
	server := startRealServer(t)
	const rooms = "4.1!42505 4.2!42505 4.1!NIFTY 50"
	sink := new(recorder)
	var suspects atomic.Int32
	r := start(t, func(cfg *Config) {
		cfg.URL, cfg.Sink, cfg.Rooms = server.url, sink, []string{"4.1!42505", "4.2!42505", "4.1!NIFTY 50"}
		cfg.Orders = sink.order
		cfg.OnSuspect = func(uint64, error) { suspects.Add(1) }
	})
	defer r.quit(t)
	quote := func(volume string) {
		server.emit("4.1!42505", "stock", strings.Replace(quoteText, "70816125", volume, 1))
	}
	seen := func(entry string) {
		t.Helper()
		eventually(t, "entry "+entry, func() bool { return strings.HasSuffix(strings.Join(sink.entries(), " "), entry) })
	}

	// Connect, prove who we are, join by list, take quotes, depth and notices.
	eventually(t, "a join by list", func() bool { return server.count("join", rooms) == 1 })
	quote("1")
	server.emit("4.2!42505", "stock", depthText)
	server.emit("4.1!NIFTY 50", "stock", indexText)
	server.emit("4.1!99999", "stock", quoteText) // of a room we are not in
	quote("2")
	seen("live 1 depth 0 2")
	server.tell(map[string]any{"do": "tell", "event": "order", "arg": notice(t)})
	eventually(t, "a notice", func() bool { return r.Stats().Orders == 1 })
	sink.locked(func() { require.Equal(t, order.StatusOrdered, sink.reports[0].Status) })

	// Answer pings.
	eventually(t, "four pongs", func() bool { return server.count("pong", "") >= 4 })
	require.Equal(t, uint64(1), r.Stats().Connects)

	// Leave and join.
	require.NoError(t, r.SetRooms([]string{"4.1!42505", "4.2!42505"}))
	eventually(t, "a leave", func() bool { return server.count("leave", "4.1!NIFTY 50") == 1 })
	server.emit("4.1!NIFTY 50", "stock", indexText)
	quote("3")
	seen("0 2 3")

	// The server closes the transport: reconnect and rejoin.
	server.tell(map[string]any{"do": "drop", "what": "transport"})
	eventually(t, "a rejoin", func() bool { return server.count("join", "4.1!42505 4.2!42505") == 1 })
	quote("4")
	seen("3 down gap live 4")
	require.Zero(t, suspects.Load())

	// The server drops the session: say so, reconnect and rejoin.
	server.tell(map[string]any{"do": "drop", "what": "session"})
	eventually(t, "a rejoin", func() bool { return server.count("join", "4.1!42505 4.2!42505") == 2 })
	quote("5")
	seen("4 down gap live 5")
	require.Equal(t, int32(1), suspects.Load())

	// Renew while events flow.
	done := make(chan error, 1)
	go func() {
		for range 5 {
			if err := r.Renew(t.Context()); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	last, finished := 5, false
	for !finished {
		for range 10 {
			last++
			quote(strconv.Itoa(last))
		}
		time.Sleep(time.Millisecond)
		select {
		case err := <-done:
			require.NoError(t, err)
			finished = true
		default:
		}
	}
	last++
	quote(strconv.Itoa(last))
	seen(" " + strconv.Itoa(last))
	sink.locked(func() {
		next := market.Units(6)
		for _, q := range sink.quotes {
			if q.Volume >= 6 {
				require.Equal(t, next, q.Volume, "none lost, none twice, in order")
				next++
			}
		}
		require.Equal(t, market.Units(last+1), next)
	})
	require.Equal(t, [2]uint64{5, 2}, [2]uint64{r.Stats().Renewals, r.Stats().Gaps})
	t.Logf("%d events over 5 renewals, %d duplicates suppressed", last-5, r.Stats().Duplicates)
}

func TestInteropTheRealServerRefusesABadCredential(t *testing.T) {
	server := startRealServer(t)
	suspects := make(chan error, 10)
	r := start(t, func(cfg *Config) {
		cfg.URL, cfg.Session = server.url, credentials("bad")
		cfg.OnSuspect = func(_ uint64, cause error) { suspects <- cause }
	})
	defer r.quit(t)
	select {
	case cause := <-suspects:
		require.ErrorIs(t, cause, ErrAuth)
		require.Contains(t, cause.Error(), "Unauthorized")
	case <-time.After(10 * time.Second):
		t.Fatal("no refusal")
	}
	time.Sleep(500 * time.Millisecond)
	require.Empty(t, suspects, "not asked again at once")
	require.Zero(t, server.count("connect", ""))
	require.Equal(t, uint64(1), r.Stats().AuthFailures)
}
