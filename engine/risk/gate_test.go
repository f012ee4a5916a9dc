package risk

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

const lot = 65

var today = market.NewDate(2026, 8, 18)

func limits() Limits {
	return Limits{
		QuoteAge:    2 * time.Second,
		CollarShare: 2000, CollarPoints: 20 * market.Rupee, CheapBelow: 20 * market.Rupee, CheapPoints: 2 * market.Rupee,
		OrderLots: 10, OrderNotional: 200_000 * market.Rupee, OpenOrders: 8, PositionLots: 20, GrossLots: 40,
		DayLoss: 50_000 * market.Rupee, FlattenLoss: 80_000 * market.Rupee,
		Repeats: 3, RepeatWindow: time.Second, PerSecond: 9, PerMinute: 90, Runaway: 50,
	}
}

// rig is a gate that would let a plain order pass, and the world around it.
type rig struct {
	testing.TB
	*Gate
	book     *book.Book
	view     book.View
	now      market.Stamp
	id       order.ID
	call     market.InstrumentID
	put      market.InstrumentID
	expired  market.InstrumentID
	index    market.InstrumentID
	universe *market.Universe
}

func newRig(t testing.TB, l Limits) *rig {
	t.Helper()
	option := func(expiry market.Date, right market.Right, token string) market.Instrument {
		return market.Instrument{
			ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: 24200 * market.Rupee, Right: right},
			Token:       token, LotSize: lot, TickSize: 5, Freeze: 1800,
		}
	}
	u, err := market.NewUniverse([]market.Instrument{
		{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50"},
		option(market.NewDate(2026, 8, 25), market.Call, "1"), option(market.NewDate(2026, 8, 25), market.Put, "2"),
		option(market.NewDate(2026, 8, 11), market.Call, "3"),
	})
	require.NoError(t, err)
	r := &rig{
		TB: t, Gate: NewGate(l, u), book: book.New(u), universe: u,
		index: u.ByToken([]byte("NIFTY 50")), call: u.ByToken([]byte("1")), put: u.ByToken([]byte("2")), expired: u.ByToken([]byte("3")),
	}
	at := today.At(10 * time.Hour)
	r.now = market.Stamp{Mono: market.Mono(time.Hour), Wall: at, Market: at}
	r.SetSession(today.At(9*time.Hour+15*time.Minute), today.At(15*time.Hour+30*time.Minute))
	r.SetFeed(market.FeedLive)
	r.SetSessionOK(true)
	for _, id := range []market.InstrumentID{r.call, r.put, r.expired, r.index} {
		r.quote(id, 10000, 10100)
	}
	return r
}

// quote puts a fresh quote.
func (r *rig) quote(id market.InstrumentID, bid, ask market.Paise) {
	r.book.PutQuote(&market.Quote{Instrument: id, Bid: bid, Ask: ask, Last: bid, BandLow: 5, BandHigh: 50000, Recv: r.now.Mono})
	r.book.Commit(r.now)
	r.book.Pin(&r.view)
}

func (r *rig) pass(d time.Duration) {
	r.now = market.Stamp{Mono: r.now.Mono.Add(d), Wall: r.now.Wall.Add(d), Market: r.now.Market.Add(d)}
}

// ticket is a plain order that passes, and a little later than the last one.
func (r *rig) ticket(side market.Side, lots market.Lots, price market.Paise) *order.Ticket {
	r.id++
	return &order.Ticket{ID: r.id, Strategy: 1, Instrument: r.call, Side: side, Class: order.Entry, Lots: lots, Price: price}
}

func (r *rig) check(t *order.Ticket) Reason {
	approved, reason := r.Check(t, &r.view, r.now)
	if reason == Pass {
		require.Equal(r, *t, approved.Ticket())
	} else {
		require.Zero(r, approved)
		require.Equal(r, reason, r.Last().Reason)
	}
	return reason
}

func (r *rig) approve(t *order.Ticket) *order.Ticket {
	r.Helper()
	require.Equal(r, Pass, r.check(t), "%s", r.Last())
	return t
}

func (r *rig) refuse(want Reason, t *order.Ticket) {
	r.Helper()
	require.Equal(r, want, r.check(t), "%s", r.Last())
}

