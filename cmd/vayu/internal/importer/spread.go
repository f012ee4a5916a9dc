package importer

import "github.com/vayu-trading/vayu/engine/market"

// touch is how a NIFTY option of a price is quoted: medians of a real
// two-sided chain. Quantities are in lots.
type touch struct {
	below    market.Paise // prices under this; the last row takes the rest
	spread   market.Paise
	bid, ask market.Lots
}

// touches is calibrated on 6,912 two-sided quotes: the whole NIFTY chain in 24
// snapshots from 10:33 to 11:02 on the expiry day 26 May 2026 (GitHub
// Karthikreddy2411/nifty-oi-data-collector, downloads/2026-05-26, commit
// 96ff8041af22ae1f54c81501ccbad03d6d3b7c91; figures published by NSE). Each
// row is the median spread and the median quantity at the best bid and offer
// of the quotes whose middle falls into it. That chain is of one expiry, so
// the quantities of cheap options are an expiry day's: far larger than those
// of a later week.
var touches = [...]touch{
	{50, 5, 627, 256},
	{100, 5, 11543, 8154},
	{200, 5, 20685, 16336},
	{500, 5, 2644, 1753},
	{1000, 5, 853, 550},
	{2000, 5, 151, 136},
	{5000, 10, 72, 53},
	{10000, 15, 12, 9},
	{15000, 30, 5, 6},
	{20000, 45, 4, 3},
	{30000, 65, 3, 3},
	{50000, 125, 2, 3},
	{70000, 270, 2, 1},
	{100000, 385, 1, 1},
	{120000, 660, 1, 1},
	{150000, 820, 1, 1},
	{200000, 3725, 1, 1},
	{0, 8415, 12, 12},
}

// touchOf is the row for a price.
func touchOf(price market.Paise) *touch {
	for i := range touches {
		if price < touches[i].below {
			return &touches[i]
		}
	}
	return &touches[len(touches)-1]
}
