package parityarb

import (
	"time"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// The strategy's timers.
const (
	beatTimer engine.TimerID = iota // while orders are under way: time alone must move them on
	exitTimer                       // the time stop, which needs no tick
)

const beat = 250 * time.Millisecond

// OnStart picks the chain, calls back what an earlier run still has in the
// market and closes what it holds. It refuses a day without the data it needs.
func (a *Arbitrage) OnStart(ctx *engine.Context) error {
	for _, id := range ctx.WorkingOrders(nil) {
		ctx.Cancel(id)
	}
	if err := a.start(ctx); err != nil {
		return err
	}
	ctx.TimerAt(exitTimer, a.exitAt)
	a.next(ctx)
	return nil
}

// OnMarket looks at the market. Hot path.
func (a *Arbitrage) OnMarket(ctx *engine.Context) {
	a.step(ctx)
	a.next(ctx)
}

// OnOrder hears of an order.
func (a *Arbitrage) OnOrder(ctx *engine.Context, u *order.Update) {
	a.onOrder(ctx, u)
	a.next(ctx)
}

// OnTimer is the beat or the time stop.
func (a *Arbitrage) OnTimer(ctx *engine.Context, _ engine.TimerID) {
	a.step(ctx)
	a.next(ctx)
}

// OnFeed hears how far the feed can be trusted.
func (a *Arbitrage) OnFeed(ctx *engine.Context, state market.FeedState) { a.onFeed(ctx, state) }

func (a *Arbitrage) next(ctx *engine.Context) {
	if a.busy() {
		ctx.TimerAfter(beatTimer, beat)
	}
}
