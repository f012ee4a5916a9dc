package config

// maxDepth is how deep brackets or dotted keys may nest. Ours need three.
const maxDepth = 8

// tooDeep finds the first line where arrays, inline tables or dotted keys nest
// deeper than maxDepth. It runs before the TOML reader, which recurses, and
// need not understand more of TOML than where strings and comments end.
func tooDeep(text []byte) (line int, deep bool) {
	line = 1
	brackets, dots := 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\n':
			line++
			dots = 0
		case '#':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case '"', '\'':
			end := stringEnd(text, i)
			for ; i < end; i++ {
				if text[i] == '\n' {
					line++
				}
			}
		case '[', '{':
			brackets++
			dots = 0
		case ']', '}':
			brackets--
		case ',', '=':
			dots = 0
		case '.':
			dots++
		}
		if brackets > maxDepth || dots > maxDepth {
			return line, true
		}
	}
	return 0, false
}

// stringEnd is the index of the last byte of the string that opens at i.
func stringEnd(text []byte, i int) int {
	quote, long := text[i], i+2 < len(text) && text[i+1] == text[i] && text[i+2] == text[i]
	if long {
		i += 2
	}
	for i++; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case !long && (text[i] == quote || text[i] == '\n'):
			return i
		case long && text[i] == quote && i+2 < len(text) && text[i+1] == quote && text[i+2] == quote:
			return i + 2
		}
	}
	return len(text) - 1
}
