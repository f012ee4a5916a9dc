package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

func TestAClockSetForwardWhileDownResendsNothing(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.HardFence = 35 * time.Second }).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 5*second)
	w.keep(SendPlace)
	w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
	w.run(w.now + second)
	a := w.take()
	require.Equal(t, order.Flatten, a.Class)
	w.keeps = nil
	w.step(&Event{Kind: OperatorEvent, Operator: Operator{Lower: true, Level: risk.Armed, Name: "op"}})
	w.start += market.UnixNano(time.Hour) // the clock is set
	w.restart(true)
	sent := w.actions[SendPlace]
	w.run(w.now + 5*second)
	require.Equal(t, sent, w.actions[SendPlace], "nothing was sent: %v", w.history[a.ID])
	w.accept(a) // slow
	w.run(w.now + 20*second)
}

func TestUnprovenHidesNoGraverReason(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	w.core.block(1, unproven)
	w.core.block(1, "an order filled after its end")
	w.core.agrees(1)
	require.NotEmpty(t, w.core.exposure[1].blocked)
}

func TestAnOrphanThatUndidTheBaseUndoesItAtTheNextStartToo(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.fill(v, lot)
	w.run(w.now + 3*second)
	w.journal = w.journal[:0]
	v.visible = w.now + 4*second
	w.restart(true)
	for w.core.slab.Get(id) == nil {
		w.run(w.now + 10*ms)
	}
	w.restart(true)
	w.run(w.now + 30*second)
	require.EqualValues(t, lot, w.core.exposure[1].net, w.alarms)
	require.Empty(t, w.core.exposure[1].blocked)
}

func TestAnExitCountsTheOpenOrdersOfOthers(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + second)
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Sell, Quantity: lot, Limit: 10050})
	v.visible = 0
	w.run(w.now + 5*second)
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
	w.now += 3 * second
	w.step(&Event{Kind: Tick})
	exit := w.ticket()
	exit.Side, exit.Price = market.Sell, 9995
	require.NotEqual(t, order.Sending, w.state(w.place(exit)), "both may fill")
}

func TestAReadOfOthersIsNoJumpOfTheClock(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	for range 3 {
		w.now += 4 * second
		ok, _ := w.core.Permit(order.Data, w.now)
		require.True(t, ok)
		r := w.journal[len(w.journal)-1]
		require.Equal(t, w.stamp(), r.At)
		w.step(&Event{Kind: Tick})
	}
	require.Zero(t, w.core.jumped)
}

func TestAJournalThatWasDeletedGivesNoOrderAnothersFill(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + second)
	w.boot--
	w.core.config.Tag.Boot--
	w.restart(false)
	w.lastID = 0
	w.step(&Event{Kind: SessionEvent, Session: w.session()})
	tk := w.ticket()
	require.Equal(t, id, tk.ID)
	tk.Price = 9990
	w.place(tk)
	w.run(w.now + 10*second)
	require.NotEqual(t, order.Filled, w.state(id), "a fill is invented for an order that was never sent")
}

func TestAListThatNeverProvesAnythingIsTold(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 3*second)
	w.chances.listPartial = 1
	w.restart(true)
	w.run(w.now + 300*second)
	require.False(t, w.core.sync.done)
	require.True(t, w.alarmed("the order list proves nothing"))
}

func TestFillsInAContractThatIsNotWatchedAnyMoreAreTold(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 3*second)
	for i := range w.journal {
		if r := &w.journal[i]; r.Kind == journal.Intended {
			r.Intent.Key.Strike = 12300
		}
	}
	for _, v := range w.orders {
		v.report.Instrument = 0
	}

	w.restart(true)
	w.run(w.now + 30*second)

	require.True(t, w.alarmed("not watched today"))
	require.False(t, w.alarmed("differs"), "nobody compares what is not watched: %v", w.alarms)
	require.Zero(t, w.core.exposure[0].net)
	require.True(t, w.core.sync.done)
}

func TestAfterALossOfPowerAnIntentWithoutAnAttemptIsLookedFor(t *testing.T) {
	for _, echo := range []bool{true, false} {
		for _, taken := range []bool{true, false} {
			w := newWorld(t, 1, nil).begin()
			w.echo = echo
			w.keep(SendPlace)
			id := w.place(w.ticket())
			a := w.take()
			w.keeps = nil
			if taken {
				w.fill(w.accept(a), lot)
			}
			for w.journal[len(w.journal)-1].Kind != journal.Intended {
				w.journal = w.journal[:len(w.journal)-1]
			}
			w.core.config.PowerLost = true

			w.restart(true)
			w.run(w.now + 60*second)

			require.Equal(t, map[bool]order.State{true: order.Filled, false: order.ClosedAbsent}[taken], w.state(id))
			require.EqualValues(t, 1, w.last[id].Strategy, "it is its strategy's")
			require.Empty(t, w.core.exposure[1].blocked)
		}
	}
}

func TestAfterARestartNoExitLeavesBeforeThePositionsWereSeen(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 5*second)
	w.chances.noticeLost = 1 // while the engine is down
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Sell, Quantity: lot, Limit: 9990})
	w.fill(v, lot) // a person closes the position by hand
	w.chances.noticeLost = 0
	w.keep(ReadOrders)

	w.restart(true)
	exit := w.ticket()
	exit.Side, exit.Price = market.Sell, 9995
	w.place(exit)
	w.run(w.now + 5*second)

	require.Empty(t, w.byIntent[exit.ID], "it sells what the account does not have")
	require.Equal(t, order.ExpiredLocal, w.state(exit.ID))
}

func TestFlatteningIsNotHeldUpByTheOpenOrdersOfOthers(t *testing.T) {
	for name, other := range map[string]order.Report{
		"a person's own exit, far from the market": {Side: market.Sell, Quantity: lot, Limit: 12000},
		"a person's bid, which ours would meet":    {Side: market.Buy, Quantity: lot, Limit: 9990},
	} {
		w := newWorld(t, 1, nil).begin()
		id := w.place(w.ticket())
		w.run(w.now + second)
		w.fill(w.byIntent[id][0], lot)
		other.Status, other.Instrument = order.StatusOrdered, 1
		w.create(other)
		w.run(w.now + 5*second)

		w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
		w.run(w.now + 10*second)

		require.Zero(t, w.core.exposure[1].net, "%s: %v", name, w.alarms)
	}
}

func TestATradeBookThatFitsNoListIsToldAndNotAskedForWithoutEnd(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + 3*second)
	v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 2, Side: market.Buy, Quantity: lot, Limit: 9990})
	v.visible = w.now + 10000*second
	w.chances.noticeLost = 1
	w.fill(v, lot)
	w.run(w.now + 5*second)
	w.sequence = 0

	w.restart(true)
	before := w.actions[ReadTrades]
	w.run(w.now + 600*second)

	require.True(t, w.alarmed("the trade book proves nothing"))
	require.Less(t, w.actions[ReadTrades]-before, 60)
}
