package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// sickDisk is a real disk with faults that a test turns on.
type sickDisk struct {
	machine
	mu    sync.Mutex
	full  bool  // no new file finds room
	sync  error // of segments
	write error // of segments
}

func (d *sickDisk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *sickDisk) prepare(path string, size int64) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return nil, &os.PathError{Op: "fallocate", Path: path, Err: syscall.ENOSPC}
	}
	f, err := d.machine.prepare(path, size)
	return &sickFile{f, d, 0}, err
}

func (d *sickDisk) open(path string) (file, error) {
	f, err := d.machine.open(path)
	return &sickFile{f, d, 0}, err
}

type sickFile struct {
	file
	disk   *sickDisk
	failed int
}

func (f *sickFile) WriteAt(p []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.write != nil && at >= page {
		n, _ := f.file.WriteAt(p[:len(p)/2], at)
		return n, f.disk.write
	}
	return f.file.WriteAt(p, at)
}

func (f *sickFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.failed > 0 {
		f.failed++
		return errors.New("a sync that failed was tried again")
	}
	if f.disk.sync != nil {
		f.failed++
		return f.disk.sync
	}
	return f.file.Sync()
}

func TestP4_AFullDiskDeniesEntriesWhileCancelsAreStillRecorded(t *testing.T) {
	c := Config{Folder: memory(t), SegmentRecords: 64, HotRecords: 128, Reserve: 16}
	d := &sickDisk{}
	j, err := open(c, d)
	require.NoError(t, err)
	d.set(func() { d.full = true })
	j.turn()
	require.ErrorIs(t, j.Health(), syscall.ENOSPC, "known long before it hurts")
	require.ErrorIs(t, j.Health(), ErrUnhealthy)

	entries := 0
	for j.Append(note(uint64(entries+1)), false) {
		entries++
		j.turn()
	}
	require.Equal(t, 64-16, entries)
	require.EqualValues(t, 1, j.Denied())

	cancels := entries
	for j.Append(note(uint64(cancels+1)), true) {
		cancels++
		j.turn()
	}
	require.Equal(t, 64+128, cancels, "the rest of the segment, and then as much as may wait for the disk")
	require.EqualValues(t, 64, j.Durable())
	require.Positive(t, j.Faults())
	die(j)

	// Nothing is lost, but it has no place yet.
	_, err = open(c, d)
	require.ErrorIs(t, err, syscall.ENOSPC)
	d.set(func() { d.full = false })
	j, err = open(c, d)
	require.NoError(t, err)
	requireNotes(t, j.Replay, uint64(cancels))
	require.NoError(t, j.Health())
	require.NoError(t, j.Close())
}

func TestP4_RoomThatComesBackLetsEntriesPassAgain(t *testing.T) {
	c := Config{Folder: memory(t), SegmentRecords: 64, HotRecords: 128, Reserve: 16}
	d := &sickDisk{}
	j, err := open(c, d)
	require.NoError(t, err)
	d.set(func() { d.full = true })
	appendNotes(t, j, 48)
	j.turn()
	require.False(t, j.Append(note(49), false))
	d.set(func() { d.full = false })
	for range retryTurns {
		j.turn()
	}
	require.NoError(t, j.Health())
	require.True(t, j.Append(note(49), false))
	require.NoError(t, j.Close())
}

// A file system of one megabyte, or a limit on the size of files where this
// test may not mount one.
func TestP4_ARealFullDiskIsFoundWhenRoomIsPrepared(t *testing.T) {
	folder := t.TempDir()
	if err := unix.Mount("tmpfs", folder, "tmpfs", 0, "size=1m"); err != nil {
		t.Logf("no file system of its own (%v): a limit on the size of files takes its place", err)
		limitFiles(t, 150<<10)
	} else {
		t.Cleanup(func() { require.NoError(t, unix.Unmount(folder, 0)) })
	}
	c := Config{Folder: folder, SegmentRecords: 1024, HotRecords: 256, Reserve: 64} // 132 KiB and 36 KiB
	j, err := Open(c)
	require.NoError(t, err)
	entries := uint64(0)
	for j.Append(note(entries+1), false) {
		if entries++; entries%16 == 0 {
			j.turn()
		}
		require.Less(t, entries, uint64(1<<20), "the disk is never full")
	}
	require.Error(t, j.Health())
	require.True(t, errors.Is(j.Health(), syscall.ENOSPC) || errors.Is(j.Health(), syscall.EFBIG), "%v", j.Health())
	for range 64 {
		require.True(t, j.Append(note(j.Last()+1), true))
	}
	require.NoError(t, j.Close())
	requireNotes(t, func(fn func(*Record) error) error { return Read(folder, fn) }, entries+64)
	_, err = os.Stat(filepath.Join(folder, spareName))
	require.ErrorIs(t, err, os.ErrNotExist, "what found no room is removed")
}

