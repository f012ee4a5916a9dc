package main

// journalMutants damage what is kept on disk, or do not see that it is damaged.
var journalMutants = []Mutant{
	{
		Name: "torn record accepted",
		Rule: "a record whose checksum does not fit is no record",
		File: "engine/journal/scan.go",
		Find: `	if crc32.Checksum(form[4:], castagnoli) != binary.LittleEndian.Uint32(form[:4]) {
		return 0
	}
`,
		Replace: `	_ = crc32.Checksum
`,
		Killers: in("engine/journal", "TestP2_ATornRecordIsCutAtEveryLength"),
	},
	{
		Name:    "bit flip skipped",
		Rule:    "damage before the last record stops trading, with the record's number",
		File:    "engine/journal/scan.go",
		Find:    `			if sequence <= sure {`,
		Replace: `			if false && sequence <= sure {`,
		Killers: in("engine/journal", "TestP3_EveryBitFlippedInASegmentIsFoundAndNamed"),
	},
	{
		Name:    "a hole in the hot file is the end",
		Rule:    "a whole record beyond a missing one means that the missing one was there",
		File:    "engine/journal/scan.go",
		Find:    `	if beyond == 0 || `,
		Replace: `	if beyond >= 0 || `,
		Killers: in("engine/journal", "TestP3_EveryBitFlippedInTheHotFileIsFoundAndNamed"),
	},
	{
		Name:    "second instance allowed",
		Rule:    "one engine to a folder: the second refuses",
		File:    "engine/journal/lock.go",
		Find:    `	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {`,
		Replace: `	if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {`,
		Also: []Edit{{
			File:    "engine/journal/open.go",
			Find:    `	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {`,
			Replace: `	if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {`,
		}},
		Killers: in("engine/journal", "TestP6_ASecondEngineOnOneFolderIsRefused"),
	},
	{
		Name: "every start has the same number",
		Rule: "the boot counter rises with every start, and is on disk before it is used",
		File: "engine/journal/lock.go",
		Find: `	boot++
`,
		Replace: `	boot = max(boot, 1)
`,
		Killers: in("engine/journal", "TestP6_EveryStartOfADayHasItsOwnNumber"),
	},
	{
		Name:    "records overwrite what is not on disk",
		Rule:    "a record without room is not kept, and its entry denied",
		File:    "engine/journal/journal.go",
		Find:    `	if sequence > room.Load() {`,
		Replace: `	if sequence > room.Load()+1 {`,
		Killers: in("engine/journal", "TestP4_AFullDiskDeniesEntriesWhileCancelsAreStillRecorded"),
	},
	{
		Name:    "the journal's reserve is anyone's",
		Rule:    "the last room is for what ends a risk",
		File:    "engine/journal/journal.go",
		Find:    `	room := &j.soft`,
		Replace: `	room := &j.hard`,
		Killers: in("engine/journal", "TestP4_AFullDiskDeniesEntriesWhileCancelsAreStillRecorded"),
	},
	{
		Name: "a failed sync is trusted",
		Rule: "a segment whose sync failed is given up",
		File: "engine/journal/keeper.go",
		Find: `	return j.file.Sync()
}

func (j *Journal) markLocked`,
		Replace: `	_ = j.file.Sync()
	return nil
}

func (j *Journal) markLocked`,
		Killers: in("engine/journal", "TestP5_ASegmentWhoseSyncFailedIsGivenUpAndItsRecordsWrittenElsewhere"),
	},
}
