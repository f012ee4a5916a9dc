package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

func newSeed() maphash.Seed                        { return maphash.MakeSeed() }
func hashOf(seed maphash.Seed, text string) uint64 { return maphash.Bytes(seed, []byte(text)) }

// frame builds a server's frame with any header bits.
func frame(first byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{first, byte(n)}) + payload
	case n < 1<<16:
		return string(binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n))) + payload
	default:
		return string(binary.BigEndian.AppendUint64([]byte{first, 127}, uint64(n))) + payload
	}
}

// readAll feeds a link and returns its messages, the code it would close with
// and what ended it. It answers pings after each read.
func readAll(in string, chunk, maxMessage int) (messages []string, code ws.StatusCode, conn *script, err error) {
	conn = &script{in: []byte(in), chunk: chunk}
	l := newLink(conn, 1, maxMessage)
	for {
		for {
			payload, ok, err := l.next()
			if err != nil {
				l.shut()
				return messages, l.closeFault, conn, err
			}
			if !ok {
				break
			}
			messages = append(messages, string(payload))
		}
		if err := l.answer(); err != nil {
			return messages, 0, conn, err
		}
		if err := l.fill(); err != nil {
			return messages, 0, conn, err
		}
	}
}

// everyChunk reads the same bytes in pieces of several sizes; all must agree.
func everyChunk(t *testing.T, in string) (messages []string, code ws.StatusCode, err error) {
	t.Helper()
	messages, code, _, err = readAll(in, 1<<20, 64<<10)
	for _, chunk := range []int{1, 2, 3, 7, 100} {
		again, c, _, e := readAll(in, chunk, 64<<10)
		require.Equal(t, messages, again, "chunk %d", chunk)
		require.Equal(t, code, c, "chunk %d", chunk)
		require.Equal(t, err.Error(), e.Error(), "chunk %d", chunk)
	}
	return messages, code, err
}

const (
	text, binaryFrame, fin  = 0x01, 0x02, 0x80
	closeFrame, ping, pong0 = 0x88, 0x89, 0x8a
)

func TestLinkReadsMessagesHoweverTheyAreCut(t *testing.T) {
	long := strings.Repeat("é", 20_000)
	in := frame(fin|text, "one") + frame(text, "tw") + frame(ping, "?") + frame(0, "") + frame(fin, "o") + frame(fin|binaryFrame, "\x00\xff") +
		frame(fin|text, long) + frame(fin|text, "") + frame(fin|text, "2") + frame(text, "2") + frame(fin, "") + frame(fin|text, "last")

	messages, _, err := everyChunk(t, in)

	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, []string{"one", "two", long, "", "last"}, messages)
}

func TestF8_OversizeIsClosedWith1009BeforeItIsRead(t *testing.T) {
	huge := func(n uint64) string { return string(binary.BigEndian.AppendUint64([]byte{fin | text, 127}, n)) }
	for name, in := range map[string]string{
		"2^63-1 bytes":        huge(1<<63 - 1),
		"4 GiB":               huge(1 << 32),
		"64 KiB and one":      huge(64<<10 + 1),
		"in fragments":        frame(text, strings.Repeat("a", 40_000)) + frame(fin, strings.Repeat("a", 40_000)),
		"binary":              string(binary.BigEndian.AppendUint64([]byte{fin | binaryFrame, 127}, 1<<40)),
		"ten thousand pieces": frame(text, "a") + strings.Repeat(frame(0, ""), 10_000),
	} {
		messages, code, err := everyChunk(t, in)
		require.ErrorIs(t, err, ErrProtocol, name)
		require.EqualValues(t, 1009, code, name)
		require.Empty(t, messages, name)
	}

	conn := &script{in: []byte(huge(1<<63 - 1)), chunk: 100}
	l := newLink(conn, 1, 64<<10)
	before := cap(l.buf)
	require.NoError(t, l.fill())
	_, _, err := l.next()
	require.ErrorIs(t, err, ErrProtocol)
	require.Equal(t, before, cap(l.buf))
	require.Zero(t, cap(l.message), "nothing is reserved for it")
}

func TestF9_FramesAgainstTheRulesAreClosedWith1002(t *testing.T) {
	for name, in := range map[string]string{
		"fragmented ping":             frame(0x09, "x"),
		"fragmented close":            frame(0x08, ""),
		"control of 126 bytes":        frame(ping, strings.Repeat("x", 126)),
		"reserved bit 1":              frame(fin|0x40|text, "x"),
		"reserved bit 2":              frame(fin|0x20|text, "x"),
		"reserved bit 3":              frame(fin|0x10|text, "x"),
		"reserved bit on a ping":      frame(ping|0x40, "x"),
		"reserved data opcode":        frame(fin|0x03, "x"),
		"reserved control opcode":     frame(fin|0x0b, ""),
		"masked by a server":          string([]byte{fin | text, 0x80 | 1, 0, 0, 0, 0}) + "x",
		"masked ping":                 string([]byte{ping, 0x80, 0, 0, 0, 0}),
		"continuation of nothing":     frame(fin, "x"),
		"continuation after the end":  frame(text, "a") + frame(fin, "b") + frame(0, "c"),
		"text within a message":       frame(text, "a") + frame(fin|text, "b"),
		"binary within a message":     frame(text, "a") + frame(fin|binaryFrame, "b"),
		"length with its highest bit": string(binary.BigEndian.AppendUint64([]byte{fin | text, 127}, 1<<63)),
		"close of one byte":           frame(closeFrame, "x"),
		"close with code 999":         frame(closeFrame, "\x03\xe7"),
		"close with code 1005":        frame(closeFrame, "\x03\xed"),
	} {
		_, code, err := everyChunk(t, in)
		require.ErrorIs(t, err, ErrProtocol, name)
		require.EqualValues(t, 1002, code, name)
	}
}

