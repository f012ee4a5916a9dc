package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// remarks is what the venue does to the text that travels with an order.
type remarks uint8

const (
	echoed remarks = iota
	blank
	truncated
	upperCased // ours is upper case already: it stays readable
	remarkModes
)

// simOrder is an order at the venue: the truth, and what its lists show of it
// so far.
type simOrder struct {
	report  order.Report
	value   market.Paise
	intent  int32 // -1: somebody else's
	place   int32 // in alive; -1: over
	visible market.Mono
	ioc     bool
	shown   uint32 // process that a list has shown it to
	seen    uint32 // number of the last list that was evidence and showed it

	before order.Report // the row as it was before its last change
	stale  market.Mono  // until here a list may show that
	trades lagging
	net    lagging
}

// lagging is a quantity that one of the venue's lists shows late.
type lagging struct {
	quantity market.Units
	value    market.Paise
	until    market.Mono
}

// shows is what the list shows now, of the truth.
func (l *lagging) shows(now market.Mono, quantity market.Units, value market.Paise) (market.Units, market.Paise) {
	if now < l.until {
		return l.quantity, l.value
	}
	return quantity, value
}

// hold keeps the truth from a list until the given instant.
func (l *lagging) hold(now, until market.Mono, quantity market.Units, value market.Paise) {
	if now >= l.until {
		l.quantity, l.value, l.until = quantity, value, until
	}
}

// exchange is the gateway of the venue, its orders and what it tells of them.
type exchange struct {
	draws    draws
	orders   []simOrder
	alive    []int32
	sequence uint64
	notices  []order.Report
	free     []int32
	net      [instruments + 1]market.Units // by instrument, all orders
	own      [instruments + 1]market.Units // ours alone
	calls    [128]market.Mono
	n        int
}

func (v *exchange) begin(s *simWorld) {
	v.draws = newDraws(s.seed, drawsOfVenue)
	v.orders = make([]simOrder, 0, 1024)
	for i := range v.calls {
		v.calls[i] = -minute
	}
	s.post(marketTrades, v.draws.around(s.plan.activity), 0)
}

// venueName is the id of the venue's order with that place.
func venueName(i int) order.VenueID {
	text := [18]byte{'2', '0', '2', '6', '1', '1', '2', '4'}
	for at, n := len(text)-1, i+1; at >= 8; at, n = at-1, n/10 {
		text[at] = byte('0' + n%10)
	}
	id, err := order.ParseVenueID(text[:])
	if err != nil {
		panic(err)
	}
	return id
}

// named finds an order by its id; nil when the venue has none of that name.
func (v *exchange) named(id order.VenueID) *simOrder {
	var text [24]byte
	t := id.Append(text[:0])
	if len(t) != 18 {
		return nil
	}
	n := 0
	for _, c := range t[8:] {
		n = n*10 + int(c-'0')
	}
	if n < 1 || n > len(v.orders) {
		return nil
	}
	return &v.orders[n-1]
}

