package calendar

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Phase is the part of the trading day of index options.
type Phase uint8

// The phases. The zero value is the safe one.
const (
	Closed            Phase = iota
	PreOpen                 // futures only; options cannot trade
	Continuous              // options trade, and so does the underlying
	AuctionUnderlying       // options trade while the underlying sits in its closing auction
	PostSettle              // options trade, but the value they settle at is known
)

func (p Phase) String() string {
	return [...]string{"closed", "pre_open", "continuous", "auction_underlying", "post_settle", "?", "?", "?"}[p&7]
}

// Tradable tells whether orders in options can match.
func (p Phase) Tradable() bool { return p == Continuous || p == AuctionUnderlying || p == PostSettle }

// Day is one date of the derivatives segment. On a day without trading every
// instant is zero. It is plain data: copy it freely.
type Day struct {
	Date          market.Date
	Trading       bool
	Special       string          // "full", "muhurat" on a special session, else ""
	Holiday       string          // why a weekday is shut, else ""
	PreOpen       market.UnixNano // start of the futures-only pre-open; zero when there is none
	Open          market.UnixNano
	Close         market.UnixNano // also the last instant of the contracts that expire today
	UnderlyingEnd market.UnixNano // end of the underlying's continuous trading
	AuctionMatch  market.UnixNano // when the underlying's closing auction is matched; zero when there is none
	SettleKnown   market.UnixNano // from here the closing value of the underlying is known
}

// sessionRow and specialRow are times since midnight.
type sessionRow struct {
	from                                                           market.Date
	preOpen, open, close, underlyingEnd, auctionMatch, settleKnown time.Duration
}

type specialRow struct {
	kind  string
	hours sessionRow
}

// Day is the date's sessions. A date outside the files, or one whose special
// session has no published hours, is a NoDataError.
func (c *Calendar) Day(d market.Date) (Day, error) {
	for _, file := range [...]string{"sessions.csv", "holidays.csv", "special_sessions.csv"} {
		if err := c.covered(file, d); err != nil {
			return Day{}, err
		}
	}
	day := Day{Date: d}
	standard, ok := lastFrom(c.sessions, d, func(r *sessionRow) market.Date { return r.from })
	if !ok {
		return Day{}, &NoDataError{Date: d, File: "sessions.csv", What: "no row is in force"}
	}
	if special, found := c.specials[d]; found {
		switch special.kind {
		case "full":
			day.open(standard)
		case "muhurat":
			day.open(&special.hours)
		default:
			return Day{}, &NoDataError{Date: d, File: "special_sessions.csv", What: "a special session whose hours are not published"}
		}
		day.Special = special.kind
		return day, nil
	}
	trading, err := c.weekdayOpen(d)
	if err != nil {
		return Day{}, err
	}
	day.Holiday = c.holidays[d]
	if trading {
		day.open(standard)
	}
	return day, nil
}

func (d *Day) open(r *sessionRow) {
	midnight := d.Date.At(0)
	at := func(since time.Duration) market.UnixNano {
		if since == 0 {
			return 0
		}
		return midnight.Add(since)
	}
	d.Trading = true
	d.PreOpen, d.Open, d.Close = at(r.preOpen), at(r.open), at(r.close)
	d.UnderlyingEnd, d.AuctionMatch, d.SettleKnown = at(r.underlyingEnd), at(r.auctionMatch), at(r.settleKnown)
}

// Phase is where the instant falls. Each phase includes its first instant and
// excludes its last. It does not allocate.
func (d *Day) Phase(at market.UnixNano) Phase {
	switch {
	case !d.Trading || at >= d.Close:
		return Closed
	case at < d.Open:
		if d.PreOpen != 0 && at >= d.PreOpen {
			return PreOpen
		}
		return Closed
	case at < d.UnderlyingEnd:
		return Continuous
	case at < d.SettleKnown:
		return AuctionUnderlying
	}
	return PostSettle
}

// UnderlyingTradable tells whether the index is a continuously traded price at
// the instant. Outside it the spot is indicative: price from parity instead.
func (d *Day) UnderlyingTradable(at market.UnixNano) bool { return d.Phase(at) == Continuous }

// PreviousTradingDay is the last weekday session before d. Special sessions do
// not count.
func (c *Calendar) PreviousTradingDay(d market.Date) (market.Date, error) { return c.step(d, -1) }

// NextTradingDay is the first weekday session after d. Special sessions do not
// count.
func (c *Calendar) NextTradingDay(d market.Date) (market.Date, error) { return c.step(d, 1) }

func (c *Calendar) step(d market.Date, by int) (market.Date, error) {
	for range 30 { // the coverage check ends the walk in practice
		d = d.AddDays(by)
		open, err := c.weekdayOpen(d)
		if err != nil {
			return 0, err
		}
		if open {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%w: thirty shut days in a row up to %s", ErrFile, d)
}
