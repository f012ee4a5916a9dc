// Package throttle keeps the engine inside the venue's rate limits: exact
// sliding logs of the last second and the last minute, the day's count, a
// reserve for what is more urgent than entries, and a pace that falls with
// every refusal the venue's own throttle gives. It owns no clock: instants are
// arguments. It knows nothing of orders but how urgent a call is.
package throttle

import (
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Never is an instant that does not come today.
const Never = market.Mono(math.MaxInt64)

// Reserve is what a class leaves untouched for more urgent ones.
type Reserve struct{ Second, Minute, Day int }

// Limits are the most calls that may leave, all classes together. A second's
// limit counts placements, modifications and cancels; the others count
// everything.
type Limits struct {
	Second   int
	Spread   time.Duration // the "second": longer by what a permit may age before its first byte
	Minute   int
	Day      int
	Reserves [order.Classes]Reserve
}

// Breeze is the limits for the venue's 10 a second, 100 a minute and 5,000 a
// day, one and ten short of them: the account's owner may be using the web
// login, and a permit may be 50 ms old when its first byte leaves.
func Breeze() Limits {
	l := Limits{Second: 9, Spread: 1050 * time.Millisecond, Minute: 90, Day: 5000}
	l.Reserves[order.Reconcile] = Reserve{Second: 2, Minute: 20, Day: 500}
	l.Reserves[order.Entry] = Reserve{Second: 2, Minute: 35, Day: 1500}
	l.Reserves[order.Data] = Reserve{Second: 2, Minute: 50, Day: 2000}
	return l
}

// The pace after the venue refused for our rate.
const (
	floorRate    = 1                // calls a second at the slowest
	recoverEvery = 10 * time.Second // a tenth of the full rate comes back
	forcedEvery  = market.Mono(time.Second)
	probeEvery   = market.Mono(5 * time.Minute)
	maxRetry     = 300 * time.Second
)

// Gate says who may call now. It is owned by the order core.
type Gate struct {
	limits       Limits
	second       window
	minute       window
	day          int
	dayShut      bool
	closedUntil  market.Mono
	lastForced   market.Mono // last call of the urgent classes through a closed gate
	lastProbe    market.Mono // last reconcile call through a shut day
	lastThrottle market.Mono
	refusals     int // throttle verdicts in a row
	rate         int // tenths of the full rate in force, 1 to 10
	paced        market.Mono
}

// New opens a gate with empty logs.
func New(limits Limits) *Gate {
	return &Gate{
		limits: limits, rate: 10,
		second: newWindow(limits.Second, limits.Spread), minute: newWindow(limits.Minute, time.Minute),
		lastForced: -forcedEvery, lastProbe: -probeEvery,
	}
}

// Take asks for a permit at this instant, and logs the call when it is given.
// Writes are placements, modifications and cancels. Hot path.
func (g *Gate) Take(class order.Class, write bool, now market.Mono) bool {
	if g.Ready(class, write, now) > now {
		return false
	}
	if write {
		g.second.add(now)
	}
	g.minute.add(now)
	g.day++
	if g.dayShut || now < g.closedUntil {
		if class <= order.Cancel {
			g.lastForced = now
		} else {
			g.lastProbe = now
		}
	}
	if g.rate < 10 {
		g.paced = max(g.paced, now) + g.interval()
	}
	return true
}

// Ready is the earliest instant at which Take could succeed if nobody else
// calls before; Never when the day is used up.
func (g *Gate) Ready(class order.Class, write bool, now market.Mono) market.Mono {
	reserve := &g.limits.Reserves[class]
	if g.day >= g.limits.Day-reserve.Day {
		return Never
	}
	ready := g.minute.ready(g.limits.Minute - reserve.Minute)
	if write {
		ready = max(ready, g.second.ready(g.limits.Second-reserve.Second))
	}
	if g.rate == 10 && now >= g.closedUntil && !g.dayShut {
		return ready
	}
	return g.slowed(class, ready, now)
}

// slowed is Ready after the venue refused: it waits for the gate to open and
// keeps the pace. What cuts exposure goes on at one call a second.
func (g *Gate) slowed(class order.Class, ready, now market.Mono) market.Mono {
	closed := g.dayShut || now < g.closedUntil
	if class <= order.Cancel {
		if closed {
			return max(ready, g.lastForced+forcedEvery)
		}
		return ready
	}
	if g.dayShut {
		if class != order.Reconcile {
			return Never
		}
		return max(ready, g.closedUntil, g.lastProbe+probeEvery)
	}
	g.recover(now)
	ready = max(ready, g.closedUntil)
	if g.rate < 10 {
		ready = max(ready, g.paced)
	}
	return ready
}

// Refund takes back a permit whose call provably sent not one byte.
func (g *Gate) Refund(write bool, taken market.Mono) {
	if g.minute.remove(taken) {
		g.day--
	}
	if write {
		g.second.remove(taken)
	}
}

// Throttled reports that the venue refused a call for our rate. With an
// instruction how long to wait it is kept, within five minutes; without one the
// gate shuts until the busier of the two logs has room for sure: the second's
// first, and the minute's if that was not it.
func (g *Gate) Throttled(retryAfter time.Duration, now market.Mono) {
	g.recover(now)
	g.refusals++
	g.rate = max(g.rate/2, 1)
	g.lastThrottle = now
	g.paced = now + g.interval()
	until := now.Add(min(max(retryAfter, 0), maxRetry))
	if retryAfter <= 0 {
		until = now.Add(g.limits.Spread)
		if g.refusals > 1 || 2*g.second.used(now) < g.limits.Second {
			until = max(until, g.minute.oldest(now)+market.Mono(time.Minute))
		}
	}
	g.closedUntil = max(g.closedUntil, until)
}

// ThrottledDay reports that the day's calls are used up at the venue: entries
// and data wait for [Gate.NewDay], cancels are still tried, and a reconciling
// read may probe every five minutes.
func (g *Gate) ThrottledDay(now market.Mono) {
	g.dayShut = true
	g.lastProbe, g.lastForced = now, now
}

// Served reports that the venue answered a call: refusals in a row end, and a
// day that was said to be over is not.
func (g *Gate) Served() {
	g.refusals = 0
	g.dayShut = false
}

// NewDay starts the day's count anew, at midnight in India.
func (g *Gate) NewDay() { g.day, g.dayShut = 0, false }

// DayShut tells whether the venue said that the day's calls are used up.
func (g *Gate) DayShut() bool { return g.dayShut }

func (g *Gate) interval() market.Mono {
	return market.Mono(time.Second) / market.Mono(max(g.limits.Second*g.rate/10, floorRate))
}

func (g *Gate) recover(now market.Mono) {
	for g.rate < 10 && now.Sub(g.lastThrottle) >= recoverEvery {
		g.rate++
		g.lastThrottle = g.lastThrottle.Add(recoverEvery)
	}
}

// Quota is what a moment leaves.
type Quota struct {
	SecondUsed, MinuteUsed, DayUsed int
	MinuteLeft, DayLeft             [order.Classes]int
	PerSecond                       int // order calls a second at the pace in force
	ClosedFor                       time.Duration
	DayShut                         bool
}

// Left is the quota at this instant.
func (g *Gate) Left(now market.Mono) Quota {
	q := Quota{
		SecondUsed: g.second.used(now), MinuteUsed: g.minute.used(now), DayUsed: g.day,
		PerSecond: max(g.limits.Second*g.rate/10, floorRate), ClosedFor: max(g.closedUntil.Sub(now), 0), DayShut: g.dayShut,
	}
	for class := range q.MinuteLeft {
		reserve := &g.limits.Reserves[class]
		q.MinuteLeft[class] = max(g.limits.Minute-reserve.Minute-q.MinuteUsed, 0)
		q.DayLeft[class] = max(g.limits.Day-reserve.Day-q.DayUsed, 0)
	}
	return q
}
