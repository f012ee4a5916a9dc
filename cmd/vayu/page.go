package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/dashboard"
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/pricing"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/feed/stream"
)

// servePage opens the dashboard on address and returns where it is and how to
// close it. "off" is no page.
func (s *system) servePage(address, mode, source string, moment func() dashboard.Moment) (string, func(), error) {
	if address == "" || address == "off" {
		return "", func() {}, nil
	}
	w := &pageWriter{system: s, mode: mode, source: source, moment: moment, rates: make(map[string]*rate)}
	page, err := dashboard.Listen(dashboard.Config{
		Listen: address, Public: s.config.Dashboard.Public, Log: s.log.Named("page"), Snapshot: w.snapshot,
		Kill: func(reason string) error {
			s.gateway.Kill(risk.CancelAll, reason)
			return nil
		},
	})
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := page.Run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("the page failed", "error", err)
		}
	}()
	return page.URL(), func() { cancel(); <-done }, nil
}

// pageWriter copies what the page shows from where it lives. The page's own
// goroutine owns it; nothing of it touches the hot path.
type pageWriter struct {
	*system
	mode, source string
	moment       func() dashboard.Moment
	view         book.View
	parity       pricing.Parity
	rates        map[string]*rate
}

// rate turns a growing count into so many a second.
type rate struct {
	count     uint64
	at        time.Time
	perSecond float64
	last      time.Time // when the count grew
}

func (r *rate) of(count uint64) (perSecond float64, age time.Duration) {
	now := time.Now()
	if r.at.IsZero() {
		r.count, r.at = count, now
	}
	if count != r.count {
		r.last = now
	}
	if since := now.Sub(r.at); since >= time.Second || r.perSecond == 0 && since > 200*time.Millisecond {
		r.perSecond = float64(count-r.count) / since.Seconds()
		r.count, r.at = count, now
	}
	if r.last.IsZero() {
		return 0, -1
	}
	return r.perSecond, now.Sub(r.last)
}

func (w *pageWriter) snapshot() dashboard.Snapshot {
	now, desk, account := w.clock.Now(), w.gateway.Snapshot(), w.account.latest.Load()
	w.book.Pin(&w.view)
	held := w.account.held()
	level := w.gate.Level()
	d := dashboard.Snapshot{
		Mode: w.mode, Title: w.title(), Now: now.Market, Speed: 1, Phase: w.day.Phase(now.Market).String(),
		Moment: w.moment(), Source: w.source,
		Chain: w.chain(now, held),
		Latencies: []dashboard.Latency{
			latency("tick to decision", desk.TickToDecision, w.decisions()),
			dashboard.SummaryOf("tick to wire", desk.TickToWire), dashboard.SummaryOf("order to answer", desk.OrderAck),
		},
		PnL: dashboard.PnL{
			Realised: account.Portfolio.Totals.Realised, Unrealised: account.Portfolio.Totals.Unrealised,
			Charges: account.Portfolio.Totals.Charges, Net: account.Portfolio.Totals.Net,
		},
		Budget: dashboard.Budget{
			Second: allowance(w.config.Limits.PerSecond, desk.Standing.Quota.SecondUsed),
			Minute: allowance(w.config.Limits.PerMinute, desk.Standing.Quota.MinuteUsed),
			Day:    allowance(w.config.Limits.PerDay, desk.Standing.Quota.DayUsed),
		},
		Session: w.session(now),
		Feeds:   []dashboard.Feed{w.feed("ticks", w.ticks), w.feed("orders", w.orders)},
		Kill:    dashboard.Kill{Level: level.String(), Stopped: level > risk.Armed, Why: w.gate.Cause()},
	}
	if c, ok := w.clock.(interface{ Speed() float64 }); ok {
		d.Speed = c.Speed()
	}
	for _, in := range w.universe.All() {
		if held[in.ID] != 0 {
			d.Positions = append(d.Positions, w.position(&in, held[in.ID]))
		}
	}
	for i := range account.Orders {
		d.Orders = append(d.Orders, w.order(&account.Orders[i]))
	}
	for _, st := range w.host.Snapshot().Strategies {
		row := dashboard.Strategy{Name: st.Name, State: "running", Alarm: st.Quarantined, Orders: st.Placed}
		if st.Quarantined {
			row.State = "quarantined"
		}
		for _, p := range account.Portfolio.Positions {
			if p.Strategy == st.ID {
				row.Net += p.Realised + p.Unrealised - p.Charges.Paise()
			}
		}
		d.Strategies = append(d.Strategies, row)
	}
	for _, n := range w.notes.newest() {
		d.Notes = append(d.Notes, dashboard.Note{At: n.at, Text: n.text, Alarm: n.alarm})
	}
	return d
}

