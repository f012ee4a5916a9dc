package pricing

import (
	"math"

	"github.com/vayu-trading/vayu/engine/market"
)

// yearNanos is a year of 525,600 minutes.
const yearNanos = 525_600 * 60 * 1e9

// Points is a price in rupees as a float.
func Points(p market.Paise) float64 { return float64(p) / float64(market.Rupee) }

// YearsBetween is the time from now to the expiry instant in years; negative
// once it is past. Take the instant from calendar.ExpiryInstant: an expiry a
// few minutes early inflates every volatility of the last hour.
func YearsBetween(now, expiry market.UnixNano) float64 { return float64(expiry-now) / yearNanos }

// Discount is what one rupee at the end of the years is worth today, at a
// continuously compounded rate (0.0525 for 5.25 %).
func Discount(rate, years float64) float64 { return math.Exp(-rate * years) }

// Terms is an option as the model sees it.
type Terms struct {
	Right    market.Right
	Forward  float64 // points
	Strike   float64 // points
	Years    float64
	Discount float64 // see Discount
}

// Intrinsic is the option's discounted value if the forward were certain.
func (o *Terms) Intrinsic() float64 {
	if o.Right == market.Put {
		return o.Discount * max(o.Strike-o.Forward, 0)
	}
	return o.Discount * max(o.Forward-o.Strike, 0)
}

// Price is the Black-76 value in points. With no time or no volatility left it
// is the intrinsic value.
func (o *Terms) Price(volatility float64) float64 {
	total := volatility * math.Sqrt(max(o.Years, 0))
	if !(total > 0) {
		return o.Intrinsic()
	}
	return o.Intrinsic() + o.Discount*math.Sqrt(o.Forward*o.Strike)*outOfMoney(-math.Abs(math.Log(o.Forward/o.Strike)), total)
}

// Greeks are the sensitivities of one option's price. Gamma and Vega are the
// same for a call and a put of one strike.
type Greeks struct {
	Delta       float64 // points per point of the forward: 0 to 1 for a call, -1 to 0 for a put
	Gamma       float64 // change of Delta per point of the forward
	Vega        float64 // points per volatility point (0.12 to 0.13)
	ThetaDay    float64 // points per calendar day, forward unchanged; negative: value lost
	ThetaMinute float64 // points per minute, for the last day
}

// Greeks are the model's sensitivities at a volatility. With no time or no
// volatility left, Delta is that of the payoff and the others are zero.
func (o *Terms) Greeks(volatility float64) Greeks {
	root := math.Sqrt(max(o.Years, 0))
	total := volatility * root
	if !(total > 0) {
		return Greeks{Delta: o.payoffDelta()}
	}
	d1 := math.Log(o.Forward/o.Strike)/total + total/2
	density := math.Exp(-d1*d1/2) / math.Sqrt(2*math.Pi)
	delta := o.Discount * normal(d1)
	if o.Right == market.Put {
		delta = -o.Discount * normal(-d1)
	}
	rate := -math.Log(o.Discount) / o.Years
	theta := rate*o.Price(volatility) - o.Discount*o.Forward*density*volatility/(2*root)
	return Greeks{
		Delta:       delta,
		Gamma:       o.Discount * density / (o.Forward * total),
		Vega:        o.Discount * o.Forward * density * root / 100,
		ThetaDay:    theta / 365,
		ThetaMinute: theta / 525_600,
	}
}

func (o *Terms) payoffDelta() float64 {
	switch {
	case o.Right == market.Put && o.Forward < o.Strike:
		return -o.Discount
	case o.Right == market.Call && o.Forward > o.Strike:
		return o.Discount
	}
	return 0
}

// normal is the cumulative standard normal, good to full relative precision in
// the left tail.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// outOfMoney is the undiscounted Black price of the out-of-the-money option,
// over the geometric mean of forward and strike. x is minus the absolute log
// moneyness, total the volatility times the root of time. Calls and puts share
// it, so that an in-the-money price never loses its small time value to a large
// intrinsic one.
func outOfMoney(x, total float64) float64 {
	h, t := x/total, total/2
	return max(0, math.Exp(x/2)*normal(h+t)-math.Exp(-x/2)*normal(h-t))
}
