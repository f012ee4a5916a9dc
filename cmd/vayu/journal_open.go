package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
)

// openJournal takes the folder for this engine alone and recovers what earlier
// runs kept.
func openJournal(folder string) (*journal.Journal, error) {
	j, err := journal.Open(journal.Config{Folder: folder})
	switch {
	case errors.Is(err, journal.ErrLocked):
		return nil, &exitError{exitTemporary, fmt.Errorf("another engine runs with this folder: %w", err)}
	case errors.Is(err, journal.ErrDamaged):
		return nil, fmt.Errorf("nothing is traded on a journal with a hole: %w", err)
	case err != nil:
		return nil, fmt.Errorf("%w: journal.folder: %w", config.ErrConfig, err)
	}
	return j, nil
}

// restore takes up what earlier runs of the day left, then records the start
// of this one. Both are before the order core begins: the journal is ours alone.
func (s *system) restore(tag order.Tag) error {
	switch found := s.journal.Report(); {
	case found.Lost > 0:
		s.alarm(fmt.Sprintf("the machine lost its power before %d records of the journal were on disk: orders are learnt from the venue's lists", found.Lost))
	case len(found.CutFiles) > 0:
		s.log.Warn("the journal's end was torn and is cut", "kept", found.CutFiles)
	}
	if n, err := s.journal.Prune(tag.Day.AddDays(-s.config.Journal.KeepDays)); err != nil {
		s.log.Warn("old journal files stay", "error", err)
	} else if n > 0 {
		s.log.Info("old journal files removed", "files", n, "older_than_days", s.config.Journal.KeepDays)
	}
	records, logins, starts := 0, []market.UnixNano(nil), []market.UnixNano(nil)
	err := s.gateway.Restore(func(take func(*journal.Record) error) error {
		return s.journal.ReplayDay(tag.Day, func(r *journal.Record) error {
			records++
			switch {
			case r.Kind == journal.Login && !r.Session.OK:
				logins = append(logins, r.At.Wall)
			case r.Kind == journal.Started:
				starts = append(starts, r.At.Wall)
			}
			return take(r)
		})
	})
	if err != nil {
		return err
	}
	s.restored = records
	s.keeper.Restore(logins)
	now := s.clock.Now()
	start := journal.Record{Kind: journal.Started, At: now, Start: journal.Start{Tag: tag, Armed: s.armed, Version: version()}}
	if !s.journal.Append(&start, true) {
		return fmt.Errorf("%w: the journal takes no records: %w", config.ErrConfig, s.journal.Health())
	}
	for i, name := range strategyNames(&s.config) {
		named := journal.Record{Kind: journal.Named, At: now, Name: journal.Name{Strategy: order.StrategyID(i + 1), Text: name}}
		s.journal.Append(&named, true)
	}
	s.mayArm(starts, now)
	return nil
}

// crashLoop is why an engine that keeps starting adds nothing by itself.
const crashLoop = "third start within ten minutes: pass --arm to trade"

// mayArm keeps an engine that was started again and again from adding exposure
// until a person says that it may; exits and cancels go on.
func (s *system) mayArm(starts []market.UnixNano, now market.Stamp) {
	switch {
	case s.armed && s.gate.Level() == risk.Reducing && strings.Contains(s.gate.Cause(), crashLoop):
		s.gateway.Lower(risk.Armed, "--arm")
	case !s.armed && !gateway.ArmsItself(starts, now.Wall):
		s.gateway.Kill(risk.Reducing, crashLoop)
	}
}

// strategyNames is the strategies' names in order of their numbers.
func strategyNames(c *config.Config) []string {
	names := make([]string, len(c.Strategies))
	for i := range c.Strategies {
		if names[i] = c.Strategies[i].Instance; names[i] == "" {
			names[i] = c.Strategies[i].Name
		}
	}
	return names
}

// keepJournal brings records to disk until ctx ends, and tells a person when
// that no longer works.
func (s *system) keepJournal(ctx context.Context) error {
	watch, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		told := false
		for ticker := time.NewTicker(time.Second); ; {
			select {
			case <-watch.Done():
				ticker.Stop()
				return
			case <-ticker.C:
			}
			if err := s.journal.Health(); err != nil && !told {
				s.alarm("the journal is in trouble: " + err.Error())
				told = true
			} else if err == nil {
				told = false
			}
		}
	}()
	return s.journal.Run(ctx)
}

// onArmed tells that entries may leave from now on, and how long that took.
func (s *system) onArmed() {
	took := time.Duration(s.clock.Now().Mono) // since the process began
	s.log.Info("armed", "after", took.Round(time.Millisecond), "restored", s.restored)
	if s.told != nil {
		fmt.Fprintf(s.told, "armed after %s, %d records restored\n", took.Round(time.Millisecond), s.restored)
	}
}

// version is what was built, for the journal.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return info.Main.Version
}
