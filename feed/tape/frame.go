package tape

import (
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

// Source tells where a frame's figures come from. Zero is no source and is
// refused.
type Source uint8

// The sources.
const (
	NoSource  Source = iota
	Recorded         // the venue said so at that moment
	Modelled         // computed around recorded figures; the header's note says how
	Synthetic        // made up
)

func (s Source) String() string { return [...]string{"none", "recorded", "modelled", "synthetic"}[s&3] }

// Frame is one websocket message of the day.
type Frame struct {
	At      market.UnixNano // market time
	Source  Source
	Payload []byte // the message's text: 42["stock",[...]]; valid until the reader's next Next, Seek or Rewind
}

// Header says what a tape is, and names the instruments its frames speak of.
type Header struct {
	Date        market.Date         // the trading day
	Title       string              // one line for lists
	Source      string              // where the figures come from
	Licence     string              // what is known of the right to use them
	Note        string              // what is recorded, what is modelled and how
	Instruments []market.Instrument // their ids are not kept: a universe numbers them anew
}

// DamageError is a part of a tape that cannot be read though good blocks
// follow it, or a tape that contradicts itself.
type DamageError struct {
	Block  int   // counted from 0, the header's block
	Offset int64 // of the block in the file, in bytes
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("tape: block %d at byte %d is damaged: %s", e.Block, e.Offset, e.Reason)
}
