package order

// State is where an order stands. The zero value, New, is an intent that
// nothing has judged yet.
type State uint8

// The states. What leads from one to another is the table in machine.go.
const (
	New          State = iota
	Denied             // refused here, before the wire: terminal
	Queued             // approved, waits for a permit
	ExpiredLocal       // its deadline passed before anything was sent: terminal
	Sending            // an attempt is on the wire
	Ambiguous          // an attempt ended without evidence
	Reconciling        // the venue is being asked
	Absent             // the venue validly answered, twice, that it has no such order
	ClosedAbsent       // given up as not placed, watched until the end of the day
	AdoptedLate        // a closed-absent order that surfaced after all
	Unresolved         // nobody could say; a person must
	Acked              // the venue has it
	Working            // resting at the exchange
	Partial            // partly filled
	Filled             // terminal
	Cancelled          // terminal, perhaps after partial fills
	Expired            // terminal, perhaps after partial fills
	Rejected           // refused by the venue's answer: terminal
	RejectedLate       // refused by the exchange after the venue's yes: terminal
	States       = iota
)

var stateNames = [States]string{
	"new", "denied", "queued", "expired_local", "sending", "ambiguous", "reconciling", "absent", "closed_absent",
	"adopted_late", "unresolved", "acked", "working", "partial", "filled", "cancelled", "expired", "rejected", "rejected_late",
}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "?"
}

// Terminal tells whether nothing more is expected. A later, larger fill from
// the venue is still booked, with an alarm.
func (s State) Terminal() bool {
	switch s {
	case Denied, ExpiredLocal, Filled, Cancelled, Expired, Rejected, RejectedLate:
		return true
	}
	return false
}

// Verdict is what one attempt to tell the venue something proved.
type Verdict uint8

// The verdicts. The zero value is the cautious one: nothing is known.
const (
	Unknown     Verdict = iota // the attempt may or may not have been taken: AMBIGUOUS
	OK                         // the venue's answer says so
	NotSent                    // proof that no complete request left
	Throttle                   // refused by the venue's gateway for its rate
	ThrottleDay                // the same, until midnight
	Auth                       // refused by the venue's gateway for its session or checksum
	Refused                    // an allow-listed business refusal
	RefusedPre                 // a 4xx other than those: our own bug
	ConfigFatal                // only a person can mend it
	Retry                      // reads only: safe and sensible to repeat
	Empty                      // reads only: "No Data Found", empty or unknown
	Verdicts    = iota
)

var verdictNames = [Verdicts]string{
	"ambiguous", "ok", "not_sent", "throttle", "throttle_day", "auth", "rejected", "rejected_pre", "config_fatal", "retry", "empty",
}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return "?"
}
