package calendar_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
)

func charges(t testing.TB, on, plan string) calendar.Charges {
	t.Helper()
	c := embedded(t)
	got, err := c.Charges(date(t, on))
	require.NoError(t, err)
	p, err := c.Plan(plan, date(t, on))
	require.NoError(t, err)
	return got.With(p)
}

func fourDecimals(t testing.TB, a calendar.Amount) string {
	t.Helper()
	r, ok := new(big.Rat).SetString(a.String())
	require.True(t, ok)
	return r.FloatString(4)
}

func TestARoundTripCostsWhatTheTariffSays(t *testing.T) {
	roundTrip := func(plan string, units market.Units, want string) {
		t.Helper()
		c := charges(t, "2026-08-18", plan)
		lots := market.Lots(units / 65)
		b := c.Order(market.Buy, 10_000, units, lots).Plus(c.SquareOff(market.Sell, 11_000, units, lots))
		require.Equal(t, want, fourDecimals(t, b.Total()))
	}

	roundTrip("neo", 65, "63.8587")
	roundTrip("prime-2999", 65, "85.0987")
	roundTrip("neo", 650, "213.7868")
	roundTrip("prime-2999", 650, "850.9868")
}

func TestEachPartOfARoundTripIsExact(t *testing.T) {
	c := charges(t, "2026-08-18", "neo")
	b := c.Order(market.Buy, 10_000, 65, 1).Plus(c.SquareOff(market.Sell, 11_000, 65, 1))

	require.Equal(t, "40", b.Brokerage.String())
	require.Equal(t, "10.725", b.STT.String())
	require.Equal(t, "4.84848", b.Txn.String())
	require.Equal(t, "0.001365", b.IPFT.String())
	require.Equal(t, "0.01365", b.SEBI.String())
	require.Equal(t, "0.195", b.Stamp.String())
	require.Equal(t, "8.0751834", b.GST.String())
	require.Equal(t, market.Paise(6386), b.Total().Paise())
	require.Equal(t, market.Paise(1100+0+4000+485+0+1+808), b.ContractNote())
}

func TestAnOptionThatExpiresWorthlessCostsOnlyItsPurchase(t *testing.T) {
	c := charges(t, "2026-08-18", "neo")
	require.Equal(t, "23.7464", fourDecimals(t, c.Order(market.Buy, 500, 65, 1).Total()))
	require.Equal(t, calendar.Breakdown{}, c.Exercise(0, 65))
	require.Equal(t, calendar.Breakdown{}, c.Exercise(-500, 65))
}

func TestExerciseIsTaxedOnTheIntrinsicValue(t *testing.T) {
	now, before := charges(t, "2026-08-18", ""), charges(t, "2026-03-31", "")
	require.Equal(t, "4.875", now.Exercise(5000, 65).Total().String())
	require.Equal(t, "4.0625", before.Exercise(5000, 65).Total().String())
}

func TestTheDefaultPlanChargesLessForTheSecondLeg(t *testing.T) {
	c := charges(t, "2026-08-18", "")
	require.Equal(t, "i-secure", c.Plan.Name)
	require.Equal(t, "190", c.Order(market.Sell, 10_000, 130, 2).Brokerage.String())
	require.Equal(t, "100", c.SquareOff(market.Buy, 10_000, 130, 2).Brokerage.String())
	require.Equal(t, market.Paise(9500+5000), c.Plan.Brokerage(false, 1, 1))
	_, err := embedded(t).Plan("gold", date(t, "2026-08-18"))
	require.ErrorIs(t, err, calendar.ErrNoData)
	require.ErrorContains(t, err, "i-secure")
}

func TestRatesFollowTheDate(t *testing.T) {
	stt := func(on, want string) {
		t.Helper()
		c := charges(t, on, "zero")
		require.Equal(t, want, c.Order(market.Sell, 100_00, 1000, 1).STT.String())
	}

	stt("2024-09-30", "62.5")
	stt("2024-10-01", "100")
	stt("2026-03-31", "100")
	stt("2026-04-01", "150")
}

func TestAFutureCostsLessThanAnOptionOfItsTurnover(t *testing.T) {
	c, err := embedded(t).ChargesOf("NFO", market.Future, date(t, "2026-08-18"))
	require.NoError(t, err)
	b := c.Fill(market.Sell, 10_000_000*100, 1, 0) // one crore of rupees
	require.Equal(t, "182.99", b.Txn.String())
	require.Equal(t, "0.01", b.IPFT.String())
	require.Equal(t, "5000", b.STT.String())
}

// Any order's parts agree with rational arithmetic to the last digit.
func TestChargesAgreeWithRationalArithmetic(t *testing.T) {
	c := charges(t, "2026-08-18", "neo")
	rate := func(text string) *big.Rat {
		r, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		return r
	}
	rapid.Check(t, func(t *rapid.T) {
		price := rapid.Int64Range(0, 10_000_000).Draw(t, "price")
		units := rapid.Int64Range(0, 10_000_000).Draw(t, "units")
		brokerage := rapid.Int64Range(0, 1_000_000).Draw(t, "brokerage")
		turnover := new(big.Rat).Mul(big.NewRat(price, 100), big.NewRat(units, 1))
		times := func(r *big.Rat) *big.Rat { return new(big.Rat).Mul(turnover, r) }

		b := c.Fill(market.Sell, market.Paise(price), market.Units(units), market.Paise(brokerage))

		taxed := new(big.Rat).Add(big.NewRat(brokerage, 100), times(rate("0.0003562")))
		want := new(big.Rat).Mul(taxed, rate("0.18"))
		want.Add(want, big.NewRat(brokerage, 100))
		want.Add(want, times(rate("0.0018563"))) // stt + txn + ipft + sebi
		got, ok := new(big.Rat).SetString(b.Total().String())
		require.True(t, ok)
		require.Zero(t, want.Cmp(got), "want %s, got %s", want.FloatString(25), b.Total())
		require.GreaterOrEqual(t, b.Total().PaiseUp(), b.Total().Paise())
	})
}

func TestChargesDoNotAllocate(t *testing.T) {
	c := charges(t, "2026-08-18", "neo")
	var sum market.Paise
	require.Zero(t, testing.AllocsPerRun(100, func() {
		sum += c.Order(market.Buy, 10_000, 65, 1).Total().PaiseUp()
	}))
	require.NotZero(t, sum)
}

func ExampleCharges_Order() {
	rules, _ := calendar.Embedded()
	costs, _ := rules.Charges(market.NewDate(2026, 8, 18))
	neo, _ := rules.Plan("neo", market.NewDate(2026, 8, 18))
	costs = costs.With(neo)
	buy := costs.Order(market.Buy, 100*market.Rupee, 65, 1)
	sell := costs.SquareOff(market.Sell, 110*market.Rupee, 65, 1)
	fmt.Println(buy.Plus(sell).Total().Paise())
	// Output: 63.86
}

func BenchmarkChargesOrder(b *testing.B) {
	c := charges(b, "2026-08-18", "neo")
	b.ReportAllocs()
	for b.Loop() {
		c.Order(market.Buy, 10_000, 65, 1)
	}
}
