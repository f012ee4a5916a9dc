// Package journal keeps what the engine did and was told, so that a restart
// knows it: an append-only log of fixed records of [Size] bytes, each with a
// checksum (CRC32C) and a number that rises by one.
//
// A record is written into mapped memory before the first byte of what it
// announces leaves; it survives the death of the process the moment it is
// written, and a loss of power once a group of records was synced, which
// happens beside the hot path. What was lost with the power is learnt again
// from the venue's own lists.
//
// Records name contracts by their key, not by the day's number for it. The
// package owns the files and their form; it knows nothing of what the records
// mean for an order's life: package gateway replays them.
package journal
