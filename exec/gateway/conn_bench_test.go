package gateway

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// answerer answers every request at once with an accepted placement.
func answerer(tb testing.TB) net.Listener {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { listener.Close() })
	reply := []byte(answerOf(ackOK))
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf, have := make([]byte, 64<<10), 0
				for {
					n, err := c.Read(buf[have:])
					if err != nil {
						return
					}
					have += n
					if !bytes.HasSuffix(buf[:have], []byte("}")) {
						continue
					}
					have = 0
					if _, err := c.Write(reply); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener
}

// BenchmarkRoundTrip is an order's way over loopback, render to judged answer,
// beside the standard library's client with the same bytes.
func BenchmarkRoundTrip(b *testing.B) {
	b.Run("gateway", func(b *testing.B) {
		s := newShell(b, answerer(b).Addr().String())
		s.ready(b)
		b.ReportAllocs()
		for b.Loop() {
			for s.pool.idle() == 0 {
				runtime.Gosched()
			}
			s.place()
			<-s.core.answers
		}
	})
	b.Run("net-http", func(b *testing.B) {
		address := answerer(b).Addr().String()
		client := &http.Client{Transport: new(http.Transport)}
		defer client.CloseIdleConnections()
		var failed atomic.Int32
		body := strings.Repeat("x", 300) + "}"
		b.ReportAllocs()
		for b.Loop() {
			request, err := http.NewRequest(http.MethodPost, "http://"+address+"/breezeapi/api/v1/order", strings.NewReader(body))
			require.NoError(b, err)
			for _, name := range []string{"X-AppKey", "X-SessionToken", "X-Timestamp", "X-Checksum"} {
				request.Header.Set(name, strings.Repeat("y", 40))
			}
			answer, err := client.Do(request)
			if err != nil {
				failed.Add(1)
				continue
			}
			_, _ = io.Copy(io.Discard, bufio.NewReader(answer.Body))
			answer.Body.Close()
		}
		require.Zero(b, failed.Load())
	})
}
