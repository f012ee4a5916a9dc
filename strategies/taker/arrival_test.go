package taker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/taker"
)

var call = market.Instrument{ID: 7, LotSize: 65, TickSize: 5, Freeze: 1800}

// bench is a worker with a desk that only writes down.
type bench struct {
	taker.Worker
	rules   taker.Rules
	quote   market.Quote
	now     market.Stamp
	held    market.Units
	tickets []order.Ticket
	modify  []market.Paise
	cancels []order.ID
	deaf    bool // Place takes nothing
}

func newBench() *bench {
	b := &bench{
		rules: taker.Rules{Ticks: 2, TIF: order.IOC, ChaseEvery: time.Second, RejectPause: 2 * time.Second, MaxRejects: 3},
		quote: market.Quote{Last: 100_00, Bid: 99_90, Ask: 100_10},
		now:   market.Stamp{Mono: market.Mono(time.Hour)},
	}
	b.Bind(&call)
	return b
}

func (b *bench) Now() market.Stamp                         { return b.now }
func (b *bench) Position(market.InstrumentID) market.Units { return b.held }
func (b *bench) Modify(_ order.ID, price market.Paise)     { b.modify = append(b.modify, price) }
func (b *bench) Cancel(id order.ID)                        { b.cancels = append(b.cancels, id) }

func (b *bench) Place(t order.Ticket) order.ID {
	if b.deaf {
		return 0
	}
	b.tickets = append(b.tickets, t)
	return order.ID(len(b.tickets))
}

func (b *bench) step()                { b.Step(b, &b.quote, &b.rules) }
func (b *bench) wait(t time.Duration) { b.now.Mono = b.now.Mono.Add(t); b.step() }
func (b *bench) last() order.Ticket   { return b.tickets[len(b.tickets)-1] }

// tell reports on an order by its number.
func (b *bench) tell(id order.ID, state order.State, lots market.Lots) {
	t := b.tickets[id-1]
	units := lots.Units(call.LotSize)
	b.held += t.Side.Sign() * units
	b.OnOrder(b, &order.Update{
		ID: id, Instrument: call.ID, Side: t.Side, State: state, Filled: units, FilledNow: units, FillPrice: t.Price, Value: t.Price.Times(units),
	}, &b.rules)
}

func TestAnOrderIsPricedTicksBeyondTheTouch(t *testing.T) {
	priced := func(target market.Units, q market.Quote, want market.Paise) {
		t.Helper()
		b := newBench()
		b.rules.Protection = calendar.LPP{ReferenceMax: 50_00, Points: 20_00, BasisPoints: 4000}
		b.quote = q
		b.Aim(target)
		b.step()
		if want == 0 {
			require.Empty(t, b.tickets)
			return
		}
		require.Equal(t, want, b.last().Price)
	}

	priced(65, market.Quote{Last: 100_00, Bid: 99_90, Ask: 100_10}, 100_20)
	priced(-65, market.Quote{Last: 100_00, Bid: 99_90, Ask: 100_10}, 99_80)
	priced(65, market.Quote{Last: 100_00, Bid: 99_90}, 100_10)                    // no offer: from the last price
	priced(-65, market.Quote{Last: 100_00, Ask: 100_10}, 99_90)                   // no bid: the same
	priced(65, market.Quote{Last: 100_00, Ask: 180_00}, 140_00)                   // no further than the protection range
	priced(-65, market.Quote{Last: 100_00, Bid: 20_00}, 60_00)                    // on both sides
	priced(65, market.Quote{Last: 100_00, Ask: 120_00, BandHigh: 110_00}, 110_00) // nor beyond the day's band
	priced(-65, market.Quote{Last: 100_00, Bid: 85_00, BandLow: 90_02}, 90_05)
	priced(-65, market.Quote{Last: 10, Bid: 5}, 5) // nor below a tick
	priced(65, market.Quote{}, 0)
	priced(-65, market.Quote{Ask: 100_00}, 0)
}

func TestEachMissReachesFurther(t *testing.T) {
	b := newBench()
	b.Aim(65)
	b.step()
	b.tell(1, order.Cancelled, 0)
	b.step()
	require.Len(t, b.tickets, 1, "not before the pause is over")
	b.wait(time.Second)
	require.Equal(t, market.Paise(100_30), b.last().Price)
	b.tell(2, order.Filled, 1)
	require.True(t, b.Settled(b))
}

func TestALargeTargetGoesInOrdersThatTheExchangeTakes(t *testing.T) {
	b := newBench()
	b.Aim(65 * 60)
	b.step()
	require.Equal(t, market.Lots(27), b.last().Lots, "1755 units: the freeze quantity is no multiple of the lot")
	b.tell(1, order.Filled, 27)
	b.step()
	b.tell(2, order.Filled, 27)
	b.step()
	require.Equal(t, market.Lots(6), b.last().Lots)

	b = newBench()
	b.rules.MaxLots = 2
	b.Aim(-65 * 5)
	b.step()
	require.Equal(t, market.Lots(2), b.last().Lots)
}

func TestLessThanALotIsLeftAlone(t *testing.T) {
	b := newBench()
	b.held = 30
	b.step()
	require.True(t, b.Settled(b))
	require.Empty(t, b.tickets)
}

func TestAnOrderOfUnknownOutcomeBlocksEverything(t *testing.T) {
	for _, state := range []order.State{order.Ambiguous, order.Reconciling, order.Absent, order.Unresolved} {
		b := newBench()
		b.Aim(65)
		b.step()
		b.tell(1, state, 0)
		b.Aim(0)
		b.Aim(-65)
		b.wait(time.Hour)
		require.Len(t, b.tickets, 1, state)
		require.Empty(t, b.cancels)
		require.False(t, b.Settled(b))
		require.Equal(t, taker.Unknown, b.State())

		b.tell(1, order.Working, 0) // the verdict
		b.wait(time.Second)
		require.Equal(t, []order.ID{1}, b.cancels, "it is there, and not wanted any more")
	}
}

