package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/risk"
)

// The largest limits anybody may set: beyond them a number is a slip of the
// hand, whatever the file says.
const (
	maxLots      = 10_000
	maxOrders    = 500
	maxRetries   = 10
	maxExpiries  = 12
	maxStrikes   = 500
	maxInstances = 64
	maxMoney     = 1_000_000_000 * market.Rupee
	rehearsal    = 1_000                         // so many times the venue's own call limits, in mode sim
	maxSession   = 23*time.Hour + 55*time.Minute // a login lives a day; five minutes are for its renewal
)

// Validate fills what depends on the mode and refuses what cannot be meant. It
// reports everything it finds, each with its key.
func (c *Config) Validate() error {
	v := validator{}
	switch c.Mode {
	case Paper, Live:
		c.Venue.fill(breeze)
	case Sim:
	default:
		v.refuse("mode", "%.40q is none of paper, live, sim", string(c.Mode))
	}
	v.venue(c)

	v.word("market.underlying", c.Market.Underlying)
	v.count("market.expiries", c.Market.Expiries, 1, maxExpiries)
	v.count("market.strikes", c.Market.Strikes, 0, maxStrikes)

	v.length("session.timeout", c.Session.Timeout, time.Second, maxSession) // seconds are for rehearsals against the simulator
	v.length("session.renew_before", c.Session.RenewBefore, 10*time.Millisecond, time.Hour)
	if c.Session.RenewBefore.Duration >= c.Session.Timeout.Duration {
		v.refuse("session.renew_before", "%s is not shorter than session.timeout, %s", c.Session.RenewBefore, c.Session.Timeout)
	}

	v.count("retry.max_retries", c.Retry.MaxRetries, 0, maxRetries)
	v.length("retry.initial_backoff", c.Retry.InitialBackoff, time.Millisecond, time.Minute)
	v.length("retry.max_backoff", c.Retry.MaxBackoff, c.Retry.InitialBackoff.Duration, 5*time.Minute)

	// Reserves for cancels and reads are kept free below these: less would let
	// no entry out.
	// A simulated venue may allow more than the real one, so that a test can
	// press an engine harder than a day at the market does.
	more := 1
	if c.Mode == Sim {
		more = rehearsal
	}
	v.count("limits.per_second", c.Limits.PerSecond, 3, 10*more)
	v.count("limits.per_minute", c.Limits.PerMinute, 60, 100*more)
	v.count("limits.per_day", c.Limits.PerDay, 2500, 5000*more)

	v.risk(&c.Risk)
	v.count("journal.keep_days", c.Journal.KeepDays, 2, 4000)
	if c.Journal.Folder == "" {
		v.refuse("journal.folder", "empty: orders are written down before they are sent")
	}
	v.dashboard(&c.Dashboard)
	if !slices.Contains([]string{"trace", "debug", "info", "warn", "error"}, c.Log.Level) {
		v.refuse("log.level", "%.40q is none of trace, debug, info, warn, error", c.Log.Level)
	}
	v.strategies(c.Strategies)
	return errors.Join(v.errs...)
}

// fill sets the addresses that the file left out.
func (v *Venue) fill(from Venue) {
	for _, pair := range []struct{ to, from *string }{
		{&v.RestURL, &from.RestURL}, {&v.StreamURL, &from.StreamURL}, {&v.OrderStreamURL, &from.OrderStreamURL},
		{&v.OHLCVURL, &from.OHLCVURL}, {&v.MasterURL, &from.MasterURL},
	} {
		if *pair.to == "" {
			*pair.to = *pair.from
		}
	}
}

type validator struct{ errs []error }

func (v *validator) refuse(key, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("%w: %s: %s", ErrConfig, key, plain(fmt.Sprintf(format, args...))))
}

func (v *validator) count(key string, n, low, high int) {
	if n < low || n > high {
		v.refuse(key, "%d is not within %d and %d", n, low, high)
	}
}

func (v *validator) length(key string, d Duration, low, high time.Duration) {
	if d.Duration < low || d.Duration > high {
		v.refuse(key, "%s is not within %s and %s", d, low, high)
	}
}

func (v *validator) money(key string, r Rupees) {
	if r.Paise < 0 || r.Paise > maxMoney {
		v.refuse(key, "%s rupees are not within 0 and %s", r.Paise, maxMoney)
	}
}

