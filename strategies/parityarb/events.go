package parityarb

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
func (a *Arbitrage) OnStart(ctx *engine.Context) error {
	if err := taker.Ready(ctx, Name); err != nil {
		return err
	}
	if err := a.start(ctx); err != nil {
		return err
	}
	ctx.TimerAt(exitTimer, a.exitAt)
	a.wake(ctx)
	return nil
}

// OnMarket moves the plan on. Hot path: see TestScanningDoesNotAllocate.
func (a *Arbitrage) OnMarket(ctx *engine.Context) {
	a.step(ctx)
	a.wake(ctx)
}

// OnTimer moves the plan on when no news does.
func (a *Arbitrage) OnTimer(ctx *engine.Context, id engine.TimerID) {
	if id == wakeTimer {
		a.woken = false
	}
	a.step(ctx)
	a.wake(ctx)
}

// OnOrder books what became of an order and moves the plan on.
func (a *Arbitrage) OnOrder(ctx *engine.Context, u *order.Update) {
	a.onOrder(ctx, u)
	a.wake(ctx)
}

// OnFeed holds new boxes back while the feed cannot be trusted.
func (a *Arbitrage) OnFeed(ctx *engine.Context, state market.FeedState) { a.onFeed(ctx, state) }

// OnStop calls resting orders back and says what stays open.
func (a *Arbitrage) OnStop(ctx *engine.Context) { a.crew.Stop(ctx, Name) }

// wake sees to it that a plan in motion is looked at again without news.
func (a *Arbitrage) wake(ctx *engine.Context) {
	if !a.woken && a.busy() {
		a.woken = true
		ctx.TimerAfter(wakeTimer, taker.LookEvery)
	}
}
