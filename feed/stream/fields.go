package stream

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// maxFields is more than the longest documented order notice has.
const maxFields = 56

// fields is a flat JSON array of scalars, split in place: strings without
// their quotes, other scalars as they stand.
type fields struct {
	list    [maxFields][]byte
	n       int
	scratch []byte // resolved escapes; earlier results keep their own array when it grows
}

// split takes args apart and says what is wrong, or "".
func (f *fields) split(args []byte) string {
	f.n, f.scratch = 0, f.scratch[:0]
	if len(args) < 2 || args[0] != '[' || args[len(args)-1] != ']' {
		return "not an array"
	}
	b, i := args[1:len(args)-1], 0
	for {
		i = skipSpace(b, i)
		if f.n == maxFields {
			return "more elements than any layout has"
		}
		start := i
		if i < len(b) && b[i] == '"' {
			escaped := false
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					escaped = true
					i++
				}
			}
			if i >= len(b) {
				return "an unfinished string"
			}
			text := b[start+1 : i]
			if i++; escaped {
				var err error
				if text, err = f.resolve(text); err != nil {
					return "a string with a bad escape"
				}
			}
			f.list[f.n] = text
		} else {
			for i < len(b) && (b[i] >= '0' && b[i] <= '9' || b[i] >= 'a' && b[i] <= 'z' || b[i] == '-' || b[i] == '+' || b[i] == '.' || b[i] == 'E') {
				i++
			}
			text := b[start:i]
			switch {
			case string(text) == "null":
				text = nil
			case len(text) == 0:
				return "an element that is no text"
			default:
				if _, fault := parseDecimal(text); fault != "" {
					return "an element that is neither text nor number"
				}
			}
			f.list[f.n] = text
		}
		f.n++
		if i = skipSpace(b, i); i == len(b) {
			return ""
		}
		if b[i] != ',' {
			return "elements without a comma between"
		}
		i++
	}
}

func (f *fields) resolve(raw []byte) ([]byte, error) {
	start := len(f.scratch)
	// An upstream binary protocol leaves control characters in the texts; here
	// they may stand bare, which JSON forbids and the text decoder refuses.
	for _, c := range raw {
		if c < ' ' {
			raw = withoutControls(raw)
			break
		}
	}
	out, err := socketio.AppendUnquoted(f.scratch, raw)
	f.scratch = out
	return out[start:], err
}

func withoutControls(raw []byte) []byte {
	var out []byte
	for _, c := range raw {
		if c >= ' ' {
			out = append(out, c)
		}
	}
	return out
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// text is element i without padding and control characters at its ends; the
// placeholder * is none.
func (f *fields) text(i int) []byte {
	text := f.list[i]
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1] <= ' ' {
		text = text[:len(text)-1]
	}
	if len(text) == 1 && text[0] == '*' {
		return nil
	}
	return text
}

// letter is element i as one upper-case letter; zero for none or a longer text.
func (f *fields) letter(i int) byte {
	text := f.text(i)
	if len(text) != 1 {
		return 0
	}
	if c := text[0]; c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return text[0]
}

// whole is element i as a whole number that is not negative: none is zero.
func (f *fields) whole(i int, limit int64) (value int64, fault string) {
	text := f.text(i)
	if len(text) == 0 {
		return 0, ""
	}
	number, fault := parseDecimal(text)
	if fault != "" {
		return 0, fault
	}
	return number.count(limit)
}

// date reads 24-Nov-2026 without allocating; zero when it is none such.
func date(text []byte) market.Date {
	if len(text) != 11 || text[2] != '-' || text[6] != '-' {
		return 0
	}
	day, ok1 := naturals(text[:2])
	year, ok2 := naturals(text[7:])
	for month := time.January; month <= time.December; month++ {
		if name := month.String()[:3]; ok1 && ok2 && equalFold(text[3:6], name) {
			if d := market.NewDate(year, month, day); day > 0 && d.AddDays(0) == d {
				return d
			}
			return 0
		}
	}
	return 0
}

func naturals(text []byte) (value int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + int(c-'0')
	}
	return value, len(text) > 0
}

// equalFold compares letters whatever their case.
func equalFold(text []byte, name string) bool {
	if len(text) != len(name) {
		return false
	}
	for i := range text {
		if text[i]|0x20 != name[i]|0x20 {
			return false
		}
	}
	return true
}
