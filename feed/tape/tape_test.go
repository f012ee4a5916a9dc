package tape_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/tape"
)

const day = market.Date(20260818)

func header() tape.Header {
	return tape.Header{
		Date: day, Title: "a day", Source: "a test", Licence: "none", Note: "made up",
		Instruments: []market.Instrument{
			{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50", LotSize: 1, TickSize: 1},
			{
				ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20260825, Strike: 2420000, Right: market.Call},
				Token:       "42501", LotSize: 65, TickSize: 5, BandLow: 5, BandHigh: 53915, Freeze: 1755,
			},
			{ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: 20260825}, Token: "58072", LotSize: 65, TickSize: 10},
		},
	}
}

// at is i tenths of a second after the open.
func at(i int) market.UnixNano {
	return day.At(9*time.Hour + 15*time.Minute).Add(time.Duration(i) * 100 * time.Millisecond)
}

func text(i int) []byte {
	return fmt.Appendf(nil, `42["stock",["4.1!%d",98,100.05,120,90,1.05,%d,650,100.1,1300,65]]`, i%97, i*i)
}

// written is a closed tape of n frames, flushed into a block every few.
func written(t testing.TB, n, flush int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := tape.NewWriter(&out, header())
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, w.Frame(at(i), tape.Source(1+i%3), text(i)))
		if flush > 0 && i%flush == flush-1 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

func reader(t testing.TB, file []byte) *tape.Reader {
	t.Helper()
	r, err := tape.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// requireFrames reads on from where r stands and wants exactly the frames from
// one to another.
func requireFrames(t *testing.T, r *tape.Reader, from, to int) {
	t.Helper()
	var f tape.Frame
	for i := from; i < to; i++ {
		more, err := r.Next(&f)
		require.NoError(t, err)
		require.True(t, more, "frame %d", i)
		require.Equal(t, tape.Frame{At: at(i), Source: tape.Source(1 + i%3), Payload: text(i)}, f)
	}
	more, err := r.Next(&f)
	require.NoError(t, err)
	require.False(t, more)
}

func TestATapeGivesBackWhatWasWritten(t *testing.T) {
	for _, flush := range []int{0, 1, 7, 1000} {
		r := reader(t, written(t, 1000, flush))

		require.Equal(t, header(), r.Header())
		require.Zero(t, r.Torn())
		first, last := r.Span()
		require.Equal(t, []market.UnixNano{at(0), at(999)}, []market.UnixNano{first, last})
		requireFrames(t, r, 0, 1000)
		require.NoError(t, r.Rewind())
		requireFrames(t, r, 0, 1000)
	}
}

func TestAFileIsMadeOnceAndNeverOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "day.tape")
	w, err := tape.Create(path, header())
	require.NoError(t, err)
	require.NoError(t, w.Frame(at(0), tape.Recorded, text(0)))
	require.Equal(t, at(0), w.Last())
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.Error(t, w.Frame(at(1), tape.Recorded, text(1)))

	_, err = tape.Create(path, header())
	require.ErrorIs(t, err, os.ErrExist)
	r, err := tape.Open(path)
	require.NoError(t, err)
	requireFrames(t, r, 0, 1)
	require.NoError(t, r.Close())
}

func TestATapeWithNoFrameIsWhole(t *testing.T) {
	r := reader(t, written(t, 0, 0))

	first, last := r.Span()
	require.Zero(t, first)
	require.Zero(t, last)
	requireFrames(t, r, 0, 0)
	require.NoError(t, r.Seek(at(5)))
	requireFrames(t, r, 0, 0)
}

func TestSeekStandsBeforeTheFirstFrameNotOlder(t *testing.T) {
	r := reader(t, written(t, 100, 9))

	for _, i := range []int{50, 0, 99, 8, 9, 10} {
		require.NoError(t, r.Seek(at(i)))
		requireFrames(t, r, i, 100)
		require.NoError(t, r.Seek(at(i)-1))
		requireFrames(t, r, i, 100)
	}
	require.NoError(t, r.Seek(at(0).Add(-time.Hour)))
	requireFrames(t, r, 0, 100)
	require.NoError(t, r.Seek(at(100)))
	requireFrames(t, r, 100, 100)
}

