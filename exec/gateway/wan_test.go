package gateway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/sim"
)

// weather is what a wide area network does to packets, in both directions.
type weather struct {
	loss, twice   float64 // chances of a packet
	delay, jitter time.Duration
	rate          int // bits a second; zero: no bound
	dead          bool
}

// wan is two network namespaces of the kernel, each with a tunnel device whose
// packets this process carries to the other one: real TCP over a network as bad
// as it is told to be.
type wan struct {
	client, server int // namespaces
	weather        atomic.Pointer[weather]
	lost, doubled  atomic.Int64
	carried        atomic.Int64
}

const (
	wanClient = "10.77.0.1"
	wanServer = "10.77.0.2"
)

// newWAN needs the right to make namespaces and tunnels; a test without it is
// skipped, and says so.
func newWAN(t *testing.T) *wan {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped with -short: it takes seconds of real time")
	}
	w := new(wan)
	w.weather.Store(new(weather))
	var tunnels [2]*os.File
	for i, address := range []string{wanClient, wanServer} {
		ns, tunnel, err := newSide(address)
		if err != nil {
			t.Skipf("skipped: no network of our own can be made here: %v", err)
		}
		tunnels[i] = tunnel
		if w.client == 0 {
			w.client = ns
		} else {
			w.server = ns
		}
	}
	var carriers sync.WaitGroup
	for i := range tunnels {
		carriers.Go(func() { w.carry(tunnels[i], tunnels[1-i], uint64(i)) })
	}
	t.Cleanup(func() {
		tunnels[0].Close()
		tunnels[1].Close()
		carriers.Wait()
		unix.Close(w.client)
		unix.Close(w.server)
	})
	return w
}

// newSide makes a namespace with one tunnel device that has the address.
func newSide(address string) (ns int, tunnel *os.File, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and the thread ends with this goroutine: its namespace is nobody else's
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			err = fmt.Errorf("unshare: %w", err)
			return
		}
		if ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return
		}
		tunnel, err = openTunnel(address)
	}()
	<-done
	return ns, tunnel, err
}

func openTunnel(address string) (*os.File, error) {
	const name = "wan0"
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the tunnel: %w", err)
	}
	control, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(control)
	request := func(fd int, op uint, set func(*unix.Ifreq)) {
		ifr, bad := unix.NewIfreq(name)
		if bad == nil {
			set(ifr)
			bad = unix.IoctlIfreq(fd, op, ifr)
		}
		if err == nil && bad != nil {
			err = fmt.Errorf("set up the tunnel: %w", bad)
		}
	}
	inet := func(text string) func(*unix.Ifreq) {
		return func(r *unix.Ifreq) { _ = r.SetInet4Addr(net.ParseIP(text).To4()) }
	}
	request(fd, unix.TUNSETIFF, func(r *unix.Ifreq) { r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI) })
	request(control, unix.SIOCSIFADDR, inet(address))
	request(control, unix.SIOCSIFNETMASK, inet("255.255.255.0"))
	request(control, unix.SIOCSIFFLAGS, func(r *unix.Ifreq) { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING) })
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tunnel"), nil
}

// within runs f on a thread in the namespace, which sockets made there keep.
func within(ns int, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Setns(ns, unix.CLONE_NEWNET) == nil {
			f()
		}
	}()
	<-done
}

// carry takes packets from one tunnel to the other, as the weather is.
func (w *wan) carry(from, to *os.File, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 16))
	var flying sync.WaitGroup
	defer flying.Wait()
	var free time.Time // when the wire has sent what it was given
	buf := make([]byte, 2048)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		sky := w.weather.Load()
		w.carried.Add(1)
		copies := 1
		switch {
		case sky.dead || rng.Float64() < sky.loss:
			w.lost.Add(1)
			continue
		case rng.Float64() < sky.twice:
			w.doubled.Add(1)
			copies = 2
		}
		now := time.Now()
		wait := time.Duration(0)
		if sky.rate > 0 {
			free = later(free, now).Add(time.Duration(n*8) * time.Second / time.Duration(sky.rate))
			wait = free.Sub(now)
		}
		packet := append([]byte(nil), buf[:n]...)
		for range copies {
			d := wait + sky.delay
			if sky.jitter > 0 { // different for each packet: they overtake each other
				d += time.Duration(rng.Int64N(int64(sky.jitter)))
			}
			flying.Add(1)
			time.AfterFunc(d, func() {
				defer flying.Done()
				_, _ = to.Write(packet) // a tunnel that is closed carries nothing
			})
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// link is the way over it to a venue.
func (w *wan) link(t *testing.T) link {
	t.Helper()
	var listener net.Listener
	var err error
	within(w.server, func() { listener, err = net.Listen("tcp4", wanServer+":8080") })
	require.NoError(t, err)
	return link{
		listener: listener,
		change:   func(c *Config) { c.BaseURL = "http://127.0.0.1:8080/breezeapi/api/v1/" }, // the dialler knows better
		dial: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
			within(w.client, func() { c, err = new(net.Dialer).DialContext(ctx, "tcp4", wanServer+":8080") })
			return c, err
		},
	}
}

