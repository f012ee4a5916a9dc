package gateway

import (
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/rest"
)

// endpoints maps what the core wants to what the venue calls it.
var endpoints = [actionKinds]rest.Endpoint{
	SendPlace: rest.PlaceOrder, SendModify: rest.ModifyOrder, SendCancel: rest.CancelOrder,
	ReadOrder: rest.OrderDetail, ReadOrders: rest.OrderList, ReadTrades: rest.TradeList, ReadPositions: rest.Positions,
}

// send puts a call on the wire and tells whether it is settled: false means it
// waits for a connection. Hot path.
func (g *Gateway) send(a *Action, q *ask) bool {
	endpoint := endpoints[a.Kind]
	if q != nil {
		endpoint = q.endpoint
	}
	now := g.clock.Now()
	if now.Mono > a.SendBy {
		g.unsent(a, q, endpoint, order.NotSent, "its time to be sent is over", nil)
		return true
	}
	cred := g.config.Session.Current()
	if endpoint != rest.CustomerDetails {
		if cred == nil {
			g.unsent(a, q, endpoint, order.NotSent, "there is no session", nil)
			return true
		}
		if cred.Epoch != g.checked {
			if err := rest.CheckCredential(cred); err != nil {
				g.unsent(a, q, endpoint, order.ConfigFatal, "the credential cannot sign", err)
				return true
			}
			g.checked = cred.Epoch
		}
	}
	var c *conn
	for {
		if c = g.pool.take(endpoint.Write()); c == nil {
			if why := g.mistrust.Load(); why != nil {
				g.unsent(a, q, endpoint, order.ConfigFatal, "no trusted connection to the venue can be had", errors.New(*why))
				return true
			}
			return false
		}
		g.render(a, q, cred, now.Wall)
		// The last look at the clock before the first byte: the process may
		// have been paused since the first.
		if now = g.clock.Now(); now.Mono > a.SendBy {
			c.release()
			g.unsent(a, q, endpoint, order.NotSent, "its time to be sent is over", nil)
			return true
		}
		k := call{
			endpoint: endpoint, slot: a.Slot, ask: q, id: a.ID, attempt: a.Attempt, class: a.Class,
			sentWall: now.Wall, sentMono: now.Mono, deadline: a.Deadline,
		}
		if cred != nil {
			k.epoch = cred.Epoch
		}
		sent, err := c.send(g.request, &k, time.Now().Add(a.Listen.Sub(now.Mono)))
		if sent == SentNothing && errors.Is(err, errLost) {
			continue // it ended under our hands: nothing was written, take another
		}
		g.stats.calls[endpoint].Add(1)
		if err == nil {
			if a.Kind == SendPlace {
				g.stats.tickToWire.record(a.Ticket.TickAt, g.clock.Now().Mono)
			}
			return true
		}
		g.failed(a, q, &k, sent, err)
		return true
	}
}

// render writes the signed request into the scratch buffer, with a fresh
// timestamp for each attempt.
func (g *Gateway) render(a *Action, q *ask, cred *session.Credential, wall market.UnixNano) {
	sig := rest.Signature{By: cred, At: wall.Add(g.watch.correction())}
	dst, w := g.request[:0], g.wire
	if q != nil {
		g.request = q.render(w, dst, sig)
		return
	}
	switch a.Kind {
	case SendPlace:
		in := g.config.Universe.Get(a.Ticket.Instrument)
		g.place = rest.Place{
			Instrument: in, Side: a.Ticket.Side, TIF: a.Ticket.TIF, Quantity: a.Quantity,
			Price: a.Ticket.Price, Trigger: a.Ticket.Trigger, Remark: a.Remark, Day: g.today(),
		}
		dst = w.AppendPlace(dst, sig, &g.place)
	case SendModify:
		// The price alone: what a quantity means after a partial fill is not
		// documented, and fields that are not sent stay as they are.
		g.modify = rest.Modify{Exchange: g.exchange(a), VenueID: a.VenueID, Price: a.Ticket.Price}
		dst = w.AppendModify(dst, sig, &g.modify)
	case SendCancel:
		dst = w.AppendCancel(dst, sig, g.exchange(a), a.VenueID)
	case ReadOrder:
		dst = w.AppendOrderDetail(dst, sig, g.exchange(a), a.VenueID)
	case ReadOrders:
		dst = w.AppendOrderList(dst, sig, g.config.Exchange, g.today(), g.today())
	case ReadTrades:
		dst = w.AppendTradeList(dst, sig, g.config.Exchange, g.today(), g.today())
	case ReadPositions:
		dst = w.AppendPositions(dst, sig)
	}
	g.request = dst
}

// today is the day of the market, which is a tape's at a simulated venue.
func (g *Gateway) today() market.Date {
	at := g.clock.Now().Market
	if at < g.dayEnds && at >= g.dayEnds.Add(-24*time.Hour) {
		return g.day
	}
	g.day = at.Date()
	g.dayEnds = g.day.At(24 * time.Hour)
	return g.day
}

