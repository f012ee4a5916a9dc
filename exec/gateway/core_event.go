package gateway

import (
	"github.com/vayu-trading/vayu/engine/journal"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
)

// EventKind tells which part of an [Event] is set.
type EventKind uint8

// The events that the shell hands to the core.
const (
	Tick          EventKind = iota // nothing but time passed: call when [Core.Next] is reached
	CommandEvent                   // Command: a strategy asks for something
	AnswerEvent                    // Answer: a call ended
	ReportEvent                    // Report: a notice of the order stream
	StreamEvent                    // Stream: the order stream's state changed
	SessionEvent                   // Session: a credential was swapped in, or the session's state changed
	KillEvent                      // Level, Text: an operator, the host or risk raises the kill level
	OperatorEvent                  // Operator: a person answers what the engine could not
	LoginEvent                     // Login: the session's keeper is about to log in, or has
	FenceEvent                     // Fence: see CoreConfig.HardFence
	eventKinds    = iota
)

// Event is what the core is told. Only the part that Kind names is read; the
// slices of an Answer are borrowed until Step returns.
type Event struct {
	Kind     EventKind
	Command  order.Command
	Answer   Answer
	Report   order.Report
	Stream   market.FeedState
	Session  Session
	Level    risk.Level
	Text     string // why, for KillEvent: a constant or an escaped text
	Operator Operator
	Login    journal.Session
	Fence    time.Duration
}

// Slot names one call in flight. The shell hands it back with the answer and
// knows nothing else of it; a slot is never used twice.
type Slot uint32

// Sent is how much of a request the kernel took: the proof behind
// [order.NotSent].
type Sent uint8

// How much was sent. The zero value is the cautious one.
const (
	SentWhole   Sent = iota // all of it, or nobody knows
	SentPart                // some bytes, provably not all
	SentNothing             // not one byte: the permit is given back
)

// Answer is how a call ended, as exec/rest judged it. Give at most one for each
// slot, whenever it comes: the core times a call out by itself at
// [Action.Deadline], and takes an answer that comes later, until
// [Action.Listen], as free evidence.
type Answer struct {
	Slot       Slot
	Verdict    order.Verdict
	Sent       Sent
	Reused     bool          // the connection had carried a call before
	Broken     bool          // transport, 5xx, HTML or a cut body: the breaker counts it
	Epoch      uint64        // the credential the request was signed with
	VenueID    order.VenueID // SendPlace: the venue's order id
	Misnamed   bool          // the answer has an order id that cannot be one
	SentAt     market.Mono   // the first byte left; zero: none did, or nobody knows
	RetryAfter time.Duration // of a throttle; zero when the venue named none
	Reason     string        // the venue's text, escaped; empty when it gave none
	// Reads only.
	Partial bool            // the answer did not parse to its end: what it shows is true, what it lacks proves nothing
	Orders  []order.Report  // ReadOrder, ReadOrders
	Trades  []order.Trade   // ReadTrades
	Held    []order.Holding // ReadPositions
}

// Session is the login in force.
type Session struct {
	Epoch        uint64
	EntriesUntil market.UnixNano // wall clock, of the credential: no new exposure after it
	Expiry       market.UnixNano // wall clock: no call after it
	State        session.State
}

// Operator is a person's verdict. With only Name set it is "I have looked, go
// on": it ends a halt.
type Operator struct {
	Name       string // who says so: kept in the journal
	Lower      bool   // lower the kill level to Level
	Level      risk.Level
	ID         order.ID            // an unresolved order, or zero
	Placed     order.VenueID       // what it became at the venue; zero: the person saw that there is no such order
	Instrument market.InstrumentID // ID zero: trade this instrument again
}

// ActionKind tells what the core wants done.
type ActionKind uint8

// The actions.
const (
	NoAction      ActionKind = iota
	SendPlace                // Ticket, Quantity, Remark
	SendModify               // VenueID, Ticket with the new Price, Quantity
	SendCancel               // VenueID
	ReadOrder                // VenueID: one order's detail
	ReadOrders               // today's list
	ReadTrades               // today's trades
	ReadPositions            // positions
	Emit                     // Update: tell the strategy, the portfolio, observers
	RenewSession             // Epoch was refused
	RestartStream            // the order stream claims to live and is mute: open it anew
	Alarm                    // Text, ID: tell a person
	Armed                    // the lists were read and agree: entries may leave from now on
	actionKinds   = iota
)

var actionNames = [actionKinds]string{
	"none", "place", "modify", "cancel", "read_order", "read_orders", "read_trades", "read_positions", "emit", "renew_session", "restart_stream", "alarm", "armed",
}

func (k ActionKind) String() string {
	if int(k) < len(actionNames) {
		return actionNames[k]
	}
	return "?"
}

// Write tells whether the call changes something at the venue.
func (k ActionKind) Write() bool { return k >= SendPlace && k <= SendCancel }

// Call tells whether the action is a request to the venue.
func (k ActionKind) Call() bool { return k >= SendPlace && k <= ReadPositions }

// Action is one thing for the shell to do, in the order given.
//
// Of a call: sign it with the newest credential at the moment of signing and
// say so in [Answer.Epoch]; write its first byte before SendBy or answer
// NotSent with SentNothing; listen until Listen, then close the connection.
type Action struct {
	Kind     ActionKind
	Attempt  uint8 // 1 for the first
	Class    order.Class
	Slot     Slot
	ID       order.ID
	Ticket   order.Ticket
	Quantity market.Units // of the ticket, in units
	Remark   order.Remark
	VenueID  order.VenueID
	Epoch    uint64
	SendBy   market.Mono
	Deadline market.Mono // the core calls the outcome unknown here
	Listen   market.Mono // until here a late answer is still worth having
	Update   order.Update
	Text     string
}
