// Package stream keeps one of Breeze's Socket.IO streams alive and turns what
// it says into the engine's records.
//
// It has three parts. A [Decoder] is pure: bytes of an event in, a quote, a
// depth, an order report or a candle out. A link (link.go) is one websocket
// connection: frames in place from one big buffer. A [Stream] owns the links:
// it connects, proves who we are, joins, watches for silence, reconnects and
// joins again, and changes to a new credential without losing or repeating an
// event.
//
// The goroutine that calls [Stream.Run] is the only one that calls the Sink and
// the callbacks; OnSuspect alone may also come from that of [Stream.Renew]. The
// way of a tick, all of it on Run's goroutine:
//
//	link.fill → link.next → Stream.deliver → Decoder.Stock → Sink.Quote → Sink.Commit
//
// Along it nothing allocates, locks or logs; the clock is read once per read of
// the socket.
//
// The package does not know what the records mean: whether a price is sane, a
// book crossed or an order ours is for others to judge. It does not log in, it
// only reports that a credential was refused.
package stream
