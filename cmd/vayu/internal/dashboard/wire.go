package dashboard

import (
	"encoding/json"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// What the page reads: prices in paise, times in milliseconds, as JavaScript's
// numbers hold them exactly. The keys are known to assets/*.js only.

type frame struct {
	Mode       string         `json:"mode"`
	Title      string         `json:"title"`
	Now        int64          `json:"now"`
	Speed      float64        `json:"speed"`
	Phase      string         `json:"phase"`
	Moment     string         `json:"moment"`
	Source     string         `json:"source"`
	Chain      chainFrame     `json:"chain"`
	Positions  []positionView `json:"positions"`
	Orders     []orderView    `json:"orders"`
	PnL        pnlView        `json:"pnl"`
	Latencies  []latencyView  `json:"latencies"`
	Budget     [3][2]int      `json:"budget"` // second, minute, day: left, limit
	Session    sessionView    `json:"session"`
	Feeds      []feedView     `json:"feeds"`
	Strategies []strategyView `json:"strategies"`
	Notes      []noteView     `json:"notes"`
	Kill       killView       `json:"kill"`
}

type chainFrame struct {
	Underlying string     `json:"underlying"`
	Expiry     string     `json:"expiry"`
	Spot       int64      `json:"spot"`
	Forward    int64      `json:"forward"`
	ATM        int        `json:"atm"`
	Rows       []rowFrame `json:"rows"`
}

type rowFrame struct {
	Strike int64    `json:"k"`
	Call   legFrame `json:"c"`
	Put    legFrame `json:"p"`
}

// legFrame is bid, ask, last, implied volatility in basis points, age in
// milliseconds (-1 for never), position.
type legFrame [6]int64

type positionView struct {
	Contract   string `json:"contract"`
	Expiry     string `json:"expiry"`
	Quantity   int64  `json:"quantity"`
	Average    int64  `json:"average"`
	Last       int64  `json:"last"`
	Unrealised int64  `json:"unrealised"`
}

type orderView struct {
	ID       uint64 `json:"id"`
	Strategy string `json:"strategy"`
	Contract string `json:"contract"`
	Side     string `json:"side"`
	State    string `json:"state"`
	Terminal bool   `json:"terminal"`
	Alarm    bool   `json:"alarm"`
	Price    int64  `json:"price"`
	Quantity int64  `json:"quantity"`
	Filled   int64  `json:"filled"`
	Average  int64  `json:"average"`
	At       int64  `json:"at"`
	Reason   string `json:"reason"`
}

type pnlView struct {
	Realised   int64 `json:"realised"`
	Unrealised int64 `json:"unrealised"`
	Charges    int64 `json:"charges"`
	Net        int64 `json:"net"`
}

type latencyView struct {
	Name  string      `json:"name"`
	Count uint64      `json:"count"`
	P50   int64       `json:"p50"`
	P99   int64       `json:"p99"`
	P999  int64       `json:"p999"`
	Max   int64       `json:"max"`
	Bins  [][2]uint64 `json:"bins"` // upper bound in ns, count
}

type sessionView struct {
	State     string `json:"state"`
	Epoch     uint64 `json:"epoch"`
	Renewals  uint64 `json:"renewals"`
	ExpiresIn int64  `json:"expires_in"`
	RenewsIn  int64  `json:"renews_in"`
	Lifetime  int64  `json:"lifetime"`
}

type feedView struct {
	Name         string  `json:"name"`
	State        string  `json:"state"`
	Rate         float64 `json:"rate"`
	Age          int64   `json:"age"`
	Messages     uint64  `json:"messages"`
	Gaps         uint64  `json:"gaps"`
	Reconnects   uint64  `json:"reconnects"`
	DecodeErrors uint64  `json:"decode_errors"`
}

type strategyView struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Alarm  bool   `json:"alarm"`
	Net    int64  `json:"net"`
	Orders uint64 `json:"orders"`
}

type noteView struct {
	At    int64  `json:"at"`
	Text  string `json:"text"`
	Alarm bool   `json:"alarm"`
}

