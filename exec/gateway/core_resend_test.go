package gateway

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// fenced is a world whose venue is proven to refuse requests older than ten
// seconds, with orders that may wait for that long.
func fenced(t *testing.T, change ...func(*CoreConfig)) *world {
	w := newWorld(t, 1, func(c *CoreConfig) {
		c.EntryTTL = time.Minute
		c.HardFence = order.AfterHardFence.HardFence(10 * time.Second)
		for _, f := range change {
			f(c)
		}
	}).begin()
	w.core.remarks = RemarksEchoed
	return w
}

func TestH16_WhereRemarksAreNotKnownToComeBackNothingIsEverSentAgain(t *testing.T) {
	for _, remarks := range []Remarks{RemarksUntried, RemarksLost} {
		w := fenced(t)
		w.core.remarks = remarks
		id := w.lose(w.ticket())
		w.keeps = nil
		w.run(w.now + 50*second)
		require.Equal(t, order.ClosedAbsent, w.state(id), "%v", remarks)
	}
}

// lose places an order whose request is lost without a word.
func (w *world) lose(t order.Ticket) order.ID {
	w.keep(SendPlace)
	id := w.place(t)
	require.EqualValues(w.t, 1, w.take().Attempt)
	return id
}

func TestN6_BehindAHardFenceAnAbsentOrderIsSentAgainUnderTheSameRemark(t *testing.T) {
	w := fenced(t)
	id := w.lose(w.ticket())
	sent, remark := w.now, w.core.slab.Get(id).Remark
	w.run(sent + 15*second)
	require.Empty(t, w.kept, "not before the fence and two reads")
	require.Equal(t, order.Reconciling, w.state(id))

	w.run(sent + 25*second)

	again := w.take()
	require.EqualValues(t, 2, again.Attempt)
	require.Equal(t, remark, again.Remark)
	require.Equal(t, id, again.ID)
	require.EqualValues(t, 1, w.core.stats.Resent)
	v := w.accept(again)
	w.answer(again, Answer{Verdict: order.OK, VenueID: v.id})
	w.run(w.now + 5*second)
	require.Equal(t, order.Working, w.state(id))
	w.fill(v, lot)
	w.run(w.now + 10*second)
	require.Equal(t, order.Filled, w.state(id))
	w.quiet()
}

func TestWithoutAHardFenceNothingIsEverSentAgain(t *testing.T) {
	w := fenced(t, func(c *CoreConfig) { c.HardFence, c.EntryTTL = 0, time.Hour })
	id := w.lose(w.ticket())

	w.run(w.now + 120*second)

	require.Empty(t, w.kept)
	require.Equal(t, order.ClosedAbsent, w.state(id))
	require.Zero(t, w.core.stats.Resent)
	require.NotContains(t, w.history[id], order.Resend)
	w.quiet()
}

func TestN10_BehindAHardFenceNoLossAndNoDelayMakesADuplicate(t *testing.T) {
	resent := uint64(0)
	for seed := uint64(1); seed <= 60; seed++ {
		w := fenced(t, func(c *CoreConfig) { c.Seed = seed })
		w.rng = rand.New(rand.NewPCG(seed, 78))
		w.slowest = 10 * second // the venue's window: what is older is refused
		w.chances = chances{lostRequest: 0.3, lostAnswer: 0.1, lateAnswer: 0.1, slowArrival: 0.2, readFails: 0.1, noticeLost: 0.3}
		for i := range market.Mono(12) {
			w.after(i*17*second, func() {
				ticket := w.ticket()
				ticket.Instrument, ticket.Price = market.InstrumentID(1+i%3), ticket.Price+5*market.Paise(i%4)
				w.place(ticket)
			})
		}
		w.run(w.now + 240*second)
		w.chances = chances{}
		w.run(w.now + 240*second)
		w.quiet() // one order at the venue for each intent at most
		resent += w.core.stats.Resent
	}
	require.Greater(t, resent, uint64(10))
}

func TestAnOrderWhoseTimeIsOverIsClosedAsAbsentThoughItMightBeSentAgain(t *testing.T) {
	w := fenced(t, func(c *CoreConfig) { c.EntryTTL = 2 * time.Second })
	id := w.lose(w.ticket())
	w.run(w.now + 20*second)
	require.Empty(t, w.kept)
	require.Equal(t, order.ClosedAbsent, w.state(id), "after the usual fence: nobody waits for the hard one")
	w.quiet()
}

