package socketio

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseTellsPacketsApart(t *testing.T) {
	parses := func(payload string, want Packet) {
		t.Helper()
		got, err := Parse([]byte(payload))
		require.NoError(t, err, payload)
		require.Equal(t, want, got, payload)
	}
	refuses := func(payload string) {
		t.Helper()
		_, err := Parse([]byte(payload))
		require.ErrorIs(t, err, ErrPacket, payload)
	}
	b := func(s string) []byte { return []byte(s) }

	parses(`0{"sid":"a"}`, Packet{Type: Open, Data: b(`{"sid":"a"}`)})
	parses(`1`, Packet{Type: Close})
	parses(`2`, Packet{Type: Ping})
	parses(`2probe`, Packet{Type: Ping, Data: b(`probe`)})
	parses(`3`, Packet{Type: Pong})
	parses(`6`, Packet{Type: Noop})
	parses(`40`, Packet{Type: Connect})
	parses(`40{"sid":"b"}`, Packet{Type: Connect, Data: b(`{"sid":"b"}`)})
	parses(`40/nope,{"user":"U"}`, Packet{Type: Connect, Namespace: b(`/nope`), Data: b(`{"user":"U"}`)})
	parses(`40/nope`, Packet{Type: Connect, Namespace: b(`/nope`)})
	parses(`41`, Packet{Type: Disconnect})
	parses(`41/nope,`, Packet{Type: Disconnect, Namespace: b(`/nope`)})
	parses(`42["stock",["4.1!1",2]]`, Packet{Type: Event, Name: b(`stock`), Data: b(`["4.1!1",2]`)})
	parses(`42[ "stock" , 1 ]`, Packet{Type: Event, Name: b(`stock`), Data: b(`1`)})
	parses(`42["hello"]`, Packet{Type: Event, Name: b(`hello`)})
	parses(`4217["join","a"]`, Packet{Type: Event, HasID: true, ID: 17, Name: b(`join`), Data: b(`"a"`)})
	parses(`42/nope,3["x",1]`, Packet{Type: Event, Namespace: b(`/nope`), HasID: true, ID: 3, Name: b(`x`), Data: b(`1`)})
	parses(`42["a\"],b",1]`, Packet{Type: Event, Name: b(`a\"],b`), Data: b(`1`)})
	parses(`4317["ok"]`, Packet{Type: Ack, HasID: true, ID: 17, Data: b(`["ok"]`)})
	parses(`44{"message":"Unauthorized"}`, Packet{Type: ConnectError, Data: b(`{"message":"Unauthorized"}`)})
	parses(`44/nope,{"message":"Invalid namespace"}`, Packet{Type: ConnectError, Namespace: b(`/nope`), Data: b(`{"message":"Invalid namespace"}`)})
	parses(`451-["file",{"_placeholder":true,"num":0}]`,
		Packet{Type: BinaryEvent, Attachments: 1, Name: b(`file`), Data: b(`{"_placeholder":true,"num":0}`)})
	parses(`460-1[]`, Packet{Type: BinaryAck, HasID: true, ID: 1, Data: b(`[]`)})

	for _, payload := range []string{
		``, `7`, `x`, `0`, `0[]`, `1x`, `4`, `47`, `4x`, `40[]`, `41{}`, `42`, `42{bad`, `42[]`, `42[1]`, `42["a" "b"]`,
		`42["a",]`, `42["a"`, `42["a\"]`, "42[\"a\nb\"]", `43{}`, `44`, `45["a"]`, `45-["a"]`, `4299999999999999999999["a"]`,
	} {
		refuses(payload)
	}
}

func TestParseShowsNoCredentialInItsErrors(t *testing.T) {
	_, err := Parse([]byte(`40{"user":"U","token":"51606286"`))
	require.ErrorIs(t, err, ErrPacket)
	require.NotContains(t, err.Error(), "51606286")
	_, err = ParseAuth([]byte(`{"user":1,"token":"51606286"}`))
	require.ErrorIs(t, err, ErrPacket)
	require.NotContains(t, err.Error(), "51606286")
	auth := Auth{User: "U", Token: "51606286"}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", auth, auth, auth, auth), "51606286")
}

