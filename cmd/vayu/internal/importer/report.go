package importer

import (
	"fmt"
	"strings"
)

// Report says what an import read, wrote and met on the way.
type Report struct {
	Tape        string `json:"tape"`
	Date        string `json:"date"`
	Bytes       int64  `json:"bytes"`
	Rows        int    `json:"rows"`      // of the source
	Snapshots   int    `json:"snapshots"` // minutes
	Instruments int    `json:"instruments"`
	Frames      int    `json:"frames"`
	Indices     int    `json:"index_quotes"` // of the frames
	Quotes      int    `json:"quotes"`
	Depths      int    `json:"depths"`

	LeftOut      int `json:"rows_left_out"`      // not of the expiries and strikes asked for
	Unknown      int `json:"rows_unknown"`       // contracts that the master does not have
	Duplicates   int `json:"rows_duplicate"`     // a contract twice in one snapshot: the later one stands
	Untraded     int `json:"rows_without_price"` // a last price of zero: left out
	OffTick      int `json:"rows_off_tick"`      // a last price off the grid: left out
	Missing      int `json:"minutes_missing"`    // between the first and the last snapshot
	Frozen       int `json:"snapshots_frozen"`   // with every figure as in the one before
	VolumeFalls  int `json:"volume_falls"`       // the day's volume fell: the highest stands
	Pairs        int `json:"parity_pairs"`       // strikes with both rights, over all snapshots
	Blended      int `json:"parity_blended"`     // of these, moved off their last prices to agree with the forward
	OneLegged    int `json:"one_legged"`         // contracts without their twin, over all snapshots
	BandsWidened int `json:"bands_widened"`      // price bands too narrow for the day
	NoForward    int `json:"chains_no_forward"`  // an expiry in a snapshot without a strike that has both rights
}

// String is the report as lines for a terminal.
func (r Report) String() string {
	var b strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&b, "%-36s %v\n", name, value) }
	line("tape", r.Tape)
	line("day", r.Date)
	line("bytes", r.Bytes)
	line("source rows", r.Rows)
	line("snapshots", r.Snapshots)
	line("instruments", r.Instruments)
	line("frames", fmt.Sprintf("%d (%d index, %d quotes, %d depths)", r.Frames, r.Indices, r.Quotes, r.Depths))
	line("rows left out (not asked for)", r.LeftOut)
	line("rows of contracts not in the master", r.Unknown)
	line("rows repeated within a snapshot", r.Duplicates)
	line("rows without a price", r.Untraded)
	line("rows with a price off the tick", r.OffTick)
	line("minutes missing", r.Missing)
	line("snapshots frozen", r.Frozen)
	line("volume fell (highest kept)", r.VolumeFalls)
	line("strikes placed by parity", fmt.Sprintf("%d of %d", r.Blended, r.Pairs))
	line("contracts without their twin", r.OneLegged)
	line("chains without a forward", r.NoForward)
	line("price bands widened", r.BandsWidened)
	return b.String()
}
