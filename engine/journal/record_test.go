package journal

import (
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// samples is one record of each kind with every field set.
func samples(t testing.TB) []Record {
	key := market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: 20261124, Strike: 2_400_000, Right: market.Put}
	venue, err := order.ParseVenueID("202611240000000017")
	require.NoError(t, err)
	list := []Record{
		{Kind: Started, Start: Start{Tag: order.Tag{Instance: [2]byte{'V', 'Y'}, Day: 20261124, Boot: 3}, Armed: true, Version: "1.2"}},
		{Kind: Named, Name: Name{Strategy: 2, Text: "straddle"}},
		{Kind: Intended, ID: 9, Intent: Intent{
			Key: key, Strategy: 2, Class: order.Entry, Side: market.Sell, TIF: order.IOC, Signal: 1 << 60, Quantity: 130, Price: 10005,
			Trigger: 10010, TickAt: 6_999_000_000, WokenAt: 6_999_500_000, DecidedAt: 7_000_000_000,
		}},
		{Kind: Sending, ID: 9, Call: Call{Kind: Place, Class: order.Entry, Attempt: 1, Slot: 77, Epoch: 4, Price: 10005}},
		{Kind: Reading, Call: Call{Kind: ReadOrders, Class: order.Reconcile, Attempt: 1, Slot: 78, Epoch: 4}},
		{Kind: Answered, ID: 9, Call: Call{
			Kind: Place, Attempt: 1, Slot: 77, Verdict: order.Throttle, Sent: 1, Late: true, SentAt: 6_000_000_000, Took: 12345,
			RetryAfter: 3_000_000_000, Delay: 1_500_000_000, Text: "limit exceed",
		}},
		{Kind: Moved, ID: 9, Move: Move{
			Move: order.SeenPartial, State: order.Partial, Attempts: 2, Absences: 1, CancelWanted: true, Estimated: true, EndedByVenue: true,
			VenueID: venue, Filled: 65, Cancelled: 1, Expired: 2, Value: 1 << 40, Price: 10005, PriceWanted: 9995, Notice: 99, Text: "margin",
		}},
		{Kind: Leveled, Level: Level{Level: 2, Operator: true, Text: "drill"}},
		{Kind: Held, Holding: Holding{Key: key, Quantity: -65, Average: 9990}},
		{Kind: Based},
		{Kind: Blocked, Block: Block{Key: key, Blocked: true, Text: "an order's fate is unknown"}},
		{Kind: Login, Session: Session{Epoch: 3, OK: true, Expiry: 1 << 60}},
		{Kind: Noted, ID: 9, Text: "look at the venue"},
		{Kind: Tripped, Trip: Trip{Breaker: 1, State: 2}},
		{Kind: Stopped},
	}
	for i := range list {
		list[i].Sequence, list[i].At = 41, market.Stamp{Mono: 7_000_000_000, Wall: 11, Market: 13}
	}
	return list
}

func TestEveryKindSurvivesItsForm(t *testing.T) {
	for _, r := range samples(t) {
		t.Run(r.Kind.String(), func(t *testing.T) {
			var form [Size]byte
			var back Record
			r.Encode(&form)
			require.NoError(t, back.Decode(&form))
			require.Equal(t, r, back)
		})
	}
}

// What lies on disks must be readable by every later engine.
func TestTheFormsOnDiskNeverChange(t *testing.T) {
	forms := strings.Fields(string(must(os.ReadFile("testdata/forms.txt"))))
	require.Len(t, forms, 2*(Kinds-1))
	for i, r := range samples(t) {
		var form [Size]byte
		r.Encode(&form)
		require.Equal(t, r.Kind.String(), forms[2*i])
		require.Equal(t, forms[2*i+1], hex.EncodeToString(form[:]), r.Kind)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestP3_EveryBitOfARecordIsUnderItsChecksum(t *testing.T) {
	var form [Size]byte
	(&Record{Kind: Sending, Sequence: 5, ID: 9, Call: Call{Kind: Place, Attempt: 1}}).Encode(&form)
	for bit := range Size * 8 {
		damaged := form
		damaged[bit/8] ^= 1 << (bit % 8)
		require.ErrorIs(t, new(Record).Decode(&damaged), ErrRecord, "bit %d", bit)
	}
}

func TestTextsAreCutToWhatFits(t *testing.T) {
	long := string(make([]byte, 300))
	rapid.Check(t, func(r *rapid.T) {
		kind := Kind(rapid.IntRange(1, Kinds-1).Draw(r, "kind"))
		var form [Size]byte
		rec := Record{
			Kind: kind, Start: Start{Version: long}, Name: Name{Text: long}, Call: Call{Text: long}, Move: Move{Text: long},
			Level: Level{Text: long}, Block: Block{Text: long, Key: market.ContractKey{Exchange: long, Underlying: long}}, Text: long,
		}
		rec.Encode(&form)
		require.NoError(r, new(Record).Decode(&form))
	})
}

func TestEncodeAllocatesNothing(t *testing.T) {
	r := Record{Kind: Moved, Move: Move{Move: order.SeenPartial, State: order.Partial, Text: "margin"}}
	var form [Size]byte
	require.Zero(t, testing.AllocsPerRun(1000, func() { r.Encode(&form) }))
	require.False(t, reflect.ValueOf(form).IsZero())
}

func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, src []byte) {
		var form, again [Size]byte
		copy(form[:], src)
		var r Record
		if r.Decode(&form) == nil {
			r.Encode(&again)
			require.NoError(t, new(Record).Decode(&again))
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := Record{Kind: Sending, Call: Call{Kind: Place, Attempt: 1, Slot: 7}}
	var form [Size]byte
	b.ReportAllocs()
	for b.Loop() {
		r.Encode(&form)
	}
}
