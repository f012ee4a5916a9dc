package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/exec/breaker"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// CallStats counts the calls of one kind.
type CallStats struct {
	Attempts  uint64 // permits given
	Retried   uint64 // of them, repeats
	Throttled uint64
	NotSent   uint64
	TimedOut  uint64
	Ambiguous uint64        // writes that ended without evidence, time-outs among them
	Refused   uint64        // by a text that is listed
	Malformed uint64        // refused unread: our own fault
	Delay     time.Duration // planned before repeats, all together
}

// Stats counts what the core did. It is the owner's; a copy is anyone's.
type Stats struct {
	Calls     [actionKinds]CallStats
	Denied    uint64
	Throttled uint64
	Ambiguous uint64 // placements whose outcome was unknown
	Resolved  uint64 // of them, settled by evidence
	Adopted   uint64 // of those closed as absent, surfaced after all
	Resent    uint64 // absent, and sent again behind a hard fence
	Renewals  uint64 // credentials taken into use
	Notices   uint64
	Stray     uint64 // answers to calls that nobody waited for any more
	Illegal   uint64 // moves outside the table
	Shrunk    uint64 // order lists that lacked what is known to exist
	External  uint64 // orders that are not ours
	Orphans   uint64 // orders of ours that the journal did not know
	Alarms    uint64

	Unrecorded uint64 // records that the journal did not take
}

// Stats is a copy of the counts so far.
func (c *Core) Stats() Stats { return c.stats }

// Attempts and Retried are the sums over all calls.
func (s *Stats) Attempts() (attempts, retried uint64) {
	for i := range s.Calls {
		attempts += s.Calls[i].Attempts
		retried += s.Calls[i].Retried
	}
	return attempts, retried
}

// Standing is where the gates stand, for those who watch.
type Standing struct {
	Quota         throttle.Quota
	Writes, Reads breaker.State
	Logins        breaker.State
	Orders        int // held in the slab
	Active        int // with work to do
	Watched       int // closed as absent
	InDoubt       int
	Synced        bool
	Halted        bool
	Remarks       Remarks
}

// Standing is where the gates stand now.
func (c *Core) Standing() Standing {
	s := Standing{
		Quota: c.limits.Left(c.at.Mono), Writes: c.writes.State(), Reads: c.reads.State(), Logins: c.logins.State(),
		Orders: c.slab.Len(), Active: len(c.active), Watched: len(c.tombs), Synced: c.sync.done, Halted: c.halted, Remarks: c.remarks,
	}
	for _, i := range c.active {
		if c.jobs[i].o.State.InDoubt() {
			s.InDoubt++
		}
	}
	return s
}
