package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/exec/sim"
)

// simulate is the Breeze twin as a server of its own. Its credentials are
// flags, for they protect nothing.
type simulate struct {
	Listen          string         `default:"127.0.0.1:0" placeholder:"ADDRESS" help:"Where to serve everything; port 0 takes any."`
	Public          bool           `help:"Allow an address that other machines can reach."`
	Tape            string         `placeholder:"FILE" help:"The tape to play; the shipped one when not given."`
	Speed           float64        `default:"1" help:"Seconds of market time in a second."`
	Start           string         `placeholder:"HH:MM" help:"Market time to begin at; the tape's first moment when not given."`
	Seed            uint64         `default:"1" help:"Of every draw the venue makes."`
	Faults          string         `default:"none" placeholder:"PROFILE" help:"How the venue misbehaves: none, flaky, throttle, lossy-answers, rejects, streams, storm."`
	Ledger          string         `placeholder:"FILE" help:"Write each accepted order and what became of it, a JSON line each; an earlier file is replaced."`
	AppKey          string         `default:"vayu-sim-app-key" help:"The app key it knows."`
	Secret          string         `default:"vayu-sim-secret" help:"The secret key it checks signatures by."`
	APISession      string         `name:"api-session" default:"50123456" help:"The first login of the day; /apiuser/login?api_key=... gives a new one."`
	Limits          map[string]int `mapsep:"," placeholder:"per-second=10,per-minute=100,per-day=5000" help:"Rate limits; what is not named stays as at the real venue, a negative one is none."`
	SessionLifetime time.Duration  `placeholder:"D" help:"How long a login lives from its exchange; for ever when not given."`
	TLS             bool           `name:"tls" help:"Serve over TLS with a throw-away authority, whose certificate the ready line names."`
	Verbose         bool           `short:"v" help:"Log what the venue does."`
}

// ready is the line that tells where everything is.
type ready struct {
	Ready  bool   `json:"ready"`
	REST   string `json:"rest"`
	Stream string `json:"stream"`
	Orders string `json:"orders"`
	OHLCV  string `json:"ohlcv"`
	Master string `json:"master"`
	Clock  string `json:"clock"`
	Date   string `json:"date"`
	TLSCA  string `json:"tls_ca,omitempty"`
}

// Run serves until ctx ends.
func (c *simulate) Run(ctx context.Context, s streams) error {
	log := newLog(s.err, c.Verbose)
	cfg, err := c.venueConfig(log)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if err := allowListen(c.Listen, c.Public); err != nil {
		return &exitError{exitUsage, err}
	}
	player, err := openTape(c.Tape)
	if err != nil {
		return err
	}
	defer player.Close()
	cfg.Tape = player
	if c.Ledger != "" {
		ledger, err := os.Create(c.Ledger)
		if err != nil {
			return err
		}
		defer ledger.Close()
		cfg.Ledger = ledger // unbuffered: each line can be read at once
	}
	venue, err := sim.New(cfg)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	address := reachable(listener.Addr())
	authority := ""
	if c.TLS {
		folder, err := os.MkdirTemp("", "vayu-sim-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		authority = filepath.Join(folder, "ca.pem")
		if listener, err = throwAwayTLS(listener, address, authority); err != nil {
			return err
		}
	}
	// The kernel takes connections from here on, so the line is true.
	if err := json.NewEncoder(s.out).Encode(readyAt(address, venue.Date().String(), authority)); err != nil {
		return fmt.Errorf("ready line: %w", err)
	}
	log.Info("serving", "address", address, "tape", player.Describe(), "speed", c.Speed, "faults", c.Faults)
	return venue.Serve(ctx, listener)
}

// venueConfig is what the flags say, without the tape and the ledger.
func (c *simulate) venueConfig(log hclog.Logger) (sim.Config, error) {
	cfg := sim.Config{
		Speed: c.Speed, Seed: c.Seed, AppKey: c.AppKey, Secret: c.Secret, APISession: c.APISession,
		SessionLifetime: c.SessionLifetime, Log: log.Named("venue"),
	}
	var err error
	if cfg.Faults, err = sim.FaultProfile(c.Faults); err != nil {
		return cfg, err
	}
	if !(c.Speed > 0 && c.Speed <= maxSpeed) {
		return cfg, fmt.Errorf("--speed %v is not above 0 and up to %d", c.Speed, maxSpeed)
	}
	if c.SessionLifetime < 0 {
		return cfg, errors.New("--session-lifetime must not be negative")
	}
	if c.Start != "" {
		start, err := time.Parse("15:04", c.Start)
		if err != nil {
			return cfg, fmt.Errorf("--start %q is not a time of day such as 10:43", c.Start)
		}
		cfg.Start = start.Sub(start.Truncate(24 * time.Hour))
	}
	for name, value := range c.Limits {
		switch name {
		case "per-second":
			cfg.Limits.PerSecond = value
		case "per-minute":
			cfg.Limits.PerMinute = value
		case "per-day":
			cfg.Limits.PerDay = value
		default:
			return cfg, fmt.Errorf("--limits: %q is none of per-second, per-minute, per-day", name)
		}
		if value == 0 {
			return cfg, fmt.Errorf("--limits: %s=0 would refuse everything; a negative number is no limit", name)
		}
	}
	return cfg, nil
}

// maxSpeed plays a whole day in half a minute; beyond it clocks mean nothing.
const maxSpeed = 1000

// allowListen refuses addresses that others can reach, unless that is meant.
func allowListen(address string, public bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen %q is not an address such as 127.0.0.1:0", address)
	}
	if ip, err := netip.ParseAddr(host); public || host == "localhost" || err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("--listen %s can be reached from other machines; if that is meant, add --public", address)
}

// reachable is an address that can be dialled: a listener on every address is
// told by the loopback one.
func reachable(at net.Addr) string {
	tcp, ok := at.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
	}
	return at.String()
}

func readyAt(address, date, authority string) ready {
	web, socket := "http://"+address, "ws://"+address
	if authority != "" {
		web, socket = "https://"+address, "wss://"+address
	}
	return ready{
		Ready: true, REST: web + "/breezeapi/api/v1/", Stream: socket, Orders: socket, OHLCV: socket,
		Master: web + "/SecurityMaster.zip", Clock: web + "/clock", Date: date, TLSCA: authority,
	}
}

// throwAwayTLS serves the listener over TLS, with an authority made for this
// run alone whose certificate is written to path.
func throwAwayTLS(plain net.Listener, address, path string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	authority, server, err := makeCertificates(host, time.Now())
	if err != nil {
		return nil, fmt.Errorf("throw-away certificate: %w", err)
	}
	if err := writeFile(path, func(w io.Writer) error { _, err := w.Write(authority); return err }); err != nil {
		return nil, err
	}
	// The streams and REST are HTTP/1.1 at the real venue too.
	return tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{server}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}), nil
}
