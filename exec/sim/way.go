package sim

import (
	"iter"

	"github.com/vayu-trading/vayu/engine/market"
)

// obstacle is what a request meets before the venue serves it.
type obstacle uint8

const (
	unhindered   obstacle = iota
	cutBefore             // the connection is cut
	badGateway            // a page
	tooMany               // a page
	limited               // with the text
	unauthorized          // with the text
	backendDown           // with the text
	exceptional
	acceptedLate // no answer, and served later
)

// meets draws what a request meets on its way in: the gateway's weather, the
// rate limits, the check of who calls, the back end's weather. Refusal is that
// check: a text, or "".
func (c *Core) meets(action bool, at market.Stamp, refusal func() string) (met obstacle, text string) {
	c.counts.Calls++
	f := &c.cfg.Faults
	switch {
	case c.strikes(f.DropBefore):
		return cutBefore, ""
	case c.strikes(f.HTML502):
		return badGateway, ""
	case c.strikes(f.HTML429):
		return tooMany, ""
	}
	text = c.limits.admit(action, at, &c.cfg.Texts)
	if text == "" && c.strikes(f.Throttle401) {
		text = textPerMinute
	}
	if text != "" {
		c.counts.Throttled++
		return limited, text
	}
	if text = refusal(); text != "" {
		c.counts.Refused++
		return unauthorized, text
	}
	switch {
	case c.strikes(f.BackendDown):
		return backendDown, textBackend
	case c.strikes(f.Exception):
		return exceptional, ""
	case action && c.strikes(f.LateAccept):
		return acceptedLate, ""
	}
	return unhindered, ""
}

// fate draws what becomes of the answer on its way back.
func (c *Core) fate() Fate {
	switch {
	case c.strikes(c.cfg.Faults.DropAfter):
		return Cut
	case c.strikes(c.cfg.Faults.LoseAnswer):
		return Silence
	}
	return Delivered
}

// visible tells whether lists already show what happened at the instant.
func (c *Core) visible(happened market.Mono, at market.Stamp) bool {
	return at.Mono.Sub(happened) >= c.cfg.Faults.ListLag
}

// listed is the orders of the days that lists already show, as accepted.
func (c *Core) listed(from, to market.Date, at market.Stamp) iter.Seq[*Order] {
	return func(yield func(*Order) bool) {
		for _, o := range c.list {
			if d := o.Placed.Market.Date(); d >= from && d <= to && c.visible(o.Placed.Mono, at) && !yield(o) {
				return
			}
		}
	}
}

// held is the positions that lists already show, in order of first appearance.
func (c *Core) held(at market.Stamp) iter.Seq[*Position] {
	return func(yield func(*Position) bool) {
		for _, id := range c.account.order {
			if p := c.account.positions[id]; c.visible(p.Since, at) && !yield(p) {
				return
			}
		}
	}
}
