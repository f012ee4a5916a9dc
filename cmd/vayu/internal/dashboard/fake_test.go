package dashboard

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
)

// fakeEngine is a made-up day that moves as a real one does: a chain around a
// wandering forward, a short straddle, orders, latencies, budgets.
type fakeEngine struct {
	mu      sync.Mutex
	random  *rand.Rand
	frames  int
	spot    float64
	stopped bool
	why     string
	last    map[market.Paise]*[2]Leg
	orders  []Order
	spans   [3]metrics.Histogram
}

const (
	fakeLot    = 75
	fakeStrike = market.Paise(2415000)
)

var fakeStart = market.NewDate(2026, 8, 18).At(10*time.Hour + 12*time.Minute)

func newFakeEngine() *fakeEngine {
	f := &fakeEngine{random: rand.New(rand.NewPCG(1, 2)), spot: 24163, last: make(map[market.Paise]*[2]Leg)}
	for i, o := range []struct {
		right, state string
		side         market.Side
		price        market.Paise
		filled       market.Units
	}{
		{"24150 CE", "filled", market.Sell, 11240, 150}, {"24150 PE", "filled", market.Sell, 9815, 150},
		{"24350 CE", "filled", market.Buy, 3505, 150}, {"23950 PE", "cancelled", market.Buy, 3120, 75},
		{"23950 PE", "filled", market.Buy, 3170, 75}, {"24150 CE", "working", market.Buy, 8800, 0},
		{"24150 PE", "partial", market.Buy, 7900, 75}, {"24300 CE", "ambiguous", market.Sell, 5120, 0},
		{"24400 CE", "rejected", market.Sell, 2510, 0},
	} {
		reason := ""
		if o.state == "rejected" {
			reason = "price outside the collar: 25.10 against 22.35"
		}
		f.orders = append(f.orders, Order{
			ID: uint64(i + 1), Strategy: "short-straddle", Contract: o.right, Side: o.side, State: o.state,
			Terminal: slices.Contains([]string{"filled", "cancelled", "rejected"}, o.state), Alarm: o.state == "ambiguous",
			Price: o.price, Quantity: 150, Filled: o.filled, At: fakeStart.Add(time.Duration(i*13) * time.Second), Reason: reason,
		})
	}
	return f
}

func (f *fakeEngine) kill(reason string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped, f.why = true, reason
	for i := range f.orders {
		if !f.orders[i].Terminal {
			f.orders[i].State, f.orders[i].Terminal, f.orders[i].Alarm = "cancelled", true, false
		}
	}
	return nil
}

