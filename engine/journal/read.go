package journal

import (
	"errors"
	"io/fs"

	"github.com/vayu-trading/vayu/engine/market"
)

// Check looks at a journal and changes nothing; an engine may run on it. An
// [ErrDamaged] says where it is damaged; the report tells what comes before.
func Check(folder string) (Report, error) {
	s := scan{folder: folder, boot: machine{}.boot()}
	err := s.look()
	return s.report(), err
}

// Read calls fn with every record, oldest first, and changes nothing; an engine
// may run on the journal. The record is borrowed until fn returns. fn's error
// ends it and is returned.
func Read(folder string, fn func(*Record) error) error {
	d := decoder{fn: fn}
	s := scan{folder: folder, boot: machine{}.boot(), visit: d.visit}
	return s.look()
}

// look is a pass over a folder that nobody made a journal of perhaps.
func (s *scan) look() error {
	err := s.run()
	if err == nil && len(s.segments) == 0 && s.image == nil {
		return fs.ErrNotExist
	}
	return err
}

// Replay calls fn with every record that was there at Open, oldest first. The
// record is borrowed until fn returns. fn's error ends it and is returned.
func (j *Journal) Replay(fn func(*Record) error) error {
	d := decoder{fn: fn}
	return j.replay(d.visit)
}

// ReplayDay is Replay for the runs that a day's starts began.
func (j *Journal) ReplayDay(day market.Date, fn func(*Record) error) error {
	d, of := decoder{fn: fn}, false
	return j.replay(func(form *[Size]byte) error {
		if Kind(form[4]) == Started {
			var r Record
			if err := r.Decode(form); err != nil {
				return err
			}
			of = r.Start.Tag.Day == day
		}
		if !of {
			return nil
		}
		return d.visit(form)
	})
}

// replay reads the segments: Open brought everything there.
func (j *Journal) replay(visit func(*[Size]byte) error) error {
	if j.report.Last == 0 {
		return nil
	}
	list, err := segments(j.config.Folder)
	if err != nil {
		return err
	}
	s := scan{folder: j.config.Folder, segments: list, visit: visit}
	s.visit = func(form *[Size]byte) error {
		if s.last >= j.report.Last {
			return errStop
		}
		return visit(form)
	}
	if err := s.readSegments(); err != nil && !errors.Is(err, errStop) {
		return err
	}
	return nil
}

// decoder turns forms into records, in the same record again and again.
type decoder struct {
	fn     func(*Record) error
	record Record
	names  map[string]string // texts come again and again
}

func (d *decoder) visit(form *[Size]byte) error {
	if d.names == nil {
		d.names = make(map[string]string)
	}
	if err := d.record.decode(form, d.names); err != nil {
		return err
	}
	return d.fn(&d.record)
}
