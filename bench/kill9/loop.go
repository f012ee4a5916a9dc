package kill9

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Config is one run of the loop.
type Config struct {
	Binary  string // the built vayu
	Folder  string // made by the caller; short, for a socket lies in it
	Kills   int    // under load
	Records int    // that the journal is grown to before the first start
	Seed    uint64 // of the moments to kill at
	Faults  string // the venue's profile
	Speed   float64
	RTT     time.Duration // of the road between engine and venue
	Out     io.Writer     // progress, one line a kill
}

// Result is what a run found. Times are from the process's start to the line
// that says that entries may leave.
type Result struct {
	Kills      int           `json:"kills"`     // under load
	Starts     int           `json:"starts"`    // each measured; every one of them ended by SIGKILL
	Aimed      int           `json:"aimed"`     // of the kills, right after the venue took an order
	InFlight   int           `json:"in_flight"` // of the kills, with an attempt on record that had no outcome
	Chapters   int           `json:"chapters"`  // each a fresh venue and journal
	Records    int           `json:"records"`   // in the longest journal
	Restored   int           `json:"restored"`  // records taken up by one start, at most
	Orders     int           `json:"orders"`    // the venue accepted
	Fills      int           `json:"fills"`
	Duplicates int           `json:"duplicates"`
	Orphans    int           `json:"orphans"`
	Apart      int           `json:"apart"` // restarts after which books differed
	ArmedP50   time.Duration `json:"armed_p50_ns"`
	ArmedP99   time.Duration `json:"armed_p99_ns"`
	ArmedMax   time.Duration `json:"armed_max_ns"`
	OwnP99     time.Duration `json:"armed_own_p99_ns"` // by the engine's own clock: without the system's share of starting a process
	SettledMax time.Duration `json:"settled_max_ns"`   // from armed to books that agree, questions answered
	Seconds    float64       `json:"seconds"`
}

// ErrBooks says that the engine's books and the venue's differed.
var ErrBooks = errors.New("kill9: the books differ")

// How long the parts may take before they count as stuck.
const (
	armWithin    = 30 * time.Second
	settleWithin = 90 * time.Second // the fence is 15 s, and lists lag
	longestLoad  = 1500 * time.Millisecond
)

// Run kills the engine as often as it is told. It returns what it found also
// when the books differ; the folder then has everything.
func Run(c Config) (r Result, err error) {
	l := loop{Config: c, result: &r, rng: rand.New(rand.NewPCG(c.Seed, 9)), began: time.Now()}
	for err == nil && r.Kills < c.Kills {
		err = l.chapter()
	}
	r.Seconds = time.Since(l.began).Seconds()
	if len(l.times) > 0 {
		slices.Sort(l.times)
		slices.Sort(l.own)
		r.ArmedP50, r.ArmedP99, r.ArmedMax, r.OwnP99 = at(l.times, 0.50), at(l.times, 0.99), l.times[len(l.times)-1], at(l.own, 0.99)
	}
	return r, err
}

// loop is one run in hand.
type loop struct {
	Config
	result     *Result
	rng        *rand.Rand
	began      time.Time
	times, own []time.Duration // from start to armed: by our clock, by the engine's

	// Of the chapter in hand.
	folder string // the engine's journal
	books  *account
}

// chapter is a venue and an engine's folder from their first start until the
// venue's list of orders is as long as a day's may get.
func (l *loop) chapter() (err error) {
	place := filepath.Join(l.Folder, fmt.Sprint(l.result.Chapters))
	l.result.Chapters++
	l.folder = filepath.Join(place, "journal")
	if err := os.MkdirAll(place, 0o700); err != nil {
		return err
	}
	v, err := openVenue(l.Binary, place, l.Speed, l.Faults, l.RTT)
	if err != nil {
		return err
	}
	defer v.close()
	load, look, err := writeConfigs(place, v.ready)
	if err != nil {
		return err
	}
	if err := grow(l.folder, v.ready.Date, l.Records); err != nil {
		return err
	}
	if l.books, err = openAccount(v.ledger); err != nil {
		return err
	}
	defer l.books.file.Close()
	before := l.result.Orders
	for l.result.Kills < l.Kills && len(l.books.orders) < mostOrders {
		if err := l.once(load, look); err != nil {
			return err
		}
		l.result.Orders = before + len(l.books.orders)
	}
	j, err := readJournal(l.folder)
	l.result.Records, l.result.Fills = max(l.result.Records, j.records), l.result.Fills+l.books.fills
	return err
}

