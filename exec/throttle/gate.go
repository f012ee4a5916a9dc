// Package throttle keeps the engine inside the venue's rate limits. Exact
// sliding windows of the last second and the last minute and the day's count
// never let more leave than the limits; each class of call leaves a reserve for
// what is more urgent. Under them a token bucket in one word paces the calls,
// and every refusal of the venue's own throttle slows it at once. It owns no
// clock: instants are arguments. It knows nothing of orders but how urgent a
// call is.
package throttle

import (
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Never is an instant that does not come today.
const Never = market.Mono(math.MaxInt64)

// Logins have a place of their own. Without a session nothing leaves at all,
// cancels included, so no reserve is kept from them and no pace holds them. What
// holds them is their own limit, lest a venue that takes us for an attacker
// locks the account.
const classes = order.Classes + 1

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
	Logins   int // in any ten minutes; zero: 3
	Reserves [classes]Reserve
}

// Breeze is the limits for the venue's 10 a second, 100 a minute and 5,000 a
// day, one and ten short of them: the account's owner may be using the web
// login, and a permit may be 50 ms old when its first byte leaves.
func Breeze() Limits {
	l := Limits{Second: 9, Spread: 1050 * time.Millisecond, Minute: 90, Day: 5000, Logins: 3}
	l.Reserves[order.Reconcile] = Reserve{Second: 2, Minute: 20, Day: 500}
	l.Reserves[order.Entry] = Reserve{Second: 2, Minute: 35, Day: 1500}
	l.Reserves[order.Data] = Reserve{Second: 2, Minute: 50, Day: 2000}
	return l
}

// The pace after the venue refused for our rate, and what passes a shut gate.
const (
	fullRate     = 10               // tenths
	floorRate    = 1                // calls a second at the slowest
	recoverEvery = 10 * time.Second // a tenth of the full rate comes back
	forcedEvery  = market.Mono(time.Second)
	loginEvery   = market.Mono(2 * time.Second)
	probeEvery   = market.Mono(5 * time.Second) // reads through a gate that is shut on a guess
	dayEvery     = market.Mono(5 * time.Minute) // reads through a day that is shut
	maxRetry     = 300 * time.Second
	loginSpan    = 10 * time.Minute
)

// Gate says who may call now. It is owned by the order core.
type Gate struct {
	limits       Limits
	room         [classes]Reserve // what a class may use: the limits less its reserve
	second       window
	minute       window
	logins       window
	day          int
	pace         pace
	interval     market.Mono // between two tokens of the pace in force
	saved        int         // tokens that may be saved up
	rate         int         // tenths of the full rate in force, 1 to 10
	dayShut      bool
	told         bool // the venue itself said how long to wait
	closedUntil  market.Mono
	lastForced   market.Mono // last call of the urgent classes through a shut gate
	lastProbe    market.Mono // last reconciling call through a shut gate
	lastLogin    market.Mono // last login through a shut gate
	lastThrottle market.Mono
	refusals     int // throttle verdicts in a row
}

// New opens a gate with empty windows.
func New(limits Limits) *Gate {
	if limits.Logins <= 0 {
		limits.Logins = 3
	}
	g := &Gate{
		limits: limits, pace: pace(ancient), lastForced: ancient, lastProbe: ancient, lastLogin: ancient,
		second: newWindow(limits.Second, limits.Spread), minute: newWindow(limits.Minute, time.Minute),
		logins: newWindow(limits.Logins, loginSpan),
	}
	for class, reserve := range limits.Reserves {
		g.room[class] = Reserve{limits.Second - reserve.Second, limits.Minute - reserve.Minute, limits.Day - reserve.Day}
	}
	g.setRate(fullRate)
	return g
}

// Take asks for a permit at this instant, and counts the call when it is given.
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
	g.pace.take(g.interval, g.saved, now)
	if class == order.Login {
		g.logins.add(now)
	}
	if g.shut(now) {
		*g.lastThrough(class) = now
	}
	return true
}

// Ready is the earliest instant at which Take could succeed if nobody else
// calls before; Never when the day is used up.
func (g *Gate) Ready(class order.Class, write bool, now market.Mono) market.Mono {
	room := &g.room[class]
	if g.day >= room.Day {
		return Never
	}
	ready := g.minute.ready(room.Minute)
	if write {
		ready = max(ready, g.second.ready(room.Second))
	}
	if class == order.Login {
		ready = max(ready, g.logins.ready(g.limits.Logins))
	}
	if g.rate < fullRate {
		g.recover(now)
	}
	if class >= order.Reconcile && class != order.Login {
		ready = max(ready, g.pace.ready(g.interval, g.saved))
	}
	if g.shut(now) {
		return max(ready, g.through(class))
	}
	return ready
}