func latency(name string, summary metrics.Summary, whole *metrics.Snapshot) dashboard.Latency {
	if whole != nil && whole.Count() > 0 {
		return dashboard.LatencyOf(name, whole)
	}
	return dashboard.SummaryOf(name, summary)
}

// decisions is the whole histogram of the first strategy.
func (w *pageWriter) decisions() *metrics.Snapshot {
	for _, st := range w.host.Snapshot().Strategies {
		return st.Latency
	}
	return nil
}

func allowance(limit, used int) dashboard.Allowance {
	return dashboard.Allowance{Left: max(limit-used, 0), Limit: limit}
}

func (w *pageWriter) session(now market.Stamp) dashboard.Session {
	s := dashboard.Session{State: w.keeper.State().String(), Renewals: w.keeper.Renewals(), Lifetime: w.rules.Timeout}
	if s.State == "live" {
		s.State = "valid"
	}
	if c := w.store.Current(); c != nil {
		s.Epoch, s.ExpiresIn = c.Epoch, c.Expiry.Sub(now.Wall)
		s.RenewsIn = s.ExpiresIn - w.rules.RenewBefore
	}
	return s
}

func (w *pageWriter) feed(name string, from *stream.Stream) dashboard.Feed {
	t := from.Stats()
	r := w.rates[name]
	if r == nil {
		r = new(rate)
		w.rates[name] = r
	}
	f := dashboard.Feed{
		Name: name, State: from.State(), Messages: t.Quotes + t.Depths + t.Orders,
		Gaps: t.Gaps, Reconnects: t.Reconnects, DecodeErrors: t.DecodeErrors,
	}
	f.Rate, f.Age = r.of(f.Messages)
	return f
}

// shownStrikes is how many strikes the page has on each side of the money.
const shownStrikes = 12

// chain is the chain that most contracts are held of, or the nearest.
func (w *pageWriter) chain(now market.Stamp, held map[market.InstrumentID]market.Units) dashboard.Chain {
	underlying := w.config.Market.Underlying
	contracts := make(map[market.Date]int)
	for id := range held {
		contracts[w.universe.Get(id).Expiry]++
	}
	var chain *book.Chain
	for _, expiry := range w.book.Layout().Expiries(underlying) {
		if chain == nil || contracts[expiry] > contracts[chain.Expiry] {
			chain = w.book.Layout().Chain(underlying, expiry)
		}
	}
	d := dashboard.Chain{Underlying: underlying, ATM: -1}
	if chain == nil {
		return d
	}
	d.Expiry = chain.Expiry
	var q market.Quote
	if w.view.Quote(w.book.Layout().Spot(underlying), &q) {
		d.Spot = q.Last
	}
	reference := d.Spot
	years := 0.0
	if expiry, err := w.calendar.ExpiryInstant(chain.Expiry); err == nil {
		years = pricing.YearsBetween(now.Market, expiry)
	}
	forward, known := w.forward(chain, chain.ATM(reference), now.Mono)
	if known {
		d.Forward = market.Paise(forward*100 + 0.5)
		reference = d.Forward
	}
	atm := chain.ATM(reference)
	first := max(atm-shownStrikes, 0)
	for i := first; i < min(atm+shownStrikes+1, len(chain.Rows)); i++ {
		row := &chain.Rows[i]
		terms := pricing.Terms{Forward: forward, Strike: pricing.Points(row.Strike), Years: years, Discount: 1}
		d.Rows = append(d.Rows, dashboard.Row{
			Strike: row.Strike, Call: w.leg(row.Call, market.Call, terms, now.Mono, held), Put: w.leg(row.Put, market.Put, terms, now.Mono, held),
		})
	}
	d.ATM = atm - first
	return d
}

