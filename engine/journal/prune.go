package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vayu-trading/vayu/engine/market"
)

// The file oldest names the first segment that must be there, once some were
// pruned.
const oldestName = "oldest"

func readOldest(folder string) (uint32, error) {
	path := filepath.Join(folder, oldestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 1, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil || n == 0 {
		return 0, damaged(path, 0, "it says %q, not the number of a segment", text)
	}
	return uint32(n), nil
}

// Prune removes the oldest segments, those whose newest record is from a day
// (of market time) before the given one, and returns how many. The newest
// segment stays.
func (j *Journal) Prune(before market.Date) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	list, err := segments(j.config.Folder)
	if err != nil {
		return 0, err
	}
	s, n := scan{}, 0
	for ; n+1 < len(list); n++ {
		newest := list[n+1].first - 1
		if newest < list[n].first {
			continue // given up before its first record
		}
		var r Record
		err := s.stream(&list[n], newest, newest, func(_ uint64, form *[Size]byte) error { return r.Decode(form) })
		if err != nil {
			return 0, damaged(list[n].path, newest, "%w", err)
		}
		if r.At.Market.Date() >= before {
			break
		}
	}
	if n == 0 {
		return 0, nil
	}
	if err := replace(filepath.Join(j.config.Folder, oldestName), fmt.Sprintln(list[n].number)); err != nil {
		return 0, fmt.Errorf("journal: %w", err)
	}
	var failed error
	for i := range n {
		failed = errors.Join(failed, os.Remove(list[i].path))
	}
	return n, failed
}
