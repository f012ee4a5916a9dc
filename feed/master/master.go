package master

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// The kinds of error of Read. Each comes wrapped in a text with the facts.
var (
	ErrArchive   = errors.New("master: damaged archive")
	ErrUnsafe    = errors.New("master: unsafe archive")
	ErrMember    = errors.New("master: missing member")
	ErrColumn    = errors.New("master: missing column")
	ErrRow       = errors.New("master: bad row")
	ErrDuplicate = errors.New("master: duplicate")
	ErrDay       = errors.New("master: file of another day")
	ErrExpiry    = errors.New("master: unknown expiry")
	ErrEmpty     = errors.New("master: nothing found")
)

// The members that are read.
const (
	derivatives = "FONSEScripMaster.txt"
	cash        = "NSEScripMaster.txt"
)

// Filter says which rows to read. The zero value reads all of them.
type Filter struct {
	// Underlyings are the broker's short names ("NIFTY", "CNXBAN"). Each must
	// have contracts in the file, else the error is ErrEmpty.
	Underlyings []string
	// Kinds are the kinds wanted; none means all. An underlying without an
	// index row is an error only when Index is named here.
	Kinds []market.Kind
	// Expiries are the expiries wanted; none means all. Each must be in the
	// file, else the error is ErrExpiry. Indices have none and always pass.
	Expiries []market.Date
	// Day is the day the file must be of; zero accepts any. A file is of the
	// day on which its member of contracts was written.
	Day market.Date
}

// Master is what was read.
type Master struct {
	Published   market.UnixNano     // when the member of contracts was written, to 2 s
	Rows        int                 // rows seen, wanted or not
	Instruments []market.Instrument // indices first, then contracts in the file's order; without ids
}

// Universe numbers the instruments.
func (m *Master) Universe() (*market.Universe, error) { return market.NewUniverse(m.Instruments) }

// ReadFile reads the master at path.
func ReadFile(path string, f Filter) (*Master, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("master: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("master: %w", err)
	}
	m, err := Read(file, info.Size(), f)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, path)
	}
	return m, nil
}

// Read reads the master that is the first size bytes of r.
func Read(r io.ReaderAt, size int64, f Filter) (*Master, error) {
	archive, err := openArchive(r, size)
	if err != nil {
		return nil, err
	}
	contracts, err := archive.member(derivatives)
	if err != nil {
		return nil, err
	}
	m := &Master{Published: stamp(contracts)}
	if f.Day != 0 && m.Published.Date() != f.Day {
		return nil, fmt.Errorf("%w: want one of %s, this one is of %s: download it again, and do not trade on it", ErrDay, f.Day, m.Published.Date())
	}
	rd := reading{filter: f, master: m, tokens: map[string]int{}, keys: map[market.ContractKey]int{}, dates: map[string]market.Date{}}
	if f.wants(market.Index) {
		spot, err := archive.member(cash)
		if err != nil {
			return nil, err
		}
		if err := rd.member(spot, cashColumns[:], rd.index); err != nil {
			return nil, err
		}
	}
	if f.wants(market.Option) || f.wants(market.Future) {
		if err := rd.member(contracts, derivativeColumns[:], rd.contract); err != nil {
			return nil, err
		}
	}
	return m, rd.complete()
}

func (f *Filter) wants(k market.Kind) bool { return len(f.Kinds) == 0 || slices.Contains(f.Kinds, k) }

// wantsName tells whether rows of the short name pass.
func (f *Filter) wantsName(name []byte) bool {
	if len(f.Underlyings) == 0 {
		return true
	}
	for _, u := range f.Underlyings {
		if string(name) == u {
			return true
		}
	}
	return false
}

// reading is the state of one Read.
type reading struct {
	filter Filter
	master *Master
	tokens map[string]int             // token → index in master.Instruments
	keys   map[market.ContractKey]int // likewise
	dates  map[string]market.Date     // expiry texts already understood
	name   string                     // the last underlying, to share its text
}

// add takes an instrument that passed the filter.
func (rd *reading) add(in market.Instrument) error {
	if other, taken := rd.tokens[in.Token]; taken {
		return fmt.Errorf("%w: token %s names both %s and %s", ErrDuplicate, in.Token, rd.master.Instruments[other].ContractKey, in.ContractKey)
	}
	if other, taken := rd.keys[in.ContractKey]; taken {
		return fmt.Errorf("%w: %s has tokens %s and %s", ErrDuplicate, in.ContractKey, rd.master.Instruments[other].Token, in.Token)
	}
	rd.tokens[in.Token], rd.keys[in.ContractKey] = len(rd.master.Instruments), len(rd.master.Instruments)
	rd.master.Instruments = append(rd.master.Instruments, in)
	return nil
}

// complete checks that all the filter named was found.
func (rd *reading) complete() error {
	f := &rd.filter
	var found []market.Date
	contracts, indices := map[string]bool{}, map[string]bool{}
	for i := range rd.master.Instruments {
		in := &rd.master.Instruments[i]
		if in.Kind == market.Index {
			indices[in.Underlying] = true
			continue
		}
		contracts[in.Underlying] = true
		found = append(found, in.Expiry)
	}
	for _, want := range f.Expiries {
		if (f.wants(market.Option) || f.wants(market.Future)) && !slices.Contains(found, want) {
			return fmt.Errorf("%w: no contract expires on %s; the file has %s", ErrExpiry, want, rd.expiries())
		}
	}
	for _, name := range f.Underlyings {
		if (f.wants(market.Option) || f.wants(market.Future)) && !contracts[name] {
			return fmt.Errorf("%w: no contract of %s passes the filter (the broker's short name is wanted, such as CNXBAN for Bank Nifty)", ErrEmpty, name)
		}
		if slices.Contains(f.Kinds, market.Index) && !indices[name] {
			return fmt.Errorf("%w: no index row for %s", ErrEmpty, name)
		}
	}
	if len(rd.master.Instruments) == 0 {
		return fmt.Errorf("%w: none of %d rows passes the filter", ErrEmpty, rd.master.Rows)
	}
	return nil
}

// expiries lists every expiry seen in rows of the wanted underlyings.
func (rd *reading) expiries() string {
	var all []string
	for _, d := range rd.dates {
		all = append(all, d.String())
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// stamp is when a member was written. A zip keeps civil time without a zone;
// the vendor's is India's.
func stamp(m *member) market.UnixNano {
	y, month, d := m.Modified.Date()
	hour, minute, second := m.Modified.Clock()
	return market.NewDate(y, month, d).At(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
}
