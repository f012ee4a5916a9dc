package config

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// The values below are read from their text even where the file has a bare
// number, so that no amount passes through a float and no bare number is taken
// for paise or nanoseconds.

// textError is a value that its type cannot read.
type textError struct{ text, want string }

func (e *textError) Error() string { return fmt.Sprintf("%.40q is not %s", e.text, e.want) }

// Duration is a length of time, written "23h55m".
type Duration struct{ time.Duration }

// Seconds is n seconds.
func Seconds(n int) Duration { return Duration{time.Duration(n) * time.Second} }

// Minutes is n minutes.
func Minutes(n int) Duration { return Duration{time.Duration(n) * time.Minute} }

// UnmarshalText reads "23h55m".
func (d *Duration) UnmarshalText(text []byte) error {
	length, err := time.ParseDuration(string(text))
	if err != nil {
		return &textError{string(text), `a length of time such as "30s" or "23h55m"`}
	}
	d.Duration = length
	return nil
}

// MarshalText writes "23h55m0s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Rupees is an amount of money, written in rupees: 25000.50.
type Rupees struct{ market.Paise }

// UnmarshalText reads "25000.50".
func (r *Rupees) UnmarshalText(text []byte) error {
	amount, err := market.ParsePaise(text)
	if err != nil || len(text) > 40 {
		return &textError{string(text), "an amount in rupees such as 25000 or 95.05"}
	}
	r.Paise = amount
	return nil
}

// MarshalText writes "25000.5".
func (r Rupees) MarshalText() ([]byte, error) { return r.Append(nil), nil }

// TimeOfDay is a moment of the day in India, written "08:30" or "08:30:15". The
// zero value is none, written "".
type TimeOfDay struct {
	set   bool
	after time.Duration
}

// At is the time of day that is the given time after midnight.
func At(afterMidnight time.Duration) TimeOfDay { return TimeOfDay{true, afterMidnight} }

// AfterMidnight is the time of day; ok is false when there is none.
func (t TimeOfDay) AfterMidnight() (after time.Duration, ok bool) { return t.after, t.set }

// UnmarshalText reads "08:30", "08:30:15" or "".
func (t *TimeOfDay) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*t = TimeOfDay{}
		return nil
	}
	layout := "15:04"
	if len(text) > len(layout) {
		layout = "15:04:05"
	}
	moment, err := time.Parse(layout, string(text))
	if err != nil || moment.Nanosecond() != 0 {
		return &textError{string(text), `a time of day such as "08:30"`}
	}
	*t = At(moment.Sub(moment.Truncate(24 * time.Hour)))
	return nil
}

// MarshalText writes "08:30:15", or "" for none.
func (t TimeOfDay) MarshalText() ([]byte, error) {
	if !t.set {
		return nil, nil
	}
	return []byte(time.Time{}.Add(t.after).Format("15:04:05")), nil
}
