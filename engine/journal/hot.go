package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The hot file is a ring of the newest records, mapped into memory and never
// synced: see the package's doc. Record n lies in slot n modulo its capacity,
// and is overwritten only when it is on disk in a segment.
const hotName = "hot"

var hotMagic = [8]byte{'V', 'A', 'Y', 'U', 'H', 'O', 'T', 0}

// hotHeader is its first page. It is written once and complete before the file
// gets its name.
type hotHeader struct {
	capacity uint32 // a power of two
	first    uint64 // everything before was on disk when the ring began
	boot     string // of the machine: at another one, the power may have taken any page
}

const bootRoom = 63

func (h *hotHeader) page() []byte {
	p := make([]byte, page)
	copy(p, hotMagic[:])
	binary.LittleEndian.PutUint32(p[8:], formVersion)
	binary.LittleEndian.PutUint32(p[12:], h.capacity)
	binary.LittleEndian.PutUint64(p[16:], h.first)
	p[24] = uint8(copy(p[25:25+bootRoom], h.boot))
	seal(p)
	return p
}

func (h *hotHeader) parse(p []byte) error {
	switch {
	case len(p) < page:
		return fmt.Errorf("it has %d bytes, fewer than its header", len(p))
	case [8]byte(p) != hotMagic:
		return errors.New("it does not begin as a journal's hot file")
	case !sealed(p[:page]):
		return errors.New("its header's checksum does not fit")
	case binary.LittleEndian.Uint32(p[8:]) != formVersion:
		return fmt.Errorf("its form is version %d, this engine reads %d", binary.LittleEndian.Uint32(p[8:]), formVersion)
	}
	h.capacity = binary.LittleEndian.Uint32(p[12:])
	h.first = binary.LittleEndian.Uint64(p[16:])
	h.boot = string(p[25:][:min(p[24], bootRoom)])
	if h.capacity == 0 || h.capacity&(h.capacity-1) != 0 || h.first == 0 {
		return fmt.Errorf("its header is impossible (%d slots, from record %d)", h.capacity, h.first)
	}
	return nil
}

// ring is the hot file in use.
type ring struct {
	file   *os.File
	memory []byte // the whole file
	mask   uint64
}

// newRing makes a hot file and puts it in the place of the old one.
func newRing(d disk, folder string, h hotHeader) (*ring, error) {
	path := filepath.Join(folder, hotName)
	made, err := d.prepare(path+".new", page+int64(h.capacity)*Size)
	if err != nil {
		return nil, err
	}
	_, err = made.WriteAt(h.page(), 0)
	if err := errors.Join(err, made.Sync(), made.Close()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+".new", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	r, err := mapRing(f, h.capacity)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := rename(path+".new", path); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func mapRing(f *os.File, capacity uint32) (*ring, error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrLocked, f.Name(), err)
	}
	memory, err := mapFile(f, page+int(capacity)*Size)
	if err != nil {
		return nil, err
	}
	r := &ring{file: f, memory: memory, mask: uint64(capacity) - 1}
	touch(memory)
	_ = unix.Mlock(memory) // a help only: what an engine uses is seldom swapped out
	return r, nil
}

// slot is a record's place. Hot path.
func (r *ring) slot(sequence uint64) *[Size]byte {
	return (*[Size]byte)(r.memory[page+(sequence&r.mask)*Size:])
}

// records is the run of records from one on that lies in one piece, up to last.
func (r *ring) records(from, last uint64) []byte {
	begin := from & r.mask
	n := min(last-from+1, r.mask+1-begin)
	return r.memory[page+begin*Size:][:n*Size]
}

// ahead makes the next pages writable, so that the kernel's own write-back
// does not let an append wait.
func (r *ring) ahead(sequence uint64) {
	begin := int(page+(sequence&r.mask)*Size) &^ (page - 1)
	touch(r.memory[begin:min(begin+8*page, len(r.memory))])
}

func (r *ring) close() error {
	return errors.Join(unix.Munmap(r.memory), r.file.Close())
}
