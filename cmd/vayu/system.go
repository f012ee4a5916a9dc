package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/portfolio"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/retry"
	"github.com/vayu-trading/vayu/exec/throttle"
	"github.com/vayu-trading/vayu/feed/master"
	"github.com/vayu-trading/vayu/feed/stream"
	"github.com/vayu-trading/vayu/strategies"
)

// setting is what a system is wired with besides its configuration.
type setting struct {
	config  config.Config
	clock   market.Clock
	appKey  string
	secret  session.Token
	login   session.LoginSource
	rules   session.Rules
	folder  string // where the security master is kept
	journal *journal.Journal
	armed   bool           // a person said that it may trade though it starts often
	told    io.Writer      // is told when the engine is armed; may be nil
	letters io.Writer      // refused bytes of the streams
	roots   *x509.CertPool // nil: the machine's
	seed    uint64
	log     hclog.Logger
	fence   time.Duration // how late the venue may still accept a request; zero: the gateway's own
}

// system is one engine wired to one venue: the diagram of the house.
type system struct {
	setting
	calendar *calendar.Calendar
	day      calendar.Day
	universe *market.Universe
	book     *book.Book
	gate     *risk.Gate
	store    session.Store
	keeper   *session.Keeper
	gateway  *gateway.Gateway
	host     *engine.Host
	ticks    *stream.Stream
	orders   *stream.Stream
	account  *account
	notes    *notebook
	streams  atomic.Bool // they run: a swap of the credential moves them over
	logins   loginWatch
	started  market.Stamp

	restored  int      // records of earlier runs of the day
	refusals  []string // the operator's texts that mean an order was refused
	unsettled []string // orders that were not over when the run ended
}

// feedSink hands the ticks to the host and the feed's state to risk as well.
type feedSink struct {
	*engine.Feed
	gate *risk.Gate
}

func (f feedSink) State(s market.FeedState) {
	f.gate.SetFeed(s)
	f.Feed.State(s)
}

// newSystem reads the day's contracts and wires every part, top to bottom. It
// connects to nothing but the security master.
func newSystem(ctx context.Context, set setting) (*system, error) {
	s := &system{setting: set, notes: newNotebook(set.clock)}
	var err error
	if s.calendar, err = loadCalendar(set.config.Market.Rules); err != nil {
		return nil, err
	}
	today := set.clock.Now().Market.Date()
	if s.day, err = s.calendar.Day(today); err != nil {
		return nil, err
	}
	if !s.day.Trading {
		return nil, &exitError{exitTemporary, fmt.Errorf("%s is no trading day: %s", today, s.day.Holiday)}
	}
	if s.universe, err = s.readMaster(ctx, today); err != nil {
		return nil, err
	}
	s.book = book.New(s.universe)
	s.gate = risk.NewGate(set.config.Risk.Limits(), s.universe)
	s.gate.SetSession(s.day.Open, s.day.Close)
	s.gate.SetEntryCutoff(s.day.Close.Add(-set.config.Risk.EntryCutoff.Duration))

	positions, err := portfolio.New(portfolio.Config{Universe: s.universe, Calendar: s.calendar, Date: today})
	if err != nil {
		return nil, err
	}
	s.account = newAccount(positions, s.book, set.clock)

	boot, err := set.journal.NextBoot(today)
	if err != nil {
		return nil, err
	}
	tag := order.Tag{Instance: [2]byte{'V', 'Y'}, Day: today, Boot: boot}
	if s.refusals, err = config.LoadRefusals(set.config.Venue.RefusalsFile); err != nil {
		return nil, err
	}
	if s.gateway, err = gateway.New(s.gatewayConfig(tag)); err != nil {
		return nil, err
	}
	if s.keeper, err = session.NewKeeper(session.Config{
		Rules: set.rules, Store: &s.store, Source: session.LoginFunc(s.fetchLogin), Exchanger: exchanger(s.exchange), Clock: set.clock, Seed: set.seed,
		OnSwap:  []session.Hook{{Name: "ticks", Run: s.moveOver(&s.ticks)}, {Name: "orders", Run: s.moveOver(&s.orders)}},
		OnState: s.onSession,
		Alarm:   s.alarm,
		Keep:    s.keepLogin,
		Record: func(a session.Attempt) {
			s.gateway.Login(journal.Session{Epoch: a.Epoch, OK: a.OK, Expiry: a.Expiry})
		},
	}); err != nil {
		return nil, err
	}
	s.resumeLogin()
	s.host = engine.NewHost(engine.HostConfig{
		Book: s.book, Desk: s.gateway, Clock: set.clock, Log: set.log.Named("strategy"), Calendar: s.calendar, Day: &s.day,
		OnQuarantine: func(_ order.StrategyID, name, why string) {
			s.alarm(fmt.Sprintf("strategy %s is quarantined: %s", name, why))
		},
		OnStuckInline: func(_ order.StrategyID, name string) {
			// The feed's own goroutine hangs in it: nothing can be trusted any more.
			s.gateway.Kill(risk.Stopped, "inline strategy "+name+" does not return")
			s.log.Error("inline strategy does not return; the process must end", "strategy", name)
			time.AfterFunc(2*time.Second, func() { os.Exit(exitTemporary) })
		},
	})
	if err := s.addStrategies(); err != nil {
		return nil, err
	}
	if err := s.makeStreams(); err != nil {
		return nil, err
	}
	return s, s.restore(tag)
}

