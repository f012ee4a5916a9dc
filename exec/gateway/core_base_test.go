package gateway

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

var restartSeeds = flag.Int("restarts", 300, "how many worlds TestARestartKnowsThePosition simulates")

// TestARestartKnowsThePosition starts new cores in the middle of trading, twice
// in each world, and asserts that what they think is held is what is held.
func TestARestartKnowsThePosition(t *testing.T) {
	for seed := uint64(1); seed <= uint64(*restartSeeds); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed, nil)
			c := &w.chances
			for _, p := range []*float64{&c.readFails, &c.lateAnswer, &c.listShrinks, &c.listEmpty, &c.listPartial, &c.listLags, &c.noticeLost, &c.noticeLate, &c.slowArrival} {
				if w.chance(0.3) {
					*p = []float64{0.02, 0.1, 0.3}[w.rng.IntN(3)]
				}
			}
			w.begin()
			w.strategy()
			for range 2 {
				w.run(w.now + w.between(5*second, 40*second))
				w.restart(seed%2 == 0)
			}
			w.run(w.now + 20*second)
			w.chances = chances{}
			w.run(w.now + 60*second)
			w.step(&Event{Kind: OperatorEvent})
			w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap})
			w.run(w.now + 200*second)
			require.True(t, w.core.sync.done)
			for _, held := range w.positions() {
				require.Equal(t, held.Quantity, w.core.exposure[held.Instrument].net, "core, instrument %d", held.Instrument)
				require.Equal(t, held.Quantity, w.gate.Exposure(held.Instrument).Position, "risk, instrument %d", held.Instrument)
			}
		})
	}
}

// executed is an order of before that the venue has executed.
func (w *world) executed() *venueOrder {
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Buy, Quantity: lot, Limit: 10000})
	v.report.Executed, v.report.Status, v.visible, v.value = lot, order.StatusExecuted, 0, 10000*lot
	w.queue = nil
	w.quotes()
	return v
}

func TestAfterARestartAnExecutedOrderIsCountedOnceWhicheverAnswerIsFirst(t *testing.T) {
	for seed := uint64(1); seed <= 200; seed++ {
		w := newWorld(t, seed, nil)
		w.executed()
		w.begin()
		require.EqualValues(t, lot, w.core.exposure[1].net)
		require.EqualValues(t, lot, w.gate.Exposure(1).Position)
		require.True(t, w.core.sync.done)
	}
}

func TestPositionsBetweenTwoListsThatDifferAreReadAgain(t *testing.T) {
	w := newWorld(t, 1, nil)
	v := w.executed()
	w.keep(ReadOrders, ReadPositions)
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive})
	list := w.take()
	require.Equal(t, ReadOrders, list.Kind)
	require.Empty(t, w.kept, "positions wait for the list")
	before := w.row(v)
	before.Executed, before.Status, before.Average = 0, order.StatusOrdered, 0
	w.answer(list, Answer{Verdict: order.OK, Orders: []order.Report{before}})
	positions := w.take()
	require.Equal(t, ReadPositions, positions.Kind)
	w.answer(positions, Answer{Verdict: order.OK, Held: w.positions()}) // it filled meanwhile
	w.answer(w.take(), Answer{Verdict: order.OK, Orders: []order.Report{w.row(v)}})
	require.False(t, w.core.sync.positionsOK)

	again := w.take()
	require.Equal(t, ReadPositions, again.Kind)
	w.answer(again, Answer{Verdict: order.OK, Held: w.positions()})
	w.answer(w.take(), Answer{Verdict: order.OK, Orders: []order.Report{w.row(v)}})

	require.True(t, w.core.sync.positionsOK)
	require.EqualValues(t, lot, w.core.exposure[1].net)
}

func TestADifferenceBeforeTheFirstOwnOrderMovesTheBase(t *testing.T) {
	w := newWorld(t, 1, nil)
	v := w.executed()
	v.visible = w.now + 3*second // it shows in positions first
	w.begin()
	require.EqualValues(t, lot, w.core.exposure[1].net)
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap})
	w.run(w.now + 2*second)
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap})
	w.run(w.now + 30*second)
	require.EqualValues(t, lot, w.core.exposure[1].net)
	require.Empty(t, w.core.exposure[1].blocked)
	require.False(t, w.alarmed("differs"))
	require.Equal(t, order.Sending, w.state(w.place(w.ticket())))
}

