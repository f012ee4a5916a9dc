package gateway

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/rest"
)

// ErrStopped is what calls get after Run has ended.
var ErrStopped = errors.New("gateway: stopped")

// CallError is a read that brought nothing.
type CallError struct {
	Endpoint rest.Endpoint
	Verdict  order.Verdict
	Reason   string // ours
	Text     string // the venue's, escaped
	Err      error  // of the transport
}

func (e *CallError) Error() string {
	text := fmt.Sprintf("gateway: %s: %s: %s", e.Endpoint, e.Verdict, e.Reason)
	if e.Text != "" {
		text += " (" + e.Text + ")"
	}
	if e.Err != nil {
		text += ": " + rest.Escape(e.Err.Error(), 200)
	}
	return text
}

func (e *CallError) Unwrap() error { return e.Err }

// ask is a read that somebody other than the core wants. It is paced by the
// core's gates like every call.
type ask struct {
	endpoint rest.Endpoint
	class    order.Class
	attempt  uint8 // 1 for the first
	render   func(w *rest.Wire, dst []byte, sig rest.Signature) []byte
	done     chan outcome // one place: end never waits
	left     atomic.Bool  // nobody waits any more
}

type outcome struct {
	judgement rest.Judgement
	body      []byte
	epoch     uint64 // of the credential that signed; zero without one
	err       error
	line      line // what is told of it, once it is known whether there will be another attempt
}

func (q *ask) end(o outcome) {
	select {
	case q.done <- o:
	default:
	}
}

func (q *ask) gone() bool { return q.left.Load() }

// Of a read: how often, how long, how far apart.
const (
	askAttempts = 3
	askSendBy   = 10 * time.Second
	askTimeout  = 10 * time.Second
	askBackoff  = 250 * time.Millisecond
)

// read makes a call of the venue until it brings an answer, at most
// askAttempts times.
func (g *Gateway) read(ctx context.Context, e rest.Endpoint, class order.Class, render func(*rest.Wire, []byte, rest.Signature) []byte) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		o, err := g.once(ctx, e, class, uint8(attempt), render)
		if err != nil {
			return nil, err
		}
		v := o.judgement.Verdict
		// A login is repeated by the session's keeper, which counts them.
		last := attempt == askAttempts || class == order.Login || v != order.Retry && v != order.Throttle && (v != order.Auth || e == rest.CustomerDetails)
		if !last {
			o.line.again, o.line.next = true, askBackoff<<(attempt-1)
		}
		g.told(&o)
		if class == order.Login {
			g.put(letter{kind: forLogins, event: Event{Answer: Answer{Verdict: v}}})
			g.drain()
		}
		if v == order.OK {
			return o.body, nil
		}
		failure := &CallError{e, v, o.judgement.Reason, o.judgement.Text, o.err}
		if v == order.Auth && e != rest.CustomerDetails {
			g.config.Renew(o.epoch) // which may have been replaced meanwhile: then nothing is to be done
		}
		if last {
			return nil, failure
		}
		select {
		case <-time.After(askBackoff << (attempt - 1)):
		case <-ctx.Done():
			return nil, errors.Join(failure, context.Cause(ctx))
		case <-g.stopped:
			return nil, ErrStopped
		}
	}
}

// told writes what is told of an outcome.
func (g *Gateway) told(o *outcome) {
	if o.line.call {
		g.log.note(o.line)
	}
}

// endAsk hands an outcome to who waits for it; nobody's is told at once.
func (g *Gateway) endAsk(q *ask, o outcome) {
	if q.gone() {
		g.told(&o)
		return
	}
	q.end(o)
}

// once makes a call of the venue a single time. The gates hear of a throttle;
// any other verdict is the caller's to act on.
func (g *Gateway) once(ctx context.Context, e rest.Endpoint, class order.Class, attempt uint8, render func(*rest.Wire, []byte, rest.Signature) []byte) (outcome, error) {
	q := &ask{endpoint: e, class: class, attempt: attempt, render: render, done: make(chan outcome, 1)}
	g.inbox.Lock()
	g.inbox.asks = append(g.inbox.asks, q)
	g.inbox.Unlock()
	g.posted.Add(1)
	g.drain()
	select {
	case o := <-q.done:
		if v := o.judgement.Verdict; v == order.Throttle || v == order.ThrottleDay {
			g.put(letter{kind: forGates, event: Event{Answer: Answer{Verdict: v, RetryAfter: max(o.judgement.RetryAfter, 0)}}})
			g.drain()
		}
		return o, nil
	case <-ctx.Done():
		q.left.Store(true)
		return outcome{}, fmt.Errorf("gateway: %s: %w", e, context.Cause(ctx))
	case <-g.stopped:
		q.left.Store(true)
		return outcome{}, ErrStopped
	}
}

