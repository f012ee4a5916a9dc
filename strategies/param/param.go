// Package param reads a strategy's parameters: a TOML table, or single values
// from a command line, laid over typed defaults. An unknown key, a wrong type
// or a value out of range is an error that names the key. It knows no strategy
// and is used only before trading starts.
package param

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// ErrParam marks parameters that cannot be used.
var ErrParam = errors.New("strategy parameters")

// Table is a [strategies.params] table as TOML decodes it.
type Table = map[string]any

// Set adds "key=value" to the table. The value is read as TOML ("2", "true",
// "0.6"), and as text when it is none (15:10, NIFTY).
func Set(table Table, text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("%w: %q is not key=value", ErrParam, text)
	}
	one := Table{}
	if err := toml.Unmarshal([]byte("value = "+value), &one); err != nil || len(one) != 1 || timeLike(one["value"]) {
		one["value"] = value
	}
	table[key] = one["value"]
	return nil
}

// timeLike tells TOML's own dates and times, which parameters are not.
func timeLike(v any) bool {
	switch v.(type) {
	case string, bool, int64, float64:
		return false
	}
	return true
}

// Decode lays the table over dst, a pointer to a struct with toml tags that
// holds the defaults.
func Decode(table Table, dst any) error {
	text, err := toml.Marshal(table)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrParam, err)
	}
	err = toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(dst)
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		key := strings.Join(unknown.Errors[0].Key(), ".")
		return fmt.Errorf("%w: unknown key %q; known: %s", ErrParam, key, strings.Join(keys(dst), ", "))
	}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		return fmt.Errorf("%w: %s: %s", ErrParam, strings.Join(wrong.Key(), "."), strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrParam, err)
	}
	return nil
}

// Check collects what is wrong with values, key by key.
type Check struct{ problems map[string]string }

// That records why unless ok.
func (c *Check) That(ok bool, key, why string) {
	if ok {
		return
	}
	if c.problems == nil {
		c.problems = map[string]string{}
	}
	if c.problems[key] == "" {
		c.problems[key] = why
	}
}

// Err names every key that failed, or is nil.
func (c *Check) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(c.problems)) {
		list = append(list, key+" "+c.problems[key])
	}
	return fmt.Errorf("%w: %s", ErrParam, strings.Join(list, "; "))
}

// Description is one parameter for people.
type Description struct {
	Key     string
	Default string
	About   string
}

// Describe lists the parameters of a struct that holds the defaults, from its
// toml and about tags, in the order they are declared.
func Describe(defaults any) []Description {
	v := reflect.Indirect(reflect.ValueOf(defaults))
	var list []Description
	for i := range v.NumField() {
		field := v.Type().Field(i)
		list = append(list, Description{
			Key: field.Tag.Get("toml"), About: field.Tag.Get("about"), Default: fmt.Sprint(v.Field(i).Interface()),
		})
	}
	return list
}

func keys(dst any) []string {
	var list []string
	for _, d := range Describe(dst) {
		list = append(list, d.Key)
	}
	return list
}

// Duration is a time.Duration written "90s".
type Duration time.Duration

// UnmarshalText reads "90s".
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 90s", text)
	}
	*d = Duration(v)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

// TimeOfDay is a time since midnight in India, written "15:10" or "15:10:30".
type TimeOfDay time.Duration

// UnmarshalText reads "15:10".
func (t *TimeOfDay) UnmarshalText(text []byte) error {
	for _, layout := range [...]string{"15:04", "15:04:05"} {
		if v, err := time.Parse(layout, string(text)); err == nil {
			*t = TimeOfDay(time.Duration(v.Hour())*time.Hour + time.Duration(v.Minute())*time.Minute + time.Duration(v.Second())*time.Second)
			return nil
		}
	}
	return fmt.Errorf("%q is not a time of day such as 15:10", text)
}

func (t TimeOfDay) String() string {
	return time.Time{}.Add(time.Duration(t)).Format("15:04:05")
}
