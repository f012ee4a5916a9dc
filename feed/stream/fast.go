package stream

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/vayu-trading/vayu/engine/market"
)

// The fast path reads an event's elements eight bytes at a time: a word holds
// the whole of most numbers, and arithmetic on the word finds the comma, finds
// and removes the decimal point, checks every digit and multiplies them out,
// with hardly a branch that depends on the data. It knows the usual spellings
// only. Whatever else comes, legal or not, it leaves to the slow path by
// returning false: it never refuses, and it never guesses.

const (
	ones   = 0x0101010101010101
	highs  = 0x8080808080808080
	commas = ones * ','
	points = ones * '.'
	zeros  = ones * '0'
)

// load is the eight bytes of b from i on, first byte lowest. Past the end it
// reads commas, so that the last element ends like every other.
func load(b []byte, i int) uint64 {
	if i+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[i:])
	}
	return loadTail(b, i)
}

func loadTail(b []byte, i int) uint64 {
	w, shift := uint64(0), 0
	for ; i < len(b); i++ {
		w |= uint64(b[i]) << shift
		shift += 8
	}
	return w | commas<<shift // a shift of 64 leaves none
}

// find marks the bytes of w that equal those of the pattern; only the lowest
// mark is exact.
func find(w, pattern uint64) uint64 {
	x := w ^ pattern
	return (x - ones) &^ x & highs
}

// below is a mask of the bytes before the lowest mark; all of them without one.
func below(marks uint64) uint64 { return (marks&-marks)>>7 - 1 }

// multiply is the value of eight digits (0 to 9, first one lowest).
func multiply(digits uint64) int64 {
	digits = digits*10 + digits>>8
	return int64(((digits&0x000000ff000000ff)*0x000f424000000064 + (digits>>16&0x000000ff000000ff)*0x0000271000000001) >> 32)
}

// overNine marks the bytes of digits that are no digit.
func overNine(digits uint64) uint64 { return (digits + ones*(0x80-10) | digits) & highs }

// none is where the next element begins if null or "" stands at i, else zero.
func none(b []byte, i int) (next int) {
	w := load(b, i)
	switch {
	case w&0xffffffffff == 'n'|'u'<<8|'l'<<16|'l'<<24|','<<32:
		return i + 5
	case w&0xffffff == '"'|'"'<<8|','<<16:
		return i + 3
	}
	return 0
}

// fastPrice reads a price at i: up to six digits and up to two decimals. next is
// where the next element begins, zero when this one is for the slow path.
func fastPrice(b []byte, i int) (price market.Paise, next int) {
	w := load(b, i)
	comma := find(w, commas)
	stop := comma | find(w, points)
	end := uint(bits.TrailingZeros64(comma)) &^ 7 // bits before the comma, 64 without one
	point := uint(bits.TrailingZeros64(stop)) &^ 7

	digits := (w ^ zeros) & below(comma)
	digits = digits&below(stop) | digits>>8&^below(stop) // without the point
	// Before the point 1 to 6 digits; from it on nothing, or it and 1 or 2 digits;
	// no leading zero but in "0" itself.
	bad := overNine(digits) | 1&^(0b01111110>>(point>>3)) | 1&^(0b1101>>((end-point)>>3))
	if bad != 0 || digits&0xff == 0 && point > 8 {
		return 0, none(b, i)
	}
	if comma == 0 && i+8 < len(b) && b[i+8] != ',' {
		return 0, 0 // longer than a word
	}
	return market.Paise(multiply(digits << ((48 - point) & 63))), i + int(end>>3) + 1
}

// fastUnits reads a whole number of up to 15 digits at i; next as fastPrice.
func fastUnits(b []byte, i int) (units int64, next int) {
	w := load(b, i)
	comma := find(w, commas)
	if comma == 0 {
		return fastLong(b, i, w)
	}
	end := uint(bits.TrailingZeros64(comma)) &^ 7
	digits := (w ^ zeros) & below(comma)
	if overNine(digits) != 0 || end == 0 || digits&0xff == 0 && end > 8 {
		return 0, none(b, i)
	}
	return multiply(digits << ((64 - end) & 63)), i + int(end>>3) + 1
}

// fastLong goes on where the first eight bytes hold no comma.
func fastLong(b []byte, i int, w uint64) (units int64, next int) {
	high := w ^ zeros
	w = load(b, i+8)
	comma := find(w, commas)
	end := uint(bits.TrailingZeros64(comma)) &^ 7
	low := (w ^ zeros) & below(comma)
	if overNine(high)|overNine(low) != 0 || high&0xff == 0 || comma == 0 {
		return 0, 0
	}
	return multiply(high)*powers[end>>3&7] + multiply(low<<(64-end)), i + 8 + int(end>>3) + 1
}

var powers = [...]int64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000}

// fastSigned is fastUnits with a minus allowed, but not before a zero.
func fastSigned(b []byte, i int) (units int64, next int) {
	if i < len(b) && b[i] == '-' {
		units, next = fastUnits(b, i+1)
		if units == 0 {
			return 0, 0
		}
		return -units, next
	}
	return fastUnits(b, i)
}

