package gateway

import (
	"bytes"
	"errors"
)

// Bounds of an answer. What passes them is cut: the connection closes and the
// attempt is judged as one without a whole answer.
const (
	maxHead     = 16 << 10 // status lines and headers, the interim ones included
	maxBody     = 8 << 20  // a list of the 5,000 orders that a day allows has half of that
	maxInterim  = 8        // 1xx answers before the real one
	maxLine     = 96       // of a chunk's size, extensions included
	maxTrailers = 4 << 10
)

// Why an answer cannot be used.
var (
	errMalformed = errors.New("gateway: the answer is no HTTP/1.1")
	errHeadSize  = errors.New("gateway: the answer's headers pass 16 KiB")
	errBodySize  = errors.New("gateway: the answer's body passes 8 MiB")
	errInterim   = errors.New("gateway: too many interim answers")
	errExtra     = errors.New("gateway: bytes after the answer")
)

// httpAnswer takes the bytes of one HTTP/1.1 answer as they come, however they
// are cut, and says when it is whole. It is pure, and strict wherever two
// readings are possible: an answer that could be understood in two ways is not
// understood. Reuse it after reset.
type httpAnswer struct {
	code       int
	keepAlive  bool
	retryAfter []byte // nil when absent; valid until reset
	date       []byte
	body       []byte // valid until reset
	began      bool   // any byte came

	state    answerState
	head     []byte // what came of the head so far
	total    int    // bytes of all heads
	interim  int
	left     int // of the body by length, or of the chunk
	line     []byte
	trailers int
	spare    []byte // memory that retryAfter and date point into
}

type answerState uint8

const (
	inHead answerState = iota
	inLength
	inChunkSize
	inChunk
	afterChunk
	inTrailers
	untilClose
	whole
)

func (a *httpAnswer) reset() {
	*a = httpAnswer{body: a.body[:0], head: a.head[:0], line: a.line[:0], spare: a.spare[:0]}
}

// take consumes data. An error is final. Bytes after a whole answer are an
// error: nobody asked for them.
func (a *httpAnswer) take(data []byte) error {
	if len(data) > 0 {
		a.began = true
	}
	for len(data) > 0 {
		var err error
		switch a.state {
		case inHead:
			data, err = a.takeHead(data)
		case inLength, inChunk:
			data = a.takeCounted(data)
		case inChunkSize, afterChunk, inTrailers:
			data, err = a.takeLine(data)
		case untilClose:
			if len(a.body)+len(data) > maxBody {
				return errBodySize
			}
			a.body, data = append(a.body, data...), nil
		case whole:
			return errExtra
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// done tells whether the answer is whole.
func (a *httpAnswer) done() bool { return a.state == whole }

// closed tells that the other side ended the connection in good order, which
// is how a body without a length ends.
func (a *httpAnswer) closed() {
	if a.state == untilClose {
		a.state = whole
	}
}

var headEnd = []byte("\r\n\r\n")

func (a *httpAnswer) takeHead(data []byte) (rest []byte, err error) {
	had := len(a.head)
	seen := max(0, had-len(headEnd)+1) // the end may straddle two reads
	room := maxHead - a.total
	a.head = append(a.head, data[:min(len(data), room+1-had)]...)
	end := bytes.Index(a.head[seen:], headEnd)
	if end < 0 {
		if len(a.head) > room {
			return nil, errHeadSize
		}
		return nil, nil
	}
	size := seen + end + len(headEnd)
	if size > room {
		return nil, errHeadSize
	}
	rest = data[size-had:]
	a.head = a.head[:size]
	a.total += size
	if err := a.parseHead(a.head[:size-len(headEnd)]); err != nil {
		return nil, err
	}
	a.head = a.head[:0]
	return rest, nil
}

// parseHead reads a status line and headers without their last line end.
func (a *httpAnswer) parseHead(head []byte) error {
	line, fields, _ := bytes.Cut(head, []byte("\r\n"))
	// "HTTP/1.1 200 OK"; the reason is optional.
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' ||
		len(line) > 12 && line[12] != ' ' || hasControl(line) {
		return errMalformed
	}
	a.code = 0
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return errMalformed
		}
		a.code = a.code*10 + int(c-'0')
	}
	a.keepAlive = line[7] == '1'
	length, chunked := -1, false
	a.retryAfter, a.date, a.spare = nil, nil, a.spare[:0]
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") || hasControl(line) {
			return errMalformed // a folded or broken line
		}
		value = bytes.Trim(value, " \t")
		switch {
		case is(name, "content-length"):
			n, ok := parseSize(value, 10)
			if !ok || length >= 0 && n != length {
				return errMalformed
			}
			length = n
		case is(name, "transfer-encoding"):
			if chunked || !is(value, "chunked") {
				return errMalformed
			}
			chunked = true
		case is(name, "connection"):
			a.keepAlive = (a.keepAlive || is(value, "keep-alive")) && !mentions(value, "close")
		case is(name, "retry-after"):
			a.retryAfter = a.keep(value)
		case is(name, "date"):
			a.date = a.keep(value)
		}
	}
	switch {
	case a.code < 100:
		return errMalformed
	case a.code == 101: // nobody asked for another protocol
		return errMalformed
	case a.code < 200:
		if a.interim++; a.interim > maxInterim {
			return errInterim
		}
		a.retryAfter, a.date = nil, nil
		return nil // the real head follows
	case a.code == 204 || a.code == 304:
		a.state = whole
	case chunked && length >= 0: // two framings: the classic way to smuggle an answer
		return errMalformed
	case chunked:
		a.state = inChunkSize
	case length > maxBody:
		return errBodySize
	case length >= 0:
		a.state, a.left = inLength, length
		if length == 0 {
			a.state = whole
		}
	default:
		a.state, a.keepAlive = untilClose, false
	}
	return nil
}

