package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/cmd/vayu/internal/explain"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
)

// explainOrder tells the life of one order from the journal. It changes nothing
// and may run beside the engine.
type explainOrder struct {
	Order  string `arg:"" help:"The engine's number, the venue's order id, or the remark that travelled with it."`
	Folder string `type:"path" placeholder:"DIR" help:"The journal's folder; that of --config, or the default one, when not given."`
	Config string `type:"path" placeholder:"FILE" help:"Configuration file that names the folder."`
	Day    string `placeholder:"YYYY-MM-DD" help:"The trading day; the newest that has the order when not given."`
	JSON   bool   `help:"One JSON document instead of lines."`
}

// Run reads the journal twice: once for who is meant, once for the life.
func (e *explainOrder) Run(s streams) error {
	var day market.Date
	if e.Day != "" {
		at, err := time.Parse(time.DateOnly, e.Day)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--day %q is not a day such as 2026-08-18", e.Day)}
		}
		day = market.NewDate(at.Year(), at.Month(), at.Day())
	}
	folder, err := journalFolder(e.Folder, e.Config)
	if err != nil {
		return err
	}
	life, err := explain.Find(func(fn func(*journal.Record) error) error { return journal.Read(folder, fn) }, e.Order, day)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &exitError{exitConfig, fmt.Errorf("there is no journal in %s: name its folder with --folder, or the configuration with --config", folder)}
	case err != nil:
		return err
	}
	if !e.JSON {
		return life.Write(s.out)
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(life)
}

// journalFolder is the folder that is named, that of a configuration, or the
// default one.
func journalFolder(folder, file string) (string, error) {
	if folder != "" {
		return folder, nil
	}
	c, err := config.Load(file, os.Environ())
	return c.Journal.Folder, err
}
