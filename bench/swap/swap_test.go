package swap

import (
	"bytes"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/rest"
)

var swapsWanted = flag.Int("swaps", 30_000, "how many swaps of the credential TestSwapsDoNotStallAnAttempt makes")

// credentialOf is a login all of whose parts name its epoch.
func credentialOf(epoch uint64) *session.Credential {
	return &session.Credential{
		Epoch: epoch, User: fmt.Sprint("USER", epoch), AppKey: fmt.Sprint("app-key-of-", epoch),
		Secret: session.NewToken(fmt.Sprint("secret-of-", epoch)), Session: session.NewToken(fmt.Sprint("session-of-", epoch)),
	}
}

// attempt is what the hot path does for each attempt: load the credential in
// force, look at it when it is a new one, render the order and sign it.
type attempt struct {
	wire    *rest.Wire
	place   rest.Place
	at      market.UnixNano
	buf     []byte
	checked uint64
}

func newAttempt(t testing.TB) *attempt {
	wire, err := rest.NewWire(rest.Config{})
	require.NoError(t, err)
	day := market.NewDate(2026, 11, 24)
	option := market.Instrument{
		ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Expiry: day, Strike: 26_000 * market.Rupee, Right: market.Call, Kind: market.Option},
		LotSize:     65, TickSize: 5,
	}
	a := &attempt{
		wire: wire, at: day.At(10 * time.Hour), buf: make([]byte, 0, 4096),
		place: rest.Place{Instrument: &option, Side: market.Buy, Quantity: 65, Price: 9505, Day: day},
	}
	copy(a.place.Remark[:], "V1ABC0010000001K")
	return a
}

func (a *attempt) run(store *session.Store) *session.Credential {
	c := store.Current()
	if c.Epoch != a.checked {
		if err := rest.CheckCredential(c); err != nil {
			panic(err)
		}
		a.checked = c.Epoch
	}
	a.buf = a.wire.AppendPlace(a.buf[:0], rest.Signature{By: c, At: a.at}, &a.place)
	return c
}

// Every part of a request comes from one login, however fast logins are swapped.
// Under the race detector this also shows that a swap needs no lock.
func TestNoRequestMixesTwoLogins(t *testing.T) {
	var store session.Store
	require.True(t, store.Swap(credentialOf(1)))
	var done atomic.Bool
	swapped := make(chan uint64)
	go func() {
		epoch := uint64(2)
		for ; !done.Load(); epoch++ {
			store.Swap(credentialOf(epoch))
		}
		swapped <- epoch
	}()

	a, last, seen := newAttempt(t), uint64(0), 0
	for began := time.Now(); seen < 200 && time.Since(began) < 10*time.Second; {
		c := a.run(&store)
		require.GreaterOrEqual(t, c.Epoch, last, "epochs only rise")
		if c.Epoch != last {
			seen++
		}
		last = c.Epoch

		head, body, found := bytes.Cut(a.buf, []byte("\r\n\r\n"))
		require.True(t, found)
		headers := map[string]string{}
		for _, line := range strings.Split(string(head), "\r\n")[1:] {
			name, value, _ := strings.Cut(line, ": ")
			headers[name] = value
		}
		epoch := fmt.Sprint(c.Epoch)
		require.Equal(t, "app-key-of-"+epoch, headers["X-AppKey"])
		require.Equal(t, "session-of-"+epoch, headers["X-SessionToken"])
		sum := rest.AppendChecksum(nil, headers["X-Timestamp"], body, session.NewToken("secret-of-"+epoch))
		require.Equal(t, "token "+string(sum), headers["X-Checksum"])
	}
	done.Store(true)
	require.Greater(t, <-swapped, uint64(2))
	require.GreaterOrEqual(t, seen, 200, "the test must have seen swaps")
}

// arm is one way to run the attempts of a round.
type arm struct {
	name    string
	live    bool       // the swaps are of the login that the attempts use
	rounds  [3][]int64 // per round: p50, p99, p99.9 in nanoseconds
	samples []int64
}

