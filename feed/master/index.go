package master

import "github.com/vayu-trading/vayu/engine/market"

// The columns of the member of the cash market that are read.
const (
	cashSeries  = 2
	cashLotSize = 3
	cashTick    = 4
)

var cashColumns = [...]column{
	token: {name: "Token"}, shortName: {name: "ShortName"}, cashSeries: {name: "Series"},
	cashLotSize: {name: "Lotsize"}, cashTick: {name: "ticksize"},
}

// indexSeries is the series of the rows that are indices.
const indexSeries = "0"

// index takes a row of the cash market when it is an index. Shares are left
// out, and with them the tokens that the file repeats ("0", "NA").
func (rd *reading) index(r *row) error {
	if string(r.text(cashSeries)) != indexSeries {
		return nil
	}
	in := market.Instrument{ContractKey: market.ContractKey{Exchange: "NSE", Kind: market.Index}}
	var err error
	if in.Underlying, err = rd.underlying(r); err != nil {
		return err
	}
	if in.Token = string(r.text(token)); in.Token == "" {
		return r.bad(token)
	}
	if err := rd.sizes(r, &in, cashLotSize); err != nil {
		return err
	}
	if in.TickSize, err = r.rupees(cashTick); err != nil || in.TickSize == 0 {
		return r.bad(cashTick)
	}
	return rd.add(in)
}
