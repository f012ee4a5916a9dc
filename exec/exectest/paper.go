package exectest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/paper"
)

// clock reads the time of the test, virtual or not, as if the day's cases began
// at ten.
type clock struct{ start time.Time }

func (c clock) Now() market.Stamp {
	passed := time.Since(c.start)
	at := day.At(10 * time.Hour).Add(passed)
	return market.Stamp{Mono: market.Mono(passed) + 1, Wall: at, Market: at}
}

// paperVenue follows the book by itself.
type paperVenue struct{ *paper.Venue }

func (paperVenue) Market(*market.Event) {}

// paperDesk is the paper gateway, run beside the test.
type paperDesk struct {
	*paper.Gateway
	clock clock
	venue *paper.Venue
	stop  func()
}

func (d *paperDesk) Now() market.Stamp { return d.clock.Now() }
func (d *paperDesk) Venue() Venue      { return paperVenue{d.venue} }

func (d *paperDesk) Reopen(t *testing.T, s Setup) Desk {
	d.stop()
	return openPaper(t, s, d.clock, d.venue)
}

// OpenPaper opens the paper gateway over a venue of its own.
func OpenPaper(t *testing.T, s Setup) Desk {
	return openPaper(t, s, clock{time.Now()}, newPaperVenue(t, s))
}

func newPaperVenue(t *testing.T, s Setup) *paper.Venue {
	venue, err := paper.NewVenue(s.Day, s.Universe, s.Venue)
	require.NoError(t, err)
	return venue
}

func openPaper(t *testing.T, s Setup, c clock, venue *paper.Venue) Desk {
	g, err := paper.New(paper.Config{Venue: venue, Core: s.Core, Emit: s.Emit, Alarm: s.Alarm, Clock: c})
	require.NoError(t, err)
	return &paperDesk{Gateway: g, clock: c, venue: venue, stop: alongside(t, g.Run)}
}

// alongside runs something until the test ends or stop is called, and waits
// for it.
func alongside(t *testing.T, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = run(ctx) }) // it ends because ctx does
	stop = func() {
		cancel()
		group.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// steppedDesk is the paper desk in its steppable form, stepped by whoever has
// something for it and when it is due.
type steppedDesk struct {
	lock  sync.Mutex // guards desk
	desk  *paper.Desk
	clock clock
	venue *paper.Venue
	stop  func()
}

// OpenStepped opens the paper desk that its owner steps, over a venue of its
// own and with the given delays to and from it.
func OpenStepped(send, reply time.Duration) Opener {
	return func(t *testing.T, s Setup) Desk {
		return openStepped(t, s, clock{time.Now()}, newPaperVenue(t, s), send, reply)
	}
}

func openStepped(t *testing.T, s Setup, c clock, venue *paper.Venue, send, reply time.Duration) Desk {
	desk, err := paper.NewDesk(paper.Config{
		Venue: venue, Core: s.Core, Emit: s.Emit, Alarm: s.Alarm, SendDelay: send, ReplyDelay: reply,
	})
	require.NoError(t, err)
	d := &steppedDesk{desk: desk, clock: c, venue: venue}
	d.stop = alongside(t, d.run)
	return d
}

// run steps when something is due, and looks at the market now and then.
func (d *steppedDesk) run(ctx context.Context) error {
	for ctx.Err() == nil {
		now := d.clock.Now()
		d.lock.Lock()
		d.desk.Step(now)
		due := d.desk.Next().Sub(now.Mono)
		d.lock.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(min(max(due, 0), 5*time.Millisecond)):
		}
	}
	return ctx.Err()
}

func (d *steppedDesk) Submit(c order.Command) order.ID {
	d.lock.Lock()
	defer d.lock.Unlock()
	id := d.desk.Submit(c)
	d.desk.Step(d.clock.Now())
	return id
}

func (d *steppedDesk) Kill(level risk.Level, why string) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.desk.Kill(level, why)
	d.desk.Step(d.clock.Now())
}

func (d *steppedDesk) Snapshot() *gateway.Snapshot {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.desk.Snapshot(d.clock.Now())
}

func (d *steppedDesk) Now() market.Stamp { return d.clock.Now() }
func (d *steppedDesk) Venue() Venue      { return paperVenue{d.venue} }

func (d *steppedDesk) Reopen(t *testing.T, s Setup) Desk {
	d.stop()
	return openStepped(t, s, d.clock, d.venue, 0, 0)
}