// becomes tells what became of an order.
func (r *rig) becomes(t *order.Ticket, s order.State, filled, now market.Units) {
	r.Apply(&order.Update{
		ID: t.ID, Strategy: t.Strategy, Instrument: t.Instrument, Side: t.Side, State: s, Price: t.Price,
		Quantity: t.Lots.Units(lot), Filled: filled, FilledNow: now, FillPrice: t.Price, At: r.now,
	})
}

// buys fills an order of so many lots at once.
func (r *rig) buys(lots market.Lots) {
	r.Helper()
	t := r.approve(r.ticket(market.Buy, lots, 10100))
	r.becomes(t, order.Filled, lots.Units(lot), lots.Units(lot))
}

func TestZeroLimitsRefuseEverything(t *testing.T) {
	r := newRig(t, Limits{})
	r.refuse(LimitsUnset, r.ticket(market.Buy, 1, 10050))
}

func TestGateRefusesUntilItIsToldOfTheWorld(t *testing.T) {
	r := newRig(t, limits())
	g := NewGate(limits(), r.universe)
	ticket := r.ticket(market.Buy, 1, 10050)
	told := func(want Reason) {
		t.Helper()
		_, reason := g.Check(ticket, &r.view, r.now)
		require.Equal(t, want, reason)
	}
	told(OutsideHours)
	g.SetSession(today.At(9*time.Hour), today.At(15*time.Hour))
	told(SessionDown)
	g.SetSessionOK(true)
	told(FeedDown)
	g.SetFeed(market.FeedLive)
	told(Pass)
}

func TestLimitsNameTheFieldThatIsWrong(t *testing.T) {
	good := limits()
	require.NoError(t, good.Validate())
	for want, spoil := range map[string]func(*Limits){
		"QuoteAge":    func(l *Limits) { l.QuoteAge = 0 },
		"OrderLots":   func(l *Limits) { l.OrderLots = -1 },
		"OpenOrders":  func(l *Limits) { l.OpenOrders = maxOpenOrders + 1 },
		"CheapPoints": func(l *Limits) { l.CheapPoints = 0 },
		"FlattenLoss": func(l *Limits) { l.FlattenLoss = l.DayLoss - 1 },
		"PerSecond":   func(l *Limits) { l.PerSecond = 0 },
		"Runaway":     func(l *Limits) { l.Runaway = 0 },
	} {
		l := limits()
		spoil(&l)
		err := l.Validate()
		require.ErrorIs(t, err, ErrLimits)
		require.ErrorContains(t, err, want)
	}
}

func TestR1_FatFingersAreRefusedByName(t *testing.T) {
	r := newRig(t, limits())
	r.refuse(SideWrong, r.ticket(market.NoSide, 1, 10050))
	r.refuse(LotsWrong, r.ticket(market.Buy, 0, 10050))
	r.refuse(LotsWrong, r.ticket(market.Buy, -1, 10050))
	r.refuse(LotsWrong, r.ticket(market.Buy, 11, 10050))
	r.refuse(LotsWrong, r.ticket(market.Buy, 1<<62, 10050))
	r.refuse(FreezeExceeded, r.ticket(market.Buy, 28, 10050))
	r.refuse(PriceWrong, r.ticket(market.Buy, 1, 0))
	r.refuse(PriceWrong, r.ticket(market.Sell, 1, 1<<62))
	r.refuse(OffTick, r.ticket(market.Buy, 1, 10052))
	r.refuse(OffBand, r.ticket(market.Sell, 1, 50005))
	r.refuse(CollarExceeded, r.ticket(market.Buy, 1, 12055)) // 100.50 and 20 %, which is 20.10; 20 rupees bind
	require.Equal(t, "beyond the price collar: 120.55 against 120.5", r.Last().String())
	r.refuse(CollarExceeded, r.ticket(market.Sell, 1, 8045))
	r.approve(r.ticket(market.Buy, 1, 12050))
	r.approve(r.ticket(market.Buy, 1, 5000)) // far below the market it harms nobody
	require.EqualValues(t, 2, r.Refusals(CollarExceeded))
}

