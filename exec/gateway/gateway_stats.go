package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/rest"
)

const publishEvery = 250 * time.Millisecond

// stage is a histogram of the time between two moments of an order.
type stage struct{ metrics.Histogram }

func (s *stage) record(from, to market.Mono) {
	if from != 0 && to >= from {
		s.RecordDuration(to.Sub(from))
	}
}

// stats counts what the gateway does. Histograms and plain counters belong to
// the core's owner, tickToDecision to orderAck; the others are atomic.
type stats struct {
	tickToDecision stage
	tickToWire     stage
	orderAck       stage

	submitted, denied, renewals, alarms metrics.Counter
	states                              [order.States]metrics.Counter
	fills                               metrics.Counter
	calls                               [rest.Endpoints]metrics.Counter
	verdicts                            [order.Verdicts]metrics.Counter
	late                                metrics.Counter
}

// Snapshot is what observers see of the gateway. It is immutable.
type Snapshot struct {
	At                                   market.Stamp
	Submitted, Denied, Renewals, Alarms  uint64
	States                               [order.States]uint64   // updates told, by state reached
	Fills                                uint64                 // updates that brought a fill
	Calls                                [rest.Endpoints]uint64 // by endpoint, written in whole or part
	Verdicts                             [order.Verdicts]uint64
	Late                                 uint64 // answers after their attempt was given up
	LogDropped                           uint64
	Idle, Open                           int // connections
	Dials, DialFailures                  uint64
	Waiting                              int           // calls without a connection
	Skew                                 time.Duration // to add to our wall clock; zero when the clocks agree
	TickToDecision, TickToWire, OrderAck metrics.Summary
}

// update counts what is told of an order.
func (s *stats) update(u *order.Update) {
	s.states[min(int(u.State), order.States-1)].Add(1)
	if u.State == order.Denied {
		s.denied.Add(1)
	}
	if u.FilledNow > 0 {
		s.fills.Add(1)
	}
}

// ended counts how a call ended; the connections' readers call it.
func (s *stats) ended(r *result, j *rest.Judgement) {
	s.verdicts[j.Verdict].Add(1)
	if r.late {
		s.late.Add(1)
	}
}

// publish makes the next snapshot. The owner's.
func (g *Gateway) publish() {
	s := &g.stats
	snap := &Snapshot{
		At: g.clock.Now(), Submitted: s.submitted.Load(), Denied: s.denied.Load(), Renewals: s.renewals.Load(), Alarms: s.alarms.Load(),
		Fills: s.fills.Load(), Late: s.late.Load(), LogDropped: g.log.dropped.Load(),
		Idle: g.pool.idle(), Open: g.pool.open(), Dials: g.pool.dials.Load(), DialFailures: g.pool.failures.Load(),
		Waiting: len(g.waiting), Skew: g.watch.correction(),
		TickToDecision: s.tickToDecision.Snapshot().Summary(), TickToWire: s.tickToWire.Snapshot().Summary(),
		OrderAck: s.orderAck.Snapshot().Summary(),
	}
	for i := range snap.States {
		snap.States[i] = s.states[i].Load()
	}
	for i := range snap.Calls {
		snap.Calls[i] = s.calls[i].Load()
	}
	for i := range snap.Verdicts {
		snap.Verdicts[i] = s.verdicts[i].Load()
	}
	g.snapshot.Store(snap)
}

// Snapshot is the newest published one, a quarter of a second old at most while
// Run runs. Any goroutine may call it.
func (g *Gateway) Snapshot() *Snapshot { return g.snapshot.Load() }