func (g *Gateway) exchange(a *Action) string {
	if in := g.config.Universe.Get(a.Ticket.Instrument); in.Exchange != "" {
		return in.Exchange
	}
	return g.config.Exchange
}

// unsent answers a call of which not one byte left.
func (g *Gateway) unsent(a *Action, q *ask, endpoint rest.Endpoint, v order.Verdict, reason string, err error) {
	g.stats.verdicts[v].Add(1)
	l := line{
		level: hclog.Warn, text: "call not sent", call: true, endpoint: endpoint, id: a.ID, slot: a.Slot, attempt: a.Attempt, class: a.Class,
		verdict: v, phase: rest.Unsent, reason: reason, err: err, retry: -1,
	}
	if q != nil {
		if v == order.NotSent {
			v = order.Retry
		}
		g.endAsk(q, outcome{judgement: rest.Judgement{Verdict: v, Reason: reason}, err: err, line: l})
		return
	}
	// Without a session the breaker has nothing to learn; without a connection
	// it has.
	broken := v == order.NotSent && g.config.Session.Current() != nil
	g.answer(Answer{Slot: a.Slot, Verdict: v, Sent: SentNothing, Broken: broken, Reason: reason}, l)
}

// failed answers a call whose write broke.
func (g *Gateway) failed(a *Action, q *ask, k *call, sent Sent, err error) {
	phase := rest.Sent
	switch sent {
	case SentNothing:
		phase = rest.Unsent
	case SentPart:
		phase = rest.PartSent
	}
	j := g.judge.Classify(&rest.Attempt{Endpoint: k.endpoint, Phase: phase})
	g.stats.verdicts[j.Verdict].Add(1)
	l := line{
		level: hclog.Warn, text: "call broke while it was written", call: true, endpoint: k.endpoint, id: k.id, slot: k.slot, attempt: k.attempt,
		class: k.class, epoch: k.epoch, verdict: j.Verdict, phase: phase, reason: j.Reason, err: err, retry: -1,
	}
	if q != nil {
		g.endAsk(q, outcome{judgement: j, epoch: k.epoch, err: err, line: l})
		return
	}
	g.answer(Answer{Slot: a.Slot, Verdict: j.Verdict, Sent: sent, Reused: k.reused, Broken: true, Epoch: k.epoch, Reason: j.Reason}, l)
}

// answer queues an answer made by the owner itself.
func (g *Gateway) answer(a Answer, l line) {
	g.again = append(g.again, letter{event: Event{Kind: AnswerEvent, Answer: a}, line: l})
}

// serveWaiting sends what a connection was missing for.
func (g *Gateway) serveWaiting() {
	if len(g.waiting) == 0 {
		return
	}
	for i := 0; i < len(g.waiting); {
		w := &g.waiting[i]
		if w.ask != nil && w.ask.gone() || g.send(&w.action, w.ask) {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			continue
		}
		i++
	}
	g.pool.want(len(g.waiting))
	g.settle()
}

// newReader makes what one connection hands the ends of its calls to. It
// judges and parses on the connection's own goroutine, so that the core gets
// rows, not bytes.
func (g *Gateway) newReader() func(*result) {
	judge := rest.NewClassifier(g.config.Refusals...)
	parser := &rest.Parser{Universe: g.config.Universe}
	return func(r *result) { g.conclude(r, judge, parser) }
}

func (g *Gateway) conclude(r *result, judge *rest.Classifier, parser *rest.Parser) {
	k := r.call
	attempt := rest.Attempt{Endpoint: k.endpoint, Phase: r.phase, Wall: r.arrived.Wall}
	if r.answer != nil {
		attempt.Code, attempt.Body = r.answer.code, r.answer.body
		attempt.RetryAfter, attempt.Date = r.answer.retryAfter, r.answer.date
	}
	j := judge.Classify(&attempt)
	l := line{
		level: hclog.Debug, text: "call", call: true, endpoint: k.endpoint, id: k.id, slot: k.slot, attempt: k.attempt, class: k.class,
		epoch: k.epoch, verdict: j.Verdict, phase: r.phase, code: attempt.Code, reason: j.Reason, detail: j.Text,
		took: r.arrived.Mono.Sub(k.sentMono), retry: j.RetryAfter, late: r.late, err: r.err,
	}
	if j.Verdict != order.OK && j.Verdict != order.Empty {
		l.level = hclog.Warn
	}
	g.stats.ended(r, &j)
	if attempt.Date != nil {
		g.compareClocks(attempt.Date, k.sentWall, r.arrived.Wall)
	}
	if k.ask != nil {
		g.endAsk(k.ask, outcome{judgement: j, body: append([]byte(nil), attempt.Body...), epoch: k.epoch, err: r.err, line: l})
		return
	}
	a := Answer{
		Slot: k.slot, Verdict: j.Verdict, Reused: k.reused, Broken: j.Health == rest.Unhealthy, Epoch: k.epoch,
		VenueID: j.VenueID, Misnamed: j.Misnamed, SentAt: k.sentMono, RetryAfter: max(j.RetryAfter, 0), Reason: j.Text,
	}
	if a.Reason == "" && j.Verdict != order.OK {
		a.Reason = j.Reason
	}
	if j.Verdict == order.OK && !k.endpoint.Write() {
		g.rows(&a, k.endpoint, attempt.Body, parser, r.arrived.Mono)
	}
	mail := letter{event: Event{Kind: AnswerEvent, Answer: a}, line: l}
	if k.endpoint == rest.PlaceOrder && j.Verdict == order.OK {
		mail.took = r.arrived.Mono.Sub(k.sentMono)
	}
	g.put(mail)
}

