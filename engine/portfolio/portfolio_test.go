package portfolio_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/portfolio"
)

var (
	today = market.NewDate(2026, time.August, 18)
	next  = market.NewDate(2026, time.August, 25)
)

// quotes is a book of its own: what it lacks has no quote.
type quotes map[market.InstrumentID]market.Quote

func (q quotes) Quote(id market.InstrumentID, out *market.Quote) bool {
	quote, ok := q[id]
	*out = quote
	return ok
}

// world is a two-strike universe and a portfolio on the flat-fee plan.
type world struct {
	universe         *market.Universe
	call, put, other market.InstrumentID
	*portfolio.Portfolio
	lastOrder order.ID
}

func newWorld(t require.TestingT, plan string) *world {
	option := func(token string, strike market.Paise, right market.Right) market.Instrument {
		key := market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: next, Strike: strike, Right: right}
		return market.Instrument{ContractKey: key, Token: token, LotSize: 65, TickSize: 5}
	}
	list := []market.Instrument{option("1", 24_200_00, market.Call), option("2", 24_200_00, market.Put), option("3", 24_300_00, market.Call)}
	u, err := market.NewUniverse(list)
	require.NoError(t, err)
	rules, err := calendar.Embedded()
	require.NoError(t, err)
	p, err := portfolio.New(portfolio.Config{Universe: u, Calendar: rules, Date: today, Plan: plan, CurveLen: 4})
	require.NoError(t, err)
	return &world{
		universe: u, Portfolio: p,
		call: u.ByKey(list[0].ContractKey), put: u.ByKey(list[1].ContractKey), other: u.ByKey(list[2].ContractKey),
	}
}

// fill books a whole new order.
func (w *world) fill(s order.StrategyID, id market.InstrumentID, side market.Side, units market.Units, price market.Paise) {
	w.lastOrder++
	w.Apply(&order.Update{
		ID: w.lastOrder, Strategy: s, Instrument: id, Side: side, State: order.Filled,
		Quantity: units, Filled: units, FilledNow: units, FillPrice: price, Average: price,
	})
}

func TestARoundTripRealisesTheDifferenceLessCharges(t *testing.T) {
	w := newWorld(t, "neo")

	w.fill(1, w.call, market.Buy, 65, 100_00)
	w.fill(1, w.call, market.Sell, 65, 110_00)

	got := w.Totals()
	require.Equal(t, market.Paise(65*10_00), got.Realised)
	require.Zero(t, got.Unrealised)
	require.Equal(t, market.Paise(6386), got.Charges)
	require.Equal(t, market.Paise(65000-6386), got.Net)
	require.Zero(t, w.Position(1, w.call).Quantity)
}

func TestAShortEarnsWhenItsPriceFalls(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Sell, 130, 100_00)

	w.Mark(quotes{w.call: {Bid: 79_00, Ask: 81_00}}, market.Stamp{Market: 1})

	p := w.Position(1, w.call)
	require.Equal(t, market.Units(-130), p.Quantity)
	require.Equal(t, market.Paise(100_00), p.Average())
	require.Equal(t, market.Paise(130*20_00), p.Unrealised)
}

func TestATradeThroughZeroRealisesOnlyWhatItCloses(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Buy, 65, 100_00)

	w.fill(1, w.call, market.Sell, 195, 90_00)

	p := w.Position(1, w.call)
	require.Equal(t, market.Units(-130), p.Quantity)
	require.Equal(t, market.Paise(-65*10_00), p.Realised)
	require.Equal(t, market.Paise(90_00), p.Average())
}

func TestPartialFillsPayOneFlatFee(t *testing.T) {
	w, whole := newWorld(t, "neo"), newWorld(t, "neo")
	for filled := market.Units(65); filled <= 195; filled += 65 {
		w.Apply(&order.Update{
			ID: 9, Strategy: 1, Instrument: w.call, Side: market.Buy, State: order.Partial,
			Quantity: 195, Filled: filled, FilledNow: 65, FillPrice: 100_00, Average: 100_00,
		})
	}
	whole.fill(1, whole.call, market.Buy, 195, 100_00)

	require.Equal(t, whole.Charges(), w.Charges())
	require.Equal(t, uint64(3), w.Totals().Fills)
}

