// Package gateway is the way to the venue: an order core that is pure, and a
// shell around it that owns sockets, queues and the loop.
//
// The core (the files core*.go) decides: it takes one [Event] with its time
// and answers with a list of [Action]. It knows risk, rate gates, breakers,
// retries and reconciliation, and no socket, clock, lock or goroutine.
//
// The shell (conn*.go and gateway*.go) acts: it renders and signs with
// exec/rest, writes on connections that are open before they are needed, and
// proves how much of a request the kernel took. It decides nothing about an
// order. Connections are HTTP/1.1 with one request in flight; nothing is sent
// twice, redirected or retried below the core, and what comes back late, cut
// or twice is told as just that.
//
// The hot path, from a strategy's goroutine to the wire: [Gateway.Submit], then
// drain, process, command, [Core.Step], act, send, render and the connection's
// send. It allocates nothing and hands nothing to another goroutine, unless
// another already owns the core: then that one does it.
package gateway
