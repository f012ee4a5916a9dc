package importer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/master"
	"github.com/vayu-trading/vayu/feed/tape"
)

// Config of an import of a chain sampled each minute.
type Config struct {
	Source   string        // the chain: CSV, gzipped or not
	Master   string        // SecurityMaster.zip that has the contracts; of any day of their life
	Out      string        // the tape to make; must not exist
	Expiries []market.Date // wanted; none means all
	Window   market.Paise  // strikes within this of the day's range of the index; 0 means all
	Title    string        // of the tape; a default when empty
	Origin   string        // where the source file is from, for the header; a default when empty
	Licence  string        // what is known of the right to use it; a default when empty
}

const defaultLicence = "no licence stated by the source; figures are facts published by NSE"

// spot is the index as the tape has it so far.
type spot struct {
	in                    *market.Instrument
	last, open, high, low market.Paise
}

// chain is the pairs of one expiry, ascending by strike.
type chain struct{ pairs []pair }

// NSEChain1Min makes a tape of a NIFTY option chain sampled once a minute
// (columns timestamp, symbol, expiry, strike, option_type, spot, ltp, volume,
// oi, oi_chg). Each snapshot becomes the quote and depth events of what
// changed in it, all at the snapshot's minute. The same source and master give
// the same tape, byte for byte.
func NSEChain1Min(cfg Config) (Report, error) {
	rep := Report{Tape: cfg.Out}
	if _, err := os.Lstat(cfg.Out); err == nil {
		return rep, fmt.Errorf("import: %s is there already: remove it or name another", cfg.Out)
	}
	snapshots, err := readChain(cfg.Source)
	if err != nil {
		return rep, err
	}
	m, err := master.ReadFile(cfg.Master, master.Filter{
		Underlyings: []string{"NIFTY"}, Kinds: []market.Kind{market.Index, market.Option}, Expiries: cfg.Expiries,
	})
	if err != nil {
		return rep, err
	}
	rep.Date, rep.Snapshots = snapshots[0].at.Date().String(), len(snapshots)
	imp := &chainImport{cfg: cfg, rep: &rep}
	if err := imp.choose(snapshots, m); err != nil {
		return rep, err
	}
	return rep, imp.save(snapshots, m)
}

// chainImport is one import in progress.
type chainImport struct {
	cfg    Config
	rep    *Report
	u      *market.Universe
	spot   spot
	legs   []leg // by instrument id
	chains []chain
	out    *tape.Writer
	frame  frame
}

// choose cleans the snapshots of rows that the tape will not have, and makes
// the universe of those it will.
func (imp *chainImport) choose(snapshots []snapshot, m *master.Master) error {
	known := map[market.ContractKey]*market.Instrument{}
	var list []market.Instrument
	for i := range m.Instruments {
		in := &m.Instruments[i]
		known[in.ContractKey] = in
		if in.Kind == market.Index {
			list = append(list, *in)
		}
	}
	lowest, highest := snapshots[0].spot, snapshots[0].spot
	for i := range snapshots {
		lowest, highest = min(lowest, snapshots[i].spot), max(highest, snapshots[i].spot)
	}
	top := map[market.ContractKey]market.Paise{} // the day's highest last
	for i := range snapshots {
		s := &snapshots[i]
		if i > 0 {
			imp.rep.Missing += int(s.at.Sub(snapshots[i-1].at)/time.Minute) - 1
		}
		imp.rep.Rows += len(s.rows)
		at := map[market.ContractKey]int{}
		kept := s.rows[:0]
		for _, row := range s.rows {
			in := known[row.key]
			switch {
			case len(imp.cfg.Expiries) > 0 && !slices.Contains(imp.cfg.Expiries, row.key.Expiry),
				imp.cfg.Window > 0 && (row.key.Strike < lowest-imp.cfg.Window || row.key.Strike > highest+imp.cfg.Window):
				imp.rep.LeftOut++
			case in == nil:
				imp.rep.Unknown++
			case row.last <= 0:
				imp.rep.Untraded++
			case !row.last.OnTick(in.TickSize):
				imp.rep.OffTick++
			default:
				if j, twice := at[row.key]; twice {
					imp.rep.Duplicates++
					kept[j] = row
					continue
				}
				at[row.key] = len(kept)
				kept = append(kept, row)
				top[row.key] = max(top[row.key], row.last)
			}
		}
		s.rows = kept
	}
	for key, high := range top {
		in := *known[key]
		imp.band(&in, high)
		list = append(list, in)
	}
	if len(top) == 0 {
		return fmt.Errorf("import: no row of %s is a contract of %s that was asked for", imp.cfg.Source, imp.cfg.Master)
	}
	var err error
	imp.u, err = market.NewUniverse(list)
	return err
}

// band keeps the master's price band, which is of the master's day, unless the
// day outgrew it: then the upper end is half again above the day's highest
// last, with room for the book of a deep option.
func (imp *chainImport) band(in *market.Instrument, high market.Paise) {
	need := high + touchOf(high).spread*2
	if in.BandLow > 0 && in.BandHigh >= need {
		in.BandLow = min(in.BandLow, in.TickSize)
		return
	}
	imp.rep.BandsWidened++
	in.BandLow, in.BandHigh = in.TickSize, max(need, high*3/2).RoundUp(in.TickSize)
}

