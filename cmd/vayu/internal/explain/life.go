package explain

import (
	"github.com/vayu-trading/vayu/engine/order"
)

// Life is everything that the journal knows of one order. Lengths of time are in
// nanoseconds, amounts in paise.
type Life struct {
	ID       order.ID `json:"order"`
	VenueID  string   `json:"venue_order_id,omitempty"`
	Remark   string   `json:"remark,omitempty"`
	Day      string   `json:"day"`
	Began    string   `json:"began"` // wall time of the intent, RFC 3339
	Strategy string   `json:"strategy"`
	Contract string   `json:"contract"`
	Side     string   `json:"side"`
	TIF      string   `json:"time_in_force"`
	Class    string   `json:"class"`
	Signal   uint64   `json:"signal,omitempty"`
	Quantity int64    `json:"quantity"`
	Price    int64    `json:"price"`
	Trigger  int64    `json:"trigger,omitempty"`

	State     string `json:"state"` // the last that is recorded
	Filled    int64  `json:"filled"`
	Value     int64  `json:"value"`               // of what was filled
	Estimated bool   `json:"estimated,omitempty"` // the value rests on the limit price
	Cancelled int64  `json:"cancelled,omitempty"`
	Expired   int64  `json:"expired,omitempty"`
	Why       string `json:"why,omitempty"` // denied or refused

	Stages   []Stage   `json:"stages"`
	Attempts []Attempt `json:"attempts"`
	Timeline []Line    `json:"timeline"`
}

// Stage is one leg of the way from the tick to the approval.
type Stage struct {
	Name  string `json:"name"`
	Nanos int64  `json:"ns"`
}

// Attempt is one call at the venue on behalf of the order, or a read of lists
// while its fate was in doubt.
type Attempt struct {
	Call       string `json:"call"`
	Attempt    uint8  `json:"attempt"`
	Epoch      uint64 `json:"epoch"`
	Boot       uint32 `json:"boot"`    // the run that made it
	At         int64  `json:"at_ns"`   // permit, from the intent on
	FirstByte  int64  `json:"sent_ns"` // from the permit to the first byte; -1: not known
	Took       int64  `json:"took_ns"` // from the permit to the answer; -1: no answer is recorded
	Price      int64  `json:"price,omitempty"`
	Verdict    string `json:"verdict,omitempty"` // empty: no answer is recorded
	Means      string `json:"means,omitempty"`
	Late       bool   `json:"late,omitempty"`
	RetryAfter int64  `json:"retry_after_ns,omitempty"` // what the venue asked for
	Delay      int64  `json:"delay_ns,omitempty"`       // until the next attempt
	Says       string `json:"venue_says,omitempty"`
}

// Line is one moment.
type Line struct {
	At       int64  `json:"at_ns"` // from the intent on
	Wall     string `json:"wall"`
	Sequence uint64 `json:"record"`
	What     string `json:"what"`
	Text     string `json:"text"`
}

// means says in words what a verdict on a write, or on a read, proves.
func means(v order.Verdict, write bool) string {
	switch v {
	case order.OK:
		return "the venue's answer says so"
	case order.NotSent:
		return "proof that no whole request left: it may be sent again"
	case order.Throttle:
		return "refused for the rate: the gate slows down, the login stays"
	case order.ThrottleDay:
		return "the day's calls are used up"
	case order.Auth:
		return "refused for its session or signature: that login is renewed once"
	case order.Refused:
		return "refused for what it asked: never repeated"
	case order.RefusedPre:
		return "refused as malformed: our own fault, never repeated"
	case order.ConfigFatal:
		return "only a person can mend it"
	case order.Retry:
		return "no answer to rely on: a read may be repeated"
	case order.Empty:
		return "empty, or not known there: no proof of absence by itself"
	}
	if write {
		return "nobody knows whether the venue took it: it is looked for, never sent again"
	}
	return "nothing is known"
}
