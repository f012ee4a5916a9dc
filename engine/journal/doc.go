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
//
// # Files
//
//	00000001.journal  segments: the records in order, each segment preallocated
//	next              the next segment, prepared and empty
//	hot               a ring of the newest records, mapped by the engine
//	lock, starts      one engine to a folder; its number within the day
//	oldest            the first segment that must be there, after pruning
//	cut-*.bin         what a recovery cut: torn records, garbage
//
// [Journal.Append] writes into hot and nowhere else. [Journal.Run] copies what
// is new into the segment, syncs it, and only then lets the ring overwrite it.
// So hot holds, at any moment, everything that is not known to be on disk: a
// segment whose sync failed is given up and its records are written to another,
// and nobody has to trust a second sync of the same file.
//
// # Why two files
//
// One mapped file that is synced itself is simpler, but each sync makes its
// pages read-only, and the next append waits in a page fault for the file
// system's own journal. hot is never synced, so that an append meets none of
// it. Measured by BenchmarkAppendWhileSyncing (ext4 on a virtual disk, two
// cores of an AMD EPYC shared with other work, one append every 400 µs, a sync
// every 20 ms; a plain copy of as many bytes in the same runs: 0.8 µs at p99,
// 1.3 to 2.2 µs at p99.9):
//
//	                        p50      p99      p99.9
//	hot and a segment    0.13 µs   3.3 µs     6.0 µs
//	one synced mapping   0.18 µs    29 µs     112 µs
//
// Making the synced mapping's pages writable again after each sync was worse
// (p99.9 of 1.1 ms): the fault then meets the sync. A hot file on a file system
// in memory measured the same as one in the folder (3.3 and 4.7 µs), and would
// be gone with a container, or with the user's last login. The kernel's own
// write-back does reach hot, after half a minute; Run makes the pages ahead
// writable again at each of its turns, and what is left costs an append 5 to
// 40 µs once in a while.
//
// # What is cut, what is damage
//
// Open cuts what follows the last whole record: that is what a crash in the
// middle of an append leaves. A record that is missing or changed while a later
// one is whole, a missing segment, or a record lost that was known to be on
// disk (each group notes how far the one before it got) is an [ErrDamaged], and
// nothing is traded on it. Only a loss of power, known by the machine's boot
// number, may leave a hole among the records that were not yet synced: what
// comes after it is cut, kept and told in [Report.Lost].
package journal
