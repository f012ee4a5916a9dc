package sim

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

const (
	// stepSpan is the grid of the invented movement, in market time.
	stepSpan = market.UnixNano(250 * time.Millisecond)
	// quietSpan is the silence from which movement is invented: a tape with
	// more frequent events of its own is played as it is.
	quietSpan = market.UnixNano(2 * time.Second)
	// depthEvery is how many invented quotes of an instrument bring one depth.
	depthEvery = 3
)

// errTapeOrder marks a tape whose events step back in time.
var errTapeOrder = errors.New("sim: the tape steps back in time")

// Player plays a tape by market time. Events of one instant are one snapshot,
// replayed unchanged at its time. Between two snapshots that are far apart it
// adds movement marked Synthetic: the underlying walks a Brownian bridge, each
// option's quote goes from its one recorded value to the next, plus its share
// of the bridge by a delta; volume rises from the one to the other. Each path
// ends in the recorded snapshot. A call and a put of one strike share the
// bridge's move between them in full, so put-call parity holds but for the age
// of quotes, and the quotes that lag most are refreshed first.
//
// The same tape and seed give the same events however Advance is called. A
// player has one owner.
type Player struct {
	tape     Tape
	universe *market.Universe
	seed     uint64
	rate     float64
	vol      float64 // a year
	invent   bool

	rng    *rand.Rand
	next   []market.Event // the snapshot to come
	nextAt market.UnixNano
	ahead  market.Event // the event after it, when held
	held   bool
	over   bool

	fromAt, stepAt market.UnixNano
	shown          []market.Quote // by instrument, as last emitted
	from           []market.Quote // by instrument, as last recorded
	recorded       []bool
	hasDepth       []bool // the tape itself brings this instrument's depth
	moving         []mover
	paths          map[string]*bridge
	credit         float64
	depthTurn      []uint8
	order          []ranked
	ev             market.Event // scratch
}

// mover is an instrument on its way between two snapshots.
type mover struct {
	id    market.InstrumentID
	to    market.Quote
	still bool // the next snapshot has nothing new of it
	path  *bridge
	delta float64
	warp  float64 // how early in the gap its volume comes
}

type ranked struct {
	index  int
	urgent float64
}

// bridge is a walk from zero to zero on the step grid, in paise.
type bridge struct{ at []float64 }

func (b *bridge) value(step int) float64 {
	if b == nil || step < 0 || step >= len(b.at) {
		return 0
	}
	return b.at[step]
}

// NewPlayer makes a player at the tape's beginning.
func NewPlayer(cfg Config, universe *market.Universe) (*Player, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Player{tape: cfg.Tape, universe: universe, seed: cfg.Seed, rate: cfg.Rate, vol: cfg.Volatility, invent: !cfg.RecordedOnly}
	return p, p.Rewind()
}

// Rewind goes back to the beginning; the movement will be the same again.
func (p *Player) Rewind() error {
	if err := p.tape.Rewind(); err != nil {
		return fmt.Errorf("sim: rewind tape: %w", err)
	}
	n := p.universe.Len() + 1
	p.rng = rand.New(rand.NewPCG(p.seed, 0x7a9e))
	p.shown, p.from = make([]market.Quote, n), make([]market.Quote, n)
	p.recorded, p.hasDepth, p.depthTurn = make([]bool, n), make([]bool, n), make([]uint8, n)
	p.moving, p.held, p.over, p.credit = nil, false, false, 0
	p.fromAt, p.stepAt, p.nextAt = 0, 0, 0
	if err := p.load(); err != nil {
		return err
	}
	if p.over {
		return fmt.Errorf("%w: the tape %q has no events", ErrConfig, p.tape.Describe())
	}
	p.stepAt = p.nextAt
	return nil
}

// Next is when the next recorded snapshot comes; zero at the tape's end.
func (p *Player) Next() market.UnixNano {
	if p.over {
		return 0
	}
	return p.nextAt
}

// Advance emits every event up to the instant, in order. The event is valid
// during the call. It reports whether the tape has ended.
func (p *Player) Advance(to market.UnixNano, emit func(*market.Event)) (over bool, err error) {
	for !p.over {
		for p.stepAt < p.nextAt && p.stepAt <= to {
			p.step(emit)
		}
		if p.nextAt > to {
			return false, nil
		}
		p.replay(emit)
		p.fromAt = p.nextAt
		if err := p.load(); err != nil {
			return false, err
		}
		p.plan()
	}
	return true, nil
}

