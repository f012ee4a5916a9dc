package sim

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/feed/master"
)

// lines reads a fixture of JSON lines.
func lines[T any](t *testing.T, name string) []T {
	t.Helper()
	file, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer file.Close()
	var out []T
	for in := bufio.NewReader(file); ; {
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var v T
			require.NoError(t, json.Unmarshal(line, &v))
			out = append(out, v)
		}
		if err != nil {
			return out
		}
	}
}

// vectorBench is a venue with the account and the day of the recorded clients.
func vectorBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	day, expiry := market.Date(20261123), market.Date(20261124)
	list := []market.Instrument{
		{ContractKey: market.ContractKey{Exchange: "NSE", Underlying: "NIFTY", Kind: market.Index}, Token: "NIFTY 50"},
		{ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Future, Expiry: expiry}, Token: "42500", LotSize: 65, TickSize: 10},
	}
	for i, right := range []market.Right{market.Call, market.Put} {
		for j, strike := range []market.Paise{2_600_000, 2_605_000} {
			list = append(list, market.Instrument{
				ContractKey: market.ContractKey{Exchange: "NFO", Underlying: "NIFTY", Kind: market.Option, Expiry: expiry, Strike: strike, Right: right},
				Token:       fmt.Sprint(42505 + 10*i + j), LotSize: 65, TickSize: 5, Freeze: 1800,
			})
		}
	}
	cfg := Config{
		Tape: &MemoryTape{Day: day, List: list, Title: "vectors"}, AppKey: "T3st+Key=Example^001", Secret: "fixed-secret-0123456789abcdef",
		User: "TESTUSR1", FirstToken: "51606286", SignatureWindow: -1, Limits: Limits{-1, -1, -1},
	}
	if change != nil {
		change(&cfg)
	}
	core, err := NewCore(cfg)
	require.NoError(t, err)
	b := &bench{T: t, Core: core}
	b.at = market.Stamp{Mono: 1, Wall: day.At(12 * time.Hour), Market: day.At(12 * time.Hour)}
	_, refusal := core.sessions.exchange(DefaultAPISession, b.at)
	require.Empty(t, refusal)
	b.quote("NIFTY 50", 0, 0, 2_601_000, 0)
	for _, token := range []string{"42505", "42506", "42515", "42516"} {
		b.quote(token, 10_000, 10_010, 10_005, 1000)
	}
	return b
}

type clientCall struct {
	Call, Method, Path, Body string
	Headers                  map[string]string
	Sent                     *bool
	ChecksumOK               *bool `json:"checksum_ok"`
	Checksum                 *string
	Note                     string
}

func (c *clientCall) request(t *testing.T) *Request {
	t.Helper()
	u, err := url.Parse(c.Path)
	require.NoError(t, err)
	r := &Request{
		Method: c.Method, Path: u.Path, Checksum: c.Headers["x-checksum"], Timestamp: c.Headers["x-timestamp"],
		AppKey: c.Headers["x-appkey"], SessionToken: c.Headers["x-sessiontoken"], Body: []byte(c.Body), Query: map[string]string{},
	}
	for key, values := range u.Query() {
		r.Query[key] = values[0]
	}
	if r.AppKey == "" {
		r.AppKey = c.Headers["apikey"]
	}
	return r
}

func TestRecordedClientsAreAcceptedWhereTheirChecksumHolds(t *testing.T) {
	for _, file := range []string{"rest_js_client.jsonl", "rest_python_client.jsonl"} {
		accepted, refused := 0, 0
		for _, call := range lines[clientCall](t, file) {
			if call.Sent != nil && !*call.Sent || strings.HasSuffix(call.Path, ".zip") {
				continue
			}
			b := vectorBench(t, nil)

			answer := b.Answer(call.request(t), b.at)

			name := file + ": " + call.Call + " " + call.Note
			text := string(answer.Body)
			switch {
			case strings.Contains(call.Path, "customerdetails"):
				require.Equal(t, strings.Contains(call.Body, "99999999"), strings.Contains(text, textBadSession), name)
			case call.Path[:len(v1)] != v1:
				require.Contains(t, text, `"Status":200`, name)
			case call.ChecksumOK != nil && *call.ChecksumOK:
				require.NotEqual(t, http.StatusUnauthorized, answer.Code, name)
				accepted++
			default:
				require.Equal(t, http.StatusUnauthorized, answer.Code, name)
				require.JSONEq(t, `{"Status":5,"Error":"Authentication Fail :: Invalid Checksum."}`, text, name)
				refused++
			}
		}
		require.Greater(t, accepted, 10, file)
		if strings.Contains(file, "js_client") {
			require.Equal(t, 2, refused, "the unsigned cancel and the wrong secret")
		}
	}
}

