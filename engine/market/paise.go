package market

import (
	"errors"
	"fmt"
	"strconv"
)

// Paise is an amount of money or a price: 1/100 rupee, exact.
type Paise int64

// Rupee is one rupee in paise.
const Rupee Paise = 100

// ErrPrice marks a text that is not a price in whole paise.
var ErrPrice = errors.New("market: not a price in whole paise")

// maxRupees keeps every accepted text within int64 paise with room for sums.
const maxRupees = 1_000_000_000_000_000

// ParsePaise reads a decimal number of rupees ("95.05", "-0.5", "26000"). At
// most two decimals may be non-zero: a price finer than a paisa is refused,
// never rounded.
func ParsePaise[T ~string | ~[]byte](text T) (Paise, error) {
	i, negative := 0, false
	if len(text) > 0 && text[0] == '-' {
		negative, i = true, 1
	}
	start, rupees := i, int64(0)
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		rupees = rupees*10 + int64(text[i]-'0')
		if rupees > maxRupees {
			return 0, fmt.Errorf("%w: %q is too large", ErrPrice, string(text))
		}
	}
	if i == start {
		return 0, fmt.Errorf("%w: %q", ErrPrice, string(text))
	}
	paise := Paise(rupees) * Rupee
	if i < len(text) {
		if text[i] != '.' || i+1 == len(text) {
			return 0, fmt.Errorf("%w: %q", ErrPrice, string(text))
		}
		scale := Paise(10)
		for i++; i < len(text); i++ {
			digit := text[i] - '0'
			if digit > 9 {
				return 0, fmt.Errorf("%w: %q", ErrPrice, string(text))
			}
			if scale == 0 && digit != 0 {
				return 0, fmt.Errorf("%w: %q is finer than a paisa", ErrPrice, string(text))
			}
			paise += Paise(digit) * scale
			scale /= 10
		}
	}
	if negative {
		paise = -paise
	}
	return paise, nil
}

// Append writes p in rupees with the fewest decimals ("26000", "95.05",
// "100.1"), the form the venue's own clients send.
func (p Paise) Append(dst []byte) []byte {
	u := uint64(p)
	if p < 0 {
		dst = append(dst, '-')
		u = -u
	}
	dst = strconv.AppendUint(dst, u/100, 10)
	switch cents := u % 100; {
	case cents == 0:
	case cents%10 == 0:
		dst = append(dst, '.', byte('0'+cents/10))
	default:
		dst = append(dst, '.', byte('0'+cents/10), byte('0'+cents%10))
	}
	return dst
}

// String is p in rupees, as Append writes it.
func (p Paise) String() string { return string(p.Append(make([]byte, 0, 24))) }

// RoundDown is the nearest multiple of tick at or below p. A tick of zero
// leaves p as it is.
func (p Paise) RoundDown(tick Paise) Paise {
	if tick <= 0 {
		return p
	}
	rest := p % tick
	if rest < 0 {
		rest += tick
	}
	return p - rest
}

// RoundUp is the nearest multiple of tick at or above p.
func (p Paise) RoundUp(tick Paise) Paise {
	if down := p.RoundDown(tick); down != p {
		return down + tick
	}
	return p
}

// OnTick tells whether p is a multiple of tick.
func (p Paise) OnTick(tick Paise) bool { return tick <= 0 || p%tick == 0 }

// Units counts shares of a contract, the size used by books, orders at the
// venue and positions. A day's volume of a busy strike passes 32 bits.
type Units int64

// Lots counts whole lots, the size a strategy asks for.
type Lots int64

// Units turns lots into units of a contract with the given lot size.
func (l Lots) Units(lotSize Units) Units { return Units(l) * lotSize }

// Times is the value of q units at price p, in paise.
func (p Paise) Times(q Units) Paise { return p * Paise(q) }
