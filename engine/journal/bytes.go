package journal

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// The put functions write little-endian; with a constant place they are one
// store each.
func put16(dst *[Size]byte, at int, v uint16) { binary.LittleEndian.PutUint16(dst[at:], v) }

func put32(dst *[Size]byte, at int, v uint32) { binary.LittleEndian.PutUint32(dst[at:], v) }

func put64(dst *[Size]byte, at int, v uint64) { binary.LittleEndian.PutUint64(dst[at:], v) }

// putText writes a length and as much of the text as fits.
func putText(dst []byte, s string) {
	if s != "" {
		dst[0] = uint8(copy(dst[1:], s))
	}
}

// putKey writes a contract in the first 33 bytes of the body.
func putKey(dst *[Size]byte, k *market.ContractKey) {
	putText(dst[bodyAt:bodyAt+7], k.Exchange)
	putText(dst[bodyAt+7:bodyAt+24], k.Underlying)
	dst[bodyAt+24] = uint8(k.Kind)<<4 | uint8(k.Right)
	put32(dst, bodyAt+25, uint32(k.Expiry))
	put32(dst, bodyAt+29, uint32(k.Strike))
}

func flags(a, b, c bool) (v uint8) {
	if a {
		v = 1
	}
	if b {
		v |= 2
	}
	if c {
		v |= 4
	}
	return v
}

// age is how long before now an instant was.
func age(now, then market.Mono) uint32 {
	if then == 0 || now < then {
		return math.MaxUint32 // not known
	}
	return uint32(min(int64(now-then), math.MaxUint32-1))
}

func millis(d time.Duration) uint32 {
	if d == 0 {
		return 0 // as most are: a division saved
	}
	return uint32(min(max(d.Milliseconds(), 0), math.MaxUint32))
}

// seenMost bounds how many texts a reader keeps.
const seenMost = 4096

// reader takes a record's bytes apart again.
type reader struct {
	at   []byte
	seen map[string]string
}

func (r *reader) skip(n int) { r.at = r.at[n:] }

func (r *reader) u8() uint8 { v := r.at[0]; r.skip(1); return v }

func (r *reader) u16() uint16 { v := binary.LittleEndian.Uint16(r.at); r.skip(2); return v }

func (r *reader) u32() uint32 { v := binary.LittleEndian.Uint32(r.at); r.skip(4); return v }

func (r *reader) u64() uint64 { v := binary.LittleEndian.Uint64(r.at); r.skip(8); return v }

func (r *reader) flags(into ...*bool) {
	v := r.u8()
	for i, on := range into {
		*on = v&(1<<i) != 0
	}
}

func (r *reader) text(room int) string {
	n := min(int(r.u8()), room)
	text := r.at[:n]
	r.skip(room)
	if s, ok := r.seen[string(text)]; ok || n == 0 {
		return s
	}
	s := string(text)
	if r.seen != nil && len(r.seen) < seenMost {
		r.seen[s] = s
	}
	return s
}

func (r *reader) age(now market.Mono) market.Mono {
	v := r.u32()
	if v == math.MaxUint32 {
		return 0
	}
	return now - market.Mono(v)
}

func (r *reader) millis() time.Duration { return time.Duration(r.u32()) * time.Millisecond }

func (r *reader) key(k *market.ContractKey) {
	k.Exchange, k.Underlying = r.text(6), r.text(16)
	packed := r.u8()
	k.Kind, k.Right = market.Kind(packed>>4), market.Right(packed&15)
	k.Expiry, k.Strike = market.Date(r.u32()), market.Paise(r.u32())
}

func (r *reader) venue(id *order.VenueID) error {
	n := int(r.at[0])
	if n > 23 {
		return fmt.Errorf("%w: a venue order id of %d bytes", ErrRecord, n)
	}
	if n > 0 {
		parsed, err := order.ParseVenueID(r.at[1 : 1+n])
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
		*id = parsed
	}
	r.skip(24)
	return nil
}
