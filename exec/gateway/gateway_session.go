package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/session"
)

// LoginOf is the core's view of a login: what the session keeper's OnState
// hook passes to OnSession. Entries stop stopEntries before the credential's
// end, unless a new one comes.
func LoginOf(state session.State, c *session.Credential, stopEntries time.Duration) Session {
	if c == nil {
		return Session{State: state}
	}
	return Session{Epoch: c.Epoch, Expiry: c.Expiry, EntriesUntil: c.Expiry.Add(-stopEntries), State: state}
}
