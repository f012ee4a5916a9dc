package gateway

import (
	"math/rand/v2"

	"github.com/vayu-trading/vayu/engine/market"
)

// fault is one way in which a simulated world misbehaves. The letters name the
// rows of faults that a kind stands for: N network, H answers, E session, F
// order stream, P process and storage, R conduct.
type fault uint8

const (
	dialFails        fault = iota // N1 N2 N3 N4: not one byte left
	requestCut                    // N5: a part of the request left
	requestLost                   // N8: it vanishes on its way, nobody says so
	requestReset                  // N6: it vanishes, the connection breaks
	requestSlow                   // N10: it arrives many seconds later
	answerLost                    // N7 N8: taken, the answer vanishes
	answerReset                   // N6 N7: taken, the connection breaks
	answerLate                    // N9 N11: the answer drips in, perhaps after its deadline
	answerCut                     // N12: the body ends early
	outage                        // N8 N16: for seconds nothing gets through
	oddTaken                      // H2 H11 H12: an unknown text or a page, and the order was taken
	oddNotTaken                   // the same, and it was not
	noOrderID                     // H3: a success without an order id
	throttled                     // H6 H9 H10: refused for our rate
	throttledTaken                // the same, and yet it was taken (strict worlds only)
	dayOver                       // H7: the day's calls are used up, it says
	sessionRefused                // E1 E3 H5: refused for its session
	sessionTaken                  // the same, and yet it was taken (strict worlds only)
	forbiddenPage                 // H8: a page says 403
	refused                       // H1: the venue's business refusal
	rejectedLater                 // the exchange rejects what the venue had taken
	frozen                        // the exchange freezes it for its quantity
	selfTrade                     // the exchange cancels one of two own orders that would trade
	cancelledByVenue              // and others unasked
	cancelIgnored                 // a cancel or a change gets a receipt and does nothing
	readFails                     // N12 H11: a read gives nothing
	listEmpty                     // H14
	listPartial                   // H14
	listShrinks                   // H14
	listLags                      // H14: what is new is not in the list yet
	rowStale                      // H14: a row from before the last change
	rowSilent                     // a row that does not say what filled
	otherDay                      // H14: a row of yesterday
	tradesLag                     // the trade book is behind
	positionsLag                  // the positions are behind
	noticeLost                    // F18
	noticeTwice                   // F18
	noticeLate                    // F17 F18
	streamGap                     // F1
	streamMute                    // F3
	loginDown                     // E5
	tokenDies                     // E1 E3: the venue forgets a session
	pauses                        // P7 P8: the process stands still
	wallJumps                     // P9
	diskFull                      // P4
	killed                        // P1 P14: between two actions
	killedInAppend                // P1 P2: inside the journal
	powerLost                     // P1 P2: with the records that were not synced
	runaway                       // R2
	signalTwice                   // R5
	external                      // somebody else trades on the account
	killLevel                     // R9
	faults           = iota
)

var faultNames = [faults]string{
	"dial_fails", "request_cut", "request_lost", "request_reset", "request_slow", "answer_lost", "answer_reset", "answer_late",
	"answer_cut", "outage", "odd_taken", "odd_not_taken", "no_order_id", "throttled", "throttled_taken", "day_over",
	"session_refused", "session_taken", "forbidden", "refused", "rejected_later", "frozen", "self_trade", "cancelled_by_venue",
	"cancel_ignored", "read_fails", "list_empty", "list_partial", "list_shrinks", "list_lags", "row_stale", "row_silent",
	"other_day", "trades_lag", "positions_lag", "notice_lost", "notice_twice", "notice_late", "stream_gap", "stream_mute",
	"login_down", "token_dies", "pauses", "wall_jumps", "disk_full", "killed", "killed_in_append", "power_lost", "runaway",
	"signal_twice", "external", "kill_level",
}

func (f fault) String() string { return faultNames[f] }

