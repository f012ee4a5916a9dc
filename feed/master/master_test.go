package master_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/master"
)

const (
	sample  = "testdata/SecurityMaster.sample.zip"
	excerpt = "testdata/SecurityMaster.excerpt.zip"
)

func nifty() master.Filter { return master.Filter{Underlyings: []string{"NIFTY"}} }

func option(expiry market.Date, strike market.Paise, right market.Right) market.ContractKey {
	return market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: strike, Right: right}
}

func TestTheSampleReadsAsTenOptionsAFutureAndTheIndex(t *testing.T) {
	m, err := master.ReadFile(sample, nifty())
	require.NoError(t, err)

	require.Equal(t, market.Date(20261123), m.Published.Date())
	require.Equal(t, 14, m.Rows)
	require.Len(t, m.Instruments, 12)
	u, err := m.Universe()
	require.NoError(t, err)
	require.Equal(t, market.Instrument{
		ID: 1, ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index},
		Token: "NIFTY 50", LotSize: 1, TickSize: 1,
	}, *u.Get(u.ByToken([]byte("NIFTY 50"))))
	call := u.Get(u.ByKey(option(20261124, 2590000, market.Call)))
	require.Equal(t, "42501", call.Token)
	for _, in := range u.All() {
		if in.Kind == market.Option {
			require.Equal(t, []any{market.Units(65), market.Paise(5), market.Paise(5), market.Paise(53915), market.Units(0)},
				[]any{in.LotSize, in.TickSize, in.BandLow, in.BandHigh, in.Freeze}, in.ContractKey)
		}
	}
	future := u.Get(u.ByToken([]byte("68407")))
	require.Equal(t, market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: 20261124}, future.ContractKey)
	require.Equal(t, []market.Paise{10, 2340490, 2860600}, []market.Paise{future.TickSize, future.BandLow, future.BandHigh})
}

func TestTheRealExcerptReadsWhole(t *testing.T) {
	m, err := master.ReadFile(excerpt, master.Filter{})
	require.NoError(t, err)

	require.Equal(t, market.Date(20260730).At(7*time.Hour+7*time.Minute+56*time.Second), m.Published)
	require.Equal(t, 2723, m.Rows)
	count := map[market.Kind]int{}
	for _, in := range m.Instruments {
		count[in.Kind]++
	}
	require.Equal(t, map[market.Kind]int{market.Index: 19, market.Future: 8, market.Option: 2636}, count)
	u, err := m.Universe()
	require.NoError(t, err)
	bank := u.Get(u.ByToken([]byte("NIFTY BANK")))
	require.Equal(t, "CNXBAN", bank.Underlying)
	decimal := false
	for _, in := range u.All() {
		decimal = decimal || in.Strike%100 != 0
		require.Zero(t, in.Freeze, "the real file never tells")
	}
	require.True(t, decimal, "shares have strikes such as 322.5")
}

func TestTheFilterTakesUnderlyingsKindsAndExpiries(t *testing.T) {
	count := func(want int, f master.Filter) {
		t.Helper()
		m, err := master.ReadFile(excerpt, f)
		require.NoError(t, err)
		require.Len(t, m.Instruments, want)
	}
	count(1+3+446+476, nifty())
	count(446+476, master.Filter{Underlyings: []string{"NIFTY"}, Kinds: []market.Kind{market.Option}})
	count(3, master.Filter{Underlyings: []string{"NIFTY"}, Kinds: []market.Kind{market.Future}})
	count(1, master.Filter{Underlyings: []string{"NIFTY"}, Kinds: []market.Kind{market.Index}})
	count(19, master.Filter{Kinds: []market.Kind{market.Index}})
	count(1+446, master.Filter{Underlyings: []string{"NIFTY"}, Expiries: []market.Date{20260818}})
	count(1+3+446+476+194+1, master.Filter{Underlyings: []string{"NIFTY", "RELIND"}})
	count(1+3+446+476, master.Filter{Underlyings: []string{"NIFTY"}, Day: 20260730})
}

