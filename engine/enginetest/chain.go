package enginetest

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

// Options lists an index, its future and a chain of n strikes from first on,
// in lots of 65 and ticks of 5 paise, for market.NewUniverse. Several chains
// of one underlying can be joined if only one list keeps its first element,
// the index.
func Options(underlying string, expiry market.Date, first, step market.Paise, n int) []market.Instrument {
	key := func(kind market.Kind) market.ContractKey {
		return market.ContractKey{Exchange: "NFO", Underlying: underlying, Kind: kind, Expiry: expiry}
	}
	token := func(what string) string { return fmt.Sprintf("%s-%d-%s", underlying, expiry, what) }
	list := []market.Instrument{
		{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: underlying, Kind: market.Index}, Token: underlying},
		{ContractKey: key(market.Future), Token: token("FUT"), LotSize: 65, TickSize: 10, Freeze: 1800},
	}
	for i := range n {
		for _, right := range []market.Right{market.Call, market.Put} {
			k := key(market.Option)
			k.Strike, k.Right = first+market.Paise(i)*step, right
			list = append(list, market.Instrument{
				ContractKey: k, Token: token(k.Strike.String() + right.String()), LotSize: 65, TickSize: 5, Freeze: 1800,
			})
		}
	}
	return list
}
