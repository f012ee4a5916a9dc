package gateway

import (
	"context"
	"time"
)

// Connected waits until a call could leave at once, at most so long. A restart
// has its session before it has a connection: what the core sent into that gap
// would run out of its permit's time and count against the venue's health. A
// venue that cannot be reached holds nothing up for longer.
func (g *Gateway) Connected(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for g.pool.idle() == 0 {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-look.C:
		}
	}
}
