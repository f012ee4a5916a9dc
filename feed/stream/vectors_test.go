package stream

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/stretchr/testify/require"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/feed/socketio"
)

// frameLine is one websocket message of a recording; see testdata/README.md.
type frameLine struct {
	Scenario  string
	Conn      int
	Dir       string
	OpCode    int
	Payload   string
	CloseCode *int   `json:"close_code"`
	Event     string // "tcp_close"
}

func recording[T any](tb testing.TB, name string) (lines []T) {
	tb.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	require.NoError(tb, err)
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		var line T
		require.NoError(tb, json.Unmarshal(scanner.Bytes(), &line))
		lines = append(lines, line)
	}
	require.NotEmpty(tb, lines)
	return lines
}

// payloadLine is one event and what the official client made of it.
type payloadLine struct {
	Name    string
	Event   string
	Payload string `json:"socketio_payload"`
	Raw     json.RawMessage
	Parsed  map[string]any `json:"js_client_parsed"`
}

// notices are the derivative order notices of the recording, whole payloads.
func notices(tb testing.TB) (out []string) {
	for _, line := range recording[payloadLine](tb, "parsed_payloads.jsonl") {
		if line.Event == "order" && strings.HasPrefix(line.Name, "order_6") {
			out = append(out, line.Payload)
		}
	}
	return out
}

func TestEveryRecordedTextIsAPacketAndOursAreTheSame(t *testing.T) {
	names, err := filepath.Glob("testdata/ws_*.jsonl")
	require.NoError(t, err)
	texts := 0
	for _, name := range names {
		if strings.Contains(name, "rejected") {
			continue
		}
		for _, line := range recording[frameLine](t, filepath.Base(name)) {
			if line.OpCode != 1 {
				continue
			}
			texts++
			p, err := socketio.Parse([]byte(line.Payload))
			if line.Payload == `42{bad` {
				require.ErrorIs(t, err, socketio.ErrPacket)
				continue
			}
			require.NoError(t, err, line.Payload)
			switch {
			case p.Type == socketio.Open:
				open, err := socketio.ParseOpen(p.Data)
				require.NoError(t, err)
				require.Equal(t, line.Payload, string(socketio.AppendOpen(nil, open)))
			case p.Type == socketio.Connect && line.Dir == "c2s" && p.Namespace == nil && p.Data != nil:
				auth, err := socketio.ParseAuth(p.Data)
				require.NoError(t, err)
				require.Equal(t, line.Payload, string(socketio.AppendConnect(nil, auth)))
			case p.Type == socketio.Event && line.Dir == "s2c":
				require.Equal(t, line.Payload, string(socketio.AppendEvent(nil, string(p.Name), p.Data)))
			case p.Type == socketio.Event:
				rooms, err := socketio.ParseRooms(p.Data)
				require.NoError(t, err)
				ours := socketio.AppendRooms(nil, string(p.Name), rooms)
				if p.Data[0] == '"' {
					ours = socketio.AppendRoom(nil, string(p.Name), rooms[0])
				}
				require.Equal(t, line.Payload, string(ours))
			}
		}
	}
	require.Greater(t, texts, 100)
}

// Replays a session of the official client's server side into the stream: what
// the stream answers must be what the official client answered, in order.
func TestReplayOfTheRecordedSessionGetsTheRecordedAnswers(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		lines := recording[frameLine](t, "ws_quotes_depth.jsonl")
		v.script = func(_ int, c *peer) bool {
			joined := 0
			for _, line := range lines {
				switch {
				case line.OpCode != 1:
				case line.Dir == "s2c":
					c.say(line.Payload)
				case strings.HasPrefix(line.Payload, `42["leave"`) || line.Payload == "41": // ours leaves at the end
				case strings.HasPrefix(line.Payload, `42["join"`):
					if joined++; joined == 1 { // one list in place of six joins
						text, _ := c.hear()
						check(text == `42["join",["4.1!42505","4.2!42505","4.1!42506","4.2!42506","4.1!42507","4.1!NIFTY 50"]]`, text)
					}
				default:
					text, _ := c.hear()
					check(text == line.Payload, text)
				}
			}
			check(joined == 6, "joins")
			return false
		}
		r := start(t, func(cfg *Config) {
			cfg.Dial = v.dial
			cfg.Rooms = []string{"4.1!42505", "4.2!42505", "4.1!42506", "4.2!42506", "4.1!42507", "4.1!NIFTY 50"}
		})
		synctest.Wait()
		r.quit(t)
		synctest.Wait()

		require.Equal(t, []string{"41", "close "}, v.heard()[len(v.heard())-2:])
		stats := r.Stats()
		require.Equal(t, [3]uint64{12, 8, 0}, [3]uint64{stats.Quotes, stats.Depths, stats.DecodeErrors})
		nifty := slices.IndexFunc(r.sink.quotes, func(q market.Quote) bool { return q.Last == 2601240 })
		require.Equal(t, "NIFTY 50", r.decoder.universe.Get(r.sink.quotes[nifty].Instrument).Token)
	})
}

