package master

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/vayu-trading/vayu/engine/market"
)

// maxLine bounds one row; real ones have about 290 bytes.
const maxLine = 64 << 10

// column is one that a member's rows are read by.
type column struct {
	name     string
	optional bool // shorter files without it are about; what it tells is then unknown
}

// row is one line of a member, split on demand.
type row struct {
	columns []column
	place   []int // where each column stands; -1 when the file has none
	line    []byte
	fields  [][]byte // by place, filled by split
	number  int      // of the line, from 1
}

// member reads every row of a zip's entry: the one pass over 20 MB that
// decides how fast a start is. The wanted short names are found by a scan of
// the first columns; only their rows are split.
func (rd *reading) member(m *member, columns []column, take func(*row) error) error {
	body, err := m.Open()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrArchive, m.Name, err)
	}
	defer body.Close()
	if err := rd.rows(body, columns, take); err != nil {
		var cut *cutError
		if errors.As(err, &cut) {
			return fmt.Errorf("%w: %s: %w: download it again", ErrArchive, m.Name, cut.cause)
		}
		return fmt.Errorf("%w in %s", err, m.Name)
	}
	return nil
}

// cutError is an archive that could not be read on.
type cutError struct{ cause error }

func (e *cutError) Error() string { return e.cause.Error() }

func (rd *reading) rows(body io.Reader, columns []column, take func(*row) error) error {
	base := make([]byte, 8*maxLine)
	buf := base[:0]
	r := row{columns: columns, place: make([]int, len(columns))}
	for atEnd := false; ; {
		line, rest, whole := bytes.Cut(buf, newline)
		if !whole && !atEnd {
			if len(buf) > maxLine {
				return fmt.Errorf("%w: line %d is longer than %d bytes", ErrRow, r.number+1, maxLine)
			}
			var err error
			if buf, err = fill(base, copy(base, buf), body); errors.Is(err, io.EOF) {
				atEnd = true
			} else if err != nil {
				return &cutError{err}
			}
			continue
		}
		if !whole && len(line) == 0 {
			break
		}
		buf = rest
		r.line, r.number = bytes.TrimSuffix(line, carriage), r.number+1
		var err error
		switch {
		case r.number == 1:
			err = r.header()
		case len(r.line) == 0 && len(rest) == 0 && atEnd: // an empty last line
		default:
			rd.master.Rows++
			err = rd.row(&r, take)
		}
		if err != nil {
			return err
		}
	}
	if r.number == 0 {
		return fmt.Errorf("%w: it is empty", ErrColumn)
	}
	return nil
}

var newline, carriage = []byte("\n"), []byte("\r")

// fill reads into base behind its first n bytes until it is full or the body
// ends.
func fill(base []byte, n int, body io.Reader) ([]byte, error) {
	for n < len(base) {
		more, err := body.Read(base[n:])
		n += more
		if err != nil {
			return base[:n], err
		}
	}
	return base, nil
}

// header learns where each column stands. A name may have spaces around its
// quotes.
func (r *row) header() error {
	r.line = bytes.TrimPrefix(r.line, []byte("\xef\xbb\xbf"))
	names, ok := split(r.line, nil)
	if !ok {
		return fmt.Errorf("%w: the header's quotes do not match", ErrColumn)
	}
	for i, c := range r.columns {
		r.place[i] = slices.IndexFunc(names, func(name []byte) bool { return string(name) == c.name })
		if r.place[i] < 0 && !c.optional {
			return fmt.Errorf("%w: %s is not among the %d of the header", ErrColumn, c.name, len(names))
		}
	}
	r.fields = names
	return nil
}

// row takes one line behind the header.
func (rd *reading) row(r *row, take func(*row) error) error {
	width := len(r.fields)
	// Every row is counted, wanted or not: a file that lost its form anywhere is
	// not to be trusted elsewhere. A comma inside quotes makes the quick count
	// wrong; then the row is split.
	if bytes.Count(r.line, comma) != width-1 {
		fields, ok := split(r.line, nil)
		if !ok || len(fields) != width {
			return fmt.Errorf("%w: line %d has %d columns where the header has %d", ErrRow, r.number, len(fields), width)
		}
	}
	if name, ok := fieldAt(r.line, r.place[shortName]); ok && !rd.filter.wantsName(name) {
		return nil
	}
	fields, ok := split(r.line, r.fields[:0])
	if !ok || len(fields) != width {
		return fmt.Errorf("%w: line %d has %d columns where the header has %d", ErrRow, r.number, len(fields), width)
	}
	r.fields = fields
	if err := take(r); err != nil {
		return fmt.Errorf("%w, line %d", err, r.number)
	}
	return nil
}

var comma = []byte(",")

// text is the column's field; empty when the file has no such column.
func (r *row) text(c int) []byte {
	if r.place[c] < 0 {
		return nil
	}
	return r.fields[r.place[c]]
}

func (r *row) bad(c int) error {
	return fmt.Errorf("%w: %s is %.40q", ErrRow, r.columns[c].name, r.text(c))
}

// whole reads a bare number without a fraction. An absent column reads as 0.
func (r *row) whole(c int) (int64, error) {
	text := r.text(c)
	if r.place[c] < 0 {
		return 0, nil
	}
	n := int64(0)
	for _, b := range text {
		if b < '0' || b > '9' || n > 1<<50 {
			return 0, r.bad(c)
		}
		n = n*10 + int64(b-'0')
	}
	if len(text) == 0 {
		return 0, r.bad(c)
	}
	return n, nil
}

// rupees reads an amount in rupees. An absent column reads as 0.
func (r *row) rupees(c int) (market.Paise, error) {
	if r.place[c] < 0 {
		return 0, nil
	}
	p, err := market.ParsePaise(r.text(c))
	if err != nil || p < 0 {
		return 0, r.bad(c)
	}
	return p, nil
}

// split cuts a line into fields without their quotes. Fields share the line's
// memory, unless a quote within had to be undoubled. It is false when quotes
// do not match.
func split(line []byte, dst [][]byte) ([][]byte, bool) {
	for {
		field, rest, more, ok := cut(line)
		if !ok {
			return dst, false
		}
		dst = append(dst, field)
		if !more {
			return dst, true
		}
		line = rest
	}
}

// fieldAt is the n-th field of a line, from 0.
func fieldAt(line []byte, n int) ([]byte, bool) {
	for {
		field, rest, more, ok := cut(line)
		if !ok || n == 0 {
			return field, ok
		}
		if !more {
			return nil, false
		}
		line, n = rest, n-1
	}
}

// cut takes the first field off a line.
func cut(line []byte) (field, rest []byte, more, ok bool) {
	start := 0
	for start < len(line) && line[start] == ' ' {
		start++
	}
	if start == len(line) || line[start] != '"' {
		field, rest, more = bytes.Cut(line[start:], comma)
		return bytes.TrimRight(field, " "), rest, more, bytes.IndexByte(field, '"') < 0
	}
	line = line[start+1:]
	doubled := false
	for from := 0; ; {
		end := bytes.IndexByte(line[from:], '"')
		if end < 0 {
			return nil, nil, false, false
		}
		end += from
		if end+1 < len(line) && line[end+1] == '"' {
			doubled, from = true, end+2
			continue
		}
		field, rest = line[:end], line[end+1:]
		break
	}
	if doubled {
		field = bytes.ReplaceAll(field, []byte(`""`), []byte(`"`))
	}
	for len(rest) > 0 && rest[0] == ' ' {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return field, nil, false, true
	}
	return field, rest[1:], true, rest[0] == ','
}
