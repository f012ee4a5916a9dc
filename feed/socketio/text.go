package socketio

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// ErrString marks text that is not the inside of a JSON string.
var ErrString = errors.New("socketio: not a JSON string")

// AppendQuoted writes s as a JSON string. It escapes what JSON must have
// escaped and leaves the rest, as JSON.stringify does.
func AppendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r) // a byte that is no UTF-8 becomes U+FFFD
			i += size
			continue
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}

// AppendUnquoted resolves the escapes of raw, the inside of a JSON string
// without its quotes, and appends the text. It allocates; callers ask for it
// only when a backslash is there.
func AppendUnquoted(dst, raw []byte) ([]byte, error) {
	quoted := make([]byte, 0, len(raw)+2)
	quoted = append(append(append(quoted, '"'), raw...), '"')
	var text string
	if stringEnd(quoted) != len(quoted) || json.Unmarshal(quoted, &text) != nil {
		return dst, ErrString
	}
	return append(dst, text...), nil
}

// stringEnd is the length of the JSON string that text starts with, quotes
// included, or -1. It finds the end; what the escapes are worth is for whoever
// resolves them.
func stringEnd(text []byte) int {
	if len(text) < 2 || text[0] != '"' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			i++
		case c < ' ':
			return -1
		}
	}
	return -1
}
