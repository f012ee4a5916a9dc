package journal

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// writer fills a record's bytes, little-endian, from front to back.
type writer struct{ at []byte }

func (w *writer) skip(n int) { w.at = w.at[n:] }

func (w *writer) u8(v uint8) { w.at[0] = v; w.skip(1) }

func (w *writer) u16(v uint16) { binary.LittleEndian.PutUint16(w.at, v); w.skip(2) }

func (w *writer) u32(v uint32) { binary.LittleEndian.PutUint32(w.at, v); w.skip(4) }

func (w *writer) u64(v uint64) { binary.LittleEndian.PutUint64(w.at, v); w.skip(8) }

func (w *writer) flags(set ...bool) {
	var v uint8
	for i, on := range set {
		if on {
			v |= 1 << i
		}
	}
	w.u8(v)
}

// text writes a length and at most room bytes.
func (w *writer) text(s string, room int) {
	n := min(len(s), room)
	w.u8(uint8(n))
	copy(w.at, s[:n])
	w.skip(room)
}

// age writes how long before now an instant was.
func (w *writer) age(now, then market.Mono) {
	v := uint32(math.MaxUint32) // not known
	if then != 0 && now >= then {
		v = uint32(min(int64(now-then), math.MaxUint32-1))
	}
	w.u32(v)
}

func (w *writer) millis(d time.Duration) {
	w.u32(uint32(min(max(d.Milliseconds(), 0), math.MaxUint32)))
}

func (w *writer) key(k *market.ContractKey) {
	w.text(k.Exchange, 6)
	w.text(k.Underlying, 16)
	w.u8(uint8(k.Kind)<<4 | uint8(k.Right))
	w.u32(uint32(k.Expiry))
	w.u32(uint32(k.Strike))
}

func (w *writer) venue(id *order.VenueID) {
	text := id.Append(w.at[1:1])
	w.at[0] = uint8(len(text))
	w.skip(24)
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