// load reads the next snapshot: all events of one instant.
func (p *Player) load() error {
	p.next = p.next[:0]
	for {
		if !p.held {
			p.ahead = market.Event{}
			more, err := p.tape.Next(&p.ahead)
			if err != nil {
				return fmt.Errorf("sim: read tape: %w", err)
			}
			if !more {
				p.over = len(p.next) == 0
				return nil
			}
			p.held = true
		}
		switch {
		case p.ahead.At < p.nextAt && len(p.next) == 0:
			return fmt.Errorf("%w: from %s to %s", errTapeOrder, p.nextAt, p.ahead.At)
		case len(p.next) > 0 && p.ahead.At != p.nextAt:
			return nil
		}
		p.nextAt = p.ahead.At
		p.next = append(p.next, p.ahead)
		p.held = false
	}
}

// replay emits the snapshot as it was recorded, and a made-up depth behind each
// quote when the tape has none.
func (p *Player) replay(emit func(*market.Event)) {
	for i := range p.next {
		if ev := &p.next[i]; ev.Kind == market.DepthEvent {
			p.hasDepth[p.clip(ev.Depth.Instrument)] = true
		}
	}
	for i := range p.moving { // what the snapshot leaves as it was comes home now
		if m := &p.moving[i]; m.still && p.shown[m.id] != p.from[m.id] {
			p.shown[m.id] = p.from[m.id]
			p.ev = market.Event{At: p.nextAt, Kind: market.QuoteEvent, Synthetic: true, Quote: p.from[m.id]}
			emit(&p.ev)
			if p.from[m.id].TwoSided() {
				p.depthBehind(&p.from[m.id], p.nextAt, emit)
			}
		}
	}
	for i := range p.next {
		ev := &p.next[i]
		emit(ev)
		if ev.Kind != market.QuoteEvent {
			continue
		}
		id := p.clip(ev.Quote.Instrument)
		p.from[id], p.shown[id], p.recorded[id] = ev.Quote, ev.Quote, true
		if p.invent && !p.hasDepth[id] && ev.Quote.TwoSided() {
			p.depthBehind(&ev.Quote, ev.At, emit)
		}
	}
}

func (p *Player) clip(id market.InstrumentID) market.InstrumentID {
	if int(id) >= len(p.shown) {
		return 0
	}
	return id
}

// plan prepares the movement to the snapshot just loaded.
func (p *Player) plan() {
	p.moving = p.moving[:0]
	p.stepAt = p.nextAt
	gap := p.nextAt - p.fromAt
	if p.over || !p.invent || gap < quietSpan {
		return
	}
	steps := int(gap / stepSpan)
	fresh := make(map[market.InstrumentID]*market.Quote)
	for i := range p.next {
		if ev := &p.next[i]; ev.Kind == market.QuoteEvent {
			fresh[ev.Quote.Instrument] = &ev.Quote
		}
	}
	spots := make(map[string]market.Paise)
	for _, in := range p.universe.All() {
		if !p.recorded[in.ID] {
			continue
		}
		m := mover{id: in.ID, to: p.from[in.ID], still: true}
		if q := fresh[in.ID]; q != nil {
			m.to, m.still = *q, false
		}
		if in.Kind == market.Index && m.to.Last > 0 || in.Kind == market.Future && spots[in.Underlying] == 0 {
			spots[in.Underlying] = m.to.Last
		}
		if in.Kind == market.Index && p.from[in.ID].Last > 0 && m.to.Last > 0 || p.from[in.ID].TwoSided() && m.to.TwoSided() {
			p.moving = append(p.moving, m)
		}
	}
	p.paths = make(map[string]*bridge)
	for i := range p.moving {
		m := &p.moving[i]
		in := p.universe.Get(m.id)
		spot := spots[in.Underlying]
		if p.paths[in.Underlying] == nil {
			p.paths[in.Underlying] = p.walk(steps, float64(spot))
		}
		m.path = p.paths[in.Underlying]
		m.delta = delta(in, spot, p.fromAt)
		m.warp = 0.7 + 0.7*p.rng.Float64()
	}
	p.stepAt = p.fromAt + stepSpan
}

