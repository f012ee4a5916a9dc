package kill9

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/order"
)

// account is what the venue's ledger says, read as it grows.
type account struct {
	file   *os.File
	reader *bufio.Reader
	rest   string // of a line that is not whole yet
	orders map[string]*venueOrder
	marks  map[string]int // orders by remark
	held   map[string]int64
	fills  int
}

type venueOrder struct {
	remark, contract, side string
	open                   int64
}

// entry is a line of the ledger, as far as it is compared.
type entry struct {
	Kind, Remark, Contract, Side string
	OrderID                      string `json:"order_id"`
	Quantity                     int64  `json:"qty"`
}

func openAccount(path string) (*account, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return &account{
		file: f, reader: bufio.NewReader(f), orders: make(map[string]*venueOrder), marks: make(map[string]int), held: make(map[string]int64),
	}, nil
}

// read takes in what was written since; it tells how many lines that were.
func (a *account) read() (lines int, err error) {
	for {
		text, err := a.reader.ReadString('\n')
		a.rest += text
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		var e entry
		if err := json.Unmarshal([]byte(a.rest), &e); err != nil {
			return lines, fmt.Errorf("the venue's ledger: %w", err)
		}
		a.rest = ""
		a.take(&e)
		lines++
	}
}

func (a *account) take(e *entry) {
	o := a.orders[e.OrderID]
	if e.Kind == "accepted" {
		a.orders[e.OrderID] = &venueOrder{remark: e.Remark, contract: e.Contract, side: e.Side, open: e.Quantity}
		a.marks[e.Remark]++
		return
	}
	if o == nil {
		return
	}
	switch e.Kind {
	case "fill":
		o.open -= e.Quantity
		a.fills++
		signed := e.Quantity
		if e.Side == "sell" {
			signed = -signed
		}
		if a.held[e.Contract] += signed; a.held[e.Contract] == 0 {
			delete(a.held, e.Contract)
		}
	case "cancelled", "rejected", "expired":
		o.open = 0
	}
}

// attributed is what the engine's journal says of the orders it made.
type attributed struct {
	records  int
	intents  map[order.ID]bool
	sendings map[order.ID]int
	venue    map[string]order.ID // by the venue's order id
}

// readJournal reads the journal as it stands.
func readJournal(folder string) (attributed, error) {
	a := attributed{intents: make(map[order.ID]bool), sendings: make(map[order.ID]int), venue: make(map[string]order.ID)}
	err := journal.Read(folder, func(r *journal.Record) error {
		a.records++
		switch r.Kind {
		case journal.Intended:
			a.intents[r.ID] = true
		case journal.Sending:
			if r.Call.Kind == journal.Place {
				a.sendings[r.ID]++
			}
		case journal.Moved:
			if !r.Move.VenueID.IsZero() {
				a.venue[r.Move.VenueID.String()] = r.ID
			}
		}
		return nil
	})
	return a, err
}

// verdict is what a comparison found wrong.
type verdict struct {
	Duplicates, Orphans int
	Apart               []string // positions and open orders that differ
}

func (v *verdict) clean() bool { return v.Duplicates+v.Orphans == 0 && len(v.Apart) == 0 }

// orders holds every order of the venue against the engine's journal: one venue
// order an intent, and an intent, sent, for each; bound to it, too, where the
// engine has had time to learn its number.
func (a *account) compareOrders(j *attributed) (v verdict) {
	for remark, n := range a.marks {
		if n > 1 {
			v.Duplicates += n - 1
			v.Apart = append(v.Apart, fmt.Sprintf("%d orders bear the remark %s", n, remark))
		}
	}
	for id, o := range a.orders {
		var remark order.Remark
		copy(remark[:], o.remark)
		_, number, ok := order.ParseRemark(&remark)
		if !ok || !j.intents[number] || j.sendings[number] == 0 || j.venue[id] != number {
			v.Orphans++
			v.Apart = append(v.Apart, fmt.Sprintf("venue order %s, remark %q: intent %t, sent %d times, bound to %d", id, o.remark, j.intents[number], j.sendings[number], j.venue[id]))
		}
	}
	sort.Strings(v.Apart)
	return v
}

// comparePositions holds what the engine holds, and has open, against the venue.
func (a *account) comparePositions(s *status) (apart []string) {
	mine := make(map[string]int64)
	for _, h := range s.Held {
		mine[h.Contract] = h.Quantity
	}
	for contract, quantity := range a.held {
		if mine[contract] != quantity {
			apart = append(apart, fmt.Sprintf("%s: the venue holds %+d, the engine %+d", contract, quantity, mine[contract]))
		}
		delete(mine, contract)
	}
	for contract, quantity := range mine {
		apart = append(apart, fmt.Sprintf("%s: the venue holds nothing, the engine %+d", contract, quantity))
	}
	open := make(map[string]bool)
	for _, o := range s.Open {
		if o.VenueID != "" {
			open[o.VenueID] = true
		}
	}
	for id, o := range a.orders {
		if (o.open > 0) != open[id] {
			apart = append(apart, fmt.Sprintf("order %s, remark %s: open at the venue %t, here %t", id, o.remark, o.open > 0, open[id]))
		}
	}
	sort.Strings(apart)
	return apart
}

func (v *verdict) String() string { return strings.Join(v.Apart, "\n") }