// limitFiles lets no file of this process grow beyond a size.
func limitFiles(t *testing.T, size uint64) {
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: before.Max}))
	t.Cleanup(func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before)) })
}

func TestP5_ASegmentWhoseSyncFailedIsGivenUpAndItsRecordsWrittenElsewhere(t *testing.T) {
	c := small(t)
	d := &sickDisk{}
	j, err := open(c, d)
	require.NoError(t, err)
	j.turn() // a spare is there
	appendNotes(t, j, 5)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 8)
	sick := j.file.(*sickFile)
	sick.failed = 1 // the next sync of this file is refused, and each one after
	j.turn()

	require.ErrorIs(t, j.Health(), ErrUnhealthy)
	require.ErrorContains(t, j.Health(), "records 6 to 8 did not reach the disk in "+segmentPath(c.Folder, 1))
	require.EqualValues(t, 8, j.Durable(), "they are in another file now")
	require.Equal(t, 2, sick.failed, "it was asked once")
	require.EqualValues(t, 2, j.segment.number)
	appendNotes(t, j, 12)
	j.turn()
	require.EqualValues(t, 12, j.Durable())
	require.Error(t, j.Health(), "told until the next start")
	die(j)

	// Whatever the sick file has after its last good record does not count.
	overwrite(t, segmentPath(c.Folder, 1), page+5*Size, make([]byte, 2*Size))
	require.NoError(t, reopen(t, c, 12).Close())
}

func TestP5_ADiskThatSyncsNothingMoreKeepsNothingAsDurable(t *testing.T) {
	for _, kind := range []string{"sync", "write"} {
		c := small(t)
		d := &sickDisk{}
		j, err := open(c, d)
		require.NoError(t, err)
		appendNotes(t, j, 5)
		require.NoError(t, j.Sync())
		d.set(func() {
			if kind == "sync" {
				d.sync = syscall.EIO
			} else {
				d.write = syscall.EIO
			}
		})
		before, err := os.ReadDir(c.Folder)
		require.NoError(t, err)
		for n := uint64(6); n <= 5+32; n++ {
			require.True(t, j.Append(note(n), true), "what ends a risk is kept in the hot file")
			j.turn()
		}
		require.False(t, j.Append(note(38), true))
		require.False(t, j.Append(note(38), false))
		require.EqualValues(t, 5, j.Durable())
		require.ErrorIs(t, j.Health(), syscall.EIO)
		for range 5 * retryTurns {
			j.turn()
		}
		after, err := os.ReadDir(c.Folder)
		require.NoError(t, err)
		require.LessOrEqual(t, len(after), len(before)+2, "tries do not fill the disk")
		die(j)
		require.NoError(t, reopen(t, c, 37).Close())
	}
}

func TestP5_RunTellsAtItsEndWhatDidNotReachTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &sickDisk{}
		j, err := open(small(t), d)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- j.Run(ctx) }()
		require.True(t, j.Append(note(1), false))
		time.Sleep(50 * time.Millisecond)
		require.EqualValues(t, 1, j.Durable())
		d.set(func() { d.sync = syscall.EIO })
		require.True(t, j.Append(note(2), false))
		time.Sleep(time.Minute)
		require.ErrorIs(t, j.Health(), syscall.EIO)
		stop()
		require.ErrorIs(t, <-ended, syscall.EIO)
		require.EqualValues(t, 1, j.Durable())
		require.Error(t, j.Close())
	})
}

func TestADiskThatHangsIsToldBeforeTheRoomIsOut(t *testing.T) {
	j, err := Open(small(t))
	require.NoError(t, err)
	for n := uint64(1); n <= 17; n++ {
		require.NoError(t, j.Health())
		require.True(t, j.Append(note(n), true))
	}
	require.ErrorContains(t, j.Health(), "the disk is behind: 17 records wait")
	require.NoError(t, j.Sync())
	require.NoError(t, j.Health())
	require.NoError(t, j.Close())
}