func TestAnAbsentOrderIsClosedWhenNobodyWantsItAnyMore(t *testing.T) {
	for name, change := range map[string]func(w *world, id order.ID){
		"cancelled meanwhile": func(w *world, id order.ID) { w.ask(order.CancelOne, id, 0) },
		"kill level":          func(w *world, _ order.ID) { w.step(&Event{Kind: KillEvent, Level: risk.Reducing, Text: "drill"}) },
		"halted":              func(w *world, _ order.ID) { w.core.halt("drill") },
		"instrument blocked":  func(w *world, _ order.ID) { w.core.block(1, "drill") },
		"retries used up":     func(w *world, id order.ID) { w.core.slab.Get(id).Attempts = 4 },
		"price ran away": func(w *world, _ order.ID) {
			w.after(second, func() { // after the world's own quotes
				q := quote(1)
				q.Bid, q.Ask, q.Last, q.Recv = 4995, 5005, 5000, w.now
				w.book.PutQuote(&q)
				w.book.Commit(w.stamp())
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := fenced(t)
			for w.now < 14*second { // so that no fresh quotes come between
				w.run(w.now + second)
			}
			id := w.lose(w.ticket())
			w.run(w.now + 14*second)
			change(w, id)

			w.run(w.now + 11*second)

			require.Empty(t, w.kept)
			require.Equal(t, order.ClosedAbsent, w.state(id))
			require.True(t, w.core.job(w.core.slab.Get(id)).tomb, "under watch")
			require.Zero(t, w.core.stats.Illegal)
		})
	}
}

func TestAFlatteningOrderIsSentAgainOnlyWhileThereIsSomethingToClose(t *testing.T) {
	for _, closed := range []bool{false, true} {
		w := fenced(t, func(c *CoreConfig) { c.EntryTTL = 2 * time.Second })
		id := w.place(w.ticket())
		w.run(w.now + second)
		w.fill(w.byIntent[id][0], lot)
		w.run(w.now + 5*second)
		require.EqualValues(t, lot, w.core.exposure[1].net)
		w.keep(SendPlace)
		w.step(&Event{Kind: KillEvent, Level: risk.FlattenAll, Text: "drill"})
		first := w.take()
		require.Equal(t, order.Flatten, first.Class)
		if closed { // by hand, at the venue
			v := w.create(order.Report{Status: order.StatusOrdered, Instrument: 1, Side: market.Sell, Quantity: lot, Limit: 9000})
			v.stranger = true
			w.fill(v, lot)
		}

		w.run(w.now + 25*second)

		if closed {
			require.Empty(t, w.kept)
			require.Equal(t, order.ClosedAbsent, w.state(first.ID))
			continue
		}
		again := w.take()
		require.Equal(t, first.ID, again.ID)
		require.EqualValues(t, 2, again.Attempt)
	}
}

func TestAResentOrderKeepsItsLeaseAndIsWatchedWhenItDoesNotLeave(t *testing.T) {
	for name, end := range map[string]func(w *world, id order.ID){
		"too late":  func(w *world, _ order.ID) { w.run(w.now + 60*second) },
		"cancelled": func(w *world, id order.ID) { w.ask(order.CancelOne, id, 0) },
		"denied": func(w *world, id order.ID) {
			w.openBreaker()
			w.core.job(w.core.slab.Get(id)).notBefore = 0
			w.run(w.now + second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := fenced(t, func(c *CoreConfig) { c.EntryTTL = 40 * time.Second })
			id := w.lose(w.ticket())
			w.run(w.now + 15*second)
			w.core.calls.flying += maxFlying // no call can start but a read that is under way
			o := w.core.slab.Get(id)
			w.core.move(o, &order.Event{Move: order.AbsentOnce, Started: w.now})
			w.core.move(o, &order.Event{Move: order.AbsentTwice, Started: w.now + second})
			require.True(t, w.core.resend(o))
			require.Equal(t, order.Queued, o.State)
			twin := w.place(w.ticket())
			w.core.calls.flying -= maxFlying
			j := w.core.job(w.core.slab.Get(twin))
			_, wait := w.core.holds(j)
			require.True(t, wait, "its twin waits")
			w.core.job(o).notBefore = w.now + 100*second // and it does not leave

			end(w, id)

			require.Equal(t, order.ClosedAbsent, o.State)
			require.True(t, w.core.job(o).tomb)
			require.Zero(t, w.core.stats.Illegal)
		})
	}
}

func TestAnOrderWhoseLastAttemptMayStillBeAnsweredIsNotSentAgain(t *testing.T) {
	w := fenced(t, func(c *CoreConfig) { c.HardFence, c.Fence = 5*time.Second, 5*time.Second })
	id := w.lose(w.ticket())
	w.run(w.now + 12*second) // it is listened for a little longer
	require.Empty(t, w.kept)
	require.Equal(t, order.ClosedAbsent, w.state(id))
}

func TestANegativeHardFenceIsRefused(t *testing.T) {
	w := newWorld(t, 1, nil)
	config := w.core.config
	config.HardFence = -1
	_, err := NewCore(config)
	require.ErrorIs(t, err, ErrCore)
}

func TestAnOrderNumberUsedTwiceStopsTheProcess(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	ticket := w.ticket()
	w.place(ticket)
	other := ticket
	other.Price += 5
	for _, again := range []order.Ticket{ticket, other, {}} {
		require.PanicsWithValue(t, fmt.Sprintf("gateway: order id %d was used twice or is zero", again.ID), func() {
			w.place(again)
		})
	}
	require.Len(t, w.byIntent, 0, "nothing reached the venue on the way")
}

func TestP1_ARestartDoesNotSendAgainWhatItFindsInDoubtOrWaiting(t *testing.T) {
	for _, waiting := range []bool{false, true} {
		w := fenced(t)
		id := w.lose(w.ticket())
		if waiting {
			w.core.calls.flying += maxFlying
			w.run(w.now + 16*second)
			o := w.core.slab.Get(id)
			for i, m := range []order.Move{order.AbsentOnce, order.AbsentTwice} {
				w.core.move(o, &order.Event{Move: m, Started: w.now + market.Mono(i)*second})
			}
			require.True(t, w.core.resend(o))
			require.Equal(t, order.Queued, o.State)
		}

		w.restart(true)
		w.run(w.now + 40*second)

		require.Empty(t, w.kept, "its deadline died with the process")
		require.Equal(t, order.ClosedAbsent, w.core.slab.Get(id).State)
		require.True(t, w.core.job(w.core.slab.Get(id)).tomb, "under watch")
		require.Zero(t, w.core.stats.Illegal)
	}
}
