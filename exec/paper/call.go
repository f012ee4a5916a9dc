package paper

import (
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/sim"
)

// callOf is what the core wants, in the venue's terms.
func callOf(a *gateway.Action) sim.Call {
	call := sim.Call{OrderID: a.VenueID.String(), Price: a.Ticket.Price}
	switch a.Kind {
	case gateway.SendPlace:
		call.Kind = sim.PlaceCall
		call.Intent = sim.Intent{
			Instrument: a.Ticket.Instrument, Side: a.Ticket.Side, TIF: a.Ticket.TIF, Qty: a.Quantity,
			Price: a.Ticket.Price, Trigger: a.Ticket.Trigger, Remark: a.Remark.String(),
		}
	case gateway.SendModify:
		call.Kind = sim.ModifyCall
	case gateway.SendCancel:
		call.Kind = sim.CancelCall
	case gateway.ReadOrder:
		call.Kind = sim.OrderCall
	case gateway.ReadOrders:
		call.Kind = sim.OrdersCall
	case gateway.ReadTrades:
		call.Kind = sim.TradesCall
	case gateway.ReadPositions:
		call.Kind = sim.PositionsCall
	}
	return call
}

// answerEvent judges a reply as the live gateway judges the same one on the
// wire, with one difference: the venue's own words of refusal need not be on an
// operator's list to be believed.
func answerEvent(r *request, reply *sim.Reply) gateway.Event {
	write := r.action.Kind.Write()
	a := gateway.Answer{Slot: r.action.Slot, Epoch: r.action.Epoch, Reason: reply.Text}
	unclear := func() {
		if !write {
			a.Verdict = order.Retry // of a write nothing is known: the zero verdict
		}
	}
	switch {
	case reply.Fate != sim.Delivered:
		a = gateway.Answer{Slot: a.Slot, Epoch: a.Epoch, Broken: true, Reason: "no answer"}
		unclear()
		return gateway.Event{Kind: gateway.AnswerEvent, Answer: a}
	case reply.Outcome == sim.Served:
		a.Verdict = order.OK
		a.VenueID, _ = order.ParseVenueID(reply.OrderID) // only a placement has one
		rows(&a, r.action.Kind, reply)
	case reply.Outcome == sim.Refused && write:
		a.Verdict = order.Refused
	case reply.Outcome == sim.NoData:
		a.Verdict = order.Empty
	case reply.Outcome == sim.LimitMinute:
		a.Verdict = order.Throttle
	case reply.Outcome == sim.LimitDay:
		a.Verdict = order.ThrottleDay
	case reply.Outcome == sim.Unauthorized:
		a.Verdict = order.Auth
	case reply.Outcome == sim.LimitSecond: // in words that the wire's client does not know
		unclear()
	default:
		a.Broken = true
		unclear()
	}
	return gateway.Event{Kind: gateway.AnswerEvent, Answer: a}
}

// rows turns what lists show into the core's form.
func rows(a *gateway.Answer, kind gateway.ActionKind, reply *sim.Reply) {
	for i := range reply.Orders {
		o := &reply.Orders[i]
		id, _ := order.ParseVenueID(o.ID) // the venue's own ids always fit
		if kind == gateway.ReadTrades {
			a.Trades = append(a.Trades, order.Trade{
				VenueID: id, Instrument: o.Instrument, Side: o.Side, Quantity: o.Filled, Price: o.Average(), Value: o.Value,
			})
			continue
		}
		row := order.Report{
			VenueID: id, Status: o.Status, Instrument: o.Instrument, Side: o.Side, Quantity: o.Qty, Executed: o.Filled,
			Cancelled: o.Cancelled, Expired: o.Expired, Limit: o.Price, Trigger: o.Trigger, Average: o.Average(), OrderedAt: o.Placed.Market,
		}
		copy(row.Remark[:], o.Remark)
		a.Orders = append(a.Orders, row)
	}
	for i := range reply.Positions {
		p := &reply.Positions[i]
		a.Held = append(a.Held, order.Holding{Instrument: p.Instrument, Quantity: p.Qty, Average: p.Average()})
	}
}
