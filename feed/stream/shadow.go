package stream

import (
	"bytes"
	"hash/maphash"
	"slices"

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
// remembered therefore ends the suppression for that symbol, and a later event
// that repeats an earlier one byte for byte is not mistaken for it. It also
// holds when two nodes of the venue interleave different symbols differently.
//
// Owned by the stream's goroutine.
type shadow struct {
	seed      maphash.Seed
	recording bool
	tracks    map[uint64]*track // by hash of what an event is about
	open      int               // tracks that still suppress
	until     market.Mono       // when suppression ends at the latest
}

type track struct {
	hashes []uint64
	next   int // the first that the new connection has not repeated yet
	passed bool
}

func newShadow() *shadow {
	return &shadow{seed: maphash.MakeSeed(), recording: true, tracks: make(map[uint64]*track)}
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

// remember notes an event of the old connection.
func (s *shadow) remember(payload []byte) {
	key := maphash.Bytes(s.seed, about(payload))
	t := s.tracks[key]
	if t == nil {
		t = new(track)
		s.tracks[key] = t
		s.open++
	}
	t.hashes = append(t.hashes, maphash.Bytes(s.seed, payload))
}

// remembers tells whether the old connection delivered an event like this.
func (s *shadow) remembers(payload []byte) bool {
	t := s.tracks[maphash.Bytes(s.seed, about(payload))]
	return t != nil && slices.Contains(t.hashes, maphash.Bytes(s.seed, payload))
}

// suppresses tells whether an event of the new connection has been delivered
// already.
func (s *shadow) suppresses(payload []byte) bool {
	t := s.tracks[maphash.Bytes(s.seed, about(payload))]
	if t == nil || t.passed {
		return false
	}
	hash := maphash.Bytes(s.seed, payload)
	for i := t.next; i < len(t.hashes); i++ {
		if t.hashes[i] == hash {
			if t.next = i + 1; t.next == len(t.hashes) {
				t.pass(s)
			}
			return true
		}
	}
	t.pass(s)
	return false
}

func (t *track) pass(s *shadow) {
	t.passed = true
	s.open--
}

// over tells whether nothing more needs to be suppressed.
func (s *shadow) over(now market.Mono) bool {
	return !s.recording && (s.open == 0 || now > s.until)
}
