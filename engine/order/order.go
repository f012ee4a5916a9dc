package order

import "github.com/vayu-trading/vayu/engine/market"

// Order is one intent to trade from the moment risk sees it. It is owned by the
// order core; [Order.Step] is the only way its state changes.
type Order struct {
	Ticket       Ticket
	State        State
	Attempts     uint8 // attempts begun
	Absences     uint8 // valid absences seen in a row
	CancelWanted bool  // cancel as soon as there is something to cancel
	Estimated    bool  // Value rests on the limit price
	EndedByVenue bool  // the venue named a terminal status
	VenueID      VenueID
	Remark       Remark
	Quantity     market.Units // ordered
	Price        market.Paise // the limit in force, as far as the venue has said
	PriceWanted  market.Paise // a modification not yet confirmed; zero: none
	Filled       market.Units
	Cancelled    market.Units
	Expired      market.Units
	Value        market.Paise // of Filled
	Sequence     uint64       // newest notice
	Epoch        uint64       // of the last attempt's credential
	Deadline     market.Mono  // nothing is sent after it
	ApprovedAt   market.Mono
	Sent         market.Stamp // the last attempt's permit
	AckedAt      market.Mono
	ChangedAt    market.Mono // the last change of state
	DoubtAt      market.Mono // when the outcome became unknown
	AbsentAt     market.Mono // start of the first valid read that did not show it
	Reason       string      // why denied or refused
	slot         int32       // in the slab
}

// Slot is the order's place in its slab, dense from zero, for what others keep
// beside it.
func (o *Order) Slot() int { return int(o.slot) }

// Open is what may still be filled.
func (o *Order) Open() market.Units {
	if o.State.Terminal() {
		return 0
	}
	return max(o.Quantity-o.Filled, 0)
}

// Average is the average price of the fills, rounded to the paisa; zero without
// fills.
func (o *Order) Average() market.Paise {
	if o.Filled == 0 {
		return 0
	}
	return (2*o.Value + market.Paise(o.Filled)) / (2 * market.Paise(o.Filled))
}

// InDoubt tells whether nobody knows if the venue has the order. It counts at
// its worst in every limit.
func (s State) InDoubt() bool {
	return s == Ambiguous || s == Reconciling || s == Absent || s == Unresolved
}

// Live tells whether the venue has the order and may still fill it.
func (s State) Live() bool {
	return s == Acked || s == Working || s == Partial || s == AdoptedLate
}

// Fingerprint is what two orders that cannot be told apart have in common.
type Fingerprint struct {
	Instrument market.InstrumentID
	Side       market.Side
	TIF        TimeInForce
	Quantity   market.Units
	Price      market.Paise
	Trigger    market.Paise
}

// Fingerprint is the order's own, as it was sent.
func (o *Order) Fingerprint() Fingerprint {
	return Fingerprint{o.Ticket.Instrument, o.Ticket.Side, o.Ticket.TIF, o.Quantity, o.Ticket.Price, o.Ticket.Trigger}
}

// Matches tells whether a report of the venue may be about an order with this
// fingerprint. Reports do not carry the validity.
func (f *Fingerprint) Matches(r *Report) bool {
	return f.Instrument == r.Instrument && f.Side == r.Side && f.Quantity == r.Quantity &&
		f.Price == r.Limit && f.Trigger == r.Trigger && r.Instrument != 0
}

// Describe is an effect for those who watch.
func (o *Order) Describe(e *Effect, at market.Stamp) Update {
	u := Update{
		ID: o.Ticket.ID, Strategy: o.Ticket.Strategy, Instrument: o.Ticket.Instrument, Side: o.Ticket.Side,
		State: o.State, VenueID: o.VenueID, Price: o.Price, Quantity: o.Quantity,
		Filled: o.Filled, FilledNow: e.FilledNow, Average: o.Average(), Value: o.Value, Estimated: o.Estimated,
		Reason: o.Reason, At: at,
	}
	if e.FilledNow > 0 {
		u.FillPrice = (2*e.ValueNow + market.Paise(e.FilledNow)) / (2 * market.Paise(e.FilledNow))
	}
	return u
}