func TestSeekFindsTheFirstOfFramesWithOneTimeAcrossBlocks(t *testing.T) {
	var out bytes.Buffer
	w, err := tape.NewWriter(&out, header())
	require.NoError(t, err)
	for i := range 30 {
		require.NoError(t, w.Frame(at(i/10), tape.Recorded, text(i)))
		if i%7 == 6 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Close())
	r := reader(t, out.Bytes())

	require.NoError(t, r.Seek(at(1)))

	var f tape.Frame
	_, err = r.Next(&f)
	require.NoError(t, err)
	require.Equal(t, text(10), f.Payload)
}

func TestWriterRefusesWhatAReaderCouldNotTrust(t *testing.T) {
	w, err := tape.NewWriter(io.Discard, header())
	require.NoError(t, err)
	require.NoError(t, w.Frame(at(5), tape.Recorded, text(0)))

	require.ErrorIs(t, w.Frame(at(4), tape.Recorded, text(0)), tape.ErrOrder)
	require.ErrorContains(t, w.Frame(at(6), tape.NoSource, text(0)), "source 0")
	require.ErrorContains(t, w.Frame(at(6), 9, text(0)), "source 9")
	require.ErrorContains(t, w.Frame(at(6), tape.Recorded, make([]byte, 17<<20)), "bytes")
	require.NoError(t, w.Frame(at(5), tape.Recorded, text(0)), "an equal time is fine")

	_, err = tape.NewWriter(io.Discard, tape.Header{})
	require.ErrorContains(t, err, "no date")
	_, err = tape.NewWriter(io.Discard, tape.Header{Date: day, Instruments: []market.Instrument{{}}})
	require.ErrorContains(t, err, "no token or kind")
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		return d.room, errors.New("no space left")
	}
	d.room -= len(p)
	return len(p), nil
}

func TestAShortWriteStopsTheWriterForGood(t *testing.T) {
	w, err := tape.NewWriter(&fullDisk{room: 600}, header())
	require.NoError(t, err)
	require.NoError(t, w.Frame(at(0), tape.Recorded, bytes.Repeat(text(1), 1)))
	for i := range 200 {
		require.NoError(t, w.Frame(at(1+i), tape.Recorded, text(i*7919)))
	}
	require.ErrorContains(t, w.Flush(), "no space left")
	require.ErrorContains(t, w.Frame(at(900), tape.Recorded, text(1)), "no space left")
	require.ErrorContains(t, w.Close(), "no space left")
}

func TestATornTailIsCutAtTheLastGoodBlockWhereverItIsTorn(t *testing.T) {
	whole := written(t, 12, 3)
	ends := blockEnds(t, whole)
	require.Len(t, ends, 5, "a header and four blocks")

	for size := ends[0]; size < len(whole); size++ {
		r := reader(t, whole[:size])

		good := 0
		for good+1 < len(ends) && ends[good+1] <= size {
			good++
		}
		require.Equal(t, int64(size-ends[good]), r.Torn())
		requireFrames(t, r, 0, 3*good)
		rep, err := tape.Verify(r)
		require.NoError(t, err)
		require.Equal(t, 3*good, rep.Frames)
	}
	for size := range ends[0] {
		_, err := tape.NewReader(bytes.NewReader(whole[:size]), int64(size))
		require.ErrorIs(t, err, tape.ErrNotTape)
	}
}

func TestATailOfZerosAfterPowerLossIsTorn(t *testing.T) {
	whole := written(t, 12, 3)
	ends := blockEnds(t, whole)
	clear(whole[ends[3]+60:]) // the last head stands, its body is gone

	r := reader(t, append(whole, make([]byte, 5000)...))

	require.Equal(t, int64(len(whole)-ends[3]+5000), r.Torn())
	requireFrames(t, r, 0, 9)
}

