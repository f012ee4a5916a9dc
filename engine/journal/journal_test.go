package journal

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// memory is a folder in memory, where a sync costs nothing, if the machine has
// such a place.
func memory(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("/dev/shm", "vayu-journal-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	return folder
}

// small is a journal whose every corner is near.
func small(t testing.TB) Config {
	return Config{Folder: memory(t), SegmentRecords: 16, HotRecords: 32, Reserve: 4}
}

// note is record n of the tests; its text tells it.
func note(n uint64) *Record { return &Record{Kind: Noted, Text: strconv.FormatUint(n, 10)} }

// appendNotes appends records up to the given one.
func appendNotes(t testing.TB, j *Journal, to uint64) {
	t.Helper()
	for n := j.Last() + 1; n <= to; n++ {
		if r := note(n); !j.Append(r, true) {
			require.NoError(t, j.Sync())
			require.True(t, j.Append(r, true))
		}
	}
}

// requireNotes says that exactly the records up to one are there.
func requireNotes(t testing.TB, read func(func(*Record) error) error, to uint64) {
	t.Helper()
	n := uint64(0)
	require.NoError(t, read(func(r *Record) error {
		n++
		require.Equal(t, n, r.Sequence)
		require.Equal(t, strconv.FormatUint(n, 10), r.Text)
		return nil
	}))
	require.Equal(t, to, n)
}

// reopen opens the folder and says what must be there.
func reopen(t testing.TB, c Config, to uint64) *Journal {
	t.Helper()
	j, err := Open(c)
	require.NoError(t, err)
	requireNotes(t, j.Replay, to)
	require.Equal(t, to, j.Last())
	require.Equal(t, to, j.Durable())
	return j
}

// die is what SIGKILL leaves: nothing more is written, the system takes back
// the locks and the mapping.
func die(j *Journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	_ = j.abandon()
	_ = j.ring.close()
}

// losePower makes the hot file one of an earlier start of the machine, with
// the pages of the given slots lost.
func losePower(t testing.TB, folder string, lost ...uint64) {
	t.Helper()
	path := filepath.Join(folder, hotName)
	image, err := os.ReadFile(path)
	require.NoError(t, err)
	var h hotHeader
	require.NoError(t, h.parse(image))
	h.boot = "an earlier one"
	copy(image, h.page())
	for _, sequence := range lost {
		clear(image[page+(sequence&uint64(h.capacity-1))*Size:][:Size])
	}
	require.NoError(t, os.WriteFile(path, image, 0o600))
}

// copyFolder lets a test damage the same journal in many ways.
func copyFolder(t testing.TB, from string) string {
	to := memory(t)
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// overwrite puts bytes into a file.
func overwrite(t testing.TB, path string, at int64, p []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(p, at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func hotPlace(c Config, sequence uint64) int64 {
	return page + int64(sequence%uint64(c.HotRecords))*Size
}

func TestWhatWasAppendedIsThereAgain(t *testing.T) {
	c := small(t)
	for round := range uint64(4) {
		j := reopen(t, c, round*100)
		appendNotes(t, j, (round+1)*100)
		if round%2 == 0 {
			require.NoError(t, j.Close())
		} else {
			die(j)
		}
		requireNotes(t, func(fn func(*Record) error) error { return Read(c.Folder, fn) }, (round+1)*100)
	}
	report, err := Check(c.Folder)
	require.NoError(t, err)
	require.EqualValues(t, 400, report.Records())
	require.EqualValues(t, 1, report.First)
	require.Zero(t, report.Cut)
}

func TestReplayTwiceIsReplayOnce(t *testing.T) {
	c := small(t)
	fillFolder(t, c, 200)
	var passes [2][]Record
	j, err := Open(c)
	require.NoError(t, err)
	defer j.Close()
	require.True(t, j.Append(note(201), true)) // not of what was there at Open
	require.NoError(t, j.Sync())
	for i := range passes {
		require.NoError(t, j.Replay(func(r *Record) error {
			passes[i] = append(passes[i], *r)
			return nil
		}))
	}
	require.Len(t, passes[0], 200)
	require.Equal(t, passes[0], passes[1])
}

func TestAppendSetsTheSequence(t *testing.T) {
	j, err := Open(small(t))
	require.NoError(t, err)
	defer j.Close()
	r := note(1)
	require.True(t, j.Append(r, false))
	require.EqualValues(t, 1, r.Sequence)
	require.True(t, j.Append(r, false))
	require.EqualValues(t, 2, r.Sequence)
	require.EqualValues(t, 2, j.Last())
	require.Zero(t, j.Durable())
	require.NoError(t, j.Sync())
	require.EqualValues(t, 2, j.Durable())
}

func TestAppendAllocatesNothing(t *testing.T) {
	j, err := Open(Config{Folder: memory(t)})
	require.NoError(t, err)
	defer j.Close()
	r := sending()
	require.Zero(t, testing.AllocsPerRun(1000, func() { j.Append(&r, false) }))
	require.EqualValues(t, 1001, j.Last())
}

func TestTheHotFileOfAnotherSizeIsTakenOver(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 30)
	die(j)
	c.HotRecords, c.SegmentRecords = 8, 7
	j = reopen(t, c, 30)
	appendNotes(t, j, 50)
	die(j)
	require.NoError(t, reopen(t, small2(c), 50).Close())
}

func small2(c Config) Config {
	c.HotRecords, c.SegmentRecords = 64, 100
	return c
}

func TestAnEmptyFolderIsNoJournal(t *testing.T) {
	_, err := Check(memory(t))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Check(filepath.Join(memory(t), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	for _, c := range []Config{
		{}, {Folder: "x", HotRecords: 100}, {Folder: "x", HotRecords: 64, Reserve: 64}, {Folder: "x", SegmentRecords: -1}, {Folder: "x", SyncEvery: -1},
	} {
		_, err := Open(c)
		require.ErrorContains(t, err, "journal: ")
	}
}

// The crash may come when the first segment is there and the hot file is not.
func TestACrashInTheVeryFirstOpenIsForgotten(t *testing.T) {
	c := small(t)
	require.NoError(t, reopen(t, c, 0).Close())
	require.NoError(t, os.Remove(filepath.Join(c.Folder, hotName)))
	require.NoError(t, reopen(t, c, 0).Close())
}

func TestP2_ATornRecordIsCutAtEveryLength(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 4)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 11)
	last := *j.ring.slot(11)
	die(j)
	for _, behind := range []byte{0, 0xA5} {
		for length := range Size + 1 {
			torn := last
			for i := length; i < Size; i++ {
				torn[i] = behind
			}
			c := c
			folder := c.Folder
			c.Folder = copyFolder(t, folder)
			overwrite(t, filepath.Join(c.Folder, hotName), hotPlace(c, 11), torn[:])
			whole, empty := torn == last, torn == noForm
			if whole {
				require.NoError(t, reopen(t, c, 11).Close())
				continue
			}
			j := reopen(t, c, 10)
			require.Equal(t, empty, j.Report().Cut == 0, "length %d", length)
			if !empty {
				require.Len(t, j.Report().CutFiles, 1)
				kept, err := os.ReadFile(j.Report().CutFiles[0])
				require.NoError(t, err)
				require.Equal(t, torn[:], kept)
			}
			appendNotes(t, j, 12)
			require.NoError(t, j.Close())
			require.NoError(t, reopen(t, c, 12).Close())
			require.NoError(t, os.RemoveAll(c.Folder))
		}
	}
}

// With the power go the hot file's pages and what was written to the segment
// and not yet synced.
func TestP2_ATornRecordOfASegmentIsCutAtEveryLengthAfterALossOfPower(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 4)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 9)
	require.NoError(t, j.Sync()) // on disk, but marked only by the next group
	last := *j.ring.slot(9)
	die(j)
	losePower(t, c.Folder, 5, 6, 7, 8, 9)
	for length := range Size {
		for _, short := range []bool{false, true} {
			torn := last
			clear(torn[length:])
			c, folder := c, c.Folder
			c.Folder = copyFolder(t, folder)
			path := segmentPath(c.Folder, 1)
			at := page + int64(8*Size)
			overwrite(t, path, at, torn[:])
			if short {
				require.NoError(t, os.Truncate(path, at+int64(length)))
			}
			want := uint64(8)
			if torn == last && !short {
				want = 9
			}
			j := reopen(t, c, want)
			appendNotes(t, j, 20)
			require.NoError(t, j.Close())
			require.NoError(t, reopen(t, c, 20).Close())
			require.NoError(t, os.RemoveAll(c.Folder))
		}
	}
}

func TestP2_GarbageAfterTheTailIsCutAndKept(t *testing.T) {
	garbage := make([]byte, 300)
	for i := range garbage {
		garbage[i] = byte(i) | 1
	}
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 5)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 7)
	die(j)
	segment := segmentPath(c.Folder, 1)
	for name, damage := range map[string]func(folder string){
		"in the segment":             func(f string) { overwrite(t, segmentPath(f, 1), page+9*Size+5, garbage) },
		"behind the segment":         func(f string) { overwrite(t, segmentPath(f, 1), page+16*Size, garbage) },
		"in the hot file":            func(f string) { overwrite(t, filepath.Join(f, hotName), hotPlace(c, 8)+3, garbage) },
		"at the end of the hot file": func(f string) { overwrite(t, filepath.Join(f, hotName), page+32*Size, garbage) },
	} {
		t.Run(name, func(t *testing.T) {
			c, folder := c, c.Folder
			c.Folder = copyFolder(t, folder)
			damage(c.Folder)
			report, err := Check(c.Folder)
			require.NoError(t, err)
			require.GreaterOrEqual(t, report.Cut, len(garbage))
			j := reopen(t, c, 7)
			require.Len(t, j.Report().CutFiles, 1)
			kept, err := os.ReadFile(j.Report().CutFiles[0])
			require.NoError(t, err)
			require.Contains(t, string(kept), string(garbage))
			appendNotes(t, j, 20)
			require.NoError(t, j.Close())
			report, err = Check(c.Folder)
			require.NoError(t, err)
			require.EqualValues(t, 20, report.Last)
			require.Zero(t, report.Cut)
		})
	}
	require.FileExists(t, segment)
}

