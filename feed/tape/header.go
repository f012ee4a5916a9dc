package tape

import (
	"encoding/json"
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

// headerText is the header as stored: JSON, so that a tape explains itself to
// any tool that can unpack a block, with names that do not follow the
// engine's.
type headerText struct {
	Date        string           `json:"date"`
	Title       string           `json:"title"`
	Source      string           `json:"source"`
	Licence     string           `json:"licence"`
	Note        string           `json:"note"`
	Instruments []instrumentText `json:"instruments"`
}

// instrumentText is an instrument as stored. Prices are paise, sizes units.
type instrumentText struct {
	Token      string       `json:"token"`
	Exchange   string       `json:"exchange"`
	Underlying string       `json:"underlying"`
	Kind       string       `json:"kind"`
	Expiry     string       `json:"expiry,omitempty"`
	Strike     market.Paise `json:"strike,omitempty"`
	Right      string       `json:"right,omitempty"`
	Lot        market.Units `json:"lot,omitempty"`
	Tick       market.Paise `json:"tick,omitempty"`
	BandLow    market.Paise `json:"band_low,omitempty"`
	BandHigh   market.Paise `json:"band_high,omitempty"`
	Freeze     market.Units `json:"freeze,omitempty"`
}

func (h *Header) encode() ([]byte, error) {
	if h.Date == 0 {
		return nil, fmt.Errorf("tape: the header has no date")
	}
	text := headerText{
		Date: h.Date.String(), Title: h.Title, Source: h.Source, Licence: h.Licence, Note: h.Note,
		Instruments: make([]instrumentText, 0, len(h.Instruments)),
	}
	for i := range h.Instruments {
		in := &h.Instruments[i]
		if in.Token == "" || in.Kind == market.NoKind {
			return nil, fmt.Errorf("tape: instrument %d of the header (%s) has no token or kind", i, in.ContractKey)
		}
		row := instrumentText{
			Token: in.Token, Exchange: in.Exchange, Underlying: in.Underlying, Kind: in.Kind.String(),
			Strike: in.Strike, Lot: in.LotSize, Tick: in.TickSize,
			BandLow: in.BandLow, BandHigh: in.BandHigh, Freeze: in.Freeze,
		}
		if in.Expiry != 0 {
			row.Expiry = in.Expiry.String()
		}
		if in.Right != market.NoRight {
			row.Right = in.Right.String()
		}
		text.Instruments = append(text.Instruments, row)
	}
	body, err := json.Marshal(&text)
	if err == nil && len(body) > blockLimit {
		err = fmt.Errorf("tape: the header has %d bytes, more than %d: name fewer instruments", len(body), blockLimit)
	}
	return body, err
}

func (h *Header) decode(body []byte) error {
	var text headerText
	if err := json.Unmarshal(body, &text); err != nil {
		return err
	}
	date, err := market.ParseDate(text.Date)
	if err != nil {
		return err
	}
	*h = Header{
		Date: date, Title: text.Title, Source: text.Source, Licence: text.Licence, Note: text.Note,
		Instruments: make([]market.Instrument, 0, len(text.Instruments)),
	}
	for i, row := range text.Instruments {
		in := market.Instrument{
			ContractKey: market.ContractKey{Exchange: row.Exchange, Underlying: row.Underlying, Strike: row.Strike},
			Token:       row.Token, LotSize: row.Lot, TickSize: row.Tick,
			BandLow: row.BandLow, BandHigh: row.BandHigh, Freeze: row.Freeze,
		}
		if in.Kind = kindOf(row.Kind); in.Kind == market.NoKind || row.Token == "" {
			return fmt.Errorf("instrument %d has kind %q and token %q", i, row.Kind, row.Token)
		}
		switch row.Right {
		case "":
		case "CE":
			in.Right = market.Call
		case "PE":
			in.Right = market.Put
		default:
			return fmt.Errorf("instrument %d has right %q", i, row.Right)
		}
		if row.Expiry != "" {
			if in.Expiry, err = market.ParseDate(row.Expiry); err != nil {
				return fmt.Errorf("instrument %d: %w", i, err)
			}
		}
		h.Instruments = append(h.Instruments, in)
	}
	return nil
}

func kindOf(text string) market.Kind {
	for _, k := range []market.Kind{market.Index, market.Future, market.Option} {
		if k.String() == text {
			return k
		}
	}
	return market.NoKind
}