func TestAChangedByteInTheBodyBreaksTheSignature(t *testing.T) {
	b := vectorBench(t, nil)
	r := b.signed("GET", "funds", `{}`)
	require.Equal(t, 200, b.Answer(r, b.at).Code)
	r.Body = []byte(`{} `)
	require.Equal(t, 401, b.Answer(r, b.at).Code)
	b.cfg.PlainRefusals = true
	require.JSONEq(t, `{"Success":null,"Status":500,"Error":"Authentication Fail :: Invalid Checksum."}`, string(b.Answer(r, b.at).Body))
}

func TestSignaturesAreCheckedAgainstTheWallClock(t *testing.T) {
	b := vectorBench(t, func(c *Config) { c.SignatureWindow = time.Minute })
	r := b.signed("GET", "funds", `{}`)
	require.Equal(t, 200, b.Answer(r, b.at).Code)
	b.at.Wall = b.at.Wall.Add(2 * time.Minute)
	require.Equal(t, 401, b.Answer(r, b.at).Code)
}

// signed makes a request as a client would.
func (b *bench) signed(method, endpoint, body string) *Request {
	r := &Request{
		Method: method, Path: v1 + endpoint, Timestamp: b.at.Wall.Time().UTC().Format(timestampForm), AppKey: b.cfg.AppKey,
		SessionToken: b.sessions.encode(b.sessions.logins[0]), Body: []byte(body),
	}
	sum := sha256.Sum256([]byte(r.Timestamp + body + b.cfg.Secret))
	r.Checksum = "token " + hex.EncodeToString(sum[:])
	return r
}

type reply struct {
	Success any
	Status  int
	Error   any
}

func (b *bench) call(method, endpoint, body string) reply {
	b.Helper()
	answer := b.Answer(b.signed(method, endpoint, body), b.at)
	require.Equal(b, Delivered, answer.Fate)
	var r reply
	require.NoError(b, json.Unmarshal(answer.Body, &r), "%s", answer.Body)
	return r
}

func (r reply) rows(t require.TestingT) []any {
	require.Equal(t, 200, r.Status, "%v", r.Error)
	list, ok := r.Success.([]any)
	require.True(t, ok)
	return list
}

const call26000 = `"stock_code":"NIFTY","exchange_code":"NFO","expiry_date":"2026-11-24T06:00:00.000Z","right":"call","strike_price":"26000"`

func placeBody(action, price, more string) string {
	return `{` + call26000 + `,"product":"options","action":"` + action + `","order_type":"limit","quantity":"65","price":` + price +
		`,"validity":"day","user_remark":"my remark"` + more + `}`
}

func placed(t *testing.T, r reply) string {
	t.Helper()
	require.Equal(t, 200, r.Status, "%v", r.Error)
	return r.Success.(map[string]any)["order_id"].(string)
}

// shape is a JSON value's keys and types, nulls being of any type.
func shape(path string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			shape(path+"."+k, x, into)
		}
	case []any:
		for _, x := range v {
			shape(path+"[]", x, into)
		}
		if len(v) == 0 {
			into[path] = "list"
		}
	case nil:
		if into[path] == "" {
			into[path] = "null"
		}
	default:
		into[path] = fmt.Sprintf("%T", v)
	}
}

