package sim

import "github.com/vayu-trading/vayu/engine/market"

// Tape is a day of market events in order of time. Instruments carry dense
// ids as [market.NewUniverse] gives them; events name instruments by those ids.
// A tape has one owner and needs no locking.
type Tape interface {
	Date() market.Date
	Instruments() []market.Instrument
	// Next fills e and reports true, or false at the end of the tape.
	Next(e *market.Event) (bool, error)
	// Rewind goes back to the first event.
	Rewind() error
	// Describe is one line for people: what the tape is and where it is from.
	Describe() string
}