func TestEveryRecordedEventDecodesAndAgreesByIndex(t *testing.T) {
	d := NewDecoder(testUniverse(t))
	kinds := map[string]int{}
	for _, line := range recording[payloadLine](t, "parsed_payloads.jsonl") {
		p, err := socketio.Parse([]byte(line.Payload))
		require.NoError(t, err)
		require.True(t, p.Named(line.Event))
		switch line.Event {
		case "stock":
			want := agree(t, d, p.Data)
			require.False(t, want.bad || want.unknown, line.Name)
			agreesWithClient(t, line, want)
		case "order":
			var r order.Report
			require.NoError(t, d.Order(p.Data, &r), line.Name)
			orderAgrees(t, d, line, &r)
		default:
			var c Candle
			require.NoError(t, d.Candle(p.Data, &c), line.Name)
			candleAgrees(t, d, line, &c)
		}
		kinds[line.Event]++
	}
	require.Equal(t, map[string]int{"stock": 11, "order": 11, "1MIN": 1, "1SEC": 2}, kinds)
}

// agreesWithClient compares with the names that the official client gives.
func agreesWithClient(t *testing.T, line payloadLine, got oracleResult) {
	paise := func(name string) market.Paise {
		if value, ok := line.Parsed[name].(float64); ok {
			return market.Paise(value*100 + 0.5)
		}
		return 0
	}
	units := func(name string) market.Units {
		value, _ := line.Parsed[name].(float64)
		return market.Units(value)
	}
	if got.kind == market.DepthEvent {
		levels, _ := line.Parsed["depth"].([]any)
		for i, level := range levels {
			fields := level.(map[string]any)
			for name, value := range fields {
				number, _ := value.(float64)
				switch {
				case strings.HasPrefix(name, "BestBuyRate"):
					require.Equal(t, market.Paise(number*100+0.5), got.depth.Bids[i].Price)
				case strings.HasPrefix(name, "BestSellRate"):
					require.Equal(t, market.Paise(number*100+0.5), got.depth.Asks[i].Price)
				case strings.HasPrefix(name, "BestBuyQty"):
					require.Equal(t, market.Units(number), got.depth.Bids[i].Qty)
				case strings.HasPrefix(name, "BestSellQty"):
					require.Equal(t, market.Units(number), got.depth.Asks[i].Qty)
				case strings.HasPrefix(name, "BuyNoOfOrders"):
					require.Equal(t, int32(number), got.depth.Bids[i].Orders)
				case strings.HasPrefix(name, "SellNoOfOrders"):
					require.Equal(t, int32(number), got.depth.Asks[i].Orders)
				}
			}
		}
		require.Equal(t, line.Parsed["time"], got.depth.VenueTime.Time().Format("Mon Jan 2 2006 15:04:05"))
		return
	}
	q := got.quote
	require.Equal(t, [9]market.Paise{paise("open"), paise("last"), paise("high"), paise("low"), paise("bPrice"), paise("sPrice"), paise("avgPrice"), paise("lowerCktLm"), paise("upperCktLm")},
		[9]market.Paise{q.Open, q.Last, q.High, q.Low, q.Bid, q.Ask, q.Average, q.BandLow, q.BandHigh})
	require.Equal(t, [8]market.Units{units("bQty"), units("sQty"), units("ltq"), units("OI"), units("CHNGOI"), units("ttq"), units("totalBuyQt"), units("totalSellQ")},
		[8]market.Units{q.BidQty, q.AskQty, q.LastQty, q.OpenInterest, q.OIChange, q.Volume, q.TotalBuy, q.TotalSell})
	require.Equal(t, paise("close"), q.PrevClose)
	require.Equal(t, line.Parsed["ltt"], q.LastTrade.Time().Format("Mon Jan 2 2006 15:04:05"))
}

