package master_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/master"
)

func TestWhatIsWrittenReadsBackTheSame(t *testing.T) {
	m, err := master.ReadFile(excerpt, master.Filter{})
	require.NoError(t, err)
	m.Instruments[25].Freeze = 1755
	var out bytes.Buffer

	require.NoError(t, master.Write(&out, 20260818, m.Instruments))

	again, err := read(out.Bytes(), master.Filter{Day: 20260818})
	require.NoError(t, err)
	require.Equal(t, m.Instruments, again.Instruments)
	require.Equal(t, market.Date(20260818).At(7*time.Hour+7*time.Minute), again.Published)
}

// unzipped is the text of a member.
func unzipped(t *testing.T, file []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	r, err := z.Open(name)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}

func TestTheWrittenFormIsTheRealOne(t *testing.T) {
	m, err := master.ReadFile(sample, master.Filter{})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, master.Write(&out, 20261123, m.Instruments))
	contracts, spot := texts(t)

	// Four columns hold what no instrument knows: MarginPercentage (25), MF
	// (39) and BasePrice (67) of a contract, the year's range (11, 12) of an
	// index. All others are byte for byte those of the sample.
	same := func(want, got string, skip ...int) {
		t.Helper()
		a, b := strings.Split(want, ","), strings.Split(got, ",")
		require.Len(t, b, len(a))
		for i := range a {
			ignored := false
			for _, s := range skip {
				ignored = ignored || i == s
			}
			if !ignored {
				require.Equal(t, a[i], b[i], "column %d of %s", i, got)
			}
		}
	}
	wrote := strings.Split(unzipped(t, out.Bytes(), "FONSEScripMaster.txt"), "\r\n")
	for i, line := range strings.Split(strings.TrimSuffix(contracts, "\r\n"), "\r\n") {
		same(line, wrote[i], 25, 39, 67)
	}
	wrote = strings.Split(unzipped(t, out.Bytes(), "NSEScripMaster.txt"), "\r\n")
	row := 0
	for _, line := range strings.Split(strings.TrimSuffix(spot, "\r\n"), "\r\n") {
		if strings.HasPrefix(line, `"Token"`) || strings.HasPrefix(line, `"NIFTY`) {
			same(line, wrote[row], 11, 12)
			row++
		}
	}
	require.Len(t, wrote, row)
}

// clientMaps is what the official JavaScript client makes of a file. It
// splits every line (the header's too), trims quotes and spaces, and reads
// columns by number.
func clientMaps(t *testing.T, file []byte) (toToken map[string]string, toName map[string][]string) {
	t.Helper()
	toToken, toName = map[string]string{}, map[string][]string{}
	for _, line := range strings.Split(unzipped(t, file, "FONSEScripMaster.txt"), "\r\n") {
		c := clientFields(line)
		name := "FUT-" + c[2] + "-" + c[4]
		if !strings.Contains(c[3], "FUT") {
			right := "PE"
			if strings.Contains(c[6], "C") {
				right = "CE"
			}
			name = "OPT-" + c[2] + "-" + c[4] + "-" + c[5] + "-" + right
		}
		toToken[name], toName[c[0]] = c[0], []string{name, c[29]}
	}
	for _, line := range strings.Split(unzipped(t, file, "NSEScripMaster.txt"), "\r\n") {
		c := clientFields(line)
		require.NotEmpty(t, c[60])
		toToken[c[1]], toName[c[0]] = c[0], []string{c[1], c[3]}
	}
	return toToken, toName
}

func clientFields(line string) []string {
	fields := strings.Split(line, ",")
	for i, f := range fields {
		fields[i] = strings.Trim(f, `" `)
	}
	return fields
}

func TestTheOfficialClientMapsTheWrittenFileAsTheRealOne(t *testing.T) {
	text, err := os.ReadFile("testdata/securitymaster_tokenmap_js.json")
	require.NoError(t, err)
	var maps struct {
		ToToken []map[string]string   `json:"stock_to_token"`
		ToName  []map[string][]string `json:"token_to_stock"`
	}
	require.NoError(t, json.Unmarshal(text, &maps))
	m, err := master.ReadFile(sample, master.Filter{})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, master.Write(&out, 20261123, m.Instruments))

	toToken, toName := clientMaps(t, out.Bytes())

	for _, market := range []int{1, 4} { // NSE, NFO
		for name, token := range maps.ToToken[market] {
			if token == "2885" {
				continue // a share: not an instrument of ours
			}
			require.Equal(t, token, toToken[name], name)
			if token != "Token" {
				require.Equal(t, maps.ToName[market][token], toName[token])
			}
		}
	}
	require.Len(t, toToken, 2+11+2, "header rows, contracts, indices")
}

