package master

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// The headers of a real file of 30 July 2026, as they stand there.
const (
	derivativeHeader = `"Token","InstrumentName","ShortName","Series","ExpiryDate","StrikePrice","OptionType","CALevel","PermittedToTrade","IssueCapital","WarningQty","FreezeQty","CreditRating","NormalMarketStatus","OddLotMarketStatus","SpotMarketStatus","AuctionMarketStatus","NormalMarketEligibility","OddLotMarketEligibility","SpotMarketEligibility","AuctionMarketEligibility","IssueRate","IssueStartDate","InterestPaymentDate","IssueMaturityDate","MarginPercentage","MinimumLotQty","LotSize","TickSize","CompanyName","ListingDate","ExpulsionDate","ReAdmissionDate","RecordDate","LowPriceRange","HighPriceRange","SecurityExpiryDate","NoDeliveryStartDate","NoDeliveryEndDate","MF","AON","ParticipantInMarketIndex","BookClsStartDate","BookClsEndDate","ExcerciseStartDate","ExcerciseEndDate","OldToken","AssetInstrument","AssetName","AssetToken","IntrinsicValue","ExtrinsicValue","ExcerciseStyle","EGM","AGM","Interest","Bonus","Rights","Dividends","ExAllowed","ExRejectionAllowed","PlAllowed","IsThisAsset","IsCorpAdjusted","LocalUpdateDatetime","DeleteFlag","Remarks","BasePrice","ExchangeCode"`
	cashHeader       = `"Token", "ShortName", "Series", "CompanyName", "ticksize", "Lotsize", "DateOfListing", "DateOfDeListing", "IssuePrice", "FaceValue", "ISINCode", "52WeeksHigh", "52WeeksLow", "LifeTimeHigh", "LifeTimeLow", "HighDate", "LowDate", "Symbol", "InstrumentType", "PermittedToTrade", "IssueCapital", "WarningPercent", "FreezePercent", "CreditRating", "IssueRate", "IssueStartDate", "InterestPaymentDate", "IssueMaturityDate", "BoardLotQty", "Name", "ListingDate", "ExpulsionDate", "ReAdmissionDate", "RecordDate", "ExpiryDate", "NoDeliveryStartDate", "NoDeliveryEndDate", "MFill", "AON", "ParticipantInMarketIndex", "BookClsStartDate", "BookClsEndDate", "EGM", "AGM", "Interest", "Bonus", "Rights", "Dividends", "LocalUpdateDateTime", "DeleteFlag", "Remarks", "NormalMarketStatus", "OddLotMarketStatus", "SpotMarketStatus", "AuctionMarketStatus", "NormalMarketEligibility", "OddLotlMarketEligibility", "SpotMarketEligibility", "AuctionlMarketEligibility", "MarginPercentage", "ExchangeCode"`
)

