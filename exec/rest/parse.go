package rest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
)

// ErrAnswer marks an answer that was judged OK but does not hold what its
// endpoint promises.
var ErrAnswer = errors.New("rest: unexpected answer")

// Parser turns answers into rows. It holds the memory of one parse and belongs
// to one goroutine; rows are copies and live on. Its Universe names contracts;
// a row of a contract that is not in it has instrument zero.
type Parser struct {
	Universe *market.Universe
	json     fastjson.Parser
}

// success is the answer's payload.
func (p *Parser) success(body []byte) (*fastjson.Value, error) {
	root, err := p.json.ParseBytes(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrAnswer, Escape(err.Error(), maxErrorText))
	}
	v := root.Get("Success")
	if v == nil || v.Type() == fastjson.TypeNull {
		return nil, fmt.Errorf("%w: no Success in it", ErrAnswer)
	}
	return v, nil
}

// object is the payload as an object.
func (p *Parser) object(body []byte) (*fastjson.Value, error) {
	v, err := p.success(body)
	if err == nil && v.Type() != fastjson.TypeObject {
		err = fmt.Errorf("%w: Success is a %s, want an object", ErrAnswer, v.Type())
	}
	return v, err
}

// rows are the payload's members. One object alone counts as a list of one.
func (p *Parser) rows(body []byte) ([]*fastjson.Value, error) {
	v, err := p.success(body)
	if err != nil {
		return nil, err
	}
	if v.Type() == fastjson.TypeObject {
		return []*fastjson.Value{v}, nil
	}
	list, err := v.Array()
	if err != nil {
		return nil, fmt.Errorf("%w: Success is a %s, want a list", ErrAnswer, v.Type())
	}
	for i, row := range list {
		if row.Type() != fastjson.TypeObject {
			return nil, fmt.Errorf("%w: row %d is a %s, want an object", ErrAnswer, i, row.Type())
		}
	}
	return list, nil
}

// reader reads the fields of one row and keeps the first error, so that a row
// reads straight down.
type reader struct {
	row *fastjson.Value
	err error
}

func (r *reader) fail(field string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%w: %s: %w", ErrAnswer, field, err)
	}
}

func (r *reader) price(field string) market.Paise {
	p, err := exactPrice(r.row.Get(field))
	r.fail(field, err)
	return p
}

func (r *reader) amount(field string) market.Paise {
	p, err := roundedPrice(r.row.Get(field))
	r.fail(field, err)
	return p
}

// value is the field, an average with more decimals than a price has, times a
// quantity: rounded once, at the end.
func (r *reader) value(field string, quantity market.Units) market.Paise {
	v, err := valueOf(r.row.Get(field), quantity)
	r.fail(field, err)
	return v
}

func (r *reader) units(field string) market.Units {
	u, err := units(r.row.Get(field))
	r.fail(field, err)
	return u
}

// text is a string field without the space around it; a number comes as its
// text, anything else empty. Valid until the next parse.
func (r *reader) text(field string) string {
	v := r.row.Get(field)
	if v == nil {
		return ""
	}
	switch v.Type() {
	case fastjson.TypeString:
		return string(trim(v.GetStringBytes()))
	case fastjson.TypeNumber:
		return v.String()
	}
	return ""
}

func (r *reader) date(field string) market.Date {
	text := r.text(field)
	if text == "" || text == "*" {
		return 0
	}
	d, err := market.ParseDate(text)
	r.fail(field, err)
	return d
}

// moment reads the venue's local time, with seconds or without.
func (r *reader) moment(field string) market.UnixNano {
	text := r.text(field)
	if text == "" {
		return 0
	}
	for _, layout := range [...]string{"02-Jan-2006 15:04:05", "02-Jan-2006 15:04", "2006-01-02 15:04:05", "02-Jan-2006"} {
		if t, err := time.ParseInLocation(layout, text, market.IST); err == nil {
			return market.UnixNano(t.UnixNano())
		}
	}
	r.fail(field, fmt.Errorf("%q is no time", text))
	return 0
}

