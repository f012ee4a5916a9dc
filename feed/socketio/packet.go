package socketio

import (
	"errors"
	"fmt"
)

// Type tells the packets of both layers apart. The zero value is none.
type Type uint8

// The types. The first group is Engine.IO's, the second Socket.IO's, which
// travels inside Engine.IO messages (a leading 4).
const (
	NoType  Type = iota
	Open         // 0: the server's parameters, once
	Close        // 1: asks to close the transport
	Ping         // 2: only a server sends it
	Pong         // 3: the answer
	Upgrade      // 5: of no use on a websocket
	Noop         // 6

	Connect      // 40: asks for the namespace; from the server: granted
	Disconnect   // 41: leaves the namespace
	Event        // 42
	Ack          // 43
	ConnectError // 44: refused
	BinaryEvent  // 45: its data follow in binary frames
	BinaryAck    // 46
)

var typeNames = [...]string{"none", "open", "close", "ping", "pong", "upgrade", "noop",
	"connect", "disconnect", "event", "ack", "connect error", "binary event", "binary ack"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "?"
}

// ErrPacket marks a payload that is no packet. A server closes the link on it.
var ErrPacket = errors.New("socketio: not a packet")

// Packet is one parsed payload. Its slices point into the payload and are valid
// as long as that is.
type Packet struct {
	Type        Type
	HasID       bool   // an acknowledgement is asked for (Event) or given (Ack)
	ID          uint64 // of the acknowledgement
	Attachments int    // of the binary types: how many binary frames follow
	Namespace   []byte // "/nope"; nil for the main namespace "/"
	Name        []byte // of an Event: its name as written between the quotes, escapes unresolved
	// Data is JSON: the object of an Open, Connect or ConnectError packet, the
	// array of an Ack, and of an Event what follows its name: the one argument
	// that every Breeze event has, nil when it has none. Only its ends have been
	// looked at, so that a hot path reads it once: whoever decodes it must refuse
	// text after the value.
	Data []byte
}

// Named tells whether an event has the given name, escapes resolved.
func (p *Packet) Named(name string) bool {
	if string(p.Name) == name {
		return true
	}
	for _, c := range p.Name {
		if c == '\\' {
			plain, err := AppendUnquoted(nil, p.Name)
			return err == nil && string(plain) == name
		}
	}
	return false
}

// Parse reads one text payload in place, without allocating (except to say what
// is wrong). Hot path.
func Parse(payload []byte) (Packet, error) {
	if len(payload) == 0 {
		return Packet{}, fmt.Errorf("%w: empty", ErrPacket)
	}
	switch payload[0] {
	case '0':
		if !wrapped(payload[1:], '{', '}') {
			return Packet{}, refuse("an open packet without an object", payload)
		}
		return Packet{Type: Open, Data: payload[1:]}, nil
	case '1':
		return bare(Close, payload)
	case '2':
		return Packet{Type: Ping, Data: rest(payload[1:])}, nil // "2probe" is legal Engine.IO
	case '3':
		return Packet{Type: Pong, Data: rest(payload[1:])}, nil
	case '4':
		return parseMessage(payload)
	case '5':
		return bare(Upgrade, payload)
	case '6':
		return bare(Noop, payload)
	}
	return Packet{}, refuse("unknown type", payload)
}

func parseMessage(payload []byte) (Packet, error) {
	if len(payload) < 2 || payload[1] < '0' || payload[1] > '6' {
		return Packet{}, refuse("a message of unknown type", payload)
	}
	p := Packet{Type: Connect + Type(payload[1]-'0')}
	text := payload[2:]
	if p.Type == BinaryEvent || p.Type == BinaryAck {
		count, n := digits(text)
		if n == 0 || n > 4 || n == len(text) || text[n] != '-' {
			return Packet{}, refuse("a binary packet without its attachment count", payload)
		}
		p.Attachments, text = int(count), text[n+1:]
	}
	if len(text) > 0 && text[0] == '/' {
		end := 0
		for end < len(text) && text[end] != ',' {
			end++
		}
		if end > 1 {
			p.Namespace = text[:end:end]
		}
		text = text[min(end+1, len(text)):]
	}
	if id, n := digits(text); n > 0 {
		if n > 18 {
			return Packet{}, refuse("an acknowledgement id that is too long", payload)
		}
		p.HasID, p.ID, text = true, id, text[n:]
	}
	switch p.Type {
	case Connect:
		if len(text) > 0 && !wrapped(text, '{', '}') {
			return Packet{}, refuse("a connect packet whose data is no object", payload)
		}
		p.Data = rest(text)
	case Disconnect:
		if len(text) > 0 {
			return Packet{}, refuse("a disconnect packet with data", payload)
		}
	case ConnectError:
		if !wrapped(text, '{', '}') && !wrapped(text, '"', '"') {
			return Packet{}, refuse("a connect error without a reason", payload)
		}
		p.Data = text
	case Ack, BinaryAck:
		if !wrapped(text, '[', ']') {
			return Packet{}, refuse("an acknowledgement that is no array", payload)
		}
		p.Data = text
	default: // Event, BinaryEvent
		if !p.parseEvent(text) {
			return Packet{}, refuse("an event that is no array with a name", payload)
		}
	}
	return p, nil
}

// parseEvent takes ["name"] or ["name",argument…] apart.
func (p *Packet) parseEvent(text []byte) bool {
	if !wrapped(text, '[', ']') {
		return false
	}
	text = trim(text[1 : len(text)-1])
	n := stringEnd(text)
	if n < 0 {
		return false
	}
	p.Name, text = text[1:n-1:n-1], trim(text[n:])
	if len(text) == 0 {
		return true
	}
	if text[0] != ',' {
		return false
	}
	p.Data = trim(text[1:])
	return len(p.Data) > 0
}

func bare(t Type, payload []byte) (Packet, error) {
	if len(payload) > 1 {
		return Packet{}, refuse("a "+t.String()+" packet with data", payload)
	}
	return Packet{Type: t}, nil
}

// refuse names the fault and shows the start of the payload, never all of it: a
// connect packet carries a secret further in.
func refuse(what string, payload []byte) error {
	return fmt.Errorf("%w: %s: %q (%d bytes)", ErrPacket, what, payload[:min(len(payload), 4)], len(payload))
}

func digits(text []byte) (value uint64, n int) {
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		value = value*10 + uint64(text[n]-'0')
		n++
	}
	return value, n
}

// wrapped tells whether text starts and ends with the given bytes.
func wrapped(text []byte, open, end byte) bool {
	return len(text) >= 2 && text[0] == open && text[len(text)-1] == end
}

func rest(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	return text
}

// trim cuts JSON's white space off both ends.
func trim(text []byte) []byte {
	for len(text) > 0 && space(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && space(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
