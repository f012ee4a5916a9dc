package paper

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

func TestWithoutDelaysAnOrderFillsInTheStepThatTakesIt(t *testing.T) {
	r := newRig(t, nil)

	id := r.buy(10050)
	require.Empty(t, r.updates, "nothing happens before the step")
	require.LessOrEqual(t, r.Next(), r.now.Mono)
	require.True(t, r.Step(r.now))

	u := r.last(id)
	require.Equal(t, order.Filled, u.State)
	require.True(t, u.Estimated, "notices name no price, as on the wire")
	r.pass(2 * time.Second)
	require.Equal(t, market.Paise(10010), r.last(id).Average)
	require.Equal(t, lot, r.config.Venue.Position(1).Qty)
	require.False(t, r.Step(r.now), "nothing is left to do")
}

func TestAnOrderMeetsTheMarketThatItArrivesIn(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SendDelay, c.ReplyDelay = 5*time.Millisecond, 7*time.Millisecond })
	r.pass(time.Second)
	began := r.now.Mono

	id := r.buy(10050)
	r.Step(r.now)
	require.Equal(t, order.Sending, r.last(id).State)
	require.LessOrEqual(t, r.Next(), began.Add(5*time.Millisecond))

	r.quote(10000, 10030) // while it is on its way
	r.pass(5 * time.Millisecond)
	require.Equal(t, lot, r.config.Venue.Position(1).Qty, "it has arrived")
	require.Equal(t, order.Sending, r.last(id).State, "nobody here knows")

	r.pass(7 * time.Millisecond)
	require.Equal(t, order.Filled, r.last(id).State)
	require.Equal(t, began.Add(12*time.Millisecond), r.last(id).At.Mono)
	r.pass(2 * time.Second)
	require.Equal(t, market.Paise(10030), r.last(id).Average)
}

func TestRestingOrdersExpireAtTheClose(t *testing.T) {
	r := newRig(t, nil)
	id := r.buy(9900)
	r.Step(r.now)
	require.Equal(t, order.Working, r.last(id).State)

	r.wait(5*time.Hour + 30*time.Minute)
	r.Step(r.now)

	require.Equal(t, order.Expired, r.last(id).State)
}

func TestAQuoteShownOnceIsNotTradedTwice(t *testing.T) {
	r := newRig(t, nil)
	r.config.Core.Book.PutQuote(&market.Quote{
		Instrument: 1, Last: 10000, Bid: 9990, Ask: 10010, BidQty: lot, AskQty: lot, BandLow: 5, BandHigh: 53915, Recv: r.now.Mono,
	})
	r.config.Core.Book.Commit(r.now)
	first, second := r.buy(10010), r.buy(10015)
	r.Step(r.now)

	require.Equal(t, order.Filled, r.last(first).State)
	require.Equal(t, order.Working, r.last(second).State, "the lot that was offered is gone")
}

func TestTheDeskLogsInAnewWhenTheVenueEndsItsLogin(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Core.Lenient = true })
	r.pass(time.Second)
	r.config.Venue.EndSessions()

	id := r.buy(10050)
	r.pass(2 * time.Second)

	require.Equal(t, order.Filled, r.last(id).State)
	require.EqualValues(t, 1, r.Snapshot(r.now).Renewals)
}

func TestWithARenewerTheDeskWaitsForLogins(t *testing.T) {
	var asked []uint64
	r := newRig(t, func(c *Config) { c.Renew = func(epoch uint64) { asked = append(asked, epoch) } })
	login := func(epoch uint64) {
		r.Session(gateway.Session{Epoch: epoch, EntriesUntil: r.now.Wall.Add(time.Hour), Expiry: r.now.Wall.Add(time.Hour), State: session.Live})
		r.pass(time.Second)
	}

	denied := r.buy(10050)
	r.Step(r.now)
	require.Equal(t, order.Denied, r.last(denied).State)
	login(1)
	filled := r.buy(10050)
	r.pass(time.Second)
	require.Equal(t, order.Filled, r.last(filled).State)
	r.config.Venue.EndSessions()
	r.buy(10050)
	r.pass(time.Second)

	require.Equal(t, []uint64{1}, asked)
}

