package paper

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

// ErrConfig marks a configuration that a paper desk cannot work with.
var ErrConfig = errors.New("paper: bad configuration")

// Venue is the simulated exchange and account that a paper desk trades at. It
// outlives desks: one after the other may use it. Its methods may be called
// from any goroutine.
type Venue struct {
	universe *market.Universe

	mu     sync.Mutex // guards all below
	core   *sim.Core
	desk   *Desk     // whose answers and notices are delivered
	coming []request // on their way here, by arrival
	issued uint64    // newest epoch of a login that this venue gave itself
	called uint64    // newest epoch that signed a call
	ended  uint64    // logins up to this epoch are dead
	broken bool      // the order stream breaks at the next step
}

// request is a call on its way to the venue.
type request struct {
	desk   *Desk
	due    market.Mono
	sentAt market.Mono
	action gateway.Action
	call   sim.Call
}

// NewVenue makes a venue for one day. Of the configuration the account, the
// market's hours, limits, texts, delays, faults, seed and ledger are used; the
// tape is the engine's own book, so none is given. The instruments keep the
// ids that the universe gave them.
func NewVenue(day market.Date, universe *market.Universe, config sim.Config) (*Venue, error) {
	if universe == nil || config.Tape != nil {
		return nil, fmt.Errorf("%w: a venue needs a universe and takes no tape: quotes come from the book", ErrConfig)
	}
	config.Tape = &sim.MemoryTape{Day: day, List: universe.All(), Title: "the live book"}
	config.NoCandles = true
	core, err := sim.NewCore(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for _, in := range core.Universe().All() {
		if given := universe.Get(in.ID); given.Token != in.Token {
			return nil, fmt.Errorf("%w: instrument %d is %s here and %s in the universe", ErrConfig, in.ID, in.Token, given.Token)
		}
	}
	return &Venue{universe: universe, core: core}, nil
}

// Universe is the day's instruments.
func (v *Venue) Universe() *market.Universe { return v.universe }

// SetFaults changes the weather from now on; the zero Faults heals the venue.
// Of the faults of streams none has a meaning here.
func (v *Venue) SetFaults(f sim.Faults) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.SetFaults(f)
}

// Ledger is a copy of what the venue accepted and what became of it.
func (v *Venue) Ledger() []sim.Entry {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.Ledger()
}

// Counts is what happened so far.
func (v *Venue) Counts() sim.CoreCounts {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.Counts()
}

// Position is the account's position in an instrument.
func (v *Venue) Position(id market.InstrumentID) sim.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.Position(id)
}

// Available is what new orders may still use of the account's money.
func (v *Venue) Available() market.Paise {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.core.Available()
}

// EndSessions refuses every login that has called so far, as a venue's night
// does.
func (v *Venue) EndSessions() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ended = max(v.ended, v.called)
}

// BreakStream loses the notices that are on their way and tells the desk that
// it may have missed some, as a stream that breaks and comes back does.
func (v *Venue) BreakStream() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.broken = true
}

// login is a login that this venue gives by itself.
func (v *Venue) login() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.issued = max(v.issued, v.ended) + 1
	return v.issued
}

// attach makes a desk the one that hears the venue.
func (v *Venue) attach(d *Desk) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.desk = d
}

// send takes a call on its way.
func (v *Venue) send(r request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i, _ := slices.BinarySearchFunc(v.coming, r.due, func(other request, due market.Mono) int {
		if other.due <= due {
			return -1
		}
		return 1
	})
	v.coming = slices.Insert(v.coming, i, r)
}

// advance does what is due at the venue, and hands its desk what comes of it.
func (v *Venue) advance(d *Desk, now market.Stamp) (moved bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.desk != d {
		return false // another took over
	}
	v.core.Step(now)
	for len(v.coming) > 0 && v.coming[0].due <= now.Mono {
		r := v.coming[0]
		v.coming = slices.Delete(v.coming, 0, 1)
		v.called = max(v.called, r.action.Epoch)
		r.call.Dead = r.action.Epoch <= v.ended
		reply := v.core.Call(&r.call, now)
		if r.desk == d && reply.Fate != sim.Silence {
			d.post(letter{due: now.Mono.Add(d.config.ReplyDelay), sentAt: r.sentAt, answer: true, event: answerEvent(&r, &reply)})
		}
		v.tell(d, now)
		moved = true
	}
	moved = v.tell(d, now) || moved
	if v.broken {
		v.broken = false
		d.interrupt()
		moved = true
	}
	return moved
}

// tell posts the venue's notices to the desk.
func (v *Venue) tell(d *Desk, now market.Stamp) (told bool) {
	for _, n := range v.core.Notices() {
		l := letter{due: now.Mono.Add(d.config.ReplyDelay), event: gateway.Event{Kind: gateway.ReportEvent}}
		n.Report(&l.event.Report)
		l.event.Report.Average = 0 // the real stream's notices carry none: the trade book names it
		l.event.Report.Recv = l.due
		d.post(l)
		told = true
	}
	return told
}

// next is when something is due at the venue.
func (v *Venue) next() market.Mono {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := never
	if at, ok := v.core.Next(); ok {
		next = at
	}
	if len(v.coming) > 0 {
		next = min(next, v.coming[0].due)
	}
	return next
}

// show lets the market move.
func (v *Venue) show(ev *market.Event, now market.Stamp) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.core.Market(ev, now)
}