func TestP2_AZeroPageAtTheTailEndsTheJournal(t *testing.T) {
	c := Config{Folder: memory(t), SegmentRecords: 200, HotRecords: 128, Reserve: 4}
	j := reopen(t, c, 0)
	appendNotes(t, j, 100)
	die(j)
	overwrite(t, filepath.Join(c.Folder, hotName), page+3*page, make([]byte, page)) // records 96 to 127
	require.NoError(t, reopen(t, c, 95).Close())
}

func TestP2_AtEveryRecordBoundaryEverythingAppendedIsThere(t *testing.T) {
	for synced := uint64(0); synced <= 40; synced++ {
		for _, more := range []uint64{0, 1, 5, 31} {
			c := small(t)
			j := reopen(t, c, 0)
			appendNotes(t, j, synced)
			require.NoError(t, j.Sync())
			appendNotes(t, j, synced+more)
			die(j)
			j = reopen(t, c, synced+more)
			die(j) // at once again
			require.NoError(t, reopen(t, c, synced+more).Close())
			require.NoError(t, os.RemoveAll(c.Folder))
		}
	}
}

// The process may die while a group is on its way to the segment.
func TestP2_AGroupHalfWrittenIsTakenFromTheHotFile(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 4)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 12)
	forms := slicesOf(j, 5, 12)
	die(j)
	for length := 0; length <= len(forms); length += 37 {
		c, folder := c, c.Folder
		c.Folder = copyFolder(t, folder)
		overwrite(t, segmentPath(c.Folder, 1), page+4*Size, forms[:length])
		require.NoError(t, reopen(t, c, 12).Close())
		require.NoError(t, os.RemoveAll(c.Folder))
	}
}