// walk draws a Brownian bridge. A market year has 252 days of 375 minutes.
func (p *Player) walk(steps int, spot float64) *bridge {
	const year = 252 * 375 * 60 * float64(time.Second)
	b := &bridge{at: make([]float64, steps+1)}
	size := spot * p.vol * math.Sqrt(float64(stepSpan)/year)
	for i := 1; i <= steps; i++ {
		b.at[i] = b.at[i-1] + size*p.rng.NormFloat64()
	}
	for end, i := b.at[steps], 0; i <= steps; i++ {
		b.at[i] -= end * float64(i) / float64(max(steps, 1))
	}
	return b
}

// delta is an option's rough share in a move of its underlying: exact enough
// for invented movement, and a call's less its put's is always one.
func delta(in *market.Instrument, spot market.Paise, at market.UnixNano) float64 {
	if in.Kind != market.Option {
		return 1
	}
	if spot <= 0 || in.Strike <= 0 {
		return 0
	}
	days := max(float64(at.Date().DaysTo(in.Expiry)), 0.3)
	spread := 0.12 * math.Sqrt(days/365)
	call := 0.5 * math.Erfc(-math.Log(float64(spot)/float64(in.Strike))/spread/math.Sqrt2)
	if in.Right == market.Put {
		return call - 1
	}
	return call
}

// step emits the movement of one step of the grid: as many quotes as the rate
// allows, those that lag their path most first, the rest by lot.
func (p *Player) step(emit func(*market.Event)) {
	at := p.stepAt
	p.stepAt += stepSpan
	if p.stepAt > p.nextAt {
		p.stepAt = p.nextAt
	}
	if len(p.moving) == 0 {
		return
	}
	index := int((at - p.fromAt) / stepSpan)
	done := float64(at-p.fromAt) / float64(p.nextAt-p.fromAt)
	p.credit = min(p.credit+p.rate*float64(len(p.moving))*float64(stepSpan)/float64(time.Second), float64(len(p.moving)))
	n := int(p.credit)
	if n == 0 {
		return
	}
	p.credit -= float64(n)
	p.order = p.order[:0]
	for i := range p.moving {
		m := &p.moving[i]
		lag := p.aim(m, index, done) - p.level(m.id)
		span := max(float64(p.shown[m.id].Ask-p.shown[m.id].Bid), 5)
		p.order = append(p.order, ranked{i, math.Abs(lag)/span + 0.2*p.rng.Float64()})
	}
	slices.SortFunc(p.order, func(a, b ranked) int { return cmp.Compare(b.urgent, a.urgent) })
	chosen := p.order[:n]
	slices.SortFunc(chosen, func(a, b ranked) int { return cmp.Compare(a.index, b.index) })
	for _, r := range chosen {
		p.move(&p.moving[r.index], index, done, at, emit)
	}
}

// aim is where a path stands: a mid in paise, for an index its last price.
func (p *Player) aim(m *mover, index int, done float64) float64 {
	a, b := level1(&p.from[m.id]), level1(&m.to)
	return a + (b-a)*done + m.delta*m.path.value(index)
}

func (p *Player) level(id market.InstrumentID) float64 { return level1(&p.shown[id]) }

func level1(q *market.Quote) float64 {
	if q.TwoSided() {
		return float64(q.Bid+q.Ask) / 2
	}
	return float64(q.Last)
}

