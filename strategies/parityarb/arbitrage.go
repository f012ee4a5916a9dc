package parityarb

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// Phase is where the plan stands.
type Phase uint8

// The phases.
const (
	Starting  Phase = iota // nothing looked at yet
	Scanning               // for a box that pays
	Entering               // four orders are out at the prices seen
	Repairing              // some missed: the rest is completed or trimmed
	Holding                // a whole box, watched for a good way out
	Closing                // everything is being closed
	Done                   // flat for the day
)

func (p Phase) String() string {
	return [...]string{"starting", "scanning", "entering", "repairing", "holding", "closing", "done", "?"}[p&7]
}

// settle is how long after a gap in the feed nothing new is begun.
const settle = 2 * time.Second

// Arbitrage is the strategy. Owned by the goroutine that steps it.
type Arbitrage struct {
	taker.Stage

	params      Params
	rules       taker.Rules
	charges     calendar.Charges
	minEdge     market.Paise // per lot
	closeProfit market.Paise // per lot

	chain  *book.Chain
	expiry market.UnixNano // the chain's last instant
	exitAt market.UnixNano // from then on everything is closed
	lot    market.Units

	strikes   []synthetic // by row of the chain
	all       bool        // every strike must be looked at anew
	discount  float64
	presentAt market.UnixNano // when discount was worked out

	phase     Phase
	last      bool // what is being closed is the last of the day
	boxes     int  // begun today
	box       box
	spent     calendar.Amount // charges of the entry, exact
	begunAt   market.Mono
	quietTill market.Mono // no new box before
	feedDown  bool

	crew taker.Crew         // while a box is on, workers 0 to 3 are its legs
	look [legs]market.Quote // scratch: a local would escape through the desk
}

// New checks the parameters.
func New(p Params) (*Arbitrage, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	a := &Arbitrage{params: p, rules: p.rules(), minEdge: paise(p.MinEdge), closeProfit: paise(p.CloseProfit), all: true}
	a.Stage = taker.NewStage(taker.Plan{
		Name: Name, Start: a.start, Step: a.step, Busy: a.busy, OnOrder: a.onOrder, OnFeed: a.onFeed, Crew: &a.crew,
	})
	return a, nil
}

// Phase is where the plan stands.
func (a *Arbitrage) Phase() Phase { return a.phase }

// start picks the chain and works out when everything must be closed.
func (a *Arbitrage) start(ctx taker.Context) (exitAt market.UnixNano, err error) {
	day := ctx.Day()
	for _, expiry := range ctx.Layout().Expiries(a.params.Underlying) {
		if day.Date.DaysTo(expiry) < a.params.MinDaysToExpiry {
			continue
		}
		end, err := ctx.Calendar().ExpiryInstant(expiry)
		if err != nil {
			ctx.Note(Name + ": skips the expiry " + expiry.String() + ": " + err.Error())
			continue
		}
		a.chain, a.expiry = ctx.Layout().Chain(a.params.Underlying, expiry), end
		break
	}
	if a.chain == nil || len(a.chain.Rows) == 0 {
		return 0, fmt.Errorf("%s: no %s expiry at least %d days after %s in the universe", Name, a.params.Underlying, a.params.MinDaysToExpiry, day.Date)
	}
	first := ctx.Universe().Get(max(a.chain.Rows[0].Call, a.chain.Rows[0].Put))
	plan, err := ctx.Calendar().Plan(a.params.BrokeragePlan, day.Date)
	if err != nil {
		return 0, fmt.Errorf("%s: brokerage_plan: %w", Name, err)
	}
	charges, err := ctx.Calendar().ChargesOf(first.Exchange, market.Option, day.Date)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", Name, err)
	}
	if a.rules.Protection, err = ctx.Calendar().LPPOf(first.Exchange, market.Option, day.Date); err != nil {
		return 0, fmt.Errorf("%s: %w", Name, err)
	}
	a.charges, a.lot = charges.With(plan), first.LotSize
	a.strikes = make([]synthetic, len(a.chain.Rows))
	a.exitAt = min(day.Date.At(time.Duration(a.params.ExitAt)), day.Close.Add(-time.Minute))
	if a.chain.Expiry == day.Date { // flat before the underlying's closing auction
		a.exitAt = min(a.exitAt, day.UnderlyingEnd.Add(-time.Minute))
	}
	a.phase = Scanning
	return a.exitAt, nil
}