func slicesOf(j *Journal, from, to uint64) (forms []byte) {
	for n := from; n <= to; n++ {
		forms = append(forms, j.ring.slot(n)[:]...)
	}
	return forms
}

// The pages of the hot file reach the disk in any order, so that a loss of
// power leaves holes. What comes after one is cut and told.
func TestP2_AHoleThatALossOfPowerLeftIsCut(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 4)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 12)
	die(j)
	losePower(t, c.Folder, 7, 8)
	j = reopen(t, c, 6)
	require.Equal(t, 4, j.Report().Lost)
	require.NotEmpty(t, j.Report().CutFiles)
	appendNotes(t, j, 10)
	require.NoError(t, j.Close())
	require.NoError(t, reopen(t, c, 10).Close())
}

func TestP2_WhatOnlyTheSegmentHasAfterALossOfPowerIsKept(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 12)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 14)
	die(j)
	losePower(t, c.Folder, 3, 5, 6, 11)
	require.NoError(t, reopen(t, c, 14).Close())
}

func TestP3_EveryBitFlippedInASegmentIsFoundAndNamed(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 40)
	require.NoError(t, j.Close())
	for number := uint32(1); number <= 3; number++ {
		path := segmentPath(c.Folder, number)
		image, err := os.ReadFile(path)
		require.NoError(t, err)
		first := binary.LittleEndian.Uint64(image[24:])
		records := min(16, 40-int(first)+1)
		flip := func(bit int, want uint64) {
			overwrite(t, path, int64(bit/8), []byte{image[bit/8] ^ 1<<(bit%8)})
			err := (&scan{folder: c.Folder}).pass()
			var damage *DamageError
			require.ErrorAs(t, err, &damage, "bit %d of %s", bit, path)
			require.ErrorIs(t, err, ErrDamaged)
			require.Equal(t, path, damage.File)
			require.Equal(t, want, damage.Record)
			overwrite(t, path, int64(bit/8), image[bit/8:bit/8+1])
		}
		for bit := range (markAt + markSize) * 8 {
			if testing.Short() && bit%7 != 0 || number == 2 {
				continue // as in the first
			}
			flip(bit, 0)
		}
		for record := range records {
			if record%5 != 0 && record != records-1 {
				continue
			}
			for bit := range Size * 8 {
				if testing.Short() && bit%7 != 0 {
					continue
				}
				flip((page+record*Size)*8+bit, first+uint64(record))
			}
		}
	}
	require.NoError(t, reopen(t, c, 40).Close())
}