func TestF10_TextThatIsNotUTF8IsClosedWith1007(t *testing.T) {
	bad := []string{"\xff", "a\xc3", "\xc3\x28", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "ok\xe2\x82", "\xf0\x9f\x98"}
	for _, payload := range bad {
		_, code, err := everyChunk(t, frame(fin|text, payload))
		require.ErrorIs(t, err, ErrProtocol, "%q", payload)
		require.EqualValues(t, 1007, code, "%q", payload)
		for cut := range len(payload) + 1 { // in two fragments
			_, code, err = everyChunk(t, frame(text, payload[:cut])+frame(fin, payload[cut:]))
			require.ErrorIs(t, err, ErrProtocol, "%q cut at %d", payload, cut)
			require.EqualValues(t, 1007, code, "%q cut at %d", payload, cut)
		}
	}
	_, code, err := everyChunk(t, frame(closeFrame, "\x03\xe8\xff"))
	require.ErrorIs(t, err, ErrProtocol)
	require.EqualValues(t, 1007, code)
}

func TestF10_ACharacterMaySpanFragments(t *testing.T) {
	whole := "κόσμε 😀"
	var in string
	for i := range len(whole) {
		in += frame(map[bool]byte{true: text, false: 0}[i == 0], whole[i:i+1])
	}
	messages, _, err := everyChunk(t, in+frame(fin, ""))
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, []string{whole}, messages)
}

func TestF10_ABadStartIsRefusedBeforeTheMessageEnds(t *testing.T) {
	_, code, err := everyChunk(t, frame(text, "fine")+frame(0, "\xff"))
	require.ErrorIs(t, err, ErrProtocol)
	require.EqualValues(t, 1007, code)
}

func TestF11_ACompressedFrameIsClosedWith1002(t *testing.T) {
	_, code, err := everyChunk(t, frame(fin|0x40|text, "\xf2\x48\xcd\xc9\xc9\x07\x00"))
	require.ErrorIs(t, err, ErrProtocol)
	require.EqualValues(t, 1002, code)
}

func TestACloseFrameIsTheEndAndIsAnswered(t *testing.T) {
	_, _, conn, err := readAll(frame(fin|text, "x")+frame(closeFrame, "\x03\xe9bye"), 1<<10, 64<<10)

	closing, ok := errors.AsType[*CloseError](err)
	require.True(t, ok)
	require.Equal(t, CloseError{Code: 1001, Reason: "bye"}, *closing)
	require.ErrorIs(t, err, ErrClosed)
	answer, err := readFrame(bytes.NewReader(conn.written))
	require.NoError(t, err)
	require.Equal(t, ws.OpClose, answer.Header.OpCode)
	require.True(t, answer.Header.Masked)
}

func TestLinkFramesAreMaskedAndReadBack(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 1 << 10, 1<<16 - 1, 1 << 16, 200_000} {
		conn := new(script)
		l := newLink(conn, 1, 64<<10)
		payload := bytes.Repeat([]byte("x"), n)
		l.append(ws.OpText, payload)
		require.NoError(t, l.flush())
		require.NotContains(t, string(conn.written[2:]), "xxxxxxxx")

		got, err := readFrame(bytes.NewReader(conn.written))
		require.NoError(t, err)
		require.NoError(t, ws.CheckHeader(got.Header, ws.StateServerSide))
		require.True(t, bytes.Equal(payload, got.Payload))
	}
}

// FuzzLink gives a link any bytes: it must not panic, must agree with itself
// however they are cut, and must give what another reader of frames gives.
func FuzzLink(f *testing.F) {
	for _, seed := range []string{
		frame(fin|text, quote("42505", 1)), frame(text, "a") + frame(ping, "x") + frame(fin, "b"), frame(fin|text, "2"),
		frame(closeFrame, "\x03\xe8"), frame(fin|binaryFrame, "\x00"), frame(text, "\xe2\x82") + frame(fin, "\xac"), frame(fin|text, strings.Repeat("x", 300)),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 1000
		messages, code, _, err := readAll(string(in), 1<<20, limit)
		for _, chunk := range []int{1, 5} {
			again, c, _, e := readAll(string(in), chunk, limit)
			require.Equal(t, fmt.Sprint(messages, code, err), fmt.Sprint(again, c, e))
		}
		require.Equal(t, plainMessages(in, limit, len(messages)), messages)
	})
}

// plainMessages reads up to n text messages the slow way.
func plainMessages(in []byte, limit, n int) (messages []string) {
	r := bytes.NewReader(in)
	var under []byte
	isText := false
	for len(messages) < n {
		h, err := ws.ReadHeader(r)
		if err != nil || h.Length > int64(limit) {
			return messages
		}
		payload := make([]byte, h.Length)
		if _, err := io.ReadFull(r, payload); err != nil {
			return messages
		}
		switch {
		case h.OpCode.IsControl():
			continue
		case h.OpCode != ws.OpContinuation:
			under, isText = nil, h.OpCode == ws.OpText
		}
		under = append(under, payload...)
		if h.Fin && isText && string(under) != "2" {
			messages = append(messages, string(under))
		}
	}
	return messages
}
