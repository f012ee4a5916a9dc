package calendar

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

//go:embed data/*.csv
var embedded embed.FS

// Calendar answers what the market's rules are on a date. It is immutable:
// share it freely.
type Calendar struct {
	sessions []sessionRow // ascending by from
	holidays map[market.Date]string
	specials map[market.Date]specialRow
	expiries map[string][]expiryRow // by symbol, ascending by from
	symbols  map[string]symbolRow   // by the broker's code and by the exchange's symbol
	lots     map[lotKey][]lotRow
	freezes  map[freezeKey]market.Units
	limits   map[ruleKey][]limitRow // ascending by from
	charges  map[ruleKey][]chargeRow
	plans    []planRow
	covers   map[string]span
}

// span is what a file covers, both ends included.
type span struct{ from, to market.Date }

// ruleKey picks the rows of one kind of contract on one exchange.
type ruleKey struct {
	exchange string
	kind     market.Kind
}

// Files is the built-in data, for copying into a folder of one's own.
func Files() fs.FS {
	data, err := fs.Sub(embedded, "data")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	return data
}

// Embedded is the calendar built into the binary.
func Embedded() (*Calendar, error) { return Load(nil) }

// Load reads the calendar from folder. A file that the folder lacks is taken
// from the binary, so that one announced holiday needs one file. The whole is
// checked: a malformed row, an unknown column or a row without a source is an
// error naming file and line.
func Load(folder fs.FS) (*Calendar, error) {
	builtin := Files()
	c := &Calendar{
		holidays: map[market.Date]string{}, specials: map[market.Date]specialRow{},
		expiries: map[string][]expiryRow{}, symbols: map[string]symbolRow{},
		lots: map[lotKey][]lotRow{}, freezes: map[freezeKey]market.Units{},
		limits: map[ruleKey][]limitRow{}, charges: map[ruleKey][]chargeRow{},
		covers: map[string]span{},
	}
	for _, file := range files {
		from := builtin
		if folder != nil {
			switch _, err := fs.Stat(folder, file.name); {
			case err == nil:
				from = folder
			case !errors.Is(err, fs.ErrNotExist):
				return nil, fmt.Errorf("calendar: %w", err)
			}
		}
		if err := c.read(from, file); err != nil {
			return nil, err
		}
	}
	if len(c.sessions) == 0 {
		return nil, fmt.Errorf("%w: sessions.csv has no row", ErrFile)
	}
	return c, nil
}

// covered is nil when the file speaks about the date.
func (c *Calendar) covered(file string, d market.Date) error {
	if s := c.covers[file]; d < s.from || d > s.to {
		return &NoDataError{Date: d, File: file, What: fmt.Sprintf("it covers %s to %s", s.from, s.to)}
	}
	return nil
}

// weekdayOpen tells whether d is a Monday to Friday that is no holiday: a day
// on which contracts may expire. Special sessions do not count.
func (c *Calendar) weekdayOpen(d market.Date) (bool, error) {
	if err := c.covered("holidays.csv", d); err != nil {
		return false, err
	}
	day := d.Weekday()
	_, closed := c.holidays[d]
	return day != time.Saturday && day != time.Sunday && !closed, nil
}

// lastFrom is the newest row in force on d, of rows ascending by from.
func lastFrom[T any](rows []T, d market.Date, from func(*T) market.Date) (*T, bool) {
	i, found := slices.BinarySearchFunc(rows, d, func(row T, d market.Date) int { return int(from(&row)) - int(d) })
	if !found {
		i--
	}
	if i < 0 {
		return nil, false
	}
	return &rows[i], true
}
