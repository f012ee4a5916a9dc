package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Size is the length of every record in bytes.
const Size = 128

// Kind tells which part of a [Record] is set.
type Kind uint8

// The kinds of record. Their numbers are on disk and never change.
const (
	NoKind   Kind = 0
	Started  Kind = 1  // Start: an engine took the journal over
	Named    Kind = 2  // Name: a strategy's number in this run
	Intended Kind = 3  // Intent: risk let a ticket pass
	Sending  Kind = 4  // Call: a write leaves, recorded before its first byte
	Reading  Kind = 5  // Call: a read leaves; it counts in the rate limits
	Answered Kind = 6  // Call: a call ended
	Moved    Kind = 7  // Move: an order changed
	Leveled  Kind = 8  // Level: the kill level changed
	Held     Kind = 9  // Holding: held before the first order of the day
	Based    Kind = 10 // every holding from before the day's first order is recorded
	Blocked  Kind = 11 // Block: an instrument takes no new exposure, or does again
	Login    Kind = 12 // Session: a login was exchanged, or the attempt
	Noted    Kind = 13 // Text: what a person was told
	Tripped  Kind = 14 // Trip: a circuit breaker changed its state
	Stopped  Kind = 15 // the engine ended in order
	Kinds         = iota
)

var kindNames = [Kinds]string{
	"none", "started", "named", "intended", "sending", "reading", "answered", "moved", "leveled", "held", "based", "blocked",
	"login", "noted", "tripped", "stopped",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "?"
}

// Record is one fact of the trading day. Only the part that Kind names is kept;
// texts are cut to what fits.
type Record struct {
	Kind     Kind
	Sequence uint64 // one more than the record before it; set by whoever appends
	At       market.Stamp
	ID       order.ID // the order concerned; zero: none

	Start   Start
	Name    Name
	Intent  Intent
	Call    Call
	Move    Move
	Level   Level
	Holding Holding
	Block   Block
	Session Session
	Trip    Trip
	Text    string // Noted: at most 72 bytes
}

// Start is the beginning of a run. Its Boot is the journal's owner epoch: it
// rises with every start of the day.
type Start struct {
	Tag     order.Tag
	Armed   bool   // a person said that it may trade though it starts often
	Version string // at most 32 bytes
}

// Name tells what a strategy's number means in this run.
type Name struct {
	Strategy order.StrategyID
	Text     string // at most 64 bytes
}

// Intent is a ticket that risk let pass. It carries the contract, not the day's
// number for it.
type Intent struct {
	Key       market.ContractKey // Exchange at most 6 bytes, Underlying at most 16
	Strategy  order.StrategyID
	Class     order.Class
	Side      market.Side
	TIF       order.TimeInForce
	Signal    uint64
	Quantity  market.Units
	Price     market.Paise
	Trigger   market.Paise
	TickAt    market.Mono // these three are kept as ages at At.Mono, up to four seconds; zero: not known
	WokenAt   market.Mono
	DecidedAt market.Mono
}

// CallKind is what a call asks of the venue.
type CallKind uint8

// The calls.
const (
	NoCall CallKind = iota
	Place
	Modify
	Cancel
	ReadOrder
	ReadOrders
	ReadTrades
	ReadPositions
	ReadOther
	callKinds = iota
)

var callNames = [callKinds]string{"none", "place", "modify", "cancel", "read_order", "read_orders", "read_trades", "read_positions", "read_other"}

func (k CallKind) String() string {
	if int(k) < len(callNames) {
		return callNames[k]
	}
	return "?"
}

// Write tells whether the call changes something at the venue.
func (k CallKind) Write() bool { return k >= Place && k <= Cancel }

