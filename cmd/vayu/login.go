package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine/session"
)

// loginWait is how long a start waits for the first login.
const loginWait = 30 * time.Second

// loginWatch is what became of the newest attempt to log in, for the operator.
type loginWatch struct {
	mu      sync.Mutex
	trouble error // of the newest attempt
	told    string
}

// exchanger is a session.Exchanger.
type exchanger func(context.Context, session.Token) (*session.Credential, error)

func (e exchanger) Exchange(ctx context.Context, login session.Token) (*session.Credential, error) {
	return e(ctx, login)
}

// fetchLogin asks the configured source, and tells each new trouble once.
func (s *system) fetchLogin(ctx context.Context) (session.Token, error) {
	login, err := s.login.Login(ctx)
	if err == nil {
		return login, nil
	}
	s.logins.mu.Lock()
	s.logins.trouble = err
	fresh := s.logins.told != err.Error()
	s.logins.told = err.Error()
	s.logins.mu.Unlock()
	if fresh && ctx.Err() == nil {
		s.alarm("no new login: " + err.Error())
	}
	return login, err
}

func (s *system) exchange(ctx context.Context, login session.Token) (*session.Credential, error) {
	c, err := s.gateway.Exchange(ctx, login)
	s.logins.mu.Lock()
	s.logins.trouble = err
	if err == nil {
		s.logins.told = ""
	}
	s.logins.mu.Unlock()
	return c, err
}

// awaitLogin waits for the first login. What only a person can mend ends the
// wait at once.
func (s *system) awaitLogin(ctx context.Context, failed <-chan error) error {
	deadline := time.After(loginWait)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for s.store.Current() == nil {
		select {
		case <-ctx.Done():
			return &exitError{exitTemporary, fmt.Errorf("stopped before there was a login: %w", s.loginTrouble())}
		case err := <-failed:
			return err
		case <-deadline:
			return &exitError{exitTemporary, fmt.Errorf("no login in %s: %w", loginWait, s.loginTrouble())}
		case <-tick.C:
		}
		trouble := s.loginTrouble()
		_, once := s.login.(session.Static)
		switch {
		case s.keeper.State() == session.Fatal:
			return &exitError{exitConfig, trouble}
		case once && errors.Is(trouble, session.ErrLogin):
			return &exitError{exitTemporary, fmt.Errorf("%w; put the api session of today's login into the credentials, or name a session.login_file", trouble)}
		}
	}
	return nil
}

func (s *system) loginTrouble() error {
	s.logins.mu.Lock()
	defer s.logins.mu.Unlock()
	if s.logins.trouble == nil {
		return errNoAnswer
	}
	return s.logins.trouble
}

var errNoAnswer = errors.New("the venue has not answered; is the api session of today in place?")

// loginSource is where new logins come from: a file that somebody writes, a
// program that prints one, or the api session of the credentials, which is good
// for one session's life.
func loginSource(c *config.Session, given session.Token) session.LoginSource {
	switch {
	case c.LoginFile != "":
		return session.File(c.LoginFile)
	case len(c.LoginCommand) > 0:
		return loginCommand{c.LoginCommand, loginCommandTime}
	}
	return session.Static(given)
}

// loginCommand is a program that prints an api session and nothing else.
type loginCommand struct {
	words []string
	limit time.Duration
}

const (
	loginCommandTime = 45 * time.Second
	loginCommandText = 4096 // bytes of its output at most
)

// Login runs the program. It gets PATH, HOME and LANG of our environment and
// no more: our secrets are none of its business. What it prints never shows.
func (l loginCommand) Login(ctx context.Context) (session.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	command := exec.CommandContext(ctx, l.words[0], l.words[1:]...)
	for _, name := range []string{"PATH", "HOME", "LANG"} {
		if value, ok := os.LookupEnv(name); ok {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	var out limited
	command.Stdout = &out
	// A group of its own, so that what it started ends with it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = time.Second
	err := command.Run()
	text := strings.TrimSpace(string(out.text))
	switch {
	case ctx.Err() != nil:
		return session.Token{}, fmt.Errorf("session.login_command %s: %w", l.words[0], context.Cause(ctx))
	case err != nil:
		return session.Token{}, fmt.Errorf("session.login_command: %w", err)
	case text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return session.Token{}, fmt.Errorf("session.login_command %s: want the api session alone on its output", l.words[0])
	}
	return session.NewToken(text), nil
}

// limited refuses more than a login has.
type limited struct{ text []byte }

func (l *limited) Write(p []byte) (int, error) {
	if len(l.text)+len(p) > loginCommandText {
		return 0, errors.New("more output than an api session has")
	}
	l.text = append(l.text, p...)
	return len(p), nil
}
