package gateway

import (
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
	"github.com/vayu-trading/vayu/exec/rest"
)

func TestAnAlarmNamesItsOrderAndIsNotTheVenuesWord(t *testing.T) {
	var text strings.Builder
	b := newLogbook(hclog.New(&hclog.LoggerOptions{Output: &text}))

	b.write(&line{level: hclog.Error, text: "alarm", detail: "look at the venue and tell", id: 78364164097, retry: -1})
	b.write(&line{level: hclog.Warn, text: "call", call: true, endpoint: rest.PlaceOrder, detail: "Invalid session.", retry: -1})

	alarm, call, _ := strings.Cut(text.String(), "\n")
	require.Contains(t, alarm, `what="look at the venue and tell" order=78364164097`)
	require.NotContains(t, alarm, "venue=")
	require.Contains(t, call, `venue="Invalid session."`)
}
