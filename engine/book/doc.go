// Package book is the option-chain book: for every instrument of the day the
// last few versions of its quote and depth, written by one goroutine and read
// by any number without locks.
//
// The writer puts what one frame of the feed brought and commits once; all of
// it becomes visible together, under the next [Seq]. A reader pins a [View] at
// a sequence and sees, for each instrument, the newest version at or before
// it: a whole chain read through one view is one consistent cut. Each
// instrument keeps eight versions, so a reader may lag seven commits of one
// instrument behind; if it lags more, the read fails and is counted, it never
// returns a torn or mixed record and never slows the writer.
//
// What changed is announced through one broadcast ring that every follower
// reads with its own [Cursor], so its cost does not grow with their number. A
// follower that is lapped learns so and gets the changed instruments from the
// versions themselves, once each.
//
// The package owns the records, the [Layout] that finds chains and strikes,
// and the waking of parked followers. It judges no price and reads no clock.
package book