// grade is how often a fault of a world happens.
type grade uint8

const (
	absent grade = iota
	rare
	frequent
	stormy
)

// rates of a grade: as a chance for each occasion, and as the mean time between
// two where time is the occasion.
var (
	gradeChance = [...]float64{0, 0.01, 0.06, 0.3}
	gradeEvery  = [...]market.Mono{0, 90 * second, 30 * second, 10 * second}
)

// mildness makes the chance of a fault smaller where a little of it stops all
// trade.
var mildness = func() (m [faults]float64) {
	for f := range m {
		m[f] = 1
	}
	m[sessionRefused], m[sessionTaken], m[forbiddenPage], m[dayOver] = 0.03, 0.03, 0.01, 0.002
	m[throttled], m[throttledTaken], m[otherDay] = 0.2, 0.2, 0.3
	return m
}()

// mix is which faults a world has, and how often.
type mix struct {
	grade  [faults]grade
	chance [faults]float64
}

// drawMix gives each world its own subset.
func drawMix(r *rand.Rand) (m mix) {
	share := [...]float64{0, 0.08, 0.2, 0.35}[r.IntN(4)]
	for f := range m.grade {
		if r.Float64() < share {
			m.grade[f] = grade(1 + r.IntN(3))
			m.chance[f] = gradeChance[m.grade[f]] * mildness[f]
		}
	}
	return m
}

// phase is the part of the day that a world begins in.
type phase uint8

const (
	midSession phase = iota
	beforeOpen
	beforeClose
	beforeCut
	beforeMidnight
	phases = iota
)

func (p phase) String() string {
	return [...]string{"mid_session", "before_open", "before_close", "before_cut", "before_midnight"}[p]
}

// The draws of a world come from separate streams, so that one more draw of one
// concern does not shift the others.
const (
	drawsOfSchedule = iota + 1
	drawsOfNetwork
	drawsOfVenue
	drawsOfDisk
	drawsOfStrategy
	drawsOfClock
	drawsOfPeople
)

// draws is one such stream.
type draws struct{ *rand.Rand }

func newDraws(seed, stream uint64) draws {
	return draws{rand.New(rand.NewPCG(seed*0x9e3779b97f4a7c15+stream, seed^stream<<48))}
}

func (d draws) hit(p float64) bool { return p > 0 && d.Float64() < p }

func (d draws) between(low, high market.Mono) market.Mono {
	return low + market.Mono(d.Int64N(int64(high-low)+1))
}

// around is a time that is mean on average and at least a tenth of it.
func (d draws) around(mean market.Mono) market.Mono {
	return max(market.Mono(d.ExpFloat64()*float64(mean)), mean/10)
}

// happening is something that is going to happen in a simulated world.
type happening struct {
	at   market.Mono
	rank uint64 // order of those at one instant
	what what
	boot uint32 // of the process that it concerns; zero: of the world outside
	n    int32  // which call, order, notice, intent
	more int64
}

// agenda is a binary heap of happenings, by time and rank.
type agenda []happening

func (h *happening) before(o *happening) bool {
	return h.at < o.at || h.at == o.at && h.rank < o.rank
}

func (a *agenda) push(h happening) {
	*a = append(*a, h)
	list := *a
	i := len(list) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !h.before(&list[up]) {
			break
		}
		list[i] = list[up]
		i = up
	}
	list[i] = h
}

func (a *agenda) pop() happening {
	list := *a
	first, h := list[0], list[len(list)-1]
	list = list[:len(list)-1]
	*a = list
	i := 0
	for len(list) > 0 {
		down := 2*i + 1
		if down >= len(list) {
			break
		}
		if down+1 < len(list) && list[down+1].before(&list[down]) {
			down++
		}
		if !list[down].before(&h) {
			break
		}
		list[i] = list[down]
		i = down
	}
	if len(list) > 0 {
		list[i] = h
	}
	return first
}