// mostOrders is where a chapter ends: the engine reads no list of the venue's
// that is longer than a mebibyte, about 1,400 orders.
const mostOrders = 1000

// once lets an engine trade until it dies, and another look at what is left.
func (l *loop) once(load, look string) error {
	r := l.result
	e, err := l.start(load)
	if err != nil {
		return err
	}
	armed := l.times[len(l.times)-1]
	aimed := l.rng.IntN(2) == 0
	time.Sleep(5*time.Millisecond + time.Duration(l.rng.Int64N(int64(longestLoad-5*time.Millisecond))))
	if aimed {
		if err := nextOrder(l.books); err != nil {
			return err
		}
		time.Sleep(time.Duration(l.rng.Int64N(int64(time.Millisecond))))
		r.Aimed++
	}
	e.kill()
	r.Kills++
	open, err := unanswered(l.folder)
	if err != nil {
		return err
	}
	if open {
		r.InFlight++
	}

	if e, err = l.start(look); err != nil {
		return err
	}
	defer e.kill()
	since := time.Now()
	found, err := settle(e, l.books, l.folder)
	r.Duplicates, r.Orphans = r.Duplicates+found.Duplicates, r.Orphans+found.Orphans
	r.SettledMax = max(r.SettledMax, time.Since(since))
	if err != nil || !found.clean() {
		r.Apart++
		fmt.Fprintf(l.Out, "kill %d: %v\n%s\nthe engine's last words:\n%s\n", r.Kills, err, found.String(), e.words())
		return errors.Join(ErrBooks, err)
	}
	each := time.Since(l.began) / time.Duration(r.Kills)
	fmt.Fprintf(l.Out, "kill %4d of %d, %s each, %s left; armed after %s, settled in %s, %d orders, 0 duplicates, 0 orphans\n",
		r.Kills, l.Kills, each.Round(time.Millisecond), (each * time.Duration(l.Kills-r.Kills)).Round(time.Second),
		armed.Round(time.Millisecond), time.Since(since).Round(time.Millisecond), r.Orders)
	return nil
}

// slow is a start that deserves a look.
const slow = time.Second

// start brings an engine up and takes down how long that took.
func (l *loop) start(config string) (*engine, error) {
	e, err := startEngine(l.Binary, config, l.folder)
	if err != nil {
		return nil, err
	}
	took, err := e.awaitArmed(armWithin)
	if err != nil {
		e.kill()
		return nil, err
	}
	l.times, l.own = append(l.times, took), append(l.own, e.own)
	l.result.Starts++
	l.result.Restored = max(l.result.Restored, e.records)
	if took > slow {
		fmt.Fprintf(l.Out, "armed only after %s:\n%s\n%s\n", took, e.words(), newestCalls(l.folder))
	}
	return e, nil
}

func at(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// newestCalls tells what the newest run has asked the venue so far.
func newestCalls(folder string) string {
	var lines []string
	var since market.Mono
	err := journal.Read(folder, func(r *journal.Record) error {
		at := r.At.Mono.Sub(since).Round(100 * time.Microsecond)
		switch r.Kind {
		case journal.Started:
			lines, since = nil, r.At.Mono
		case journal.Reading, journal.Sending:
			lines = append(lines, fmt.Sprintf("  +%s %s asked, order %d", at, r.Call.Kind, r.ID))
		case journal.Answered:
			lines = append(lines, fmt.Sprintf("  +%s %s %s", at, r.Call.Kind, r.Call.Verdict))
		case journal.Moved:
			lines = append(lines, fmt.Sprintf("  +%s order %d %s: %s", at, r.ID, r.Move.Move, r.Move.State))
		case journal.Noted:
			lines = append(lines, fmt.Sprintf("  +%s order %d: %s", at, r.ID, r.Text))
		}
		return nil
	})
	if err != nil {
		return err.Error()
	}
	return strings.Join(lines, "\n")
}

// nextOrder waits until the venue's ledger grows, two seconds at most.
func nextOrder(books *account) error {
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Microsecond) {
		if lines, err := books.read(); lines > 0 || err != nil {
			return err
		}
	}
	return nil
}

// unanswered tells whether the journal's last attempt to place has no outcome.
func unanswered(folder string) (bool, error) {
	open := make(map[uint32]bool)
	err := journal.Read(folder, func(r *journal.Record) error {
		switch {
		case r.Kind == journal.Started:
			clear(open)
		case r.Kind == journal.Sending && r.Call.Kind == journal.Place:
			open[r.Call.Slot] = true
		case r.Kind == journal.Answered:
			delete(open, r.Call.Slot)
		}
		return nil
	})
	return len(open) > 0, err
}

