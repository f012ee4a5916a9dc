package gateway

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/engine/metrics"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/rest"
)

// line is what is told of one attempt, or, with text alone, of the gateway. It
// travels by value to the goroutine that formats it.
type line struct {
	level    hclog.Level
	text     string // constant
	detail   string // escaped: the venue's words of a call, our own of an alarm
	err      error
	endpoint rest.Endpoint
	id       order.ID
	slot     Slot
	attempt  uint8
	class    order.Class
	epoch    uint64
	verdict  order.Verdict
	phase    rest.Phase
	code     int
	reason   string
	took     time.Duration
	retry    time.Duration
	late     bool
	call     bool
	again    bool          // another attempt is planned
	next     time.Duration // until then
}

// tell writes the one line that each attempt of the core's has: the transport's
// part, if the answer in hand has one, with what the core makes of it. What the
// core ended by itself, because its time was over, has a line of its own.
func (g *Gateway) tell(answer *line) {
	for i := range g.core.Endings() {
		e := &g.core.Endings()[i]
		if answer != nil && answer.call && answer.slot == e.Slot {
			answer.again, answer.next = e.Again, e.Delay
			continue
		}
		g.log.note(line{
			level: hclog.Warn, text: "call timed out", call: true, endpoint: endpoints[e.Kind], id: e.ID, slot: e.Slot, attempt: e.Attempt,
			class: e.Class, epoch: e.Epoch, verdict: e.Verdict, reason: "no answer in time", took: e.Took, retry: -1, again: e.Again, next: e.Delay,
		})
	}
	if answer != nil && answer.call {
		g.log.note(*answer)
	}
}

// journal of the operator: bounded, and rather incomplete than in the way.
type logbook struct {
	log     hclog.Logger
	silent  bool // nobody listens: nothing is queued either
	lines   chan line
	dropped metrics.Counter
}

func newLogbook(log hclog.Logger) *logbook {
	silent := log == nil
	if silent {
		log = hclog.NewNullLogger()
	}
	return &logbook{log: log, silent: silent, lines: make(chan line, 1024)}
}

// note never waits.
func (b *logbook) note(l line) {
	if b.silent || l.level == hclog.Debug && !b.log.IsDebug() {
		return
	}
	select {
	case b.lines <- l:
	default:
		b.dropped.Add(1)
	}
}

// run formats lines until ctx ends, then what is left.
func (b *logbook) run(ctx context.Context) {
	for {
		select {
		case l := <-b.lines:
			b.write(&l)
		case <-ctx.Done():
			for {
				select {
				case l := <-b.lines:
					b.write(&l)
				default:
					return
				}
			}
		}
	}
}

func (b *logbook) write(l *line) {
	var args []any
	if l.call {
		args = append(args, "endpoint", l.endpoint.String(), "attempt", l.attempt, "class", l.class.String(), "epoch", l.epoch,
			"verdict", l.verdict.String(), "reason", l.reason)
		if l.id != 0 {
			args = append(args, "order", uint64(l.id))
		}
		if l.code != 0 {
			args = append(args, "http", l.code)
		}
		args = append(args, "phase", l.phase.String(), "took", l.took)
		if l.retry >= 0 {
			args = append(args, "retry_after", l.retry)
		}
		if l.again {
			args = append(args, "next_attempt_in", l.next)
		}
		if l.late {
			args = append(args, "late", true)
		}
	}
	switch {
	case l.detail == "":
	case l.call:
		args = append(args, "venue", l.detail)
	default: // our own words
		args = append(args, "what", l.detail)
		if l.id != 0 {
			args = append(args, "order", uint64(l.id))
		}
	}
	if l.err != nil {
		args = append(args, "error", rest.Escape(l.err.Error(), 300))
	}
	b.log.Log(l.level, l.text, args...)
}
