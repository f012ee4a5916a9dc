package journal

import (
	"fmt"
	"strings"
	"time"
)

// String is the record as one line for people.
func (r *Record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d %s %s", r.Sequence, r.At.Market, r.Kind)
	if r.ID != 0 {
		fmt.Fprintf(&b, " order %d", r.ID)
	}
	field := func(name string, value any) {
		if text := fmt.Sprint(value); text != "" && text != "0" && text != "0s" && text != "0.00" {
			fmt.Fprintf(&b, " %s=%s", name, text)
		}
	}
	flag := func(on bool, name string) {
		if on {
			b.WriteString(" " + name)
		}
	}
	text := func(s string) {
		if s != "" {
			fmt.Fprintf(&b, " %q", s)
		}
	}
	switch r.Kind {
	case Started:
		s := &r.Start
		field("instance", string(s.Tag.Instance[:]))
		field("day", s.Tag.Day)
		field("boot", s.Tag.Boot)
		flag(s.Armed, "armed")
		text(s.Version)
	case Named:
		field("strategy", r.Name.Strategy)
		text(r.Name.Text)
	case Intended:
		i := &r.Intent
		fmt.Fprintf(&b, " %s %d %v at %s", i.Side, i.Quantity, i.Key, i.Price)
		field("trigger", i.Trigger)
		field("class", i.Class)
		field("tif", i.TIF)
		field("strategy", i.Strategy)
		field("signal", i.Signal)
		if i.TickAt != 0 && i.DecidedAt != 0 {
			field("tick_to_decision", i.DecidedAt.Sub(i.TickAt))
		}
	case Sending, Reading, Answered:
		k := &r.Call
		fmt.Fprintf(&b, " %s", k.Kind)
		field("attempt", k.Attempt)
		field("class", k.Class)
		field("slot", k.Slot)
		field("epoch", k.Epoch)
		field("price", k.Price)
		if r.Kind == Answered {
			field("verdict", k.Verdict)
			field("sent", [...]string{"", "part", "nothing"}[min(k.Sent, 2)])
			flag(k.Late, "late")
			field("took", k.Took.Round(time.Microsecond))
			field("retry_after", k.RetryAfter)
			field("next_attempt_in", k.Delay)
			text(k.Text)
		}
	case Moved:
		m := &r.Move
		fmt.Fprintf(&b, " %v -> %v", m.Move, m.State)
		field("venue_id", m.VenueID)
		field("filled", m.Filled)
		field("cancelled", m.Cancelled)
		field("expired", m.Expired)
		field("value", m.Value)
		field("price", m.Price)
		field("price_wanted", m.PriceWanted)
		field("attempts", m.Attempts)
		field("absences", m.Absences)
		field("notice", m.Notice)
		flag(m.CancelWanted, "cancel_wanted")
		flag(m.Estimated, "estimated")
		flag(m.EndedByVenue, "ended_by_venue")
		text(m.Text)
	case Leveled:
		fmt.Fprintf(&b, " K%d", r.Level.Level)
		flag(r.Level.Operator, "by_operator")
		text(r.Level.Text)
	case Held:
		fmt.Fprintf(&b, " %v quantity=%d average=%s", r.Holding.Key, r.Holding.Quantity, r.Holding.Average)
	case Blocked:
		fmt.Fprintf(&b, " %v", r.Block.Key)
		flag(!r.Block.Blocked, "no longer")
		text(r.Block.Text)
	case Login:
		field("epoch", r.Session.Epoch)
		if r.Session.OK {
			field("until", r.Session.Expiry)
		} else {
			b.WriteString(" refused")
		}
	case Noted:
		text(r.Text)
	case Tripped:
		fmt.Fprintf(&b, " breaker=%d state=%d", r.Trip.Breaker, r.Trip.State)
	}
	return b.String()
}