func TestR1_NotionalIsLimited(t *testing.T) {
	l := limits()
	l.OrderNotional = 10100 * 2 * lot
	r := newRig(t, l)
	r.approve(r.ticket(market.Buy, 2, 10100))
	r.refuse(NotionalExceeded, r.ticket(market.Buy, 3, 10100))
}

func TestCollarIsTighterForCheapOptions(t *testing.T) {
	r := newRig(t, limits())
	r.quote(r.call, 1500, 1600)
	r.refuse(CollarExceeded, r.ticket(market.Buy, 1, 1755))
	r.approve(r.ticket(market.Buy, 1, 1750)) // two rupees above the middle, not 20 %
	r.quote(r.call, 5, 10)
	r.approve(r.ticket(market.Buy, 1, 10)) // a tick is always allowed
	r.refuse(CollarExceeded, r.ticket(market.Buy, 1, 15))
}

func TestStopLimitIsMeasuredAgainstItsTrigger(t *testing.T) {
	r := newRig(t, limits())
	stop := r.ticket(market.Sell, 1, 7000)
	stop.Trigger = 7500
	r.approve(stop)
	wrong := r.ticket(market.Sell, 1, 7000)
	wrong.Trigger = 6900
	r.refuse(TriggerWrong, wrong)
	far := r.ticket(market.Sell, 1, 5000)
	far.Trigger = 7500
	r.refuse(CollarExceeded, far)
}

func TestR2_RunawayStrategyIsCappedAndTripsTheLevel(t *testing.T) {
	l := limits()
	l.OpenOrders, l.GrossLots, l.PositionLots = 500, 1000, 1000
	r := newRig(t, l)
	passed := 0
	for i := range 10_000 {
		r.pass(100 * time.Microsecond)
		ticket := r.ticket(market.Buy, 1, 10000-market.Paise(i%20)*5)
		if r.check(ticket) == Pass {
			passed++
		}
	}
	require.LessOrEqual(t, passed, 9)
	require.Equal(t, Reducing, r.Level())
	require.Equal(t, "a strategy runs away", r.Cause())
	require.NotZero(t, r.Refusals(RateExceeded))
	require.NotZero(t, r.Refusals(LevelForbids))
}

func TestR2_RateIsExactInEveryWindow(t *testing.T) {
	l := limits()
	l.OpenOrders, l.GrossLots, l.PositionLots, l.Runaway = 500, 1000, 1000, maxRunaway
	r := newRig(t, l)
	var sent []market.Mono
	for i := range 4000 {
		r.pass(37 * time.Millisecond)
		r.quote(r.call, 10000, 10100)
		if r.check(r.ticket(market.Buy, 1, 10000-market.Paise(i%300)*5)) == Pass {
			sent = append(sent, r.now.Mono)
		}
	}
	for i := range sent {
		if i >= l.PerSecond {
			require.GreaterOrEqual(t, sent[i]-sent[i-l.PerSecond], market.Mono(time.Second))
		}
		if i >= l.PerMinute {
			require.GreaterOrEqual(t, sent[i]-sent[i-l.PerMinute], market.Mono(time.Minute))
		}
	}
	require.Greater(t, len(sent), 180)
}

func TestR2_RateOfOneStrategyDoesNotHinderAnother(t *testing.T) {
	r := newRig(t, limits())
	for range 8 {
		r.check(r.ticket(market.Buy, 1, 9000))
	}
	other := r.ticket(market.Buy, 1, 9000)
	other.Strategy = 2
	require.NotEqual(t, RateExceeded, r.check(other))
}

