package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Faults is how a venue misbehaves. A field without a unit is the chance, 0 to
// 1, that one request, order or notice meets the fault; one that ends in
// PerMinute is how often, on average, it strikes in a minute of real time. All
// draws come from the venue's seed. The zero value is a healthy venue.
type Faults struct {
	Name string

	// Of one REST call.
	DropBefore  float64       // the connection is cut before anything is done
	DropAfter   float64       // the connection is cut after it was done
	LoseAnswer  float64       // done, then silence on an open connection
	LateAccept  float64       // order writes: no answer, and done only after LateBy
	LateBy      time.Duration // zero: 5 s
	Throttle401 float64       // refused with the minute-limit text
	HTML429     float64       // a gateway's page
	HTML502     float64
	BackendDown float64 // "Error while calling service" in a normal answer
	Exception   float64 // the ASP.NET exception object
	EmptyList   float64 // order lists: "No Data Found" though there is data

	// Of one order.
	LateReject   float64 // a sound order is rejected by the exchange after the 200
	LateCheck    float64 // an order that fails an exchange check gets its 200 first
	IgnoreModify float64 // 200, and nothing happens
	IgnoreCancel float64

	// Of one order notice.
	LoseNotice   float64
	RepeatNotice float64
	SwapNotice   float64 // it changes places with the next one

	// Of the streams.
	MalformedPerMinute float64 // an extra broken frame beside the good ones
	DropPerMinute      float64 // a socket's transport is cut
	KickPerMinute      float64 // a socket gets 41
	MutePerMinute      float64 // a socket gets only pings for MuteFor; its events are lost
	MuteFor            time.Duration
	StallPerMinute     float64 // all sockets stand still for StallFor, then everything comes at once
	StallFor           time.Duration

	ListLag time.Duration // orders, trades and positions show in lists this much later
}

// Profiles are the named fault plans, mildest first.
func profiles() map[string]Faults {
	return map[string]Faults{
		"none": {},
		"flaky": {
			DropBefore: 0.02, DropAfter: 0.01, HTML502: 0.02, BackendDown: 0.01,
			DropPerMinute: 1, MalformedPerMinute: 6, RepeatNotice: 0.02,
		},
		"throttle":      {Throttle401: 0.08, HTML429: 0.05},
		"lossy-answers": {DropAfter: 0.10, LoseAnswer: 0.05, LateAccept: 0.05, LateBy: 3 * time.Second, ListLag: 300 * time.Millisecond},
		"rejects":       {LateReject: 0.10, LateCheck: 0.5, IgnoreModify: 0.2, IgnoreCancel: 0.2},
		"streams": {
			MalformedPerMinute: 20, DropPerMinute: 3, KickPerMinute: 1, MutePerMinute: 1, MuteFor: 6 * time.Second,
			StallPerMinute: 1, StallFor: 3 * time.Second, LoseNotice: 0.05, RepeatNotice: 0.05, SwapNotice: 0.05,
		},
		"storm": {
			DropBefore: 0.05, DropAfter: 0.05, LoseAnswer: 0.03, LateAccept: 0.03, LateBy: 4 * time.Second,
			Throttle401: 0.03, HTML429: 0.02, HTML502: 0.03, BackendDown: 0.02, Exception: 0.01, EmptyList: 0.02,
			LateReject: 0.05, LateCheck: 0.5, IgnoreModify: 0.05, IgnoreCancel: 0.05,
			LoseNotice: 0.05, RepeatNotice: 0.05, SwapNotice: 0.05,
			MalformedPerMinute: 20, DropPerMinute: 3, KickPerMinute: 1, MutePerMinute: 0.5, MuteFor: 6 * time.Second,
			StallPerMinute: 1, StallFor: 3 * time.Second, ListLag: 200 * time.Millisecond,
		},
	}
}

// FaultProfile is the plan of that name: none, flaky, throttle, lossy-answers,
// rejects, streams or storm. An empty name is none.
func FaultProfile(name string) (Faults, error) {
	if name == "" {
		name = "none"
	}
	f, ok := profiles()[name]
	if !ok {
		names := slices.Sorted(maps.Keys(profiles()))
		return f, fmt.Errorf("%w: no fault profile %q (there are %s)", ErrConfig, name, strings.Join(names, ", "))
	}
	f.Name = name
	return f, nil
}

func (f *Faults) validate() error {
	for name, chance := range map[string]float64{
		"DropBefore": f.DropBefore, "DropAfter": f.DropAfter, "LoseAnswer": f.LoseAnswer, "LateAccept": f.LateAccept,
		"Throttle401": f.Throttle401, "HTML429": f.HTML429, "HTML502": f.HTML502, "BackendDown": f.BackendDown,
		"Exception": f.Exception, "EmptyList": f.EmptyList, "LateReject": f.LateReject, "LateCheck": f.LateCheck,
		"IgnoreModify": f.IgnoreModify, "IgnoreCancel": f.IgnoreCancel, "LoseNotice": f.LoseNotice,
		"RepeatNotice": f.RepeatNotice, "SwapNotice": f.SwapNotice,
	} {
		if !(chance >= 0 && chance <= 1) {
			return fmt.Errorf("%w: fault %s is %v, want a chance from 0 to 1", ErrConfig, name, chance)
		}
	}
	for name, rate := range map[string]float64{
		"MalformedPerMinute": f.MalformedPerMinute, "DropPerMinute": f.DropPerMinute, "KickPerMinute": f.KickPerMinute,
		"MutePerMinute": f.MutePerMinute, "StallPerMinute": f.StallPerMinute,
	} {
		if !(rate >= 0 && rate <= 6000) {
			return fmt.Errorf("%w: fault %s is %v, want 0 to 6000", ErrConfig, name, rate)
		}
	}
	or(&f.LateBy, 5*time.Second)
	or(&f.MuteFor, 5*time.Second)
	or(&f.StallFor, 3*time.Second)
	return nil
}
