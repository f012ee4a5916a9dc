package order

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"pgregory.net/rapid"
)

// lawful states every legal move a second time, in another form than the
// table: per state, "move>state" or "move" for one that stays. Anything not
// named here must be refused.
var lawful = map[State]string{
	New: "approve>queued deny>denied deadline_passed>expired_local cancel_requested>cancelled",
	Queued: "permit>sending deny>denied deadline_passed>expired_local cancel_requested>cancelled modify_requested " +
		"close_absent>closed_absent " + sightings,
	Sending: "attempt_acked>acked attempt_refused>rejected attempt_not_sent>queued attempt_turned>queued " +
		"attempt_unknown>ambiguous cancel_requested modify_requested " + sightings,
	Ambiguous:   "evidence_over>reconciling cancel_requested modify_requested " + lateAnswers + sightings,
	Reconciling: "absent_once absent_twice>absent doubt_too_long>unresolved cancel_requested modify_requested " + lateAnswers + sightings,
	Absent:      "close_absent>closed_absent resend>queued cancel_requested modify_requested " + lateAnswers + sightings,
	Unresolved: "operator_absent>closed_absent operator_placed>acked absent_once absent_twice>absent " +
		"cancel_requested modify_requested " + lateAnswers + sightings,
	ClosedAbsent: "attempt_acked>adopted_late attempt_refused>rejected attempt_not_sent>denied attempt_turned attempt_unknown " +
		"cancel_requested operator_placed>adopted_late seen_working>adopted_late seen_partial>adopted_late seen_filled>adopted_late " +
		"seen_cancelled>adopted_late seen_expired>adopted_late seen_rejected>adopted_late",
	AdoptedLate: "attempt_acked attempt_refused attempt_turned attempt_unknown cancel_requested " +
		"seen_working seen_partial seen_filled>filled seen_cancelled>cancelled seen_expired>expired seen_rejected>rejected_late",
	Acked:        echoes + "modify_requested " + sightings,
	Working:      echoes + "modify_requested " + strings.ReplaceAll(sightings, "seen_working>working", "seen_working"),
	Partial:      echoes + "modify_requested " + strings.ReplaceAll(strings.ReplaceAll(sightings, "seen_working>working", "seen_working"), "seen_partial>partial", "seen_partial"),
	Denied:       "cancel_requested " + absorbed,
	ExpiredLocal: "cancel_requested " + absorbed,
	Filled:       echoes + "attempt_not_sent " + absorbed,
	Cancelled:    echoes + "attempt_not_sent " + absorbed,
	Expired:      echoes + "attempt_not_sent " + absorbed,
	Rejected:     echoes + "attempt_not_sent " + absorbed,
	RejectedLate: echoes + "attempt_not_sent " + absorbed,
}

const (
	sightings = "seen_working>working seen_partial>partial seen_filled>filled seen_cancelled>cancelled " +
		"seen_expired>expired seen_rejected>rejected_late"
	lateAnswers = "attempt_acked>acked attempt_refused>rejected attempt_not_sent>denied attempt_turned attempt_unknown "
	echoes      = "attempt_acked attempt_refused attempt_turned attempt_unknown cancel_requested "
	absorbed    = "seen_working seen_partial seen_filled seen_cancelled seen_expired seen_rejected"
)

func stateNamed(t *testing.T, name string) State {
	for i, known := range stateNames {
		if known == name {
			return State(i)
		}
	}
	require.Fail(t, "no state", name)
	return 0
}

func TestEveryPairOfStateAndMoveIsAsLawfulAsTheListSays(t *testing.T) {
	report := Report{Quantity: 65, Limit: 100}
	legal := 0
	for s := range State(States) {
		want := map[string]State{}
		for _, word := range strings.Fields(lawful[s]) {
			move, to, moves := strings.Cut(word, ">")
			want[move] = s
			if moves {
				want[move] = stateNamed(t, to)
			}
		}
		for m := range Move(Moves) {
			next, ok := s.Next(m)
			expected, lawfulMove := want[m.String()]
			require.Equal(t, lawfulMove, ok, "%v × %v", s, m)
			if ok {
				require.Equal(t, expected, next, "%v × %v", s, m)
				legal++
				continue
			}

			o := Order{State: s, Quantity: 65, Price: 100}
			before := o
			effect := o.Step(&Event{Move: m, Report: &report}, market.Stamp{Mono: 9})

			require.True(t, effect.Illegal, "%v × %v", s, m)
			require.Equal(t, before, o, "an illegal move changes nothing: %v × %v", s, m)
		}
	}
	require.Equal(t, 225, legal)
}

