// Package config reads what an operator wrote: one TOML file, laid over safe
// defaults and under the environment (VAYU_SECTION__KEY) and the flags, and the
// three credentials, which come from elsewhere. It owns the names of the keys,
// their bounds and the errors that name them. It wires nothing, opens no
// connection and knows no strategy's parameters.
//
// The order of a start is Load (defaults, file, environment), then the
// caller's flags into the struct, then Validate, then LoadCredentials.
package config

import (
	"errors"
	"math"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
)

// ErrConfig marks every refusal of this package: the configuration, its file
// or a credential cannot be used as it is.
var ErrConfig = errors.New("configuration")

// Mode says which world an engine trades in.
type Mode string

// The modes of `vayu run`.
const (
	Paper Mode = "paper" // live data, simulated fills
	Live  Mode = "live"  // real orders
	Sim   Mode = "sim"   // the live gateway against a venue on this machine
)

// Config is a whole configuration. A Config that passed Validate is safe to
// build an engine from; it holds no secret.
type Config struct {
	Mode       Mode       `toml:"mode"`
	Venue      Venue      `toml:"venue"`
	Market     Market     `toml:"market"`
	Session    Session    `toml:"session"`
	Retry      Retry      `toml:"retry"`
	Orders     Orders     `toml:"orders"`
	Limits     Limits     `toml:"limits"`
	Risk       Risk       `toml:"risk"`
	Journal    Journal    `toml:"journal"`
	Dashboard  Dashboard  `toml:"dashboard"`
	Log        Log        `toml:"log"`
	Strategies []Strategy `toml:"strategies,omitempty"`
}

// Venue says where the venue is. Mode sim has no defaults here and takes
// addresses of this machine only.
type Venue struct {
	RestURL         string `toml:"rest_url"`
	StreamURL       string `toml:"stream_url"`
	OrderStreamURL  string `toml:"order_stream_url"`
	OHLCVURL        string `toml:"ohlcv_url"`
	MasterURL       string `toml:"master_url"`
	ClockURL        string `toml:"clock_url"`        // mode sim only: the market time of the simulated day
	TLSCA           string `toml:"tls_ca"`           // file of certificates to trust besides the system's
	CredentialsFile string `toml:"credentials_file"` // TOML, mode 0600: app_key, secret_key, api_session
	RefusalsFile    string `toml:"refusals_file"`    // texts, one a line, by which the venue refuses an order; empty for the known ones alone
}

// Market says what is watched.
type Market struct {
	Underlying string `toml:"underlying"`
	Expiries   int    `toml:"expiries"` // nearest expiries to join, from 1
	Strikes    int    `toml:"strikes"`  // strikes on each side of the money; zero joins them all
	Rules      string `toml:"rules"`    // folder of CSV files over the built-in market rules; empty for none
}

// Session is the life of a login.
type Session struct {
	Timeout      Duration  `toml:"timeout"`
	RenewBefore  Duration  `toml:"renew_before"`
	MidnightCut  bool      `toml:"midnight_cut"`
	DailyCut     TimeOfDay `toml:"daily_cut"`               // the venue's forced logout, India time; empty for none
	LoginFile    string    `toml:"login_file"`              // file that receives each new api_session
	LoginCommand []string  `toml:"login_command,omitempty"` // program and arguments that print one
}

// Retry governs calls that are safe to repeat.
type Retry struct {
	MaxRetries     int      `toml:"max_retries"` // attempts beyond the first
	InitialBackoff Duration `toml:"initial_backoff"`
	MaxBackoff     Duration `toml:"max_backoff"`
}

// Orders says what may be believed of the venue, and done about it, when an
// order was not plainly answered.
type Orders struct {
	Unknown order.Policy `toml:"unknown"` // never; or after_hard_fence: sent again once a probe at the start has shown that the venue refuses old requests
	Lenient bool         `toml:"lenient"` // a throttle or a session refusal proves that the order was not taken; otherwise its fate is looked for
}

// Limits is the engine's share of the venue's rate limits.
type Limits struct {
	PerSecond int `toml:"per_second"` // order calls
	PerMinute int `toml:"per_minute"` // calls of any kind
	PerDay    int `toml:"per_day"`    // calls of any kind
}

// Risk limits the account: the limits of engine/risk in the words of a file,
// with the same meaning. The amounts have no default: who trades must say them.
type Risk struct {
	OrderLots     int      `toml:"order_lots"`     // of one order
	OrderNotional Rupees   `toml:"order_notional"` // price times quantity of one order
	OpenOrders    int      `toml:"open_orders"`    // open or in doubt at once
	PositionLots  int      `toml:"position_lots"`  // of one contract, with its open orders filled
	GrossLots     int      `toml:"gross_lots"`     // the sum of that over all contracts
	DayLoss       Rupees   `toml:"day_loss"`       // from here on only cuts of exposure leave
	FlattenLoss   Rupees   `toml:"flatten_loss"`   // from here on everything is closed
	EntryCutoff   Duration `toml:"entry_cutoff"`   // no new exposure this long before the close

	QuoteAge      Duration `toml:"quote_age"`      // an entry needs a quote no older than this
	CollarPercent float64  `toml:"collar_percent"` // how far a price may be from its reference, and
	CollarPoints  Rupees   `toml:"collar_points"`  // in rupees: the tighter of the two
	CheapBelow    Rupees   `toml:"cheap_below"`    // below this price
	CheapPoints   Rupees   `toml:"cheap_points"`   // this far at most

	Repeats      int      `toml:"repeats"` // equal orders of a strategy within repeat_window
	RepeatWindow Duration `toml:"repeat_window"`
	PerSecond    int      `toml:"per_second"` // orders and changes of a strategy
	PerMinute    int      `toml:"per_minute"`
	Runaway      int      `toml:"runaway"` // refusals of a strategy in a second that stop its entries
}