func TestParseDoesNotAllocate(t *testing.T) {
	payloads := [][]byte{
		[]byte(`42["stock",["4.1!42505",98,100.05]]`), []byte(`2`), []byte(`40{"sid":"x"}`), []byte(`42/nope,7["a",1]`),
	}
	var p Packet
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		for _, payload := range payloads {
			p, _ = Parse(payload)
		}
	}))
	require.Equal(t, Event, p.Type)
}

func TestNamedResolvesEscapes(t *testing.T) {
	p, err := Parse([]byte(`42["st\u006fck",1]`))
	require.NoError(t, err)
	require.True(t, p.Named("stock"))
	require.False(t, p.Named("order"))
	p, err = Parse([]byte(`42["\ud800x",1]`))
	require.NoError(t, err)
	require.False(t, p.Named("x"))
}

func TestClientPacketsAreWhatTheOfficialClientSends(t *testing.T) {
	require.Equal(t, `40{"user":"TESTUSR1","token":"51606286"}`, string(AppendConnect(nil, Auth{"TESTUSR1", "51606286"})))
	require.Equal(t, `42["join","4.1!NIFTY 50"]`, string(AppendRoom(nil, Join, "4.1!NIFTY 50")))
	require.Equal(t, `42["join",["4.1!42505","4.2!42505"]]`, string(AppendRooms(nil, Join, []string{"4.1!42505", "4.2!42505"})))
	require.Equal(t, `42["leave",[]]`, string(AppendRooms(nil, Leave, nil)))
	require.Equal(t, `3`, string(AppendPong(nil)))
	require.Equal(t, `41`, string(AppendDisconnect(nil)))
}

func TestServerPacketsAreWhatTheRealServerSends(t *testing.T) {
	h := Handshake{SID: "XmQqXzT98FASzG5eAAAA", PingInterval: time.Second, PingTimeout: 20 * time.Second, MaxPayload: 1000000}
	const wire = `0{"sid":"XmQqXzT98FASzG5eAAAA","upgrades":[],"pingInterval":1000,"pingTimeout":20000,"maxPayload":1000000}`
	require.Equal(t, wire, string(AppendOpen(nil, h)))
	p, err := Parse([]byte(wire))
	require.NoError(t, err)
	back, err := ParseOpen(p.Data)
	require.NoError(t, err)
	require.Equal(t, h, back)

	require.Equal(t, `2`, string(AppendPing(nil)))
	require.Equal(t, `40{"sid":"s"}`, string(AppendAccept(nil, "s")))
	require.Equal(t, `44{"message":"Unauthorized"}`, string(AppendConnectError(nil, "", "Unauthorized")))
	require.Equal(t, `44/nope,{"message":"Invalid namespace"}`, string(AppendConnectError(nil, "/nope", "Invalid namespace")))
	require.Equal(t, `42["stock",[1,2]]`, string(AppendEvent(nil, "stock", []byte(`[1,2]`))))
	require.Equal(t, `42["tick"]`, string(AppendEvent(nil, "tick", nil)))
	require.Equal(t, `437["ok"]`, string(AppendAck(nil, 7, []byte(`"ok"`))))
}

func TestParseOpenRefusesPingTimesItCannotLiveBy(t *testing.T) {
	for _, data := range []string{
		`{"sid":"a"}`, `{"sid":"a","pingInterval":0,"pingTimeout":1}`, `{"sid":"a","pingInterval":1,"pingTimeout":-1}`,
		`{"sid":"a","pingInterval":9999999999,"pingTimeout":1}`, `{"sid":"a","pingInterval":"1","pingTimeout":1}`, `{`,
	} {
		_, err := ParseOpen([]byte(data))
		require.ErrorIs(t, err, ErrPacket, data)
	}
}

