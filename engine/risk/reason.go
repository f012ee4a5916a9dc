package risk

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Reason tells why a ticket may not leave. The zero value, Pass, means that it
// may.
type Reason uint8

// The reasons, in the order of the checks.
const (
	Pass             Reason = iota
	LimitsUnset             // the gate has no valid limits
	LevelForbids            // the kill level lets no such order leave
	InstrumentWrong         // not a tradable contract of the day
	InstrumentOver          // the contract has expired
	InstrumentHalted        // an operator or a mismatch stopped it
	InstrumentDoubt         // an order in it is in doubt: no entries until it is settled
	OutsideHours            // before the open or after the close
	EntriesClosed           // after the entry cutoff
	SessionDown             // no venue login
	FeedDown                // the feed is not to be trusted
	QuoteMissing            // no quote, or the view was overtaken
	QuoteStale              // the quote is too old
	QuoteCrossed            // crossed, locked or one-sided
	SideWrong               // neither buy nor sell
	LotsWrong               // none, or more than one order may have
	FreezeExceeded          // more than the exchange takes in one order
	PriceWrong              // no price
	OffTick                 // price or trigger between ticks
	OffBand                 // price or trigger outside the day's band
	TriggerWrong            // a stop-limit order whose limit is on the wrong side of its trigger
	CollarExceeded          // too far beyond the reference
	NotionalExceeded        // price times quantity too large
	TooManyOpen             // too many open orders
	PositionExceeded        // too large a position in the instrument, at worst
	GrossExceeded           // too many lots over all instruments, at worst
	LossExceeded            // the day's loss, at worst
	SelfCross               // would trade with an own order
	SignalRepeated          // the strategy has sent this decision before
	OrderRepeated           // too many equal orders in a short time
	IDWrong                 // no id, or one that is open already
	RateExceeded            // too many messages
	OrderUnknown            // a change of an order that is not open
	Reasons          = iota
)

type unit uint8

const (
	plain unit = iota
	paise
	units
	nanos
)

// reasons names each reason and what its numbers mean.
var reasons = [Reasons]struct {
	text string
	unit unit
}{
	Pass:             {"pass", plain},
	LimitsUnset:      {"no valid limits are set", plain},
	LevelForbids:     {"the kill level forbids it", plain},
	InstrumentWrong:  {"not a tradable contract of the day", plain},
	InstrumentOver:   {"the contract has expired", plain},
	InstrumentHalted: {"the instrument is halted", plain},
	InstrumentDoubt:  {"an order in the instrument is in doubt", plain},
	OutsideHours:     {"outside trading hours", plain},
	EntriesClosed:    {"past the entry cutoff", plain},
	SessionDown:      {"the venue login does not allow entries", plain},
	FeedDown:         {"the feed is not live", plain},
	QuoteMissing:     {"no quote", plain},
	QuoteStale:       {"the quote is too old", nanos},
	QuoteCrossed:     {"the quote is crossed, locked or one-sided", paise},
	SideWrong:        {"neither buy nor sell", plain},
	LotsWrong:        {"not an allowed number of lots", plain},
	FreezeExceeded:   {"above the freeze quantity", units},
	PriceWrong:       {"no price", paise},
	OffTick:          {"between ticks", paise},
	OffBand:          {"outside the price band", paise},
	TriggerWrong:     {"the limit is on the wrong side of the trigger", paise},
	CollarExceeded:   {"beyond the price collar", paise},
	NotionalExceeded: {"above the order's notional limit", paise},
	TooManyOpen:      {"too many open orders", plain},
	PositionExceeded: {"above the position limit at worst", units},
	GrossExceeded:    {"above the gross limit at worst", plain},
	LossExceeded:     {"above the day's loss limit at worst", paise},
	SelfCross:        {"would cross an own order", paise},
	SignalRepeated:   {"repeats a decision", plain},
	OrderRepeated:    {"repeats an order too often", plain},
	IDWrong:          {"has no id, or one that is in use", plain},
	RateExceeded:     {"too many messages", plain},
	OrderUnknown:     {"changes an order that is not open", plain},
}

// String is a short constant text.
func (r Reason) String() string {
	if int(r) < Reasons {
		return reasons[r].text
	}
	return "?"
}

// Refusal is the last refusal with its numbers: what was asked for and what it
// was held against.
type Refusal struct {
	Reason     Reason
	ID         order.ID
	Strategy   order.StrategyID
	Instrument market.InstrumentID
	Got, Limit int64    // in the unit of the reason: paise, units, nanoseconds, or a count
	First      order.ID // of SelfCross and SignalRepeated: the other order
}

// String is the reason with its numbers.
func (r Refusal) String() string {
	text := r.Reason.String()
	if int(r.Reason) < Reasons && (r.Got != 0 || r.Limit != 0) {
		switch reasons[r.Reason].unit {
		case paise:
			text = fmt.Sprintf("%s: %s against %s", text, market.Paise(r.Got), market.Paise(r.Limit))
		case nanos:
			text = fmt.Sprintf("%s: %.3f s against %.3f s", text, float64(r.Got)/1e9, float64(r.Limit)/1e9)
		default:
			text = fmt.Sprintf("%s: %d against %d", text, r.Got, r.Limit)
		}
	}
	if r.First != 0 {
		text = fmt.Sprintf("%s (order %d)", text, r.First)
	}
	return text
}