func (f *fakeEngine) snapshot() Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frames++
	f.spot += f.random.NormFloat64() * 1.4
	now := fakeStart.Add(time.Duration(f.frames) * 4 * time.Second)
	level, stopped := "armed", f.stopped
	if stopped {
		level = "cancel all"
	}
	s := Snapshot{
		Mode: "demo", Title: "short-straddle", Now: now, Speed: 20, Phase: "open",
		Moment: []Moment{Recorded, Synthetic, Synthetic, Synthetic, Modelled}[f.frames/5%5],
		Source: "NSE option chain of 18 August 2026, one-minute snapshots",
		Budget: Budget{
			Second: Allowance{9 - f.frames%4, 9}, Minute: Allowance{90 - f.frames%60, 90}, Day: Allowance{4812 - f.frames/10, 5000},
		},
		Session: Session{
			State: "valid", Epoch: 3, Renewals: 2, Lifetime: 23*time.Hour + 55*time.Minute,
			ExpiresIn: 13*time.Hour + 41*time.Minute - time.Duration(f.frames)*4*time.Second,
			RenewsIn:  13*time.Hour + 36*time.Minute - time.Duration(f.frames)*4*time.Second,
		},
		Feeds: []Feed{
			{Name: "ticks", State: market.FeedLive, Rate: 1480 + 200*f.random.Float64(), Age: time.Duration(f.random.IntN(80)) * time.Millisecond, Messages: 120_000},
			{Name: "orders", State: market.FeedLive, Rate: 0.4, Age: 2300 * time.Millisecond, Messages: 34, Reconnects: 1},
		},
		Strategies: []Strategy{
			{Name: "short-straddle", State: "running", Orders: uint64(len(f.orders))},
			{Name: "parity-arbitrage", State: "running", Net: 42_75, Orders: 2},
		},
		Notes: []Note{
			{At: fakeStart.Add(96 * time.Second), Text: "order 8 (24300 CE) has no answer yet: asking the venue", Alarm: true},
			{At: fakeStart.Add(40 * time.Second), Text: "session renewed, epoch 3, no tick lost"},
			{At: fakeStart.Add(2 * time.Second), Text: "sold 2 × 75 of the 24150 straddle at 210.55"},
		},
		Kill:   Kill{Level: level, Stopped: stopped, Why: f.why},
		Orders: slices.Clone(f.orders),
	}
	slices.Reverse(s.Orders)
	s.Chain = f.chain()
	for _, p := range []struct {
		contract string
		quantity market.Units
		average  market.Paise
		last     market.Paise
	}{
		{"24150 CE", -150, 11240, f.last[fakeStrike][0].Last}, {"24150 PE", -150, 9815, f.last[fakeStrike][1].Last},
		{"24350 CE", 150, 3505, f.last[fakeStrike+20000][0].Last}, {"23950 PE", 75, 3170, f.last[fakeStrike-20000][1].Last},
	} {
		s.Positions = append(s.Positions, Position{
			Contract: p.contract, Expiry: 20260825, Quantity: p.quantity, Average: p.average, Last: p.last,
			Unrealised: (p.last - p.average).Times(p.quantity),
		})
	}
	s.PnL = PnL{Realised: 842_50, Charges: 214_37}
	for _, p := range s.Positions {
		s.PnL.Unrealised += p.Unrealised
	}
	s.PnL.Net = s.PnL.Realised + s.PnL.Unrealised - s.PnL.Charges
	s.Strategies[0].Net = s.PnL.Net - s.Strategies[1].Net
	for i, name := range []string{"tick to decision", "tick to wire", "order to answer"} {
		s.Latencies = append(s.Latencies, f.latency(i, name))
	}
	return s
}

func (f *fakeEngine) chain() Chain {
	forward := f.spot + 21.4
	c := Chain{Underlying: "NIFTY", Expiry: 20260825, Spot: paise(f.spot, 1), Forward: paise(forward, 1), ATM: -1}
	for k := 23200.0; k <= 25100; k += 50 {
		strike := market.Paise(k * 100)
		legs := f.last[strike]
		fresh := legs == nil
		if fresh {
			legs = new([2]Leg)
			f.last[strike] = legs
		}
		for i, sign := range []float64{1, -1} {
			leg := &legs[i]
			distance := (k - forward) / 260
			if !fresh && f.random.Float64() > 0.35*math.Exp(-distance*distance/6) {
				leg.Age += 200 * time.Millisecond
				continue
			}
			value := math.Max(sign*(forward-k), 0) + 102*math.Exp(-distance*distance/1.6) + f.random.Float64()*0.8
			spread := math.Max(0.05, value*0.002+0.1)
			*leg = Leg{
				Bid: paise(math.Max(value-spread, 0.05), 5), Ask: paise(value+spread, 5), Last: paise(value+spread*(f.random.Float64()-0.5)*2, 5),
				IV: 0.118 + distance*distance*0.004 - distance*0.006,
			}
		}
		row := Row{Strike: strike, Call: legs[0], Put: legs[1]}
		switch strike {
		case fakeStrike:
			row.Call.Position, row.Put.Position = -150, -150
		case fakeStrike + 20000:
			row.Call.Position = 150
		case fakeStrike - 20000:
			row.Put.Position = 75
		}
		c.Rows = append(c.Rows, row)
		if math.Abs(k-forward) <= 25 {
			c.ATM = len(c.Rows) - 1
		}
	}
	return c
}

func (f *fakeEngine) latency(i int, name string) Latency {
	typical := []float64{780, 19_500, 3_400_000}[i]
	for range []int{400, 6, 2}[i] {
		f.spans[i].Record(int64(typical * math.Exp(f.random.NormFloat64()*0.22+math.Max(0, f.random.NormFloat64()-1.9)*1.5)))
	}
	if i == 2 {
		return SummaryOf(name, f.spans[i].Snapshot().Summary())
	}
	return LatencyOf(name, f.spans[i].Snapshot())
}

func paise(rupees float64, tick market.Paise) market.Paise {
	return market.Paise(math.Round(rupees * 100)).RoundDown(tick)
}
