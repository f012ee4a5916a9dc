package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/vayu-trading/vayu/engine/market"
)

// ErrOrder is a frame that is older than the one before it.
var ErrOrder = errors.New("tape: a frame is older than the one before it")

var errClosed = errors.New("tape: the writer is closed")

// Writer writes a tape. One goroutine owns it.
type Writer struct {
	out    io.Writer
	file   *os.File // closed by Close; nil when the caller gave the writer
	pack   *zstd.Encoder
	raw    []byte // the open block's body
	packed []byte // scratch: a whole block as written
	block  block  // the open block's head
	last   market.UnixNano
	err    error // sticky: what follows a short write cannot be read
}

// Create makes a new tape file. A file that is already there is an error: a
// recording is never overwritten.
func Create(path string, h Header) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("tape: create: %w", err)
	}
	w, err := NewWriter(f, h)
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	w.file = f
	return w, nil
}

// NewWriter begins a tape on out, which stays the caller's.
func NewWriter(out io.Writer, h Header) (*Writer, error) {
	body, err := h.encode()
	if err != nil {
		return nil, err
	}
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithEncoderCRC(false), zstd.WithWindowSize(blockTarget))
	if err != nil {
		return nil, fmt.Errorf("tape: %w", err)
	}
	w := &Writer{out: out, pack: pack, raw: body, packed: []byte(magic), block: block{kind: kindHeader}}
	if err := w.writeBlock(); err != nil {
		return nil, err
	}
	return w, nil
}

// Frame adds one message: payload is its text as the stream sent it, of which
// a copy is kept. Times must not fall; a frame older than the one before is
// ErrOrder and is not written.
func (w *Writer) Frame(at market.UnixNano, src Source, payload []byte) error {
	switch {
	case w.err != nil:
		return w.err
	case src == NoSource || src > Synthetic:
		return fmt.Errorf("tape: a frame at %s has source %d", at, src)
	case len(payload) > maxPayload:
		return fmt.Errorf("tape: a frame at %s has %d bytes, more than %d", at, len(payload), maxPayload)
	case at < w.last:
		return fmt.Errorf("%w: %s after %s", ErrOrder, at, w.last)
	}
	if w.block.frames == 0 {
		w.block.first = at
		w.last = at
	}
	w.raw = binary.AppendUvarint(w.raw, uint64(at-w.last))
	w.raw = append(w.raw, byte(src))
	w.raw = binary.AppendUvarint(w.raw, uint64(len(payload)))
	w.raw = append(w.raw, payload...)
	w.block.frames++
	w.block.last, w.last = at, at
	if len(w.raw) >= blockTarget {
		return w.Flush()
	}
	return nil
}

// Last is the time of the newest frame; zero before the first.
func (w *Writer) Last() market.UnixNano { return w.last }

// Flush ends the open block, so that all frames so far survive the death of
// the process. Small blocks pack badly: a recorder flushes every few seconds,
// not every frame.
func (w *Writer) Flush() error {
	if w.err != nil || w.block.frames == 0 {
		return w.err
	}
	return w.writeBlock()
}

// Close flushes, and for a tape made by Create syncs and closes the file.
func (w *Writer) Close() error {
	if errors.Is(w.err, errClosed) {
		return nil
	}
	err := w.Flush()
	w.err = errClosed
	if w.file != nil {
		err = errors.Join(err, w.file.Sync(), w.file.Close())
	}
	return errors.Join(err, w.pack.Close())
}

// writeBlock writes what w.packed already holds (the magic, before the first
// block) and the open block with one write.
func (w *Writer) writeBlock() error {
	start := len(w.packed)
	w.packed = append(w.packed, make([]byte, headSize)...)
	w.packed = w.pack.EncodeAll(w.raw, w.packed)
	body := w.packed[start+headSize:]
	w.block.raw, w.block.packed = len(w.raw), len(body)
	w.block.sum = crc32.Checksum(body, castagnoli)
	w.block.append(w.packed[:start])
	if _, err := w.out.Write(w.packed); err != nil {
		w.err = fmt.Errorf("tape: write: %w", err)
		return w.err
	}
	w.raw, w.packed, w.block = w.raw[:0], w.packed[:0], block{kind: kindFrames}
	return nil
}
