package paper

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

type bubbleClock struct{ start time.Time }

func (c bubbleClock) Now() market.Stamp {
	passed := time.Since(c.start)
	at := day.At(10 * time.Hour).Add(passed)
	return market.Stamp{Mono: market.Mono(passed) + 1, Wall: at, Market: at}
}

// The owner's Emit hangs: whoever submits meanwhile is not kept waiting, and
// what does not fit is denied. A cancel always fits.
func TestAFullQueueDeniesAllButCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang, hanging := make(chan struct{}), false
		var lock sync.Mutex
		told := make(map[string]int)
		r := newRig(t, func(c *Config) {
			c.Clock = bubbleClock{time.Now()}
			c.Emit = func(u *order.Update) {
				lock.Lock()
				first := !hanging
				hanging = true
				told[u.Reason]++
				lock.Unlock()
				if first {
					<-hang
				}
			}
		})
		g, err := New(r.config)
		require.NoError(t, err)
		cancel := order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: 1, Strategy: 1}}
		place := order.Command{Kind: order.Place, Ticket: order.Ticket{Strategy: 1, Instrument: 77}}

		var owner sync.WaitGroup
		owner.Go(func() { g.Submit(place) })
		synctest.Wait() // it hangs in Emit
		for range maxWaiting {
			g.Submit(cancel)
		}
		g.Submit(cancel)
		g.Submit(place)
		close(hang)
		owner.Wait()

		require.Equal(t, map[string]int{"unknown instrument": 1, "the command queue is full": 1}, told)
		require.EqualValues(t, maxWaiting+2, g.desk.counts.submitted)
	})
}

func TestACoreThatBreaksOffIsNeverSteppedAgain(t *testing.T) {
	var why any
	r := newRig(t, func(c *Config) {
		c.Clock = bubbleClock{time.Now()}
		c.Emit = func(*order.Update) { panic("a strategy's books") }
		c.Fatal = func(w any) { why = w }
	})
	g, err := New(r.config)
	require.NoError(t, err)

	require.Panics(t, func() {
		g.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{Strategy: 1, Instrument: 77}})
	})
	require.Equal(t, "a strategy's books", why)
	require.NotPanics(t, func() {
		g.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{Strategy: 1, Instrument: 77}})
	}, "nobody owns it any more")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, g.Run(ctx), context.DeadlineExceeded)
}

func TestTheGatewayFollowsTheBookWhileItRuns(t *testing.T) {
	defer goleak.VerifyNone(t)
	var lock sync.Mutex
	last := make(map[order.ID]order.Update)
	r := newRig(t, func(c *Config) {
		c.Clock = bubbleClock{time.Now()}
		c.Emit = func(u *order.Update) {
			lock.Lock()
			defer lock.Unlock()
			last[u.ID] = *u
		}
	})
	g, err := New(r.config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = g.Run(ctx) })
	defer running.Wait()
	defer cancel()
	require.Eventually(t, func() bool { return g.Snapshot().Standing.Synced }, 5*time.Second, time.Millisecond)

	id := g.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{Strategy: 1, Instrument: 1, Side: market.Buy, Lots: 1, Price: 9900}})
	r.quote(9890, 9900)

	require.Eventually(t, func() bool {
		lock.Lock()
		defer lock.Unlock()
		return last[id].State == order.Filled
	}, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return g.Snapshot().Fills == 1 }, time.Second, time.Millisecond)
}
