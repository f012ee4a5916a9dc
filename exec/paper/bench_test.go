package paper

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// A back-test steps the desk with every commit: what brings it nothing but a
// quote must cost next to nothing.
func TestAQuoteAndAnIdleStepAllocateNothing(t *testing.T) {
	r := newRig(t, nil)
	r.pass(2 * time.Second)
	price := market.Paise(10000)

	require.Zero(t, testing.AllocsPerRun(1000, func() {
		r.wait(time.Microsecond)
		r.Step(r.now)
	}), "idle")
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		r.wait(time.Microsecond)
		r.quote(price-10, price+10)
		r.Step(r.now)
		price ^= 4
	}), "a quote")
}

func BenchmarkDeskQuote(b *testing.B) {
	r := newRig(&testing.T{}, nil)
	r.pass(2 * time.Second)
	b.ReportAllocs()
	for b.Loop() {
		r.wait(time.Microsecond)
		r.quote(9990, 10010)
		r.Step(r.now)
	}
}

// An order from Submit to its fill, the venue's part included.
func BenchmarkDeskFill(b *testing.B) {
	r := newRig(&testing.T{}, func(c *Config) {
		c.Core.Orders = 1 << 17
		c.Emit = func(*order.Update) {}
	})
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		r.wait(time.Second)
		r.quote(9990, 10010)
		r.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{
			Strategy: 1, Instrument: 1, Side: []market.Side{market.Buy, market.Sell}[n%2], Lots: 1, Price: []market.Paise{10010, 9990}[n%2],
		}})
		r.Step(r.now)
	}
}
