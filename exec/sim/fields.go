package sim

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/vayu-trading/vayu/engine/market"
)

// fields are the members of a request's JSON object, numbers as they were
// written: clients send strings, but one of them sends numeric prices.
type fields map[string]any

func parseFields(body []byte) (fields, bool) {
	if len(bytes.TrimSpace(body)) == 0 {
		return fields{}, true
	}
	var f fields
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&f) != nil || f == nil || dec.More() {
		return nil, false
	}
	return f, true
}

// text is a member as text; "" when it is absent, null or of another kind.
func (f fields) text(key string) string {
	switch v := f[key].(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	}
	return ""
}

// word is text in lower case: requests' vocabulary is compared so.
func (f fields) word(key string) string { return strings.ToLower(f.text(key)) }

func (f fields) has(keys ...string) bool {
	for _, key := range keys {
		if _, ok := f[key]; !ok {
			return false
		}
	}
	return true
}

// price reads a number of rupees. Text must be whole paise; a JSON number may
// carry the noise of floating point ("110.05000000000001" is sent by a client).
func (f fields) price(key string) (market.Paise, bool) {
	text := f.text(key)
	if text == "" {
		return 0, true
	}
	if p, err := market.ParsePaise(text); err == nil {
		return p, true
	}
	v, err := strconv.ParseFloat(text, 64)
	if _, number := f[key].(json.Number); err != nil || !number || math.Abs(v) > 1e9 || math.Abs(v*100-math.Round(v*100)) > 1e-6 {
		return 0, false
	}
	return market.Paise(math.Round(v * 100)), true
}

func (f fields) units(key string) (market.Units, bool) {
	text := f.text(key)
	if text == "" {
		return 0, true
	}
	v, err := strconv.ParseInt(text, 10, 40)
	return market.Units(v), err == nil
}

// contract finds the instrument a request names; nil when there is none.
func (c *Core) contract(f fields, productKey string) *market.Instrument {
	key := market.ContractKey{Exchange: strings.ToUpper(f.text("exchange_code")), Underlying: strings.ToUpper(f.text("stock_code"))}
	if key.Exchange == "" {
		key.Exchange = strings.ToUpper(f.text("exch_code"))
	}
	if key.Exchange == "NSE" || key.Exchange == "BSE" {
		key.Kind = market.Index
	} else {
		expiry, err := market.ParseDate(f.text("expiry_date"))
		if err != nil {
			return nil
		}
		key.Kind, key.Expiry = market.Future, expiry
		switch f.word("right") {
		case "call":
			key.Kind, key.Right = market.Option, market.Call
		case "put":
			key.Kind, key.Right = market.Option, market.Put
		case "", "others", "*":
			if strings.HasPrefix(f.word(productKey), "option") {
				return nil
			}
		default:
			return nil
		}
		if key.Kind == market.Option {
			strike, ok := f.price("strike_price")
			if !ok {
				return nil
			}
			key.Strike = strike
		}
	}
	id := c.universe.ByKey(key)
	if id == 0 {
		return nil
	}
	return c.universe.Get(id)
}
