package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/control"
	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/sim"
)

// operated is an engine on trial with its operator's channel.
type operated struct {
	*bench
	t      *testing.T
	folder string
}

func startOperated(t *testing.T) *operated {
	t.Helper()
	tests := &trials{selftest: &selftest{Seed: 1}, folder: t.TempDir(), log: quietLog()}
	var o operated
	var err error
	o.t = t
	o.bench, err = tests.open(t.Context(), terms{})
	require.NoError(t, err)
	t.Cleanup(o.close)
	o.folder = o.system.folder
	t.Cleanup(o.system.serveOperator(o.folder))
	require.NoError(t, o.ready())
	return &o
}

// says runs the command line against the engine.
func (o *operated) says(args ...string) (code int, status engineStatus, errs string) {
	o.t.Helper()
	code, out, errs := try(o.t, append(args, "--folder", o.folder, "--json")...)
	if code == exitOK {
		require.NoError(o.t, json.Unmarshal([]byte(out), &status))
	}
	return code, status, errs
}

// records reads the journal as it stands.
func (o *operated) records() (list []journal.Record) {
	require.NoError(o.t, journal.Read(o.folder, func(r *journal.Record) error { list = append(list, *r); return nil }))
	return list
}

// The kill switch: how soon the gate knows, how soon the first cancel leaves,
// how soon the last. Times are told, not judged: machines differ.
func TestKillCancelsWhatRestsAndOnlyAnOperatorLowersIt(t *testing.T) {
	t.Parallel()
	o := startOperated(t)
	var resting []order.ID
	for ticks := int64(-60); ticks > -65; ticks-- {
		id, err := o.place(trialOrder{side: market.Buy, ticks: ticks})
		require.NoError(t, err)
		_, err = o.becomes(id, trialWait, order.Working)
		require.NoError(t, err)
		resting = append(resting, id)
	}

	asked := o.system.clock.Now().Mono
	var status engineStatus
	require.NoError(t, control.Ask(t.Context(), o.folder, control.Request{Command: "kill", Level: "cancel", Reason: "a test of the switch"}, &status))
	require.Equal(t, "cancel_all", status.Level)
	require.Contains(t, status.Cause, "a test of the switch")

	for _, id := range resting {
		_, err := o.becomes(id, trialWait, order.Cancelled)
		require.NoError(t, err)
	}
	var level, first market.Mono
	cancels, operators, slot := 0, 0, uint32(0)
	for _, r := range o.records() {
		switch {
		case r.Kind == journal.Leveled:
			level = r.At.Mono
			require.Contains(t, r.Level.Text, "a test of the switch")
		case r.Kind == journal.Sending && r.Call.Kind == journal.Cancel:
			if cancels++; cancels == 1 {
				slot = r.Call.Slot
			}
		case r.Kind == journal.Answered && r.Call.Kind == journal.Cancel && r.Call.Slot == slot:
			first = r.Call.SentAt
		}
	}
	require.Equal(t, len(resting), cancels)
	t.Logf("asked to the gate's level %s (connection and greeting included), level to first cancel's first byte %s, asked to that %s",
		level.Sub(asked), first.Sub(level), first.Sub(asked))

	id, err := o.place(trialOrder{side: market.Buy, ticks: -60})
	require.NoError(t, err)
	_, err = o.becomes(id, trialWait, order.Denied)
	require.NoError(t, err, "no entry leaves")
	code, _, errs := o.says("kill", "--level", "reducing")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, risk.CancelAll, o.system.gate.Level(), "a lower one changes nothing")
	code, _, errs = o.says("operator", "lower", "flatten")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "not lower")
	code, status, errs = o.says("operator", "lower", "armed")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, "armed", status.Level)
	require.Contains(t, status.Cause, "lowered by")
	for _, r := range o.records() {
		if r.Kind == journal.Leveled && r.Level.Operator {
			operators++
		}
	}
	require.Equal(t, 1, operators, "a lower level is on record as a person's")
	id, err = o.place(trialOrder{side: market.Buy, ticks: -60})
	require.NoError(t, err)
	_, err = o.becomes(id, trialWait, order.Working)
	require.NoError(t, err, "it trades again")
	require.NoError(t, o.hand.do(func(ctx *engine.Context) { ctx.Cancel(id) }))
	_, err = o.becomes(id, trialWait, order.Cancelled)
	require.NoError(t, err)
}

