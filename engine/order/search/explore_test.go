package search

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/vayu-trading/vayu/engine/order"
)

// key is a world in 24 bytes, the same for two worlds that differ by the names
// of their intents alone.
type key [3]uint64

// bit is a flag as a number.
func bit(f bool) uint64 {
	if f {
		return 1
	}
	return 0
}

// pack writes an intent.
func (x *intent) pack() uint64 {
	word := uint64(x.named) | uint64(x.state)<<3 | uint64(x.attempts)<<8 | uint64(x.absences)<<10 | uint64(x.sequence)<<12 |
		bit(x.filled)<<14 | bit(x.cancelWanted)<<15 | bit(x.ended)<<16 | bit(x.resent)<<17 | bit(x.fence)<<18 | bit(x.asked)<<19 |
		bit(x.unrecorded)<<20 | bit(x.timer)<<21 | bit(x.forgotten)<<22
	for k := range x.tries {
		a := &x.tries[k]
		word |= (uint64(a.request) | uint64(a.answer)<<2 | uint64(a.venue)<<5 | uint64(a.call)<<8 | bit(a.visible)<<10 | bit(a.old)<<11) << (23 + 12*k)
	}
	return word
}

// bitReader takes small numbers out of a word again.
type bitReader uint64

func (b *bitReader) take(width uint) uint8 {
	v := uint8(*b & (1<<width - 1))
	*b >>= width
	return v
}

func (b *bitReader) flag() bool { return b.take(1) == 1 }

func (x *intent) unpack(word uint64) {
	b := bitReader(word)
	x.named, x.state = b.take(3), order.State(b.take(5))
	x.attempts, x.absences, x.sequence = b.take(2), b.take(2), b.take(2)
	x.filled, x.cancelWanted, x.ended, x.resent, x.fence = b.flag(), b.flag(), b.flag(), b.flag(), b.flag()
	x.asked, x.unrecorded, x.timer, x.forgotten = b.flag(), b.flag(), b.flag(), b.flag()
	for k := range x.tries {
		a := &x.tries[k]
		a.request, a.answer, a.venue, a.call = b.take(2), b.take(3), b.take(3), b.take(2)
		a.visible, a.old = b.flag(), b.flag()
	}
}

// pack writes a world.
func (w *world) pack() key {
	shown := uint64(0)
	for i, status := range w.shown {
		shown |= uint64(status) << (3 * i)
	}
	return key{
		w.of[0].pack(), w.of[1].pack(),
		bit(w.fenced[0]) | bit(w.fenced[1])<<1 | shown<<2 | bit(w.alive)<<14 | uint64(w.crashes)<<15 | bit(w.renewed)<<17 |
			bit(w.dead)<<18 | bit(w.rejected)<<19 | bit(w.read)<<20 | bit(w.stale)<<21,
	}
}

// swapped is the same world with the intents' names exchanged.
func (k key) swapped() key {
	rename := func(word uint64) uint64 {
		if named := word & 7; named != 0 {
			word = word&^7 | (named-1+attempts)%(intents*attempts) + 1
		}
		return word
	}
	return key{rename(k[1]), rename(k[0]), k[2]&^0x3fff | k[2]>>1&1 | k[2]&1<<1 | k[2]>>8&0x3f<<2 | k[2]>>2&0x3f<<8}
}

// canonical is the lesser of a world's two names.
func (k key) canonical() key {
	if other := k.swapped(); slices.Compare(other[:], k[:]) < 0 {
		return other
	}
	return k
}

func (k key) world() (w world) {
	w.of[0].unpack(k[0])
	w.of[1].unpack(k[1])
	b := bitReader(k[2])
	w.fenced[0], w.fenced[1] = b.flag(), b.flag()
	for i := range w.shown {
		w.shown[i] = b.take(3)
	}
	w.alive, w.crashes = b.flag(), b.take(2)
	w.renewed, w.dead, w.rejected, w.read, w.stale = b.flag(), b.flag(), b.flag(), b.flag(), b.flag()
	return w
}

// hash spreads a key over 64 bits.
func (k key) hash() uint64 {
	const a, b, c = 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb
	h1, l1 := bits.Mul64(k[0]^a, k[1]^b)
	h2, l2 := bits.Mul64(h1^l1^k[2]^c, a)
	h3, l3 := bits.Mul64(h2^l2^k[0], b^k[1])
	return max(h3^l3, 1)
}

// visited is a set of hashes with open addressing, at most three quarters full.
type visited struct {
	cells []uint64
	n     int
}

func (s *visited) add(h uint64) bool {
	if 4*s.n >= 3*len(s.cells) {
		old := s.cells
		s.cells, s.n = make([]uint64, max(1<<12, 2*len(old))), 0
		for _, h := range old {
			if h != 0 {
				s.add(h)
			}
		}
	}
	for at := h; ; at++ {
		switch cell := &s.cells[at&uint64(len(s.cells)-1)]; *cell {
		case h:
			return false
		case 0:
			*cell = h
			s.n++
			return true
		}
	}
}

// result is what a search found.
type result struct {
	states, steps, quiescent int
	depth                    int
	widest                   int // states of one depth
	complete                 bool
	fault                    string
	trace                    []action
	pairs                    pairs
}