// Call is one attempt at the venue: its beginning (Sending, Reading) or its end
// (Answered).
type Call struct {
	Kind       CallKind
	Class      order.Class
	Attempt    uint8 // 1 for the first
	Slot       uint32
	Epoch      uint64 // of the credential; 32 bits are kept
	Price      market.Paise
	Verdict    order.Verdict // Answered
	Sent       uint8         // Answered: how much of the request left: 0 whole or unknown, 1 part, 2 nothing
	Late       bool          // Answered: after its deadline
	SentAt     market.Mono   // Answered: the first byte; kept as an age, up to four seconds; zero: not known
	Took       time.Duration // Answered: permit to answer
	RetryAfter time.Duration // Answered: what a throttle asked for
	Delay      time.Duration // Answered: until the next attempt; zero: none was planned
	Text       string        // Answered: the venue's words, escaped; at most 32 bytes
}

// Move is an order after a change: everything that replay needs, so that
// applying it twice changes nothing.
type Move struct {
	Move         order.Move
	State        order.State
	Attempts     uint8
	Absences     uint8
	CancelWanted bool
	Estimated    bool
	EndedByVenue bool
	VenueID      order.VenueID
	Filled       market.Units
	Cancelled    market.Units
	Expired      market.Units
	Value        market.Paise
	Price        market.Paise
	PriceWanted  market.Paise
	Notice       uint64 // newest notice's sequence
	Text         string // why denied or refused: at most 14 bytes, the whole is in the Answered record
}

// Level is a change of the kill level.
type Level struct {
	Level    uint8
	Operator bool   // a person did it
	Text     string // at most 64 bytes
}

// Holding is a position from before the day's first order.
type Holding struct {
	Key      market.ContractKey
	Quantity market.Units // signed
	Average  market.Paise
}

// Block says whether an instrument takes new exposure.
type Block struct {
	Key     market.ContractKey
	Blocked bool
	Text    string // at most 32 bytes
}

// Session is a login or the attempt of one.
type Session struct {
	Epoch  uint64
	OK     bool
	Expiry market.UnixNano
}

// Trip is a circuit breaker's change.
type Trip struct {
	Breaker uint8 // 0 writes, 1 reads, 2 logins
	State   uint8
}

// ErrRecord marks bytes that are no record.
var ErrRecord = errors.New("journal: not a record")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Where a record's parts lie: every record begins alike, its body follows.
const (
	kindAt     = 4
	sequenceAt = 8
	wallAt     = 16
	monoAt     = 24
	marketAt   = 32
	idAt       = 40
	bodyAt     = 48
)

