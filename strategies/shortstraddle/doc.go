// Package shortstraddle sells an at-the-money call and put and keeps the pair
// neutral: it stops out on premium, re-enters after a pause, hedges its delta in
// whole lots, and is flat before the session turns dangerous.
//
// The day goes through the phases of [Phase]:
//
//	waiting   for its hours, a trusted feed and fresh quotes; the strike is the
//	          one nearest to the forward that put-call parity implies
//	entering  both legs are out; not whole by legging_timeout: all is unwound
//	holding   watched on every change; beyond hedge_threshold_lots of net delta
//	          the expiry's future, or a synthetic one, takes it back
//	exiting   at the touch and beyond, until flat; nothing gives up here
//	cooling   after a stop or a failed entry, for cool_off
//	done      flat for the day: at exit_at, a minute before the close, and on
//	          expiry day before the underlying's closing auction
//
// It owns its plan and its workers (package taker); the engine owns everything
// else. It knows nothing of limits: those are the risk gate's. What an earlier
// run left behind reaches it as fills, and is closed first.
//
//	[[strategies]]
//	name = "short-straddle"
//	[strategies.params]
//	lots = 2
//	stop_mode = "leg"
//	exit_at = "15:05"
package shortstraddle
