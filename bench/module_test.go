package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/vayu-trading/vayu/"

// layer names the packages that a package may import from this module; the
// first row whose pattern fits decides. A pattern ends in "/..." for a folder
// and all below it; "" is nothing of this module.
//
// Arrows point inward: cmd and bench may use anything; feed, exec and
// strategies use the engine and never each other; the engine knows none of
// them, and inside it market is everybody's leaf.
var layers = []struct {
	pkg  string
	uses []string
}{
	{"engine/market", nil},
	{"engine/calendar", market},
	{"engine/metrics", market},
	{"engine/session", market},
	{"engine/internal/...", market},
	{"engine/order", leaves},
	{"engine/book", leaves},
	{"engine/pricing", leaves},
	{"engine/risk", middle},
	{"engine/portfolio", middle},
	{"engine/journal", middle},
	{"engine", append([]string{"engine/risk", "engine/portfolio", "engine/journal"}, middle...)},
	{"engine/...", []string{"engine/..."}}, // above the engine: back-test, the harness for tests

	{"feed/socketio", nil},
	{"feed/...", []string{"engine/...", "feed/..."}},

	// The simulated venue speaks the other end of the feed's protocol.
	{"exec/sim", []string{"engine/...", "exec/...", "feed/socketio", "feed/master"}},
	// Paper trading knows the order core and the simulated venue, and no wire.
	{"exec/paper", []string{"engine/...", "exec/gateway", "exec/sim"}},
	{"exec/...", []string{"engine/...", "exec/..."}},

	{"strategies/...", []string{"engine/...", "strategies/..."}},
	{"bench/...", []string{"..."}},
	{"cmd/...", []string{"..."}},
}

var (
	market = []string{"engine/market"}
	leaves = []string{"engine/market", "engine/calendar", "engine/metrics", "engine/session", "engine/internal/..."}
	middle = append([]string{"engine/order", "engine/book", "engine/pricing"}, leaves...)
)

// borrowed says where code that ships may use which module of others. Tests
// may use what they like.
var borrowed = map[string][]string{
	"github.com/gobwas/ws":             {"feed/stream", "exec/sim"},
	"github.com/valyala/fastjson":      {"feed/...", "exec/..."},
	"github.com/puzpuzpuz/xsync/v3":    {"..."},
	"github.com/hashicorp/go-hclog":    {"..."},
	"golang.org/x/sys":                 {"..."},
	"github.com/klauspost/compress":    {"feed/tape", "feed/master", "exec/...", "cmd/..."},
	"github.com/alecthomas/kong":       {"cmd/..."},
	"github.com/pelletier/go-toml/v2":  {"cmd/...", "strategies/param"},                                   // before trading starts
	"github.com/stretchr/testify":      {"exec/exectest", "engine/enginetest", "strategies/strategytest"}, // what tests call
	"pgregory.net/rapid":               {"exec/exectest"},
	"github.com/parquet-go/parquet-go": {"cmd/...", "engine/backtest"},
}

func TestModuleArrowsPointInward(t *testing.T) {
	eachPackage(t, func(t *testing.T, pkg listed) {
		uses, known := allowed(pkg.rel())
		require.True(t, known, "%s has no row in the table of layers: say what it may import", pkg.rel())
		for _, imported := range pkg.Imports {
			if rel, ours := strings.CutPrefix(imported, modulePath); ours {
				require.True(t, fits(rel, uses), "%s must not import %s; it may import %q", pkg.rel(), rel, uses)
			}
		}
		// A test may go one step further for a double, never against the arrow.
		for _, imported := range slices.Concat(pkg.TestImports, pkg.XTestImports) {
			if rel, ours := strings.CutPrefix(imported, modulePath); ours && strings.HasPrefix(pkg.rel(), "engine") {
				require.True(t, fits(rel, []string{"engine/..."}), "the tests of %s must not import %s", pkg.rel(), rel)
			}
		}
	})
}