func (g *Gate) shut(now market.Mono) bool { return g.dayShut || now < g.closedUntil }

// through is when a call of the class may pass a shut gate. What cuts exposure
// goes on at one call a second, a login at one in two. A read that settles an
// unknown outcome asks again every few seconds while nobody knows how long the
// venue means; when the venue has said it, or the day is over, it waits.
// Entries and data wait for the gate to open.
func (g *Gate) through(class order.Class) market.Mono {
	switch {
	case class <= order.Cancel:
		return g.lastForced + forcedEvery
	case class == order.Login:
		return g.lastLogin + loginEvery
	case g.dayShut && class == order.Reconcile:
		return max(g.closedUntil, g.lastProbe+dayEvery)
	case g.dayShut:
		return Never
	case class == order.Reconcile && !g.told:
		return min(g.closedUntil, g.lastProbe+probeEvery)
	}
	return g.closedUntil
}

// lastThrough is when the class last passed a shut gate.
func (g *Gate) lastThrough(class order.Class) *market.Mono {
	switch {
	case class <= order.Cancel:
		return &g.lastForced
	case class == order.Login:
		return &g.lastLogin
	}
	return &g.lastProbe
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

// Throttled reports that the venue refused a call for our rate: the pace halves
// at once and saves nothing up. With an instruction how long to wait it is kept,
// within five minutes; without one the gate shuts until the busier of the two
// windows has room for sure: the second's first, and the minute's if that was
// not it.
func (g *Gate) Throttled(retryAfter time.Duration, now market.Mono) {
	g.recover(now)
	g.refusals++
	g.setRate(max(g.rate/2, 1))
	g.lastThrottle, g.lastProbe, g.lastLogin = now, max(g.lastProbe, now), max(g.lastLogin, now)
	g.pace.empty(g.interval, now)
	told := retryAfter > 0
	until := now.Add(min(max(retryAfter, 0), maxRetry))
	if !told {
		until = now.Add(g.limits.Spread)
		if g.refusals > 1 || 2*g.second.used(now) < g.limits.Second {
			until = max(until, g.minute.oldest(now)+market.Mono(time.Minute))
		}
	}
	if until >= g.closedUntil {
		g.closedUntil, g.told = until, told
	}
}

// ThrottledDay reports that the day's calls are used up at the venue: entries
// and data wait for [Gate.NewDay], cancels and logins are still tried, and a
// reconciling read may probe every five minutes.
func (g *Gate) ThrottledDay(now market.Mono) {
	g.dayShut = true
	g.lastProbe, g.lastForced, g.lastLogin = now, now, now
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

// setRate sets the pace to that many tenths of the full rate. At the full rate
// the bucket holds a second's calls; a slower one saves nothing.
func (g *Gate) setRate(tenths int) {
	g.rate = tenths
	g.interval = market.Mono(time.Second) / market.Mono(g.perSecond())
	g.saved = 0
	if tenths == fullRate {
		g.saved = g.limits.Second - 1
	}
}

func (g *Gate) perSecond() int { return max(g.limits.Second*g.rate/fullRate, floorRate) }

func (g *Gate) recover(now market.Mono) {
	for g.rate < fullRate && now.Sub(g.lastThrottle) >= recoverEvery {
		g.setRate(g.rate + 1)
		g.lastThrottle = g.lastThrottle.Add(recoverEvery)
	}
}

// Quota is what a moment leaves.
type Quota struct {
	SecondUsed, MinuteUsed, DayUsed int
	MinuteLeft, DayLeft             [order.Classes]int
	LoginsLeft                      int // in these ten minutes
	PerSecond                       int // calls a second at the pace in force
	ClosedFor                       time.Duration
	DayShut                         bool
}

// Left is the quota at this instant.
func (g *Gate) Left(now market.Mono) Quota {
	g.recover(now)
	q := Quota{
		SecondUsed: g.second.used(now), MinuteUsed: g.minute.used(now), DayUsed: g.day, LoginsLeft: g.limits.Logins - g.logins.used(now),
		PerSecond: g.perSecond(), ClosedFor: max(g.closedUntil.Sub(now), 0), DayShut: g.dayShut,
	}
	for class := range q.MinuteLeft {
		q.MinuteLeft[class] = max(g.room[class].Minute-q.MinuteUsed, 0)
		q.DayLeft[class] = max(g.room[class].Day-q.DayUsed, 0)
	}
	return q
}
