package sim

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// window is an exact sliding window: at most limit admissions in any span. Only
// what was admitted counts. A limit below zero admits everything.
type window struct {
	limit int
	span  time.Duration
	times []market.Mono // a ring of the last limit admissions
	next  int
}

func newWindow(limit int, span time.Duration) *window {
	return &window{limit: limit, span: span, times: make([]market.Mono, 0, max(limit, 0))}
}

func (w *window) full(now market.Mono) bool {
	return w.limit >= 0 && len(w.times) == w.limit && (w.limit == 0 || now.Sub(w.times[w.next]) < w.span)
}

func (w *window) add(now market.Mono) {
	switch {
	case w.limit <= 0:
	case len(w.times) < w.limit:
		w.times = append(w.times, now)
	default:
		w.times[w.next] = now
		w.next = (w.next + 1) % w.limit
	}
}

// limits are the account's three. The day is India's civil day by the wall
// clock, which is when the real one begins anew.
type limits struct {
	second, minute *window
	perDay, today  int
	day            market.Date
}

func newLimits(l Limits) *limits {
	return &limits{second: newWindow(l.PerSecond, time.Second), minute: newWindow(l.PerMinute, time.Minute), perDay: l.PerDay}
}

// admit counts a REST call, or names the text that refuses it.
func (l *limits) admit(action bool, at market.Stamp, texts *Texts) string {
	if d := at.Wall.Date(); d != l.day {
		l.day, l.today = d, 0
	}
	switch {
	case l.perDay >= 0 && l.today >= l.perDay:
		return textPerDay
	case l.minute.full(at.Mono):
		return textPerMinute
	case action && l.second.full(at.Mono):
		return texts.PerSecond
	}
	l.today++
	l.minute.add(at.Mono)
	if action {
		l.second.add(at.Mono)
	}
	return ""
}
