package market

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// InstrumentID is an instrument's dense number for the day, from 1 up, so that
// arrays can be indexed by it. Zero means none. It must not outlive the day:
// keep the [ContractKey] instead.
type InstrumentID uint32

// Kind tells options, futures and the cash index apart.
type Kind uint8

// The kinds of instrument.
const (
	NoKind Kind = iota
	Index
	Future
	Option
)

func (k Kind) String() string { return [...]string{"none", "index", "future", "option"}[k&3] }

// Right is the right an option gives. Zero is "none", as for a future.
type Right uint8

// The rights.
const (
	NoRight Right = iota
	Call
	Put
)

// String is the field's short form: CE, PE, or XX for none.
func (r Right) String() string { return [...]string{"XX", "CE", "PE", "XX"}[r&3] }

// Side is the direction of an order.
type Side uint8

// The sides.
const (
	NoSide Side = iota
	Buy
	Sell
)

func (s Side) String() string { return [...]string{"none", "buy", "sell", "none"}[s&3] }

// Opposite is the other side.
func (s Side) Opposite() Side {
	switch s {
	case Buy:
		return Sell
	case Sell:
		return Buy
	}
	return NoSide
}

// Sign is +1 for Buy, -1 for Sell, 0 for none.
func (s Side) Sign() Units {
	switch s {
	case Buy:
		return 1
	case Sell:
		return -1
	}
	return 0
}

// ContractKey names a contract for good, across days and restarts.
type ContractKey struct {
	Exchange   string // "NFO", "NSE"
	Underlying string // the broker's short name, "NIFTY"
	Kind       Kind
	Expiry     Date
	Strike     Paise
	Right      Right
}

// String is like "NFO NIFTY 2026-08-25 24200 CE".
func (k ContractKey) String() string {
	switch k.Kind {
	case Option:
		return fmt.Sprintf("%s %s %s %s %s", k.Exchange, k.Underlying, k.Expiry, k.Strike, k.Right)
	case Future:
		return fmt.Sprintf("%s %s %s FUT", k.Exchange, k.Underlying, k.Expiry)
	}
	return k.Exchange + " " + k.Underlying
}

// Instrument is one row of the day's security master.
type Instrument struct {
	ID InstrumentID
	ContractKey
	Token    string // the broker's stream token: "42501", "NIFTY 50"
	LotSize  Units
	TickSize Paise
	BandLow  Paise // the day's price band; zero when the master has none
	BandHigh Paise
	Freeze   Units // largest quantity of one order; zero when unknown
}

// ErrInstrument marks a set of instruments that cannot be used.
var ErrInstrument = errors.New("market: bad instrument")

// Universe is the day's set of instruments. It is immutable: share it freely.
type Universe struct {
	list    []Instrument // list[0] is the empty instrument, list[i].ID == i
	byToken map[string]InstrumentID
	byKey   map[ContractKey]InstrumentID
}

// NewUniverse numbers the instruments: first the indices, then by underlying,
// expiry, strike and right, so that a chain is contiguous. Two instruments
// with one token or one key are refused.
func NewUniverse(instruments []Instrument) (*Universe, error) {
	sorted := slices.Clone(instruments)
	slices.SortFunc(sorted, func(a, b Instrument) int {
		return cmp.Or(
			cmp.Compare(a.Underlying, b.Underlying), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Expiry, b.Expiry),
			cmp.Compare(a.Strike, b.Strike), cmp.Compare(a.Right, b.Right), cmp.Compare(a.Token, b.Token))
	})
	u := &Universe{
		list:    make([]Instrument, 1, len(sorted)+1),
		byToken: make(map[string]InstrumentID, len(sorted)),
		byKey:   make(map[ContractKey]InstrumentID, len(sorted)),
	}
	for _, in := range sorted {
		in.ID = InstrumentID(len(u.list))
		if in.Token == "" || in.Kind == NoKind {
			return nil, fmt.Errorf("%w: %s has no token or kind", ErrInstrument, in.ContractKey)
		}
		if other, taken := u.byToken[in.Token]; taken {
			return nil, fmt.Errorf("%w: token %s names both %s and %s", ErrInstrument, in.Token, u.list[other].ContractKey, in.ContractKey)
		}
		if other, taken := u.byKey[in.ContractKey]; taken {
			return nil, fmt.Errorf("%w: %s has tokens %s and %s", ErrInstrument, in.ContractKey, u.list[other].Token, in.Token)
		}
		u.byToken[in.Token], u.byKey[in.ContractKey] = in.ID, in.ID
		u.list = append(u.list, in)
	}
	return u, nil
}

// Len counts the instruments; ids run from 1 to Len.
func (u *Universe) Len() int { return len(u.list) - 1 }

// Get is the instrument with the id, or the empty instrument for an id that is
// not of this universe. The result must not be written.
func (u *Universe) Get(id InstrumentID) *Instrument {
	if int(id) >= len(u.list) {
		id = 0
	}
	return &u.list[id]
}

// All is every instrument in order of id. It must not be written.
func (u *Universe) All() []Instrument { return u.list[1:] }

// ByToken finds an instrument by its stream token; zero when unknown. The
// conversion of a byte slice in the call does not allocate.
func (u *Universe) ByToken(token []byte) InstrumentID { return u.byToken[string(token)] }

// ByKey finds an instrument by its contract; zero when unknown.
func (u *Universe) ByKey(key ContractKey) InstrumentID { return u.byKey[key] }
