package control

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Request is what an operator asks. Command alone is always there.
type Request struct {
	Nonce   string   `json:"nonce"` // the word of the greeting
	Command string   `json:"command"`
	Level   string   `json:"level,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Args    []string `json:"args,omitempty"`
}

// Answer is the line that comes back.
type Answer struct {
	OK     bool            `json:"ok"`
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

type greeting struct {
	Nonce string `json:"nonce"`
}

// Peer is who asks, by the system's word and not by theirs.
type Peer struct {
	UID, PID int
	Name     string // the user's; "uid 1000" when the system does not know one
}

// Config is what a server needs.
type Config struct {
	Folder string                                            // the engine's own, which it has locked
	Handle func(context.Context, Request, Peer) (any, error) // called by a goroutine of the server's; what it returns is the result, as JSON
	Log    hclog.Logger                                      // takes the audit: one line for each request, refused ones too
	peer   func(*net.UnixConn) (uid, pid int, err error)     // nil: the kernel
}

const (
	socketName = "operator.sock"
	most       = 8               // connections at a time
	longest    = 4 << 10         // bytes of a request
	patience   = 5 * time.Second // of a connection, from greeting to answer
)

// Server answers operators. Its goroutines own what they read.
type Server struct {
	config   Config
	listener *net.UnixListener
	path     string
	room     chan struct{}
	ctx      context.Context // of the requests in hand: ends with Close
	end      context.CancelFunc
	work     sync.WaitGroup
}

// Listen opens the socket, mode 0600, in place of one that a dead engine left.
func Listen(c Config) (*Server, error) {
	if c.peer == nil {
		c.peer = peerOf
	}
	folder, err := os.Open(c.Folder)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	defer folder.Close()
	// Bound beside its name and moved there when nobody else can open it. Named
	// through the open folder: a socket's own path has room for a hundred bytes.
	short := fmt.Sprintf("/proc/self/fd/%d/%s.new", folder.Fd(), socketName)
	_ = os.Remove(short) // of a start that was cut short
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	path := filepath.Join(c.Folder, socketName)
	if err := errors.Join(os.Chmod(short, 0o600), os.Rename(short, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("control: %w", err), listener.Close())
	}
	ctx, end := context.WithCancel(context.Background())
	s := &Server{config: c, listener: listener, path: path, room: make(chan struct{}, most), ctx: ctx, end: end}
	s.work.Go(s.accept)
	return s, nil
}

// Close ends the server and takes its socket away.
func (s *Server) Close() {
	_ = os.Remove(s.path)
	_ = s.listener.Close()
	s.end()
	s.work.Wait()
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.AcceptUnix()
		if err != nil {
			return // closed
		}
		select {
		case s.room <- struct{}{}:
			s.work.Go(func() {
				defer func() { <-s.room }()
				s.serve(conn)
			})
		default:
			_ = conn.Close() // too many at once: whoever is in earnest asks again
		}
	}
}

// serve takes one request. Whoever may not ask gets no greeting.
func (s *Server) serve(conn *net.UnixConn) {
	defer conn.Close()
	stop := context.AfterFunc(s.ctx, func() { _ = conn.Close() })
	defer stop()
	uid, pid, err := s.config.peer(conn)
	if err != nil || uid != os.Geteuid() && uid != 0 {
		s.config.Log.Warn("operator refused", "uid", uid, "pid", pid, "why", "another user's process", "error", err)
		return
	}
	who := Peer{UID: uid, PID: pid, Name: userName(uid)}
	_ = conn.SetDeadline(time.Now().Add(patience)) // the next call says so
	word := rand.Text()
	if json.NewEncoder(conn).Encode(greeting{word}) != nil {
		return
	}
	var q Request
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, longest)
	switch {
	case !lines.Scan():
		return
	case json.Unmarshal(lines.Bytes(), &q) != nil:
		s.answer(conn, who, q, nil, errors.New("that is no request: want one line of JSON"))
	case subtle.ConstantTimeCompare([]byte(q.Nonce), []byte(word)) != 1:
		s.answer(conn, who, q, nil, errors.New("the request does not carry this connection's word: it is old, or not meant for here"))
	default:
		ctx, cancel := context.WithTimeout(s.ctx, patience)
		defer cancel()
		result, err := s.config.Handle(ctx, q, who)
		s.answer(conn, who, q, result, err)
	}
}

// answer writes the answer and the audit.
func (s *Server) answer(conn *net.UnixConn, who Peer, q Request, result any, failed error) {
	a := Answer{OK: failed == nil}
	if failed != nil {
		a.Error = failed.Error()
	} else if text, err := json.Marshal(result); err == nil {
		a.Result = text
	}
	outcome := "done"
	if failed != nil {
		outcome = failed.Error()
	}
	s.config.Log.Warn("operator", "command", clean(q.Command), "level", clean(q.Level), "args", clean(fmt.Sprint(q.Args)), "reason", clean(q.Reason),
		"by", who.Name, "uid", who.UID, "pid", who.PID, "outcome", clean(outcome))
	_ = json.NewEncoder(conn).Encode(a) // who is gone needs no answer
}

// clean makes a text of others fit for a log line.
func clean(text string) string {
	out := []rune{}
	for _, r := range text {
		if len(out) == 200 {
			break
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			r = '?'
		}
		out = append(out, r)
	}
	return string(out)
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", uid)
}
