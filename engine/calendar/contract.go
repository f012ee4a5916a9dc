package calendar

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

type lotKey struct {
	symbol string
	cycle  Cycle
}

// lotRow holds for contracts expiring from one date, traded from another.
type lotRow struct {
	expiryFrom, tradeFrom market.Date
	units                 market.Units
}

type freezeKey struct {
	symbol string
	month  int32 // YYYYMM
}

// Lot is the lot size, in units, of a contract on a trade date. Two expiries
// of one underlying can differ on one day.
func (c *Calendar) Lot(key market.ContractKey, d market.Date) (market.Units, error) {
	if err := c.covered("lots.csv", d); err != nil {
		return 0, err
	}
	symbol, err := c.symbolOf(key.Underlying, "lots.csv", d)
	if err != nil {
		return 0, err
	}
	cycle, err := c.cycle(symbol, key.Expiry)
	if err != nil {
		return 0, err
	}
	rows := c.lots[lotKey{symbol, cycle}]
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].expiryFrom <= key.Expiry && rows[i].tradeFrom <= d {
			return rows[i].units, nil
		}
	}
	return 0, &NoDataError{Date: d, File: "lots.csv", What: fmt.Sprintf("no lot of the %s %s of %s", cycle, symbol, key.Expiry)}
}

// Freeze is the largest quantity, in units, of one order of the underlying on
// a trade date. It moves month by month and need not be a whole number of
// lots: see [LargestOrder].
func (c *Calendar) Freeze(underlying string, d market.Date) (market.Units, error) {
	if err := c.covered("freeze.csv", d); err != nil {
		return 0, err
	}
	symbol, err := c.symbolOf(underlying, "freeze.csv", d)
	if err != nil {
		return 0, err
	}
	units, ok := c.freezes[freezeKey{symbol, int32(d / 100)}]
	if !ok {
		return 0, &NoDataError{Date: d, File: "freeze.csv", What: "no limit of " + symbol + " for the month"}
	}
	return units, nil
}

// LargestOrder is the most lots that one order may carry.
func LargestOrder(freeze, lot market.Units) market.Lots {
	if lot <= 0 {
		return 0
	}
	return market.Lots(freeze / lot)
}

type limitRow struct {
	from market.Date
	LPP
}

// LPP is the exchange's limit price protection: how far from the reference a
// limit may lie on its dear side.
type LPP struct {
	ReferenceMax market.Paise // up to here Points rule, above it BasisPoints
	Points       market.Paise
	BasisPoints  int64 // of the reference
}

// LPP is the rule for NSE options on the date.
func (c *Calendar) LPP(d market.Date) (LPP, error) { return c.LPPOf("NFO", market.Option, d) }

// LPPOf is the rule for one kind of contract on one exchange.
func (c *Calendar) LPPOf(exchange string, kind market.Kind, d market.Date) (LPP, error) {
	if err := c.covered("price_limits.csv", d); err != nil {
		return LPP{}, err
	}
	row, ok := lastFrom(c.limits[ruleKey{exchange, kind}], d, func(r *limitRow) market.Date { return r.from })
	if !ok {
		return LPP{}, &NoDataError{Date: d, File: "price_limits.csv", What: fmt.Sprintf("no rule for %s %s", exchange, kind)}
	}
	return row.LPP, nil
}

// Range is the exact span around the reference, in paise, before rounding to
// the tick: a buy above high or a sell below low is rejected. Neither end goes
// below one paisa. A fraction of a paisa is cut inward.
func (l LPP) Range(reference market.Paise) (low, high market.Paise) {
	if reference <= l.ReferenceMax {
		return max(reference-l.Points, 1), reference + l.Points
	}
	wide := market.Paise(int64(reference) * l.BasisPoints / 10_000)
	return max(reference-wide, 1), reference + wide
}

// OnTick is Range brought inward to whole ticks: the outermost prices that an
// order may carry.
func (l LPP) OnTick(reference, tick market.Paise) (low, high market.Paise) {
	low, high = l.Range(reference)
	return low.RoundUp(tick), high.RoundDown(tick)
}

// Clamp brings a limit price inside the range on its guarded side, on a whole
// tick.
func (l LPP) Clamp(side market.Side, price, reference, tick market.Paise) market.Paise {
	low, high := l.OnTick(reference, tick)
	if side == market.Buy {
		return min(price, high)
	}
	return max(price, low)
}
