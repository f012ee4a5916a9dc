package calendar

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Cycle is how long a contract lives, which decides what lot it has.
type Cycle uint8

// The cycles.
const (
	NoCycle Cycle = iota
	Weekly
	Monthly   // the last expiry of its month
	Quarterly // the monthly of March, June, September or December
)

func (c Cycle) String() string { return [...]string{"none", "weekly", "monthly", "quarterly"}[c&3] }

// Expiry is one expiry date of an underlying.
type Expiry struct {
	Date  market.Date
	Cycle Cycle
}

type expiryRow struct {
	from            market.Date
	weekly, monthly time.Weekday
	hasWeekly       bool
}

type symbolRow struct{ symbol, exchange string }

// Symbol is the exchange's symbol of the broker's code: BANKNIFTY for CNXBAN.
// Exchange symbols are their own.
func (c *Calendar) Symbol(underlying string) (symbol string, ok bool) {
	row, ok := c.symbols[underlying]
	return row.symbol, ok
}

func (c *Calendar) symbolOf(underlying, file string, d market.Date) (string, error) {
	if row, ok := c.symbols[underlying]; ok {
		return row.symbol, nil
	}
	return "", &NoDataError{Date: d, File: "symbols.csv", What: fmt.Sprintf("no underlying %q, asked of %s", underlying, file)}
}

// NextExpiry is the underlying's first expiry on or after d. A nominal day
// that is a holiday falls back to the trading day before it, never forward.
func (c *Calendar) NextExpiry(underlying string, d market.Date) (Expiry, error) {
	symbol, err := c.symbolOf(underlying, "expiry_rules.csv", d)
	if err != nil {
		return Expiry{}, err
	}
	// Walk nominal days: the weekly (or monthly) weekday of each week. One that
	// rolls back before d is already gone.
	for nominal := d; nominal.DaysTo(d) > -120; nominal = nominal.AddDays(1) {
		rule, err := c.expiryRule(symbol, nominal)
		if err != nil {
			return Expiry{}, err
		}
		weekday := nominal.Weekday()
		monthly := weekday == rule.monthly && lastOfMonth(nominal)
		if !monthly && !(rule.hasWeekly && weekday == rule.weekly) {
			continue
		}
		date, err := c.rollBack(nominal)
		if err != nil {
			return Expiry{}, err
		}
		if date >= d {
			return Expiry{Date: date, Cycle: cycleOf(nominal, monthly)}, nil
		}
	}
	return Expiry{}, &NoDataError{Date: d, File: "expiry_rules.csv", What: "no expiry of " + symbol + " within four months"}
}

// Expiries is the underlying's first n expiries on or after d.
func (c *Calendar) Expiries(underlying string, d market.Date, n int) ([]Expiry, error) {
	list := make([]Expiry, 0, n)
	for len(list) < n {
		e, err := c.NextExpiry(underlying, d)
		if err != nil {
			return list, err
		}
		list = append(list, e)
		d = e.Date.AddDays(1)
	}
	return list, nil
}

// ExpiryInstant is the contractual end of the contracts that expire on the
// date: the close of that day's session.
func (c *Calendar) ExpiryInstant(expiry market.Date) (market.UnixNano, error) {
	day, err := c.Day(expiry)
	if err != nil {
		return 0, fmt.Errorf("expiry: %w", err)
	}
	if !day.Trading {
		return 0, fmt.Errorf("%w: expiry %s", ErrNotTrading, expiry)
	}
	return day.Close, nil
}

func (c *Calendar) expiryRule(symbol string, d market.Date) (*expiryRow, error) {
	if err := c.covered("expiry_rules.csv", d); err != nil {
		return nil, err
	}
	rule, ok := lastFrom(c.expiries[symbol], d, func(r *expiryRow) market.Date { return r.from })
	if !ok {
		return nil, &NoDataError{Date: d, File: "expiry_rules.csv", What: "no rule of " + symbol + " is in force"}
	}
	return rule, nil
}

// rollBack is d itself when it trades, else the trading day before it.
func (c *Calendar) rollBack(d market.Date) (market.Date, error) {
	open, err := c.weekdayOpen(d)
	if err != nil {
		return 0, err
	}
	if open {
		return d, nil
	}
	return c.PreviousTradingDay(d)
}

// cycle classifies an existing contract's expiry without needing its year's
// holidays: masters list expiries years ahead. The nominal day is the rule's
// weekday on or after the expiry, since holidays only roll back.
func (c *Calendar) cycle(symbol string, expiry market.Date) (Cycle, error) {
	rule, ok := lastFrom(c.expiries[symbol], expiry, func(r *expiryRow) market.Date { return r.from })
	if !ok {
		return NoCycle, &NoDataError{Date: expiry, File: "expiry_rules.csv", What: "no rule of " + symbol + " is in force"}
	}
	nominal := expiry
	for nominal.Weekday() != rule.monthly {
		nominal = nominal.AddDays(1)
	}
	return cycleOf(nominal, lastOfMonth(nominal)), nil
}

func cycleOf(nominal market.Date, monthly bool) Cycle {
	_, month, _ := nominal.Civil()
	switch {
	case !monthly:
		return Weekly
	case month%3 == 0:
		return Quarterly
	}
	return Monthly
}

func lastOfMonth(d market.Date) bool {
	_, month, _ := d.Civil()
	_, next, _ := d.AddDays(7).Civil()
	return month != next
}
