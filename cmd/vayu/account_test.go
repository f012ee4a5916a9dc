package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/calendar"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/portfolio"
)

type stopped struct{}

func (stopped) Now() market.Stamp { return market.Stamp{Mono: 1, Wall: 1, Market: 1} }

func TestSomebodyElsesOrderCountsInPositionsOnly(t *testing.T) {
	day := market.NewDate(2026, time.August, 18)
	u, err := market.NewUniverse([]market.Instrument{{
		ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: day, Strike: 24_200_00, Right: market.Call},
		Token:       "1", LotSize: 65, TickSize: 5,
	}})
	require.NoError(t, err)
	rules, err := calendar.Embedded()
	require.NoError(t, err)
	p, err := portfolio.New(portfolio.Config{Universe: u, Calendar: rules, Date: day})
	require.NoError(t, err)
	a := newAccount(p, book.New(u), stopped{})
	venue, err := order.ParseVenueID("202608183800000001")
	require.NoError(t, err)

	a.deliver(&order.Update{
		VenueID: venue, Instrument: 1, Side: market.Buy, State: order.Partial, Quantity: 130, Filled: 65, FilledNow: 65, FillPrice: 100_00, Value: 65 * 100_00,
	})
	a.settle()

	require.EqualValues(t, 65, p.Position(0, 1).Quantity)
	require.Empty(t, a.latest.Load().Orders)
	require.True(t, a.idle(), "nothing of ours to wait for")
	require.Empty(t, a.venueIDs())
}
