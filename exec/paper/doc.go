// Package paper is the gateway without a venue: the order core of package
// gateway, with its order machine, risk, gates and reconciliation, over the
// matching engine of package sim in the same process. What strategies send
// fills against the quotes of the engine's own book; nothing leaves the
// process.
//
// It has two edges around one [Desk]:
//
//   - A Desk is stepped by its caller, who owns the time: back-test, replay,
//     deterministic tests. It has no clock, goroutine or lock of its own.
//   - A [Gateway] runs a Desk beside a live feed: Submit from any goroutine,
//     one owner of the core at a time, as in the live gateway.
//
// A call to the [Venue] takes as long as the configuration says: it arrives
// after one delay, its answer and its notices after another. Both are zero by
// default: then an order has filled or rests when the step that took it ends.
// A step that comes late does late what was due before, so step when Next says.
//
// The package owns the simulated account and the requests on their way. It
// refuses to know sockets, signatures and the wire's forms, and imports nothing
// that could open a connection: a paper desk cannot reach a live venue. What it
// therefore cannot show: connections that break, answers that are not what they
// should be, clocks that disagree.
package paper
