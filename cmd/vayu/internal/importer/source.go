package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// ErrSource marks a source file that is not of the form expected.
var ErrSource = errors.New("import: bad source")

// snapshot is the whole chain at one minute.
type snapshot struct {
	at   market.UnixNano
	spot market.Paise
	rows []sourceRow
}

// sourceRow is one contract at one minute, in the source's own units.
type sourceRow struct {
	key      market.ContractKey
	last     market.Paise
	volume   int64 // of the day, in contracts of one lot
	oi       int64 // in contracts
	oiChange int64 // in contracts, against the day before
}

// sourceColumns are those read of a chain file, by name.
var sourceColumns = [...]string{"timestamp", "symbol", "expiry", "strike", "option_type", "spot", "ltp", "volume", "oi", "oi_chg"}

// readChain reads a chain file, gzipped or not, into snapshots in order of
// time.
func readChain(path string) ([]snapshot, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<16)
	var text io.Reader = in
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		if text, err = gzip.NewReader(in); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrSource, path, err)
		}
	}
	snapshots, err := parseChain(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSource, path, err)
	}
	return snapshots, nil
}

func parseChain(text io.Reader) ([]snapshot, error) {
	in := csv.NewReader(text)
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var place [len(sourceColumns)]int
	for i, name := range sourceColumns {
		if place[i] = slices.Index(header, name); place[i] < 0 {
			return nil, fmt.Errorf("it has no column %q", name)
		}
	}
	var all []snapshot
	var field [len(sourceColumns)]string
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		for i, at := range place {
			field[i] = record[at]
		}
		at, spot, row, err := parseRow(&field)
		if err == nil && len(all) > 0 && at < all[len(all)-1].at {
			err = fmt.Errorf("%s comes after %s", at, all[len(all)-1].at)
		}
		if err != nil {
			line, _ := in.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if len(all) == 0 || all[len(all)-1].at != at {
			all = append(all, snapshot{at: at, spot: spot})
		}
		last := &all[len(all)-1]
		last.rows = append(last.rows, row)
	}
	if len(all) == 0 {
		return nil, errors.New("it has no rows")
	}
	if first, last := all[0].at.Date(), all[len(all)-1].at.Date(); first != last {
		return nil, fmt.Errorf("it runs from %s to %s: one file is one day", first, last)
	}
	return all, nil
}

func parseRow(field *[len(sourceColumns)]string) (at market.UnixNano, spot market.Paise, row sourceRow, err error) {
	clock, err := time.ParseInLocation("200601021504", field[0], market.IST)
	if err != nil {
		return 0, 0, row, fmt.Errorf("timestamp %q is not YYYYMMDDHHMM", field[0])
	}
	at = market.UnixNano(clock.UnixNano())
	if field[1] != "NIFTY50" {
		return 0, 0, row, fmt.Errorf("symbol %q is not NIFTY50", field[1])
	}
	row.key = market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option}
	if row.key.Expiry, err = market.ParseDate(field[2]); err != nil {
		return 0, 0, row, err
	}
	if row.key.Strike, err = market.ParsePaise(field[3]); err != nil {
		return 0, 0, row, err
	}
	switch field[4] {
	case "CE":
		row.key.Right = market.Call
	case "PE":
		row.key.Right = market.Put
	default:
		return 0, 0, row, fmt.Errorf("option_type %q is neither CE nor PE", field[4])
	}
	if spot, err = parseSpot(field[5]); err != nil {
		return 0, 0, row, err
	}
	if row.last, err = market.ParsePaise(field[6]); err != nil {
		return 0, 0, row, err
	}
	for i, n := range []*int64{&row.volume, &row.oi, &row.oiChange} {
		if *n, err = parseCount(field[7+i]); err != nil {
			return 0, 0, row, fmt.Errorf("%s: %w", sourceColumns[7+i], err)
		}
	}
	if row.volume < 0 || row.oi < 0 {
		return 0, 0, row, fmt.Errorf("volume %d or oi %d is below zero", row.volume, row.oi)
	}
	return at, spot, row, nil
}

// parseSpot reads the index, which the source kept as a 32-bit float
// ("24212.80078125"), and rounds it to the paisa it was published in.
func parseSpot(text string) (market.Paise, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0 && f < 1e7) {
		return 0, fmt.Errorf("spot %q is not an index", text)
	}
	return market.Paise(math.Round(f * 100)), nil
}

// parseCount reads a whole number; large ones are written 1.619895e+06.
func parseCount(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<52 {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return int64(f), nil
}
