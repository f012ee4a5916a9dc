package order

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Move is what happened to an order: one column of the table of transitions.
type Move uint8

// The moves.
const (
	Approve         Move = iota // risk let it pass
	Deny                        // refused here with proof that the venue does not have it
	Permit                      // an attempt starts
	AttemptAcked                // an attempt's answer carries the venue's order id
	AttemptRefused              // an attempt's answer refuses
	AttemptNotSent              // proof that no complete request left
	AttemptTurned               // turned away at the venue's gate (throttle, session), where that may be believed
	AttemptUnknown              // an attempt ended without evidence
	EvidenceOver                // nothing came in the short wait after an unknown attempt
	AbsentOnce                  // a valid read of the venue does not show it
	AbsentTwice                 // a second one, a second later
	CloseAbsent                 // give it up as not placed, keep watching
	DoubtTooLong                // no valid read for too long
	DeadlinePassed              // too late to send
	CancelRequested             // somebody wants it gone
	ModifyRequested             // somebody wants another price
	SeenWorking                 // the venue says: resting, or on its way there
	SeenPartial                 // the venue says: partly filled, still alive
	SeenFilled                  // the venue says: filled
	SeenCancelled               // the venue says: cancelled, perhaps after fills
	SeenExpired                 // the venue says: expired, perhaps after fills
	SeenRejected                // the venue says: rejected by the exchange
	OperatorAbsent              // a person saw that the venue does not have it
	OperatorPlaced              // a person saw it at the venue
	Resend                      // absent, and by a hard fence it cannot come any more: see [AfterHardFence]
	Moves           = iota
)

var moveNames = [Moves]string{
	"approve", "deny", "permit", "attempt_acked", "attempt_refused", "attempt_not_sent", "attempt_turned", "attempt_unknown",
	"evidence_over", "absent_once", "absent_twice", "close_absent", "doubt_too_long", "deadline_passed", "cancel_requested",
	"modify_requested", "seen_working", "seen_partial", "seen_filled", "seen_cancelled", "seen_expired", "seen_rejected",
	"operator_absent", "operator_placed", "resend",
}

func (m Move) String() string {
	if int(m) < len(moveNames) {
		return moveNames[m]
	}
	return "?"
}

// Seen tells whether the move is the venue's own word about the order.
func (m Move) Seen() bool { return m >= SeenWorking && m <= SeenRejected }