func TestOperatorsWordIsWantedOnlyWhereTheVenuesCannotBeHad(t *testing.T) {
	t.Parallel()
	o := startOperated(t)
	require.NoError(t, o.calm())
	require.NoError(t, o.venue.SetFaults(sim.Faults{HTML502: 1})) // for reads too: nothing settles it
	id, err := o.place(trialOrder{side: market.Buy, ticks: -60})
	require.NoError(t, err)
	_, err = o.becomes(id, trialWait, order.Ambiguous)
	require.NoError(t, err)
	require.NoError(t, o.until(5*time.Second, func() bool { return o.system.gateway.Snapshot().Standing.InDoubt == 1 }))

	code, status, errs := o.says("operator", "status")
	require.Equal(t, exitOK, code, errs)
	require.Equal(t, 1, status.InDoubt)
	require.Len(t, status.Open, 1)
	code, _, errs = o.says("operator", "absent", fmt.Sprint(id))
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "still being asked", "the venue's word comes first")
	require.NoError(t, o.venue.SetFaults(sim.Faults{}))
	_, err = o.becomes(id, 40*time.Second, order.ClosedAbsent)
	require.NoError(t, err)
	require.NoError(t, o.until(5*time.Second, func() bool { state, known := o.system.stateOf(id); return known && state == order.ClosedAbsent }))
	code, _, errs = o.says("operator", "absent", fmt.Sprint(id))
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "the venue's own word stands")

	for _, c := range []struct{ args, says string }{
		{"absent 5", "not open here"},
		{"absent nothing", "neither an order's number nor a remark"},
		{"placed 5 202608183800000001", "not open here"},
		{"allow NFO BANKNIFTY 2026-08-25 1 CE", "no watched contract"},
	} {
		code, _, errs = o.says(append([]string{"operator"}, strings.Fields(c.args)...)...)
		require.Equal(t, exitFailed, code, c.args)
		require.Contains(t, errs, c.says)
	}
	for _, in := range o.system.universe.All() {
		if in.Kind == market.Option {
			code, _, errs = o.says("operator", "allow", in.ContractKey.String())
			require.Equal(t, exitOK, code, errs)
			break
		}
	}
	code, _, errs = o.says("operator", "resume")
	require.Equal(t, exitOK, code, errs)
	code, out, errs := try(t, "operator", "status", "--folder", o.folder)
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "kill level  armed")
}

func TestWithoutAnEngineTheChannelSaysSo(t *testing.T) {
	for _, args := range [][]string{{"kill"}, {"operator", "status"}} {
		code, _, errs := try(t, append(args, "--folder", t.TempDir())...)
		require.Equal(t, exitTemporary, code)
		require.Contains(t, errs, "no engine runs")
	}
	code, _, _ := try(t, "kill", "--level", "armed", "--folder", t.TempDir())
	require.Equal(t, exitUsage, code, "a kill only raises")
}

func TestEngineRefusesWhatNoCommandOfItsOwnWouldAsk(t *testing.T) {
	t.Parallel()
	o := startOperated(t)
	for _, q := range []control.Request{{Command: "fly"}, {Command: "kill", Level: "armed"}, {Command: "kill", Level: "high"}, {Command: "placed"}, {Command: "lower", Level: "armed"}} {
		err := control.Ask(t.Context(), o.folder, q, nil)
		_, refused := errors.AsType[*control.RefusedError](err)
		require.True(t, refused, "%+v: %v", q, err)
	}
	require.Equal(t, risk.Armed, o.system.gate.Level())
}

func quietLog() hclog.InterceptLogger {
	return hclog.NewInterceptLogger(&hclog.LoggerOptions{Output: io.Discard})
}

func TestAPersonsWordCountsOnWhatIsUnresolvedOrGivenUp(t *testing.T) {
	for state := order.New; state < order.States; state++ {
		require.Equal(t, state == order.Unresolved, judgeable(1, state, false) == nil, "absent, %s", state)
		require.Equal(t, state == order.Unresolved || state == order.ClosedAbsent, judgeable(1, state, true) == nil, "placed, %s", state)
	}
}

func TestTheStatusSaysWhyNoEntriesLeave(t *testing.T) {
	for want, status := range map[string]engineStatus{
		"may leave":                        {Level: "armed", Armed: true},
		"wait for the day's lists":         {Level: "armed"},
		"none: halted":                     {Level: "armed", Armed: true, Halted: true},
		"none: the kill level is reducing": {Level: "reducing", Armed: true, Halted: true},
		"none: the kill level is stopped":  {Level: "stopped"},
	} {
		require.Equal(t, want, status.entries())
	}
}
