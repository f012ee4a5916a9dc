package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/vayu-trading/vayu/cmd/vayu/internal/dashboard"
	"github.com/vayu-trading/vayu/engine/market"
)

// clockReader follows the market time of a simulated venue: it asks about every
// second and lets the clock run on in between. One goroutine owns it.
type clockReader struct {
	url    string
	client *http.Client
	log    hclog.Logger
	clock  *market.TapeClock
	lost   bool          // the last reading went wrong, and was told
	moment atomic.Uint32 // dashboard.Moment of the last reading, for anyone
}

const clockEvery = time.Second

// clockSlack is how far, in real time, a reading may be from the running clock
// before the clock is set: smaller differences are the network's, and setting
// it by them would make market time step back and forth.
const clockSlack = 25 * time.Millisecond

// start takes the first reading.
func (r *clockReader) start(ctx context.Context) error {
	at, speed, err := r.read(ctx)
	if err != nil {
		return &exitError{exitTemporary, fmt.Errorf("market time of venue.clock_url: %w", err)}
	}
	r.clock = market.NewTapeClock(at, speed)
	return nil
}

// follow keeps the clock right until ctx ends. While the venue does not answer
// the clock runs on.
func (r *clockReader) follow(ctx context.Context) {
	ticker := time.NewTicker(clockEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		at, speed, err := r.read(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !r.lost:
			r.lost = true
			r.log.Warn("the venue's clock cannot be read; market time runs on", "error", err)
		case err == nil:
			r.lost = false
			off := at.Sub(r.clock.Now().Market)
			if speed != r.clock.Speed() || off.Abs() > time.Duration(float64(clockSlack)*speed) {
				r.clock.Set(at, speed)
			}
		}
	}
}

// read asks for the market time of now: the answer was true about half way
// between question and reading.
func (r *clockReader) read(ctx context.Context) (at market.UnixNano, speed float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return 0, 0, err
	}
	asked := time.Now()
	response, err := r.client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	var answer struct {
		MarketTime time.Time `json:"market_time"`
		Speed      float64   `json:"speed"`
		Source     string    `json:"source"`
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New("the server answered " + response.Status)
	}
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err == nil && (answer.MarketTime.IsZero() || !(answer.Speed > 0 && answer.Speed <= maxSpeed)) {
		err = errors.New(`wants {"market_time":"2026-08-18T10:43:00+05:30","speed":20}`)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", r.url, err)
	}
	r.moment.Store(uint32(momentOf(answer.Source)))
	half := time.Since(asked) / 2
	return market.UnixNano(answer.MarketTime.UnixNano()).Add(time.Duration(float64(half) * answer.Speed)), answer.Speed, nil
}

// momentOf is what the venue says of how its present prices came to be.
func momentOf(source string) dashboard.Moment {
	for _, m := range []dashboard.Moment{dashboard.Recorded, dashboard.Modelled, dashboard.Synthetic} {
		if m.String() == source {
			return m
		}
	}
	return dashboard.Unlabelled
}

// transport is plain HTTP that trusts roots; nil is the machine's.
func transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
}