func TestAnswersHaveTheDocumentedFieldsAndTypes(t *testing.T) {
	b := vectorBench(t, func(c *Config) {
		c.Charges = func(side market.Side, price market.Paise, qty market.Units) Charges { return Charges{Stamp: 7} }
	})
	b.quote("42505", 10_000, 10_010, 10_005, 2000)
	filled := placed(t, b.call("POST", "order", placeBody("buy", `"101"`, "")))
	resting := placed(t, b.call("POST", "order", placeBody("buy", `"95.05"`, "")))
	squaring := strings.ReplaceAll(`{`+call26000+`,"quantity":"65","price":"100","action":"sell","order_type":"limit","validity":"day","product_type":"options",
		"source_flag":"","stoploss_price":"0","disclosed_quantity":"0","protection_percentage":"","settlement_id":"","margin_amount":"","open_quantity":"",
		"cover_quantity":"","validity_date":"","alias_name":"","trade_password":""}`, "\n", " ")
	history := `"stock_code":"NIFTY","exchange_code":"NFO","product_type":"options","expiry_date":"2026-11-24T07:00:00.000Z","strike_price":"26000","right":"call","from_date":"2026-11-23T03:45:00.000Z","to_date":"2026-11-23T10:00:00.000Z"`
	day := `"exchange_code":"NFO","from_date":"2026-11-23T06:00:00.000Z","to_date":"2026-11-23T06:00:00.000Z"`
	b.wait(time.Minute)
	bodies := map[string][3]string{
		"customerdetails/ok":         {"GET", "customerdetails", `{"SessionToken":"50123456","AppKey":"T3st+Key=Example^001"}`},
		"funds/ok":                   {"GET", "funds", `{}`},
		"margin/ok":                  {"GET", "margin", `{"exchange_code":"NFO"}`},
		"order/ok (F&O)":             {"POST", "order", placeBody("buy", `"95"`, "")},
		"order/list ok":              {"GET", "order", `{` + day + `}`},
		"order/detail ok, executed":  {"GET", "order", `{"exchange_code":"NFO","order_id":"` + filled + `"}`},
		"order/detail ok, working":   {"GET", "order", `{"exchange_code":"NFO","order_id":"` + resting + `"}`},
		"trades/list ok":             {"GET", "trades", `{` + day + `,"product_type":"","action":"","stock_code":""}`},
		"trades/detail ok":           {"GET", "trades", `{"exchange_code":"NFO","order_id":"` + filled + `"}`},
		"portfoliopositions/ok":      {"GET", "portfoliopositions", `{}`},
		"portfolioholdings/ok (NFO)": {"GET", "portfolioholdings", `{"exchange_code":"NFO"}`},
		"quotes/ok (options)":        {"GET", "quotes", `{` + call26000 + `,"product_type":"options"}`},
		"quotes/ok (futures: right is *, product_type is Future)": {
			"GET", "quotes", `{"stock_code":"NIFTY","exchange_code":"NFO","expiry_date":"24-Nov-2026","product_type":"futures","right":"others","strike_price":"0"}`,
		},
		"optionchain/ok":           {"GET", "optionchain", `{"stock_code":"NIFTY","exchange_code":"NFO","expiry_date":"2026-11-24T06:00:00.000Z","product_type":"options","right":"call"}`},
		"squareoff/ok":             {"POST", "squareoff", squaring},
		"preview_order/ok":         {"GET", "preview_order", `{` + call26000 + `,"product":"options","order_type":"limit","price":"100","action":"buy","quantity":"65","specialflag":"N","stoploss":"","order_rate_fresh":""}`},
		"margincalculator/ok":      {"POST", "margincalculator", `{"exchange_code":"NFO","list_of_positions":[{"strike_price":"26000","quantity":"65","right":"Call","product":"options","action":"buy","price":"100","expiry_date":"24-Nov-2026","stock_code":"NIFTY"}]}`},
		"fnolmtpriceandqtycal/ok":  {"POST", "fnolmtpriceandqtycal", `{"limit_rate":"16"}`},
		"historicalcharts (v1)/ok": {"GET", "historicalcharts", `{"interval":"minute",` + history + `}`},
		"order/PUT":                {"PUT", "order", `{"order_id":"` + resting + `","exchange_code":"NFO","order_type":"limit","price":"94.5","quantity":"65","validity":"day","stoploss":"0"}`},
		"order/DELETE":             {"DELETE", "order", `{"order_id":"` + resting + `","exchange_code":"NFO"}`},
		"funds/POST":               {"POST", "funds", `{"transaction_type":"credit","amount":"200","segment":"FNO"}`},
	}
	checked := map[string]bool{}
	for _, sample := range lines[struct {
		Endpoint, Method, Name string
		Body                   any
	}](t, "rest_response_samples.jsonl") {
		key := sample.Endpoint + "/" + sample.Name
		if _, ok := bodies[key]; !ok || sample.Method != bodies[key][0] {
			key = sample.Endpoint + "/" + sample.Method
		}
		body, ok := bodies[key]
		if answer, is := sample.Body.(map[string]any); !ok || body[0] != sample.Method || !is || answer["Success"] == nil {
			continue
		}
		got := b.call(body[0], body[1], body[2])
		require.Equal(t, 200, got.Status, "%s: %v", key, got.Error)

		want, have := map[string]string{}, map[string]string{}
		shape("", sample.Body.(map[string]any)["Success"], want)
		shape("", got.Success, have)

		for path, kind := range want {
			require.Contains(t, have, path, key)
			if kind != "null" && have[path] != "null" {
				require.Equal(t, kind, have[path], "%s: %s", key, path)
			}
		}
		for path := range have {
			require.Contains(t, want, path, "%s: a field the real answer does not have", key)
		}
		checked[key] = true
	}
	for key := range bodies {
		require.True(t, checked[key], "%s was compared with its sample", key)
	}
}