func TestTheSecondLegOfTheDayIsCheaperOnALotPlan(t *testing.T) {
	w := newWorld(t, "i-secure")
	w.fill(1, w.call, market.Sell, 130, 100_00)
	require.Equal(t, market.Paise(190_00), w.Charges().Brokerage.Paise())

	w.fill(1, w.call, market.Buy, 195, 100_00) // closes two lots, opens one
	require.Equal(t, market.Paise(190_00+100_00+95_00), w.Charges().Brokerage.Paise())
}

func TestAnUpdateSeenTwiceBooksNothingTwice(t *testing.T) {
	w := newWorld(t, "neo")
	u := order.Update{
		ID: 1, Strategy: 1, Instrument: w.call, Side: market.Buy, Quantity: 130, Filled: 65, FilledNow: 65, FillPrice: 100_00, Average: 100_00,
	}
	w.Apply(&u)
	before := w.Snapshot()

	w.Apply(&u)

	require.Equal(t, market.Units(65), w.Position(1, w.call).Quantity)
	require.Equal(t, uint64(1), w.Totals().Repeated)
	require.Equal(t, before.Charges, w.Charges())
}

func TestAMissedUpdateIsMadeUpFromTheAverage(t *testing.T) {
	w := newWorld(t, "zero")
	w.Apply(&order.Update{ID: 1, Instrument: w.call, Side: market.Buy, Filled: 65, FilledNow: 65, FillPrice: 100_00, Average: 100_00})

	w.Apply(&order.Update{ID: 1, Instrument: w.call, Side: market.Buy, Filled: 195, FilledNow: 65, FillPrice: 106_00, Average: 103_00})

	p := w.Position(0, w.call)
	require.Equal(t, market.Units(195), p.Quantity)
	require.Equal(t, market.Paise(195*103_00), p.Basis)
}

func TestATradeTheExchangeTakesBackLeavesNoPosition(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Buy, 65, 100_00)

	w.Apply(&order.Update{ID: w.lastOrder, Strategy: 1, Instrument: w.call, Side: market.Buy, Filled: 0, FilledNow: -65, FillPrice: 100_00})

	require.Zero(t, w.Position(1, w.call).Quantity)
	require.Zero(t, w.Totals().Realised)
	require.Equal(t, uint64(1), w.Totals().Busts)
}

func TestMarksFallBackToTheLastPriceAndCountWhatHasNone(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Buy, 65, 100_00)
	w.fill(1, w.put, market.Buy, 65, 100_00)
	w.fill(1, w.other, market.Buy, 65, 100_00)

	w.Mark(quotes{w.call: {Bid: 101_00, Last: 102_00}, w.put: {}}, market.Stamp{Market: 1})

	require.Equal(t, market.Paise(102_00), w.Position(1, w.call).Mark)
	require.Equal(t, market.Paise(100_00), w.Position(1, w.put).Mark)
	require.Equal(t, uint64(2), w.Totals().Unmarked)
}

func TestAllContractsOfAnExpirySettleAgainstOneValue(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Buy, 65, 100_00)  // 24200 CE
	w.fill(1, w.other, market.Sell, 65, 60_00) // 24300 CE
	w.fill(2, w.put, market.Sell, 65, 80_00)   // 24200 PE
	soldTax := w.Charges().STT                 // 0.15 % of 65 x 140
	require.Equal(t, "13.65", soldTax.String())

	w.Settle("NIFTY", next, 24_250_00)

	require.Equal(t, market.Paise(65*(-100_00+50_00+60_00+80_00)), w.Totals().Realised)
	require.Zero(t, w.Totals().Unrealised)
	require.Equal(t, "18.525", w.Charges().STT.String(), "0.15 % of 65 x 50: only the long in the money is taxed")
	for _, p := range w.Snapshot().Positions {
		require.Zero(t, p.Quantity)
	}
}

