package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
)

// twin is a gateway, its core included, against the simulated venue over TCP.
// The venue's ledger stands in for the order stream.
type twin struct {
	*Gateway
	venue    *sim.Venue
	universe *market.Universe
	clock    market.Clock

	lock    sync.Mutex
	last    map[order.ID]order.Update
	filled  map[market.InstrumentID]market.Units // by updates
	alarms  []string
	notices chan sim.Entry
	mute    atomic.Bool // the order stream is silent
}

// Write takes the ledger's lines as they come.
func (w *twin) Write(line []byte) (int, error) {
	var e sim.Entry
	if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
		return 0, err
	}
	w.notices <- e
	return len(line), nil
}

func (w *twin) emit(u *order.Update) {
	w.lock.Lock()
	defer w.lock.Unlock()
	w.last[u.ID] = *u
	w.filled[u.Instrument] += u.Side.Sign() * u.FilledNow
}

func (w *twin) update(id order.ID) order.Update {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.last[id]
}

// link is the way to the twin; its zero is loopback.
type link struct {
	listener net.Listener
	dial     DialFunc
	remarks  sim.RemarkMode
	front    func(http.Handler) http.Handler // stands before the venue; nil: nothing does
	venue    func(*sim.Config, *Config)
	change   func(*Config)
}

func newTwin(t *testing.T, faults sim.Faults, change ...func(*sim.Config, *Config)) *twin {
	t.Helper()
	l := link{}
	if len(change) > 0 {
		l.venue = change[0]
	}
	return newTwinOver(t, faults, l)
}

// newVirtualTwin is for a bubble of virtual time: its connections are pipes.
func newVirtualTwin(t *testing.T, l link) (*twin, *pipes) {
	t.Helper()
	// A bubble begins in the year 2000, before the process did, from whose start
	// the machine's clock counts: let it pass.
	time.Sleep(40 * 365 * 24 * time.Hour)
	p := newPipes()
	l.listener, l.dial = p, p.Dial
	return newTwinOver(t, sim.Faults{}, l), p
}

func newTwinOver(t *testing.T, faults sim.Faults, l link) *twin {
	t.Helper()
	const day = market.Date(20261123)
	instruments := []market.Instrument{{
		ContractKey: market.ContractKey{
			Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20261124, Strike: 26000 * market.Rupee, Right: market.Call,
		},
		Token: "42505", LotSize: 65, TickSize: 5, BandLow: 5, BandHigh: 53915,
	}}
	universe, err := market.NewUniverse(instruments)
	require.NoError(t, err)
	quote := market.Quote{Instrument: 1, Last: 10000, Bid: 9990, Ask: 10010, BidQty: 65_000, AskQty: 65_000, BandLow: 5, BandHigh: 53915}
	start := day.At(10 * time.Hour)
	w := &twin{
		universe: universe, last: make(map[order.ID]order.Update), filled: make(map[market.InstrumentID]market.Units),
		notices: make(chan sim.Entry, 4096),
	}
	venue := sim.Config{
		Tape: &sim.MemoryTape{Day: day, List: universe.All(), Events: []market.Event{
			{At: start, Kind: market.QuoteEvent, Quote: quote}, {At: start.Add(4 * time.Hour), Kind: market.QuoteEvent, Quote: quote},
		}},
		Seed: 7, RecordedOnly: true, Ledger: w, Faults: faults, Remarks: l.remarks,
	}
	listener := l.listener
	if listener == nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
	}
	books := book.New(universe)
	gate := risk.NewGate(wide(), universe)
	gate.SetSession(day.At(9*time.Hour+15*time.Minute), day.At(15*time.Hour+30*time.Minute))
	gate.SetFeed(market.FeedLive)
	store := new(session.Store)
	config := Config{
		BaseURL: "http://" + listener.Addr().String() + "/breezeapi/api/v1/", Universe: universe, Session: store,
		AppKey: sim.DefaultAppKey, Secret: session.NewToken(sim.DefaultSecret), Dial: l.dial,
		Emit: w.emit, Renew: func(uint64) {}, RestartStream: func() {},
		Alarm: func(_ order.ID, text string) {
			w.lock.Lock()
			defer w.lock.Unlock()
			w.alarms = append(w.alarms, text)
		},
		Core: CoreConfig{
			Book: books, Gate: gate, Tag: order.Tag{Instance: [2]byte{'T', '1'}, Day: day, Boot: 1}, Lenient: true,
			Fence: 2 * time.Second, Visibility: 300 * time.Millisecond, PollOpen: time.Second,
		},
	}
	if l.venue != nil {
		l.venue(&venue, &config)
	}
	if l.change != nil {
		l.change(&config)
	}
	w.venue, err = sim.New(venue)
	require.NoError(t, err)
	w.clock = w.venue.Clock()
	config.Clock = w.clock
	w.Gateway, err = New(config)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	if l.front == nil {
		all.Go(func() { _ = w.venue.Serve(ctx, listener) })
	} else {
		server := &http.Server{Handler: l.front(w.venue.Handler())}
		all.Go(func() { _ = w.venue.Run(ctx) })
		all.Go(func() { _ = server.Serve(listener) })
		all.Go(func() {
			<-ctx.Done()
			_ = server.Close()
		})
	}
	all.Go(func() { _ = w.Run(ctx) })
	all.Go(func() { w.quotes(ctx, books, quote) })
	all.Go(func() { w.stream(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})

	credential, err := w.Exchange(t.Context(), session.NewToken(sim.DefaultAPISession))
	require.NoError(t, err)
	credential.Epoch, credential.Issued, credential.Expiry = 1, w.clock.Now().Wall, w.clock.Now().Wall.Add(time.Hour)
	require.True(t, store.Swap(credential))
	w.OnSession(LoginOf(session.Live, credential, time.Minute))
	w.OnOrderStream(market.FeedLive)
	require.Eventually(t, func() bool { return w.Snapshot().Standing.Synced }, 20*time.Second, 5*time.Millisecond, "%+v", w.Snapshot())
	return w
}