// step moves the plan as far as it can go now. Hot path while scanning: the
// strikes that changed, one pass over all, and no allocation.
func (a *Arbitrage) step(ctx taker.Context) {
	now := ctx.Now()
	switch a.phase {
	case Starting, Done:
		return
	case Scanning:
		a.refresh(ctx, now)
		a.tryEnter(ctx, now)
		return
	case Entering:
		switch {
		case !a.crew.Out():
			a.entered(ctx)
		case now.Mono.Sub(a.begunAt) >= time.Duration(a.params.LeggingTimeout):
			a.close(ctx, "a leg's outcome is not known in time")
		default:
			return // one shot: nothing is sent until all four are answered
		}
	case Repairing:
		switch {
		case a.crew.Settled(ctx):
			a.hold(ctx)
		case now.Market >= a.exitAt:
			a.last = true
			a.close(ctx, "time stop")
		case a.crew.Failed() != nil:
			a.close(ctx, "a leg was refused: "+a.crew.Failed().Refusal)
		case now.Mono.Sub(a.begunAt) >= time.Duration(a.params.LeggingTimeout):
			a.close(ctx, "the box could not be completed")
		}
	case Holding:
		switch {
		case now.Market >= a.exitAt:
			a.last = true
			a.close(ctx, "time stop")
		case a.pays(ctx):
			a.close(ctx, "the edge came back")
		}
	case Closing:
		if a.crew.Settled(ctx) {
			a.flat(ctx, now)
		}
	}
	a.crew.Work(ctx, &a.rules)
	a.all = true // changes went by unseen
}

// tryEnter sends the four legs of a box that pays, when time, session and feed
// allow.
func (a *Arbitrage) tryEnter(ctx taker.Context, now market.Stamp) {
	since := now.Market.TimeOfDay()
	switch {
	case since >= time.Duration(a.params.EntryUntil) || now.Market >= a.exitAt || a.boxes >= a.params.MaxBoxes:
		a.phase = Done
		ctx.Note(Name + ": done for the day")
		return
	case since < time.Duration(a.params.EntryAfter), a.feedDown, now.Mono < a.quietTill, !ctx.Day().UnderlyingTradable(now.Market):
		return
	}
	found, pays := a.find(ctx, now)
	if !pays {
		return
	}
	a.box = found
	a.boxes++
	a.phase, a.begunAt, a.spent = Entering, now.Mono, calendar.Amount{}
	a.crew.Dismiss()
	units := found.lots.Units(a.lot)
	for i, id := range a.legIDs(&found) {
		price := a.look[i].Ask
		if legSide[i] == market.Sell {
			price = a.look[i].Bid
		}
		a.crew.Bind(ctx.Universe().Get(id)).AimAt(legSide[i].Sign()*units, price)
	}
	ctx.Note(fmt.Sprintf("%s: box %d: buys the %s synthetic of %s, sells the %s, %d lots, locks %s rupees a lot", Name, a.boxes,
		a.chain.Rows[found.buy].Strike, a.chain.Expiry, a.chain.Rows[found.sell].Strike, found.lots, found.edge))
	a.crew.Work(ctx, &a.rules)
}

