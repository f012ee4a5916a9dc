package risk

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Level is how far trading is shut down. It rises by itself and falls only by
// an operator's hand.
type Level uint8

// The kill levels, K0 to K4.
const (
	Armed      Level = iota // orders leave as the limits allow
	Reducing                // only orders that cut exposure
	CancelAll               // working orders are being cancelled; only flattening orders leave
	FlattenAll              // positions are being closed; only flattening orders leave
	Stopped                 // nothing leaves
)

func (l Level) String() string {
	return [...]string{"armed", "reducing", "cancel_all", "flatten_all", "stopped", "?", "?", "?"}[l&7]
}

// ErrLevel marks a level that cannot be set.
var ErrLevel = errors.New("risk: bad kill level")

// kill is the level in force and what raised it. Any goroutine may raise it.
type kill struct {
	cause atomic.Pointer[cause]
}

type cause struct {
	level Level
	why   string
}

func (k *kill) get() (Level, string) {
	if c := k.cause.Load(); c != nil {
		return c.level, c.why
	}
	return Armed, ""
}

// raise sets a higher level; a lower or equal one changes nothing.
func (k *kill) raise(l Level, why string) {
	if l > Stopped {
		l = Stopped // an unknown level is a fault somewhere: the safest one
	}
	for next := (&cause{l, why}); ; {
		old := k.cause.Load()
		if old != nil && old.level >= l || l == Armed {
			return
		}
		if k.cause.CompareAndSwap(old, next) {
			return
		}
	}
}

// lower sets a lower level on somebody's word.
func (k *kill) lower(l Level, operator string) error {
	old := k.cause.Load()
	if old == nil || l >= old.level {
		return fmt.Errorf("%w: %s does not lower it", ErrLevel, l)
	}
	if operator == "" {
		return fmt.Errorf("%w: lowering it needs the operator's name", ErrLevel)
	}
	if !k.cause.CompareAndSwap(old, &cause{l, "lowered by " + operator}) {
		return fmt.Errorf("%w: it rose meanwhile: look again", ErrLevel)
	}
	return nil
}
