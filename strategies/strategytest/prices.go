package strategytest

import (
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/pricing"
)

// Price makes a whole market: both chains around one forward at one
// volatility, the spot thirty points below it. Commit shows it.
func (d *Desk) Price(forward, volatility float64) {
	layout := d.Book.Layout()
	d.Quote(layout.Spot("NIFTY"), market.Quote{Last: tick(forward - 30)})
	for _, expiry := range [...]market.Date{Near, Far} {
		end, err := d.rules.ExpiryInstant(expiry)
		require.NoError(d.t, err)
		years := pricing.YearsBetween(d.Now().Market, end)
		o := pricing.Terms{Forward: forward, Years: years, Discount: pricing.Discount(0.0525, years)}
		chain := layout.Chain("NIFTY", expiry)
		if chain.Future != 0 {
			d.Around(chain.Future, tick(forward))
		}
		for _, row := range chain.Rows {
			o.Strike = pricing.Points(row.Strike)
			o.Right = market.Call
			d.Around(row.Call, tick(o.Price(volatility)))
			o.Right = market.Put
			d.Around(row.Put, tick(o.Price(volatility)))
		}
	}
}

// tick is points on the tick below, and at least one tick.
func tick(points float64) market.Paise { return max(market.Paise(points*100).RoundDown(5), 5) }

// Around quotes an instrument half the spread to either side of a price.
func (d *Desk) Around(id market.InstrumentID, mid market.Paise) {
	half := (d.Spread / 2).RoundUp(5)
	bid := max(mid-half, 5)
	d.Quote(id, market.Quote{Last: mid, Bid: bid, Ask: bid + 2*half, BidQty: 50 * Lot, AskQty: 50 * Lot})
}

// Quote puts one quote; Commit shows it.
func (d *Desk) Quote(id market.InstrumentID, q market.Quote) {
	d.volume++
	q.Instrument, q.Volume = id, d.volume
	d.Put(q)
}

// Last is the newest quote of an instrument.
func (d *Desk) Last(id market.InstrumentID) (q market.Quote) {
	require.True(d.t, d.View().Quote(id, &q))
	return q
}
