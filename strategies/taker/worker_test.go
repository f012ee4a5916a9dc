package taker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/strategytest"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// pilot is the plainest strategy: one crew, aimed by the test.
type pilot struct {
	crew  taker.Crew
	rules taker.Rules
}

const wake engine.TimerID = 1

func (p *pilot) OnStart(ctx *engine.Context) error { return taker.Ready(ctx, "pilot") }
func (p *pilot) OnMarket(ctx *engine.Context) {
	p.crew.Work(ctx, &p.rules)
	ctx.TimerAfter(wake, taker.LookEvery)
}
func (p *pilot) OnTimer(ctx *engine.Context, _ engine.TimerID) { p.OnMarket(ctx) }
func (p *pilot) OnOrder(ctx *engine.Context, u *order.Update) {
	p.crew.OnOrder(ctx, u, &p.rules)
	p.crew.Work(ctx, &p.rules)
}
func (p *pilot) OnFeed(*engine.Context, market.FeedState) {}
func (p *pilot) OnStop(ctx *engine.Context)               { p.crew.Stop(ctx, "pilot") }

type seat struct {
	*strategytest.Desk
	p  *pilot
	id market.InstrumentID
	w  *taker.Worker
}

// newSeat is a worker of one call, quoted 149.75 to 150.25.
func newSeat(t *testing.T, change func(*taker.Rules)) *seat {
	t.Helper()
	p := &pilot{rules: taker.Rules{Ticks: 2, TIF: order.IOC, ChaseEvery: time.Second, RejectPause: 2 * time.Second, MaxRejects: 2}}
	if change != nil {
		change(&p.rules)
	}
	s := &seat{Desk: strategytest.New(t, strategytest.Clock(11, 0), p, false), p: p}
	s.id = s.Option(strategytest.Far, 24_200_00, market.Call)
	s.w = p.crew.Bind(s.Book.Universe().Get(s.id))
	s.Around(s.id, 150_00)
	s.Commit()
	return s
}

func (s *seat) aim(lots int) {
	s.Do(func(ctx *engine.Context) {
		s.w.Aim(market.Units(lots) * strategytest.Lot)
		s.p.crew.Work(ctx, &s.p.rules)
	})
}

func TestItBuysAtTheTouchPlusTicksAndReachesFurtherAfterEachMiss(t *testing.T) {
	s := newSeat(t, nil)
	s.Default = strategytest.Miss
	s.aim(1)
	s.Wait(2 * time.Second)

	require.Len(t, s.Orders, 3)
	for i, price := range []market.Paise{150_35, 150_45, 150_55} {
		require.Equal(t, price, s.Orders[i].Ticket.Price)
	}
}

func TestAPriceNeverLeavesTheBandOrTheProtectionRange(t *testing.T) {
	s := newSeat(t, func(r *taker.Rules) { r.Ticks = 1000 })
	q := s.Last(s.id)
	q.BandLow, q.BandHigh = 100_00, 152_00
	s.Quote(s.id, q)
	s.Commit()
	s.aim(1)
	require.Equal(t, market.Paise(152_00), s.Orders[0].Ticket.Price)
	s.aim(-1)
	require.Equal(t, market.Paise(100_00), s.Orders[1].Ticket.Price)

	rules, err := calendar.Embedded()
	require.NoError(t, err)
	s = newSeat(t, func(r *taker.Rules) {
		r.Ticks = 100_000
		r.Protection, err = rules.LPP(strategytest.Today)
		require.NoError(t, err)
	})
	low, high := s.p.rules.Protection.Range(150_00)
	s.aim(1)
	require.LessOrEqual(t, s.Orders[0].Ticket.Price, high)
	require.Less(t, s.Orders[0].Ticket.Price, market.Paise(5_000_00), "so many ticks were not taken")
	s.aim(-1)
	require.GreaterOrEqual(t, s.Orders[1].Ticket.Price, low)
}

func TestALargeTargetIsReachedInOrdersWithinTheFreezeQuantity(t *testing.T) {
	s := newSeat(t, nil)
	s.aim(60)
	s.Wait(time.Second)

	require.Equal(t, 60, s.Held(s.id))
	require.Greater(t, len(s.Orders), 2)
}

func TestAnOrderInDoubtIsWaitedForHoweverLong(t *testing.T) {
	s := newSeat(t, nil)
	s.Default = strategytest.Vanish
	s.aim(1)
	s.Wait(time.Minute)
	s.aim(-1) // nor does a new target send another
	s.Wait(time.Minute)

	require.Len(t, s.Orders, 1)
	require.Equal(t, taker.Unknown, s.w.State())
}

func TestNothingIsAddedToAnOrderThatMaySurfaceYet(t *testing.T) {
	s := newSeat(t, nil)
	s.Default = strategytest.Vanish
	s.aim(1)
	s.Default = strategytest.Match
	s.Tell(s.Orders[0], order.ClosedAbsent, 0, 0)
	s.Wait(time.Minute)

	require.Len(t, s.Orders, 1)
	require.Equal(t, taker.Failed, s.w.State())
}

