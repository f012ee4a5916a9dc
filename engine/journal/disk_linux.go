package journal

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// reserve takes room on the disk. A file system that cannot promise room gets
// it by the zeros that are written next.
func reserve(f *os.File, size int64) error {
	for {
		switch err := unix.Fallocate(int(f.Fd()), 0, 0, size); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		default:
			return err
		}
	}
}

func dataSync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// touch makes pages writable before an append needs them. It is a help only:
// an old kernel that does not know it makes an append wait for a page fault.
func touch(pages []byte) { _ = unix.Madvise(pages, unix.MADV_POPULATE_WRITE) }

func (machine) boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