// keep copies a value out of the head's memory.
func (a *httpAnswer) keep(value []byte) []byte {
	start := len(a.spare)
	a.spare = append(a.spare, value...)
	return a.spare[start:len(a.spare):len(a.spare)]
}

func (a *httpAnswer) takeCounted(data []byte) (rest []byte) {
	n := min(len(data), a.left)
	a.body = append(a.body, data[:n]...)
	a.left -= n
	if a.left == 0 {
		if a.state == inChunk {
			a.state = afterChunk
		} else {
			a.state = whole
		}
	}
	return data[n:]
}

func (a *httpAnswer) takeLine(data []byte) (rest []byte, err error) {
	limit := maxLine
	if a.state == inTrailers {
		limit = maxTrailers
	}
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		end = len(data) - 1
	}
	if len(a.line)+end+1 > limit {
		return nil, errMalformed
	}
	a.line = append(a.line, data[:end+1]...)
	rest = data[end+1:]
	if a.line[len(a.line)-1] != '\n' {
		return rest, nil
	}
	if len(a.line) < 2 || a.line[len(a.line)-2] != '\r' {
		return nil, errMalformed
	}
	line := a.line[:len(a.line)-2]
	a.line = a.line[:0]
	switch a.state {
	case afterChunk:
		if len(line) != 0 {
			return nil, errMalformed
		}
		a.state = inChunkSize
	case inChunkSize:
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, ok := parseSize(bytes.TrimRight(size, " \t"), 16)
		switch {
		case !ok:
			return nil, errMalformed
		case n == 0:
			a.state = inTrailers
		case n > maxBody-len(a.body):
			return nil, errBodySize
		default:
			a.state, a.left = inChunk, n
		}
	case inTrailers: // trailers say nothing we use
		if a.trailers += len(line); a.trailers > maxTrailers {
			return nil, errHeadSize
		}
		if len(line) == 0 {
			a.state = whole
		}
	}
	return rest, nil
}

// parseSize reads digits of base 10 or 16 and nothing else. What is too large
// to matter comes back as just too large.
func parseSize(text []byte, base int) (int, bool) {
	n := 0
	for _, c := range text {
		digit := -1
		switch {
		case c >= '0' && c <= '9':
			digit = int(c - '0')
		case base == 16 && c >= 'a' && c <= 'f':
			digit = int(c-'a') + 10
		case base == 16 && c >= 'A' && c <= 'F':
			digit = int(c-'A') + 10
		}
		if digit < 0 {
			return 0, false
		}
		n = min(n*base+digit, maxBody+1)
	}
	return n, len(text) > 0
}

// is compares without regard to ASCII case; want is lower case.
func is(text []byte, want string) bool {
	if len(text) != len(want) {
		return false
	}
	for i := range text {
		if lower(text[i]) != want[i] {
			return false
		}
	}
	return true
}

// mentions tells whether a comma-separated list has the word.
func mentions(list []byte, word string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte(","))
		if is(bytes.Trim(item, " \t"), word) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func hasControl(line []byte) bool {
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}