func TestRefusalsEndAddingButNeverReducing(t *testing.T) {
	s := newSeat(t, nil)
	s.aim(2)
	s.Default = strategytest.Reject
	s.aim(4)
	s.Wait(time.Minute)
	require.Equal(t, taker.Failed, s.w.State())
	require.Len(t, s.Orders, 1+2)
	require.Equal(t, "refused by the test", s.w.Refusal)

	s.aim(0)
	s.Wait(3 * time.Minute)
	require.Greater(t, len(s.Orders), 3+4)
	s.Default = strategytest.Match
	s.Wait(time.Minute)
	require.True(t, s.Flat())
}

func TestAnExitThatReachedTooFarForTheCollarComesBackWithinIt(t *testing.T) {
	s := newSeat(t, nil)
	s.aim(-1)
	s.Quote(s.id, market.Quote{Last: 1_50, Bid: 1_00, Ask: 2_00, BidQty: 650, AskQty: 650})
	s.Commit()
	s.Rule = func(o *enginetest.Order) strategytest.Answer { // a tenth of the middle is allowed
		if o.Ticket.Price > 1_65 {
			return strategytest.Reject
		}
		return strategytest.Miss
	}
	s.aim(0)
	s.Wait(20 * time.Second)

	taken := 0
	for _, o := range s.Orders[1:] {
		if o.State == order.Cancelled {
			require.Equal(t, market.Paise(1_55), o.Ticket.Price, "a tick beyond the middle")
			taken++
		}
	}
	require.Greater(t, taken, 2)
}

func TestCashFollowsTheOrdersValueWhenItsPriceIsNamedLate(t *testing.T) {
	s := newSeat(t, nil)
	s.aim(1)
	o := s.Orders[0]
	require.Equal(t, -o.Value, s.w.Cash)

	o.Value -= 30_00 // better than the limit it was estimated at
	s.Tell(o, order.Filled, 0, 0)

	require.Equal(t, -o.Value, s.w.Cash)
	require.Equal(t, 1, s.Held(s.id))
}

func TestARestingOrderThatWouldLeadPastTheTargetIsCalledBack(t *testing.T) {
	s := newSeat(t, func(r *taker.Rules) { r.TIF = order.Day })
	s.Default = strategytest.Stay
	s.aim(3)
	require.Equal(t, 1, s.Open())

	s.aim(1)

	require.Equal(t, 1, s.Cancels(s.Orders[0]))
	s.Wait(time.Second)
	require.Len(t, s.Orders, 2)
	require.Equal(t, market.Lots(1), s.Orders[1].Ticket.Lots)
}

func TestACancelThatGoesUnansweredIsRepeated(t *testing.T) {
	s := newSeat(t, func(r *taker.Rules) { r.TIF = order.Day })
	s.Default = strategytest.Stay
	s.aim(3)
	o := s.Orders[0]
	o.State = order.Sending // the venue is silent
	s.aim(0)
	s.Wait(3 * time.Second)

	require.GreaterOrEqual(t, s.Cancels(o), 3)
}

func TestAnOrderOfAnEarlierRunIsCalledBack(t *testing.T) {
	s := newSeat(t, nil)
	for _, id := range []market.InstrumentID{s.id, s.Option(strategytest.Far, 24_300_00, market.Put)} {
		s.Host.Deliver(&order.Update{
			ID: order.ID(1<<40) + order.ID(id), Strategy: 1, Instrument: id, Side: market.Sell, State: order.Partial,
			Quantity: 2 * strategytest.Lot, At: s.Now(),
		})
		s.Step()
		sent := s.Desk.Desk.Take()
		require.Len(t, sent, 1)
		require.Equal(t, order.CancelOne, sent[0].Kind)
	}
}

func TestStoppingCallsBackWhatRestsAndSaysWhatStaysOpen(t *testing.T) {
	s := newSeat(t, func(r *taker.Rules) { r.TIF = order.Day })
	s.aim(1)
	s.Default = strategytest.Stay
	s.aim(3)
	resting := s.Desk.Desk.Working()
	require.Len(t, resting, 1)

	s.Host.Stop(s.Now())

	sent := s.Desk.Desk.Take()
	require.Len(t, sent, 1)
	require.Equal(t, order.CancelOne, sent[0].Kind)
	require.Equal(t, resting[0].Ticket.ID, sent[0].Ticket.ID)
}

func TestBuyersGoFirst(t *testing.T) {
	s := newSeat(t, nil)
	other := s.Option(strategytest.Far, 24_300_00, market.Call)
	s.Around(other, 100_00)
	s.Commit()
	s.Do(func(ctx *engine.Context) {
		s.w.Aim(-strategytest.Lot)
		s.p.crew.Bind(ctx.Universe().Get(other)).Aim(strategytest.Lot)
		s.p.crew.Work(ctx, &s.p.rules)
	})

	sides := func(o *enginetest.Order) market.Side { return o.Update.Side }
	require.Equal(t, []market.Side{market.Buy, market.Sell}, []market.Side{sides(s.Orders[0]), sides(s.Orders[1])})
}
