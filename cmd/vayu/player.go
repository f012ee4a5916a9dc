package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/demotape"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/socketio"
	"github.com/vayu-trading/vayu/feed/stream"
	"github.com/vayu-trading/vayu/feed/tape"
)

// tapePlayer lets the simulated venue play a tape of raw stream messages: the
// venue wants market events, so each message goes through the live decoder. It
// is a sim.Tape; the venue owns it.
type tapePlayer struct {
	name     string
	reader   *tape.Reader
	header   tape.Header
	universe *market.Universe
	decoder  *stream.Decoder
	frame    tape.Frame // scratch
}

// openTape opens the tape at path, or the one that ships with the binary when
// path is empty.
func openTape(path string) (*tapePlayer, error) {
	name, open := demotape.Name, demotape.Open
	if path != "" {
		name, open = filepath.Base(path), func() (*tape.Reader, error) { return tape.Open(path) }
	}
	reader, err := open()
	if err != nil {
		return nil, fmt.Errorf("tape %s: %w", name, err)
	}
	p := &tapePlayer{name: name, reader: reader, header: reader.Header()}
	if p.universe, err = market.NewUniverse(p.header.Instruments); err != nil {
		return nil, errors.Join(fmt.Errorf("tape %s: %w", name, err), reader.Close())
	}
	p.decoder = stream.NewDecoder(p.universe)
	return p, nil
}

func (p *tapePlayer) Date() market.Date                { return p.header.Date }
func (p *tapePlayer) Instruments() []market.Instrument { return p.universe.All() }
func (p *tapePlayer) Rewind() error                    { return p.reader.Rewind() }
func (p *tapePlayer) Close() error                     { return p.reader.Close() }
func (p *tapePlayer) Describe() string                 { return p.header.Title }

// Next decodes the next message of the tape.
func (p *tapePlayer) Next(e *market.Event) (bool, error) {
	more, err := p.reader.Next(&p.frame)
	if err != nil || !more {
		return false, err
	}
	packet, err := socketio.Parse(p.frame.Payload)
	if err != nil {
		return false, fmt.Errorf("tape %s at %s: %w", p.name, p.frame.At, err)
	}
	*e = market.Event{At: p.frame.At, Synthetic: p.frame.Source == tape.Synthetic}
	if e.Kind, err = p.decoder.Stock(packet.Data, &e.Quote, &e.Depth); err != nil {
		return false, fmt.Errorf("tape %s at %s: %w", p.name, p.frame.At, err)
	}
	return true, nil
}