// usable is what a price on the page may be computed from.
var usable = pricing.Usable{SpreadPoints: 2 * market.Rupee, SpreadBasis: 500, MaxAge: 10 * time.Second}

func (w *pageWriter) forward(chain *book.Chain, atm int, now market.Mono) (float64, bool) {
	if atm < 0 {
		return 0, false
	}
	w.parity = pricing.Parity{}
	var call, put market.Quote
	for i := max(atm-3, 0); i < min(atm+4, len(chain.Rows)); i++ {
		row := &chain.Rows[i]
		if !w.view.Quote(row.Call, &call) || !w.view.Quote(row.Put, &put) {
			continue
		}
		c, refusal := usable.Mid(&call, now)
		p, other := usable.Mid(&put, now)
		if refusal == pricing.Fine && other == pricing.Fine {
			w.parity.Add(pricing.Points(row.Strike), c, p, 1)
		}
	}
	return w.parity.Forward(3)
}

func (w *pageWriter) leg(id market.InstrumentID, right market.Right, terms pricing.Terms, now market.Mono, held map[market.InstrumentID]market.Units) dashboard.Leg {
	l := dashboard.Leg{Age: -1, Position: held[id]}
	var q market.Quote
	if id == 0 || !w.view.Quote(id, &q) {
		return l
	}
	l.Bid, l.Ask, l.Last, l.Age = q.Bid, q.Ask, q.Last, now.Sub(q.Recv)
	if mid, refusal := usable.Mid(&q, now); refusal == pricing.Fine && terms.Forward > 0 && terms.Years > 0 {
		terms.Right = right
		if v, refusal := terms.ImpliedVolatility(mid); refusal == pricing.Fine {
			l.IV = v
		}
	}
	return l
}

func (w *pageWriter) position(in *market.Instrument, quantity market.Units) dashboard.Position {
	p := dashboard.Position{Contract: contract(in), Expiry: in.Expiry, Quantity: quantity}
	var basis market.Paise
	for _, held := range w.account.latest.Load().Portfolio.Positions {
		if held.Instrument == in.ID {
			basis += held.Basis
			p.Unrealised += held.Unrealised
		}
	}
	if quantity != 0 {
		p.Average = basis / market.Paise(quantity)
	}
	var q market.Quote
	if w.view.Quote(in.ID, &q) {
		p.Last = q.Last
	}
	return p
}

func (w *pageWriter) order(u *order.Update) dashboard.Order {
	o := dashboard.Order{
		ID: uint64(u.ID), Contract: contract(w.universe.Get(u.Instrument)), Side: u.Side, State: u.State.String(),
		Terminal: u.State.Terminal() || u.State == order.ClosedAbsent,
		Alarm:    u.State == order.Ambiguous || u.State == order.Reconciling || u.State == order.Unresolved,
		Price:    u.Price, Quantity: u.Quantity, Filled: u.Filled, Average: u.Average, At: u.At.Market, Reason: u.Reason,
	}
	if loop := w.loop(u.Strategy); loop != nil {
		o.Strategy = loop.Name()
	}
	return o
}

func (w *pageWriter) loop(id order.StrategyID) *engine.Loop {
	for _, l := range w.host.Loops() {
		if l.ID() == id {
			return l
		}
	}
	return nil
}

// contract is the short name of a contract: "24200 CE".
func contract(in *market.Instrument) string {
	switch in.Kind {
	case market.Option:
		return fmt.Sprintf("%s %s", in.Strike, in.Right)
	case market.Future:
		return "FUT"
	}
	return in.Underlying
}
