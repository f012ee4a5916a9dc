// Command mutants proves that the tests would notice. Each [Mutant] is the real
// code with one fault: a rule of the execution path broken on purpose, as a
// source patch that `go test -overlay` builds, so that the code that ships
// knows nothing of it. Every mutant names what must kill it, a seeded world or
// a test, and one that survives is a hole in the tests.
//
// It owns the list of faults and the bookkeeping of who found them; how the
// tests find them is theirs.
//
//	go run ./bench/mutants                    # all of them; fails when one survives
//	go run ./bench/mutants -only 'breaker'    # those whose name or file fits
//	go run ./bench/mutants -search 'NAME'     # the first world that kills it
//	go run ./bench/mutants -who 'NAME'        # every test that fails on it
//	go run ./bench/mutants -write             # and write KILLED.md
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := flags.String("only", "", "just the mutants whose name or file fits this expression")
	search := flags.String("search", "", "find the first seed of the simulation that kills the mutant of this name")
	seeds := flags.Int("seeds", 10_000, "how many seeds -search tries")
	who := flags.String("who", "", "run all tests of the packages that have killers of the mutant of this name, and tell which fail")
	parallel := flags.Int("parallel", 2, "mutants at work at a time")
	worlds := flags.Int("worlds", 0, "also try so many worlds on mutants of the core that tests alone must kill, and tell the seed")
	write := flags.Bool("write", false, "write bench/mutants/KILLED.md")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	lab := &lab{root: root, temp: temp, worlds: *worlds}

	if *search != "" {
		return lab.search(ctx, *search, *seeds, out)
	}
	if *who != "" {
		return lab.who(ctx, *who, out)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	chosen := slices.DeleteFunc(slices.Clone(all()), func(m Mutant) bool { return !pattern.MatchString(m.Name) && !pattern.MatchString(m.File) })
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant fits %q", *only)
	}
	began := time.Now()
	if err := lab.baseline(ctx, chosen); err != nil {
		return err
	}
	results := lab.kill(ctx, chosen, max(*parallel, 1), out)
	took := time.Since(began).Round(time.Second)
	if err := ctx.Err(); err != nil {
		return err
	}
	var alive []string
	for _, r := range results {
		if r.err != nil {
			alive = append(alive, r.mutant.Name)
		}
	}
	fmt.Fprintf(out, "%d of %d mutants killed in %v\n", len(results)-len(alive), len(results), took)
	if len(alive) > 0 {
		return fmt.Errorf("%d not killed: %s", len(alive), strings.Join(alive, "; "))
	}
	if *write {
		if *only != "" {
			return errors.New("-write needs all mutants: leave -only away")
		}
		return os.WriteFile(filepath.Join(root, "bench/mutants/KILLED.md"), report(results, took), 0o644)
	}
	return nil
}

// report is the table for people.
func report(results []result, took time.Duration) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Mutants killed\n\nWritten by `go run ./bench/mutants -write`: %d mutants, all killed, in %v (%s, %d CPUs, %s). A seed is the\n",
		len(results), took, runtime.Version(), runtime.NumCPU(), runtime.GOOS+"/"+runtime.GOARCH)
	b.WriteString("first of `TestNoFaultMakesADuplicateOrLosesAnOrder` in `exec/gateway` that fails on the mutant; each killer passes on the code as it is.\n\n")
	b.WriteString("| Mutant | Breaks | File | Killed by |\n|---|---|---|---|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s |\n", cell(r.mutant.Name), cell(r.mutant.Rule), r.mutant.File, cell(r.by()))
	}
	return []byte(b.String())
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("run it inside the module")
	}
	return filepath.Dir(file), nil
}
