package stream

import (
	"github.com/vayu-trading/vayu/engine/market"
)

// What a number of the wire may at most be. Larger ones are not a market's.
const (
	maxPrice    = 1_000_000_000 * market.Rupee
	maxUnits    = 1_000_000_000_000_000
	maxSeconds  = 9_000_000_000 // of an epoch; milliseconds by mistake are far above it
	maxOrders   = 1_000_000_000
	maxNumerals = 32 // bytes of one number
)

// decimal is a JSON number taken apart: digits with the decimal point after the
// first `point` of them (it may lie outside, on either side).
type decimal struct {
	negative bool
	digits   [maxNumerals]byte // values 0 to 9, no leading zero
	n        int
	point    int
}

// parseDecimal reads a number by JSON's grammar, which fastjson does not check.
// It says what is wrong, or "".
func parseDecimal(text []byte) (d decimal, fault string) {
	if len(text) > maxNumerals {
		return d, "a number longer than 32 bytes"
	}
	const bad = "not a number"
	i := 0
	at := func() byte {
		if i < len(text) {
			return text[i]
		}
		return 0
	}
	digit := func() bool { return at() >= '0' && at() <= '9' }

	if at() == '-' {
		d.negative = true
		i++
	}
	start := i
	for ; digit(); i++ {
		if d.n > 0 || at() != '0' {
			d.digits[d.n] = at() - '0'
			d.n++
		}
	}
	if i == start || text[start] == '0' && i > start+1 {
		return d, bad
	}
	d.point = d.n
	if at() == '.' {
		i++
		start = i
		for ; digit(); i++ {
			if d.n == 0 && at() == '0' {
				d.point-- // 0.05: the point lies before the first digit
				continue
			}
			d.digits[d.n] = at() - '0'
			d.n++
		}
		if i == start {
			return d, bad
		}
	}
	if at() == 'e' || at() == 'E' {
		i++
		down := at() == '-'
		if down || at() == '+' {
			i++
		}
		start = i
		exponent := 0
		for ; digit(); i++ {
			exponent = min(exponent*10+int(at()-'0'), 1000)
		}
		if i == start {
			return d, bad
		}
		if down {
			exponent = -exponent
		}
		d.point += exponent
	}
	if i != len(text) {
		return d, bad
	}
	for d.n > 0 && d.digits[d.n-1] == 0 {
		d.n--
	}
	if d.n == 0 {
		if d.negative {
			return d, "minus zero"
		}
		d.point = 0
	}
	return d, ""
}

// whole is d times ten to the shift, cut to an integer, and where in d.digits
// the cut-off part begins (it may lie before the first). ok is false from 10^18 up.
func (d *decimal) whole(shift int) (value int64, cut int, ok bool) {
	cut = d.point + shift
	if d.n > 0 && cut > 18 {
		return 0, cut, false
	}
	for i := range cut {
		value *= 10
		if i < d.n {
			value += int64(d.digits[i])
		}
	}
	return value, cut, true
}

// digitAt is the i-th digit; zero outside.
func (d *decimal) digitAt(i int) byte {
	if i < 0 || i >= d.n {
		return 0
	}
	return d.digits[i]
}

// noise is how many digits beyond the paisa must be all 0 or all 9 for the rest
// to count as the noise of a binary fraction: 100.05000000000001 is 100.05,
// while 100.0525 is refused. No venue quotes to a ten-millionth of a rupee.
const noise = 5

// price is d in paise; see noise for what is finer than a paisa.
func (d *decimal) price() (market.Paise, string) {
	value, cut, ok := d.whole(2)
	switch {
	case d.negative:
		return 0, "a negative price"
	case !ok || market.Paise(value) > maxPrice:
		return 0, "a price that is too large"
	}
	zeros, nines := true, true
	for i := range noise {
		zeros = zeros && d.digitAt(cut+i) == 0
		nines = nines && d.digitAt(cut+i) == 9
	}
	switch {
	case cut >= d.n || zeros:
	case nines:
		value++
	default:
		return 0, "a price finer than a paisa"
	}
	if market.Paise(value) > maxPrice {
		return 0, "a price that is too large"
	}
	return market.Paise(value), ""
}

// average is d in paise, rounded half up: an average may be finer.
func (d *decimal) average() (market.Paise, string) {
	value, cut, ok := d.whole(2)
	if d.negative {
		return 0, "a negative price"
	}
	if ok && d.digitAt(cut) >= 5 {
		value++
	}
	if !ok || market.Paise(value) > maxPrice {
		return 0, "a price that is too large"
	}
	return market.Paise(value), ""
}

// integer is d when it is a whole number of at most limit, either sign.
func (d *decimal) integer(limit int64) (int64, string) {
	value, cut, ok := d.whole(0)
	switch {
	case !ok || value > limit:
		return 0, "a number that is too large"
	case cut < d.n:
		return 0, "not a whole number"
	case d.negative:
		return -value, ""
	}
	return value, ""
}

// count is integer, not negative.
func (d *decimal) count(limit int64) (int64, string) {
	if d.negative {
		return 0, "a negative number"
	}
	return d.integer(limit)
}