// contract reads the fields that name a contract.
func (r *reader) contract() market.ContractKey {
	key := market.ContractKey{
		Exchange:   r.text("exchange_code"),
		Underlying: r.text("stock_code"),
		Kind:       kindOf(r.text("product_type")),
	}
	switch key.Kind {
	case market.Option:
		key.Strike = r.price("strike_price")
		key.Right = rightOf(r.text("right"))
		key.Expiry = r.date("expiry_date")
	case market.Future:
		key.Expiry = r.date("expiry_date")
	}
	return key
}

func (p *Parser) instrument(key market.ContractKey) market.InstrumentID {
	if p.Universe == nil {
		return 0
	}
	return p.Universe.ByKey(key)
}

func kindOf(word string) market.Kind {
	switch strings.ToLower(word) {
	case "options", "option":
		return market.Option
	case "futures", "future":
		return market.Future
	}
	return market.NoKind
}

func rightOf(word string) market.Right {
	switch strings.ToLower(word) {
	case "call", "ce":
		return market.Call
	case "put", "pe":
		return market.Put
	}
	return market.NoRight
}

func sideOf(word string) market.Side {
	switch strings.ToLower(word) {
	case "buy", "b":
		return market.Buy
	case "sell", "s":
		return market.Sell
	}
	return market.NoSide
}

// Ack is the venue's yes to a write: it has taken the request, the exchange
// has not necessarily.
type Ack struct {
	VenueID order.VenueID
	Message string // escaped
	Remark  string // escaped; empty when not echoed
}

// Ack reads the answer to a placement, a change or a cancellation.
func (p *Parser) Ack(body []byte) (Ack, error) {
	v, err := p.object(body)
	if err != nil {
		return Ack{}, err
	}
	r := reader{row: v}
	id, err := order.ParseVenueID(r.text("order_id"))
	if err != nil {
		return Ack{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return Ack{id, Escape(r.text("message"), maxErrorText), Escape(r.text("user_remark"), maxErrorText)}, nil
}

// Customer is what the exchange of an API session gives.
type Customer struct {
	UserID       string        // the stream's user, decoded from the session token
	Name         string        // escaped
	Session      session.Token // base64, for the REST header
	Stream       session.Token // decoded, for the stream
	TradeDate    market.Date   // of the F&O segment; zero when not told
	ExchangeOpen string        // the F&O segment's status letter; its meaning is not documented
}

// Customer reads the answer of customerdetails. Its session token must decode
// to user and token, and name the user that the answer names.
func (p *Parser) Customer(body []byte) (Customer, error) {
	v, err := p.object(body)
	if err != nil {
		return Customer{}, err
	}
	r := reader{row: v}
	encoded := r.text("session_token")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil { // the cause would quote the token
		return Customer{}, fmt.Errorf("%w: session_token is not base64", ErrAnswer)
	}
	parts := strings.Split(string(plain), ":")
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" || !utf8.Valid(plain) || !headerSafe(string(plain)) {
		return Customer{}, fmt.Errorf("%w: session_token does not hold user:token", ErrAnswer)
	}
	if id := r.text("idirect_userid"); id != "" && !strings.EqualFold(id, parts[0]) {
		return Customer{}, fmt.Errorf("%w: session_token is of user %q, the answer of %q", ErrAnswer, Escape(parts[0], 40), Escape(id, 40))
	}
	c := Customer{
		UserID: parts[0], Name: Escape(r.text("idirect_user_name"), 80),
		Session: session.NewToken(encoded), Stream: session.NewToken(parts[1]),
	}
	if dates := v.Get("exg_trade_date"); dates != nil {
		of := reader{row: dates}
		c.TradeDate = of.date("FNO") // a date that cannot be read is no reason to refuse a login
	}
	if states := v.Get("exg_status"); states != nil {
		of := reader{row: states}
		c.ExchangeOpen = Escape(of.text("FNO"), 8)
	}
	return c, nil
}
