package paper

import (
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/gateway"
)

// Config is what a paper desk needs. Venue, Emit and of the core's
// configuration Book, Gate and Tag must be set.
type Config struct {
	Venue *Venue
	Core  gateway.CoreConfig             // its Universe and NextID may be left out
	Emit  func(*order.Update)            // the update is borrowed until it returns
	Alarm func(id order.ID, text string) // tells a person; may be nil
	Renew func(epoch uint64)             // a login was refused: another comes by Session. Nil: the desk logs in by itself, at once and for as long as it runs
	Clock market.Clock                   // Gateway only
	Fatal func(why any)                  // Gateway only, as in gateway.Config

	SendDelay  time.Duration // from here to the venue
	ReplyDelay time.Duration // from the venue to here, answers and notices alike
}

// Desk takes orders and has the venue of the same process fill them. It is
// stepped by its owner, one goroutine at a time.
type Desk struct {
	config Config
	core   *gateway.Core
	venue  *Venue
	market follower

	begun    bool
	commands []order.Command // asked for, not yet taken
	events   []gateway.Event // likewise, and more urgent
	mail     []letter        // on its way here, by arrival
	event    gateway.Event   // scratch
	counts   counts
}

// letter is an answer or a notice on its way to the desk.
type letter struct {
	due    market.Mono
	sentAt market.Mono // of an answer: when its request left
	answer bool
	event  gateway.Event
}

// counts are the owner's.
type counts struct {
	submitted, denied, renewals, alarms, fills uint64
	states                                     [order.States]uint64
	verdicts                                   [order.Verdicts]uint64
	tickToDecision, tickToWire, orderAck       metrics.Histogram
}

const never = market.Mono(math.MaxInt64)

// NewDesk checks the configuration. From then on the venue is this desk's.
func NewDesk(config Config) (*Desk, error) {
	switch {
	case config.Venue == nil || config.Emit == nil:
		return nil, fmt.Errorf("%w: a desk needs a venue and somebody who takes updates", ErrConfig)
	case config.SendDelay < 0 || config.ReplyDelay < 0:
		return nil, fmt.Errorf("%w: delays of %s and %s must not be negative", ErrConfig, config.SendDelay, config.ReplyDelay)
	}
	if config.Core.Universe == nil {
		config.Core.Universe = config.Venue.universe
	}
	if config.Core.NextID == nil {
		sequence, tag := new(atomic.Uint64), config.Core.Tag
		config.Core.NextID = func() order.ID { return tag.ID(sequence.Add(1)) }
	}
	core, err := gateway.NewCore(config.Core)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	d := &Desk{config: config, core: core, venue: config.Venue, market: newFollower(config.Core.Book)}
	d.venue.attach(d)
	return d, nil
}

// Submit takes a strategy's command and returns its order's number. It is
// carried out in the next Step, or in the one that is under way.
func (d *Desk) Submit(c order.Command) order.ID {
	if c.Kind == order.Place {
		c.Ticket.ID = d.config.Core.NextID()
	}
	d.commands = append(d.commands, c)
	return c.Ticket.ID
}

// Session tells that a login came into force, or that none is to be had. Only
// for desks that do not log in by themselves.
func (d *Desk) Session(s gateway.Session) {
	d.put(gateway.Event{Kind: gateway.SessionEvent, Session: s})
}

// Kill raises the kill level; it is never lowered here. Why is a constant or
// an escaped text.
func (d *Desk) Kill(level risk.Level, why string) {
	d.put(gateway.Event{Kind: gateway.KillEvent, Level: level, Text: why})
}

// Operator hands over a person's verdict.
func (d *Desk) Operator(o gateway.Operator) {
	d.put(gateway.Event{Kind: gateway.OperatorEvent, Operator: o})
}

func (d *Desk) put(e gateway.Event) { d.events = append(d.events, e) }

// Step does everything that is due now, and what comes of it, and tells whether
// that was anything. Time must not go back.
func (d *Desk) Step(now market.Stamp) (worked bool) {
	if !d.begun {
		d.begun = true
		d.put(gateway.Event{Kind: gateway.StreamEvent, Stream: market.FeedLive})
		if d.config.Renew == nil {
			d.logIn()
		}
	}
	for d.round(now) {
		worked = true
	}
	return worked
}

// Next is when Step must be called at the latest; it may be in the past.
// Before the first Step it is unknown: call that at once.
func (d *Desk) Next() market.Mono {
	next := min(d.core.Next(), d.venue.next())
	if len(d.mail) > 0 {
		next = min(next, d.mail[0].due)
	}
	if len(d.commands)+len(d.events) > 0 {
		next = 0
	}
	return next
}