func TestReadAgreesWithTheOfficialClientsMap(t *testing.T) {
	file, err := os.ReadFile(excerpt)
	require.NoError(t, err)
	toToken, _ := clientMaps(t, file)
	m, err := master.ReadFile(excerpt, master.Filter{})
	require.NoError(t, err)

	for _, in := range m.Instruments {
		name := in.Underlying
		switch in.Kind {
		case market.Option:
			name = "OPT-" + in.Underlying + "-" + in.Expiry.Venue() + "-" + in.Strike.String() + "-" + in.Right.String()
		case market.Future:
			name = "FUT-" + in.Underlying + "-" + in.Expiry.Venue()
		}
		require.Equal(t, toToken[name], in.Token, name)
	}
}

func TestWriteRefusesWhatAFileCannotHold(t *testing.T) {
	good := market.Instrument{ContractKey: option(20261124, 2590000, market.Call), Token: "42501", LotSize: 65, TickSize: 5}
	refuses := func(change func(*market.Instrument)) {
		t.Helper()
		in := good
		change(&in)
		require.Error(t, master.Write(io.Discard, 20261123, []market.Instrument{in}))
	}
	require.NoError(t, master.Write(io.Discard, 20261123, []market.Instrument{good}))
	refuses(func(in *market.Instrument) { in.Token = "" })
	refuses(func(in *market.Instrument) { in.Token = "4\n2" })
	refuses(func(in *market.Instrument) { in.LotSize = 0 })
	refuses(func(in *market.Instrument) { in.Exchange = "BFO" })
	refuses(func(in *market.Instrument) { in.Right = market.NoRight })
	refuses(func(in *market.Instrument) { in.Kind = market.NoKind })
	require.Error(t, master.Write(fullDisk{}, 20261123, []market.Instrument{good}))
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// fullSize is a master as large as the real one: 70,950 contracts, of which
// 3,242 are NIFTY's.
func fullSize(t testing.TB) []byte {
	t.Helper()
	const rows = 70_950
	list := []market.Instrument{{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50", LotSize: 1, TickSize: 1}}
	for i := range rows {
		in := market.Instrument{
			ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "SHARE" + string(rune('A'+i%26)), Kind: market.Option, Expiry: 20260825, Strike: market.Paise(100 * (1 + i/2)), Right: market.Call + market.Right(i%2)},
			Token:       "1" + string(rune('0'+i%10)) + market.Paise(i*100).String(), LotSize: 65, TickSize: 5, BandLow: 5, BandHigh: market.Paise(100 + i),
		}
		if i%22 == 0 && i/22 < 3242 {
			in.Underlying = "NIFTY"
		}
		list = append(list, in)
	}
	var out bytes.Buffer
	require.NoError(t, master.Write(&out, 20260818, list))
	return out.Bytes()
}

func TestAFullSizeFileReadsInFarLessThanASecond(t *testing.T) {
	file := fullSize(t)
	var m *master.Master
	took := time.Duration(1<<63 - 1)
	for range 3 { // the best of three: other tests share the machine
		start := time.Now()
		var err error
		m, err = read(file, nifty())
		require.NoError(t, err)
		took = min(took, time.Since(start))
	}

	require.Len(t, m.Instruments, 1+3225)
	require.Equal(t, 70_951, m.Rows)
	t.Logf("%d rows, %d wanted, in %s", m.Rows, len(m.Instruments), took)
	require.Less(t, took, 2*time.Second, "a bound for the slowest of machines: tens of milliseconds are usual")
}

func BenchmarkRead(b *testing.B) {
	file := fullSize(b)
	for _, bench := range []struct {
		name   string
		filter master.Filter
	}{{"rows=70950/wanted=NIFTY", nifty()}, {"rows=70950/wanted=all", master.Filter{}}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := read(file, bench.filter)
				require.NoError(b, err)
			}
		})
	}
}
