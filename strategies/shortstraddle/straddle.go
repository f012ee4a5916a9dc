package shortstraddle

import (
	"fmt"
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/pricing"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// Phase is where the plan stands.
type Phase uint8

// The phases.
const (
	Starting Phase = iota // nothing looked at yet
	Waiting               // for the time and the quotes to enter
	Entering              // both legs are being sold
	Holding               // short, watched, hedged
	Exiting               // everything is being closed
	Cooling               // flat after a stop, until the pause is over
	Done                  // flat for the day
)

func (p Phase) String() string {
	return [...]string{"starting", "waiting", "entering", "holding", "exiting", "cooling", "done", "?"}[p&7]
}

// Straddle is the strategy. Owned by the goroutine that steps it.
type Straddle struct {
	taker.Stage

	params Params
	rules  taker.Rules
	usable pricing.Usable

	chain       *book.Chain
	exitAt      market.UnixNano     // from then on everything is closed
	expiry      market.UnixNano     // the chain's last instant
	future      market.InstrumentID // of the same expiry; zero when there is none
	lastForward float64             // points; zero: unknown

	phase     Phase
	entries   int
	enteredAt market.Mono
	coolUntil market.UnixNano
	lastDelta market.UnixNano // when the delta was last looked at
	quietTill market.Mono     // no new entry before, after a feed gap
	feedDown  bool

	legRow   int // row of the straddle
	hedgeRow int // row of the synthetic future
	hedge    market.Lots
	credit   market.Paise    // premium received for the legs
	entered  [2]market.Paise // average price of the call and the put sold

	crew  taker.Crew   // while a straddle is on, workers 0 and 1 are its call and put
	quote market.Quote // scratch: a local would escape through the desk
}

// New checks the parameters.
func New(p Params) (*Straddle, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	s := &Straddle{params: p, rules: p.rules()}
	s.Stage = taker.NewStage(taker.Plan{
		Name: Name, Start: s.start, Step: s.step, Busy: s.busy, OnOrder: s.onOrder, OnFeed: s.onFeed, Crew: &s.crew,
	})
	return s, nil
}

// Phase is where the plan stands.
func (s *Straddle) Phase() Phase { return s.phase }

// start picks the chain and works out when everything must be closed.
func (s *Straddle) start(ctx taker.Context) (exitAt market.UnixNano, err error) {
	if !s.choose(ctx) {
		return 0, fmt.Errorf("%s: no %s expiry at least %d days after %s in the universe", Name, s.params.Underlying, s.params.MinDaysToExpiry, ctx.Day().Date)
	}
	protection, err := ctx.Calendar().LPP(ctx.Day().Date)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", Name, err)
	}
	s.rules.Protection = protection
	s.usable = s.params.usable(max(ctx.Universe().Get(s.chain.Rows[0].Call).TickSize, 1))
	// Besides the configured time: a minute before the close, and on the chain's
	// last day a minute before the underlying's closing auction, whose print is
	// a jump.
	day := ctx.Day()
	s.exitAt = min(day.Date.At(time.Duration(s.params.ExitAt)), day.Close.Add(-time.Minute))
	if s.chain.Expiry == day.Date {
		s.exitAt = min(s.exitAt, day.UnderlyingEnd.Add(-time.Minute))
	}
	s.phase = Waiting
	return s.exitAt, nil
}

// step moves the plan as far as it can go now. Hot path while holding: with
// nothing to do it reads the legs' quotes and the clock, and does not allocate.
func (s *Straddle) step(ctx taker.Context) {
	now := ctx.Now()
	switch s.phase {
	case Starting, Done:
		return
	case Waiting:
		s.tryEnter(ctx, now)
	case Entering:
		switch {
		case now.Market >= s.exitAt:
			s.exit(ctx, "time stop while entering", Done)
		case s.crew.Failed() != nil:
			s.exit(ctx, "a leg was refused: "+s.crew.Failed().Refusal, Cooling)
		case s.crew.Settled(ctx):
			s.hold(ctx, now)
		case now.Mono.Sub(s.enteredAt) >= time.Duration(s.params.LeggingTimeout):
			s.exit(ctx, "the legs did not fill together", Cooling)
		}
	case Holding:
		switch why := s.stopped(ctx); {
		case now.Market >= s.exitAt:
			s.exit(ctx, "time stop", Done)
		case why != "":
			s.exit(ctx, why, Cooling)
		case s.crew.Failed() != nil:
			s.exit(ctx, "a hedge was refused: "+s.crew.Failed().Refusal, Cooling)
		default:
			s.rehedge(ctx, now)
		}
	case Exiting:
		if s.crew.Settled(ctx) {
			s.flat(ctx, now)
		}
	case Cooling:
		switch {
		case s.entries >= s.params.MaxEntries:
			s.finish(ctx, "no entries left")
		case now.Market >= s.coolUntil:
			s.phase = Waiting
		}
	}
	s.crew.Work(ctx, &s.rules)
}

