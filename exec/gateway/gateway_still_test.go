package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/risk"
)

func TestNobodyStepsTheCoreWhileItIsStill(t *testing.T) {
	s := newShell(t, "127.0.0.1:1")
	kills := func() (n int) {
		s.core.Lock()
		defer s.core.Unlock()
		for _, e := range s.core.events {
			if e.Kind == KillEvent {
				n++
			}
		}
		return n
	}
	require.True(t, s.Still(func() {
		s.Kill(risk.CancelAll, "a person at the last moment")
		require.Zero(t, kills())
	}))
	require.Equal(t, 1, kills(), "what came meanwhile is not lost")

	s.owned.Store(true) // an owner that broke off
	require.False(t, s.Still(func() { t.Error("it has an owner") }))
	s.owned.Store(false)
}
