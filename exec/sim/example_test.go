package sim_test

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/exec/sim"
)

// A core needs no network and no clock: a back-test feeds it events and stamps.
func ExampleCore() {
	day := market.NewDate(2026, time.August, 18)
	call := market.Instrument{
		ContractKey: market.ContractKey{
			Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: day.AddDays(7), Strike: 24200 * market.Rupee, Right: market.Call,
		},
		Token: "42501", LotSize: 65, TickSize: 5,
	}
	core, err := sim.NewCore(sim.Config{Tape: &sim.MemoryTape{Day: day, List: []market.Instrument{call}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	at := market.Stamp{Mono: 1, Wall: day.At(10 * time.Hour), Market: day.At(10 * time.Hour)}
	id := core.Universe().ByToken([]byte("42501"))
	core.Market(&market.Event{At: at.Market, Kind: market.QuoteEvent, Quote: market.Quote{
		Instrument: id, Last: 100 * market.Rupee, Bid: 9995, Ask: 10_005, BidQty: 650, AskQty: 650,
	}}, at)

	number, err := core.Place(sim.Intent{Instrument: id, Side: market.Buy, Qty: 65, Price: 10_010}, at)

	fmt.Println(number, err)
	for _, n := range core.Notices() {
		fmt.Println(n.Order.Status, n.Order.Filled, n.Order.Average())
	}
	_, err = core.Place(sim.Intent{Instrument: id, Side: market.Buy, Qty: 64, Price: 10_010}, at)
	fmt.Println(err)
	// Output:
	// 202608183800000001 <nil>
	// Requested 0 0
	// Ordered 0 0
	// Executed 65 100.05
	// sim: refused: Quantity should be in multiples of the market lot
}
