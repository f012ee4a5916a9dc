package calendar

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// dataFile is one CSV file: its exact columns (the last is always source) and
// what a row does to the calendar.
type dataFile struct {
	name    string
	columns string
	add     func(*Calendar, *row)
}

// files are read in this order.
var files = [...]dataFile{
	{"symbols.csv", "code,symbol,exchange,source", func(c *Calendar, r *row) {
		c.symbols[r.text(0)] = symbolRow{symbol: r.text(1), exchange: r.text(2)}
	}},
	{"sessions.csv", "from,pre_open,open,close,underlying_end,auction_match,settle_known,source", func(c *Calendar, r *row) {
		s := r.hours(1)
		s.from = r.date(0)
		r.check(len(c.sessions) == 0 || c.sessions[len(c.sessions)-1].from < s.from, "dates must ascend")
		c.sessions = append(c.sessions, s)
	}},
	{"holidays.csv", "date,name,source", func(c *Calendar, r *row) {
		d := r.date(0)
		r.check(c.holidays[d] == "", "a date twice")
		c.holidays[d] = r.text(1)
	}},
	{"special_sessions.csv", "date,kind,open,close,underlying_end,auction_match,settle_known,source", func(c *Calendar, r *row) {
		s := specialRow{kind: r.text(1)}
		switch s.kind {
		case "muhurat":
			s.hours = r.hoursFrom(2, 0)
		case "full", "unknown":
			r.check(strings.Join(r.fields[2:7], "") == "", "hours given for kind "+s.kind)
		default:
			r.check(false, "kind must be full, muhurat or unknown")
		}
		c.specials[r.date(0)] = s
	}},
	{"expiry_rules.csv", "symbol,from,weekly,monthly,source", func(c *Calendar, r *row) {
		e := expiryRow{from: r.date(1), hasWeekly: r.fields[2] != "", monthly: r.weekday(3)}
		if e.hasWeekly {
			e.weekly = r.weekday(2)
			r.check(e.weekly == e.monthly, "weekly and monthly weekdays must agree")
		}
		appendAscending(r, c.expiries, r.text(0), e, func(e expiryRow) market.Date { return e.from })
	}},
	{"lots.csv", "symbol,cycle,expiry_from,trade_from,units,source", func(c *Calendar, r *row) {
		key := lotKey{symbol: r.text(0)}
		for _, cycle := range [...]Cycle{Weekly, Monthly, Quarterly} {
			if cycle.String() == r.text(1) {
				key.cycle = cycle
			}
		}
		r.check(key.cycle != NoCycle, "cycle must be weekly, monthly or quarterly")
		appendAscending(r, c.lots, key, lotRow{r.date(2), r.date(3), r.units(4)}, func(l lotRow) market.Date { return l.expiryFrom })
	}},
	{"freeze.csv", "symbol,month,units,source", func(c *Calendar, r *row) {
		c.freezes[freezeKey{r.text(0), int32(r.dateOf(r.text(1)+"-01") / 100)}] = r.units(2)
	}},
	{"price_limits.csv", "exchange,kind,from,reference_max,points,percent,source", func(c *Calendar, r *row) {
		limit := limitRow{from: r.date(2), LPP: LPP{ReferenceMax: r.paise(3), Points: r.paise(4), BasisPoints: int64(r.paise(5))}}
		r.check(limit.BasisPoints > 0 && limit.BasisPoints < 10_000, "percent must lie between 0 and 100")
		appendAscending(r, c.limits, r.rule(0), limit, func(l limitRow) market.Date { return l.from })
	}},
	{"charges.csv", "exchange,kind,from,stt_sell,stt_exercise,txn,ipft,sebi,stamp_buy,gst,source", func(c *Calendar, r *row) {
		charge := chargeRow{r.date(2), Rates{
			STTSell: r.rate(3), STTExercise: r.rate(4), Txn: r.rate(5), IPFT: r.rate(6), SEBI: r.rate(7), StampBuy: r.rate(8), GST: r.rate(9),
		}}
		appendAscending(r, c.charges, r.rule(0), charge, func(x chargeRow) market.Date { return x.from })
	}},
	{"brokerage.csv", "plan,from,default,per_order,per_lot,per_lot_second_leg,source", func(c *Calendar, r *row) {
		r.check(r.fields[2] == "" || r.fields[2] == "yes", "default must be yes or empty")
		c.plans = append(c.plans, planRow{r.date(1), r.fields[2] == "yes", Plan{
			Name: r.text(0), PerOrder: r.paise(3), PerLot: r.paise(4), PerLotSecondLeg: r.paise(5),
		}})
	}},
}

// appendAscending adds v to the key's rows, which must come oldest first.
func appendAscending[K comparable, V any](r *row, rows map[K][]V, key K, v V, from func(V) market.Date) {
	list := rows[key]
	r.check(len(list) == 0 || from(list[len(list)-1]) < from(v), "dates must ascend")
	rows[key] = append(list, v)
}

