package stream

import "sync/atomic"

// Stats are a stream's counts since it was made.
type Stats struct {
	Frames        uint64 // text messages, pings excepted
	Quotes        uint64
	Depths        uint64
	Orders        uint64
	Candles       uint64
	Duplicates    uint64 // events of a new connection that the old one had delivered
	DecodeErrors  uint64 // refused packets and events; their bytes are in the dead letters
	Unknown       uint64 // events of tokens that are not in the universe
	Ignored       uint64 // packets that mean nothing to us
	Connects      uint64 // connections that came to be joined, the first included
	Reconnects    uint64 // those after a loss
	Renewals      uint64 // changes of connection without a loss
	Gaps          uint64 // times that something may have been missed
	Silences      uint64
	AuthFailures  uint64
	DeadLetterErr uint64 // dead letters that could not be written
}

// Ticks is how many market data events were decoded.
func (s Stats) Ticks() uint64 { return s.Quotes + s.Depths }

// count is written by the stream's goroutine, read by anyone.
type count struct{ shown atomic.Uint64 }

func (c *count) add(n uint64) {
	if n > 0 {
		c.shown.Store(c.shown.Load() + n)
	}
}

type counts struct {
	frames, quotes, depths, orders, candles, duplicates, decodeErrors, unknown, ignored count
	connects, reconnects, renewals, gaps, silences, authFailures, deadLetterErr         count
}

// batch counts the events of one read of the socket, so that an event costs an
// increment and no atomic store.
type batch struct{ frames, quotes, depths, duplicates, errors uint64 }

// Stats is a copy of the counts. Any goroutine may ask.
func (s *Stream) Stats() Stats {
	c := &s.counts
	return Stats{
		Frames: c.frames.shown.Load(), Quotes: c.quotes.shown.Load(), Depths: c.depths.shown.Load(), Orders: c.orders.shown.Load(),
		Candles: c.candles.shown.Load(), Duplicates: c.duplicates.shown.Load(), DecodeErrors: c.decodeErrors.shown.Load(),
		Unknown: c.unknown.shown.Load(), Ignored: c.ignored.shown.Load(), Connects: c.connects.shown.Load(),
		Reconnects: c.reconnects.shown.Load(), Renewals: c.renewals.shown.Load(), Gaps: c.gaps.shown.Load(),
		Silences: c.silences.shown.Load(), AuthFailures: c.authFailures.shown.Load(), DeadLetterErr: c.deadLetterErr.shown.Load(),
	}
}