// doubts are the states in which the venue may have the order and nobody knows,
// and what follows from them.
var doubts = []State{Ambiguous, Reconciling, Absent, ClosedAbsent, AdoptedLate, Unresolved}

func TestNoPathLeadsFromDoubtBackToTheWireButThroughAbsentAndResend(t *testing.T) {
	for _, doubt := range doubts {
		for s := range reachable(doubt, Resend) {
			require.NotContains(t, []State{New, Queued, Sending}, s, "from %v without a resend", doubt)
		}
		for m := range Move(Moves) {
			next, ok := doubt.Next(m)
			require.False(t, ok && (next == New || next == Sending), "%v × %v", doubt, m)
			if ok && next == Queued {
				require.Equal(t, Absent, doubt)
				require.Equal(t, Resend, m)
			}
		}
	}
	for s := range State(States) {
		_, ok := s.Next(Resend)
		require.Equal(t, s == Absent, ok, "resend from %v", s)
	}
}

func TestAbsentIsEnteredByTwoAbsencesOnly(t *testing.T) {
	for s := range State(States) {
		for m := range Move(Moves) {
			if next, ok := s.Next(m); ok && next == Absent && s != Absent {
				require.Equal(t, AbsentTwice, m, "from %v", s)
			}
		}
	}
}

func TestEveryStateIsReachableAndOnlyPermitLeadsToTheWire(t *testing.T) {
	require.Len(t, reachable(New), States)
	for s := range State(States) {
		for m := range Move(Moves) {
			if next, ok := s.Next(m); ok && next == Sending && s != Sending {
				require.Equal(t, Permit, m)
				require.Equal(t, Queued, s)
			}
		}
	}
}

func TestTimeAloneNeverEndsADoubt(t *testing.T) {
	for _, doubt := range []State{Ambiguous, Reconciling, Unresolved} {
		for _, timer := range []Move{EvidenceOver, DoubtTooLong, DeadlinePassed} {
			if next, ok := doubt.Next(timer); ok {
				require.True(t, next.InDoubt(), "%v × %v", doubt, timer)
			}
		}
	}
}

// reachable are the states that moves lead to, but those that are left out.
func reachable(from State, without ...Move) map[State]bool {
	seen := map[State]bool{from: true}
	for queue := []State{from}; len(queue) > 0; queue = queue[1:] {
		for m := range Move(Moves) {
			if next, ok := queue[0].Next(m); ok && !seen[next] && !slices.Contains(without, m) {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return seen
}

func TestTerminalStatesAbsorbEverything(t *testing.T) {
	for s := range State(States) {
		if !s.Terminal() {
			continue
		}
		require.Equal(t, map[State]bool{s: true}, reachable(s))
	}
}

func working(t *testing.T) *Order {
	id, err := ParseVenueID("202607173800017846")
	require.NoError(t, err)
	o := &Order{Ticket: Ticket{ID: 7, Instrument: 3, Side: market.Buy, Price: 9505}, Quantity: 130, Price: 9505}
	for _, e := range []Event{{Move: Approve}, {Move: Permit, Epoch: 1}, {Move: AttemptAcked, VenueID: id}} {
		require.False(t, o.Step(&e, market.Stamp{Mono: 5}).Illegal)
	}
	return o
}

func (o *Order) take(r Report) Effect {
	return o.Step(&Event{Move: o.Sighting(&r), Report: &r}, market.Stamp{Mono: 10})
}

func TestF18_NoticesRepeatedReorderedOrMissingNeverDecreaseTheFills(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		o := working(t)
		notices := []Report{
			{Sequence: 1, Status: StatusOrdered, Quantity: 130, Limit: 9505},
			{Sequence: 2, Status: StatusPartiallyExecuted, Quantity: 130, Executed: 65, Limit: 9505},
			{Sequence: 3, Status: StatusPartiallyExecuted, Quantity: 130, Executed: 100, Limit: 9505},
			{Sequence: 4, Status: StatusExecuted, Quantity: 130, Executed: 130, Limit: 9505},
		}
		last, newest, filled := market.Units(0), market.Units(0), market.Units(0)
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, 3), 1, 20).Draw(r, "arrivals") {
			effect := o.take(notices[i])
			newest = max(newest, notices[i].Executed)
			filled += effect.FilledNow
			require.False(r, effect.Illegal)
			require.GreaterOrEqual(r, o.Filled, last)
			last = o.Filled
		}
		require.Equal(r, newest, o.Filled)
		require.Equal(r, filled, o.Filled, "the updates add up to the total")
		require.Equal(r, newest == 130, o.State == Filled)
	})
}