// rows reads the rows of a list. A list that cannot be read is no answer.
func (g *Gateway) rows(a *Answer, endpoint rest.Endpoint, body []byte, parser *rest.Parser, at market.Mono) {
	var bad rest.RowErrors
	var err error
	switch endpoint {
	case rest.OrderDetail, rest.OrderList:
		var rows []rest.OrderRow
		rows, bad, err = parser.Orders(body)
		a.Orders = make([]order.Report, len(rows))
		for i := range rows {
			a.Orders[i] = rows[i].Report
			a.Orders[i].Recv = at
		}
	case rest.TradeList:
		var rows []rest.Trade
		rows, bad, err = parser.Trades(body)
		rows = distinct(rows)
		a.Trades = make([]order.Trade, len(rows))
		for i, t := range rows {
			a.Trades[i] = order.Trade{VenueID: t.VenueID, Instrument: t.Instrument, Side: t.Side, Quantity: t.Quantity, Price: t.Price, Value: t.Value}
		}
	case rest.Positions:
		var rows []rest.Position
		rows, bad, err = parser.Positions(body)
		a.Held = make([]order.Holding, len(rows))
		for i, p := range rows {
			a.Held[i] = order.Holding{Instrument: p.Instrument, Quantity: p.Net, Average: p.Average}
		}
	}
	a.Partial = a.Partial || len(bad) > 0
	for _, why := range bad {
		g.log.note(line{level: hclog.Warn, text: "a row of the venue's answer cannot be read", endpoint: endpoint, err: why, retry: -1})
	}
	if err != nil {
		a.Verdict, a.Partial, a.Broken, a.Reason = order.Retry, true, true, "the answer cannot be read"
		g.log.note(line{level: hclog.Warn, text: "the venue's answer cannot be read", endpoint: endpoint, err: err, retry: -1})
	}
}

// distinct leaves out trades that are listed twice. Two fills that look alike in
// everything would count once too: the book then is behind the notices, and
// behind is harmless where too much is a position nobody has.
func distinct(rows []rest.Trade) []rest.Trade {
	type look struct {
		order    order.VenueID
		side     market.Side
		quantity market.Units
		value    market.Paise
		at       market.UnixNano
	}
	seen := make(map[look]bool, len(rows))
	kept := rows[:0]
	for i := range rows {
		t := &rows[i]
		l := look{t.VenueID, t.Side, t.Quantity, t.Value, t.At}
		if !seen[l] {
			seen[l] = true
			kept = append(kept, *t)
		}
	}
	return kept
}

func (g *Gateway) compareClocks(date []byte, sent, received market.UnixNano) {
	g.watchLock.Lock()
	offset, alarm, halt := g.watch.observe(date, sent, received)
	g.watchLock.Unlock()
	if alarm {
		g.put(letter{kind: forPerson, event: Event{Text: "the venue's clock is " + offset.Round(time.Millisecond).String() + " from ours; signatures are corrected, mend the clock"}})
	}
	if halt {
		g.put(letter{event: Event{Kind: KillEvent, Level: levelReducing, Text: "the venue's clock is " + offset.Round(time.Second).String() + " from ours"}})
	}
}

func (g *Gateway) connectionNote(what string, err error) {
	if err == nil {
		g.mistrust.Store(nil)
		g.log.note(line{level: hclog.Info, text: what, retry: -1})
		return
	}
	g.log.note(line{level: hclog.Warn, text: what, err: err, retry: -1})
}

// distrust is told when handshakes keep being refused: weaker checks are not an
// answer, a person is.
func (g *Gateway) distrust(err error) {
	g.mistrust.Store(new(rest.Escape(err.Error(), 200)))
	g.put(letter{kind: forPerson, event: Event{Text: "no trusted connection to the venue can be had: " + rest.Escape(err.Error(), 200)}})
	g.drain()
}

// release gives an unused connection back.
func (c *conn) release() {
	if !c.state.CompareAndSwap(connClaimed, connIdle) {
		c.kill()
	}
}
