package calendar

import (
	"errors"
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

// ErrNoData is what every question about an uncovered date comes to: the
// answer is not known, which is neither yes nor no.
var ErrNoData = errors.New("calendar: no data")

// ErrNotTrading marks a date on which the exchange is known to be shut, where
// an open day was asked for.
var ErrNotTrading = errors.New("calendar: not a trading day")

// ErrFile marks a data file that cannot be read.
var ErrFile = errors.New("calendar: bad data file")

// NoDataError says which file lacks what about which date. It is an ErrNoData.
type NoDataError struct {
	Date market.Date
	File string // the file to mend, "holidays.csv"
	What string // what is missing
}

func (e *NoDataError) Error() string {
	return fmt.Sprintf("calendar: no data for %s: %s: %s; extend that file in the calendar folder", e.Date, e.File, e.What)
}

// Is makes errors.Is(err, ErrNoData) true.
func (e *NoDataError) Is(target error) bool { return target == ErrNoData }