type killView struct {
	Level   string `json:"level"`
	Stopped bool   `json:"stopped"`
	Why     string `json:"why"`
	Offered bool   `json:"offered"` // whether this page has the button
}

// The longest lists that one frame carries; the journal has the rest.
const (
	maxOrders = 100
	maxNotes  = 30
)

func encode(s *Snapshot, killOffered bool) ([]byte, error) {
	f := frame{
		Mode: s.Mode, Title: s.Title, Now: millis(s.Now), Speed: s.Speed, Phase: s.Phase, Moment: s.Moment.String(), Source: s.Source,
		Chain:     encodeChain(&s.Chain),
		Positions: []positionView{}, Orders: []orderView{}, Latencies: []latencyView{}, Feeds: []feedView{}, Strategies: []strategyView{}, Notes: []noteView{},
		PnL:    pnlView{int64(s.PnL.Realised), int64(s.PnL.Unrealised), int64(s.PnL.Charges), int64(s.PnL.Net)},
		Budget: [3][2]int{{s.Budget.Second.Left, s.Budget.Second.Limit}, {s.Budget.Minute.Left, s.Budget.Minute.Limit}, {s.Budget.Day.Left, s.Budget.Day.Limit}},
		Session: sessionView{s.Session.State, s.Session.Epoch, s.Session.Renewals,
			s.Session.ExpiresIn.Milliseconds(), s.Session.RenewsIn.Milliseconds(), s.Session.Lifetime.Milliseconds()},
		Kill: killView{s.Kill.Level, s.Kill.Stopped, s.Kill.Why, killOffered},
	}
	for _, p := range s.Positions {
		f.Positions = append(f.Positions, positionView{p.Contract, p.Expiry.String(), int64(p.Quantity), int64(p.Average), int64(p.Last), int64(p.Unrealised)})
	}
	for _, o := range s.Orders[:min(len(s.Orders), maxOrders)] {
		f.Orders = append(f.Orders, orderView{o.ID, o.Strategy, o.Contract, o.Side.String(), o.State, o.Terminal, o.Alarm,
			int64(o.Price), int64(o.Quantity), int64(o.Filled), int64(o.Average), millis(o.At), o.Reason})
	}
	for _, l := range s.Latencies {
		view := latencyView{l.Name, l.Count, l.P50, l.P99, l.P999, l.Max, make([][2]uint64, 0, len(l.Bins))}
		for _, bin := range l.Bins {
			view.Bins = append(view.Bins, [2]uint64{uint64(bin.UpTo), bin.Count})
		}
		f.Latencies = append(f.Latencies, view)
	}
	for _, d := range s.Feeds {
		f.Feeds = append(f.Feeds, feedView{d.Name, d.State.String(), d.Rate, age(d.Age), d.Messages, d.Gaps, d.Reconnects, d.DecodeErrors})
	}
	for _, st := range s.Strategies {
		f.Strategies = append(f.Strategies, strategyView{st.Name, st.State, st.Alarm, int64(st.Net), st.Orders})
	}
	for _, n := range s.Notes[:min(len(s.Notes), maxNotes)] {
		f.Notes = append(f.Notes, noteView{millis(n.At), n.Text, n.Alarm})
	}
	return json.Marshal(&f)
}

func encodeChain(c *Chain) chainFrame {
	f := chainFrame{c.Underlying, "", int64(c.Spot), int64(c.Forward), c.ATM, make([]rowFrame, 0, len(c.Rows))}
	if c.Expiry != 0 {
		f.Expiry = c.Expiry.String()
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		f.Rows = append(f.Rows, rowFrame{int64(row.Strike), encodeLeg(&row.Call), encodeLeg(&row.Put)})
	}
	return f
}

func encodeLeg(l *Leg) legFrame {
	// NaN fails the comparison and shows as none.
	basisPoints := int64(0)
	if l.IV > 0 && l.IV < 100 {
		basisPoints = int64(l.IV*10_000 + 0.5)
	}
	return legFrame{int64(l.Bid), int64(l.Ask), int64(l.Last), basisPoints, age(l.Age), int64(l.Position)}
}

func millis(t market.UnixNano) int64 { return int64(t) / int64(time.Millisecond) }

func age(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}