func TestACarriedPositionCostsNothingAndIsNoSecondLeg(t *testing.T) {
	w := newWorld(t, "i-secure")
	w.Carry(1, w.call, -65, 100_00)
	require.Zero(t, w.Totals().Charges)

	w.fill(1, w.call, market.Buy, 65, 90_00)

	require.Equal(t, market.Paise(65*10_00), w.Totals().Realised)
	require.Equal(t, market.Paise(95_00), w.Charges().Brokerage.Paise())
}

func TestTheCurveKeepsTheNewestPointsNoCloserThanItsInterval(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Buy, 65, 100_00)
	for i := range 12 { // every half second
		at := market.UnixNano(i) * market.UnixNano(time.Second) / 2
		w.Mark(quotes{w.call: {Last: market.Paise(100_00 + i)}}, market.Stamp{Market: at})
	}

	curve := w.Snapshot().Curve

	require.Len(t, curve, 4)
	for i, point := range curve {
		require.Equal(t, market.UnixNano(i+2)*market.UnixNano(time.Second), point.At)
		require.Equal(t, market.Paise(65*2*(i+2)), point.Unrealised)
	}
}

func TestASnapshotDoesNotMoveWithThePortfolio(t *testing.T) {
	w := newWorld(t, "zero")
	w.fill(1, w.call, market.Buy, 65, 100_00)
	w.Publish()

	w.fill(1, w.call, market.Sell, 65, 90_00)

	require.Equal(t, market.Units(65), w.Latest().Positions[0].Quantity)
	require.Zero(t, w.Latest().Totals.Realised)
}

// Random fills and marks keep the two sums, per position and over all.
func TestTheBooksAlwaysBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, "neo")
		type key struct {
			s  order.StrategyID
			id market.InstrumentID
		}
		held, cash := map[key]market.Units{}, map[key]market.Paise{}
		ids := []market.InstrumentID{w.call, w.put, w.other}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			k := key{order.StrategyID(rapid.IntRange(0, 2).Draw(t, "strategy")), rapid.SampledFrom(ids).Draw(t, "instrument")}
			side := rapid.SampledFrom([]market.Side{market.Buy, market.Sell}).Draw(t, "side")
			units := market.Units(rapid.IntRange(1, 2000).Draw(t, "units"))
			price := market.Paise(rapid.IntRange(5, 100_000).Draw(t, "price"))
			w.fill(k.s, k.id, side, units, price)
			held[k] += side.Sign() * units
			cash[k] -= price.Times(side.Sign() * units)
			bid := market.Paise(rapid.IntRange(5, 100_000).Draw(t, "bid"))
			w.Mark(quotes{k.id: {Bid: bid, Ask: bid + 10}}, market.Stamp{Market: 1})

			var net market.Paise
			for k, quantity := range held {
				p := w.Position(k.s, k.id)
				require.Equal(t, quantity, p.Quantity, "a position is the sum of its fills")
				require.Equal(t, p.Bought-p.Sold, p.Quantity)
				require.Equal(t, cash[k], p.Cash)
				require.Equal(t, p.Cash+p.Mark.Times(p.Quantity), p.Realised+p.Unrealised)
				if p.Quantity == 0 {
					require.Zero(t, p.Basis)
				}
				net += p.Realised + p.Unrealised
			}
			require.Equal(t, net-w.Charges().Total().Paise(), w.Totals().Net)
		}
		// Closing everything at its mark turns all of it into realised profit.
		before := w.Totals().Realised + w.Totals().Unrealised
		for k, quantity := range held {
			if quantity != 0 {
				side := market.Sell
				if quantity < 0 {
					side = market.Buy
				}
				w.fill(k.s, k.id, side, max(quantity, -quantity), w.Position(k.s, k.id).Mark)
			}
		}
		require.Zero(t, w.Totals().Unrealised)
		require.Equal(t, before, w.Totals().Realised)
	})
}

func TestMarkDoesNotAllocate(t *testing.T) {
	w := newWorld(t, "neo")
	w.fill(1, w.call, market.Buy, 65, 100_00)
	view := quotes{w.call: {Bid: 101_00, Ask: 102_00}}
	require.Zero(t, testing.AllocsPerRun(100, func() { w.Mark(view, market.Stamp{Market: 1}) }))
}
