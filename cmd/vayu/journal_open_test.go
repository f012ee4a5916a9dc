package main

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/risk"
)

func TestP6_ASecondEngineOnOneFolderIsRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	first, err := openJournal(folder)
	require.NoError(t, err)

	_, err = openJournal(folder)
	require.ErrorContains(t, err, "another engine")
	require.Equal(t, exitTemporary, exitCode(err))

	require.NoError(t, first.Close())
	again, err := openJournal(folder)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestP14_TheThirdStartInTenMinutesAddsNothingUntilAPersonSaysSo(t *testing.T) {
	d := demo{For: time.Minute, Speed: 1, Seed: 1, Strategy: "short-straddle"}
	player, err := openTape("")
	require.NoError(t, err)
	defer player.Close()
	venue, base, stopVenue, err := d.serve(player, hclog.NewNullLogger())
	require.NoError(t, err)
	defer stopVenue()
	folder := t.TempDir()
	for i, row := range []struct {
		armed bool
		level risk.Level
	}{{false, risk.Armed}, {false, risk.Armed}, {false, risk.Reducing}, {false, risk.Reducing}, {true, risk.Armed}, {true, risk.Armed}} {
		set, err := d.setting(venue, base, folder, io.Discard, hclog.NewNullLogger())
		require.NoError(t, err)
		set.armed = row.armed
		engine, err := newSystem(t.Context(), set)
		require.NoError(t, err)
		require.Equal(t, row.level, engine.gate.Level(), "start %d: %s", i+1, engine.gate.Cause())
		require.NoError(t, set.journal.Close())
	}
}
