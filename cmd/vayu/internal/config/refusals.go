package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of the operator's list of refusals.
const (
	maxRefusals = 256
	minRefusal  = 8   // bytes: a shorter text could be anything
	maxRefusal  = 200 // bytes
)

// LoadRefusals reads venue.refusals_file: the texts, one a line and to the
// letter, that mean the venue refused an order for what it asked. Lines that
// begin with # are remarks. No path, no texts.
//
// A text that is on the list ends an order at once, without a look at the
// venue's own list; so a line that cannot be such a text is an error.
func LoadRefusals(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("venue.refusals_file: %w", err)
	}
	refuse := func(line int, format string, args ...any) error {
		return fmt.Errorf("%w: venue.refusals_file: %s:%d: %s", ErrConfig, path, line, fmt.Sprintf(format, args...))
	}
	if len(text) > maxFile {
		return nil, refuse(1, "larger than %d KiB", maxFile>>10)
	}
	var list []string
	line := 0
	for entry := range strings.Lines(string(text)) {
		line++
		entry = strings.TrimSpace(entry)
		switch {
		case entry == "" || strings.HasPrefix(entry, "#"):
			continue
		case !utf8.ValidString(entry) || strings.ContainsFunc(entry, unicode.IsControl):
			return nil, refuse(line, "not one line of plain text")
		case len(entry) < minRefusal || len(entry) > maxRefusal:
			return nil, refuse(line, "%.40q has %d bytes, want %d to %d: the venue's whole text", entry, len(entry), minRefusal, maxRefusal)
		case slices.Contains(list, entry):
			return nil, refuse(line, "%.40q is there twice", entry)
		case len(list) == maxRefusals:
			return nil, refuse(line, "more than %d texts", maxRefusals)
		}
		list = append(list, entry)
	}
	return list, nil
}
