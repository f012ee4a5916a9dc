package pricing_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/pricing"
)

// The oracle: Black-76 in 400-bit arithmetic, straight from its formula.

const precision = 400

func num(x float64) *big.Float { return new(big.Float).SetPrec(precision).SetFloat64(x) }

func op(f func(z, x, y *big.Float) *big.Float, x, y *big.Float) *big.Float {
	return f(new(big.Float).SetPrec(precision), x, y)
}

func add(x, y *big.Float) *big.Float { return op((*big.Float).Add, x, y) }
func sub(x, y *big.Float) *big.Float { return op((*big.Float).Sub, x, y) }
func mul(x, y *big.Float) *big.Float { return op((*big.Float).Mul, x, y) }
func div(x, y *big.Float) *big.Float { return op((*big.Float).Quo, x, y) }
func root(x *big.Float) *big.Float   { return new(big.Float).SetPrec(precision).Sqrt(x) }

// exp halves its argument until the series is short, then squares back.
func exp(x *big.Float) *big.Float {
	halvings := max(0, x.MantExp(nil)+8)
	small := new(big.Float).SetPrec(precision).SetMantExp(x, -halvings)
	sum, term := num(1), num(1)
	for k := 1; k < 80; k++ {
		term = div(mul(term, small), num(float64(k)))
		sum = add(sum, term)
	}
	for range halvings {
		sum = mul(sum, sum)
	}
	return sum
}

// log is Newton on exp.
func log(x *big.Float) *big.Float {
	f, _ := x.Float64()
	y := num(math.Log(f))
	for range 5 {
		e := exp(y)
		y = add(y, mul(num(2), div(sub(x, e), add(x, e))))
	}
	return y
}

// pi is 16 atan(1/5) - 4 atan(1/239).
func pi() *big.Float {
	atan := func(inverse float64) *big.Float {
		sum, power := num(0), div(num(1), num(inverse))
		for k := 0; k < 200; k++ {
			sum = add(sum, div(power, num(float64(2*k+1))))
			power = div(mul(power, num(-1)), num(inverse*inverse))
		}
		return sum
	}
	return sub(mul(num(16), atan(5)), mul(num(4), atan(239)))
}

// normal is 1/2 + density(x) (x + x³/3 + x⁵/15 + ...).
// Beyond 15 deviations it is 0 or 1 to 49 digits.
func normal(x *big.Float) *big.Float {
	if f, _ := x.Float64(); math.Abs(f) > 15 {
		return num(max(0, math.Copysign(1, f)))
	}
	sum, term := num(0), x
	for k := 1; k < 1200; k++ {
		sum = add(sum, term)
		term = div(mul(mul(term, x), x), num(float64(2*k+1)))
	}
	density := div(exp(div(mul(x, x), num(-2))), root(mul(num(2), pi())))
	return add(num(0.5), mul(density, sum))
}

func oracle(o *pricing.Terms, volatility float64) *big.Float {
	f, k := num(o.Forward), num(o.Strike)
	total := mul(num(volatility), root(num(o.Years)))
	d1 := add(div(log(div(f, k)), total), div(total, num(2)))
	d2 := sub(d1, total)
	if o.Right == market.Put {
		minus := num(-1)
		return mul(num(o.Discount), sub(mul(k, normal(mul(d2, minus))), mul(f, normal(mul(d1, minus)))))
	}
	return mul(num(o.Discount), sub(mul(f, normal(d1)), mul(k, normal(d2))))
}

func week(right market.Right, strike float64) pricing.Terms {
	years := 7.0 / 365
	return pricing.Terms{Right: right, Forward: 24212.8, Strike: strike, Years: years, Discount: pricing.Discount(0.0525, years)}
}

func TestPricesAgreeWithFourHundredBitArithmetic(t *testing.T) {
	for _, years := range []float64{10.0 / 525_600, 1.0 / 365, 7.0 / 365, 0.25, 2} {
		for _, strike := range []float64{20000, 23500, 24200, 24212.8, 24250, 25000, 30000} {
			for _, volatility := range []float64{0.05, 0.12, 0.6, 1.5} {
				for _, right := range []market.Right{market.Call, market.Put} {
					o := pricing.Terms{Right: right, Forward: 24212.8, Strike: strike, Years: years, Discount: pricing.Discount(0.0525, years)}
					want, _ := oracle(&o, volatility).Float64()
					require.InDelta(t, want, o.Price(volatility), 1e-10*max(want, 1), "%+v at %v", o, volatility)
				}
			}
		}
	}
}

