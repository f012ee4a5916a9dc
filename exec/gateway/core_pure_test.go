package gateway

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheCoreReadsNoClockAndStartsNothing keeps the core a function of its
// events: what it does can be done again from a seed.
func TestTheCoreReadsNoClockAndStartsNothing(t *testing.T) {
	var files []string
	for _, pattern := range []string{
		"core*.go", "../throttle/*.go", "../retry/*.go", "../breaker/*.go", "../../engine/order/*.go", "../../engine/session/machine.go",
	} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	imports := []string{"os", "net", "net/http", "sync", "unsafe", "context", "reflect", "math/rand"}
	clocks := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		for _, i := range file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			require.NotContains(t, imports, path, name)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			at := func() string { return set.Position(n.Pos()).String() }
			switch n := n.(type) {
			case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType, *ast.SendStmt:
				require.Fail(t, "concurrency in the core", at())
			case *ast.MapType:
				require.Fail(t, "a map in the core: its order is not fixed and it grows", at())
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "time" {
					require.False(t, slices.Contains(clocks, n.Sel.Name), "a clock in the core: %s", at())
				}
			}
			return true
		})
	}
}
