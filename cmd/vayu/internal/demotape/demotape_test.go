package demotape_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/demotape"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/tape"
)

func open(t *testing.T) *tape.Reader {
	t.Helper()
	r, err := demotape.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func TestTheShippedTapeIsWholeAndSmall(t *testing.T) {
	r := open(t)

	rep, err := tape.Verify(r)

	require.NoError(t, err)
	require.LessOrEqual(t, rep.File, int64(4<<20))
	require.Zero(t, rep.Torn+int64(rep.Synthetic))
	require.Equal(t, rep.Frames, rep.Stock)
	require.Greater(t, rep.Modelled, 90_000)
	require.Equal(t, 271, rep.Recorded, "the index, whenever it moved")
	day := market.Date(20260818)
	require.Equal(t, day.At(10*time.Hour+43*time.Minute), rep.First)
	require.Equal(t, day.At(15*time.Hour+30*time.Minute), rep.Last)
	h := r.Header()
	require.Equal(t, day, h.Date)
	for _, text := range []string{h.Title, h.Source, h.Licence, h.Note} {
		require.NotEmpty(t, text)
	}
	require.Contains(t, h.Note, "Modelled: every bid")
	info, err := os.Stat(demotape.Name)
	require.NoError(t, err)
	require.Equal(t, rep.File, info.Size())
}

func TestItsInstrumentsMakeAUniverseOfTwoChains(t *testing.T) {
	u, err := market.NewUniverse(open(t).Header().Instruments)
	require.NoError(t, err)

	require.Equal(t, 189, u.Len())
	require.NotZero(t, u.ByToken([]byte("NIFTY 50")))
	rights := map[market.Date]int{}
	for _, in := range u.All() {
		if in.Kind == market.Option {
			require.Equal(t, []any{"NIFTY", market.Units(65), market.Paise(5)}, []any{in.Underlying, in.LotSize, in.TickSize})
			require.Positive(t, in.BandLow)
			require.Greater(t, in.BandHigh, in.BandLow)
			rights[in.Expiry]++
		}
	}
	require.Len(t, rights, 2)
	require.Greater(t, rights[20260818], 90)
	require.Greater(t, rights[20260825], 90)
}

// side is what the market shows of one option.
type side struct{ bid, ask market.Paise }

func TestEveryQuoteIsTwoSidedOnTickAndVolumeNeverFalls(t *testing.T) {
	r := open(t)
	u, err := market.NewUniverse(r.Header().Instruments)
	require.NoError(t, err)
	books := make([]side, u.Len()+1)
	volumes := make([]market.Units, u.Len()+1)
	var at market.UnixNano
	minutes := 0
	for f := (tape.Frame{}); ; {
		more, err := r.Next(&f)
		require.NoError(t, err)
		if f.At != at || !more {
			if minutes > 0 {
				requireNoArbitrage(t, u, books, at)
			}
			at = f.At
			minutes++
		}
		if !more {
			break
		}
		token, fields := decode(t, f.Payload)
		id := u.ByToken(token)
		require.NotZero(t, id, "%s", token)
		if len(fields) != 23 {
			continue
		}
		in := u.Get(id)
		price := func(i int) market.Paise {
			p, err := market.ParsePaise([]byte(fields[i]))
			require.NoError(t, err, "%s", f.Payload)
			return p
		}
		last, bid, ask := price(2), price(6), price(8)
		if !(bid > 0 && bid < ask && bid.OnTick(5) && ask.OnTick(5) && last.OnTick(5) && last > 0 && bid >= in.BandLow && ask <= in.BandHigh) {
			require.Fail(t, "not a sound quote", "%s", f.Payload)
		}
		var volume, bidQty, askQty market.Units
		for i, n := range map[int]*market.Units{7: &bidQty, 9: &askQty, 14: &volume} {
			require.NoError(t, json.Unmarshal(fields[i], n))
		}
		if volume < volumes[id] || bidQty <= 0 || askQty <= 0 || bidQty%65 != 0 || askQty%65 != 0 || volume%65 != 0 {
			require.Fail(t, "not sound quantities", "%s after volume %d", f.Payload, volumes[id])
		}
		books[id], volumes[id] = side{bid, ask}, volume
	}
	require.Equal(t, 288+1, minutes, "the end counts as one more")
}

// decode splits a stock event without looking into it.
func decode(t *testing.T, payload []byte) (token []byte, fields []json.RawMessage) {
	var message []json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(payload, []byte("42")), &message); err != nil {
		require.NoError(t, err, "%s", payload)
	}
	if err := json.Unmarshal(message[1], &fields); err != nil {
		require.NoError(t, err, "%s", payload)
	}
	symbol := fields[0] // "4.1!TOKEN" in its quotes
	require.Contains(t, []int{3, 21, 23}, len(fields))
	return symbol[len(`"4.1!`) : len(symbol)-1], fields
}

// requireNoArbitrage wants every strike of an expiry to agree on one forward:
// buying it at the strike where it is cheapest and selling it where it is
// dearest must not earn more than rounding to the tick can give.
func requireNoArbitrage(t *testing.T, u *market.Universe, books []side, at market.UnixNano) {
	t.Helper()
	const bound = 15 * market.Rupee / 100
	type forward struct{ buy, sell market.Paise }
	forwards := map[market.Date]forward{}
	for _, call := range u.All() {
		if call.Right != market.Call {
			continue
		}
		key := call.ContractKey
		key.Right = market.Put
		c, p := books[call.ID], books[u.ByKey(key)]
		if c.bid == 0 || p.bid == 0 {
			continue
		}
		buy, sell := call.Strike+c.ask-p.bid, call.Strike+c.bid-p.ask
		f, seen := forwards[call.Expiry]
		if !seen {
			f = forward{buy, sell}
		}
		forwards[call.Expiry] = forward{min(f.buy, buy), max(f.sell, sell)}
	}
	for expiry, f := range forwards {
		if f.sell-f.buy > bound {
			require.Fail(t, "call and put disagree", "%s, expiry %s: the forward can be bought at %s and sold at %s", at, expiry, f.buy, f.sell)
		}
	}
}