func TestR3_SelfCrossIsRefusedAlsoWithOrdersInDoubt(t *testing.T) {
	r := newRig(t, limits())
	r.buys(2)
	bid := r.approve(r.ticket(market.Buy, 1, 10050))
	r.refuse(SelfCross, r.ticket(market.Sell, 1, 10050))
	require.Equal(t, bid.ID, r.Last().First)
	r.approve(r.ticket(market.Sell, 1, 10055))
	r.becomes(bid, order.Ambiguous, 0, 0)

	exit := r.ticket(market.Sell, 1, 10045) // an exit, or the doubt alone would refuse it
	exit.Strategy = 2
	r.refuse(SelfCross, exit)

	flat := r.ticket(market.Sell, 1, 10045)
	flat.Strategy, flat.Class = 2, order.Flatten
	r.becomes(r.approve(flat), order.Cancelled, 0, 0) // what may not exist does not stop it
	r.becomes(bid, order.Cancelled, 0, 0)
	exit = r.ticket(market.Sell, 1, 10045)
	r.approve(exit)
}

func TestR3_ChangedOrderCrossesAtEveryPriceItMayHave(t *testing.T) {
	r := newRig(t, limits())
	bid := r.approve(r.ticket(market.Buy, 1, 9900))
	_, reason := r.CheckModify(bid, 10050, &r.view, r.now)
	require.Equal(t, Pass, reason)
	r.refuse(SelfCross, r.ticket(market.Sell, 1, 10050))
	r.becomes(bid, order.Working, 0, 0) // at the old price still
	r.refuse(SelfCross, r.ticket(market.Sell, 1, 10050))
}

func TestR4_LossCountsOrdersInDoubtAtTheirWorst(t *testing.T) {
	l := limits()
	l.DayLoss, l.FlattenLoss = 29_900*market.Rupee, 40_000*market.Rupee
	r := newRig(t, l)
	r.buys(10)                  // 650 at 101.00
	r.quote(r.call, 7000, 7100) // now 31 rupees lower: 20,150 lost
	r.Mark(&r.view, r.now)
	require.Equal(t, Armed, r.Level())
	require.Equal(t, -31*650*market.Rupee, r.Result())

	big := r.ticket(market.Buy, 10, 8400) // would lose 14 rupees a unit at once: 9,100
	r.approve(big)
	r.becomes(big, order.Ambiguous, 0, 0)
	r.quote(r.put, 10000, 10100)
	next := r.ticket(market.Buy, 10, 10100)
	next.Instrument = r.put
	r.refuse(LossExceeded, next) // 20,150 + 9,100 + 650
	require.Equal(t, Armed, r.Level())

	r.quote(r.call, 6800, 6900)
	r.Mark(&r.view, r.now)
	require.Equal(t, Reducing, r.Level(), "33 and 16 rupees on 650 each")
	r.quote(r.call, 5000, 5100)
	r.Mark(&r.view, r.now)
	require.Equal(t, FlattenAll, r.Level())
	require.Contains(t, r.Cause(), "FlattenLoss")
}

func TestR4_CostsCountAsLoss(t *testing.T) {
	r := newRig(t, limits())
	r.SetCosts(50_000 * market.Rupee)
	r.Mark(&r.view, r.now)
	require.Equal(t, Reducing, r.Level())
}

func TestR4_EstimatedFillIsCorrectedWhenItsPriceIsKnown(t *testing.T) {
	r := newRig(t, limits())
	ticket := r.approve(r.ticket(market.Buy, 2, 11000))
	update := order.Update{
		ID: ticket.ID, Strategy: 1, Instrument: r.call, Side: market.Buy, State: order.Partial, Price: 11000, Quantity: 2 * lot,
		Filled: lot, FilledNow: lot, FillPrice: 11000, Value: 11000 * lot, Estimated: true, At: r.now,
	}
	result := func(want market.Paise) {
		t.Helper()
		r.Mark(&r.view, r.now)
		require.Equal(t, want, r.Result())
	}
	r.Apply(&update)
	result(-1000 * lot) // marked at 100.00
	update.FilledNow, update.FillPrice, update.Value = 0, 0, 10100*lot
	r.Apply(&update) // corrected while it is open
	result(-100 * lot)
	update.State, update.Filled, update.FilledNow, update.FillPrice, update.Value = order.Filled, 2*lot, lot, 11000, (10100+11000)*lot
	r.Apply(&update)
	result(-1100 * lot)
	update.FilledNow, update.Value, update.Estimated = 0, 2*10100*lot, false
	r.Apply(&update) // corrected after it was over
	result(-200 * lot)
	r.Apply(&update) // said once more, it changes nothing
	result(-200 * lot)
	update.Filled, update.FilledNow, update.Value = 2*lot+1, 1, 2*10100*lot+10000
	r.Apply(&update) // and a fill on top of it, late
	result(-200 * lot)
	require.EqualValues(t, 2*lot+1, r.Exposure(r.call).Position)
}

