package stream

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
