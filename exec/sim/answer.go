package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vayu-trading/vayu/engine/market"
)

// Request is one REST call, as it came.
type Request struct {
	Method, Path string
	Query        map[string]string // of version 2 history
	Checksum     string            // X-Checksum
	Timestamp    string            // X-Timestamp
	AppKey       string            // X-AppKey; apikey of version 2
	SessionToken string            // X-SessionToken
	Body         []byte            // the bytes that were signed
}

// Fate is what becomes of an answer on its way.
type Fate uint8

// The fates.
const (
	Delivered Fate = iota
	Cut            // the connection closes without an answer
	Silence        // no answer, the connection stays open
)

// Response is the answer to a request.
type Response struct {
	Code int // HTTP
	HTML bool
	Body []byte
	Fate Fate
}

const (
	v1 = "/breezeapi/api/v1/"
	v2 = "/api/v2/historicalcharts"
)

// actions are the calls the ten-a-second limit counts.
func (r *Request) action() bool {
	return r.Path == v1+"order" && r.Method != http.MethodGet || r.Path == v1+"squareoff" && r.Method == http.MethodPost
}

// Answer serves one REST call: gateway faults, limits, key, session and
// checksum, then the endpoint itself.
func (c *Core) Answer(r *Request, at market.Stamp) Response {
	met, text := c.meets(r.action(), at, func() string {
		if r.Path == v1+"customerdetails" {
			return ""
		}
		return c.authenticate(r, at)
	})
	switch met {
	case cutBefore:
		return Response{Fate: Cut}
	case badGateway:
		return page(http.StatusBadGateway)
	case tooMany:
		return page(http.StatusTooManyRequests)
	case limited:
		return c.throttled(text)
	case unauthorized:
		return c.unauthorized(text)
	case backendDown:
		return refuse(text)
	case exceptional:
		return plain(http.StatusInternalServerError, exception{
			"An error has occurred.", "Object reference not set to an instance of an object.", "System.NullReferenceException", "...",
		})
	case acceptedLate:
		late := *r
		late.Body = bytes.Clone(r.Body)
		c.later(c.cfg.Faults.LateBy, at, func(at market.Stamp) { c.serve(&late, at) })
		return Response{Fate: Silence}
	}
	answer := c.serve(r, at)
	answer.Fate = c.fate()
	return answer
}

// authenticate checks key, session and checksum, in constant time where a
// secret is compared. It returns the refusal, or "".
func (c *Core) authenticate(r *Request, at market.Stamp) string {
	if r.AppKey != "" && !same(r.AppKey, c.cfg.AppKey) {
		return textBadKey
	}
	named := r.AppKey != ""
	live := c.sessions.known(r.SessionToken, at)
	if r.Path == v2 { // unsigned
		if !live || !named {
			return textChecksum
		}
		return ""
	}
	sum := sha256.New()
	sum.Write([]byte(r.Timestamp))
	sum.Write(r.Body)
	sum.Write([]byte(c.cfg.Secret))
	signed := same(r.Checksum, "token "+hex.EncodeToString(sum.Sum(nil)))
	// An expired session and a bad checksum answer alike at the real venue.
	if !named || !signed || !live || !fresh(r.Timestamp, at.Wall, c.cfg.SignatureWindow) {
		return textChecksum
	}
	return ""
}

func (c *Core) serve(r *Request, at market.Stamp) Response {
	if r.Path == v2 {
		if r.Method != http.MethodGet {
			return notFound()
		}
		return c.history2(r.Query)
	}
	f, ok := parseFields(r.Body)
	if !ok {
		return plain(http.StatusBadRequest, struct {
			Message string `json:"Message"`
		}{"The request is invalid."})
	}
	name, found := strings.CutPrefix(r.Path, v1)
	if !found {
		return notFound()
	}
	switch r.Method + " " + name {
	case "GET customerdetails":
		return c.customerDetails(f, at)
	case "GET funds":
		return c.funds()
	case "POST funds":
		return c.moveFunds(f)
	case "GET margin":
		return c.marginOf()
	case "POST margin":
		return refuse(c.cfg.Texts.OrderType) // the margin product is barred through the API
	case "POST order":
		return c.placeCall(f, at)
	case "GET order":
		return c.ordersCall(f, at)
	case "PUT order":
		return c.modifyCall(f, at)
	case "DELETE order":
		return c.cancelCall(f, at)
	case "GET trades":
		return c.tradesCall(f, at)
	case "GET portfoliopositions":
		return c.positionsCall(at)
	case "GET portfolioholdings":
		return c.holdingsCall(f)
	case "GET dematholdings":
		return refuse(textNoData) // the account holds no shares
	case "GET quotes":
		return c.quotesCall(f)
	case "GET optionchain":
		return c.chainCall(f)
	case "POST squareoff":
		return c.squareOffCall(f, at)
	case "GET preview_order":
		return c.previewCall(f)
	case "POST margincalculator":
		return c.basketCall(r.Body)
	case "POST fnolmtpriceandqtycal":
		return c.calculatorCall(f)
	case "GET historicalcharts":
		return c.history1(f)
	}
	return notFound()
}

// plain renders any value. HTML escaping is off: the venue does not do it.
func plain(code int, value any) Response {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		panic("sim: an answer that cannot be JSON: " + err.Error()) // rows are structs of ours
	}
	return Response{Code: code, Body: bytes.TrimSuffix(out.Bytes(), []byte("\n"))}
}

func grant(success any) Response {
	return plain(http.StatusOK, envelope{Success: success, Status: 200})
}

// refuse is a business refusal: HTTP 200, Status 500.
func refuse(text string) Response {
	return plain(http.StatusOK, envelope{Status: 500, Error: &text})
}

// unauthorized is the authentication family: HTTP 401 and Status 5, without a
// Success key; or, by the switch, an ordinary refusal.
func (c *Core) unauthorized(text string) Response {
	if c.cfg.PlainRefusals {
		return refuse(text)
	}
	return plain(http.StatusUnauthorized, bareRefusal{5, text})
}

func (c *Core) throttled(text string) Response {
	if c.cfg.PlainRefusals {
		return refuse(text)
	}
	return plain(http.StatusUnauthorized, envelope{Status: 5, Error: &text})
}

func notFound() Response {
	return plain(http.StatusNotFound, struct {
		Message string `json:"Message"`
	}{"No HTTP resource was found that matches the request."})
}

func page(code int) Response {
	text := http.StatusText(code)
	head := http.StatusText(code)
	if code == http.StatusTooManyRequests {
		head = "429 " + head
	}
	return Response{Code: code, HTML: true, Body: []byte("<html><head><title>" + head + "</title></head><body>" + text + "</body></html>")}
}
