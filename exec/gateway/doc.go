// Package gateway is the way to the venue: a pure order core, and the shell of
// connections, queues and one loop around it.
//
// The core ([Core], files core*.go) owns what must be judged in one place:
// account risk, the day's orders, rate gates, breakers, retries, the epochs of
// the session, reconciliation and the kill levels. It is a function of its
// events and their times. The shell ([Gateway]) owns the sockets, turns what
// the core wants into signed requests and their answers into events, and gives
// the core to one owner at a time.
//
// What crosses between the two is in core_event.go. The promise is that of
// package order: one venue order for one intent at most, whatever is lost or
// late; no order at the venue that nobody answers for once it is visible; no
// rejection made up from silence. A fill is told at once with the best price
// known, and told again without a new fill when the trade book has named the
// exact one.
//
// The package knows no strategy and no market data but the book that risk
// judges by, and nothing of how logins come about.
//
// The shell writes on connections that are open before they are needed, with
// one request in flight on each, and proves how much of a request the kernel
// took. Nothing is sent twice, redirected or retried below the core.
//
// The hot path, from a strategy's goroutine to the wire: [Gateway.Submit], then
// drain, process, command, [Core.Step], act, send, render and the connection's
// send. It allocates nothing and hands nothing to another goroutine, unless
// another already owns the core: then that one does it.
package gateway
