package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Mutant is the code with one fault.
type Mutant struct {
	Name    string // what goes wrong, in a few words
	Rule    string // what it breaks
	File    string // from the module's root
	Find    string // occurs exactly once in File
	Replace string
	Also    []Edit   // further edits that the same fault needs
	Killers []Killer // each of them must kill it
}

// Edit replaces a fragment that occurs exactly once.
type Edit struct {
	Find, Replace string
	File          string // empty: the mutant's
}

// also is one further edit of the mutant's file.
func also(find, replace string) []Edit { return []Edit{{Find: find, Replace: replace}} }

// Killer is a test that fails on the mutant and passes on the code as it is. It
// must be one that does the same every time.
type Killer struct {
	Package string // from the module's root
	Test    string // its whole name
	Seeds   int    // of a simulation: it must fail within so many worlds
}

// worldTest simulates one world for each seed, as a subtest named by it.
const worldTest = "TestNoFaultMakesADuplicateOrLosesAnOrder"

// world is the seeded simulation as a killer.
func world(seeds int) Killer { return Killer{Package: "exec/gateway", Test: worldTest, Seeds: seeds} }

// in makes killers of a package's tests.
func in(pkg string, tests ...string) (killers []Killer) {
	for _, test := range tests {
		killers = append(killers, Killer{Package: pkg, Test: test})
	}
	return killers
}

// all is every mutant, in the order of the table.
func all() []Mutant {
	return slices.Concat(orderMutants, evidenceMutants, restartMutants, journalMutants, exposureMutants, gateMutants, sessionMutants, wireMutants, feedMutants)
}

// apply makes the mutated files. A fragment that does not occur exactly once is
// an error: the code has moved on, and the table must follow.
func (m *Mutant) apply(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, e := range append(also(m.Find, m.Replace), m.Also...) {
		file := m.File
		if e.File != "" {
			file = e.File
		}
		text, begun := files[file]
		if !begun {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, file)); err != nil {
				return nil, fmt.Errorf("mutant %q: %w", m.Name, err)
			}
		}
		if n := bytes.Count(text, []byte(e.Find)); n != 1 || e.Find == "" {
			return nil, fmt.Errorf("mutant %q: its fragment occurs %d times in %s, want once: %.80q", m.Name, n, file, e.Find)
		}
		files[file] = bytes.Replace(text, []byte(e.Find), []byte(e.Replace), 1)
	}
	return files, nil
}
