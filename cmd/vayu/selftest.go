package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
	"github.com/vayu-trading/vayu/engine/session"
)

// selftest proves, with the parts that trade, that a login renews, that calls
// are repeated when that is safe and only then, and that an order goes the whole
// way whatever happens to its answer.
type selftest struct {
	Config      string   `type:"path" placeholder:"FILE" help:"Test against the venue of this configuration instead of an embedded one, without making it misbehave."`
	PlaceOrders bool     `name:"place-orders" help:"Place orders at a venue that is no simulation: one lot, far from the market, cancelled at once."`
	Only        []string `placeholder:"session,calls,orders" help:"Run these tests alone."`
	Log         string   `default:"retry_test.log" type:"path" placeholder:"FILE" help:"Where everything that is printed goes too, with the engine's own log of every attempt; an earlier file is replaced."`
	JSON        string   `placeholder:"FILE" help:"Write the result as JSON; - is the standard output."`
	Seed        uint64   `default:"1" help:"Of every draw that the venue and the engine make."`
}

// Help is what --help says beyond the flags.
func (*selftest) Help() string {
	return "Three tests: session (a login is exchanged, renewed ahead of its end and after a loss, once however many ask), " +
		"calls (right and wrong requests, throttles, error pages and broken connections: verdicts, attempts and delays), " +
		"orders (place, modify, cancel, fill; an answer lost, a page instead of one, no connection: never a second order). " +
		"Without --config the venue is embedded and made to misbehave; secrets are never written."
}

// trialTests are the tests, in the order to run.
func trialTests() []trialTest {
	return []trialTest{
		{"session", "session renewal", (*trials).session},
		{"calls", "calls and their repeats, valid and invalid", (*trials).calls},
		{"orders", "order placement from end to end", (*trials).orders},
	}
}

type trialTest struct {
	name, about string
	run         func(*trials, context.Context, *sheet)
}

// trials is one run of the tests.
type trials struct {
	*selftest
	log    hclog.InterceptLogger
	folder string
	config *config.Config // of the configured venue; nil: embedded
	only   *bench         // the one engine at a configured venue; nil before the first test
}

// Run makes the tests and fails if any step does.
func (c *selftest) Run(ctx context.Context, s streams) error {
	wanted, err := c.wanted()
	if err != nil {
		return err
	}
	if err := canWrite(c.JSON); err != nil {
		return err
	}
	file, err := os.OpenFile(c.Log, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--log: %w", err)}
	}
	defer file.Close()
	folder, err := os.MkdirTemp("", "vayu-selftest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)

	written := &shared{out: file}
	t := &trials{selftest: c, folder: folder, log: hclog.NewInterceptLogger(&hclog.LoggerOptions{
		Name: "vayu", Level: hclog.Debug, Output: written, TimeFormat: "15:04:05.000",
	})}
	venue := "an embedded venue"
	if c.Config != "" {
		loaded, err := t.load()
		if err != nil {
			return err
		}
		t.config, venue = &loaded, loaded.Venue.RestURL
	}
	console := s.out
	if c.JSON == "-" {
		console = s.err
	}
	book := newSheet(io.MultiWriter(console, written))
	t.log.RegisterSink(book)
	defer t.log.DeregisterSink(book)

	began := time.Now()
	book.say("vayu selftest against %s, %s", venue, began.Format(time.DateTime))
	for _, test := range wanted {
		book.begin(test.name, test.about)
		test.run(t, ctx, book)
		book.end()
	}
	if t.only != nil {
		t.only.close()
	}
	result := book.result(venue, time.Since(began))
	book.conclude(&result)
	book.say("log: %s", c.Log)
	if c.JSON != "" {
		if err := writeTo(c.JSON, s.out, result.write); err != nil {
			return err
		}
	}
	if !result.OK {
		return fmt.Errorf("selftest: %d of %d steps failed", result.Failed, result.Steps)
	}
	return nil
}

func (c *selftest) wanted() (list []trialTest, err error) {
	for _, name := range c.Only {
		known := false
		for _, test := range trialTests() {
			known = known || test.name == name
		}
		if !known {
			return nil, &exitError{exitUsage, fmt.Errorf("--only: %q is none of session, calls, orders", name)}
		}
	}
	for _, test := range trialTests() {
		chosen := len(c.Only) == 0
		for _, name := range c.Only {
			chosen = chosen || test.name == name
		}
		if chosen {
			list = append(list, test)
		}
	}
	return list, nil
}

// load is the configuration of a venue that is not embedded.
func (t *trials) load() (config.Config, error) {
	c, err := (&trade{Config: t.Config, HTTP: "off"}).load(os.Environ())
	if err != nil {
		return c, err
	}
	if c.Mode != config.Sim {
		return c, &exitError{exitConfig, fmt.Errorf("mode %s: %w", c.Mode, errModes)}
	}
	return c, nil
}

// mayPlace tells whether orders may be sent: always to a simulation, elsewhere
// on a person's word alone.
func (t *trials) mayPlace() bool {
	return t.config == nil || t.config.Mode == config.Sim || t.PlaceOrders
}

// embedded tells whether the venue is ours to make misbehave.
func (t *trials) embedded() bool { return t.config == nil }

var errTrialLogin = errors.New("no login within its time")

// quickRules let a renewal be seen within seconds.
func quickRules(timeout time.Duration) session.Rules {
	rules := session.DefaultRules()
	rules.Timeout = timeout
	rules = rules.Scaled()
	rules.Poll, rules.Per10Min, rules.PerDay = 100*time.Millisecond, 60, 1000
	return rules
}
