package calendar

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

// PPB is a rate in parts per billion.
type PPB int64

// Rates are the statutory and exchange rates in force, on turnover (price times
// units; for options the premium).
type Rates struct {
	STTSell     PPB // securities transaction tax, sell side
	STTExercise PPB // of the intrinsic value, paid by the holder at exercise
	Txn         PPB // exchange transaction charge, both sides
	IPFT        PPB // investor protection fund, both sides
	SEBI        PPB // regulator's fee, both sides
	StampBuy    PPB // stamp duty, buy side
	GST         PPB // tax on brokerage, Txn and SEBI
}

type chargeRow struct {
	from market.Date
	Rates
}

// Plan is a brokerage plan: so much an order, so much a lot, and so much a lot
// that closes a position opened the same day. Any other broker is another
// value of it.
type Plan struct {
	Name            string
	PerOrder        market.Paise
	PerLot          market.Paise
	PerLotSecondLeg market.Paise
}

type planRow struct {
	from      market.Date
	isDefault bool
	Plan
}

// Brokerage is the fee, before tax, of lots that open and lots that close
// within the day. newOrder says that this is the first fill of its order: a
// flat fee is due once however many fills follow.
func (p Plan) Brokerage(newOrder bool, opening, closing market.Lots) market.Paise {
	fee := p.PerLot*market.Paise(opening) + p.PerLotSecondLeg*market.Paise(closing)
	if newOrder {
		fee += p.PerOrder
	}
	return fee
}

// Charges is what trading costs on one date: the rates and a brokerage plan.
// It is plain data, and its arithmetic is exact.
type Charges struct {
	Date  market.Date
	Rates Rates
	Plan  Plan
}

// Charges is the cost of NSE options on the date under the plan marked as
// default in brokerage.csv.
func (c *Calendar) Charges(d market.Date) (Charges, error) {
	return c.ChargesOf("NFO", market.Option, d)
}

// ChargesOf is the cost of one kind of contract on one exchange.
func (c *Calendar) ChargesOf(exchange string, kind market.Kind, d market.Date) (Charges, error) {
	if err := c.covered("charges.csv", d); err != nil {
		return Charges{}, err
	}
	row, ok := lastFrom(c.charges[ruleKey{exchange, kind}], d, func(r *chargeRow) market.Date { return r.from })
	if !ok {
		return Charges{}, &NoDataError{Date: d, File: "charges.csv", What: fmt.Sprintf("no rates for %s %s", exchange, kind)}
	}
	plan, err := c.Plan("", d)
	if err != nil {
		return Charges{}, err
	}
	return Charges{Date: d, Rates: row.Rates, Plan: plan}, nil
}

// Plan is the brokerage plan of that name on the date, the default one when
// the name is empty.
func (c *Calendar) Plan(name string, d market.Date) (Plan, error) {
	if err := c.covered("brokerage.csv", d); err != nil {
		return Plan{}, err
	}
	for i := len(c.plans) - 1; i >= 0; i-- {
		row := &c.plans[i]
		if row.from <= d && (row.Name == name || name == "" && row.isDefault) {
			return row.Plan, nil
		}
	}
	return Plan{}, &NoDataError{Date: d, File: "brokerage.csv", What: fmt.Sprintf("no plan %q; known: %v", name, c.PlanNames())}
}

// PlanNames lists the plans in the order of the file.
func (c *Calendar) PlanNames() []string {
	var names []string
	seen := map[string]bool{}
	for _, row := range c.plans {
		if !seen[row.Name] {
			seen[row.Name] = true
			names = append(names, row.Name)
		}
	}
	return names
}

// With is the same charges under another plan.
func (c Charges) With(p Plan) Charges {
	c.Plan = p
	return c
}

// Breakdown is the cost of one trade, part by part, exact.
type Breakdown struct {
	Brokerage, STT, Txn, IPFT, SEBI, Stamp, GST Amount
}

// Order is the cost of a whole order of an opening trade.
func (c *Charges) Order(side market.Side, price market.Paise, units market.Units, lots market.Lots) Breakdown {
	return c.Fill(side, price, units, c.Plan.Brokerage(true, lots, 0))
}

// SquareOff is the cost of a whole order that closes a position opened the
// same day.
func (c *Charges) SquareOff(side market.Side, price market.Paise, units market.Units, lots market.Lots) Breakdown {
	return c.Fill(side, price, units, c.Plan.Brokerage(true, 0, lots))
}

// Fill is the cost of units traded at a price, with a brokerage worked out by
// the caller (see [Plan.Brokerage]). It does not allocate.
func (c *Charges) Fill(side market.Side, price market.Paise, units market.Units, brokerage market.Paise) Breakdown {
	r, turnover := &c.Rates, uint64(max(price.Times(units), 0))
	share := func(rate PPB) Amount { return product(turnover, uint64(rate)*attosPerNano) }
	b := Breakdown{
		Brokerage: AmountOf(brokerage),
		Txn:       share(r.Txn),
		IPFT:      share(r.IPFT),
		SEBI:      share(r.SEBI),
		GST: product(turnover, uint64((r.Txn+r.SEBI)*r.GST)).
			Plus(product(uint64(max(brokerage, 0)), uint64(r.GST)*attosPerNano)),
	}
	switch side {
	case market.Sell:
		b.STT = share(r.STTSell)
	case market.Buy:
		b.Stamp = share(r.StampBuy)
	}
	return b
}

// Exercise is the cost to the holder of a long option that ends in the money.
// The writer pays none, and an option out of the money costs nobody anything.
func (c *Charges) Exercise(intrinsic market.Paise, units market.Units) Breakdown {
	turnover := uint64(max(intrinsic.Times(units), 0))
	return Breakdown{STT: product(turnover, uint64(c.Rates.STTExercise)*attosPerNano)}
}

// Plus is b and o part by part.
func (b Breakdown) Plus(o Breakdown) Breakdown {
	return Breakdown{
		Brokerage: b.Brokerage.Plus(o.Brokerage), STT: b.STT.Plus(o.STT), Txn: b.Txn.Plus(o.Txn), IPFT: b.IPFT.Plus(o.IPFT),
		SEBI: b.SEBI.Plus(o.SEBI), Stamp: b.Stamp.Plus(o.Stamp), GST: b.GST.Plus(o.GST),
	}
}

// Total is the sum of the parts, exact.
func (b Breakdown) Total() Amount {
	return b.Brokerage.Plus(b.STT).Plus(b.Txn).Plus(b.IPFT).Plus(b.SEBI).Plus(b.Stamp).Plus(b.GST)
}

// ContractNote is the total as a broker prints it: STT and stamp duty to the
// rupee, the rest to the paisa. Round the sum of a day's breakdowns of one
// contract, not each fill. Which level a broker rounds at is not settled.
func (b Breakdown) ContractNote() market.Paise {
	return b.STT.Rupees() + b.Stamp.Rupees() + b.Brokerage.Paise() + b.Txn.Paise() + b.IPFT.Paise() + b.SEBI.Paise() + b.GST.Paise()
}
