package gateway

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/rest"
)

// certificate signs itself for the given names.
func certificate(t *testing.T, notAfter time.Time, names ...string) tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "venue"}, DNSNames: names,
		NotBefore: notAfter.Add(-24 * time.Hour), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}
}

// secureVenue answers over TLS with the given certificate.
func secureVenue(t *testing.T, cert tls.Certificate) (port string, served *atomic.Int32) {
	t.Helper()
	served = new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, ackOK)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	server.Config.ErrorLog = hclog.NewNullLogger().StandardLogger(nil)
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	return port, served
}

// named reaches a loopback port under a host name.
func named(host, port string, roots ...*x509.Certificate) func(*Config) {
	return func(c *Config) {
		c.BaseURL = "https://" + host + ":" + port + "/breezeapi/api/v1/"
		c.RootCAs = x509.NewCertPool()
		for _, root := range roots {
			c.RootCAs.AddCert(root)
		}
		c.Lookup = func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		}
	}
}

func TestOrdersTravelOverVerifiedTLS(t *testing.T) {
	cert := certificate(t, time.Now().Add(time.Hour), "venue.test")
	port, served := secureVenue(t, cert)
	s := newShell(t, "", named("venue.test", port, cert.Leaf))

	for range 3 {
		s.ready(t)
		s.place()
		a := s.answer(t)
		require.Equal(t, order.OK, a.Verdict)
	}

	require.Equal(t, int32(3), served.Load())
}

func TestN3_ACertificateThatIsNotTrustedIsNeverTalkedTo(t *testing.T) {
	good := certificate(t, time.Now().Add(time.Hour), "venue.test")
	expired := certificate(t, time.Now().Add(-time.Hour), "venue.test")
	for _, row := range []struct {
		name  string
		cert  tls.Certificate
		host  string
		roots []*x509.Certificate
	}{
		{"an unknown authority", good, "venue.test", nil},
		{"another name", good, "other.test", []*x509.Certificate{good.Leaf}},
		{"expired", expired, "venue.test", []*x509.Certificate{expired.Leaf}},
	} {
		t.Run(row.name, func(t *testing.T) {
			port, served := secureVenue(t, row.cert)
			s := newShell(t, "", named(row.host, port, row.roots...))
			s.core.send = 5 * time.Second

			s.place()

			a := s.answer(t)
			require.Equal(t, order.ConfigFatal, a.Verdict, "after %d refusals", trustFailures)
			require.Equal(t, SentNothing, a.Sent)
			require.Equal(t, int32(1), s.alarms.Load())
			require.Zero(t, served.Load())
		})
	}
}

// Whoever does not speak TLS as we must is as little trusted as a stranger.
func TestN3_AHandshakeThatIsRefusedThreeTimesIsAMatterForAPerson(t *testing.T) {
	cert := certificate(t, time.Now().Add(time.Hour), "venue.test")
	for name, serve := range map[string]func(c net.Conn){
		"no TLS at all": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		},
		"an old version": func(c net.Conn) {
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}).Handshake()
		},
		"another protocol": func(c net.Conn) {
			_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"spdy"}}).Handshake()
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVenue(t, func(_ *venue, _ int, c net.Conn) { serve(c) })
			_, port, err := net.SplitHostPort(v.Addr().String())
			require.NoError(t, err)
			s := newShell(t, "", named("venue.test", port, cert.Leaf))
			s.core.send = 5 * time.Second

			s.place()

			a := s.answer(t)
			require.Equal(t, order.ConfigFatal, a.Verdict)
			require.Equal(t, SentNothing, a.Sent)
			require.Equal(t, int32(1), s.alarms.Load())
			require.GreaterOrEqual(t, v.conns.Load(), int32(trustFailures))
			require.LessOrEqual(t, v.conns.Load(), int32(trustFailures+2), "and then it waits longer and longer")
		})
	}
}

// A handshake that the network broke off says nothing about trust.
func TestN3_AHandshakeThatTheNetworkBreaksIsOnlyTriedAgain(t *testing.T) {
	v := newVenue(t, func(_ *venue, _ int, c net.Conn) {
		_, _ = c.Read(make([]byte, 100))
		_ = c.(*net.TCPConn).SetLinger(0)
	})
	_, port, err := net.SplitHostPort(v.Addr().String())
	require.NoError(t, err)
	s := newShell(t, "", named("venue.test", port))
	s.core.send = 1500 * time.Millisecond

	s.place()

	a := s.answer(t)
	require.Equal(t, order.NotSent, a.Verdict)
	require.Equal(t, SentNothing, a.Sent)
	require.Greater(t, v.conns.Load(), int32(trustFailures))
	require.Zero(t, s.alarms.Load())
}

