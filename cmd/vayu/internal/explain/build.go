package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/report"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/breaker"
)

// builder takes a journal's records, oldest first, and keeps what concerns one
// order: its own records, and what happened to the engine while it lived.
type builder struct {
	key  key
	life *Life

	run    journal.Start // the run in hand
	names  map[order.StrategyID]string
	origin market.Stamp        // the intent
	boot   uint32              // the run of the intent
	at     market.ContractKey  // its contract
	state  order.State         // as last recorded
	last   journal.Move        // as last recorded
	began  map[uint32]callMade // calls of the run in hand without an answer, by slot
	alive  bool                // it may still change
}

type callMade struct {
	at    market.Stamp
	index int // in Attempts
	call  journal.Call
}

// take looks at one record. It is borrowed.
func (b *builder) take(r *journal.Record) error {
	if r.Kind == journal.Started {
		b.start(r)
		return nil
	}
	if r.Kind == journal.Named {
		b.names[r.Name.Strategy] = r.Name.Text
		return nil
	}
	if b.run.Tag.Day != b.key.day {
		return nil
	}
	mine := r.ID == b.key.id
	switch r.Kind {
	case journal.Intended:
		if mine && !b.alive {
			b.intend(r)
		}
	case journal.Sending, journal.Reading:
		if mine || b.alive && b.state.InDoubt() && r.ID == 0 {
			b.call(r, mine)
		}
	case journal.Answered:
		b.answer(r)
	case journal.Moved:
		if mine {
			b.move(r)
		}
	case journal.Noted:
		if mine || b.alive && r.ID == 0 {
			b.line(r, "alarm", r.Text)
		}
	default:
		if b.alive {
			b.around(r)
		}
	}
	return nil
}

func (b *builder) start(r *journal.Record) {
	b.run, b.names, b.began = r.Start, make(map[order.StrategyID]string), make(map[uint32]callMade)
	if b.alive && b.run.Tag.Day == b.key.day {
		b.line(r, "restart", fmt.Sprintf("the engine started again (start %d of the day): %s", r.Start.Tag.Boot, b.resumes()))
	}
}

// resumes says what a restart makes of the order as it stood.
func (b *builder) resumes() string {
	switch {
	case b.state == order.Queued:
		return "it was never sent, and will not be"
	case b.state == order.Sending:
		return "it was being sent: nobody knows, so it is looked for"
	case b.state.InDoubt():
		return "it goes on being looked for"
	}
	return "it goes on as " + b.state.String()
}

func (b *builder) intend(r *journal.Record) {
	i, l := &r.Intent, b.life
	b.alive, b.origin, b.boot, b.state, b.at = true, r.At, b.run.Tag.Boot, order.Queued, i.Key
	l.Began = r.At.Wall.Time().Format(time.RFC3339Nano)
	l.Strategy, l.Contract = b.names[i.Strategy], i.Key.String()
	if l.Strategy == "" {
		l.Strategy = fmt.Sprintf("strategy %d", i.Strategy)
	}
	if i.Strategy == 0 {
		l.Strategy = "the engine itself"
	}
	remark := b.run.Tag.Remark(r.ID)
	l.Remark = remark.String()
	l.Side, l.TIF, l.Class, l.Signal = i.Side.String(), i.TIF.String(), i.Class.String(), i.Signal
	l.Quantity, l.Price, l.Trigger = int64(i.Quantity), int64(i.Price), int64(i.Trigger)
	l.State = b.state.String()
	marks := []struct {
		name string
		at   market.Mono
	}{{"tick", i.TickAt}, {"woken", i.WokenAt}, {"decided", i.DecidedAt}, {"approved", r.At.Mono}}
	before := -1
	for n := range marks {
		if marks[n].at == 0 {
			continue
		}
		if before >= 0 {
			l.Stages = append(l.Stages, Stage{marks[before].name + " to " + marks[n].name, int64(marks[n].at - marks[before].at)})
		}
		before = n
	}
	b.line(r, "approved", fmt.Sprintf("risk lets it pass: %s %d %s at %s, %s", l.Side, l.Quantity, l.Contract, i.Price, l.TIF))
}

// call takes the beginning of a call.
func (b *builder) call(r *journal.Record, mine bool) {
	k := &r.Call
	b.life.Attempts = append(b.life.Attempts, Attempt{
		Call: k.Kind.String(), Attempt: k.Attempt, Epoch: k.Epoch, Boot: b.run.Tag.Boot, At: b.since(r), FirstByte: -1, Took: -1,
		Price: int64(k.Price),
	})
	b.began[k.Slot] = callMade{at: r.At, index: len(b.life.Attempts) - 1, call: *k}
	text := fmt.Sprintf("%s, attempt %d, login %d", words(k.Kind), k.Attempt, k.Epoch)
	if k.Price != 0 && k.Kind.Write() && k.Kind != journal.Cancel {
		text += ", at " + k.Price.String()
	}
	if !mine {
		text += " (for all that is in doubt)"
	}
	if mine && k.Kind == journal.Place {
		b.state = order.Sending
	}
	b.line(r, "call", text)
}

