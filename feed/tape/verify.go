package tape

import (
	"bytes"
	"fmt"

	"github.com/vayu-trading/vayu/engine/market"
)

// Report is what Verify found on a tape.
type Report struct {
	Blocks      int             // of frames
	Frames      int             // all of them
	Recorded    int             // frames by source
	Modelled    int             //
	Synthetic   int             //
	Stock       int             // frames that are stock events, by their first bytes
	Payload     int64           // bytes of text
	File        int64           // bytes on disk
	Torn        int64           // of those, bytes of a torn tail
	Instruments int             //
	First, Last market.UnixNano // zero when there is no frame
}

// Verify reads a whole tape from its start and checks every block and frame,
// that counts agree with the blocks' heads, and that times never fall. The
// reader stands at its start afterwards. A torn tail is no error: it is in the
// report.
func Verify(r *Reader) (Report, error) {
	if err := r.Rewind(); err != nil {
		return Report{}, err
	}
	rep := Report{Blocks: len(r.blocks), File: r.size, Torn: r.torn, Instruments: len(r.header.Instruments)}
	rep.First, rep.Last = r.Span()
	var f Frame
	for i := range r.blocks {
		b, count := &r.blocks[i], 0
		if err := r.load(i); err != nil {
			return rep, err
		}
		r.next = i + 1
		var last market.UnixNano
		for len(r.rest) > 0 {
			ok := false
			if r.rest, ok = r.cut(&f); !ok {
				return rep, r.damage(i+1, b.offset, fmt.Sprintf("frame %d does not fit", count))
			}
			if count == 0 && f.At != b.first {
				return rep, r.damage(i+1, b.offset, "its first frame is not at the time its head says")
			}
			count++
			rep.count(&f)
			last = f.At
		}
		if count != b.frames || (count > 0 && last != b.last) {
			return rep, r.damage(i+1, b.offset, fmt.Sprintf("it holds %d frames to %s where its head says %d to %s", count, last, b.frames, b.last))
		}
	}
	return rep, r.Rewind()
}

func (rep *Report) count(f *Frame) {
	rep.Frames++
	rep.Payload += int64(len(f.Payload))
	switch f.Source {
	case Recorded:
		rep.Recorded++
	case Modelled:
		rep.Modelled++
	case Synthetic:
		rep.Synthetic++
	}
	if bytes.HasPrefix(f.Payload, []byte(`42["stock",[`)) {
		rep.Stock++
	}
}