// settle waits until every question is answered and the books agree, and says
// what differs if they do not.
func settle(e *engine, books *account, folder string) (v verdict, err error) {
	for deadline := time.Now().Add(settleWithin); ; time.Sleep(20 * time.Millisecond) {
		v = verdict{}
		s, err := e.ask()
		if err == nil {
			_, err = books.read()
		}
		var j attributed
		if err == nil && s.Armed && s.InDoubt == 0 {
			if v.Apart = books.comparePositions(&s); len(v.Apart) == 0 {
				if j, err = readJournal(folder); err == nil {
					if v = books.compareOrders(&j); v.clean() {
						return v, nil
					}
				}
			}
		}
		switch {
		case v.Duplicates > 0:
			return v, nil // nothing mends that
		case time.Now().After(deadline):
			if err == nil && v.clean() {
				err = fmt.Errorf("not settled after %s: armed %t, %d in doubt", settleWithin, s.Armed, s.InDoubt)
			}
			return v, err
		}
		select {
		case <-e.ended:
			return v, fmt.Errorf("the engine ended by itself: %w", err)
		default:
		}
	}
}

// grow makes a journal of so many records of the day, as a long one would have
// left: reads and their answers, and orders that the venue refused.
func grow(folder, date string, records int) (err error) {
	if records == 0 {
		return nil
	}
	day, err := parseDate(date)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	j, err := journal.Open(journal.Config{Folder: folder})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	boot, err := j.NextBoot(day)
	if err != nil {
		return err
	}
	tag := order.Tag{Instance: [2]byte{'V', 'Y'}, Day: day, Boot: boot}
	g := grower{journal: j, at: market.SystemClock{}.Now()}
	g.at.Wall = g.at.Wall.Add(-time.Hour) // long enough ago to count in no window but the day's
	g.add(journal.Record{Kind: journal.Started, Start: journal.Start{Tag: tag}})
	g.add(journal.Record{Kind: journal.Named, Name: journal.Name{Strategy: 1, Text: "drill-1"}})
	g.add(journal.Record{Kind: journal.Named, Name: journal.Name{Strategy: 2, Text: "drill-2"}})
	for sequence := uint64(1); g.count < records; sequence++ {
		if sequence <= 1000 {
			g.refused(tag.ID(sequence))
			continue
		}
		g.call(0, journal.ReadOrders, order.OK)
	}
	return g.failed
}

// grower writes records.
type grower struct {
	journal *journal.Journal
	at      market.Stamp
	count   int
	slot    uint32
	failed  error
}

func (g *grower) add(r journal.Record) {
	r.At = g.at
	for range 1000 { // its room is made on a goroutine of its own
		if g.journal.Append(&r, true) {
			g.count++
			return
		}
		if g.failed = g.journal.Sync(); g.failed != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	g.failed = fmt.Errorf("the journal takes no more than %d records: %w", g.count, g.journal.Health())
}

func (g *grower) call(id order.ID, kind journal.CallKind, v order.Verdict) {
	g.slot++
	k := journal.Call{Kind: kind, Class: order.Entry, Attempt: 1, Slot: g.slot, Epoch: 1}
	begin := journal.Reading
	if kind.Write() {
		begin = journal.Sending
	}
	g.add(journal.Record{Kind: begin, ID: id, Call: k})
	k.Verdict, k.Took = v, time.Millisecond
	g.add(journal.Record{Kind: journal.Answered, ID: id, Call: k})
}

// refused is an order that the venue's answer refused: nothing of it is left.
func (g *grower) refused(id order.ID) {
	g.add(journal.Record{Kind: journal.Intended, ID: id, Intent: journal.Intent{
		Key:      market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 2026_08_25, Strike: 24_200_00, Right: market.Call},
		Strategy: 1, Class: order.Entry, Side: market.Buy, Quantity: 65, Price: 100_00,
	}})
	g.call(id, journal.Place, order.Refused)
	g.add(journal.Record{Kind: journal.Moved, ID: id, Move: journal.Move{
		Move: order.AttemptRefused, State: order.Rejected, Attempts: 1, Price: 100_00, Text: "grown",
	}})
}

func parseDate(text string) (market.Date, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return 0, err
	}
	return market.NewDate(t.Year(), t.Month(), t.Day()), nil
}
