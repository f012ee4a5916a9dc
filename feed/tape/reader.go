package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"

	"github.com/klauspost/compress/zstd"

	"github.com/vayu-trading/vayu/engine/market"
)

// ErrNotTape marks bytes that are not a tape, or of which not even the header
// was written whole.
var ErrNotTape = errors.New("tape: not a tape")

// Reader reads a tape. One goroutine owns it; give each its own.
type Reader struct {
	in     io.ReaderAt
	size   int64
	file   *os.File // closed by Close; nil when the caller gave the bytes
	header Header
	blocks []block // the frames' blocks in order of time; blocks[i] is block i+1 of the file
	torn   int64   // bytes behind the last good block

	unpack *zstd.Decoder
	packed []byte // scratch
	raw    []byte // the body of the block being read
	next   int    // the block to load when rest is empty
	rest   []byte // of raw, the frames not yet read
	at     market.UnixNano
	err    error // sticky until Rewind or Seek
}

// Open opens a tape file. Its torn tail, if any, is cut (see Torn).
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("tape: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tape: %w", err), f.Close())
	}
	r, err := NewReader(f, info.Size())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w (%s)", err, path), f.Close())
	}
	r.file = f
	return r, nil
}

// NewReader reads the tape that is the first size bytes of in, which stays the
// caller's. The heads of all blocks are checked here, bodies when they are
// read.
func NewReader(in io.ReaderAt, size int64) (*Reader, error) {
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(blockLimit), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("tape: %w", err)
	}
	r := &Reader{in: in, size: size, unpack: unpack}
	if err := r.index(); err != nil {
		unpack.Close()
		return nil, err
	}
	return r, nil
}

// Header says what the tape is. Its Instruments must not be written.
func (r *Reader) Header() Header { return r.header }

// Span is the time of the first and of the last frame; zeros when there is
// none.
func (r *Reader) Span() (first, last market.UnixNano) {
	if len(r.blocks) == 0 {
		return 0, 0
	}
	return r.blocks[0].first, r.blocks[len(r.blocks)-1].last
}

// Torn is how many bytes behind the last good block were left out because the
// writer died before it finished them. Zero for a tape that was closed.
func (r *Reader) Torn() int64 { return r.torn }

// Next reads the next frame into f and is false at the end. The payload stays
// valid until the next call of Next, Seek or Rewind. A damaged block is a
// *DamageError, and Next keeps returning it until Rewind or Seek.
func (r *Reader) Next(f *Frame) (bool, error) {
	if r.err != nil {
		return false, r.err
	}
	for len(r.rest) == 0 {
		if r.next == len(r.blocks) {
			return false, nil
		}
		if r.err = r.load(r.next); r.err != nil {
			return false, r.err
		}
		r.next++
	}
	var ok bool
	if r.rest, ok = r.cut(f); !ok {
		r.err = r.damage(r.next, r.blocks[r.next-1].offset, "its frames do not fit its body")
		return false, r.err
	}
	return true, nil
}

// Rewind goes back to the first frame.
func (r *Reader) Rewind() error {
	r.next, r.rest, r.err = 0, nil, nil
	return nil
}

// Seek makes the next frame the first one that is not older than at.
func (r *Reader) Seek(at market.UnixNano) error {
	r.next = sort.Search(len(r.blocks), func(i int) bool { return r.blocks[i].last >= at })
	r.rest, r.err = nil, nil
	if r.next == len(r.blocks) {
		return nil
	}
	if r.err = r.load(r.next); r.err != nil {
		return r.err
	}
	r.next++
	for len(r.rest) > 0 {
		var f Frame
		before, time := r.rest, r.at
		rest, ok := r.cut(&f)
		if !ok {
			r.err = r.damage(r.next, r.blocks[r.next-1].offset, "its frames do not fit its body")
			return r.err
		}
		if f.At >= at {
			r.rest, r.at = before, time
			break
		}
		r.rest = rest
	}
	return nil
}

// Close frees the reader, and the file that Open opened.
func (r *Reader) Close() error {
	r.unpack.Close()
	r.blocks, r.rest = nil, nil
	if r.file != nil {
		return r.file.Close()
	}
	return nil
}

// cut takes the first frame off r.rest and returns what remains.
func (r *Reader) cut(f *Frame) (rest []byte, ok bool) {
	gap, n := binary.Uvarint(r.rest)
	if n <= 0 || len(r.rest) <= n {
		return nil, false
	}
	src, rest := Source(r.rest[n]), r.rest[n+1:]
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) || src == NoSource || src > Synthetic {
		return nil, false
	}
	at := r.at + market.UnixNano(gap)
	if at < r.at || at > r.blocks[r.next-1].last {
		return nil, false
	}
	r.at = at
	*f = Frame{At: at, Source: src, Payload: rest[n : n+int(size) : n+int(size)]}
	return rest[n+int(size):], true
}

