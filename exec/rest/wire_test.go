package rest

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

func testID(t testing.TB) order.VenueID {
	t.Helper()
	id, err := order.ParseVenueID("202611233800017846")
	require.NoError(t, err)
	return id
}

func testSignature() Signature {
	return Signature{By: testCredential(), At: market.NewDate(2026, 11, 23).At(9*time.Hour + 15*time.Minute + 999*time.Millisecond)}
}

func TestAPlacementIsTheseBytes(t *testing.T) {
	p := &Place{Instrument: testOption(), Side: market.Buy, Quantity: 65, Price: 9505, Day: 20261123}
	copy(p.Remark[:], "V1ABC0010000001K")

	raw := string(newWire(t).AppendPlace([]byte("before|"), testSignature(), p))

	body := `{"stock_code":"NIFTY","exchange_code":"NFO","product":"options","order_segment_code":"","settlement_id":"",` +
		`"disclosed_quantity":"0","expiry_date":"2026-11-24T06:00:00.000Z","right":"call","strike_price":"26000",` +
		`"validity_date":"2026-11-23T06:00:00.000Z","order_type":"limit","validity":"day","action":"buy","quantity":"65","price":"95.05",` +
		`"user_remark":"V1ABC0010000001K"}`
	sum := AppendChecksum(nil, "2026-11-23T03:45:00.000Z", []byte(body), session.NewToken(testSecret))
	require.Equal(t, "before|POST /breezeapi/api/v1/order HTTP/1.1\r\n"+
		"Host: api.icicidirect.com\r\n"+
		"User-Agent: vayu\r\n"+
		"Content-Type: application/json\r\n"+
		"X-AppKey: "+testAppKey+"\r\n"+
		"X-SessionToken: "+testSession+"\r\n"+
		"X-Timestamp: 2026-11-23T03:45:00.000Z\r\n"+
		"X-Checksum: token "+string(sum)+"\r\n"+
		"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body, raw)
}

func TestAStopOrderCarriesItsTrigger(t *testing.T) {
	p := &Place{Instrument: testOption(), Side: market.Sell, TIF: order.IOC, Quantity: 130, Price: 8950, Trigger: 9000}

	_, body := parse(t, newWire(t).AppendPlace(nil, testSignature(), p))

	got := fields(t, body)
	require.Equal(t, "stoploss", got["order_type"])
	require.Equal(t, "90", got["stoploss"])
	require.Equal(t, "89.5", got["price"])
	require.Equal(t, "ioc", got["validity"])
	require.Equal(t, "sell", got["action"])
	require.NotContains(t, got, "user_remark")
	require.NotContains(t, got, "validity_date")
}

func TestAFutureHasNoStrike(t *testing.T) {
	in := testOption()
	in.Kind, in.Strike, in.Right = market.Future, 0, market.NoRight

	_, body := parse(t, newWire(t).AppendPlace(nil, testSignature(), &Place{Instrument: in, Side: market.Buy, Quantity: 65, Price: 2600000}))

	got := fields(t, body)
	require.Equal(t, "futures", got["product"])
	require.Equal(t, "0", got["strike_price"])
	require.Equal(t, "others", got["right"])
}

func TestAPriceOnlyChangeSendsNothingElse(t *testing.T) {
	_, body := parse(t, newWire(t).AppendModify(nil, testSignature(), &Modify{Exchange: "NFO", VenueID: testID(t), Price: 9450}))

	require.Equal(t, map[string]string{"exchange_code": "NFO", "order_id": "202611233800017846", "price": "94.5"}, fields(t, body))
}

func TestBodiesOfAnyLengthGetTheirLength(t *testing.T) {
	w := newWire(t)
	for _, size := range []int{0, 1, 70, 80, 85, 90, 900, 1000, 10_000, 70_000} {
		name := strings.Repeat("x", size)

		request, body := parse(t, w.AppendMargin(nil, testSignature(), name))

		require.Equal(t, `{"exchange_code":"`+name+`"}`, body)
		require.EqualValues(t, len(body), request.ContentLength)
		sum := AppendChecksum(nil, request.Header.Get("X-Timestamp"), []byte(body), session.NewToken(testSecret))
		require.Equal(t, "token "+string(sum), request.Header.Get("X-Checksum"))
	}
}

func TestOrderCallsDoNotAllocate(t *testing.T) {
	w, sig, id := newWire(t), testSignature(), testID(t)
	place := &Place{Instrument: testOption(), Side: market.Buy, Quantity: 65, Price: 9505, Day: 20261123}
	copy(place.Remark[:], "V1ABC0010000001K")
	modify := &Modify{Exchange: "NFO", VenueID: id, Price: 9450}
	buf := make([]byte, 0, 4096)

	require.Zero(t, testing.AllocsPerRun(100, func() { buf = w.AppendPlace(buf[:0], sig, place) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { buf = w.AppendModify(buf[:0], sig, modify) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { buf = w.AppendCancel(buf[:0], sig, "NFO", id) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { buf = w.AppendOrderList(buf[:0], sig, "NFO", 20261123, 20261123) }))
}

func TestS1_TheSecretIsInNoRequestAndNotLeftInItsBuffer(t *testing.T) {
	buf := make([]byte, 0, 4096)

	raw := newWire(t).AppendPlace(buf, testSignature(), &Place{Instrument: testOption(), Side: market.Buy, Quantity: 65, Price: 9505})

	require.NotContains(t, string(raw), testSecret)
	require.NotContains(t, string(raw[:cap(raw)]), testSecret)
	require.NotContains(t, fmt.Sprintf("%+v", testSignature()), testSecret)
}

func TestS8_HostileTextCannotBreakOutOfARequest(t *testing.T) {
	w := newWire(t)
	in := testOption()
	in.Underlying = "NIF\"TY\\\n\x00\x7f\xff,\"price\":\"0"
	cred := testCredential()
	cred.AppKey = "key\r\nX-Evil: 1"

	raw := w.AppendPlace(nil, Signature{By: cred}, &Place{Instrument: in, Side: market.Buy, Quantity: 65, Price: 9505})

	request, body := parse(t, raw)
	require.Empty(t, request.Header.Get("X-Evil"))
	require.Equal(t, "9505", strings.ReplaceAll(fields(t, body)["price"], ".", ""))
	require.Equal(t, "NIF\"TY\\\n\x00\x7f\ufffd,\"price\":\"0", fields(t, body)["stock_code"])
	require.ErrorIs(t, CheckCredential(cred), ErrConfig)
}

func TestCredentialsThatCannotSignAreRefused(t *testing.T) {
	require.NoError(t, CheckCredential(testCredential()))
	for _, spoil := range []func(*session.Credential){
		func(c *session.Credential) { c.AppKey = "" },
		func(c *session.Credential) { c.Secret = session.Token{} },
		func(c *session.Credential) { c.Session = session.Token{} },
		func(c *session.Credential) { c.Session = session.NewToken("a\nb") },
	} {
		c := testCredential()
		spoil(c)
		require.ErrorIs(t, CheckCredential(c), ErrConfig)
	}
	require.ErrorIs(t, CheckCredential(nil), ErrConfig)
}

func TestBadAddressesAreRefused(t *testing.T) {
	for _, base := range []string{"ftp://x/", "nohost", "https://", "https://h/?q=1", "https://u:p@h/", "https://h/a b", "https://h/\x01", "://"} {
		_, err := NewWire(Config{BaseURL: base})
		require.ErrorIs(t, err, ErrConfig, base)
	}
	_, err := NewWire(Config{UserAgent: "a\r\nb"})
	require.ErrorIs(t, err, ErrConfig)

	w, err := NewWire(Config{BaseURL: "http://127.0.0.1:9/breezeapi/api/v1", UserAgent: "x/1"})
	require.NoError(t, err)
	request, _ := parse(t, w.AppendFunds(nil, testSignature()))
	require.Equal(t, "127.0.0.1:9", request.Host)
	require.Equal(t, "/breezeapi/api/v1/funds", request.URL.Path)
	require.Equal(t, "x/1", request.UserAgent())
}

func TestWritesAreKnownAsWrites(t *testing.T) {
	for e := NoEndpoint; e < Endpoints+2; e++ {
		want := e == PlaceOrder || e == ModifyOrder || e == CancelOrder || e == NoEndpoint || e >= Endpoints
		require.Equal(t, want, e.Write(), e.String())
		require.NotEmpty(t, e.String())
	}
}

// TestForbiddenWordsAreNowhereOnTheOrderPath looks at every text this package
// and the gateway could send: there is no order without a limit, and no call
// whose orders cannot be told apart afterwards.
func TestForbiddenWordsAreNowhereOnTheOrderPath(t *testing.T) {
	checked := 0
	for _, dir := range []string{".", "../gateway"} {
		require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+path, nil, 0)
			if err != nil {
				return err
			}
			checked++
			ast.Inspect(file, func(n ast.Node) bool {
				if _, is := n.(*ast.ImportSpec); is {
					return false
				}
				if lit, is := n.(*ast.BasicLit); is && lit.Kind == token.STRING {
					require.NotContains(t, lit.Value, "market", path)
					require.NotContains(t, strings.ToLower(lit.Value), "squareoff", path)
					require.NotContains(t, strings.ToLower(lit.Value), "square_off", path)
				}
				if name, is := n.(*ast.Ident); is {
					require.NotContains(t, strings.ToLower(name.Name), "squareoff", path)
				}
				return true
			})
			return nil
		}))
	}
	require.Greater(t, checked, 8)
}

func FuzzQuoted(f *testing.F) {
	f.Add("NIFTY")
	f.Add("a\"b\\c\x00\x1f\u2028\xff")
	f.Fuzz(func(t *testing.T, text string) {
		var back string
		require.NoError(t, json.Unmarshal(appendQuoted(nil, text), &back))
		if utf8.ValidString(text) {
			require.Equal(t, text, back)
		}
	})
}

func BenchmarkRenderAndSignPlace(b *testing.B) {
	w, sig := newWire(b), testSignature()
	place := &Place{Instrument: testOption(), Side: market.Buy, Quantity: 65, Price: 9505, Day: 20261123}
	copy(place.Remark[:], "V1ABC0010000001K")
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = w.AppendPlace(buf[:0], sig, place)
	}
}