// serve is the venue's answer to a call, and its effect.
func (v *exchange) serve(s *simWorld, k *traveller) {
	a := &k.answer
	if !s.login.good(k.token, s.now) {
		s.cover(sessionRefused, k.id)
		a.Verdict = order.Auth
		return
	}
	if s.strikes(v.draws, sessionRefused, k.id) {
		a.Verdict = order.Auth
		return
	}
	if v.busy(s) || s.strikes(v.draws, throttled, k.id) {
		a.Verdict, a.RetryAfter = order.Throttle, v.retryAfter()
		return
	}
	if s.strikes(v.draws, dayOver, k.id) {
		a.Verdict = order.ThrottleDay
		return
	}
	if k.kind.Write() && s.strikes(v.draws, oddNotTaken, k.id) {
		a.Broken = v.draws.hit(0.5)
		return
	}
	if s.strikes(v.draws, forbiddenPage, k.id) {
		a.Verdict, a.Reason = order.ConfigFatal, "403"
		return
	}
	switch k.kind {
	case SendPlace:
		v.place(s, k)
	case SendCancel:
		v.cancel(s, k)
	case SendModify:
		v.modify(s, k)
	default:
		v.read(s, k)
	}
	if !k.kind.Write() {
		return
	}
	switch { // taken, and yet
	case s.strikes(v.draws, oddTaken, k.id):
		*a = Answer{Slot: a.Slot, Reused: a.Reused, Epoch: a.Epoch, SentAt: a.SentAt, Broken: v.draws.hit(0.5)}
	case s.strikes(v.draws, noOrderID, k.id):
		a.VenueID = order.VenueID{}
	case s.strikes(v.draws, throttledTaken, k.id):
		a.Verdict, a.VenueID = order.Throttle, order.VenueID{}
	case s.strikes(v.draws, sessionTaken, k.id):
		a.Verdict, a.VenueID = order.Auth, order.VenueID{}
	}
}

func (v *exchange) retryAfter() time.Duration {
	return []time.Duration{0, 0, time.Second, 1500 * time.Millisecond, 5 * time.Second}[v.draws.IntN(5)]
}

// busy counts what arrives, as the venue does, and refuses above its limit for
// a minute; delays can bunch what left in good order.
func (v *exchange) busy(s *simWorld) bool {
	if s.plan.dense || s.healed {
		return false
	}
	const most = 100
	oldest := v.calls[(v.n+len(v.calls)-most)%len(v.calls)]
	if s.now-oldest < minute {
		s.cover(throttled, 0)
		return true
	}
	v.calls[v.n] = s.now
	v.n = (v.n + 1) % len(v.calls)
	return false
}

// place is where an order comes to life.
func (v *exchange) place(s *simWorld, k *traveller) {
	a := &k.answer
	if s.strikes(v.draws, refused, k.id) {
		a.Verdict, a.Reason = order.Refused, "margin"
		return
	}
	n := intentOf(k.id)
	i := v.create(s, order.Report{
		Status: order.StatusOrdered, Instrument: k.ticket.Instrument, Side: k.ticket.Side, Quantity: k.quantity,
		Limit: k.ticket.Price, Trigger: k.ticket.Trigger, Remark: v.remark(s, k.remark),
	}, n)
	o := &v.orders[i]
	s.check.accepted(s, k, i)
	a.Verdict, a.VenueID = order.OK, o.report.VenueID
	switch {
	case k.ticket.TIF == order.IOC:
		o.ioc = true
		s.post(iocEnds, v.draws.between(0, 20*ms), i)
	case s.strikes(v.draws, rejectedLater, k.id):
		v.ends(s, i, order.StatusRejected)
	case s.strikes(v.draws, frozen, k.id):
		o.report.Status = order.StatusFreezed
		v.notify(s, i)
	}
}

func (v *exchange) remark(s *simWorld, r order.Remark) order.Remark {
	switch s.plan.remarks {
	case blank:
		return order.Remark{}
	case truncated:
		for i := 10; i < len(r); i++ {
			r[i] = 0
		}
	}
	return r
}

// create adds an order to the venue's book.
func (v *exchange) create(s *simWorld, r order.Report, intent int32) int32 {
	i := len(v.orders)
	r.VenueID = venueName(i)
	r.OrderedAt = s.clock.venue(s.now) / market.UnixNano(time.Minute) * market.UnixNano(time.Minute)
	o := simOrder{report: r, before: r, intent: intent, place: int32(len(v.alive)), visible: s.now + v.draws.between(0, 300*ms)}
	if intent < 0 {
		if s.mix.grade[listLags] != absent {
			o.visible = s.now + v.draws.between(0, s.plan.lag)
		}
	} else if s.strikes(v.draws, listLags, s.intents[intent].id) {
		o.visible = s.now + v.draws.between(0, s.plan.lag)
	}
	v.orders = append(v.orders, o)
	v.alive = append(v.alive, int32(i))
	v.notify(s, int32(i))
	return int32(i)
}

