package gateway

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/rest"
)

// pausing is a clock of a process that is paused before one look at it.
type pausing struct {
	market.Clock
	looks atomic.Int32 // until the pause; below zero: it is over; armed above zero
	over  atomic.Bool
	pause time.Duration
}

func (c *pausing) Now() market.Stamp {
	now := c.Clock.Now()
	if c.looks.Load() > 0 && c.looks.Add(-1) == 0 {
		c.over.Store(true)
	}
	if c.over.Load() {
		now.Mono, now.Wall, now.Market = now.Mono.Add(c.pause), now.Wall.Add(c.pause), now.Market.Add(c.pause)
	}
	return now
}

// The looks on an order's way: when it is decided, when it is taken, before a connection is, for
// the day that its request names, and directly before its first byte.
func TestP7_APauseWhileTheRequestIsRenderedStopsIt(t *testing.T) {
	for _, look := range []int32{3, 4, 5} {
		v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
		clock := &pausing{Clock: benchClock{time.Now()}, pause: time.Second}
		s := newShell(t, v.Addr().String(), func(c *Config) { c.Clock = clock })
		s.core.send = 500 * time.Millisecond
		s.ready(t)

		clock.looks.Store(look)
		s.place()

		a := s.answer(t)
		require.Equal(t, order.NotSent, a.Verdict, "paused before look %d", look)
		require.Equal(t, SentNothing, a.Sent)
		require.True(t, clock.over.Load())
		require.Zero(t, v.requests.Load())
	}
}

func TestAChangeOnTheWireNamesThePriceAlone(t *testing.T) {
	var body atomic.Pointer[string]
	v := newVenue(t, answering(func(_ int, _ *http.Request, text string) string {
		body.Store(&text)
		return answerOf(ackOK)
	}))
	s := newShell(t, v.Addr().String())
	s.ready(t)

	s.Submit(order.Command{Kind: order.Modify, Ticket: order.Ticket{ID: 1, Instrument: 1, Price: 9510}})

	require.Equal(t, order.OK, s.answer(t).Verdict)
	require.JSONEq(t, `{"exchange_code":"NFO","order_id":"202611233800017846","price":"95.1"}`, *body.Load())
}

func TestTradesOfOneSecondAreToldApartByWhatTheySay(t *testing.T) {
	id, err := order.ParseVenueID("202611240000000001")
	require.NoError(t, err)
	one := rest.Trade{VenueID: id, Instrument: 1, Side: market.Buy, Quantity: lot, Value: 10000 * lot, At: 1}
	more, dearer, later := one, one, one
	more.Quantity, dearer.Value, later.At = 2*lot, 10005*lot, 2
	require.Equal(t, []rest.Trade{one, more, dearer, later}, distinct([]rest.Trade{one, more, one, dearer, later, more}))
}