func TestN2_ALookupThatFailsLeavesTheLastGoodAddressInUse(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return answerOf(ackOK) }))
	_, port, err := net.SplitHostPort(v.Addr().String())
	require.NoError(t, err)
	var lookups atomic.Int32
	s := newShell(t, "localhost:"+port, func(c *Config) {
		c.Lookup = func(_ context.Context, network, host string) ([]netip.Addr, error) {
			require.Equal(t, "ip", network)
			require.Equal(t, "localhost", host)
			switch lookups.Add(1) {
			case 1:
				return nil, nil // empty
			case 2:
				return nil, errors.New("no such host")
			case 3:
				return []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1")}, nil
			}
			return nil, errors.New("no such host")
		}
	})
	s.core.send = 5 * time.Second

	s.place()
	require.Equal(t, order.OK, s.answer(t).Verdict)
	require.Equal(t, int32(3), lookups.Load())

	s.forgetAddresses()
	address, err := s.pool.address(t.Context())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:"+port, address)
	require.Eventually(t, func() bool { return lookups.Load() == 4 }, 5*time.Second, time.Millisecond, "asked beside")
}

// forgetAddresses makes the last look-up an old one.
func (s *shell) forgetAddresses() {
	s.pool.addresses.Lock()
	s.pool.addresses.at = time.Now().Add(-2 * lookupEvery)
	s.pool.addresses.Unlock()
}

func TestN2_WithoutAnyAddressAnOrderIsNotSent(t *testing.T) {
	for name, lookup := range map[string]LookupFunc{
		"failing": func(context.Context, string, string) ([]netip.Addr, error) { return nil, errors.New("no such host") },
		"empty":   func(context.Context, string, string) ([]netip.Addr, error) { return nil, nil },
		"slow": func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, "localhost:1", func(c *Config) { c.Lookup = lookup })
			began := time.Now()

			s.place()

			require.Less(t, time.Since(began), 50*time.Millisecond, "Submit does not wait for a name")
			a := s.answer(t)
			require.Equal(t, order.NotSent, a.Verdict)
			require.Equal(t, SentNothing, a.Sent)
			require.True(t, a.Broken)
			require.Less(t, time.Since(began), deadline+200*time.Millisecond, "nor does the deadline")
		})
	}
}

// A resolver that hangs delays neither orders nor the connections for them.
func TestN2_ASlowLookupDelaysNeitherOrdersNorNewConnections(t *testing.T) {
	v := newVenue(t, answering(func(int, *http.Request, string) string { return "" })) // ends each connection: the next needs another
	_, port, err := net.SplitHostPort(v.Addr().String())
	require.NoError(t, err)
	var lookups, hanging atomic.Int32
	s := newShell(t, "localhost:"+port, func(c *Config) {
		c.Lookup = func(ctx context.Context, _, _ string) ([]netip.Addr, error) {
			if lookups.Add(1) == 1 {
				return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
			}
			hanging.Add(1)
			<-ctx.Done() // two seconds later
			return nil, ctx.Err()
		}
	})
	s.ready(t)
	s.forgetAddresses()

	began := time.Now()
	for range 10 {
		s.ready(t)
		s.place()
		require.Equal(t, order.Unknown, s.answer(t).Verdict)
	}

	require.Less(t, time.Since(began), lookupTimeout, "ten orders over ten connections, and the look-up still hangs")
	require.Equal(t, int32(1), hanging.Load(), "one at a time")
	require.Equal(t, int32(10), v.requests.Load())
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	u, err := market.NewUniverse(nil)
	require.NoError(t, err)
	good := Config{
		Universe: u, Session: new(session.Store), Clock: market.SystemClock{},
		Emit: func(*order.Update) {}, Renew: func(uint64) {}, RestartStream: func() {},
	}
	_, err = newGateway(good, newScript())
	require.NoError(t, err)
	for name, spoil := range map[string]func(*Config){
		"plain http over the network": func(c *Config) { c.BaseURL = "http://api.icicidirect.com/" },
		"no universe":                 func(c *Config) { c.Universe = nil },
		"no session":                  func(c *Config) { c.Session = nil },
		"no clock":                    func(c *Config) { c.Clock = nil },
		"nobody to tell":              func(c *Config) { c.Emit = nil },
		"nobody to restart":           func(c *Config) { c.RestartStream = nil },
		"nobody to renew":             func(c *Config) { c.Renew = nil },
		"an odd network":              func(c *Config) { c.Network = "udp" },
		"an odd local address":        func(c *Config) { c.LocalAddr = "here" },
		"too many connections":        func(c *Config) { c.Warm = 1000 },
		"no address":                  func(c *Config) { c.BaseURL = "nonsense" },
		"a user agent with a newline": func(c *Config) { c.UserAgent = "a\nb" },
	} {
		c := good
		spoil(&c)
		_, err := newGateway(c, newScript())
		require.ErrorIs(t, err, ErrConfig, name)
	}
}

