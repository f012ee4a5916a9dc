package pricing

import (
	"math"

	"github.com/vayu-trading/vayu/engine/market"
)

// Refusal is why a number was not worked out. The zero value means it was.
type Refusal uint8

// The refusals.
const (
	Fine          Refusal = iota
	OneSided              // no two-sided, uncrossed quote
	WideSpread            // the spread passes the cap
	Stale                 // the quote is too old
	Expired               // no time left, or terms that are no option
	BelowValue            // the price leaves nothing above the intrinsic value
	AboveBound            // the price is at or above what no volatility can reach
	LowVega               // the price hardly depends on the volatility
	NoConvergence         // the solver gave up; should not happen
)

func (r Refusal) String() string {
	return [...]string{"fine", "one_sided", "wide_spread", "stale", "expired", "below_value", "above_bound", "low_vega",
		"no_convergence", "?", "?", "?", "?", "?", "?", "?"}[r&15]
}

// vegaFloor is the least sensitivity, in points per volatility point, at which
// a volatility means anything: a tenth of the tick.
const vegaFloor = 0.005

// ImpliedVolatility is the volatility at which the model gives the price, in
// points. It refuses rather than return a number that noise decides: no time
// value, a price out of bounds, or a vega below a tenth of a tick. Never call it
// once the settlement value is known, nor with a last price: see [Usable.Mid].
func (o *Terms) ImpliedVolatility(price float64) (float64, Refusal) {
	if !(o.Years > 0 && o.Forward > 0 && o.Strike > 0 && o.Discount > 0) || o.Right == market.NoRight {
		return 0, Expired
	}
	timeValue := price - o.Intrinsic()
	if !(timeValue > 0) {
		return 0, BelowValue
	}
	x := -math.Abs(math.Log(o.Forward / o.Strike))
	target := timeValue / (o.Discount * math.Sqrt(o.Forward*o.Strike))
	if target >= math.Exp(x/2) {
		return 0, AboveBound
	}
	total, ok := impliedTotal(x, target)
	if !ok {
		return 0, NoConvergence
	}
	root := math.Sqrt(o.Years)
	if o.Discount*math.Sqrt(o.Forward*o.Strike)*slope(x, total)*root/100 < vegaFloor {
		return 0, LowVega
	}
	return total / root, Fine
}

// slope is the derivative of outOfMoney by total.
func slope(x, total float64) float64 {
	h, t := x/total, total/2
	return math.Exp(-(h*h+t*t)/2) / math.Sqrt(2*math.Pi)
}

// impliedTotal inverts outOfMoney. The price as a function of total has one
// inflection, at root(2|x|). Above it Newton on the price converges from the
// inflection without overshooting; below it the price falls like exp(-1/total²),
// and Newton on one over its logarithm is nearly linear. A bracket that every
// step tightens catches whatever rounding does to either.
func impliedTotal(x, target float64) (float64, bool) {
	inflection := math.Sqrt(-2 * x)
	low, high := 0.0, math.Inf(1)
	total := inflection
	if total == 0 {
		total = target * math.Sqrt(2*math.Pi) // at the money: the linear term
	}
	lowBranch := target < outOfMoney(x, inflection)
	for range 100 {
		price := outOfMoney(x, total)
		switch {
		case price == target:
			return total, true
		case price > target:
			high = total
		default:
			low = total
		}
		next := total - (price-target)/slope(x, total)
		if lowBranch {
			logPrice, logTarget := math.Log(price), math.Log(target)
			next = total + (1/logTarget-1/logPrice)*-logPrice*logPrice*price/slope(x, total)
		}
		if math.Abs(next-total) <= 1e-9*total {
			return next, true // quadratic: the error left is the square of this step
		}
		if !(next > low && next < high) {
			next = min((low+high)/2, 2*total)
		}

		total = next
	}
	// The last digits may dance between neighbours; such a bracket is narrow.
	return total, high-low <= 1e-9*total
}
