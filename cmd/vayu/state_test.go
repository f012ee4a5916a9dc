package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

func TestP6_ASecondEngineOnOneFolderIsRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	first, err := openState(folder)
	require.NoError(t, err)

	_, err = openState(folder)
	require.ErrorContains(t, err, "another engine runs")
	require.Equal(t, exitTemporary, exitCode(err))

	require.NoError(t, first.Close())
	again, err := openState(folder)
	require.NoError(t, err)
	require.NoError(t, again.Close())
}

func TestEveryStartOfADayHasItsOwnNumber(t *testing.T) {
	folder := t.TempDir()
	state, err := openState(folder)
	require.NoError(t, err)
	defer state.Close()
	next := func(day market.Date) uint32 {
		t.Helper()
		boot, err := state.nextBoot(day)
		require.NoError(t, err)
		return boot
	}

	require.EqualValues(t, 1, next(20260818))
	require.EqualValues(t, 2, next(20260818))
	require.EqualValues(t, 1, next(20260819))

	require.NoError(t, os.WriteFile(filepath.Join(folder, "starts"), []byte("2026-08-19 many"), 0o600))
	_, err = state.nextBoot(20260819)
	require.ErrorContains(t, err, "damaged")
}
