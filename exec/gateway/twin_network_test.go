package gateway

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/sim"
)

// The tests of this file run the whole gateway, its core included, against the
// whole simulated venue in virtual time, over a network in memory that does as
// it is told.

// settled waits until every order is over, or watched as absent.
func (w *twin) settled(t *testing.T, within time.Duration, ids ...order.ID) {
	t.Helper()
	require.Eventually(t, func() bool {
		return !slices.ContainsFunc(ids, func(id order.ID) bool {
			s := w.update(id).State
			return !s.Terminal() && s != order.ClosedAbsent
		})
	}, within, 20*time.Millisecond, "%+v", w.Snapshot())
}

// stormOf places orders while the venue has a fault and judges what became of
// them after it has healed.
func stormOf(t *testing.T, faults sim.Faults) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newVirtualTwin(t, link{})
		require.NoError(t, w.venue.SetFaults(faults))
		var ids []order.ID
		for i := range 6 {
			ids = append(ids, w.buy(10010+market.Paise(5*i)))
			time.Sleep(30 * time.Millisecond)
		}
		time.Sleep(500 * time.Millisecond)
		require.NoError(t, w.venue.SetFaults(sim.Faults{}))

		w.settled(t, 60*time.Second, ids...)
		time.Sleep(time.Minute) // what surfaces later is adopted
		w.settled(t, 60*time.Second, ids...)
		w.judge(t, ids)
	})
}

func TestN6_AConnectionCutBeforeTheAnswerMakesNoSecondOrderAtTheTwin(t *testing.T) {
	stormOf(t, sim.Faults{DropBefore: 0.5})
}

func TestN7_AnAnswerLostAfterAcceptanceMakesNoSecondOrderAtTheTwin(t *testing.T) {
	t.Run("the connection is cut", func(t *testing.T) { stormOf(t, sim.Faults{DropAfter: 0.5}) })
	t.Run("silence", func(t *testing.T) { stormOf(t, sim.Faults{LoseAnswer: 0.5}) })
}

func TestN7_AnAnswerLostAfterAcceptanceIsFoundAndAcknowledgedAtTheTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newVirtualTwin(t, link{})
		w.mute.Store(true)
		require.NoError(t, w.venue.SetFaults(sim.Faults{DropAfter: 1}))
		id := w.buy(9900)
		require.Eventually(t, func() bool { return w.update(id).State == order.Ambiguous }, 2*time.Second, time.Millisecond)

		require.NoError(t, w.venue.SetFaults(sim.Faults{}))

		require.Eventually(t, func() bool { return w.update(id).State == order.Working }, 10*time.Second, time.Millisecond)
		w.judge(t, []order.ID{id})
	})
}

func TestN10_ARequestAcceptedTwentySecondsLateIsAdoptedAtTheTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newVirtualTwin(t, link{})
		require.NoError(t, w.venue.SetFaults(sim.Faults{LateAccept: 1, LateBy: 20 * time.Second, ListLag: 200 * time.Millisecond}))
		id := w.buy(9900) // rests
		require.Eventually(t, func() bool { return w.update(id).State == order.ClosedAbsent }, 19*time.Second, time.Millisecond,
			"the fence of this test is two seconds: it is given up long before the venue takes it")
		require.NoError(t, w.venue.SetFaults(sim.Faults{}))

		require.Eventually(t, func() bool { return w.update(id).State == order.Cancelled }, 60*time.Second, time.Millisecond)

		require.Eventually(t, func() bool { return w.Snapshot().Core.Adopted == 1 }, time.Second, time.Millisecond)
		accepted := 0
		for _, e := range w.venue.Ledger() {
			if e.Kind == "accepted" {
				accepted++
			}
		}
		require.Equal(t, 1, accepted)
		require.Zero(t, w.venue.Position(1).Qty)
	})
}

// bent is a connection whose reading is in a test's hands.
type bent struct {
	net.Conn
	read func(net.Conn, []byte) (int, error)
}

func (b *bent) Read(p []byte) (int, error) { return b.read(b.Conn, p) }

func TestN9_AnAnswerThatIsOnlyLateEndsTheSearchAtTheTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newVirtualTwin(t, link{change: func(c *Config) { c.Core.Fence = 15 * time.Second }})
		const late = 6 * time.Second // an attempt is given three at most
		hold := new(atomic.Bool)
		p.bend = func(c net.Conn) net.Conn {
			return &bent{c, func(c net.Conn, buf []byte) (int, error) {
				n, err := c.Read(buf)
				if err == nil && hold.Load() && strings.Contains(string(buf[:n]), "Successfully Placed") {
					time.Sleep(late)
				}
				return n, err
			}}
		}
		w.renewConnections(t)
		w.mute.Store(true)
		require.NoError(t, w.venue.SetFaults(sim.Faults{ListLag: time.Hour})) // no other source
		hold.Store(true)

		id := w.buy(9900)
		time.Sleep(5 * time.Second)
		require.Equal(t, order.Reconciling, w.update(id).State)
		hold.Store(false)
		time.Sleep(2 * time.Second)

		require.Equal(t, order.Acked, w.update(id).State)
		require.EqualValues(t, 1, w.Snapshot().Late)
		require.EqualValues(t, 1, w.venue.Stats().OrdersAccepted)
	})
}

