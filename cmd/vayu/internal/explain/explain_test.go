package explain

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/journal"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

const today market.Date = 2026_08_18

// scribe writes a journal, in memory, as an engine would.
type scribe struct {
	t       testing.TB
	records []journal.Record
	at      market.Stamp
	tag     order.Tag
	slot    uint32
}

// newScribe is a journal whose first run began at 10:43 of the day.
func newScribe(t testing.TB, day market.Date) *scribe {
	s := &scribe{t: t, at: market.Stamp{Mono: market.Mono(time.Hour), Wall: day.At(10*time.Hour + 43*time.Minute), Market: day.At(10*time.Hour + 43*time.Minute)}}
	s.start(day, 1)
	return s
}

func (s *scribe) start(day market.Date, boot uint32) {
	s.tag = order.Tag{Instance: [2]byte{'V', 'Y'}, Day: day, Boot: boot}
	s.add(journal.Record{Kind: journal.Started, Start: journal.Start{Tag: s.tag, Version: "test"}})
	s.add(journal.Record{Kind: journal.Named, Name: journal.Name{Strategy: 1, Text: "drill"}})
}

// add keeps a record through its form on disk: what is shown is what was kept.
func (s *scribe) add(r journal.Record) {
	r.At, r.Sequence = s.at, uint64(len(s.records)+1)
	var form [journal.Size]byte
	r.Encode(&form)
	var kept journal.Record
	require.NoError(s.t, kept.Decode(&form))
	s.records = append(s.records, kept)
}

func (s *scribe) after(d time.Duration) *scribe {
	s.at = market.Stamp{Mono: s.at.Mono.Add(d), Wall: s.at.Wall.Add(d), Market: s.at.Market.Add(d)}
	return s
}

// restart goes on with another run's monotonic clock.
func (s *scribe) restart(boot uint32, later time.Duration) {
	s.after(later)
	s.at.Mono = market.Mono(5 * time.Second)
	s.start(s.tag.Day, boot)
}

func (s *scribe) read(fn func(*journal.Record) error) error {
	for i := range s.records {
		if err := fn(&s.records[i]); err != nil {
			return err
		}
	}
	return nil
}

var call = market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 2026_08_25, Strike: 24_200_00, Right: market.Call}

func (s *scribe) intend(sequence uint64) order.ID {
	id := s.tag.ID(sequence)
	s.add(journal.Record{Kind: journal.Intended, ID: id, Intent: journal.Intent{
		Key: call, Strategy: 1, Class: order.Entry, Side: market.Buy, TIF: order.Day, Quantity: 65, Price: 155_40,
		TickAt: s.at.Mono.Add(-21 * time.Microsecond), WokenAt: s.at.Mono.Add(-9 * time.Microsecond), DecidedAt: s.at.Mono.Add(-2 * time.Microsecond),
	}})
	return id
}

func (s *scribe) send(id order.ID, kind journal.CallKind, attempt uint8) uint32 {
	s.slot++
	k := journal.Reading
	if kind.Write() {
		k = journal.Sending
	}
	s.add(journal.Record{Kind: k, ID: id, Call: journal.Call{Kind: kind, Class: order.Entry, Attempt: attempt, Slot: s.slot, Epoch: 1, Price: 155_40}})
	return s.slot
}

func (s *scribe) answer(id order.ID, kind journal.CallKind, slot uint32, took time.Duration, c journal.Call) {
	sent := s.at.Mono.Add(38 * time.Microsecond)
	s.after(took)
	c.Kind, c.Slot, c.Took = kind, slot, took
	if c.Sent == 0 {
		c.SentAt = sent
	}
	s.add(journal.Record{Kind: journal.Answered, ID: id, Call: c})
}

func (s *scribe) move(id order.ID, m journal.Move) {
	if m.Price == 0 {
		m.Price = 155_40
	}
	s.add(journal.Record{Kind: journal.Moved, ID: id, Move: m})
}

func venueID(t testing.TB, text string) order.VenueID {
	t.Helper()
	id, err := order.ParseVenueID(text)
	require.NoError(t, err)
	return id
}

func remarkOf(tag order.Tag, id order.ID) string { return tag.Remark(id).String() }

