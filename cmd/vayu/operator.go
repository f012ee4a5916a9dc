package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/control"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/rest"
)

// channel is the flags that name the engine to talk to.
type channel struct {
	Folder string `type:"path" placeholder:"DIR" help:"The running engine's journal folder; that of --config, or the default one, when not given."`
	Config string `type:"path" placeholder:"FILE" help:"Configuration file that names the folder."`
	JSON   bool   `help:"The engine's answer as JSON."`
}

// stopTrading raises the kill level of a running engine.
type stopTrading struct {
	channel
	Level  string `enum:"reducing,cancel,flatten,stop" default:"cancel" help:"reducing: only cuts of exposure leave; cancel: what rests is cancelled; flatten: positions are closed too; stop: nothing leaves any more."`
	Reason string `default:"an operator's word" help:"Why; it is kept."`
}

// Run asks the engine.
func (k *stopTrading) Run(ctx context.Context, s streams) error {
	return k.ask(ctx, s, control.Request{Command: "kill", Level: k.Level, Reason: k.Reason})
}

// operate is what else a person says to a running engine.
type operate struct {
	channel
	Status operateStatus `cmd:"" help:"Where it stands: kill level, login, open orders, what waits for a person."`
	Lower  operateLower  `cmd:"" help:"Lower the kill level. It never falls by itself."`
	Placed operatePlaced `cmd:"" help:"An order in doubt was seen at the venue, with this order id."`
	Absent operateAbsent `cmd:"" help:"An order in doubt was looked for at the venue, and is not there."`
	Allow  operateAllow  `cmd:"" help:"Let a contract be traded again that the engine has blocked."`
	Resume operateResume `cmd:"" help:"Go on after a halt: the person has looked, at the login too."`
}

type operateStatus struct{}

// Run asks the engine.
func (*operateStatus) Run(ctx context.Context, s streams, o *operate) error {
	return o.ask(ctx, s, control.Request{Command: "status"})
}

type operateLower struct {
	Level string `arg:"" enum:"armed,reducing,cancel,flatten" help:"armed, reducing, cancel or flatten."`
}

// Run asks the engine.
func (l *operateLower) Run(ctx context.Context, s streams, o *operate) error {
	return o.ask(ctx, s, control.Request{Command: "lower", Level: l.Level})
}

type operatePlaced struct {
	Order   string `arg:"" help:"The engine's number or the remark."`
	VenueID string `arg:"" name:"venue-id" help:"The venue's order id."`
}

// Run asks the engine.
func (p *operatePlaced) Run(ctx context.Context, s streams, o *operate) error {
	return o.ask(ctx, s, control.Request{Command: "placed", Args: []string{p.Order, p.VenueID}})
}

type operateAbsent struct {
	Order string `arg:"" help:"The engine's number or the remark."`
}

// Run asks the engine.
func (a *operateAbsent) Run(ctx context.Context, s streams, o *operate) error {
	return o.ask(ctx, s, control.Request{Command: "absent", Args: []string{a.Order}})
}

type operateAllow struct {
	Contract []string `arg:"" help:"As the engine names it, NFO NIFTY 2026-08-25 24200 CE, or its token."`
}

// Run asks the engine.
func (a *operateAllow) Run(ctx context.Context, s streams, o *operate) error {
	return o.ask(ctx, s, control.Request{Command: "allow", Args: a.Contract})
}

type operateResume struct{}

// Run asks the engine.
func (*operateResume) Run(ctx context.Context, s streams, o *operate) error {
	return o.ask(ctx, s, control.Request{Command: "resume"})
}

// ask puts one question to the engine and shows its answer.
func (c *channel) ask(ctx context.Context, s streams, q control.Request) error {
	folder, err := journalFolder(c.Folder, c.Config)
	if err != nil {
		return err
	}
	var answer engineStatus
	err = control.Ask(ctx, folder, q, &answer)
	switch {
	case errors.Is(err, control.ErrNobody):
		return &exitError{exitTemporary, err}
	case err != nil:
		return err
	case c.JSON:
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(&answer)
	}
	return answer.write(s)
}

// engineStatus is what the engine answers to everything: where it stands now.
type engineStatus struct {
	Level      string          `json:"level"`
	Cause      string          `json:"cause,omitempty"`
	MarketTime string          `json:"market_time"`
	Session    string          `json:"session"`
	Ticks      string          `json:"ticks"`
	Orders     string          `json:"orders"` // the order stream
	Armed      bool            `json:"armed"`  // the day's lists are read and agree
	Halted     bool            `json:"halted"` // until a person says resume
	InDoubt    int             `json:"in_doubt"`
	Watched    int             `json:"watched"` // given up as absent, looked for until the day's end
	CallsLeft  int             `json:"calls_left_today"`
	Open       []statusOrder   `json:"open"`
	Held       []statusHolding `json:"held"`
}

