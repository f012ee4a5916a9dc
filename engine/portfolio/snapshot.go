package portfolio

import (
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
)

// Snapshot is the portfolio at one moment. It is immutable: share it freely.
type Snapshot struct {
	Totals    Totals
	Charges   calendar.Breakdown
	Positions []Position // every one that was ever opened, flat ones included
	Curve     []Point    // oldest first
}

// Point is one moment of the equity curve.
type Point struct {
	At         market.UnixNano // market time
	Realised   market.Paise
	Unrealised market.Paise
	Charges    market.Paise
	Net        market.Paise
}

// Snapshot copies the portfolio.
func (p *Portfolio) Snapshot() Snapshot {
	positions := make([]Position, len(p.rows))
	for i := range p.rows {
		positions[i] = p.rows[i].Position
	}
	return Snapshot{Totals: p.totals, Charges: p.charges, Positions: positions, Curve: p.curve.list()}
}

// Publish makes the present state what Latest returns. The owner calls it as
// often as observers want to look; it allocates, so keep it off the hot path.
func (p *Portfolio) Publish() {
	s := p.Snapshot()
	p.latest.Store(&s)
}

// Latest is the newest published snapshot. Any goroutine may call it; the
// result must not be written.
func (p *Portfolio) Latest() *Snapshot { return p.latest.Load() }

// curve is a ring of points no closer than every.
type curve struct {
	every  time.Duration
	points []Point // capacity fixed at construction
	next   int     // where the next one goes once the ring is full
	last   market.UnixNano
}

func newCurve(every time.Duration, length int) curve {
	if every <= 0 {
		every = time.Second
	}
	if length <= 0 {
		length = 4096
	}
	return curve{every: every, points: make([]Point, 0, length)}
}

// add keeps the totals when enough market time has passed. Market time that
// steps back (a tape that begins anew) starts the interval again.
func (c *curve) add(at market.UnixNano, t *Totals) {
	if since := at.Sub(c.last); len(c.points) > 0 && since >= 0 && since < c.every {
		return
	}
	c.last = at
	point := Point{At: at, Realised: t.Realised, Unrealised: t.Unrealised, Charges: t.Charges, Net: t.Net}
	if len(c.points) < cap(c.points) {
		c.points = append(c.points, point)
		return
	}
	c.points[c.next] = point
	c.next = (c.next + 1) % len(c.points)
}

func (c *curve) list() []Point {
	return append(slices.Clone(c.points[c.next:]), c.points[:c.next]...)
}