func TestP3_EveryBitFlippedInTheHotFileIsFoundAndNamed(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 4)
	require.NoError(t, j.Sync())
	appendNotes(t, j, 12)
	die(j)
	path := filepath.Join(c.Folder, hotName)
	image, err := os.ReadFile(path)
	require.NoError(t, err)
	flip := func(at int64, bit int, want uint64) {
		overwrite(t, path, at, []byte{image[at] ^ 1<<bit})
		err := (&scan{folder: c.Folder}).pass()
		var damage *DamageError
		require.ErrorAs(t, err, &damage, "bit %d of byte %d", bit, at)
		require.Equal(t, path, damage.File)
		require.Equal(t, want, damage.Record)
		overwrite(t, path, at, image[at:at+1])
	}
	for at := range int64(page) {
		if testing.Short() && at%7 != 0 {
			continue
		}
		flip(at, int(at%8), 0)
	}
	for record := uint64(5); record < 12; record++ { // the last might be torn
		for bit := range Size * 8 {
			if testing.Short() && bit%7 != 0 {
				continue
			}
			flip(hotPlace(c, record)+int64(bit/8), bit%8, record)
		}
	}
	require.NoError(t, reopen(t, c, 12).Close())
}

func TestP3_ADamagedJournalIsNotOpenedAndNotChanged(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 40)
	require.NoError(t, j.Close())
	path := segmentPath(c.Folder, 2)
	overwrite(t, path, page+3*Size+60, []byte{0xFF})
	before, err := os.ReadFile(path)
	require.NoError(t, err)

	_, err = Open(c)

	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, path+", record 20: journal: not a record: the checksum does not fit")
	require.ErrorContains(t, err, "move the folder")
	after, readErr := os.ReadFile(path)
	require.NoError(t, readErr)
	require.Equal(t, before, after)
	n := uint64(0)
	require.ErrorIs(t, Read(c.Folder, func(r *Record) error { n = r.Sequence; return nil }), ErrDamaged)
	require.EqualValues(t, 19, n) // what comes before can be read
	_, err = Open(c)
	require.ErrorIs(t, err, ErrDamaged, "the lock was let go")
}

