package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/importer"
	"github.com/vayu-trading/vayu/engine/market"
)

// imports makes tapes of other vendors' recordings.
type imports struct {
	NSEChain importChain `cmd:"" name:"nse-chain-1min" help:"A NIFTY option chain sampled once a minute (CSV, gzipped or not)."`
}

// importChain makes a tape of a chain sampled once a minute.
type importChain struct {
	Source   string   `required:"" type:"path" placeholder:"FILE" help:"The chain: columns timestamp, symbol, expiry, strike, option_type, spot, ltp, volume, oi, oi_chg."`
	Master   string   `required:"" type:"path" placeholder:"FILE" help:"A SecurityMaster.zip that has the contracts."`
	Out      string   `required:"" type:"path" placeholder:"FILE" help:"The tape to make; it must not be there."`
	Expiries []string `sep:"," placeholder:"YYYY-MM-DD,..." help:"Expiries to keep; all when not given."`
	Window   float64  `placeholder:"POINTS" help:"Keep strikes within so many points of the day's range of the index; all when not given."`
	Title    string   `help:"Of the tape."`
	Origin   string   `help:"Where the source is from, for the tape's header."`
	Licence  string   `help:"What is known of the right to use it, for the tape's header."`
	JSON     bool     `name:"json" help:"One JSON document instead of lines."`
}

// Run imports and says what it met.
func (c *importChain) Run(s streams) error {
	cfg := importer.Config{
		Source: c.Source, Master: c.Master, Out: c.Out, Title: c.Title, Origin: c.Origin, Licence: c.Licence,
		Window: market.Paise(c.Window * float64(market.Rupee)),
	}
	if !(c.Window >= 0 && c.Window <= 1e6) {
		return &exitError{exitUsage, fmt.Errorf("--window %v is not within 0 and 1000000 points", c.Window)}
	}
	for _, text := range c.Expiries {
		date, err := market.ParseDate(text)
		if err != nil {
			return &exitError{exitUsage, fmt.Errorf("--expiries: %w", err)}
		}
		cfg.Expiries = append(cfg.Expiries, date)
	}
	done := showProgress(s.err, "importing "+c.Source)
	report, err := importer.NSEChain1Min(cfg)
	done()
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	_, err = io.WriteString(s.out, report.String())
	return err
}

// showProgress counts the seconds on a terminal until done is called; anywhere
// else it says nothing.
func showProgress(out io.Writer, what string) (done func()) {
	file, ok := out.(*os.File)
	if !ok {
		return func() {}
	}
	if _, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err != nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			fmt.Fprintf(out, "\r\x1b[2K%s, %.1f s", what, time.Since(began).Seconds())
			select {
			case <-stop:
				fmt.Fprint(out, "\r\x1b[2K")
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(stop); <-stopped }
}
