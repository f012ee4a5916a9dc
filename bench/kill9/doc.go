// Package kill9 kills the engine for real, again and again, and holds its books
// against the venue's: the binary under load, a simulated venue in a process of
// its own that lives on, SIGKILL at random moments of the send path, a restart,
// and the comparison. Every order of the venue must have exactly one intent in
// the engine's journal, and every position and open order must agree. It owns the
// processes and their folder; it knows the engine only by its command line, its
// operator's socket and its journal.
package kill9
