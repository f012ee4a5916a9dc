package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is what the journal asks of the machine and what may fail: tests put
// faults behind it.
type disk interface {
	// prepare makes a file of size bytes, all zero and all on disk, so that no
	// later write to it can find the disk full. What it could not make it removes.
	prepare(path string, size int64) (file, error)
	open(path string) (file, error)
	boot() string // differs after every start of the machine
}

// file is one file of records.
type file interface {
	WriteAt(p []byte, offset int64) (int, error)
	Sync() error // what was written is on disk
	Close() error
}

// machine is the real disk.
type machine struct{}

// data is a real file. Its sync leaves out what reading the records back does
// not need, such as the time of the last change.
type data struct{ *os.File }

func (d data) Sync() error { return dataSync(d.File) }

func (machine) open(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return data{f}, nil
}

func (machine) prepare(path string, size int64) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := fill(f, size); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return data{f}, nil
}

// fill asks for the room first, because half a file of zeros would take from
// a nearly full disk what others need. Then it writes the zeros: a write into
// room that was only asked for changes the file system's own records, and each
// sync would have to wait for those.
func fill(f *os.File, size int64) error {
	if err := reserve(f, size); err != nil {
		return fmt.Errorf("%s: no room for %d bytes: %w", f.Name(), size, err)
	}
	zeros := make([]byte, min(size, 256<<10))
	for at := int64(0); at < size; {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		if err != nil {
			return fmt.Errorf("no room for %d bytes: %w", size, err)
		}
		at += int64(n)
	}
	return f.Sync()
}

// syncFolder makes names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// rename gives a complete file its name, durably.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// mapFile maps a file's first size bytes; what is written there is the
// kernel's at once and outlives the process.
func mapFile(f *os.File, size int) ([]byte, error) {
	memory, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s: mapping %d bytes: %w", f.Name(), size, err)
	}
	return memory, nil
}
