package order

import (
	"fmt"
	"time"
)

// Policy says what becomes of an order that the venue twice validly did not
// have. The zero value is Never.
type Policy uint8

// The policies.
const (
	Never          Policy = iota // it is closed as absent and watched until the end of the day
	AfterHardFence               // it may be sent again, once a probe has shown that the venue refuses old requests
)

var policyNames = [...]string{"never", "after_hard_fence"}

func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return "?"
}

// MarshalText writes the policy's name.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads a policy's name.
func (p *Policy) UnmarshalText(text []byte) error {
	for i, name := range policyNames {
		if name == string(text) {
			*p = Policy(i)
			return nil
		}
	}
	return fmt.Errorf("order: policy %.40q is not known; want %q or %q", string(text), policyNames[0], policyNames[1])
}

// hardMargin is what a hard fence waits beyond the proven window: for what was
// taken at its very end to show in lists, and for the clocks.
const hardMargin = 5 * time.Second

// HardFence is how long after it was sent an order that no list shows cannot be
// accepted any more, given the window that is proven (see [ProvenWindow]). Zero
// means that nothing is ever sent again: without a proof, and under Never.
func (p Policy) HardFence(window time.Duration) time.Duration {
	if p != AfterHardFence || window <= 0 {
		return 0
	}
	return window + hardMargin
}

// AgedCall is what became of a read whose timestamp was that old. A call that
// ended in any other way, say throttled or lost, is neither taken nor refused.
type AgedCall struct {
	Age     time.Duration
	Taken   bool // answered like a fresh one
	Refused bool // turned away as badly signed
}

// ProvenWindow is the age from which on the venue is proven to refuse requests:
// the least of the ages from which on every call was refused. Zero means that
// nothing is proven. A refusal counts only beside fresh calls, of age zero, that
// were all taken, for otherwise it may have any other reason; and no call may be
// taken that is older than one that was refused.
func ProvenWindow(calls []AgedCall) time.Duration {
	fresh := false
	oldestTaken, window := time.Duration(-1), time.Duration(0)
	for _, k := range calls {
		switch {
		case k.Age < 0 || k.Taken && k.Refused:
			return 0
		case k.Age == 0 && !k.Taken:
			return 0
		case k.Age == 0:
			fresh = true
		}
		if !k.Refused {
			oldestTaken = max(oldestTaken, k.Age) // at worst
		}
	}
	for _, k := range calls {
		if !k.Refused {
			continue
		}
		for _, other := range calls {
			if other.Taken && other.Age >= k.Age {
				return 0
			}
		}
		if k.Age > oldestTaken && (window == 0 || k.Age < window) {
			window = k.Age
		}
	}
	if !fresh {
		return 0
	}
	return window
}