// round lets the market and the venue go first: an order meets the newest
// quotes.
func (d *Desk) round(now market.Stamp) (moved bool) {
	moved = d.market.follow(d.venue, now)
	moved = d.venue.advance(d, now) || moved
	for len(d.mail) > 0 && d.mail[0].due <= now.Mono {
		l := d.mail[0]
		d.mail = append(d.mail[:0], d.mail[1:]...)
		d.receive(&l, now)
		moved = true
	}
	for len(d.events) > 0 {
		d.event = d.events[0]
		d.events = append(d.events[:0], d.events[1:]...)
		d.step(now)
		moved = true
	}
	for len(d.commands) > 0 {
		c := d.commands[0]
		d.commands = append(d.commands[:0], d.commands[1:]...)
		d.command(&c, now)
		moved = true
	}
	if d.core.Next() <= now.Mono {
		d.event = gateway.Event{Kind: gateway.Tick}
		moved = d.step(now) || moved
	}
	return moved
}

func (d *Desk) receive(l *letter, now market.Stamp) {
	if l.answer {
		d.counts.verdicts[l.event.Answer.Verdict]++
		if l.event.Answer.Verdict == order.OK && !l.event.Answer.VenueID.IsZero() {
			d.counts.orderAck.RecordDuration(now.Mono.Sub(l.sentAt))
		}
	}
	d.event = l.event
	d.step(now)
}

func (d *Desk) command(c *order.Command, now market.Stamp) {
	d.counts.submitted++
	if c.Kind == order.Place && c.Ticket.TickAt != 0 && c.Ticket.DecidedAt >= c.Ticket.TickAt {
		d.counts.tickToDecision.RecordDuration(c.Ticket.DecidedAt.Sub(c.Ticket.TickAt))
	}
	d.event = gateway.Event{Kind: gateway.CommandEvent, Command: *c}
	d.step(now)
}

// step gives the core the event in hand and carries out what it answers.
func (d *Desk) step(now market.Stamp) (acted bool) {
	actions := d.core.Step(&d.event, now)
	for i := range actions {
		d.act(&actions[i], now)
	}
	return len(actions) > 0
}

func (d *Desk) act(a *gateway.Action, now market.Stamp) {
	switch {
	case a.Kind.Call():
		if a.Kind == gateway.SendPlace && a.Ticket.TickAt != 0 && now.Mono >= a.Ticket.TickAt {
			d.counts.tickToWire.RecordDuration(now.Mono.Sub(a.Ticket.TickAt))
		}
		d.venue.send(request{desk: d, due: now.Mono.Add(d.config.SendDelay), sentAt: now.Mono, action: *a, call: callOf(a)})
	case a.Kind == gateway.Emit:
		d.tell(&a.Update)
	case a.Kind == gateway.RenewSession:
		d.counts.renewals++
		if d.config.Renew != nil {
			d.config.Renew(a.Epoch)
		} else {
			d.logIn()
		}
	case a.Kind == gateway.RestartStream:
		d.interrupt()
	case a.Kind == gateway.Alarm:
		d.counts.alarms++
		if d.config.Alarm != nil {
			d.config.Alarm(a.ID, a.Text)
		}
	}
}

func (d *Desk) tell(u *order.Update) {
	d.counts.states[min(int(u.State), order.States-1)]++
	if u.State == order.Denied {
		d.counts.denied++
	}
	if u.FilledNow > 0 {
		d.counts.fills++
	}
	d.config.Emit(u)
}

// logIn takes a login that never ends by itself.
func (d *Desk) logIn() {
	d.Session(gateway.Session{Epoch: d.venue.login(), EntriesUntil: math.MaxInt64, Expiry: math.MaxInt64, State: session.Live})
}

// post takes a letter on its way here. All take as long, so they arrive in
// order.
func (d *Desk) post(l letter) { d.mail = append(d.mail, l) }

// interrupt breaks the order stream and opens it anew: notices on their way are
// lost, and the core reads what they said.
func (d *Desk) interrupt() {
	kept := d.mail[:0]
	for _, l := range d.mail {
		if l.answer {
			kept = append(kept, l)
		}
	}
	d.mail = kept
	d.put(gateway.Event{Kind: gateway.StreamEvent, Stream: market.FeedDown})
	d.put(gateway.Event{Kind: gateway.StreamEvent, Stream: market.FeedLive})
}

// Snapshot is the desk as observers see it, in the live gateway's form. What
// only a wire has, calls by endpoint and connections, is zero.
func (d *Desk) Snapshot(now market.Stamp) *gateway.Snapshot {
	c := &d.counts
	return &gateway.Snapshot{
		At: now, Core: d.core.Stats(), Standing: d.core.Standing(), Orders: d.core.Open(nil),
		Submitted: c.submitted, Denied: c.denied, Renewals: c.renewals, Alarms: c.alarms, Fills: c.fills, States: c.states, Verdicts: c.verdicts,
		TickToDecision: c.tickToDecision.Snapshot().Summary(), TickToWire: c.tickToWire.Snapshot().Summary(),
		OrderAck: c.orderAck.Snapshot().Summary(),
	}
}
