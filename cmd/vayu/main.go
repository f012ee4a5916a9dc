// Command vayu is the one binary: each subcommand parses its flags, wires parts
// by hand and prints. What the parts do is theirs to know; nothing here trades,
// decodes or decides.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/config"
)

// The exit codes, the same for every subcommand.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitConfig    = 3
	exitRisk      = 4  // refused by risk
	exitTemporary = 75 // try again later: sysexits.h calls it EX_TEMPFAIL
)

// exitError is an error that ends the process with a code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// cli is every subcommand. Each is a file of its own with a Run method.
type cli struct {
	Demo     demo         `cmd:"" help:"The main job with no account: an embedded venue replays a recorded NIFTY day, the engine trades it."`
	Run      trade        `cmd:"" help:"Trade by a configuration file. This build trades only against a simulated venue on this machine (mode sim)."`
	Sim      simulate     `cmd:"" help:"The Breeze twin as a server of its own: REST, streams, orders and security master on one port of this machine."`
	Import   imports      `cmd:"" help:"Make a tape of another vendor's recording."`
	Selftest selftest     `cmd:"" help:"Prove the login's renewal, the repeats of calls and an order's whole way, against an embedded venue that misbehaves."`
	Kill     stopTrading  `cmd:"" help:"Stop a running engine's trading: reduce, cancel, flatten or stop."`
	Operator operate      `cmd:"" help:"Talk to a running engine: its status, a lower kill level, a person's verdict on an order or a contract."`
	Explain  explainOrder `cmd:"" help:"The whole life of one order, from the journal: stages, attempts, verdicts, moves."`
	Journal  journals     `cmd:"" help:"The journal itself: is it whole (fsck), what is in it (dump)."`
	Login    browserLogin `cmd:"" help:"Log in at the venue with a browser; a running engine takes the new login up by itself."`
	Doctor   doctor       `cmd:"" help:"Is everything ready to trade? Looks at the configuration, credentials, calendar and disk."`
}

// streams is where a subcommand writes: its result, and what a person reads.
type streams struct{ out, err io.Writer }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	asked := -1 // the code of --help, which answers while flags are read
	parser, err := kong.New(new(cli),
		kong.Name("vayu"),
		kong.Description("A low-latency trading engine for NSE index options over the Breeze API."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { asked = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}),
	)
	if err != nil {
		panic(err) // the table above is wrong
	}
	command, err := parser.Parse(args)
	switch {
	case asked >= 0:
		return asked
	case err != nil:
		fmt.Fprintf(stderr, "vayu: %v (see vayu --help)\n", err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		fmt.Fprintf(stderr, "vayu: %v\n", err)
		return exitCode(err)
	}
	return exitOK
}

func exitCode(err error) int {
	if own, ok := errors.AsType[*exitError](err); ok {
		return own.code
	}
	if errors.Is(err, config.ErrConfig) {
		return exitConfig
	}
	return exitFailed
}
