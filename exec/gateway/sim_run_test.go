package gateway

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/order"
)

var (
	simSeeds    = flag.Int("seeds", 200, "how many worlds TestNoFaultMakesADuplicateOrLosesAnOrder simulates")
	simFrom     = flag.Uint64("from", 1, "the first of them")
	simSeed     = flag.Uint64("seed", 0, "the one world to simulate, told step by step")
	simWithin   = flag.Duration("within", 0, "begin no further world after so long; zero: live them all")
	simWorkers  = flag.Int("workers", 2, "how many worlds at a time")
	simLedger   = flag.String("ledger", "", "append what was run to this file")
	simCommit   = flag.String("commit", "", "the commit, for the ledger")
	simCoverage = flag.Bool("coverage", false, "print which fault met an order in which state")
	simDigest   = flag.Bool("digest", false, "print the digest of all traces")
	simBrief    = flag.Bool("brief", false, "worlds of a third of their length")
	simProgress = flag.Bool("progress", false, "print the rate and the time left")
)

// lived is what became of one world.
type lived struct {
	seed  uint64
	trace uint64
	tally tally
	mix   mix
	plan  plan
	fault string // what was broken; empty: nothing
}

// simulate lives one world from its seed to its end.
func simulate(seed uint64, say func(string, ...any)) (o lived) {
	s := newSim(seed)
	if say != nil {
		s.say = func(format string, args ...any) {
			args[0] = time.Duration(s.now)
			say(format, args...)
		}
	}
	defer func() {
		o.seed, o.trace, o.tally, o.mix, o.plan = seed, s.trace, s.tally, s.mix, s.plan
		switch r := recover().(type) {
		case nil:
		case violation:
			o.fault = r.text
		default:
			o.fault = fmt.Sprintf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	s.run()
	return o
}

// TestTheWorldsThatFoundAFaultStayMended lives them again: a row for each fault
// that only a world had found.
func TestTheWorldsThatFoundAFaultStayMended(t *testing.T) {
	for seed, fault := range map[uint64]string{
		4841:  "an order that surfaced late",
		40864: "positions that could not be read were not asked for again",
		10542: "a price was waited for as long after a failed read as after one that lacked it",
		14163: "a flattening order was to be cancelled, and the journal did not know",
		19285: "a modified order looked like a lost one, and took its place after a loss of power",
	} {
		o := simulate(seed, nil)
		require.Empty(t, o.fault, "seed %d: %s", seed, fault)
	}
}

// TestNoFaultMakesADuplicateOrLosesAnOrder runs the core in seeded worlds, each
// with a mix of faults of its own, heals them and asserts that all is as the
// venue knows it. A failing world is lived again, step by step, with -seed.
func TestNoFaultMakesADuplicateOrLosesAnOrder(t *testing.T) {
	if *simSeed != 0 {
		o := simulate(*simSeed, t.Logf)
		t.Logf("seed %d, trace %016x: %s", *simSeed, o.trace, o.describe())
		require.Empty(t, o.fault)
		return
	}
	began := time.Now()
	sum, failed := simulateAll(*simFrom, *simSeeds, nil)
	took := time.Since(began)
	for i, o := range failed {
		if i == 10 {
			t.Errorf("and %d more", len(failed)-i)
			break
		}
		t.Errorf("seed %d: %s\n  again: go test ./exec/gateway -run TestNoFaultMakesADuplicateOrLosesAnOrder -count=1 -v -seed %d", o.seed, o.fault, o.seed)
	}
	attempts := sum.writes
	t.Logf("%d worlds, %d order attempts (%d placements), %d reads, %d venue orders, %d restarts (%d with the power), %d records replayed, %.0f attempts a second, %.0f virtual seconds in one",
		sum.worlds, attempts, sum.places, sum.reads, sum.accepted, sum.restarts, sum.powerLosses, sum.replayed,
		float64(attempts)/took.Seconds(), time.Duration(sum.virtual).Seconds()/took.Seconds())
	t.Logf("%d ambiguous, %d resolved, %d adopted late, %d orphans, %d throttles, %d renewals, %d external, %d lists that shrank, %d records not kept; %d bases for a person to mend; the slowest world converged in %v",
		sum.stats.Ambiguous, sum.stats.Resolved, sum.stats.Adopted, sum.stats.Orphans, sum.stats.Throttled, sum.stats.Renewals,
		sum.stats.External, sum.stats.Shrunk, sum.stats.Unrecorded, sum.differ, time.Duration(sum.longest))
	if *simCoverage {
		t.Log(sum.coverage())
	}
	if *simLedger != "" {
		require.NoError(t, keepInLedger(&sum, took, len(failed)))
	}
	require.LessOrEqual(t, sum.differ, sum.worlds/200+2, "worlds whose base a person must mend")
	if sum.worlds < 400 {
		return
	}
	require.Positive(t, sum.stats.Ambiguous)
	require.Positive(t, sum.stats.Adopted)
	require.Positive(t, sum.stats.External)
	require.Positive(t, sum.restarts)
	for f := range faults {
		require.Positive(t, sum.hits[f], "%v never happened", fault(f))
	}
}

// simulateAll lives worlds on a few workers. What they counted is added up in
// no order; the failed ones are told in the order of their seeds.
func simulateAll(from uint64, count int, each func(*lived)) (sum tally, failed []lived) {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		next atomic.Int64
	)
	began := time.Now()
	for range max(*simWorkers, 1) {
		wg.Go(func() {
			for {
				n := next.Add(1) - 1
				if n >= int64(count) || *simWithin > 0 && time.Since(began) > *simWithin {
					return
				}
				o := simulate(from+uint64(n), nil)
				mu.Lock()
				sum.add(&o.tally)
				sum.worlds++
				if o.fault != "" {
					failed = append(failed, o)
				}
				if each != nil {
					each(&o)
				}
				if *simProgress && n%64 == 63 {
					spent := time.Since(began)
					left := time.Duration(float64(spent) / float64(n+1) * float64(int64(count)-n-1))
					fmt.Fprintf(os.Stderr, "\r%d of %d worlds, %d order attempts, %.0f a second, %v left, %d failed   ", n+1, count, sum.writes, float64(sum.writes)/spent.Seconds(), left.Round(time.Second), len(failed))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if *simProgress {
		fmt.Fprintln(os.Stderr)
	}
	slices.SortFunc(failed, func(a, b lived) int { return cmp.Compare(a.seed, b.seed) })
	return sum, failed
}

// describe is a world in one line.
func (o *lived) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v, dense %v, lenient %v, remarks %d, sessions %d, %d attempts, %d restarts:", o.plan.phase, o.plan.dense, o.plan.lenient, o.plan.remarks, o.plan.sessions, o.tally.writes, o.tally.restarts)
	for f, g := range o.mix.grade {
		if g != absent {
			fmt.Fprintf(&b, " %v %s", fault(f), [...]string{"", "rare", "frequent", "storm"}[g])
		}
	}
	return b.String()
}

// coverage is which fault met an order in which state.
func (t *tally) coverage() string {
	var b, none strings.Builder
	fmt.Fprintf(&b, "%-20s %10s", "fault", "times")
	for s := range order.States {
		fmt.Fprintf(&b, " %.9s", fmt.Sprintf("%9s", order.State(s)))
	}
	pairs, zero := 0, 0
	for f := range t.cover {
		fmt.Fprintf(&b, "\n%-20s %10d", fault(f), t.hits[f])
		for s, n := range t.cover[f] {
			fmt.Fprintf(&b, " %9d", n)
			if pairs++; n == 0 {
				zero++
				fmt.Fprintf(&none, " %v×%v", fault(f), order.State(s))
			}
		}
	}
	fmt.Fprintf(&b, "\n%d of %d pairs met; not met:%s", pairs-zero, pairs, none.String())
	return b.String()
}

// ledgerLine is what a run proves, for bench/ledger.
type ledgerLine struct {
	Date       string            `json:"date"`
	Commit     string            `json:"commit"`
	From       uint64            `json:"from"`
	To         uint64            `json:"to"`
	Attempts   uint64            `json:"attempts"`
	Placements uint64            `json:"placements"`
	Accepted   uint64            `json:"venue_orders"`
	Restarts   uint64            `json:"restarts"`
	PowerLoss  uint64            `json:"power_losses"`
	Seconds    float64           `json:"seconds"`
	PerSecond  float64           `json:"attempts_per_second"`
	Cores      int               `json:"cores"`
	Go         string            `json:"go"`
	Violations int               `json:"violations"`
	Faults     map[string]uint64 `json:"faults"` // how often each struck
}

func keepInLedger(sum *tally, took time.Duration, failed int) error {
	line := ledgerLine{
		Date: time.Now().UTC().Format(time.RFC3339), Commit: *simCommit, From: *simFrom, To: *simFrom + sum.worlds - 1,
		Attempts: sum.writes, Placements: sum.places, Accepted: sum.accepted, Restarts: sum.restarts, PowerLoss: sum.powerLosses,
		Seconds: took.Seconds(), PerSecond: float64(sum.writes) / took.Seconds(), Cores: runtime.GOMAXPROCS(0), Go: runtime.Version(),
		Violations: failed, Faults: map[string]uint64{},
	}
	for f, n := range sum.hits {
		line.Faults[fault(f).String()] = n
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(*simLedger, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.Write(append(text, '\n')); err != nil {
		return err
	}
	return file.Close()
}

// TestSim_Digest prints one hash over the traces of many worlds, which must not
// depend on the machine's load, the garbage collector, the number of processors
// or the race detector. make determinism compares it over those.
func TestSim_Digest(t *testing.T) {
	if !*simDigest {
		t.Skip("make determinism runs this with -digest, in every setting")
	}
	traces := make([]uint64, *simSeeds)
	_, failed := simulateAll(*simFrom, *simSeeds, func(o *lived) { traces[o.seed-*simFrom] = o.trace })
	h := uint64(14695981039346656037)
	for _, trace := range traces {
		h = (h ^ trace) * 1099511628211
	}
	fmt.Printf("digest of %d worlds: %016x\n", len(traces), h)
	require.Empty(t, failed)
}

func TestSim_SameSeedSameTrace(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		a, b := simulate(seed, nil), simulate(seed, func(string, ...any) {})
		require.Equal(t, a.trace, b.trace, "seed %d", seed)
	}
}
