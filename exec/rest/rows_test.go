package rest

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

func TestNumbersAreTolerantAndExact(t *testing.T) {
	reads := func(text string, places int, want int64, exact bool) {
		t.Helper()
		n, ok, err := decimal([]byte(text), places)
		require.NoError(t, err, text)
		require.Equal(t, want, n, text)
		require.Equal(t, exact, ok, text)
	}
	refuses := func(text string) {
		t.Helper()
		_, _, err := decimal([]byte(text), 2)
		require.ErrorIs(t, err, ErrNumber, text)
	}
	reads("95.05", 2, 9505, true)
	reads("-0.5", 2, -50, true)
	reads("26000.0", 2, 2600000, true)
	reads("110.05000000000001", 2, 11005, true)
	reads("100.04999999999999716", 2, 10005, true)
	reads("95.055", 2, 9506, false)
	reads("-95.055", 2, -9506, false)
	reads("95.0533333333333333333333333", 2, 9505, false)
	reads("1.5e2", 2, 15000, true)
	reads("4.7631E6", 0, 4763100, true)
	reads("1e-30", 2, 0, true)
	reads("0e999999999", 2, 0, true)
	reads("0.000000", 2, 0, true)
	reads("00065", 0, 65, true)
	reads("70816125", 0, 70816125, true)
	reads("0.4", 0, 0, false)
	for _, text := range []string{"", "-", ".5", "5.", "1e", "1e+", "nan", "inf", "1,000", "1 2", "0x1", "9e30", strings.Repeat("9", 30), "--1", "1.2.3"} {
		refuses(text)
	}
}

func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"95.05", "-1e3", "110.05000000000001", "9223372036854775807", "0.005", "1e-3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, exact, err := decimal([]byte(text), 2)
		if err != nil || len(text) > 30 || strings.ContainsAny(text, "eE") {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok, text)
		off := new(big.Rat).Sub(want.Mul(want, big.NewRat(100, 1)), new(big.Rat).SetInt64(n))
		require.LessOrEqual(t, off.Abs(off).Cmp(big.NewRat(500_001, 1_000_000)), 0, text) // digits beyond the 18th are dropped
		if exact {
			require.LessOrEqual(t, off.Cmp(big.NewRat(2, 1_000_000)), 0, text)
		}
	})
}

func TestFilledIsReadFromStatusAndQuantitiesTogether(t *testing.T) {
	check := func(s order.Status, quantity, pending, cancelled, executed market.Units, unknown bool) {
		t.Helper()
		got, _, u := filled(s, quantity, pending, cancelled)
		require.Equal(t, executed, got, "%s %d %d %d", s, quantity, pending, cancelled)
		require.Equal(t, unknown, u, "%s %d %d %d", s, quantity, pending, cancelled)
	}
	check(order.StatusOrdered, 130, 130, 0, 0, false)
	check(order.StatusPartiallyExecuted, 130, 65, 0, 65, false)
	check(order.StatusFreezed, 130, 130, 0, 0, false)
	check(order.StatusExecuted, 130, 0, 0, 130, false)
	check(order.StatusExecuted, 130, 65, 0, 65, true)
	check(order.StatusCancelled, 130, 0, 130, 0, false)
	check(order.StatusCancelled, 130, 0, 65, 65, false)
	check(order.StatusCancelled, 130, 65, 0, 65, false) // the cancelled part is still called pending
	check(order.StatusCancelled, 130, 0, 0, 0, true)
	check(order.StatusPartiallyExecutedAndCancelled, 130, 0, 65, 65, false)
	check(order.StatusPartiallyExecutedAndCancelled, 130, 0, 0, 0, true)
	check(order.StatusPartiallyExecutedAndExpired, 130, 65, 0, 65, false)
	check(order.StatusPartiallyExecutedAndExpired, 130, 0, 0, 0, true)
	check(order.StatusExpired, 130, 130, 0, 0, false)
	check(order.StatusExpired, 130, 0, 0, 0, false)
	check(order.StatusExpired, 130, 65, 0, 0, true)
	check(order.StatusRejected, 130, 130, 0, 0, false)
	check(order.StatusRejected, 130, 0, 0, 0, false)
	check(order.StatusUnknown, 130, 0, 0, 0, true)
	check(order.StatusOrdered, 130, 200, 0, 0, true)
	check(order.StatusOrdered, 130, -1, 0, 0, true)
	check(order.StatusPartiallyExecuted, 130, 130, 0, 0, true)
	check(order.StatusPartiallyExecuted, 130, 0, 0, 0, true)
	check(order.StatusPartiallyExecuted, 130, untold, 0, 0, true)
	check(order.StatusExecuted, 130, untold, 0, 130, false)
	check(order.StatusExecuted, 130, untold, 65, 0, true)
	check(order.StatusCancelled, 130, untold, 130, 0, false)
	check(order.StatusCancelled, 130, untold, 65, 0, true)
	check(order.StatusCancelled, 130, untold, 0, 0, true)
	check(order.StatusRejected, 130, untold, 0, 0, false)
	check(order.StatusExpired, 130, untold, 0, 0, true)
	check(order.StatusPartiallyExecutedAndExpired, 130, untold, 65, 0, true)
}

