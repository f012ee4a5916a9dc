package gateway

import (
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/exec/breaker"
)

// loginCall is the login under way, of which the session's keeper makes one at a
// time.
type loginCall struct {
	generation breaker.Generation
	probe      bool
}

// mayLogin asks the breaker of logins, and tells when to ask again. Half open,
// the login is its own probe: no cheaper call tells whether logins work again.
func (c *Core) mayLogin(at market.Mono) (again market.Mono) {
	if ready := c.limits.Ready(order.Login, false, at); ready > at {
		return ready
	}
	c.logins.Advance(at)
	generation, closed := c.logins.Allow(at)
	probe := false
	if !closed {
		if generation, probe = c.logins.Probe(at); !probe {
			again = c.logins.Advance(at)
			return max(again, at+1)
		}
	}
	c.loginCall = loginCall{generation, probe}
	return at
}

// LoggedIn takes the end of a login. A refusal of the login itself, of this
// application or of our rate says nothing against the endpoint.
func (c *Core) LoggedIn(v order.Verdict, at market.Mono) {
	outcome := breaker.Failure
	switch v {
	case order.OK:
		outcome = breaker.Success
	case order.Auth, order.ConfigFatal, order.Throttle, order.ThrottleDay:
		outcome = breaker.Neutral
	}
	if call := c.loginCall; call.probe {
		c.logins.Probed(call.generation, outcome, at)
	} else {
		c.logins.Record(call.generation, outcome, at)
	}
}
