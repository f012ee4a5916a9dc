package journal

import (
	"errors"
	"fmt"
	"path/filepath"
)

// ErrDamaged marks a journal that lost or changed something in its middle. An
// engine must not trade on it: it would not know all of its own orders.
var ErrDamaged = errors.New("journal: damaged")

// ErrLocked marks a folder that another engine uses.
var ErrLocked = errors.New("journal: another engine uses the folder")

// DamageError says where a journal is damaged. It is an [ErrDamaged].
type DamageError struct {
	File   string
	Record uint64 // its number; zero: the file's header or the file as a whole
	Cause  error
}

func (e *DamageError) Error() string {
	where := e.File
	if e.Record != 0 {
		where = fmt.Sprintf("%s, record %d", e.File, e.Record)
	}
	return fmt.Sprintf("journal: damaged: %s: %v; put a good copy of the file back, or look at the venue's own order list, "+
		"move the folder %s away and start with a new one that has nothing but its file starts: without it orders bear texts that were "+
		"used today (vayu journal dump still reads what comes before)",
		where, e.Cause, filepath.Dir(e.File))
}

// Unwrap makes it an [ErrDamaged].
func (e *DamageError) Unwrap() []error { return []error{ErrDamaged, e.Cause} }

func damaged(file string, record uint64, cause string, args ...any) error {
	return &DamageError{File: file, Record: record, Cause: fmt.Errorf(cause, args...)}
}
