package sim

import (
	"strconv"

	"github.com/vayu-trading/vayu/engine/market"
)

// exchangeNumber is the digit that stands for an exchange in room names; the
// candle stream has its own for BFO.
func exchangeNumber(exchange string, candles bool) string {
	switch exchange {
	case "BSE":
		return "1"
	case "BFO":
		if candles {
			return "2"
		}
		return "8"
	}
	return "4" // NSE cash and NFO
}

// appendSymbol writes the room's name as the first element of a stock array.
func appendSymbol(dst []byte, in *market.Instrument, level byte) []byte {
	dst = append(append(dst, '[', '"'), exchangeNumber(in.Exchange, false)...)
	dst = append(append(dst, '.', level, '!'), in.Token...)
	return append(dst, '"')
}

// appendQuote writes the argument of a level 1 event: 23 elements, or 21 with
// nulls for an index.
func appendQuote(dst []byte, in *market.Instrument, q *market.Quote) []byte {
	dst = appendSymbol(dst, in, '1')
	price := func(p market.Paise) { dst = p.Append(append(dst, ',')) }
	size := func(u market.Units) { dst = strconv.AppendInt(append(dst, ','), int64(u), 10) }
	price(q.Open)
	price(q.Last)
	price(q.High)
	price(q.Low)
	dst = strconv.AppendFloat(append(dst, ','), percent(q.Last, q.PrevClose), 'f', -1, 64)
	if in.Kind == market.Index {
		dst = append(dst, ",null,null,null,null,null,null,null,null,null,null"...)
		dst = append(append(dst, ','), trend(q)...)
		dst = append(dst, ",null,null"...)
	} else {
		price(q.Bid)
		size(q.BidQty)
		price(q.Ask)
		size(q.AskQty)
		size(q.LastQty)
		price(q.Average)
		size(q.OpenInterest)
		size(q.OIChange)
		size(q.Volume)
		size(q.TotalBuy)
		size(q.TotalSell)
		dst = appendValue(append(dst, ','), q.Average.Times(q.Volume))
		dst = append(append(dst, ','), trend(q)...)
		price(q.BandLow)
		price(q.BandHigh)
	}
	dst = strconv.AppendInt(append(dst, ','), int64(q.LastTrade)/1e9, 10)
	price(q.PrevClose)
	return append(dst, ']')
}

func trend(q *market.Quote) string {
	switch {
	case q.Last > q.PrevClose:
		return `"+"`
	case q.Last < q.PrevClose:
		return `"-"`
	}
	return `""`
}

// appendValue writes a traded value the way the stream abbreviates it: crore or
// lakh with two decimals.
func appendValue(dst []byte, value market.Paise) []byte {
	const lakh, crore = 100_000 * market.Rupee, 10_000_000 * market.Rupee
	unit, letter := lakh, byte('L')
	if value >= crore {
		unit, letter = crore, 'C'
	}
	dst = strconv.AppendFloat(append(dst, '"'), float64(value)/float64(unit), 'f', 2, 64)
	return append(dst, letter, '"')
}

// appendDepth writes the argument of a level 2 event: as many levels as there
// are, best first.
func appendDepth(dst []byte, in *market.Instrument, d *market.Depth) []byte {
	dst = appendSymbol(dst, in, '2')
	dst = strconv.AppendInt(append(dst, ','), int64(d.VenueTime)/1e9, 10)
	dst = append(dst, ',', '[')
	side := func(l *market.Level) {
		dst = append(l.Price.Append(dst), ',')
		dst = append(strconv.AppendInt(dst, int64(l.Qty), 10), ',')
		dst = append(strconv.AppendInt(dst, int64(l.Orders), 10), `,""`...)
	}
	for i := range market.Levels {
		if d.Bids[i].Price == 0 && d.Asks[i].Price == 0 {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		side(&d.Bids[i])
		dst = append(dst, ',')
		side(&d.Asks[i])
		dst = append(dst, ']')
	}
	return append(dst, ']', ']')
}
