package dashboard

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// A person opens the page, sees it tick, stops trading and sees it stopped.
func TestPageTicksAndStopsTradingInARealBrowser(t *testing.T) {
	browser := findBrowser(t)
	engine := newFakeEngine()
	s := listen(t, Config{Snapshot: engine.snapshot, Kill: engine.kill, Every: 50 * time.Millisecond})
	serving, stopServing := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(serving) }()
	defer func() {
		stopServing()
		require.NoError(t, <-ended)
	}()

	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true), chromedp.WSURLReadTimeout(time.Minute))
	allocator, closeAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	defer closeAllocator()
	tab, closeTab := chromedp.NewContext(allocator)
	defer closeTab()
	require.NoError(t, chromedp.Do(tab), "start %s", browser)
	tab, cancel := context.WithTimeout(tab, 5*time.Minute) // a busy machine draws slowly
	defer cancel()
	text := func(selector string) string {
		t.Helper()
		got, err := chromedp.Run(tab, chromedp.TextContent(chromedp.CSS(selector)))
		require.NoError(t, err, selector)
		return got
	}
	becomes := func(condition string) {
		t.Helper()
		_, err := chromedp.Run(tab, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(2*time.Minute)))
		require.NoError(t, err, condition)
	}

	require.NoError(t, chromedp.Do(tab,
		chromedp.EmulateViewport(1440, 900),
		chromedp.Navigate(s.URL()),
		chromedp.WaitVisible(chromedp.CSS("#stop")),
		chromedp.WaitVisible(chromedp.CSS("#chain tr.atm")),
	))

	before := text("#clock")
	becomes(`document.querySelector('#clock').textContent !== '` + before + `'`)
	require.Equal(t, "armed", text("#level"))
	require.Equal(t, "short-straddle", text("#title"))
	becomes(`document.querySelectorAll('#chain tbody tr').length === 39`)
	becomes(`['recorded', 'modelled', 'synthetic'].includes(document.querySelector('#moment').textContent)`)
	becomes(`document.querySelectorAll('#latency svg rect').length > 10`)
	becomes(`document.querySelector('#curve path.curve') !== null`)
	becomes(`document.querySelector('#positions tbody').textContent.includes('24150 CE')`)
	becomes(`document.querySelector('#orders tbody').textContent.includes('working')`)
	becomes(`document.documentElement.scrollWidth <= 1440`)

	require.NoError(t, chromedp.Do(tab,
		chromedp.Click(chromedp.CSS("#stop")),
		chromedp.WaitVisible(chromedp.CSS("#really")),
		chromedp.Click(chromedp.CSS("#keep")),
		chromedp.WaitNotVisible(chromedp.CSS("#really")),
	))
	require.False(t, engine.snapshot().Kill.Stopped, "a second thought stops nothing")

	require.NoError(t, chromedp.Do(tab,
		chromedp.Click(chromedp.CSS("#stop")),
		chromedp.WaitVisible(chromedp.CSS("#reason")),
		chromedp.SendKeys(chromedp.CSS("#reason"), "rehearsal"),
		chromedp.Click(chromedp.CSS("#really")),
		chromedp.WaitVisible(chromedp.CSS("#stopped")),
		chromedp.WaitNotVisible(chromedp.CSS("#stop")),
	))
	require.Equal(t, "Trading stopped: cancel all (rehearsal)", text("#stopped"))
	require.Equal(t, "cancel all", text("#level"))
	require.True(t, engine.snapshot().Kill.Stopped)

	stopServing()
	becomes(`!document.querySelector('#lost').hidden`)
	require.Contains(t, text("#lost"), "these figures are old")
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