func TestR8_CancelRacingAFillEndsWithTheVenuesQuantity(t *testing.T) {
	o := working(t)
	o.take(Report{Sequence: 4, Status: StatusPartiallyExecuted, Quantity: 130, Executed: 65, Limit: 9505})
	o.Step(&Event{Move: CancelRequested}, market.Stamp{})
	require.True(t, o.CancelWanted)

	effect := o.take(Report{Sequence: 6, Status: StatusPartiallyExecutedAndCancelled, Quantity: 130, Executed: 100, Cancelled: 30, Limit: 9505})

	require.Equal(t, Cancelled, o.State)
	require.EqualValues(t, 35, effect.FilledNow)
	require.EqualValues(t, 100, o.Filled)
	require.False(t, o.CancelWanted)

	// The missing partial comes late: nothing new, nothing lost.
	effect = o.take(Report{Sequence: 5, Status: StatusPartiallyExecuted, Quantity: 130, Executed: 80, Limit: 9505})
	require.True(t, effect.quiet())
	require.EqualValues(t, 100, o.Filled)
}

func (e Effect) quiet() bool { return e.FilledNow == 0 && !e.LateFill && !e.Overfill && !e.Revived }

func TestALargerFillAfterTheEndIsBookedWithAnAlarm(t *testing.T) {
	o := working(t)
	require.True(t, o.take(Report{Status: StatusCancelled, Quantity: 130, Cancelled: 130}).quiet())

	effect := o.take(Report{Sequence: 9, Status: StatusPartiallyExecuted, Quantity: 130, Executed: 65, Limit: 9505})

	require.Equal(t, Cancelled, o.State)
	require.True(t, effect.LateFill)
	require.EqualValues(t, 65, effect.FilledNow)
}

func TestMoreFilledThanOrderedIsBookedWithAnAlarm(t *testing.T) {
	o := working(t)
	effect := o.take(Report{Sequence: 9, Status: StatusPartiallyExecuted, Quantity: 130, Executed: 195})
	require.Equal(t, Filled, o.State)
	require.True(t, effect.Overfill)
	require.EqualValues(t, 195, o.Filled)
}

func TestTheWordExecutedDoesNotBeatTheQuantities(t *testing.T) {
	for _, row := range []struct {
		name   string
		report Report
		filled market.Units
		state  State
		doubt  bool
	}{
		{"all of it", Report{Executed: 130}, 130, Filled, false},
		{"the word alone", Report{}, 130, Filled, false},
		{"half cancelled, as told", Report{Executed: 65, Cancelled: 65}, 65, Cancelled, true},
		{"half cancelled, the fill not told", Report{Cancelled: 65}, 65, Cancelled, true},
		{"half expired, the fill not told", Report{Expired: 65}, 65, Cancelled, true},
		{"less than ordered", Report{Executed: 65}, 65, Cancelled, true},
		{"nothing left to fill", Report{Cancelled: 130}, 0, Cancelled, true},
		{"more ended than ordered", Report{Cancelled: 195}, 0, Cancelled, true},
		{"the fill is unknown", Report{FillUnknown: true}, 0, Cancelled, true},
	} {
		o := working(t)
		row.report.Status, row.report.Quantity, row.report.Sequence = StatusExecuted, 130, 1
		require.Equal(t, row.doubt, o.Doubts(&row.report), row.name)
		o.take(row.report)
		require.Equal(t, row.filled, o.Filled, row.name)
		require.Equal(t, row.state, o.State, row.name)
	}
}

func TestAnOrderThatWeEndedMustNotLiveAtTheVenue(t *testing.T) {
	o := Order{State: Rejected, Quantity: 65}
	require.True(t, o.take(Report{Status: StatusOrdered, Quantity: 65}).Revived)
	require.Equal(t, Rejected, o.State)
}

func TestN10_AClosedOrderThatSurfacesPassesThroughAdoptedLate(t *testing.T) {
	o := Order{State: ClosedAbsent, Quantity: 65, Price: 100}
	effect := o.take(Report{Status: StatusOrdered, Quantity: 65, Limit: 100})
	require.Equal(t, AdoptedLate, o.State)
	require.Equal(t, ClosedAbsent, effect.From)

	o = Order{State: ClosedAbsent, Quantity: 65, Price: 100}
	effect = o.take(Report{Status: StatusExecuted, Quantity: 65, Executed: 65, Limit: 100})
	require.Equal(t, Filled, o.State)
	require.EqualValues(t, 65, effect.FilledNow)
	require.False(t, effect.LateFill)
}

