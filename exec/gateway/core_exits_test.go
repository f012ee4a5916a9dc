package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// holds buys one lot of the first instrument.
func (w *world) holds() *world {
	w.begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	w.fill(w.byIntent[id][0], lot)
	w.run(w.now + second)
	require.EqualValues(w.t, lot, w.core.exposure[1].net)
	return w
}

func (w *world) refuseSessionsFor(d market.Mono) {
	w.chances.auth = 1
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap}) // makes it read
	w.run(w.now + d)
	w.chances.auth, w.dead = 0, 0
}

func TestE7_AGlitchThatRefusesSessionsStopsNeitherCancelsNorTheKillSwitch(t *testing.T) {
	for _, renews := range []bool{true, false} {
		w := newWorld(t, 1, nil).holds()
		ticket := w.ticket()
		ticket.Price = 9990
		resting := w.place(ticket)
		w.run(w.now + second)
		w.noSession = !renews
		w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
		w.refuseSessionsFor(3 * second)
		w.run(w.now + 60*second)
		require.Equal(t, order.Cancelled, w.state(resting), "renews: %v", renews)
		require.Zero(t, w.positions()[0].Quantity, "flat, renews: %v", renews)
		w.windows()
	}
}

func TestARefusedSessionIsTriedOnceASecondByWhatEndsARisk(t *testing.T) {
	w := newWorld(t, 1, nil).holds()
	for n := range 5 {
		ticket := w.ticket()
		ticket.Price = 9990 - market.Paise(5*n)
		w.place(ticket)
		w.run(w.now + second)
	}
	w.noSession, w.dead = true, 100
	w.step(&Event{Kind: StreamEvent, Stream: market.FeedGap})
	w.run(w.now + second)
	w.step(&Event{Kind: KillEvent, Level: risk.CancelAll, Text: "drill"})
	cancels := w.actions[SendCancel]
	w.run(w.now + 20*second)
	require.LessOrEqual(t, w.actions[SendCancel]-cancels, 21)
	require.Greater(t, w.actions[SendCancel]-cancels, 5)
	require.Equal(t, 1, w.renewals)
	id := w.place(w.ticket())
	require.Equal(t, order.Denied, w.state(id), "nothing else leaves")

	w.dead = 0
	w.run(w.now + 20*second)
	require.Zero(t, w.core.refused, "a good answer lifts it")
}

func TestAPersonsWordClearsARefusedSession(t *testing.T) {
	w := newWorld(t, 1, func(c *CoreConfig) { c.EntryTTL = time.Minute }).begin()
	w.noSession = true
	w.refuseSessionsFor(3 * second)
	w.step(&Event{Kind: OperatorEvent})
	w.run(w.now + 5*second)
	w.place(w.ticket())
	w.run(w.now + second)
	require.Equal(t, 1, w.actions[SendPlace])
}

// doubt brings an order of one lot into a doubt that no list ends.
func (w *world) doubt(side market.Side, price market.Paise) order.ID {
	w.keep(SendPlace)
	ticket := w.ticket()
	ticket.Side, ticket.Price = side, price
	id := w.place(ticket)
	w.answer(w.take(), Answer{Verdict: order.Unknown, Broken: true})
	w.keeps = nil
	w.chances.listPartial = 1
	return id
}

func TestR9_AnOrderInDoubtThatCannotCloseThePositionDoesNotStopFlattening(t *testing.T) {
	w := newWorld(t, 1, nil).holds()
	id := w.doubt(market.Buy, 9990)
	w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
	w.run(w.now + 20*second)
	require.True(t, w.state(id).InDoubt())
	require.Zero(t, w.positions()[0].Quantity, "flat: %v", w.alarms)
}

func TestR9_WhatAnOrderInDoubtMayCloseIsLeftToIt(t *testing.T) {
	w := newWorld(t, 1, nil).holds()
	two := w.ticket()
	two.Lots, two.Price = 2, 10005
	more := w.place(two)
	w.run(w.now + second)
	w.fill(w.byIntent[more][0], 2*lot)
	w.run(w.now + second)
	require.EqualValues(t, 3*lot, w.core.exposure[1].net)
	id := w.doubt(market.Sell, 10010)
	w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
	w.run(w.now + 20*second)
	require.True(t, w.state(id).InDoubt())
	require.EqualValues(t, lot, w.positions()[0].Quantity, "all but what the doubtful one may have sold")

	w.chances.listPartial = 0
	w.run(w.now + 120*second) // risk counts what was given up for a minute more
	require.Equal(t, order.ClosedAbsent, w.state(id))
	require.Zero(t, w.positions()[0].Quantity, "flat once it is known that it did not: %v", w.alarms)
}
