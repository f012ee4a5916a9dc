package journal

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// appenderFolder, set in the environment, turns this test binary into the
// process that is killed.
const appenderFolder = "VAYU_JOURNAL_APPENDER"

// TestMain is also the process that appends until it is killed.
func TestMain(m *testing.M) {
	if folder := os.Getenv(appenderFolder); folder != "" {
		if err := appendForever(folder); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// appendForever says of each record that it is kept, after it was.
func appendForever(folder string) error {
	j, err := Open(crashConfig(folder))
	if err != nil {
		return err
	}
	keeper := make(chan error, 1)
	go func() { keeper <- j.Run(context.Background()) }()
	line := make([]byte, 0, 32)
	for n := j.Last() + 1; ; n++ {
		r := note(n)
		for !j.Append(r, true) {
			time.Sleep(time.Millisecond)
		}
		line = append(strconv.AppendUint(line[:0], n, 10), '\n')
		if _, err := os.Stdout.Write(line); err != nil {
			return err
		}
	}
}

func crashConfig(folder string) Config {
	return Config{Folder: folder, SegmentRecords: 1000, HotRecords: 512, Reserve: 16, SyncEvery: time.Millisecond}
}

func TestP1_EveryRecordThatAppendKeptSurvivesSIGKILL(t *testing.T) {
	kills := 30
	if testing.Short() {
		kills = 5
	}
	folder := t.TempDir() // a real disk, where there is one
	for kill := range kills {
		appender := exec.CommandContext(t.Context(), os.Args[0])
		appender.Env = append(os.Environ(), appenderFolder+"="+folder)
		said, err := appender.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, appender.Start())
		last := uint64(0)
		after := 20 + kill*37%400 // records of this run
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			n, err := strconv.ParseUint(lines.Text(), 10, 64)
			require.NoError(t, err, lines.Text())
			last = n
			if after--; after == 0 {
				require.NoError(t, appender.Process.Kill())
			}
		}
		require.Error(t, appender.Wait())
		require.Positive(t, last)

		j, err := Open(crashConfig(folder))
		require.NoError(t, err)
		require.GreaterOrEqual(t, j.Last(), last)
		requireNotes(t, j.Replay, j.Last())
		require.NoError(t, j.Close())
	}
}

// Append, Run, readers in and out of the process, Health: all at once.
func TestReadersMayLookWhileAnEngineWrites(t *testing.T) {
	c := Config{Folder: t.TempDir(), SegmentRecords: 500, HotRecords: 256, Reserve: 16, SyncEvery: time.Millisecond}
	j, err := Open(c)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var parts sync.WaitGroup
	var looks atomic.Int64
	parts.Go(func() { require.NoError(t, j.Run(ctx)) })
	parts.Go(func() {
		for n := uint64(1); ctx.Err() == nil; n++ {
			r := note(n)
			for !j.Append(r, true) && ctx.Err() == nil {
				time.Sleep(100 * time.Microsecond)
			}
			if n%64 == 0 {
				time.Sleep(50 * time.Microsecond)
			}
		}
	})
	parts.Go(func() {
		for ctx.Err() == nil {
			known := j.Last()
			n := uint64(0)
			require.NoError(t, Read(c.Folder, func(r *Record) error {
				n++
				require.Equal(t, n, r.Sequence)
				require.Equal(t, strconv.FormatUint(n, 10), r.Text)
				return nil
			}))
			require.GreaterOrEqual(t, n, known)
			report, err := Check(c.Folder)
			require.NoError(t, err)
			require.GreaterOrEqual(t, report.Last, n)
			_ = j.Health()
			looks.Add(1)
		}
	})
	for begin := time.Now(); looks.Load() < 20 && time.Since(begin) < 20*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	parts.Wait()
	last := j.Last()
	require.NoError(t, j.Close())
	require.Positive(t, looks.Load())
	j, err = Open(c)
	require.NoError(t, err)
	require.GreaterOrEqual(t, j.Last(), last)
	require.NoError(t, j.Close())
}

// FuzzOpen changes bytes of a good folder: it must open with the records in
// order, or say that it is damaged; a record that others follow is never
// dropped.
func FuzzOpen(f *testing.F) {
	good := f.TempDir()
	c := Config{Folder: good, SegmentRecords: 16, HotRecords: 32, Reserve: 4}
	j, err := Open(c)
	require.NoError(f, err)
	appendNotes(f, j, 20)
	require.NoError(f, j.Sync())
	appendNotes(f, j, 30)
	die(j)
	names := []string{hotName, "00000001" + segmentEnd, "00000002" + segmentEnd}
	f.Add(uint8(0), uint32(page+3*Size), []byte{1}, uint16(0))
	f.Add(uint8(1), uint32(page+16*Size-1), []byte("garbage"), uint16(1))
	f.Add(uint8(2), uint32(page), make([]byte, 100), uint16(700))
	f.Add(uint8(2), uint32(12), []byte{0xFF, 0xFF, 0xFF, 0xFF}, uint16(0))
	f.Fuzz(func(t *testing.T, which uint8, at uint32, p []byte, cut uint16) {
		c := c
		c.Folder = memory(t)
		require.NoError(t, os.CopyFS(c.Folder, os.DirFS(good)))
		path := filepath.Join(c.Folder, names[int(which)%len(names)])
		overwrite(t, path, int64(at%(page+33*Size)), p[:min(len(p), 4*Size)])
		if cut > 0 {
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(path, max(info.Size()-int64(cut), 0)))
		}

		report, checked := Check(c.Folder)
		j, err := Open(c)
		require.Equal(t, checked == nil, err == nil, "%v, %v", checked, err)
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		require.Equal(t, report.Last, j.Last())
		if j.Last() != 30 {
			require.EqualValues(t, 29, j.Last(), "only the last can be taken for torn")
		}
		requireNotes(t, j.Replay, j.Last())
		require.NoError(t, j.Close())
		require.NoError(t, reopen(t, c, j.Last()).Close())
	})
}

func TestDumpOfEveryKindReadsAsALine(t *testing.T) {
	for _, r := range samples(t) {
		line := r.String()
		require.NotContains(t, line, "\n")
		require.Contains(t, line, "#41 ")
		require.Contains(t, line, r.Kind.String())
	}
	require.False(t, strings.Contains((&Record{Kind: Noted, Text: "a\nb"}).String(), "\n"))
}
