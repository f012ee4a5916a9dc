package report

import (
	"bytes"
	"fmt"
	"io"

	"github.com/vayu-trading/vayu/engine/market"
)

// WriteSummary writes what a person wants to know at the end of a run.
func (d *Document) WriteSummary(w io.Writer) error {
	var out bytes.Buffer
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&out, "  %-12s %s\n", label, fmt.Sprintf(format, args...))
	}

	fmt.Fprintf(&out, "%s, %.1f s", d.Strategy, d.WallSeconds)
	if d.Rehearsal != nil {
		fmt.Fprintf(&out, ", tape %s, seed %d", d.Tape, d.Seed)
	}
	out.WriteString("\n\n")

	line("market", "%s ticks, %s changes of the book, %s not decoded, %s gaps, %s reconnects",
		Count(d.Ticks), Count(d.BookUpdates), Count(d.DecodeErrors), Count(d.FeedGaps), Count(d.Reconnects))
	line("session", "%s renewals", Count(d.SessionRenewals))
	line("orders", "%s submitted, %s accepted, %s filled, %s cancelled, %s rejected, %s unknown",
		Count(d.Orders.Submitted), Count(d.Orders.Accepted), Count(d.Orders.Filled), Count(d.Orders.Cancelled),
		Count(d.Orders.Rejected), Count(d.Orders.Unknown))
	line("wire", "%s attempts, %s repeated, %s throttled, %s ambiguous of which %s resolved",
		Count(d.Retries.Attempts), Count(d.Retries.Retried), Count(d.Retries.Throttled),
		Count(d.Retries.Ambiguous), Count(d.Retries.Resolved))
	if d.Rehearsal != nil {
		line("venue", "%s orders accepted, %s duplicates, %s orphans",
			Count(d.Venue.OrdersAccepted), Count(d.Venue.Duplicates), Count(d.Venue.Orphans))
		line("", "%s ticks published (%s synthetic), %d lost",
			Count(d.Venue.TicksPublished), Count(d.Venue.TicksSynthetic), d.Venue.TicksLost)
	}
	line("result", "%s net of %s charges, %s fills", Money(d.NetPnL, true), Money(d.Charges, false), Count(d.Fills))

	for i, p := range d.Positions {
		label := "positions"
		if i > 0 {
			label = ""
		}
		line(label, "%+6d  %s", p.Quantity, p.contract())
	}
	if len(d.Positions) == 0 {
		line("positions", "flat")
	}

	fmt.Fprintf(&out, "\n  %-17s%9s%9s%9s%9s%9s%10s\n", "latency", "p50", "p90", "p99", "p99.9", "max", "count")
	for _, row := range []struct {
		name string
		l    Latency
	}{
		{"tick to decision", d.Latency.TickToDecision}, {"tick to wire", d.Latency.TickToWire}, {"order to answer", d.Latency.OrderAck},
	} {
		if row.l.Count == 0 {
			fmt.Fprintf(&out, "  %-17s%9s\n", row.name, "none")
			continue
		}
		fmt.Fprintf(&out, "  %-17s%9s%9s%9s%9s%9s%10s\n", row.name, Span(row.l.P50), Span(row.l.P90),
			Span(row.l.P99), Span(row.l.P999), Span(row.l.Max), Count(row.l.Count))
	}
	fmt.Fprintf(&out, "\n  garbage      %.2f allocations a tick, %s collections, longest pause %s (%s)\n",
		d.AllocsPerTick, Count(d.GC.Cycles), Span(d.GC.MaxPause), d.Scope)
	_, err := w.Write(out.Bytes())
	return err
}

func (p *Position) contract() string {
	if p.Right == "" {
		return fmt.Sprintf("%s %s FUT", p.Underlying, p.Expiry)
	}
	return fmt.Sprintf("%s %s %s %s", p.Underlying, p.Expiry, market.Paise(p.Strike), p.Right)
}