// tryEnter sells the straddle when time, session, feed and quotes allow.
func (s *Straddle) tryEnter(ctx taker.Context, now market.Stamp) {
	since := now.Market.TimeOfDay()
	switch {
	case since >= time.Duration(s.params.EntryUntil) || now.Market >= s.exitAt:
		s.finish(ctx, "too late to enter")
		return
	case since < time.Duration(s.params.EntryAfter), s.feedDown, now.Mono < s.quietTill,
		!ctx.Day().UnderlyingTradable(now.Market):
		return
	}
	_, row, ok := s.forward(ctx)
	if !ok {
		return
	}
	call, put := s.row(row).Call, s.row(row).Put
	if _, fine := s.mid(ctx, call); !fine {
		return
	}
	if _, fine := s.mid(ctx, put); !fine {
		return
	}
	s.crew.Dismiss()
	s.crew.Bind(ctx.Universe().Get(call))
	s.crew.Bind(ctx.Universe().Get(put))
	s.legRow, s.hedgeRow, s.hedge = row, -1, 0
	s.entries++
	s.phase, s.enteredAt = Entering, now.Mono
	s.aim(ctx)
	ctx.Note(fmt.Sprintf("%s: entry %d sells %d lots of the %s straddle of %s", Name, s.entries, s.params.Lots, s.row(row).Strike, s.chain.Expiry))
}

// hold begins the watch: what was received is what stops are measured by.
func (s *Straddle) hold(ctx taker.Context, now market.Stamp) {
	s.credit = 0
	for i := range s.entered {
		w := &s.crew.Workers[i]
		s.credit += w.Cash
		s.entered[i] = w.Cash / market.Paise(max(-ctx.Position(w.Instrument), 1))
	}
	s.phase, s.lastDelta = Holding, now.Market
}

// stopped is why the position must be closed now, or empty. A leg without any
// price leaves the judgement for the next event.
func (s *Straddle) stopped(ctx taker.Context) string {
	var profit market.Paise
	limit := basisPoints(s.params.StopPercent)
	for i := range s.crew.Workers {
		w := &s.crew.Workers[i]
		if !w.Bound() {
			continue
		}
		held := ctx.Position(w.Instrument)
		profit += w.Cash
		if held == 0 {
			continue
		}
		mark, ok := s.mark(ctx, i)
		if !ok {
			return ""
		}
		profit += mark.Times(held)
		if s.params.StopMode == "leg" && i < len(s.entered) && int64(mark-s.entered[i])*10_000 >= limit*int64(s.entered[i]) {
			return "stop of a leg"
		}
	}
	if s.params.StopMode == "combined" && int64(-profit)*10_000 >= limit*int64(s.credit) {
		return "stop of the whole"
	}
	return ""
}

// mark is what a worker's position is worth per unit. A short whose quote lost
// a side is marked at the dearest price left, so that a vanished offer cannot
// hide a loss.
func (s *Straddle) mark(ctx taker.Context, i int) (market.Paise, bool) {
	q, _ := s.crew.Quote(ctx, i)
	if mid, ok := q.Mid(); ok {
		return mid, true
	}
	mark := max(q.Last, q.Bid)
	return mark, mark > 0
}

// rehedge brings the net delta back by whole lots when it left its band, once
// the last change is through.
func (s *Straddle) rehedge(ctx taker.Context, now market.Stamp) {
	if s.params.HedgeMaxLots == 0 || now.Market.Sub(s.lastDelta) < time.Duration(s.params.HedgeEvery) ||
		s.feedDown || now.Mono < s.quietTill || !ctx.Day().UnderlyingTradable(now.Market) || !s.crew.Settled(ctx) {
		return
	}
	s.lastDelta = now.Market
	forward, row, ok := s.forward(ctx)
	if !ok {
		return
	}
	net, ok := s.delta(ctx, forward)
	if !ok || math.Abs(net) <= s.params.HedgeThreshold {
		return
	}
	most := market.Lots(s.params.HedgeMaxLots)
	hedge := min(max(s.hedge-market.Lots(math.Round(net)), -most), most)
	if hedge == s.hedge {
		return
	}
	if s.hedge == 0 {
		// One strike serves until the hedge is flat again: a synthetic's delta
		// does not depend on it.
		if s.hedgeRow = row; s.row(row).Call == 0 || s.row(row).Put == 0 || s.crew.Room() < 2 {
			s.hedgeRow = s.legRow // this one has workers
		}
	}
	ctx.Note(fmt.Sprintf("%s: net delta %.2f lots, hedge %d to %d lots", Name, net, s.hedge, hedge))
	s.hedge = hedge
	s.aim(ctx)
}

