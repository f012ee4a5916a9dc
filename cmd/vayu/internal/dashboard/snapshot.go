package dashboard

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/metrics"
)

// Snapshot is everything the page shows at one moment. The caller copies it
// from where the figures live; the page keeps no reference to it.
type Snapshot struct {
	Mode   string          // demo, sim, paper or live
	Title  string          // what runs: "short-straddle"
	Now    market.UnixNano // market time
	Speed  float64         // seconds of market time in a second; 1 when live
	Phase  string          // of the market: "open"
	Moment Moment          // how the prices of this moment came to be
	Source string          // where they come from, in a few words

	Chain      Chain
	Positions  []Position
	Orders     []Order // newest first
	PnL        PnL
	Latencies  []Latency
	Budget     Budget
	Session    Session
	Feeds      []Feed
	Strategies []Strategy
	Notes      []Note // newest first
	Kill       Kill
}

// Moment says how the prices of a moment came to be.
type Moment uint8

// The moments. The zero value claims nothing.
const (
	Unlabelled Moment = iota
	LiveMoment        // the venue's prices, now
	Recorded          // recorded at the venue at this very market time
	Modelled          // derived from recorded prices, such as a book around a recorded trade
	Synthetic         // made up between two recorded moments
)

func (m Moment) String() string {
	return [...]string{"unlabelled", "live", "recorded", "modelled", "synthetic"}[min(m, Synthetic)]
}

// Chain is one underlying and expiry.
type Chain struct {
	Underlying string
	Expiry     market.Date
	Spot       market.Paise
	Forward    market.Paise
	ATM        int // index in Rows; -1 for none
	Rows       []Row
}

// Row is one strike.
type Row struct {
	Strike    market.Paise
	Call, Put Leg
}

// Leg is one option of a row. Zero prices are none.
type Leg struct {
	Bid, Ask, Last market.Paise
	IV             float64       // implied volatility, 0.125 for 12.5 %; zero for none
	Age            time.Duration // since its last tick; negative for never
	Position       market.Units  // ours
}

// Position is what is held of one contract.
type Position struct {
	Contract   string // "24200 CE"
	Expiry     market.Date
	Quantity   market.Units // signed
	Average    market.Paise
	Last       market.Paise
	Unrealised market.Paise
}

// Order is one order of ours.
type Order struct {
	ID       uint64
	Strategy string
	Contract string
	Side     market.Side
	State    string // the engine's word: "working"
	Terminal bool
	Alarm    bool // nobody knows its outcome yet
	Price    market.Paise
	Quantity market.Units
	Filled   market.Units
	Average  market.Paise
	At       market.UnixNano // last change, market time
	Reason   string
}

// PnL is the day's result.
type PnL struct {
	Realised, Unrealised, Charges, Net market.Paise
}

// Latency is the distribution of one journey, in nanoseconds. Without bins the
// page draws its quantiles alone.
type Latency struct {
	Name                string // "tick to wire"
	Count               uint64
	P50, P99, P999, Max int64
	Bins                []Bin // ascending
}

// LatencyOf describes a journey by its whole histogram.
func LatencyOf(name string, s *metrics.Snapshot) Latency {
	l := SummaryOf(name, s.Summary())
	for upTo, n := range s.Buckets() {
		l.Bins = append(l.Bins, Bin{upTo, n})
	}
	return l
}

// SummaryOf describes a journey of which only the summary is known.
func SummaryOf(name string, s metrics.Summary) Latency {
	return Latency{Name: name, Count: s.Count, P50: s.P50, P99: s.P99, P999: s.P999, Max: s.Max}
}

// Bin counts the values up to and including a bound, above the bin before it.
type Bin struct {
	UpTo  int64
	Count uint64
}

// Budget is what the venue's rate limits leave.
type Budget struct {
	Second, Minute, Day Allowance
}

// Allowance is one limit.
type Allowance struct {
	Left, Limit int
}

// Session is the login in force.
type Session struct {
	State     string // "valid", "renewing"
	Epoch     uint64
	Renewals  uint64
	ExpiresIn time.Duration
	RenewsIn  time.Duration
	Lifetime  time.Duration
}

// Feed is one stream.
type Feed struct {
	Name         string
	State        market.FeedState
	Rate         float64       // messages a second
	Age          time.Duration // since the last message; negative for never
	Messages     uint64
	Gaps         uint64
	Reconnects   uint64
	DecodeErrors uint64
}

// Strategy is one instance.
type Strategy struct {
	Name   string
	State  string // "running", "quarantined"
	Alarm  bool
	Net    market.Paise
	Orders uint64
}

// Note is a line for the operator.
type Note struct {
	At    market.UnixNano // market time
	Text  string
	Alarm bool
}

// Kill is how far trading is stopped.
type Kill struct {
	Level   string // "armed", "reducing", …
	Stopped bool   // no new exposure may be taken
	Why     string
}
