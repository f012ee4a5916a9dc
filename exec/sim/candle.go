package sim

import (
	"strconv"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Candle is one bar of an instrument.
type Candle struct {
	Start                  market.UnixNano
	Open, High, Low, Close market.Paise
	Volume, OpenInterest   market.Units
	Count                  int // quotes that made it
}

// interval is a length of bar that the candle stream knows.
type interval struct {
	name string
	span time.Duration
}

var intervals = [...]interval{
	{"1SEC", time.Second}, {"1MIN", time.Minute}, {"5MIN", 5 * time.Minute}, {"30MIN", 30 * time.Minute},
}

// candles builds bars from quotes. Bars of a second are streamed and forgotten;
// those of a minute stay for the history endpoints. Owned by the core.
type candles struct {
	universe *market.Universe
	open     [][len(intervals)]Candle // by instrument; Start zero: none yet
	volume   []market.Units           // of the instrument's last quote
	history  [][]Candle               // whole minutes, by instrument
	finished []finishedCandle
}

type finishedCandle struct {
	instrument market.InstrumentID
	interval   int
	candle     Candle
}

func newCandles(u *market.Universe) *candles {
	n := u.Len() + 1
	return &candles{universe: u, open: make([][len(intervals)]Candle, n), volume: make([]market.Units, n), history: make([][]Candle, n)}
}

func (c *candles) take(q *market.Quote, at market.UnixNano) {
	if q.Last <= 0 {
		return
	}
	id := q.Instrument
	grown := max(q.Volume-c.volume[id], 0)
	if c.volume[id] == 0 {
		grown = 0 // the day's volume before our first look is nobody's bar
	}
	c.volume[id] = q.Volume
	for i := range intervals {
		bar := &c.open[id][i]
		start := at - at%market.UnixNano(intervals[i].span)
		if intervals[i].span == 30*time.Minute {
			start = halfHour(at)
		}
		if bar.Start != 0 && bar.Start != start {
			c.close(id, i)
		}
		if bar.Start == 0 {
			*bar = Candle{Start: start, Open: q.Last, High: q.Last, Low: q.Last}
		}
		bar.High, bar.Low, bar.Close = max(bar.High, q.Last), min(bar.Low, q.Last), q.Last
		bar.Volume += grown
		bar.OpenInterest = q.OpenInterest
		bar.Count++
	}
}

// halfHour aligns to India's half hours, which are the epoch's too: the zone is
// off by five and a half hours exactly.
func halfHour(at market.UnixNano) market.UnixNano { return at - at%market.UnixNano(30*time.Minute) }

func (c *candles) close(id market.InstrumentID, i int) {
	bar := &c.open[id][i]
	c.finished = append(c.finished, finishedCandle{id, i, *bar})
	if i == 1 {
		c.history[id] = append(c.history[id], *bar)
	}
	*bar = Candle{}
}

// drain hands over the bars finished since the last call.
func (c *candles) drain() []finishedCandle {
	out := c.finished
	c.finished = c.finished[:0]
	return out
}

// between is the instrument's bars of the span whose start is from from to to,
// the running one included.
func (c *candles) between(id market.InstrumentID, span time.Duration, from, to market.UnixNano) []Candle {
	minutes := c.history[id]
	if running := c.open[id][1]; running.Start != 0 {
		minutes = append(minutes[:len(minutes):len(minutes)], running)
	}
	var out []Candle
	for _, m := range minutes {
		if m.Start < from || m.Start > to {
			continue
		}
		start := m.Start - m.Start%market.UnixNano(span)
		if span >= 24*time.Hour {
			start = m.Start.Date().At(0)
		}
		if n := len(out); n > 0 && out[n-1].Start == start {
			bar := &out[n-1]
			bar.High, bar.Low, bar.Close = max(bar.High, m.High), min(bar.Low, m.Low), m.Close
			bar.Volume += m.Volume
			bar.OpenInterest, bar.Count = m.OpenInterest, bar.Count+m.Count
			continue
		}
		m.Start = start
		out = append(out, m)
	}
	return out
}

// append writes the stream's comma text: low, high, open, close in that order,
// 13 parts for an option, 11 for a future, 9 for an index.
func (f *finishedCandle) append(dst []byte, in *market.Instrument) []byte {
	text := func(s string) { dst = append(append(dst, s...), ',') }
	bar := &f.candle
	text(in.Exchange)
	text(in.Underlying)
	if in.Kind != market.Index {
		text(in.Expiry.Venue())
	}
	if in.Kind == market.Option {
		text(strconv.FormatFloat(float64(in.Strike)/100, 'f', 1, 64))
		text(in.Right.String())
	}
	for _, p := range [...]market.Paise{bar.Low, bar.High, bar.Open, bar.Close} {
		text(p.String())
	}
	text(strconv.FormatInt(int64(bar.Volume), 10))
	if in.Kind != market.Index {
		text(strconv.FormatInt(int64(bar.OpenInterest), 10))
	}
	text(bar.Start.Time().Format(time.DateTime))
	return append(dst, intervals[f.interval].name...)
}
