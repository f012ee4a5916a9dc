package order

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

// ID is the engine's own number of an intent to trade, unique within a trading
// day and across restarts of it. Zero means none.
type ID uint64

// StrategyID is a strategy instance's number within the run. Zero is the
// engine itself (flattening, an operator).
type StrategyID uint16

// TimeInForce is how long an order may rest.
type TimeInForce uint8

// The times in force. The zero value is Day.
const (
	Day TimeInForce = iota
	IOC
)

func (t TimeInForce) String() string { return [...]string{"day", "ioc"}[t&1] }

// Class ranks what competes for the venue's rate limits, most urgent first.
type Class uint8

// The classes, in order of urgency.
const (
	Flatten   Class = iota // kill levels and exits forced by risk
	Cancel                 // cancels
	Reconcile              // reads that settle an unknown outcome
	Entry                  // orders of strategies, exits included
	Data                   // everything else
	Classes   = iota
)

// Login is the class of session exchanges. They compete with no ticket, so that
// they have no rank.
const Login Class = Classes

func (c Class) String() string {
	return [...]string{"flatten", "cancel", "reconcile", "entry", "data", "login", "?", "?"}[c&7]
}

// Ticket is a request to trade, before the venue knows it. Always a limit
// order (with a trigger, a stop-limit): market orders do not exist here.
type Ticket struct {
	ID         ID // set by the desk
	Strategy   StrategyID
	Signal     uint64 // the strategy's own number of the decision; a repeat returns the first order. Zero: none
	Instrument market.InstrumentID
	Side       market.Side
	TIF        TimeInForce
	Class      Class
	Lots       market.Lots
	Price      market.Paise
	Trigger    market.Paise // of a stop-limit order; zero for a plain limit order
	TickAt     market.Mono  // arrival of the tick that led here
	WokenAt    market.Mono  // when the strategy began to look at it
	DecidedAt  market.Mono  // when it asked
}

// CommandKind tells what a strategy asks of the desk.
type CommandKind uint8

// The kinds of command.
const (
	NoCommand CommandKind = iota
	Place
	Modify
	CancelOne
)

// Command is what crosses, by value, from a strategy's goroutine to the order
// core.
type Command struct {
	Kind   CommandKind
	Ticket Ticket       // Place: the whole; others: ID, Strategy and the stamps
	Price  market.Paise // Modify: the new limit price
}

// VenueID is the venue's name of an order ("202607173800017846"): at most 23
// bytes, comparable, no pointer. The zero value means none.
type VenueID struct {
	n    uint8
	text [23]byte
}

// ParseVenueID takes the venue's order number: 1 to 23 letters and digits.
func ParseVenueID[T ~string | ~[]byte](text T) (VenueID, error) {
	var id VenueID
	if len(text) == 0 || len(text) > len(id.text) {
		return VenueID{}, fmt.Errorf("order: venue order id %.40q has %d bytes, want 1 to %d", string(text), len(text), len(id.text))
	}
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return VenueID{}, fmt.Errorf("order: venue order id %q has a byte that is no letter or digit", string(text))
		}
		id.text[i] = c
	}
	id.n = uint8(len(text))
	return id, nil
}

// Append writes the id.
func (id *VenueID) Append(dst []byte) []byte { return append(dst, id.text[:id.n]...) }

// IsZero tells whether there is no id.
func (id VenueID) IsZero() bool { return id.n == 0 }

func (id VenueID) String() string { return string(id.text[:id.n]) }
