package journal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatWasAppendedIsThereAgain(t *testing.T) {
	c := Config{Folder: t.TempDir(), SegmentRecords: 100, HotRecords: 64, Reserve: 4}
	for round := range 3 {
		j, err := Open(c)
		require.NoError(t, err)
		n := uint64(0)
		require.NoError(t, j.Replay(func(r *Record) error {
			n++
			require.Equal(t, n, r.Sequence)
			return nil
		}))
		require.EqualValues(t, round*250, n)
		for range 250 {
			if !j.Append(&Record{Kind: Noted, Text: "x"}, true) {
				require.NoError(t, j.Sync())
				require.True(t, j.Append(&Record{Kind: Noted, Text: "x"}, true))
			}
		}
		require.NoError(t, j.Close())
		report, err := Check(c.Folder)
		require.NoError(t, err)
		require.EqualValues(t, (round+1)*250, report.Records())
	}
}
