package session

import (
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// Rules say how long a login lives and when the next one is fetched. All
// instants are of the wall clock.
type Rules struct {
	Timeout     time.Duration // from the login; the venue's 24 h with a margin
	MidnightCut bool          // the venue ends every session at midnight in India
	DailyCut    time.Duration // after midnight in India, a forced logout; zero: none
	RenewBefore time.Duration // how long before the end the renewal starts
	Jitter      time.Duration // and up to that much earlier
	StopEntries time.Duration // how long before the end entries stop when there is no new login
	Poll        time.Duration // how often a source without a new login is asked again
	Per10Min    int           // exchanges in any ten minutes
	PerDay      int           // exchanges in a day in India
}

// DefaultRules are the venue's, with the margins of a live run.
func DefaultRules() Rules {
	return Rules{
		Timeout: 23*time.Hour + 55*time.Minute, MidnightCut: true,
		RenewBefore: 5 * time.Minute, Jitter: 30 * time.Second, StopEntries: 30 * time.Second,
		Poll: 10 * time.Second, Per10Min: 3, PerDay: 20,
	}
}

// Scaled fits the margins to a timeout that is short, as a demonstration's is:
// the renewal starts in the last quarter of the session's life at the earliest,
// and the other margins keep their share of that.
func (r Rules) Scaled() Rules {
	r.RenewBefore = min(r.RenewBefore, r.Timeout/4)
	r.Jitter = min(r.Jitter, r.RenewBefore/10)
	r.StopEntries = min(r.StopEntries, r.RenewBefore/10)
	r.Poll = min(r.Poll, max(r.RenewBefore/10, 10*time.Millisecond))
	if r.Timeout < 40*time.Minute {
		// Such a life needs a login more often than the venue would grant one.
		r.Per10Min = max(r.Per10Min, int(10*time.Minute/max(r.Timeout/2, time.Second))+r.Per10Min)
		r.PerDay = max(r.PerDay, 144*r.Per10Min)
	}
	return r
}

// Expiry is when a login issued then ends: the earliest of the timeout,
// midnight and the daily cut.
func (r Rules) Expiry(issued market.UnixNano) market.UnixNano {
	end, day := issued.Add(r.Timeout), issued.Date()
	if r.MidnightCut {
		end = min(end, day.AddDays(1).At(0))
	}
	if r.DailyCut > 0 {
		cut := day.At(r.DailyCut)
		if cut <= issued {
			cut = day.AddDays(1).At(r.DailyCut)
		}
		end = min(end, cut)
	}
	return end
}
