package engine

import (
	"fmt"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// watchdog watches one loop from the pulse's goroutine. A loop's beat is odd
// while it steps; one that stays at the same odd value has not returned.
type watchdog struct {
	loop  *Loop
	beat  uint64
	since market.Mono
	told  bool // the step has been counted as overlong
}

// look judges the loop at one pulse.
func (w *watchdog) look(at market.Stamp) {
	l, now := w.loop, at.Mono
	if beat := l.beat.Load(); beat != w.beat || beat%2 == 0 {
		w.beat, w.since, w.told = beat, now, false
	}
	stuck := now.Sub(w.since)
	if stuck > l.host.config.Overlong && !w.told {
		w.told = true
		l.stats.overlong.Add(1)
	}
	if stuck > l.host.config.Heartbeat && !l.Quarantined() {
		l.quarantine(fmt.Sprintf("no heartbeat for %s", stuck), at)
		if l.inline && l.host.config.OnStuckInline != nil {
			l.host.config.OnStuckInline(l.id, l.name)
		}
	}
	if l.Quarantined() {
		l.cancelExposure()
	}
}

// pulsate wakes loops whose timers are due, looks at their heartbeats and
// writes notes, until done is closed. It runs beside the loops, so a stuck one
// does not stop it.
func (h *Host) pulsate(done <-chan struct{}) {
	dogs := make([]watchdog, len(h.loops))
	for i, l := range h.loops {
		dogs[i].loop = l
	}
	ticker := time.NewTicker(h.config.Pulse)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		now := h.clock.Now()
		h.pulse.Store(int64(now.Market))
		for i := range dogs {
			dogs[i].look(now)
			if dogs[i].loop.due.Load() <= int64(now.Market) {
				dogs[i].loop.waker.Wake()
			}
		}
		h.DrainNotes(h.write)
	}
}
