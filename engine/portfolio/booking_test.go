package portfolio_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/portfolio"
)

// estimate books a whole new order at its limit; the result is its update, to
// be corrected.
func (w *world) estimate(s order.StrategyID, id market.InstrumentID, side market.Side, units market.Units, limit market.Paise) order.Update {
	w.lastOrder++
	u := order.Update{
		ID: w.lastOrder, Strategy: s, Instrument: id, Side: side, State: order.Filled, Price: limit, Quantity: units,
		Filled: units, FilledNow: units, FillPrice: limit, Average: limit, Value: limit.Times(units), Estimated: true,
	}
	w.Apply(&u)
	return u
}

// corrected is an update that names the exact value.
func corrected(u order.Update, value market.Paise) *order.Update {
	u.FilledNow, u.FillPrice, u.Value, u.Estimated = 0, 0, value, false
	u.Average = value / market.Paise(u.Filled)
	return &u
}

// books are what must not depend on when a price became known.
func (w *world) books() portfolio.Snapshot {
	s := w.Snapshot()
	s.Curve, s.Totals.MaxDrawdown, s.Totals.Corrected, s.Totals.Repeated = nil, 0, 0, 0
	return s
}

func TestACorrectedPriceIsBookedAsIfItHadBeenKnownAtOnce(t *testing.T) {
	for _, after := range []struct {
		name string
		then func(w *world)
	}{
		{"still open", func(*world) {}},
		{"partly closed", func(w *world) { w.fill(1, w.call, market.Sell, 65, 110_00) }},
		{"closed", func(w *world) { w.fill(1, w.call, market.Sell, 130, 110_00) }},
		{"reversed", func(w *world) { w.fill(1, w.call, market.Sell, 325, 110_00) }},
		{"closed and opened anew", func(w *world) {
			w.fill(1, w.call, market.Sell, 130, 110_00)
			w.fill(1, w.call, market.Buy, 65, 120_00)
		}},
	} {
		t.Run(after.name, func(t *testing.T) {
			w, at := newWorld(t, "neo"), newWorld(t, "neo")
			u := w.estimate(1, w.call, market.Buy, 130, 101_00)
			after.then(w)

			w.Apply(corrected(u, 100_00*130))

			at.fill(1, at.call, market.Buy, 130, 100_00)
			after.then(at)
			require.Equal(t, at.books(), w.books())
			require.EqualValues(t, 1, w.Totals().Corrected)
		})
	}
}

func TestACorrectionSaidTwiceOrBeforeALateEstimateChangesNothing(t *testing.T) {
	w := newWorld(t, "neo")
	u := w.estimate(1, w.call, market.Buy, 65, 101_00)
	w.Apply(corrected(u, 100_00*65))
	want := w.books()

	w.Apply(corrected(u, 100_00*65))
	require.Equal(t, want, w.books())
	w.Apply(&u)
	require.Equal(t, want, w.books())
	u.FilledNow = 0
	w.Apply(&u)

	require.Equal(t, want, w.books())
	require.EqualValues(t, 1, w.Totals().Repeated)
}

func TestAnExactFillKeepsItsPriceWhenAnEstimatedOneOfItsOrderIsCorrected(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Sell, 65, 110_00)
	u := order.Update{
		ID: 9, Strategy: 1, Instrument: w.call, Side: market.Buy, Quantity: 130, Filled: 65, FilledNow: 65, FillPrice: 100_00, Value: 65 * 100_00,
	}
	w.Apply(&u)
	require.EqualValues(t, 65*10_00, w.Totals().Realised)

	u.Filled, u.FillPrice, u.Value, u.Estimated = 130, 105_00, 65*205_00, true
	w.Apply(&u)
	w.Apply(corrected(u, 65*204_00))

	require.EqualValues(t, 65*10_00, w.Totals().Realised)
	require.EqualValues(t, 65*104_00, w.Position(1, w.call).Basis)
}

