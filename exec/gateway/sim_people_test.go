package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// schedulePeople lets strategies trade and an operator look after them.
func (s *simWorld) schedulePeople() {
	for n := range s.plan.strategies {
		s.post(strategyActs, s.strategy.between(0, 2*second), int32(n+1))
	}
	s.post(personLooks, s.plan.person, 0)
	if s.plan.phase == beforeMidnight {
		// Orders of the day end with it; the next day's come from the next day's run.
		s.ends = max(s.ends, s.midnight()+45*second)
	}
}

// midnight is when the day ends, in the world's time.
func (s *simWorld) midnight() market.Mono { return market.Mono(simDay.AddDays(1).At(0) - s.clock.zero) }

// trading tells whether strategies still ask for something.
func (s *simWorld) trading() bool {
	return s.now < s.ends && (s.plan.phase != beforeMidnight || s.now < s.midnight()-50*second)
}

// recurring is what happens again and again without a call's occasion.
var recurring = [...]struct {
	fault fault
	what  what
	slow  market.Mono // times the grade's mean
}{
	{outage, outageBegins, 3},
	{streamGap, streamGoes, 1},
	{streamMute, streamFallsMute, 2},
	{tokenDies, tokenIsDropped, 3},
	{pauses, processStops, 1},
	{wallJumps, wallJumpsNow, 1},
	{diskFull, diskFills, 2},
	{killed, killComes, 1},
	{killedInAppend, killComes, 1},
	{powerLost, killComes, 4},
	{external, ownerTrades, 2},
	{killLevel, levelRises, 4},
	{runaway, strategyRuns, 3},
}

// scheduleFaults plans the faults that come by themselves.
func (s *simWorld) scheduleFaults() {
	for _, r := range recurring {
		if g := s.mix.grade[r.fault]; g != absent {
			for at := s.schedule.around(r.slow * gradeEvery[g]); s.now+at < s.ends; at += s.schedule.around(r.slow * gradeEvery[g]) {
				s.post(r.what, at, 0)
			}
		}
	}
}

// acts is a strategy's decision, and the next one's time.
func (s *simWorld) acts(n int32) {
	if !s.trading() {
		return
	}
	s.post(strategyActs, s.strategy.around(s.plan.pace), n)
	first := s.places(order.StrategyID(n), 0)
	if first >= 0 && s.strikes(s.strategy, signalTwice, s.intents[first].id) {
		s.places(order.StrategyID(n), s.intents[first].signal)
	}
}

// runs is a strategy that lost its head.
func (s *simWorld) runs(int32) {
	s.coverAll(runaway)
	for range 60 {
		s.places(1, 0)
	}
}

// places asks for an order; a signal that was given before must not make a
// second one. It returns the intent's place, -1 when there is no process.
func (s *simWorld) places(n order.StrategyID, signal uint64) int32 {
	if !s.up {
		return -1
	}
	id := s.nextID()
	i := intentOf(id)
	it := &s.intents[i]
	if signal == 0 {
		signal = uint64(i) + 1
	}
	r := s.strategy
	t := order.Ticket{
		ID: id, Strategy: n, Signal: signal, Instrument: market.InstrumentID(1 + r.IntN(instruments)), Class: order.Entry,
		Lots: market.Lots(1 + r.IntN(2)), Side: market.Buy, Price: market.Paise(9995 - 5*r.IntN(12)), DecidedAt: s.clock.mono(s.now),
	}
	if r.IntN(2) == 0 {
		t.Side, t.Price = market.Sell, market.Paise(10005+5*r.IntN(12))
	}
	if r.IntN(32) == 0 {
		t.TIF, t.Price = order.IOC, market.Paise(10000)
	}
	it.signal, it.ticket, it.quantity = signal, t, t.Lots.Units(lot)
	s.event.Kind = CommandEvent
	s.event.Command = order.Command{Kind: order.Place, Ticket: t}
	s.step()
	life := r.around(s.plan.life)
	if r.IntN(3) == 0 {
		price := market.Paise(9995 - 5*r.IntN(12))
		if t.Side == market.Sell {
			price = market.Paise(10005 + 5*r.IntN(12))
		}
		s.postFor(0, modifyAsked, life/2, i, int64(price))
	}
	s.post(cancelAsked, life, i)
	return i
}

// asks is a strategy's cancel or change of an earlier order.
func (s *simWorld) asks(kind order.CommandKind, n int32, price market.Paise) {
	it := &s.intents[n]
	if !s.up || it.over {
		return
	}
	s.event.Kind = CommandEvent
	s.event.Command = order.Command{Kind: kind, Ticket: order.Ticket{ID: it.id, Strategy: it.ticket.Strategy}, Price: price}
	s.step()
	if kind == order.CancelOne && !it.over && s.now < s.ends {
		s.post(cancelAsked, 20*second, n) // the strategy asks until it is told of the end
	}
}

// looks is the operator: lowers what may be lowered, and settles what only a
// person can, by what the venue knows.
func (s *simWorld) looks() {
	if !s.up {
		return
	}
	c := s.core
	s.login.remind(s)
	if s.gate.Level() > risk.Armed && !s.healed && s.people.hit(0.3) && s.clock.off.Abs() < 5*time.Second {
		s.orders(Operator{Name: "an operator", Lower: true, Level: risk.Armed})
		if !s.up || s.core != c {
			return
		}
	}
	if c.halted || c.refused >= c.login.Epoch && c.login.Epoch != 0 && s.login.good(s.login.held, s.now) {
		s.orders(Operator{Name: "an operator"})
	}
	for id := 1; s.up && s.core == c && id < len(c.exposure); id++ {
		if c.exposure[id].blocked != "" {
			s.orders(Operator{Name: "an operator", Instrument: market.InstrumentID(id)})
		}
	}
	for n := 0; s.up && s.core == c && n < len(c.active); n++ {
		o := c.jobs[c.active[n]].o
		if o.State != order.Unresolved {
			continue
		}
		it := &s.intents[intentOf(o.Ticket.ID)]
		verdict := Operator{Name: "an operator", ID: o.Ticket.ID}
		if it.venue != 0 {
			verdict.Placed = venueName(int(it.venue - 1))
		}
		s.orders(verdict)
		return // one at a look
	}
}

// orders gives the core a person's word.
func (s *simWorld) orders(p Operator) {
	s.event.Kind, s.event.Operator = OperatorEvent, p
	s.step()
}

// raises is somebody at the kill switch.
func (s *simWorld) raises() {
	s.coverAll(killLevel)
	levels := [...]risk.Level{risk.Reducing, risk.CancelAll, risk.FlattenAll}
	s.event.Kind, s.event.Level, s.event.Text = KillEvent, levels[s.people.IntN(len(levels))], "drill"
	s.step()
}
