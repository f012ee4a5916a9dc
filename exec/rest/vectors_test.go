package rest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

const (
	testAppKey  = "T3st+Key=Example^001"
	testSecret  = "fixed-secret-0123456789abcdef"
	testSession = "VEVTVFVTUjE6NTE2MDYyODY="
)

func testCredential() *session.Credential {
	return &session.Credential{
		Epoch: 1, User: "TESTUSR1", AppKey: testAppKey, Secret: session.NewToken(testSecret),
		Session: session.NewToken(testSession), Stream: session.NewToken("51606286"),
	}
}

func testOption() *market.Instrument {
	return &market.Instrument{
		ContractKey: market.ContractKey{
			Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option,
			Expiry: 20261124, Strike: 26000 * market.Rupee, Right: market.Call,
		},
		Token: "42505", LotSize: 65, TickSize: 5,
	}
}

func newWire(t testing.TB) *Wire {
	t.Helper()
	w, err := NewWire(Config{})
	require.NoError(t, err)
	return w
}

func lines[T any](t testing.TB, name string) (rows []T) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer file.Close()
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		var row T
		require.NoError(t, json.Unmarshal(scan.Bytes(), &row))
		rows = append(rows, row)
	}
	require.NoError(t, scan.Err())
	return rows
}

func TestChecksumsAgreeWithTheOfficialClients(t *testing.T) {
	type vector struct{ Timestamp, Body, Secret, Checksum, Header string }

	vectors := lines[vector](t, "checksums.jsonl")

	require.NotEmpty(t, vectors)
	for _, v := range vectors {
		sum := AppendChecksum(nil, v.Timestamp, []byte(v.Body), session.NewToken(v.Secret))
		require.Equal(t, v.Checksum, string(sum), v.Body)
		require.Equal(t, v.Header, "token "+string(sum))
	}
}

// parse reads a rendered request back with the standard library.
func parse(t testing.TB, raw []byte) (request *http.Request, body string) {
	t.Helper()
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	require.NoError(t, err, "%s", raw)
	var text bytes.Buffer
	_, err = text.ReadFrom(request.Body)
	require.NoError(t, err)
	return request, text.String()
}

type recorded struct {
	Call, Method, Path, Body, Timestamp, Note string
	Args                                      json.RawMessage
	ChecksumOK                                bool `json:"checksum_ok"`
}

// fields are the JSON members of a body as text.
func fields(t testing.TB, body string) map[string]string {
	t.Helper()
	members := map[string]string{}
	require.NoError(t, json.Unmarshal([]byte(body), &members), body)
	return members
}

func date(t testing.TB, iso string) market.Date {
	t.Helper()
	if iso == "" {
		return 0
	}
	d, err := market.ParseDate(iso)
	require.NoError(t, err)
	return d
}

func paise(t testing.TB, text string) market.Paise {
	t.Helper()
	if text == "" {
		return 0
	}
	p, err := market.ParsePaise(text)
	require.NoError(t, err)
	return p
}

