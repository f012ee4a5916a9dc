package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// simDay is the trading day of every world.
const simDay = market.Date(2026_11_24)

// simClock is the clocks of a world: the venue's, which are right, and the
// process's, whose wall clock is off and jumps and whose monotonic clock begins
// anew with every start.
type simClock struct {
	draws         draws
	zero          market.UnixNano // of the venue's clock when the world's was zero
	jumped        market.Mono     // last
	told          bool            // the shell raised the level for it
	off           time.Duration   // what our wall clock shows beyond the venue's
	base          market.Mono     // of the world when the process's monotonic clock was zero
	opens, closes market.UnixNano // as risk is told
}

func (c *simClock) begin(s *simWorld) {
	c.draws = newDraws(s.seed, drawsOfClock)
	start := 11 * time.Hour
	c.opens, c.closes = simDay.At(9*time.Hour+15*time.Minute), simDay.At(15*time.Hour+30*time.Minute)
	switch s.plan.phase {
	case beforeOpen:
		start = 9*time.Hour + 14*time.Minute + 30*time.Second
	case beforeClose:
		start = 15*time.Hour + 28*time.Minute + 30*time.Second
	case beforeCut:
		s.plan.cut = 11*time.Hour + 40*time.Second
	case beforeMidnight:
		// No venue is open then; what matters is what a day's end does to orders
		// in doubt, to the session and to the day's count.
		start, c.closes = 23*time.Hour+58*time.Minute+30*time.Second, simDay.AddDays(1).At(time.Hour)
	}
	c.zero = simDay.At(start)
	c.off = time.Duration(c.draws.between(-500*ms, 500*ms)) // what a clock daemon leaves
}

// venue is the venue's time, which is the true one.
func (c *simClock) venue(now market.Mono) market.UnixNano { return c.zero + market.UnixNano(now) }

// mono is an instant on the process's monotonic clock.
func (c *simClock) mono(now market.Mono) market.Mono { return now - c.base }

// stamp is what the process reads from its clocks.
func (c *simClock) stamp(now market.Mono) market.Stamp {
	wall := c.venue(now).Add(c.off)
	return market.Stamp{Mono: c.mono(now), Wall: wall, Market: wall}
}

// pause stops the process and lets it go on: everything that was due meanwhile
// comes at once.
func (c *simClock) pause(s *simWorld) {
	lasts := c.draws.between(20*ms, 2*second)
	if c.draws.hit(0.1) {
		lasts = c.draws.between(10*second, 300*second)
	}
	s.coverAll(pauses)
	if s.say != nil {
		s.say("%v stands still for %v", s.now, time.Duration(lasts))
	}
	s.now += lasts
}

// jump sets our wall clock up to an hour off, or right again.
//
// A jump while no process runs, or in the last minute before one starts, hides
// from it how long ago the last calls were: nothing but the machine's own
// uptime could tell. Worlds leave that out.
func (c *simClock) jump(s *simWorld) {
	if !s.up {
		return
	}
	c.off, c.jumped = 0, s.now
	if c.draws.hit(0.7) {
		c.off = time.Duration(c.draws.between(-3600*second, 3600*second))
		if c.draws.hit(0.5) {
			c.off = time.Duration(c.draws.between(-5*second, 5*second))
		}
	}
	c.told = false
	s.coverAll(wallJumps)
	if s.say != nil {
		s.say("%v our wall clock is off by %v", s.now, c.off)
	}
}

// mend is what whoever starts an engine does to a clock that is far off: the
// shell would not let it trade otherwise.
func (c *simClock) mend() {
	if c.off.Abs() > 30*time.Second {
		c.off = 0
	}
}

// compare is the shell's comparison of our clock with the date of an answer.
func (c *simClock) compare(s *simWorld) {
	if c.off.Abs() > 31*time.Second && !c.told {
		c.told = true
		s.event.Kind, s.event.Level, s.event.Text = KillEvent, levelReducing, "the venue's clock is far from ours"
		s.step()
	}
}
