package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

func TestExplainReadsTheJournalOfARunningEngine(t *testing.T) {
	folder := t.TempDir()
	j, err := journal.Open(journal.Config{Folder: folder})
	require.NoError(t, err)
	defer j.Close()
	tag := order.Tag{Instance: [2]byte{'V', 'Y'}, Day: market.NewDate(2026, time.August, 18), Boot: 1}
	at := market.Stamp{Mono: 1, Wall: tag.Day.At(11 * time.Hour), Market: tag.Day.At(11 * time.Hour)}
	for _, r := range []journal.Record{
		{Kind: journal.Started, At: at, Start: journal.Start{Tag: tag}},
		{Kind: journal.Intended, At: at, ID: tag.ID(1), Intent: journal.Intent{
			Key:  market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: tag.Day},
			Side: market.Sell, Quantity: 65, Price: 24_000_00,
		}},
	} {
		require.True(t, j.Append(&r, false))
	}

	code, out, errs := try(t, "explain", "78364164097", "--folder", folder)
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "sell 65 NFO NIFTY 2026-08-18 FUT at 24000")

	code, out, errs = try(t, "explain", tag.Remark(tag.ID(1)).String(), "--folder", folder, "--day", "2026-08-18", "--json")
	require.Equal(t, exitOK, code, errs)
	var life struct {
		Order uint64
		State string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &life))
	require.EqualValues(t, tag.ID(1), life.Order)
	require.Equal(t, "queued", life.State)

	code, _, errs = try(t, "explain", "5", "--folder", folder)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "no such order")
	code, _, errs = try(t, "explain", "5", "--folder", t.TempDir())
	require.Equal(t, exitConfig, code)
	require.Contains(t, errs, "--folder")
	code, _, _ = try(t, "explain", "5", "--folder", folder, "--day", "tomorrow")
	require.Equal(t, exitUsage, code)
}
