package paper_test

import (
	"testing"
	"time"

	"github.com/vayu-trading/vayu/exec/exectest"
)

func TestPaperGatewayConforms(t *testing.T) { exectest.RunVirtual(t, exectest.OpenPaper) }

func TestSteppedPaperDeskConforms(t *testing.T) {
	exectest.RunVirtual(t, exectest.OpenStepped(0, 0))
}

func TestSteppedPaperDeskConformsAtADistance(t *testing.T) {
	exectest.RunVirtual(t, exectest.OpenStepped(7*time.Millisecond, 11*time.Millisecond))
}
