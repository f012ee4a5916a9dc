package journal

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// mortalDisk is a real disk that works for so many steps and then no more, as
// when the process dies or the power goes. It remembers what was written since
// each file's last sync, sector by sector.
type mortalDisk struct {
	machine
	steps int
	files []*mortalFile
}

var errDead = errors.New("dead")

func (d *mortalDisk) step() error {
	if d.steps == 0 {
		return errDead
	}
	d.steps--
	return nil
}

func (d *mortalDisk) prepare(path string, size int64) (file, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	f, err := d.machine.prepare(path, size)
	return d.keep(f), err
}

func (d *mortalDisk) open(path string) (file, error) {
	f, err := d.machine.open(path)
	return d.keep(f), err
}

func (d *mortalDisk) keep(f file) file {
	m := &mortalFile{file: f, disk: d}
	if f != nil {
		// A name of its own to the same file, which may get another name and
		// be closed.
		m.again = must(os.OpenFile(f.(data).Name(), os.O_RDWR, 0))
		d.files = append(d.files, m)
	}
	return m
}

const sector = 512

type mortalFile struct {
	file
	disk  *mortalDisk
	again *os.File
	old   map[int64][]byte // of sectors that were not synced since
}

func (f *mortalFile) WriteAt(p []byte, at int64) (int, error) {
	dead := f.disk.step()
	for s := at / sector; s*sector < at+int64(len(p)); s++ {
		if _, known := f.old[s]; !known {
			if f.old == nil {
				f.old = make(map[int64][]byte)
			}
			before := make([]byte, sector)
			n := must(f.again.ReadAt(before, s*sector))
			f.old[s] = before[:n]
		}
	}
	if dead != nil {
		// A sector is written whole or not at all.
		half := (at+int64(len(p))/2)/sector*sector - at
		_, _ = f.file.WriteAt(p[:max(half, 0)], at)
		return 0, dead
	}
	return f.file.WriteAt(p, at)
}

func (f *mortalFile) Sync() error {
	if err := f.disk.step(); err != nil {
		return err
	}
	f.old = nil
	return f.file.Sync()
}

// losePower takes back any of the sectors that were not synced.
func (d *mortalDisk) losePower(t *testing.T, rng *rand.Rand) {
	for _, f := range d.files {
		for at := range int64(1 << 10) {
			if before, unsynced := f.old[at]; unsynced && rng.IntN(2) == 0 {
				_, err := f.again.WriteAt(before, at*sector)
				require.NoError(t, err)
			}
		}
	}
}

func (d *mortalDisk) close() {
	for _, f := range d.files {
		_ = f.again.Close()
	}
}

func TestP1_AtEveryStepOfTheDiskADeathLosesNothingAndALossOfPowerNothingDurable(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	died := 0
	for steps := range 60 {
		for round := range rounds {
			c := small(t)
			require.NoError(t, reopen(t, c, 0).Close())
			d := &mortalDisk{steps: 1 << 20}
			j, err := open(c, d)
			require.NoError(t, err)
			d.steps = steps
			for n := uint64(1); n <= 50; n++ {
				if !j.Append(note(n), true) {
					break
				}
				if n%uint64(1+round%7) == 0 {
					j.turn()
				}
				if d.steps == 0 {
					died++
					break
				}
			}
			kept, durable := j.Last(), j.Durable()
			die(j)
			if round%2 == 0 {
				require.NoError(t, reopen(t, c, kept).Close())
			} else {
				d.losePower(t, rng)
				losePower(t, c.Folder)
				loseSlots(t, c, rng)
				j, err := Open(c)
				require.NoError(t, err, "steps %d, round %d", steps, round)
				require.GreaterOrEqual(t, j.Last(), durable)
				require.LessOrEqual(t, j.Last(), kept)
				requireNotes(t, j.Replay, j.Last())
				appendNotes(t, j, 60)
				die(j)
				require.NoError(t, reopen(t, c, 60).Close())
			}
			d.close()
			require.NoError(t, os.RemoveAll(c.Folder))
		}
	}
	require.Positive(t, died)
}

// loseSlots takes any sectors of the hot file back to what they were.
func loseSlots(t *testing.T, c Config, rng *rand.Rand) {
	f, err := os.OpenFile(filepath.Join(c.Folder, hotName), os.O_RDWR, 0)
	require.NoError(t, err)
	for at := int64(page); at < page+int64(c.HotRecords)*Size; at += sector {
		if rng.IntN(2) == 0 {
			_, err := f.WriteAt(make([]byte, sector), at)
			require.NoError(t, err)
		}
	}
	require.NoError(t, f.Close())
}