func TestR4_AnExactValueIsCorrectedByTheTradesToo(t *testing.T) {
	r := newRig(t, limits())
	ticket := r.approve(r.ticket(market.Buy, 1, 11000))
	update := order.Update{
		ID: ticket.ID, Strategy: 1, Instrument: r.call, Side: market.Buy, State: order.Filled, Price: 11000, Quantity: lot,
		Filled: lot, FilledNow: lot, FillPrice: 10100, Value: 10100 * lot, At: r.now,
	}
	r.Apply(&update) // by a rounded average
	update.FilledNow, update.Value = 0, 10100*lot-30
	r.Apply(&update)

	r.Mark(&r.view, r.now)
	require.EqualValues(t, -100*lot+30, r.Result())
}

func TestR4_TheEstimateOfALateFillIsCorrected(t *testing.T) {
	r := newRig(t, limits())
	update := order.Update{
		ID: 77, Strategy: 1, Instrument: r.call, Side: market.Sell, State: order.Cancelled, Price: 9900, Quantity: 2 * lot,
		Filled: lot, FilledNow: lot, FillPrice: 9900, Value: 9900 * lot, Estimated: true, At: r.now,
	}
	r.Apply(&update)
	update.FilledNow, update.FillPrice, update.Value, update.Estimated = 0, 0, 9950*lot, false
	r.Apply(&update)

	r.Reprice(market.Sell, 10*lot) // somebody else sold, ten paise dearer than was told
	r.Mark(&r.view, r.now)
	require.EqualValues(t, (9950-10100)*lot+10*lot, r.Result())
}

func TestBookedValuesForgetTheOldest(t *testing.T) {
	b := newBooked()
	for id := range order.ID(maxBooked + 1) {
		b.keep(id+1, market.Paise(id))
	}
	_, kept := b.get(1)
	require.False(t, kept)
	value, kept := b.get(maxBooked + 1)
	require.True(t, kept)
	require.EqualValues(t, maxBooked, value)
}

func TestR5_RepeatedDecisionNamesTheFirstOrder(t *testing.T) {
	r := newRig(t, limits())
	one := r.ticket(market.Buy, 1, 10000)
	one.Signal = 77
	r.approve(one)
	two := r.ticket(market.Buy, 2, 10050)
	two.Signal = 77
	r.refuse(SignalRepeated, two)
	require.Equal(t, one.ID, r.Last().First)
	require.Equal(t, "repeats a decision (order 1)", r.Last().String())
	other := r.ticket(market.Buy, 2, 10050)
	other.Signal, other.Strategy = 77, 2
	r.approve(other)
}

func TestR5_EqualOrdersAreCappedWithinTheWindow(t *testing.T) {
	r := newRig(t, limits())
	for range 3 {
		r.approve(r.ticket(market.Buy, 1, 10000))
	}
	r.refuse(OrderRepeated, r.ticket(market.Buy, 1, 10000))
	r.approve(r.ticket(market.Buy, 1, 9995))
	r.pass(time.Second)
	r.approve(r.ticket(market.Buy, 1, 10000))
}

func TestIDsAreUsedOnce(t *testing.T) {
	r := newRig(t, limits())
	one := r.approve(r.ticket(market.Buy, 1, 10000))
	r.refuse(IDWrong, one)
	none := r.ticket(market.Buy, 1, 10000)
	none.ID = 0
	r.refuse(IDWrong, none)
}

func TestR6_HaltedInstrumentTakesOnlyExits(t *testing.T) {
	r := newRig(t, limits())
	r.buys(2)
	r.Halt(r.call, true)
	r.refuse(InstrumentHalted, r.ticket(market.Buy, 1, 10050))
	r.approve(r.ticket(market.Sell, 2, 10000))
	r.Halt(r.call, false)
	r.approve(r.ticket(market.Buy, 1, 9900))
}

