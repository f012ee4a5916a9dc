package gateway

import (
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/breaker"
)

// Recorder keeps records of what the core does, each before it is done, in the
// order given. [journal.Journal] is one.
type Recorder interface {
	// Append keeps the record, which is borrowed, or says that it could not.
	// Spare: it may use the room kept back for what ends a risk. It must neither
	// block nor allocate.
	Append(r *journal.Record, spare bool) bool
}

// keep puts the scratch record into the journal. An entry that cannot be kept
// is denied; everything else goes on, and a person is told.
func (c *Core) keep(kind journal.Kind, spare bool) bool {
	if c.config.Recorder == nil {
		return true
	}
	c.record.Kind, c.record.At = kind, c.at
	if c.config.Recorder.Append(&c.record, spare) {
		c.unkept = false
		return true
	}
	c.stats.Unrecorded++
	c.unkept = true
	return false
}

// keepIntent records that risk let a ticket pass.
func (c *Core) keepIntent(o *order.Order) bool {
	t := &o.Ticket
	c.record.ID = t.ID
	c.record.Intent = journal.Intent{
		Key: c.config.Universe.Get(t.Instrument).ContractKey, Strategy: t.Strategy, Class: t.Class, Side: t.Side, TIF: t.TIF,
		Signal: t.Signal, Quantity: o.Quantity, Price: t.Price, Trigger: t.Trigger,
		TickAt: t.TickAt, WokenAt: t.WokenAt, DecidedAt: t.DecidedAt,
	}
	adopted := o.State == order.Sending // it is at the venue: its record may not be missing
	return c.keep(journal.Intended, t.Class == order.Flatten || adopted)
}

// keepCall records that a call is about to leave.
func (c *Core) keepCall(a *Action) bool {
	c.record.ID = a.ID
	c.record.Call = journal.Call{
		Kind: journal.CallKind(a.Kind), Class: a.Class, Attempt: a.Attempt, Slot: uint32(a.Slot), Epoch: a.Epoch, Price: a.Ticket.Price,
	}
	if !a.Kind.Write() {
		return c.keep(journal.Reading, true)
	}
	return c.keep(journal.Sending, a.Kind != SendPlace || a.Class == order.Flatten)
}

// keepAnswer records how a call ended.
func (c *Core) keepAnswer(k *flight, a *Answer) {
	c.record.ID = 0
	if k.job >= 0 && c.jobs[k.job].o != nil {
		c.record.ID = c.jobs[k.job].o.Ticket.ID
	}
	c.record.Call = journal.Call{
		Kind: journal.CallKind(k.kind), Class: k.class, Attempt: k.attempt, Slot: uint32(k.slot), Epoch: a.Epoch, Verdict: a.Verdict,
		Sent: uint8(a.Sent), Late: k.late, SentAt: a.SentAt, Took: c.at.Mono.Sub(k.started), RetryAfter: a.RetryAfter, Delay: c.delay, Text: a.Reason,
	}
	c.keep(journal.Answered, true)
}

// keepMove records an order after a change, unless the journal knows it so.
func (c *Core) keepMove(o *order.Order, m order.Move) {
	if m == order.Approve || m == order.Permit {
		return // the intent's and the attempt's own records tell
	}
	now := journal.Move{
		State: o.State, Attempts: o.Attempts, Absences: o.Absences, CancelWanted: o.CancelWanted, Estimated: o.Estimated,
		EndedByVenue: o.EndedByVenue, VenueID: o.VenueID, Filled: o.Filled, Cancelled: o.Cancelled, Expired: o.Expired,
		Value: o.Value, Price: o.Price, PriceWanted: o.PriceWanted,
	}
	j := c.job(o)
	if now == j.kept {
		return
	}
	j.kept = now
	now.Move, now.Notice, now.Text = m, o.Sequence, o.Reason
	c.record.ID, c.record.Move = o.Ticket.ID, now
	c.keep(journal.Moved, true)
}

func (c *Core) keepLevel(l risk.Level, operator bool) {
	c.record.ID, c.record.Level = 0, journal.Level{Level: uint8(l), Operator: operator, Text: c.gate.Cause()}
	c.keep(journal.Leveled, true)
}

// keepHolding records what the account held before the day's first order.
func (c *Core) keepHolding(id market.InstrumentID, quantity market.Units, average market.Paise) {
	c.record.ID = 0
	c.record.Holding = journal.Holding{Key: c.config.Universe.Get(id).ContractKey, Quantity: quantity, Average: average}
	c.keep(journal.Held, true)
}

func (c *Core) keepBase() {
	c.record.ID = 0
	c.keep(journal.Based, true)
}

func (c *Core) keepBlock(id market.InstrumentID, why string) {
	c.record.ID = 0
	c.record.Block = journal.Block{Key: c.config.Universe.Get(id).ContractKey, Blocked: why != "", Text: why}
	c.keep(journal.Blocked, true)
}

func (c *Core) keepNote(id order.ID, text string) {
	c.record.ID, c.record.Text = id, text
	c.keep(journal.Noted, true)
}

// tellUnkept tells a person that the journal does not take records, or does
// again.
func (c *Core) tellUnkept() {
	if c.unkept == c.unkeptTold {
		return
	}
	c.unkeptTold = c.unkept
	c.stats.Alarms++
	text := "the journal takes records again"
	if c.unkept {
		text = "the journal takes no records: no entries until it does"
	}
	c.out = append(c.out, Action{Kind: Alarm, Text: text})
}

// keepTrips records what the breakers did since the last event.
func (c *Core) keepTrips() {
	for i, b := range [...]*breaker.Breaker{c.writes, c.reads, c.logins} {
		if state := b.State(); state != c.tripped[i] {
			c.tripped[i] = state
			c.record.ID, c.record.Trip = 0, journal.Trip{Breaker: uint8(i), State: uint8(state)}
			c.keep(journal.Tripped, true)
		}
	}
}
