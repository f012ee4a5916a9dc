package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// silent is a row that does not say what filled, as the venue shows an order
// that is over with empty quantities.
func silent(r order.Report, s order.Status) order.Report {
	r.Status, r.Executed, r.Cancelled, r.Average, r.FillUnknown = s, 0, 0, 0, true
	return r
}

// halfFilledUnseen is an order of two lots of which one filled, after which it
// was cancelled, all of that unnoticed.
func halfFilledUnseen(t *testing.T) (w *world, id order.ID, v *venueOrder) {
	w = newWorld(t, 1, nil).begin()
	w.chances.noticeLost = 1
	ticket := w.ticket()
	ticket.Lots = 2
	id = w.place(ticket)
	w.run(w.now + second)
	v = w.byIntent[id][0]
	w.fill(v, lot)
	v.report.Status, v.report.Cancelled = order.StatusPartiallyExecutedAndCancelled, lot
	w.keep(ReadOrders, ReadOrder)
	return w, id, v
}

func TestAFillThatOnlyTheTradesTellIsNotLostAtTheEnd(t *testing.T) {
	for _, word := range []order.Status{order.StatusCancelled, order.StatusPartiallyExecutedAndCancelled, order.StatusExpired, order.StatusExecuted} {
		w, id, v := halfFilledUnseen(t)
		for end := w.now + 60*second; w.now < end; {
			w.run(w.now + 50*ms)
			for len(w.kept) > 0 {
				w.answer(w.take(), Answer{Verdict: order.OK, Orders: []order.Report{silent(w.row(v), word)}})
			}
		}
		w.keeps = nil
		require.True(t, w.state(id).Terminal(), "%v: %v", word, w.state(id))
		require.EqualValues(t, lot, w.last[id].Filled, word)
		require.EqualValues(t, lot, w.core.exposure[1].net, word)
		require.False(t, w.alarmed("after its end"), word)
		require.Zero(t, w.actions[SendCancel], "%v: it is over", word)
	}
}

func TestAnEndWithoutAnyFillWaitsForTheTradesToo(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	v := w.byIntent[id][0]
	v.report.Status, v.report.Cancelled = order.StatusCancelled, lot
	w.keep(ReadTrades)

	r := silent(v.report, order.StatusCancelled)
	r.Sequence = 1000
	w.step(&Event{Kind: ReportEvent, Report: r})
	w.run(w.now + 10*second)
	require.True(t, w.state(id).Live(), "the trade book has not spoken")
	require.EqualValues(t, lot, w.core.slab.Get(id).Open(), "it counts as open")

	w.answer(w.take(), Answer{Verdict: order.Empty})
	w.run(w.now + second)
	require.Equal(t, order.Cancelled, w.state(id))
	require.Zero(t, w.core.exposure[1].net)
	w.keeps = nil
}

func TestAClearWordEndsTheWaitForTheTrades(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.keep(ReadTrades)
	r := silent(v.report, order.StatusCancelled)
	r.Sequence = 1000
	w.step(&Event{Kind: ReportEvent, Report: r})
	require.True(t, w.state(id).Live())

	r = v.report
	r.Status, r.Cancelled, r.Sequence = order.StatusCancelled, lot, 1001
	w.step(&Event{Kind: ReportEvent, Report: r})

	require.Equal(t, order.Cancelled, w.state(id))
	w.keeps = nil
}

func TestAPersonIsToldWhenNobodySaysWhatFilled(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	id := w.place(w.ticket())
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.chances.noticeLost = 1
	w.keep(ReadTrades, ReadOrders, ReadOrder)
	for end := w.now + 700*second; w.now < end; {
		w.run(w.now + 100*ms)
		for len(w.kept) > 0 {
			a := w.take()
			w.answer(a, Answer{Verdict: order.OK, Partial: true, Orders: []order.Report{silent(w.row(v), order.StatusCancelled)}})
		}
	}
	w.keeps = nil
	require.True(t, w.state(id).Live())
	require.True(t, w.alarmed("nobody can say how much"))
}

func TestATradeBookThatClaimsMoreThanTheNoticesIsNotBookedButLookedInto(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	ticket := w.ticket()
	ticket.Lots = 2
	id := w.place(ticket)
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.keep(ReadTrades)
	w.fill(v, lot)
	w.run(w.now + 2*second)
	reads := w.actions[ReadOrder]
	row := order.Trade{VenueID: v.id, Instrument: 1, Side: v.report.Side, Quantity: lot, Value: v.value}
	w.answer(w.take(), Answer{Verdict: order.OK, Trades: []order.Trade{row, row}})
	w.keeps = nil
	w.run(w.now + 20*second)

	require.Equal(t, order.Partial, w.state(id))
	require.EqualValues(t, lot, w.core.exposure[1].net)
	require.Equal(t, reads+1, w.actions[ReadOrder])
	require.False(t, w.core.slab.Get(id).Estimated, "the next book priced it")
}

func TestAFillThatTheTradesKnowFirstIsFoundInTheDetail(t *testing.T) {
	w := newWorld(t, 1, nil).begin()
	ticket := w.ticket()
	ticket.Lots = 2
	id := w.place(ticket)
	w.run(w.now + second)
	v := w.byIntent[id][0]
	w.fill(v, lot)
	w.run(w.now + 500*ms)
	w.chances.noticeLost = 1
	w.fill(v, lot)
	w.run(w.now + 3*second)
	require.Equal(t, order.Filled, w.state(id))
	require.EqualValues(t, 2*lot, w.core.exposure[1].net)
}

// A row may stay silent all day: of an order of ours that is over it must not
// keep the gap from being closed, of one that nobody knows it must.
func TestASilentRowOfAnOrderThatIsOverDoesNotSpoilTheList(t *testing.T) {
	for _, ours := range []bool{true, false} {
		w := newWorld(t, 1, nil).begin()
		id := w.place(w.ticket())
		w.run(w.now + second)
		v := w.byIntent[id][0]
		v.report.Status, v.report.Cancelled = order.StatusCancelled, lot
		w.notice(v)
		require.Equal(t, order.Cancelled, w.state(id))
		w.keep(ReadOrders)
		w.step(&Event{Kind: StreamEvent, Stream: market.FeedDown})
		w.step(&Event{Kind: StreamEvent, Stream: market.FeedLive})
		r := silent(w.row(v), order.StatusCancelled)
		rows := []order.Report{r}
		if !ours {
			r.VenueID, _ = order.ParseVenueID("202611249999999999")
			rows = append(rows, r)
		}
		w.run(w.now + second)
		w.answer(w.take(), Answer{Verdict: order.OK, Orders: rows})
		w.keeps = nil
		require.Equal(t, ours, w.core.sync.listOK)
	}
}
