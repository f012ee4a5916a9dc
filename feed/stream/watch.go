package stream

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

const (
	window     = 10 * time.Second // over which rates are taken
	minGarbled = 10               // malformed events in a window that may count as too many
)

// watch looks for a feed that lives and says nothing, or says mostly nonsense.
// Owned by the stream's goroutine.
type watch struct {
	quiet    market.Mono   // since when no market data came in market hours
	interval time.Duration // learnt: usual time between two events, zero when unknown
	closed   bool          // the market was not open at the last look
	row      int           // silences in a row, each making the next more patient
	opened   market.Mono   // when the window under way began
	events   uint64        // in it
	errors   uint64
}

func (w *watch) start(at market.Stamp) {
	w.quiet, w.opened, w.events, w.errors = at.Mono, at.Mono, 0, 0
}

// saw counts what a read brought.
func (w *watch) saw(now market.Mono, events, errors uint64) {
	if events > 0 {
		w.quiet, w.row = now, 0
	}
	w.events += events
	w.errors += errors
}

// roll ends a window when its time has come. More than one malformed event in a
// hundred means that this connection cannot be trusted.
func (w *watch) roll(now market.Mono) error {
	elapsed := now.Sub(w.opened)
	if elapsed < window {
		return nil
	}
	events, errors := w.events, w.errors
	w.opened, w.events, w.errors = now, 0, 0
	if events > 0 {
		usual := elapsed / time.Duration(events)
		if w.interval != 0 {
			usual = (3*w.interval + usual) / 4
		}
		w.interval = usual
	}
	if errors >= minGarbled && errors*100 > events+errors {
		return fmt.Errorf("%w: %d of %d in %s", ErrGarbled, errors, events+errors, elapsed)
	}
	return nil
}

// patience is how long the feed may be silent: never less than configured, ten
// usual intervals for a slow feed, and longer while nothing is known or after
// silences that a new connection did not end.
func (w *watch) patience(cfg *Config) time.Duration {
	patience := max(cfg.Silence, 10*w.interval)
	if w.interval == 0 {
		patience = 10 * cfg.Silence
	}
	return patience << min(w.row, 4)
}

// due is when to look for silence next.
func (w *watch) due(cfg *Config) market.Mono {
	if cfg.MarketOpen == nil || cfg.Sink == nil {
		return 1<<63 - 1
	}
	return w.quiet.Add(w.patience(cfg))
}

// silent is how long the feed has been silent, zero when that is in order.
func (w *watch) silent(at market.Stamp, cfg *Config) time.Duration {
	if cfg.MarketOpen == nil || cfg.Sink == nil {
		return 0
	}
	// Silence counts from the first look after the opening.
	if open := cfg.MarketOpen(at.Market); !open || w.closed {
		w.closed, w.quiet = !open, at.Mono
		return 0
	}
	mute := at.Mono.Sub(w.quiet)
	if mute < w.patience(cfg) {
		return 0
	}
	w.row++
	return mute
}
