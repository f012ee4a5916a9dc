package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/tape"
)

const (
	realMaster = "../../../../feed/master/testdata/SecurityMaster.excerpt.zip"
	realChain  = "testdata/chain.excerpt.csv"
)

// played is a tape's frames, decoded, by token.
type played struct {
	header tape.Header
	frames []tape.Frame
	events []event
}

// event is a stock event as a plain reader sees it.
type event struct {
	at     market.UnixNano
	symbol string
	fields []any
}

func (e event) number(i int) market.Paise {
	f, _ := e.fields[i].(float64)
	if f < 0 {
		return -market.Paise(-f*100 + 0.5)
	}
	return market.Paise(f*100 + 0.5)
}

func (e event) count(i int) market.Units {
	f, _ := e.fields[i].(float64)
	return market.Units(f)
}

func play(t *testing.T, path string) played {
	t.Helper()
	r, err := tape.Open(path)
	require.NoError(t, err)
	defer r.Close()
	_, err = tape.Verify(r)
	require.NoError(t, err)
	p := played{header: r.Header()}
	for f := (tape.Frame{}); ; {
		more, err := r.Next(&f)
		require.NoError(t, err)
		if !more {
			return p
		}
		var message []json.RawMessage
		require.True(t, bytes.HasPrefix(f.Payload, []byte("42")))
		require.NoError(t, json.Unmarshal(f.Payload[2:], &message), "%s", f.Payload)
		e := event{at: f.At}
		require.NoError(t, json.Unmarshal(message[1], &e.fields))
		e.symbol = e.fields[0].(string)
		f.Payload = bytes.Clone(f.Payload)
		p.frames, p.events = append(p.frames, f), append(p.events, e)
	}
}

// quotes is the quotes of one symbol.
func (p *played) quotes(symbol string) []event {
	var list []event
	for _, e := range p.events {
		if e.symbol == symbol {
			list = append(list, e)
		}
	}
	return list
}

func imported(t *testing.T, cfg Config) (Report, played) {
	t.Helper()
	cfg.Out = filepath.Join(t.TempDir(), "out.tape")
	if cfg.Master == "" {
		cfg.Master = realMaster
	}
	rep, err := NSEChain1Min(cfg)
	require.NoError(t, err)
	return rep, play(t, cfg.Out)
}

