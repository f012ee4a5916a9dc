package shortstraddle

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
func (s *Straddle) OnStart(ctx *engine.Context) error {
	for _, id := range ctx.WorkingOrders(nil) {
		ctx.Cancel(id)
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	ctx.TimerAt(exitTimer, s.exitAt)
	s.next(ctx)
	return nil
}

// OnMarket looks at the market. Hot path.
func (s *Straddle) OnMarket(ctx *engine.Context) {
	s.step(ctx)
	s.next(ctx)
}

// OnOrder hears of an order.
func (s *Straddle) OnOrder(ctx *engine.Context, u *order.Update) {
	s.onOrder(ctx, u)
	s.next(ctx)
}

// OnTimer is the beat or the time stop.
func (s *Straddle) OnTimer(ctx *engine.Context, _ engine.TimerID) {
	s.step(ctx)
	s.next(ctx)
}

// OnFeed hears how far the feed can be trusted.
func (s *Straddle) OnFeed(ctx *engine.Context, state market.FeedState) { s.onFeed(ctx, state) }

func (s *Straddle) next(ctx *engine.Context) {
	if s.busy(ctx) {
		ctx.TimerAfter(beatTimer, beat)
	}
}