// plain is an order that was placed, changed, and filled in two parts.
func (s *scribe) plain() order.ID {
	id, venue := s.intend(1), venueID(s.t, "202608183800000001")
	slot := s.after(900*time.Nanosecond).send(id, journal.Place, 1)
	s.answer(id, journal.Place, slot, 1200*time.Microsecond, journal.Call{Verdict: order.OK})
	s.move(id, journal.Move{Move: order.AttemptAcked, State: order.Acked, Attempts: 1, VenueID: venue})
	s.after(400*time.Microsecond).move(id, journal.Move{Move: order.SeenWorking, State: order.Working, Attempts: 1, VenueID: venue})
	s.after(2*time.Second).move(id, journal.Move{Move: order.ModifyRequested, State: order.Working, Attempts: 1, VenueID: venue, PriceWanted: 155_60})
	slot = s.send(id, journal.Modify, 1)
	s.answer(id, journal.Modify, slot, time.Millisecond, journal.Call{Verdict: order.OK})
	s.move(id, journal.Move{Move: order.SeenPartial, State: order.Partial, Attempts: 1, VenueID: venue, Price: 155_60, Filled: 25, Value: 25 * 155_60, Estimated: true})
	s.after(time.Second).move(id, journal.Move{Move: order.SeenFilled, State: order.Filled, Attempts: 1, VenueID: venue, Price: 155_60, Filled: 65, Value: 65 * 155_60, Estimated: true})
	s.after(250*time.Millisecond).move(id, journal.Move{Move: order.SeenFilled, State: order.Filled, Attempts: 1, VenueID: venue, Price: 155_60, Filled: 65, Value: 65 * 155_55})
	return id
}

// repeated is an order that could not be sent twice, and was the third time.
func (s *scribe) repeated() order.ID {
	id := s.intend(2)
	for attempt, delay := range []time.Duration{180 * time.Millisecond, 640 * time.Millisecond} {
		slot := s.send(id, journal.Place, uint8(attempt+1))
		s.answer(id, journal.Place, slot, 50*time.Millisecond, journal.Call{Attempt: uint8(attempt + 1), Verdict: order.NotSent, Sent: 2, Delay: delay})
		s.move(id, journal.Move{Move: order.AttemptNotSent, State: order.Queued, Attempts: uint8(attempt + 1)})
		s.after(delay)
	}
	s.add(journal.Record{Kind: journal.Tripped, Trip: journal.Trip{Breaker: 0, State: 2}})
	slot := s.send(id, journal.Place, 3)
	s.answer(id, journal.Place, slot, 900*time.Microsecond, journal.Call{Attempt: 3, Verdict: order.OK})
	s.move(id, journal.Move{Move: order.AttemptAcked, State: order.Acked, Attempts: 3, VenueID: venueID(s.t, "202608183800000002")})
	s.after(time.Second).move(id, journal.Move{Move: order.CancelRequested, State: order.Acked, Attempts: 3, CancelWanted: true, VenueID: venueID(s.t, "202608183800000002")})
	slot = s.send(id, journal.Cancel, 1)
	s.answer(id, journal.Cancel, slot, 900*time.Microsecond, journal.Call{Attempt: 1, Verdict: order.Throttle, RetryAfter: time.Second, Delay: 1100 * time.Millisecond, Text: "429 Too Many Requests"})
	slot = s.after(1100*time.Millisecond).send(id, journal.Cancel, 2)
	s.answer(id, journal.Cancel, slot, 900*time.Microsecond, journal.Call{Attempt: 2, Verdict: order.OK})
	s.move(id, journal.Move{Move: order.SeenCancelled, State: order.Cancelled, Attempts: 3, CancelWanted: true, VenueID: venueID(s.t, "202608183800000002"), Cancelled: 65})
	return id
}

// crashed is an order in the middle of whose sending the engine died, and that
// was found at the venue by the next run.
func (s *scribe) crashed() order.ID {
	id := s.intend(3)
	s.after(time.Microsecond).send(id, journal.Place, 1)
	s.restart(2, 700*time.Millisecond)
	s.move(id, journal.Move{Move: order.AttemptUnknown, State: order.Ambiguous, Attempts: 1})
	s.add(journal.Record{Kind: journal.Login, Session: journal.Session{Epoch: 1, OK: true, Expiry: today.AddDays(1).At(0)}})
	s.after(250*time.Millisecond).move(id, journal.Move{Move: order.EvidenceOver, State: order.Reconciling, Attempts: 1})
	s.add(journal.Record{Kind: journal.Blocked, Block: journal.Block{Key: call, Blocked: true, Text: "an order is in doubt"}})
	slot := s.send(0, journal.ReadOrders, 1)
	s.answer(0, journal.ReadOrders, slot, 2*time.Millisecond, journal.Call{Attempt: 1, Verdict: order.Retry, Delay: 150 * time.Millisecond})
	s.add(journal.Record{Kind: journal.Noted, ID: id, Text: "an order is in doubt after a restart"})
	slot = s.after(150*time.Millisecond).send(0, journal.ReadOrders, 2)
	s.answer(0, journal.ReadOrders, slot, 2*time.Millisecond, journal.Call{Attempt: 2, Verdict: order.OK})
	s.move(id, journal.Move{Move: order.SeenWorking, State: order.Working, Attempts: 1, VenueID: venueID(s.t, "202608183800000003")})
	s.add(journal.Record{Kind: journal.Blocked, Block: journal.Block{Key: call}})
	s.after(time.Second).add(journal.Record{Kind: journal.Leveled, Level: journal.Level{Level: 2, Text: "kill switch"}})
	return id
}