func TestParseRoomsTakesAStringOrAList(t *testing.T) {
	reads := func(data string, want ...string) {
		t.Helper()
		rooms, err := ParseRooms([]byte(data))
		require.NoError(t, err)
		require.Equal(t, want, rooms)
	}
	reads(`"4.1!NIFTY 50"`, "4.1!NIFTY 50")
	reads(`["4.1!42505","4.2!42\u0035"]`, "4.1!42505", "4.2!425")
	reads(`"a\"b\\"`, `a"b\`)
	rooms, err := ParseRooms([]byte(`[]`))
	require.NoError(t, err)
	require.Empty(t, rooms)
	for _, data := range []string{``, `1`, `null`, `{"a":1}`, `["a",1]`, `["a",null]`, `["a",["b"]]`, `"a","b"`, `"a`} {
		_, err := ParseRooms([]byte(data))
		require.ErrorIs(t, err, ErrPacket, data)
	}
}

func TestParseAuthTakesWhatClientsSend(t *testing.T) {
	auth, err := ParseAuth([]byte(`{"user":"TESTUSR1","token":"a\"\u0062"}`))
	require.NoError(t, err)
	require.Equal(t, Auth{"TESTUSR1", `a"b`}, auth)
	auth, err = ParseAuth(nil)
	require.NoError(t, err)
	require.Zero(t, auth)
}

func TestConnectErrorGivesTheServersReason(t *testing.T) {
	require.Equal(t, "Unauthorized", ParseConnectError([]byte(`{"message":"Unauthorized"}`)))
	require.Equal(t, "no", ParseConnectError([]byte(`"no"`)))
	require.Empty(t, ParseConnectError([]byte(`{"message":1}`)))
}

func FuzzSocketioParse(f *testing.F) {
	for _, seed := range []string{
		`0{"sid":"a","pingInterval":1,"pingTimeout":1}`, `2`, `3`, `40{"user":"U","token":"t"}`, `40/nope,{}`, `41`, `42["stock",["4.1!1",1]]`,
		`42["join",["a","b"]]`, `4217["a\"b",null]`, `4317[1]`, `44{"message":"x"}`, `451-["a",{}]`, `42{bad`, `42["a",1,2]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		p, err := Parse(payload)
		if err != nil {
			require.ErrorIs(t, err, ErrPacket)
			return
		}
		if p.Type != Event || !json.Valid(append(append([]byte(nil), "["...), append(quoteRaw(p), ']')...)) {
			return
		}
		// What is a valid event by encoding/json means the same to us.
		var list []json.RawMessage
		require.NoError(t, json.Unmarshal(append(append([]byte(nil), "["...), append(quoteRaw(p), ']')...), &list))
		var name string
		require.NoError(t, json.Unmarshal(list[0], &name))
		if utf8.Valid(payload) {
			require.True(t, p.Named(name))
		}
		if len(list) == 2 {
			require.JSONEq(t, string(list[1]), string(p.Data))
		}
		// And it survives being written and read again.
		again, err := Parse(AppendEvent(nil, name, p.Data))
		require.NoError(t, err)
		require.True(t, again.Named(name))
		require.Equal(t, string(p.Data), string(again.Data))
		_, _ = ParseRooms(p.Data)
	})
}

func quoteRaw(p Packet) []byte {
	out := append(append([]byte{'"'}, p.Name...), '"')
	if p.Data != nil {
		out = append(append(out, ','), p.Data...)
	}
	return out
}

func FuzzQuotedTextSurvives(f *testing.F) {
	f.Add("a\"b\\\n\x01é")
	f.Fuzz(func(t *testing.T, text string) {
		quoted := AppendQuoted(nil, text)
		require.True(t, json.Valid(quoted))
		back, err := AppendUnquoted(nil, quoted[1:len(quoted)-1])
		require.NoError(t, err)
		if utf8.ValidString(text) {
			require.Equal(t, text, string(back))
		}
	})
}
