package rest

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/valyala/fastjson"

	"github.com/vayu-trading/vayu/engine/market"
)

// ErrNumber marks a field that is neither a number nor one of the venue's ways
// to say "none".
var ErrNumber = errors.New("rest: not a number")

// scalar is the text of a field that should hold a number. The venue sends
// numbers as JSON numbers, as strings, and for "none" null, "", "*", "NA" or
// nothing at all: those come out empty.
func scalar(v *fastjson.Value, buf []byte) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	switch v.Type() {
	case fastjson.TypeNull:
		return nil, nil
	case fastjson.TypeNumber:
		return v.MarshalTo(buf[:0]), nil
	case fastjson.TypeString:
		text := trim(v.GetStringBytes())
		if s := string(text); s == "*" || s == "NA" {
			return nil, nil
		}
		return text, nil
	}
	return nil, fmt.Errorf("%w: %.40s", ErrNumber, v.String())
}

func trim(text []byte) []byte {
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1] <= ' ' {
		text = text[:len(text)-1]
	}
	return text
}

// exactPrice reads a price that must be whole paise. The noise of a binary
// fraction printed in full (110.05000000000001) is forgiven, a finer price is
// not.
func exactPrice(v *fastjson.Value) (market.Paise, error) {
	var buf [40]byte
	text, err := scalar(v, buf[:])
	if err != nil || len(text) == 0 {
		return 0, err
	}
	n, exact, err := decimal(text, 2)
	if err == nil && !exact {
		err = fmt.Errorf("%w: %q is finer than a paisa", ErrNumber, text)
	}
	return market.Paise(n), err
}

// roundedPrice reads an amount that may be finer than a paisa (an average, a
// charge) and rounds it to the nearest, halves away from zero.
func roundedPrice(v *fastjson.Value) (market.Paise, error) {
	var buf [40]byte
	text, err := scalar(v, buf[:])
	if err != nil || len(text) == 0 {
		return 0, err
	}
	n, _, err := decimal(text, 2)
	return market.Paise(n), err
}

// valueOf reads an amount to six decimals and multiplies before it rounds.
func valueOf(v *fastjson.Value, quantity market.Units) (market.Paise, error) {
	var buf [40]byte
	text, err := scalar(v, buf[:])
	if err != nil || len(text) == 0 || quantity <= 0 {
		return 0, err
	}
	n, _, err := decimal(text, 6)
	if err != nil {
		return 0, err
	}
	high, low := bits.Mul64(uint64(max(n, 0)), uint64(quantity))
	if high != 0 || low > math.MaxInt64 {
		return 0, fmt.Errorf("%w: %q times %d is too large", ErrNumber, text, quantity)
	}
	return market.Paise((low + 5_000) / 10_000), nil
}

// units reads a quantity, which must be whole.
func units(v *fastjson.Value) (market.Units, error) {
	var buf [40]byte
	text, err := scalar(v, buf[:])
	if err != nil || len(text) == 0 {
		return 0, err
	}
	n, exact, err := decimal(text, 0)
	if err == nil && !exact {
		err = fmt.Errorf("%w: quantity %q is not whole", ErrNumber, text)
	}
	return market.Units(n), err
}

// decimal reads a JSON number (or the same as text) as an integer scaled by
// ten to the power places, rounding halves away from zero. It is exact when
// what the rounding took away is less than a millionth of the result's unit.
func decimal(text []byte, places int) (n int64, exact bool, err error) {
	bad := func(why string) (int64, bool, error) {
		return 0, false, fmt.Errorf("%w: %.40q%s", ErrNumber, text, why)
	}
	i, negative := 0, false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, i = text[0] == '-', 1
	}
	var mantissa uint64 // the leading significant digits: 18 at most fit and are enough
	digits, kept, shift, fraction := 0, 0, 0, false
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && !fraction && digits > 0 {
			fraction = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digits++
		if mantissa != 0 || c != '0' {
			kept++
		}
		switch {
		case kept <= 18:
			mantissa = mantissa*10 + uint64(c-'0')
			if fraction {
				shift--
			}
		case !fraction:
			shift++
		}
	}
	if digits == 0 || text[i-1] == '.' {
		return bad("")
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		exponent, sign := 0, 1
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			if text[i] == '-' {
				sign = -1
			}
			i++
		}
		start := i
		for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
			exponent = min(exponent*10+int(text[i]-'0'), 10_000)
		}
		if i == start {
			return bad("")
		}
		shift += sign * exponent
	}
	if i != len(text) {
		return bad("")
	}
	if mantissa == 0 {
		return 0, true, nil
	}
	exact = true
	for shift += places; shift > 0; shift-- {
		high, low := bits.Mul64(mantissa, 10)
		if high != 0 {
			return bad(" is too large")
		}
		mantissa = low
	}
	if shift < 0 {
		if shift < -19 { // below any digit that counts
			return 0, shift < -24, nil
		}
		divisor := uint64(1)
		for ; shift < 0; shift++ {
			divisor *= 10
		}
		rest := mantissa % divisor
		mantissa /= divisor
		off := rest
		if rest >= divisor-rest {
			mantissa++
			off = divisor - rest
		}
		exact = off <= divisor/1_000_000
	}
	if mantissa > math.MaxInt64 {
		return bad(" is too large")
	}
	if negative {
		return -int64(mantissa), exact, nil
	}
	return int64(mantissa), exact, nil
}
