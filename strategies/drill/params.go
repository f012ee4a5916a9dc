package drill

import (
	"time"

	"github.com/vayu-trading/vayu/strategies/param"
)

// Name is the strategy's name in configuration.
const Name = "drill"

// Params are what a user may set. Times of day are market time; what paces
// orders is real time.
type Params struct {
	Underlying      string          `toml:"underlying" about:"the broker's short name of the index"`
	MinDaysToExpiry int             `toml:"min_days_to_expiry" about:"the nearest expiry at least so many calendar days ahead"`
	Strikes         int             `toml:"strikes" about:"strikes to either side of the money that it trades"`
	Every           param.Duration  `toml:"every" about:"between two actions: an order, a change or a cancel"`
	OpenOrders      int             `toml:"open_orders" about:"most orders out at a time"`
	PositionLots    int64           `toml:"position_lots" about:"most lots of one contract, long or short, with every open order filled"`
	Marketable      int             `toml:"marketable_percent" about:"of new orders, how many cross the spread"`
	Modify          int             `toml:"modify_percent" about:"of actions, how many re-price a resting order"`
	Cancel          int             `toml:"cancel_percent" about:"of actions, how many cancel a resting order"`
	RestTicks       int64           `toml:"rest_ticks" about:"how far behind the touch an order rests"`
	RestFor         param.Duration  `toml:"rest_for" about:"an order that rested so long is cancelled"`
	MaxQuoteAge     param.Duration  `toml:"max_quote_age" about:"older quotes are not traded on"`
	ExitAt          param.TimeOfDay `toml:"exit_at" about:"from then on it only closes"`
	Seed            uint64          `toml:"seed" about:"of every draw it makes"`
}

// Defaults are the parameters of an empty table.
func Defaults() Params {
	return Params{
		Underlying: "NIFTY", MinDaysToExpiry: 1, Strikes: 3,
		Every: param.Duration(500 * time.Millisecond), OpenOrders: 4, PositionLots: 2,
		Marketable: 50, Modify: 15, Cancel: 15, RestTicks: 20, RestFor: param.Duration(10 * time.Second),
		MaxQuoteAge: param.Duration(2 * time.Second),
		ExitAt:      param.TimeOfDay(15*time.Hour + 10*time.Minute), Seed: 1,
	}
}

// Validate names every key whose value cannot work.
func (p *Params) Validate() error {
	var c param.Check
	c.That(p.Underlying != "", "underlying", "must not be empty")
	c.That(p.MinDaysToExpiry >= 0, "min_days_to_expiry", "must not be negative")
	c.That(p.Strikes >= 0 && p.Strikes <= 20, "strikes", "must lie between 0 and 20")
	c.That(p.Every >= param.Duration(10*time.Millisecond), "every", "must be at least 10ms")
	c.That(p.OpenOrders >= 1 && p.OpenOrders <= room/2, "open_orders", "must lie between 1 and 32")
	c.That(p.PositionLots >= 1, "position_lots", "must be at least 1")
	c.That(percent(p.Marketable), "marketable_percent", "must lie between 0 and 100")
	c.That(percent(p.Modify), "modify_percent", "must lie between 0 and 100")
	c.That(percent(p.Cancel) && p.Modify+p.Cancel <= 90, "cancel_percent", "must, with modify_percent, leave at least 10 for orders")
	c.That(p.RestTicks >= 1 && p.RestTicks <= 1000, "rest_ticks", "must lie between 1 and 1000")
	c.That(p.RestFor > 0, "rest_for", "must be positive")
	c.That(p.MaxQuoteAge > 0, "max_quote_age", "must be positive")
	return c.Err()
}

func percent(n int) bool { return n >= 0 && n <= 100 }
