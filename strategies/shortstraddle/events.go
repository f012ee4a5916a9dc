package shortstraddle

import (
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// The timers, on the market clock.
const (
	wakeTimer engine.TimerID = iota + 1 // looks again while time alone can move the plan on
	exitTimer                           // the time stop, though the market be silent
)

// OnStart picks the chain. What an earlier run left behind is told by the fills
// that follow, and is closed.
func (s *Straddle) OnStart(ctx *engine.Context) error {
	if err := taker.Ready(ctx, Name); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	ctx.TimerAt(exitTimer, s.exitAt)
	s.wake(ctx)
	return nil
}

// OnMarket moves the plan on. Hot path: see TestLookingWithNothingToDoDoesNotAllocate.
func (s *Straddle) OnMarket(ctx *engine.Context) {
	s.step(ctx)
	s.wake(ctx)
}

// OnTimer moves the plan on when no news does.
func (s *Straddle) OnTimer(ctx *engine.Context, id engine.TimerID) {
	if id == wakeTimer {
		s.woken = false
	}
	s.step(ctx)
	s.wake(ctx)
}

// OnOrder books what became of an order and moves the plan on.
func (s *Straddle) OnOrder(ctx *engine.Context, u *order.Update) {
	s.onOrder(ctx, u)
	s.wake(ctx)
}

// OnFeed holds new business back while the feed cannot be trusted.
func (s *Straddle) OnFeed(ctx *engine.Context, state market.FeedState) { s.onFeed(ctx, state) }

// OnStop calls resting orders back and says what stays open.
func (s *Straddle) OnStop(ctx *engine.Context) { s.crew.Stop(ctx, Name) }

// wake sees to it that a plan in motion is looked at again without news.
func (s *Straddle) wake(ctx *engine.Context) {
	if !s.woken && s.busy(ctx) {
		s.woken = true
		ctx.TimerAfter(wakeTimer, taker.LookEvery)
	}
}
