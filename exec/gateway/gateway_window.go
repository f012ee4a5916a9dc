package gateway

import (
	"context"
	"time"

	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/rest"
)

// HardFence lets orders that the venue does not have be sent again so long after
// their last attempt, which a probe has shown to be dead by then: see
// [order.Policy.HardFence]. Zero: never.
func (g *Gateway) HardFence(d time.Duration) { g.post(Event{Kind: FenceEvent, Fence: d}) }

// ProbeWindow finds out from which age on the venue refuses requests, by reads
// of the account's funds that are signed with old timestamps. Zero means that
// this is not proven: see [order.ProvenWindow]. It takes five calls and changes
// nothing; a refusal renews no session. An error means that it could not be
// found out now. That writes pass the same check as reads is an assumption: they
// are signed alike.
func (g *Gateway) ProbeWindow(ctx context.Context) (time.Duration, error) {
	var calls []order.AgedCall
	for _, age := range []time.Duration{0, 10 * time.Second, time.Minute, 5 * time.Minute, 0} {
		o, err := g.once(ctx, rest.Funds, order.Data, 1, func(w *rest.Wire, dst []byte, sig rest.Signature) []byte {
			sig.At = sig.At.Add(-age)
			return w.AppendFunds(dst, sig)
		})
		if err != nil {
			return 0, err
		}
		g.told(&o)
		v := o.judgement.Verdict
		taken := v == order.OK || v == order.Empty
		if age == 0 && !taken || v == order.Throttle || v == order.ThrottleDay {
			return 0, &CallError{rest.Funds, v, o.judgement.Reason, o.judgement.Text, o.err}
		}
		calls = append(calls, order.AgedCall{Age: age, Taken: taken, Refused: v == order.Auth})
	}
	return order.ProvenWindow(calls), nil
}
