package stream

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// notice is a captured notice with some elements changed.
func notice(tb testing.TB, changes map[int]string) []byte {
	tb.Helper()
	for _, p := range parsedPayloads(tb) {
		if p.Name != "order_6_P" {
			continue
		}
		var elements []string
		require.NoError(tb, json.Unmarshal(p.Raw, &elements))
		for at, text := range changes {
			elements[at] = text
		}
		text, err := json.Marshal(elements)
		require.NoError(tb, err)
		return text
	}
	require.FailNow(tb, "no such capture")
	return nil
}

func TestOrderUsesNothingOfTheElementsWhoseMeaningIsInDoubt(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var want, got order.Report
	require.NoError(t, d.Order(notice(t, nil), &want))
	require.Zero(t, want.Average, "it stands in one of them")
	for at := 36; at < 51; at++ {
		for _, text := range []string{"*", "", "Y", "1550900.000000", "-1", "x\"y", "\x1a"} {
			require.NoError(t, d.Order(notice(t, map[int]string{at: text}), &got))
			require.Equal(t, want, got, "element %d as %q", at, text)
		}
	}
}

func TestOrderPassesOnAContractOrStatusThatWeDoNotKnow(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var r order.Report
	for at, text := range map[int]string{14: "NIFTY FIN", 13: "BFO", 18: "2600100", 15: "I", 19: "25-Nov-2026"} {
		require.NoError(t, d.Order(notice(t, map[int]string{at: text}), &r))
		require.Zero(t, r.Instrument, "element %d as %q", at, text)
		require.Equal(t, market.Units(130), r.Quantity)
	}
	for _, letter := range []string{"A", "Z", "*", "", "EE"} {
		require.NoError(t, d.Order(notice(t, map[int]string{25: letter}), &r))
		require.Equal(t, order.StatusUnknown, r.Status)
	}
	require.NoError(t, d.Order(notice(t, map[int]string{15: "F", 16: "*", 18: "0"}), &r))
	require.Equal(t, market.Future, d.universe.Get(r.Instrument).Kind)
}

func TestOrderReadsPlaceholdersAsNoneButNeverTheQuantity(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	var r order.Report
	require.NoError(t, d.Order(notice(t, map[int]string{24: "300.000000", 28: "*", 29: "", 30: " * "}), &r))
	require.Equal(t, market.Paise(300), r.Limit)
	require.Zero(t, r.Executed+r.Cancelled+r.Expired)
	require.ErrorIs(t, d.Order(notice(t, map[int]string{27: "*"}), &r), ErrMalformed)
	for _, text := range []string{"31-Feb-2026", "2026-11-24", "24-Nov-26", "00-Nov-2026"} {
		require.ErrorIs(t, d.Order(notice(t, map[int]string{19: text}), &r), ErrMalformed, text)
	}
}

func TestOrderDoesNotAllocate(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	text := notice(t, nil)
	var r order.Report
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if err := d.Order(text, &r); err != nil {
			panic(err)
		}
	}))
	require.True(t, strings.HasPrefix(r.VenueID.String(), "2026"))
}
