package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/rest"
)

// ErrConfig marks a configuration that a gateway cannot work with.
var ErrConfig = errors.New("gateway: bad configuration")

// Config is what a gateway needs. The functions are called by whoever owns the
// core at the moment; they must not block and must not call back into the
// gateway except through Submit, OnReport, OnSession, OnOrderStream and Kill.
type Config struct {
	BaseURL       string // rest.DefaultBaseURL when empty; plain http only for a loopback address
	UserAgent     string
	RootCAs       *x509.CertPool // nil: the system's. For simulated venues with a CA of their own
	Network       string         // "tcp" (default), "tcp4" or "tcp6": pins the address family
	LocalAddr     string         // pins the source address; empty: the system chooses
	Dial          DialFunc       // nil: the network
	Lookup        LookupFunc     // nil: the system's resolver
	Warm          int            // connections kept ready; default 3
	MaxIdle       time.Duration  // retire an idle connection after this; default 45 s, below common servers' 60 s
	Exchange      string         // default "NFO"
	Refusals      []string       // the operator's texts that mean an order was refused
	AppKey        string         // for the exchange of logins
	Secret        session.Token
	Universe      *market.Universe
	Session       *session.Store
	Clock         market.Clock
	Emit          func(*order.Update)            // the update is borrowed until it returns
	Renew         func(epoch uint64)             // a credential was refused
	RestartStream func()                         // the order stream is mute: open it anew
	Core          CoreConfig                     // its Universe and NextID may be left out
	Alarm         func(id order.ID, text string) // tells a person; may be nil
	Armed         func()                         // entries may leave from now on; called once; may be nil
	Log           hclog.Logger

	// Fatal is called when the order core stopped in the middle of a step, with
	// why: the process must end, for half a step is no state to trade from. Nil:
	// a panic on a goroutine of its own, which nobody's recover can stop.
	Fatal func(why any)
}

// brain is the order core as the shell sees it.
type brain interface {
	Step(e *Event, at market.Stamp) []Action
	Next() market.Mono
	// Permit asks for a permit to make a read that the core did not order;
	// without one, again is when to ask again.
	Permit(class order.Class, at market.Mono) (ok bool, again market.Mono)
	// Refused tells the gates that such a read was throttled.
	Refused(v order.Verdict, retryAfter time.Duration, at market.Mono)
	// LoggedIn tells the breaker of logins how such a call ended.
	LoggedIn(v order.Verdict, at market.Mono)
	// Endings are the calls that ended in the last Step.
	Endings() []Ending
	// For observers.
	Stats() Stats
	Standing() Standing
	Open(dst []OpenOrder) []OpenOrder
}

// Gateway is the way to the venue: it owns connections, queues and the loop
// around the order core. The core has one owner at a time: whoever has
// something for it and wins one compare-and-swap, which may be a strategy's
// own goroutine. Who does not win has queued, and the winner looks again
// before it is done, so nothing waits for a goroutine to wake up.
type Gateway struct {
	config Config
	clock  market.Clock
	wire   *rest.Wire
	pool   *pool
	log    *logbook
	watch  clockWatch

	commands *queue[order.Command] // any goroutine → owner
	reports  *queue[order.Report]  // order stream → owner; full: a gap
	gap      atomic.Bool           // a report did not fit
	inbox    inbox                 // any goroutine → owner; rare, never lost
	posted   atomic.Int64          // what was queued and not yet taken, all queues together
	owned    atomic.Bool           // the core has an owner
	wake     chan struct{}         // to Run: Next moved
	armed    atomic.Int64          // market.Mono that Run sleeps until

	// The owner's.
	core    brain
	waiting []waiting // calls without a connection
	asks    []*ask    // reads of others without a permit
	askAt   market.Mono
	again   []letter // answers made here while actions are carried out
	request []byte   // scratch
	event   Event    // scratch: a local would escape
	checked uint64   // epoch of the credential that was found fit to sign
	judge   *rest.Classifier
	place   rest.Place  // scratch, as event
	modify  rest.Modify // scratch, as event
	day     market.Date
	dayEnds market.UnixNano
	stats   stats

	watchLock sync.Mutex // of the watch's observers, the connections' readers

	mistrust atomic.Pointer[string] // why no connection can be had until a person acts
	stopped  chan struct{}
	snapshot atomic.Pointer[Snapshot]
}

