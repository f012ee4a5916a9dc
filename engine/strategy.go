package engine

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// Strategy decides. OnMarket is called when something changed in the book
// since its last call; it must return quickly, and it must not keep the
// context, which is valid within the call only. What else a strategy wants to
// hear it says by implementing the interfaces below; they are found once, when
// it is added. All its callbacks come one at a time.
type Strategy interface {
	OnMarket(*Context)
}

// Starter is told that trading begins. An error keeps the engine from
// starting.
type Starter interface {
	OnStart(*Context) error
}

// OrderListener hears what becomes of the strategy's own orders. The update
// is valid within the call. After a restart the orders of earlier runs of the
// day come first, marked Restored, once all of them are booked: the positions
// that the context tells are whole from the first call on.
type OrderListener interface {
	OnOrder(*Context, *order.Update)
}

// TimerListener hears the timers it set.
type TimerListener interface {
	OnTimer(*Context, TimerID)
}

// FeedListener hears how far the feed can be trusted. A gap is told before
// the next change of the market, even when the feed is already live again.
type FeedListener interface {
	OnFeed(*Context, market.FeedState)
}

// SessionListener hears what the venue login allows.
type SessionListener interface {
	OnSession(*Context, session.State)
}

// Stopper is told that trading ends. What it sends is still sent.
type Stopper interface {
	OnStop(*Context)
}

// TimerID is a strategy's own name of a timer.
type TimerID uint32

// Desk takes what strategies ask for. Submit returns at once with the order's
// id and may be called from any goroutine; what becomes of the command,
// refusal by risk included, comes back through Host.Deliver. A Modify or
// Cancel returns the id it was given.
type Desk interface {
	Submit(order.Command) order.ID
}