func TestModuleBorrowsOnlyWhereItMay(t *testing.T) {
	eachPackage(t, func(t *testing.T, pkg listed) {
		for _, imported := range pkg.Imports {
			first, _, _ := strings.Cut(imported, "/")
			if !strings.Contains(first, ".") || strings.HasPrefix(imported, modulePath) {
				continue
			}
			require.False(t, pkg.rel() == "engine/market", "engine/market uses the standard library only, not %s", imported)
			places, known := borrowedPlaces(imported)
			require.True(t, known && fits(pkg.rel(), places), "%s must not use %s in code that ships", pkg.rel(), imported)
		}
		require.NotContains(t, pkg.Imports, "net/http/pprof", "%s would open profiling on the default mux", pkg.rel())
		require.NotContains(t, pkg.Imports, "plugin", "strategies are compiled in, not loaded")
	})
}

// A paper desk must not reach a venue: it opens nothing by itself, and of the
// gateway it uses the core and what crosses to it, never the shell that owns
// connections.
func TestModulePaperHasNoWayOut(t *testing.T) {
	const paper = "exec/paper"
	root := moduleRoot(t)
	found := false
	for _, pkg := range packages(t) {
		if pkg.rel() != paper {
			continue
		}
		found = true
		for _, imported := range pkg.Imports {
			first, _, _ := strings.Cut(imported, "/")
			require.False(t, first == "net" || first == "os" || first == "syscall" || imported == "crypto/tls", "%s must not import %s", paper, imported)
		}
		for _, name := range pkg.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, paper, name), nil, 0)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				if s, is := n.(*ast.SelectorExpr); is {
					of, named := s.X.(*ast.Ident)
					require.False(t, named && of.Name == "gateway" && slices.Contains([]string{"Gateway", "New", "Config"}, s.Sel.Name),
						"%s/%s uses gateway.%s, which can reach a venue", paper, name, s.Sel.Name)
					require.False(t, named && of.Name == "sim" && slices.Contains([]string{"Venue", "New"}, s.Sel.Name),
						"%s/%s uses sim.%s, which serves on sockets", paper, name, s.Sel.Name)
				}
				return true
			})
		}
	}
	require.True(t, found)
}

func TestModulePackagesSayWhatTheyAre(t *testing.T) {
	eachPackage(t, func(t *testing.T, pkg listed) {
		if len(pkg.GoFiles) > 0 {
			require.NotEmpty(t, pkg.Doc, "%s has no package comment: say what it is, owns and refuses to know", pkg.rel())
		}
		require.NotEqual(t, "exec", pkg.rel(), "exec has no Go files in its root")
	})
}

// Start-up is one readable function, and no certificate check is ever off.
func TestModuleHasNoInitAndNoBlindTrust(t *testing.T) {
	root := moduleRoot(t)
	eachPackage(t, func(t *testing.T, pkg listed) {
		for _, name := range slices.Concat(pkg.GoFiles, pkg.TestGoFiles, pkg.XTestGoFiles) {
			file := filepath.Join(root, pkg.rel(), name)
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					require.False(t, n.Recv == nil && n.Name.Name == "init", "%s/%s has an init function", pkg.rel(), name)
				case *ast.Ident:
					require.NotEqual(t, "Insecure"+"SkipVerify", n.Name, "%s/%s may trust any certificate", pkg.rel(), name)
				}
				return true
			})
		}
	})
}

