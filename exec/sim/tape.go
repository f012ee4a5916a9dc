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

// MemoryTape is a tape that lies in memory: for tests, and for tools that make
// their events.
type MemoryTape struct {
	Day    market.Date
	List   []market.Instrument
	Events []market.Event // in order of time
	Title  string
	next   int
}

// Date is the tape's day.
func (t *MemoryTape) Date() market.Date { return t.Day }

// Instruments are the contracts of the day.
func (t *MemoryTape) Instruments() []market.Instrument { return t.List }

// Next gives the next event.
func (t *MemoryTape) Next(e *market.Event) (bool, error) {
	if t.next >= len(t.Events) {
		return false, nil
	}
	*e = t.Events[t.next]
	t.next++
	return true, nil
}

// Rewind goes back to the first event.
func (t *MemoryTape) Rewind() error {
	t.next = 0
	return nil
}

// Describe is the title.
func (t *MemoryTape) Describe() string { return t.Title }
