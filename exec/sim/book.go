package sim

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// level is one price of the displayed book and what our own orders left of it.
type level struct {
	price     market.Paise
	displayed market.Units
	left      market.Units
}

// side is one side of the displayed book, best first.
type side [market.Levels]level

// refresh takes a newly displayed side. A level shown again with the quantity
// it had before stays consumed; any other is whole again.
func (s *side) refresh(shown *[market.Levels]market.Level) {
	old := *s
	for i := range s {
		l := level{price: shown[i].Price, displayed: shown[i].Qty, left: shown[i].Qty}
		if l.price <= 0 || l.displayed <= 0 {
			l = level{}
		}
		for _, was := range old {
			if was.price == l.price && was.displayed == l.displayed {
				l.left = was.left
			}
		}
		s[i] = l
	}
}

func (s *side) at(price market.Paise) market.Units {
	for i := range s {
		if s[i].price == price {
			return s[i].displayed
		}
	}
	return 0
}

// book is what the venue knows of one instrument. Owned by the core.
type book struct {
	quote      market.Quote
	seen       bool
	synthetic  bool
	depth      market.Depth // the last depth event; level 1 of a newer quote overrides it
	bids, asks side
	resting    []*Order // ours, oldest first; stops wait here too

	// The price limit's reference: the mean of trades in the last whole half
	// minute. The execution range's: of this and the last half minute.
	bucket     int64
	sum, count int64
	last       market.Paise // mean of the last bucket that had trades
}

const halfMinute = int64(30 * time.Second)

// take applies a market event and tells how much was traded by it.
func (b *book) take(ev *market.Event) (traded market.Units) {
	switch ev.Kind {
	case market.QuoteEvent:
		q := &ev.Quote
		if b.seen && q.Volume > b.quote.Volume {
			traded = q.Volume - b.quote.Volume
		}
		b.quote, b.seen, b.synthetic = *q, true, ev.Synthetic
		b.rollReference(ev.At)
		if q.Last > 0 && (traded > 0 || b.last == 0 && b.count == 0) {
			b.sum += int64(q.Last)
			b.count++
		}
		b.display()
	case market.DepthEvent:
		b.depth = ev.Depth
		b.bids.refresh(&b.depth.Bids)
		b.asks.refresh(&b.depth.Asks)
	}
	return traded
}

// display merges the quote's best prices with what the last depth event showed
// behind them.
func (b *book) display() {
	q := &b.quote
	var bids, asks [market.Levels]market.Level
	merge(&bids, &b.depth.Bids, q.Bid, q.BidQty, func(p market.Paise) bool { return p < q.Bid })
	merge(&asks, &b.depth.Asks, q.Ask, q.AskQty, func(p market.Paise) bool { return p > q.Ask })
	b.bids.refresh(&bids)
	b.asks.refresh(&asks)
}

func merge(dst, behind *[market.Levels]market.Level, best market.Paise, qty market.Units, worse func(market.Paise) bool) {
	if best <= 0 {
		return
	}
	dst[0] = market.Level{Price: best, Qty: qty, Orders: 1}
	n := 1
	for _, l := range behind {
		if n < len(dst) && l.Price > 0 && worse(l.Price) {
			dst[n] = l
			n++
		}
	}
}

// rollReference closes the half minute that is over.
func (b *book) rollReference(at market.UnixNano) {
	if bucket := int64(at) / halfMinute; bucket != b.bucket {
		if b.count > 0 {
			b.last = market.Paise(b.sum / b.count)
		}
		b.bucket, b.sum, b.count = bucket, 0, 0
	}
}

// protection is the reference of the limit price protection, zero when there
// is none to be had.
func (b *book) protection(at market.UnixNano) market.Paise {
	b.rollReference(at)
	switch {
	case b.last > 0:
		return b.last
	case b.count > 0:
		return market.Paise(b.sum / b.count)
	case b.quote.Last > 0:
		return b.quote.Last
	}
	// The exchange prices an untraded contract by theory; the middle of its
	// quote stands in for that here.
	mid, _ := b.quote.Mid()
	return mid
}

// execution is the reference of the trade execution range: a mean over the last
// minute, in two half-minute buckets.
func (b *book) execution(at market.UnixNano) market.Paise {
	b.rollReference(at)
	switch {
	case b.count > 0 && b.last > 0:
		return (b.last + market.Paise(b.sum/b.count)) / 2
	case b.count > 0:
		return market.Paise(b.sum / b.count)
	}
	return b.protection(at)
}

// around is the range NSE allows around a reference: ±20 rupees up to 50
// rupees, ±40 % above (NSE/FAOP/54242); futures ±3 %.
func around(ref market.Paise, kind market.Kind) (low, high market.Paise) {
	reach := ref * 40 / 100
	if ref <= 50*market.Rupee {
		reach = 20 * market.Rupee
	}
	if kind == market.Future {
		reach = ref * 3 / 100
	}
	return max(ref-reach, 0), ref + reach
}
