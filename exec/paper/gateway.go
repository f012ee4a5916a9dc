package paper

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
)

// maxWaiting is how many commands may wait for the desk's owner. Cancels always
// fit.
const maxWaiting = 1024

// publishEvery is the age of a snapshot at most.
const publishEvery = 250 * time.Millisecond

// Gateway runs a desk beside a live feed. The desk has one owner at a time:
// whoever has something for it and wins one compare-and-swap, a strategy's own
// goroutine perhaps. Who does not win has queued, and the winner looks again
// before it is done.
type Gateway struct {
	clock  market.Clock
	nextID func() order.ID
	fatal  func(why any)
	book   *book.Book
	emit   func(*order.Update)

	desk     *Desk         // the owner's
	owned    atomic.Bool   // the desk has an owner
	posted   atomic.Int64  // what is in the inbox
	armed    atomic.Int64  // market.Mono that Run sleeps until
	wake     chan struct{} // to Run: Next moved
	snapshot atomic.Pointer[gateway.Snapshot]

	lock  sync.Mutex
	inbox inbox // any goroutine → owner
	spare inbox // the owner's other half, so that taking does not allocate
}

// inbox is what waits for the owner.
type inbox struct {
	commands []order.Command
	denied   []order.Update
	events   []gateway.Event
}

// New checks the configuration and makes a gateway. It follows the book only
// while Run does; an order sees the newest quotes in any case.
func New(config Config) (*Gateway, error) {
	if config.Clock == nil {
		return nil, fmt.Errorf("%w: a gateway needs a clock", ErrConfig)
	}
	desk, err := NewDesk(config)
	if err != nil {
		return nil, err
	}
	g := &Gateway{
		clock: config.Clock, nextID: desk.config.Core.NextID, fatal: config.Fatal, book: config.Core.Book, emit: config.Emit,
		desk: desk, wake: make(chan struct{}, 1),
	}
	g.armed.Store(int64(never))
	g.snapshot.Store(new(gateway.Snapshot))
	return g, nil
}

// Submit takes a strategy's command and returns its order's number at once,
// from any goroutine. Refusals come back as updates, a full queue's too.
func (g *Gateway) Submit(c order.Command) order.ID {
	if c.Kind == order.Place {
		c.Ticket.ID = g.nextID()
	}
	g.lock.Lock()
	if len(g.inbox.commands) < maxWaiting || c.Kind == order.CancelOne {
		g.inbox.commands = append(g.inbox.commands, c)
	} else {
		g.inbox.denied = append(g.inbox.denied, order.Update{
			ID: c.Ticket.ID, Strategy: c.Ticket.Strategy, Instrument: c.Ticket.Instrument, Side: c.Ticket.Side,
			State: order.Denied, Price: c.Ticket.Price, Reason: "the command queue is full",
		})
	}
	g.lock.Unlock()
	g.posted.Add(1)
	g.drain()
	return c.Ticket.ID
}

// OnSession tells that a credential was swapped in, or that none is to be had.
func (g *Gateway) OnSession(s gateway.Session) {
	g.post(gateway.Event{Kind: gateway.SessionEvent, Session: s})
}

// Operator hands over a person's verdict.
func (g *Gateway) Operator(o gateway.Operator) {
	g.post(gateway.Event{Kind: gateway.OperatorEvent, Operator: o})
}

// Kill raises the kill level; it is never lowered here. Why is a constant or
// an escaped text.
func (g *Gateway) Kill(level risk.Level, why string) {
	g.post(gateway.Event{Kind: gateway.KillEvent, Level: level, Text: why})
}

func (g *Gateway) post(e gateway.Event) {
	g.lock.Lock()
	g.inbox.events = append(g.inbox.events, e)
	g.lock.Unlock()
	g.posted.Add(1)
	g.drain()
}

// drain steps the desk as long as there is something for it, unless somebody
// else does.
func (g *Gateway) drain() {
	for g.owned.CompareAndSwap(false, true) {
		next := g.turn()
		g.owned.Store(false)
		if int64(next) < g.armed.Load() {
			select {
			case g.wake <- struct{}{}:
			default:
			}
		}
		if g.posted.Load() <= 0 {
			return
		}
	}
}

// turn is one turn of the desk's owner, and when the next is due. One that does
// not come to its end leaves the desk owned for ever, on purpose: nobody must go
// on with a core that stopped half-way.
func (g *Gateway) turn() (next market.Mono) {
	whole := false
	defer func() {
		if !whole {
			g.stop(recover())
		}
	}()
	for {
		g.take()
		g.desk.Step(g.clock.Now())
		if g.posted.Load() <= 0 {
			break
		}
	}
	next = g.desk.Next()
	whole = true
	return next
}

func (g *Gateway) stop(why any) {
	if why == nil {
		why = "its goroutine ended"
	}
	if g.fatal != nil {
		g.fatal(why)
	} else {
		go panic(fmt.Sprintf("paper: the order core stopped in the middle of a step: %v", why))
	}
	panic(why)
}

// take hands the desk what waits.
func (g *Gateway) take() {
	g.lock.Lock()
	in := g.inbox
	g.inbox = inbox{g.spare.commands[:0], g.spare.denied[:0], g.spare.events[:0]}
	g.lock.Unlock()
	g.posted.Add(-int64(len(in.commands) + len(in.denied) + len(in.events)))
	for _, e := range in.events {
		g.desk.put(e)
	}
	g.desk.commands = append(g.desk.commands, in.commands...)
	for i := range in.denied {
		in.denied[i].At = g.clock.Now()
		g.desk.tell(&in.denied[i])
	}
	clear(in.events)
	g.spare = in
}

// Run follows the book and steps the desk when something is due, until ctx
// ends.
func (g *Gateway) Run(ctx context.Context) error {
	news := g.book.NewWaker()
	defer news.Release()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var publishAt market.Mono
	for {
		news.Prepare()
		for !g.owned.CompareAndSwap(false, true) {
			if ctx.Err() != nil { // an owner that broke off never gives the desk back
				return context.Cause(ctx)
			}
			time.Sleep(50 * time.Microsecond)
		}
		next := g.turn()
		now := g.clock.Now()
		if now.Mono >= publishAt {
			g.snapshot.Store(g.desk.Snapshot(now))
			publishAt = now.Mono.Add(publishEvery)
		}
		next = min(publishAt, next)
		g.armed.Store(int64(next)) // while owning: whoever owns next compares with it
		g.owned.Store(false)
		if g.posted.Load() > 0 {
			g.drain()
		}
		timer.Reset(max(next.Sub(now.Mono), 0))
		select {
		case <-ctx.Done():
			news.Abort()
			return context.Cause(ctx)
		case <-timer.C:
		case <-g.wake:
		case <-news.C():
		}
		news.Abort()
	}
}

// Snapshot is the newest published one, a quarter of a second old at most while
// Run runs. Any goroutine may call it.
func (g *Gateway) Snapshot() *gateway.Snapshot { return g.snapshot.Load() }
