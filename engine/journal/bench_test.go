package journal

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/engine/market"
)

// sending is what the hot path writes before an order leaves.
func sending() Record {
	return Record{
		Kind: Sending, ID: 9, At: market.Stamp{Mono: 7, Wall: 8, Market: 9},
		Call: Call{Kind: Place, Attempt: 1, Slot: 7, Price: 10005, Epoch: 3},
	}
}

// quiet is the time of one step in the best of many short rounds: what the code
// costs while nobody takes the processor away.
func quiet(b *testing.B, rounds int, round func() (steps int)) float64 {
	best := time.Duration(1 << 62)
	steps := 0
	for range rounds {
		begin := time.Now()
		steps = round()
		best = min(best, time.Since(begin))
	}
	return float64(best) / float64(steps)
}

func BenchmarkAppend(b *testing.B) {
	j, err := Open(Config{Folder: b.TempDir()})
	require.NoError(b, err)
	defer j.Close()
	r := sending()
	const steps = 1000
	var copies [steps][Size]byte
	form := [Size]byte{1}
	b.ReportAllocs()
	for b.Loop() {
		if !j.Append(&r, true) {
			b.StopTimer()
			require.NoError(b, j.Sync())
			b.StartTimer()
		}
	}
	b.StopTimer()
	b.ReportMetric(quiet(b, 300, func() int {
		if j.hard.Load()-j.sequence < steps {
			require.NoError(b, j.Sync())
		}
		for range steps {
			j.Append(&r, true)
		}
		return steps
	}), "best-ns")
	b.ReportMetric(quiet(b, 300, func() int {
		for i := range copies {
			copies[i] = form
		}
		return steps
	}), "copy-ns")
}

// BenchmarkAppendWhileSyncing appends at a busy engine's pace while groups go
// to disk, and measures every single append beside a plain copy of as many
// bytes. The way not taken, one mapped file that is synced itself, runs beside.
func BenchmarkAppendWhileSyncing(b *testing.B) {
	for _, pace := range []time.Duration{25 * time.Microsecond, 400 * time.Microsecond} {
		b.Run("hot-file/every="+pace.String(), func(b *testing.B) {
			j, err := Open(Config{Folder: b.TempDir()})
			require.NoError(b, err)
			ctx, stop := context.WithCancel(b.Context())
			var keeper sync.WaitGroup
			keeper.Go(func() { _ = j.Run(ctx) })
			r := sending()
			paced(b, pace, func() bool { return j.Append(&r, true) })
			stop()
			keeper.Wait()
			require.NoError(b, j.Health())
			require.NoError(b, j.Close())
		})
		b.Run("synced-mapping/every="+pace.String(), func(b *testing.B) {
			const records = 1 << 18
			path := filepath.Join(b.TempDir(), "segment")
			made, err := machine{}.prepare(path, records*Size)
			require.NoError(b, err)
			defer made.Close()
			memory, err := mapFile(made.(data).File, records*Size)
			require.NoError(b, err)
			ctx, stop := context.WithCancel(b.Context())
			var keeper sync.WaitGroup
			keeper.Go(func() {
				for ctx.Err() == nil {
					_ = made.Sync()
					time.Sleep(20 * time.Millisecond)
				}
			})
			r := sending()
			paced(b, pace, func() bool {
				r.Encode((*[Size]byte)(memory[r.Sequence%records*Size:]))
				r.Sequence++
				return true
			})
			stop()
			keeper.Wait()
			require.NoError(b, unix.Munmap(memory))
		})
	}
}

// paced calls keep again and again at a pace, and reports how long it took.
func paced(b *testing.B, pace time.Duration, keep func() bool) {
	copies, form := make([][Size]byte, 1<<14), [Size]byte{1}
	for i := range copies {
		copies[i] = form
	}
	var appends, floor []time.Duration
	for begin := time.Now(); b.Loop(); {
		for i := time.Duration(len(appends)); time.Since(begin) < i*pace; {
		}
		before := time.Now()
		kept := keep()
		between := time.Now()
		copies[len(floor)%len(copies)] = form
		after := time.Now()
		require.True(b, kept)
		appends, floor = append(appends, between.Sub(before)), append(floor, after.Sub(between))
	}
	b.StopTimer()
	tail(b, appends, "append")
	tail(b, floor, "copy")
}

func tail(b *testing.B, times []time.Duration, of string) {
	slices.Sort(times)
	for _, q := range []struct {
		name string
		part float64
	}{{"p50", .5}, {"p99", .99}, {"p99.9", .999}} {
		b.ReportMetric(float64(times[int(float64(len(times)-1)*q.part)]), of+"-"+q.name+"-ns")
	}
}

func BenchmarkOpenAndReplay(b *testing.B) {
	const records = 100_000
	folder := b.TempDir()
	fillFolder(b, Config{Folder: folder}, records)
	b.ReportAllocs()
	best := time.Duration(1 << 62)
	for b.Loop() {
		begin := time.Now()
		j, err := Open(Config{Folder: folder})
		require.NoError(b, err)
		n := 0
		require.NoError(b, j.Replay(func(*Record) error { n++; return nil }))
		best = min(best, time.Since(begin))
		require.Equal(b, records, n)
		b.StopTimer()
		require.NoError(b, j.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(best)/1e6, "best-ms")
}

// fillFolder makes a journal of n records of every kind and closes it.
func fillFolder(t testing.TB, c Config, n int) {
	j, err := Open(c)
	require.NoError(t, err)
	list := samples(t)
	for i := range n {
		r := &list[i%len(list)]
		if !j.Append(r, true) {
			require.NoError(t, j.Sync())
			require.True(t, j.Append(r, true))
		}
	}
	require.NoError(t, j.Close())
}