// Encode writes the record's form on disk. Hot path: see
// TestEncodeAllocatesNothing.
func (r *Record) Encode(dst *[Size]byte) {
	*dst = [Size]byte{}
	dst[kindAt] = uint8(r.Kind)
	put64(dst, sequenceAt, r.Sequence)
	put64(dst, wallAt, uint64(r.At.Wall))
	put64(dst, monoAt, uint64(r.At.Mono))
	put64(dst, marketAt, uint64(r.At.Market))
	put64(dst, idAt, uint64(r.ID))
	switch r.Kind {
	case Started:
		s := &r.Start
		dst[bodyAt], dst[bodyAt+1] = s.Tag.Instance[0], s.Tag.Instance[1]
		put32(dst, bodyAt+2, uint32(s.Tag.Day))
		put32(dst, bodyAt+6, s.Tag.Boot)
		dst[bodyAt+10] = flags(s.Armed, false, false)
		putText(dst[bodyAt+11:bodyAt+44], s.Version)
	case Named:
		put16(dst, bodyAt, uint16(r.Name.Strategy))
		putText(dst[bodyAt+2:bodyAt+67], r.Name.Text)
	case Intended:
		i := &r.Intent
		putKey(dst, &i.Key)
		put16(dst, bodyAt+33, uint16(i.Strategy))
		dst[bodyAt+35] = uint8(i.Class)<<4 | uint8(i.Side)<<2 | uint8(i.TIF)
		put64(dst, bodyAt+36, i.Signal)
		put32(dst, bodyAt+44, uint32(i.Quantity))
		put32(dst, bodyAt+48, uint32(i.Price))
		put32(dst, bodyAt+52, uint32(i.Trigger))
		put32(dst, bodyAt+56, age(r.At.Mono, i.TickAt))
		put32(dst, bodyAt+60, age(r.At.Mono, i.WokenAt))
		put32(dst, bodyAt+64, age(r.At.Mono, i.DecidedAt))
	case Sending, Reading, Answered:
		k := &r.Call
		dst[bodyAt] = uint8(k.Kind)
		dst[bodyAt+1] = uint8(k.Class)
		dst[bodyAt+2] = k.Attempt
		dst[bodyAt+3] = uint8(k.Verdict)
		dst[bodyAt+4] = k.Sent
		dst[bodyAt+5] = flags(k.Late, false, false)
		put32(dst, bodyAt+6, k.Slot)
		put32(dst, bodyAt+10, uint32(k.Epoch))
		put32(dst, bodyAt+14, uint32(k.Price))
		put32(dst, bodyAt+18, age(r.At.Mono, k.SentAt))
		put64(dst, bodyAt+22, uint64(k.Took))
		put32(dst, bodyAt+30, millis(k.RetryAfter))
		put32(dst, bodyAt+34, millis(k.Delay))
		putText(dst[bodyAt+38:bodyAt+71], k.Text)
	case Moved:
		m := &r.Move
		dst[bodyAt] = uint8(m.Move)
		dst[bodyAt+1] = uint8(m.State)
		dst[bodyAt+2] = m.Attempts
		dst[bodyAt+3] = m.Absences
		dst[bodyAt+4] = flags(m.CancelWanted, m.Estimated, m.EndedByVenue)
		dst[bodyAt+5] = uint8(len(m.VenueID.Append(dst[bodyAt+6 : bodyAt+6 : bodyAt+29])))
		put32(dst, bodyAt+29, uint32(m.Filled))
		put32(dst, bodyAt+33, uint32(m.Cancelled))
		put32(dst, bodyAt+37, uint32(m.Expired))
		put64(dst, bodyAt+41, uint64(m.Value))
		put32(dst, bodyAt+49, uint32(m.Price))
		put32(dst, bodyAt+53, uint32(m.PriceWanted))
		put64(dst, bodyAt+57, m.Notice)
		putText(dst[bodyAt+65:bodyAt+80], m.Text)
	case Leveled:
		dst[bodyAt] = r.Level.Level
		dst[bodyAt+1] = flags(r.Level.Operator, false, false)
		putText(dst[bodyAt+2:bodyAt+67], r.Level.Text)
	case Held:
		putKey(dst, &r.Holding.Key)
		put64(dst, bodyAt+33, uint64(r.Holding.Quantity))
		put64(dst, bodyAt+41, uint64(r.Holding.Average))
	case Blocked:
		putKey(dst, &r.Block.Key)
		dst[bodyAt+33] = flags(r.Block.Blocked, false, false)
		putText(dst[bodyAt+34:bodyAt+67], r.Block.Text)
	case Login:
		put64(dst, bodyAt, r.Session.Epoch)
		dst[bodyAt+8] = flags(r.Session.OK, false, false)
		put64(dst, bodyAt+9, uint64(r.Session.Expiry))
	case Noted:
		putText(dst[bodyAt:bodyAt+73], r.Text)
	case Tripped:
		dst[bodyAt] = r.Trip.Breaker
		dst[bodyAt+1] = r.Trip.State
	}
	binary.LittleEndian.PutUint32(dst[:4], crc32.Checksum(dst[4:], castagnoli))
}

// Decode reads a record; an error that wraps [ErrRecord] when it is damaged.
func (r *Record) Decode(src *[Size]byte) error { return r.decode(src, nil) }