// serveAsks sends the reads of others that get a permit. The owner's.
func (g *Gateway) serveAsks() {
	if len(g.asks) == 0 {
		g.askAt = never
		return
	}
	now := g.clock.Now()
	if now.Mono < g.askAt {
		return
	}
	g.askAt = never
	left := g.asks[:0]
	var held [order.Login + 1]bool // a class keeps its order, and holds up no other
	for _, q := range g.asks {
		if q.gone() {
			continue
		}
		ok, again := false, never
		if !held[q.class] {
			ok, again = g.core.Permit(q.class, now.Mono)
		}
		switch {
		case ok:
			g.sendAsk(q, now.Mono)
		case held[q.class]:
			left = append(left, q)
		case again == never: // the day is used up
			q.end(outcome{judgement: rest.Judgement{Verdict: order.ThrottleDay, Reason: "no calls left today"}})
		default:
			held[q.class] = true
			g.askAt = min(g.askAt, max(again, now.Mono.Add(time.Millisecond)))
			left = append(left, q)
		}
	}
	clear(g.asks[len(left):])
	g.asks = left
	g.settle()
}

func (g *Gateway) sendAsk(q *ask, now market.Mono) {
	a := Action{Class: q.class, Attempt: q.attempt, SendBy: now.Add(askSendBy), Deadline: now.Add(askTimeout), Listen: now.Add(askTimeout)}
	if !g.send(&a, q) {
		g.waiting = append(g.waiting, waiting{a, q})
		g.pool.want(len(g.waiting))
	}
}

// Funds reads the account's money.
func (g *Gateway) Funds(ctx context.Context) (rest.FundsAnswer, error) {
	body, err := g.read(ctx, rest.Funds, order.Data, func(w *rest.Wire, dst []byte, sig rest.Signature) []byte { return w.AppendFunds(dst, sig) })
	if err != nil {
		return rest.FundsAnswer{}, err
	}
	return g.parser().Funds(body)
}

// Positions reads the account's positions. A row that cannot be read makes the
// whole answer an error: a position left out is worse than none known.
func (g *Gateway) Positions(ctx context.Context) ([]rest.Position, error) {
	body, err := g.read(ctx, rest.Positions, order.Data, func(w *rest.Wire, dst []byte, sig rest.Signature) []byte { return w.AppendPositions(dst, sig) })
	if err != nil {
		return nil, empty(err)
	}
	rows, bad, err := g.parser().Positions(body)
	return rows, errors.Join(append(bad, err)...)
}

// Trades reads the trades of the days from..to.
func (g *Gateway) Trades(ctx context.Context, from, to market.Date) ([]rest.Trade, error) {
	body, err := g.read(ctx, rest.TradeList, order.Data, func(w *rest.Wire, dst []byte, sig rest.Signature) []byte {
		return w.AppendTradeList(dst, sig, g.config.Exchange, from, to)
	})
	if err != nil {
		return nil, empty(err)
	}
	rows, bad, err := g.parser().Trades(body)
	return rows, errors.Join(append(bad, err)...)
}

// OptionChain reads a part of an option chain: with expiry and right and no
// strike, one whole side.
func (g *Gateway) OptionChain(ctx context.Context, key market.ContractKey) ([]rest.ChainRow, error) {
	body, err := g.read(ctx, rest.OptionChain, order.Data, func(w *rest.Wire, dst []byte, sig rest.Signature) []byte {
		return w.AppendOptionChain(dst, sig, key)
	})
	if err != nil {
		return nil, empty(err)
	}
	rows, bad, err := g.parser().Chain(body)
	return rows, errors.Join(append(bad, err)...)
}

// CustomerDetails exchanges an API session for what the venue says of it.
func (g *Gateway) CustomerDetails(ctx context.Context, apiSession session.Token) (rest.Customer, error) {
	body, err := g.read(ctx, rest.CustomerDetails, order.Login, func(w *rest.Wire, dst []byte, _ rest.Signature) []byte {
		return w.AppendCustomerDetails(dst, g.config.AppKey, apiSession)
	})
	if err != nil {
		return rest.Customer{}, err
	}
	return g.parser().Customer(body)
}

// Exchange makes the gateway a session.Exchanger.
func (g *Gateway) Exchange(ctx context.Context, apiSession session.Token) (*session.Credential, error) {
	who, err := g.CustomerDetails(ctx, apiSession)
	if err != nil {
		var call *CallError
		switch {
		case errors.As(err, &call) && call.Verdict == order.Auth:
			return nil, fmt.Errorf("%w: %w", session.ErrLogin, err)
		case errors.As(err, &call) && call.Verdict == order.ConfigFatal, errors.Is(err, rest.ErrAnswer):
			return nil, fmt.Errorf("%w: %w", session.ErrConfig, err)
		case errors.As(err, &call) && (call.Verdict == order.Throttle || call.Verdict == order.ThrottleDay):
			return nil, fmt.Errorf("%w: %w", session.ErrBusy, err)
		}
		return nil, err
	}
	c := &session.Credential{
		User: who.UserID, AppKey: g.config.AppKey, Secret: g.config.Secret, Session: who.Session, Stream: who.Stream,
	}
	if err := rest.CheckCredential(c); err != nil {
		return nil, fmt.Errorf("%w: %w", session.ErrConfig, err)
	}
	return c, nil
}

func (g *Gateway) parser() *rest.Parser { return &rest.Parser{Universe: g.config.Universe} }

// empty turns "No Data Found" into an empty list. It is no proof of being
// flat: the core, which needs one, reads for itself.
func empty(err error) error {
	if call, is := errors.AsType[*CallError](err); is && call.Verdict == order.Empty {
		return nil
	}
	return err
}