func TestAnOldNoticeDoesNotBringBackAnOldPrice(t *testing.T) {
	o := working(t)
	e := o.take(Report{Sequence: 5, Status: StatusOrdered, Quantity: 130, Limit: 9600})
	require.True(t, e.Repriced)
	e = o.take(Report{Sequence: 4, Status: StatusOrdered, Quantity: 130, Limit: 9505})
	require.False(t, e.Repriced)
	require.EqualValues(t, 9600, o.Price)
}

func TestARowThatLacksAFillDoesNotBringBackAnOldPrice(t *testing.T) {
	o := working(t)
	o.take(Report{Status: StatusPartiallyExecuted, Quantity: 130, Executed: 65, Limit: 9600})
	require.EqualValues(t, 9600, o.Price)

	e := o.take(Report{Status: StatusOrdered, Quantity: 130, Limit: 9505}) // as it was before

	require.False(t, e.Repriced)
	require.EqualValues(t, 9600, o.Price)
	require.EqualValues(t, 65, o.Filled)
}

func TestPricesOfFillsConvergeToWhatTheTradesSay(t *testing.T) {
	o := working(t)
	first := o.take(Report{Sequence: 1, Status: StatusPartiallyExecuted, Quantity: 130, Executed: 65})
	require.EqualValues(t, 65*9505, first.ValueNow)
	require.True(t, o.Estimated)

	second := o.take(Report{Sequence: 2, Status: StatusExecuted, Quantity: 130, Executed: 130})
	behind := o.Traded(65, 65*9500)
	require.Zero(t, behind.ValueNow, "the trade book is behind: wait")
	final := o.Traded(130, 65*9500+65*9490)

	require.False(t, o.Estimated)
	require.EqualValues(t, 65*(9500+9490), first.ValueNow+second.ValueNow+final.ValueNow)
	require.EqualValues(t, 9495, o.Average())
	u := o.Describe(&final, market.Stamp{})
	require.Zero(t, u.FilledNow)
	require.Equal(t, o.Value, u.Value)
}

func TestAbsenceNeedsTheFenceAndTwoReadsASecondApart(t *testing.T) {
	const s = market.Mono(1e9)
	o := Order{State: Reconciling, Sent: market.Stamp{Mono: 100 * s}}
	_, ok := o.Absence(114*s, 15e9)
	require.False(t, ok, "before the fence")

	move, ok := o.Absence(115*s, 15e9)
	require.True(t, ok)
	require.Equal(t, AbsentOnce, move)
	o.Step(&Event{Move: move, Started: 115 * s}, market.Stamp{})

	_, ok = o.Absence(115*s+s/2, 15e9)
	require.False(t, ok, "too soon after the first")
	move, ok = o.Absence(116*s, 15e9)
	require.True(t, ok)
	require.Equal(t, AbsentTwice, move)
}

func TestANewAttemptForgetsOldAbsences(t *testing.T) {
	o := Order{State: Queued, Absences: 1}
	o.Step(&Event{Move: Permit}, market.Stamp{})
	require.Zero(t, o.Absences)
}

func TestOrderLifeAllocatesNothing(t *testing.T) {
	slab := NewSlab(4)
	ticket := Ticket{ID: 7, Instrument: 3, Side: market.Buy, Price: 9505}
	id, _ := ParseVenueID("202607173800017846")
	report := Report{Sequence: 1, Status: StatusExecuted, Quantity: 65, Executed: 65, Limit: 9505}
	tag := Tag{Instance: [2]byte{'V', '1'}, Day: 20261124, Boot: 3}

	require.Zero(t, testing.AllocsPerRun(1000, func() {
		o := slab.Take(&ticket)
		o.Quantity, o.Remark = 65, tag.Remark(ticket.ID)
		o.Step(&Event{Move: Approve}, market.Stamp{})
		o.Step(&Event{Move: Permit}, market.Stamp{})
		o.Step(&Event{Move: AttemptAcked, VenueID: id}, market.Stamp{})
		effect := o.Step(&Event{Move: o.Sighting(&report), Report: &report}, market.Stamp{})
		u := o.Describe(&effect, market.Stamp{})
		if u.State != Filled {
			panic("not filled")
		}
		slab.Release(o)
	}))
}

func ExampleOrder_Step() {
	o := &Order{Ticket: Ticket{ID: 1, Price: 9505}, Quantity: 65, Price: 9505}
	for _, m := range []Move{Approve, Permit, AttemptUnknown, EvidenceOver, Permit} {
		effect := o.Step(&Event{Move: m}, market.Stamp{})
		fmt.Println(m, effect.To, effect.Illegal)
	}
	// Output:
	// approve queued false
	// permit sending false
	// attempt_unknown ambiguous false
	// evidence_over reconciling false
	// permit reconciling true
}