// answer takes the end of a call that was kept.
func (b *builder) answer(r *journal.Record) {
	k := &r.Call
	made, known := b.began[k.Slot]
	if !known || made.call.Kind != k.Kind {
		return
	}
	a := &b.life.Attempts[made.index]
	a.Verdict, a.Means, a.Late = k.Verdict.String(), means(k.Verdict, k.Kind.Write()), k.Late
	a.Took, a.RetryAfter, a.Delay, a.Says = int64(r.At.Mono-made.at.Mono), int64(k.RetryAfter), int64(k.Delay), k.Text
	if k.SentAt != 0 {
		a.FirstByte = int64(k.SentAt - made.at.Mono)
	}
	text := fmt.Sprintf("%s, attempt %d: %s after %s", words(k.Kind), a.Attempt, k.Verdict, report.Span(a.Took))
	if a.FirstByte >= 0 {
		text += ", first byte after " + report.Span(a.FirstByte)
	}
	if k.Late {
		text += ", after it was given up"
	}
	text += ": " + a.Means
	if k.Text != "" {
		text += fmt.Sprintf("; the venue says %q", k.Text)
	}
	if k.RetryAfter > 0 {
		text += "; it asks for " + report.Span(int64(k.RetryAfter))
	}
	if k.Delay > 0 {
		text += "; again in " + report.Span(int64(k.Delay))
	}
	b.line(r, "answer", text)
}

// move takes the order as it stands after a change.
func (b *builder) move(r *journal.Record) {
	m, l := &r.Move, b.life
	var parts []string
	if m.State != b.state {
		parts = append(parts, fmt.Sprintf("%s to %s", b.state, m.State))
	} else {
		parts = append(parts, m.State.String())
	}
	if !m.VenueID.IsZero() && l.VenueID == "" {
		l.VenueID = m.VenueID.String()
		parts = append(parts, "the venue's number is "+l.VenueID)
	}
	if more := m.Filled - b.last.Filled; more > 0 {
		parts = append(parts, fmt.Sprintf("filled %d more at %s, %d of %d", more, each(m.Value-b.last.Value, more), m.Filled, l.Quantity))
	} else if m.Value != b.last.Value {
		parts = append(parts, "the price of its fills is now exact: "+each(m.Value, m.Filled))
	}
	if m.Estimated && m.Filled != b.last.Filled {
		parts = append(parts, "by its limit, until the venue names the price")
	}
	if more := m.Cancelled - b.last.Cancelled; more > 0 {
		parts = append(parts, fmt.Sprintf("%d cancelled", more))
	}
	if more := m.Expired - b.last.Expired; more > 0 {
		parts = append(parts, fmt.Sprintf("%d expired", more))
	}
	if m.CancelWanted && !b.last.CancelWanted {
		parts = append(parts, "a cancel is wanted")
	}
	if m.PriceWanted != 0 && m.PriceWanted != b.last.PriceWanted {
		parts = append(parts, "the price "+m.PriceWanted.String()+" is wanted")
	}
	if b.last.Price != 0 && m.Price != b.last.Price {
		parts = append(parts, fmt.Sprintf("its price is %s, was %s", m.Price, b.last.Price))
	}
	if m.Absences > b.last.Absences {
		parts = append(parts, fmt.Sprintf("absence %d seen", m.Absences))
	}
	if m.Text != "" {
		l.Why = m.Text
		parts = append(parts, m.Text)
	}
	b.line(r, strings.ReplaceAll(m.Move.String(), "_", " "), strings.Join(parts, "; "))
	b.state, b.last = m.State, *m
	l.State, l.Filled, l.Value, l.Estimated = m.State.String(), int64(m.Filled), int64(m.Value), m.Estimated
	l.Cancelled, l.Expired = int64(m.Cancelled), int64(m.Expired)
	// What ended may only come back by a fill that nobody expected: that is a
	// record of its own. Given up as absent, it is watched.
	b.alive = !m.State.Terminal() && m.State != order.ClosedAbsent
}

func each(value market.Paise, units market.Units) string {
	if units == 0 {
		return "0"
	}
	return (value / market.Paise(units)).String()
}

// around takes what happened to the engine while the order lived.
func (b *builder) around(r *journal.Record) {
	switch r.Kind {
	case journal.Leveled:
		who := "raised"
		if r.Level.Operator {
			who = "set by a person"
		}
		b.line(r, "level", fmt.Sprintf("kill level %s, %s: %s", risk.Level(r.Level.Level), who, r.Level.Text))
	case journal.Blocked:
		if r.Block.Key != b.at {
			return
		}
		if r.Block.Blocked {
			b.line(r, "blocked", "its contract takes no new exposure: "+r.Block.Text)
		} else {
			b.line(r, "blocked", "its contract trades again")
		}
	case journal.Tripped:
		which := [...]string{"writes", "reads", "logins", "?"}[r.Trip.Breaker&3]
		b.line(r, "breaker", fmt.Sprintf("of %s: %s", which, breaker.State(r.Trip.State)))
	case journal.Login:
		if r.Session.OK {
			b.line(r, "login", fmt.Sprintf("login %d, good until %s", r.Session.Epoch, r.Session.Expiry.Time().Format(time.TimeOnly)))
		} else {
			b.line(r, "login", "a login was tried and not granted")
		}
	case journal.Stopped:
		b.line(r, "stop", "the engine ended in order")
	}
}

// since is how long after the intent a record was made: by the monotonic clock
// within the intent's run, by the wall clock across a restart.
func (b *builder) since(r *journal.Record) int64 {
	if b.run.Tag.Boot == b.boot {
		return int64(r.At.Mono - b.origin.Mono)
	}
	return int64(r.At.Wall - b.origin.Wall)
}

func (b *builder) line(r *journal.Record, what, text string) {
	b.life.Timeline = append(b.life.Timeline, Line{
		At: b.since(r), Wall: r.At.Wall.Time().Format("15:04:05.000000"), Sequence: r.Sequence, What: what, Text: text,
	})
}

// finish says what the end of the journal leaves open.
func (b *builder) finish() {
	if b.alive && b.life.State == order.Queued.String() {
		b.life.State = b.state.String()
	}
}

func words(k journal.CallKind) string { return strings.ReplaceAll(k.String(), "_", " ") }
