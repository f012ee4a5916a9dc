package master

import (
	"fmt"
	"slices"

	"github.com/vayu-trading/vayu/engine/market"
)

// The columns of the member of contracts that are read. shortName has the same
// place in both lists.
const (
	token = iota
	shortName
	series
	expiryDate
	strikePrice
	optionType
	lotSize
	tickSize
	lowPriceRange
	highPriceRange
	freezeQty
)

var derivativeColumns = [...]column{
	token: {name: "Token"}, shortName: {name: "ShortName"}, series: {name: "Series"}, expiryDate: {name: "ExpiryDate"},
	strikePrice: {name: "StrikePrice"}, optionType: {name: "OptionType"}, lotSize: {name: "LotSize"}, tickSize: {name: "TickSize"},
	lowPriceRange: {name: "LowPriceRange", optional: true}, highPriceRange: {name: "HighPriceRange", optional: true},
	freezeQty: {name: "FreezeQty", optional: true},
}

// contract takes a row of the member of contracts.
func (rd *reading) contract(r *row) error {
	in := market.Instrument{ContractKey: market.ContractKey{Exchange: "NFO"}}
	switch string(r.text(series)) {
	case "OPTION":
		in.Kind = market.Option
	case "FUTURE":
		in.Kind = market.Future
	default:
		return r.bad(series)
	}
	expiry, err := rd.expiry(r)
	if err != nil {
		return err
	}
	if !rd.filter.wants(in.Kind) || (len(rd.filter.Expiries) > 0 && !slices.Contains(rd.filter.Expiries, expiry)) {
		return nil
	}
	in.Expiry = expiry
	if in.Underlying, err = rd.underlying(r); err != nil {
		return err
	}
	if in.Token = string(r.text(token)); in.Token == "" {
		return r.bad(token)
	}
	strike, err := r.rupees(strikePrice)
	if err != nil {
		return err
	}
	switch right := string(r.text(optionType)); {
	case in.Kind == market.Future && right == "XX":
	case in.Kind == market.Option && right == "CE":
		in.Right, in.Strike = market.Call, strike
	case in.Kind == market.Option && right == "PE":
		in.Right, in.Strike = market.Put, strike
	default:
		return r.bad(optionType)
	}
	if in.Kind == market.Option && strike == 0 {
		return r.bad(strikePrice)
	}
	// The tick of contracts is in paise, unlike every other price of the file.
	if err := rd.sizes(r, &in, lotSize); err != nil {
		return err
	}
	tick, err := r.whole(tickSize)
	if err != nil || tick == 0 {
		return r.bad(tickSize)
	}
	in.TickSize = market.Paise(tick)
	if in.BandLow, err = r.rupees(lowPriceRange); err != nil {
		return err
	}
	if in.BandHigh, err = r.rupees(highPriceRange); err != nil {
		return err
	}
	if in.BandLow > in.BandHigh {
		return fmt.Errorf("%w: LowPriceRange %s is above HighPriceRange %s", ErrRow, in.BandLow, in.BandHigh)
	}
	freeze, err := r.whole(freezeQty)
	if err != nil {
		return err
	}
	in.Freeze = market.Units(freeze) // 0 in every real row: unknown
	return rd.add(in)
}

func (rd *reading) sizes(r *row, in *market.Instrument, lot int) error {
	n, err := r.whole(lot)
	if err != nil || n == 0 {
		return r.bad(lot)
	}
	in.LotSize = market.Units(n)
	return nil
}

func (rd *reading) underlying(r *row) (string, error) {
	name := r.text(shortName)
	if len(name) == 0 {
		return "", r.bad(shortName)
	}
	if string(name) != rd.name {
		rd.name = string(name)
	}
	return rd.name, nil
}

func (rd *reading) expiry(r *row) (market.Date, error) {
	text := r.text(expiryDate)
	if d, known := rd.dates[string(text)]; known {
		return d, nil
	}
	d, err := market.ParseDate(string(text))
	if err != nil {
		return 0, fmt.Errorf("%w: %s", ErrExpiry, r.bad(expiryDate))
	}
	rd.dates[string(text)] = d
	return d, nil
}
