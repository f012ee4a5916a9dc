package socketio

import (
	"encoding/json"
	"fmt"
	"time"
)

// The events that subscribe and unsubscribe.
const (
	Join  = "join"
	Leave = "leave"
)

// AppendConnect asks for the main namespace with the account's credential.
func AppendConnect(dst []byte, auth Auth) []byte {
	dst = append(dst, `40{"user":`...)
	dst = AppendQuoted(dst, auth.User)
	dst = append(dst, `,"token":`...)
	dst = AppendQuoted(dst, auth.Token)
	return append(dst, '}')
}

// AppendRoom writes a Join or Leave of one room.
func AppendRoom(dst []byte, event, room string) []byte {
	dst = append(AppendQuoted(append(dst, `42[`...), event), ',')
	return append(AppendQuoted(dst, room), ']')
}

// AppendRooms writes a Join or Leave of a list of rooms.
func AppendRooms(dst []byte, event string, rooms []string) []byte {
	dst = append(AppendQuoted(append(dst, `42[`...), event), `,[`...)
	for i, room := range rooms {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendQuoted(dst, room)
	}
	return append(dst, `]]`...)
}

// AppendPong answers a ping.
func AppendPong(dst []byte) []byte { return append(dst, '3') }

// AppendDisconnect leaves the namespace (client) or drops the session (server).
func AppendDisconnect(dst []byte) []byte { return append(dst, `41`...) }

// Handshake is what a server says when it opens a connection.
type Handshake struct {
	SID          string
	PingInterval time.Duration // how often the server pings
	PingTimeout  time.Duration // how long it waits for the answer
	MaxPayload   int           // bytes of one payload that the server takes
}

// maxPing bounds what a handshake may ask for: a link that may stay mute for
// longer is no link.
const maxPing = time.Hour

// ParseOpen reads the data of an Open packet. Ping times that are missing,
// not positive or longer than an hour are refused: the client lives by them.
func ParseOpen(data []byte) (Handshake, error) {
	var wire struct {
		SID          string `json:"sid"`
		PingInterval int64  `json:"pingInterval"`
		PingTimeout  int64  `json:"pingTimeout"`
		MaxPayload   int    `json:"maxPayload"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return Handshake{}, fmt.Errorf("%w: open: %w", ErrPacket, err)
	}
	for _, ms := range []int64{wire.PingInterval, wire.PingTimeout} {
		if ms <= 0 || ms > maxPing.Milliseconds() {
			return Handshake{}, fmt.Errorf("%w: open: a ping time of %d ms, want 1 ms to %s", ErrPacket, ms, maxPing)
		}
	}
	return Handshake{
		SID:          wire.SID,
		PingInterval: time.Duration(wire.PingInterval) * time.Millisecond,
		PingTimeout:  time.Duration(wire.PingTimeout) * time.Millisecond,
		MaxPayload:   wire.MaxPayload,
	}, nil
}

// ParseConnectError reads the server's reason from the data of a ConnectError
// packet, verbatim; empty when it gives none.
func ParseConnectError(data []byte) string {
	var wire struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(data, &wire) != nil {
		_ = json.Unmarshal(data, &wire.Message) // older servers send a bare string
	}
	return wire.Message
}