func TestAnExactFillTellsWhatTheEstimatedOnesBeforeItCost(t *testing.T) {
	w := newWorld(t, "neo")
	u := w.estimate(1, w.call, market.Buy, 65, 101_00)
	w.fill(1, w.call, market.Sell, 65, 110_00)

	u.Filled, u.FilledNow, u.FillPrice, u.Value, u.Estimated = 195, 130, 99_50, 195*100_00, false
	w.Apply(&u)

	require.EqualValues(t, 65*10_00, w.Totals().Realised)
	require.EqualValues(t, 130*100_00, w.Position(1, w.call).Basis)
}

func TestSomebodyElsesOrdersAreToldApartByTheVenuesID(t *testing.T) {
	w := newWorld(t, "neo")
	foreign := func(venue string, filled, now market.Units) order.Update {
		id, err := order.ParseVenueID(venue)
		require.NoError(t, err)
		return order.Update{
			VenueID: id, Instrument: w.call, Side: market.Buy, Quantity: 130, Filled: filled, FilledNow: now, FillPrice: 100_00,
			Average: 100_00, Value: 100_00 * market.Paise(filled), Estimated: true,
		}
	}
	for _, u := range []order.Update{foreign("202608183800000001", 65, 65), foreign("202608183800000002", 65, 65), foreign("202608183800000001", 130, 65)} {
		w.Apply(&u)
	}

	require.EqualValues(t, 195, w.Position(0, w.call).Quantity)
	one := foreign("202608183800000001", 130, 0)
	w.Apply(corrected(one, 130*99_00))
	require.EqualValues(t, -130*99_00-65*100_00, w.Position(0, w.call).Cash)
	require.EqualValues(t, 2*20*market.Rupee, w.Charges().Brokerage.Paise(), "two orders")
}

func TestAForeignOrderThatWasOursAfterAllLeavesNothingBehind(t *testing.T) {
	w, at := newWorld(t, "neo"), newWorld(t, "neo")
	venue, err := order.ParseVenueID("202608183800000001")
	require.NoError(t, err)
	foreign := order.Update{
		VenueID: venue, Instrument: w.call, Side: market.Sell, Filled: 65, FilledNow: 65, FillPrice: 99_00, Value: 99_00 * 65, Estimated: true,
	}
	w.Apply(&foreign)

	foreign.Side, foreign.FillPrice, foreign.Value = market.Buy, 98_00, 98_00*65
	w.Apply(&foreign)
	require.Zero(t, w.Totals().Net)
	w.fill(1, w.call, market.Sell, 65, 100_00)

	at.fill(1, at.call, market.Sell, 65, 100_00)
	require.Equal(t, at.Totals().Net, w.Totals().Net)
	require.Equal(t, at.Charges(), w.Charges())
	require.Zero(t, w.Position(0, w.call).Quantity)
}

func TestWhatWasHeldBeforeIsNoTrade(t *testing.T) {
	w := newWorld(t, "neo")
	for _, id := range []market.InstrumentID{w.call, w.put} {
		w.Apply(&order.Update{
			Instrument: id, Side: market.Sell, State: order.Filled, Quantity: 65, Filled: 65, FilledNow: 65, FillPrice: 100_00,
			Average: 100_00, Value: 65 * 100_00, Reason: "held before",
		})
	}

	require.EqualValues(t, -65, w.Position(0, w.call).Quantity)
	require.EqualValues(t, -65, w.Position(0, w.put).Quantity)
	require.Equal(t, portfolio.Totals{}, w.Totals())
}

