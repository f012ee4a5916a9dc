package kill9

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one child, with the lines it wrote to its error output.
type process struct {
	*exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	said  bytes.Buffer
}

// launch starts a child; each line it writes to its error output goes to hear
// as well, on a goroutine of its own.
func launch(hear func(string), out io.Writer, binary string, args ...string) (*process, error) {
	p := &process{Cmd: exec.Command(binary, args...), ended: make(chan struct{})}
	p.Stdout = out
	// A child of ours never outlives us.
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := p.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		lines := bufio.NewScanner(pipe)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.mu.Lock()
			p.said.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
			if hear != nil {
				hear(lines.Text())
			}
		}
		_ = p.Wait() // how it ended is no news: we killed it
	}()
	return p, nil
}

func (p *process) kill() {
	_ = p.Process.Kill()
	<-p.ended
}

// words is the end of what it said.
func (p *process) words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.said.String()
	return text[max(len(text)-4000, 0):]
}

// venue is `vayu sim` in a process of its own.
type venue struct {
	*process
	ready  ready
	ledger string
	road   *road // nil: none
}

type ready struct {
	REST, Stream, Orders, OHLCV, Master, Clock, Date string
}

const appKey, secretKey, apiSession = "vayu-sim-app-key", "vayu-sim-secret", "50123456" // the twin's own; they protect nothing

// openVenue starts the venue with no limits on calls, at the end of a road.
func openVenue(binary, folder string, speed float64, faults string, roundTrip time.Duration) (*venue, error) {
	v := &venue{ledger: filepath.Join(folder, "ledger.jsonl")}
	reader, writer := io.Pipe()
	var err error
	v.process, err = launch(nil, writer, binary, "sim", "--listen", "127.0.0.1:0", "--speed", fmt.Sprint(speed),
		"--ledger", v.ledger, "--faults", faults, "--limits", "per-second=-1,per-minute=-1,per-day=-1")
	if err != nil {
		return nil, err
	}
	line := make(chan []byte, 1)
	go func() {
		text, _ := bufio.NewReader(reader).ReadBytes('\n')
		line <- text
		_, _ = io.Copy(io.Discard, reader)
	}()
	select {
	case text := <-line:
		if err := json.Unmarshal(text, &v.ready); err != nil {
			v.kill()
			return nil, fmt.Errorf("the venue's ready line %q: %w", text, err)
		}
		return v, v.moveAway(roundTrip)
	case <-time.After(20 * time.Second):
		v.kill()
		return nil, fmt.Errorf("the venue does not come up: %s", v.words())
	}
}

// moveAway puts the venue at the end of a road.
func (v *venue) moveAway(roundTrip time.Duration) error {
	if roundTrip <= 0 {
		return nil
	}
	at, err := url.Parse(v.ready.REST)
	if err == nil {
		v.road, err = openRoad(at.Host, roundTrip/2)
	}
	if err != nil {
		v.kill()
		return err
	}
	for _, address := range []*string{&v.ready.REST, &v.ready.Stream, &v.ready.Orders, &v.ready.OHLCV, &v.ready.Master, &v.ready.Clock} {
		*address = strings.Replace(*address, at.Host, v.road.address(), 1)
	}
	return nil
}

// close ends the venue and its road.
func (v *venue) close() {
	v.kill()
	if v.road != nil {
		v.road.close()
	}
}

// engine is `vayu run` in a process of its own.
type engine struct {
	*process
	folder  string // its journal's
	started time.Time
	armed   chan time.Duration // from its start to the line that says so, once
	own     time.Duration      // the same by its own clock
	records int                // it restored
}

var armedLine = regexp.MustCompile(`^armed after (\S+), (\d+) records restored`)

func startEngine(binary, config, folder string) (*engine, error) {
	e := &engine{folder: folder, started: time.Now(), armed: make(chan time.Duration, 1)}
	var err error
	e.process, err = launch(func(line string) {
		// The status line may stand before it, and clears itself.
		if at := strings.Index(line, "armed after "); at >= 0 {
			if found := armedLine.FindStringSubmatch(line[at:]); found != nil {
				e.own, _ = time.ParseDuration(found[1])
				e.records, _ = strconv.Atoi(found[2])
				e.armed <- time.Since(e.started)
			}
		}
	}, io.Discard, binary, "run", "--config", config, "--arm", "--http", "off")
	return e, err
}