// entered looks at what the four orders brought and goes for the number of lots
// that is worth most from here.
func (a *Arbitrage) entered(ctx taker.Context) {
	if a.crew.Settled(ctx) {
		a.hold(ctx)
		return
	}
	held, most := [legs]market.Units{}, market.Units(0)
	var quotes [legs]market.Quote
	for i := range held {
		held[i] = ctx.Position(a.crew.Workers[i].Instrument)
		most = max(most, held[i], -held[i])
		q, ok := a.crew.Quote(ctx, i)
		if !ok || !q.TwoSided() {
			a.close(ctx, "a leg missed and its market is gone")
			return
		}
		quotes[i] = *q
	}
	best, bestWorth := market.Lots(0), a.worth(&a.box, 0, held, &quotes, a.crew.Cash())
	for n := market.Lots(1); n.Units(a.lot) <= most; n++ {
		if w := a.worth(&a.box, n, held, &quotes, a.crew.Cash()); w > bestWorth {
			best, bestWorth = n, w
		}
	}
	if best == 0 {
		a.close(ctx, "legs missed and the box no longer pays")
		return
	}
	ctx.Note(fmt.Sprintf("%s: legs missed: goes for %d of %d lots", Name, best, a.box.lots))
	a.phase, a.box.lots = Repairing, best
	for i := range held {
		w := &a.crew.Workers[i]
		w.Aim(0) // even an unchanged target starts anew, without the old limit
		w.Aim(legSide[i].Sign() * best.Units(a.lot))
	}
}

// hold is reached with a whole box.
func (a *Arbitrage) hold(ctx taker.Context) {
	a.phase = Holding
	for i := range legs {
		w := &a.crew.Workers[i]
		units := ctx.Position(w.Instrument)
		size := max(units, -units)
		price := max(w.Cash, -w.Cash) / market.Paise(max(size, 1))
		a.spent = a.spent.Plus(a.cost(legSide[i], price, size, false))
	}
}

// pays tells whether closing the box at the touch now leaves enough.
func (a *Arbitrage) pays(ctx taker.Context) bool {
	var held [legs]market.Units
	var quotes [legs]market.Quote
	for i := range held {
		q, ok := a.crew.Quote(ctx, i)
		if !ok || !q.TwoSided() || ctx.Now().Mono.Sub(q.Recv) > time.Duration(a.params.MaxQuoteAge) {
			return false
		}
		held[i], quotes[i] = ctx.Position(a.crew.Workers[i].Instrument), *q
	}
	profit := a.worth(&a.box, 0, held, &quotes, a.crew.Cash()) - a.spent.PaiseUp()
	return profit >= a.closeProfit*market.Paise(a.box.lots)
}

// close gives everything back, at the touch and beyond.
func (a *Arbitrage) close(ctx taker.Context, why string) {
	if a.phase != Holding {
		a.quietTill = max(a.quietTill, ctx.Now().Mono.Add(time.Duration(a.params.CoolOff)))
	}
	a.phase = Closing
	a.crew.Retreat()
	ctx.Note(Name + ": " + why + ": closes all")
}

// flat is reached when every worker is settled at zero.
func (a *Arbitrage) flat(ctx taker.Context, now market.Stamp) {
	a.crew.Dismiss()
	if a.crew.Adopt(ctx, a.params.Underlying) { // what had no worker before
		return
	}
	a.phase = Scanning
	if a.last || now.Market >= a.exitAt {
		a.phase = Done
		ctx.Note(Name + ": done for the day")
	}
}

// busy tells whether time alone can move the plan on.
func (a *Arbitrage) busy(taker.Context) bool {
	return a.phase == Entering || a.phase == Repairing || a.phase == Closing
}

// onOrder takes news of an order. A fill of one thought dead is closed.
func (a *Arbitrage) onOrder(ctx taker.Context, u *order.Update) {
	a.crew.OnOrder(ctx, u, &a.rules)
	if u.FilledNow != 0 && ctx.Position(u.Instrument) != 0 && (a.phase == Scanning || a.phase == Done) {
		a.last = a.phase == Done
		why := "a late fill"
		if a.boxes == 0 {
			why = "an earlier run left a position"
		}
		a.close(ctx, why)
		a.crew.Adopt(ctx, a.params.Underlying)
	}
	a.all = true
	if a.phase != Scanning { // scanning waits for the market, not for orders
		a.step(ctx)
	}
}

// onFeed stops new boxes while the feed cannot be trusted, and for a moment
// after a gap; then every strike is looked at anew. Exits go on.
func (a *Arbitrage) onFeed(ctx taker.Context, state market.FeedState) {
	a.all = true
	a.feedDown = state == market.FeedDown || state == market.FeedStale
	if state == market.FeedGap {
		a.quietTill = max(a.quietTill, ctx.Now().Mono.Add(settle))
	}
}
