package drill

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/vayu-trading/vayu/engine"
	chains "github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// Drill is the strategy. Owned by the goroutine that steps it.
type Drill struct {
	params Params
	rng    *rand.Rand
	chain  *chains.Chain
	spot   market.InstrumentID
	exitAt market.UnixNano // from then on it only closes

	out      book
	actAt    market.Mono // no action before
	refusals int         // in a row
	feedDown bool
	quote    market.Quote // scratch: a local would escape through the desk

	placed, modified, cancelled, refused int
}

// lookTimer moves it on though the market be silent.
const lookTimer engine.TimerID = 1

// New checks the parameters.
func New(p Params) (*Drill, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return &Drill{params: p, rng: rand.New(rand.NewPCG(p.Seed, 0))}, nil
}

// OnStart picks the chain.
func (d *Drill) OnStart(ctx *engine.Context) error {
	if err := taker.Ready(ctx, Name); err != nil {
		return err
	}
	day, layout := ctx.Day(), ctx.Layout()
	for _, expiry := range layout.Expiries(d.params.Underlying) {
		if day.Date.DaysTo(expiry) >= d.params.MinDaysToExpiry {
			d.chain = layout.Chain(d.params.Underlying, expiry)
			break
		}
	}
	if d.chain == nil || len(d.chain.Rows) == 0 {
		return fmt.Errorf("%s: no %s expiry at least %d days after %s in the universe", Name, d.params.Underlying, d.params.MinDaysToExpiry, day.Date)
	}
	d.spot = layout.Spot(d.params.Underlying)
	d.exitAt = min(day.Date.At(time.Duration(d.params.ExitAt)), day.Close.Add(-time.Minute))
	ctx.TimerAfter(lookTimer, time.Duration(d.params.Every))
	return nil
}

// OnMarket acts when it is time to. Hot path until then: it reads one number.
func (d *Drill) OnMarket(ctx *engine.Context) { d.step(ctx) }

// OnTimer acts though the market be silent.
func (d *Drill) OnTimer(ctx *engine.Context, _ engine.TimerID) {
	ctx.TimerAfter(lookTimer, time.Duration(d.params.Every))
	d.step(ctx)
}

// OnFeed stops everything but cancels while the feed cannot be trusted.
func (d *Drill) OnFeed(_ *engine.Context, state market.FeedState) {
	d.feedDown = state == market.FeedDown || state == market.FeedStale
}

// The venue or risk says no so often in a row, for so long nothing is tried.
const (
	patience = 5
	sulk     = 2 * time.Second
)

// OnOrder follows what becomes of an order, one of an earlier run included.
func (d *Drill) OnOrder(ctx *engine.Context, u *order.Update) {
	if !d.out.hear(u, ctx.Now().Mono) {
		ctx.Cancel(u.ID) // no room to follow it
	}
	switch u.State {
	case order.Denied, order.Rejected, order.RejectedLate, order.ExpiredLocal:
		d.refused++
		if d.refusals++; d.refusals >= patience {
			d.refusals = 0
			d.actAt = ctx.Now().Mono.Add(sulk)
		}
	case order.Acked, order.Working, order.Partial, order.Filled:
		d.refusals = 0
	}
}

// OnStop calls back what rests and says what was done and what stays open.
func (d *Drill) OnStop(ctx *engine.Context) {
	for i := range d.out.n {
		ctx.Cancel(d.out.list[i].id)
	}
	held := 0
	for _, in := range ctx.Universe().All() {
		if ctx.Position(in.ID) != 0 {
			held++
		}
	}
	ctx.Note(fmt.Sprintf("%s: %d orders, %d changes, %d cancels, %d refusals; %d contracts held", Name, d.placed, d.modified, d.cancelled, d.refused, held))
}

// step makes at most one action, when its time has come.
func (d *Drill) step(ctx *engine.Context) {
	now := ctx.Now()
	if d.chain == nil || now.Mono < d.actAt {
		return
	}
	d.actAt = now.Mono.Add(time.Duration(d.params.Every))
	if now.Market >= d.exitAt {
		d.close(ctx, now)
		return
	}
	if r := d.out.quiet(0, now.Mono); r != nil && (d.out.n >= d.params.OpenOrders || now.Mono.Sub(r.since) >= time.Duration(d.params.RestFor)) {
		d.cancel(ctx, r, now)
		return
	}
	switch draw := d.rng.IntN(100); {
	case draw < d.params.Modify:
		if d.reprice(ctx, now) {
			return
		}
	case draw < d.params.Modify+d.params.Cancel:
		if r := d.out.quiet(d.rng.IntN(d.params.OpenOrders), now.Mono); r != nil {
			d.cancel(ctx, r, now)
			return
		}
	}
	d.place(ctx, now)
}

func (d *Drill) cancel(ctx *engine.Context, r *resting, now market.Stamp) {
	r.askedAt = now.Mono
	d.cancelled++
	ctx.Cancel(r.id)
}