// Limits is what the risk gate is built from.
func (r *Risk) Limits() risk.Limits {
	return risk.Limits{
		QuoteAge: r.QuoteAge.Duration, CollarShare: int(math.Round(r.CollarPercent * 100)), CollarPoints: r.CollarPoints.Paise,
		CheapBelow: r.CheapBelow.Paise, CheapPoints: r.CheapPoints.Paise,
		OrderLots: market.Lots(r.OrderLots), OrderNotional: r.OrderNotional.Paise, OpenOrders: r.OpenOrders,
		PositionLots: market.Lots(r.PositionLots), GrossLots: market.Lots(r.GrossLots),
		DayLoss: r.DayLoss.Paise, FlattenLoss: r.FlattenLoss.Paise,
		Repeats: r.Repeats, RepeatWindow: r.RepeatWindow.Duration, PerSecond: r.PerSecond, PerMinute: r.PerMinute, Runaway: r.Runaway,
	}
}

// Journal is where the engine writes down what it does, before it does it.
type Journal struct {
	Folder   string `toml:"folder"`
	KeepDays int    `toml:"keep_days"` // older records are removed at a start
}

// Dashboard is the page. Anything but an address of this machine needs
// `public = true`.
type Dashboard struct {
	Listen string `toml:"listen"` // empty for no page
	Public bool   `toml:"public"`
}

// Log is what is told to people.
type Log struct {
	Level string `toml:"level"`
	File  string `toml:"file"` // besides the console; empty for none
}

// Strategy is one instance of a strategy.
type Strategy struct {
	Name     string         `toml:"name"`     // a row of the table of strategies
	Instance string         `toml:"instance"` // unique; the name when empty
	Mode     StrategyMode   `toml:"mode"`
	Params   map[string]any `toml:"params,omitempty"` // checked by the strategy itself; scalars only
	Limits   StrategyLimits `toml:"limits"`
}

// StrategyMode says on whose goroutine a strategy runs.
type StrategyMode string

// The modes of a strategy.
const (
	Loop   StrategyMode = "loop"   // a goroutine of its own
	Inline StrategyMode = "inline" // stepped by the feed itself: fastest, cannot be fenced
)

// StrategyLimits narrow the account's limits for one strategy; a zero leaves
// the account's in force.
type StrategyLimits struct {
	OrderLots    int    `toml:"order_lots"`
	OpenOrders   int    `toml:"open_orders"`
	PositionLots int    `toml:"position_lots"`
	DayLoss      Rupees `toml:"day_loss"`
}

// Default is the configuration before any file: paper trading of the nearest
// NIFTY expiry, the venue's own limits with a margin for the person who uses
// the same account, and no amounts at risk: those must be said.
func Default() Config {
	return Config{
		Mode:    Paper,
		Market:  Market{Underlying: "NIFTY", Expiries: 1},
		Session: Session{Timeout: Minutes(23*60 + 55), RenewBefore: Minutes(5), MidnightCut: true},
		Retry:   Retry{MaxRetries: 3, InitialBackoff: Seconds(1), MaxBackoff: Seconds(30)},
		Limits:  Limits{PerSecond: 9, PerMinute: 90, PerDay: 5000},
		Risk: Risk{
			EntryCutoff: Minutes(15), QuoteAge: Seconds(3), CollarPercent: 10, CollarPoints: Rupees{50 * market.Rupee},
			CheapBelow: Rupees{20 * market.Rupee}, CheapPoints: Rupees{2 * market.Rupee},
			Repeats: 3, RepeatWindow: Seconds(5), PerSecond: 5, PerMinute: 60, Runaway: 50,
		},
		Journal:   Journal{Folder: "journal", KeepDays: 400},
		Dashboard: Dashboard{Listen: "127.0.0.1:8420"},
		Log:       Log{Level: "info"},
	}
}

// breeze is where the real venue is.
var breeze = Venue{
	RestURL:        "https://api.icicidirect.com",
	StreamURL:      "https://livestream.icicidirect.com",
	OrderStreamURL: "https://livefeeds.icicidirect.com",
	OHLCVURL:       "https://breezeapi.icicidirect.com",
	MasterURL:      "https://directlink.icicidirect.com/MotherAppMaster/SecurityMaster.zip",
}