func TestGreeksAgreeWithDifferencesOfTheOracle(t *testing.T) {
	const volatility = 0.13
	for _, right := range []market.Right{market.Call, market.Put} {
		for _, strike := range []float64{23500, 24200, 25000} {
			o := week(right, strike)
			rate := 0.0525
			slope := func(step float64, bump func(o *pricing.Terms, volatility *float64, by float64)) float64 {
				up, down, volUp, volDown := o, o, volatility, volatility
				bump(&up, &volUp, step)
				bump(&down, &volDown, -step)
				d, _ := sub(oracle(&up, volUp), oracle(&down, volDown)).Float64()
				return d / (2 * step)
			}
			g := o.Greeks(volatility)

			require.InDelta(t, slope(1e-3, func(o *pricing.Terms, _ *float64, by float64) { o.Forward += by }), g.Delta, 1e-8)
			require.InDelta(t, slope(1e-5, func(_ *pricing.Terms, v *float64, by float64) { *v += by })/100, g.Vega, 1e-6)
			require.InEpsilon(t, -slope(1e-6, func(o *pricing.Terms, _ *float64, by float64) {
				o.Years += by
				o.Discount = pricing.Discount(rate, o.Years)
			})/365, g.ThetaDay, 1e-6)
			require.InEpsilon(t, g.ThetaDay/1440, g.ThetaMinute, 1e-12)
			up, down := o, o
			up.Forward, down.Forward = o.Forward+0.01, o.Forward-0.01
			require.InEpsilon(t, (up.Greeks(volatility).Delta-down.Greeks(volatility).Delta)/0.02, g.Gamma, 1e-5)
		}
	}
}

func drawTerms(t *rapid.T) (pricing.Terms, float64) {
	years := rapid.Float64Range(5.0/525_600, 1).Draw(t, "years")
	volatility := rapid.Float64Range(0.04, 2).Draw(t, "volatility")
	// Strikes within five deviations: what a market quotes.
	moneyness := rapid.Float64Range(-5, 5).Draw(t, "deviations") * volatility * math.Sqrt(years)
	o := pricing.Terms{Right: market.Call, Forward: 24000, Strike: 24000 * math.Exp(moneyness), Years: years}
	o.Discount = pricing.Discount(rapid.Float64Range(0, 0.1).Draw(t, "rate"), years)
	if rapid.Bool().Draw(t, "put") {
		o.Right = market.Put
	}
	return o, volatility
}

func TestCallLessPutIsTheDiscountedForwardLessStrike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		call, volatility := drawTerms(t)
		call.Right = market.Call
		put := call
		put.Right = market.Put

		require.InDelta(t, call.Discount*(call.Forward-call.Strike), call.Price(volatility)-put.Price(volatility), 1e-8)
		require.InDelta(t, call.Discount, call.Greeks(volatility).Delta-put.Greeks(volatility).Delta, 1e-12)
	})
}

func TestPricesRiseWithVolatilityAndStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, volatility := drawTerms(t)
		price := o.Price(volatility)
		bound := o.Discount * o.Forward
		if o.Right == market.Put {
			bound = o.Discount * o.Strike
		}

		require.GreaterOrEqual(t, o.Price(volatility*1.01), price)
		require.GreaterOrEqual(t, price, o.Intrinsic())
		require.LessOrEqual(t, price, bound)
	})
}

func TestImpliedVolatilityUndoesThePrice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o, volatility := drawTerms(t)
		price := o.Price(volatility)

		got, why := o.ImpliedVolatility(price)

		if why == pricing.LowVega || why == pricing.BelowValue {
			require.Less(t, o.Greeks(volatility).Vega, 0.00501)
			return
		}
		require.Equal(t, pricing.Fine, why)
		// Rounding of the price itself limits what can be recovered.
		tolerance := 1e-12 + 1e-17*(o.Forward+o.Strike)/o.Greeks(volatility).Vega
		require.InDelta(t, volatility, got, tolerance)
	})
}

func TestImpliedVolatilityRefusesWhatMeansNothing(t *testing.T) {
	refuses := func(o pricing.Terms, price float64, want pricing.Refusal) {
		t.Helper()
		volatility, why := o.ImpliedVolatility(price)
		require.Equal(t, want, why)
		require.Zero(t, volatility)
	}
	deep := week(market.Call, 20000)
	expired := week(market.Call, 24200)
	expired.Years = 0

	refuses(deep, deep.Intrinsic(), pricing.BelowValue)
	refuses(deep, deep.Intrinsic()-5, pricing.BelowValue)
	refuses(week(market.Call, 24200), 30000, pricing.AboveBound)
	refuses(week(market.Call, 24200), math.NaN(), pricing.BelowValue)
	refuses(expired, 10, pricing.Expired)
	refuses(pricing.Terms{}, 10, pricing.Expired)
	refuses(week(market.Call, 26000), 1e-9, pricing.LowVega)
}

