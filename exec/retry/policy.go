// Package retry says when something that is safe to repeat may be tried again:
// exponential backoff with full jitter, the venue's own Retry-After, a budget
// that keeps retries from feeding an outage, and the refusal to wait for what
// cannot succeed in time. It decides, it never sleeps: instants are arguments.
// What is safe to repeat is not its to know.
package retry

import (
	"math/rand/v2"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Policy is how often and how patiently.
type Policy struct {
	MaxRetries int           // after the first attempt
	Initial    time.Duration // cap of the first delay
	Max        time.Duration // cap of any delay
	Floor      time.Duration // least delay
}

// Default is three retries (four attempts), one second, thirty at most.
func Default() Policy {
	return Policy{MaxRetries: 3, Initial: time.Second, Max: 30 * time.Second, Floor: 50 * time.Millisecond}
}

// Quick is for reads that settle an unknown outcome.
func Quick() Policy {
	return Policy{MaxRetries: 3, Initial: 200 * time.Millisecond, Max: 5 * time.Second, Floor: 50 * time.Millisecond}
}

// Cap is the largest delay before retry k, from 0. It never overflows.
func (p Policy) Cap(k int) time.Duration {
	limit := p.Initial
	for range k {
		if limit >= p.Max/2 {
			return p.Max
		}
		limit *= 2
	}
	return min(limit, p.Max)
}

// Delay draws the delay before retry k, from 0: uniform from nothing to the
// cap, but at least the floor.
func (p Policy) Delay(k int, rng *rand.Rand) time.Duration {
	return max(p.Floor, time.Duration(rng.Int64N(int64(p.Cap(k))+1)))
}

// retryAfterMax is the longest instruction that is followed; a longer one
// closes the gate for that long and is asked again.
const retryAfterMax = 300 * time.Second

// After spreads the venue's Retry-After: that long, and up to a tenth or one
// second more. Nonsense is clamped to [0, 300 s].
func After(retryAfter time.Duration, rng *rand.Rand) time.Duration {
	retryAfter = min(max(retryAfter, 0), retryAfterMax)
	return retryAfter + time.Duration(rng.Int64N(int64(min(retryAfter/10, time.Second))+1))
}

// Hopeless tells whether a call that starts after the delay would have no
// answer before the deadline. A zero deadline means there is none.
func Hopeless(now market.Mono, delay, roundTrip time.Duration, deadline market.Mono) bool {
	return deadline != 0 && now.Add(delay).Add(roundTrip) >= deadline
}

// NewRand is the generator of one process or one simulated one: the same seed
// gives the same delays.
func NewRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)) }