// awaitArmed waits until entries may leave.
func (e *engine) awaitArmed(within time.Duration) (time.Duration, error) {
	select {
	case took := <-e.armed:
		return took, nil
	case <-e.ended:
		return 0, fmt.Errorf("the engine ended before it was armed: %s", e.words())
	case <-time.After(within):
		return 0, fmt.Errorf("the engine is not armed after %s: %s", within, e.words())
	}
}

// status is what the engine says of itself, as far as it is compared.
type status struct {
	Level   string
	Armed   bool
	Halted  bool
	InDoubt int `json:"in_doubt"`
	Open    []struct {
		ID      uint64 `json:"order"`
		VenueID string `json:"venue_order_id"`
		State   string
	}
	Held []struct {
		Contract string
		Quantity int64
	}
}

// ask asks the engine where it stands, over its operator's socket.
func (e *engine) ask() (s status, err error) {
	conn, err := net.DialTimeout("unix", filepath.Join(e.folder, "operator.sock"), time.Second)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return s, err
	}
	var hello struct{ Nonce string }
	decoder := json.NewDecoder(conn)
	if err := decoder.Decode(&hello); err != nil {
		return s, err
	}
	if err := json.NewEncoder(conn).Encode(map[string]string{"nonce": hello.Nonce, "command": "status"}); err != nil {
		return s, err
	}
	var answer struct {
		OK     bool
		Error  string
		Result status
	}
	if err := decoder.Decode(&answer); err != nil {
		return s, err
	}
	if !answer.OK {
		return s, errors.New(answer.Error)
	}
	return answer.Result, nil
}

// actEvery is how far apart each of the two strategies acts: nearly as fast as
// risk lets one.
const actEvery = 70 * time.Millisecond

// writeConfigs makes the configuration of an engine under load and of one that
// only looks: the same strategies by name, one acting all the time, the other
// never.
func writeConfigs(folder string, r ready) (load, look string, err error) {
	keys := filepath.Join(folder, "keys.toml")
	text := fmt.Sprintf("app_key = %q\nsecret_key = %q\napi_session = %q\n", appKey, secretKey, apiSession)
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		return "", "", err
	}
	common := fmt.Sprintf(`mode = "sim"
[venue]
rest_url = %q
stream_url = %q
order_stream_url = %q
ohlcv_url = %q
master_url = %q
clock_url = %q
credentials_file = %q
[market]
expiries = 2
[journal]
folder = %q
[limits]
per_second = 1000
per_minute = 60000
per_day = 5000000
[risk]
order_lots = 1
order_notional = 5000000
open_orders = 100
position_lots = 20
gross_lots = 400
day_loss = 100000000
flatten_loss = 200000000
per_second = 16
per_minute = 128
repeats = 16
runaway = 100000
quote_age = "20s"
`, r.REST, r.Stream, r.Orders, r.OHLCV, r.Master, r.Clock, keys, filepath.Join(folder, "journal"))
	drills := func(every, rest time.Duration) string {
		text := ""
		for seed := 1; seed <= 2; seed++ {
			text += fmt.Sprintf(`[[strategies]]
name = "drill"
instance = "drill-%d"
[strategies.params]
every = %q
rest_for = %q
strikes = 2
position_lots = 1
open_orders = 6
max_quote_age = "20s"
seed = %d
`, seed, every, rest, seed)
		}
		return text
	}
	load, look = filepath.Join(folder, "load.toml"), filepath.Join(folder, "look.toml")
	return load, look, errors.Join(
		os.WriteFile(load, []byte(common+drills(actEvery, 3*time.Second)), 0o600),
		os.WriteFile(look, []byte(common+drills(time.Hour, 10*time.Hour)), 0o600))
}