// rebuild makes the same call as a recorded one, from its values.
func rebuild(t testing.TB, w *Wire, sig Signature, v recorded) []byte {
	m := map[string]string{}
	if !strings.Contains(v.Call, "price is a JSON number") && v.Body != "" {
		m = fields(t, v.Body)
	}
	id := order.VenueID{}
	if m["order_id"] != "" {
		var err error
		id, err = order.ParseVenueID(m["order_id"])
		require.NoError(t, err)
	}
	call := strings.ReplaceAll(v.Call, "_", "")
	call, _, _ = strings.Cut(call, " ")
	key := testOption().ContractKey
	if _, has := m["strike_price"]; !has {
		key.Strike = 0
	}
	place := &Place{Instrument: testOption(), Side: market.Buy, Quantity: 65, Day: date(t, m["validity_date"])}
	if m["action"] == "sell" {
		place.Side = market.Sell
	}
	place.Price, place.Trigger = paise(t, m["price"]), paise(t, m["stoploss"])
	copy(place.Remark[:], m["user_remark"])
	switch strings.ToLower(strings.TrimSuffix(call, ":")) {
	case "generatesession", "customerdetails":
		return w.AppendCustomerDetails(nil, testAppKey, session.NewToken(m["SessionToken"]))
	case "getfunds":
		return w.AppendFunds(nil, sig)
	case "getmargin":
		return w.AppendMargin(nil, sig, "NFO")
	case "placeorder":
		if v.Method == "GET" {
			return w.AppendQuotes(nil, sig, key)
		}
		return w.AppendPlace(nil, sig, place)
	case "modifyorder":
		if v.Method == "GET" {
			return w.AppendOrderDetail(nil, sig, "NFO", id)
		}
		return w.AppendModify(nil, sig, &Modify{
			Exchange: "NFO", VenueID: id, Price: place.Price, Quantity: 65, Full: true, Day: place.Day,
		})
	case "cancelorder":
		return w.AppendCancel(nil, sig, "NFO", id)
	case "getorderdetail":
		return w.AppendOrderDetail(nil, sig, "NFO", id)
	case "getorderlist":
		return w.AppendOrderList(nil, sig, "NFO", date(t, m["from_date"]), date(t, m["to_date"]))
	case "gettradelist":
		return w.AppendTradeList(nil, sig, "NFO", date(t, m["from_date"]), date(t, m["to_date"]))
	case "gettradedetail":
		return w.AppendTradeDetail(nil, sig, "NFO", id)
	case "getquotes":
		return w.AppendQuotes(nil, sig, key)
	case "getoptionchainquotes":
		return w.AppendOptionChain(nil, sig, key)
	case "getportfoliopositions":
		return w.AppendPositions(nil, sig)
	case "previeworder":
		return w.AppendPreview(nil, sig, place)
	}
	return nil
}

func TestRequestsSayTheSameAsTheOfficialClients(t *testing.T) {
	w := newWire(t)
	for file, want := range map[string]int{"rest_js_client.jsonl": 19, "rest_python_client.jsonl": 14} {
		compared := 0
		for _, v := range lines[recorded](t, file) {
			unusable := v.Method == "" || v.Body == "" || // never sent, or a known defect of the client
				strings.Contains(v.Call, "JSON number") || strings.Contains(v.Body, `[{`) || strings.Contains(v.Note, "NEGATIVE: wrong secret")
			if unusable {
				continue
			}
			sig := Signature{By: testCredential(), At: market.NewDate(2026, 11, 23).At(0)}
			if v.Timestamp != "" {
				sig.At = instant(t, v.Timestamp)
			}

			raw := rebuild(t, w, sig, v)

			if raw == nil {
				continue // a call that this engine does not make
			}
			compared++
			request, body := parse(t, raw)
			require.Equal(t, v.Method, request.Method, v.Call)
			require.Equal(t, v.Path, request.URL.Path, v.Call)
			theirs, ours := fields(t, v.Body), fields(t, body)
			delete(theirs, "lots") // the Python client alone sends it, always empty
			if theirs["user_remark"] == "" {
				delete(theirs, "user_remark")
			}
			if ours["disclosed_quantity"] == "0" && theirs["disclosed_quantity"] == "" {
				delete(ours, "disclosed_quantity")
			}
			require.Equal(t, theirs, ours, v.Call)
			if v.Timestamp == "" {
				require.Empty(t, request.Header.Get("X-Checksum"))
				continue
			}
			require.True(t, v.ChecksumOK)
			require.Equal(t, v.Timestamp, request.Header.Get("X-Timestamp"))
			require.Equal(t, testAppKey, request.Header.Get("X-AppKey"))
			require.Equal(t, testSession, request.Header.Get("X-SessionToken"))
			sum := AppendChecksum(nil, v.Timestamp, []byte(body), session.NewToken(testSecret))
			require.Equal(t, "token "+string(sum), request.Header.Get("X-Checksum"))
			require.NotContains(t, string(raw), testSecret)
		}
		require.GreaterOrEqual(t, compared, want, file)
	}
}

func instant(t testing.TB, text string) market.UnixNano {
	t.Helper()
	var at time.Time
	require.NoError(t, json.Unmarshal([]byte(`"`+text+`"`), &at))
	return market.UnixNano(at.UnixNano())
}

