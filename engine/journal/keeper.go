package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// retryTurns is how many turns of Run pass between two attempts to find room.
const retryTurns = 50

var errResting = fmt.Errorf("%w: it waits before it tries for a new segment again", ErrUnhealthy)

// Run takes what was appended to disk in groups and prepares room, until ctx
// ends; then it takes the last group and returns. A fault of the disk does not
// end it: see Health.
func (j *Journal) Run(ctx context.Context) error {
	tick := time.NewTicker(j.config.SyncEvery)
	defer tick.Stop()
	for {
		j.turn()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return j.Sync()
		}
	}
}

// turn is one round of the keeper. Health tells what fails in it.
func (j *Journal) turn() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	j.ring.ahead(j.written.Load() + 1)
	_ = j.syncLocked()
	_ = j.prepareLocked()
	j.ownLocked()
	j.retry = max(j.retry, 1) - 1
}

// Sync takes everything appended so far to disk before it returns.
func (j *Journal) Sync() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return os.ErrClosed
	}
	j.retry = 0
	return j.syncLocked()
}

// syncLocked takes everything to disk. A segment that fails is given up once in
// a call; a disk that fails twice gets a rest.
func (j *Journal) syncLocked() error {
	for to, failed := j.written.Load(), false; j.durable.Load() < to; {
		if err := j.segmentLocked(); err != nil {
			return err
		}
		if err := j.groupLocked(to); err != nil {
			if failed {
				j.retry = retryTurns
				return err
			}
			failed = true
		}
	}
	return nil
}

// segmentLocked sees to it that there is a segment for the next record.
func (j *Journal) segmentLocked() error {
	next := j.durable.Load() + 1
	if j.file != nil && next <= j.segment.last() {
		return nil
	}
	if j.retry > 0 {
		return errors.Join(errResting, j.Health())
	}
	if err := j.advanceLocked(next); err != nil {
		j.retry = retryTurns
		err = fmt.Errorf("%w: no new segment: make room on the disk of %s: %w", ErrUnhealthy, j.config.Folder, err)
		j.faults.pass(err)
		return err
	}
	j.roomLocked()
	return nil
}

// groupLocked takes the next records up to one to disk, as far as the segment
// has room. The ring gives them up only when they are there, so that a segment
// that failed can be given up and its records written to another: what a sync
// refused once is never trusted again, whatever a second sync says.
func (j *Journal) groupLocked(to uint64) error {
	from := j.durable.Load() + 1
	to = min(to, j.segment.last())
	if err := j.writeLocked(from, to); err != nil {
		err = fmt.Errorf("%w: records %d to %d did not reach the disk in %s, which is given up: %w; "+
			"look at the disk before the next start", ErrUnhealthy, from, to, j.segment.path, err)
		j.faults.last(err)
		_ = j.file.Close() // it is given up
		j.file = nil
		j.roomLocked()
		return err
	}
	j.durable.Store(to)
	j.roomLocked()
	return nil
}

func (j *Journal) writeLocked(from, to uint64) error {
	for at := from; at <= to; {
		records := j.ring.records(at, to)
		if _, err := j.file.WriteAt(records, j.segment.offset(at)); err != nil {
			return err
		}
		at += uint64(len(records) / Size)
	}
	j.segment.mark = from - 1
	if err := j.markLocked(); err != nil {
		return err
	}
	return j.file.Sync()
}

func (j *Journal) markLocked() error {
	var p [markSize]byte
	putMark(p[:], j.segment.mark)
	_, err := j.file.WriteAt(p[:], markAt)
	return err
}

