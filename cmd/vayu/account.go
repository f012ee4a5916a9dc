package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/portfolio"
)

// account follows the orders for everybody who watches: what is held and
// earned, what became of each order. The order core drops updates into the
// inbox and goes on; all else belongs to the goroutine of run.
type account struct {
	clock market.Clock
	book  *book.Book

	mu        sync.Mutex     // of inbox and delivered, held for one append
	inbox     []order.Update // order core → account; never dropped: a lost fill is a wrong position
	delivered uint64

	portfolio *portfolio.Portfolio
	view      book.View
	spare     []order.Update
	orders    map[order.ID]*order.Update
	sequence  []order.ID // in order of first sight
	fills     uint64
	booked    uint64 // updates
	latest    atomic.Pointer[accountView]
	charges   atomic.Int64 // paise so far: risk counts them as a loss
}

// accountView is what observers see of the account. It is immutable.
type accountView struct {
	Orders    []order.Update // the newest first, at most recentOrders
	Counts    orderCounts
	Booked    uint64 // updates
	Portfolio *portfolio.Snapshot
}

// orderCounts counts the day's orders by where they stand.
type orderCounts struct {
	Submitted, Accepted, Filled, Cancelled, Rejected, Unknown, Open, Fills, Estimated uint64
}

const recentOrders = 40

func newAccount(p *portfolio.Portfolio, b *book.Book, clock market.Clock) *account {
	a := &account{
		clock: clock, book: b, portfolio: p,
		inbox: make([]order.Update, 0, 1024), spare: make([]order.Update, 0, 1024),
		orders: make(map[order.ID]*order.Update),
	}
	a.latest.Store(&accountView{Portfolio: p.Latest()})
	return a
}

// deliver takes one update from the order core.
func (a *account) deliver(u *order.Update) {
	a.mu.Lock()
	a.inbox = append(a.inbox, *u)
	a.delivered++
	a.mu.Unlock()
}

// run books updates and values positions ten times a second until ctx ends,
// and once more then.
func (a *account) run(ctx context.Context) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		a.settle()
		select {
		case <-ctx.Done():
			a.settle()
			return
		case <-ticker.C:
		}
	}
}

func (a *account) settle() {
	a.mu.Lock()
	a.inbox, a.spare = a.spare[:0], a.inbox
	a.mu.Unlock()
	a.booked += uint64(len(a.spare))
	for i := range a.spare {
		u := &a.spare[i]
		a.portfolio.Apply(u)
		if u.FilledNow > 0 {
			a.fills++
		}
		if u.ID == 0 {
			continue // not an order of ours: it counts in positions only
		}
		known := a.orders[u.ID]
		if known == nil {
			known = new(order.Update)
			a.orders[u.ID] = known
			a.sequence = append(a.sequence, u.ID)
		}
		*known = *u
	}
	a.book.Pin(&a.view)
	a.portfolio.Mark(&a.view, a.clock.Now())
	a.charges.Store(int64(a.portfolio.Totals().Charges))
	a.portfolio.Publish()
	a.publish()
}

func (a *account) publish() {
	v := &accountView{Portfolio: a.portfolio.Latest(), Booked: a.booked}
	v.Counts.Fills = a.fills
	for _, id := range a.sequence {
		v.Counts.add(a.orders[id])
	}
	for _, id := range slices.Backward(a.sequence) {
		if len(v.Orders) == recentOrders {
			break
		}
		v.Orders = append(v.Orders, *a.orders[id])
	}
	a.latest.Store(v)
}

func (c *orderCounts) add(u *order.Update) {
	c.Submitted++
	if !u.VenueID.IsZero() {
		c.Accepted++
	}
	if u.Estimated {
		c.Estimated++
	}
	switch u.State {
	case order.Filled:
		c.Filled++
	case order.Cancelled, order.Expired:
		c.Cancelled++
	case order.Denied, order.Rejected, order.RejectedLate, order.ClosedAbsent, order.ExpiredLocal:
		c.Rejected++
	case order.Ambiguous, order.Reconciling, order.Absent, order.Unresolved:
		c.Unknown++
	default:
		c.Open++
	}
}

// settled tells whether no order is open or in doubt, the newest updates
// included.
func (a *account) settled() bool {
	a.mu.Lock()
	delivered := a.delivered
	a.mu.Unlock()
	latest := a.latest.Load()
	counts := &latest.Counts
	return latest.Booked == delivered && counts.Open == 0 && counts.Unknown == 0
}

// venueIDs is every order that the venue is known to have. Only after run.
func (a *account) venueIDs() map[string]bool {
	known := make(map[string]bool, len(a.orders))
	for _, u := range a.orders {
		if !u.VenueID.IsZero() {
			known[u.VenueID.String()] = true
		}
	}
	return known
}