// readMaster fetches the security master and keeps the contracts that the
// configuration watches.
func (s *system) readMaster(ctx context.Context, today market.Date) (*market.Universe, error) {
	path := filepath.Join(s.folder, "SecurityMaster.zip")
	client := &http.Client{Timeout: time.Minute, Transport: transport(s.roots)}
	defer client.CloseIdleConnections()
	fetched := master.Fetch(ctx, client, s.config.Venue.MasterURL, path)
	underlying := s.config.Market.Underlying
	all, err := master.ReadFile(path, master.Filter{Underlyings: []string{underlying}, Day: today})
	switch {
	case fetched != nil && err == nil:
		s.log.Warn("the security master kept from earlier today is used", "error", fetched)
	case fetched != nil:
		return nil, &exitError{exitTemporary, fetched}
	case errors.Is(err, master.ErrDay):
		return nil, &exitError{exitTemporary, err} // the venue may not have today's yet
	case err != nil:
		return nil, err
	}
	watched := watch(all.Instruments, today, s.config.Market.Expiries)
	if len(watched) == 0 {
		return nil, fmt.Errorf("%w: market.underlying: no contract of %s expires on %s or later", config.ErrConfig, underlying, today)
	}
	freeze, err := s.calendar.Freeze(underlying, today)
	if err != nil {
		return nil, err
	}
	for i := range watched {
		if watched[i].Kind == market.Option && watched[i].Freeze == 0 {
			watched[i].Freeze = freeze // the broker's file leaves it out
		}
	}
	return market.NewUniverse(watched)
}

// watch keeps the indices and what expires on the nearest days.
func watch(all []market.Instrument, today market.Date, expiries int) []market.Instrument {
	var dates []market.Date
	for _, in := range all {
		if in.Kind == market.Option && in.Expiry >= today && !slices.Contains(dates, in.Expiry) {
			dates = append(dates, in.Expiry)
		}
	}
	slices.Sort(dates)
	dates = dates[:min(len(dates), max(expiries, 1))]
	options := false
	kept := slices.DeleteFunc(slices.Clone(all), func(in market.Instrument) bool {
		wanted := in.Kind == market.Index || slices.Contains(dates, in.Expiry)
		options = options || wanted && in.Kind == market.Option
		return !wanted
	})
	if !options {
		return nil
	}
	return kept
}

func (s *system) gatewayConfig(tag order.Tag) gateway.Config {
	limits, c := throttle.Breeze(), &s.config
	limits.Second, limits.Minute, limits.Day = c.Limits.PerSecond, c.Limits.PerMinute, c.Limits.PerDay
	limits.Logins = s.rules.Per10Min
	policy := retry.Default()
	policy.MaxRetries, policy.Initial, policy.Max = c.Retry.MaxRetries, c.Retry.InitialBackoff.Duration, c.Retry.MaxBackoff.Duration
	return gateway.Config{
		BaseURL: c.Venue.RestURL, RootCAs: s.roots, Refusals: s.refusals, AppKey: s.appKey, Secret: s.secret,
		Universe: s.universe, Session: &s.store, Clock: s.clock, Log: s.log.Named("gateway"),
		Emit: func(u *order.Update) {
			s.account.deliver(u)
			s.gate.SetCosts(market.Paise(s.account.charges.Load()))
			s.host.Deliver(u)
		},
		Renew:         func(epoch uint64) { s.keeper.Renew(epoch) },
		RestartStream: s.restartOrders,
		Alarm:         func(_ order.ID, text string) { s.notes.add(text, true) }, // the gateway logs it
		Armed:         s.onArmed,
		Core: gateway.CoreConfig{
			Book: s.book, Gate: s.gate, Limits: limits, Retry: policy, Seed: s.seed, Fence: s.fence,
			Tag: tag, Recorder: s.journal, PowerLost: s.journal.Report().Power, Strategies: strategyNames(c), Lenient: c.Orders.Lenient,
		},
	}
}