func TestWhatTheFilterNamesMustBeThere(t *testing.T) {
	refuses := func(path string, f master.Filter, want error, text string) {
		t.Helper()
		_, err := master.ReadFile(path, f)
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, err, path)
	}
	refuses(excerpt, master.Filter{Underlyings: []string{"NIFTY", "BANKNIFTY"}}, master.ErrEmpty, "no contract of BANKNIFTY")
	refuses(excerpt, master.Filter{Underlyings: []string{"RELIND"}, Kinds: []market.Kind{market.Index}}, master.ErrEmpty, "no index row for RELIND")
	refuses(excerpt, master.Filter{Kinds: []market.Kind{9}}, master.ErrEmpty, "none of")
	refuses(excerpt, master.Filter{Underlyings: []string{"NIFTY"}, Expiries: []market.Date{20260826}}, master.ErrExpiry,
		"no contract expires on 2026-08-26; the file has 2026-08-18, 2026-08-25, 2026-09-29, 2026-10-27")
	refuses(excerpt, master.Filter{Underlyings: []string{"NIFTY"}, Day: 20260731}, master.ErrDay, "want one of 2026-07-31, this one is of 2026-07-30")
}

// --- files with one fault -------------------------------------------------

// packed is a master of the two texts.
func packed(t testing.TB, contracts, spot string) []byte {
	t.Helper()
	return zipped(t, map[string]string{"FONSEScripMaster.txt": contracts, "NSEScripMaster.txt": spot})
}