// save writes the tape beside its place and moves it there when it is whole.
func (imp *chainImport) save(snapshots []snapshot, m *master.Master) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(imp.cfg.Out), ".import-*")
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	defer func() { err = errors.Join(err, temp.Close()) }()
	defer os.Remove(temp.Name()) // gone already when all went well
	if imp.out, err = tape.NewWriter(temp, imp.header(snapshots, m)); err != nil {
		return err
	}
	imp.arrange()
	for i := range snapshots {
		if err := imp.play(&snapshots[i]); err != nil {
			return err
		}
	}
	if err := imp.out.Close(); err != nil {
		return err
	}
	info, err := temp.Stat()
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	imp.rep.Bytes, imp.rep.Instruments = info.Size(), imp.u.Len()
	if err := errors.Join(temp.Chmod(0o644), temp.Sync(), os.Rename(temp.Name(), imp.cfg.Out)); err != nil {
		return fmt.Errorf("import: %w", err)
	}
	return nil
}

// arrange lays the legs out by expiry and strike.
func (imp *chainImport) arrange() {
	imp.legs = make([]leg, imp.u.Len()+1)
	all := imp.u.All() // by expiry, strike, right
	for i := range all {
		in := &all[i]
		l := &imp.legs[in.ID]
		l.in = in
		if in.Kind == market.Index {
			imp.spot.in = in
			continue
		}
		if n := len(imp.chains); n == 0 || imp.chains[n-1].expiry() != in.Expiry {
			imp.chains = append(imp.chains, chain{})
		}
		c := &imp.chains[len(imp.chains)-1]
		if n := len(c.pairs); n == 0 || c.pairs[n-1].strike != in.Strike {
			c.pairs = append(c.pairs, pair{strike: in.Strike})
		}
		if p := &c.pairs[len(c.pairs)-1]; in.Right == market.Call {
			p.call = l
		} else {
			p.put = l
		}
	}
}

func (c *chain) expiry() market.Date {
	if p := c.pairs[0]; p.call != nil {
		return p.call.in.Expiry
	}
	return c.pairs[0].put.in.Expiry
}

// play turns one snapshot into frames.
func (imp *chainImport) play(s *snapshot) error {
	changed := false
	first := imp.spot.open == 0
	if first {
		imp.spot.open, imp.spot.low = s.spot, s.spot
	}
	if s.spot != imp.spot.last {
		changed = true
		imp.spot.last = s.spot
		imp.spot.high, imp.spot.low = max(imp.spot.high, s.spot), min(imp.spot.low, s.spot)
		imp.rep.Indices++
		if err := imp.emit(s.at, tape.Recorded, imp.frame.index(&imp.spot, s.at)); err != nil {
			return err
		}
	}
	for i := range s.rows {
		row := &s.rows[i]
		l := &imp.legs[imp.u.ByKey(row.key)]
		l.take(row, s.at, imp.rep)
		changed = changed || l.fresh
	}
	if !changed {
		imp.rep.Frozen++
		return nil
	}
	for i := range imp.chains {
		if err := imp.playChain(&imp.chains[i], s.at); err != nil {
			return err
		}
	}
	return nil
}

func (imp *chainImport) playChain(c *chain, at market.UnixNano) error {
	f, ok := forward(c.pairs)
	if !ok {
		// Without a forward nothing says that a last price is stale.
		imp.rep.NoForward++
	}
	for i := range c.pairs {
		p := &c.pairs[i]
		if ok {
			p.settle(f, at, imp.rep)
		}
		for _, l := range []*leg{p.call, p.put} {
			if l == nil || !l.seen {
				continue
			}
			if !ok {
				l.centreOn(l.last, false)
			}
			if err := imp.emitLeg(l, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (imp *chainImport) emitLeg(l *leg, at market.UnixNano) error {
	if l.fresh {
		imp.rep.Quotes++
		if err := imp.emit(at, tape.Modelled, imp.frame.quote(l)); err != nil {
			return err
		}
	}
	if l.moved {
		imp.rep.Depths++
		if err := imp.emit(at, tape.Modelled, imp.frame.depth(l, at)); err != nil {
			return err
		}
	}
	l.fresh, l.moved = false, false
	return nil
}

func (imp *chainImport) emit(at market.UnixNano, src tape.Source, payload []byte) error {
	imp.rep.Frames++
	return imp.out.Frame(at, src, payload)
}

// header says what the tape is. Whoever reads a figure off it must be able to
// learn here whether the market showed it.
func (imp *chainImport) header(snapshots []snapshot, m *master.Master) tape.Header {
	date := snapshots[0].at.Date()
	h := tape.Header{
		Date: date, Title: imp.cfg.Title, Source: imp.cfg.Origin, Licence: imp.cfg.Licence, Instruments: imp.u.All(),
		Note: fmt.Sprintf(note, m.Published.Date(), imp.rep.BandsWidened),
	}
	if h.Title == "" {
		h.Title = fmt.Sprintf("NIFTY option chain of %s, one snapshot a minute", date)
	}
	if h.Source == "" {
		h.Source = filepath.Base(imp.cfg.Source)
	}
	if h.Licence == "" {
		h.Licence = defaultLicence
	}
	return h
}

const note = `Recorded, once a minute: last price, day's volume, open interest and its change of each option, and the index (from another vendor than the options; it lags them). ` +
	`Where the source's cumulative volume fell, the highest figure so far stands. ` +
	`Modelled: every bid, offer, quantity and depth level. The source has no book, so one is built around the last price, with the median spread and quantities that a real NIFTY chain showed at that price on 26 May 2026. ` +
	`Last prices of one minute differ in age; where call and put of a strike disagree with the forward that the strikes at the money imply by more than half of both spreads, their books are centred on values that agree, the staler and wider leg giving way, while the last price stays as recorded. ` +
	`Derived from this tape alone: open, high, low and average, which begin at its first snapshot, and the time of the last trade, which is the minute in which volume last rose. ` +
	`Absent: previous close, change in percent, last quantity, traded value. ` +
	`Tokens, lots, ticks and price bands are of the security master of %s; %d bands that the day outgrew are widened. ` +
	`Frames of the index are marked recorded; frames of options are marked modelled, for their book is.`
