package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARestartWaitsForAConnectionAndNotForAVenueThatIsGone(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return "" }))
	slow := newShell(t, v.Addr().String(), func(c *Config) {
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(100 * time.Millisecond)
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	slow.Connected(t.Context(), 5*time.Second)
	require.NotZero(t, slow.pool.idle())

	gone := newShell(t, v.Addr().String(), func(c *Config) {
		c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("gone") }
	})
	began := time.Now()
	gone.Connected(t.Context(), 50*time.Millisecond)
	require.Zero(t, gone.pool.idle())
	require.Less(t, time.Since(began), 2*time.Second)

	ended, end := context.WithCancel(t.Context())
	end()
	gone.Connected(ended, time.Hour)
}
