// Package report turns the figures of a run into words: the JSON document that
// scripts read, the summary a person reads at the end, and the one line that
// tells how it goes meanwhile. It owns the names of the keys, which are a
// contract, and the manner of writing numbers. It measures nothing and asks
// nobody: whoever ran the engine fills it in.
package report

import (
	"encoding/json"
	"io"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
)

// Document is the result of `vayu demo` and `vayu run`. Its JSON keys are
// fixed: others script against them.
type Document struct {
	Ticks           uint64     `json:"ticks"` // stock events received
	BookUpdates     uint64     `json:"book_updates"`
	DecodeErrors    uint64     `json:"decode_errors"`
	FeedGaps        uint64     `json:"feed_gaps"`
	Reconnects      uint64     `json:"reconnects"`
	SessionRenewals uint64     `json:"session_renewals"`
	Orders          Orders     `json:"orders"`
	Fills           uint64     `json:"fills"`
	Positions       []Position `json:"positions"`
	NetPnL          Paise      `json:"net_pnl_paise"` // realised and unrealised, after charges
	Charges         Paise      `json:"charges_paise"`
	Latency         Latencies  `json:"latency_ns"`
	GC              GC         `json:"gc"`
	AllocsPerTick   float64    `json:"allocs_per_tick"`
	Scope           string     `json:"allocs_and_gc_scope"` // whose garbage the two above count
	Retries         Retries    `json:"retries"`
	*Rehearsal                 // of a demo only
	Strategy        string     `json:"strategy"`
	WallSeconds     float64    `json:"wall_s"`
	HTTP            string     `json:"http"` // where the page was; empty for none
}

// Paise is an amount in paise, a whole number in JSON.
type Paise = market.Paise

// WholeProcess is the scope of figures that the Go runtime keeps for the
// process as a whole.
const (
	WholeProcess          = "whole process"
	WholeProcessWithVenue = "whole process, the embedded venue included"
)

// Orders counts orders by what became of them, those of earlier runs of the day
// that left a fill or are still open included, as are fills, positions and
// result.
type Orders struct {
	Submitted uint64 `json:"submitted"` // asked for by a strategy or by risk
	Accepted  uint64 `json:"accepted"`  // known to the venue
	Filled    uint64 `json:"filled"`    // completely
	Cancelled uint64 `json:"cancelled"`
	Rejected  uint64 `json:"rejected"` // by risk, the venue or the exchange, or not sent in time
	Unknown   uint64 `json:"unknown"`  // without a verdict at the end
}

// Position is what is held of one contract. A future has neither strike nor
// right.
type Position struct {
	Token      string       `json:"token"`
	Underlying string       `json:"underlying"`
	Expiry     string       `json:"expiry"` // 2026-08-25
	Strike     Rupees       `json:"strike"`
	Right      string       `json:"right"` // CE or PE
	Quantity   market.Units `json:"quantity"`
}

// PositionOf describes a holding of q units of an instrument.
func PositionOf(in *market.Instrument, q market.Units) Position {
	p := Position{Token: in.Token, Underlying: in.Underlying, Expiry: in.Expiry.String(), Strike: Rupees(in.Strike), Quantity: q}
	if in.Right != market.NoRight {
		p.Right = in.Right.String()
	}
	return p
}

// Rupees is an amount that JSON shows in rupees: 24200, 95.05.
type Rupees market.Paise

// MarshalJSON writes the exact decimal number.
func (r Rupees) MarshalJSON() ([]byte, error) { return market.Paise(r).Append(nil), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Rupees) UnmarshalJSON(text []byte) error {
	p, err := market.ParsePaise(text)
	*r = Rupees(p)
	return err
}

// Latencies are the three journeys that count.
type Latencies struct {
	TickToDecision Latency `json:"tick_to_decision"` // frame read to the strategy's request
	TickToWire     Latency `json:"tick_to_wire"`     // frame read to the request's last byte written
	OrderAck       Latency `json:"order_ack"`        // last byte written to the venue's answer read
}

// Latency is a distribution in nanoseconds: p50, p90, p99, p999, max, count.
type Latency = metrics.Summary

// GC is what the garbage collector did.
type GC struct {
	Cycles   uint64 `json:"cycles"`
	MaxPause int64  `json:"max_pause_ns"`
}

// Retries is what it took to be understood by the venue.
type Retries struct {
	Attempts  uint64 `json:"attempts"`  // requests written, first ones included
	Retried   uint64 `json:"retried"`   // of them, repeats
	Throttled uint64 `json:"throttled"` // refused for their rate
	Ambiguous uint64 `json:"ambiguous"` // ended without evidence
	Resolved  uint64 `json:"resolved"`  // of those, settled by evidence later
	Renewals  uint64 `json:"renewals"`  // of the session, because of a refusal

	Endpoints map[string]Calls `json:"endpoints"` // by the venue's call; those that were made
}

// Calls is what became of the calls of one kind.
type Calls struct {
	Attempts  uint64 `json:"attempts"`
	Retried   uint64 `json:"retried"` // of them, repeats
	Throttled uint64 `json:"throttled"`
	NotSent   uint64 `json:"not_sent"`
	TimedOut  uint64 `json:"timed_out"`
	Ambiguous uint64 `json:"ambiguous"`
	Refused   uint64 `json:"refused"`
	Malformed uint64 `json:"malformed"` // refused unread: our own fault
	Delay     int64  `json:"delay_ns"`  // planned before repeats, all together
}

// Rehearsal is what only a run against the embedded venue can tell.
type Rehearsal struct {
	Venue Venue  `json:"venue"`
	Tape  string `json:"tape"`
	Seed  uint64 `json:"seed"`
}

// Venue is the simulated venue's own account, the oracle.
type Venue struct {
	OrdersAccepted uint64 `json:"orders_accepted"`
	Duplicates     uint64 `json:"duplicates"` // orders that repeat another
	Orphans        uint64 `json:"orphans"`    // orders the engine does not answer for

	PositionsApart int   `json:"positions_apart"`  // contracts that the two hold differently
	CashApart      Paise `json:"cash_apart_paise"` // what fills moved by the venue's account, less by ours

	TicksPublished uint64 `json:"ticks_published"` // stock events sent, each once however many sockets
	TicksSynthetic uint64 `json:"ticks_synthetic"` // of them, made up between two recorded moments
	TicksUnheard   uint64 `json:"ticks_unheard"`   // events of a room we had joined, at a moment when no socket of ours was there
	TicksLost      int64  `json:"ticks_lost"`      // published less received; a fault that repeats or breaks frames shows here too
}

// WriteJSON writes the document as one indented JSON text and a line end.
func (d *Document) WriteJSON(w io.Writer) error {
	out := *d
	if out.Positions == nil {
		out.Positions = []Position{} // a list, never null
	}
	if out.Retries.Endpoints == nil {
		out.Retries.Endpoints = map[string]Calls{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(&out)
}
