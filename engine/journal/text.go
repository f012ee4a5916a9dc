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
	r.Fields(func(name string, value any) {
		switch v := value.(type) {
		case bool:
			fmt.Fprintf(&b, " %s", name)
		case string:
			fmt.Fprintf(&b, " %s=%q", name, v)
		default:
			fmt.Fprintf(&b, " %s=%v", name, v)
		}
	})
	return b.String()
}

// Fields calls add with the name and value of everything that the record's
// Kind sets and that is not empty, in a fixed order. A value is a number, a
// string, true, or says itself what it is.
func (r *Record) Fields(add func(name string, value any)) {
	switch r.Kind {
	case Started:
		s := &r.Start
		add("instance", string(s.Tag.Instance[:]))
		add("day", s.Tag.Day)
		add("boot", s.Tag.Boot)
		some(add, "armed", s.Armed)
		some(add, "version", s.Version)
	case Named:
		add("strategy", r.Name.Strategy)
		some(add, "name", r.Name.Text)
	case Intended:
		i := &r.Intent
		add("side", i.Side)
		add("quantity", i.Quantity)
		add("contract", &i.Key)
		add("price", i.Price)
		some(add, "trigger", i.Trigger)
		add("tif", i.TIF)
		add("class", i.Class)
		add("strategy", i.Strategy)
		some(add, "signal", i.Signal)
		if i.TickAt != 0 && i.DecidedAt != 0 {
			add("tick_to_decision", i.DecidedAt.Sub(i.TickAt))
		}
	case Sending, Reading, Answered:
		r.callFields(add)
	case Moved:
		r.moveFields(add)
	case Leveled:
		add("level", r.Level.Level)
		some(add, "by_operator", r.Level.Operator)
		some(add, "why", r.Level.Text)
	case Held:
		add("contract", &r.Holding.Key)
		add("quantity", r.Holding.Quantity)
		add("average", r.Holding.Average)
	case Blocked:
		add("contract", &r.Block.Key)
		some(add, "blocked", r.Block.Blocked)
		some(add, "free_again", !r.Block.Blocked)
		some(add, "why", r.Block.Text)
	case Login:
		add("epoch", r.Session.Epoch)
		some(add, "ok", r.Session.OK)
		some(add, "asked", !r.Session.OK)
		some(add, "until", r.Session.Expiry)
	case Noted:
		some(add, "text", r.Text)
	case Tripped:
		add("breaker", r.Trip.Breaker)
		add("state", r.Trip.State)
	}
}

func (r *Record) callFields(add func(string, any)) {
	k := &r.Call
	add("call", k.Kind)
	some(add, "attempt", k.Attempt)
	add("class", k.Class)
	some(add, "slot", k.Slot)
	some(add, "epoch", k.Epoch)
	some(add, "price", k.Price)
	if r.Kind != Answered {
		return
	}
	add("verdict", k.Verdict)
	some(add, "sent", [...]string{"", "part", "nothing"}[min(k.Sent, 2)])
	some(add, "late", k.Late)
	some(add, "took", k.Took.Round(time.Microsecond))
	some(add, "retry_after", k.RetryAfter)
	some(add, "next_attempt_in", k.Delay)
	some(add, "said", k.Text)
}

func (r *Record) moveFields(add func(string, any)) {
	m := &r.Move
	add("move", m.Move)
	add("state", m.State)
	some(add, "venue_id", m.VenueID)
	some(add, "filled", m.Filled)
	some(add, "cancelled", m.Cancelled)
	some(add, "expired", m.Expired)
	some(add, "value", m.Value)
	some(add, "price", m.Price)
	some(add, "price_wanted", m.PriceWanted)
	some(add, "attempts", m.Attempts)
	some(add, "absences", m.Absences)
	some(add, "notice", m.Notice)
	some(add, "cancel_wanted", m.CancelWanted)
	some(add, "estimated", m.Estimated)
	some(add, "ended_by_venue", m.EndedByVenue)
	some(add, "why", m.Text)
}

// some adds what is not empty.
func some[T comparable](add func(string, any), name string, value T) {
	var none T
	if value != none {
		add(name, value)
	}
}
