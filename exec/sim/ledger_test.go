package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

func TestLedgerTellsEachOrdersWholeLife(t *testing.T) {
	var out bytes.Buffer
	b := newBench(t, func(c *Config) { c.Ledger = &out })
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	in := b.intent(market.Buy, 195, 10_010)
	in.Remark = "v1"
	o := b.put(in)
	require.NoError(t, b.Modify(o.ID, 10_000, 0, 195, b.at))
	require.NoError(t, b.Cancel(o.ID, b.at))
	late := b.put(b.intent(market.Buy, 65, 5000))
	b.wait(6 * time.Hour)

	var kinds []string
	for dec := json.NewDecoder(&out); dec.More(); {
		var e Entry
		require.NoError(t, dec.Decode(&e))
		kinds = append(kinds, e.Kind)
		require.Contains(t, []string{o.ID, late.ID}, e.OrderID)
		require.Equal(t, "NFO NIFTY 2026-08-25 24200 CE", e.Contract)
		at, err := time.Parse("2006-01-02T15:04:05.000-07:00", e.Time)
		require.NoError(t, err)
		require.Equal(t, 2026, at.Year())
	}
	require.Equal(t, []string{"accepted", "fill", "modified", "cancelled", "accepted", "expired"}, kinds)
	require.Len(t, b.Ledger(), 6)
}

func TestDuplicatesAreOrdersWithARemarkSeenBefore(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	for _, remark := range []string{"a", "", "", "b", "a", "a"} {
		in := b.intent(market.Buy, 65, 9000)
		in.Remark = remark
		b.put(in)
	}
	require.EqualValues(t, 2, b.Counts().Duplicates)
	require.EqualValues(t, 6, b.Counts().OrdersAccepted)
	require.True(t, b.Ledger()[5].Twice)
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLedgerThatCannotBeWrittenIsReportedAndStaysInMemory(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Ledger = brokenWriter{} })
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	b.put(b.intent(market.Buy, 65, 9000))
	require.ErrorContains(t, b.LedgerError(), "disk full")
	require.Len(t, b.Ledger(), 1)
}

func TestNoticesCarryTheEnginesReport(t *testing.T) {
	b := newBench(t, nil)
	b.quote("42501", 9990, 10_010, 10_000, 1000)
	o := b.put(b.intent(market.Buy, 195, 10_010))
	var last order.Report
	sequence := uint64(0)
	for _, n := range b.Notices() {
		n.Report(&last)
		require.Greater(t, last.Sequence, sequence)
		sequence = last.Sequence
	}
	require.Equal(t, o.ID, last.VenueID.String())
	require.Equal(t, order.StatusPartiallyExecuted, last.Status)
	require.Equal(t, market.Units(130), last.Executed)
	require.Equal(t, market.Paise(10_010), last.Average)
}