func TestHistoryVersion2HasItsOwnShape(t *testing.T) {
	b := vectorBench(t, nil)
	b.quote("42505", 10_000, 10_010, 10_020, 2000)
	b.wait(time.Minute)
	b.quote("42505", 10_000, 10_010, 10_005, 2065)
	r := &Request{Method: "GET", Path: v2, AppKey: b.cfg.AppKey, SessionToken: b.sessions.encode(b.sessions.logins[0]), Query: map[string]string{
		"interval": "1minute", "from_date": "2026-11-23T03:45:00.000Z", "to_date": "2026-11-23T10:00:00.000Z", "stock_code": "NIFTY",
		"exch_code": "NFO", "product_type": "options", "expiry_date": "2026-11-24T07:00:00.000Z", "strike_price": "26000", "right": "call",
	}}

	answer := b.Answer(r, b.at)

	require.True(t, strings.HasPrefix(string(answer.Body), `{"Error":null,"Status":200,"Success":[{"close":`), "%s", answer.Body)
	var got struct{ Success []history2Row }
	require.NoError(t, json.Unmarshal(answer.Body, &got))
	require.Len(t, got.Success, 2)
	require.Equal(t, "2026-11-23 12:00:00", got.Success[0].DateTime)
	require.Equal(t, "24-NOV-2026", got.Success[0].Expiry)
	require.InDelta(t, 100.2, got.Success[0].High, 1e-9)
	require.EqualValues(t, 65, got.Success[1].Volume)
	r.SessionToken = "nonsense"
	require.Equal(t, 401, b.Answer(r, b.at).Code)
}

func TestOrdersGoInAsTextAndAsNumbersAndComeOutInTitleCase(t *testing.T) {
	b := vectorBench(t, nil)

	id := placed(t, b.call("POST", "order", placeBody("buy", `95.05000000000001`, `,"stoploss":"0","validity_date":""`)))

	require.Regexp(t, `^20261123\d{2}\d{8}$`, id)
	row := b.call("GET", "order", `{"exchange_code":"NFO","order_id":"`+id+`"}`).rows(t)[0].(map[string]any)
	for field, want := range map[string]any{
		"order_id": id, "product_type": "Options", "action": "Buy", "order_type": "Limit", "validity": "Day", "right": "Call", "price": "95.05",
		"quantity": "65", "pending_quantity": "65", "cancelled_quantity": "0", "status": "Ordered", "strike_price": 26000.0,
		"expiry_date": "24-Nov-2026", "order_datetime": "23-Nov-2026 12:00:00", "user_remark": nil,
	} {
		require.Equal(t, want, row[field], field)
	}
}