func TestP3_WhatIsMissingIsNamed(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	appendNotes(t, j, 60) // four segments
	require.NoError(t, j.Close())
	require.NoError(t, reopen(t, c, 60).Close())
	for name, row := range map[string]struct {
		damage func(folder string) error
		says   string
	}{
		"the first segment":  {func(f string) error { return os.Remove(segmentPath(f, 1)) }, "00000001.journal: it is missing"},
		"a middle segment":   {func(f string) error { return os.Remove(segmentPath(f, 2)) }, "00000002.journal: it is missing"},
		"the newest segment": {func(f string) error { return os.Remove(segmentPath(f, 4)) }, "00000004.journal, record 49: it is missing"},
		"all segments": {func(f string) error {
			for n := range uint32(4) {
				if err := os.Remove(segmentPath(f, n+1)); err != nil {
					return err
				}
			}
			return nil
		}, "00000001.journal, record 1: it is missing"},
		"the hot file":         {func(f string) error { return os.Remove(filepath.Join(f, hotName)) }, "hot: it is missing"},
		"the end of a file":    {func(f string) error { return os.Truncate(segmentPath(f, 2), page+5*Size) }, "00000002.journal, record 22: the file ends here"},
		"a header":             {func(f string) error { return os.Truncate(segmentPath(f, 3), 0) }, "00000003.journal: its header has 0 bytes"},
		"a segment's own name": {func(f string) error { return os.Rename(segmentPath(f, 4), segmentPath(f, 2)) }, "it is segment 4 under another's name"},
		"the newest records": {func(f string) error {
			return os.WriteFile(segmentPath(f, 4), must(os.ReadFile(segmentPath(f, 4)))[:page+5*Size], 0o600)
		}, "00000004.journal, record 54: the file ends here"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := copyFolder(t, c.Folder)
			require.NoError(t, row.damage(folder))
			_, err := Check(folder)
			require.ErrorIs(t, err, ErrDamaged)
			require.ErrorContains(t, err, row.says)
			if name != "the hot file" {
				losePower(t, folder, 0) // does not explain it
			}
			_, err = Check(folder)
			require.ErrorIs(t, err, ErrDamaged)
			_, err = Open(Config{Folder: folder})
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
}

func TestASpareSegmentOutlivesTheRunThatPreparedIt(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	j.turn()
	die(j)
	spare := filepath.Join(c.Folder, spareName)
	before, err := os.Stat(spare)
	require.NoError(t, err)
	j = reopen(t, c, 0)
	require.NotNil(t, j.spare)
	appendNotes(t, j, 20)
	require.NoError(t, j.Close())
	after, err := os.Stat(segmentPath(c.Folder, 2))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))

	// One that a crash left with a header is made anew.
	require.NoError(t, os.WriteFile(spare, append([]byte("VAYU"), make([]byte, page+16*Size-4)...), 0o600))
	j = reopen(t, c, 20)
	require.Nil(t, j.spare)
	appendNotes(t, j, 40)
	die(j)
	require.NoError(t, reopen(t, c, 40).Close())
}

func TestTheReportTellsThatThePowerWasLostThoughNothingSeemsMissing(t *testing.T) {
	c := small(t)
	j := reopen(t, c, 0)
	require.False(t, j.Report().Power, "a new folder")
	appendNotes(t, j, 4)
	require.NoError(t, j.Close())
	j = reopen(t, c, 4)
	require.False(t, j.Report().Power)
	appendNotes(t, j, 6)
	die(j)
	losePower(t, c.Folder)

	j = reopen(t, c, 6)

	require.True(t, j.Report().Power)
	require.Zero(t, j.Report().Lost)
	require.NoError(t, j.Close())
}
