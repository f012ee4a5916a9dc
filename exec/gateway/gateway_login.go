package gateway

import (
	"context"

	"github.com/vayu-trading/vayu/engine/book"
	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/risk"
	"github.com/vayu-trading/vayu/engine/session"
)

// Login is the way to the venue's login and to nothing else: paper trading over
// live data needs a session for the streams, and must not be able to place an
// order with it. It has no Submit, its core knows no instrument, and its risk
// gate has no limits, so it refuses everything.
type Login struct{ g *Gateway }

// NewLogin checks the configuration, of which address, connection, credentials,
// clock and log are used. It does nothing by itself until Run.
func NewLogin(config Config) (*Login, error) {
	none, err := market.NewUniverse(nil)
	if err != nil {
		return nil, err
	}
	config.Universe, config.Session, config.Warm = none, new(session.Store), 1
	config.Emit, config.Renew, config.RestartStream = func(*order.Update) {}, func(uint64) {}, func() {}
	config.Core = CoreConfig{Book: book.New(none), Gate: risk.NewGate(risk.Limits{}, none), Orders: 1, Seed: config.Core.Seed, Limits: config.Core.Limits}
	g, err := New(config)
	if err != nil {
		return nil, err
	}
	return &Login{g}, nil
}

// Run keeps a connection ready until ctx ends.
func (l *Login) Run(ctx context.Context) error { return l.g.Run(ctx) }

// Exchange makes a Login a session.Exchanger.
func (l *Login) Exchange(ctx context.Context, apiSession session.Token) (*session.Credential, error) {
	return l.g.Exchange(ctx, apiSession)
}