func TestRefusalsPauseLongerEachTimeAndThenGiveUpAdding(t *testing.T) {
	b := newBench()
	b.Aim(65)
	b.step()
	b.tell(1, order.Rejected, 0)
	b.wait(1900 * time.Millisecond)
	require.Len(t, b.tickets, 1)
	b.wait(100 * time.Millisecond)
	b.tell(2, order.Denied, 0)
	b.wait(3900 * time.Millisecond)
	require.Len(t, b.tickets, 2)
	b.wait(100 * time.Millisecond)
	b.tell(3, order.RejectedLate, 0)
	require.Equal(t, taker.Failed, b.State())
	b.wait(time.Hour)
	require.Len(t, b.tickets, 3)

	b.Aim(130) // a new target is a new chance
	b.step()
	require.Len(t, b.tickets, 4)
}

func TestRefusalsNeverStopAReduction(t *testing.T) {
	b := newBench()
	b.held = -65
	for id := order.ID(1); id <= 20; id++ {
		b.wait(30 * time.Second)
		b.tell(id, order.Rejected, 0)
	}
	require.Equal(t, taker.Idle, b.State())
	require.Len(t, b.tickets, 20)
}

func TestARestingOrderIsRepricedAndCalledBackWhenTheTargetMoves(t *testing.T) {
	b := newBench()
	b.rules.TIF = order.Day
	b.Aim(65)
	b.step()
	b.tell(1, order.Working, 0)
	b.quote.Ask = 101_00
	b.wait(time.Second)
	require.Equal(t, []market.Paise{101_20}, b.modify)
	b.wait(900 * time.Millisecond)
	require.Len(t, b.modify, 1)

	b.Aim(0)
	b.wait(100 * time.Millisecond)
	require.Equal(t, []order.ID{1}, b.cancels)
	b.wait(time.Second)
	require.Equal(t, []order.ID{1, 1}, b.cancels, "a cancel without an answer is repeated")
	b.tell(1, order.Cancelled, 0)
	require.True(t, b.Settled(b))
}

func TestALimitGivenIsForOneOrderOnly(t *testing.T) {
	b := newBench()
	b.AimAt(65, 99_95)
	b.step()
	require.Equal(t, market.Paise(99_95), b.last().Price)
	b.tell(1, order.Cancelled, 0)
	b.wait(time.Second)
	require.Equal(t, market.Paise(100_30), b.last().Price)
}

func TestADeskThatTakesNothingIsAskedAgainLater(t *testing.T) {
	b := newBench()
	b.deaf = true
	b.Aim(65)
	b.step()
	require.False(t, b.Out())
	b.deaf = false
	b.wait(2 * time.Second)
	require.Len(t, b.tickets, 1)
}

func TestCashIsWhatFillsBroughtAndCost(t *testing.T) {
	b := newBench()
	b.Aim(-130)
	b.step()
	b.tell(1, order.Filled, 2)
	require.Equal(t, market.Paise(130*99_80), b.Cash)
	b.Aim(0)
	b.step()
	b.tell(2, order.Filled, 2)
	require.Equal(t, market.Paise(130*(99_80-100_20)), b.Cash)
}

// Whatever the venue answers: at most one order is out, no order goes beyond
// the target, and once answers are good the target is reached.
func TestAWorkerNeverOvershootsAndAlwaysArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench()
		b.rules.MaxRejects = 1 << 30
		if rapid.Bool().Draw(t, "day") {
			b.rules.TIF = order.Day
		}
		placed := 0
		open := order.ID(0)
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			switch rapid.IntRange(0, 5).Draw(t, "event") {
			case 0:
				b.Aim(65 * market.Units(rapid.IntRange(-5, 5).Draw(t, "lots")))
			case 1, 2:
				b.wait(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
			default:
				if open != 0 {
					state := rapid.SampledFrom([]order.State{
						order.Filled, order.Cancelled, order.Rejected, order.Working, order.Ambiguous, order.ClosedAbsent,
					}).Draw(t, "answer")
					lots := market.Lots(0)
					if state == order.Filled {
						lots = b.tickets[open-1].Lots
					}
					b.tell(open, state, lots)
					if state.Terminal() || state == order.ClosedAbsent {
						open = 0
					}
				}
			}
			if len(b.tickets) > placed {
				require.Zero(t, open, "one order at a time")
				placed, open = len(b.tickets), order.ID(len(b.tickets))
				after := b.held + b.last().Side.Sign()*b.last().Lots.Units(65)
				gap := b.Target() - b.held
				require.LessOrEqual(t, max(b.Target()-after, after-b.Target()), max(gap, -gap)-65, "towards the target, never past it")
			}
		}
		target := b.Target()
		b.Aim(target + 65) // what was given up is begun anew
		b.Aim(target)
		for range 200 {
			if open != 0 {
				b.tell(open, order.Filled, b.tickets[open-1].Lots)
				open = 0
			}
			b.wait(30 * time.Second)
			if len(b.tickets) > placed {
				placed, open = len(b.tickets), order.ID(len(b.tickets))
			}
		}
		require.Equal(t, b.Target(), b.held)
	})
}

func TestSteppingDoesNotAllocate(t *testing.T) {
	b := newBench()
	b.Aim(65)
	b.step()
	require.Zero(t, testing.AllocsPerRun(100, func() { b.wait(time.Millisecond) }))
}