// In one run, round after round: attempts while nothing is swapped, attempts
// while their login is swapped a hundred thousand times a second, and attempts
// while nothing is swapped again. A swapper of the same pace and work runs in
// all three; in the quiet ones it swaps a store that nobody reads. How much the
// two quiet arms differ is what this machine adds by itself.
//
// It prints; it fails only on what no machine can excuse: an allocation, or a
// swap that did not take.
func TestSwapsDoNotStallAnAttempt(t *testing.T) {
	const each, pace = 4000, 10 * time.Microsecond
	var store session.Store
	require.True(t, store.Swap(credentialOf(1)))
	a := newAttempt(t)
	arms := []*arm{{name: "quiet"}, {name: "swapping", live: true}, {name: "quiet again"}}
	rounds, swaps, epoch := 0, 0, uint64(1)
	for ; swaps < *swapsWanted; rounds++ {
		for i := range arms {
			arm := arms[(i+rounds)%len(arms)] // nobody is always first
			took, made := round(t, a, &store, arm.live, epoch, each, pace)
			if arm.live {
				swaps += made
				epoch += uint64(made)
				require.Equal(t, epoch, store.Current().Epoch, "every swap took")
			}
			slices.Sort(took)
			for q, at := range []int{each / 2, each * 99 / 100, each * 999 / 1000} {
				arm.rounds[q] = append(arm.rounds[q], took[at])
			}
			arm.samples = append(arm.samples, took...)
		}
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() { a.run(&store) }))

	t.Logf("load, render, sign one order; %d attempts an arm in %d rounds, %d swaps, GOMAXPROCS %d", rounds*each, rounds, swaps, runtime.GOMAXPROCS(0))
	t.Logf("%-12s %8s %8s %8s", "ns", "p50", "p99", "p99.9")
	for _, arm := range arms {
		slices.Sort(arm.samples)
		n := len(arm.samples)
		t.Logf("%-12s %8d %8d %8d", arm.name, arm.samples[n/2], arm.samples[n*99/100], arm.samples[n*999/1000])
	}
	for q, name := range []string{"p50", "p99", "p99.9"} {
		low, high := spread(arms[2].rounds[q], arms[0].rounds[q])
		mid := median(arms[1].rounds[q], arms[0].rounds[q])
		within := "within"
		if mid < low || mid > high {
			within = "OUTSIDE"
		}
		t.Logf("%-6s swapping/quiet, median of rounds %.3f; quiet again/quiet %.3f, four rounds of five %.3f to %.3f: %s the A/A spread",
			name, mid, median(arms[2].rounds[q], arms[0].rounds[q]), low, high, within)
	}
}

// round times attempts one by one beside a swapper, and tells how many swaps of
// their store were made.
func round(t *testing.T, a *attempt, store *session.Store, live bool, epoch uint64, each int, pace time.Duration) (took []int64, swaps int) {
	aside := new(session.Store)
	require.True(t, aside.Swap(credentialOf(1)))
	target, next := aside, uint64(2)
	if live {
		target, next = store, epoch+1
	}
	fresh := make([]*session.Credential, 2*each) // made beforehand: a swap itself makes no garbage
	model := *credentialOf(1)
	for i := range fresh {
		c := model
		c.Epoch = next + uint64(i)
		fresh[i] = &c
	}
	took = make([]int64, 0, each)
	runtime.GC()

	var done atomic.Bool
	began, made := make(chan struct{}), make(chan int)
	go func() {
		close(began)
		n, start := 0, time.Now()
		for !done.Load() && n < len(fresh) {
			if time.Since(start) >= time.Duration(n)*pace {
				target.Swap(fresh[n])
				n++
			}
		}
		made <- n
	}()
	<-began
	for last := time.Now(); len(took) < each; {
		a.run(store)
		now := time.Now()
		took = append(took, int64(now.Sub(last)))
		last = now
	}
	done.Store(true)
	return took, <-made
}

// median is the median of a[i]/b[i].
func median(a, b []int64) float64 {
	r := ratios(a, b)
	return r[len(r)/2]
}

// spread is what four of five a[i]/b[i] lie between.
func spread(a, b []int64) (low, high float64) {
	r := ratios(a, b)
	return r[len(r)/10], r[len(r)-1-len(r)/10]
}

func ratios(a, b []int64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(r)
	return r
}