func (r result) String() string {
	if r.fault == "" {
		return fmt.Sprintf("%d states, %d steps, depth %d, %d quiescent: no fault", r.states, r.steps, r.depth, r.quiescent)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d steps away, after %d states:\n", r.fault, len(r.trace), r.states)
	for i, a := range r.trace {
		fmt.Fprintf(&b, "%4d. %v\n", i+1, a)
	}
	return b.String()
}

// origin is how a world was first reached.
type origin struct {
	from key
	by   action
}

// explore visits every world that can follow, nearest first, until one is
// wrong or there are most of them. To tell the way to a fault it must remember
// the way to every world; without, it takes eight bytes a world, and its
// canonical names.
func explore(r rules, most int, traced bool) result {
	g := game{rules: r}
	start := world{alive: true}
	var seen visited
	var from map[key]origin
	if traced {
		from = map[key]origin{}
	}
	found := result{states: 1}
	level, next := []key{start.pack()}, []key(nil)
	seen.add(level[0].hash())
	for len(level) > 0 && found.states < most {
		found.depth++
		found.widest = max(found.widest, len(level))
		for _, k := range level {
			w := k.world()
			moving := false
			for _, a := range actions {
				g.w, g.fault = w, ""
				if !g.step(a) {
					continue
				}
				fault := g.fault
				if fault == "" {
					fault = g.wrong()
				}
				if g.settle(); g.w == w && fault == "" {
					continue
				}
				found.steps++
				moving = moving || a.kind < lastFair
				name := g.w.pack()
				if !traced {
					name = name.canonical()
				}
				if fault != "" {
					found.fault, found.trace = fault, append(way(from, k), a)
					return found
				}
				if !seen.add(name.hash()) {
					continue
				}
				found.states++
				next = append(next, name)
				if traced {
					from[name] = origin{k, a}
				}
			}
			if !moving && w.alive && !w.read && !g.read(w) {
				found.quiescent++
				g.w = w
				if fault := g.unsettled(); fault != "" {
					found.fault, found.trace = fault, way(from, k)
					return found
				}
			}
		}
		level, next = next, level[:0]
	}
	found.complete, found.pairs = len(level) == 0, g.pairs
	return found
}

// read tells whether a whole order list would change anything.
func (g *game) read(w world) bool {
	g.w, g.fault = w, ""
	for _, k := range [...]kind{readServed, readEnds} {
		g.step(action{kind: k})
	}
	g.settle()
	return g.w != w
}

// settle makes worlds alike that differ in what can have no effect any more, so
// that one stands for all of them.
func (g *game) settle() {
	w := &g.w
	for i := range w.of {
		x := &w.of[i]
		if x.state.Terminal() {
			x.sequence, x.asked, x.absences = 0, false, 0
		}
		if !x.state.InDoubt() {
			x.fence = false
		}
		if x.state.Terminal() || x.state == order.New {
			w.fenced[i] = false
		}
		for k := range x.tries {
			t := &x.tries[k]
			if t.call == over && t.answer != noAnswer {
				t.answer = spent // nobody listens
			}
			if g.policy == order.Never && t.call == listening && (t.answer == spent || t.request == gone && t.answer == noAnswer) {
				t.call, t.answer = over, spent // and nothing will come
			}
			if t.call == over && t.request == gone {
				t.answer = spent
			}
			if t.request == gone && t.answer != unsigned {
				t.old = false
			}
		}
	}
}

func way(from map[key]origin, k key) (steps []action) {
	for {
		o, known := from[k]
		if !known {
			slices.Reverse(steps)
			return steps
		}
		steps, k = append(steps, o.by), o.from
	}
}

// wrong judges a world, whatever is under way in it.
func (g *game) wrong() string {
	for i := range g.w.of {
		x := &g.w.of[i]
		orders := 0
		for k := range x.tries {
			t := &x.tries[k]
			if t.venue != nothing {
				orders++
			}
			if t.request >= flying && int(x.attempts) <= k && g.mistake != journalAfterSend {
				return fmt.Sprintf("order %d: bytes of attempt %d are on the wire and not on record", i+1, k+1)
			}
		}
		if orders > 1 {
			return fmt.Sprintf("order %d: two orders at the venue", i+1)
		}
		switch x.state {
		case order.Rejected, order.Denied, order.ExpiredLocal:
			if orders > 0 && g.w.alive {
				return fmt.Sprintf("order %d is %v, and the venue has it", i+1, x.state)
			}
		}
		if x.named != 0 && int(x.named-1)/attempts != i {
			return fmt.Sprintf("order %d took the other's for its own", i+1)
		}
	}
	return ""
}

// unsettled judges a world in which nothing is left to happen.
func (g *game) unsettled() string {
	for i := range g.w.of {
		x := &g.w.of[i]
		made := nothing
		for k := range x.tries {
			if v := x.tries[k].venue; v != nothing {
				if made = v; x.named != name(i, k) {
					return fmt.Sprintf("order %d is %v: nobody answers for its order at the venue", i+1, x.state)
				}
			}
		}
		fits := false
		switch made {
		case nothing:
			fits = x.state == order.New || x.state == order.ClosedAbsent || x.state == order.Rejected || x.state == order.Denied ||
				x.state == order.ExpiredLocal || x.state == order.Cancelled
		case working:
			fits = x.state.Live() && !x.cancelWanted && x.state != order.AdoptedLate
		case filled:
			fits = x.state == order.Filled && x.filled
		case cancelled:
			fits = x.state == order.Cancelled
		case rejected:
			fits = x.state == order.RejectedLate
		}
		if !fits {
			return fmt.Sprintf("order %d is %v, its order at the venue is %s, and nothing will change that", i+1, x.state, states[made])
		}
	}
	return ""
}
