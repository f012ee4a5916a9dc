package master_test

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/master"
)

func ExampleReadFile() {
	m, err := master.ReadFile("testdata/SecurityMaster.excerpt.zip", master.Filter{
		Underlyings: []string{"NIFTY"},
		Expiries:    []market.Date{20260825},
		Day:         20260730,
	})
	if err != nil {
		panic(err)
	}
	u, err := m.Universe()
	if err != nil {
		panic(err)
	}
	call := u.ByKey(market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20260825, Strike: 24200 * market.Rupee, Right: market.Call})
	in := u.Get(call)
	fmt.Println(u.Len(), in.ContractKey, in.Token, in.LotSize, in.TickSize, in.BandLow, in.BandHigh)
	// Output: 478 NFO NIFTY 2026-08-25 24200 CE 61647 65 0.05 0.05 719.65
}