// renewConnections makes the pool dial anew, through what bends them now.
func (w *twin) renewConnections(t *testing.T) {
	t.Helper()
	for i := range w.pool.slots {
		if c := w.pool.slots[i].Load(); c != nil {
			c.retire()
		}
	}
	require.Eventually(t, func() bool { return w.pool.idle() == w.config.Warm }, 10*time.Second, time.Millisecond)
}

func TestN8_AHalfOpenPeerCostsOneAttemptAndItsConnectionAtTheTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newVirtualTwin(t, link{})
		var dead atomic.Bool
		p.bend = func(c net.Conn) net.Conn { return &deaf{Conn: c, dead: &dead} }
		w.renewConnections(t)
		p.bend = nil // what is dialled from now on lives
		dead.Store(true)

		id := w.buy(10010)
		time.Sleep(4 * time.Second)

		require.Contains(t, []order.State{order.Reconciling, order.ClosedAbsent}, w.update(id).State, "the attempt's timer, not the network, ended it")
		w.settled(t, 3*time.Minute, id) // in memory no kernel finds the other dead connections: reads do
		require.Equal(t, order.ClosedAbsent, w.update(id).State)
		next := w.buy(10010 + 5) // goes out over a connection that lives
		w.settled(t, time.Minute, next)
		require.Equal(t, order.Filled, w.update(next).State)
		w.judge(t, []order.ID{id, next})
	})
}

// deaf swallows what is written and says nothing, once it is dead.
type deaf struct {
	net.Conn
	dead *atomic.Bool
}

func (s *deaf) Write(p []byte) (int, error) {
	if s.dead.Load() {
		return len(p), nil
	}
	return s.Conn.Write(p)
}

func TestN11_OneByteASecondHoldsAnAttemptNoLongerThanItsWholeTimeAtTheTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newVirtualTwin(t, link{})
		drip := new(atomic.Bool)
		p.bend = func(c net.Conn) net.Conn {
			return &bent{c, func(c net.Conn, buf []byte) (int, error) {
				if drip.Load() {
					buf = buf[:1]
				}
				n, err := c.Read(buf)
				if err == nil && drip.Load() {
					time.Sleep(time.Second)
				}
				return n, err
			}}
		}
		drip.Store(true)
		w.renewConnections(t)
		w.mute.Store(true)
		at := time.Now()

		id := w.buy(9900)

		require.Eventually(t, func() bool { return w.update(id).State.InDoubt() }, 4*time.Second, time.Millisecond)
		require.Less(t, time.Since(at), 3*time.Second+100*time.Millisecond, "bytes keep coming, and the attempt is over all the same")
		time.Sleep(15 * time.Second)
		require.EqualValues(t, 1, w.Snapshot().Core.Calls[SendPlace].Attempts)
		drip.Store(false)
		w.renewIdle()
		require.Eventually(t, func() bool { return w.update(id).State == order.Working }, time.Minute, time.Millisecond, "%+v", w.update(id))
		w.judge(t, []order.ID{id})
	})
}

func (w *twin) renewIdle() {
	for i := range w.pool.slots {
		if c := w.pool.slots[i].Load(); c != nil {
			c.retire()
		}
	}
}

// tampered stands before the venue and changes its answers.
func tampered(change func(r *http.Request, body string, a *httptest.ResponseRecorder) (code int, text string)) func(http.Handler) http.Handler {
	return func(venue http.Handler) http.Handler {
		return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			a := httptest.NewRecorder()
			venue.ServeHTTP(a, r)
			code, text := change(r, string(body), a)
			out.WriteHeader(code)
			_, _ = io.WriteString(out, text)
		})
	}
}

func TestN15_AnAddressThatIsNotRegisteredHaltsTradingWithoutARetryLoopAtTheTwin(t *testing.T) {
	for name, denial := range map[string]struct {
		code int
		text string
	}{
		"403":      {http.StatusForbidden, "<html>Forbidden</html>"},
		"in words": {http.StatusOK, `{"Success":null,"Status":500,"Error":"Request Denied: The IP address used does not match with the static IP declared when this API key was created"}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var denied atomic.Bool
				var calls, places atomic.Int32
				w, _ := newVirtualTwin(t, link{front: func(venue http.Handler) http.Handler {
					return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
						if !denied.Load() {
							venue.ServeHTTP(out, r)
							return
						}
						calls.Add(1)
						if r.Method == http.MethodPost {
							places.Add(1)
						}
						_, _ = io.Copy(io.Discard, r.Body)
						out.WriteHeader(denial.code)
						_, _ = io.WriteString(out, denial.text)
					})
				}})
				denied.Store(true)

				id := w.buy(10010)
				time.Sleep(time.Second)
				require.True(t, w.update(id).State.InDoubt(), "a page that forbids proves nothing about an order that was sent")
				other := w.buy(9900)
				time.Sleep(5 * time.Minute)

				require.Equal(t, order.Denied, w.update(other).State)
				require.True(t, w.Snapshot().Standing.Halted)
				require.EqualValues(t, 1, places.Load(), "sent once")
				require.LessOrEqual(t, calls.Load(), int32(8), "one look a minute, no loop")
				require.NotEmpty(t, w.alarms)

				denied.Store(false) // a person has mended it
				w.Operator(Operator{})
				w.settled(t, 2*time.Minute, id)
				require.Equal(t, order.ClosedAbsent, w.update(id).State)
				require.Zero(t, w.venue.Stats().Duplicates)
			})
		})
	}
}
