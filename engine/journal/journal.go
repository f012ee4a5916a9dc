package journal

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Config says where a journal lies and how much room it keeps. Only Folder has
// no default.
type Config struct {
	Folder         string
	SegmentRecords int           // records of one file; 131072 (16 MiB)
	HotRecords     int           // that may wait for the disk, a power of two; 16384 (2 MiB)
	Reserve        int           // the last of the room, for what ends a risk; 4096
	SyncEvery      time.Duration // how often a group goes to disk; 20 ms
}

func (c *Config) check() error {
	c.SegmentRecords = orElse(c.SegmentRecords, 131072)
	c.HotRecords = orElse(c.HotRecords, 16384)
	c.Reserve = orElse(c.Reserve, 4096)
	if c.SyncEvery == 0 {
		c.SyncEvery = 20 * time.Millisecond
	}
	const most = 1 << 24
	switch {
	case c.Folder == "":
		return errors.New("journal: no folder")
	case c.SyncEvery < 0:
		return fmt.Errorf("journal: SyncEvery is %s", c.SyncEvery)
	case c.HotRecords < 2 || c.HotRecords > most || bits.OnesCount(uint(c.HotRecords)) != 1:
		return fmt.Errorf("journal: HotRecords is %d, not a power of two up to %d", c.HotRecords, most)
	case c.SegmentRecords < 1 || c.SegmentRecords > most:
		return fmt.Errorf("journal: SegmentRecords is %d, not 1 to %d", c.SegmentRecords, most)
	case c.Reserve < 0 || c.Reserve >= c.HotRecords:
		return fmt.Errorf("journal: Reserve is %d, not below HotRecords (%d)", c.Reserve, c.HotRecords)
	}
	return nil
}

func orElse(v, usual int) int {
	if v == 0 {
		return usual
	}
	return v
}

// Journal is an open journal. Append has one owner at a time, Run another;
// everything else may be called by anyone.
type Journal struct {
	config Config
	disk   disk
	lock   *os.File
	report Report
	boots  map[market.Date]uint32 // highest start of each day that Open found
	ring   *ring

	// Append's owner.
	sequence uint64

	_       [64]byte
	written atomic.Uint64 // newest record in the ring; stored by Append
	denied  atomic.Uint64 // records not kept
	_       [64]byte

	// Stored by the keeper, read by Append.
	soft atomic.Uint64 // the last record that has room
	hard atomic.Uint64 // the last record that has room if it may use the reserve
	_    [64]byte

	durable atomic.Uint64
	faults  faults

	// The keeper: whoever holds mu. Run does, from time to time.
	mu      sync.Mutex
	file    file    // of the segment; nil when it was given up or is full
	segment segment // the newest
	spare   file    // prepared for the next; nil for none
	retry   int     // turns until preparing is tried again
	closed  bool
}

// Append keeps one record and sets its Sequence; it is in the kernel's hands
// when Append returns. The record is borrowed. spare lets it use the room kept
// back for what ends a risk. False: it was not kept. Append never waits and has
// one owner at a time. Hot path: see TestAppendAllocatesNothing.
func (j *Journal) Append(r *Record, spare bool) bool {
	sequence := j.sequence + 1
	room := &j.soft
	if spare {
		room = &j.hard
	}
	if sequence > room.Load() {
		j.denied.Add(1)
		return false
	}
	r.Sequence = sequence
	r.Encode(j.ring.slot(sequence))
	j.sequence = sequence
	j.written.Store(sequence)
	return true
}

// Last is the sequence of the newest record.
func (j *Journal) Last() uint64 { return j.written.Load() }

// Durable is the sequence of the last record known to be on disk.
func (j *Journal) Durable() uint64 { return j.durable.Load() }

// Denied counts the records that were not kept.
func (j *Journal) Denied() uint64 { return j.denied.Load() }

// Report is what Open found and did.
func (j *Journal) Report() Report { return j.report }