type statusOrder struct {
	ID       order.ID `json:"order"`
	VenueID  string   `json:"venue_order_id,omitempty"`
	State    string   `json:"state"`
	Contract string   `json:"contract"`
	Side     string   `json:"side"`
	Quantity int64    `json:"quantity"`
	Filled   int64    `json:"filled"`
	Price    int64    `json:"price"` // paise
	Reason   string   `json:"reason,omitempty"`
}

type statusHolding struct {
	Contract string `json:"contract"`
	Quantity int64  `json:"quantity"` // signed
}

func (a *engineStatus) write(s streams) error {
	var out strings.Builder
	fmt.Fprintf(&out, "kill level  %s", a.Level)
	if a.Cause != "" {
		fmt.Fprintf(&out, " (%s)", a.Cause)
	}
	fmt.Fprintf(&out, "\nmarket      %s\nlogin       %s, ticks %s, orders %s\n", a.MarketTime, a.Session, a.Ticks, a.Orders)
	fmt.Fprintf(&out, "entries     %s\n", a.entries())
	if a.Halted {
		out.WriteString("halted      a person must look, then: vayu operator resume\n")
	}
	fmt.Fprintf(&out, "in doubt    %d, watched %d; %d calls left today\n", a.InDoubt, a.Watched, a.CallsLeft)
	for _, o := range a.Open {
		fmt.Fprintf(&out, "order       %d %s %s %d %s at %s, %d filled %s %s\n", o.ID, o.State, o.Side, o.Quantity, o.Contract, market.Paise(o.Price), o.Filled, o.VenueID, o.Reason)
	}
	for _, h := range a.Held {
		fmt.Fprintf(&out, "held        %+d %s\n", h.Quantity, h.Contract)
	}
	_, err := fmt.Fprint(s.out, out.String())
	return err
}

// entries says what keeps orders that add exposure from leaving.
func (a *engineStatus) entries() string {
	switch {
	case a.Level != risk.Armed.String():
		return "none: the kill level is " + a.Level
	case a.Halted:
		return "none: halted"
	case !a.Armed:
		return "wait for the day's lists"
	}
	return "may leave"
}

// serveOperator lets a person on this machine talk to the engine, until the
// returned function is called.
func (s *system) serveOperator(folder string) func() {
	server, err := control.Listen(control.Config{Folder: folder, Handle: s.operatorAsks, Log: s.log.Named("operator")})
	if err != nil {
		s.alarm("there is no operator channel, `vayu kill` does not work: " + err.Error())
		return func() {}
	}
	return server.Close
}

// operatorAsks does what a person asks and answers with where the engine then
// stands. What changes orders goes through the gateway like every event.
func (s *system) operatorAsks(ctx context.Context, q control.Request, who control.Peer) (any, error) {
	name := rest.Escape(who.Name, 32)
	switch q.Command {
	case "status":
	case "kill":
		level, err := levelNamed(q.Level)
		if err != nil {
			return nil, err
		}
		if level == risk.Armed {
			return nil, errors.New("kill does not arm: vayu operator lower armed does")
		}
		s.gateway.Kill(level, name+": "+q.Reason)
		if err := s.becomes(ctx, func(now risk.Level) bool { return now >= level }); err != nil {
			return nil, err
		}
	case "lower":
		level, err := levelNamed(q.Level)
		if err != nil {
			return nil, err
		}
		if now := s.gate.Level(); level >= now {
			return nil, fmt.Errorf("the kill level is %s: %s is not lower", now, level)
		}
		s.gateway.Lower(level, name)
		if err := s.becomes(ctx, func(now risk.Level) bool { return now <= level }); err != nil {
			return nil, err
		}
	case "placed", "absent":
		if err := s.settleByHand(q, name); err != nil {
			return nil, err
		}
	case "allow":
		in, err := s.contractNamed(q.Args)
		if err != nil {
			return nil, err
		}
		s.gateway.Operator(gateway.Operator{Name: name, Instrument: in})
	case "resume":
		s.gateway.Operator(gateway.Operator{Name: name})
	default:
		return nil, fmt.Errorf("%q is no command of this engine", rest.Escape(q.Command, 32))
	}
	return s.standing(), nil
}

func levelNamed(text string) (risk.Level, error) {
	level, known := map[string]risk.Level{
		"armed": risk.Armed, "reducing": risk.Reducing, "cancel": risk.CancelAll, "flatten": risk.FlattenAll, "stop": risk.Stopped,
	}[text]
	if !known {
		return 0, fmt.Errorf("%q is none of armed, reducing, cancel, flatten, stop", rest.Escape(text, 32))
	}
	return level, nil
}

