package market

import (
	"fmt"
	"sync/atomic"
	"time"
)

// UnixNano is an instant of the wall or the market clock: nanoseconds since
// 1970-01-01 UTC.
type UnixNano int64

// Mono is an instant of the monotonic clock: nanoseconds since the process
// started. Only differences mean anything; it never goes back.
type Mono int64

// Sub is t-u.
func (t Mono) Sub(u Mono) time.Duration { return time.Duration(t - u) }

// Add is t+d.
func (t Mono) Add(d time.Duration) Mono { return t + Mono(d) }

// Sub is t-u.
func (t UnixNano) Sub(u UnixNano) time.Duration { return time.Duration(t - u) }

// Add is t+d.
func (t UnixNano) Add(d time.Duration) UnixNano { return t + UnixNano(d) }

// Time is t in India's zone.
func (t UnixNano) Time() time.Time { return time.Unix(0, int64(t)).In(IST) }

// String is t in India's zone to the millisecond.
func (t UnixNano) String() string { return t.Time().Format("2006-01-02T15:04:05.000-07:00") }

// Date is the day of t in India.
func (t UnixNano) Date() Date {
	y, m, d := t.Time().Date()
	return NewDate(y, m, d)
}

// TimeOfDay is how long after midnight in India t is.
func (t UnixNano) TimeOfDay() time.Duration {
	const day = int64(24 * time.Hour)
	into := (int64(t) + istOffset) % day
	if into < 0 {
		into += day
	}
	return time.Duration(into)
}

const istOffset = int64(5*time.Hour + 30*time.Minute)

// IST is India's zone. It has had no daylight saving since 1945, so the offset
// is built in and no zone file is needed.
var IST = time.FixedZone("IST", int(istOffset/int64(time.Second)))

// Date is a calendar day, written YYYYMMDD as an integer so that it compares
// and prints cheaply. Zero means none.
type Date int32

// NewDate is the date of the given civil day.
func NewDate(year int, month time.Month, day int) Date {
	return Date(year*10000 + int(month)*100 + day)
}

// ParseDate reads "2026-11-24", "24-Nov-2026" or an ISO instant such as
// "2026-11-24T06:00:00.000Z", of which only the date part counts: the venue
// stamps expiries with an arbitrary hour.
func ParseDate(text string) (Date, error) {
	if len(text) > 10 && text[10] == 'T' {
		text = text[:10]
	}
	layout := "2006-01-02"
	if len(text) == 11 {
		layout = "02-Jan-2006"
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, fmt.Errorf("market: %q is not a date (want 2026-11-24 or 24-Nov-2026)", text)
	}
	return NewDate(t.Date()), nil
}

// Civil splits d into year, month and day.
func (d Date) Civil() (year int, month time.Month, day int) {
	return int(d / 10000), time.Month(d / 100 % 100), int(d % 100)
}

// At is the instant that is the given time after midnight of d in India.
func (d Date) At(sinceMidnight time.Duration) UnixNano {
	y, m, day := d.Civil()
	return UnixNano(time.Date(y, m, day, 0, 0, 0, 0, IST).UnixNano()).Add(sinceMidnight)
}

// AddDays is the date n days later.
func (d Date) AddDays(n int) Date {
	y, m, day := d.Civil()
	return NewDate(time.Date(y, m, day+n, 0, 0, 0, 0, time.UTC).Date())
}

// DaysTo counts the calendar days from d to e; negative when e is earlier.
func (d Date) DaysTo(e Date) int { return int(e.At(0).Sub(d.At(0)) / (24 * time.Hour)) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.At(0).Time().Weekday() }

// String is "2026-11-24".
func (d Date) String() string {
	y, m, day := d.Civil()
	return fmt.Sprintf("%04d-%02d-%02d", y, int(m), day)
}

// Venue is "24-Nov-2026", the form of the security master and most answers.
func (d Date) Venue() string {
	y, m, day := d.Civil()
	return fmt.Sprintf("%02d-%.3s-%04d", day, m.String(), y)
}

// Stamp is one reading of the three clocks, taken together. Events carry it,
// so that no core ever reads a clock.
type Stamp struct {
	Mono   Mono     // gates, backoff, deadlines, staleness
	Wall   UnixNano // signatures, session expiry
	Market UnixNano // session phases, strategy timers, expiry
}

// Clock reads the three clocks. Edges own one; cores get stamps.
type Clock interface{ Now() Stamp }

var processStart = time.Now()

// SystemClock is the clock of live and paper trading: market time is wall
// time.
type SystemClock struct{}

// Now reads the machine's clocks once.
func (SystemClock) Now() Stamp {
	t := time.Now()
	wall := UnixNano(t.UnixNano())
	return Stamp{Mono: Mono(t.Sub(processStart)), Wall: wall, Market: wall}
}

// TapeClock is the clock of a demo or of an engine beside a simulated venue:
// market time starts at an anchor and runs at a multiple of real time. Set may
// be called from any goroutine while others read.
type TapeClock struct{ anchor atomic.Pointer[tapeAnchor] }

type tapeAnchor struct {
	mono   Mono
	market UnixNano
	speed  float64
}

// NewTapeClock starts market time at the given instant, speed times as fast as
// real time.
func NewTapeClock(market UnixNano, speed float64) *TapeClock {
	c := new(TapeClock)
	c.Set(market, speed)
	return c
}

// Set moves market time to the given instant from now on.
func (c *TapeClock) Set(market UnixNano, speed float64) {
	c.anchor.Store(&tapeAnchor{mono: SystemClock{}.Now().Mono, market: market, speed: speed})
}

// Speed is how many seconds of market time pass in a second.
func (c *TapeClock) Speed() float64 { return c.anchor.Load().speed }

// Now reads the machine's clocks once and derives market time.
func (c *TapeClock) Now() Stamp {
	now, a := SystemClock{}.Now(), c.anchor.Load()
	now.Market = a.market + UnixNano(float64(now.Mono-a.mono)*a.speed)
	return now
}
