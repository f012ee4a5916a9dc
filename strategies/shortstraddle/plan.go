package shortstraddle

import (
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/pricing"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// settle is how long after a gap in the feed nothing new is begun.
const settle = 2 * time.Second

// choose picks the chain: the nearest expiry that is far enough.
func (s *Straddle) choose(ctx taker.Context) bool {
	today := ctx.Day().Date
	for _, expiry := range ctx.Layout().Expiries(s.params.Underlying) {
		if today.DaysTo(expiry) < s.params.MinDaysToExpiry {
			continue
		}
		end, err := ctx.Calendar().ExpiryInstant(expiry)
		if err != nil {
			ctx.Note("short-straddle: skips the expiry " + expiry.String() + ": " + err.Error())
			continue
		}
		s.chain, s.expiry = ctx.Layout().Chain(s.params.Underlying, expiry), end
		if future := ctx.Universe().Get(s.chain.Future); future.Expiry == expiry {
			s.future = future.ID
		}
		return len(s.chain.Rows) > 0
	}
	return false
}

// forward implies the chain's forward, in points, and the row nearest to it.
// It begins at the last forward, or the spot, or the row whose call and put
// cost the same, and takes the median over the strikes around it.
func (s *Straddle) forward(ctx taker.Context) (forward float64, row int, ok bool) {
	now := ctx.Now()
	guess := s.lastForward
	if guess == 0 && ctx.View().Quote(ctx.Layout().Spot(s.chain.Underlying), &s.quote) {
		guess = pricing.Points(s.quote.Last)
	}
	if guess == 0 {
		if row = s.balancedRow(ctx); row < 0 {
			return 0, 0, false
		}
		guess = pricing.Points(s.chain.Rows[row].Strike)
	}
	discount := pricing.Discount(s.params.Rate, pricing.YearsBetween(now.Market, s.expiry))
	// A second round mends a guess that was some strikes off, as spot is.
	for range 2 {
		centre := s.chain.ATM(paise(guess))
		var parity pricing.Parity
		for away := 0; away <= len(s.chain.Rows) && parity.Count() < s.params.ParityStrikes; away++ {
			s.addParity(ctx, &parity, centre+away, discount)
			if away > 0 && parity.Count() < s.params.ParityStrikes {
				s.addParity(ctx, &parity, centre-away, discount)
			}
			if away > 2*s.params.ParityStrikes {
				break // the rest is too far to say where the middle is
			}
		}
		if guess, ok = parity.Forward(3); !ok {
			s.lastForward = 0
			return 0, 0, false
		}
	}
	s.lastForward = guess
	return guess, s.chain.ATM(paise(guess)), true
}

func (s *Straddle) addParity(ctx taker.Context, parity *pricing.Parity, row int, discount float64) {
	if row < 0 || row >= len(s.chain.Rows) {
		return
	}
	r := &s.chain.Rows[row]
	call, fine := s.mid(ctx, r.Call)
	put, also := s.mid(ctx, r.Put)
	if fine && also {
		parity.Add(pricing.Points(r.Strike), call, put, discount)
	}
}

// balancedRow is the row whose call and put differ least, -1 without quotes.
func (s *Straddle) balancedRow(ctx taker.Context) int {
	best, least := -1, math.Inf(1)
	for i := range s.chain.Rows {
		call, fine := s.mid(ctx, s.chain.Rows[i].Call)
		put, also := s.mid(ctx, s.chain.Rows[i].Put)
		if gap := math.Abs(call - put); fine && also && gap < least {
			best, least = i, gap
		}
	}
	return best
}

// mid is a usable quote's middle in points.
func (s *Straddle) mid(ctx taker.Context, id market.InstrumentID) (float64, bool) {
	if id == 0 || !ctx.View().Quote(id, &s.quote) {
		return 0, false
	}
	mid, why := s.usable.Mid(&s.quote, ctx.Now().Mono)
	return mid, why == pricing.Fine
}

// delta is the position's net delta in lots of the forward. ok is false when a
// volatility cannot be implied.
func (s *Straddle) delta(ctx taker.Context, forward float64) (net float64, ok bool) {
	years := pricing.YearsBetween(ctx.Now().Market, s.expiry)
	terms := pricing.Terms{Forward: forward, Years: years, Discount: pricing.Discount(s.params.Rate, years)}
	for i := range s.crew.Workers {
		w := &s.crew.Workers[i]
		if !w.Bound() {
			continue
		}
		held := ctx.Position(w.Instrument)
		in := ctx.Universe().Get(w.Instrument)
		if held == 0 {
			continue
		}
		lots := float64(held) / float64(in.LotSize)
		if in.Kind == market.Future {
			net += lots
			continue
		}
		volatility, fine := s.volatility(ctx, &terms, in)
		if !fine {
			return 0, false
		}
		terms.Right = in.Right
		net += lots * terms.Greeks(volatility).Delta
	}
	return net, true
}

// volatility is implied from the strike's out-of-the-money option, whose price
// is all time value; its sibling shares it.
func (s *Straddle) volatility(ctx taker.Context, terms *pricing.Terms, in *market.Instrument) (float64, bool) {
	chain, i := ctx.Layout().Of(in.ID)
	if chain == nil {
		return 0, false
	}
	row := &chain.Rows[i]
	terms.Strike, terms.Right = pricing.Points(row.Strike), market.Call
	id := row.Call
	if terms.Strike < terms.Forward {
		terms.Right, id = market.Put, row.Put
	}
	mid, fine := s.mid(ctx, id)
	if !fine {
		return 0, false
	}
	volatility, why := terms.ImpliedVolatility(mid)
	return volatility, why == pricing.Fine
}

func paise(points float64) market.Paise {
	return market.Paise(math.Round(points * float64(market.Rupee)))
}

func (s *Straddle) row(i int) *book.Row { return &s.chain.Rows[i] }
