package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func playerOf(t *testing.T, tp Tape, change func(*Config)) (*Player, *market.Universe) {
	t.Helper()
	cfg := Config{Tape: tp, Seed: 3}
	if change != nil {
		change(&cfg)
	}
	u, err := market.NewUniverse(tp.Instruments())
	require.NoError(t, err)
	p, err := NewPlayer(cfg, u)
	require.NoError(t, err)
	return p, u
}

// play advances in portions and copies what comes.
func play(t *testing.T, p *Player, from, to market.UnixNano, portion time.Duration) []market.Event {
	t.Helper()
	var out []market.Event
	for at := from; at <= to; at = at.Add(portion) {
		_, err := p.Advance(at, func(ev *market.Event) { out = append(out, *ev) })
		require.NoError(t, err)
	}
	return out
}

var tenOClock = testDay.At(10 * time.Hour)

func TestRecordedSnapshotsAreReplayedUnchangedAtTheirTime(t *testing.T) {
	tp := tape(4)
	p, _ := playerOf(t, tp, nil)
	var recorded []market.Event
	for _, ev := range play(t, p, tenOClock, tenOClock.Add(5*time.Minute), 7*time.Millisecond*100) {
		if !ev.Synthetic {
			recorded = append(recorded, ev)
		}
	}
	require.Equal(t, tp.Events, recorded)
}

func TestEveryPathEndsInTheNextSnapshotAndVolumeNeverFalls(t *testing.T) {
	p, u := playerOf(t, tape(4), nil)
	last := make([]market.Quote, u.Len()+1)
	at := market.UnixNano(0)
	synthetic := 0
	for _, ev := range play(t, p, tenOClock, tenOClock.Add(5*time.Minute), time.Second) {
		require.GreaterOrEqual(t, ev.At, at)
		at = ev.At
		if ev.Kind != market.QuoteEvent {
			continue
		}
		q, was := ev.Quote, last[ev.Quote.Instrument]
		in := u.Get(q.Instrument)
		require.GreaterOrEqual(t, q.Volume, was.Volume)
		last[q.Instrument] = q
		if !ev.Synthetic {
			continue
		}
		synthetic++
		if in.Kind != market.Index {
			require.True(t, q.TwoSided(), "%+v", q)
			require.True(t, q.Bid.OnTick(in.TickSize) && q.Ask.OnTick(in.TickSize) && q.Last.OnTick(5), "%+v", q)
			require.Zero(t, q.BidQty%in.LotSize)
			require.Zero(t, q.Volume%in.LotSize)
			require.Positive(t, q.AskQty)
		}
	}
	require.Greater(t, synthetic, 500)
}

func TestMovementStaysNearPutCallParity(t *testing.T) {
	p, u := playerOf(t, tape(6), nil)
	quotes := make([]market.Quote, u.Len()+1)
	worst := market.Paise(0)
	seen := 0
	check := func() {
		if seen++; seen < 200 {
			return
		}
		var low, high market.Paise = 1 << 40, 0
		for _, in := range u.All() {
			if in.Kind != market.Option || in.Right != market.Call {
				continue
			}
			key := in.ContractKey
			key.Right = market.Put
			c, put := quotes[in.ID], quotes[u.ByKey(key)]
			if !c.TwoSided() || !put.TwoSided() {
				return
			}
			low = min(low, in.Strike+c.Ask-put.Bid)   // what it costs to buy the forward here
			high = max(high, in.Strike+c.Bid-put.Ask) // what selling it there brings
		}
		worst = max(worst, high-low)
	}
	for _, ev := range play(t, p, tenOClock, tenOClock.Add(5*time.Minute), time.Second) {
		if ev.Kind == market.QuoteEvent {
			quotes[ev.Quote.Instrument] = ev.Quote
			check()
		}
	}
	require.Less(t, worst, 2*market.Rupee, "an invented arbitrage of that size")
}

func TestMovementIsTheSameBySeedHoweverItIsPlayed(t *testing.T) {
	end := tenOClock.Add(4 * time.Minute)
	p, _ := playerOf(t, tape(4), nil)
	fine := play(t, p, tenOClock, end, 80*time.Millisecond)
	p, _ = playerOf(t, tape(4), nil)
	coarse := play(t, p, end, end, time.Second)
	require.Equal(t, fine, coarse)
	require.NoError(t, p.Rewind())
	require.Equal(t, fine, play(t, p, end, end, time.Second))
	p, _ = playerOf(t, tape(4), func(c *Config) { c.Seed = 4 })
	require.NotEqual(t, fine, play(t, p, end, end, time.Second))
}

func TestInstrumentsASnapshotLeavesOutComeHome(t *testing.T) {
	tp := tape(3)
	var kept []market.Event
	for _, ev := range tp.Events {
		if ev.At == tenOClock || ev.Quote.Instrument != 4 {
			kept = append(kept, ev)
		}
	}
	tp.Events = kept
	p, _ := playerOf(t, tp, nil)
	var first, last market.Quote
	moved := false
	for _, ev := range play(t, p, tenOClock, tenOClock.Add(3*time.Minute), time.Second) {
		if ev.Kind == market.QuoteEvent && ev.Quote.Instrument == 4 {
			if !ev.Synthetic {
				first = ev.Quote
			}
			last = ev.Quote
			moved = moved || last != first
		}
	}
	require.True(t, moved)
	require.Equal(t, first, last)
}

func TestRateIsPerInstrumentAndSecond(t *testing.T) {
	p, u := playerOf(t, tape(2), func(c *Config) { c.Rate = 2 })
	n := 0
	_, err := p.Advance(tenOClock.Add(time.Minute-1), func(ev *market.Event) {
		if ev.Synthetic && ev.Kind == market.QuoteEvent {
			n++
		}
	})
	require.NoError(t, err)
	require.InDelta(t, 2*60*u.Len(), n, float64(u.Len()))
}

func TestRecordedOnlyInventsNothing(t *testing.T) {
	p, _ := playerOf(t, tape(3), func(c *Config) { c.RecordedOnly = true })
	for _, ev := range play(t, p, tenOClock, tenOClock.Add(4*time.Minute), time.Second) {
		require.False(t, ev.Synthetic)
	}
}

func TestTapeThatStepsBackIsRefused(t *testing.T) {
	tp := tape(3)
	tp.Events[len(tp.Events)-1].At = tenOClock
	p, _ := playerOf(t, tp, nil)
	_, err := p.Advance(tenOClock.Add(5*time.Minute), func(*market.Event) {})
	require.ErrorIs(t, err, errTapeOrder)
}

func TestEmptyTapeIsRefused(t *testing.T) {
	tp := tape(1)
	tp.Events = nil
	_, err := New(Config{Tape: tp})
	require.ErrorIs(t, err, ErrConfig)
}
