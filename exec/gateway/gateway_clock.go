package gateway

import (
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/exec/rest"
)

// Bounds of the distance between our wall clock and the venue's.
const (
	skewAlarm = 2 * time.Second
	skewHalt  = 30 * time.Second
)

// clockWatch compares our wall clock with the Date of the venue's answers.
// A Date is whole seconds and the answer travelled, so what is known is an
// interval that holds the offset; it counts as skew only as far as all of the
// interval does. Written by the core's owner; read by anyone.
type clockWatch struct {
	offset     atomic.Int64 // nanoseconds to add to our clock when signing
	worst      time.Duration
	raised     bool
	stopRaised bool
}

// correction is what to add to our wall clock for a signature: nothing as long
// as the clocks may agree.
func (w *clockWatch) correction() time.Duration { return time.Duration(w.offset.Load()) }

// observe takes the Date of an answer to a request that left at sent and came
// back at received. It tells when the alarm or the halt is to be raised, once
// each until the clocks agree again.
func (w *clockWatch) observe(date []byte, sent, received market.UnixNano) (offset time.Duration, alarm, halt bool) {
	venue, ok := rest.ParseHTTPDate(date)
	if !ok || received < sent {
		return 0, false, false
	}
	low, high := venue.Sub(received), venue.Add(time.Second).Sub(sent)
	switch {
	case low > skewAlarm || high < -skewAlarm:
		offset = (low + high) / 2
	default:
		w.offset.Store(0)
		w.raised, w.stopRaised = false, false
		return 0, false, false
	}
	w.offset.Store(int64(offset))
	w.worst = max(w.worst, offset.Abs())
	alarm, halt = !w.raised, !w.stopRaised && (low > skewHalt || high < -skewHalt)
	w.raised = true
	w.stopRaised = w.stopRaised || halt
	return offset, alarm, halt
}
