// Package order holds what the engine knows about its own orders: tickets
// (what a strategy asks for), verdicts (what one attempt to tell the venue
// proved), states and the machine that moves between them, and the venue's own
// words (notices of the order stream, rows of its lists). It is pure: time
// comes in with each event, nothing here reads a clock, a socket or a lock.
//
// The rule above all: silence is never evidence. An attempt whose outcome is
// unknown makes its order [Ambiguous], and no move leads from there back to
// [Sending].
package order
