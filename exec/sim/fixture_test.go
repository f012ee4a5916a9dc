package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

const (
	testDay    = market.Date(20260818)
	testExpiry = market.Date(20260825)
)

func instruments() []market.Instrument {
	list := []market.Instrument{
		{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50", TickSize: 5},
		{
			ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: testExpiry},
			Token:       "42500", LotSize: 65, TickSize: 10, Freeze: 1800,
		},
	}
	token := 42501
	for strike := market.Paise(2_420_000); strike <= 2_430_000; strike += 5000 {
		for _, right := range []market.Right{market.Call, market.Put} {
			list = append(list, market.Instrument{
				ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: testExpiry, Strike: strike, Right: right},
				Token:       string([]byte{'4', '2', '5', '0', byte('0' + token - 42500)}), LotSize: 65, TickSize: 5,
				BandLow: 5, BandHigh: 40_000, Freeze: 1800,
			})
			token++
		}
	}
	return list
}

// tape has a snapshot of every instrument each minute from ten o'clock on:
// calls and puts are worth what one forward makes of them.
func tape(minutes int) *MemoryTape {
	list := instruments()
	u, err := market.NewUniverse(list)
	if err != nil {
		panic(err)
	}
	t := &MemoryTape{Day: testDay, List: list, Title: "a made-up morning"}
	for i := range minutes {
		at := testDay.At(10*time.Hour + time.Duration(i)*time.Minute)
		spot := market.Paise(2_425_000 + []int{0, 800, -400, 1200, 300, 2000}[i%6])
		volume := market.Units(65 * (1000 + 400*i))
		for _, in := range u.All() {
			q := market.Quote{Instrument: in.ID, LastTrade: at, PrevClose: 10_000, Volume: volume, OpenInterest: 65 * 5000}
			switch in.Kind {
			case market.Index:
				q.Last, q.Volume, q.OpenInterest, q.PrevClose = spot, 0, 0, 2_400_000
				q.High, q.Low = 2_440_000, 2_410_000
			case market.Future:
				q.Bid, q.Ask, q.BidQty, q.AskQty, q.Last = spot, spot+100, 650, 650, spot
			default:
				value := market.Paise(10_000) + (spot-in.Strike)/2
				if in.Right == market.Put {
					value = 10_000 - (spot-in.Strike)/2
				}
				value = value.RoundDown(5)
				q.Bid, q.Ask, q.BidQty, q.AskQty = value-10, value+10, 650, 1300
				q.Last, q.Open, q.High, q.Low, q.Average = value, value, value+2000, value-2000, value
				q.BandLow, q.BandHigh = 5, 40_000
			}
			t.Events = append(t.Events, market.Event{At: at, Kind: market.QuoteEvent, Quote: q})
		}
	}
	return t
}

// bench is a core with a clock that the test turns.
type bench struct {
	*testing.T
	*Core
	at market.Stamp
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	cfg := Config{Tape: tape(2), Seed: 7}
	if change != nil {
		change(&cfg)
	}
	core, err := NewCore(cfg)
	require.NoError(t, err)
	b := &bench{T: t, Core: core}
	b.at = market.Stamp{Mono: 1, Wall: testDay.At(10 * time.Hour), Market: testDay.At(10 * time.Hour)}
	return b
}

// wait lets time pass on all three clocks.
func (b *bench) wait(d time.Duration) {
	b.at.Mono, b.at.Wall, b.at.Market = b.at.Mono.Add(d), b.at.Wall.Add(d), b.at.Market.Add(d)
	b.Step(b.at)
}

func (b *bench) id(token string) market.InstrumentID { return b.Universe().ByToken([]byte(token)) }

// quote shows a best bid and ask of 130 units each.
func (b *bench) quote(token string, bid, ask, last market.Paise, volume market.Units) {
	q := market.Quote{
		Instrument: b.id(token), Bid: bid, Ask: ask, BidQty: 130, AskQty: 130, Last: last, Volume: volume, BandLow: 5, BandHigh: 40_000,
	}
	b.Market(&market.Event{At: b.at.Market, Kind: market.QuoteEvent, Quote: q}, b.at)
}

func (b *bench) depth(token string, bids, asks [market.Levels]market.Level) {
	b.Market(&market.Event{At: b.at.Market, Kind: market.DepthEvent, Depth: market.Depth{Instrument: b.id(token), Bids: bids, Asks: asks}}, b.at)
}

func (b *bench) intent(side market.Side, qty market.Units, price market.Paise) Intent {
	return Intent{Instrument: b.id("42501"), Side: side, Qty: qty, Price: price}
}

func (b *bench) put(in Intent) Order {
	b.Helper()
	id, err := b.Place(in, b.at)
	require.NoError(b, err)
	return b.order(id)
}

func (b *bench) order(id string) Order {
	o, ok := b.Order(id)
	require.True(b, ok)
	return o
}

// story is the statuses of the notices since the last call, as letters.
func (b *bench) story() string {
	text := ""
	for _, n := range b.Notices() {
		text += statusLetters[n.Order.Status]
	}
	return text
}