// decode is Decode with the texts seen so far, so that a text that comes again
// needs no new memory; nil for none.
func (r *Record) decode(src *[Size]byte, seen map[string]string) error {
	if crc32.Checksum(src[4:], castagnoli) != binary.LittleEndian.Uint32(src[:4]) {
		return fmt.Errorf("%w: the checksum does not fit", ErrRecord)
	}
	rd := reader{at: src[4:], seen: seen}
	kind := Kind(rd.u8())
	rd.skip(3)
	*r = Record{Kind: kind, Sequence: rd.u64()}
	r.At.Wall = market.UnixNano(rd.u64())
	r.At.Mono = market.Mono(rd.u64())
	r.At.Market = market.UnixNano(rd.u64())
	r.ID = order.ID(rd.u64())
	switch kind {
	case Started:
		r.Start.Tag.Instance = [2]byte{rd.at[0], rd.at[1]}
		rd.skip(2)
		r.Start.Tag.Day = market.Date(rd.u32())
		r.Start.Tag.Boot = rd.u32()
		rd.flags(&r.Start.Armed)
		r.Start.Version = rd.text(32)
	case Named:
		r.Name.Strategy = order.StrategyID(rd.u16())
		r.Name.Text = rd.text(64)
	case Intended:
		i := &r.Intent
		rd.key(&i.Key)
		i.Strategy = order.StrategyID(rd.u16())
		packed := rd.u8()
		i.Class, i.Side, i.TIF = order.Class(packed>>4), market.Side(packed>>2&3), order.TimeInForce(packed&3)
		i.Signal = rd.u64()
		i.Quantity = market.Units(rd.u32())
		i.Price, i.Trigger = market.Paise(int32(rd.u32())), market.Paise(int32(rd.u32()))
		i.TickAt, i.WokenAt, i.DecidedAt = rd.age(r.At.Mono), rd.age(r.At.Mono), rd.age(r.At.Mono)
	case Sending, Reading, Answered:
		k := &r.Call
		k.Kind, k.Class, k.Attempt = CallKind(rd.u8()), order.Class(rd.u8()), rd.u8()
		k.Verdict, k.Sent = order.Verdict(rd.u8()), rd.u8()
		rd.flags(&k.Late)
		k.Slot, k.Epoch, k.Price = rd.u32(), uint64(rd.u32()), market.Paise(int32(rd.u32()))
		k.SentAt = rd.age(r.At.Mono)
		k.Took = time.Duration(rd.u64())
		k.RetryAfter, k.Delay = rd.millis(), rd.millis()
		k.Text = rd.text(32)
	case Moved:
		m := &r.Move
		m.Move, m.State, m.Attempts, m.Absences = order.Move(rd.u8()), order.State(rd.u8()), rd.u8(), rd.u8()
		rd.flags(&m.CancelWanted, &m.Estimated, &m.EndedByVenue)
		if err := rd.venue(&m.VenueID); err != nil {
			return err
		}
		m.Filled, m.Cancelled, m.Expired = market.Units(rd.u32()), market.Units(rd.u32()), market.Units(rd.u32())
		m.Value = market.Paise(rd.u64())
		m.Price, m.PriceWanted = market.Paise(int32(rd.u32())), market.Paise(int32(rd.u32()))
		m.Notice = rd.u64()
		m.Text = rd.text(14)
	case Leveled:
		r.Level.Level = rd.u8()
		rd.flags(&r.Level.Operator)
		r.Level.Text = rd.text(64)
	case Held:
		rd.key(&r.Holding.Key)
		r.Holding.Quantity, r.Holding.Average = market.Units(rd.u64()), market.Paise(rd.u64())
	case Blocked:
		rd.key(&r.Block.Key)
		rd.flags(&r.Block.Blocked)
		r.Block.Text = rd.text(32)
	case Login:
		r.Session.Epoch = rd.u64()
		rd.flags(&r.Session.OK)
		r.Session.Expiry = market.UnixNano(rd.u64())
	case Noted:
		r.Text = rd.text(72)
	case Tripped:
		r.Trip.Breaker, r.Trip.State = rd.u8(), rd.u8()
	case Based, Stopped:
	default:
		return fmt.Errorf("%w: kind %d is not known to this version", ErrRecord, kind)
	}
	return nil
}