func (p *Player) move(m *mover, index int, done float64, at market.UnixNano, emit func(*market.Event)) {
	in, from := p.universe.Get(m.id), &p.from[m.id]
	q := p.shown[m.id]
	tick := max(in.TickSize, 5)
	aim := p.aim(m, index, done)
	second := at - at%market.UnixNano(time.Second)
	if in.Kind == market.Index {
		q.Last = inside(nearest(aim, 5), m.to.Low, m.to.High)
		q.LastTrade = second
	} else {
		between := func(a, b float64) float64 { return a + (b-a)*done }
		spread := nearest(between(float64(from.Ask-from.Bid), float64(m.to.Ask-m.to.Bid)), tick)
		spread = max(spread, tick)
		q.Bid = max(nearest(aim-float64(spread)/2, tick), tick)
		q.Ask = q.Bid + spread
		if high := m.to.BandHigh; high > 0 && q.Ask > high {
			q.Ask = high.RoundDown(tick)
			q.Bid = max(q.Ask-spread, tick)
		}
		q.BidQty, q.AskQty = p.size(in, from.BidQty, m.to.BidQty, done), p.size(in, from.AskQty, m.to.AskQty, done)
		q.OpenInterest = lots(in, from.OpenInterest, m.to.OpenInterest, done)
		q.OIChange = lots(in, from.OIChange, m.to.OIChange, done)
		q.TotalBuy = lots(in, from.TotalBuy, m.to.TotalBuy, done)
		q.TotalSell = lots(in, from.TotalSell, m.to.TotalSell, done)
		q.Average = market.Paise(between(float64(from.Average), float64(m.to.Average)))
		if volume := lots(in, from.Volume, m.to.Volume, math.Pow(done, m.warp)); volume > q.Volume && m.to.Volume > from.Volume {
			q.LastQty, q.Volume = volume-q.Volume, volume
			q.Last = q.Bid
			if p.rng.IntN(2) == 1 {
				q.Last = q.Ask
			}
			q.Last = inside(q.Last, m.to.Low, m.to.High)
			q.LastTrade = second
		}
	}
	if q.Last > 0 {
		q.High, q.Low = max(q.High, q.Last), min(q.Low, q.Last)
	}
	p.shown[m.id] = q
	p.ev = market.Event{At: at, Kind: market.QuoteEvent, Synthetic: true, Quote: q}
	emit(&p.ev)
	if in.Kind == market.Index {
		return
	}
	if p.depthTurn[m.id]++; p.depthTurn[m.id]%depthEvery == 0 {
		p.depthBehind(&q, at, emit)
	}
}

// depthBehind invents the five levels around a quote.
func (p *Player) depthBehind(q *market.Quote, at market.UnixNano, emit func(*market.Event)) {
	in := p.universe.Get(q.Instrument)
	tick := max(in.TickSize, 5)
	p.ev = market.Event{At: at, Kind: market.DepthEvent, Synthetic: true}
	d := &p.ev.Depth
	d.Instrument, d.VenueTime = q.Instrument, at-at%market.UnixNano(time.Second)
	bid, ask := q.Bid, q.Ask
	for i := range market.Levels {
		bidQty, askQty := q.BidQty, q.AskQty
		if i > 0 {
			bidQty, askQty = p.size(in, q.BidQty, q.BidQty, 0), p.size(in, q.AskQty, q.AskQty, 0)
		}
		if bid > 0 {
			d.Bids[i] = market.Level{Price: bid, Qty: bidQty, Orders: 1 + int32(p.rng.IntN(9))}
		}
		d.Asks[i] = market.Level{Price: ask, Qty: askQty, Orders: 1 + int32(p.rng.IntN(9))}
		bid -= tick * market.Paise(1+p.rng.IntN(2))
		ask += tick * market.Paise(1+p.rng.IntN(2))
	}
	emit(&p.ev)
}

// size draws a displayed quantity around what the two snapshots show.
func (p *Player) size(in *market.Instrument, a, b market.Units, done float64) market.Units {
	lot := max(in.LotSize, 1)
	around := (float64(a) + float64(b-a)*done) * (0.6 + 0.8*p.rng.Float64())
	return max(market.Units(around)/lot, 1) * lot
}

// lots interpolates in whole lots above the first value.
func lots(in *market.Instrument, a, b market.Units, done float64) market.Units {
	lot := max(in.LotSize, 1)
	return a + market.Units(float64(b-a)*done)/lot*lot
}

func nearest(value float64, tick market.Paise) market.Paise {
	return market.Paise(math.Round(value/float64(tick))) * tick
}

// inside keeps a price within the day's range that the next snapshot reports,
// so that no invented trade is one the record denies.
func inside(p, low, high market.Paise) market.Paise {
	if high > 0 {
		p = min(p, high)
	}
	if low > 0 {
		p = max(p, low)
	}
	return p
}
