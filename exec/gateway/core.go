package gateway

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Core is the order core: it takes one event with its time, changes its state
// and answers with actions. It has no socket, clock, lock or goroutine; one
// owner at a time calls it.
type Core struct {
	out  []Action
	next market.Mono
}

// CoreConfig is what a core needs to know before its first event.
type CoreConfig struct {
	NextID func() order.ID // numbers the orders the core makes itself (flattening)
}

// Step handles one event from start to end. The actions are borrowed until the
// next Step.
func (c *Core) Step(e *Event, at market.Stamp) []Action {
	c.out = c.out[:0]
	return c.out
}

// Next is when the core wants a [Tick] at the latest.
func (c *Core) Next() market.Mono { return c.next }