var update = flag.Bool("update", false, "write the golden files anew")

func TestLivesReadAsTheirGoldenTexts(t *testing.T) {
	s := newScribe(t, today)
	lives := map[string]order.ID{"plain": s.plain(), "repeated": s.after(time.Minute).repeated(), "crashed": s.after(time.Minute).crashed()}
	for name, id := range lives {
		l, err := Find(s.read, remarkOf(s.tag, id), 0)
		require.NoError(t, err)
		require.Equal(t, id, l.ID)
		var out bytes.Buffer
		require.NoError(t, l.Write(&out))
		file := filepath.Join("testdata", name+".txt")
		if *update {
			require.NoError(t, os.WriteFile(file, out.Bytes(), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), out.String(), name)
	}
}

func TestAnOrderIsFoundByEachOfItsNames(t *testing.T) {
	s := newScribe(t, today)
	id := s.plain()
	s.repeated()
	for _, name := range []string{"78364164097", "202608183800000001", remarkOf(s.tag, id)} {
		l, err := Find(s.read, name, 0)
		require.NoError(t, err, name)
		require.Equal(t, id, l.ID, name)
		require.Equal(t, "filled", l.State)
	}
}

func TestTheNewestDayIsMeantUnlessADayIsNamed(t *testing.T) {
	s := newScribe(t, today.AddDays(-1))
	s.plain()
	s.after(24*time.Hour).start(today, 1)
	s.repeated()
	first := s.intend(1)

	l, err := Find(s.read, "78364164097", 0)
	require.NoError(t, err)
	require.Equal(t, first, l.ID)
	require.Equal(t, today.String(), l.Day)
	require.Equal(t, "queued", l.State)

	l, err = Find(s.read, "78364164097", today.AddDays(-1))
	require.NoError(t, err)
	require.Equal(t, "filled", l.State)
}

func TestAnUnknownNameSaysHowToNameOne(t *testing.T) {
	s := newScribe(t, today)
	s.plain()
	for _, name := range []string{"", "1", "nonsense", "202608183800000009", "VY1ZZ0010000001X"} {
		_, err := Find(s.read, name, 0)
		require.ErrorIs(t, err, ErrUnknown, name)
		require.ErrorContains(t, err, "the venue's order id")
	}
}

func TestAttemptsCarryDelaysAndVerdicts(t *testing.T) {
	s := newScribe(t, today)
	l, err := Find(s.read, remarkOf(s.tag, s.repeated()), 0)
	require.NoError(t, err)

	require.Len(t, l.Attempts, 5)
	require.Equal(t, "not_sent", l.Attempts[0].Verdict)
	require.EqualValues(t, 180*time.Millisecond, l.Attempts[0].Delay)
	require.EqualValues(t, -1, l.Attempts[0].FirstByte)
	require.Equal(t, "ok", l.Attempts[2].Verdict)
	require.EqualValues(t, 38*time.Microsecond, l.Attempts[2].FirstByte)
	require.EqualValues(t, time.Second, l.Attempts[3].RetryAfter)
	text, err := json.Marshal(l)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, new(Life)))
	require.NotContains(t, string(text), "null", "lists are lists though empty")
}

func TestReadsCountOnlyWhileTheOrderIsInDoubt(t *testing.T) {
	s := newScribe(t, today)
	slot := s.send(0, journal.ReadOrders, 1)
	s.answer(0, journal.ReadOrders, slot, time.Millisecond, journal.Call{Verdict: order.OK})
	l, err := Find(s.read, remarkOf(s.tag, s.plain()), 0)
	require.NoError(t, err)
	for _, a := range l.Attempts {
		require.NotEqual(t, "read_orders", a.Call)
	}
	id := s.crashed()
	l, err = Find(s.read, "78364164099", 0)
	require.NoError(t, err)
	require.Equal(t, id, l.ID)
	reads := 0
	for _, a := range l.Attempts {
		if a.Call == "read_orders" {
			reads++
		}
	}
	require.Equal(t, 2, reads)
}
