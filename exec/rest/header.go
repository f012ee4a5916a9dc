package rest

import (
	"bytes"
	"strconv"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// ParseRetryAfter reads a Retry-After header: seconds, or a date relative to
// now. What is no such value, or lies in the past, is not usable; what lies
// beyond MaxRetryAfter is cut to it.
func ParseRetryAfter(value []byte, now market.UnixNano) (time.Duration, bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 {
		return 0, false
	}
	if value[0] >= '0' && value[0] <= '9' {
		seconds, err := strconv.ParseUint(string(value), 10, 64)
		for _, c := range value {
			if c < '0' || c > '9' {
				return 0, false
			}
		}
		if err != nil || seconds > uint64(MaxRetryAfter/time.Second) { // only too many digits can fail here
			return MaxRetryAfter, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	at, ok := ParseHTTPDate(value)
	if !ok || at < now {
		return 0, false
	}
	return min(at.Sub(now), MaxRetryAfter), true
}

// ParseHTTPDate reads the Date form that HTTP requires servers to send.
func ParseHTTPDate(value []byte) (market.UnixNano, bool) {
	t, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", string(bytes.TrimSpace(value)))
	if err != nil || t.Year() < 2000 || t.Year() > 2200 { // UnixNano ends in 2262
		return 0, false
	}
	return market.UnixNano(t.UnixNano()), true
}
