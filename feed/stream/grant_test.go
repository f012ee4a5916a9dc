package stream

import (
	"bytes"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"
)

func TestWhatComesTogetherWithTheGrantIsDeliveredAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.upgraded = func(conn net.Conn) bool {
			text := func(s string) []byte { return ws.MustCompileFrame(ws.NewTextFrame([]byte(s))) }
			_, _ = conn.Write(text(`0{"sid":"a","pingInterval":25000,"pingTimeout":20000}`))
			for frames := 0; ; frames++ {
				if _, err := ws.ReadFrame(conn); err != nil {
					return true
				}
				if frames == 0 { // the credential: all of this in one piece
					go func() {
						_, _ = conn.Write(bytes.Join([][]byte{text(`40{"sid":"b"}`), text(quote("42505", 1)), text("2")}, nil))
					}()
				}
			}
		}
		r := start(t, v, nil)
		synctest.Wait()
		require.Equal(t, []string{"live", "q1"}, r.rec.told())
		r.stop()
	})
}

func TestAStoppedStreamDoesNotConnectAgain(t *testing.T) {
	virtual(t, func(t *testing.T) {
		v := newVenue()
		v.admit = func(*peer) string { return "Unauthorized" }
		r := start(t, v, nil)
		time.Sleep(time.Second)
		r.stop() // in the wait after the refusal
		require.Equal(t, 1, v.connections())
	})
}