func TestP6_ASecondEngineOnOneFolderIsRefused(t *testing.T) {
	c := small(t)
	first, err := Open(c)
	require.NoError(t, err)
	require.True(t, first.Append(note(1), false))

	_, err = Open(c)
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, c.Folder+": stop it, or give this one")

	require.NoError(t, os.Remove(filepath.Join(c.Folder, "lock")))
	_, err = Open(c)
	require.ErrorIs(t, err, ErrLocked, "the hot file is locked as well")

	requireNotes(t, func(fn func(*Record) error) error { return Read(c.Folder, fn) }, 1) // reading is free
	require.NoError(t, first.Close())
	require.NoError(t, reopen(t, c, 1).Close())
}

func TestP6_AnEngineWhoseFolderWasTakenAwayIsUnhealthy(t *testing.T) {
	c := small(t)
	j, err := Open(c)
	require.NoError(t, err)
	j.turn()
	require.NoError(t, j.Health())
	require.NoError(t, os.Remove(filepath.Join(c.Folder, hotName)))
	j.turn()
	require.ErrorContains(t, j.Health(), c.Folder+" was changed under this engine")
	require.NoError(t, j.Close())
}

func TestP6_EveryStartOfADayHasItsOwnNumber(t *testing.T) {
	c := small(t)
	start := func(day market.Date) uint32 {
		t.Helper()
		j, err := Open(c)
		require.NoError(t, err)
		boot, err := j.NextBoot(day)
		require.NoError(t, err)
		require.True(t, j.Append(&Record{Kind: Started, Start: Start{Tag: order.Tag{Day: day, Boot: boot}}}, false))
		die(j)
		return boot
	}
	require.EqualValues(t, 1, start(20260818))
	require.EqualValues(t, 2, start(20260818))
	require.EqualValues(t, 1, start(20260819))
	require.EqualValues(t, 3, start(20260818), "also of a day before, by the records")
	require.EqualValues(t, 2, start(20260819))

	// The records of the last run go with the power: its number does not.
	losePower(t, c.Folder, 5)
	require.EqualValues(t, 3, start(20260819))

	starts := filepath.Join(c.Folder, "starts")
	require.NoError(t, os.Remove(starts))
	require.EqualValues(t, 4, start(20260819), "the records know it too")

	require.NoError(t, os.WriteFile(starts, []byte("2026-08-19 many"), 0o600))
	j, err := Open(c)
	require.NoError(t, err)
	_, err = j.NextBoot(20260819)
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, j.Close())
}

func TestReplayDayLeavesOutTheRunsOfOtherDays(t *testing.T) {
	c := small(t)
	j, err := Open(c)
	require.NoError(t, err)
	for _, day := range []market.Date{20260818, 20260819, 20260818, 20260819} {
		require.True(t, j.Append(&Record{Kind: Started, Start: Start{Tag: order.Tag{Day: day}}}, true))
		require.True(t, j.Append(&Record{Kind: Noted, Text: day.String()}, true))
	}
	require.NoError(t, j.Close())
	j, err = Open(c)
	require.NoError(t, err)
	defer j.Close()
	var said []string
	require.NoError(t, j.ReplayDay(20260819, func(r *Record) error {
		said = append(said, r.Kind.String()+r.Text)
		return nil
	}))
	require.Equal(t, "started noted2026-08-19 started noted2026-08-19", strings.Join(said, " "))
}

func TestPruneRemovesOldDaysAndNothingElse(t *testing.T) {
	c := small(t)
	j, err := Open(c)
	require.NoError(t, err)
	at := func(day int) market.Stamp {
		return market.Stamp{Market: market.UnixNano(time.Date(2026, 8, day, 12, 0, 0, 0, market.IST).UnixNano())}
	}
	for day := 10; day < 20; day++ {
		for range 8 { // two days to a segment
			require.True(t, j.Append(&Record{Kind: Noted, At: at(day)}, true))
		}
		require.NoError(t, j.Sync())
	}
	n, err := j.Prune(20260814)
	require.NoError(t, err)
	require.Equal(t, 2, n) // the 10th to the 13th
	n, err = j.Prune(20260814)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, j.Close())

	report, err := Check(c.Folder)
	require.NoError(t, err)
	require.EqualValues(t, 33, report.First)
	require.EqualValues(t, 80, report.Last)
	j, err = Open(c)
	require.NoError(t, err)
	n, err = j.Prune(20270101)
	require.NoError(t, err)
	require.Equal(t, 3, n, "the newest stays")
	require.NoError(t, j.Close())
	require.NoError(t, os.Remove(segmentPath(c.Folder, 6)))
	_, err = Check(c.Folder)
	require.ErrorIs(t, err, ErrDamaged)
}
