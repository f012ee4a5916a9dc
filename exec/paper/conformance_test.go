package paper_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/exec/exectest"
)

func TestPaperGatewayConforms(t *testing.T) { exectest.RunVirtual(t, exectest.OpenPaper) }

func TestSteppedPaperDeskConforms(t *testing.T) {
	exectest.RunVirtual(t, exectest.OpenStepped(0, 0))
}

func TestSteppedPaperDeskConformsAtADistance(t *testing.T) {
	exectest.RunVirtual(t, exectest.OpenStepped(7*time.Millisecond, 11*time.Millisecond))
}

// Run beside a feed or stepped, near the venue or far from it: the same script
// ends the same.
func TestBothEdgesOfThePaperDeskEndAlike(t *testing.T) {
	played := func(t *testing.T, open exectest.Opener, seed uint64) (o exectest.Outcome) {
		synctest.Test(t, func(t *testing.T) { o = exectest.Play(t, open, seed) })
		return o
	}
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			run := played(t, exectest.OpenPaper, seed)
			require.Empty(t, run.Differs(played(t, exectest.OpenStepped(0, 0), seed)))
			require.Empty(t, run.Differs(played(t, exectest.OpenStepped(3*time.Millisecond, 2*time.Millisecond), seed)))
		})
	}
}