func TestMarketOrdersAndNonsenseAreRefusedInTheVenuesForm(t *testing.T) {
	b := vectorBench(t, nil)
	refuses := func(want, method, endpoint, body string) {
		t.Helper()
		r := b.call(method, endpoint, body)
		require.Equal(t, 500, r.Status)
		require.Nil(t, r.Success)
		require.Equal(t, want, r.Error)
	}

	refuses(b.cfg.Texts.MarketOrder, "POST", "order", strings.Replace(placeBody("buy", `"95"`, ""), `"limit"`, `"market"`, 1))
	refuses(b.cfg.Texts.UnknownContract, "POST", "order", strings.Replace(placeBody("buy", `"95"`, ""), `"26000"`, `"26025"`, 1))
	refuses(b.cfg.Texts.Price, "POST", "order", placeBody("buy", `"95.051"`, ""))
	refuses(b.cfg.Texts.OrderType, "POST", "order", strings.Replace(placeBody("buy", `"95"`, ""), `"options"`, `"cash"`, 1))
	refuses(b.cfg.Texts.OrderGone, "DELETE", "order", `{"exchange_code":"NFO","order_id":"202611233899999999"}`)
	refuses(textNoData, "GET", "order", `{"exchange_code":"NFO","order_id":"202611233899999999"}`)
	refuses(textNoData, "GET", "order", `{"exchange_code":"NFO","from_date":"2026-11-23T06:00:00.000Z","to_date":"2026-11-23T06:00:00.000Z"}`)
	refuses(textNoData, "GET", "portfoliopositions", `{}`)
	refuses(textNoData, "GET", "dematholdings", `{}`)
	refuses(textNoData, "GET", "optionchain", `{"stock_code":"NIFTY","exchange_code":"NFO","expiry_date":"2026-11-24T06:00:00.000Z","product_type":"options"}`)
	refuses(textResourceBare, "POST", "squareoff", `{`+call26000+`}`)
	require.Equal(t, 404, b.Answer(b.signed("GET", "nowhere", `{}`), b.at).Code)
	require.Equal(t, 400, b.Answer(b.signed("GET", "funds", `{"a"`), b.at).Code)
	require.Zero(t, b.Counts().OrdersAccepted)
}

func TestRemarksComeBackByTheModeAndStayInTheLedger(t *testing.T) {
	for mode, want := range map[RemarkMode]string{BlankRemarks: "", EchoRemarks: "my remark", TruncatedRemarks: "my r", UpperRemarks: "MY REMARK"} {
		b := vectorBench(t, func(c *Config) { c.Remarks = mode })

		r := b.call("POST", "order", placeBody("buy", `"95"`, ""))

		require.Equal(t, want, r.Success.(map[string]any)["user_remark"])
		require.Equal(t, "my remark", b.Ledger()[0].Remark)
	}
}

func TestClosedPositionsStayListed(t *testing.T) {
	b := vectorBench(t, nil)
	b.call("POST", "order", placeBody("buy", `"101"`, ""))
	b.call("POST", "order", placeBody("sell", `"99"`, ""))

	row := b.call("GET", "portfoliopositions", `{}`).rows(t)[0].(map[string]any)

	require.Equal(t, "NA", row["action"])
	require.Equal(t, "0", row["quantity"])
}

func TestShortPositionsAreUnsignedWithTheirSide(t *testing.T) {
	b := vectorBench(t, nil)
	b.call("POST", "order", placeBody("sell", `"99"`, ""))

	row := b.call("GET", "portfoliopositions", `{}`).rows(t)[0].(map[string]any)

	require.Equal(t, "Sell", row["action"])
	require.Equal(t, "65", row["quantity"])
	require.Equal(t, "100", row["average_price"])
}

func TestListsLagWhenTold(t *testing.T) {
	b := vectorBench(t, func(c *Config) { c.Faults.ListLag = time.Second })
	id := placed(t, b.call("POST", "order", placeBody("buy", `"101"`, "")))
	body := `{"exchange_code":"NFO","order_id":"` + id + `"}`

	require.Equal(t, textNoData, b.call("GET", "order", body).Error)
	require.Equal(t, textNoData, b.call("GET", "trades", body).Error)
	b.wait(time.Second)
	require.Len(t, b.call("GET", "order", body).rows(t), 1)
	require.Len(t, b.call("GET", "trades", body).rows(t), 1)
}

