package tape

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/vayu-trading/vayu/engine/market"
)

const (
	magic      = "VAYUTAP1"
	blockMagic = "VTBK"
	headSize   = 48

	kindHeader = 1
	kindFrames = 2

	// blockTarget is the unpacked size at which the writer ends a block: large
	// enough that repeated texts pack well, small enough that a seek unpacks
	// little and a crash loses little.
	blockTarget = 1 << 20

	// blockLimit bounds what a reader believes of a block's head, so that a
	// hostile file cannot ask for memory.
	blockLimit = 32 << 20
)

// maxPayload bounds one frame. The venue states 1 MB as its largest message.
const maxPayload = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// block is the head of one block, and where it stands.
type block struct {
	offset      int64 // of the head
	kind        uint32
	packed, raw int // body sizes
	frames      int
	sum         uint32 // of the packed body
	first, last market.UnixNano
}

// end is the offset just behind the block.
func (b *block) end() int64 { return b.offset + headSize + int64(b.packed) }

func (b *block) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, blockMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, b.kind)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.packed))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.raw))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(b.frames))
	dst = binary.LittleEndian.AppendUint32(dst, b.sum)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.first))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.last))
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// parse reads a head. It is false for bytes that are not one.
func (b *block) parse(head []byte) bool {
	if len(head) < headSize || string(head[:4]) != blockMagic {
		return false
	}
	if crc32.Checksum(head[:headSize-4], castagnoli) != binary.LittleEndian.Uint32(head[headSize-4:]) {
		return false
	}
	b.kind = binary.LittleEndian.Uint32(head[4:])
	packed, raw := binary.LittleEndian.Uint32(head[8:]), binary.LittleEndian.Uint32(head[12:])
	frames := binary.LittleEndian.Uint32(head[16:])
	b.sum = binary.LittleEndian.Uint32(head[20:])
	b.first = market.UnixNano(binary.LittleEndian.Uint64(head[24:]))
	b.last = market.UnixNano(binary.LittleEndian.Uint64(head[32:]))
	if packed > blockLimit || raw > blockLimit || frames > blockLimit || b.first > b.last {
		return false
	}
	b.packed, b.raw, b.frames = int(packed), int(raw), int(frames)
	return b.kind == kindHeader || b.kind == kindFrames
}
