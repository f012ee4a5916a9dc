// Package demotape holds the tape that ships with the binary, so that the demo
// and the simulated venue run with no file and no account: the NIFTY option
// chain of an expiry day, as README.md beside it tells. It owns those bytes
// and nothing else.
package demotape

import (
	_ "embed"
	"strings"

	"github.com/vayu-trading/vayu/feed/tape"
)

// Name is what the shipped tape is called where a tape's file would be named.
const Name = "nifty-2026-08-18.tape"

//go:embed nifty-2026-08-18.tape
var file string

// Open reads the shipped tape from its start. Each caller gets a reader of its
// own.
func Open() (*tape.Reader, error) {
	return tape.NewReader(strings.NewReader(file), int64(len(file)))
}