func TestLimitsAnswerInTheAuthenticationFamilysForm(t *testing.T) {
	b := vectorBench(t, func(c *Config) { c.Limits = Limits{PerSecond: 1, PerMinute: 3, PerDay: -1} })
	b.call("POST", "order", placeBody("buy", `"95"`, ""))

	second := b.Answer(b.signed("POST", "order", placeBody("buy", `"95"`, "")), b.at)
	require.Equal(t, 401, second.Code)
	require.Contains(t, string(second.Body), b.cfg.Texts.PerSecond)
	b.call("GET", "funds", `{}`)
	b.call("GET", "funds", `{}`)
	minute := b.Answer(b.signed("GET", "funds", `{}`), b.at)
	require.Equal(t, 401, minute.Code)
	require.JSONEq(t, `{"Success":null,"Status":5,"Error":"Limit exceed: API call per minute:Try after some time"}`, string(minute.Body))
	require.EqualValues(t, 2, b.Counts().Throttled)
}

func TestHandlerReadsBodiesOfGetAndDeleteAndServesTheMaster(t *testing.T) {
	v, err := New(Config{Tape: tape(3)})
	require.NoError(t, err)
	server := httptest.NewServer(v.Handler())
	defer server.Close()

	request, err := http.NewRequest("GET", server.URL+v1+"customerdetails", strings.NewReader(`{"SessionToken":"50123456","AppKey":"vayu-sim-app-key"}`))
	require.NoError(t, err)
	answer, err := server.Client().Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	var r reply
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&r))
	require.Equal(t, 200, r.Status)

	for _, path := range []string{"/SecurityMaster.zip", "/MotherAppMaster/SecurityMaster.zip"} {
		answer, err := server.Client().Get(server.URL + path)
		require.NoError(t, err)
		var zip bytes.Buffer
		_, err = zip.ReadFrom(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		m, err := master.Read(bytes.NewReader(zip.Bytes()), int64(zip.Len()), master.Filter{})
		require.NoError(t, err)
		require.Len(t, m.Instruments, len(instruments()))
	}

	answer, err = server.Client().Get(server.URL + "/clock")
	require.NoError(t, err)
	defer answer.Body.Close()
	var now clockNow
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&now))
	require.Equal(t, "2026-08-18", now.Date)
	at, err := time.Parse(time.RFC3339, now.MarketTime)
	require.NoError(t, err)
	_, offset := at.Zone()
	require.Equal(t, 19800, offset)
	require.Contains(t, []string{"recorded", "synthetic"}, now.Source)
}

func TestLoginPageIssuesAnotherAPISession(t *testing.T) {
	v, err := New(Config{Tape: tape(3), Redirect: "http://127.0.0.1/callback"})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	v.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/apiuser/login?api_key="+DefaultAppKey, nil))

	require.Equal(t, 302, w.Code)
	require.Regexp(t, `^http://127.0.0.1/callback\?apisession=\d{8}$`, w.Header().Get("Location"))
	w = httptest.NewRecorder()
	v.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/apiuser/login?api_key=wrong", nil))
	require.Equal(t, 401, w.Code)
}

func FuzzAnswerNeverPanicsAndNeverTakesAnOffLotOrder(f *testing.F) {
	f.Add("POST", "order", placeBody("buy", `"95.05"`, ""))
	f.Add("GET", "order", `{"order_id":null}`)
	f.Add("PUT", "order", `{"order_id":1e9,"price":-0}`)
	f.Add("POST", "margincalculator", `{"list_of_positions":[null,{}]}`)
	f.Add("GET", "historicalcharts", `{"interval":"minute"}`)
	f.Fuzz(func(t *testing.T, method, endpoint, body string) {
		b := vectorBench(t, nil)
		b.Answer(b.signed(method, endpoint, body), b.at)
		for _, o := range b.list {
			require.Zero(t, o.Qty%65)
			require.Zero(t, o.Price%5)
		}
	})
}
