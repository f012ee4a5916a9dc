package retry

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// The budget: ten tokens, a failure takes one, a success gives back a tenth,
// and retries are allowed above five; besides, retries may be a tenth of the
// calls of the last two minutes, or three.
const (
	full        = 100 // tenths of a token
	threshold   = 50
	spanBuckets = 12
	bucketSpan  = 10 * time.Second
	leastRetry  = 3
)

// Budget keeps the whole engine's retries from feeding an outage. It is owned
// by the order core. The zero value must be filled by NewBudget.
type Budget struct {
	tenths int
	ends   market.Mono // of the newest bucket: calls from then on count in another
	newest int         // its position
	counts [spanBuckets]counts
}

type counts struct{ calls, again int }

// NewBudget is a full one.
func NewBudget() *Budget { return &Budget{tenths: full} }

// Called counts a call that leaves; again says that it repeats another.
func (b *Budget) Called(again bool, now market.Mono) {
	if now >= b.ends {
		b.roll(now)
	}
	c := &b.counts[b.newest]
	c.calls++
	if again {
		c.again++
	}
}

// Succeeded gives back a tenth of a token.
func (b *Budget) Succeeded() { b.tenths = min(b.tenths+1, full) }

// Failed takes a token.
func (b *Budget) Failed() { b.tenths = max(b.tenths-10, 0) }

// Allow tells whether one more retry is affordable now.
func (b *Budget) Allow(now market.Mono) bool {
	if now >= b.ends {
		b.roll(now)
	}
	calls, again := 0, 0
	for _, c := range b.counts {
		calls += c.calls
		again += c.again
	}
	return b.tenths > threshold && again < max(calls/10, leastRetry)
}

// roll makes room for the calls of a new ten seconds and forgets those of two
// minutes ago.
func (b *Budget) roll(now market.Mono) {
	const span = market.Mono(bucketSpan)
	number := now / span
	for n := min((now-b.ends)/span, spanBuckets-1); n >= 0; n-- {
		b.counts[(number-n)%spanBuckets] = counts{}
	}
	b.newest, b.ends = int(number%spanBuckets), (number+1)*span
}