func TestAShorterDayInflatesTheVolatilityOfItsLastHour(t *testing.T) {
	at := func(hour, minute int) market.UnixNano {
		return market.NewDate(2026, 8, 18).At(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
	}
	implied := func(now, expiry market.UnixNano) float64 {
		o := pricing.Terms{Right: market.Call, Forward: 24200, Strike: 24200, Years: pricing.YearsBetween(now, expiry), Discount: 1}
		volatility, why := o.ImpliedVolatility(12)
		require.Equal(t, pricing.Fine, why)
		return volatility
	}

	require.InDelta(t, 1.41, implied(at(15, 20), at(15, 30))/implied(at(15, 20), at(15, 40)), 0.01)
	require.InDelta(t, 1.15, implied(at(15, 0), at(15, 30))/implied(at(15, 0), at(15, 40)), 0.01)
}

func TestWithoutTimeAnOptionIsItsPayoff(t *testing.T) {
	o := pricing.Terms{Right: market.Put, Forward: 100, Strike: 110, Discount: 1}
	require.Equal(t, 10.0, o.Price(0.2))
	require.Equal(t, pricing.Greeks{Delta: -1}, o.Greeks(0.2))
	o.Right = market.Call
	require.Equal(t, pricing.Greeks{}, o.Greeks(0.2))
}

var usable = pricing.Usable{SpreadPoints: 50, SpreadBasis: 300, MaxAge: time.Second}

func TestOnlyFreshTightTwoSidedQuotesHaveAMid(t *testing.T) {
	mid := func(q market.Quote, now market.Mono, want float64, refusal pricing.Refusal) {
		t.Helper()
		got, why := usable.Mid(&q, now)
		require.Equal(t, refusal, why)
		require.Equal(t, want, got)
	}
	const now = market.Mono(10 * time.Second)

	mid(market.Quote{Bid: 10000, Ask: 10005, Recv: now}, now, 100.025, pricing.Fine)
	mid(market.Quote{Bid: 10, Ask: 60, Recv: now}, now, 0.35, pricing.Fine)
	mid(market.Quote{Bid: 10000, Ask: 10304, Recv: now}, now, 101.52, pricing.Fine)
	mid(market.Quote{Bid: 10000, Ask: 10310, Recv: now}, now, 0, pricing.WideSpread)
	mid(market.Quote{Ask: 10005, Recv: now}, now, 0, pricing.OneSided)
	mid(market.Quote{Bid: 10005, Ask: 10005, Recv: now}, now, 0, pricing.OneSided)
	mid(market.Quote{Bid: 10000, Ask: 10005, Recv: now - market.Mono(2*time.Second)}, now, 0, pricing.Stale)
}

func TestTheForwardIsTheMedianOverStrikes(t *testing.T) {
	var p pricing.Parity
	_, ok := p.Forward(0)
	require.False(t, ok)
	for strike := 24000.0; strike <= 24400; strike += 100 {
		call, put := week(market.Call, strike), week(market.Put, strike)
		p.Add(strike, call.Price(0.12), put.Price(0.12), call.Discount)
	}
	p.Add(24500, 500, 0, 1) // one wild quote

	forward, ok := p.Forward(5)

	require.True(t, ok)
	require.InDelta(t, 24212.8, forward, 1e-6)
	_, ok = p.Forward(7)
	require.False(t, ok)
	for range 20 {
		p.Add(1, 1, 1, 1)
	}
	require.Equal(t, pricing.MaxParity, p.Count())
}

func TestPricingDoesNotAllocate(t *testing.T) {
	quote := market.Quote{Bid: 10000, Ask: 10005}
	var sum float64
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var p pricing.Parity
		o := week(market.Call, 24200)
		mid, _ := usable.Mid(&quote, 0)
		p.Add(24200, mid, mid, o.Discount)
		forward, _ := p.Forward(1)
		volatility, _ := o.ImpliedVolatility(mid)
		sum += forward + o.Greeks(volatility).Delta
	}))
	require.NotZero(t, sum)
}

func ExampleTerms_ImpliedVolatility() {
	o := pricing.Terms{Right: market.Call, Forward: 24200, Strike: 24200, Years: 7.0 / 365, Discount: 1}
	volatility, _ := o.ImpliedVolatility(160)
	fmt.Printf("%.4f %.4f\n", volatility, o.Greeks(volatility).Delta)
	// Output: 0.1197 0.5033
}

func BenchmarkImpliedVolatility(b *testing.B) {
	o := week(market.Call, 24500)
	price := o.Price(0.13)
	b.ReportAllocs()
	for b.Loop() {
		o.ImpliedVolatility(price)
	}
}

func BenchmarkGreeks(b *testing.B) {
	o := week(market.Call, 24500)
	b.ReportAllocs()
	for b.Loop() {
		o.Greeks(0.13)
	}
}
