package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
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