func TestR7_ContractsThatDoNotTradeNowAreRefused(t *testing.T) {
	r := newRig(t, limits())
	at := func(id market.InstrumentID) *order.Ticket {
		ticket := r.ticket(market.Buy, 1, 10050)
		ticket.Instrument = id
		return ticket
	}
	r.refuse(InstrumentWrong, at(0))
	r.refuse(InstrumentWrong, at(9999)) // not listed, or not yet
	r.refuse(InstrumentWrong, at(r.index))
	r.refuse(InstrumentOver, at(r.expired))

	r.buys(1)
	r.SetEntryCutoff(r.now.Market)
	r.refuse(EntriesClosed, at(r.call))
	r.approve(r.ticket(market.Sell, 1, 10000)) // exits may still leave
	r.SetEntryCutoff(0)
	r.pass(5*time.Hour + 30*time.Minute)
	r.quote(r.call, 10000, 10100)
	r.refuse(OutsideHours, at(r.call))
	r.refuse(OutsideHours, r.ticket(market.Sell, 1, 10000))
}

func TestR9_KillLevelsWorkWhateverElseIsGoingOn(t *testing.T) {
	r := newRig(t, limits())
	r.buys(4)
	doubt := r.approve(r.ticket(market.Buy, 1, 10000))
	r.becomes(doubt, order.Ambiguous, 0, 0)
	r.SetSessionOK(false)
	r.SetFeed(market.FeedDown)
	exit := func(class order.Class) *order.Ticket {
		ticket := r.ticket(market.Sell, 1, 10055)
		ticket.Class = class
		return ticket
	}

	r.Raise(Reducing, "test")
	r.refuse(LevelForbids, r.ticket(market.Buy, 1, 9900))
	r.approve(exit(order.Entry))
	r.Raise(CancelAll, "test")
	r.refuse(LevelForbids, exit(order.Entry))
	r.approve(exit(order.Flatten))
	r.Raise(FlattenAll, "test")
	r.approve(exit(order.Flatten))
	more := r.ticket(market.Sell, 2, 10055) // one of four is left
	more.Class = order.Flatten
	r.refuse(LevelForbids, more)
	r.Raise(Stopped, "test")
	r.refuse(LevelForbids, exit(order.Flatten))
}

func TestLevelsOnlyRiseByThemselves(t *testing.T) {
	r := newRig(t, limits())
	r.Raise(CancelAll, "first")
	r.Raise(Reducing, "second")
	require.Equal(t, CancelAll, r.Level())
	require.Equal(t, "first", r.Cause())
	require.ErrorIs(t, r.Lower(CancelAll, "asha"), ErrLevel)
	require.ErrorIs(t, r.Lower(Armed, ""), ErrLevel)
	require.NoError(t, r.Lower(Armed, "asha"))
	require.Equal(t, Armed, r.Level())
	require.Equal(t, "lowered by asha", r.Cause())
	r.approve(r.ticket(market.Buy, 1, 10000))
	r.Raise(Level(200), "no such level")
	require.Equal(t, Stopped, r.Level())
}

func TestF6_StaleQuoteStopsEntriesInThatInstrument(t *testing.T) {
	r := newRig(t, limits())
	r.buys(1)
	r.pass(2 * time.Second)
	r.approve(r.ticket(market.Buy, 1, 10000))
	r.pass(time.Millisecond)
	r.refuse(QuoteStale, r.ticket(market.Buy, 1, 10000))
	require.Equal(t, "the quote is too old: 2.001 s against 2.000 s", r.Last().String())
	r.approve(r.ticket(market.Sell, 1, 10055)) // an exit need not wait for a quote
	r.quote(r.put, 10000, 10100)
	other := r.ticket(market.Buy, 1, 10000)
	other.Instrument = r.put
	r.approve(other)
}