// read takes one file in. Its first line is "#covers,FROM,TO", its second the
// column names.
func (c *Calendar) read(folder fs.FS, file dataFile) error {
	text, err := fs.ReadFile(folder, file.name)
	if err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	reader := csv.NewReader(strings.NewReader(string(text)))
	reader.FieldsPerRecord = -1
	r := row{file: file.name}
	for r.line = 1; ; r.line++ {
		r.fields, err = reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFile, file.name, err)
		}
		switch r.line {
		case 1:
			r.check(len(r.fields) == 3 && r.fields[0] == "#covers", "the first line must be #covers,FROM,TO")
			if r.err == nil {
				c.covers[file.name] = span{r.date(1), r.date(2)}
			}
		case 2:
			r.check(strings.Join(r.fields, ",") == file.columns, "the columns must be "+file.columns)
		default:
			want := strings.Count(file.columns, ",") + 1
			r.check(len(r.fields) == want, fmt.Sprintf("%d fields, want %d", len(r.fields), want))
			if r.err == nil {
				r.text(want - 1) // every row says who said so
				file.add(c, &r)
			}
		}
		if r.err != nil {
			return fmt.Errorf("%w: %s row %d: %w", ErrFile, file.name, r.line, r.err)
		}
	}
	if r.line <= 2 {
		return fmt.Errorf("%w: %s: it needs a #covers line and the columns %s", ErrFile, file.name, file.columns)
	}
	return nil
}

// row is one line being read. The first thing wrong with it stays in err, and
// the readers below return zeros from then on.
type row struct {
	file   string
	line   int
	fields []string
	err    error
}

func (r *row) check(ok bool, what string) {
	if !ok {
		r.fail(fmt.Errorf("%s", what))
	}
}

func (r *row) fail(err error) { r.err = cmp.Or(r.err, err) }

func (r *row) text(i int) string {
	r.check(r.fields[i] != "", fmt.Sprintf("field %d is empty", i+1))
	return r.fields[i]
}

func (r *row) date(i int) market.Date { return r.dateOf(r.fields[i]) }

func (r *row) dateOf(text string) market.Date {
	d, err := market.ParseDate(text)
	if err != nil {
		r.fail(err)
	}
	return d
}

func (r *row) units(i int) market.Units {
	n, err := strconv.ParseInt(r.fields[i], 10, 32)
	if err != nil || n <= 0 {
		r.fail(fmt.Errorf("%q is not a positive number of units", r.fields[i]))
	}
	return market.Units(n)
}

// paise also reads percentages: 40 percent is 4000 basis points.
func (r *row) paise(i int) market.Paise {
	p, err := market.ParsePaise(r.fields[i])
	if err != nil {
		r.fail(err)
	}
	r.check(p >= 0, "negative")
	return p
}

// rate reads a decimal fraction below one with at most nine decimals.
func (r *row) rate(i int) PPB {
	whole, fraction, _ := strings.Cut(r.fields[i], ".")
	n, err := strconv.ParseUint(fraction+strings.Repeat("0", max(0, 9-len(fraction))), 10, 63)
	if err != nil || whole != "0" || len(fraction) > 9 {
		r.fail(fmt.Errorf("%q is not a rate: want 0.000000001 to 0.999999999, or 0", r.fields[i]))
		return 0
	}
	return PPB(n)
}

func (r *row) rule(i int) ruleKey {
	key := ruleKey{exchange: r.text(i)}
	for _, kind := range [...]market.Kind{market.Option, market.Future} {
		if kind.String() == r.text(i+1) {
			key.kind = kind
		}
	}
	r.check(key.kind != market.NoKind, "kind must be option or future")
	return key
}

func (r *row) weekday(i int) time.Weekday {
	days := []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	day := slices.Index(days, r.fields[i])
	r.check(day >= 0, "a weekday must be one of "+strings.Join(days, " "))
	return time.Weekday(day)
}

// clock reads "15:40"; an empty field is zero.
func (r *row) clock(i int) time.Duration {
	if r.fields[i] == "" {
		return 0
	}
	t, err := time.Parse("15:04", r.fields[i])
	if err != nil {
		r.fail(fmt.Errorf("%q is not a time such as 15:40", r.fields[i]))
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// hours reads a pre-open and the six columns after it.
func (r *row) hours(i int) sessionRow { return r.hoursFrom(i+1, r.clock(i)) }

func (r *row) hoursFrom(i int, preOpen time.Duration) sessionRow {
	s := sessionRow{
		preOpen: preOpen, open: r.clock(i), close: r.clock(i + 1), underlyingEnd: r.clock(i + 2),
		auctionMatch: r.clock(i + 3), settleKnown: r.clock(i + 4),
	}
	r.check(s.open > 0 && s.preOpen < s.open, "the open must follow the pre-open")
	r.check(s.open < s.underlyingEnd && s.underlyingEnd <= s.settleKnown && s.settleKnown <= s.close,
		"open < underlying_end <= settle_known <= close must hold")
	return s
}
