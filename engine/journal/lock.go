package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/engine/market"
)

// takeLock makes the folder this process's alone: two engines on one account
// would trade everything twice. The system lets it go when the process ends,
// however it ends.
func takeLock(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(lockedError(folder), f.Close())
	}
	return f, nil
}

func lockedError(folder string) error {
	return fmt.Errorf("%w %s: stop it, or give this one a folder (and an account) of its own", ErrLocked, folder)
}

// noteBoot notes the highest start of each day.
func (j *Journal) noteBoot(form *[Size]byte) error {
	if Kind(form[4]) != Started {
		return nil
	}
	var r Record
	if err := r.Decode(form); err != nil {
		return err
	}
	j.boots[r.Start.Tag.Day] = max(j.boots[r.Start.Tag.Day], r.Start.Tag.Boot)
	return nil
}

// NextBoot is the number of this start within the day, from 1 up, the owner
// epoch of what follows. It is on disk before it is returned, beside the
// records and not among them: the newest records may go with the power, and no
// order of the day may ever bear the text of another.
func (j *Journal) NextBoot(day market.Date) (uint32, error) {
	path := filepath.Join(j.config.Folder, "starts")
	boot := uint64(j.boots[day])
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return 0, fmt.Errorf("journal: %w", err)
	default:
		of, count, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		n, err := strconv.ParseUint(count, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("journal: %s is damaged (%q): delete it if no engine has traded today", path, text)
		}
		if of == day.String() {
			boot = max(boot, n)
		}
	}
	boot++
	if err := replace(path, fmt.Sprintf("%s %d\n", day, boot)); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	return uint32(boot), nil
}

// replace puts text in the place of a small file, durably and as a whole.
func replace(path, text string) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return rename(path+".new", path)
}
