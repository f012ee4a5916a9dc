package sim

import (
	"encoding/json"
	"io"
	"slices"

	"github.com/vayu-trading/vayu/engine/market"
)

// Entry is one line of the ledger: something the venue accepted, or that
// happened to an order it had accepted. It is the oracle a client is judged by.
type Entry struct {
	Time     string `json:"time"` // market time, RFC 3339
	Kind     string `json:"kind"` // accepted, modified, cancelled, fill, rejected, expired
	OrderID  string `json:"order_id"`
	Remark   string `json:"remark"` // as it was sent, whatever answers show
	Contract string `json:"contract"`
	Token    string `json:"token"`
	Side     string `json:"side"`
	Quantity int64  `json:"qty"`               // accepted, modified: the order's; fill: of this fill; else what fell away
	Price    string `json:"price"`             // rupees: the limit, or the fill's price
	Trigger  string `json:"trigger,omitempty"` // rupees
	Reason   string `json:"reason,omitempty"`
	User     string `json:"user"`
	Twice    bool   `json:"duplicate,omitempty"` // accepted: an earlier order bears the same non-empty remark
}

// ledger has one owner, the core.
type ledger struct {
	out        io.Writer
	entries    []Entry
	remarks    map[string]int
	duplicates int
	failed     error // the first write that went wrong; entries in memory stay whole
}

func newLedger(out io.Writer) *ledger { return &ledger{out: out, remarks: make(map[string]int)} }

func (l *ledger) add(e Entry) {
	if e.Kind == "accepted" && e.Remark != "" {
		l.remarks[e.Remark]++
		if l.remarks[e.Remark] > 1 {
			e.Twice = true
			l.duplicates++
		}
	}
	l.entries = append(l.entries, e)
	if l.out == nil || l.failed != nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	l.failed = err
}

// Ledger is a copy of every entry so far.
func (c *Core) Ledger() []Entry { return slices.Clone(c.ledger.entries) }

// LedgerError is the first failure to write the ledger out, if any.
func (c *Core) LedgerError() error { return c.ledger.failed }

func (c *Core) record(o *Order, kind string, qty market.Units, price market.Paise, reason string, at market.UnixNano) {
	in := c.universe.Get(o.Instrument)
	e := Entry{
		Time: at.String(), Kind: kind, OrderID: o.ID, Remark: o.Remark, Contract: in.ContractKey.String(), Token: in.Token,
		Side: o.Side.String(), Quantity: int64(qty), Price: price.String(), Reason: reason, User: c.cfg.User,
	}
	if o.Trigger != 0 {
		e.Trigger = o.Trigger.String()
	}
	c.ledger.add(e)
}
