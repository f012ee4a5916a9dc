package rest

import (
	"bytes"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
)

// Phase is how far an attempt got: the transport's evidence. The zero value is
// the cautious one.
type Phase uint8

// The phases of an attempt.
const (
	Sent     Phase = iota // the whole request was taken by the kernel; no whole answer came
	Unsent                // no byte of the request left: no connection, or an error before the first byte
	PartSent              // some bytes left, provably not all
	Cut                   // an answer began and broke off, was too large, or was no HTTP
	Answered              // a whole answer came
	Phases   = iota
)

func (p Phase) String() string {
	return [...]string{"sent", "unsent", "part_sent", "cut", "answered", "?", "?", "?"}[p&7]
}

// Attempt is the evidence of one attempt, as the connection saw it.
type Attempt struct {
	Endpoint   Endpoint
	Phase      Phase
	Code       int    // HTTP status; zero without an answer
	Body       []byte // the whole body of the answer
	RetryAfter []byte // header values, as they came; nil when absent
	Date       []byte
	Wall       market.UnixNano // our wall clock when the answer came, for Retry-After as a date
}

// Health is what an attempt says about the venue's health, for the breaker.
type Health uint8

// The healths.
const (
	Neutral Health = iota
	Healthy
	Unhealthy
)

func (h Health) String() string { return [...]string{"neutral", "healthy", "unhealthy", "?"}[h&3] }

// Judgement is what an attempt proved.
type Judgement struct {
	Verdict    order.Verdict
	Health     Health
	RetryAfter time.Duration // what the venue asked for, within [0, MaxRetryAfter]; -1 when it named nothing usable
	Slow       bool          // the venue is overloaded: halve the pace
	Reason     string        // why, in a few words, for log and counters; never the venue's own text
	Text       string        // the venue's own error text, escaped; empty when it gave none
	VenueID    order.VenueID // writes with verdict OK: the order's number
	Misnamed   bool          // the answer to a write has an order id that cannot be one
}

// MaxRetryAfter bounds what a venue can ask for; beyond it the gate is simply
// closed.
const MaxRetryAfter = 300 * time.Second

// Sizes that bound the work of judging.
const (
	sniffSize    = 4096 // of a body that is no JSON, and of any answer to a write
	maxErrorText = 200  // runes of the venue's text that are kept
)

// Classifier judges attempts. It holds a parser's memory and therefore belongs
// to one goroutine; what it says depends on the attempt and the list alone.
type Classifier struct {
	refusals []string
	parser   fastjson.Parser
}

// shippedRefusals are the texts documented or reported to mean that an order
// was refused for what it asked. Everything else on a write is ambiguous.
var shippedRefusals = [...]string{
	"Invalid Market/Limit indicator",
	"Invalid stock code",
}

// NewClassifier makes a classifier whose allow-list of business refusals is
// the shipped one and the operator's texts.
func NewClassifier(operators ...string) *Classifier {
	c := new(Classifier)
	for _, text := range append(shippedRefusals[:], operators...) {
		if text = normal(text); text != "" {
			c.refusals = append(c.refusals, text)
		}
	}
	return c
}

// normal takes away what varies around a text: surrounding space, final
// punctuation.
func normal(text string) string { return strings.TrimRight(strings.TrimSpace(text), " .:") }

// Classify says what an attempt proved: transport evidence first, then the
// body's text, then the envelope's status, then the HTTP status. The default
// is Unknown on a write and Retry on a read.
func (c *Classifier) Classify(a *Attempt) Judgement {
	j := Judgement{RetryAfter: -1}
	if a.Endpoint == CustomerDetails && a.Phase == Answered {
		j = c.session(a)
	} else {
		c.judge(a, &j)
	}
	return j
}

func (c *Classifier) judge(a *Attempt, j *Judgement) {
	write := a.Endpoint.Write()
	switch a.Phase {
	case Unsent, PartSent:
		j.Health = Unhealthy
		j.Verdict, j.Reason = order.NotSent, "request not sent"
		if a.Phase == PartSent {
			j.Reason = "request cut short"
		}
		if !write {
			j.Verdict = order.Retry
		}
		return
	case Answered:
	default:
		j.Health = Unhealthy
		j.Verdict, j.Reason = unclear(write), "no answer"
		if a.Phase == Cut {
			j.Reason = "answer cut short"
		}
		return
	}

	if write && len(a.Body) > sniffSize {
		j.Health, j.Verdict, j.Reason = Unhealthy, order.Unknown, "answer too long for a write"
		return
	}
	env := c.envelope(a.Body)
	if env.claimsSuccess() {
		c.success(a, &env, j)
		return
	}
	j.Text = Escape(env.err, maxErrorText)
	if c.byText(a, &env, j) {
		return
	}
	c.byStatus(a, &env, j)
}

