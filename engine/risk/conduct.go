package risk

import (
	"time"

	"github.com/vayu-trading/vayu/engine/internal/idmap"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// signals is how many decisions of a strategy are remembered. The venue takes
// 5,000 calls a day.
const signals = 8192

// conduct is how one strategy has behaved lately. Owned by the order core.
type conduct struct {
	second log
	minute log

	recent [maxRepeats]fingerprint
	next   int

	seen    *idmap.Map // signal → place in firsts
	firsts  []first
	oldest  int
	strikes int // refusals for rate and repeats since
	since   market.Mono
}

type fingerprint struct {
	instrument market.InstrumentID
	side       market.Side
	lots       market.Lots
	price      market.Paise
	at         market.Mono
}

type first struct {
	signal uint64
	id     order.ID
}

func newConduct(l *Limits) *conduct {
	return &conduct{
		second: log{at: make([]market.Mono, l.PerSecond), window: market.Mono(time.Second)},
		minute: log{at: make([]market.Mono, l.PerMinute), window: market.Mono(time.Minute)},
		seen:   idmap.New(signals), firsts: make([]first, 0, signals),
	}
}

// log is an exact sliding log: the times of the last messages. A token bucket
// would let almost twice as many pass in one window.
type log struct {
	at     []market.Mono // zero: never
	next   int
	window market.Mono
}

// full tells whether one more message now would be too many.
func (l *log) full(now market.Mono) bool {
	oldest := l.at[l.next]
	return oldest != 0 && now-oldest < l.window
}

func (l *log) add(now market.Mono) {
	l.at[l.next] = max(now, 1)
	if l.next++; l.next == len(l.at) {
		l.next = 0
	}
}

// repeats counts the equal orders within the window.
func (c *conduct) repeats(t *order.Ticket, now market.Mono, window time.Duration) (n int) {
	for i := range c.recent {
		f := &c.recent[i]
		if f.instrument == t.Instrument && f.price == t.Price && f.side == t.Side && f.lots == t.Lots && now.Sub(f.at) < window {
			n++
		}
	}
	return n
}

// remember keeps an order that passed.
func (c *conduct) remember(t *order.Ticket, now market.Mono) {
	c.recent[c.next] = fingerprint{t.Instrument, t.Side, t.Lots, t.Price, now}
	c.next = (c.next + 1) % maxRepeats
	if t.Signal == 0 {
		return
	}
	if len(c.firsts) < signals {
		c.firsts = append(c.firsts, first{t.Signal, t.ID})
		c.seen.Put(t.Signal, int32(len(c.firsts)-1))
		return
	}
	c.seen.Delete(c.firsts[c.oldest].signal)
	c.firsts[c.oldest] = first{t.Signal, t.ID}
	c.seen.Put(t.Signal, int32(c.oldest))
	c.oldest = (c.oldest + 1) % signals
}

// Remember tells of a ticket that passed in an earlier run of the day, so that
// its decision, repeated, names its order and makes no second one.
func (g *Gate) Remember(t *order.Ticket) {
	if t.Signal != 0 {
		g.conduct(t.Strategy).remember(t, -market.Mono(time.Hour))
	}
}

// strike counts a refusal for bad conduct and tells whether there were too
// many within a second.
func (c *conduct) strike(now market.Mono, runaway int) bool {
	if now.Sub(c.since) >= time.Second {
		c.since, c.strikes = now, 0
	}
	c.strikes++
	return c.strikes >= runaway
}

// conduct is the record of a strategy; the first ticket of each makes one.
func (g *Gate) conduct(id order.StrategyID) *conduct {
	for int(id) >= len(g.strategies) {
		g.strategies = append(g.strategies, nil)
	}
	if g.strategies[id] == nil {
		g.strategies[id] = newConduct(&g.limits)
	}
	return g.strategies[id]
}
