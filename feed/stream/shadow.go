package stream

import (
	"bytes"
	"hash/maphash"

	"github.com/vayu-trading/vayu/engine/market"
)

// shadow tells, at a renewal, which events of the new connection have already
// been delivered by the old one.
//
// While both connections are joined it remembers a hash of each event that the
// old one delivers, in order, by what the event is about (its symbol). The
// venue sends each symbol's events to both connections in the same order, so
// the new connection's events of a symbol are first some that are remembered, in
// that order, and then only new ones. A symbol's first event that is not
// remembered therefore ends the suppression for that symbol. It also holds when
// two nodes of the venue interleave different symbols differently.
//
// A venue may greet a join with each symbol's latest event. That one is either
// remembered, or the last that was delivered before the remembering began; the
// latter are known too, and suppressed when they open a symbol's events.
//
// Owned by the stream's goroutine.
type shadow struct {
	seed      maphash.Seed
	recording bool
	before    map[uint64]struct{} // each instrument's last event when recording began
	tracks    map[uint64]*track   // by hash of what an event is about
	until     market.Mono         // when suppression ends
}

type track struct {
	hashes []uint64
	next   int // the first that the new connection has not repeated yet
	heard  bool
	passed bool
}

// newShadow starts to remember; last are the hashes of the last events, zero
// for none.
func newShadow(seed maphash.Seed, last []uint64) *shadow {
	s := &shadow{seed: seed, recording: true, before: make(map[uint64]struct{}), tracks: make(map[uint64]*track)}
	for _, hash := range last {
		if hash != 0 {
			s.before[hash] = struct{}{}
		}
	}
	return s
}

// about is the part of an event's text that says what it is about: its name and,
// of an array, the first string.
func about(payload []byte) []byte {
	const head = `42["`
	if len(payload) < len(head) {
		return payload
	}
	end := len(head) + bytes.IndexByte(payload[len(head):], '"') + 1
	if rest := payload[end:]; bytes.HasPrefix(rest, arrayHead) {
		if n := bytes.IndexByte(rest[len(arrayHead):], '"'); n >= 0 {
			return payload[:end+len(arrayHead)+n]
		}
	}
	return payload[:end]
}

var (
	arrayHead = []byte(`,["`)
	eventHead = []byte(`42`)
)

func (s *shadow) track(payload []byte) *track {
	key := maphash.Bytes(s.seed, about(payload))
	t := s.tracks[key]
	if t == nil {
		t = new(track)
		s.tracks[key] = t
	}
	return t
}

// remember notes an event of the old connection.
func (s *shadow) remember(payload []byte) {
	t := s.track(payload)
	t.hashes = append(t.hashes, maphash.Bytes(s.seed, payload))
}

// suppresses tells whether an event of the new connection has been delivered
// already.
func (s *shadow) suppresses(payload []byte) bool {
	t := s.track(payload)
	if t.passed {
		return false
	}
	first := !t.heard
	t.heard = true
	hash := maphash.Bytes(s.seed, payload)
	for i := t.next; i < len(t.hashes); i++ {
		if t.hashes[i] == hash {
			t.next = i + 1
			return true
		}
	}
	if _, greeting := s.before[hash]; first && greeting {
		return true
	}
	t.passed = true
	return false
}

// over tells whether nothing more needs to be suppressed.
func (s *shadow) over(now market.Mono) bool { return !s.recording && now > s.until }