// becomes waits for the kill level that was asked for: whoever owns the order
// core may still be at work.
func (s *system) becomes(ctx context.Context, is func(risk.Level) bool) error {
	for !is(s.gate.Level()) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the order core has not taken it yet; the kill level is %s", s.gate.Level())
		case <-time.After(100 * time.Microsecond):
		}
	}
	return nil
}

// settleByHand takes a person's word on an order that nobody else could settle.
func (s *system) settleByHand(q control.Request, name string) error {
	if len(q.Args) < 1 || q.Command == "placed" && len(q.Args) < 2 {
		return errors.New("which order, and under which number of the venue's?")
	}
	id, err := orderNamed(q.Args[0])
	if err != nil {
		return err
	}
	verdict := gateway.Operator{Name: name, ID: id}
	if q.Command == "placed" {
		if verdict.Placed, err = order.ParseVenueID(q.Args[1]); err != nil {
			return err
		}
	}
	state, known := s.stateOf(id)
	if !known {
		return fmt.Errorf("order %d is not open here; vayu explain %d tells what became of it", id, id)
	}
	if err := judgeable(id, state, q.Command == "placed"); err != nil {
		return err
	}
	s.gateway.Operator(verdict)
	return nil
}

// stateOf is where an order of today stands, by what observers may read.
func (s *system) stateOf(id order.ID) (order.State, bool) {
	for _, o := range s.gateway.Snapshot().Orders {
		if o.ID == id {
			return o.State, true
		}
	}
	for _, u := range s.account.latest.Load().Orders { // what was given up as absent is watched, not open
		if u.ID == id {
			return u.State, true
		}
	}
	return 0, false
}

// judgeable tells whether a person's word on an order counts: only where the
// venue's own could not be had.
func judgeable(id order.ID, state order.State, placed bool) error {
	switch {
	case state == order.Unresolved, placed && state == order.ClosedAbsent:
		return nil
	case state.InDoubt():
		return fmt.Errorf("order %d is %s: the venue is still being asked; a person's word is wanted when it is unresolved", id, state)
	}
	return fmt.Errorf("order %d is %s: the venue's own word stands", id, state)
}

func orderNamed(text string) (order.ID, error) {
	var remark order.Remark
	if len(text) == len(remark) {
		copy(remark[:], text)
		if _, id, ok := order.ParseRemark(&remark); ok {
			return id, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is neither an order's number nor a remark", rest.Escape(text, 32))
	}
	return order.ID(n), nil
}

func (s *system) contractNamed(args []string) (market.InstrumentID, error) {
	wanted := strings.Join(strings.Fields(strings.Join(args, " ")), " ")
	for _, in := range s.universe.All() {
		if full := in.ContractKey.String(); wanted != "" && (full == wanted || strings.TrimPrefix(full, in.Exchange+" ") == wanted || in.Token == wanted) {
			return in.ID, nil
		}
	}
	return 0, fmt.Errorf("no watched contract is named %q; name it like NFO NIFTY 2026-08-25 24200 CE, or by its token", rest.Escape(wanted, 64))
}

// standing is where the engine stands, by what observers may read.
func (s *system) standing() *engineStatus {
	now, desk := s.clock.Now(), s.gateway.Snapshot()
	a := &engineStatus{
		Level: s.gate.Level().String(), Cause: s.gate.Cause(), MarketTime: now.Market.String(),
		Session: s.keeper.State().String(), Ticks: s.ticks.State().String(), Orders: s.orders.State().String(),
		Armed: desk.Standing.Synced, Halted: desk.Standing.Halted, InDoubt: desk.Standing.InDoubt, Watched: desk.Standing.Watched,
		CallsLeft: s.config.Limits.PerDay - desk.Standing.Quota.DayUsed, Open: []statusOrder{}, Held: []statusHolding{},
	}
	for i := range desk.Orders {
		o := &desk.Orders[i]
		a.Open = append(a.Open, statusOrder{
			ID: o.ID, VenueID: o.VenueID.String(), State: o.State.String(), Contract: s.universe.Get(o.Instrument).ContractKey.String(),
			Side: o.Side.String(), Quantity: int64(o.Quantity), Filled: int64(o.Filled), Price: int64(o.Price), Reason: o.Reason,
		})
	}
	held := s.account.held()
	for _, in := range s.universe.All() {
		if held[in.ID] != 0 {
			a.Held = append(a.Held, statusHolding{in.ContractKey.String(), int64(held[in.ID])})
		}
	}
	return a
}
