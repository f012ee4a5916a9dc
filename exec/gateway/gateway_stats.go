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
	Core                                 Stats
	Standing                             Standing
	Orders                               []OpenOrder // that are not over, oldest first
	Submitted, Denied, Renewals, Alarms  uint64
	States                               [order.States]uint64   // updates told, by state reached
	Fills                                uint64                 // updates that brought a fill
	Calls                                [rest.Endpoints]uint64 // by endpoint, written in whole or part
	Verdicts                             [order.Verdicts]uint64
	Late                                 uint64 // answers after their attempt was given up
	LogDropped                           uint64
	Idle, Connections                    int
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

// OpenOrder is an order that is not over, as observers see it.
type OpenOrder struct {
	ID               order.ID
	Strategy         order.StrategyID
	Instrument       market.InstrumentID
	Side             market.Side
	State            order.State
	VenueID          order.VenueID
	Quantity, Filled market.Units
	Price, Average   market.Paise
	Attempts         uint8
	CancelWanted     bool
	Reason           string
	Sent             market.Stamp // the last attempt's permit
}

// Open appends the orders that are not over, oldest first. The owner's.
func (c *Core) Open(dst []OpenOrder) []OpenOrder {
	for _, i := range c.active {
		o := c.jobs[i].o
		if o.State.Terminal() {
			continue
		}
		dst = append(dst, OpenOrder{
			ID: o.Ticket.ID, Strategy: o.Ticket.Strategy, Instrument: o.Ticket.Instrument, Side: o.Ticket.Side, State: o.State,
			VenueID: o.VenueID, Quantity: o.Quantity, Filled: o.Filled, Price: o.Price, Average: o.Average(),
			Attempts: o.Attempts, CancelWanted: o.CancelWanted, Reason: o.Reason, Sent: o.Sent,
		})
	}
	return dst
}

// collect begins the next snapshot with what only the owner may read.
func (g *Gateway) collect() *Snapshot {
	return &Snapshot{
		At: g.clock.Now(), Core: g.core.Stats(), Standing: g.core.Standing(), Orders: g.core.Open(nil), Waiting: len(g.waiting),
	}
}

// publish completes a snapshot with what anyone may read, and publishes it.
func (g *Gateway) publish(snap *Snapshot) {
	s := &g.stats
	snap.Submitted, snap.Denied, snap.Renewals, snap.Alarms = s.submitted.Load(), s.denied.Load(), s.renewals.Load(), s.alarms.Load()
	snap.Fills, snap.Late, snap.LogDropped = s.fills.Load(), s.late.Load(), g.log.dropped.Load()
	snap.Idle, snap.Connections = g.pool.idle(), g.pool.open()
	snap.Dials, snap.DialFailures = g.pool.dials.Load(), g.pool.failures.Load()
	snap.Skew = g.watch.correction()
	snap.TickToDecision = s.tickToDecision.Snapshot().Summary()
	snap.TickToWire = s.tickToWire.Snapshot().Summary()
	snap.OrderAck = s.orderAck.Snapshot().Summary()
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

// CallsTo is what became of the core's calls of one endpoint.
func (s *Snapshot) CallsTo(e rest.Endpoint) (sum CallStats, any bool) {
	for kind, endpoint := range endpoints {
		if c := s.Core.Calls[kind]; ActionKind(kind).Call() && endpoint == e {
			return c, c.Attempts > 0
		}
	}
	return CallStats{}, false
}