// moves is the whole machine. The zero value, New, marks an illegal move, since
// nothing leads back to New. What to look for:
//
//   - Sending is entered from Queued only, and from a state of doubt no way leads
//     to Queued but Resend, out of Absent: an order whose fate is unknown is never
//     sent again before two valid reads lacked it, and under the policy [Never]
//     not even then.
//   - A resent order that does not leave after all is closed as absent again: what
//     was once in doubt stays under watch.
//   - A state of doubt is left by the venue's word, by proof, by two valid
//     absences or by a person; time alone leads deeper into doubt only.
//   - A terminal state leads to itself only.
var moves = [States][Moves]State{
	New: {Approve: Queued, Deny: Denied, DeadlinePassed: ExpiredLocal, CancelRequested: Cancelled},
	Queued: {
		Permit: Sending, Deny: Denied, DeadlinePassed: ExpiredLocal, CancelRequested: Cancelled, ModifyRequested: Queued,
		CloseAbsent: ClosedAbsent,
		// An order that was turned away once and shows up all the same: the
		// refusal was no proof.
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Sending: {
		AttemptAcked: Acked, AttemptRefused: Rejected, AttemptNotSent: Queued, AttemptTurned: Queued, AttemptUnknown: Ambiguous,
		CancelRequested: Sending, ModifyRequested: Sending,
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Ambiguous: {
		EvidenceOver: Reconciling,
		AttemptAcked: Acked, AttemptRefused: Rejected, AttemptNotSent: Denied, AttemptTurned: Ambiguous, AttemptUnknown: Ambiguous,
		CancelRequested: Ambiguous, ModifyRequested: Ambiguous,
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Reconciling: {
		AbsentOnce: Reconciling, AbsentTwice: Absent, DoubtTooLong: Unresolved,
		AttemptAcked: Acked, AttemptRefused: Rejected, AttemptNotSent: Denied, AttemptTurned: Reconciling, AttemptUnknown: Reconciling,
		CancelRequested: Reconciling, ModifyRequested: Reconciling,
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Absent: {
		CloseAbsent: ClosedAbsent, Resend: Queued,
		AttemptAcked: Acked, AttemptRefused: Rejected, AttemptNotSent: Denied, AttemptTurned: Absent, AttemptUnknown: Absent,
		CancelRequested: Absent, ModifyRequested: Absent,
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	ClosedAbsent: {
		AttemptAcked: AdoptedLate, AttemptRefused: Rejected, AttemptNotSent: Denied,
		AttemptTurned: ClosedAbsent, AttemptUnknown: ClosedAbsent,
		CancelRequested: ClosedAbsent, OperatorPlaced: AdoptedLate,
		SeenWorking: AdoptedLate, SeenPartial: AdoptedLate, SeenFilled: AdoptedLate,
		SeenCancelled: AdoptedLate, SeenExpired: AdoptedLate, SeenRejected: AdoptedLate,
	},
	AdoptedLate: {
		AttemptAcked: AdoptedLate, AttemptRefused: AdoptedLate, AttemptTurned: AdoptedLate, AttemptUnknown: AdoptedLate,
		CancelRequested: AdoptedLate,
		SeenWorking:     AdoptedLate, SeenPartial: AdoptedLate, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Unresolved: {
		OperatorAbsent: ClosedAbsent, OperatorPlaced: Acked,
		AbsentOnce: Unresolved, AbsentTwice: Absent,
		AttemptAcked: Acked, AttemptRefused: Rejected, AttemptNotSent: Denied, AttemptTurned: Unresolved, AttemptUnknown: Unresolved,
		CancelRequested: Unresolved, ModifyRequested: Unresolved,
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Acked: {
		AttemptAcked: Acked, AttemptRefused: Acked, AttemptTurned: Acked, AttemptUnknown: Acked,
		CancelRequested: Acked, ModifyRequested: Acked,
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Working: {
		AttemptAcked: Working, AttemptRefused: Working, AttemptTurned: Working, AttemptUnknown: Working,
		CancelRequested: Working, ModifyRequested: Working,
		SeenWorking: Working, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Partial: {
		AttemptAcked: Partial, AttemptRefused: Partial, AttemptTurned: Partial, AttemptUnknown: Partial,
		CancelRequested: Partial, ModifyRequested: Partial,
		SeenWorking: Partial, SeenPartial: Partial, SeenFilled: Filled,
		SeenCancelled: Cancelled, SeenExpired: Expired, SeenRejected: RejectedLate,
	},
	Denied:       absorbing(Denied, false),
	ExpiredLocal: absorbing(ExpiredLocal, false),
	Filled:       absorbing(Filled, true),
	Cancelled:    absorbing(Cancelled, true),
	Expired:      absorbing(Expired, true),
	Rejected:     absorbing(Rejected, true),
	RejectedLate: absorbing(RejectedLate, true),
}

// absorbing is the row of a terminal state: whatever the venue still says, and
// the late answers of what was sent, leave it where it is.
func absorbing(s State, sent bool) (row [Moves]State) {
	row[CancelRequested] = s
	for m := SeenWorking; m <= SeenRejected; m++ {
		row[m] = s
	}
	if sent {
		for m := AttemptAcked; m <= AttemptUnknown; m++ {
			row[m] = s
		}
	}
	return row
}

// Next is the state that the move leads to; ok is false when the move is
// illegal in this state.
func (s State) Next(m Move) (next State, ok bool) {
	if int(s) >= States || int(m) >= Moves {
		return s, false
	}
	next = moves[s][m]
	return next, next != New
}

// Event is one thing that happened to an order.
type Event struct {
	Move    Move
	VenueID VenueID      // AttemptAcked, OperatorPlaced
	Epoch   uint64       // Permit: the credential's epoch
	Started market.Mono  // AbsentOnce, AbsentTwice: when the read began
	Price   market.Paise // ModifyRequested: the price wanted; zero drops the wish
	Reason  string       // Deny, DeadlinePassed, CloseAbsent, AttemptRefused
	Report  *Report      // the Seen moves; borrowed
}

// Effect is what a Step changed.
type Effect struct {
	From, To  State
	Illegal   bool         // the move is not in the table: nothing changed
	FilledNow market.Units // fills that were not known before
	ValueNow  market.Paise // change of the value of all fills; with FilledNow zero a corrected price
	Repriced  bool         // the limit in force changed
	Overfill  bool         // the venue claims more than was ordered: booked, and a matter for a person
	LateFill  bool         // a terminal order grew: booked, and a matter for a person
	Revived   bool         // a terminal order lives at the venue: a matter for a person
}

// Moved tells whether anything changed that observers should see.
func (e *Effect) Moved() bool {
	return e.From != e.To || e.FilledNow != 0 || e.ValueNow != 0 || e.Repriced
}

// Step applies one event. Hot path: see TestOrderLifeAllocatesNothing.
func (o *Order) Step(e *Event, at market.Stamp) Effect {
	effect := Effect{From: o.State, To: o.State}
	next, ok := o.State.Next(e.Move)
	if !ok {
		effect.Illegal = true
		return effect
	}
	if o.State == ClosedAbsent && next == AdoptedLate && e.Move.Seen() {
		// It surfaced after all, and the same word may already end it.
		o.State = AdoptedLate
		next, _ = AdoptedLate.Next(e.Move)
	}
	if e.Move.Seen() {
		o.see(e.Report, &effect)
	}
	switch e.Move {
	case Approve:
		o.ApprovedAt = at.Mono
	case Deny, DeadlinePassed, CloseAbsent:
		o.Reason = e.Reason
	case Permit:
		o.Attempts++
		o.Epoch = e.Epoch
		o.Sent = at
		o.Absences = 0
	case AttemptAcked, OperatorPlaced:
		if o.VenueID.IsZero() {
			o.VenueID = e.VenueID
		}
		if o.AckedAt == 0 {
			o.AckedAt = at.Mono
		}
	case AttemptRefused:
		if next == Rejected {
			o.Reason = e.Reason
		}
	case AttemptUnknown:
		if next == Ambiguous && o.State == Sending {
			o.DoubtAt = at.Mono
		}
	case AttemptNotSent:
		if next == Denied {
			o.Reason = "not sent"
		}
	case AbsentOnce:
		o.Absences, o.AbsentAt = 1, e.Started
	case AbsentTwice:
		o.Absences = 2
	case CancelRequested:
		o.CancelWanted = !next.Terminal()
	case ModifyRequested:
		o.PriceWanted = e.Price
	}
	o.State, effect.To = next, next
	if next != effect.From {
		o.ChangedAt = at.Mono
		switch {
		case next.Terminal():
			o.CancelWanted, o.PriceWanted = false, 0
		case next == ClosedAbsent || next == AdoptedLate:
			o.PriceWanted = 0
		}
	}
	// The venue ended it: a late echo of its life means nothing. Ended by us, it
	// must not live there.
	effect.Revived = effect.From.Terminal() && !o.EndedByVenue && (e.Move == SeenWorking || e.Move == SeenPartial)
	return effect
}

// see merges the venue's word: quantities only grow, and only a later notice
// may change the price, or a row that knows of every fill we know of.
func (o *Order) see(r *Report, effect *Effect) {
	if o.VenueID.IsZero() {
		o.VenueID = r.VenueID
	}
	fresh := r.Sequence > o.Sequence || r.Sequence == 0 && (r.Executed >= o.Filled || r.FillUnknown)
	o.Sequence = max(o.Sequence, r.Sequence)
	o.Cancelled = max(o.Cancelled, r.Cancelled)
	o.Expired = max(o.Expired, r.Expired)
	if r.Status.Terminal() {
		o.EndedByVenue = true
	}
	if fresh && r.Limit > 0 && r.Limit != o.Price && !effect.From.Terminal() {
		o.Price = r.Limit
		effect.Repriced = true
	}
	executed := r.Executed
	if r.Status == StatusExecuted && executed == 0 && !r.FillUnknown {
		// The word alone speaks: of what neither ended otherwise nor is known.
		executed = max(o.Quantity-o.Cancelled-o.Expired, 0)
	}
	if executed > o.Filled {
		effect.FilledNow = executed - o.Filled
		effect.Overfill = executed > o.Quantity
		effect.LateFill = effect.From.Terminal()
		o.Filled = executed
		if r.Average > 0 {
			effect.ValueNow = o.revalue(r.Average.Times(executed), false)
		} else {
			effect.ValueNow = o.revalue(o.Value+o.Price.Times(effect.FilledNow), true)
		}
		return
	}
	if executed == o.Filled && o.Filled > 0 && o.Estimated && r.Average > 0 {
		effect.ValueNow = o.revalue(r.Average.Times(executed), false)
	}
}

// Traded corrects the value of the fills from the trade book: filled units
// worth value paise in all. It changes nothing while the trade book is behind
// what notices said.
func (o *Order) Traded(filled market.Units, value market.Paise) Effect {
	effect := Effect{From: o.State, To: o.State}
	if filled < o.Filled || filled == 0 {
		return effect
	}
	effect.FilledNow = filled - o.Filled
	effect.Overfill = filled > o.Quantity
	effect.LateFill = effect.FilledNow > 0 && o.State.Terminal()
	o.Filled = filled
	effect.ValueNow = o.revalue(value, false)
	return effect
}

func (o *Order) revalue(value market.Paise, estimated bool) (change market.Paise) {
	change = value - o.Value
	o.Value, o.Estimated = value, estimated
	return change
}

// Doubts tells whether a report leaves open how much was filled: it says so
// itself, or its word "executed" disagrees with its quantities.
func (o *Order) Doubts(r *Report) bool {
	if r.FillUnknown || r.Status != StatusExecuted {
		return r.FillUnknown
	}
	ended := max(r.Cancelled, o.Cancelled) + max(r.Expired, o.Expired)
	return ended != 0 || r.Executed != 0 && r.Executed < o.Quantity
}

// Sighting is the move that a report of the venue makes of the order.
// Quantities weigh more than the status word; an unknown word counts as alive.
func (o *Order) Sighting(r *Report) Move {
	executed := max(r.Executed, o.Filled)
	switch {
	case executed >= o.Quantity, r.Status == StatusExecuted && !o.Doubts(r):
		return SeenFilled
	case r.Sequence != 0 && r.Sequence <= o.Sequence && executed > 0:
		return SeenPartial // an old notice: its fills count, its status does not
	case r.Sequence != 0 && r.Sequence <= o.Sequence:
		return SeenWorking
	}
	switch r.Status {
	case StatusRejected:
		return SeenRejected
	case StatusExpired, StatusPartiallyExecutedAndExpired:
		return SeenExpired
	case StatusCancelled, StatusPartiallyExecutedAndCancelled,
		StatusExecuted: // over, and not all of it filled
		return SeenCancelled
	}
	if executed > 0 {
		return SeenPartial
	}
	return SeenWorking
}

// Absence is the move that a valid read without the order makes of it, if any.
// Such a read is evidence only if it began after the fence, and only together
// with another one that began at least a second earlier.
func (o *Order) Absence(started market.Mono, fence time.Duration) (Move, bool) {
	switch {
	case o.State != Reconciling && o.State != Unresolved, started.Sub(o.Sent.Mono) < fence:
		return 0, false
	case o.Absences == 0:
		return AbsentOnce, true
	case started.Sub(o.AbsentAt) < time.Second:
		return 0, false
	}
	return AbsentTwice, true
}
