package risk

import (
	"errors"
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Limits is what an account may do. Every field must be set, except where it
// says otherwise: a zero refuses.
type Limits struct {
	QuoteAge time.Duration // an entry needs a quote no older than this, by the monotonic clock

	// A buy may be priced above its reference, and a sell below it, by no more
	// than the share and no more than the points; below CheapBelow, where a
	// share is little and points are much, by no more than CheapPoints as well.
	// One tick is always allowed. The reference is the middle of the quote; of
	// a stop-limit order, its trigger.
	CollarShare  int // in 1/10,000 of the reference
	CollarPoints market.Paise
	CheapBelow   market.Paise // zero: no instrument is cheap
	CheapPoints  market.Paise // needed with CheapBelow

	OrderLots     market.Lots  // of one order
	OrderNotional market.Paise // price times quantity of one order
	OpenOrders    int          // that may be open, or in doubt, at once; orders that cut exposure may be as many again
	PositionLots  market.Lots  // long or short of one instrument, with all its open orders filled
	GrossLots     market.Lots  // the sum of that over all instruments

	DayLoss     market.Paise // the day's loss at which only cuts may leave, and that no entry may risk to pass
	FlattenLoss market.Paise // the day's loss at which everything is closed; no less than DayLoss

	Repeats      int           // equal orders (instrument, side, lots, price) of one strategy that may pass within RepeatWindow
	RepeatWindow time.Duration //
	PerSecond    int           // orders and changes of one strategy in any second
	PerMinute    int           // and in any minute
	Runaway      int           // refusals of one strategy for repeats and rate in a second that raise the level to Reducing
}

// The compiled maxima: no file can set a limit above them.
const (
	maxQuoteAge    = time.Minute
	maxCollarShare = 5_000
	maxCollar      = 10_000 * market.Rupee
	maxOrderLots   = 1_000
	maxNotional    = 1_000_000_000 * market.Rupee
	maxOpenOrders  = 500
	maxLots        = 100_000
	maxRepeats     = 16
	maxWindow      = time.Hour
	maxPerSecond   = 16
	maxPerMinute   = 128
	maxRunaway     = 1_000_000

	// maxPrice is what a book can hold, and keeps products within 64 bits.
	maxPrice market.Paise = 1<<31 - 1
)

// ErrLimits marks limits that cannot be used.
var ErrLimits = errors.New("risk: bad limits")

// Validate names the first field that is missing, negative or above its
// compiled maximum.
func (l *Limits) Validate() error {
	fields := [...]struct {
		name       string
		value, max int64
		optional   bool
	}{
		{"QuoteAge", int64(l.QuoteAge), int64(maxQuoteAge), false},
		{"CollarShare", int64(l.CollarShare), maxCollarShare, false},
		{"CollarPoints", int64(l.CollarPoints), int64(maxCollar), false},
		{"CheapBelow", int64(l.CheapBelow), int64(maxCollar), true},
		{"CheapPoints", int64(l.CheapPoints), int64(maxCollar), l.CheapBelow == 0},
		{"OrderLots", int64(l.OrderLots), maxOrderLots, false},
		{"OrderNotional", int64(l.OrderNotional), int64(maxNotional), false},
		{"OpenOrders", int64(l.OpenOrders), maxOpenOrders, false},
		{"PositionLots", int64(l.PositionLots), maxLots, false},
		{"GrossLots", int64(l.GrossLots), maxLots, false},
		{"DayLoss", int64(l.DayLoss), int64(maxNotional), false},
		{"FlattenLoss", int64(l.FlattenLoss), int64(maxNotional), false},
		{"Repeats", int64(l.Repeats), maxRepeats, false},
		{"RepeatWindow", int64(l.RepeatWindow), int64(maxWindow), false},
		{"PerSecond", int64(l.PerSecond), maxPerSecond, false},
		{"PerMinute", int64(l.PerMinute), maxPerMinute, false},
		{"Runaway", int64(l.Runaway), maxRunaway, false},
	}
	for _, f := range fields {
		switch {
		case f.value < 0 || f.value > f.max:
			return fmt.Errorf("%w: %s is %d, want at most %d", ErrLimits, f.name, f.value, f.max)
		case f.value == 0 && !f.optional:
			return fmt.Errorf("%w: %s is not set", ErrLimits, f.name)
		}
	}
	if l.FlattenLoss < l.DayLoss {
		return fmt.Errorf("%w: FlattenLoss %s is less than DayLoss %s", ErrLimits, l.FlattenLoss, l.DayLoss)
	}
	return nil
}