func zipped(t testing.TB, members map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range members {
		method := zip.Deflate
		if len(text) < 10_000 {
			method = zip.Store // a fuzz run makes thousands of these
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

func texts(t testing.TB) (contracts, spot string) {
	t.Helper()
	a, err := os.ReadFile("testdata/FONSEScripMaster.sample.txt")
	require.NoError(t, err)
	b, err := os.ReadFile("testdata/NSEScripMaster.sample.txt")
	require.NoError(t, err)
	return string(a), string(b)
}

func read(file []byte, f master.Filter) (*master.Master, error) {
	return master.Read(bytes.NewReader(file), int64(len(file)), f)
}

func TestOneFaultInARowNamesItsLineAndColumn(t *testing.T) {
	contracts, spot := texts(t)
	refuses := func(old, new string, want error, texts ...string) {
		t.Helper()
		require.Contains(t, contracts, old)
		_, err := read(packed(t, strings.Replace(contracts, old, new, 1), spot), nifty())
		require.ErrorIs(t, err, want)
		for _, text := range append(texts, "FONSEScripMaster.txt") {
			require.ErrorContains(t, err, text)
		}
	}
	refuses(`"25900","CE",0,`, `"25900","CE",`, master.ErrRow, "line 3", "68 columns where the header has 69")
	refuses(`"25900","CE",0,`, `"25900","CE",0,0,`, master.ErrRow, "line 3", "70 columns")
	refuses(`"25900","CE"`, `"25900,"CE"`, master.ErrRow, "line 3")
	refuses(`"42502"`, `"42501"`, master.ErrDuplicate, "token 42501 names both", "25900 CE", "25900 PE", "line 4")
	refuses(`"25900","PE"`, `"25900","CE"`, master.ErrDuplicate, "has tokens 42501 and 42502", "line 4")
	refuses(`"25900","CE"`, `"25,900","CE"`, master.ErrRow, `StrikePrice is "25,900"`, "line 3")
	refuses(`"25900","CE"`, `"0","CE"`, master.ErrRow, "StrikePrice", "line 3")
	refuses(`"25900","CE"`, `"25900.005","CE"`, master.ErrRow, "StrikePrice", "line 3")
	refuses(`"25900","CE"`, `"25900","XX"`, master.ErrRow, `OptionType is "XX"`, "line 3")
	refuses(`"0","XX"`, `"0","CE"`, master.ErrRow, "OptionType", "line 2")
	refuses(`"OPTION"`, `"SWAP"`, master.ErrRow, `Series is "SWAP"`, "line 3")
	refuses(`0,0,65,5,`, `0,0,"",5,`, master.ErrRow, `LotSize is ""`, "line 3")
	refuses(`0,0,65,5,`, `0,0,-65,5,`, master.ErrRow, `LotSize is "-65"`, "line 3")
	refuses(`0,0,65,5,`, `0,0,0,5,`, master.ErrRow, `LotSize is "0"`, "line 3")
	refuses(`0,0,65,5,`, `0,0,65,0,`, master.ErrRow, `TickSize is "0"`, "line 3")
	refuses(`0,0,65,5,`, `0,0,65,0.05,`, master.ErrRow, `TickSize is "0.05"`, "line 3")
	refuses(`0.05,539.15`, `n/a,539.15`, master.ErrRow, `LowPriceRange is "n/a"`, "line 3")
	refuses(`0.05,539.15`, `0.05,`, master.ErrRow, `HighPriceRange is ""`, "line 3")
	refuses(`0.05,539.15`, `540,539.15`, master.ErrRow, "above", "line 3")
	refuses(`"24-Nov-2026","25900"`, `"24-Nob-2026","25900"`, master.ErrExpiry, `ExpiryDate is "24-Nob-2026"`, "line 3")
	refuses(`"24-Nov-2026","25900"`, `"","25900"`, master.ErrExpiry, `ExpiryDate is ""`, "line 3")
	refuses(`"42501"`, `""`, master.ErrRow, "Token", "line 3")
	refuses(`"Token"`, `"Tokens"`, master.ErrColumn, "Token is not among the 69")
	refuses(`"LotSize"`, `"Lot"`, master.ErrColumn, "LotSize")
	refuses("\r\n", "\r\n"+strings.Repeat("x", 100_000)+"\r\n", master.ErrRow, "line 2")
	refuses(contracts, "", master.ErrColumn, "empty")
}

func TestAFaultInTheIndexRowsIsFoundToo(t *testing.T) {
	contracts, spot := texts(t)
	refuses := func(old, new string, want error, text string) {
		t.Helper()
		require.Contains(t, spot, old)
		_, err := read(packed(t, contracts, strings.Replace(spot, old, new, 1)), nifty())
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, text)
		require.ErrorContains(t, err, "in NSEScripMaster.txt")
	}
	refuses(` "ticksize"`, ` "tick"`, master.ErrColumn, "ticksize")
	refuses(`"NIFTY 50",0.01,1`, `"NIFTY 50",0,1`, master.ErrRow, "ticksize")
	refuses(`"NIFTY 50",0.01,1`, `"NIFTY 50",0.01,`, master.ErrRow, "Lotsize")
	refuses(`"NIFTY 50","NIFTY"`, `"","NIFTY"`, master.ErrRow, "Token")
}

func TestARaggedRowOfAnotherUnderlyingIsFoundToo(t *testing.T) {
	contracts, spot := texts(t)
	contracts += `"1","OPTSTK","RELIND","OPTION"`

	_, err := read(packed(t, contracts, spot), nifty())

	require.ErrorIs(t, err, master.ErrRow)
	require.ErrorContains(t, err, "line 13 has 4 columns")
}

func TestTheFormMayVaryWithinReason(t *testing.T) {
	contracts, spot := texts(t)
	want, err := read(packed(t, contracts, spot), nifty())
	require.NoError(t, err)
	same := func(contracts string) {
		t.Helper()
		got, err := read(packed(t, contracts, spot), nifty())
		require.NoError(t, err)
		require.Equal(t, want.Instruments, got.Instruments)
	}
	same(strings.ReplaceAll(contracts, "\r\n", "\n"))
	same(contracts + "\r\n")
	same("\xef\xbb\xbf" + contracts)
	same(strings.ReplaceAll(contracts, `","`, `", "`))
	same(strings.ReplaceAll(contracts, ",65,5,", `,"65","5",`))
	same(strings.ReplaceAll(contracts, `"NIFTY 50"`, `"A ""QUOTED"", NAME"`))

	// A shorter header circulates, without the bands and with another order.
	short := "ShortName,Token,Series,OptionType,StrikePrice,ExpiryDate,TickSize,LotSize\nNIFTY,42501,OPTION,CE,25900,24-Nov-2026,5,65"
	got, err := read(packed(t, short, spot), nifty())
	require.NoError(t, err)
	require.Equal(t, market.Instrument{ContractKey: option(20261124, 2590000, market.Call), Token: "42501", LotSize: 65, TickSize: 5}, got.Instruments[1])
}

func TestADamagedArchiveIsRefused(t *testing.T) {
	file, err := os.ReadFile(excerpt)
	require.NoError(t, err)
	for _, size := range []int{0, 1, 100, len(file) / 2, len(file) - 1} {
		_, err := read(file[:size], nifty())
		require.ErrorIs(t, err, master.ErrArchive)
		require.ErrorContains(t, err, "download it again")
	}
	bad := bytes.Clone(file)
	bad[5000] ^= 0xff // within the packed contracts
	_, err = read(bad, nifty())
	require.Error(t, err)

	contracts, spot := texts(t)
	for _, members := range []map[string]string{{"FONSEScripMaster.txt": contracts}, {"NSEScripMaster.txt": spot}, {"README": ""}} {
		_, err = read(zipped(t, members), nifty())
		require.ErrorIs(t, err, master.ErrMember)
	}
	_, err = read(zipped(t, map[string]string{"FONSEScripMaster.txt": contracts, "fonsescripmaster.TXT": contracts, "NSEScripMaster.txt": spot}), nifty())
	require.ErrorContains(t, err, "there are two")
}

func TestS9_TraversalAndZipBombsAreRefused(t *testing.T) {
	contracts, spot := texts(t)
	refuses := func(file []byte, text string) {
		t.Helper()
		_, err := read(file, nifty())
		require.ErrorIs(t, err, master.ErrUnsafe)
		require.ErrorContains(t, err, text)
	}
	for _, name := range []string{"../FONSEScripMaster.txt", "/etc/cron.d/x", `..\x`, `C:\x`, "a/../../x", ""} {
		refuses(zipped(t, map[string]string{"FONSEScripMaster.txt": contracts, "NSEScripMaster.txt": spot, name: ""}), "leads out")
	}
	refuses(packed(t, contracts+"\r\n"+strings.Repeat("0", 20<<20), spot), "more than 200 to 1")
	many := map[string]string{}
	for i := range 65 {
		many[fmt.Sprint(i)] = ""
	}
	refuses(zipped(t, many), "65 entries")

	// A directory that claims an absurd size, and one that hides it.
	file := packed(t, contracts, spot)
	claims := bytes.Clone(file)
	at := bytes.Index(claims, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(claims[at+24:], 1<<30)
	refuses(claims, "more than is sane")
	binary.LittleEndian.PutUint32(claims[at+24:], 100)
	at += 1 + bytes.Index(claims[at+1:], []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(claims[at+24:], 100)
	_, err := read(claims, nifty())
	require.ErrorIs(t, err, master.ErrArchive)
}

func FuzzRowsNeverPanicAndWhatPassesIsUsable(f *testing.F) {
	contracts, spot := texts(f)
	f.Add(contracts)
	f.Add(contracts[:1500])
	f.Add("Token,ShortName,Series,ExpiryDate,StrikePrice,OptionType,LotSize,TickSize\n1,NIFTY,OPTION,24-Nov-2026,25900,CE,65,5")
	f.Add(`"Token" , "ShortName","""`)
	f.Fuzz(func(t *testing.T, text string) {
		m, err := read(packed(t, text, spot), master.Filter{})
		if err != nil {
			return
		}
		_, err = m.Universe()
		require.NoError(t, err)
		var again bytes.Buffer
		if err := master.Write(&again, 20261124, m.Instruments); err != nil {
			return // a name that no file can hold, such as one with a line end
		}
		n, err := read(again.Bytes(), master.Filter{})
		require.NoError(t, err)
		require.Equal(t, m.Instruments, n.Instruments)
	})
}