// index walks the heads of all blocks, reads the header, and finds where the
// good part of the file ends.
func (r *Reader) index() error {
	head := make([]byte, max(headSize, len(magic)))
	if r.size < int64(len(magic)) || r.readAt(head[:len(magic)], 0) != nil || string(head[:len(magic)]) != magic {
		return fmt.Errorf("%w: it does not begin with %q", ErrNotTape, magic)
	}
	end := int64(len(magic)) // of the good part
	var first block
	for number := 0; end < r.size; number++ {
		b := block{offset: end}
		whole := r.size-end >= headSize
		if whole {
			if err := r.readAt(head[:headSize], end); err != nil {
				return err
			}
		}
		if !whole || !b.parse(head[:headSize]) || b.end() > r.size {
			if at, found := r.blockAfter(end + 1); found {
				return r.damage(number, end, fmt.Sprintf("its head is not readable, yet another block begins at byte %d", at))
			}
			break
		}
		switch {
		case (number == 0) != (b.kind == kindHeader):
			return r.damage(number, end, "a header where frames should be, or the reverse")
		case number == 0:
			first = b
		case len(r.blocks) > 0 && b.first < r.blocks[len(r.blocks)-1].last:
			return r.damage(number, end, "it begins before the block before it ends")
		default:
			r.blocks = append(r.blocks, b)
		}
		end = b.end()
	}
	if first.offset == 0 {
		return fmt.Errorf("%w: its header was never written whole", ErrNotTape)
	}
	if err := r.unpackBlock(&first, 0); err != nil {
		return err
	}
	if err := r.header.decode(r.raw); err != nil {
		return r.damage(0, first.offset, "header: "+err.Error())
	}
	// A machine that lost power may have kept the length of the last block but
	// not its bytes: that too is a torn tail.
	if n := len(r.blocks); n > 0 && r.unpackBlock(&r.blocks[n-1], n) != nil {
		end = r.blocks[n-1].offset
		r.blocks = r.blocks[:n-1]
	}
	r.torn = r.size - end
	return nil
}

// blockAfter looks for a block that begins at or after the offset and lies
// whole within the file.
func (r *Reader) blockAfter(offset int64) (int64, bool) {
	const window = 1 << 16
	buf := make([]byte, window+headSize)
	for ; offset+headSize <= r.size; offset += window {
		part := buf[:min(int64(len(buf)), r.size-offset)]
		if r.readAt(part, offset) != nil {
			return 0, false
		}
		for i := 0; i < window && i+headSize <= len(part); i++ {
			var b block
			if part[i] == blockMagic[0] && b.parse(part[i:]) {
				b.offset = offset + int64(i)
				if b.end() <= r.size {
					return b.offset, true
				}
			}
		}
	}
	return 0, false
}

// load unpacks the body of blocks[i] and stands before its first frame.
func (r *Reader) load(i int) error {
	if err := r.unpackBlock(&r.blocks[i], i+1); err != nil {
		return err
	}
	r.rest, r.at = r.raw, r.blocks[i].first
	return nil
}

// unpackBlock reads a body, checks its sum and unpacks it into r.raw.
func (r *Reader) unpackBlock(b *block, number int) error {
	if cap(r.packed) < b.packed {
		r.packed = make([]byte, b.packed)
	}
	r.packed = r.packed[:b.packed]
	if err := r.readAt(r.packed, b.offset+headSize); err != nil {
		return err
	}
	if crc32.Checksum(r.packed, castagnoli) != b.sum {
		return r.damage(number, b.offset, "its checksum does not match")
	}
	if cap(r.raw) < b.raw {
		r.raw = make([]byte, 0, b.raw)
	}
	raw, err := r.unpack.DecodeAll(r.packed, r.raw[:0])
	if err != nil {
		return r.damage(number, b.offset, err.Error())
	}
	if r.raw = raw; len(raw) != b.raw {
		return r.damage(number, b.offset, fmt.Sprintf("it holds %d bytes where its head says %d", len(raw), b.raw))
	}
	return nil
}

func (r *Reader) readAt(dst []byte, offset int64) error {
	if n, err := r.in.ReadAt(dst, offset); n < len(dst) {
		return fmt.Errorf("tape: read %d bytes at %d: %w", len(dst), offset, err)
	}
	return nil
}

func (r *Reader) damage(number int, offset int64, reason string) error {
	return &DamageError{Block: number, Offset: offset, Reason: reason}
}
