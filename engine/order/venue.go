package order

import "github.com/vayu-trading/vayu/engine/market"

// Status is the venue's word for where an order stands. The zero value is a
// word we do not know.
type Status uint8

// The venue's statuses, in its own words.
const (
	StatusUnknown Status = iota
	StatusRequested
	StatusQueued
	StatusOrdered
	StatusPartiallyExecuted
	StatusExecuted
	StatusRejected
	StatusExpired
	StatusPartiallyExecutedAndExpired
	StatusPartiallyExecutedAndCancelled
	StatusFreezed
	StatusCancelled
	Statuses = iota
)

var statusNames = [Statuses]string{
	"?", "Requested", "Queued", "Ordered", "Partially Executed", "Executed", "Rejected", "Expired",
	"Partially Executed And Expired", "Partially Executed And Cancelled", "Freezed", "Cancelled",
}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "?"
}

// ParseStatus reads the venue's word; StatusUnknown for any other text.
func ParseStatus[T ~string | ~[]byte](word T) Status {
	for i, name := range statusNames[1:] {
		if name == string(word) {
			return Status(i + 1)
		}
	}
	return StatusUnknown
}

// Terminal tells whether the venue will change the order no more.
func (s Status) Terminal() bool {
	switch s {
	case StatusExecuted, StatusRejected, StatusExpired, StatusPartiallyExecutedAndExpired,
		StatusPartiallyExecutedAndCancelled, StatusCancelled:
		return true
	}
	return false
}

// Report is the venue's own account of one order: a notice of the order stream
// or a row of its order list. Quantities are cumulative units.
type Report struct {
	VenueID    VenueID
	Sequence   uint64 // rises with each notice of the stream; zero for a list row
	Status     Status
	Instrument market.InstrumentID // zero when it is not in today's universe
	Side       market.Side
	Quantity   market.Units
	Executed   market.Units
	Cancelled  market.Units
	Expired    market.Units
	Limit      market.Paise
	Trigger    market.Paise
	Average    market.Paise // average fill price in paise, rounded; zero when this report does not carry it
	Remark     Remark
	OrderedAt  market.UnixNano // list rows: when the venue took the order, to its own resolution
	// FillUnknown: the report does not say how much was filled. Executed is then
	// a lower bound; the trade book tells.
	FillUnknown bool
	Recv        market.Mono
}

// Remark is the free text that travels with an order: at most 16 bytes.
type Remark [16]byte

// Append writes the remark without its padding.
func (r *Remark) Append(dst []byte) []byte {
	for _, c := range r {
		if c == 0 {
			break
		}
		dst = append(dst, c)
	}
	return dst
}

func (r Remark) String() string { return string(r.Append(nil)) }

// Update tells a strategy, and everybody who watches, that one of our orders
// moved. It crosses goroutines by value.
type Update struct {
	ID         ID
	Strategy   StrategyID
	Instrument market.InstrumentID
	Side       market.Side
	State      State
	VenueID    VenueID
	Price      market.Paise // the limit price now in force
	Quantity   market.Units // ordered
	Filled     market.Units // filled so far
	FilledNow  market.Units // filled by this update
	FillPrice  market.Paise // price of FilledNow, paise, rounded: exact once the trades are read
	Average    market.Paise // average over Filled
	Value      market.Paise // of Filled, paise; the difference to the order's last Value is what this update changes
	Estimated  bool         // Value rests on the limit price, because the venue has not named its price yet; an update with FilledNow zero corrects it
	Reason     string       // why denied or refused: a constant of ours, or the venue's text, escaped
	Restored   bool         // an order of an earlier run of the day, as the journal knows it: FilledNow is all that it filled
	At         market.Stamp
}

// Trade is one row of the venue's trade book.
type Trade struct {
	VenueID    VenueID
	Instrument market.InstrumentID // zero when it is not in today's universe
	Side       market.Side
	Quantity   market.Units
	Price      market.Paise // average of the row, rounded to the paisa
	Value      market.Paise // of the whole row in paise, before Price was rounded; zero: Price times Quantity
}

// Holding is one row of the venue's list of positions.
type Holding struct {
	Instrument market.InstrumentID // zero when it is not in today's universe
	Quantity   market.Units        // signed: short is negative
	Average    market.Paise
}
