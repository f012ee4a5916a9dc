package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/risk"
)

// wide lets everything through that a test means to send.
func wide() risk.Limits {
	return risk.Limits{
		QuoteAge: time.Minute, CollarShare: 5000, CollarPoints: 1000 * market.Rupee, OrderLots: 1000, OrderNotional: 1e9 * market.Rupee,
		OpenOrders: 500, PositionLots: 100_000, GrossLots: 100_000, DayLoss: 1e9 * market.Rupee, FlattenLoss: 1e9 * market.Rupee,
		Repeats: 16, RepeatWindow: time.Millisecond, PerSecond: 16, PerMinute: 128, Runaway: 1_000_000,
	}
}

// openGate is a gate in the middle of a trading day.
func openGate(u *market.Universe, now market.Stamp) *risk.Gate {
	g := risk.NewGate(wide(), u)
	g.SetSession(now.Market.Add(-time.Hour), now.Market.Add(5*time.Hour))
	g.SetFeed(market.FeedLive)
	return g
}
