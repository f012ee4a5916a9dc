package main

import (
	"context"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/exec/sim"
)

// A person watches the demo in a browser and stops it: from then on risk lets
// no order out, whoever asks.
func TestTheDemosPageTicksAndItsButtonStopsTrading(t *testing.T) {
	browser := findBrowser(t)
	engine := startDemo(t, demo{For: 10 * time.Minute, Speed: 20, Seed: 1, Strategy: "short-straddle"})
	page, closePage, err := engine.servePage("127.0.0.1:0", "demo", "a tape", venueMoment(engine.venue))
	require.NoError(t, err)
	defer closePage()

	allocator, closeAllocator := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))...)
	defer closeAllocator()
	tab, closeTab := chromedp.NewContext(allocator)
	defer closeTab()
	require.NoError(t, chromedp.Do(tab), "start %s", browser)
	tab, cancel := context.WithTimeout(tab, 5*time.Minute) // a busy machine draws slowly
	defer cancel()
	becomes := func(condition string) {
		t.Helper()
		_, err := chromedp.Run(tab, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(2*time.Minute)))
		require.NoError(t, err, condition)
	}

	require.NoError(t, chromedp.Do(tab, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(page), chromedp.WaitVisible(chromedp.CSS("#chain tr.atm"))))
	before, err := chromedp.Run(tab, chromedp.TextContent(chromedp.CSS("#chain")))
	require.NoError(t, err)
	becomes(`document.querySelector('#chain').textContent !== ` + "`" + before + "`")
	becomes(`document.querySelector('#orders tbody').textContent.includes('filled')`)
	becomes(`document.querySelectorAll('#positions tbody tr').length >= 2`)
	require.Equal(t, risk.Armed, engine.gate.Level())

	require.NoError(t, chromedp.Do(tab,
		chromedp.Click(chromedp.CSS("#stop")),
		chromedp.WaitVisible(chromedp.CSS("#really")),
		chromedp.Click(chromedp.CSS("#really")),
		chromedp.WaitVisible(chromedp.CSS("#stopped")),
	))
	require.Eventually(t, func() bool { return engine.gate.Level() == risk.CancelAll }, 5*time.Second, 10*time.Millisecond)

	accepted := engine.venue.Stats().OrdersAccepted
	id := engine.gateway.Submit(order.Command{Kind: order.Place, Ticket: engine.marketable(t)})
	require.Eventually(t, func() bool {
		for _, u := range engine.account.latest.Load().Orders {
			if u.ID == id {
				return u.State == order.Denied
			}
		}
		return false
	}, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, accepted, engine.venue.Stats().OrdersAccepted)
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no chromium or google-chrome on this machine: install the package chromium to test the page in a real browser")
	return ""
}

// rehearsal is a demo that a test holds in its hands.
type rehearsal struct {
	*system
	venue *sim.Venue
}

// startDemo runs the demo until the test ends.
func startDemo(t *testing.T, d demo) rehearsal {
	t.Helper()
	player, err := openTape("")
	require.NoError(t, err)
	venue, base, stopVenue, err := d.serve(player, hclog.NewNullLogger())
	require.NoError(t, err)
	set, err := d.setting(venue, base, t.TempDir(), io.Discard, hclog.NewNullLogger())
	require.NoError(t, err)
	engine, err := newSystem(t.Context(), set)
	require.NoError(t, err)
	trading, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- engine.run(trading) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		stopVenue()
		require.NoError(t, set.journal.Close())
		require.NoError(t, player.Close())
	})
	return rehearsal{engine, venue}
}

// marketable is a ticket that only a stopped engine would refuse.
func (r rehearsal) marketable(t *testing.T) order.Ticket {
	t.Helper()
	chain := r.book.Layout().Chain("NIFTY", r.book.Layout().Expiries("NIFTY")[1])
	var view book.View
	r.book.Pin(&view)
	var q market.Quote
	row := chain.Rows[len(chain.Rows)/2]
	require.True(t, view.Quote(row.Call, &q))
	return order.Ticket{Instrument: row.Call, Side: market.Buy, TIF: order.IOC, Lots: 1, Price: q.Ask, Class: order.Entry}
}
