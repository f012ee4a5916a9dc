package paper_test

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/paper"
	"github.com/vayu-trading/vayu/exec/sim"
)

// A back-test owns the time: it writes the book, steps its strategies, and then
// the desk.
func ExampleDesk() {
	const day = market.Date(20261123)
	universe, _ := market.NewUniverse([]market.Instrument{{
		ContractKey: market.ContractKey{
			Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20261124, Strike: 26000 * market.Rupee, Right: market.Call,
		},
		Token: "42505", LotSize: 65, TickSize: 5, BandLow: 5, BandHigh: 53915,
	}})
	gate := risk.NewGate(risk.Limits{
		QuoteAge: time.Second, CollarShare: 1000, CollarPoints: 10 * market.Rupee, OrderLots: 5, OrderNotional: 100_000 * market.Rupee,
		OpenOrders: 5, PositionLots: 5, GrossLots: 5, DayLoss: 10_000 * market.Rupee, FlattenLoss: 20_000 * market.Rupee,
		Repeats: 3, RepeatWindow: time.Second, PerSecond: 5, PerMinute: 60, Runaway: 100,
	}, universe)
	gate.SetSession(day.At(9*time.Hour+15*time.Minute), day.At(15*time.Hour+30*time.Minute))
	gate.SetFeed(market.FeedLive)
	quotes := book.New(universe)
	venue, _ := paper.NewVenue(day, universe, sim.Config{Cash: 500_000 * market.Rupee})
	desk, err := paper.NewDesk(paper.Config{
		Venue: venue, SendDelay: 20 * time.Millisecond, ReplyDelay: 20 * time.Millisecond,
		Core: gateway.CoreConfig{Book: quotes, Gate: gate, Tag: order.Tag{Instance: [2]byte{'B', 'T'}, Day: day, Boot: 1}},
		Emit: func(u *order.Update) { fmt.Println(u.At.Market.TimeOfDay(), u.State, u.Filled, u.Average) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	at := func(sinceOpen time.Duration) market.Stamp {
		now := day.At(10 * time.Hour).Add(sinceOpen)
		return market.Stamp{Mono: market.Mono(sinceOpen) + 1, Wall: now, Market: now}
	}
	quote := func(now market.Stamp, bid, ask market.Paise) {
		quotes.PutQuote(&market.Quote{Instrument: 1, Last: bid, Bid: bid, Ask: ask, BidQty: 650, AskQty: 650, Recv: now.Mono})
		quotes.Commit(now)
	}
	for now := time.Duration(0); now < 3*time.Second; now += 20 * time.Millisecond {
		quote(at(now), 10000+market.Paise(now/(100*time.Millisecond))*5, 10010+market.Paise(now/(100*time.Millisecond))*5)
		if now == time.Second {
			desk.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{Strategy: 1, Instrument: 1, Side: market.Buy, Lots: 1, Price: 10100}})
		}
		desk.Step(at(now))
	}
	fmt.Println(venue.Position(1).Qty)
	// Output:
	// 10h0m1s queued 0 0
	// 10h0m1s sending 0 0
	// 10h0m1.04s acked 0 0
	// 10h0m1.04s working 0 0
	// 10h0m1.04s filled 65 101
	// 10h0m2.08s filled 65 100.6
	// 65
}
