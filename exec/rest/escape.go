package rest

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendQuoted writes text as a JSON string. Text from outside (a master's
// short name) can hold anything: quotes, controls and invalid UTF-8 must not
// break out of the string. Valid UTF-8 stays as it is.
func appendQuoted[T ~string | ~[]byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, size := decodeRune(text, i)
			dst = utf8.AppendRune(dst, r) // U+FFFD for a byte that is no rune
			i += size
			continue
		}
		i++
	}
	return append(dst, '"')
}

// decodeRune reads the rune at text[i:] without turning text into a string.
func decodeRune[T ~string | ~[]byte](text T, i int) (rune, int) {
	var window [utf8.UTFMax]byte
	n := copy(window[:], text[i:])
	return utf8.DecodeRune(window[:n])
}

// appendHeaderValue writes text as a header's value. A control byte would end
// the header and start another, so it is left out: the worst that follows is a
// refused request.
func appendHeaderValue(dst []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c >= 0x20 && c != 0x7f {
			dst = append(dst, c)
		}
	}
	return dst
}

// Escape makes text from the venue fit for a log line or a terminal: controls,
// escape sequences, direction overrides, invisible runes and bytes that are no
// UTF-8 come out as visible escapes, and the rest is cut after limit runes.
func Escape[T ~string | ~[]byte](text T, limit int) string {
	dst := make([]byte, 0, min(len(text), 4*limit)+8)
	for i, n := 0, 0; i < len(text); n++ {
		if n == limit {
			return string(append(dst, "..."...))
		}
		r, size := decodeRune(text, i)
		switch {
		case r == utf8.RuneError && size <= 1:
			dst = append(dst, '\\', 'x', hexDigits[text[i]>>4], hexDigits[text[i]&15])
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
			dst = utf8.AppendRune(dst, r)
		default: // Cc, Cf (bidi and zero width among them), Co, line separators
			dst = append(dst, `\u{`...)
			dst = strconv.AppendInt(dst, int64(r), 16)
			dst = append(dst, '}')
		}
		i += max(size, 1)
	}
	return string(dst)
}
