package gateway

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/sim"
)

func TestAProbeFindsTheVenuesTimestampWindowAndRenewsNothing(t *testing.T) {
	for window, proven := range map[time.Duration]time.Duration{
		5 * time.Second:  10 * time.Second,
		30 * time.Second: time.Minute,
		4 * time.Minute:  5 * time.Minute,
		time.Hour:        0, // longer than any probe is old
		-1:               0, // none at all
	} {
		t.Run(window.String(), func(t *testing.T) {
			t.Parallel()
			w := newTwin(t, sim.Faults{}, func(v *sim.Config, c *Config) {
				v.SignatureWindow = window
				c.Renew = func(uint64) { panic("a refused probe is no lost session") }
			})

			found, err := w.ProbeWindow(t.Context())

			require.NoError(t, err)
			require.Equal(t, proven, found)
			_, err = w.Funds(t.Context())
			require.NoError(t, err, "the session lives on")
		})
	}
}

func TestAProbeAtAVenueThatAnswersNothingFreshProvesNothing(t *testing.T) {
	for _, faults := range []sim.Faults{{BackendDown: 1}, {Throttle401: 1}} {
		w := newTwin(t, sim.Faults{})
		require.NoError(t, w.venue.SetFaults(faults))
		found, err := w.ProbeWindow(t.Context())
		require.ErrorAs(t, err, new(*CallError))
		require.Zero(t, found)
	}

	w := newTwin(t, sim.Faults{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.ProbeWindow(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

// tunnel is a network that, once hungry, swallows the first order it is given, and may bring
// it to the venue much later.
type tunnel struct {
	sync.Mutex
	hungry    bool
	swallowed []byte
	address   string
}

func (n *tunnel) dial(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.Lock()
	defer n.Unlock()
	n.address = address
	return &tunnelConn{raw, n}, nil
}

type tunnelConn struct {
	net.Conn
	n *tunnel
}

func (c *tunnelConn) Write(p []byte) (int, error) {
	c.n.Lock()
	defer c.n.Unlock()
	if c.n.hungry && c.n.swallowed == nil && bytes.HasPrefix(p, []byte("POST ")) {
		c.n.swallowed = slices.Clone(p)
		c.Conn.Close() // and the connection breaks
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// deliver brings the lost order to the venue after all.
func (n *tunnel) deliver(t *testing.T) (answer string) {
	n.Lock()
	defer n.Unlock()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", n.address)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write(n.swallowed)
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
	text, _ := io.ReadAll(c)
	return string(text)
}

// The hard fence is as good as the window behind it: at a venue that enforces
// one, the lost order is sent again and its late twin is refused. At a venue
// that does not, the same policy makes a duplicate, which the engine sees.
func TestN10_AfterAHardFenceAResentOrderStaysTheOnlyOneIfTheVenueEnforcesItsWindow(t *testing.T) {
	for _, enforced := range []bool{true, false} {
		t.Run(map[bool]string{true: "enforced", false: "not enforced"}[enforced], func(t *testing.T) {
			t.Parallel()
			n := new(tunnel)
			w := newTwin(t, sim.Faults{}, func(v *sim.Config, c *Config) {
				v.Remarks = sim.EchoRemarks
				v.SignatureWindow = 2 * time.Second
				if !enforced {
					v.SignatureWindow = -1
				}
				c.Dial = n.dial
				c.Core.EntryTTL, c.Core.HardFence = time.Minute, 3*time.Second
			})
			first := w.buy(9850) // from it the core learns that remarks come back
			require.Eventually(t, func() bool { return w.Snapshot().Standing.Remarks == RemarksEchoed }, 20*time.Second, 10*time.Millisecond)
			n.Lock()
			n.hungry = true
			n.Unlock()
			id := w.buy(9900)
			accepted := func() (n int) {
				for _, e := range w.venue.Ledger() {
					if e.Kind == "accepted" {
						n++
					}
				}
				return n
			}

			require.Eventually(t, func() bool { return w.update(id).State == order.Working }, 20*time.Second, 10*time.Millisecond)
			require.Equal(t, 2, accepted(), "the second attempt")
			require.Eventually(t, func() bool { return w.Snapshot().Core.Resent == 1 }, 5*time.Second, 10*time.Millisecond)
			answer := n.deliver(t)

			if enforced {
				require.Contains(t, answer, "401")
				w.judge(t, []order.ID{first, id})
				return
			}
			require.Contains(t, answer, "200")
			require.Equal(t, 3, accepted())
			require.Eventually(t, func() bool {
				w.lock.Lock()
				defer w.lock.Unlock()
				return slices.Contains(w.alarms, "one intent has two orders at the venue")
			}, 10*time.Second, 10*time.Millisecond)
		})
	}
}
