package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/cmd/vayu/internal/dashboard"
	"github.com/vayu-trading/vayu/cmd/vayu/internal/report"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
	"github.com/vayu-trading/vayu/strategies/shortstraddle"
)

// demo is the main job with no account: an embedded venue replays a recorded
// day over real websockets and real HTTP on this machine, and the engine trades
// it.
type demo struct {
	For      time.Duration `default:"60s" help:"How long to trade, in real time."`
	Speed    float64       `default:"20" help:"Seconds of market time in a second."`
	JSON     string        `placeholder:"FILE" help:"Write the result as JSON; - is the standard output."`
	HTTP     string        `placeholder:"ADDRESS" default:"127.0.0.1:0" help:"Where the page is served; port 0 takes any, off is none."`
	Seed     uint64        `default:"1" help:"Of every draw the venue and the engine make."`
	Tape     string        `placeholder:"FILE" help:"The tape to replay; the shipped one when not given."`
	Strategy string        `default:"short-straddle" help:"The strategy that trades."`
	Faults   string        `default:"none" help:"How the venue misbehaves: none, flaky, throttle, lossy-answers, rejects, streams, storm."`
	Verbose  bool          `short:"v" help:"Log what the parts do."`
}

// Run is the demo from its first to its last second.
func (d *demo) Run(ctx context.Context, s streams) error {
	if d.For <= 0 || !(d.Speed > 0 && d.Speed <= maxSpeed) {
		return &exitError{exitUsage, fmt.Errorf("--for must be above 0, --speed above 0 and up to %d", maxSpeed)}
	}
	if err := canWrite(d.JSON); err != nil {
		return err
	}
	faults, err := sim.FaultProfile(d.Faults)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	folder, err := os.MkdirTemp("", "vayu-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	line := report.NewLine(s.err)
	log := newLog(line, d.Verbose)

	player, err := openTape(d.Tape)
	if err != nil {
		return err
	}
	defer player.Close()
	m := newMeter()
	venue, base, stopVenue, err := d.serve(player, log)
	if err != nil {
		return err
	}
	defer stopVenue()

	letters, err := os.Create(filepath.Join(folder, "dead-letters.jsonl"))
	if err != nil {
		return err
	}
	defer letters.Close()
	set, err := d.setting(venue, base, folder, letters, log)
	if err != nil {
		return err
	}
	defer set.journal.Close()
	engine, err := newSystem(ctx, set)
	if err != nil {
		return err
	}

	page, closePage, err := engine.servePage(d.HTTP, "demo", player.Describe(), venueMoment(venue))
	if err != nil {
		return err
	}
	fmt.Fprintf(s.err, "%s\n%s, at %g times its pace for %s\n", player.Describe(), d.Strategy, d.Speed, d.For)
	if page != "" {
		fmt.Fprintf(s.err, "page: %s\n", page)
	}

	trading, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	watched, stopLine := make(chan struct{}), make(chan struct{})
	go func() {
		engine.watchLine(line, stopLine)
		close(watched)
	}()
	go func() {
		defer stop()
		select {
		case <-time.After(d.For):
		case <-ctx.Done():
		case <-stopLine:
			return
		}
		// The prices stand still before the engine leaves, so that what was
		// sent can be compared with what arrived.
		venue.StopPublishing()
		engine.catchUp(venue)
	}()
	go engine.spoil(venue, faults, stopLine)
	err = engine.run(trading)
	close(stopLine)
	<-watched
	closePage()
	if err != nil {
		return err
	}

	result := engine.document(m)
	result.HTTP, result.Scope = page, report.WholeProcessWithVenue
	result.Rehearsal = &report.Rehearsal{Venue: engine.audit(venue), Tape: player.name, Seed: d.Seed}
	if err := finish(result, d.JSON, s); err != nil {
		return err
	}
	if err := agrees(&result.Rehearsal.Venue, result.Orders.Unknown, engine.account.latest.Load().Counts.Estimated, d.Faults); err != nil {
		return err
	}
	return engine.verdict()
}

// spoil lets the faults begin when the engine has its login and its lists:
// they are to show what trading survives.
func (s *system) spoil(venue *sim.Venue, faults sim.Faults, ended <-chan struct{}) {
	for !s.gateway.Snapshot().Standing.Synced {
		select {
		case <-ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := venue.SetFaults(faults); err != nil {
		s.log.Error("the faults were not taken", "error", err)
	}
}

// agrees fails a demo whose engine and venue ended with different accounts. Cash
// can only be compared when the venue has named the price of every fill.
func agrees(v *report.Venue, unknown, estimated uint64, faults string) error {
	if v.Duplicates+v.Orphans > 0 || v.PositionsApart > 0 || v.CashApart != 0 && estimated == 0 {
		return fmt.Errorf("the venue's account differs: %d duplicates, %d orphans, %d positions apart, cash %s apart",
			v.Duplicates, v.Orphans, v.PositionsApart, v.CashApart)
	}
	if unknown > 0 {
		return fmt.Errorf("the run ended before the venue's word on %d orders could be had", unknown)
	}
	if v.TicksLost+int64(v.TicksUnheard) != 0 && faults == "none" {
		return fmt.Errorf("of %d ticks %d were lost and %d not heard", v.TicksPublished, v.TicksLost, v.TicksUnheard)
	}
	return nil
}

// serve starts the embedded venue on a free port of this machine.
func (d *demo) serve(player *tapePlayer, log hclog.Logger) (*sim.Venue, string, func(), error) {
	venue, err := sim.New(sim.Config{
		Tape: player, Speed: d.Speed, Seed: d.Seed, Log: log.Named("venue"),
		// A login dies a while after the next one, and each market event is sent
		// once, so that the ticks of both ends can be counted against each other.
		OldLogins: sim.GraceOldLogins, Grace: 10 * time.Second, SessionLifetime: 2 * d.sessionTimeout(), NoJoinSnapshot: true,
	})
	if err != nil {
		return nil, "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := venue.Serve(ctx, listener); err != nil && ctx.Err() == nil {
			log.Error("the venue failed", "error", err)
		}
	}()
	return venue, listener.Addr().String(), func() { cancel(); <-done }, nil
}

// sessionTimeout lets every demo renew its login at least once: a real session
// lives for a day.
func (d *demo) sessionTimeout() time.Duration {
	return max(min(d.For*2/5, time.Minute), 4*time.Second)
}

// setting is the engine's configuration against the embedded venue.
func (d *demo) setting(venue *sim.Venue, address, folder string, letters io.Writer, log hclog.Logger) (setting, error) {
	c := config.Default()
	c.Mode, c.Journal.Folder = config.Sim, folder
	c.Venue = config.Venue{
		RestURL: "http://" + address + "/breezeapi/api/v1/", StreamURL: "ws://" + address, OrderStreamURL: "ws://" + address,
		OHLCVURL: "ws://" + address, MasterURL: "http://" + address + "/SecurityMaster.zip", ClockURL: "http://" + address + "/clock",
	}
	c.Market.Expiries = 2
	c.Risk.OrderLots, c.Risk.PositionLots, c.Risk.GrossLots, c.Risk.OpenOrders = 10, 20, 80, 20
	c.Risk.OrderNotional = rupees(50_00_000)
	c.Risk.DayLoss, c.Risk.FlattenLoss = rupees(2_00_000), rupees(4_00_000)
	rules := session.DefaultRules()
	rules.Timeout = d.sessionTimeout()
	rules = rules.Scaled()
	c.Session.Timeout, c.Session.RenewBefore = config.Duration{Duration: rules.Timeout}, config.Duration{Duration: rules.RenewBefore}
	c.Strategies = []config.Strategy{{Name: d.Strategy, Mode: config.Loop}}
	if d.Strategy == shortstraddle.Name {
		// Several lots of what expires today: their delta moves by whole lots
		// within minutes, so that the hedge has something to do.
		c.Strategies[0].Params = map[string]any{"lots": int64(4), "min_days_to_expiry": int64(0), "hedge_max_lots": int64(4)}
	}
	if err := c.Validate(); err != nil {
		return setting{}, err
	}
	kept, err := openJournal(folder)
	if err != nil {
		return setting{}, err
	}
	return setting{
		config: c, clock: venue.Clock(), appKey: sim.DefaultAppKey, secret: session.NewToken(sim.DefaultSecret), rules: rules,
		login:  session.LoginFunc(func(context.Context) (session.Token, error) { return session.NewToken(venue.NewLogin()), nil }),
		folder: folder, journal: kept, letters: letters, seed: d.Seed, log: log,
	}, nil
}

func rupees(n int64) config.Rupees { return config.Rupees{Paise: market.Paise(n) * market.Rupee} }

// catchUp waits, a second at most, until every tick sent has arrived.
func (s *system) catchUp(venue *sim.Venue) {
	for range 100 {
		if s.ticksSeen() >= uint64(venue.Stats().TicksPublished) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// audit compares the engine's orders, positions, cash and ticks with the venue's
// own account.
func (s *system) audit(venue *sim.Venue) report.Venue {
	stats, known := venue.Stats(), s.account.venueIDs()
	v := report.Venue{
		OrdersAccepted: uint64(stats.OrdersAccepted), Duplicates: uint64(stats.Duplicates),
		TicksPublished: uint64(stats.TicksPublished), TicksSynthetic: uint64(stats.TicksSynthetic), TicksUnheard: uint64(stats.TicksUnheard),
	}
	held := s.account.held()
	for _, in := range s.universe.All() {
		// The venue numbers its own instruments; a token names one for both.
		if venue.Position(venue.InstrumentOf(in.Token)).Qty != held[in.ID] {
			v.PositionsApart++
		}
	}
	v.CashApart = venue.Cash() - s.account.cash()
	v.TicksLost = int64(v.TicksPublished) - int64(s.ticksSeen())
	for _, e := range venue.Ledger() {
		if e.Kind == "accepted" && !known[e.OrderID] {
			v.Orphans++
		}
	}
	return v
}

// venueMoment tells how the prices of the venue's present moment came to be.
func venueMoment(venue *sim.Venue) func() dashboard.Moment {
	return func() dashboard.Moment {
		if venue.Synthetic() {
			return dashboard.Synthetic
		}
		return dashboard.Modelled
	}
}

// newLog logs above the status line: warnings alone unless asked for more.
func newLog(out io.Writer, verbose bool) hclog.Logger {
	level := hclog.Warn
	if verbose {
		level = hclog.Info
	}
	return hclog.New(&hclog.LoggerOptions{Name: "vayu", Level: level, Output: out, TimeFormat: "15:04:05.000"})
}