// books answers by path, each list with as many failures before it as told.
func books(t *testing.T, failures *atomic.Int32, failure string) *venue {
	return newVenue(t, answering(func(_ int, r *http.Request, body string) string {
		if failures.Add(-1) >= 0 {
			return failure
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/funds"):
			return answerOf(`{"Success":{"total_bank_balance":800000.0,"allocated_fno":200000.0,"block_by_trade_fno":12500.53,"unallocated_balance":"400000"},"Status":200,"Error":null}`)
		case strings.HasSuffix(r.URL.Path, "/customerdetails"):
			if !strings.Contains(body, `"SessionToken":"50123456"`) || r.Header.Get("X-Checksum") != "" {
				return answerOf(`{"Success":null,"Status":500,"Error":"Resource not available."}`)
			}
			return answerOf(`{"Success":{"session_token":"VEVTVFVTUjE6NTE2MDYyODY=","idirect_userid":"TESTUSR1"},"Status":200,"Error":null}`)
		case strings.HasSuffix(r.URL.Path, "/optionchain"):
			return answerOf(`{"Success":[{"exchange_code":"NFO","product_type":"Options","stock_code":"NIFTY","expiry_date":"24-Nov-2026","right":"Call","strike_price":26000.0,"ltp":100.05,"best_bid_price":100.0,"best_bid_quantity":"650","spot_price":"26012.4"}],"Status":200,"Error":null}`)
		case strings.HasSuffix(r.URL.Path, "/portfoliopositions"):
			return answerOf(`{"Success":null,"Status":500,"Error":"No Data Found"}`)
		}
		return answerOf(`{"Success":[{"order_id":"1","action":"x","quantity":"65"}],"Status":200,"Error":null}`)
	}))
}

func TestReadsOfOthersArePacedAndBringTypedRows(t *testing.T) {
	v := books(t, new(atomic.Int32), "")
	s := newShell(t, v.Addr().String())
	s.core.permits = 3 // and wait for a permit first

	funds, err := s.Funds(t.Context())
	require.NoError(t, err)
	require.Equal(t, market.Paise(20_000_000-1_250_053), funds.AvailableFNO)
	require.Zero(t, s.core.permits)

	positions, err := s.Positions(t.Context())
	require.NoError(t, err)
	require.Empty(t, positions)

	chain, err := s.OptionChain(t.Context(), market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20261124, Right: market.Call})
	require.NoError(t, err)
	require.Equal(t, market.InstrumentID(1), chain[0].Instrument)
	require.Equal(t, market.Paise(10005), chain[0].Last)

	_, err = s.Trades(t.Context(), 20261123, 20261123)
	require.ErrorIs(t, err, rest.ErrAnswer, "a trade that is neither bought nor sold")
}

func TestE5_ALoginDoesNotQueueBehindReadsThatWaitForAPermit(t *testing.T) {
	v := books(t, new(atomic.Int32), "")
	s := newShell(t, v.Addr().String())
	s.core.barred.Store(int32(order.Data) + 1)
	waiting, leave := context.WithCancel(t.Context())
	defer leave()
	ended := make(chan error, 3)
	for range cap(ended) {
		go func() { _, err := s.Funds(waiting); ended <- err }()
	}
	time.Sleep(20 * time.Millisecond)

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := s.CustomerDetails(ctx, session.NewToken("50123456"))
	require.NoError(t, err)

	require.Empty(t, ended, "they still wait")
	leave()
	for range cap(ended) {
		require.ErrorIs(t, <-ended, context.Canceled)
	}
}

func TestALoginIsExchangedForACredential(t *testing.T) {
	v := books(t, new(atomic.Int32), "")
	s := newShell(t, v.Addr().String(), func(c *Config) { c.Session = new(session.Store) })
	var exchanger session.Exchanger = s.Gateway

	cred, err := exchanger.Exchange(t.Context(), session.NewToken("50123456"))
	require.NoError(t, err)
	require.Equal(t, "TESTUSR1", cred.User)
	require.Equal(t, "VEVTVFVTUjE6NTE2MDYyODY=", cred.Session.Reveal())
	require.Equal(t, "51606286", cred.Stream.Reveal())

	_, err = exchanger.Exchange(t.Context(), session.NewToken("999"))
	require.ErrorIs(t, err, session.ErrLogin)
	require.Equal(t, int32(2), v.requests.Load(), "a dead login is not asked about twice")
}

