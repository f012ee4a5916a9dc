package importer

import (
	"strconv"

	"github.com/vayu-trading/vayu/engine/market"
)

// frame builds the texts of stock events, as the stream sends them.
type frame struct{ buf []byte }

func (f *frame) begin(level byte, token string) {
	f.buf = append(f.buf[:0], `42["stock",["4.`...)
	f.buf = append(f.buf, level, '!')
	f.buf = append(f.buf, token...)
	f.buf = append(f.buf, '"')
}

func (f *frame) price(p market.Paise)  { f.buf = p.Append(append(f.buf, ',')) }
func (f *frame) units(u market.Units)  { f.buf = strconv.AppendInt(append(f.buf, ','), int64(u), 10) }
func (f *frame) text(raw string)       { f.buf = append(append(f.buf, ','), raw...) }
func (f *frame) end(raw string) []byte { f.buf = append(f.buf, raw...); return f.buf }
func (f *frame) at(t market.UnixNano)  { f.units(market.Units(t / 1e9)) }
func (f *frame) orders(n int32)        { f.units(market.Units(n)) }
func (f *frame) nulls(n int) {
	for range n {
		f.text("null")
	}
}

// quote is the 23-field event of an option.
func (f *frame) quote(l *leg) []byte {
	bid, ask := &l.book.Bids[0], &l.book.Asks[0]
	var buy, sell market.Units
	for i := range market.Levels {
		buy += l.book.Bids[i].Qty
		sell += l.book.Asks[i].Qty
	}
	f.begin('1', l.in.Token)
	f.price(l.open)
	f.price(l.last)
	f.price(l.high)
	f.price(l.low)
	f.text("0") // change in percent: the source has no previous close
	f.price(bid.Price)
	f.units(bid.Qty)
	f.price(ask.Price)
	f.units(ask.Qty)
	f.text("0") // last quantity: not in the source
	f.price(l.average())
	f.units(l.oi)
	f.units(l.oiChange)
	f.units(l.volume)
	f.units(buy)
	f.units(sell)
	f.text("null") // traded value as text
	f.text(`""`)   // trend
	f.price(l.in.BandLow)
	f.price(l.in.BandHigh)
	f.at(l.trade)
	f.text("0") // previous close
	return f.end("]]")
}

// depth is the event of five levels a side.
func (f *frame) depth(l *leg, at market.UnixNano) []byte {
	f.begin('2', l.in.Token)
	f.at(at)
	f.buf = append(f.buf, ",["...)
	for i := range market.Levels {
		bid, ask := &l.book.Bids[i], &l.book.Asks[i]
		if i > 0 {
			f.buf = append(f.buf, ',')
		}
		f.buf = bid.Price.Append(append(f.buf, '['))
		f.units(bid.Qty)
		f.orders(bid.Orders)
		f.text(`""`)
		f.price(ask.Price)
		f.units(ask.Qty)
		f.orders(ask.Orders)
		f.text(`""]`)
	}
	return f.end("]]]")
}

// index is the 21-field event of the cash index.
func (f *frame) index(s *spot, at market.UnixNano) []byte {
	f.begin('1', s.in.Token)
	f.price(s.open)
	f.price(s.last)
	f.price(s.high)
	f.price(s.low)
	f.text("0") // change: no previous close in the source
	f.nulls(10)
	f.text(`""`)
	f.nulls(2)
	f.at(at)
	f.text("0")
	return f.end("]]")
}
