package gateway

import (
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// disk is the journal of a world, in its form on disk. What was appended
// survives the death of the process; what was not synced may be lost with the
// machine's power, from any record on, and the last one may be torn.
type disk struct {
	draws    draws
	world    *simWorld
	bytes    []byte
	synced   int         // records
	at       []mark      // one for each record
	serial   uint64      // of the last record
	full     bool        // takes no record, but what may use the spare room
	lag      market.Mono // from append to sync
	killIn   int         // records until the process dies here; zero: not armed
	killed   bool        // it died here: nothing is kept any more
	appended int         // since the last step began
	form     [journal.Size]byte
	torn     []byte // what a death inside the append left of a record
}

// mark is when a record was appended, and what the order it tells of was like.
type mark struct {
	at   market.Mono
	id   order.ID
	hash uint64 // of the live order; zero: the record tells of none
}

func (d *disk) begin(s *simWorld) {
	d.draws, d.world = newDraws(s.seed, drawsOfDisk), s
	d.bytes, d.at = make([]byte, 0, 1<<20), make([]mark, 0, 8192)
	d.lag = 20 * ms
	if d.draws.hit(0.3) {
		d.lag = d.draws.between(100*ms, 5*second)
	}
}

func (d *disk) kept() int { return len(d.at) }

// Append is the recorder of the core.
func (d *disk) Append(r *journal.Record, spare bool) bool {
	if d.killed {
		return true
	}
	s := d.world
	if d.full && !spare {
		s.cover(diskFull, r.ID)
		return false
	}
	d.appended++
	r.Sequence = d.serial + 1
	r.Encode(&d.form)
	if d.killIn > 0 {
		if d.killIn--; d.killIn == 0 {
			d.killed, s.dying = true, true
			d.torn = append(d.torn[:0], d.form[:d.draws.IntN(journal.Size+1)]...)
			if len(d.torn) < journal.Size {
				return true
			}
			d.torn = d.torn[:0] // it was whole
		}
	}
	d.serial++
	d.bytes = append(d.bytes, d.form[:]...)
	m := mark{at: s.now, id: r.ID}
	switch r.Kind {
	case journal.Intended: // the order itself follows in the same breath
		o := *s.core.slab.Get(r.ID)
		o.State = order.Queued
		if o.CancelWanted { // an orphan
			o.State = order.Sending
		}
		m.hash = hashOrder(&o)
	case journal.Moved:
		m.hash = hashOrder(s.core.slab.Get(r.ID))
	case journal.Sending:
		if r.Call.Kind == journal.Place {
			m.hash = hashOrder(s.core.slab.Get(r.ID))
		}
	}
	d.at = append(d.at, m)
	s.check.recorded(s, r)
	return true
}

// sync makes all that is there safe from a loss of power.
func (d *disk) sync() { d.synced = len(d.at) }

// fill makes the disk full for a while.
func (d *disk) fill(s *simWorld) {
	d.full = true
	s.coverAll(diskFull)
	s.post(diskFrees, d.draws.between(100*ms, 20*second), 0)
}

// crash is the end of a process, and perhaps of the machine's power.
func (d *disk) crash(s *simWorld, power bool) {
	d.killIn, d.killed = 0, false
	if !power {
		d.bytes = append(d.bytes, d.torn...)
		d.torn = d.torn[:0]
		return
	}
	d.torn = d.torn[:0]
	for d.synced < len(d.at) && d.at[d.synced].at <= s.now-d.lag {
		d.synced++
	}
	kept := d.synced + d.draws.IntN(len(d.at)-d.synced+1)
	s.check.lost(s, kept)
	tail := d.bytes[kept*journal.Size:]
	d.at = d.at[:kept]
	d.bytes = d.bytes[:kept*journal.Size]
	if len(tail) > 0 { // a part of the next record may have reached the disk
		d.bytes = append(d.bytes, tail[:d.draws.IntN(journal.Size)]...)
	}
	d.serial = uint64(kept)
}

// replay cuts a torn tail and gives the new process what was kept.
func (d *disk) replay(s *simWorld) {
	whole := len(d.bytes) / journal.Size
	if whole != len(d.at) {
		s.fail("the disk holds %d whole records, want %d", whole, len(d.at))
	}
	d.bytes = d.bytes[:whole*journal.Size]
	at := s.clock.stamp(s.now)
	var r journal.Record
	for i := range whole {
		copy(d.form[:], d.bytes[i*journal.Size:])
		if err := r.Decode(&d.form); err != nil {
			s.fail("record %d: %v", i+1, err)
		}
		s.core.Restore(&r, at)
	}
	s.tally.replayed += uint64(whole)
	d.sync() // whoever opens a journal syncs it first
}

// again replays everything into a core that took it in already.
func (d *disk) again(s *simWorld, core *Core) {
	at := s.clock.stamp(s.now)
	var r journal.Record
	for i := range d.at {
		copy(d.form[:], d.bytes[i*journal.Size:])
		if err := r.Decode(&d.form); err != nil {
			s.fail("record %d: %v", i+1, err)
		}
		core.Restore(&r, at)
	}
}

// hashOrder is what a restart must know of an order.
func hashOrder(o *order.Order) uint64 {
	if o == nil {
		return 0
	}
	h := uint64(14695981039346656037)
	fold := func(v uint64) { h = (h ^ v) * 0x9e3779b97f4a7c15; h ^= h >> 29 }
	flags := uint64(0)
	for i, on := range [...]bool{o.CancelWanted, o.Estimated, o.EndedByVenue, o.VenueID.IsZero()} {
		if on {
			flags |= 1 << i
		}
	}
	fold(uint64(o.State)<<32 | uint64(o.Attempts)<<24 | uint64(o.Absences)<<16 | flags)
	fold(uint64(o.Filled)<<40 ^ uint64(o.Cancelled)<<20 ^ uint64(o.Expired))
	fold(uint64(o.Value))
	fold(uint64(o.Price))
	fold(uint64(o.Quantity))
	return h | 1
}
