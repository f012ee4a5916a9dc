package throttle

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// A gate that was restarted must know what left before, or a crash loop would
// pass the venue's limits. The journal has every call, written before its first
// byte: replay the day's calls with Restore and the venue's refusals with
// [Gate.Throttled], [Gate.ThrottledDay] and [Gate.Served], all oldest first and
// before the first Take, then call Restored. What is recorded and was never
// sent counts all the same.

// Restore brings back one call of today. Its instant is of this process's
// monotonic clock, so that a call before its start is negative: now less the
// age that the wall clock gives it.
func (g *Gate) Restore(at market.Mono, class order.Class, write bool) {
	at = max(at, ancient+market.Mono(g.limits.Spread))
	if write {
		g.second.insert(at)
	}
	if class == order.Login {
		g.logins.insert(at)
	}
	g.minute.insert(at)
	g.day++
	g.recover(at)
	after := g.pace
	after.take(g.interval, g.saved, at)
	g.pace = max(g.pace, after)
	if g.shut(at) {
		last := g.lastThrough(class)
		*last = max(*last, at)
	}
}

// RestoreDay brings back the day's count where only the number is known: at
// least that many calls of today have left.
func (g *Gate) RestoreDay(count int) { g.day = max(g.day, count) }

// Restored ends the replay. A call or a shut gate that seems to lie in the
// future, because the wall clock has been set back meanwhile, counts as of now.
func (g *Gate) Restored(now market.Mono) {
	for _, w := range []*window{&g.second, &g.minute, &g.logins} {
		for i := range w.times {
			w.times[i] = min(w.times[i], now)
		}
	}
	g.closedUntil = min(g.closedUntil, now.Add(maxRetry))
	for _, at := range []*market.Mono{&g.lastForced, &g.lastProbe, &g.lastLogin, &g.lastThrottle} {
		*at = min(*at, now)
	}
	g.pace = pace(min(market.Mono(g.pace), now+g.interval*market.Mono(g.limits.Second)))
}

// Fill is for who cannot know what left before, since the journal is lost or
// the wall clock not to be trusted: it assumes full windows. One login stays
// free, for without it nothing of the day can ever be known. The day's count is
// not touched: see RestoreDay.
func (g *Gate) Fill(now market.Mono) {
	for _, w := range []*window{&g.second, &g.minute} {
		for range w.times {
			w.add(now)
		}
	}
	for range len(g.logins.times) - 1 {
		g.logins.add(now)
	}
}