type waiting struct {
	action Action
	ask    *ask
}

// inbox holds what is rare and must not be lost.
type inbox struct {
	sync.Mutex
	letters []letter
	denied  []order.Update
	asks    []*ask
	cancels []order.Command
	spare   []letter // the owner's other half, so that taking does not allocate
}

// letter is one entry of the inbox.
type letter struct {
	kind  letterKind
	event Event
	took  time.Duration // of an accepted placement, request to answer
	line  line          // of an answer: the transport's part of what is told of the attempt
}

type letterKind uint8

const (
	forCore   letterKind = iota // event
	forPerson                   // an alarm: event.Text
	forLogins                   // a login ended: event.Answer
	forGates                    // a read that the core did not order was throttled: event.Answer
)

// levelReducing is risk.Reducing: only what cuts exposure may go on.
const levelReducing = 1

const (
	commandQueue = 1024
	reportQueue  = 4096
)

// New checks the configuration and makes a gateway with its order core. It
// does nothing by itself until Run.
func New(config Config) (*Gateway, error) {
	if config.Core.NextID == nil {
		sequence, tag := new(atomic.Uint64), config.Core.Tag
		config.Core.NextID = func() order.ID { return tag.ID(sequence.Add(1)) }
	}
	if config.Core.Universe == nil {
		config.Core.Universe = config.Universe
	}
	core, err := NewCore(config.Core)
	if err != nil {
		return nil, err
	}
	return newGateway(config, core)
}

// newGateway is New with the core given.
func newGateway(config Config, core brain) (*Gateway, error) {
	switch {
	case config.Universe == nil || config.Session == nil || config.Clock == nil || config.Emit == nil || config.Renew == nil || config.RestartStream == nil:
		return nil, fmt.Errorf("%w: it needs a universe, a session store, a clock, and somebody who takes updates, renews sessions and restarts the order stream", ErrConfig)
	case config.Warm < 0 || config.Warm > maxConns/2:
		return nil, fmt.Errorf("%w: %d warm connections; want 1 to %d", ErrConfig, config.Warm, maxConns/2)
	}
	if config.BaseURL == "" {
		config.BaseURL = rest.DefaultBaseURL
	}
	wire, err := rest.NewWire(rest.Config{BaseURL: config.BaseURL, UserAgent: config.UserAgent})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if config.Exchange == "" {
		config.Exchange = "NFO"
	}
	if config.Warm == 0 {
		config.Warm = 3
	}
	if config.MaxIdle <= 0 {
		config.MaxIdle = 45 * time.Second
	}
	g := &Gateway{
		config: config, clock: config.Clock, wire: wire, log: newLogbook(config.Log), core: core,
		commands: newQueue[order.Command](commandQueue),
		reports:  newQueue[order.Report](reportQueue),
		wake:     make(chan struct{}, 1), stopped: make(chan struct{}),
		request: make([]byte, 0, 8<<10),
		waiting: make([]waiting, 0, maxConns), again: make([]letter, 0, maxConns),
		askAt: never, judge: rest.NewClassifier(config.Refusals...),
	}
	if g.pool, err = newPool(config, g); err != nil {
		return nil, err
	}
	g.armed.Store(int64(never))
	g.snapshot.Store(new(Snapshot))
	return g, nil
}

const never = market.Mono(1<<63 - 1)

