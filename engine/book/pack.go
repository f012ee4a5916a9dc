package book

import (
	"sync/atomic"

	"github.com/vayu-trading/vayu/engine/market"
)

// A quote is 14 words: prices and touch quantities as 32 bits, the day's
// totals and instants as 64. What a strategy reads most lies in the first
// cache line. Word 0 is the version's Seq.
const (
	quoteWords = 14
	quoteSlot  = 16
	quoteRecv  = 8 // the word that holds Recv

	depthWords = 18
	depthSlot  = 24
	depthRecv  = 17
)

func pair[A, B ~int64](low A, high B) uint64 { return uint64(uint32(low)) | uint64(uint32(high))<<32 }

func lowPaise(w uint64) market.Paise  { return market.Paise(int32(w)) }
func highPaise(w uint64) market.Paise { return market.Paise(int32(w >> 32)) }
func lowUnits(w uint64) market.Units  { return market.Units(uint32(w)) }
func highUnits(w uint64) market.Units { return market.Units(uint32(w >> 32)) }

// beyond32 is not zero when v does not fit a signed word of 32 bits.
func beyond32[T ~int64](v T) uint64 { return (uint64(v) + 1<<31) >> 32 }

// packQuote fills words 1 and up, or tells that a value does not fit: a
// quantity is 0 to 2^32-1 units, a price ±21 million rupees.
func packQuote(w *[depthSlot]uint64, q *market.Quote) bool {
	misfit := beyond32(q.Bid) | beyond32(q.Ask) | beyond32(q.Last) | beyond32(q.Open) | beyond32(q.High) |
		beyond32(q.Low) | beyond32(q.PrevClose) | beyond32(q.Average) | beyond32(q.BandLow) | beyond32(q.BandHigh) |
		beyond32(q.OIChange) | uint64(q.BidQty)>>32 | uint64(q.AskQty)>>32 | uint64(q.LastQty)>>32
	w[1] = pair(q.Bid, q.Ask)
	w[2] = pair(q.BidQty, q.AskQty)
	w[3] = pair(q.Last, q.LastQty)
	w[4] = pair(q.Open, q.High)
	w[5] = pair(q.Low, q.PrevClose)
	w[6] = pair(q.Average, q.BandLow)
	w[7] = pair(q.BandHigh, q.OIChange)
	w[8] = uint64(q.Recv)
	w[9] = uint64(q.OpenInterest)
	w[10] = uint64(q.Volume)
	w[11] = uint64(q.TotalBuy)
	w[12] = uint64(q.TotalSell)
	w[13] = uint64(q.LastTrade)
	return misfit == 0
}

// loadQuote reads words that the writer may be replacing.
func loadQuote(slot *[quoteWords]uint64, id market.InstrumentID, q *market.Quote) {
	q.Instrument = id
	w := atomic.LoadUint64(&slot[1])
	q.Bid, q.Ask = lowPaise(w), highPaise(w)
	w = atomic.LoadUint64(&slot[2])
	q.BidQty, q.AskQty = lowUnits(w), highUnits(w)
	w = atomic.LoadUint64(&slot[3])
	q.Last, q.LastQty = lowPaise(w), highUnits(w)
	w = atomic.LoadUint64(&slot[4])
	q.Open, q.High = lowPaise(w), highPaise(w)
	w = atomic.LoadUint64(&slot[5])
	q.Low, q.PrevClose = lowPaise(w), highPaise(w)
	w = atomic.LoadUint64(&slot[6])
	q.Average, q.BandLow = lowPaise(w), highPaise(w)
	w = atomic.LoadUint64(&slot[7])
	q.BandHigh, q.OIChange = lowPaise(w), market.Units(int32(w>>32))
	q.Recv = market.Mono(atomic.LoadUint64(&slot[8]))
	q.OpenInterest = market.Units(atomic.LoadUint64(&slot[9]))
	q.Volume = market.Units(atomic.LoadUint64(&slot[10]))
	q.TotalBuy = market.Units(atomic.LoadUint64(&slot[11]))
	q.TotalSell = market.Units(atomic.LoadUint64(&slot[12]))
	q.LastTrade = market.UnixNano(atomic.LoadUint64(&slot[13]))
}

// packDepth fills words 1 and up, on packQuote's terms.
func packDepth(w *[depthSlot]uint64, d *market.Depth) bool {
	misfit := uint64(0)
	for i := range market.Levels {
		bid, ask := &d.Bids[i], &d.Asks[i]
		misfit |= beyond32(bid.Price) | beyond32(ask.Price) | uint64(bid.Qty)>>32 | uint64(ask.Qty)>>32
		w[1+i] = pair(bid.Price, bid.Qty)
		w[1+market.Levels+i] = pair(ask.Price, ask.Qty)
		w[1+2*market.Levels+i] = uint64(uint32(bid.Orders)) | uint64(uint32(ask.Orders))<<32
	}
	w[16] = uint64(d.VenueTime)
	w[17] = uint64(d.Recv)
	return misfit == 0
}

// loadDepth reads words that the writer may be replacing.
func loadDepth(slot *[depthWords]uint64, id market.InstrumentID, d *market.Depth) {
	d.Instrument = id
	for i := range market.Levels {
		bid, ask := atomic.LoadUint64(&slot[1+i]), atomic.LoadUint64(&slot[1+market.Levels+i])
		orders := atomic.LoadUint64(&slot[1+2*market.Levels+i])
		d.Bids[i] = market.Level{Price: lowPaise(bid), Qty: highUnits(bid), Orders: int32(orders)}
		d.Asks[i] = market.Level{Price: lowPaise(ask), Qty: highUnits(ask), Orders: int32(orders >> 32)}
	}
	d.VenueTime = market.UnixNano(atomic.LoadUint64(&slot[16]))
	d.Recv = market.Mono(atomic.LoadUint64(&slot[17]))
}