// word checks a name that becomes part of files, pages and requests.
func (v *validator) word(key, name string) {
	ok := name != "" && len(name) <= 32
	for _, c := range name {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	if !ok {
		v.refuse(key, "%.40q is not a name of 1 to 32 letters, digits, - and _", name)
	}
}

func (v *validator) venue(c *Config) {
	for _, address := range []struct{ key, url, plain, secure string }{
		{"venue.rest_url", c.Venue.RestURL, "http", "https"},
		{"venue.stream_url", c.Venue.StreamURL, "ws", "wss"},
		{"venue.order_stream_url", c.Venue.OrderStreamURL, "ws", "wss"},
		{"venue.ohlcv_url", c.Venue.OHLCVURL, "ws", "wss"},
		{"venue.master_url", c.Venue.MasterURL, "http", "https"},
		{"venue.clock_url", c.Venue.ClockURL, "http", "https"},
	} {
		if address.url == "" {
			if c.Mode == Sim && address.key != "venue.clock_url" && address.key != "venue.ohlcv_url" {
				v.refuse(address.key, "missing: mode sim has no default for it; `vayu sim` prints it when it is ready")
			}
			continue
		}
		if address.key == "venue.clock_url" && c.Mode != Sim {
			v.refuse(address.key, "only mode sim may take its market time from elsewhere; this is mode %s", c.Mode)
		}
		u, err := url.Parse(address.url)
		if err != nil || u.Hostname() == "" {
			v.refuse(address.key, "%.80q is not an address such as %s://host:port", address.url, address.secure)
			continue
		}
		here := onThisMachine(u.Hostname())
		switch {
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			// Not repeated in the error: it may hold a secret.
			v.refuse(address.key, "an address with a user, a query or a fragment is refused")
		case c.Mode == Sim && !here:
			v.refuse(address.key, "mode sim trades without being armed, so only addresses of this machine are taken, not %.80q", u.Host)
		case u.Scheme == address.secure || u.Scheme == "https":
		case (u.Scheme == address.plain || u.Scheme == "http") && here:
		default:
			v.refuse(address.key, "%.80q is neither %s nor an address of this machine", address.url, address.secure)
		}
	}
}

// onThisMachine tells whether a host is the loopback, and so cannot be a real
// venue.
func onThisMachine(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

func (v *validator) risk(r *Risk) {
	v.length("risk.entry_cutoff", r.EntryCutoff, 0, 6*time.Hour)
	// The comparison is written so that NaN fails it.
	if !(r.CollarPercent > 0 && r.CollarPercent <= 50) {
		v.refuse("risk.collar_percent", "%v is not within 0.01 and 50", r.CollarPercent)
		return
	}
	limits := r.Limits()
	if err := limits.Validate(); err != nil {
		field, why, _ := strings.Cut(strings.TrimPrefix(err.Error(), risk.ErrLimits.Error()+": "), " ")
		v.refuse("risk."+keyOf(field), "%s", why)
	}
}

// keyOf is the key of a field of Risk ("order_lots" of OrderLots).
func keyOf(name string) string {
	if field, ok := reflect.TypeFor[Risk]().FieldByName(name); ok {
		return field.Tag.Get("toml")
	}
	return name
}

func (v *validator) dashboard(d *Dashboard) {
	if d.Listen == "" {
		return
	}
	host, _, err := net.SplitHostPort(d.Listen)
	switch {
	case err != nil:
		v.refuse("dashboard.listen", "%.80q is not an address such as 127.0.0.1:8420", d.Listen)
	case !d.Public && !onThisMachine(host):
		v.refuse("dashboard.listen", "%.80q can be reached from other machines; if that is meant, set dashboard.public = true", d.Listen)
	}
}

func (v *validator) strategies(list []Strategy) {
	if len(list) == 0 {
		v.refuse("strategies", "none: add a [[strategies]] table with a name")
	}
	if len(list) > maxInstances {
		v.refuse("strategies", "%d instances, at most %d", len(list), maxInstances)
		return
	}
	seen := make(map[string]bool)
	for i := range list {
		s := &list[i]
		key := fmt.Sprintf("strategies[%d]", i)
		v.word(key+".name", s.Name)
		if s.Instance == "" {
			s.Instance = s.Name
		}
		v.word(key+".instance", s.Instance)
		if seen[s.Instance] {
			v.refuse(key+".instance", "%.40q is taken by another strategy; give each its own", s.Instance)
		}
		seen[s.Instance] = true
		switch s.Mode {
		case "":
			s.Mode = Loop
		case Loop, Inline:
		default:
			v.refuse(key+".mode", "%.40q is none of loop, inline", string(s.Mode))
		}
		for _, name := range slices.Sorted(maps.Keys(s.Params)) {
			v.param(key+".params."+name, s.Params[name])
		}
		v.count(key+".limits.order_lots", s.Limits.OrderLots, 0, maxLots)
		v.count(key+".limits.open_orders", s.Limits.OpenOrders, 0, maxOrders)
		v.count(key+".limits.position_lots", s.Limits.PositionLots, 0, maxLots)
		v.money(key+".limits.day_loss", s.Limits.DayLoss)
	}
}

// param refuses what no strategy could mean; the strategy checks the rest.
func (v *validator) param(key string, value any) {
	switch value := value.(type) {
	case string, bool, int64:
	case float64:
		if math.IsNaN(value) || math.IsInf(value, 0) {
			v.refuse(key, "%v is not a number to compute with", value)
		}
	default:
		v.refuse(key, "a parameter is a text, a number or true or false, not %T", value)
	}
}