// over takes an order out of the list of the living.
func (v *exchange) over(i int32) {
	o := &v.orders[i]
	last := len(v.alive) - 1
	moved := v.alive[last]
	v.alive[o.place] = moved
	v.orders[moved].place = o.place
	v.alive = v.alive[:last]
	o.place = -1
}

// changing keeps what lists may go on showing for a while.
func (v *exchange) changing(s *simWorld, o *simOrder) {
	if s.now >= o.stale {
		o.before = o.report
		o.stale = s.now + s.plan.lag
	}
}

// fill fills up to n more units.
func (v *exchange) fill(s *simWorld, i int32, n market.Units) {
	o := &v.orders[i]
	r := &o.report
	n = min(n, r.Quantity-r.Executed)
	if o.place < 0 || n <= 0 {
		return
	}
	v.changing(s, o)
	id := order.ID(0)
	if o.intent >= 0 {
		id = s.intents[o.intent].id
	}
	if s.strikes(v.draws, tradesLag, id) {
		o.trades.hold(s.now, s.now+v.draws.between(0, s.plan.lag), r.Executed, o.value)
	}
	if s.strikes(v.draws, positionsLag, id) {
		o.net.hold(s.now, s.now+v.draws.between(0, s.plan.lag), r.Executed, o.value)
	}
	r.Executed += n
	price := r.Limit - market.Paise(r.Side.Sign())*market.Paise(v.draws.IntN(3)*5)
	o.value += price.Times(n)
	v.net[r.Instrument] += r.Side.Sign() * n
	if o.intent >= 0 {
		v.own[r.Instrument] += r.Side.Sign() * n
		s.check.traded(s, r.Instrument)
	}
	r.Status = order.StatusPartiallyExecuted
	if r.Executed == r.Quantity {
		r.Status = order.StatusExecuted
		v.over(i)
	}
	v.notify(s, i)
}

// ends ends an order that is not filled.
func (v *exchange) ends(s *simWorld, i int32, status order.Status) {
	o := &v.orders[i]
	r := &o.report
	if o.place < 0 {
		return
	}
	v.changing(s, o)
	left := r.Quantity - r.Executed
	switch status {
	case order.StatusCancelled:
		r.Cancelled = left
		if r.Executed > 0 {
			status = order.StatusPartiallyExecutedAndCancelled
		}
	case order.StatusExpired:
		r.Expired = left
		if r.Executed > 0 {
			status = order.StatusPartiallyExecutedAndExpired
		}
	}
	r.Status = status
	v.over(i)
	v.notify(s, i)
}

func (v *exchange) iocEnds(s *simWorld, i int32) {
	o := &v.orders[i]
	if v.draws.hit(0.8) {
		v.fill(s, i, o.report.Quantity)
	}
	v.ends(s, i, order.StatusCancelled)
}

// trades is the market: some order fills a little, or the exchange ends it.
func (v *exchange) trades(s *simWorld) {
	pause := s.plan.activity
	if s.healed {
		pause = 5 * second
	}
	s.post(marketTrades, v.draws.around(pause), 0)
	if len(v.alive) == 0 {
		return
	}
	i := v.alive[v.draws.IntN(len(v.alive))]
	o := &v.orders[i]
	id := order.ID(0)
	if o.intent >= 0 {
		id = s.intents[o.intent].id
	}
	switch {
	case s.strikes(v.draws, cancelledByVenue, id):
		status := order.StatusCancelled
		if v.draws.hit(0.3) {
			status = order.StatusExpired
		}
		v.ends(s, i, status)
	case s.strikes(v.draws, selfTrade, id):
		for _, j := range v.alive {
			if p := &v.orders[j]; p.intent >= 0 && p.report.Instrument == o.report.Instrument && p.report.Side != o.report.Side {
				v.ends(s, j, order.StatusCancelled)
				break
			}
		}
	case o.report.Status == order.StatusFreezed:
		if v.draws.hit(0.3) {
			v.ends(s, i, order.StatusCancelled)
		}
	default:
		v.fill(s, i, lot*market.Units(1+v.draws.IntN(2)))
	}
}