func TestF14_CrossedLockedOrOneSidedBookStopsEntries(t *testing.T) {
	r := newRig(t, limits())
	r.buys(1)
	for _, q := range [][2]market.Paise{{10100, 10000}, {10000, 10000}, {0, 10000}, {10000, 0}, {0, 0}} {
		r.quote(r.call, q[0], q[1])
		r.refuse(QuoteCrossed, r.ticket(market.Buy, 1, 10000))
	}
	r.quote(r.call, 0, 5)
	exit := r.approve(r.ticket(market.Sell, 1, 5)) // at what is left
	r.becomes(exit, order.Cancelled, 0, 0)
	r.quote(r.call, 10000, 10100)
	r.approve(r.ticket(market.Buy, 1, 9900))
}

func TestPositionsCountEveryOpenOrderAsFilled(t *testing.T) {
	r := newRig(t, limits())
	r.buys(8)
	r.approve(r.ticket(market.Buy, 8, 10050))
	r.refuse(PositionExceeded, r.ticket(market.Buy, 5, 10050))
	require.Equal(t, "above the position limit at worst: 1365 against 1300", r.Last().String())
	part := r.approve(r.ticket(market.Buy, 4, 10050))
	r.becomes(part, order.Partial, lot, lot)
	require.Equal(t, Exposure{Position: 9 * lot, Long: 20 * lot, Short: 9 * lot}, r.Exposure(r.call))
	r.becomes(part, order.Cancelled, lot, 0)
	require.Equal(t, Exposure{Position: 9 * lot, Long: 17 * lot, Short: 9 * lot}, r.Exposure(r.call))
	r.becomes(part, order.Cancelled, 2*lot, lot) // a fill that the venue reports late
	require.Equal(t, market.Units(10*lot), r.Exposure(r.call).Position)
}

func TestGrossCountsAllInstruments(t *testing.T) {
	l := limits()
	l.GrossLots = 12
	r := newRig(t, l)
	r.buys(8)
	short := r.ticket(market.Sell, 5, 10000)
	short.Instrument = r.put
	r.refuse(GrossExceeded, short)
	short = r.ticket(market.Sell, 4, 10000)
	short.Instrument = r.put
	r.approve(short)
}

func TestTombstoneCountsForAMinute(t *testing.T) {
	r := newRig(t, limits())
	lost := r.approve(r.ticket(market.Buy, 10, 10100))
	r.becomes(lost, order.Ambiguous, 0, 0)
	r.refuse(InstrumentDoubt, r.ticket(market.Buy, 1, 10000))
	r.becomes(lost, order.ClosedAbsent, 0, 0)
	r.approve(r.ticket(market.Buy, 10, 10000)) // no longer blocked, but counted
	r.refuse(PositionExceeded, r.ticket(market.Buy, 1, 10000))
	r.pass(61 * time.Second)
	r.quote(r.call, 10000, 10100)
	r.approve(r.ticket(market.Buy, 1, 10000))
	r.becomes(lost, order.AdoptedLate, 2*lot, 2*lot) // it surfaces after all
	require.Equal(t, Exposure{Position: 2 * lot, Long: 21 * lot, Short: 2 * lot}, r.Exposure(r.call))
}

func TestOpenOrdersAreLimitedAndExitsHaveTheirOwnRoom(t *testing.T) {
	l := limits()
	l.OpenOrders, l.Repeats = 2, 16
	r := newRig(t, l)
	r.buys(4)
	r.approve(r.ticket(market.Buy, 1, 9000))
	r.approve(r.ticket(market.Buy, 1, 9000))
	r.refuse(TooManyOpen, r.ticket(market.Buy, 1, 9000))
	r.approve(r.ticket(market.Sell, 1, 10000))
	r.approve(r.ticket(market.Sell, 1, 10000))
	r.refuse(TooManyOpen, r.ticket(market.Sell, 1, 10000))
}

func TestDeniedAfterApprovalFreesItsRoom(t *testing.T) {
	r := newRig(t, limits())
	ticket := r.approve(r.ticket(market.Buy, 10, 10000))
	require.Equal(t, 1, r.OpenOrders())
	r.becomes(ticket, order.Denied, 0, 0)
	require.Zero(t, r.OpenOrders())
	require.Zero(t, r.Exposure(r.call))
}

