package bench

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// faults are the rows of the fault matrix that the execution path answers for,
// each with what it does to us. A row's tests bear its name: TestN5_..., and
// what a row demands is in them.
var faults = []struct{ row, fault string }{
	{"N1", "connection refused"},
	{"N2", "a name that is not resolved, or slowly, or to nothing"},
	{"N3", "a handshake or a certificate that is refused"},
	{"N4", "reset before the first byte was written"},
	{"N5", "reset in the middle of a request"},
	{"N6", "reset after the request, before the answer"},
	{"N7", "answer lost after the order was accepted"},
	{"N8", "a peer that is gone without a word"},
	{"N9", "an answer after we gave up waiting"},
	{"N10", "a request accepted twenty seconds late"},
	{"N11", "one byte a second"},
	{"N12", "a body cut, or of another length than announced"},
	{"N13", "too large, flooded, redirected"},
	{"N14", "two answers, or an old one, on one connection"},
	{"N15", "our address is not registered"},
	{"N16", "loss, reordering, duplicates, jitter, 64 kbit/s"},

	{"H1", "a refusal in words that are listed"},
	{"H1a", "no data found"},
	{"H1b", "words that only a person can mend"},
	{"H2", "words that nobody knows"},
	{"H3", "neither success nor error, or no order id"},
	{"H4", "a request that is malformed"},
	{"H5", "session refused"},
	{"H6", "a throttle in the shape of 401"},
	{"H7", "the day's calls are used up"},
	{"H8", "forbidden"},
	{"H9", "429 with Retry-After, sane or not"},
	{"H10", "429 without Retry-After"},
	{"H11", "server errors"},
	{"H12", "a page under any status"},
	{"H13", "an order id twice, or one that cannot be one"},
	{"H14", "lists that are empty, partial, old, or shrink"},
	{"H15", "the venue's clock far from ours"},
	{"H16", "remarks that do not come back"},

	{"E1", "the session ends while an order is on its way"},
	{"E2", "two renewals at once"},
	{"E3", "what becomes of the old token"},
	{"E4", "midnight and the forced logout"},
	{"E5", "no renewal to be had"},
	{"E6", "a login of somebody else, or garbage"},
	{"E7", "wrong app key or secret"},
	{"E8", "death between login and swap"},
	{"E9", "an old renewal ends after a newer one"},
	{"E10", "the streams move to the new session"},

	{"P1", "killed at any instruction"},
	{"P2", "a torn last record"},
	{"P3", "a flipped bit"},
	{"P4", "disk full"},
	{"P5", "sync fails"},
	{"P6", "two instances"},
	{"P7", "a pause of the process"},
	{"P8", "stopped for minutes, then continued"},
	{"P9", "the wall clock jumps"},
	{"P14", "a crash loop"},
}

var faultTest = regexp.MustCompile(`^(?:Test|Fuzz)((?:N|H|E|P)[0-9]+[a-z]?)_[A-Z]`)

// Each row of the matrix has tests of its own, under its name. With -v, the
// table of rows and tests.
func TestModuleFaultRowsHaveTests(t *testing.T) {
	tests := faultTests(t)
	for _, f := range faults {
		found := tests[f.row]
		t.Logf("%-4s %s", f.row, f.fault)
		for _, name := range found {
			t.Logf("       %s", name)
		}
		if len(found) == 0 {
			t.Errorf("%s, %s, has no test named Test%s_...", f.row, f.fault, f.row)
		}
	}
}

// faultTests are the module's tests that bear the name of a row.
func faultTests(t *testing.T) map[string][]string {
	t.Helper()
	root := moduleRoot(t)
	tests := make(map[string][]string)
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && path != root || entry.Name() == "testdata" || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		for _, d := range parsed.Decls {
			f, is := d.(*ast.FuncDecl)
			if !is || f.Recv != nil {
				continue
			}
			if m := faultTest.FindStringSubmatch(f.Name.Name); m != nil {
				tests[m[1]] = append(tests[m[1]], fmt.Sprintf("%s: %s", folder, f.Name.Name))
			}
		}
		return err
	}))
	for row := range tests {
		slices.Sort(tests[row])
	}
	return tests
}