func TestAReadIsRepeatedOnlyWhenThatCanHelp(t *testing.T) {
	for _, row := range []struct {
		name, failure string
		failures      int32
		verdict       order.Verdict
		requests      int32
		throttled     int32
		renewed       bool
	}{
		{"a passing fault", answerOf(`{"Success":null,"Status":500,"Error":"Invalid User Details"}`), 2, order.OK, 3, 0, false},
		{"a lasting fault", answerOf(`{"Success":null,"Status":500,"Error":"Invalid User Details"}`), 9, order.Retry, 3, 0, false},
		{"a throttle", answerOf(`{"Success":null,"Status":5,"Error":"Limit exceed: API call per minute:Try after some time"}`), 1, order.OK, 2, 1, false},
		{"the day is over", answerOf(`{"Success":null,"Status":5,"Error":"Limit exceed: API call per day: "}`), 1, order.ThrottleDay, 1, 1, false},
		{"a refused session", answerOf(`{"Success":null,"Status":5,"Error":"Authentication Fail :: Invalid Checksum."}`), 1, order.OK, 2, 0, true},
		{"an address that is not registered", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 1, order.ConfigFatal, 1, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			failures := new(atomic.Int32)
			failures.Store(row.failures)
			v := books(t, failures, row.failure)
			s := newShell(t, v.Addr().String())

			_, err := s.Funds(t.Context())

			if row.verdict == order.OK {
				require.NoError(t, err)
			} else {
				call, is := errors.AsType[*CallError](err)
				require.True(t, is)
				require.Equal(t, row.verdict, call.Verdict)
				require.Equal(t, rest.Funds, call.Endpoint)
			}
			require.Equal(t, row.requests, v.requests.Load())
			require.Eventually(t, func() bool { return row.throttled == s.core.refused.Load() }, 3*time.Second, time.Millisecond,
				"whoever owns the core just now takes note of it")
			require.Equal(t, row.renewed, s.renewed.Load() == 1)
		})
	}
}

// A refusal of the session before says nothing about the one in force.
func TestARefusedReadRenewsTheSessionThatSignedIt(t *testing.T) {
	swapped := make(chan struct{})
	v := newVenue(t, answering(func(n int, _ *http.Request, _ string) string {
		if n == 1 { // replaced while the call was on its way
			<-swapped
			return answerOf(`{"Success":null,"Status":5,"Error":"Authentication Fail :: Invalid Checksum."}`)
		}
		return answerOf(`{"Success":{"allocated_fno":200000.0},"Status":200,"Error":null}`)
	}))
	s := newShell(t, v.Addr().String())
	go func() {
		for v.requests.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		s.config.Session.Swap(credential(2))
		close(swapped)
	}()

	_, err := s.Funds(t.Context())

	require.NoError(t, err)
	require.EqualValues(t, 1, s.renewed.Load())
}

func TestAReadEndsWithItsCaller(t *testing.T) {
	v := newVenue(t, func(_ *venue, _ int, c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	s := newShell(t, v.Addr().String())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()

	_, err := s.Funds(ctx)

	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestS1_NoSecretReachesTheLog reads what the log got after calls of every
// outcome.
func TestS1_NoSecretReachesTheLog(t *testing.T) {
	failures := new(atomic.Int32)
	failures.Store(1)
	v := books(t, failures, answerOf(`{"Success":null,"Status":5,"Error":"Authentication Fail :: Invalid Checksum.\n\u001b[31m"}`))
	var text syncBuilder
	s := newShell(t, v.Addr().String(), func(c *Config) {
		c.Log = hclog.New(&hclog.LoggerOptions{Output: &text, Level: hclog.Trace})
	})

	_, err := s.Funds(t.Context())
	require.NoError(t, err)
	_, err = s.Exchange(t.Context(), session.NewToken("50123456"))
	require.NoError(t, err)
	s.ready(t)
	s.place()
	s.answer(t)

	require.Eventually(t, func() bool { return strings.Contains(text.String(), "place_order") }, time.Second, time.Millisecond)
	log := text.String()
	require.Contains(t, log, "verdict=auth")
	require.Contains(t, log, `\u{1b}`)
	for _, hidden := range []string{secret, "VEVTVFVTUjE6NTE2MDYyODY=", "51606286", "50123456", "\x1b"} {
		require.NotContains(t, log, hidden)
	}
}

type syncBuilder struct {
	text atomic.Pointer[string]
}

func (b *syncBuilder) String() string {
	if p := b.text.Load(); p != nil {
		return *p
	}
	return ""
}

// Write is called by one goroutine, the logger's.
func (b *syncBuilder) Write(p []byte) (int, error) {
	b.text.Store(new(b.String() + string(p)))
	return len(p), nil
}