func TestCarriedPositionCountsFromItsMark(t *testing.T) {
	r := newRig(t, limits())
	r.SetPosition(r.call, -2*lot, 9000)
	r.Mark(&r.view, r.now)
	require.Equal(t, market.Paise(-1100*2*lot), r.Result()) // bought back at 101.00
	r.approve(r.ticket(market.Buy, 2, 10100))
	require.Equal(t, Exposure{Position: -2 * lot, Short: -2 * lot}, r.Exposure(r.call))
}

func TestModifyOfAnotherStrategysOrderIsRefused(t *testing.T) {
	r := newRig(t, limits())
	mine := r.approve(r.ticket(market.Buy, 1, 10000))
	theirs := *mine
	theirs.Strategy = 2
	_, reason := r.CheckModify(&theirs, 9900, &r.view, r.now)
	require.Equal(t, OrderUnknown, reason)
	_, reason = r.CheckModify(mine, 9901, &r.view, r.now)
	require.Equal(t, OffTick, reason)
	approved, reason := r.CheckModify(mine, 9900, &r.view, r.now)
	require.Equal(t, Pass, reason)
	require.Equal(t, market.Paise(9900), approved.Ticket().Price)
	require.Equal(t, market.Lots(1), approved.Ticket().Lots)
}

func TestEveryReasonHasItsText(t *testing.T) {
	seen := map[string]bool{}
	for r := range Reason(Reasons) {
		require.NotEmpty(t, r.String())
		require.False(t, seen[r.String()], r.String())
		seen[r.String()] = true
	}
}

func TestCheckAllocs(t *testing.T) {
	l := limits()
	l.PerSecond, l.PerMinute = maxPerSecond, maxPerMinute
	r := newRig(t, l)
	r.buys(1)
	ticket, update := new(order.Ticket), new(order.Update)
	id := order.ID(100)
	passed := 0
	require.Zero(t, testing.AllocsPerRun(2000, func() {
		id++
		r.pass(time.Second)
		r.quote(r.call, 10000, 10100)
		*ticket = order.Ticket{ID: id, Strategy: 1, Signal: uint64(id), Instrument: r.call, Side: market.Buy, Class: order.Entry, Lots: 1, Price: 10050}
		if _, reason := r.Check(ticket, &r.view, r.now); reason == Pass {
			passed++
		}
		*update = order.Update{ID: id, Strategy: 1, Instrument: r.call, Side: market.Buy, State: order.Cancelled, Price: 10050, Quantity: lot, At: r.now}
		r.Apply(update)
		ticket.Price = 1
		r.Check(ticket, &r.view, r.now)
	}))
	require.Greater(t, passed, 1900)
}

func BenchmarkCheckAndApply(b *testing.B) {
	l := limits()
	l.PerSecond, l.PerMinute = maxPerSecond, maxPerMinute
	r := newRig(b, l)
	r.buys(1)
	r.approve(r.ticket(market.Buy, 1, 9000))
	r.approve(r.ticket(market.Sell, 1, 11000))
	ticket := order.Ticket{ID: 100, Strategy: 1, Instrument: r.call, Side: market.Buy, Class: order.Entry, Lots: 1, Price: 10050}
	update := order.Update{Strategy: 1, Instrument: r.call, Side: market.Buy, State: order.Cancelled, Price: 10050, Quantity: lot}
	r.limits.QuoteAge = 1 << 62
	r.closes.Store(1 << 62)
	passed := 0
	b.ReportAllocs()
	for b.Loop() {
		ticket.ID++
		ticket.Signal++
		r.now.Mono += market.Mono(time.Second)
		if _, reason := r.Check(&ticket, &r.view, r.now); reason == Pass {
			passed++
		}
		update.ID = ticket.ID
		r.Apply(&update)
	}
	require.NotZero(b, passed)
}

func TestR3_ChangedOrderCrossesAtItsOldPriceToo(t *testing.T) {
	r := newRig(t, limits())
	bid := r.approve(r.ticket(market.Buy, 1, 10050))
	_, reason := r.CheckModify(bid, 9900, &r.view, r.now)
	require.Equal(t, Pass, reason)
	r.refuse(SelfCross, r.ticket(market.Sell, 1, 10050)) // the change may not be taken
}
