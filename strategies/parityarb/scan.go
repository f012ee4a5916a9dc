package parityarb

import (
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/pricing"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// synthetic is what one strike offers: a future made of its call and put, as the
// value today of one lot. A box buys one and sells another; the two differ by
// what the box locks. What trading the pair and getting out again costs is in
// them already, a flat fee per order aside: so the best box is the cheapest
// buy and the dearest sale, in one pass.
type synthetic struct {
	ok   bool
	buy  market.Paise // call ask - put bid + present strike, and the costs
	sell market.Paise // call bid - put ask + present strike, less the costs
}

// repricePresent is how often the present value of the strikes is renewed: in
// that time a strike of 25,000 at 10 % loses half a paisa.
const repricePresent = time.Minute

// refresh renews the strikes that changed, or all of them after a gap or when
// the present values are due. Hot path.
func (a *Arbitrage) refresh(ctx taker.Context, now market.Stamp) {
	if since := now.Market.Sub(a.presentAt); a.all || since < 0 || since >= repricePresent {
		a.all, a.presentAt = false, now.Market
		a.discount = pricing.Discount(a.params.Rate, pricing.YearsBetween(now.Market, a.expiry))
		for i := range a.strikes {
			a.strikes[i] = a.value(ctx, i)
		}
		return
	}
	for _, id := range ctx.Changes() {
		if chain, i := ctx.Layout().Of(id); chain == a.chain {
			a.strikes[i] = a.value(ctx, i)
		}
	}
}

func (a *Arbitrage) value(ctx taker.Context, i int) synthetic {
	row := &a.chain.Rows[i]
	call, put := &a.look[0], &a.look[1]
	if !ctx.View().Quote(row.Call, call) || !ctx.View().Quote(row.Put, put) || !call.TwoSided() || !put.TwoSided() {
		return synthetic{}
	}
	present := float64(row.Strike) * a.discount
	callMid, putMid := (call.Bid+call.Ask)/2, (put.Bid+put.Ask)/2
	out := ((call.Ask - call.Bid + put.Ask - put.Bid).Times(a.lot)) / 2
	bought := a.variable(market.Buy, call.Ask, callMid).Plus(a.variable(market.Sell, put.Bid, putMid))
	sold := a.variable(market.Sell, call.Bid, callMid).Plus(a.variable(market.Buy, put.Ask, putMid))
	return synthetic{
		ok:   true,
		buy:  (call.Ask - put.Bid + market.Paise(math.Ceil(present))).Times(a.lot) + out + bought.Paise(),
		sell: (call.Bid - put.Ask + market.Paise(math.Floor(present))).Times(a.lot) - out - sold.Paise(),
	}
}

// variable is what one lot of a leg costs, in and out, without fees per order.
func (a *Arbitrage) variable(side market.Side, in, out market.Paise) calendar.Amount {
	enter := a.charges.Fill(side, in, a.lot, a.charges.Plan.Brokerage(false, 1, 0))
	leave := a.charges.Fill(side.Opposite(), out, a.lot, a.charges.Plan.Brokerage(false, 0, 1))
	return enter.Total().Plus(leave.Total())
}

// box is one opportunity, or the position made from it.
type box struct {
	buy, sell int // rows: of the synthetic bought and of the one sold
	lots      market.Lots
	edge      market.Paise // per lot, after charges and the way out
}

// legs of a box, in the order of the workers: the call and put of the synthetic
// bought, the put and call of the one sold. The first and the third are bought.
const legs = 4

var legSide = [legs]market.Side{market.Buy, market.Sell, market.Buy, market.Sell}

func (a *Arbitrage) legIDs(b *box) [legs]market.InstrumentID {
	bought, sold := &a.chain.Rows[b.buy], &a.chain.Rows[b.sell]
	return [legs]market.InstrumentID{bought.Call, bought.Put, sold.Put, sold.Call}
}

// find is the best box that pays, judged on the quotes themselves. Hot path:
// with no edge before charges it is one pass over the strikes.
func (a *Arbitrage) find(ctx taker.Context, now market.Stamp) (box, bool) {
	for range 4 { // past strikes that turn out unfit
		low, high := -1, -1
		for i := range a.strikes {
			s := &a.strikes[i]
			if !s.ok {
				continue
			}
			if low < 0 || s.buy < a.strikes[low].buy {
				low = i
			}
			if high < 0 || s.sell > a.strikes[high].sell {
				high = i
			}
		}
		// A strike never beats itself, its quotes being two-sided. A rupee is for
		// the roundings, which differ from those of the account that decides.
		if low < 0 || a.strikes[high].sell-a.strikes[low].buy < a.minEdge-market.Rupee {
			return box{}, false
		}
		b := box{buy: low, sell: high}
		if unfit := a.judge(ctx, now, &b); unfit >= 0 {
			a.strikes[unfit].ok = false // until one of its quotes moves
			continue
		}
		return b, b.edge >= a.minEdge
	}
	return box{}, false
}

// judge reads the four quotes again and works out size and edge. It answers
// with the row that cannot be traded on, or -1.
func (a *Arbitrage) judge(ctx taker.Context, now market.Stamp, b *box) (unfit int) {
	most := market.Units(a.params.MaxLots) * a.lot
	for i, id := range a.legIDs(b) {
		q := &a.look[i]
		row := b.buy
		if i >= 2 {
			row = b.sell
		}
		if !ctx.View().Quote(id, q) || !q.TwoSided() || now.Mono.Sub(q.Recv) > time.Duration(a.params.MaxQuoteAge) {
			return row
		}
		size := q.AskQty
		if legSide[i] == market.Sell {
			size = q.BidQty
		}
		if size < a.lot {
			return row
		}
		most = min(most, size)
		if in := ctx.Universe().Get(id); in.Freeze > 0 {
			most = min(most, in.Freeze)
		}
	}
	b.lots = market.Lots(most / a.lot)
	var quotes [legs]market.Quote
	copy(quotes[:], a.look[:])
	b.edge = a.worth(b, b.lots, [legs]market.Units{}, &quotes, 0) / market.Paise(b.lots)
	return -1
}

// worth is what the position would be worth with n lots of the box, in paise:
// the cash so far, the trades from what is held to n lots at the touch and
// their charges, the present value of the boxes, and the cost of closing them:
// half of every spread and all charges. With n = 0 it is the value of
// unwinding. Every rounding is against us.
func (a *Arbitrage) worth(b *box, n market.Lots, held [legs]market.Units, quotes *[legs]market.Quote, cash market.Paise) market.Paise {
	units := n.Units(a.lot)
	var costs calendar.Amount
	for i := range quotes {
		q := &quotes[i]
		target := legSide[i].Sign() * units
		if gap := target - held[i]; gap != 0 {
			side, price := market.Buy, q.Ask
			if gap < 0 {
				side, price = market.Sell, q.Bid
			}
			cash -= price.Times(gap)
			size := max(gap, -gap)
			closing := held[i] != 0 && (held[i] > 0) != (gap > 0)
			costs = costs.Plus(a.cost(side, price, size, closing))
		}
		if n > 0 {
			cash -= ((q.Ask - q.Bid).Times(units) + 1) / 2
			mid := (q.Bid + q.Ask) / 2
			costs = costs.Plus(a.cost(legSide[i].Opposite(), mid, units, true))
		}
	}
	width := float64(a.chain.Rows[b.sell].Strike-a.chain.Rows[b.buy].Strike) * a.discount
	return cash + market.Paise(math.Floor(width)).Times(units) - costs.PaiseUp()
}

func (a *Arbitrage) cost(side market.Side, price market.Paise, units market.Units, closing bool) calendar.Amount {
	lots := market.Lots(units / a.lot)
	var b calendar.Breakdown
	if closing {
		b = a.charges.SquareOff(side, price, units, lots)
	} else {
		b = a.charges.Order(side, price, units, lots)
	}
	return b.Total()
}
