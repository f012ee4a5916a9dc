package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/engine/market"
)

// Open takes the folder for this engine alone, making it if need be, and
// recovers what is there. What a crash left after the last whole record is cut
// and kept beside it; anything else amiss is an [ErrDamaged] and changes
// nothing. [ErrLocked]: another engine uses the folder.
func Open(c Config) (*Journal, error) { return open(c, machine{}) }

func open(c Config, d disk) (*Journal, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	lock, err := takeLock(c.Folder)
	if err != nil {
		return nil, err
	}
	j := &Journal{config: c, disk: d, lock: lock, boots: make(map[market.Date]uint32)}
	if err := j.recover(); err != nil {
		return nil, errors.Join(err, j.abandon())
	}
	return j, nil
}

// abandon lets go of what a failed recover took.
func (j *Journal) abandon() error {
	var err error
	for _, f := range []file{j.file, j.spare} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return errors.Join(err, j.lock.Close())
}

// recover reads everything, brings what only the hot file has into segments,
// and begins a new hot file.
func (j *Journal) recover() error {
	old, err := lockHot(j.config.Folder)
	if err != nil {
		return err
	}
	if old != nil {
		defer old.Close()
	}
	s := scan{folder: j.config.Folder, boot: j.disk.boot(), visit: j.noteBoot}
	if err := s.run(); err != nil {
		return err
	}
	j.report = s.report()
	if err := j.cut(&s); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.sequence = s.last
	j.written.Store(s.last)
	j.durable.Store(s.onDisk)
	if err := j.settle(&s); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	h := hotHeader{capacity: uint32(j.config.HotRecords), first: s.last + 1, boot: s.boot}
	if j.ring, err = newRing(j.disk, j.config.Folder, h); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.roomLocked()
	return nil
}

// settle opens the newest segment, or makes the first, and takes there what
// only the hot file has.
func (j *Journal) settle(s *scan) error {
	if n := len(s.segments); n > 0 {
		j.segment = s.segments[n-1]
		if err := j.reopen(); err != nil {
			return err
		}
	}
	if err := j.takeSpare(); err != nil {
		return err
	}
	j.ring = &ring{memory: s.image, mask: uint64(s.hot.capacity) - 1}
	if err := j.syncLocked(); err != nil {
		return err
	}
	if j.file == nil || s.last >= j.segment.last() {
		return j.advanceLocked(s.last + 1)
	}
	j.segment.mark = s.last
	return errors.Join(j.markLocked(), j.file.Sync())
}

// reopen opens the newest segment for more records. One that was cut short gets
// its room back.
func (j *Journal) reopen() error {
	f, err := j.disk.open(j.segment.path)
	if err != nil {
		return err
	}
	j.file = f
	info, err := os.Stat(j.segment.path)
	if err != nil {
		return err
	}
	for at := info.Size(); at < j.segment.size(); {
		n, err := f.WriteAt(make([]byte, min(j.segment.size()-at, 1<<20)), at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// cut keeps what is no record in files of its own and clears its place. The
// hot file needs no clearing: a new one follows.
func (j *Journal) cut(s *scan) error {
	for _, g := range s.garbage {
		if err := j.cutSpan(g, s.last); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) cutSpan(g span, last uint64) error {
	f, err := os.OpenFile(g.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	waste := make([]byte, g.to-g.from)
	if _, err := f.ReadAt(waste, g.from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	kept, err := j.keep(filepath.Base(g.path), last, g.from, waste)
	if err != nil {
		return err
	}
	j.report.CutFiles = append(j.report.CutFiles, kept)
	if filepath.Base(g.path) == hotName {
		return nil
	}
	if g.behind {
		return errors.Join(f.Truncate(g.from), f.Sync())
	}
	clear(waste)
	if _, err := f.WriteAt(waste, g.from); err != nil {
		return err
	}
	return f.Sync()
}

// keep writes cut bytes to a new file.
func (j *Journal) keep(of string, last uint64, at int64, waste []byte) (string, error) {
	for n := 1; ; n++ {
		path := filepath.Join(j.config.Folder, fmt.Sprintf("cut-%s-%d-at-%d-%d.bin", of, last, at, n))
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(waste)
		return path, errors.Join(err, f.Sync(), f.Close())
	}
}

// lockHot makes sure that no engine maps the hot file, also when somebody
// removed the lock file of an engine that runs.
func lockHot(folder string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, hotName), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(lockedError(folder), f.Close())
	}
	return f, nil
}