func (s *system) addStrategies() error {
	return buildStrategies(&s.config, func(name string, strategy engine.Strategy, o engine.Options) error {
		_, err := s.host.Add(name, strategy, o)
		return err
	})
}

// buildStrategies makes each configured strategy and hands it to add.
func buildStrategies(all *config.Config, add func(string, engine.Strategy, engine.Options) error) error {
	for i := range all.Strategies {
		c := &all.Strategies[i]
		if c.Limits != (config.StrategyLimits{}) {
			return fmt.Errorf("%w: strategies.limits of %s: limits of a single strategy are not enforced; narrow the account's in [risk]", config.ErrConfig, c.Name)
		}
		entry, err := strategies.Find(c.Name)
		if err != nil {
			return fmt.Errorf("%w: strategies.name: %w", config.ErrConfig, err)
		}
		strategy, err := entry.New(c.Params)
		if err != nil {
			return fmt.Errorf("%w: strategies.params: %w", config.ErrConfig, err)
		}
		name := c.Instance
		if name == "" {
			name = c.Name
		}
		if err := add(name, strategy, engine.Options{Inline: c.Mode == config.Inline}); err != nil {
			return fmt.Errorf("%w: strategies: %w", config.ErrConfig, err)
		}
	}
	return nil
}

func (s *system) makeStreams() (err error) {
	var rooms []string
	for _, in := range s.universe.All() {
		rooms = append(rooms, "4.1!"+in.Token)
		if in.Kind != market.Index {
			rooms = append(rooms, "4.2!"+in.Token)
		}
	}
	common := stream.Config{
		TLS: &tls.Config{RootCAs: s.roots}, Session: &s.store, Clock: s.clock, Universe: s.universe, DeadLetter: s.letters,
		OnSuspect: func(epoch uint64, cause error) {
			s.log.Warn("the venue doubts the session", "epoch", epoch, "cause", cause)
			s.keeper.Renew(epoch)
		},
	}
	ticks := common
	ticks.Name, ticks.URL, ticks.Rooms, ticks.Log = "ticks", s.config.Venue.StreamURL, rooms, s.log.Named("ticks")
	ticks.Sink = feedSink{s.host.Feed(), s.gate}
	ticks.MarketOpen = func(at market.UnixNano) bool { return s.day.Phase(at).Tradable() }
	if s.ticks, err = stream.New(ticks); err != nil {
		return err
	}
	orders := common
	orders.Name, orders.URL, orders.Log = "orders", s.config.Venue.OrderStreamURL, s.log.Named("orders")
	orders.Orders, orders.OnState = s.gateway.OnReport, s.gateway.OnOrderStream
	s.orders, err = stream.New(orders)
	return err
}

// moveOver is what a swap of the credential does to a stream that runs.
func (s *system) moveOver(which **stream.Stream) func(context.Context) error {
	return func(ctx context.Context) error {
		if !s.streams.Load() {
			return nil
		}
		// One that does not run yet begins with the new credential.
		if err := (*which).Renew(ctx); err != nil && s.streams.Load() && !errors.Is(err, stream.ErrStopped) {
			return err
		}
		return nil // or the run is over, and nobody needs to know
	}
}

// restartOrders opens the order stream anew, beside whoever asked.
func (s *system) restartOrders() {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := s.orders.Renew(ctx); err != nil {
			s.log.Warn("the order stream could not be opened anew", "error", err)
		}
	}()
}

func (s *system) onSession(state session.State, c *session.Credential) {
	now := gateway.Session{State: state}
	if c != nil {
		now.Epoch, now.EntriesUntil, now.Expiry = c.Epoch, c.EntriesUntil, c.Expiry
	}
	s.gateway.OnSession(now)
	s.host.Session(state)
}