// What works here must work on every machine, and unfinished work is finished.
func TestModuleFilesNameNoMachineAndNoLeftovers(t *testing.T) {
	forbidden := []struct{ why, pattern string }{
		{"names a folder of one machine", `(^|[^A-Za-z0-9_.~}-])/(wo` + `rk|ro` + `ot|ho` + `me)/`},
		{"is unfinished", `\b(TO` + `DO|FIX` + `ME)\b`},
		{"names a registry's mirror", `(?i)\b(arti` + `factory|goproxy\.[a-z]+|verd` + `accio)\b|\bGOPROXY=http`},
	}
	var expressions []*regexp.Regexp
	for _, rule := range forbidden {
		expressions = append(expressions, regexp.MustCompile(rule.pattern))
	}
	var found []string
	for name, text := range textFiles(t) {
		for i, line := range bytes.Split(text, []byte("\n")) {
			for j, expression := range expressions {
				if expression.Match(line) {
					found = append(found, fmt.Sprintf("%s:%d %s: %.160s", name, i+1, forbidden[j].why, line))
				}
			}
		}
	}
	require.Empty(t, found)
}

// A lock file may name the public registry or none.
func TestModuleLockFilesNameThePublicRegistryOnly(t *testing.T) {
	resolved := regexp.MustCompile(`"resolved":\s*"([^"]*)"`)
	for name, text := range textFiles(t) {
		if path.Base(name) != "package-lock.json" {
			continue
		}
		for _, match := range resolved.FindAllSubmatch(text, -1) {
			require.Regexp(t, `^https://registry\.npmjs\.org/`, string(match[1]), "%s names another registry", name)
		}
	}
}

// listed is what `go list -json` says of one package.
type listed struct {
	ImportPath, Doc                    string
	GoFiles, TestGoFiles               []string
	XTestGoFiles                       []string
	Imports, TestImports, XTestImports []string
}

// eachPackage tests every package by itself, so that one fault hides no other.
func eachPackage(t *testing.T, test func(*testing.T, listed)) {
	t.Helper()
	for _, pkg := range packages(t) {
		t.Run(pkg.rel(), func(t *testing.T) { test(t, pkg) })
	}
}

func (p listed) rel() string { return strings.TrimPrefix(p.ImportPath, modulePath) }

func packages(t *testing.T) []listed {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports", "./...")
	list.Dir = moduleRoot(t)
	list.Stderr = os.Stderr
	out, err := list.Output()
	require.NoError(t, err, "go list")

	var found []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var pkg listed
		err := decoder.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		found = append(found, pkg)
	}
	require.NotEmpty(t, found)
	return found
}

// moduleRoot is where go.mod lies: one above this package.
func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "go.mod"))
	return root
}

func allowed(pkg string) (uses []string, known bool) {
	for _, layer := range layers {
		if fits(pkg, []string{layer.pkg}) {
			return layer.uses, true
		}
	}
	return nil, false
}

func borrowedPlaces(imported string) (places []string, known bool) {
	for mod, places := range borrowed {
		if imported == mod || strings.HasPrefix(imported, mod+"/") {
			return places, true
		}
	}
	return nil, false
}

// fits tells whether a package is meant by one of the patterns.
func fits(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		folder, below := strings.CutSuffix(pattern, "...")
		folder = strings.TrimSuffix(folder, "/")
		return pkg == folder || below && (folder == "" || strings.HasPrefix(pkg, folder+"/"))
	})
}

// textFiles reads every text of the project that people write: code, pages,
// scripts, settings. Recorded data under testdata is not ours to word.
func textFiles(t *testing.T) map[string][]byte {
	t.Helper()
	root := moduleRoot(t)
	kinds := []string{".go", ".md", ".mod", ".toml", ".json", ".yml", ".yaml", ".sh", ".js", ".mjs", ".css", ".html", ".csv", ".txt", ".s", ".service", ""}
	files := make(map[string][]byte)
	err := filepath.WalkDir(root, func(file string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch name := entry.Name(); {
		case entry.IsDir() && slices.Contains([]string{".git", "bin", ".cache", "node_modules"}, name):
			return filepath.SkipDir
		case entry.IsDir() || !entry.Type().IsRegular() || name == "go.sum" || !slices.Contains(kinds, filepath.Ext(name)):
			return nil
		}
		info, err := entry.Info()
		if err != nil || info.Size() > 1<<20 {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)] = text
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}