// source writes a chain file of rows "HHMM expiry strike right last volume oi".
func source(t *testing.T, rows ...string) string {
	t.Helper()
	text := strings.Join(sourceColumns[:], ",") + "\n"
	for _, row := range rows {
		var clock, expiry, strike, right, last, volume, oi string
		_, err := fmt.Sscan(row, &clock, &expiry, &strike, &right, &last, &volume, &oi)
		require.NoError(t, err)
		text += fmt.Sprintf("20260818%s,NIFTY50,%s,%s,%s,24212.80078125,%s,%s,%s,-8\n", clock, expiry, strike, right, last, volume, oi)
	}
	path := filepath.Join(t.TempDir(), "chain.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func TestARealChainBecomesATapeOfTheSameFigures(t *testing.T) {
	rep, p := imported(t, Config{Source: realChain})

	require.Equal(t, 8, rep.Snapshots)
	require.Zero(t, rep.LeftOut+rep.Unknown+rep.Duplicates+rep.Untraded+rep.OffTick+rep.Missing+rep.Frozen)
	require.Equal(t, len(p.frames), rep.Frames)
	require.Equal(t, rep.Frames, rep.Indices+rep.Quotes+rep.Depths)
	require.Equal(t, len(p.header.Instruments), rep.Instruments)
	require.Equal(t, market.Date(20260818), p.header.Date)

	// The last quote of each contract has the figures of its last source row.
	snapshots, err := readChain(realChain)
	require.NoError(t, err)
	byKey := map[market.ContractKey]string{}
	for _, in := range p.header.Instruments {
		byKey[in.ContractKey] = in.Token
	}
	checked := 0
	for _, row := range snapshots[len(snapshots)-1].rows {
		quotes := p.quotes("4.1!" + byKey[row.key])
		q := quotes[len(quotes)-1]
		require.Len(t, q.fields, 23)
		require.Equal(t, row.last, q.number(2), row.key)
		require.Equal(t, market.Units(row.oi*65), q.count(12))
		require.Equal(t, market.Units(row.oiChange*65), q.count(13))
		require.GreaterOrEqual(t, q.count(14), market.Units(row.volume*65))
		checked++
	}
	require.Equal(t, 40, checked)
	index := p.quotes("4.1!NIFTY 50")
	require.Len(t, index[0].fields, 21)
	require.Equal(t, snapshots[0].spot, index[0].number(2))
	require.Equal(t, snapshots[0].at, index[0].at)
}

func TestEveryModelledBookIsTwoSidedOnTickAndInLots(t *testing.T) {
	_, p := imported(t, Config{Source: realChain})
	tops := map[string]event{}
	for i, e := range p.events {
		token := e.symbol[4:]
		switch {
		case token == "NIFTY 50":
			require.Equal(t, tape.Recorded, p.frames[i].Source)
		case e.symbol[2] == '1':
			require.Equal(t, tape.Modelled, p.frames[i].Source)
			bid, ask := e.number(6), e.number(8)
			require.Positive(t, bid)
			require.Less(t, bid, ask)
			require.True(t, bid.OnTick(5) && ask.OnTick(5))
			require.Zero(t, e.count(7)%65+e.count(9)%65)
			require.LessOrEqual(t, e.number(4), e.number(2))
			require.GreaterOrEqual(t, e.number(3), e.number(2))
			require.LessOrEqual(t, e.number(19), bid)
			require.GreaterOrEqual(t, e.number(20), ask)
			tops[token] = e
		default:
			levels := e.fields[2].([]any)
			require.Len(t, levels, 5)
			for i, level := range levels {
				l := event{fields: level.([]any)}
				require.Len(t, l.fields, 8)
				require.Zero(t, l.count(1)%65+l.count(5)%65)
				require.Equal(t, l.number(0) > 0, l.count(1) > 0)
				if i == 0 {
					q := tops[token]
					require.Equal(t, []any{q.fields[6], q.fields[7], q.fields[8], q.fields[9]},
						[]any{l.fields[0], l.fields[1], l.fields[4], l.fields[5]}, "the quote shows the top of the book")
				}
			}
		}
	}
}

func TestTheSameSourceGivesTheSameTapeByteForByte(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		_, err := NSEChain1Min(Config{Source: realChain, Master: realMaster, Out: filepath.Join(dir, name)})
		require.NoError(t, err)
	}

	a, err := os.ReadFile(filepath.Join(dir, "a"))
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.Equal(t, a, b)
	_, err = NSEChain1Min(Config{Source: realChain, Master: realMaster, Out: filepath.Join(dir, "a")})
	require.ErrorContains(t, err, "is there already")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing half made is left behind")
}

func TestVolumeNeverFallsOnTheTape(t *testing.T) {
	rep, p := imported(t, Config{Source: source(t,
		"1043 25-Aug-2026 24200 CE 100 500 10", "1044 25-Aug-2026 24200 CE 101 400 10",
		"1045 25-Aug-2026 24200 CE 102 450 10", "1046 25-Aug-2026 24200 CE 103 600 10",
	)})

	require.Equal(t, 2, rep.VolumeFalls)
	var volumes []market.Units
	for _, q := range p.quotes("4.1!61647") {
		volumes = append(volumes, q.count(14)/65)
	}
	require.Equal(t, []market.Units{500, 500, 500, 600}, volumes)
	last := p.quotes("4.1!61647")[3]
	require.Equal(t, market.Paise(10300), last.number(11), "what traded on the tape went at 103")
	require.Equal(t, market.Date(20260818).At(10*time.Hour+46*time.Minute), market.UnixNano(last.count(21)*1e9))
}

func TestOnlyWhatChangedIsWritten(t *testing.T) {
	rep, p := imported(t, Config{Source: source(t,
		"1043 25-Aug-2026 24200 CE 100 500 10", "1043 25-Aug-2026 24200 PE 90 500 10",
		"1044 25-Aug-2026 24200 CE 100 500 10", "1044 25-Aug-2026 24200 PE 90 500 10",
		"1047 25-Aug-2026 24200 CE 100 501 10", "1047 25-Aug-2026 24200 PE 90 500 10",
	)})

	require.Equal(t, 1, rep.Frozen)
	require.Equal(t, 2, rep.Missing)
	require.Equal(t, []int{1, 3, 2}, []int{rep.Indices, rep.Quotes, rep.Depths})
	require.Len(t, p.quotes("4.1!61647"), 2)
	require.Len(t, p.quotes("4.2!61647"), 1, "the book did not move")
}