// alarm tells a person.
func (s *system) alarm(text string) {
	s.notes.add(text, true)
	s.log.Error(text)
}

// run trades until ctx ends, then cancels what rests and closes the parts, the
// gateway last. Positions stay as they are.
func (s *system) run(ctx context.Context) error {
	s.started = s.clock.Now()
	var parts, desk sync.WaitGroup
	failed := make(chan error, 8)
	start := func(group *sync.WaitGroup, ctx context.Context, what string, run func(context.Context) error) {
		group.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	trading, stopTrading := context.WithCancel(context.Background())
	defer stopTrading()
	serving, stopServing := context.WithCancel(context.Background())
	defer stopServing()

	start(&desk, serving, "journal", s.keepJournal)
	start(&desk, serving, "gateway", s.gateway.Run)
	start(&desk, serving, "session", func(ctx context.Context) error {
		s.gateway.Connected(ctx, 3*time.Second) // a session kept from the last run is there before the connections are
		return s.keeper.Run(ctx)
	})
	start(&desk, serving, "account", func(ctx context.Context) error { s.account.run(ctx); return nil })
	err := s.awaitLogin(ctx, failed)
	if err == nil {
		// The order stream first: what it says is held until the lists are read.
		start(&desk, serving, "order stream", s.orders.Run)
		start(&parts, trading, "tick stream", s.ticks.Run)
		start(&parts, trading, "strategies", s.host.Run)
		start(&parts, trading, "probe", s.probeWindow)
		s.streams.Store(true)
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	s.streams.Store(false)
	stopTrading()
	parts.Wait()
	s.cancelAll()
	stopServing()
	desk.Wait()
	s.gateway.Still(func() { s.journal.Append(&journal.Record{Kind: journal.Stopped, At: s.clock.Now()}, true) })
	return err
}

// probeWindow finds out, where the configuration asks for it, whether lost
// orders may be sent again. Until then, and without a proof, they are not.
func (s *system) probeWindow(ctx context.Context) error {
	policy := s.config.Orders.Unknown
	if policy == order.Never {
		return nil
	}
	window, err := s.gateway.ProbeWindow(ctx)
	switch fence := policy.HardFence(window); {
	case ctx.Err() != nil:
	case err != nil:
		s.alarm("orders.unknown: the venue's window for timestamps could not be probed, lost orders are not sent again: " + err.Error())
	case fence == 0:
		s.alarm("orders.unknown: the venue takes old timestamps, lost orders are not sent again")
	default:
		s.log.Info("the venue refuses old requests: lost orders may be sent again", "window", window, "after", fence)
		s.gateway.HardFence(fence)
	}
	return nil
}

// settling is how long a run waits at its end: as long as a request may be late
// and its order unseen, and a little more.
const settling = 20 * time.Second

// naming is how much of that is spent on nothing but the exact prices of fills,
// which the rate limits may hold back.
const naming = 3 * time.Second

// cancelAll cancels what rests, now that no strategy adds to it, and waits for
// the venue's word, of fills' exact prices too.
func (s *system) cancelAll() {
	if s.store.Current() == nil {
		return // nothing was ever sent
	}
	if open := len(s.gateway.Snapshot().Orders); open > 0 {
		s.log.Info("stopping: what rests is cancelled first", "orders", open, "at_most", settling)
	}
	asked, since := make(map[order.ID]bool), s.clock.Now().Mono
	for s.clock.Now().Mono.Sub(since) < settling {
		desk := s.gateway.Snapshot()
		for i := range desk.Orders {
			if o := &desk.Orders[i]; !asked[o.ID] {
				asked[o.ID] = true
				s.gateway.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: o.ID, Strategy: o.Strategy}})
			}
		}
		if desk.At.Mono > since && len(desk.Orders) == 0 && s.account.settled() &&
			(s.account.latest.Load().Counts.Estimated == 0 || s.clock.Now().Mono.Sub(since) > naming) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, o := range s.gateway.Snapshot().Orders {
		s.unsettled = append(s.unsettled, fmt.Sprintf("%d (%s, %s)", o.ID, o.VenueID, o.State))
	}
}

// title names the strategies of the run.
func (s *system) title() string {
	var names []string
	for _, l := range s.host.Loops() {
		names = append(names, l.Name())
	}
	return strings.Join(names, ", ")
}
