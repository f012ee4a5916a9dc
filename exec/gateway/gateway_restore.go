package gateway

import (
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

// Lower lowers the kill level on a person's word, whose name is kept.
func (g *Gateway) Lower(level risk.Level, name string) {
	g.Operator(Operator{Lower: true, Level: level, Name: name})
}