// unclear is the verdict on what nobody understands.
func unclear(write bool) order.Verdict {
	if write {
		return order.Unknown
	}
	return order.Retry
}

// success judges an answer that says so of itself. It must hold together in
// every part, or it is not believed.
func (c *Classifier) success(a *Attempt, env *envelope, j *Judgement) {
	write := a.Endpoint.Write()
	j.Health, j.Verdict = Unhealthy, unclear(write)
	switch {
	case a.Code < 200 || a.Code > 299:
		j.Reason = "success with an HTTP error"
	case env.hasError:
		j.Reason, j.Text = "success with an error text", Escape(env.err, maxErrorText)
	case env.repeated:
		j.Reason = "repeated keys in the answer"
	case write:
		id, err := order.ParseVenueID(env.success.GetStringBytes("order_id"))
		if err != nil {
			name := env.success.Get("order_id")
			j.Misnamed = name != nil && name.Type() != fastjson.TypeNull && (name.Type() != fastjson.TypeString || len(name.GetStringBytes()) > 0)
			j.Reason = "success without a usable order id"
			return
		}
		j.VenueID = id
		j.Health, j.Verdict, j.Reason = Healthy, order.OK, "accepted"
	default:
		j.Health, j.Verdict, j.Reason = Healthy, order.OK, "answered"
	}
}

// byText judges by the words of the answer, whatever its statuses: a rate
// refusal comes as 401, and a gateway's page as anything.
func (c *Classifier) byText(a *Attempt, env *envelope, j *Judgement) bool {
	write := a.Endpoint.Write()
	is := func(v order.Verdict, reason string) bool {
		j.Verdict, j.Health, j.Reason = v, Neutral, reason
		return true
	}
	lower := strings.ToLower(string(env.err))
	switch limited := strings.Contains(lower, "limit exceed"); {
	case limited && strings.Contains(lower, "per minute"):
		j.RetryAfter = retryAfter(a)
		return is(order.Throttle, "limit per minute")
	case limited && strings.Contains(lower, "per day"):
		return is(order.ThrottleDay, "limit per day")
	case a.Code == 429 || titled429(a.Body, env):
		j.RetryAfter = retryAfter(a)
		return is(order.Throttle, "gateway throttle")
	case strings.Contains(lower, "ip address") && strings.Contains(lower, "static ip"):
		return is(order.ConfigFatal, "our address is not the registered one")
	case strings.Contains(lower, "public key does not exist"):
		return is(order.ConfigFatal, "the app key is unknown")
	case strings.Contains(lower, "authentication fail"), strings.Contains(lower, "invalid checksum"):
		return is(order.Auth, "signature or session refused")
	case lower == "":
		return false
	case !write && normal(lower) == "no data found":
		j.Health = Healthy
		j.Verdict, j.Reason = order.Empty, "no data found"
		return true
	case write && normal(lower) == "resource not available":
		// Said of sessions, of back ends that are down, and of orders: no proof.
		j.Verdict, j.Health, j.Reason = order.Unknown, Unhealthy, "resource not available"
		return true
	case write:
		for _, refusal := range c.refusals {
			if normal(string(env.err)) == refusal {
				j.Verdict, j.Health, j.Reason = order.Refused, Healthy, "refused by the venue"
				return true
			}
		}
	}
	return false
}

