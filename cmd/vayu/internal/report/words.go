package report

import (
	"fmt"
	"strconv"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Money writes an amount as a person in India reads it: ₹12,34,567.50, with a
// sign when it is asked for or negative.
func Money(p market.Paise, signed bool) string {
	sign := ""
	u := uint64(p)
	switch {
	case p < 0:
		sign, u = "−", -u
	case signed && p > 0:
		sign = "+"
	}
	return fmt.Sprintf("%s₹%s.%02d", sign, indian(u/100), u%100)
}

// indian groups digits in lakhs and crores: 1,23,45,678.
func indian(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	out := make([]byte, 0, len(digits)+len(digits)/2)
	for i := range len(digits) {
		if left := len(digits) - i; i > 0 && (left == 3 || left > 3 && left%2 == 1) {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return string(out)
}

// Count writes a number with its thousands apart: 1,234,567.
func Count[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "−", digits[1:]
	}
	out := make([]byte, 0, len(digits)+len(digits)/3)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, ',')
		}
		out = append(out, digits[i])
	}
	return sign + string(out)
}

// Span writes a length of time in nanoseconds with three digits and the unit
// that fits: 830ns, 4.12µs, 1.30ms.
func Span(ns int64) string {
	switch {
	case ns < 0:
		return "−" + Span(-ns)
	case ns < 1_000:
		return strconv.FormatInt(ns, 10) + "ns"
	case ns < 999_500:
		return three(float64(ns)/1e3) + "µs"
	case ns < 999_500_000:
		return three(float64(ns)/1e6) + "ms"
	}
	return three(float64(ns)/1e9) + "s"
}

func three(x float64) string {
	decimals := 2
	switch {
	case x >= 99.95:
		decimals = 0
	case x >= 9.995:
		decimals = 1
	}
	return strconv.FormatFloat(x, 'f', decimals, 64)
}

// Clock writes a length of time as people read a countdown: 23h55m, 4m05s, 7s.
func Clock(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "−", -d
	}
	s := int64(d / time.Second)
	switch {
	case s >= 3600:
		return fmt.Sprintf("%s%dh%02dm", sign, s/3600, s/60%60)
	case s >= 60:
		return fmt.Sprintf("%s%dm%02ds", sign, s/60, s%60)
	}
	return fmt.Sprintf("%s%ds", sign, s)
}
