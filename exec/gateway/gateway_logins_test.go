package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
	"github.com/vayu-trading/vayu/exec/throttle"
)

// logIn puts a new login in force, some time after it was made: what leaves in
// between is signed with the old one.
func (w *twin) logIn(t *testing.T, after time.Duration) {
	login := w.venue.NewLogin()
	time.Sleep(after)
	c, err := w.Exchange(t.Context(), session.NewToken(login))
	require.NoError(t, err)
	time.Sleep(after)
	now := w.clock.Now().Wall
	c.Epoch, c.Issued, c.Expiry = w.config.Session.Current().Epoch+1, now, now.Add(time.Hour)
	require.True(t, w.config.Session.Swap(c))
	w.OnSession(LoginOf(session.Live, c, time.Minute))
}

// Whatever a new login does to the old one, orders that are on their way at that
// moment are each known for what they are.
func TestE3_NoOrderIsLostWhateverANewLoginDoesToTheOldOne(t *testing.T) {
	for mode, name := range map[sim.OldLogins]string{
		sim.DropOldLogins: "dies at once", sim.GraceOldLogins: "dies after a grace", sim.KeepOldLogins: "lives on",
	} {
		for _, lenient := range []bool{true, false} {
			t.Run(fmt.Sprintf("old login %s, lenient=%v", name, lenient), func(t *testing.T) {
				t.Parallel()
				w := newTwin(t, sim.Faults{}, func(v *sim.Config, c *Config) {
					v.OldLogins, v.Grace, c.Core.Lenient = mode, 100*time.Millisecond, lenient
					c.Core.Limits = throttle.Breeze()
					c.Core.Limits.Logins = 100
				})
				done := make(chan []order.ID)
				go func() {
					var ids []order.ID
					for i := range 16 {
						ids = append(ids, w.buy(market.Paise(9900-5*i)))
						time.Sleep(160 * time.Millisecond)
					}
					done <- ids
				}()
				for range 5 {
					time.Sleep(250 * time.Millisecond)
					w.logIn(t, 60*time.Millisecond)
				}
				ids := <-done

				settled := func() bool {
					for _, id := range ids {
						if s := w.update(id).State; s != order.Working && s != order.ClosedAbsent && s != order.Denied && s != order.ExpiredLocal {
							return false
						}
					}
					return true
				}
				require.Eventually(t, settled, 60*time.Second, 20*time.Millisecond, "%v", w.alarms)
				w.judge(t, ids)
				working := 0
				for _, id := range ids {
					if w.update(id).State == order.Working {
						working++
					}
				}
				if mode == sim.KeepOldLogins {
					require.Equal(t, len(ids), working, "nothing stood in their way")
				}
				require.Positive(t, working, "while an outcome is open, its contract takes no more")
			})
		}
	}
}
