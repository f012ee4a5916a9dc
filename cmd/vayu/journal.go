package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// journals looks at the journal itself. Nothing here changes it, and an engine
// may run on it.
type journals struct {
	Fsck journalFsck `cmd:"" help:"Is every record there and whole? Exit code 1 when not."`
	Dump journalDump `cmd:"" help:"Every record, one a line, oldest first."`
}

// journalFlags say which journal is meant.
type journalFlags struct {
	Folder string `type:"path" placeholder:"DIR" help:"The journal's folder; that of --config, or the default one, when not given."`
	Config string `type:"path" placeholder:"FILE" help:"Configuration file that names the folder."`
	JSON   bool   `name:"json" help:"JSON instead of lines: one document of fsck, one to each record of dump."`
}

// tell says what an error about a folder means here.
func (f *journalFlags) tell(folder string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &exitError{exitConfig, fmt.Errorf("there is no journal in %s: name its folder with --folder, or the configuration with --config", folder)}
	}
	return err
}

// journalFsck checks a journal.
type journalFsck struct {
	journalFlags `embed:""`
}

// Run checks and tells.
func (f *journalFsck) Run(s streams) error {
	folder, err := journalFolder(f.Folder, f.Config)
	if err != nil {
		return err
	}
	report, err := journal.Check(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return f.tell(folder, err)
	}
	if f.JSON {
		document := struct {
			OK bool `json:"ok"`
			journal.Report
			Damage string `json:"damage,omitempty"`
		}{OK: err == nil, Report: report}
		if err != nil {
			document.Damage = err.Error()
		}
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return errors.Join(encoder.Encode(document), err)
	}
	fmt.Fprintf(s.out, "%s: %d segments, %d whole records (%d to %d), %d of them only in the hot file so far\n",
		report.Folder, report.Segments, report.Records(), report.First, report.Last, report.Hot)
	if err != nil {
		return err
	}
	if report.Cut > 0 {
		fmt.Fprintf(s.out, "%d bytes after the last record are none: a record that is being written or was torn; the next start cuts and keeps them\n", report.Cut)
	}
	if report.Lost > 0 {
		fmt.Fprintf(s.out, "%d records come after a hole that a loss of power left; the next start cuts and keeps them\n", report.Lost)
	}
	fmt.Fprintln(s.out, "nothing is damaged")
	return nil
}

// journalDump prints records.
type journalDump struct {
	journalFlags `embed:""`

	Order string   `placeholder:"ID" help:"Only of this order: the engine's number, or the remark that travelled with it."`
	Kind  []string `sep:"," placeholder:"KIND,..." help:"Only of these kinds, such as sending,answered,moved."`
	Since string   `placeholder:"TIME" help:"Only from this market time on: 2026-08-18, 2026-08-18T10:15:00 or with a zone."`
}

// dumpFilter is what a dump leaves out.
type dumpFilter struct {
	order order.ID    // zero: any
	day   market.Date // of a remark; zero: any
	kinds []journal.Kind
	since market.UnixNano

	today market.Date // of the run that the walk is in
}

func (d *journalDump) filter() (*dumpFilter, error) {
	var f dumpFilter
	if d.Order != "" {
		number, err := strconv.ParseUint(d.Order, 10, 64)
		f.order = order.ID(number)
		if err != nil || number == 0 {
			var remark order.Remark
			tag, id, ok := order.Tag{}, order.ID(0), false
			if copy(remark[:], strings.ToUpper(d.Order)) == len(remark) && len(d.Order) == len(remark) {
				tag, id, ok = order.ParseRemark(&remark)
			}
			if !ok {
				return nil, fmt.Errorf("--order %q is neither an order's number nor a remark of this engine (vayu explain finds venue ids)", d.Order)
			}
			f.order, f.day = id, tag.Day
		}
	}
	for _, text := range d.Kind {
		kind := journal.NoKind + 1
		for ; int(kind) < journal.Kinds && kind.String() != text; kind++ {
		}
		if int(kind) == journal.Kinds {
			return nil, fmt.Errorf("--kind %q is none: %s", text, kindList())
		}
		f.kinds = append(f.kinds, kind)
	}
	if d.Since != "" {
		at, err := parseSince(d.Since)
		if err != nil {
			return nil, err
		}
		f.since = market.UnixNano(at.UnixNano())
	}
	return &f, nil
}

func kindList() string {
	var names []string
	for kind := journal.Started; int(kind) < journal.Kinds; kind++ {
		names = append(names, kind.String())
	}
	return strings.Join(names, ", ")
}

func parseSince(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, market.IST); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since %q is not a time such as 2026-08-18T10:15:00", text)
}

func (f *dumpFilter) wants(r *journal.Record) bool {
	if r.Kind == journal.Started {
		f.today = r.Start.Tag.Day
	}
	return (f.order == 0 || r.ID == f.order) && (f.day == 0 || f.today == f.day) &&
		(len(f.kinds) == 0 || slices.Contains(f.kinds, r.Kind)) && r.At.Market >= f.since
}

// Run prints.
func (d *journalDump) Run(s streams) error {
	f, err := d.filter()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	folder, err := journalFolder(d.Folder, d.Config)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	encoder := json.NewEncoder(out)
	err = journal.Read(folder, func(r *journal.Record) error {
		switch {
		case !f.wants(r):
			return nil
		case d.JSON:
			return encoder.Encode(recordDocument(r))
		}
		_, err := fmt.Fprintln(out, r)
		return err
	})
	return errors.Join(out.Flush(), d.tell(folder, err))
}

// recordDocument is a record for programs, by the names that people read.
func recordDocument(r *journal.Record) map[string]any {
	document := map[string]any{"sequence": r.Sequence, "kind": r.Kind.String(), "at": r.At.Market.String(), "wall": r.At.Wall.String()}
	if r.ID != 0 {
		document["order"] = r.ID
	}
	r.Fields(func(name string, value any) {
		if named, ok := value.(fmt.Stringer); ok {
			value = named.String()
		}
		document[name] = value
	})
	return document
}