func TestAStaleLegGivesWayToParityAndKeepsItsLast(t *testing.T) {
	// Three strikes say that the forward is 24,250; the call of the fourth has
	// not traded since the market was 40 points lower.
	rep, p := imported(t, Config{Source: source(t,
		"1043 25-Aug-2026 24200 CE 250 500 10", "1043 25-Aug-2026 24200 PE 200 500 10",
		"1043 25-Aug-2026 24250 CE 222 500 10", "1043 25-Aug-2026 24250 PE 222 500 10",
		"1043 25-Aug-2026 24300 CE 200 500 10", "1043 25-Aug-2026 24300 PE 250 500 10",
		"1043 25-Aug-2026 23400 CE 820 500 10", "1043 25-Aug-2026 23400 PE 10 500 10",
	)})

	require.Equal(t, []int{4, 1}, []int{rep.Pairs, rep.Blended})
	snapshot := map[string]event{}
	for _, in := range p.header.Instruments {
		if in.Kind == market.Option {
			q := p.quotes("4.1!" + in.Token)[0]
			snapshot[in.Strike.String()+in.Right.String()] = q
		}
	}
	call, put := snapshot["23400CE"], snapshot["23400PE"]
	require.Equal(t, market.Paise(82000), call.number(2), "the last price is a fact and stays")
	require.InDelta(t, 86000, float64(call.number(6)+call.number(8))/2, 5, "24,250 - 23,400 + 10")
	require.InDelta(t, 1000, float64(put.number(6)+put.number(8))/2, 5, "the put trades often and narrow")
	near := snapshot["24250CE"]
	require.LessOrEqual(t, near.number(6), near.number(2), "books in agreement stand around their last")
	require.GreaterOrEqual(t, near.number(8), near.number(2))
}

func TestAnOptionWithoutItsTwinIsNotQuotedBelowExercise(t *testing.T) {
	rep, p := imported(t, Config{Source: source(t,
		"1043 25-Aug-2026 24250 CE 222 500 10", "1043 25-Aug-2026 24250 PE 222 500 10",
		"1043 25-Aug-2026 23400 CE 820 500 10",
		"1043 18-Aug-2026 24250 CE 20 500 10",
	)})

	require.Equal(t, 1, rep.OneLegged)
	require.Equal(t, 1, rep.NoForward, "the other expiry has no strike with both")
	for _, in := range p.header.Instruments {
		if in.Strike == 2340000 {
			q := p.quotes("4.1!" + in.Token)[0]
			require.InDelta(t, 85000, float64(q.number(6)+q.number(8))/2, 5)
		}
	}
}

func TestATradeUpTookTheOfferAndOneDownHitTheBid(t *testing.T) {
	_, p := imported(t, Config{Source: source(t,
		"1043 25-Aug-2026 24200 CE 5 500 10", "1044 25-Aug-2026 24200 CE 5.05 501 10",
		"1045 25-Aug-2026 24200 CE 5 502 10", "1046 25-Aug-2026 24200 CE 0.05 503 10",
	)})

	var tops [][3]market.Paise
	for _, q := range p.quotes("4.1!61647") {
		tops = append(tops, [3]market.Paise{q.number(6), q.number(2), q.number(8)})
	}
	require.Equal(t, [][3]market.Paise{{500, 500, 505}, {500, 505, 505}, {500, 500, 505}, {5, 5, 10}}, tops)
}

func TestRowsThatCannotStandAreCounted(t *testing.T) {
	rep, p := imported(t, Config{
		Expiries: []market.Date{20260818, 20260825}, Window: 1000 * market.Rupee,
		Source: source(t,
			"1043 25-Aug-2026 24200 CE 100 500 10",
			"1043 25-Aug-2026 24200 CE 101 500 10",     // twice
			"1043 25-Aug-2026 24200 PE 0 0 10",         // no price
			"1043 25-Aug-2026 24250 PE 100.02 500 10",  // off the tick
			"1043 25-Aug-2026 24213 CE 100 500 10",     // not in the master
			"1043 25-Aug-2026 23000 CE 100 500 10",     // outside the window
			"1043 01-Sep-2026 24200 CE 100 500 10",     // not asked for
			"1043 25-Aug-2026 24300 CE 9999 1.5e+06 1", // above the master's band
		),
	})

	require.Equal(t, []int{1, 1, 1, 1, 2, 1}, []int{rep.Duplicates, rep.Untraded, rep.OffTick, rep.Unknown, rep.LeftOut, rep.BandsWidened})
	require.Equal(t, market.Paise(10100), p.quotes("4.1!61647")[0].number(2))
	require.Len(t, p.header.Instruments, 3)
	require.Contains(t, p.header.Note, "1 bands")
	for _, line := range []string{"rows repeated within a snapshot      1", "price bands widened                  1"} {
		require.Contains(t, rep.String(), line)
	}
	text, err := json.Marshal(rep)
	require.NoError(t, err)
	require.Contains(t, string(text), `"rows_unknown":1`)
}