func TestNoExitLeavesOnABaseThatNothingHasConfirmed(t *testing.T) {
	w := newWorld(t, 1, nil)
	v := w.executed()
	v.visible = 1 << 60 // the lists do not show it yet, the positions do
	w.keep(ReadTrades)
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive})
	w.run(w.now + 2*second)
	require.EqualValues(t, lot, w.core.exposure[1].net)
	v.visible = w.now
	exit := w.ticket()
	exit.Side, exit.Price = market.Sell, 10005
	w.place(exit)
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap})
	w.run(w.now + second)
	require.Equal(t, order.Queued, w.state(exit.ID), "the base is not agreed upon")

	w.keeps = nil
	w.answer(w.take(), Answer{Verdict: order.Unknown})
	w.run(w.now + 30*second)
	require.EqualValues(t, lot, w.core.exposure[1].net, "and was moved")
}

func TestAPositionOfARowThatNobodyCanReadIsStillFlattened(t *testing.T) {
	w := newWorld(t, 1, nil)
	v := w.executed()
	v.visible = 1 << 60
	w.chances.listPartial = 1
	w.create(order.Report{Status: order.StatusOrdered, Instrument: 2, Side: market.Buy, Quantity: lot, Limit: 9000}).visible = 0
	w.begin()
	w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
	w.run(w.now + 40*second)
	held := w.positions()
	at := slices.IndexFunc(held, func(h order.Holding) bool { return h.Instrument == 1 })
	require.Zero(t, held[at].Quantity, "flat")
}

// strategy places, modifies and cancels at random, and now and then somebody
// else trades on the account, the stream breaks, or a kill level is raised.
func (w *world) strategy() {
	pause := 8 * second
	if w.chance(0.1) {
		pause = 300 * ms // more than the limits let through
	}
	for at := market.Mono(0); at < 100*second; at += w.between(50*ms, pause) {
		w.after(at, func() {
			t := w.ticket()
			t.Instrument = market.InstrumentID(1 + w.rng.IntN(3))
			t.Side = []market.Side{market.Buy, market.Sell}[w.rng.IntN(2)]
			t.Lots = market.Lots(1 + w.rng.IntN(2))
			t.Price = market.Paise(10000 + 5*w.rng.IntN(4))
			id := w.place(t)
			if w.chance(0.5) {
				w.after(w.between(0, 10*second), func() { w.ask(order.CancelOne, id, 0) })
			}
			if w.chance(0.3) {
				w.after(w.between(0, 10*second), func() { w.ask(order.Modify, id, market.Paise(9950+5*w.rng.IntN(4))) })
			}
		})
		w.after(at+w.between(0, 5*second), w.trades)
	}
	for range 2 {
		if w.chance(0.2) {
			w.after(w.between(0, 100*second), w.somebody)
		}
	}
	for at := market.Mono(0); at < 100*second; at += 10 * second {
		if w.chance(w.chances.streamGap) {
			w.after(at, func() {
				w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
				w.after(w.between(0, 4*second), func() { w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive}) })
			})
		}
	}
	if w.chance(0.1) {
		level := []risk.Level{risk.Reducing, risk.CancelAll, risk.FlattenAll}[w.rng.IntN(3)]
		w.after(w.between(10*second, 100*second), func() { w.step(&Event{Kind: KillEvent, Level: level, Text: "drill"}) })
	}
}

// trades fills a part of some order.
func (w *world) trades() {
	if len(w.orders) == 0 {
		return
	}
	v := w.orders[w.rng.IntN(len(w.orders))]
	w.fill(v, lot)
}

// somebody trades by hand on the same account.
func (w *world) somebody() {
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Buy, Quantity: 3 * lot, Limit: 10500})
	v.stranger = true
	w.after(second, func() { w.fill(v, 3*lot) })
}
