package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNobody says that no engine listens in the folder.
var ErrNobody = errors.New("control: no engine runs with this folder")

// RefusedError is an engine's no.
type RefusedError struct{ Why string }

func (e *RefusedError) Error() string { return e.Why }

// Ask asks the engine of a folder one thing and decodes its answer into result,
// which may be nil.
func Ask(ctx context.Context, folder string, q Request, result any) error {
	dir, err := os.Open(folder)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s does not exist; name the engine's own with --folder, or its configuration with --config", ErrNobody, folder)
		}
		return fmt.Errorf("control: %w", err)
	}
	defer dir.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: %s; name the engine's own with --folder, or its configuration with --config", ErrNobody, folder)
	case err != nil:
		return fmt.Errorf("control: %w", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 1<<20)
	var hello greeting
	if err := next(lines, &hello); err != nil {
		return fmt.Errorf("control: no greeting; is this another user's engine? %w", err)
	}
	q.Nonce = hello.Nonce
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	var a Answer
	if err := next(lines, &a); err != nil {
		return fmt.Errorf("control: the engine did not answer, what became of the request is not known: %w", err)
	}
	if !a.OK {
		return &RefusedError{a.Error}
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(a.Result, result)
}

func next(lines *bufio.Scanner, into any) error {
	if !lines.Scan() {
		return errors.Join(lines.Err(), net.ErrClosed)
	}
	return json.Unmarshal(lines.Bytes(), into)
}
