package main

import (
	"sync"

	"github.com/vayu-trading/vayu/engine/market"
)

// notebook keeps the newest lines for the operator. Any goroutine may write
// and read it.
type notebook struct {
	clock market.Clock
	mu    sync.Mutex
	lines []notice // oldest first
}

type notice struct {
	at    market.UnixNano
	text  string
	alarm bool
}

const notebookLines = 30

func newNotebook(clock market.Clock) *notebook { return &notebook{clock: clock} }

func (n *notebook) add(text string, alarm bool) {
	at := n.clock.Now().Market
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.lines) == notebookLines {
		n.lines = append(n.lines[:0], n.lines[1:]...)
	}
	n.lines = append(n.lines, notice{at, text, alarm})
}

// newest copies the lines, newest first.
func (n *notebook) newest() []notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := make([]notice, 0, len(n.lines))
	for i := len(n.lines) - 1; i >= 0; i-- {
		lines = append(lines, n.lines[i])
	}
	return lines
}
