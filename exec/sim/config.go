package sim

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/engine/market"
)

// The credentials of a venue that was given none. They protect nothing.
const (
	DefaultAppKey     = "vayu-sim-app-key"
	DefaultSecret     = "vayu-sim-secret"
	DefaultAPISession = "50123456"
	DefaultUser       = "VAYUSIM1"
)

// ErrConfig marks a configuration the venue cannot run with.
var ErrConfig = errors.New("sim: bad configuration")

// Config is everything a venue can be told. Only Tape is required; each zero
// has the meaning written beside it.
type Config struct {
	Tape  Tape          // what is played; the venue owns it from New on
	Speed float64       // seconds of market time in a second; zero: 1
	Seed  uint64        // of every draw the venue makes
	Start time.Duration // time of day to begin at, earlier events being taken in silently; zero: the tape's first event
	Once  bool          // stop at the tape's end instead of looping

	RecordedOnly bool    // no movement between two recorded snapshots
	Rate         float64 // synthetic quotes per instrument and second of market time; zero: 0.6, a third as many depths come with them
	Volatility   float64 // of the invented movement, a year; zero: 0.015, which keeps it well inside the spreads

	AppKey, Secret string // zero: the defaults above
	APISession     string // what the first login of the day gave; zero: DefaultAPISession
	User           string // zero: DefaultUser
	FirstToken     string // the socket token of the first login; zero: drawn from Seed

	SessionLifetime time.Duration // from the first exchange of an API session; zero: never ends
	MidnightCut     bool          // sessions also end at midnight in India by the wall clock
	OldLogins       OldLogins     // what a new login does to earlier ones
	Grace           time.Duration // with GraceOldLogins; zero: 30 s
	SocketEnd       SocketEnd     // how the sockets of a dead session are told
	Redirect        string        // where the login page sends the browser, with apisession appended; zero: it shows the value

	SignatureWindow time.Duration // how far a request's timestamp may be from the wall clock; zero: 5 min, negative: any
	PlainRefusals   bool          // refusals as HTTP 200 with Status 500 instead of HTTP 401 with Status 5
	Limits          Limits

	Open, Close   time.Duration // the session, after midnight; zero: 09:15, and 15:40 from 3 Aug 2026 on, 15:30 before
	Cash          market.Paise  // allocated to derivatives; zero: one crore rupees
	ShortMargin   int           // margin of a short option or a future, per 10,000 of the underlying's value; zero: 1,200
	Charges       func(side market.Side, price market.Paise, qty market.Units) Charges
	Remarks       RemarkMode    // how user_remark comes back
	Texts         Texts         // refusal texts; each zero has a text of our own
	ExchangeDelay time.Duration // between the broker's yes and the exchange's; zero: at once
	NoCandles     bool          // no bars are made of quotes: for a venue whose clients ask for none
	NoSelfTrade   bool          // when set, the exchange's self-trade check is off
	Faults        Faults        // zero: none

	PingInterval, PingTimeout time.Duration // zero: 25 s and 20 s
	SocketBuffer              int           // bytes a socket may lag before it is cut; zero: 4 MiB
	NoJoinSnapshot            bool          // a join brings nothing until the next event

	Ledger io.Writer    // JSON lines; nil: memory only
	Log    hclog.Logger // nil: none
}

// Limits are the venue's three; zero means the real one, negative none.
type Limits struct {
	PerSecond int // order actions, zero: 10
	PerMinute int // all REST calls, zero: 100
	PerDay    int // all REST calls, zero: 5000
}

// OldLogins says what becomes of earlier sessions when the user logs in again.
// The real rule is undocumented.
type OldLogins uint8

// The rules.
const (
	KeepOldLogins  OldLogins = iota // they live on
	DropOldLogins                   // they die at once
	GraceOldLogins                  // they die after Config.Grace
)

// SocketEnd says how a socket learns that its session is dead.
type SocketEnd uint8

// The ways.
const (
	EndWith41        SocketEnd = iota // a namespace disconnect
	EndWith44                         // a connect error, then a close
	EndWithTransport                  // the connection just closes
)

// RemarkMode says how user_remark comes back in answers and lists. The ledger
// always has the real one.
type RemarkMode uint8

// The modes. Users report blank.
const (
	BlankRemarks RemarkMode = iota
	EchoRemarks
	TruncatedRemarks // the first four characters
	UpperRemarks
)

// Charges are what an order costs beyond its price, in paise.
type Charges struct {
	Brokerage, Exchange, Stamp, STT, SEBI, GST market.Paise
}

// Total is their sum.
func (c Charges) Total() market.Paise {
	return c.Brokerage + c.Exchange + c.Stamp + c.STT + c.SEBI + c.GST
}

func (c Config) withDefaults() (Config, error) {
	if c.Tape == nil {
		return c, fmt.Errorf("%w: no tape to play", ErrConfig)
	}
	if c.Speed < 0 || c.Rate < 0 || c.Volatility < 0 {
		return c, fmt.Errorf("%w: speed %v, rate %v and volatility %v must not be negative", ErrConfig, c.Speed, c.Rate, c.Volatility)
	}
	if err := c.Faults.validate(); err != nil {
		return c, err
	}
	or(&c.Speed, 1)
	or(&c.Rate, 0.6)
	or(&c.Volatility, 0.015)
	or(&c.AppKey, DefaultAppKey)
	or(&c.Secret, DefaultSecret)
	or(&c.APISession, DefaultAPISession)
	or(&c.User, DefaultUser)
	or(&c.Grace, 30*time.Second)
	or(&c.SignatureWindow, 5*time.Minute)
	or(&c.Limits.PerSecond, 10)
	or(&c.Limits.PerMinute, 100)
	or(&c.Limits.PerDay, 5000)
	or(&c.Open, 9*time.Hour+15*time.Minute)
	or(&c.Close, usualClose(c.Tape.Date()))
	or(&c.Cash, 10_000_000*market.Rupee)
	or(&c.ShortMargin, 1200)
	or(&c.PingInterval, 25*time.Second)
	or(&c.PingTimeout, 20*time.Second)
	or(&c.SocketBuffer, 4<<20)
	if c.Log == nil {
		c.Log = hclog.NewNullLogger()
	}
	if c.Close <= c.Open {
		return c, fmt.Errorf("%w: the session closes at %s, before it opens at %s", ErrConfig, c.Close, c.Open)
	}
	c.Texts = c.Texts.withDefaults()
	return c, nil
}

// usualClose is when index derivatives stop trading on a day: NSE moved it from
// 15:30 to 15:40 on 3 Aug 2026 (NSE/FAOP/74467).
func usualClose(d market.Date) time.Duration {
	if d >= market.NewDate(2026, time.August, 3) {
		return 15*time.Hour + 40*time.Minute
	}
	return 15*time.Hour + 30*time.Minute
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