// An order that is open has not filled, whatever its row leaves out.
func TestAnOpenOrderWithoutAPendingQuantityIsNoFullFill(t *testing.T) {
	p := &Parser{Universe: testUniverse(t)}
	for _, word := range []string{"Requested", "Queued", "Ordered", "Freezed", "Partially Executed"} {
		for _, pending := range []string{`"pending_quantity":"0",`, `"pending_quantity":0,`, `"pending_quantity":null,`, `"pending_quantity":"",`, ``} {
			rows, bad, err := p.Orders([]byte(`{"Success":[{"order_id":"1","status":"` + word + `",` + pending +
				`"quantity":"65","cancelled_quantity":"0","price":"95.05","action":"Buy"}],"Status":200,"Error":null}`))
			require.NoError(t, err)
			require.Empty(t, bad)
			require.Zero(t, rows[0].Executed, "%s %s", word, pending)
			require.True(t, rows[0].FillUnknown, "%s %s", word, pending)
			o := &order.Order{State: order.Acked, Quantity: 65, Price: 9505}
			require.Equal(t, order.SeenWorking, o.Sighting(&rows[0].Report), "%s %s", word, pending)
		}
	}
}

func TestARowThatCannotBeReadIsReportedAndTheOthersStand(t *testing.T) {
	body := `{"Success":[
		{"order_id":"1","status":"Ordered","quantity":65,"pending_quantity":"65","cancelled_quantity":null,"price":95.05,"strike_price":26000.0,
		 "exchange_code":"NFO","stock_code":"NIFTY ","product_type":"Options","right":"Call","expiry_date":"24-Nov-2026","action":"Buy","validity":"IoC","user_remark":"V1ABC0010000001K"},
		{"order_id":"","status":"Ordered","quantity":"65"},
		{"order_id":"2","status":"Ordered","quantity":"many"},
		{"order_id":"3","status":"Sleeping","quantity":"65","price":"1.001"}],"Status":200,"Error":null}`
	u := testUniverse(t)
	p := &Parser{Universe: u}

	rows, bad, err := p.Orders([]byte(body))

	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Len(t, bad, 3)
	for _, e := range bad {
		require.ErrorIs(t, e, ErrAnswer)
	}
	require.NotZero(t, rows[0].Instrument)
	require.Equal(t, order.IOC, rows[0].TIF)
	require.Equal(t, "V1ABC0010000001K", rows[0].Remark.String())
	require.Equal(t, market.Buy, rows[0].Side)
}

func TestPositionsUnderstandBothSignConventions(t *testing.T) {
	p := &Parser{}
	row := func(action, quantity string) string {
		return fmt.Sprintf(`{"Success":[{"product_type":"Options","action":%q,"quantity":%s}],"Status":200}`, action, quantity)
	}
	reads := func(action, quantity string, net market.Units) {
		t.Helper()
		rows, bad, err := p.Positions([]byte(row(action, quantity)))
		require.NoError(t, err)
		require.Empty(t, bad)
		require.Equal(t, net, rows[0].Net)
	}
	reads("Buy", `"65"`, 65)
	reads("Sell", `"65"`, -65)
	reads("Sell", `"-65"`, -65)
	reads("sell", `-65`, -65)
	reads("NA", `"0"`, 0)
	reads("NA", `null`, 0)

	for _, odd := range []string{row("NA", `"65"`), row("Buy", `"-65"`)} {
		_, bad, err := p.Positions([]byte(odd))
		require.NoError(t, err)
		require.Len(t, bad, 1)
	}
}

func TestE6_AMalformedSessionTokenIsRefusedWithoutShowingIt(t *testing.T) {
	p := &Parser{}
	for _, encoded := range []string{"not base64!", "", "VEVTVFVTUjE=", "OnRva2Vu", "VEVTVFVTUjE6", "Dw86Dw8="} {
		_, err := p.Customer([]byte(`{"Success":{"session_token":"` + encoded + `"},"Status":200,"Error":null}`))
		require.ErrorIs(t, err, ErrAnswer, encoded)
		if encoded != "" {
			require.NotContains(t, err.Error(), encoded)
		}
	}
	_, err := p.Customer([]byte(`{"Success":{"session_token":"` + testSession + `","idirect_userid":"OTHER"},"Status":200,"Error":null}`))
	require.ErrorIs(t, err, ErrAnswer)
	require.NotContains(t, err.Error(), "51606286")
}

func FuzzRows(f *testing.F) {
	for _, s := range lines[sample](f, "rest_response_samples.jsonl") {
		f.Add(s.bytes())
	}
	p := &Parser{Universe: testUniverse(f)}
	f.Fuzz(func(t *testing.T, body []byte) {
		rows, _, _ := p.Orders(body)
		for _, row := range rows {
			require.False(t, row.VenueID.IsZero())
			require.True(t, row.Executed >= 0)
			require.True(t, row.Executed <= row.Quantity || row.Executed == 0)
		}
		p.Trades(body)
		p.Positions(body)
		p.Chain(body)
		p.Candles(body)
		p.Ack(body)
		p.Customer(body)
		p.Funds(body)
		p.Margin(body)
		p.Charges(body)
	})
}