// N16 with the kernel's own TCP: its retransmissions are what turns loss,
// reordering and duplicates of packets into delay.
func TestN16_OverABadNetworkNothingIsSentTwiceNothingIsLostAndDeadlinesHold(t *testing.T) {
	for name, sky := range map[string]weather{
		"loss, duplicates, reordering, jitter": {loss: 0.05, twice: 0.02, delay: 10 * time.Millisecond, jitter: 300 * time.Millisecond},
		"a quarter lost":                       {loss: 0.25, delay: 10 * time.Millisecond, jitter: 50 * time.Millisecond},
		"64 kbit/s with loss":                  {loss: 0.05, delay: 20 * time.Millisecond, rate: 64_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			net := newWAN(t)
			w := newTwinOver(t, sim.Faults{}, net.link(t))
			net.weather.Store(&sky)

			var ids []order.ID
			var slowest time.Duration
			for i := range 12 {
				began := time.Now()
				id := w.buy(10010 + market.Paise(5*i))
				ids = append(ids, id)
				require.Eventually(t, func() bool {
					s := w.update(id).State
					return s != order.Queued && s != order.Sending
				}, 20*time.Second, time.Millisecond)
				slowest = max(slowest, time.Since(began))
				time.Sleep(200 * time.Millisecond)
			}
			// Two seconds to be sent, three for the attempt; what a busy machine adds.
			require.Less(t, slowest, 5*time.Second+500*time.Millisecond, "an attempt outlived its deadline")
			lost, doubled, carried := net.lost.Load(), net.doubled.Load(), net.carried.Load()
			net.weather.Store(new(weather))

			w.settled(t, 90*time.Second, ids...)
			time.Sleep(500 * time.Millisecond)
			w.judge(t, ids)
			acks := w.Snapshot().OrderAck
			t.Logf("%d packets, %d lost, %d doubled; %d of %d acknowledged, p50 %s, worst %s; slowest verdict %s", carried, lost, doubled,
				acks.Count, len(ids), time.Duration(acks.P50), time.Duration(acks.Max), slowest.Round(time.Millisecond))
		})
	}
}

// N8 with the kernel's own timers: nothing tells of the peer's end.
func TestN8_APeerWhosePacketsVanishIsFoundByTheKernelInSeconds(t *testing.T) {
	t.Parallel()
	net := newWAN(t)
	w := newTwinOver(t, sim.Faults{}, net.link(t))
	var old []*conn
	for i := range w.pool.slots {
		if c := w.pool.slots[i].Load(); c != nil {
			old = append(old, c)
		}
	}
	require.NotEmpty(t, old)

	net.weather.Store(&weather{dead: true})
	cut := time.Now()
	id := w.buy(10010)
	require.Eventually(t, func() bool { return w.update(id).State.InDoubt() }, 4*time.Second, time.Millisecond)
	doubt := time.Since(cut)
	// An idle one is found by probes; one that a read takes just before that has
	// its whole time once more.
	const idle = probeAfter + unheardMost + probeInterval
	require.Eventually(t, func() bool {
		for _, c := range old {
			if c.state.Load() != connDead {
				return false
			}
		}
		return true
	}, idle+unheardMost+2*time.Second, 20*time.Millisecond, "the idle ones too")
	found := time.Since(cut)
	net.weather.Store(new(weather))

	w.settled(t, 90*time.Second, id)
	require.Equal(t, order.ClosedAbsent, w.update(id).State)
	again := w.buy(10020)
	w.settled(t, 30*time.Second, again)
	w.judge(t, []order.ID{id, again})
	t.Logf("in doubt after %s, every dead connection found after %s", doubt.Round(time.Millisecond), found.Round(time.Millisecond))
}
