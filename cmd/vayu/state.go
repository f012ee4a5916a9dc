package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine/market"
)

// stateFolder is what one engine alone may use while it runs: two on one
// account would trade everything twice.
type stateFolder struct {
	path string
	lock *os.File
}

// openState makes the folder if need be and takes its lock, which the system
// lets go when the process ends, however it ends.
func openState(path string) (*stateFolder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%w: journal.folder: %w", config.ErrConfig, err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: journal.folder: %w", config.ErrConfig, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(
			&exitError{exitTemporary, fmt.Errorf("another engine runs with the folder %s: stop it, or give this one a journal.folder (and an account) of its own", path)},
			lock.Close())
	}
	return &stateFolder{path, lock}, nil
}

func (f *stateFolder) Close() error { return f.lock.Close() }

// nextBoot is the number of this start within the day, from 1 up. It is on disk
// before it is used, so that no order of the day ever bears the text of another.
func (f *stateFolder) nextBoot(day market.Date) (uint32, error) {
	path := filepath.Join(f.path, "starts")
	boot := uint64(0)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return 0, err
	default:
		of, count, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if boot, err = strconv.ParseUint(count, 10, 32); err != nil {
			return 0, fmt.Errorf("%s is damaged (%q): delete it if no engine has traded today", path, text)
		}
		if of != day.String() {
			boot = 0
		}
	}
	boot++
	next, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	_, err = fmt.Fprintf(next, "%s %d\n", day, boot)
	if err := errors.Join(err, next.Sync(), next.Close()); err != nil {
		return 0, err
	}
	return uint32(boot), os.Rename(path+".new", path)
}
