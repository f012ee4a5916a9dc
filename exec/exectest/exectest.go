package exectest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

// Desk is a gateway under test: running, logged in, with its order stream
// attached. Its cleanup is registered with the test.
type Desk interface {
	Submit(order.Command) order.ID
	Kill(level risk.Level, why string)
	Snapshot() *gateway.Snapshot
	Now() market.Stamp // the gateway's own clock
	Venue() Venue
	// Reopen ends the gateway as the end of its process would, and opens
	// another at the same venue.
	Reopen(t *testing.T, s Setup) Desk
}

// Venue is what the suite does to the venue behind a desk.
type Venue interface {
	// Market shows the venue an event that the book has just been given. A venue
	// that follows the book needs not be shown.
	Market(*market.Event)
	SetFaults(sim.Faults) error
	Ledger() []sim.Entry
	Position(market.InstrumentID) sim.Position
	// EndSessions refuses every login so far; the gateway must find another.
	EndSessions()
	// BreakStream cuts the order stream; it comes back by itself.
	BreakStream()
}

// Setup is what a case wants of the gateway that is opened for it. All but the
// last two fields may be completed by whoever opens it.
type Setup struct {
	Day      market.Date
	Universe *market.Universe
	Core     gateway.CoreConfig // with book, gate and tag
	Venue    sim.Config         // account, limits, texts, delays; no tape
	Refusals []string           // the venue's words of refusal
	Emit     func(*order.Update)
	Alarm    func(order.ID, string)
}

// Opener opens a gateway over a venue of its own.
type Opener = func(t *testing.T, s Setup) Desk

// Run shows that a gateway behaves, each case as a parallel subtest. With
// -short it leaves out the cases that wait for the fence.
func Run(t *testing.T, open Opener) {
	run(t, open, testing.Short(), func(t *testing.T, test func(*testing.T)) { test(t) })
}

// RunVirtual is Run in virtual time: everything that the opener starts lives in
// the bubble of its case.
func RunVirtual(t *testing.T, open Opener) { run(t, open, false, synctest.Test) }

func run(t *testing.T, open Opener, short bool, within func(*testing.T, func(*testing.T))) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			if short && c.slow {
				t.Skip("it waits for the fence, some seconds of real time: run without -short")
			}
			t.Parallel()
			within(t, func(t *testing.T) {
				setup := newSetup(t)
				if c.change != nil {
					c.change(&setup)
				}
				r := newRig(t, setup, open)
				c.play(r)
				r.audit()
			})
		})
	}
}

// day is when the cases play: a Monday with an expiry the day after.
const day = market.Date(20261123)

// The contracts of the cases.
const (
	index = market.InstrumentID(1)
	call  = market.InstrumentID(2)
	put   = market.InstrumentID(3)
	lot   = market.Units(65)
)

// Refusal texts of the venue that the cases provoke.
const tooFar = "Limit rate is outside the protection range"

func newSetup(t *testing.T) Setup {
	t.Helper()
	option := func(token string, right market.Right) market.Instrument {
		return market.Instrument{
			ContractKey: market.ContractKey{
				Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: day + 1, Strike: 26000 * market.Rupee, Right: right,
			},
			Token: token, LotSize: lot, TickSize: 5, BandLow: 5, BandHigh: 53915, Freeze: 1800,
		}
	}
	universe, err := market.NewUniverse([]market.Instrument{
		{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50", LotSize: 1, TickSize: 5},
		option("42505", market.Call), option("42506", market.Put),
	})
	require.NoError(t, err)
	gate := risk.NewGate(limits(), universe)
	gate.SetSession(day.At(9*time.Hour+15*time.Minute), day.At(15*time.Hour+30*time.Minute))
	gate.SetFeed(market.FeedLive)
	return Setup{
		Day: day, Universe: universe,
		Core: gateway.CoreConfig{
			Book: book.New(universe), Gate: gate, Tag: order.Tag{Instance: [2]byte{'C', 'T'}, Day: day, Boot: 1}, Lenient: true,
			Fence: 1500 * time.Millisecond, Visibility: 300 * time.Millisecond, Notice: 700 * time.Millisecond, PollOpen: time.Second,
		},
		Venue:    sim.Config{Seed: 7, Texts: sim.Texts{Protection: tooFar}, Close: 15*time.Hour + 30*time.Minute},
		Refusals: []string{tooFar},
	}
}

// limits let everything through that the cases do not mean to be denied.
func limits() risk.Limits {
	return risk.Limits{
		QuoteAge: time.Minute, CollarShare: 5000, CollarPoints: 1000 * market.Rupee, OrderLots: 20, OrderNotional: 1e7 * market.Rupee,
		OpenOrders: 200, PositionLots: 100, GrossLots: 200, DayLoss: 1e7 * market.Rupee, FlattenLoss: 1e7 * market.Rupee,
		Repeats: 16, RepeatWindow: time.Millisecond, PerSecond: 16, PerMinute: 128, Runaway: 1_000_000,
	}
}
