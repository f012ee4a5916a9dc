// Package enginetest tests strategies without a venue, a goroutine or a real
// clock: a market to put quotes to, a desk whose orders the test fills,
// refuses or leaves in doubt by hand, and market time that the test moves.
// Everything happens within the calls, so every run is the same.
//
//	h := enginetest.New(t, enginetest.Config{Universe: universe}, strategy)
//	h.Tick(call, 100_00, 100_50)            // one quote, one commit, one callback
//	sent := h.Desk.Take()                   // what the strategy asked for
//	h.Fill(sent[0].Ticket.ID, 100_50, 0)    // all of it, at a price
//	h.Advance(time.Minute)                  // timers fire at their times
package enginetest
