package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// console is a server, what it was asked, and its audit.
type console struct {
	*Server
	folder string
	mu     sync.Mutex
	log    bytes.Buffer
	asked  []Request
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.Write(p)
}

func (c *console) audit() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.String()
}

func newConsole(t *testing.T, peer func(*net.UnixConn) (int, int, error)) *console {
	t.Helper()
	c := &console{folder: filepath.Join(t.TempDir(), strings.Repeat("long", 25))}
	require.NoError(t, os.MkdirAll(c.folder, 0o700))
	var err error
	c.Server, err = Listen(Config{
		Folder: c.folder, Log: hclog.New(&hclog.LoggerOptions{Output: c}), peer: peer,
		Handle: func(_ context.Context, q Request, who Peer) (any, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.asked = append(c.asked, q)
			if q.Command == "no" {
				return nil, errors.New("it cannot be done")
			}
			return map[string]string{"by": who.Name}, nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		goleak.VerifyNone(t)
	})
	return c
}

func TestOneQuestionOneAnswerOneLineOfAudit(t *testing.T) {
	c := newConsole(t, nil)
	var result struct{ By string }

	require.NoError(t, Ask(t.Context(), c.folder, Request{Command: "kill", Level: "cancel", Reason: "because"}, &result))

	require.Equal(t, userName(os.Getuid()), result.By)
	require.Len(t, c.asked, 1)
	require.Contains(t, c.audit(), "command=kill")
	require.Contains(t, c.audit(), "reason=because")
	require.Contains(t, c.audit(), "outcome=done")
	err := Ask(t.Context(), c.folder, Request{Command: "no"}, nil)
	refused, is := errors.AsType[*RefusedError](err)
	require.True(t, is, "%v", err)
	require.Equal(t, "it cannot be done", refused.Why)
	require.Contains(t, c.audit(), "it cannot be done")
}

func TestS4_TheSocketIsForItsUserAlone(t *testing.T) {
	c := newConsole(t, nil)
	info, err := os.Stat(filepath.Join(c.folder, socketName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoFileExists(t, filepath.Join(c.folder, socketName+".new"))
}

func TestS4_AnotherUsersProcessGetsNoWordAndIsWrittenDown(t *testing.T) {
	c := newConsole(t, func(*net.UnixConn) (int, int, error) { return os.Geteuid() + 1, 4711, nil })

	err := Ask(t.Context(), c.folder, Request{Command: "kill"}, nil)

	require.ErrorContains(t, err, "another user's engine")
	require.Empty(t, c.asked)
	require.Contains(t, c.audit(), "operator refused")
	require.Contains(t, c.audit(), "pid=4711")
}

func TestS4_AProcessThatTheKernelCannotNameIsRefused(t *testing.T) {
	c := newConsole(t, func(*net.UnixConn) (int, int, error) { return -1, 0, errors.New("gone") })
	require.Error(t, Ask(t.Context(), c.folder, Request{Command: "kill"}, nil))
	require.Empty(t, c.asked)
}

// dial is a connection by hand, with its greeting.
func dial(t *testing.T, c *console) (*net.UnixConn, string) {
	t.Helper()
	old, err := os.Getwd()
	require.NoError(t, err)
	require.NoError(t, os.Chdir(c.folder)) // the path is too long for a socket's
	defer func() { require.NoError(t, os.Chdir(old)) }()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socketName, Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	var hello greeting
	require.NoError(t, json.NewDecoder(conn).Decode(&hello))
	require.Len(t, hello.Nonce, 26)
	return conn, hello.Nonce
}

func tell(t *testing.T, conn *net.UnixConn, line string) (a Answer) {
	t.Helper()
	_, err := conn.Write([]byte(line + "\n"))
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(conn).Decode(&a))
	return a
}

func TestS11_ARequestIsGoodForOneConnectionAndOnce(t *testing.T) {
	c := newConsole(t, nil)
	conn, word := dial(t, c)
	request := `{"nonce":"` + word + `","command":"kill"}`
	require.True(t, tell(t, conn, request).OK)
	_, err := conn.Write([]byte(request + "\n"))
	if err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	require.Error(t, err, "a second one on the same connection is not read")

	conn, next := dial(t, c)
	require.NotEqual(t, word, next)
	a := tell(t, conn, request)
	require.False(t, a.OK)
	require.Contains(t, a.Error, "does not carry this connection's word")
	require.Len(t, c.asked, 1)
	require.Equal(t, 2, strings.Count(c.audit(), " operator:"), "the refused one is written down too")
}

func TestNonsenseIsAnsweredAndNothingMore(t *testing.T) {
	c := newConsole(t, nil)
	conn, _ := dial(t, c)
	require.Contains(t, tell(t, conn, "kill everything").Error, "one line of JSON")

	conn, _ = dial(t, c)
	_, err := conn.Write(bytes.Repeat([]byte("x"), longest+1))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err, "a line without an end is cut off")
	require.Empty(t, c.asked)
}

func TestTheAuditCannotBeForged(t *testing.T) {
	c := newConsole(t, nil)
	require.NoError(t, Ask(t.Context(), c.folder, Request{Command: "kill", Reason: "x\n[WARN] operator: command=lower \x1b[2J\u202e"}, nil))
	require.Equal(t, 1, strings.Count(c.audit(), "\n"))
	require.NotContains(t, c.audit(), "\x1b")
	require.NotContains(t, c.audit(), "\u202e")
}

func TestManyAtOnceDoNotPileUp(t *testing.T) {
	c := newConsole(t, nil)
	for range most {
		dial(t, c)
	}
	err := Ask(t.Context(), c.folder, Request{Command: "status"}, nil)
	require.Error(t, err)
}

func TestASocketOfADeadEngineIsReplacedAndAnAbsentEngineIsNamed(t *testing.T) {
	folder := t.TempDir()
	require.ErrorIs(t, Ask(t.Context(), folder, Request{Command: "status"}, nil), ErrNobody)
	require.ErrorIs(t, Ask(t.Context(), filepath.Join(folder, "none"), Request{Command: "status"}, nil), ErrNobody)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(folder, socketName), Net: "unix"})
	require.NoError(t, err)
	left.SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	require.ErrorIs(t, Ask(t.Context(), folder, Request{Command: "status"}, nil), ErrNobody)

	s, err := Listen(Config{Folder: folder, Log: hclog.NewNullLogger(), Handle: func(context.Context, Request, Peer) (any, error) { return nil, nil }})
	require.NoError(t, err)
	require.NoError(t, Ask(t.Context(), folder, Request{Command: "status"}, nil))
	s.Close()
	require.NoFileExists(t, filepath.Join(folder, socketName))
}

func TestCloseDoesNotWaitForTheSilent(t *testing.T) {
	c := newConsole(t, nil)
	dial(t, c)
	began := time.Now()
	c.Close()
	require.Less(t, time.Since(began), time.Second)
}
