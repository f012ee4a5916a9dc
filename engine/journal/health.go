package journal

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// faults is what the keeper suffered. Stored by the keeper, read by anyone.
type faults struct {
	lasting atomic.Pointer[error] // stays until the next start
	passing atomic.Pointer[error] // until it goes well again
	count   atomic.Uint64
}

func (f *faults) last(err error) {
	f.count.Add(1)
	if f.lasting.Load() == nil {
		f.lasting.Store(&err)
	}
}

func (f *faults) pass(err error) {
	if err == nil {
		f.passing.Store(nil)
		return
	}
	f.count.Add(1)
	f.passing.Store(&err)
}

// ErrUnhealthy marks every error of Health.
var ErrUnhealthy = errors.New("journal: unhealthy")

// Health is nil while records reach the disk as they should. A sync that went
// wrong is told until the next start, a full disk until there is room again. It
// costs a few loads.
func (j *Journal) Health() error {
	if err := j.faults.lasting.Load(); err != nil {
		return *err
	}
	if err := j.faults.passing.Load(); err != nil {
		return *err
	}
	if waiting := j.written.Load() - j.durable.Load(); waiting > (j.ring.mask+1)/2 && waiting < 1<<63 {
		return fmt.Errorf("%w: the disk is behind: %d records wait for it", ErrUnhealthy, waiting)
	}
	return nil
}

// Faults counts what went wrong with the disk.
func (j *Journal) Faults() uint64 { return j.faults.count.Load() }