func newPool(config Config, g *Gateway) (*pool, error) {
	base, err := url.Parse(config.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	p := &pool{
		host: base.Hostname(), port: base.Port(), network: config.Network,
		dial: config.Dial, lookup: config.Lookup, clock: config.Clock, warm: config.Warm, maxIdle: config.MaxIdle,
		reader: g.newReader, settled: g.drain, note: g.connectionNote, distrust: g.distrust,
		wake: make(chan struct{}, 1),
	}
	if p.network == "" {
		p.network = "tcp"
	}
	if p.network != "tcp" && p.network != "tcp4" && p.network != "tcp6" {
		return nil, fmt.Errorf("%w: network %q; want tcp, tcp4 or tcp6", ErrConfig, p.network)
	}
	if base.Scheme == "https" {
		// HTTP/1.1 alone is offered: one request in flight per connection is
		// what makes "how much was sent" a proof.
		p.tls = &tls.Config{
			ServerName: p.host, RootCAs: config.RootCAs, MinVersion: tls.VersionTLS12,
			NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(maxConns),
		}
	} else if !loopback(p.host) {
		return nil, fmt.Errorf("%w: %s is not encrypted: plain http is for loopback addresses only", ErrConfig, config.BaseURL)
	}
	if p.port == "" {
		p.port = map[bool]string{true: "443", false: "80"}[p.tls != nil]
	}
	if p.dial == nil {
		dialer := net.Dialer{KeepAlive: 15 * time.Second}
		if config.LocalAddr != "" {
			ip, err := netip.ParseAddr(config.LocalAddr)
			if err != nil {
				return nil, fmt.Errorf("%w: local address: %w", ErrConfig, err)
			}
			dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
		}
		p.dial = dialer.DialContext
	}
	if p.lookup == nil {
		p.lookup = net.DefaultResolver.LookupNetIP
	}
	return p, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Submit takes a strategy's command and returns its order's number at once,
// from any goroutine. Refusals come back as updates, a full queue's too; a
// cancel always fits.
func (g *Gateway) Submit(c order.Command) order.ID {
	if c.Kind == order.Place {
		c.Ticket.ID = g.config.Core.NextID()
	}
	id := c.Ticket.ID
	if !g.commands.put(c) {
		g.inbox.Lock()
		if c.Kind == order.CancelOne {
			g.inbox.cancels = append(g.inbox.cancels, c)
		} else {
			g.inbox.denied = append(g.inbox.denied, order.Update{
				ID: id, Strategy: c.Ticket.Strategy, Instrument: c.Ticket.Instrument, Side: c.Ticket.Side,
				State: order.Denied, Price: c.Ticket.Price, Reason: "the command queue is full",
			})
		}
		g.inbox.Unlock()
	}
	g.posted.Add(1)
	g.drain()
	return id
}

// OnReport takes a notice of the order stream. A notice that does not fit is
// made known to the core as a gap of the stream, which it closes by reading.
func (g *Gateway) OnReport(r *order.Report) {
	if !g.reports.put(*r) {
		if g.gap.CompareAndSwap(false, true) {
			g.post(Event{Kind: StreamEvent, Stream: market.FeedGap})
		}
		return
	}
	g.posted.Add(1)
	g.drain()
}

// OnOrderStream tells how far the order stream can be trusted.
func (g *Gateway) OnOrderStream(s market.FeedState) { g.post(Event{Kind: StreamEvent, Stream: s}) }

// OnSession tells that a credential was swapped in, or that none is to be had.
func (g *Gateway) OnSession(s Session) { g.post(Event{Kind: SessionEvent, Session: s}) }

// Operator hands over a person's verdict.
func (g *Gateway) Operator(o Operator) { g.post(Event{Kind: OperatorEvent, Operator: o}) }

// Kill raises the kill level; it is never lowered here.
func (g *Gateway) Kill(level risk.Level, why string) {
	g.post(Event{Kind: KillEvent, Level: level, Text: rest.Escape(why, 200)})
}

// post queues what must not be lost.
func (g *Gateway) post(e Event) {
	g.put(letter{event: e})
	g.drain()
}

func (g *Gateway) put(l letter) {
	g.inbox.Lock()
	g.inbox.letters = append(g.inbox.letters, l)
	g.inbox.Unlock()
	g.posted.Add(1)
}

// drain runs the core as long as there is something for it, unless somebody
// else does. Hot path: a strategy's order is on the wire when Submit returns.
func (g *Gateway) drain() {
	for g.owned.CompareAndSwap(false, true) {
		next := g.turn()
		g.owned.Store(false)
		// Run sleeps until armed; if the core wants an earlier tick, wake it.
		if int64(next) < g.armed.Load() {
			select {
			case g.wake <- struct{}{}:
			default:
			}
		}
		// What was queued after the last look counts itself in before it tries
		// to own the core, so either it wins or it is seen here.
		if g.posted.Load() <= 0 {
			return
		}
	}
}

// turn is one turn of the core's owner, and when the next one is due. A turn
// that does not come to its end leaves the core owned for ever, on purpose:
// the caller may be a strategy whose panics are recovered, and nobody must go
// on with a core that stopped half-way.
func (g *Gateway) turn() market.Mono {
	whole := false
	defer func() {
		if !whole {
			g.fatal(recover())
		}
	}()
	g.process()
	next := g.next()
	whole = true
	return next
}

// fatal ends the process, and the turn of whoever called.
func (g *Gateway) fatal(why any) {
	if why == nil {
		why = "its goroutine ended"
	}
	stack := string(debug.Stack())
	if g.config.Log != nil { // at once: the logbook's own goroutine may not come to it
		g.config.Log.Error("the order core stopped in the middle of a step", "why", rest.Escape(fmt.Sprint(why), 200), "stack", stack)
	}
	if g.config.Fatal != nil {
		g.config.Fatal(why)
	} else {
		go panic(fmt.Sprintf("gateway: the order core stopped in the middle of a step: %v\n\n%s", why, stack))
	}
	panic(why)
}

// next is when something is due though nothing comes in.
func (g *Gateway) next() market.Mono {
	next := min(g.core.Next(), g.askAt)
	for i := range g.waiting {
		next = min(next, g.waiting[i].action.SendBy+1) // it may still be sent at that very instant
	}
	return next
}

// process takes everything that is queued, most urgent first.
func (g *Gateway) process() {
	for taken := int64(1); taken > 0; {
		taken = g.takeInbox()
		for {
			r, ok := g.reports.take()
			if !ok {
				break
			}
			g.gap.Store(false)
			g.event = Event{Kind: ReportEvent, Report: r}
			g.step(&g.event, nil)
			taken++
		}
		for {
			c, ok := g.commands.take()
			if !ok {
				break
			}
			g.command(&c)
			taken++
		}
		g.posted.Add(-taken)
	}
	if now := g.clock.Now(); g.core.Next() <= now.Mono {
		g.event = Event{Kind: Tick}
		g.step(&g.event, nil)
	}
	g.serveWaiting()
	g.serveAsks()
}

func (g *Gateway) command(c *order.Command) {
	if c.Kind == order.Place {
		g.stats.tickToDecision.record(c.Ticket.TickAt, c.Ticket.DecidedAt)
	}
	g.stats.submitted.Add(1)
	g.event = Event{Kind: CommandEvent, Command: *c}
	g.step(&g.event, nil)
}

func (g *Gateway) takeInbox() (taken int64) {
	in := &g.inbox
	in.Lock()
	if len(in.letters)+len(in.denied)+len(in.asks)+len(in.cancels) == 0 {
		in.Unlock()
		return 0
	}
	letters, denied, asks, cancels := in.letters, in.denied, in.asks, in.cancels
	in.letters, in.spare = in.spare[:0], nil
	in.denied, in.asks, in.cancels = nil, nil, nil
	in.Unlock()
	for i := range letters {
		l := &letters[i]
		switch l.kind {
		case forCore:
			if l.took > 0 {
				g.stats.orderAck.RecordDuration(l.took)
			}
			g.step(&l.event, &l.line)
		case forPerson:
			g.alarm(0, l.event.Text)
		case forLogins:
			g.core.LoggedIn(l.event.Answer.Verdict, g.clock.Now().Mono)
		case forGates:
			g.core.Refused(l.event.Answer.Verdict, l.event.Answer.RetryAfter, g.clock.Now().Mono)
		}
	}
	for i := range denied {
		denied[i].At = g.clock.Now()
		g.stats.denied.Add(1)
		g.config.Emit(&denied[i])
	}
	for i := range cancels {
		g.command(&cancels[i])
	}
	if len(asks) > 0 {
		g.asks = append(g.asks, asks...)
		g.askAt = 0
	}
	taken = int64(len(letters) + len(denied) + len(asks) + len(cancels))
	clear(letters)
	in.Lock()
	in.spare = letters[:0]
	in.Unlock()
	return taken
}

// step gives the core one event and carries out what it answers.
func (g *Gateway) step(e *Event, told *line) {
	actions := g.core.Step(e, g.clock.Now())
	g.tell(told)
	for i := range actions {
		g.act(&actions[i])
	}
	g.settle()
}

// settle gives the core the answers that were made here while acting: they had
// to wait, for its list of actions is only borrowed until its next step.
func (g *Gateway) settle() {
	for len(g.again) > 0 {
		l := g.again[0]
		g.again = g.again[:copy(g.again, g.again[1:])]
		g.event = l.event
		actions := g.core.Step(&g.event, g.clock.Now())
		g.tell(&l.line)
		for i := range actions {
			g.act(&actions[i])
		}
	}
}

func (g *Gateway) act(a *Action) {
	switch {
	case a.Kind.Call():
		if !g.send(a, nil) {
			g.waiting = append(g.waiting, waiting{action: *a})
			g.pool.want(len(g.waiting))
		}
	case a.Kind == Emit:
		g.stats.update(&a.Update)
		g.config.Emit(&a.Update)
	case a.Kind == RenewSession:
		g.stats.renewals.Add(1)
		g.log.note(line{level: hclog.Warn, text: "session refused by the venue", epoch: a.Epoch, retry: -1})
		g.config.Renew(a.Epoch)
	case a.Kind == RestartStream:
		g.config.RestartStream()
	case a.Kind == Alarm:
		g.alarm(a.ID, a.Text)
	case a.Kind == Armed && g.config.Armed != nil:
		g.config.Armed()
	}
}

func (g *Gateway) alarm(id order.ID, text string) {
	g.stats.alarms.Add(1)
	g.log.note(line{level: hclog.Error, text: "alarm", detail: rest.Escape(text, 300), id: id, retry: -1})
	if g.config.Alarm != nil {
		g.config.Alarm(id, text)
	}
}

// Run dials ahead and gives the core its ticks until ctx ends. Calls still in
// flight then are not waited for: what became of them is read at the next
// start.
func (g *Gateway) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	defer close(g.stopped)
	group.Go(func() { g.pool.run(ctx) })
	group.Go(func() { g.log.run(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	var publishAt market.Mono
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		case <-g.wake:
		}
		for !g.owned.CompareAndSwap(false, true) {
			if ctx.Err() != nil { // an owner that broke off never gives the core back
				return context.Cause(ctx)
			}
			time.Sleep(50 * time.Microsecond) // an owner is done within microseconds
		}
		next := g.turn()
		now := g.clock.Now().Mono
		var snap *Snapshot
		if now >= publishAt {
			snap = g.collect()
			publishAt = now.Add(publishEvery)
		}
		next = min(publishAt, next)
		g.armed.Store(int64(next)) // while owning: whoever owns next compares with it
		g.owned.Store(false)
		if g.posted.Load() > 0 {
			g.drain()
		}
		if snap != nil {
			g.publish(snap) // without the core: strategies do not wait for it
		}
		timer.Reset(max(next.Sub(now), 0))
	}
}
