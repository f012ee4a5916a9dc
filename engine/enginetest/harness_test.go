package enginetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/enginetest"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// buyer buys one lot at the ask of each quote it sees until it holds one, and
// gives up an order that rests for a minute.
type buyer struct {
	orders  []order.State
	pending order.ID
	refuse  error
}

func (b *buyer) OnStart(*engine.Context) error { return b.refuse }

func (b *buyer) OnMarket(c *engine.Context) {
	id := c.Changes()[0]
	var q market.Quote
	if !c.View().Quote(id, &q) || b.pending != 0 || c.Position(id) != 0 {
		return
	}
	b.pending = c.Place(order.Ticket{Instrument: id, Side: market.Buy, Lots: 1, Price: q.Ask})
	c.TimerAfter(1, time.Minute)
}

func (b *buyer) OnTimer(c *engine.Context, _ engine.TimerID) {
	c.Note("giving up")
	c.Cancel(b.pending)
}

func (b *buyer) OnOrder(c *engine.Context, u *order.Update) {
	b.orders = append(b.orders, u.State)
	if u.State.Terminal() {
		b.pending = 0
	}
}

func universe(t *testing.T) *market.Universe {
	t.Helper()
	u, err := market.NewUniverse(enginetest.Options("NIFTY", market.NewDate(2026, 8, 25), 24000*market.Rupee, 50*market.Rupee, 5))
	require.NoError(t, err)
	return u
}

func TestHarnessFillsByHand(t *testing.T) {
	b := new(buyer)
	h := enginetest.New(t, enginetest.Config{Universe: universe(t)}, b)
	call := h.Book.Layout().Chains()[0].Rows[2].Call

	h.Tick(call, 10000, 10050)
	sent := h.Desk.Take()
	require.Len(t, sent, 1)
	require.Equal(t, market.Paise(10050), sent[0].Ticket.Price)
	id := sent[0].Ticket.ID
	h.Ack(id)
	h.Fill(id, 10040, 25)
	h.Fill(id, 0, 0)

	require.Equal(t, []order.State{order.Working, order.Partial, order.Filled}, b.orders)
	require.Empty(t, h.Desk.Working())
	require.Equal(t, market.Units(65), h.Desk.Order(id).Filled)
	require.Equal(t, market.Paise((10040*25+10050*40)/65), h.Desk.Order(id).Average)
	h.Tick(call, 10000, 10060)
	require.Empty(t, h.Desk.Take(), "it holds what it wanted")
}

func TestHarnessMovesTimeThroughTimers(t *testing.T) {
	h := enginetest.New(t, enginetest.Config{Universe: universe(t)}, new(buyer))
	call := h.Book.Layout().Chains()[0].Rows[2].Call
	h.Tick(call, 10000, 10050)
	id := h.Desk.Take()[0].Ticket.ID

	h.Advance(59 * time.Second)
	require.Empty(t, h.Desk.Take())
	h.Advance(time.Hour)

	cancel := h.Desk.Take()
	require.Len(t, cancel, 1)
	require.Equal(t, order.CancelOne, cancel[0].Kind)
	require.Equal(t, id, cancel[0].Ticket.ID)
	require.Equal(t, []string{"giving up"}, h.Notes())
	h.Cancelled(id)
	require.Empty(t, h.Desk.Working())
}

func TestHarnessReportsAStrategyThatRefusesToStart(t *testing.T) {
	sad := errors.New("no chain")
	_, err := enginetest.Start(enginetest.Config{Universe: universe(t)}, &buyer{refuse: sad})
	require.ErrorIs(t, err, sad)
}

func TestHarnessReactsInsideTheCallback(t *testing.T) {
	b := new(buyer)
	h := enginetest.New(t, enginetest.Config{Universe: universe(t)}, b)
	h.Desk.React = func(c order.Command) { h.Fill(c.Ticket.ID, 0, 0) }

	h.Tick(h.Book.Layout().Chains()[0].Rows[0].Put, 10000, 10050)

	require.Equal(t, []order.State{order.Filled}, b.orders)
}
