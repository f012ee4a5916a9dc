package stream

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// capture is one line of a recorded session.
type capture struct {
	Scenario string `json:"scenario"`
	Conn     int    `json:"conn"`
	Dir      string `json:"dir"`
	Opcode   int    `json:"opcode"`
	Payload  string `json:"payload"`
	Event    string `json:"event"`
	Text     string `json:"text"` // of a handshake
	Request  string `json:"request"`
	Response string `json:"response"`
}

func captured(tb testing.TB, names ...string) (lines []capture) {
	tb.Helper()
	for _, name := range names {
		file, err := os.Open(filepath.Join("testdata", name))
		require.NoError(tb, err)
		defer file.Close()
		scanner := bufio.NewScanner(file)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			var line capture
			require.NoError(tb, json.Unmarshal(scanner.Bytes(), &line))
			lines = append(lines, line)
		}
		require.NoError(tb, scanner.Err())
	}
	require.NotEmpty(tb, lines)
	return lines
}

// play is a venue's side that follows a recorded connection: it sends what the
// server sent, and demands from the client what the client said, in order.
func play(lines []capture, heard *[]string) func(net.Conn) bool {
	return func(conn net.Conn) bool {
		for _, line := range lines {
			switch {
			case line.Event != "":
				return true
			case line.Dir == "s2c" && line.Opcode == 8:
				_ = ws.WriteFrame(conn, ws.NewCloseFrame(nil))
				return true
			case line.Dir == "s2c":
				_ = ws.WriteFrame(conn, ws.NewTextFrame([]byte(line.Payload)))
			case line.Opcode == 8:
			default:
				frame, err := readFrame(conn)
				if err != nil {
					return true
				}
				*heard = append(*heard, string(frame.Payload))
			}
		}
		return true
	}
}

// of picks one connection of a capture.
func of(lines []capture, conn int) (out []capture) {
	for _, line := range lines {
		if line.Conn == conn {
			out = append(out, line)
		}
	}
	return out
}

func TestTheCodecSaysWhatTheOfficialClientSaid(t *testing.T) {
	kinds := 0
	for _, line := range captured(t, "ws_quotes_depth.jsonl", "ws_plain_client.jsonl", "ws_order_events.jsonl", "ws_ohlc.jsonl", "ws_terminations.jsonl") {
		if line.Dir != "c2s" || line.Opcode != 1 {
			continue
		}
		p, err := socketio.Parse([]byte(line.Payload))
		require.NoError(t, err)
		var said []byte
		switch {
		case p.Type == socketio.Connect:
			said = socketio.AppendConnect(nil, socketio.Auth{User: "TESTUSR1", Token: "51606286"})
		case p.Type == socketio.Pong:
			said = socketio.AppendPong(nil)
		case p.Type == socketio.Disconnect:
			said = socketio.AppendDisconnect(nil)
		default:
			rooms, err := socketio.ParseRooms(p.Data)
			require.NoError(t, err)
			if p.Data[0] == '[' {
				said = socketio.AppendRooms(nil, string(p.Name), rooms)
			} else {
				said = socketio.AppendRoom(nil, string(p.Name), rooms[0])
			}
		}
		require.Equal(t, line.Payload, string(said))
		kinds++
	}
	require.Greater(t, kinds, 20)
}

// The recorded client joined one room at a time, and left rooms in between,
// which a Stream does not; those lines are left out.
func TestACapturedSessionIsAnsweredAsTheOfficialClientDid(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var lines []capture
		var want []string
		events := 0
		for _, line := range captured(t, "ws_quotes_depth.jsonl") {
			if strings.HasPrefix(line.Payload, `42["leave"`) || line.Payload == "41" && line.Dir == "c2s" {
				continue
			}
			lines = append(lines, line)
			if line.Dir == "c2s" && line.Opcode == 1 {
				want = append(want, line.Payload)
			}
			if strings.HasPrefix(line.Payload, `42["stock"`) {
				events++
			}
		}
		for i, text := range want {
			if room, ok := strings.CutPrefix(text, `42["join",`); ok { // ours are lists
				want[i] = `42["join",[` + strings.TrimSuffix(room, "]") + `]]`
			}
		}
		v, heard := newVenue(), []string{}
		v.upgraded = play(lines, &heard)
		v.dialled = func(n int) error {
			if n > 1 {
				return fmt.Errorf("once is enough")
			}
			return nil
		}
		r := start(t, v, func(c *Config) {
			c.JoinBatch = 1
			c.Rooms = []string{"4.1!42505", "4.2!42505", "4.1!42506", "4.2!42506", "4.1!42507", "4.1!NIFTY 50"}
		})
		r.untilTold("down")
		r.stop()

		require.Equal(t, want, heard)
		require.Equal(t, 3, countOf(heard, "3"))
		require.EqualValues(t, events, r.stream.Stats().Ticks())
		require.Zero(t, r.stream.Stats().DecodeErrors)
		require.Zero(t, r.stream.Stats().Unknown)
	})
}

func countOf(all []string, want string) (n int) {
	for _, text := range all {
		if text == want {
			n++
		}
	}
	return n
}

