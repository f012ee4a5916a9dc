// Package engine runs strategies on a market. A [Host] gives each [Strategy]
// its own [Loop], a pinned view of the book for each callback, timers on the
// market clock, its own orders and positions, and a fence that keeps its
// faults from the others. It knows no venue, no socket and no wire: the market
// comes in through [Feed], orders leave through [Desk] and what became of them
// returns through [Host.Deliver].
//
// A Loop is stepped, by anyone who is the only one to do so at a time: its own
// goroutine (the default), the feed's goroutine (an inline strategy), or a
// test, replay or back-test that owns the time. The same code runs in all.
//
// # The hot path
//
// From a decoded tick to a decision, in order; none of it allocates, locks,
// logs or reads a clock until a strategy decides, when [Context.Place] reads
// one to stamp the decision:
//
//  1. [Feed.Quote], [Feed.Depth]: judge the record, count it
//  2. book.Book.PutQuote, PutDepth: write the next version
//  3. [Feed.Commit], book.Book.Commit: make the frame visible, wake or step
//  4. [Loop.Step]: pin the view, collect what changed
//  5. Strategy.OnMarket, book.View.Quote, book.View.Depth
//  6. [Context.Place]: stamp the ticket, hand it to the desk
//  7. risk.Gate.Check, by the desk: approve or refuse
//
// # Queues and what happens when they are full
//
// The book conflates: a strategy that falls behind sees the newest state and
// is told ([Context.Conflated]). Order updates are never dropped: when a
// strategy's inbox is full they are merged per order, which loses no quantity
// because quantities are cumulative, and the strategy is told
// ([Context.Resynced]). Notes to the operator are dropped and counted.
package engine
