package search

import (
	"testing"
	"time"

	"github.com/vayu-trading/vayu/engine/order"
)

func TestMut(t *testing.T) {
	for _, m := range []struct {
		name string
		r    rules
	}{
		{"journal after send", rules{crashes: 1, echo: true, mistake: journalAfterSend}},
		{"blind retry", rules{echo: true, mistake: blindRetry}},
		{"restart resends", rules{crashes: 1, echo: true, mistake: restartResends}},
		{"tombstone lost", rules{crashes: 1, echo: true, mistake: tombstoneLost}},
		{"timer survives", rules{echo: true, mistake: timerSurvives}},
		{"two reads resend", rules{echo: true, policy: order.AfterHardFence, mistake: resendWithoutWindow}},
		{"resend answerable", rules{echo: true, renewals: true, policy: order.AfterHardFence, window: true, mistake: resendWhileAnswerable}},
		{"fence ignored", rules{echo: true, policy: order.AfterHardFence, window: true, mistake: fenceIgnored}},
		{"one read", rules{echo: true, stale: true, policy: order.AfterHardFence, window: true, mistake: absenceByOneRead}},
		{"lease dropped", rules{twins: true, mistake: leaseDropped}},
	} {
		at := time.Now()
		r := explore(m.r, 1<<21, true)
		t.Log(m.name, r, time.Since(at))
	}
}
