package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/report"
	"github.com/vayu-trading/vayu/engine/market"
)

// Write tells the life as a person reads it.
func (l *Life) Write(w io.Writer) error {
	var out strings.Builder
	fmt.Fprintf(&out, "order %d of %s, %s, remark %s\n", l.ID, l.Strategy, l.Day, l.Remark)
	if l.VenueID != "" {
		fmt.Fprintf(&out, "venue's number %s\n", l.VenueID)
	}
	price := market.Paise(l.Price).String()
	if l.Trigger != 0 {
		price += " from " + market.Paise(l.Trigger).String() + " on"
	}
	fmt.Fprintf(&out, "%s %d %s at %s, %s, class %s\n", l.Side, l.Quantity, l.Contract, price, l.TIF, l.Class)
	fmt.Fprintf(&out, "now %s", l.State)
	if l.Filled > 0 {
		fmt.Fprintf(&out, ", %d filled at %s", l.Filled, each(market.Paise(l.Value), market.Units(l.Filled)))
		if l.Estimated {
			out.WriteString(" by its limit")
		}
	}
	if l.Why != "" {
		fmt.Fprintf(&out, " (%s)", l.Why)
	}
	out.WriteString("\n\n")
	if len(l.Stages) > 0 {
		var legs []string
		for _, s := range l.Stages {
			legs = append(legs, s.Name+" "+report.Span(s.Nanos))
		}
		fmt.Fprintf(&out, "  %s\n\n", strings.Join(legs, ", "))
	}
	for _, line := range l.Timeline {
		fmt.Fprintf(&out, "  %10s  %s  %-16s %s\n", "+"+report.Span(line.At), line.Wall, line.What, line.Text)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
