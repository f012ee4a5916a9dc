// Package breaker stops calls to a venue that is failing, and finds out with
// one cheap read at a time when it has healed. It owns its counts and one
// atomic word that anyone may read; it has no clock, instants are arguments.
// What counts as a failure is the caller's to say: a refusal for business, for
// the session or for the rate is none.
package breaker

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// State is closed, open or half-open.
type State uint8

// The states. The zero value lets calls through.
const (
	Closed State = iota
	Open
	HalfOpen
)

func (s State) String() string { return [...]string{"closed", "open", "half_open", "?"}[s&3] }

// Outcome is how a call ended, in the breaker's eyes.
type Outcome uint8

// The outcomes. The zero value changes nothing.
const (
	Neutral Outcome = iota // refused for business, session or rate; cancelled here
	Success
	Slow    // answered, but later than an attempt may take
	Failure // transport, 5xx, HTML, timeout
)

// Cause is why the breaker last opened.
type Cause uint8

// The causes.
const (
	NoCause Cause = iota
	Consecutive
	Ratio
	Slowness
	ProbeFailed
)

func (c Cause) String() string {
	return [...]string{"none", "failures in a row", "half of the calls fail", "half of the calls are slow", "probe failed", "?", "?", "?"}[c&7]
}

// Generation counts the state's changes. A result of an older one is ignored.
type Generation uint32

const (
	trip         = 5  // failures in a row
	least        = 10 // calls in the window before its ratio counts
	buckets      = 10
	bucketSpan   = market.Mono(time.Second)
	openBase     = 5 * time.Second
	openMax      = 60 * time.Second
	healthy      = market.Mono(60 * time.Second)
	probeTimeout = market.Mono(2 * time.Second)
	toClose      = 2 // probes that succeed in a row
	bypassEvery  = market.Mono(time.Second)
)

// Breaker is owned by the order core; Load is for anyone.
type Breaker struct {
	word       atomic.Uint64 // state, cause, generation; written by the owner
	rng        *rand.Rand
	state      State
	cause      Cause
	generation Generation
	failures   int // in a row
	opened     int // times in a row without a healthy minute between
	until      market.Mono
	closedAt   market.Mono
	probing    bool
	probeSince market.Mono
	successes  int
	lastBypass market.Mono
	ends       market.Mono // of the newest bucket: calls from then on count in another
	newest     int         // its position
	calls      [buckets]bucketCount
}

type bucketCount struct{ all, failed, slow int32 }

// New is a closed breaker; rng spreads the time it stays open.
func New(rng *rand.Rand) *Breaker {
	return &Breaker{rng: rng, lastBypass: -bypassEvery}
}

// Allow tells whether a call may leave now, and under which generation its
// result counts. Hot path.
func (b *Breaker) Allow(now market.Mono) (Generation, bool) {
	return b.generation, b.state == Closed
}

// Probe asks to be the one cheap read that finds out whether the venue has
// healed. The caller ends it within two seconds; a probe that hangs counts as
// failed.
func (b *Breaker) Probe(now market.Mono) (Generation, bool) {
	b.Advance(now)
	if b.state != HalfOpen || b.probing {
		return 0, false
	}
	b.probing, b.probeSince = true, now
	return b.generation, true
}

// Bypass lets a cancel through an open breaker, once a second.
func (b *Breaker) Bypass(now market.Mono) bool {
	if b.state == Closed {
		return true
	}
	if now-b.lastBypass < bypassEvery {
		return false
	}
	b.lastBypass = now
	return true
}

// Advance lets time pass: an open breaker becomes half-open, a hung probe
// fails. It returns when the breaker next changes by itself; zero: never.
func (b *Breaker) Advance(now market.Mono) market.Mono {
	if b.state == Open && now >= b.until {
		b.change(HalfOpen, b.cause)
		b.probing, b.successes = false, 0
	}
	if b.state == HalfOpen && b.probing && now-b.probeSince >= probeTimeout {
		b.open(ProbeFailed, now)
	}
	switch {
	case b.state == Open:
		return b.until
	case b.state == HalfOpen && b.probing:
		return b.probeSince + probeTimeout
	}
	return 0
}

// Record takes the result of a call that Allow or Bypass let through. Results of
// an older generation are ignored, and so is all but the probe's while the
// breaker is not closed.
func (b *Breaker) Record(g Generation, outcome Outcome, now market.Mono) {
	if g == b.generation && b.state == Closed && outcome != Neutral {
		b.count(outcome, now)
	}
}

func (b *Breaker) count(outcome Outcome, now market.Mono) {
	if now >= b.ends {
		b.roll(now)
	}
	c := &b.calls[b.newest]
	c.all++
	switch outcome {
	case Success:
		b.failures = 0
		if b.opened > 0 && now-b.closedAt >= healthy {
			b.opened = 0
		}
	case Slow:
		b.failures = 0
		c.slow++
	case Failure:
		b.failures++
		c.failed++
	}
	if outcome != Success {
		b.judge(now)
	}
}

func (b *Breaker) judge(now market.Mono) {
	var sum bucketCount
	for _, c := range b.calls {
		sum.all += c.all
		sum.failed += c.failed
		sum.slow += c.slow
	}
	switch {
	case b.failures >= trip:
		b.open(Consecutive, now)
	case sum.all >= least && 2*sum.failed >= sum.all:
		b.open(Ratio, now)
	case sum.all >= least && 2*sum.slow >= sum.all:
		b.open(Slowness, now)
	}
}

// Probed takes the result of the probe. A neutral one frees its place.
func (b *Breaker) Probed(g Generation, outcome Outcome, now market.Mono) {
	if g != b.generation || !b.probing {
		return
	}
	b.probing = false
	switch outcome {
	case Success:
		if b.successes++; b.successes >= toClose {
			b.change(Closed, NoCause)
			b.closedAt, b.failures = now, 0
			b.calls = [buckets]bucketCount{}
		}
	case Slow, Failure:
		b.open(ProbeFailed, now)
	}
}

// open stays so for 5 s, doubled with every time in a row to a minute, the
// upper half of it drawn.
func (b *Breaker) open(cause Cause, now market.Mono) {
	wait := openMax
	if b.opened < 4 {
		wait = openBase << b.opened
	}
	b.opened++
	b.until = now.Add(wait/2 + time.Duration(b.rng.Int64N(int64(wait/2)+1)))
	b.probing = false
	b.change(Open, cause)
}

func (b *Breaker) change(to State, cause Cause) {
	b.state, b.cause = to, cause
	b.generation++
	b.word.Store(uint64(b.generation)<<16 | uint64(cause)<<8 | uint64(to))
}

// roll makes room for the calls of a new second and forgets those of the same
// second ten seconds ago.
func (b *Breaker) roll(now market.Mono) {
	number := now / bucketSpan
	for n := min((now-b.ends)/bucketSpan, buckets-1); n >= 0; n-- {
		b.calls[(number-n)%buckets] = bucketCount{}
	}
	b.newest, b.ends = int(number%buckets), (number+1)*bucketSpan
}

// State is where the breaker stands, for its owner.
func (b *Breaker) State() State { return b.state }

// Load is where the breaker stands, why it last opened and its generation, for
// any goroutine.
func (b *Breaker) Load() (State, Cause, Generation) {
	w := b.word.Load()
	return State(w & 0xff), Cause(w >> 8 & 0xff), Generation(w >> 16)
}
