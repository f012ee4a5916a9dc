package stream

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestS12_AWrongCertificateIsRefusedAndARightOneSurvivesARenewal(t *testing.T) {
	issuer := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	defer issuer.Close()
	roots := x509.NewCertPool()
	roots.AddCert(issuer.Certificate())
	pair := tcp(t)
	v := newVenue()
	v.network = func() (a, b net.Conn) {
		a, b = pair()
		return a, tls.Server(b, &tls.Config{Certificates: issuer.TLS.Certificates})
	}

	refused := start(t, v, func(c *Config) { c.URL, c.Handshake = "wss://127.0.0.1", 5*time.Second })
	_, err := refused.stream.connect(t.Context())
	require.ErrorContains(t, err, "certificate")
	refused.stop()
	require.Empty(t, refused.rec.told())

	r := start(t, v, func(c *Config) {
		c.URL, c.TLS, c.Overlap = "wss://127.0.0.1", &tls.Config{RootCAs: roots}, 100*time.Millisecond
	})
	r.untilTold("live")
	r.until("the join", func() bool { return r.publishes("4.1!42505", 1) })
	r.untilTold("live", "q1")
	require.NoError(t, r.stream.Renew(t.Context())) // an interrupted read does not harm TLS
	v.publish("4.1!42505", quote("42505", 2))
	r.untilTold("live", "q1", "q2")
	r.stop()
}

// publishes sends a quote if the client has joined the room.
func (r *rig) publishes(room string, n int) bool {
	r.venue.mu.Lock()
	peers := r.venue.peers
	joined := len(peers) > 0 && peers[len(peers)-1].rooms[room]
	r.venue.mu.Unlock()
	if joined {
		r.venue.publish(room, quote("42505", n))
	}
	return joined
}