func TestHistoryAsksLikeTheOfficialClient(t *testing.T) {
	for _, v := range lines[recorded](t, "rest_js_client.jsonl") {
		if v.Call != "getHistoricalDatav2" {
			continue
		}

		raw := newWire(t).AppendHistory(nil, testCredential(), &Candles{
			Key: testOption().ContractKey, Interval: OneMinute,
			From: instant(t, "2026-11-23T03:45:00.000Z"), To: instant(t, "2026-11-23T10:00:00.000Z"),
		})

		request, _ := parse(t, raw)
		// The hour of an expiry is arbitrary: theirs was typed as 07:00.
		require.Equal(t, strings.Replace(v.Path, "T07:00", "T06:00", 1), request.URL.RequestURI())
		require.Equal(t, "breezeapi.icicidirect.com", request.Host)
		require.Equal(t, testAppKey, request.Header.Get("apikey"))
		require.Equal(t, testSession, request.Header.Get("X-SessionToken"))
		return
	}
	t.Fatal("the recording has no history call")
}

type sample struct {
	Endpoint, Method, Name string
	HTTPStatus             *int `json:"http_status"`
	Body                   json.RawMessage
}

func (s sample) bytes() []byte {
	var text string
	if json.Unmarshal(s.Body, &text) == nil {
		return []byte(text)
	}
	return s.Body
}

func endpointOf(method, path string) Endpoint {
	for e := PlaceOrder; e < Endpoints; e++ {
		if e.Method() == method && e.Path() == path {
			return e
		}
	}
	return NoEndpoint
}

func testUniverse(t testing.TB) *market.Universe {
	t.Helper()
	u, err := market.NewUniverse([]market.Instrument{*testOption()})
	require.NoError(t, err)
	return u
}

func TestEveryGoodSampleDecodes(t *testing.T) {
	u := testUniverse(t)
	p := &Parser{Universe: u}
	c := NewClassifier()
	seen := 0
	for _, s := range lines[sample](t, "rest_response_samples.jsonl") {
		if !strings.Contains(s.Name, "ok") {
			continue
		}
		e := endpointOf(s.Method, strings.Fields(s.Endpoint)[0])
		if e == NoEndpoint {
			continue // not a call of this engine
		}
		seen++
		j := c.Classify(&Attempt{Endpoint: e, Phase: Answered, Code: *s.HTTPStatus, Body: s.bytes()})
		require.Equal(t, order.OK, j.Verdict, "%s: %s", s.Name, j.Reason)
		require.Equal(t, Healthy, j.Health)
		name := s.Endpoint + " " + s.Name
		switch e {
		case PlaceOrder, ModifyOrder, CancelOrder:
			ack, err := p.Ack(s.bytes())
			require.NoError(t, err, name)
			require.Equal(t, j.VenueID, ack.VenueID)
			require.NotEmpty(t, ack.Message)
		case OrderDetail, OrderList:
			rows, bad, err := p.Orders(s.bytes())
			require.NoError(t, err, name)
			require.Empty(t, bad)
			require.Equal(t, u.ByKey(testOption().ContractKey), rows[0].Instrument)
			require.Equal(t, market.Paise(9505), rows[0].Limit)
			require.Equal(t, market.Units(65), rows[0].Quantity)
			require.Equal(t, "2026-11-23T10:10:02.000+05:30", rows[0].OrderedAt.String())
			require.Equal(t, "NFO", rows[0].Exchange)
			require.False(t, rows[0].FillUnknown)
			if rows[0].Status == order.StatusExecuted {
				require.Equal(t, market.Units(65), rows[0].Executed)
				require.Equal(t, market.Paise(9505), rows[0].Average)
			} else {
				require.Zero(t, rows[0].Executed)
			}
		case TradeList, TradeDetail:
			rows, bad, err := p.Trades(s.bytes())
			require.NoError(t, err, name)
			require.Empty(t, bad)
			require.Equal(t, market.Buy, rows[0].Side)
			require.Equal(t, market.Units(65), rows[0].Quantity)
			require.Equal(t, market.Paise(9505), rows[0].Price)
		case Positions:
			rows, bad, err := p.Positions(s.bytes())
			require.NoError(t, err)
			require.Empty(t, bad)
			require.Len(t, rows, 2)
			require.Equal(t, market.Units(65), rows[0].Net)
			require.NotZero(t, rows[0].Instrument)
			require.Zero(t, rows[1].Net)
		case Funds:
			f, err := p.Funds(s.bytes())
			require.NoError(t, err)
			require.Equal(t, market.Paise(40_000_000), f.Unallocated)
			require.Equal(t, market.Paise(20_000_000-1_250_053), f.AvailableFNO)
		case Margin:
			m, err := p.Margin(s.bytes())
			require.NoError(t, err)
			require.Equal(t, market.Paise(100_000_000), m.CashLimit)
		case Quotes, OptionChain:
			rows, bad, err := p.Chain(s.bytes())
			require.NoError(t, err)
			require.Empty(t, bad)
			require.Equal(t, market.Paise(10005), rows[0].Last)
			require.Equal(t, market.Units(70816125), rows[0].Volume)
			require.Equal(t, market.Paise(2601240), rows[0].Spot)
			require.Equal(t, "2026-11-23T10:10:56.000+05:30", rows[0].LastTrade.String())
			if len(rows) > 1 {
				require.Zero(t, rows[1].LastTrade)
				require.Zero(t, rows[1].Last)
			}
		case CustomerDetails:
			who, err := p.Customer(s.bytes())
			require.NoError(t, err)
			require.Equal(t, "TESTUSR1", who.UserID)
			require.Equal(t, testSession, who.Session.Reveal())
			require.Equal(t, "51606286", who.Stream.Reveal())
			require.Equal(t, market.Date(20261123), who.TradeDate)
		case PreviewOrder:
			charges, err := p.Charges(s.bytes())
			require.NoError(t, err)
			require.Equal(t, market.Paise(89), charges.Total)
		case History:
			rows, bad, err := p.Candles(s.bytes())
			require.NoError(t, err)
			require.Empty(t, bad)
			require.Equal(t, market.Paise(9755), rows[0].Close)
		}
	}
	require.GreaterOrEqual(t, seen, 19)
}

