package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// read feeds text in pieces of the given size.
func read(text string, piece int) (*httpAnswer, error) {
	a := new(httpAnswer)
	a.reset()
	for data := []byte(text); len(data) > 0; {
		n := min(piece, len(data))
		if err := a.take(data[:n]); err != nil {
			return a, err
		}
		data = data[n:]
	}
	return a, nil
}

func TestAnswersAreReadHoweverTheyAreCut(t *testing.T) {
	for _, row := range []struct {
		text      string
		code      int
		body      string
		keepAlive bool
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
		{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", true},
		{"HTTP/1.1 200 OK\r\ncontent-length:5 \r\nCONNECTION: foo, Close\r\n\r\nhello", 200, "hello", false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false},
		{"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true},
		{"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", true},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", 200, "abc0123456789", true},
		{"HTTP/1.1 401 No\r\nTransfer-Encoding: Chunked\r\n\r\n00\r\nTrailer: x\r\n\r\n", 401, "", true},
	} {
		for piece := 1; piece <= len(row.text); piece++ {
			a, err := read(row.text, piece)
			require.NoError(t, err, "%q by %d", row.text, piece)
			require.True(t, a.done(), "%q by %d", row.text, piece)
			require.Equal(t, row.code, a.code)
			require.Equal(t, row.body, string(a.body))
			require.Equal(t, row.keepAlive, a.keepAlive, "%q", row.text)
		}
	}
}

// TestN12_ACutAnswerIsNeverWhole cuts answers at every byte.
func TestN12_ACutAnswerIsNeverWhole(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	} {
		for cut := range len(text) {
			a, err := read(text[:cut], cut+1)
			require.NoError(t, err)
			a.closed()
			require.False(t, a.done(), "%q", text[:cut])
			require.Equal(t, cut > 0, a.began)
		}
	}
}

func TestABodyWithoutALengthEndsWithTheConnection(t *testing.T) {
	a, err := read("HTTP/1.1 200 OK\r\nDate: today\r\n\r\nhello", 3)
	require.NoError(t, err)
	require.False(t, a.done())

	a.closed()

	require.True(t, a.done())
	require.False(t, a.keepAlive)
	require.Equal(t, "hello", string(a.body))
	require.Equal(t, "today", string(a.date))
}

func TestN13_OversizeAndMalformedAnswersAreRefused(t *testing.T) {
	refuses := func(text string, want error) {
		t.Helper()
		for _, piece := range []int{1, 7, 4096, len(text)} {
			a, err := read(text, piece)
			require.ErrorIs(t, err, want, "%.80q", text)
			require.LessOrEqual(t, cap(a.head), 4*maxHead)
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	refuses(ok+"X: "+strings.Repeat("x", maxHead)+"\r\n\r\n", errHeadSize)
	refuses(strings.Repeat("x", maxHead+1), errHeadSize)
	refuses(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxInterim+1), errInterim)
	refuses("HTTP/1.1 100 C\r\nX: "+strings.Repeat("x", maxHead-100)+"\r\n\r\n"+ok+"X: "+strings.Repeat("x", 200)+"\r\n\r\n", errHeadSize)
	refuses(ok+"Content-Length: 8388609\r\n\r\n", errBodySize)
	refuses(ok+"Content-Length: 99999999999999999999999999\r\n\r\n", errBodySize)
	refuses(ok+"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", errBodySize)
	refuses(ok+"\r\n"+strings.Repeat("y", maxBody+1), errBodySize)
	for _, bad := range []string{
		"HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "ICY 200 OK\r\n\r\n",
		"HTTP/1.1 101 Switching\r\n\r\n", "<html>\r\n\r\n",
		ok + "Content-Length: -1\r\n\r\n", ok + "Content-Length: +5\r\n\r\n", ok + "Content-Length: 5, 5\r\n\r\n", ok + "Content-Length:\r\n\r\n",
		ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		ok + "Folded: a\r\n b\r\n\r\n", ok + "no colon\r\n\r\n", ok + "Name : x\r\n\r\n", ok + "X: a\nb\r\n\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\nx\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n1\nab", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
		ok + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("e", maxLine) + "\r\n",
	} {
		refuses(bad, errMalformed)
	}
}

// TestN14_BytesAfterAnAnswerPoisonIt covers two answers to one request.
func TestN14_BytesAfterAnAnswerPoisonIt(t *testing.T) {
	one := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
	for _, piece := range []int{1, len(one), 2 * len(one)} {
		_, err := read(one+one, piece)
		require.ErrorIs(t, err, errExtra)
	}
}

func TestAnAnswerIsReusedWithoutTraces(t *testing.T) {
	a := new(httpAnswer)
	a.reset()
	require.NoError(t, a.take([]byte("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nDate: x\r\nContent-Length: 3\r\n\r\nabc")))
	require.Equal(t, "7", string(a.retryAfter))

	a.reset()
	text := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	require.NoError(t, a.take(text))

	require.Nil(t, a.retryAfter)
	require.Nil(t, a.date)
	require.Equal(t, "hi", string(a.body))
	require.Zero(t, testing.AllocsPerRun(50, func() {
		a.reset()
		_ = a.take(text)
	}))
}

// FuzzAnswer: no panic, no more memory than the caps, the same outcome however
// the bytes are cut, and whatever is whole reads the same with net/http.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), uint8(3))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), uint8(1))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 X\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		cut, err := read(string(data), int(piece)+1)
		all, errAll := read(string(data), len(data)+1)

		require.Equal(t, errAll == nil, err == nil)
		if err != nil {
			return
		}
		require.Equal(t, all.done(), cut.done())
		if !cut.done() {
			return
		}
		require.Equal(t, all.code, cut.code)
		require.Equal(t, string(all.body), string(cut.body))
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(afterInterim(data))), &http.Request{Method: http.MethodPost})
		if err != nil {
			return // it is stricter in places that do not matter here
		}
		body, err := io.ReadAll(theirs.Body)
		if err == nil && theirs.ContentLength != 0 || len(cut.body) > 0 && err == nil {
			require.Equal(t, string(body), string(cut.body))
		}
		require.Equal(t, theirs.StatusCode, cut.code)
	})
}

// afterInterim skips 1xx heads, which net/http's reader hands out one by one.
func afterInterim(data []byte) []byte {
	for bytes.HasPrefix(data, []byte("HTTP/1.1 1")) || bytes.HasPrefix(data, []byte("HTTP/1.0 1")) {
		end := bytes.Index(data, headEnd)
		if end < 0 {
			break
		}
		data = data[end+len(headEnd):]
	}
	return data
}
