package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// Static is a login given once: from the environment or a credentials file. It
// is good for one session's life.
type Static Token

// Login is the value.
func (s Static) Login(context.Context) (Token, error) {
	if Token(s).IsZero() {
		return Token{}, errors.New("session: no login given")
	}
	return Token(s), nil
}

// File is a login that a person, or a login helper, drops into a file of its
// own. It is read anew each time it is asked for.
type File string

const maxLogin = 4096

// Login reads the file: a regular one, not a link, of mode 0600 or less.
func (f File) Login(context.Context) (Token, error) {
	file, err := os.OpenFile(string(f), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return Token{}, fmt.Errorf("session: login file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Token{}, fmt.Errorf("session: login file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return Token{}, fmt.Errorf("session: login file %s has mode %v; make it a regular file of mode 0600", string(f), info.Mode())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxLogin+1))
	if err != nil {
		return Token{}, fmt.Errorf("session: login file: %w", err)
	}
	value := strings.TrimSpace(string(text))
	if value == "" || len(value) > maxLogin {
		return Token{}, fmt.Errorf("session: login file %s holds %d bytes; want the API session alone", string(f), len(text))
	}
	return NewToken(value), nil
}
