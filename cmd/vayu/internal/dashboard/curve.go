package dashboard

import (
	"encoding/json"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// curvePoints is how many points a curve has at most: about one a pixel.
const curvePoints = 720

// curve is the day's net result over market time. When it is full, every
// second point goes and the pace halves, so that a whole day always fits. It is
// owned by the server's run goroutine.
type curve struct {
	points [][2]int64 // market time in ms, net in paise; ascending
	gap    time.Duration
	next   market.UnixNano // no point before it
	last   market.UnixNano
}

// add takes one reading and tells whether the curve changed.
func (c *curve) add(at market.UnixNano, net market.Paise) bool {
	if at < c.last { // a new day began, or the tape did again
		*c = curve{}
	}
	c.last = at
	if at < c.next || at == 0 {
		return false
	}
	if c.gap == 0 {
		c.gap = time.Second
	}
	if len(c.points) == curvePoints {
		for i := range curvePoints / 2 {
			c.points[i] = c.points[2*i]
		}
		c.points = c.points[:curvePoints/2]
		c.gap *= 2
	}
	c.points = append(c.points, [2]int64{millis(at), int64(net)})
	c.next = at.Add(c.gap)
	return true
}

func (c *curve) encode() ([]byte, error) {
	if c.points == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(c.points)
}
