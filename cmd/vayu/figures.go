package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/report"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/rest"
)

// meter compares the process at two moments: its garbage and its time.
type meter struct {
	began   time.Time
	mallocs uint64
	cycles  int64
}

func newMeter() meter {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return meter{began: time.Now(), mallocs: m.Mallocs, cycles: int64(m.NumGC)}
}

// fill writes what happened since into the document.
func (m meter) fill(d *report.Document) {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	cycles := int64(now.NumGC) - m.cycles
	d.GC.Cycles = uint64(cycles)
	for i, pause := range gc.Pause { // newest first, the runtime keeps some hundred
		if int64(i) == cycles {
			break
		}
		d.GC.MaxPause = max(d.GC.MaxPause, pause.Nanoseconds())
	}
	if d.Ticks > 0 {
		d.AllocsPerTick = float64(now.Mallocs-m.mallocs) / float64(d.Ticks)
	}
	d.WallSeconds = time.Since(m.began).Seconds()
}

// document gathers the figures of a run. Call it after run has returned.
func (s *system) document(m meter) *report.Document {
	ticks, orders := s.ticks.Stats(), s.orders.Stats()
	feed, view, desk := s.host.Feed().Stats(), s.account.latest.Load(), s.gateway.Snapshot()
	d := &report.Document{
		Ticks:           ticks.Quotes + ticks.Depths,
		BookUpdates:     feed.Quotes + feed.Depths,
		DecodeErrors:    ticks.DecodeErrors + orders.DecodeErrors,
		FeedGaps:        ticks.Gaps + orders.Gaps,
		Reconnects:      ticks.Reconnects + orders.Reconnects,
		SessionRenewals: s.keeper.Renewals(),
		Fills:           view.Counts.Fills,
		NetPnL:          view.Portfolio.Totals.Net,
		Charges:         view.Portfolio.Totals.Charges,
		Orders: report.Orders{
			Submitted: view.Counts.Submitted, Accepted: view.Counts.Accepted, Filled: view.Counts.Filled,
			Cancelled: view.Counts.Cancelled, Rejected: view.Counts.Rejected, Unknown: view.Counts.Unknown,
		},
		Positions: []report.Position{},
		Latency: report.Latencies{
			TickToDecision: desk.TickToDecision, TickToWire: desk.TickToWire, OrderAck: desk.OrderAck,
		},
		Retries:  retries(desk),
		Scope:    report.WholeProcess,
		Strategy: s.title(),
	}
	held := s.account.held()
	for _, id := range slices.Sorted(maps.Keys(held)) { // by expiry, strike and right, as ids are
		d.Positions = append(d.Positions, report.PositionOf(s.universe.Get(id), held[id]))
	}
	m.fill(d)
	return d
}

func retries(desk *gateway.Snapshot) report.Retries {
	attempts, retried := desk.Core.Attempts()
	calls := make(map[string]report.Calls)
	for e := range rest.Endpoints {
		if c, any := desk.CallsTo(rest.Endpoint(e)); any {
			calls[rest.Endpoint(e).String()] = report.Calls{
				Attempts: c.Attempts, Retried: c.Retried, Throttled: c.Throttled, NotSent: c.NotSent, TimedOut: c.TimedOut,
				Ambiguous: c.Ambiguous, Refused: c.Refused, Malformed: c.Malformed, Delay: int64(c.Delay),
			}
		}
	}
	return report.Retries{
		Endpoints: calls,
		Attempts:  attempts, Retried: retried, Throttled: desk.Core.Throttled,
		Ambiguous: desk.Core.Ambiguous, Resolved: desk.Core.Resolved, Renewals: desk.Renewals,
	}
}

// status is the figures of the live line.
func (s *system) status(ticksPerSecond float64) report.Status {
	now, view, desk := s.clock.Now(), s.account.latest.Load(), s.gateway.Snapshot()
	st := report.Status{
		At: now, Phase: s.day.Phase(now.Market).String(), TicksPerSecond: ticksPerSecond, Positions: len(s.account.held()),
		OpenOrders: int(view.Counts.Open + view.Counts.Unknown), Net: view.Portfolio.Totals.Net,
		TickToWire: desk.TickToWire, QuotaLeft: s.config.Limits.PerDay - desk.Standing.Quota.DayUsed,
	}
	if level := s.gate.Level(); level > 0 {
		st.Kill = level.String()
	}
	if c := s.store.Current(); c != nil {
		st.SessionAge = now.Wall.Sub(c.Issued)
	}
	return st
}

// ticksSeen is the stock events taken so far, repeats of a second connection
// left out.
func (s *system) ticksSeen() uint64 {
	t := s.ticks.Stats()
	return t.Quotes + t.Depths
}

// watchLine shows the status until stop is closed.
func (s *system) watchLine(line *report.Line, stop <-chan struct{}) {
	const every = 500 * time.Millisecond
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	before, at := s.ticksSeen(), time.Now()
	for {
		select {
		case <-stop:
			line.Done()
			return
		case <-ticker.C:
		}
		seen, now := s.ticksSeen(), time.Now()
		line.Show(s.status(float64(seen-before) / now.Sub(at).Seconds()))
		before, at = seen, now
	}
}

// finish writes the result: the document where it was asked for, and the
// summary for people.
func finish(d *report.Document, json string, s streams) error {
	if json != "" {
		if err := writeTo(json, s.out, d.WriteJSON); err != nil {
			return err
		}
	}
	if json == "-" {
		return nil
	}
	return d.WriteSummary(s.out)
}

// verdict is the error of a run that left orders behind, or whose kill level had
// risen at its end.
func (s *system) verdict() error {
	if len(s.unsettled) > 0 {
		return fmt.Errorf("orders were not over when the run ended; look at the venue's own list: %s", strings.Join(s.unsettled, ", "))
	}
	if level := s.gate.Level(); level > risk.Armed {
		return &exitError{exitRisk, fmt.Errorf("trading was stopped: %s (%s)", level, s.gate.Cause())}
	}
	return nil
}

// canWrite tries the file of the result before the run, not after it.
func canWrite(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--json: %w", err)}
	}
	return f.Close()
}

// cash is what all fills moved, before charges.
func (a *account) cash() (moved market.Paise) {
	for _, p := range a.latest.Load().Portfolio.Positions {
		moved += p.Cash
	}
	return moved
}

// held is what the account holds of each instrument, strategies added up.
func (a *account) held() map[market.InstrumentID]market.Units {
	held := make(map[market.InstrumentID]market.Units)
	for _, p := range a.latest.Load().Portfolio.Positions {
		held[p.Instrument] += p.Quantity
	}
	for id, quantity := range held {
		if quantity == 0 {
			delete(held, id)
		}
	}
	return held
}

func writeTo(path string, out io.Writer, write func(io.Writer) error) error {
	if path == "-" {
		return write(out)
	}
	return writeFile(path, write)
}
