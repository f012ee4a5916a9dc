package pricing

import (
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Usable says which quotes are good enough to compute with. The zero value
// takes none: every cap is zero.
type Usable struct {
	SpreadPoints market.Paise  // a spread up to this is always good
	SpreadBasis  int64         // else the spread may be so many basis points of the mid
	MaxAge       time.Duration // since the quote's arrival
}

// Mid is the middle of a good quote in points, exact to half a paisa.
func (u *Usable) Mid(q *market.Quote, now market.Mono) (float64, Refusal) {
	switch spread := q.Ask - q.Bid; {
	case !q.TwoSided():
		return 0, OneSided
	case now.Sub(q.Recv) > u.MaxAge:
		return 0, Stale
	case spread > u.SpreadPoints && int64(spread)*20_000 > u.SpreadBasis*int64(q.Bid+q.Ask):
		return 0, WideSpread
	}
	return float64(q.Bid+q.Ask) / (2 * float64(market.Rupee)), Fine
}

// MaxParity is how many strikes a forward may be taken over.
const MaxParity = 9

// Parity gathers forwards implied strike by strike, and answers with their
// median, which one bad quote cannot move far. The zero value is ready; it is
// owned by whoever declares it.
type Parity struct {
	forwards [MaxParity]float64
	n        int
}

// Add takes one strike: forward = strike + (call - put) / discount, on mids, in
// points. Beyond MaxParity strikes it does nothing: add the nearest first.
func (p *Parity) Add(strike, call, put, discount float64) {
	if p.n < MaxParity {
		p.forwards[p.n] = strike + (call-put)/discount
		p.n++
	}
}

// Count is how many strikes were taken.
func (p *Parity) Count() int { return p.n }

// Forward is the median; ok is false with fewer than least strikes (and always
// with none). With an even count it is the mean of the middle two.
func (p *Parity) Forward(least int) (forward float64, ok bool) {
	if p.n == 0 || p.n < least {
		return 0, false
	}
	list := p.forwards // a copy: asking must not change the answer
	slices.Sort(list[:p.n])
	return (list[(p.n-1)/2] + list[p.n/2]) / 2, true
}