// skipChange passes over the percentage: a number like -24.21.
func skipChange(b []byte, i int) (next int) {
	if i < len(b) && b[i] == '-' {
		i++
		if i < len(b) && (b[i] == 'n' || b[i] == '"') {
			return 0
		}
	}
	_, next = fastPrice(b, i)
	return next
}

// skipText passes over a string without escapes, null or "".
func skipText(b []byte, i int) (next int) {
	if i >= len(b) || b[i] != '"' {
		next = none(b, i)
		return next
	}
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			if i+1 < len(b) && b[i+1] != ',' {
				return 0
			}
			return i + 2
		case c == '\\' || c < ' ':
			return 0
		}
	}
	return 0
}

// fastQuote reads the elements of a quote after its symbol, which start at i.
// Hot path.
func fastQuote(b []byte, i int, q *market.Quote) bool {
	elements := bytes.Count(b, comma) + 1
	if elements != 23 && elements != 21 {
		return false
	}
	var n int64
	if q.Open, i = fastPrice(b, i); i == 0 {
		return false
	}
	if q.Last, i = fastPrice(b, i); i == 0 {
		return false
	}
	if q.High, i = fastPrice(b, i); i == 0 {
		return false
	}
	if q.Low, i = fastPrice(b, i); i == 0 {
		return false
	}
	if i = skipChange(b, i); i == 0 {
		return false
	}
	if q.Bid, i = fastPrice(b, i); i == 0 {
		return false
	}
	if n, i = fastUnits(b, i); i == 0 {
		return false
	}
	q.BidQty = market.Units(n)
	if q.Ask, i = fastPrice(b, i); i == 0 {
		return false
	}
	if n, i = fastUnits(b, i); i == 0 {
		return false
	}
	q.AskQty = market.Units(n)
	if n, i = fastUnits(b, i); i == 0 {
		return false
	}
	q.LastQty = market.Units(n)
	if q.Average, i = fastPrice(b, i); i == 0 {
		return false
	}
	q.OpenInterest, q.OIChange = 0, 0
	if elements == 23 {
		if n, i = fastUnits(b, i); i == 0 {
			return false
		}
		q.OpenInterest = market.Units(n)
		if n, i = fastSigned(b, i); i == 0 {
			return false
		}
		q.OIChange = market.Units(n)
	}
	if n, i = fastUnits(b, i); i == 0 {
		return false
	}
	q.Volume = market.Units(n)
	if n, i = fastUnits(b, i); i == 0 {
		return false
	}
	q.TotalBuy = market.Units(n)
	if n, i = fastUnits(b, i); i == 0 {
		return false
	}
	q.TotalSell = market.Units(n)
	if i = skipText(b, i); i == 0 { // value traded
		return false
	}
	if i = skipText(b, i); i == 0 { // trend
		return false
	}
	if q.BandLow, i = fastPrice(b, i); i == 0 {
		return false
	}
	if q.BandHigh, i = fastPrice(b, i); i == 0 {
		return false
	}
	if n, i = fastUnits(b, i); i == 0 || n > maxSeconds {
		return false
	}
	q.LastTrade = market.UnixNano(n) * second
	if q.PrevClose, i = fastPrice(b, i); i != len(b)+1 {
		return false
	}
	q.Recv = 0
	return true
}

var comma = []byte{','}

// fastDepth reads the elements of an NSE depth after its symbol. Hot path.
func fastDepth(b []byte, i int, d *market.Depth) bool {
	n, i := fastUnits(b, i)
	if i == 0 || n > maxSeconds || i+2 > len(b) || b[i] != '[' {
		return false
	}
	d.VenueTime, d.Recv = market.UnixNano(n)*second, 0
	level := 0
	if i++; b[i] == ']' {
		i++
	} else {
		for ; ; level++ {
			if level == market.Levels || b[i] != '[' {
				return false
			}
			if i = fastSide(b, i+1, &d.Bids[level]); i == 0 || i >= len(b) || b[i] != ',' {
				return false
			}
			if i = fastSide(b, i+1, &d.Asks[level]); i == 0 || i+1 >= len(b) || b[i] != ']' {
				return false
			}
			i += 2 // past this level's bracket and what follows it
			if b[i-1] == ']' {
				level++
				break
			}
			if b[i-1] != ',' || i >= len(b) {
				return false
			}
		}
	}
	if i != len(b) {
		return false
	}
	for ; level < market.Levels; level++ {
		d.Bids[level], d.Asks[level] = market.Level{}, market.Level{}
	}
	return true
}

// fastSide reads rate, quantity, orders and the empty flag, and returns the
// index after it; zero when it is for the slow path.
func fastSide(b []byte, i int, level *market.Level) (next int) {
	var n int64
	if level.Price, i = fastPrice(b, i); i == 0 {
		return 0
	}
	if n, i = fastUnits(b, i); i == 0 {
		return 0
	}
	level.Qty = market.Units(n)
	if n, i = fastUnits(b, i); i == 0 || n > maxOrders {
		return 0
	}
	level.Orders = int32(n)
	if i+2 > len(b) || b[i] != '"' || b[i+1] != '"' {
		return 0
	}
	return i + 2
}
