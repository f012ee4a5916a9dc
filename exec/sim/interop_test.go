package sim

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
)

// seenByClient is what testdata/interop/run.js reports.
type seenByClient struct {
	Errors       []string
	User         string
	WrongSession struct {
		Thrown bool
		Body   any
	}
	Quotes, Depths map[string]map[string]any
	Orders         []map[string]string
	Candles        []map[string]any

	Funds, Quote, Bought, Resting, Detail, List, Trades, Trade, Positions, Demat, MarketOrder, Modified, Chain, CancelRepaired reply
	ChainAsShipped                                                                                                             reply
	CancelAsShipped                                                                                                            struct {
		Thrown bool
		HTTP   int
		Body   any
		Status int
	}
}

// TestOfficialJavaScriptClientTradesHere runs breezeconnect 1.0.31, unchanged
// but for its hosts, against the venue.
func TestInteropOfficialJavaScriptClientTradesHere(t *testing.T) {
	const folder = "testdata/interop"
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed; with it and `npm ci` in exec/sim/testdata/interop this test runs")
	}
	if _, err := os.Stat(folder + "/node_modules/breezeconnect"); err != nil {
		t.Skip("the client is not installed: run `npm ci` in exec/sim/testdata/interop")
	}
	r := run(t, func(c *Config) {
		c.FirstToken, c.User, c.AppKey, c.Secret = "", "", "T3st+Key=Example^001", "fixed-secret-0123456789abcdef"
		c.Speed = 4
	})
	command := exec.CommandContext(t.Context(), node, "run.js", "http://"+r.base, r.cfg.AppKey, r.cfg.Secret, DefaultAPISession,
		"2026-08-25T06:00:00.000Z", "25-Aug-2026", "24200")
	command.Dir = folder
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=Asia/Kolkata", "HOME=" + t.TempDir()}
	command.WaitDelay = 5 * time.Second
	var out, complaints bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaints

	err = command.Run()

	var seen seenByClient
	text := out.String()
	require.NoError(t, json.Unmarshal([]byte(text[strings.LastIndex(strings.TrimSpace(text), "\n")+1:]), &seen), "%s%s", &complaints, text)
	require.Empty(t, seen.Errors, "%s", &complaints)
	require.NoError(t, err, "%s", &complaints)

	t.Run("session", func(t *testing.T) {
		require.Equal(t, DefaultUser, seen.User)
		require.True(t, seen.WrongSession.Thrown)
		require.Contains(t, seen.WrongSession.Body, "Could not authenticate credentials")
		require.Equal(t, 1e7, seen.Funds.Success.(map[string]any)["allocated_fno"])
	})
	t.Run("quotes and depth arrive decoded", func(t *testing.T) {
		for _, token := range []string{"42501", "42502", "42503"} {
			q, d := seen.Quotes["4.1!"+token], seen.Depths["4.2!"+token]
			require.Equal(t, "NSE Futures & Options", q["exchange"])
			require.Less(t, q["bPrice"], q["sPrice"])
			require.Zero(t, int(q["bQty"].(float64))%65)
			require.Equal(t, 400.0, q["upperCktLm"])
			require.Equal(t, 100.0, q["close"])
			require.Contains(t, q["ltt"], "Aug 18 2026")
			levels := d["depth"].([]any)
			require.Len(t, levels, 5)
			best := levels[0].(map[string]any)
			require.Less(t, best["BestBuyRate-1"], best["BestSellRate-1"])
			require.Equal(t, "", best["BuyFlag-1"])
		}
		require.Equal(t, "1second", seen.Candles[0]["interval"])
		require.Equal(t, "25-Aug-2026", seen.Candles[0]["expiry_date"])
		require.Equal(t, "CE", seen.Candles[0]["right_type"])
	})
	t.Run("orders, trades and positions", func(t *testing.T) {
		bought, resting := placed(t, seen.Bought), placed(t, seen.Resting)
		row := seen.Detail.rows(t)[0].(map[string]any)
		require.Equal(t, "Executed", row["status"])
		require.Equal(t, bought, row["order_id"])
		require.Len(t, seen.List.rows(t), 2)
		require.Equal(t, bought, seen.Trades.rows(t)[0].(map[string]any)["order_id"])
		require.Equal(t, row["average_price"], seen.Trade.rows(t)[0].(map[string]any)["execution_price"])
		position := seen.Positions.rows(t)[0].(map[string]any)
		require.Equal(t, []any{"Buy", "65", row["average_price"]}, []any{position["action"], position["quantity"], position["average_price"]})
		require.Equal(t, textNoData, seen.Demat.Error)
		require.Equal(t, r.cfg.Texts.MarketOrder, seen.MarketOrder.Error)
		require.Equal(t, 200, seen.Modified.Status)

		story := map[string][]string{}
		for _, n := range seen.Orders {
			story[n["orderReference"]] = append(story[n["orderReference"]], n["orderStatus"])
			require.Equal(t, "2420000", n["strikePrice"])
			require.Equal(t, "Options", n["productType"])
		}
		require.Equal(t, []string{"Requested", "Ordered", "Executed"}, story[bought])
		require.Equal(t, []string{"Requested", "Ordered", "Ordered", "Cancelled"}, story[resting])
	})
	t.Run("what the client gets wrong is refused", func(t *testing.T) {
		require.Equal(t, 500, seen.ChainAsShipped.Status)
		require.True(t, seen.CancelAsShipped.Thrown || seen.CancelAsShipped.Status != 200)
		for _, e := range r.Ledger() {
			if e.Kind == "cancelled" {
				require.Equal(t, placed(t, seen.Resting), e.OrderID)
			}
		}
		require.Equal(t, 200, seen.CancelRepaired.Status)
		require.Len(t, seen.Chain.rows(t), 3)
	})
	require.Zero(t, r.Stats().Duplicates)
	require.EqualValues(t, 2, r.Stats().Refused, "the wrong session and the unsigned cancel")
	require.EqualValues(t, 65, r.Position(r.core.Universe().ByToken([]byte("42501"))).Qty)
	require.Equal(t, market.Date(20260818), r.Date())
}