// advanceLocked begins the next segment, with the given record.
func (j *Journal) advanceLocked(first uint64) error {
	if err := j.spareLocked(); err != nil {
		return err
	}
	number := j.segment.number + 1
	if j.segment.first == first {
		number = j.segment.number // given up before its first record: it is replaced
	}
	next := segment{
		path: segmentPath(j.config.Folder, number), number: number,
		capacity: uint32(j.config.SegmentRecords), first: first, mark: first - 1, created: market.UnixNano(time.Now().UnixNano()),
	}
	made := j.spare
	j.spare = nil
	_, err := made.WriteAt(next.header(), 0)
	if err == nil {
		err = made.Sync()
	}
	if err == nil {
		err = rename(filepath.Join(j.config.Folder, spareName), next.path)
	}
	if err != nil {
		return errors.Join(err, made.Close())
	}
	if j.file != nil {
		_ = j.file.Close() // every record in it is on disk
	}
	j.file, j.segment = made, next
	return nil
}

// spareLocked makes room for the next segment unless there is some.
func (j *Journal) spareLocked() error {
	if j.spare != nil {
		return nil
	}
	made, err := j.disk.prepare(filepath.Join(j.config.Folder, spareName), j.spareSize())
	if err != nil {
		return err
	}
	j.spare = made
	return nil
}

func (j *Journal) spareSize() int64 {
	return (&segment{capacity: uint32(j.config.SegmentRecords)}).size()
}

// takeSpare takes over the spare segment that an earlier run prepared and did
// not begin: a begun one has a header, whole or not.
func (j *Journal) takeSpare() error {
	path := filepath.Join(j.config.Folder, spareName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != j.spareSize() {
		return nil
	}
	if err != nil {
		return err
	}
	header, err := readHeader(path)
	if err != nil {
		return err
	}
	if len(bytes.TrimRight(header, "\x00")) > 0 {
		return nil
	}
	made, err := j.disk.open(path)
	if err != nil {
		return err
	}
	j.spare = made
	return nil
}

// prepareLocked keeps a spare segment at hand.
func (j *Journal) prepareLocked() error {
	if j.spare != nil || j.retry > 0 {
		return nil
	}
	if err := j.spareLocked(); err != nil {
		j.retry = retryTurns
		err = fmt.Errorf("%w: no room for the next segment: make room on the disk of %s: %w", ErrUnhealthy, j.config.Folder, err)
		j.faults.pass(err)
		return err
	}
	j.faults.pass(nil)
	j.roomLocked()
	return nil
}

// roomLocked tells Append how far it may go. Records that end a risk may fill
// the whole ring, others need a place on disk that is prepared already.
func (j *Journal) roomLocked() {
	durable := j.durable.Load()
	prepared := durable
	if j.file != nil {
		prepared = j.segment.last()
	}
	if j.spare != nil {
		prepared += uint64(j.config.SegmentRecords)
	}
	hard := durable + j.ring.mask + 1
	soft := min(hard, prepared)
	j.hard.Store(hard)
	j.soft.Store(max(soft, uint64(j.config.Reserve)) - uint64(j.config.Reserve))
}

// ownLocked looks whether the folder is still this engine's.
func (j *Journal) ownLocked() {
	if j.faults.lasting.Load() != nil {
		return
	}
	mine, err := j.ring.file.Stat()
	if err == nil {
		var there os.FileInfo
		there, err = os.Stat(filepath.Join(j.config.Folder, hotName))
		if err == nil && !os.SameFile(mine, there) {
			err = errors.New("it is another file now")
		}
	}
	if err != nil {
		j.faults.last(fmt.Errorf("%w: the folder %s was changed under this engine: %w", ErrUnhealthy, j.config.Folder, err))
	}
}

// Close takes the last records to disk and lets the folder go. Nobody may be
// inside Append; afterwards it keeps nothing.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.retry = 0
	err := j.syncLocked()
	if err == nil && j.file != nil && j.segment.mark < j.durable.Load() {
		j.segment.mark = j.durable.Load()
		err = errors.Join(j.markLocked(), j.file.Sync())
	}
	j.closed = true
	j.soft.Store(0)
	j.hard.Store(0)
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
	}
	if j.spare != nil {
		err = errors.Join(err, j.spare.Close())
	}
	return errors.Join(err, j.ring.close(), j.lock.Close())
}