// Orders fill in parts, at estimates that are corrected at any time or by the
// next fill, while the same trades are told exactly to a twin.
func TestEstimatesAndCorrectionsEndWhereExactPricesDo(t *testing.T) {
	type running struct {
		u     order.Update // as the twin knows it
		limit market.Paise
		value market.Paise // as the estimates say
		exact bool
	}
	// One price an order: then each fill is known, and all must agree. With many
	// only the order's sum is, and so is all that follows from sums.
	run := func(t *rapid.T, onePrice bool) {
		w, at := newWorld(t, "i-secure"), newWorld(t, "i-secure")
		ids := []market.InstrumentID{w.call, w.put}
		var orders []*running
		var last order.ID
		correct := func(o *running) {
			o.value, o.exact = o.u.Value, true
			w.Apply(corrected(o.u, o.value))
		}
		balanced := func(w *world) {
			for _, p := range w.Snapshot().Positions {
				require.Equal(t, p.Bought-p.Sold, p.Quantity)
				require.Equal(t, p.Cash+p.Mark.Times(p.Quantity), p.Realised+p.Unrealised)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			act := rapid.IntRange(0, 9).Draw(t, "act")
			switch {
			case act == 0:
				bid := market.Paise(rapid.IntRange(5, 100_000).Draw(t, "bid"))
				view := quotes{rapid.SampledFrom(ids).Draw(t, "marked"): {Bid: bid, Ask: bid + 10}}
				w.Mark(view, market.Stamp{Market: 1})
				at.Mark(view, market.Stamp{Market: 1})
			case act < 4 && len(orders) > 0:
				correct(rapid.SampledFrom(orders).Draw(t, "corrected"))
			case act < 7 || len(orders) == 0:
				last++
				side := rapid.SampledFrom([]market.Side{market.Buy, market.Sell}).Draw(t, "side")
				price := market.Paise(rapid.IntRange(5, 100_000).Draw(t, "price"))
				orders = append(orders, &running{limit: price + 15*market.Paise(side.Sign()), exact: true, u: order.Update{
					ID: last, Strategy: order.StrategyID(rapid.IntRange(0, 1).Draw(t, "strategy")), FillPrice: price,
					Instrument: rapid.SampledFrom(ids).Draw(t, "instrument"), Side: side,
				}})
				fallthrough
			default:
				o := orders[len(orders)-1]
				if act >= 7 {
					o = rapid.SampledFrom(orders).Draw(t, "filled")
				}
				o.u.FilledNow = market.Units(rapid.IntRange(1, 2000).Draw(t, "units"))
				if !onePrice {
					o.u.FillPrice = market.Paise(rapid.IntRange(5, 100_000).Draw(t, "price now"))
				}
				o.u.Filled += o.u.FilledNow
				o.u.Value += o.u.FillPrice.Times(o.u.FilledNow)
				o.u.Average = o.u.Value / market.Paise(o.u.Filled)
				at.Apply(&o.u)
				told := o.u
				if rapid.Bool().Draw(t, "estimated") {
					o.value, o.exact = o.value+o.limit.Times(o.u.FilledNow), false
					told.Estimated = true
				} else {
					o.value, o.exact = o.u.Value, true
				}
				told.Value = o.value
				w.Apply(&told)
			}
			balanced(w)
		}
		for _, o := range orders {
			if !o.exact {
				correct(o)
			}
		}
		balanced(w)

		require.Equal(t, at.Charges(), w.Charges())
		if onePrice {
			require.Equal(t, at.Totals().Net, w.Totals().Net)
		}
		for _, p := range at.Snapshot().Positions {
			got := w.Position(p.Strategy, p.Instrument)
			if onePrice {
				require.Equal(t, p, got)
				continue
			}
			require.Equal(t, p.Cash, got.Cash)
			require.Equal(t, p.Quantity, got.Quantity)
			if p.Quantity == 0 {
				require.Equal(t, p.Realised, got.Realised)
			}
		}
	}
	t.Run("one price an order", rapid.MakeCheck(func(t *rapid.T) { run(t, true) }))
	t.Run("a price for each fill", rapid.MakeCheck(func(t *rapid.T) { run(t, false) }))
}