// Write renders the instruments as a SecurityMaster.zip of the date, in the
// form of the real one: both members, every column, quotes and line ends
// alike. Read gives back what was written. Columns that no instrument can fill
// hold what the real file holds in most rows.
func Write(w io.Writer, date market.Date, instruments []market.Instrument) error {
	names := map[string]string{} // of the indices, by short name
	for i := range instruments {
		if in := &instruments[i]; in.Kind == market.Index {
			names[in.Underlying] = in.Token
		}
	}
	z := zip.NewWriter(w)
	err := writeMember(z, cash, date, cashHeader, func(out *rowWriter) error {
		for i := range instruments {
			if in := &instruments[i]; in.Kind == market.Index {
				if err := out.index(in); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = writeMember(z, derivatives, date, derivativeHeader, func(out *rowWriter) error {
		for i := range instruments {
			if in := &instruments[i]; in.Kind != market.Index {
				if err := out.contract(in, names[in.Underlying]); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("master: write: %w", err)
	}
	return nil
}

// published is the time of day that a written member is stamped with: the real
// one of contracts is of 07:07.
const published = 7*time.Hour + 7*time.Minute

func writeMember(z *zip.Writer, name string, date market.Date, header string, rows func(*rowWriter) error) error {
	body, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: date.At(published).Time()})
	if err != nil {
		return fmt.Errorf("master: write %s: %w", name, err)
	}
	out := rowWriter{out: bufio.NewWriterSize(body, 64<<10)}
	out.line = append(out.line, header...)
	if err := rows(&out); err != nil {
		return err
	}
	// The last line of the real members has no end.
	if _, err := out.out.Write(out.line); err != nil {
		return fmt.Errorf("master: write %s: %w", name, err)
	}
	return out.out.Flush()
}

// rowWriter builds one line at a time. Write errors stay in the buffer until
// its flush.
type rowWriter struct {
	out  *bufio.Writer
	line []byte // the last line begun, not yet written
}

func (w *rowWriter) begin() {
	w.line = append(w.line, "\r\n"...)
	_, _ = w.out.Write(w.line)
	w.line = w.line[:0]
}

func (w *rowWriter) text(s string) {
	w.line = append(w.line, '"')
	w.line = append(w.line, strings.ReplaceAll(s, `"`, `""`)...)
	w.line = append(w.line, `",`...)
}

func (w *rowWriter) number(n int64) {
	w.line = append(strconv.AppendInt(w.line, n, 10), ',')
}

func (w *rowWriter) rupees(p market.Paise) { w.line = append(p.Append(w.line), ',') }

func (w *rowWriter) raw(s string) { w.line = append(w.line, s...) }

func (w *rowWriter) check(in *market.Instrument, exchange string) error {
	if in.Token == "" || in.Underlying == "" || in.LotSize <= 0 || in.TickSize <= 0 || in.Exchange != exchange {
		return fmt.Errorf("master: write: %s (token %q, lot %d, tick %d paise) cannot stand in a file of %s", in.ContractKey, in.Token, in.LotSize, in.TickSize, exchange)
	}
	if strings.ContainsAny(in.Token+in.Underlying, "\r\n") {
		return fmt.Errorf("master: write: %q has a line end", in.Token+in.Underlying)
	}
	return nil
}

func (w *rowWriter) index(in *market.Instrument) error {
	if err := w.check(in, "NSE"); err != nil {
		return err
	}
	w.begin()
	w.text(in.Token)
	w.text(in.Underlying)
	w.text(indexSeries)
	w.text(in.Token) // CompanyName
	w.rupees(in.TickSize)
	w.number(int64(in.LotSize))
	w.raw(`"","",0,0,"",0,0,0,0,"","","",0,0,0,0,0,"",0,"","","",0,"","","","","","","","","","","","","","","","","","","","","","","0",0,0,0,"","","","","",`)
	w.text(in.Token) // ExchangeCode
	w.line = w.line[:len(w.line)-1]
	return nil
}

func (w *rowWriter) contract(in *market.Instrument, company string) error {
	if err := w.check(in, "NFO"); err != nil {
		return err
	}
	if company == "" {
		company = in.Underlying
	}
	family, seriesName, right := "OPTSTK", "OPTION", in.Right.String()
	switch {
	case in.Kind == market.Option && in.Right != market.NoRight && in.Strike > 0:
	case in.Kind == market.Future && in.Right == market.NoRight && in.Strike == 0:
		family, seriesName = "FUTSTK", "FUTURE"
	default:
		return fmt.Errorf("master: write: %s is neither an option nor a future", in.ContractKey)
	}
	if company != in.Underlying {
		family = family[:3] + "IDX"
	}
	w.begin()
	w.text(in.Token)
	w.text(family)
	w.text(in.Underlying)
	w.text(seriesName)
	w.text(in.Expiry.Venue())
	w.text(in.Strike.String())
	w.text(right)
	w.raw(`0,0,0,0,`)
	w.number(int64(in.Freeze))
	w.raw(`"",0,0,0,0,"","","","",0,"","","",0,0,`)
	w.number(int64(in.LotSize))
	w.number(int64(in.TickSize))
	w.text(company)
	w.raw(`"","","","",`)
	w.rupees(in.BandLow)
	w.rupees(in.BandHigh)
	w.raw(`"","","","","","","","","","",0,"","",0,0,0,"","","","","","","","NFO","","","","","","","",0,`)
	w.text(company) // ExchangeCode
	w.line = w.line[:len(w.line)-1]
	return nil
}
