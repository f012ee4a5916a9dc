package kill9

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A few kills on every run; `make kill9` and `make kill9-long` make hundreds on
// a journal of a hundred thousand records, by KILLS and RECORDS.
func TestP1_AKilledEngineLosesNothingAndRepeatsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("kills real processes for half a minute; not in -short")
	}
	c := Config{
		Kills: number(t, "KILLS", 10), Records: number(t, "RECORDS", 0), Seed: uint64(number(t, "SEED", int(time.Now().UnixNano()%1_000_000))),
		Faults: "none", Speed: 5, RTT: 20 * time.Millisecond, Out: os.Stderr,
	}
	if text := os.Getenv("RTT"); text != "" {
		rtt, err := time.ParseDuration(text)
		require.NoError(t, err)
		c.RTT = rtt
	}
	if profile := os.Getenv("FAULTS"); profile != "" {
		c.Faults = profile
	}
	folder, err := os.MkdirTemp("", "kill9-") // short: a socket's path has room for a hundred bytes
	require.NoError(t, err)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(folder, "cache"))
	c.Folder, c.Binary = folder, filepath.Join(folder, "vayu")
	build := exec.Command("go", "build", "-trimpath", "-o", c.Binary, "../../cmd/vayu")
	build.Env = append(os.Environ(), "GOCACHE="+goCache(t))
	commit := built(t)
	text, err := build.CombinedOutput()
	require.NoError(t, err, string(text))

	r, err := Run(c)

	if err != nil {
		t.Fatalf("%v\nseed %d; everything is kept in %s", err, c.Seed, folder)
	}
	require.NoError(t, os.RemoveAll(folder))
	summary, err := json.MarshalIndent(map[string]any{"seed": c.Seed, "faults": c.Faults, "grown": c.Records, "rtt": c.RTT.String(), "machine": machine(), "result": r}, "", "  ")
	require.NoError(t, err)
	fmt.Fprintf(os.Stderr, "%s\n", summary)
	require.Equal(t, c.Kills, r.Kills)
	require.NotZero(t, r.Orders)
	require.Zero(t, r.Duplicates)
	require.Zero(t, r.Orphans)
	require.Zero(t, r.Apart)
	// Times are judged where they were asked for: a busy machine proves nothing.
	if limit := os.Getenv("ARMED_P99"); limit != "" {
		most, err := time.ParseDuration(limit)
		require.NoError(t, err)
		require.LessOrEqual(t, r.ArmedP99, most, "restart to armed")
	}
	if os.Getenv("LEDGER") == "1" {
		require.NoError(t, enter(&c, &r, commit))
	}
}

func number(t *testing.T, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// goCache is where builds are kept, wherever the caches of this test lie.
func goCache(t *testing.T) string {
	t.Helper()
	command := exec.Command("go", "env", "GOCACHE")
	command.Env = append(os.Environ(), "XDG_CACHE_HOME=")
	out, err := command.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

func machine() string {
	return fmt.Sprintf("%d cores, %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}

// built is the commit that the binary is built from, as it stands now.
func built(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12").Output()
	if err != nil {
		return "unknown" // not a checkout
	}
	return strings.TrimSpace(string(out))
}

// enter adds a line to the ledger of runs.
func enter(c *Config, r *Result, commit string) error {
	line, err := json.Marshal(struct {
		At      string `json:"at"`
		Commit  string `json:"commit"`
		Machine string `json:"machine"`
		Seed    uint64 `json:"seed"`
		Faults  string `json:"faults"`
		Grown   int    `json:"grown_to_records"`
		RTT     string `json:"rtt"`
		*Result
	}{time.Now().UTC().Format(time.RFC3339), commit, machine(), c.Seed, c.Faults, c.Records, c.RTT.String(), r})
	if err != nil {
		return err
	}
	path := filepath.Join("..", "ledger", "kill9.jsonl")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	return err
}

func TestArmedLineIsUnderstood(t *testing.T) {
	found := armedLine.FindStringSubmatch("armed after 312ms, 100004 records restored")
	require.Equal(t, []string{"312ms", "100004"}, found[1:])
}

func TestBooksThatDifferAreSeen(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger.jsonl")
	lines := []string{
		`{"kind":"accepted","order_id":"1","remark":"VY1V900100000010","contract":"A","side":"buy","qty":65}`,
		`{"kind":"fill","order_id":"1","remark":"VY1V900100000010","contract":"A","side":"buy","qty":65}`,
		`{"kind":"accepted","order_id":"2","remark":"VY1V900100000010","contract":"A","side":"buy","qty":65}`,
		`{"kind":"accepted","order_id":"3","remark":"somebody's","contract":"B","side":"sell","qty":65}`,
	}
	require.NoError(t, os.WriteFile(ledger, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	a, err := openAccount(ledger)
	require.NoError(t, err)
	defer a.file.Close()
	n, err := a.read()
	require.NoError(t, err)
	require.Equal(t, 4, n)

	v := a.compareOrders(&attributed{})
	require.Equal(t, 1, v.Duplicates)
	require.Equal(t, 3, v.Orphans)
	require.False(t, v.clean())
	apart := a.comparePositions(&status{})
	require.Len(t, apart, 3, "a position, and two open orders")
}

func TestRoadDelaysEachWayAndDeliversWhatTheDeadSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	got := make(chan string, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		text, _ := io.ReadAll(c)
		got <- string(text)
	}()
	r, err := openRoad(listener.Addr().String(), 30*time.Millisecond)
	require.NoError(t, err)
	defer r.close()
	began := time.Now()
	c, err := net.Dial("tcp", r.address())
	require.NoError(t, err)
	_, err = c.Write([]byte("an order"))
	require.NoError(t, err)
	require.NoError(t, c.Close())

	require.Equal(t, "an order", <-got)
	require.GreaterOrEqual(t, time.Since(began), 90*time.Millisecond)
}
