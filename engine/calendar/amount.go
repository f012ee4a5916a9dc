package calendar

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/vayu-trading/vayu/engine/market"
)

// Amount is a non-negative amount of money, exact to 1e-18 paisa in 128 bits:
// fine enough that a rate on a rate (tax on a fee) loses nothing, wide enough
// for every turnover there is. Amounts compare with ==. The zero value is
// nothing.
type Amount struct{ hi, lo uint64 }

// attosPerPaisa is how many of Amount's units make a paisa; one part per
// billion of a paisa is attosPerNano of them.
const (
	attosPerPaisa = 1_000_000_000_000_000_000
	attosPerNano  = 1_000_000_000
)

// AmountOf is p exactly; a negative p counts as nothing.
func AmountOf(p market.Paise) Amount { return product(uint64(max(p, 0)), attosPerPaisa) }

func product(a, b uint64) Amount {
	hi, lo := bits.Mul64(a, b)
	return Amount{hi, lo}
}

// Plus is a+b.
func (a Amount) Plus(b Amount) Amount {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return Amount{hi, lo}
}

// split is the whole paise of a and the rest in attos. Amounts beyond 64 bits
// of paise do not occur: every price is at most 1e17 paise and every rate below
// one.
func (a Amount) split() (paise, attos uint64) {
	if a.hi >= attosPerPaisa {
		panic("calendar: an amount passes 64 bits of paise")
	}
	return bits.Div64(a.hi, a.lo, attosPerPaisa)
}

// Paise is a rounded to the nearest paisa, halves up.
func (a Amount) Paise() market.Paise {
	paise, attos := a.split()
	if attos >= attosPerPaisa/2 {
		paise++
	}
	return market.Paise(paise)
}

// PaiseUp is a rounded up to a whole paisa: what a decision should count with.
func (a Amount) PaiseUp() market.Paise {
	paise, attos := a.split()
	if attos > 0 {
		paise++
	}
	return market.Paise(paise)
}

// Rupees is a rounded to the nearest rupee, halves up, as statutory charges are
// on a contract note.
func (a Amount) Rupees() market.Paise {
	paise, _ := a.split()
	return market.Paise((paise + 50) / 100 * 100)
}

// String is a in rupees with every decimal it has: "63.858742".
func (a Amount) String() string {
	paise, attos := a.split()
	text := fmt.Sprintf("%d.%02d%018d", paise/100, paise%100, attos)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