func TestCapturedTerminationsEndInAReconnectAndARejoin(t *testing.T) {
	virtual(t, func(t *testing.T) {
		lines := captured(t, "ws_terminations.jsonl")
		v, first, second := newVenue(), []string{}, []string{}
		number := 0
		v.upgraded = func(conn net.Conn) bool {
			switch number++; number {
			case 1:
				return play(of(lines, 1), &first)(conn)
			case 2: // the official client does not rejoin; a Stream must
				rest := of(lines, 2)
				rest = append(rest[:3:3], append([]capture{{Dir: "c2s", Opcode: 1}}, rest[3:]...)...)
				return play(rest, &second)(conn)
			}
			return false
		}
		r := start(t, v, func(c *Config) { c.Rooms = []string{"4.1!42505"} })
		v.peer(t, 3)
		r.untilTold("live", "down", "gap", "live", "down", "gap", "live")
		r.stop()

		auth, join := `40{"user":"TESTUSR1","token":"51606286"}`, `42["join",["4.1!42505"]]`
		require.Equal(t, []string{auth, join}, first)
		require.Equal(t, []string{auth, join, "3"}, second)
		require.Equal(t, []string{auth, join, "41"}, v.texts(v.peers[2]))
		require.Equal(t, []string{"epoch 1: stream: session dropped by the venue"}, r.rec.suspected())
	})
}

func TestACapturedRefusalIsAnAuthError(t *testing.T) {
	lines := captured(t, "ws_bad_auth.jsonl")
	for conn := 1; conn <= 2; conn++ {
		virtual(t, func(t *testing.T) {
			v, heard := newVenue(), []string{}
			v.upgraded = play(of(lines, conn), &heard)
			store := new(session.Store)
			store.Swap(credential(1, "bad"))
			s, err := New(Config{Name: "x", URL: "ws://127.0.0.1", Session: store, Universe: testUniverse(t), Sink: new(recorder), Dial: v.dial})
			require.NoError(t, err)

			_, err = s.connect(t.Context())

			require.ErrorIs(t, err, ErrAuth)
			require.ErrorContains(t, err, `"Unauthorized"`)
			require.NotContains(t, err.Error(), "bad")
			require.Equal(t, []string{`40{"user":"TESTUSR1","token":"bad"}`}, heard)
			v.wait.Wait()
		})
	}
}

func TestOurUpgradeIsTheOfficialClientsAndItsAnswersAreTaken(t *testing.T) {
	for _, line := range captured(t, "ws_handshakes.jsonl")[:2] {
		if line.Dir == "c2s" {
			request := upgradeOf(t, "HTTP/1.1 503 Service Unavailable\r\n\r\n", nil)
			require.Equal(t, strings.SplitN(line.Text, "\r\n", 2)[0], strings.SplitN(request, "\r\n", 2)[0])
			for _, header := range []string{"User-Agent: node-socketio[client]/socket", "Sec-WebSocket-Version: 13", "Connection: Upgrade", "Upgrade: websocket"} {
				require.Contains(t, line.Text, header)
				require.Contains(t, strings.ToLower(request), strings.ToLower(header))
			}
		}
	}
}

func TestCapturedRejectionsOfAnUpgradeAreErrors(t *testing.T) {
	n := 0
	for _, line := range captured(t, "ws_rejected_upgrades.jsonl") {
		var err error
		upgradeOf(t, line.Response, &err)
		require.Error(t, err, line.Scenario)
		require.NotErrorIs(t, err, ErrAuth)
		n++
	}
	require.Equal(t, 5, n)
}

// upgradeOf lets a stream connect once to a server that answers with the given
// text, and returns its request.
func upgradeOf(t *testing.T, response string, failure *error) (request string) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		v := newVenue()
		client, server := net.Pipe()
		dial := func(context.Context, string, string) (net.Conn, error) { return client, nil }
		store := new(session.Store)
		store.Swap(credential(1, "x"))
		s, err := New(Config{Name: "x", URL: "ws://127.0.0.1", Session: store, Universe: testUniverse(t), Sink: new(recorder), Dial: dial})
		require.NoError(t, err)
		v.wait.Go(func() {
			defer server.Close()
			reader := bufio.NewReader(server)
			for !strings.HasSuffix(request, "\r\n\r\n") {
				line, err := reader.ReadString('\n')
				if err != nil {
					return
				}
				request += line
			}
			answer := response
			if key := between(request, "Sec-WebSocket-Key: ", "\r\n"); strings.Contains(answer, "Sec-WebSocket-Accept: ") {
				answer = strings.Replace(answer, between(answer, "Sec-WebSocket-Accept: ", "\r\n"), accept(key), 1)
			}
			_ = server.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = server.Write([]byte(answer))
		})

		_, err = s.connect(t.Context())

		v.wait.Wait()
		if failure != nil {
			*failure = err
		}
	})
	return request
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	part, _, _ := strings.Cut(rest, after)
	return part
}

// accept is the answer to a Sec-WebSocket-Key.
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// What the real server said to clients that misbehaved is nothing that we stumble over.
func TestEveryCapturedServerPacketIsUnderstood(t *testing.T) {
	n := 0
	for _, line := range captured(t, "ws_raw_probes.jsonl", "ws_quotes_depth.jsonl", "ws_bad_auth.jsonl", "ws_ohlc.jsonl") {
		if line.Dir == "s2c" && line.Opcode == 1 {
			_, err := socketio.Parse([]byte(line.Payload))
			require.NoError(t, err, line.Payload)
			n++
		}
	}
	require.Greater(t, n, 30)
}
