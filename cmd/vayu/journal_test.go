package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// journalOfTwoDays has an order of the same number on each.
func journalOfTwoDays(t *testing.T) (folder string, tag order.Tag) {
	folder = t.TempDir()
	j, err := journal.Open(journal.Config{Folder: folder, SegmentRecords: 64, HotRecords: 16, Reserve: 4})
	require.NoError(t, err)
	for day := 17; day <= 18; day++ {
		tag = order.Tag{Instance: [2]byte{'V', 'Y'}, Day: market.NewDate(2026, time.August, day), Boot: 1}
		at := market.Stamp{Mono: 1, Wall: tag.Day.At(11 * time.Hour), Market: tag.Day.At(11 * time.Hour)}
		for _, r := range []journal.Record{
			{Kind: journal.Started, At: at, Start: journal.Start{Tag: tag}},
			{Kind: journal.Sending, At: at, ID: tag.ID(1), Call: journal.Call{Kind: journal.Place, Class: order.Entry, Attempt: 1, Price: 9995}},
			{Kind: journal.Answered, At: at, ID: tag.ID(1), Call: journal.Call{Kind: journal.Place, Class: order.Entry, Verdict: order.OK, Took: time.Millisecond, Text: "fine"}},
			{Kind: journal.Noted, At: at, Text: "look at the venue"},
		} {
			require.True(t, j.Append(&r, true))
		}
	}
	require.NoError(t, j.Close())
	return folder, tag
}

func TestJournalDumpTellsWhatIsAskedFor(t *testing.T) {
	folder, tag := journalOfTwoDays(t)
	lines := func(args ...string) []string {
		t.Helper()
		code, out, errs := try(t, append([]string{"journal", "dump", "--folder", folder}, args...)...)
		require.Equal(t, exitOK, code, errs)
		return strings.Split(strings.TrimSpace(out), "\n")
	}

	require.Len(t, lines(), 8)
	require.Len(t, lines("--order", "78364164097"), 4)
	require.Len(t, lines("--order", tag.Remark(tag.ID(1)).String()), 2, "a remark knows its day")
	require.Len(t, lines("--kind", "started,noted"), 4)
	require.Len(t, lines("--since", "2026-08-18"), 4)
	only := lines("--since", "2026-08-18T11:00:00", "--kind", "answered", "--order", "78364164097")
	require.Equal(t, []string{`#7 2026-08-18T11:00:00.000+05:30 answered order 78364164097 call=place class=entry verdict=ok took=1ms said="fine"`}, only)

	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines("--json", "--kind", "sending")[0]), &document))
	require.Equal(t, "place", document["call"])
	require.Equal(t, "99.95", document["price"])
	require.EqualValues(t, 2, document["sequence"])

	for _, args := range [][]string{{"--order", "x"}, {"--kind", "nope"}, {"--since", "noon"}} {
		code, _, errs := try(t, append([]string{"journal", "dump", "--folder", folder}, args...)...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, errs, args[1])
	}
	code, _, errs := try(t, "journal", "dump", "--folder", t.TempDir())
	require.Equal(t, exitConfig, code)
	require.Contains(t, errs, "there is no journal in")
}

func TestJournalFsckNamesTheDamagedRecord(t *testing.T) {
	folder, _ := journalOfTwoDays(t)
	code, out, errs := try(t, "journal", "fsck", "--folder", folder)
	require.Equal(t, exitOK, code, errs)
	require.Contains(t, out, "8 whole records (1 to 8)")
	require.Contains(t, out, "nothing is damaged")

	segment := filepath.Join(folder, "00000001.journal")
	image, err := os.ReadFile(segment)
	require.NoError(t, err)
	image[4096+4*128+70] ^= 1
	require.NoError(t, os.WriteFile(segment, image, 0o600))

	code, _, errs = try(t, "journal", "fsck", "--folder", folder)
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, segment+", record 5: ")

	code, out, _ = try(t, "journal", "fsck", "--json", "--folder", folder)
	require.Equal(t, exitFailed, code)
	var document struct {
		OK     bool
		Last   int
		Damage string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &document))
	require.False(t, document.OK)
	require.Equal(t, 4, document.Last)
	require.Contains(t, document.Damage, "record 5")

	code, out, errs = try(t, "journal", "dump", "--folder", folder)
	require.Equal(t, exitFailed, code)
	require.Len(t, strings.Split(strings.TrimSpace(out), "\n"), 4, "what comes before the damage")
	require.Contains(t, errs, "record 5")
	code, _, _ = try(t, "journal", "fsck", "--folder", t.TempDir())
	require.Equal(t, exitConfig, code)
}
