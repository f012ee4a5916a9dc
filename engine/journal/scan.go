package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Report is what a look at a journal found.
type Report struct {
	Folder   string   `json:"folder"`
	Segments int      `json:"segments"`
	First    uint64   `json:"first"` // zero: no record
	Last     uint64   `json:"last"`
	Hot      int      `json:"hot"`                  // of these, not yet seen in a segment
	Cut      int      `json:"cut"`                  // bytes after the last record that are none: a torn record, garbage
	Lost     int      `json:"lost"`                 // whole records after a hole that a loss of power left
	Power    bool     `json:"power_lost,omitempty"` // the machine was started anew since the last run: its newest records may be gone without a trace
	CutFiles []string `json:"cut_files,omitempty"`  // where Open kept the bytes it cut
}

// Records is how many records there are.
func (r *Report) Records() uint64 {
	if r.First == 0 {
		return 0
	}
	return r.Last - r.First + 1
}

// formSequence is a record's number when its bytes are whole; zero when not.
func formSequence(form *[Size]byte) uint64 {
	if crc32.Checksum(form[4:], castagnoli) != binary.LittleEndian.Uint32(form[:4]) {
		return 0
	}
	return binary.LittleEndian.Uint64(form[8:])
}

var noForm [Size]byte

// scan is one pass over a folder, record by record, oldest first. It only
// reads, so that it may be made beside an engine that writes.
type scan struct {
	folder string
	boot   string                       // of this machine now
	visit  func(form *[Size]byte) error // borrowed; nil to look only

	segments []segment
	begun    bool
	first    uint64 // of the oldest segment
	last     uint64 // newest record visited
	onDisk   uint64 // newest of those that the segments had without the hot file's help

	hot     hotHeader
	image   []byte // the hot file; nil: there is none
	lost    int    // whole records beyond the end
	garbage []span // what is no record after the last one
	chunk   []byte
}

// span is a piece of a file.
type span struct {
	path     string
	from, to int64
	behind   bool // the file should end where it begins
}

// Passes over a journal that another process writes see its parts at different
// moments; a hole that stays for this many passes is one.
const passes = 4

func (s *scan) run() error {
	for still := 0; ; {
		before := s.last
		err := s.pass()
		hole := errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist)
		if err == nil || !hole {
			return err
		}
		if still++; s.last > before {
			still = 0
		}
		if still == passes {
			return err
		}
	}
}

func (s *scan) pass() error {
	s.lost, s.garbage = 0, s.garbage[:0]
	list, err := segments(s.folder)
	if err != nil {
		return err
	}
	s.segments = list
	if err := s.readSegments(); err != nil {
		return err
	}
	s.onDisk = s.last
	if err := s.readHot(); err != nil {
		return err
	}
	return s.end()
}

// readSegments visits what the segments hold from the newest visited record on.
func (s *scan) readSegments() error {
	if !s.begun && len(s.segments) > 0 {
		s.begun, s.first = true, s.segments[0].first
		s.last = s.first - 1
	}
	for i := range s.segments {
		seg := &s.segments[i]
		limit, sure := seg.last(), seg.mark
		if i+1 < len(s.segments) { // begun only when all before it was on disk
			limit = s.segments[i+1].first - 1
			sure = limit
		}
		if s.last >= limit {
			continue
		}
		if s.last+1 < seg.first {
			return damaged(seg.path, s.last+1, "it begins with record %d", seg.first)
		}
		err := s.stream(seg, s.last+1, limit, func(sequence uint64, form *[Size]byte) error {
			switch formSequence(form) {
			case sequence:
				return s.take(sequence, form)
			}
			if sequence <= sure {
				return damaged(seg.path, sequence, "%w", why(form, sequence))
			}
			return errStop
		})
		if err == nil && s.last < sure {
			err = damaged(seg.path, s.last+1, "the file ends here")
		}
		if err != nil && !errors.Is(err, errStop) {
			return err
		}
	}
	return nil
}

// why says what is wrong with a record.
func why(form *[Size]byte, sequence uint64) error {
	switch got := formSequence(form); {
	case *form == noForm:
		return fmt.Errorf("%w: it is empty", ErrRecord)
	case got == 0:
		return fmt.Errorf("%w: the checksum does not fit", ErrRecord)
	default:
		return fmt.Errorf("%w: record %d is in the place of %d", ErrRecord, got, sequence)
	}
}

var errStop = errors.New("journal: the end")

func (s *scan) take(sequence uint64, form *[Size]byte) error {
	if s.visit != nil {
		if err := s.visit(form); err != nil {
			return err
		}
	}
	s.last = sequence
	return nil
}

