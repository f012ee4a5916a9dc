package shortstraddle

import (
	"fmt"
	"math"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/pricing"
	"github.com/vayu-trading/vayu/strategies/param"
	"github.com/vayu-trading/vayu/strategies/taker"
)

// Name is the strategy's name in configuration.
const Name = "short-straddle"

// Params are what a user may set. Times of day and pauses between entries are
// market time; what paces orders is real time.
type Params struct {
	Underlying      string          `toml:"underlying" about:"the broker's short name of the index"`
	MinDaysToExpiry int             `toml:"min_days_to_expiry" about:"the nearest expiry at least so many calendar days ahead"`
	Lots            int64           `toml:"lots" about:"lots of each leg"`
	EntryAfter      param.TimeOfDay `toml:"entry_after" about:"no entry before"`
	EntryUntil      param.TimeOfDay `toml:"entry_until" about:"no entry from then on"`
	ExitAt          param.TimeOfDay `toml:"exit_at" about:"everything is closed from then on"`
	StopMode        string          `toml:"stop_mode" about:"combined: loss of the whole against the premium; leg: rise of either leg"`
	StopPercent     float64         `toml:"stop_percent" about:"of the premium received"`
	CoolOff         param.Duration  `toml:"cool_off" about:"pause between a stop and the next entry"`
	MaxEntries      int             `toml:"max_entries" about:"entries a day, the first included"`
	HedgeThreshold  float64         `toml:"hedge_threshold_lots" about:"net delta, in lots, beyond which whole lots are hedged"`
	HedgeMaxLots    int64           `toml:"hedge_max_lots" about:"most lots of hedge; 0 turns hedging off"`
	HedgeEvery      param.Duration  `toml:"hedge_every" about:"how often the delta is looked at"`
	Rate            float64         `toml:"rate" about:"yearly interest rate, 0.0525 for 5.25 %"`
	ParityStrikes   int             `toml:"parity_strikes" about:"strikes the forward is the median of"`
	MaxSpreadTicks  int64           `toml:"max_spread_ticks" about:"a spread up to this is always good enough to price with"`
	MaxSpreadPct    float64         `toml:"max_spread_percent" about:"else the spread may be this much of the mid"`
	MaxQuoteAge     param.Duration  `toml:"max_quote_age" about:"older quotes are not entered or hedged on"`
	Ticks           int64           `toml:"ticks" about:"ticks beyond the touch of the first try"`
	TIF             string          `toml:"tif" about:"ioc: a miss is sent anew; day: a miss is re-priced"`
	ChaseEvery      param.Duration  `toml:"chase_every" about:"between tries of an order"`
	LeggingTimeout  param.Duration  `toml:"legging_timeout" about:"an entry not whole by then is unwound"`
	MaxRejects      int             `toml:"max_rejects" about:"refusals in a row after which a leg gives up adding"`
	MaxOrderLots    int64           `toml:"max_order_lots" about:"most lots of one order; 0: the freeze quantity"`
}

// Defaults are the parameters of an empty table.
func Defaults() Params {
	return Params{
		Underlying: "NIFTY", MinDaysToExpiry: 1, Lots: 1,
		EntryAfter: clock(9, 20), EntryUntil: clock(14, 45), ExitAt: clock(15, 10),
		StopMode: "combined", StopPercent: 30, CoolOff: param.Duration(10 * time.Minute), MaxEntries: 3,
		HedgeThreshold: 0.6, HedgeMaxLots: 2, HedgeEvery: param.Duration(5 * time.Second),
		Rate: 0.0525, ParityStrikes: 7, MaxSpreadTicks: 20, MaxSpreadPct: 5, MaxQuoteAge: param.Duration(2 * time.Second),
		Ticks: 2, TIF: "ioc", ChaseEvery: param.Duration(time.Second),
		LeggingTimeout: param.Duration(20 * time.Second), MaxRejects: 3,
	}
}

func clock(hour, minute int) param.TimeOfDay {
	return param.TimeOfDay(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

// Validate names every key whose value cannot work.
func (p *Params) Validate() error {
	var c param.Check
	c.That(p.Underlying != "", "underlying", "must not be empty")
	c.That(p.MinDaysToExpiry >= 0, "min_days_to_expiry", "must not be negative")
	c.That(p.Lots >= 1, "lots", "must be at least 1")
	c.That(p.EntryAfter < p.EntryUntil, "entry_after", "must be before entry_until")
	c.That(p.EntryUntil <= p.ExitAt, "entry_until", "must not be after exit_at")
	c.That(p.StopMode == "combined" || p.StopMode == "leg", "stop_mode", fmt.Sprintf("is %q, must be combined or leg", p.StopMode))
	c.That(p.StopPercent >= 1 && p.StopPercent <= 1000, "stop_percent", "must lie between 1 and 1000")
	c.That(p.CoolOff >= 0, "cool_off", "must not be negative")
	c.That(p.MaxEntries >= 1, "max_entries", "must be at least 1")
	// A hedge moves the delta by whole lots: acting below half a lot makes it worse.
	c.That(p.HedgeThreshold >= 0.5 && p.HedgeThreshold < 1e6, "hedge_threshold_lots", "must be at least 0.5")
	c.That(p.HedgeMaxLots >= 0, "hedge_max_lots", "must not be negative")
	c.That(p.HedgeEvery > 0, "hedge_every", "must be positive")
	c.That(p.Rate >= 0 && p.Rate < 1, "rate", "must lie between 0 and 1")
	c.That(p.ParityStrikes >= 3 && p.ParityStrikes <= pricing.MaxParity, "parity_strikes", fmt.Sprintf("must lie between 3 and %d", pricing.MaxParity))
	c.That(p.MaxSpreadTicks >= 1, "max_spread_ticks", "must be at least 1")
	c.That(p.MaxSpreadPct > 0 && p.MaxSpreadPct <= 100, "max_spread_percent", "must lie between 0 and 100")
	c.That(p.MaxQuoteAge > 0, "max_quote_age", "must be positive")
	c.That(p.Ticks >= 0 && p.Ticks <= 1000, "ticks", "must lie between 0 and 1000")
	c.That(p.TIF == "ioc" || p.TIF == "day", "tif", fmt.Sprintf("is %q, must be ioc or day", p.TIF))
	c.That(p.ChaseEvery >= param.Duration(100*time.Millisecond), "chase_every", "must be at least 100ms: orders are budgeted by the second")
	c.That(p.LeggingTimeout > p.ChaseEvery, "legging_timeout", "must be longer than chase_every")
	c.That(p.MaxRejects >= 1, "max_rejects", "must be at least 1")
	c.That(p.MaxOrderLots >= 0, "max_order_lots", "must not be negative")
	return c.Err()
}

func (p *Params) usable(tick market.Paise) pricing.Usable {
	return pricing.Usable{
		SpreadPoints: market.Paise(p.MaxSpreadTicks) * tick, SpreadBasis: basisPoints(p.MaxSpreadPct), MaxAge: time.Duration(p.MaxQuoteAge),
	}
}

func (p *Params) rules() taker.Rules {
	tif := order.IOC
	if p.TIF == "day" {
		tif = order.Day
	}
	return taker.Rules{
		Ticks: p.Ticks, TIF: tif, ChaseEvery: time.Duration(p.ChaseEvery), RejectPause: 2 * time.Second,
		MaxRejects: p.MaxRejects, MaxLots: market.Lots(p.MaxOrderLots),
	}
}

func basisPoints(percent float64) int64 { return int64(math.Round(percent * 100)) }
