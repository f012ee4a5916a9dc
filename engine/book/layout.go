package book

import (
	"cmp"
	"slices"

	"github.com/vayu-trading/vayu/engine/market"
)

// Row is one strike of a chain. A right that is not listed is zero.
type Row struct {
	Strike    market.Paise
	Call, Put market.InstrumentID
}

// Chain is the options of one underlying and expiry, by strike.
type Chain struct {
	Underlying string
	Expiry     market.Date
	Rows       []Row               // ascending by Strike; must not be written
	Future     market.InstrumentID // the first future that expires on the chain's expiry or after; zero when none
}

// ATM is the index of the row whose strike is nearest to the forward, the
// lower one when two are; -1 when the chain is empty. It begins where the row
// would be if strikes were evenly spaced, which they are but for the wings.
func (c *Chain) ATM(forward market.Paise) int {
	n := len(c.Rows)
	if n == 0 {
		return -1
	}
	first, last := c.Rows[0].Strike, c.Rows[n-1].Strike
	switch {
	case forward <= first:
		return 0
	case forward >= last:
		return n - 1
	}
	i := int(int64(forward-first) * int64(n-1) / int64(last-first))
	for i > 0 && c.Rows[i].Strike > forward {
		i--
	}
	for c.Rows[i+1].Strike <= forward {
		i++
	}
	if c.Rows[i+1].Strike-forward < forward-c.Rows[i].Strike {
		return i + 1
	}
	return i
}

// Row is the index of the row with exactly that strike, -1 when there is none.
func (c *Chain) Row(strike market.Paise) int {
	if i := c.ATM(strike); i >= 0 && c.Rows[i].Strike == strike {
		return i
	}
	return -1
}

// Layout finds the chains of the day. It is immutable: share it freely.
type Layout struct {
	chains []*Chain // by underlying, then expiry
	spots  map[string]market.InstrumentID
	place  []place // per instrument
}

type place struct {
	chain *Chain
	row   int32
}

func newLayout(u *market.Universe) *Layout {
	l := &Layout{spots: map[string]market.InstrumentID{}, place: make([]place, u.Len()+1)}
	futures := map[string][]*market.Instrument{}
	var chain *Chain
	for i := range u.All() { // by underlying, kind, expiry, strike, right
		in := &u.All()[i]
		switch in.Kind {
		case market.Index:
			l.spots[in.Underlying] = in.ID
		case market.Future:
			futures[in.Underlying] = append(futures[in.Underlying], in)
		case market.Option:
			if chain == nil || chain.Underlying != in.Underlying || chain.Expiry != in.Expiry {
				chain = &Chain{Underlying: in.Underlying, Expiry: in.Expiry}
				l.chains = append(l.chains, chain)
			}
			if n := len(chain.Rows); n == 0 || chain.Rows[n-1].Strike != in.Strike {
				chain.Rows = append(chain.Rows, Row{Strike: in.Strike})
			}
			row := len(chain.Rows) - 1
			if in.Right == market.Call {
				chain.Rows[row].Call = in.ID
			} else {
				chain.Rows[row].Put = in.ID
			}
			l.place[in.ID] = place{chain, int32(row)}
		}
	}
	for _, chain := range l.chains {
		for _, future := range futures[chain.Underlying] {
			if future.Expiry >= chain.Expiry {
				chain.Future = future.ID
				break
			}
		}
	}
	return l
}

// Chains is every chain, by underlying and expiry. It must not be written.
func (l *Layout) Chains() []*Chain { return l.chains }

// Chain is the chain of an underlying and expiry; nil when there is none.
func (l *Layout) Chain(underlying string, expiry market.Date) *Chain {
	i, found := slices.BinarySearchFunc(l.chains, underlying, func(c *Chain, want string) int {
		return cmp.Or(cmp.Compare(c.Underlying, want), cmp.Compare(c.Expiry, expiry))
	})
	if !found {
		return nil
	}
	return l.chains[i]
}

// Expiries is the expiries of an underlying's chains, ascending.
func (l *Layout) Expiries(underlying string) []market.Date {
	var expiries []market.Date
	for _, chain := range l.chains {
		if chain.Underlying == underlying {
			expiries = append(expiries, chain.Expiry)
		}
	}
	return expiries
}

// Spot is the cash index of an underlying; zero when it is not of the day.
func (l *Layout) Spot(underlying string) market.InstrumentID { return l.spots[underlying] }

// Of is the chain and row of an option; nil for anything else. Hot path.
func (l *Layout) Of(id market.InstrumentID) (*Chain, int) {
	if int(id) >= len(l.place) {
		return nil, 0
	}
	return l.place[id].chain, int(l.place[id].row)
}
