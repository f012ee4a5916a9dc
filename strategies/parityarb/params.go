package parityarb

import (
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/strategies/param"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// Name is the strategy's name in configuration.
const Name = "parity-arbitrage"

// Params are what a user may set. Times of day are market time; what paces
// orders is real time.
type Params struct {
	Underlying      string          `toml:"underlying" about:"the broker's short name of the index"`
	MinDaysToExpiry int             `toml:"min_days_to_expiry" about:"the nearest expiry at least so many calendar days ahead"`
	EntryAfter      param.TimeOfDay `toml:"entry_after" about:"no entry before"`
	EntryUntil      param.TimeOfDay `toml:"entry_until" about:"no entry from then on"`
	ExitAt          param.TimeOfDay `toml:"exit_at" about:"everything is closed from then on"`
	MaxLots         int64           `toml:"max_lots" about:"most lots of one box"`
	MaxBoxes        int             `toml:"max_boxes" about:"boxes begun a day"`
	MinEdge         float64         `toml:"min_edge_rupees" about:"locked per lot, after all charges and the way out, to enter"`
	CloseProfit     float64         `toml:"close_profit_rupees" about:"per lot, after all charges, at which a box is closed early"`
	BrokeragePlan   string          `toml:"brokerage_plan" about:"as in the calendar's brokerage table; empty: its default"`
	Rate            float64         `toml:"rate" about:"yearly interest rate, 0.0525 for 5.25 %"`
	MaxQuoteAge     param.Duration  `toml:"max_quote_age" about:"a box with an older quote is not entered"`
	Ticks           int64           `toml:"ticks" about:"ticks beyond the touch when completing or closing"`
	ChaseEvery      param.Duration  `toml:"chase_every" about:"between tries of an order"`
	LeggingTimeout  param.Duration  `toml:"legging_timeout" about:"a box not whole by then is unwound"`
	CoolOff         param.Duration  `toml:"cool_off" about:"pause after a box that was unwound"`
	MaxRejects      int             `toml:"max_rejects" about:"refusals in a row after which a leg gives up adding"`
}

// Defaults are the parameters of an empty table.
func Defaults() Params {
	return Params{
		Underlying: "NIFTY", MinDaysToExpiry: 1,
		EntryAfter: clock(9, 20), EntryUntil: clock(15, 0), ExitAt: clock(15, 10),
		MaxLots: 1, MaxBoxes: 10, MinEdge: 50, CloseProfit: 25, Rate: 0.0525, MaxQuoteAge: param.Duration(2 * time.Second),
		Ticks: 2, ChaseEvery: param.Duration(time.Second), LeggingTimeout: param.Duration(10 * time.Second),
		CoolOff: param.Duration(time.Minute), MaxRejects: 2,
	}
}

func clock(hour, minute int) param.TimeOfDay {
	return param.TimeOfDay(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// lotsMax bounds the sizes weighed when a leg misses.
const lotsMax = 100

// Validate names every key whose value cannot work.
func (p *Params) Validate() error {
	var c param.Check
	c.That(p.Underlying != "", "underlying", "must not be empty")
	c.That(p.MinDaysToExpiry >= 0, "min_days_to_expiry", "must not be negative")
	c.That(p.EntryAfter < p.EntryUntil, "entry_after", "must be before entry_until")
	c.That(p.EntryUntil <= p.ExitAt, "entry_until", "must not be after exit_at")
	c.That(p.MaxLots >= 1 && p.MaxLots <= lotsMax, "max_lots", "must lie between 1 and 100")
	c.That(p.MaxBoxes >= 1, "max_boxes", "must be at least 1")
	c.That(p.MinEdge > 0 && p.MinEdge < 1e9, "min_edge_rupees", "must be positive")
	c.That(p.CloseProfit > 0 && p.CloseProfit < 1e9, "close_profit_rupees", "must be positive")
	c.That(p.Rate >= 0 && p.Rate < 1, "rate", "must lie between 0 and 1")
	c.That(p.MaxQuoteAge > 0, "max_quote_age", "must be positive")
	c.That(p.Ticks >= 0 && p.Ticks <= 1000, "ticks", "must lie between 0 and 1000")
	c.That(p.ChaseEvery >= param.Duration(100*time.Millisecond), "chase_every", "must be at least 100ms: orders are budgeted by the second")
	c.That(p.LeggingTimeout > p.ChaseEvery, "legging_timeout", "must be longer than chase_every")
	c.That(p.CoolOff >= 0, "cool_off", "must not be negative")
	c.That(p.MaxRejects >= 1, "max_rejects", "must be at least 1")
	return c.Err()
}

func (p *Params) rules() taker.Rules {
	return taker.Rules{
		Ticks: p.Ticks, TIF: order.IOC, ChaseEvery: time.Duration(p.ChaseEvery), RejectPause: 2 * time.Second, MaxRejects: p.MaxRejects,
	}
}

func paise(rupees float64) market.Paise {
	return market.Paise(math.Round(rupees * float64(market.Rupee)))
}
