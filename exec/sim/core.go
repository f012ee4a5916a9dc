package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Core is broker and exchange without their edges: pure, single-owner,
// deterministic by seed. Market events come in by [Core.Market], the passing of
// time by [Core.Step], requests by [Core.Answer] (the wire's form), by
// [Core.Call] (typed, with the same limits and faults), or by [Core.Place],
// [Core.Modify] and [Core.Cancel] (typed, without session, limits and faults of
// the wire). What happened to orders is taken from [Core.Notices].
type Core struct {
	cfg      Config
	universe *market.Universe
	date     market.Date

	sessions    *sessions
	limits      *limits
	ledger      *ledger
	account     account
	books       []book // by instrument
	underlyings map[string][]market.InstrumentID
	candles     *candles

	orders  map[string]*Order
	list    []*Order // as accepted
	working map[string]*Order
	tasks   []task // by due, then as queued
	notices []Notice
	swapped *Notice // waits for the next notice to overtake it

	weather  *rand.Rand // faults of calls, orders and notices
	sequence uint32     // of order ids
	notice   uint64     // of notices
	closed   bool       // today's orders have expired
	counts   CoreCounts
}

// CoreCounts are what a core counted since it was made.
type CoreCounts struct {
	Calls, Refused, Throttled      int64 // REST calls; refused for signature or session; refused by a limit
	FaultsInjected                 int64
	OrdersAccepted, OrdersRejected int64
	Duplicates                     int64 // orders accepted whose non-empty remark an earlier one bears
	Fills                          int64
}

// task is what the exchange, or a slow network, does later.
type task struct {
	due market.Mono
	run func(at market.Stamp)
}

// NewCore makes a venue's core. The tape of the configuration is asked for its
// date and instruments only.
func NewCore(cfg Config) (*Core, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	list := slices.Clone(cfg.Tape.Instruments())
	for i := range list { // the master wants both of every row, an index too
		or(&list[i].LotSize, 1)
		or(&list[i].TickSize, 5)
	}
	universe, err := market.NewUniverse(list)
	if err != nil {
		return nil, fmt.Errorf("sim: tape %q: %w", cfg.Tape.Describe(), err)
	}
	c := &Core{
		cfg: cfg, universe: universe, date: cfg.Tape.Date(),
		sessions: newSessions(&cfg), limits: newLimits(cfg.Limits), ledger: newLedger(cfg.Ledger),
		account:     account{allocated: cfg.Cash, cash: cfg.Cash, positions: make(map[market.InstrumentID]*Position)},
		books:       make([]book, universe.Len()+1),
		underlyings: make(map[string][]market.InstrumentID),
		candles:     newCandles(universe),
		orders:      make(map[string]*Order), working: make(map[string]*Order),
		weather: rand.New(rand.NewPCG(cfg.Seed, 0xfa17)),
	}
	// By kind, so that an index comes before a future.
	for _, kind := range []market.Kind{market.Index, market.Future} {
		for _, in := range universe.All() {
			if in.Kind == kind {
				c.underlyings[in.Underlying] = append(c.underlyings[in.Underlying], in.ID)
			}
		}
	}
	return c, nil
}

// Universe is the day's instruments.
func (c *Core) Universe() *market.Universe { return c.universe }

// Date is the tape's day.
func (c *Core) Date() market.Date { return c.date }

// Counts is what happened so far.
func (c *Core) Counts() CoreCounts {
	counts := c.counts
	counts.Duplicates = int64(c.ledger.duplicates)
	return counts
}

// Quote is the last quote of an instrument; ok is false before the first.
func (c *Core) Quote(id market.InstrumentID) (q market.Quote, ok bool) {
	if int(id) >= len(c.books) {
		return q, false
	}
	return c.books[id].quote, c.books[id].seen
}

// Market takes one event of the tape: the book moves, resting orders may fill.
func (c *Core) Market(ev *market.Event, at market.Stamp) {
	id := ev.Quote.Instrument
	if ev.Kind == market.DepthEvent {
		id = ev.Depth.Instrument
	}
	if id == 0 || int(id) >= len(c.books) {
		return
	}
	b := &c.books[id]
	traded := b.take(ev)
	if ev.Kind == market.QuoteEvent && !c.cfg.NoCandles {
		c.candles.take(&ev.Quote, ev.At)
	}
	if len(b.resting) > 0 && c.open(ev.At) {
		c.matchResting(b, traded, at)
	}
}

