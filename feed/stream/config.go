package stream

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// Sink takes what a stream delivers. One goroutine calls it at any time, and
// nothing that it is given may be kept.
type Sink interface {
	Quote(*market.Quote)
	Depth(*market.Depth)
	Commit(market.Stamp) // after each event: what it brought is complete
	State(market.FeedState)
}

// Config is what a stream needs. URL, Session and at least one of Sink, Orders
// and Candles must be set; the rest has working zeros.
type Config struct {
	Name       string         // for logs and the dead letters: "ticks", "orders"
	URL        string         // wss://host, or ws:// on loopback
	Path       string         // default "/socket.io/"
	TLS        *tls.Config    // default: the system's roots
	Session    *session.Store // the credential is read at each connect
	Rooms      []string       // joined after each connect; SetRooms changes them
	Clock      market.Clock   // default market.SystemClock
	Log        hclog.Logger   // default: none
	Tap        func([]byte)   // sees each event's text before it is decoded, e.g. to tape it; must not keep it
	Dial       dialFunc       // default: TCP
	Rand       func() float64 // jitter, in [0, 1); default math/rand
	DeadLetter io.Writer      // gets every refused event, a line each; default: none

	Universe *market.Universe    // needed for anything to be decoded
	Sink     Sink                // "stock" events
	Orders   func(*order.Report) // "order" events; the report must not be kept
	Candles  func(*Candle)       // candle events; the candle must not be kept

	// OnState hears the same as Sink.State. After a loss comes FeedDown; after
	// the rejoin FeedGap, then FeedLive, both before the next event.
	OnState func(market.FeedState)
	// OnSuspect hears that the venue refused a credential or dropped its
	// session: the session should be probed. It must not block; it may be called
	// on the goroutine of Run or of Renew.
	OnSuspect func(epoch uint64, cause error)

	// MarketOpen tells whether data is to be expected at a market time. Without
	// it there is no watch for silence.
	MarketOpen func(market.UnixNano) bool
	// Silence is the shortest mute time in market hours that counts as a dead
	// feed; a slow feed gets longer, ten times its learnt interval. Default 3 s.
	Silence time.Duration

	Backoff    Backoff       // between connects; default 250 ms to 30 s
	AuthWait   Backoff       // after a refused credential; default 5 s to 60 s
	Handshake  time.Duration // from dialling to joined; default 10 s
	Overlap    time.Duration // of old and new connection at a renewal; default 2 s
	Drain      time.Duration // for the old connection's last events, at most; default 1 s
	MaxMessage int           // bytes; default 64 KiB
	JoinBatch  int           // rooms per join; default 200
	UserAgent  string        // default: the official client's
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Backoff is an exponential wait.
type Backoff struct{ Initial, Max time.Duration }

// ceiling is the longest wait before try n, from 0.
func (b Backoff) ceiling(n int) time.Duration {
	wait := b.Initial
	for range n {
		if wait *= 2; wait >= b.Max {
			return b.Max
		}
	}
	return min(wait, b.Max)
}

// validate fills in the defaults and names what cannot be used.
func (c *Config) validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w of %q: %s", ErrConfig, c.Name, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "ws" && u.Scheme != "wss":
		return bad("url %q is not wss://host", c.URL)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil:
		return bad("url %q has more than a host; the path is its own setting", c.URL)
	case u.Scheme == "ws" && !loopback(u.Hostname()):
		return bad("url %q would send the credential in the clear; use wss://", c.URL)
	case c.Session == nil:
		return bad("no session store")
	case c.Sink == nil && c.Orders == nil && c.Candles == nil:
		return bad("nothing to deliver to: set Sink, Orders or Candles")
	case c.Universe == nil:
		return bad("no universe")
	case c.Path != "" && c.Path[0] != '/':
		return bad("path %q does not start with a slash", c.Path)
	case c.Backoff.Initial < 0 || c.AuthWait.Initial < 0 || c.Backoff.Initial > c.Backoff.Max || c.AuthWait.Initial > c.AuthWait.Max:
		return bad("a backoff whose first wait is negative or above its longest")
	case min(c.Silence, c.Handshake, c.Overlap, c.Drain) < 0 || min(c.MaxMessage, c.JoinBatch) < 0:
		return bad("a negative limit")
	}
	c.URL = u.Scheme + "://" + u.Host
	defaults(&c.Path, "/socket.io/")
	defaults(&c.UserAgent, "node-socketio[client]/socket")
	defaults(&c.Silence, 3*time.Second)
	defaults(&c.Backoff, Backoff{250 * time.Millisecond, 30 * time.Second})
	defaults(&c.AuthWait, Backoff{5 * time.Second, 60 * time.Second})
	defaults(&c.Handshake, 10*time.Second)
	defaults(&c.Overlap, 2*time.Second)
	defaults(&c.Drain, time.Second)
	defaults(&c.MaxMessage, 64<<10)
	defaults(&c.JoinBatch, 200)
	return nil
}

func defaults[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}
