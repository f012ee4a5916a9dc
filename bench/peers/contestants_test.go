package peers

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
	"github.com/vayu-trading/vayu/exec/retry"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// contestant does one piece of work n times.
type contestant struct {
	name string
	run  func(n int)
	ours bool
}

var start = time.Now()

// clock is one reading of the monotonic clock: the floor of everything that
// reads its own.
func clock() market.Mono { return market.Mono(time.Since(start)) }

// stretch makes nanoseconds between two calls of a benchmark into the tenths of
// a second that lie between two orders, so that windows have room and buckets
// turn as they do in a day of trading, not as in a loop.
const stretch = 6_000_000

// between is the time between two calls for who is given it.
const between = market.Mono(160 * time.Millisecond)

// limits are the venue's windows of a second; the minute's and the day's are
// widened to what a call every 160 ms needs, for a benchmark is to measure calls
// that are let through.
func limits() throttle.Limits {
	l := throttle.Breeze()
	l.Minute, l.Day = 600, 1<<60
	return l
}

// bad counts calls that a contestant did not let through, which would make its
// time worthless.
var bad int

var errRefused = errors.New("refused")

// ours is the whole way of the three before a call and after it.
type ours struct {
	gate    *throttle.Gate
	breaker *breaker.Breaker
	budget  *retry.Budget
}

func newOurs() *ours {
	return &ours{throttle.New(limits()), breaker.New(rand.New(rand.NewPCG(1, 2))), retry.NewBudget()}
}

// call is limiter, breaker and the bookkeeping of retries around fn.
func (o *ours) call(now market.Mono, fn func() error) error {
	generation, ok := o.breaker.Allow(now)
	if !ok || !o.gate.Take(order.Entry, true, now) {
		return errRefused
	}
	o.budget.Called(false, now)
	err := fn()
	if err != nil {
		o.breaker.Record(generation, breaker.Failure, now)
		o.budget.Failed()
		return err
	}
	o.breaker.Record(generation, breaker.Success, now)
	o.budget.Succeeded()
	return nil
}

func nothing() error { return nil }

func note(ok bool) {
	if !ok {
		bad++
	}
}

var sink market.Mono

func clockFloor() contestant {
	return contestant{name: "one clock reading", run: func(n int) {
		for range n {
			sink += clock()
		}
	}}
}

func limiters() []contestant {
	gate, now := throttle.New(limits()), market.Mono(0)
	own := throttle.New(limits())
	wide := rate.NewLimiter(1e9, 1e9)
	given, at := rate.NewLimiter(10, 10), start
	bursty := ratelimiter.NewBursty[any](1<<40, time.Second)
	return []contestant{
		{name: "vayu, caller's clock", ours: true, run: func(n int) {
			for range n {
				now += between
				note(gate.Take(order.Entry, true, now))
			}
		}},
		{name: "vayu, own clock", ours: true, run: func(n int) {
			for range n {
				note(own.Take(order.Entry, true, clock()*stretch))
			}
		}},
		{name: "x/time/rate Allow", run: func(n int) {
			for range n {
				note(wide.Allow())
			}
		}},
		{name: "x/time/rate AllowN, caller's clock", run: func(n int) {
			for range n {
				at = at.Add(time.Duration(between))
				note(given.AllowN(at, 1))
			}
		}},
		{name: "failsafe-go bursty", run: func(n int) {
			for range n {
				note(bursty.TryAcquirePermit())
			}
		}},
	}
}

func breakers() []contestant {
	br, now := breaker.New(rand.New(rand.NewPCG(1, 2))), market.Mono(0)
	sony := gobreaker.NewCircuitBreaker[any](gobreaker.Settings{})
	safe := circuitbreaker.NewWithDefaults[any]()
	work := func() (any, error) { return nil, nil }
	return []contestant{
		{name: "vayu Allow and Record", ours: true, run: func(n int) {
			for range n {
				now += between
				g, ok := br.Allow(now)
				note(ok)
				br.Record(g, breaker.Success, now)
			}
		}},
		{name: "sony/gobreaker Execute", run: func(n int) {
			for range n {
				_, err := sony.Execute(work)
				note(err == nil)
			}
		}},
		{name: "failsafe-go TryAcquirePermit and Record", run: func(n int) {
			for range n {
				note(safe.TryAcquirePermit())
				safe.RecordSuccess()
			}
		}},
	}
}

func composed() []contestant {
	given, now := newOurs(), market.Mono(0)
	own := newOurs()
	safe := failsafe.With[any](
		retrypolicy.NewBuilder[any]().WithMaxRetries(3).WithBackoff(time.Second, 30*time.Second).WithJitterFactor(0.5).Build(),
		circuitbreaker.NewWithDefaults[any](),
		ratelimiter.NewBursty[any](1<<40, time.Second),
	)
	return []contestant{
		{name: "vayu, caller's clock", ours: true, run: func(n int) {
			for range n {
				now += between
				note(given.call(now, nothing) == nil)
			}
		}},
		{name: "vayu, own clock", ours: true, run: func(n int) {
			for range n {
				note(own.call(clock()*stretch, nothing) == nil)
			}
		}},
		{name: "failsafe-go retry, breaker, limiter", run: func(n int) {
			for range n {
				note(safe.Run(nothing) == nil)
			}
		}},
	}
}

func TestOurContestantsAllocateNothing(t *testing.T) {
	for _, group := range [][]contestant{limiters(), breakers(), composed()} {
		for _, c := range group {
			if c.ours {
				require.Zero(t, testing.AllocsPerRun(1000, func() { c.run(1) }), c.name)
			}
		}
	}
}