func orderAgrees(t *testing.T, d *Decoder, line payloadLine, r *order.Report) {
	text := func(name string) string {
		value, ok := line.Parsed[name].(string)
		require.True(t, ok, name)
		return value
	}
	number := func(name string) int64 {
		var n int64
		require.NoError(t, json.Unmarshal([]byte(text(name)), &n))
		return n
	}
	require.Equal(t, text("orderReference"), r.VenueID.String())
	require.Equal(t, uint64(number("messageSequence")), r.Sequence)
	require.Equal(t, text("orderStatus"), r.Status.String())
	require.Equal(t, strings.ToLower(text("orderFlow")), r.Side.String())
	require.Equal(t, number("cancelledQuantity"), int64(r.Cancelled))
	require.Equal(t, number("expiredQuantity"), int64(r.Expired))
	require.Zero(t, r.Average)
	require.Zero(t, r.Remark)
	if strings.HasPrefix(line.Name, "order_4") {
		require.Equal(t, number("orderQuantity"), int64(r.Quantity))
		require.Equal(t, number("orderExecutedQuantity"), int64(r.Executed))
		require.Equal(t, number("orderLimitRate"), int64(r.Limit))
		require.Equal(t, d.universe.ByToken([]byte("2885")), r.Instrument)
		return
	}
	require.Equal(t, number("orderTotalQuantity"), int64(r.Quantity))
	require.Equal(t, number("executedQuantity"), int64(r.Executed))
	require.Equal(t, number("limitRate"), int64(r.Limit))
	require.Equal(t, number("stopLossTrigger"), int64(r.Trigger))
	in := d.universe.Get(r.Instrument)
	require.NotZero(t, in.ID)
	require.Equal(t, text("stockCode"), in.Underlying)
	require.Equal(t, number("strikePrice"), int64(in.Strike))
	require.Equal(t, text("expiryDate"), in.Expiry.Venue())
	require.Equal(t, map[string]market.Right{"Call": market.Call, "Put": market.Put}[text("optionType")], in.Right)
}

func candleAgrees(t *testing.T, d *Decoder, line payloadLine, c *Candle) {
	text := func(name string) string { return line.Parsed[name].(string) }
	price := func(name string) market.Paise {
		p, err := market.ParsePaise(text(name))
		require.NoError(t, err)
		return p
	}
	require.Equal(t, [4]market.Paise{price("low"), price("high"), price("open"), price("close")}, [4]market.Paise{c.Low, c.High, c.Open, c.Close})
	require.Equal(t, text("volume"), market.Paise(c.Volume*100).String())
	if line.Parsed["oi"] != nil {
		require.Equal(t, text("oi"), market.Paise(c.OpenInterest*100).String())
	}
	require.Equal(t, text("datetime"), c.Start.Time().Format(time.DateTime))
	require.Equal(t, map[string]time.Duration{"1second": time.Second, "1minute": time.Minute}[text("interval")], c.Interval)
	in := d.universe.Get(c.Instrument)
	require.Equal(t, text("exchange_code"), in.Exchange)
	require.Equal(t, text("stock_code"), in.Underlying)
	want := map[string]market.Kind{"ohlc_13": market.Option, "ohlc_11": market.Future, "ohlc_9": market.Index}[line.Name]
	require.Equal(t, want, in.Kind)
}

