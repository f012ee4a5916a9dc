package throttle

import "github.com/vayu-trading/vayu/engine/market"

// pace is a token bucket kept in one word, the generic cell rate algorithm: the
// instant at which the bucket will be full again. A call may leave when that
// lies no further ahead than the tokens that may be saved up take to come. How
// fast they come is an argument, so that slowing down is one assignment of the
// owner's. It smooths; what must never be passed is the windows' to hold.
type pace int64

// ready is when the next call may leave, with a token every interval and up to
// saved of them kept besides the one that is due.
func (p pace) ready(interval market.Mono, saved int) market.Mono {
	return market.Mono(p) - interval*market.Mono(saved)
}

// take uses a token. Who takes without waiting, as cancels do, leaves a debt,
// but never a larger one than a whole bucket.
func (p *pace) take(interval market.Mono, saved int, now market.Mono) {
	full := max(market.Mono(*p), now) + interval
	*p = pace(min(full, now+interval*market.Mono(saved+1)))
}

// empty leaves nothing saved: the next call may leave an interval from now.
func (p *pace) empty(interval, now market.Mono) { *p = pace(now + interval) }