func TestASourceOfAnotherFormIsRefusedWithItsLine(t *testing.T) {
	good := "timestamp,symbol,expiry,strike,option_type,spot,ltp,volume,oi,oi_chg\n202608181043,NIFTY50,25-Aug-2026,24200,CE,24212.8,100,500,10,1\n"
	_, err := parseChain(strings.NewReader(good))
	require.NoError(t, err)
	refuses := func(old, new, text string) {
		t.Helper()
		require.Contains(t, good, old)
		_, err := parseChain(strings.NewReader(strings.Replace(good, old, new, 1)))
		require.ErrorContains(t, err, text)
	}
	refuses("oi_chg", "change", `no column "oi_chg"`)
	refuses("202608181043", "2026-08-18", "line 2: timestamp")
	refuses("NIFTY50", "BANKNIFTY", "line 2: symbol")
	refuses("25-Aug-2026", "25-Aug", "line 2")
	refuses("24200,", "24200.001,", "finer than a paisa")
	refuses(",CE,", ",C,", "line 2: option_type")
	refuses("24212.8", "NaN", "line 2: spot")
	refuses(",100,", ",,", "line 2")
	refuses(",500,", ",500.5,", "line 2: volume")
	refuses(",500,", ",-500,", "below zero")
	refuses(",10,1", ",10", "wrong number of fields")
	refuses("10,1\n", "10,1\n202608181042,NIFTY50,25-Aug-2026,24200,CE,24212.8,100,500,10,1\n", "line 3: 2026-08-18T10:42:00.000+05:30 comes after")
	refuses("10,1\n", "10,1\n202608191042,NIFTY50,25-Aug-2026,24200,CE,24212.8,100,500,10,1\n", "one file is one day")
	refuses(good[strings.Index(good, "\n"):], "", "no rows")
	refuses(good, "", "header")

	_, err = readChain(filepath.Join(t.TempDir(), "nothing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	cut := filepath.Join(t.TempDir(), "cut.gz")
	require.NoError(t, os.WriteFile(cut, []byte{0x1f, 0x8b, 8, 0}, 0o644))
	_, err = readChain(cut)
	require.ErrorIs(t, err, ErrSource)
	require.ErrorContains(t, err, cut)
	_, err = NSEChain1Min(Config{Source: source(t, "1043 25-Aug-2026 24213 CE 1 1 1"), Master: realMaster, Out: filepath.Join(t.TempDir(), "x")})
	require.ErrorContains(t, err, "that was asked for")
}

func TestTheTouchTableRisesAndIsInLots(t *testing.T) {
	for i := 1; i < len(touches)-1; i++ {
		require.Greater(t, touches[i].below, touches[i-1].below)
		require.GreaterOrEqual(t, touches[i].spread, touches[i-1].spread)
	}
	require.Equal(t, &touches[0], touchOf(5))
	require.Equal(t, &touches[1], touchOf(50))
	require.Equal(t, &touches[len(touches)-1], touchOf(900000))
}

func FuzzChainRowsAreReadOrRefused(f *testing.F) {
	f.Add("202608181043,NIFTY50,25-Aug-2026,24200,CE,24212.8,100,1.5e+06,10,-1")
	f.Fuzz(func(t *testing.T, row string) {
		all, err := parseChain(strings.NewReader(strings.Join(sourceColumns[:], ",") + "\n" + row))
		if err != nil {
			return
		}
		for _, s := range all {
			require.Positive(t, s.spot)
			for _, r := range s.rows {
				require.False(t, r.volume < 0 || r.oi < 0)
			}
		}
	})
}
