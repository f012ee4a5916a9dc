package stream

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestS12_AWrongCertificateIsRefusedAndARightOneWorks(t *testing.T) {
	issuer := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	defer issuer.Close()
	v := newVenue()
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener := tls.NewListener(plain, &tls.Config{Certificates: issuer.TLS.Certificates})
	v.wait.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			v.wait.Go(func() { v.serve(conn) })
		}
	})
	defer v.wait.Wait()
	defer v.dropAll()
	defer listener.Close()
	url := "wss://" + plain.Addr().String()

	s, err := New(Config{Name: "x", URL: url, Session: credentials(v.token), Universe: testUniverse(t), Sink: new(recorder)})
	require.NoError(t, err)
	_, err = s.connect(t.Context())
	require.ErrorContains(t, err, "certificate")

	roots := x509.NewCertPool()
	roots.AddCert(issuer.Certificate())
	r := start(t, func(cfg *Config) { cfg.URL, cfg.TLS, cfg.Overlap = url, &tls.Config{RootCAs: roots}, time.Second })
	eventually(t, "joined", func() bool { return v.joined("4.1!42505") })
	v.publish("4.1!42505", quoteOf("42505", 1))
	eventually(t, "the quote", func() bool { return r.Stats().Quotes == 1 })
	require.NoError(t, r.Renew(t.Context()), "an interrupted read does not harm TLS")
	v.publish("4.1!42505", quoteOf("42505", 2))
	eventually(t, "the next", func() bool { return r.Stats().Quotes == 2 })
	r.quit(t)
	require.Equal(t, "live 1 2 down", strings.Join(r.sink.entries(), " "))
}
