package explain

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// ErrUnknown says that the journal has no such order.
var ErrUnknown = errors.New("the journal has no such order")

// Reader calls a function with every record of a journal, oldest first, as
// [journal.Read] does. It is called twice.
type Reader func(func(*journal.Record) error) error

// key is an order's name in a journal: the engine's numbers begin anew each day.
type key struct {
	day market.Date
	id  order.ID
}

// Find reads the life of the order that a person names: by the engine's number,
// by the venue's order id, or by the remark that travelled with it. The first
// two are looked for on the given day; zero is any, the newest that has it.
func Find(read Reader, name string, day market.Date) (*Life, error) {
	which, err := identify(read, name, day)
	if err != nil {
		return nil, err
	}
	b := builder{key: which, life: &Life{
		ID: which.id, Day: which.day.String(), Stages: []Stage{}, Attempts: []Attempt{}, Timeline: []Line{},
	}}
	if err := read(b.take); err != nil {
		return nil, err
	}
	b.finish()
	return b.life, nil
}

// identify finds out which order is meant.
func identify(read Reader, name string, day market.Date) (found key, err error) {
	var remark order.Remark
	if len(name) == len(remark) {
		copy(remark[:], name)
		if tag, id, ok := order.ParseRemark(&remark); ok {
			found = key{tag.Day, id}
			day = tag.Day
		}
	}
	number, _ := strconv.ParseUint(name, 10, 64)
	if found.id != 0 {
		number = uint64(found.id)
	}
	known, run := false, market.Date(0)
	err = read(func(r *journal.Record) error {
		switch {
		case r.Kind == journal.Started:
			run = r.Start.Tag.Day
		case r.ID == 0 || day != 0 && run != day:
		case r.Kind == journal.Intended && uint64(r.ID) == number,
			r.Kind == journal.Moved && !r.Move.VenueID.IsZero() && r.Move.VenueID.String() == name:
			found, known = key{run, r.ID}, true
		}
		return nil
	})
	switch {
	case err != nil:
		return key{}, err
	case !known && day != 0:
		return key{}, fmt.Errorf("%w: %q on %s; name it by the engine's number, the venue's order id or the remark", ErrUnknown, name, day)
	case !known:
		return key{}, fmt.Errorf("%w: %q; name it by the engine's number, the venue's order id or the remark", ErrUnknown, name)
	}
	return found, nil
}
