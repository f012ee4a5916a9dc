package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The run itself is `make mutants`; here is what keeps the table true to the
// code, and quick enough for every test run.

func TestEveryMutantFitsTheCodeAndParses(t *testing.T) {
	for _, m := range all() {
		t.Run(m.Name, func(t *testing.T) {
			files, err := m.apply("../..")
			require.NoError(t, err)
			for file, text := range files {
				_, err = parser.ParseFile(token.NewFileSet(), file, text, parser.SkipObjectResolution)
				require.NoError(t, err)
			}
			require.NotEmpty(t, m.Rule)
		})
	}
}

func TestEveryMutantHasKillersThatExist(t *testing.T) {
	tests := map[string]string{}
	for _, m := range all() {
		require.NotEmpty(t, m.Killers, m.Name)
		for _, k := range m.Killers {
			if tests[k.Package] == "" {
				tests[k.Package] = testsOf(t, k.Package)
			}
			declared := regexp.MustCompile(`(?m)^func ` + k.Test + `\(t \*testing\.T\)`)
			require.True(t, declared.MatchString(tests[k.Package]), "%s has no %s, which is to kill %q", k.Package, k.Test, m.Name)
		}
	}
}

func TestMutantsAreManyAndNamedApart(t *testing.T) {
	names := map[string]bool{}
	for _, m := range all() {
		require.False(t, names[m.Name], "%q is there twice", m.Name)
		names[m.Name] = true
	}
	require.GreaterOrEqual(t, len(names), 40)
}

func TestAFragmentThatIsGoneNamesItsMutant(t *testing.T) {
	gone := Mutant{Name: "lost", File: "go.mod", Find: "no such line"}
	_, err := gone.apply("../..")
	require.ErrorContains(t, err, `mutant "lost": its fragment occurs 0 times in go.mod`)
}

func testsOf(t *testing.T, pkg string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
	require.NoError(t, err)
	all := ""
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all += string(text)
	}
	return all
}