func TestDamageBeforeGoodBlocksNamesTheBlockAndItsOffset(t *testing.T) {
	whole := written(t, 12, 3)
	ends := blockEnds(t, whole)

	t.Run("in a body", func(t *testing.T) {
		file := bytes.Clone(whole)
		file[ends[1]+60] ^= 0x20 // in the second block of frames
		r := reader(t, file)

		var f tape.Frame
		for range 3 {
			more, err := r.Next(&f)
			require.NoError(t, err)
			require.True(t, more)
		}
		_, err := r.Next(&f)
		damage := &tape.DamageError{}
		require.ErrorAs(t, err, &damage)
		require.Equal(t, 2, damage.Block)
		require.Equal(t, int64(ends[1]), damage.Offset)
		require.ErrorContains(t, err, "checksum")
		_, again := r.Next(&f)
		require.Equal(t, err, again)
		_, err = tape.Verify(r)
		require.ErrorAs(t, err, &damage)

		require.NoError(t, r.Seek(at(6)), "what lies behind can still be read")
		requireFrames(t, r, 6, 12)
	})
	t.Run("in a head", func(t *testing.T) {
		file := bytes.Clone(whole)
		file[ends[1]+9] ^= 1

		_, err := tape.NewReader(bytes.NewReader(file), int64(len(file)))

		damage := &tape.DamageError{}
		require.ErrorAs(t, err, &damage)
		require.Equal(t, 2, damage.Block)
		require.Equal(t, int64(ends[1]), damage.Offset)
	})
	t.Run("in the header", func(t *testing.T) {
		file := bytes.Clone(whole)
		file[80] ^= 1

		_, err := tape.NewReader(bytes.NewReader(file), int64(len(file)))

		require.ErrorContains(t, err, "block 0 at byte 8")
	})
	t.Run("a block is repeated out of order", func(t *testing.T) {
		file := append(bytes.Clone(whole), whole[ends[0]:ends[1]]...)

		_, err := tape.NewReader(bytes.NewReader(file), int64(len(file)))

		require.ErrorContains(t, err, "begins before")
	})
	t.Run("something else", func(t *testing.T) {
		_, err := tape.NewReader(bytes.NewReader([]byte("PK\x03\x04 and so on")), 16)
		require.ErrorIs(t, err, tape.ErrNotTape)
	})
}

func TestVerifyCountsFramesAndSources(t *testing.T) {
	file := written(t, 100, 9)
	r := reader(t, file)

	rep, err := tape.Verify(r)

	require.NoError(t, err)
	payload := 0
	for i := range 100 {
		payload += len(text(i))
	}
	require.Equal(t, tape.Report{
		Blocks: 12, Frames: 100, Recorded: 34, Modelled: 33, Synthetic: 33, Stock: 100,
		Payload: int64(payload), File: int64(len(file)), Instruments: 3, First: at(0), Last: at(99),
	}, rep)
	requireFrames(t, r, 0, 100)
}

func TestReadingDoesNotAllocatePerFrame(t *testing.T) {
	r := reader(t, written(t, 20_000, 5_000))
	var f tape.Frame
	pass := func() {
		_ = r.Rewind()
		for {
			more, err := r.Next(&f)
			if err != nil || !more {
				return
			}
		}
	}
	pass()

	require.Less(t, testing.AllocsPerRun(5, pass), 20.0, "20,000 frames")
}

func TestWritingDoesNotAllocatePerFrame(t *testing.T) {
	w, err := tape.NewWriter(io.Discard, header())
	require.NoError(t, err)
	payload, i := text(1), 0
	for range 40_000 {
		require.NoError(t, w.Frame(at(i), tape.Recorded, payload))
	}

	require.Zero(t, testing.AllocsPerRun(1000, func() {
		i++
		_ = w.Frame(at(i), tape.Recorded, payload)
	}))
}

// blockEnds finds where each block of a tape ends by opening its beginnings.
func blockEnds(t *testing.T, file []byte) []int {
	t.Helper()
	var ends []int
	for size := range len(file) + 1 {
		if r, err := tape.NewReader(bytes.NewReader(file[:size]), int64(size)); err == nil {
			if r.Torn() == 0 {
				ends = append(ends, size)
			}
			require.NoError(t, r.Close())
		}
	}
	return ends
}

func FuzzReaderNeverPanicsAndNeverGoesBackInTime(f *testing.F) {
	whole := written(f, 12, 3)
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add(append(bytes.Clone(whole[:300]), whole...))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := tape.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		defer r.Close()
		read, last := 0, market.UnixNano(-1<<63)
		var frame tape.Frame
		for {
			more, err := r.Next(&frame)
			if err != nil {
				_, err = tape.Verify(r)
				require.Error(t, err)
				return
			}
			if !more {
				break
			}
			require.GreaterOrEqual(t, frame.At, last)
			last = frame.At
			read++
		}
		if rep, err := tape.Verify(r); err == nil {
			require.Equal(t, read, rep.Frames)
		}
	})
}
