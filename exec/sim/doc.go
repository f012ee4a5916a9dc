// Package sim is a faithful twin of the Breeze venue: signed REST with every
// endpoint an options trader uses, the tick, order and candle streams, the
// security master, session rules, rate limits, NSE's order checks, a matching
// engine fed by a tape, and a fault plan. The official JavaScript client trades
// against it unchanged.
//
// It has two pure parts and thin edges:
//
//   - [Core] is broker and exchange in one: sessions, limits, checks, orders,
//     fills, positions, funds, answers. No goroutine, clock, lock or socket
//     inside: market events and stamps come in, answers and notices come out.
//     A back-test or a deterministic simulator calls it directly.
//   - [Player] plays a tape by market time and fills the silence between two
//     recorded snapshots with labelled synthetic movement.
//   - [Venue] owns one of each behind one mutex, and adds the HTTP handler, the
//     Socket.IO server and the goroutine that plays the tape.
//
// It owns the ledger of every order it accepted, which is the oracle for "no
// duplicate, none lost". It refuses to know the engine that trades against it:
// it speaks the wire only, and its own refusal texts are deliberately none of
// those a client may know by heart.
//
// What it does not model: other users (our orders never move the tape), queue
// changes behind us at our price, an auction, margin by scenario. An order that
// would meet the user's own resting order is cancelled by the exchange.
package sim