func (v *exchange) cancel(s *simWorld, k *traveller) {
	o := v.named(k.venueID)
	if o == nil {
		s.fail("a cancel for %v, which the venue does not have", k.venueID)
	}
	k.answer.Verdict = order.OK
	switch {
	case o.place < 0:
		k.answer.Verdict, k.answer.Reason = order.Refused, "too late"
	case s.strikes(v.draws, cancelIgnored, k.id):
		if v.draws.hit(0.3) {
			k.answer.Verdict, k.answer.Reason = order.Refused, "not now"
		}
	default:
		v.ends(s, v.alive[o.place], order.StatusCancelled)
	}
}

func (v *exchange) modify(s *simWorld, k *traveller) {
	o := v.named(k.venueID)
	if o == nil {
		s.fail("a change of %v, which the venue does not have", k.venueID)
	}
	k.answer.Verdict = order.OK
	switch {
	case o.place < 0:
		k.answer.Verdict, k.answer.Reason = order.Refused, "too late"
	case s.strikes(v.draws, cancelIgnored, k.id):
	default:
		v.changing(s, o)
		o.report.Limit = k.ticket.Price
		v.notify(s, v.alive[o.place])
	}
}

// read answers the venue's lists, as far as they show the truth.
func (v *exchange) read(s *simWorld, k *traveller) {
	a := &k.answer
	if s.strikes(v.draws, readFails, k.id) {
		s.coverDoubts(readFails)
		a.Verdict, a.Broken = order.Retry, true
		return
	}
	a.Verdict = order.OK
	switch k.kind {
	case ReadOrder:
		o := v.named(k.venueID)
		if o == nil {
			s.fail("asked for %v, which the venue does not have", k.venueID)
		}
		if o.visible > s.now {
			a.Verdict = order.Empty
			return
		}
		k.orders = append(k.orders, v.row(s, o))
		a.Orders = k.orders
	case ReadOrders:
		v.list(s, k)
	case ReadTrades:
		for i := range v.orders {
			o := &v.orders[i]
			quantity, value := o.trades.shows(s.now, o.report.Executed, o.value)
			if quantity > 0 {
				k.trades = append(k.trades, order.Trade{
					VenueID: o.report.VenueID, Instrument: o.report.Instrument, Side: o.report.Side, Quantity: quantity, Value: value,
				})
			}
		}
		if a.Trades = k.trades; len(k.trades) == 0 {
			a.Verdict = order.Empty
		}
	case ReadPositions:
		v.positions(s, k)
	}
}

func (v *exchange) list(s *simWorld, k *traveller) {
	a := &k.answer
	today := s.clock.venue(s.now).Date()
	for i := range v.orders {
		if o := &v.orders[i]; o.visible <= s.now && (s.plan.phase != beforeMidnight || o.report.OrderedAt.Date() == today) {
			k.orders = append(k.orders, v.row(s, o))
		}
	}
	switch a.Orders = k.orders; {
	case len(k.orders) == 0:
		a.Verdict = order.Empty
	case s.strikes(v.draws, listEmpty, 0):
		s.coverDoubts(listEmpty)
		a.Verdict, a.Orders = order.Empty, nil
	case s.strikes(v.draws, listPartial, 0):
		s.coverDoubts(listPartial)
		a.Orders, a.Partial = k.orders[:v.draws.IntN(len(k.orders))], true
	case s.strikes(v.draws, listShrinks, 0):
		s.coverDoubts(listShrinks)
		gone := v.draws.IntN(len(k.orders))
		a.Orders = append(k.orders[:gone], k.orders[gone+1:]...)
	case s.strikes(v.draws, otherDay, 0):
		s.coverDoubts(otherDay)
		k.orders[v.draws.IntN(len(k.orders))].OrderedAt -= market.UnixNano(24 * time.Hour)
	}
}

