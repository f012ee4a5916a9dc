package importer

import (
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// leg is one contract as the tape has it so far.
type leg struct {
	in        *market.Instrument
	seen      bool
	last      market.Paise // as recorded
	rose      bool         // the last change of last was upward
	open      market.Paise // of the tape
	high, low market.Paise
	volume    market.Units // the highest seen
	firstVol  market.Units // when the tape began
	traded    market.Paise // sum of last × growth of volume, for the average
	oi        market.Units
	oiChange  market.Units
	trade     market.UnixNano // when volume last rose; at first when it was first seen

	book  market.Depth
	epoch uint64 // counts books
	fresh bool   // figures changed since they were last written
	moved bool   // the book changed since it was last written
}

// pair is the two contracts of one strike; either may be missing.
type pair struct {
	strike    market.Paise
	call, put *leg
}

// take brings a leg to a row of the snapshot at the given time.
func (l *leg) take(row *sourceRow, at market.UnixNano, rep *Report) {
	volume, oi := market.Units(row.volume)*l.in.LotSize, market.Units(row.oi)*l.in.LotSize
	oiChange := market.Units(row.oiChange) * l.in.LotSize
	if !l.seen {
		*l = leg{
			in: l.in, seen: true, last: row.last, open: row.last, high: row.last, low: row.last,
			volume: volume, firstVol: volume, oi: oi, oiChange: oiChange, trade: at, fresh: true,
		}
		return
	}
	if volume < l.volume {
		// A day's volume cannot fall: the source's feed went back for a moment.
		rep.VolumeFalls++
		volume = l.volume
	}
	if volume > l.volume {
		l.trade = at
		l.traded += row.last.Times(volume - l.volume)
	}
	l.fresh = l.fresh || row.last != l.last || volume != l.volume || oi != l.oi || oiChange != l.oiChange
	if row.last != l.last {
		l.rose = row.last > l.last
	}
	l.last, l.volume, l.oi, l.oiChange = row.last, volume, oi, oiChange
	l.high, l.low = max(l.high, l.last), min(l.low, l.last)
}

// average is the mean price of what traded on the tape, weighted by volume.
func (l *leg) average() market.Paise {
	if grown := market.Paise(l.volume - l.firstVol); grown > 0 {
		return (l.traded + grown/2) / grown
	}
	return l.last
}

// forwardPairs is how many strikes nearest the money decide the forward.
const forwardPairs = 11

// forward is what the chain itself says the underlying is worth at expiry: the
// median of strike + call - put over the strikes where call and put are
// closest. ok is false when no strike has both.
func forward(pairs []pair) (f market.Paise, ok bool) {
	type vote struct{ distance, forward market.Paise }
	var votes []vote
	for _, p := range pairs {
		if p.both() {
			gap := p.call.last - p.put.last
			votes = append(votes, vote{max(gap, -gap), p.strike + gap})
		}
	}
	if len(votes) == 0 {
		return 0, false
	}
	slices.SortStableFunc(votes, func(a, b vote) int { return int(a.distance - b.distance) })
	votes = votes[:min(forwardPairs, len(votes))]
	slices.SortFunc(votes, func(a, b vote) int { return int(a.forward - b.forward) })
	return votes[len(votes)/2].forward, true
}

func (p *pair) both() bool { return p.call != nil && p.put != nil && p.call.seen && p.put.seen }

// settle decides where the books of a strike stand, given the forward.
//
// Last prices of one minute are of different ages: a deep call may not have
// traded for an hour. Quoted as they are they would offer an arbitrage that
// was never there. So when call - put strays from forward - strike by more
// than half of both spreads, the books move until they agree, each leg by its
// share of the doubt: the square of its spread, times its age in minutes. The
// wide and stale leg, mostly the one in the money, gives way. The recorded
// last stays as it is.
func (p *pair) settle(f market.Paise, at market.UnixNano, rep *Report) {
	if !p.both() {
		p.settleOne(f, rep)
		return
	}
	c, q := p.call, p.put
	parity := f - p.strike
	stray := c.last - q.last - parity
	cs, ps := touchOf(c.last).spread, touchOf(q.last).spread
	rep.Pairs++
	if 2*max(stray, -stray) <= cs+ps {
		c.centreOn(c.last, false)
		q.centreOn(q.last, false)
		return
	}
	rep.Blended++
	cw, pw := c.doubt(cs, at), q.doubt(ps, at)
	put := q.last + stray*pw/(cw+pw)
	// Neither leg may fall below a tick.
	put = max(put, q.in.TickSize, c.in.TickSize-parity)
	c.centreOn(put+parity, true)
	q.centreOn(put, true)
}

// settleOne places a leg whose twin the source does not have: at its last
// price, but not below what exercise against the forward is worth.
func (p *pair) settleOne(f market.Paise, rep *Report) {
	for _, one := range []struct {
		leg   *leg
		worth market.Paise
	}{{p.call, f - p.strike}, {p.put, p.strike - f}} {
		if l := one.leg; l != nil && l.seen {
			rep.OneLegged++
			l.centreOn(max(l.last, one.worth), l.last < one.worth)
		}
	}
}

// doubt is how little a leg's last price tells.
func (l *leg) doubt(spread market.Paise, at market.UnixNano) market.Paise {
	return spread * spread * market.Paise(1+at.Sub(l.trade)/time.Minute)
}
