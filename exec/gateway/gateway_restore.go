package gateway

import (
	"time"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/risk"
)

// Restore takes up what earlier runs of the day kept: replay hands over the
// records, oldest first. It is called once, before Run and before anything is
// submitted; what is held and open is emitted on the way, as of now. Without a
// journal there is nothing to call it for.
func (g *Gateway) Restore(replay func(func(*journal.Record) error) error) error {
	core, ok := g.core.(*Core)
	if !ok {
		return nil // a double, in tests
	}
	now := g.clock.Now()
	if err := replay(func(r *journal.Record) error { core.Restore(r, now); return nil }); err != nil {
		return err
	}
	actions := core.Restored(now)
	for i := range actions {
		g.act(&actions[i])
	}
	return nil
}

// Login puts a login, or the attempt of one, into the journal. It returns when
// that is done: an attempt is recorded before it is made.
func (g *Gateway) Login(s journal.Session) {
	g.post(Event{Kind: LoginEvent, Login: s})
}

// Still calls f while nobody has the order core, and so nobody appends to the
// journal: whoever talks to the engine at its end still steps the core. It is
// false, and f was not called, if the core is not to be had, as after a step
// that broke off.
func (g *Gateway) Still(f func()) bool {
	for until := time.Now().Add(time.Second); !g.owned.CompareAndSwap(false, true); {
		if time.Now().After(until) {
			return false
		}
		time.Sleep(50 * time.Microsecond)
	}
	f()
	g.owned.Store(false)
	if g.posted.Load() > 0 {
		g.drain()
	}
	return true
}

// Lower lowers the kill level on a person's word, whose name is kept.
func (g *Gateway) Lower(level risk.Level, name string) {
	g.Operator(Operator{Lower: true, Level: level, Name: name})
}