func TestEveryErrorSampleIsClassified(t *testing.T) {
	want := map[string][2]order.Verdict{ // of a write, of a read
		"session expired or used up":                  {order.Unknown, order.Auth},
		"session wrong":                               {order.Unknown, order.Auth},
		"app key unknown":                             {order.ConfigFatal, order.ConfigFatal},
		"checksum, session or key refused":            {order.Auth, order.Auth},
		"per-minute limit":                            {order.Throttle, order.Throttle},
		"per-day limit":                               {order.ThrottleDay, order.ThrottleDay},
		"gateway throttle":                            {order.Throttle, order.Throttle},
		"nothing there":                               {order.Unknown, order.Empty},
		"transient":                                   {order.Unknown, order.Retry},
		"backend down":                                {order.Unknown, order.Retry},
		"bad order type or stop price":                {order.Refused, order.Retry},
		"bad or missing parameters":                   {order.Unknown, order.Retry},
		"server exception (another shape altogether)": {order.Unknown, order.Retry},
		"caller's IP is not the registered one":       {order.ConfigFatal, order.ConfigFatal},
	}
	c := NewClassifier()
	for _, s := range lines[sample](t, "rest_response_samples.jsonl") {
		verdicts, is := want[s.Name]
		if !is {
			require.Contains(t, s.Name, "ok")
			continue
		}
		delete(want, s.Name)
		codes := []int{200, 401, 500}
		if s.HTTPStatus != nil {
			codes = []int{*s.HTTPStatus}
		}
		for _, code := range codes {
			read := OrderList
			if s.Endpoint == "customerdetails" {
				read = CustomerDetails
			}
			if s.Name == "transient" || s.Name == "backend down" || strings.HasPrefix(s.Name, "bad ") {
				if code == 401 {
					continue // not with these
				}
			}
			got := c.Classify(&Attempt{Endpoint: PlaceOrder, Phase: Answered, Code: code, Body: s.bytes()})
			require.Equal(t, verdicts[0], got.Verdict, "write, %s, HTTP %d: %s", s.Name, code, got.Reason)
			got = c.Classify(&Attempt{Endpoint: read, Phase: Answered, Code: code, Body: s.bytes()})
			require.Equal(t, verdicts[1], got.Verdict, "read, %s, HTTP %d: %s", s.Name, code, got.Reason)
			require.NotEmpty(t, got.Reason)
		}
	}
	require.Empty(t, want, "samples that were expected and did not come")
}
