package journal

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
)

// What the error tells a person to do must not make two orders of a day alike.
func TestAFolderMadeAsTheErrorSaysGoesOnCountingStarts(t *testing.T) {
	err := error(&DamageError{File: "/var/vayu/00000001.journal", Record: 7, Cause: errors.New("the checksum does not fit")})
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, "move the folder /var/vayu away and start with a new one that has nothing but its file starts")

	day := market.Date(20260818)
	folder := t.TempDir()
	require.NoError(t, replace(folder+"/starts", "2026-08-18 7\n"))
	j, err := Open(Config{Folder: folder})
	require.NoError(t, err)
	defer j.Close()
	boot, err := j.NextBoot(day)
	require.NoError(t, err)
	require.EqualValues(t, 8, boot)
}
