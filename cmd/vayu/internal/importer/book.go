package importer

import (
	"hash/fnv"

	"github.com/vayu-trading/vayu/engine/market"
)

// centreOn builds the modelled book around a price, unless it stands there
// already. The touch is the median one of the price. Where the last trade is
// the centre, an odd spread cannot be even on both sides: a trade that went up
// took the offer, one that went down hit the bid. The other four levels are a
// tick apart with quantities like the first's, as in a recorded five-level
// book of BANKNIFTY options (GitHub MaheshUmale/AUCTION, 15 December 2025,
// whose median gap between levels is one tick).
func (l *leg) centreOn(centre market.Paise, blended bool) {
	tick := l.in.TickSize
	t := touchOf(centre)
	spread := t.spread.RoundUp(tick)
	bid := (centre - spread/2).RoundUp(tick)
	if !blended && l.rose {
		bid = (centre - (spread+tick)/2).RoundUp(tick)
	}
	bid = max(bid, tick)
	if l.epoch > 0 && bid == l.book.Bids[0].Price && bid+spread == l.book.Asks[0].Price {
		return
	}
	l.epoch++
	l.moved, l.fresh = true, true
	l.book = market.Depth{}
	random := l.random()
	for i := range market.Levels {
		step := market.Paise(i) * tick
		if price := bid - step; price >= tick {
			l.book.Bids[i] = l.level(price, t.bid, &random)
		}
		l.book.Asks[i] = l.level(bid+spread+step, t.ask, &random)
	}
}

// level is a price level with about the given lots: half to one and a half
// times.
func (l *leg) level(price market.Paise, lots market.Lots, random *uint64) market.Level {
	lots = max(1, lots*market.Lots(50+next(random)%101)/100)
	return market.Level{Price: price, Qty: lots.Units(l.in.LotSize), Orders: int32(1 + next(random)%uint64(min(lots, 40)))}
}

// random is the seed of the leg's present book: the same in every import.
func (l *leg) random() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.in.Token))
	return h.Sum64() + l.epoch*0x9e3779b97f4a7c15
}

// next is SplitMix64.
func next(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
