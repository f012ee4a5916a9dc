package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/engine/risk"
)

func TestARaisedKillLevelIsToldWithItsCause(t *testing.T) {
	w := newWorld(t, 1, nil)
	w.begin()

	w.step(&Event{Kind: KillEvent, Level: risk.Reducing, Text: "somebody: looking"})

	require.True(t, w.alarmed("kill level raised: reducing, somebody: looking"), "%v", w.alarms)
}