// stream reads a segment's places from one record to another; a short file
// ends it early.
func (s *scan) stream(seg *segment, from, to uint64, each func(uint64, *[Size]byte) error) error {
	f, err := os.Open(seg.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if uint64(len(s.chunk)) < min(to-from+1, 1024)*Size {
		s.chunk = make([]byte, min(to-from+1, 1024)*Size)
	}
	for from <= to {
		want := min(to-from+1, uint64(len(s.chunk)/Size)) * Size
		n, err := readFull(f, s.chunk[:want], seg.offset(from))
		if err != nil {
			return err
		}
		rest := s.chunk[:n]
		for ; len(rest) >= Size; rest, from = rest[Size:], from+1 {
			if err := each(from, (*[Size]byte)(rest)); err != nil {
				return err
			}
		}
		if n < int(want) {
			return nil
		}
	}
	return nil
}

// readHot visits what only the hot file has.
func (s *scan) readHot() error {
	path := filepath.Join(s.folder, hotName)
	image, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.image = nil
		if s.last != 0 {
			return damaged(path, 0, "it is missing; it holds the newest records")
		}
		return nil
	case err != nil:
		return err
	}
	if err := s.hot.parse(image); err != nil {
		return damaged(path, 0, "%w", err)
	}
	if whole := page + int(s.hot.capacity)*Size; len(image) < whole {
		return damaged(path, 0, "it has %d bytes of %d", len(image), whole)
	}
	s.image = image
	if s.last+1 < s.hot.first {
		number := uint32(1)
		if len(s.segments) > 0 {
			number = s.segments[len(s.segments)-1].number + 1
		}
		return damaged(segmentPath(s.folder, number), s.last+1, "it is missing: the records up to %d were on disk", s.hot.first-1)
	}
	for {
		sequence := s.last + 1
		form := s.slot(sequence)
		if formSequence(form) != sequence {
			// A lost power may have kept the segment's copy of a record only.
			kept, err := s.inSegment(sequence)
			if err != nil {
				return err
			}
			if !kept {
				return nil
			}
		}
		if err := s.take(sequence, form); err != nil {
			return err
		}
	}
}

func (s *scan) slot(sequence uint64) *[Size]byte {
	return (*[Size]byte)(s.image[page+(sequence&uint64(s.hot.capacity-1))*Size:])
}

// inSegment takes a record of the newest segment into the image, if it is there.
func (s *scan) inSegment(sequence uint64) (kept bool, err error) {
	if len(s.segments) == 0 {
		return false, nil
	}
	seg := &s.segments[len(s.segments)-1]
	if sequence < seg.first || sequence > seg.last() {
		return false, nil
	}
	err = s.stream(seg, sequence, sequence, func(_ uint64, form *[Size]byte) error {
		if kept = formSequence(form) == sequence; kept {
			*s.slot(sequence) = *form
		}
		return nil
	})
	return kept, err
}

// end looks at what comes after the last record: nothing, a torn record or
// garbage is a crash's work, but a whole record beyond a missing one means that
// the missing one was there.
func (s *scan) end() error {
	beyond := uint64(0)
	hotPath := filepath.Join(s.folder, hotName)
	if s.image != nil {
		for i := range int64(s.hot.capacity) {
			at := page + i*Size
			form := (*[Size]byte)(s.image[at:])
			sequence := formSequence(form)
			placed := sequence != 0 && form == s.slot(sequence)
			switch {
			case placed && sequence > s.last:
				beyond = max(beyond, sequence)
				s.lost++
				s.waste(hotPath, at, at+Size)
			case !placed && *form != noForm:
				s.waste(hotPath, at, at+Size)
			}
		}
		if whole := page + int(s.hot.capacity)*Size; len(s.image) > whole {
			s.garbage = append(s.garbage, span{hotPath, int64(whole), int64(len(s.image)), true})
		}
	}
	for i := range s.segments {
		seg := &s.segments[i]
		if info, err := os.Stat(seg.path); err != nil {
			return err
		} else if info.Size() > seg.size() {
			s.garbage = append(s.garbage, span{seg.path, seg.size(), info.Size(), true})
		}
		if i+1 < len(s.segments) {
			continue
		}
		err := s.stream(seg, max(s.last+1, seg.first), seg.last(), func(sequence uint64, form *[Size]byte) error {
			if *form == noForm {
				return nil
			}
			if formSequence(form) == sequence {
				beyond = max(beyond, sequence)
				s.lost++
			}
			s.waste(seg.path, seg.offset(sequence), seg.offset(sequence)+Size)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if beyond == 0 || s.image != nil && s.boot != "" && s.hot.boot != "" && s.hot.boot != s.boot {
		return nil
	}
	path := hotPath
	if len(s.segments) > 0 {
		if seg := &s.segments[len(s.segments)-1]; s.last < seg.last() && s.onDisk == s.last && s.image == nil {
			path = seg.path
		}
	}
	return damaged(path, s.last+1, "%w, but record %d is there", s.whyMissing(), beyond)
}

func (s *scan) whyMissing() error {
	if s.image == nil {
		return ErrRecord
	}
	form := s.slot(s.last + 1)
	if old := formSequence(form); old != 0 && old < s.last+1 {
		form = &noForm
	}
	return why(form, s.last+1)
}

// waste notes bytes that are no record of the journal.
func (s *scan) waste(path string, from, to int64) {
	if n := len(s.garbage); n > 0 && s.garbage[n-1].path == path && s.garbage[n-1].to == from {
		s.garbage[n-1].to = to
		return
	}
	s.garbage = append(s.garbage, span{path: path, from: from, to: to})
}

func (s *scan) report() Report {
	r := Report{Folder: s.folder, Segments: len(s.segments), Hot: int(s.last - s.onDisk), Lost: s.lost, Power: s.image != nil && s.hot.boot != s.boot}
	if s.begun && s.last >= s.first {
		r.First, r.Last = s.first, s.last
	}
	for _, g := range s.garbage {
		r.Cut += int(g.to - g.from)
	}
	return r
}

// readFull fills p as far as the file goes.
func readFull(f io.ReaderAt, p []byte, at int64) (int, error) {
	n, err := f.ReadAt(p, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