// quotes keeps the book fresh: its one writer.
func (w *twin) quotes(ctx context.Context, b *book.Book, quote market.Quote) {
	for {
		now := w.clock.Now()
		quote.Recv = now.Mono
		b.PutQuote(&quote)
		b.Commit(now)
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stream makes notices of the order stream out of the ledger.
func (w *twin) stream(ctx context.Context) {
	known := make(map[string]*order.Report)
	sequence := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.notices:
			r := known[e.OrderID]
			if r == nil {
				r = &order.Report{Instrument: w.universe.ByToken([]byte(e.Token)), Status: order.StatusOrdered}
				r.VenueID, _ = order.ParseVenueID(e.OrderID)
				if r.Side = market.Buy; e.Side == "sell" {
					r.Side = market.Sell
				}
				known[e.OrderID] = r
			}
			switch qty := market.Units(e.Quantity); e.Kind {
			case "accepted", "modified":
				r.Quantity = qty
				r.Limit, _ = market.ParsePaise(e.Price)
			case "fill":
				r.Executed += qty
				r.Status = order.StatusPartiallyExecuted
				if r.Executed == r.Quantity {
					r.Status = order.StatusExecuted
				}
			case "cancelled":
				r.Cancelled, r.Status = qty, order.StatusCancelled
			case "rejected":
				r.Status = order.StatusRejected
			}
			if w.mute.Load() {
				continue
			}
			sequence++
			r.Sequence, r.Recv = sequence, w.clock.Now().Mono
			w.OnReport(r)
		}
	}
}

func (w *twin) buy(price market.Paise) order.ID {
	now := w.clock.Now()
	return w.Submit(order.Command{Kind: order.Place, Ticket: order.Ticket{
		Strategy: 1, Instrument: 1, Side: market.Buy, Class: order.Entry, Lots: 1, Price: price,
		TickAt: now.Mono, DecidedAt: now.Mono,
	}})
}

// judge compares what we believe with what the venue did.
func (w *twin) judge(t *testing.T, ids []order.ID) {
	t.Helper()
	tag := w.config.Core.Tag
	accepted := make(map[string]int)
	for _, e := range w.venue.Ledger() {
		if e.Kind == "accepted" {
			accepted[e.Remark]++
		}
	}
	total := 0
	for _, id := range ids {
		u, n := w.update(id), accepted[tag.Remark(id).String()]
		require.LessOrEqual(t, n, 1, "order %d went twice", id)
		total += n
		switch u.State {
		case order.Denied, order.ExpiredLocal, order.Rejected, order.ClosedAbsent:
			require.Zero(t, n, "order %d is %s here and known there", id, u.State)
		default:
			require.Equal(t, 1, n, "order %d is %s here and unknown there", id, u.State)
		}
	}
	require.Positive(t, total)
	require.Equal(t, len(accepted), total, "the venue has orders that are none of ours")
	require.Zero(t, w.venue.Stats().Duplicates)
	w.lock.Lock()
	defer w.lock.Unlock()
	require.Equal(t, w.venue.Position(1).Qty, w.filled[1])
}

func TestOrdersLiveTheirWholeLifeAtTheTwin(t *testing.T) {
	w := newTwin(t, sim.Faults{})

	taken := w.buy(10010)
	resting := w.buy(9900)
	require.Eventually(t, func() bool { return w.update(taken).State == order.Filled }, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return w.update(resting).State == order.Working }, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return len(w.Snapshot().Orders) == 1 }, 2*time.Second, time.Millisecond)
	require.Equal(t, resting, w.Snapshot().Orders[0].ID)

	w.Submit(order.Command{Kind: order.Modify, Ticket: order.Ticket{ID: resting, Strategy: 1}, Price: 9950})
	require.Eventually(t, func() bool { return w.update(resting).Price == 9950 }, 5*time.Second, time.Millisecond)
	w.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: resting, Strategy: 1}})
	require.Eventually(t, func() bool { return w.update(resting).State == order.Cancelled }, 5*time.Second, time.Millisecond)

	w.judge(t, []order.ID{taken, resting})
	positions, err := w.Positions(t.Context())
	require.NoError(t, err)
	require.Len(t, positions, 1)
	require.Equal(t, market.Units(65), positions[0].Net)
	funds, err := w.Funds(t.Context())
	require.NoError(t, err)
	require.Positive(t, funds.AvailableFNO)
	require.Eventually(t, func() bool {
		snap := w.Snapshot()
		return snap.TickToWire.Count == 2 && snap.OrderAck.Count == 2 && snap.Fills >= 1 && snap.Standing.Quota.DayUsed > 4
	}, 2*time.Second, time.Millisecond)
}
