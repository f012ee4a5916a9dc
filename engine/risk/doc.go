// Package risk decides whether a ticket may leave. It holds the limits, the
// kill level and the account's running exposure, and makes the only thing a
// gateway sends: an [Approved]. It knows no venue and no strategy, it never
// blocks, and time comes in with each call.
//
// Every order counts from the moment it is approved until it is known to be
// over. One whose fate is unknown counts at its worst in every check: as
// filled in positions, as resting in open orders and crosses, at a loss in the
// day's result.
//
// An order that can only shrink a position, whatever becomes of the others, is
// spared the checks that guard against taking risk: it passes at
// [Reducing], beyond the entry cutoff, on a stale quote. It is never spared
// those that guard against mistakes: instrument, hours, lot, tick, freeze,
// band, collar, self-cross.
//
// The zero [Limits] refuse everything, and so does a gate that has not been
// told of a session, a login and a live feed.
package risk
