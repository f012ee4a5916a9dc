package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/order"
)

// footprint is what a leak would make grow.
type footprint struct {
	goroutines, files int
	heap              uint64
}

func measure(t *testing.T) footprint {
	t.Helper()
	runtime.GC()
	runtime.GC() // what finalizers let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return footprint{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// Every order has a connection of its own here, which its answer ends.
func TestP13_TenThousandConnectionsLeaveNothingBehind(t *testing.T) {
	cycles := 10_000
	if testing.Short() {
		cycles = 1_000
		t.Log("with -short: a thousand")
	}
	const atOnce = 8
	ends := strings.Replace(answerOf(ackOK), "\r\n", "\r\nConnection: close\r\n", 1)
	v := newVenue(t, answering(func(int, *http.Request, string) string { return ends }))
	s := newShell(t, v.Addr().String(), func(c *Config) {
		c.Warm = atOnce
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				err = c.(*net.TCPConn).SetLinger(0) // the kernel keeps nothing of it either
			}
			return c, err
		}
	})
	s.core.send = time.Minute
	full := func() {
		require.Eventually(t, func() bool { return s.pool.idle() == atOnce }, 10*time.Second, time.Millisecond)
	}
	burst := func() {
		for range atOnce {
			s.place()
		}
		for range atOnce {
			require.Equal(t, order.OK, s.answer(t).Verdict)
		}
	}
	for range 40 { // buffers grow to their size
		burst()
	}
	full()
	v.forget()
	time.Sleep(100 * time.Millisecond)
	before := measure(t)

	for range cycles / atOnce {
		burst()
	}
	full()
	v.forget()

	after := measure(t)
	for range 100 { // the venue's side of the last ones ends a little later
		if after.goroutines <= before.goroutines && after.files <= before.files {
			break
		}
		time.Sleep(20 * time.Millisecond)
		after = measure(t)
	}
	require.LessOrEqual(t, after.goroutines, before.goroutines, "before %+v, after %+v", before, after)
	require.LessOrEqual(t, after.files, before.files, "before %+v, after %+v", before, after)
	require.Less(t, after.heap, before.heap+512<<10, "before %+v, after %+v", before, after)
	require.GreaterOrEqual(t, int(v.conns.Load()), cycles)
	t.Logf("%d connections: before %+v, after %+v", v.conns.Load(), before, after)
}

// A venue that takes connections and ends them at once is not stormed.
func TestAVenueThatEndsConnectionsAtOnceIsDialledEverMoreSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		var dials atomic.Int32
		s := newShell(t, "127.0.0.1:1", func(c *Config) {
			c.Warm = 3
			c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				dials.Add(1)
				client, server := net.Pipe()
				return client, server.Close()
			}
		})
		time.Sleep(time.Minute)
		require.Less(t, dials.Load(), int32(40))
		s.place()
		require.Equal(t, order.NotSent, s.answer(t).Verdict)
		require.NoError(t, p.Close())
	})
}

// Whatever is in flight when a gateway is told to stop, it leaves no goroutine:
// the end of the bubble would say so.
func TestAGatewayThatStopsInTheMiddleOfEverythingLeavesNoGoroutine(t *testing.T) {
	for _, silence := range []time.Duration{0, time.Millisecond, time.Second, 5 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p := newPipes()
			go func() {
				for {
					c, err := p.Accept()
					if err != nil {
						return
					}
					go func() { _, _ = io.Copy(io.Discard, c) }() // and never a word
				}
			}()
			defer p.Close()
			s := newShell(t, "127.0.0.1:1", func(c *Config) { c.Dial = p.Dial; c.Warm = 3 })
			for range 5 {
				s.place()
			}
			s.ask(ReadOrders)
			go func() { _, _ = s.Funds(t.Context()) }()
			time.Sleep(silence)
		})
	}
}