// The recorded server closed the transport, then dropped the session. The
// official client came back without its rooms, and after the second not at all.
func TestRecordedTerminationsLeadToAReconnectAndRejoin(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		lines := recording[frameLine](t, "ws_terminations.jsonl")
		v.script = func(n int, c *peer) bool {
			if n > 2 {
				return true
			}
			for _, line := range lines {
				if line.Conn != n || line.Event != "" {
					continue
				}
				switch {
				case line.OpCode == 8 && line.Dir == "s2c":
					c.raw(frame(0x88, nil))
				case line.OpCode == 8:
				case line.Dir == "s2c":
					c.say(line.Payload)
				default:
					text, _ := c.hear()
					if text != line.Payload { // the rejoin that the official client does not do
						check(text == `42["join",["4.1!42505"]]`, text)
						if n == 2 {
							text, _ = c.hear()
							check(text == line.Payload, text)
						}
					}
				}
			}
			return false
		}
		var suspect error
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.Rooms = v.dial, []string{"4.1!42505"}
			cfg.OnSuspect = func(_ uint64, cause error) { suspect = cause }
		})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.ErrorIs(t, suspect, ErrDropped)
		require.True(t, v.joined("4.1!42505"), "on the third connection")
		require.Equal(t, uint64(3), r.Stats().Connects)
		r.quit(t)
		require.Equal(t, "live down gap live down gap live down", strings.Join(r.sink.entries(), " "))
	})
}

func TestRecordedRefusalsOfTheCredentialAreAuthErrors(t *testing.T) {
	virtual(t, func(t *testing.T, v *venue) {
		lines := recording[frameLine](t, "ws_bad_auth.jsonl")
		v.script = func(n int, c *peer) bool {
			for _, line := range lines {
				if line.Conn == min(n, 2) && line.OpCode == 1 && line.Dir == "s2c" {
					c.say(line.Payload)
				}
			}
			return false
		}
		var causes []error
		r := start(t, func(cfg *Config) {
			cfg.Dial, cfg.OnSuspect = v.dial, func(_ uint64, cause error) { causes = append(causes, cause) }
		})
		time.Sleep(20 * time.Second)
		r.quit(t)
		require.GreaterOrEqual(t, len(causes), 2)
		require.Len(t, v.dials(), len(causes))
		for _, cause := range causes {
			require.ErrorIs(t, cause, ErrAuth)
			require.Contains(t, cause.Error(), "Unauthorized")
			require.NotContains(t, cause.Error(), "51606286")
		}
	})
}

func TestRecordedRefusedUpgradesAreErrors(t *testing.T) {
	type exchange struct{ Scenario, Request, Response string }
	for _, line := range recording[exchange](t, "ws_rejected_upgrades.jsonl") {
		if line.Request == "" {
			continue // a reference without a websocket
		}
		t.Run(line.Scenario, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer listener.Close()
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				key := ""
				for reader := bufio.NewReader(conn); ; {
					text, err := reader.ReadString('\n')
					if err != nil || text == "\r\n" {
						break
					}
					if after, ok := strings.CutPrefix(text, "Sec-WebSocket-Key: "); ok {
						key = strings.TrimSpace(after)
					}
				}
				response := line.Response
				if i := strings.Index(response, "Sec-WebSocket-Accept: "); i >= 0 {
					end := i + strings.Index(response[i:], "\r\n")
					response = response[:i] + "Sec-WebSocket-Accept: " + accept(key) + response[end:]
				}
				_, _ = conn.Write([]byte(response))
			}()
			s, err := New(Config{Name: "x", URL: "ws://" + listener.Addr().String(), Session: credentials("t"), Universe: testUniverse(t), Sink: new(recorder)})
			require.NoError(t, err)
			_, err = s.connect(t.Context())
			require.Error(t, err)
			if line.Scenario == "eio3" { // upgraded, then plain HTTP: no frame
				require.ErrorIs(t, err, ErrProtocol)
			} else if line.Response != "" {
				require.ErrorIs(t, err, ws.StatusError(400))
			}
		})
	}
}

// accept is the answer to a handshake's key (RFC 6455, 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// check is require for a venue's goroutine, which must not end its test.
func check(ok bool, what string) {
	if !ok {
		panic("the client said " + what)
	}
}
