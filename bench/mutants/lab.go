package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// lab builds mutants and sets their killers on them.
type lab struct {
	root, temp string
	worlds     int // tried also on mutants of the core that tests alone must kill
}

// trialTime is what one killer may take. One that takes longer proves nothing:
// the machine may just be busy.
const trialTime = 2 * time.Minute

// result is what became of a mutant.
type result struct {
	mutant Mutant
	kills  []string // what each killer said
	err    error    // it lives, or could not be built
	took   time.Duration
}

func (r *result) by() string { return strings.Join(r.kills, " · ") }

// kill tries every mutant, several at a time, tells of each when it is done,
// and returns the results in the order of the mutants.
func (l *lab) kill(ctx context.Context, mutants []Mutant, parallel int, out io.Writer) []result {
	results := make([]result, len(mutants))
	next := make(chan int)
	var wg sync.WaitGroup
	var telling sync.Mutex
	for range parallel {
		wg.Go(func() {
			for i := range next {
				results[i] = l.try(ctx, mutants[i], fmt.Sprintf("mutant%d", i))
				telling.Lock()
				r := &results[i]
				if r.err != nil {
					fmt.Fprintf(out, "NOT KILLED  %s (%s): %v\n", r.mutant.Name, r.mutant.File, r.err)
				} else {
					fmt.Fprintf(out, "killed  %-44s %5.1fs  %s\n", r.mutant.Name, r.took.Seconds(), r.by())
				}
				telling.Unlock()
			}
		})
	}
	for i := range mutants {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

// try builds one mutant for each package that has a killer of it and runs them
// all.
func (l *lab) try(ctx context.Context, m Mutant, name string) result {
	began := time.Now()
	r := result{mutant: m}
	overlay, err := l.overlay(&m, name)
	if err != nil {
		r.err = err
		return r
	}
	var survived []error
	for _, pkg := range packagesOf(m.Killers) {
		binary, err := l.build(ctx, pkg, filepath.Join(l.temp, name+strings.ReplaceAll(pkg, "/", "-")), overlay)
		if err != nil {
			r.err = err
			return r
		}
		for _, k := range m.Killers {
			if k.Package == pkg {
				killed, err := l.trial(ctx, binary, k)
				if err != nil {
					survived = append(survived, err)
					continue
				}
				r.kills = append(r.kills, killed)
			}
		}
		if seeded := func(k Killer) bool { return k.Seeds > 0 }; pkg == world(0).Package && l.worlds > 0 && !slices.ContainsFunc(m.Killers, seeded) {
			if seed, _, err := l.live(ctx, binary, l.worlds); err == nil {
				r.kills = append(r.kills, "seed "+seed)
			}
		}
		_ = os.Remove(binary)
	}
	r.err, r.took = errors.Join(survived...), time.Since(began)
	return r
}

// overlay writes the mutated files and what tells the go command of them.
func (l *lab) overlay(m *Mutant, name string) (string, error) {
	files, err := m.apply(l.root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range files {
		into := filepath.Join(l.temp, fmt.Sprintf("%s-%d.go", name, len(replace)))
		if err := os.WriteFile(into, text, 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(l.root, file)] = into
	}
	told, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(l.temp, name+".json")
	return overlay, os.WriteFile(overlay, told, 0o600)
}

// build makes a package's test binary, with an overlay if there is one.
func (l *lab) build(ctx context.Context, pkg, binary, overlay string) (string, error) {
	// Neither inlined nor with symbols: it takes a third less.
	args := []string{"test", "-c", "-vet=off", "-gcflags=-l", "-ldflags=-s -w", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	build := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	build.Dir = l.root
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build, which proves nothing: %s", bytes.TrimSpace(text))
	}
	return binary, nil
}

// trial runs a killer against a mutant. It says how the mutant died; an error
// when it did not.
func (l *lab) trial(ctx context.Context, binary string, k Killer) (string, error) {
	if k.Seeds > 0 {
		seed, _, err := l.live(ctx, binary, k.Seeds)
		return "seed " + seed, err
	}
	text, err := l.test(ctx, binary, k.Package, "^"+k.Test+"$")
	switch {
	case err == nil:
		return "", fmt.Errorf("it survives %s of %s", k.Test, k.Package)
	case bytes.Contains(text, []byte("panic: test timed out")):
		return "", fmt.Errorf("%s did not end in %v, which proves nothing", k.Test, trialTime)
	case !bytes.Contains(text, []byte("--- FAIL: "+k.Test)) && !bytes.Contains(text, []byte("panic: ")):
		return "", fmt.Errorf("%s ended with %w and says of no test that it failed: %s", k.Test, err, last(text, 600))
	}
	return k.Test, nil
}

// Worlds are simulated so many at a time, so that a mutant that dies early
// costs little.
const firstWorlds, moreWorlds = 8, 64

var seedFails = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: seed (\d+): `)

// live simulates seed by seed until one fails; an error when none does. The
// text is what the run said.
func (l *lab) live(ctx context.Context, binary string, seeds int) (seed string, text []byte, err error) {
	k := world(seeds)
	for from, n := 1, firstWorlds; from <= seeds; from, n = from+n, moreWorlds {
		n = min(n, seeds-from+1)
		text, err := l.test(ctx, binary, k.Package, "^"+k.Test+"$", fmt.Sprintf("-from=%d", from), fmt.Sprintf("-seeds=%d", n), "-workers=1")
		if err == nil {
			continue
		}
		if found := seedFails.FindSubmatch(text); found != nil {
			return string(found[1]), text, nil
		}
		return "", text, fmt.Errorf("%s ended with %w and no seed is to blame: %s", k.Test, err, last(text, 600))
	}
	return "", nil, fmt.Errorf("it survives %d seeds of %s", seeds, k.Test)
}

// test runs tests of a binary where their package lies.
func (l *lab) test(ctx context.Context, binary, pkg, pattern string, more ...string) ([]byte, error) {
	args := append([]string{"-test.run", pattern, "-test.timeout", trialTime.String(), "-test.v"}, more...)
	if l.drawsAtRandom(pkg) { // the same every time, and nothing kept in the tree
		args = append(args, "-rapid.seed=1", "-rapid.nofailfile")
	}
	trial := exec.CommandContext(ctx, binary, args...)
	trial.Dir = filepath.Join(l.root, pkg)
	return trial.CombinedOutput()
}

// drawsAtRandom tells whether a package's tests use rapid, whose flags the
// binary then has.
func (l *lab) drawsAtRandom(pkg string) bool {
	files, _ := filepath.Glob(filepath.Join(l.root, pkg, "*_test.go"))
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && bytes.Contains(text, []byte(`"pgregory.net/rapid"`))
	})
}

// baseline asserts that every killer passes on the code as it is.
func (l *lab) baseline(ctx context.Context, mutants []Mutant) error {
	var killers []Killer
	for _, m := range mutants {
		if len(m.Killers) == 0 {
			return fmt.Errorf("mutant %q has nothing that kills it", m.Name)
		}
		killers = append(killers, m.Killers...)
	}
	for _, pkg := range packagesOf(killers) {
		binary, err := l.build(ctx, pkg, filepath.Join(l.temp, "sound"+strings.ReplaceAll(pkg, "/", "-")), "")
		if err != nil {
			return fmt.Errorf("the tests of %s: %w", pkg, err)
		}
		tests, seeds := map[string]bool{}, 0
		for _, k := range killers {
			switch {
			case k.Package != pkg:
			case k.Seeds > 0:
				seeds = max(seeds, k.Seeds)
			default:
				tests[k.Test] = true
			}
		}
		names := slices.Sorted(maps.Keys(tests))
		if len(names) > 0 {
			text, err := l.test(ctx, binary, pkg, "^("+strings.Join(names, "|")+")$")
			for _, name := range names {
				if err != nil || !bytes.Contains(text, []byte("--- PASS: "+name+" ")) {
					return fmt.Errorf("%s of %s does not pass on the code as it is: %s", name, pkg, last(text, 2000))
				}
			}
		}
		if seeds > 0 {
			seed, text, err := l.live(ctx, binary, seeds)
			if err == nil {
				return fmt.Errorf("seed %s fails on the code as it is: %s", seed, last(text, 2000))
			}
			if text != nil {
				return err
			}
		}
		_ = os.Remove(binary)
	}
	return nil
}

// search finds the first world that kills a mutant and tells its end.
func (l *lab) search(ctx context.Context, name string, seeds int, out io.Writer) error {
	_, overlay, err := l.named(name)
	if err != nil {
		return err
	}
	binary, err := l.build(ctx, world(seeds).Package, filepath.Join(l.temp, "searched"), overlay)
	if err != nil {
		return err
	}
	seed, text, err := l.live(ctx, binary, seeds)
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	fmt.Fprintf(out, "%q is killed by seed %s\n%s\n", name, seed, text[:min(len(text), 1500)])
	return nil
}

var testFails = regexp.MustCompile(`(?m)^--- FAIL: (\S+) `)

// who tells every test that fails on a mutant.
func (l *lab) who(ctx context.Context, name string, out io.Writer) error {
	m, overlay, err := l.named(name)
	if err != nil {
		return err
	}
	for _, pkg := range packagesOf(m.Killers) {
		binary, err := l.build(ctx, pkg, filepath.Join(l.temp, "who"), overlay)
		if err != nil {
			return err
		}
		text, err := l.test(ctx, binary, pkg, ".")
		if err == nil {
			fmt.Fprintf(out, "%q survives all tests of %s\n", name, pkg)
			continue
		}
		for _, found := range testFails.FindAllSubmatch(text, -1) {
			fmt.Fprintf(out, "%q fails %s of %s\n", name, found[1], pkg)
		}
		if at := bytes.Index(text, []byte("panic: ")); at >= 0 {
			fmt.Fprintf(out, "%s\n", text[at:min(at+1000, len(text))])
		}
	}
	return nil
}

// named is a mutant and its overlay.
func (l *lab) named(name string) (m Mutant, overlay string, err error) {
	at := slices.IndexFunc(all(), func(m Mutant) bool { return m.Name == name })
	if at < 0 {
		return m, "", fmt.Errorf("there is no mutant %q", name)
	}
	m = all()[at]
	overlay, err = l.overlay(&m, "named")
	return m, overlay, err
}

func packagesOf(killers []Killer) (packages []string) {
	for _, k := range killers {
		if !slices.Contains(packages, k.Package) {
			packages = append(packages, k.Package)
		}
	}
	return packages
}

// last is the end of a text.
func last(text []byte, n int) string { return string(bytes.TrimSpace(text[max(len(text)-n, 0):])) }
