package socketio

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Auth is the credential in a client's Connect packet. It prints without the
// token.
type Auth struct {
	User  string
	Token string
}

func (a Auth) String() string   { return fmt.Sprintf("{user %q, token redacted}", a.User) }
func (a Auth) GoString() string { return a.String() }

// ParseAuth reads the data of a client's Connect packet. No data is no
// credential, the zero Auth; fields of another type than string are refused.
func ParseAuth(data []byte) (Auth, error) {
	var wire struct {
		User  string `json:"user"`
		Token string `json:"token"`
	}
	if len(data) == 0 {
		return Auth{}, nil
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return Auth{}, fmt.Errorf("%w: connect: the credential is no object of strings", ErrPacket) // not %w: it could show the token
	}
	return Auth{User: wire.User, Token: wire.Token}, nil
}

// ParseRooms reads the data of a Join or Leave: one room or a list of them.
func ParseRooms(data []byte) ([]string, error) {
	var list []*string
	var one *string
	switch {
	case len(data) > 0 && data[0] == '[':
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("%w: rooms: %w", ErrPacket, err)
		}
	default:
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, fmt.Errorf("%w: rooms: %w", ErrPacket, err)
		}
		list = []*string{one}
	}
	rooms := make([]string, len(list))
	for i, room := range list {
		if room == nil {
			return nil, fmt.Errorf("%w: rooms: element %d is null", ErrPacket, i)
		}
		rooms[i] = *room
	}
	return rooms, nil
}

// AppendOpen opens a connection. Times are sent in whole milliseconds.
func AppendOpen(dst []byte, h Handshake) []byte {
	dst = AppendQuoted(append(dst, `0{"sid":`...), h.SID)
	dst = strconv.AppendInt(append(dst, `,"upgrades":[],"pingInterval":`...), h.PingInterval.Milliseconds(), 10)
	dst = strconv.AppendInt(append(dst, `,"pingTimeout":`...), h.PingTimeout.Milliseconds(), 10)
	dst = strconv.AppendInt(append(dst, `,"maxPayload":`...), int64(h.MaxPayload), 10)
	return append(dst, '}')
}

// AppendPing asks the client for a sign of life.
func AppendPing(dst []byte) []byte { return append(dst, '2') }

// AppendAccept grants the main namespace. The sid is another one than the
// connection's.
func AppendAccept(dst []byte, sid string) []byte {
	return append(AppendQuoted(append(dst, `40{"sid":`...), sid), '}')
}

// AppendConnectError refuses a namespace: "" for the main one, or "/nope".
func AppendConnectError(dst []byte, namespace, message string) []byte {
	dst = append(dst, `44`...)
	if namespace != "" && namespace != "/" {
		dst = append(append(dst, namespace...), ',')
	}
	return append(AppendQuoted(append(dst, `{"message":`...), message), '}')
}

// AppendEvent writes an event with one argument, which must be valid JSON; none
// when it is empty.
func AppendEvent(dst []byte, name string, argument []byte) []byte {
	dst = AppendQuoted(append(dst, `42[`...), name)
	if len(argument) > 0 {
		dst = append(append(dst, ','), argument...)
	}
	return append(dst, ']')
}

// AppendAck answers an event that carried an acknowledgement id; argument as in
// AppendEvent.
func AppendAck(dst []byte, id uint64, argument []byte) []byte {
	dst = strconv.AppendUint(append(dst, `43`...), id, 10)
	return append(append(append(dst, '['), argument...), ']')
}