// A desk that took over hears the venue alone; what its predecessor had sent
// still arrives.
func TestTheNextDeskTakesTheVenueOver(t *testing.T) {
	r := newRig(t, func(c *Config) { c.SendDelay = 10 * time.Millisecond })
	r.pass(time.Second)
	id := r.buy(10050)
	r.Step(r.now)

	config := r.config
	config.Core.Tag.Boot = 2
	held := make(map[market.InstrumentID]market.Units)
	config.Emit = func(u *order.Update) { held[u.Instrument] += u.Side.Sign() * u.FilledNow }
	next, err := NewDesk(config)
	require.NoError(t, err)
	before := len(r.updates)
	for range 2000 {
		r.wait(5 * time.Millisecond)
		next.Step(r.now)
		r.Step(r.now)
	}

	require.Equal(t, lot, r.config.Venue.Position(1).Qty)
	require.Equal(t, lot, held[1])
	require.NotEqual(t, order.Filled, r.last(id).State)
	for _, u := range r.updates[before:] {
		require.Zero(t, u.FilledNow, "the old desk heard of a fill")
	}
}

func TestTheSameStepsMakeTheSameUpdates(t *testing.T) {
	told := func(seed uint64) uint64 {
		h := fnv.New64a()
		rng := rand.New(rand.NewPCG(seed, 1))
		r := newRig(t, func(c *Config) {
			c.SendDelay, c.ReplyDelay = time.Duration(rng.IntN(9))*time.Millisecond, time.Duration(rng.IntN(9))*time.Millisecond
			c.Core.Seed, c.Core.Lenient = seed, true
			c.Emit = func(u *order.Update) { fmt.Fprintf(h, "%+v\n", *u) }
		})
		require.NoError(t, r.config.Venue.SetFaults(sim.Faults{
			DropAfter: 0.05, DropBefore: 0.05, LoseAnswer: 0.05, LateAccept: 0.05, HTML502: 0.05, LoseNotice: 0.1, SwapNotice: 0.1, ListLag: 50 * time.Millisecond,
		}))
		var ids []order.ID
		for range 200 {
			mid := market.Paise(9900 + 5*rng.IntN(40))
			r.quote(mid-10, mid+10)
			switch rng.IntN(3) {
			case 0:
				ids = append(ids, r.buy(market.Paise(9900+5*rng.IntN(40))))
			case 1:
				if len(ids) > 0 {
					r.Submit(order.Command{Kind: order.CancelOne, Ticket: order.Ticket{ID: ids[rng.IntN(len(ids))], Strategy: 1}})
				}
			}
			r.pass(time.Duration(rng.IntN(int(time.Second))))
		}
		return h.Sum64()
	}
	for seed := range uint64(10) {
		require.Equal(t, told(seed), told(seed), "seed %d", seed)
	}
}

func TestADeskThatCannotWorkIsRefused(t *testing.T) {
	r := newRig(t, nil)
	refuses := func(want string, change func(*Config)) {
		t.Helper()
		config := r.config
		change(&config)
		_, err := NewDesk(config)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, want)
	}
	refuses("needs a venue", func(c *Config) { c.Venue = nil })
	refuses("takes updates", func(c *Config) { c.Emit = nil })
	refuses("negative", func(c *Config) { c.SendDelay = -1 })
	refuses("risk gate", func(c *Config) { c.Core.Gate = nil })

	_, err := New(r.config)
	require.ErrorContains(t, err, "a gateway needs a clock")
	_, err = NewVenue(day, nil, sim.Config{})
	require.ErrorIs(t, err, ErrConfig)
	_, err = NewVenue(day, r.config.Venue.Universe(), sim.Config{Tape: &sim.MemoryTape{}})
	require.ErrorContains(t, err, "takes no tape")
}