// byStatus judges what no text explained.
func (c *Classifier) byStatus(a *Attempt, env *envelope, j *Judgement) {
	write := a.Endpoint.Write()
	j.Health, j.Verdict = Unhealthy, unclear(write)
	switch {
	case a.Code == 403:
		j.Verdict, j.Health, j.Reason = order.ConfigFatal, Neutral, "forbidden"
	case env.object && !env.repeated && ownFault(a.Code) && (env.status == 0 && !env.exception || ownFault(env.status)) && (env.bare || !write):
		// A write was refused unread only if nobody has anything to say about
		// it: a text that is not on the list may come from behind the gate.
		j.Verdict, j.Health, j.Reason = order.RefusedPre, Neutral, "the request was malformed"
	case a.Code == 401 && (env.json || len(trim(a.Body)) == 0):
		// On a write this proves nothing. On a read one exchange of the session
		// tells what it was, and the keeper bounds how often that happens. A page
		// is not the venue's word about a session.
		j.Health, j.Reason = Neutral, "unauthorized without a known text"
		if !write {
			j.Verdict = order.Auth
		}
	case a.Code == 503:
		j.Slow, j.Reason = true, "service unavailable"
		j.RetryAfter = retryAfter(a)
	case a.Code >= 500:
		j.Reason = "server error"
	case a.Code >= 300 && a.Code < 400:
		j.Reason = "redirected"
	case !env.json:
		j.Reason = "the answer is no JSON"
	case env.exception:
		j.Reason = "server exception"
	case len(env.err) > 0:
		j.Reason = "unknown error text"
	default:
		j.Reason = "the answer says nothing"
	}
}

// ownFault tells the 4xx that say a request was refused unread, for its form.
func ownFault(code int) bool {
	switch code {
	case 400, 404, 405, 406, 411, 413, 414, 415, 422, 431:
		return true
	}
	return false
}

// session judges an answer of the session endpoint, where the same words mean
// other things.
func (c *Classifier) session(a *Attempt) Judgement {
	j := Judgement{RetryAfter: -1}
	env := c.envelope(a.Body)
	text := strings.ToLower(normal(string(env.err)))
	if !env.claimsSuccess() && (text == "invalid session" || text == "resource not available") {
		j.Verdict, j.Reason, j.Text = order.Auth, "the API session is dead: a new login is needed", Escape(env.err, maxErrorText)
		return j
	}
	c.judge(a, &j)
	return j
}

// envelope is the form of every answer: {"Success":...,"Status":...,"Error":...}.
type envelope struct {
	json, object bool
	repeated     bool // a key came twice
	exception    bool // the framework's exception object instead
	hasStatus    bool
	status       int  // zero when absent, -1 when it is no whole number
	bare         bool // nothing but a status: no text, no payload
	hasError     bool
	err          []byte // the text of Error, or of Message
	success      *fastjson.Value
}

// claimsSuccess tells whether the envelope has status 200 and something in
// Success: the words of Error are then no evidence of a refusal.
func (e *envelope) claimsSuccess() bool {
	return e.status == 200 && e.success != nil && (e.success.Type() == fastjson.TypeObject || e.success.Type() == fastjson.TypeArray)
}

// envelope reads the body. What it returns is valid until the next call.
func (c *Classifier) envelope(body []byte) (e envelope) {
	root, err := c.parser.ParseBytes(body)
	if err != nil {
		return e
	}
	e.json = true
	members, err := root.Object()
	if err != nil {
		return e
	}
	e.object, e.bare = true, true
	seen := 0
	members.Visit(func(key []byte, v *fastjson.Value) {
		mark := 0
		if string(key) != "Status" && v.Type() != fastjson.TypeNull && (v.Type() != fastjson.TypeString || len(trim(v.GetStringBytes())) > 0) {
			e.bare = false
		}
		switch string(key) {
		case "Success":
			mark = 1
			if v.Type() != fastjson.TypeNull {
				e.success = v
			}
		case "Status":
			mark, e.hasStatus = 2, true
			if e.status, err = v.Int(); err != nil {
				e.status = -1
			}
		case "Error":
			mark = 4
			if v.Type() == fastjson.TypeString {
				e.err = v.GetStringBytes()
			}
			e.hasError = v.Type() != fastjson.TypeNull && (v.Type() != fastjson.TypeString || len(e.err) > 0)
		case "Message":
			if len(e.err) == 0 && v.Type() == fastjson.TypeString {
				e.err = v.GetStringBytes()
			}
		case "ExceptionMessage", "ExceptionType", "StackTrace":
			e.exception = true
		}
		e.repeated = e.repeated || seen&mark != 0
		seen |= mark
	})
	return e
}

// titled429 recognises a gateway's throttle page under any status.
func titled429(body []byte, env *envelope) bool {
	return !env.json && bytes.Contains(body[:min(len(body), sniffSize)], []byte("<title>429 Too Many Requests"))
}

func retryAfter(a *Attempt) time.Duration {
	now := a.Wall
	if at, ok := ParseHTTPDate(a.Date); ok { // the venue's own clock fits its own date best
		now = at
	}
	if d, ok := ParseRetryAfter(a.RetryAfter, now); ok {
		return d
	}
	return -1
}
