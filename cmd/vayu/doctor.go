package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
)

// doctor looks at everything that can be looked at before the market opens and
// without a word to the venue.
type doctor struct {
	Config     string `help:"Configuration file." type:"path"`
	ShowConfig bool   `help:"Print the configuration in force, secrets masked, and stop."`
	JSON       bool   `help:"One JSON document instead of lines."`
}

// finding is the outcome of one look.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (d *doctor) Run(s streams) error {
	environ := os.Environ()
	c, err := config.Load(d.Config, environ)
	if err != nil {
		return err
	}
	invalid := c.Validate()
	credentials, warnings, missing := config.LoadCredentials(c.Venue.CredentialsFile, environ)
	if d.ShowConfig {
		if err := config.Show(s.out, &c, &credentials); err != nil {
			return err
		}
		return invalid
	}

	findings := []finding{
		look("configuration", errors.Join(invalid, startable(&c)), fmt.Sprintf("mode %s, %d strategies", c.Mode, len(c.Strategies))),
		look("credentials", missing, credentialDetail(&credentials)),
		lookAtCalendar(&c, market.SystemClock{}.Now().Market),
		lookAtJournal(c.Journal.Folder),
	}
	for _, warning := range warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	return tell(s, findings, d.JSON)
}

// startable makes the refusals of `vayu run` that Validate does not know.
func startable(c *config.Config) error {
	var mode error
	if c.Mode != config.Sim {
		mode = fmt.Errorf("%w: mode %s: %w", config.ErrConfig, c.Mode, errModes)
	}
	_, refusals := config.LoadRefusals(c.Venue.RefusalsFile)
	return errors.Join(mode, refusals, buildStrategies(c, func(string, engine.Strategy, engine.Options) error { return nil }))
}

func look(what string, err error, detail string) finding {
	if err != nil {
		return finding{what, false, err.Error()}
	}
	return finding{what, true, detail}
}

func credentialDetail(c *config.Credentials) string {
	detail := "app key from " + c.Source("app_key") + ", secret from " + c.Source("secret_key")
	if c.APISession.IsZero() {
		return detail + "; no api session yet: today's login brings it"
	}
	return detail + ", api session from " + c.Source("api_session")
}

// lookAtCalendar asks whether the market's rules for today are known.
func lookAtCalendar(c *config.Config, now market.UnixNano) finding {
	rules, err := loadCalendar(c.Market.Rules)
	if err != nil {
		return look("calendar", err, "")
	}
	day, err := rules.Day(now.Date())
	switch {
	case err != nil:
		return look("calendar", err, "")
	case !day.Trading && day.Holiday != "":
		return look("calendar", nil, fmt.Sprintf("%s is a holiday: %s", day.Date, day.Holiday))
	case !day.Trading:
		return look("calendar", nil, fmt.Sprintf("%s is no trading day", day.Date))
	}
	return look("calendar", nil, fmt.Sprintf("%s trades from %s to %s", day.Date, day.Open.Time().Format("15:04"), day.Close.Time().Format("15:04")))
}

func loadCalendar(folder string) (*calendar.Calendar, error) {
	if folder == "" {
		return calendar.Embedded()
	}
	// A folder overrides file by file, so that a missing one would override
	// nothing and nobody would notice.
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%w: market.rules: %s is not a folder", config.ErrConfig, folder)
	}
	return calendar.Load(os.DirFS(folder))
}

// journalRoom is what a busy day writes, many times over.
const journalRoom = 1 << 30

// lookAtJournal asks whether there is room for what outlives a run.
func lookAtJournal(folder string) finding {
	const what = "folder"
	existing := folder
	for {
		info, err := os.Stat(existing)
		if err == nil && !info.IsDir() {
			return finding{what, false, existing + " is not a folder"}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || existing == filepath.Dir(existing) {
			return look(what, err, "")
		}
		existing = filepath.Dir(existing)
	}
	if err := unix.Access(existing, unix.W_OK); err != nil {
		return finding{what, false, existing + " cannot be written: " + err.Error()}
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(existing, &disk); err != nil {
		return look(what, err, "")
	}
	free := disk.Bavail * uint64(disk.Bsize)
	detail := fmt.Sprintf("%s, %.1f GiB free", folder, float64(free)/(1<<30))
	if free < journalRoom {
		return finding{what, false, detail + ": make room, or set journal.folder; at least 1 GiB is wanted"}
	}
	return finding{what, true, detail}
}

// tell prints the findings and fails if any is bad.
func tell(s streams, findings []finding, asJSON bool) error {
	ready := true
	for _, f := range findings {
		ready = ready && f.OK
	}
	if asJSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"ready": ready, "findings": findings}); err != nil {
			return err
		}
	} else {
		for _, f := range findings {
			mark := "ok  "
			if !f.OK {
				mark = "BAD "
			}
			fmt.Fprintf(s.out, "%s %-14s %s\n", mark, f.What, strings.ReplaceAll(f.Detail, "\n", "\n                    "))
		}
	}
	if !ready {
		return &exitError{exitConfig, errors.New("not ready to trade")}
	}
	return nil
}