// Step lets time pass: what is due happens, and at the session's close resting
// orders expire.
func (c *Core) Step(at market.Stamp) {
	for len(c.tasks) > 0 && c.tasks[0].due <= at.Mono {
		t := c.tasks[0]
		c.tasks = slices.Delete(c.tasks, 0, 1)
		t.run(at)
	}
	if !c.closed && at.Market >= c.date.At(c.cfg.Close) {
		c.expireAll(at)
		c.closed = true
	}
}

// NewDay ends the day and begins it anew: what rests expires, what expires is
// settled, books are empty, open positions stay. Orders and trades of the day
// before stay listed, for their date is the same.
func (c *Core) NewDay(at market.Stamp) {
	c.expireAll(at)
	c.settle()
	c.books = make([]book, len(c.books))
	c.candles = newCandles(c.universe)
	c.closed = false
}

// SetFaults changes the weather from now on; the zero Faults heals the venue.
func (c *Core) SetFaults(f Faults) error {
	if err := f.validate(); err != nil {
		return err
	}
	c.cfg.Faults = f
	return nil
}

// Next is when something is due that [Core.Step] must not be late for; false
// when nothing is.
func (c *Core) Next() (at market.Mono, ok bool) {
	if len(c.tasks) == 0 {
		return 0, false
	}
	return c.tasks[0].due, true
}

func (c *Core) expireAll(at market.Stamp) {
	for _, o := range c.list {
		if c.working[o.ID] != nil {
			c.expire(o, at)
		}
	}
}

// later queues what the exchange does after its delay; without one it happens
// at once.
func (c *Core) later(delay time.Duration, at market.Stamp, run func(at market.Stamp)) {
	if delay <= 0 && len(c.tasks) == 0 {
		run(at)
		return
	}
	t := task{at.Mono.Add(delay), run}
	i, _ := slices.BinarySearchFunc(c.tasks, t, func(a, b task) int {
		if a.due <= b.due {
			return -1
		}
		return 1
	})
	c.tasks = slices.Insert(c.tasks, i, t)
}

// strikes draws whether a fault of the given chance happens now.
func (c *Core) strikes(chance float64) bool {
	if chance <= 0 || c.weather.Float64() >= chance {
		return false
	}
	c.counts.FaultsInjected++
	return true
}

// Notices hands over what happened to orders since the last call. The slice is
// valid until the next call into the core.
func (c *Core) Notices() []Notice {
	out := c.notices
	c.notices = c.notices[:0]
	return out
}

// Notice is one word of the order stream.
type Notice struct {
	Order    Order // as it was then
	Sequence uint64
	At       market.Stamp
	Contract *market.Instrument
}

func (c *Core) tell(o *Order, at market.Stamp) {
	c.notice++
	n := Notice{Order: *o, Sequence: uint64(c.date)*100_000_000 + 1_788_000 + c.notice, At: at, Contract: c.universe.Get(o.Instrument)}
	if c.strikes(c.cfg.Faults.LoseNotice) {
		return
	}
	if c.swapped == nil && c.strikes(c.cfg.Faults.SwapNotice) {
		c.swapped = &n
		return
	}
	c.notices = append(c.notices, n)
	if c.strikes(c.cfg.Faults.RepeatNotice) {
		c.notices = append(c.notices, n)
	}
	if c.swapped != nil {
		c.notices = append(c.notices, *c.swapped)
		c.swapped = nil
	}
}

// Report turns a notice into the engine's form.
func (n *Notice) Report(r *order.Report) {
	o := &n.Order
	id, _ := order.ParseVenueID(o.ID) // the venue's own ids always fit
	*r = order.Report{
		VenueID: id, Sequence: n.Sequence, Status: o.Status, Instrument: o.Instrument, Side: o.Side, Quantity: o.Qty,
		Executed: o.Filled, Cancelled: o.Cancelled, Expired: o.Expired, Limit: o.Price, Trigger: o.Trigger,
		Average: o.Average(), OrderedAt: o.Placed.Market, Recv: n.At.Mono,
	}
}