// aim gives every worker its target: legs and hedge add up where they meet.
func (s *Straddle) aim(ctx taker.Context) {
	var targets [taker.CrewSize]market.Units
	add := func(id market.InstrumentID, lots market.Lots) {
		if lots == 0 {
			return
		}
		in := ctx.Universe().Get(id)
		if s.crew.Of(id) == nil && s.crew.Bind(in) == nil {
			return // cannot be: rehedge looked for room
		}
		for i := range s.crew.Workers {
			if s.crew.Workers[i].Instrument == id {
				targets[i] += lots.Units(in.LotSize)
			}
		}
	}
	if s.phase == Entering || s.phase == Holding {
		lots := market.Lots(s.params.Lots)
		add(s.row(s.legRow).Call, -lots)
		add(s.row(s.legRow).Put, -lots)
		if s.future != 0 {
			add(s.future, s.hedge)
		} else if s.hedgeRow >= 0 {
			add(s.row(s.hedgeRow).Call, s.hedge)
			add(s.row(s.hedgeRow).Put, -s.hedge)
		}
	}
	for i := range s.crew.Workers {
		s.crew.Workers[i].Aim(targets[i])
	}
}

// exit closes everything; then is what follows once flat.
func (s *Straddle) exit(ctx taker.Context, why string, then Phase) {
	s.phase, s.hedge = Exiting, 0
	s.coolUntil = 0
	if then == Cooling {
		s.coolUntil = ctx.Now().Market.Add(time.Duration(s.params.CoolOff))
	}
	s.aim(ctx)
	ctx.Note(Name + ": " + why + ": closes all")
}

// flat is reached when every worker is settled at zero.
func (s *Straddle) flat(ctx taker.Context, now market.Stamp) {
	s.crew.Dismiss()
	if s.crew.Adopt(ctx, s.params.Underlying) { // what had no worker before
		return
	}
	if s.coolUntil == 0 || now.Market >= s.exitAt {
		s.finish(ctx, "flat")
		return
	}
	s.phase = Cooling
}

func (s *Straddle) finish(ctx taker.Context, why string) {
	s.phase = Done
	ctx.Note(Name + ": done for the day: " + why)
}

// busy tells whether time alone can move the plan on.
func (s *Straddle) busy(ctx taker.Context) bool {
	switch s.phase {
	case Entering, Exiting:
		return true
	case Holding:
		return !s.crew.Settled(ctx)
	}
	return false
}

// onOrder takes news of an order. An order nobody works on any more, from an
// earlier run or thought dead, is cancelled; what it filled is closed.
func (s *Straddle) onOrder(ctx taker.Context, u *order.Update) {
	s.crew.OnOrder(ctx, u, &s.rules)
	if u.FilledNow != 0 && ctx.Position(u.Instrument) != 0 && (s.phase == Waiting || s.phase == Cooling || s.phase == Done) {
		s.close(ctx)
	}
	s.step(ctx)
}

// close gives back what a fill brought that no plan asked for.
func (s *Straddle) close(ctx taker.Context) {
	switch {
	case s.phase == Done:
		s.exit(ctx, "a late fill", Done)
	case s.entries == 0: // nothing went wrong today: no pause
		s.exit(ctx, "an earlier run left a position", Cooling)
		s.coolUntil = ctx.Now().Market
	default:
		s.exit(ctx, "a late fill", Cooling)
	}
	s.crew.Adopt(ctx, s.params.Underlying)
}

// onFeed stops new business while the feed cannot be trusted, and for a moment
// after a gap. Exits go on.
func (s *Straddle) onFeed(ctx taker.Context, state market.FeedState) {
	s.feedDown = state == market.FeedDown || state == market.FeedStale
	if state == market.FeedGap {
		s.quietTill = ctx.Now().Mono.Add(settle)
	}
}
