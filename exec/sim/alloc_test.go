package sim

import (
	"bufio"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

// The venue shares a process with the engine in the demo, whose garbage is
// measured.
func TestPublishingATickAllocatesNothing(t *testing.T) {
	v, err := New(Config{Tape: tape(3), FirstToken: "51606286", User: "TESTUSR1"})
	require.NoError(t, err)
	_, refusal := v.core.sessions.exchange(DefaultAPISession, v.clock.Now())
	require.Empty(t, refusal)
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, ours) }()
	v.accept(theirs, bufio.NewReader(theirs), false)
	var c *conn
	for c = range v.hub.conns {
	}
	require.NoError(t, c.handle([]byte(goodAuth)))
	require.NoError(t, c.handle([]byte(`42["join",["4.1!42501","4.2!42501","4.1!NIFTY 50"]]`)))
	var events []market.Event
	_, err = v.player.Advance(tenOClock.Add(50e9), func(ev *market.Event) { events = append(events, *ev) })
	require.NoError(t, err)
	now, i := v.clock.Now(), 0
	tick := func() {
		ev := &events[i%len(events)]
		v.core.Market(ev, stampAt(now, ev.At))
		v.hub.publish(ev, now.Mono)
		v.core.candles.drain()
		i++
	}
	for range len(events) {
		tick()
	}

	require.Less(t, testing.AllocsPerRun(2000, tick), 0.5, "growing buffers apart")
	require.Positive(t, v.Stats().TicksPublished)

	v.closeSockets()
	require.NoError(t, ours.Close())
}
