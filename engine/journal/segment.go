package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vayu-trading/vayu/engine/market"
)

// A segment is a file of records that are on disk or about to be. Its first
// page says what it is and, in a sector of its own, up to which record it was
// known to be on disk when the newest group was written: from there on a
// missing record may be the work of a lost power, before it is damage.
const (
	page        = 4096
	markAt      = 512
	formVersion = 1
	segmentEnd  = ".journal"
	spareName   = "next"
)

var segmentMagic = [8]byte{'V', 'A', 'Y', 'U', 'J', 'R', 'N', 'L'}

// segment is one file's header.
type segment struct {
	path     string
	number   uint32
	capacity uint32
	first    uint64 // sequence of the first record
	created  market.UnixNano
	mark     uint64 // on disk up to here, for sure
}

// last is the sequence of the last record that fits.
func (s *segment) last() uint64 { return s.first + uint64(s.capacity) - 1 }

// offset is where a record lies.
func (s *segment) offset(sequence uint64) int64 { return page + int64(sequence-s.first)*Size }

// size is the whole file's.
func (s *segment) size() int64 { return page + int64(s.capacity)*Size }

// header is the first page.
func (s *segment) header() []byte {
	p := make([]byte, page)
	copy(p, segmentMagic[:])
	binary.LittleEndian.PutUint32(p[8:], formVersion)
	binary.LittleEndian.PutUint32(p[12:], s.capacity)
	binary.LittleEndian.PutUint32(p[16:], s.number)
	binary.LittleEndian.PutUint64(p[24:], s.first)
	binary.LittleEndian.PutUint64(p[32:], uint64(s.created))
	seal(p[:markAt])
	putMark(p[markAt:], s.mark)
	return p
}

const markSize = 12

func putMark(p []byte, mark uint64) {
	binary.LittleEndian.PutUint64(p, mark)
	seal(p[:markSize])
}

// seal puts a checksum over all of p into its last four bytes.
func seal(p []byte) {
	end := len(p) - 4
	binary.LittleEndian.PutUint32(p[end:], crc32.Checksum(p[:end], castagnoli))
}

func sealed(p []byte) bool {
	end := len(p) - 4
	return binary.LittleEndian.Uint32(p[end:]) == crc32.Checksum(p[:end], castagnoli)
}

// parse reads a first page back.
func (s *segment) parse(p []byte) error {
	switch {
	case len(p) < page:
		return fmt.Errorf("its header has %d bytes of %d", len(p), page)
	case [8]byte(p) != segmentMagic:
		return errors.New("it does not begin as a segment of a journal")
	case !sealed(p[:markAt]):
		return errors.New("its header's checksum does not fit")
	case binary.LittleEndian.Uint32(p[8:]) != formVersion:
		return fmt.Errorf("its form is version %d, this engine reads %d", binary.LittleEndian.Uint32(p[8:]), formVersion)
	case !sealed(p[markAt:][:markSize]):
		return errors.New("its mark's checksum does not fit")
	}
	s.capacity = binary.LittleEndian.Uint32(p[12:])
	number := binary.LittleEndian.Uint32(p[16:])
	s.first = binary.LittleEndian.Uint64(p[24:])
	s.created = market.UnixNano(binary.LittleEndian.Uint64(p[32:]))
	s.mark = binary.LittleEndian.Uint64(p[markAt:])
	if number != s.number {
		return fmt.Errorf("it is segment %d under another's name", number)
	}
	if s.capacity == 0 || s.first == 0 || s.mark+1 < s.first || s.mark > s.last() {
		return fmt.Errorf("its header is impossible (%d records from %d, on disk up to %d)", s.capacity, s.first, s.mark)
	}
	return nil
}

func segmentPath(folder string, number uint32) string {
	return filepath.Join(folder, fmt.Sprintf("%08d%s", number, segmentEnd))
}

// segments lists a folder's segments in order, their headers read. Every number
// from oldest up must be there.
func segments(folder string) ([]segment, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []segment
	for _, entry := range entries {
		text, is := strings.CutSuffix(entry.Name(), segmentEnd)
		number, err := strconv.ParseUint(text, 10, 32)
		if is && err == nil && number > 0 {
			found = append(found, segment{path: filepath.Join(folder, entry.Name()), number: uint32(number)})
		}
	}
	slices.SortFunc(found, func(a, b segment) int { return int(a.number) - int(b.number) })
	oldest, err := readOldest(folder)
	if err != nil {
		return nil, err
	}
	// Pruning names the new oldest first and removes then.
	found = slices.DeleteFunc(found, func(s segment) bool { return s.number < oldest })
	for i := range found {
		if want := oldest + uint32(i); found[i].number != want {
			return nil, damaged(segmentPath(folder, want), 0, "it is missing")
		}
		if err := found[i].read(); err != nil {
			return nil, err
		}
		if i > 0 && (found[i].first < found[i-1].first || found[i].first > found[i-1].last()+1) {
			return nil, damaged(found[i].path, found[i].first, "it does not follow the segment before it, which has room for %d to %d",
				found[i-1].first, found[i-1].last())
		}
	}
	return found, nil
}

// read reads the header.
func (s *segment) read() error {
	p, err := readHeader(s.path)
	if err != nil {
		return err
	}
	if err := s.parse(p); err != nil {
		return damaged(s.path, 0, "%w", err)
	}
	return nil
}

// readHeader is a file's first page, or what there is of it.
func readHeader(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := make([]byte, page)
	n, err := readFull(f, p, 0)
	return p[:n], err
}