// coverDoubts counts a fault of a list against every order that looks for
// itself in it.
func (s *simWorld) coverDoubts(f fault) {
	if !s.up {
		return
	}
	for _, i := range s.core.active {
		s.tally.cover[f][s.core.jobs[i].o.State]++
	}
}

func (v *exchange) positions(s *simWorld, k *traveller) {
	var net [len(v.net)]market.Units
	if s.mix.grade[positionsLag] == absent {
		net = v.net
	} else {
		for i := range v.orders {
			o := &v.orders[i]
			quantity, _ := o.net.shows(s.now, o.report.Executed, 0)
			net[o.report.Instrument] += o.report.Side.Sign() * quantity
		}
	}
	for id := 1; id < len(net); id++ {
		k.holdings = append(k.holdings, order.Holding{Instrument: market.InstrumentID(id), Quantity: net[id]})
	}
	k.answer.Held = k.holdings
}

// row is an order in a list: without a notice's number, sometimes with its
// average price, sometimes out of date, sometimes silent about its fills.
func (v *exchange) row(s *simWorld, o *simOrder) order.Report {
	r, id := o.report, order.ID(0)
	if o.intent >= 0 {
		id = s.intents[o.intent].id
	}
	if s.now < o.stale && s.strikes(v.draws, rowStale, id) {
		r = o.before
	} else if r.Executed > 0 && v.draws.IntN(2) == 0 {
		r.Average = (o.value + market.Paise(r.Executed)/2) / market.Paise(r.Executed)
	}
	r.Sequence = 0
	if s.strikes(v.draws, rowSilent, id) {
		r.Executed, r.Cancelled, r.Expired, r.Average, r.FillUnknown = 0, 0, 0, 0, true
	}
	return r
}

// notify sends a notice of the order stream, which carries no remark, no time
// and no average.
func (v *exchange) notify(s *simWorld, i int32) {
	v.sequence++
	s.history.changed(s, &v.orders[i])
	if !s.up || s.mute {
		return
	}
	o := &v.orders[i]
	id := order.ID(0)
	if o.intent >= 0 {
		id = s.intents[o.intent].id
	}
	if s.net.out || s.strikes(v.draws, noticeLost, id) {
		return
	}
	times := 1
	if s.strikes(v.draws, noticeTwice, id) {
		times = 2
	}
	for range times {
		wait := v.draws.between(ms, 40*ms)
		if s.strikes(v.draws, noticeLate, id) {
			wait = v.draws.between(0, 5*second)
		}
		at := int32(len(v.notices))
		if last := len(v.free) - 1; last >= 0 {
			at = v.free[last]
			v.free = v.free[:last]
		} else {
			v.notices = append(v.notices, order.Report{})
		}
		r := &v.notices[at]
		*r = o.report
		r.Sequence, r.Remark, r.OrderedAt = v.sequence, order.Remark{}, 0
		s.postOwn(noticeComes, wait, at)
	}
}

func (v *exchange) forget(i int32) { v.free = append(v.free, i) }

func (v *exchange) noticed(s *simWorld, i int32) {
	s.event.Kind, s.event.Report = ReportEvent, v.notices[i]
	v.forget(i)
	s.step()
}

// somebody trades by hand on the same account, never like one of ours.
func (v *exchange) somebody(s *simWorld) {
	s.coverAll(external)
	i := v.create(s, order.Report{
		Status: order.StatusOrdered, Instrument: market.InstrumentID(1 + v.draws.IntN(instruments)), Side: market.Buy, Quantity: 3 * lot, Limit: 10500,
	}, -1)
	if v.draws.hit(0.7) {
		v.fill(s, i, lot*market.Units(1+v.draws.IntN(3)))
	}
}
