package taker

import (
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Plan is what a strategy of takers does when it is called. Its functions are
// called one at a time, by whoever steps the strategy.
type Plan struct {
	Name    string                                            // for errors and notes
	Start   func(Context) (exitAt market.UnixNano, err error) // picks the chain; from exitAt on everything is closed
	Step    func(Context)                                     // moves the plan as far as it can go now
	Busy    func(Context) bool                                // tells whether time alone can move it on
	OnOrder func(Context, *order.Update)
	OnFeed  func(Context, market.FeedState)
	Crew    *Crew
}

// Stage makes an engine's strategy of a plan, which embeds it: it starts it,
// steps it on every news, and on a timer while time alone can move it on.
type Stage struct {
	plan  Plan
	woken bool // the wake timer is set
}

// NewStage is a stage for the plan.
func NewStage(p Plan) Stage { return Stage{plan: p} }

// The timers, on the market clock.
const (
	wakeTimer engine.TimerID = iota + 1 // looks again while time alone can move the plan on
	exitTimer                           // the time stop, though the market be silent
)

// OnStart starts the plan. What an earlier run left behind is told by the fills
// that follow.
func (s *Stage) OnStart(ctx *engine.Context) error {
	if err := Ready(ctx, s.plan.Name); err != nil {
		return err
	}
	exitAt, err := s.plan.Start(ctx)
	if err != nil {
		return err
	}
	ctx.TimerAt(exitTimer, exitAt)
	s.wake(ctx)
	return nil
}

// OnMarket moves the plan on. Hot path: see
// TestOnMarketWithoutADecisionDoesNotAllocate of package strategies.
func (s *Stage) OnMarket(ctx *engine.Context) {
	s.plan.Step(ctx)
	s.wake(ctx)
}

// OnTimer moves the plan on when no news does.
func (s *Stage) OnTimer(ctx *engine.Context, id engine.TimerID) {
	if id == wakeTimer {
		s.woken = false
	}
	s.plan.Step(ctx)
	s.wake(ctx)
}

// OnOrder tells the plan what became of an order.
func (s *Stage) OnOrder(ctx *engine.Context, u *order.Update) {
	s.plan.OnOrder(ctx, u)
	s.wake(ctx)
}

// OnFeed tells the plan how far the feed can be trusted.
func (s *Stage) OnFeed(ctx *engine.Context, state market.FeedState) { s.plan.OnFeed(ctx, state) }

// OnStop calls resting orders back and says what stays open.
func (s *Stage) OnStop(ctx *engine.Context) { s.plan.Crew.Stop(ctx, s.plan.Name) }

// wake sees to it that a plan in motion is looked at again without news.
func (s *Stage) wake(ctx *engine.Context) {
	if !s.woken && s.plan.Busy(ctx) {
		s.woken = true
		ctx.TimerAfter(wakeTimer, LookEvery)
	}
}