// reprice moves a resting order some ticks away from the market.
func (d *Drill) reprice(ctx *engine.Context, now market.Stamp) bool {
	r := d.out.quiet(d.rng.IntN(d.params.OpenOrders), now.Mono)
	if r == nil || r.askedAt != 0 || d.feedDown || !d.fresh(ctx, r.instrument, now) {
		return false
	}
	tick := max(ctx.Universe().Get(r.instrument).TickSize, 1)
	price := d.behind(r.side, tick)
	if price == r.price {
		price -= market.Paise(r.side.Sign()) * tick
	}
	if price <= 0 || d.out.against(r.instrument, r.side, price) {
		return false
	}
	d.modified++
	ctx.Modify(r.id, price)
	return true
}

// place sends one order of one lot, if the caps leave room for it.
func (d *Drill) place(ctx *engine.Context, now market.Stamp) {
	// Drawn whole before anything is looked at: what the market lacks must not
	// shift what comes after.
	row, right, side := d.rng.IntN(2*d.params.Strikes+1), d.rng.IntN(2), market.Side(d.rng.IntN(2))+market.Buy
	crosses, ioc, back := d.rng.IntN(100) < d.params.Marketable, d.rng.IntN(2) == 0, d.rng.IntN(3) > 0
	beyond := market.Paise(d.rng.IntN(4))

	if d.out.n >= d.params.OpenOrders || d.feedDown || !ctx.View().Quote(d.spot, &d.quote) {
		return
	}
	row += d.chain.ATM(d.quote.Last) - d.params.Strikes
	if row < 0 || row >= len(d.chain.Rows) {
		return
	}
	id := [...]market.InstrumentID{d.chain.Rows[row].Call, d.chain.Rows[row].Put}[right]
	if id == 0 || !d.fresh(ctx, id, now) {
		return
	}
	held := ctx.Position(id)
	if held != 0 && back { // home
		side, crosses = homeward(held), true
	}
	in := ctx.Universe().Get(id)
	most := market.Lots(d.params.PositionLots).Units(in.LotSize)
	long, short := d.out.worst(id, held)
	if side == market.Buy && long+in.LotSize > most || side == market.Sell && short-in.LotSize < -most {
		return
	}
	tick := max(in.TickSize, 1)
	t := order.Ticket{Instrument: id, Side: side, Lots: 1, Price: d.behind(side, tick)}
	if crosses {
		t.Price = d.beyond(side, beyond*tick)
		if ioc {
			t.TIF = order.IOC
		}
	}
	d.send(ctx, t, in.LotSize, now)
}

// close calls back what rests and gives back what is held, one at a time.
func (d *Drill) close(ctx *engine.Context, now market.Stamp) {
	if r := d.out.quiet(0, now.Mono); r != nil {
		d.cancel(ctx, r, now)
		return
	}
	if d.out.n > 0 || d.feedDown {
		return
	}
	all := ctx.Universe().All()
	for i := range all {
		in := &all[i]
		held := ctx.Position(in.ID)
		if held == 0 || !d.fresh(ctx, in.ID, now) {
			continue
		}
		side := homeward(held)
		d.send(ctx, order.Ticket{
			Instrument: in.ID, Side: side, TIF: order.IOC, Lots: 1, Price: d.beyond(side, 4*max(in.TickSize, 1)),
		}, in.LotSize, now)
		return
	}
}

func (d *Drill) send(ctx *engine.Context, t order.Ticket, units market.Units, now market.Stamp) {
	if t.Price <= 0 || d.out.against(t.Instrument, t.Side, t.Price) {
		return
	}
	id := ctx.Place(t)
	if id == 0 {
		return
	}
	d.placed++
	d.out.add(resting{id: id, instrument: t.Instrument, side: t.Side, price: t.Price, open: units, since: now.Mono})
}

func homeward(held market.Units) market.Side {
	if held > 0 {
		return market.Sell
	}
	return market.Buy
}

// fresh reads a quote with two sides and no age.
func (d *Drill) fresh(ctx *engine.Context, id market.InstrumentID, now market.Stamp) bool {
	return ctx.View().Quote(id, &d.quote) && d.quote.TwoSided() && now.Mono.Sub(d.quote.Recv) <= time.Duration(d.params.MaxQuoteAge)
}

// behind is a price that rests, from the quote just read.
func (d *Drill) behind(side market.Side, tick market.Paise) market.Paise {
	away := market.Paise(d.params.RestTicks) * tick
	if side == market.Buy {
		return d.quote.Bid - away
	}
	return d.quote.Ask + away
}

// beyond is a price that trades, from the quote just read.
func (d *Drill) beyond(side market.Side, by market.Paise) market.Paise {
	if side == market.Buy {
		return d.quote.Ask + by
	}
	return d.quote.Bid - by
}
