package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
	"github.com/vayu-trading/vayu/engine/order"
	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/gateway"
	"github.com/vayu-trading/vayu/exec/rest"
	"github.com/vayu-trading/vayu/exec/sim"
)

// calls proves that calls are repeated when it helps, and only then.
func (t *trials) calls(ctx context.Context, s *sheet) {
	b, err := t.open(ctx, terms{})
	if !s.step("an engine logs in", func() (string, error) {
		if err != nil {
			return "", err
		}
		return t.firstLogin(b)
	}) {
		t.close(b)
		return
	}
	t.validCalls(ctx, s, b)
	t.invalidCalls(ctx, s, b)
	if t.embedded() {
		t.brokenCalls(ctx, s, b)
	} else {
		s.skip("error pages, cut connections, throttles", "the venue is not ours to break")
	}
	t.close(b)
	if t.embedded() {
		t.throttledCalls(ctx, s)
	}
}

// validCalls are answered at once.
func (t *trials) validCalls(ctx context.Context, s *sheet, b *bench) {
	today := b.system.day.Date
	right := func(what string, call func(context.Context) error) {
		s.step(what, func() (string, error) {
			limit, cancel := context.WithTimeout(ctx, 15*time.Second)
			defer cancel()
			err := call(limit)
			time.Sleep(settleLog)
			if n := s.count("", ""); err == nil && t.embedded() && n != 1 {
				err = fmt.Errorf("a good call took %d attempts", n)
			}
			return "", err
		})
	}
	right("valid: funds", func(ctx context.Context) error { _, err := b.system.gateway.Funds(ctx); return err })
	right("valid: positions", func(ctx context.Context) error { _, err := b.system.gateway.Positions(ctx); return err })
	right("valid: trades of today", func(ctx context.Context) error { _, err := b.system.gateway.Trades(ctx, today, today); return err })
	right("valid: one side of an option chain", func(ctx context.Context) error {
		rows, err := b.system.gateway.OptionChain(ctx, t.chainSide(b))
		if err == nil && len(rows) == 0 {
			err = errors.New("the chain is empty")
		}
		return err
	})
}

// chainSide is the calls of the nearest expiry.
func (t *trials) chainSide(b *bench) market.ContractKey {
	for _, in := range b.system.universe.All() {
		if in.Kind == market.Option {
			key := in.ContractKey
			key.Right, key.Strike = market.Call, 0
			return key
		}
	}
	return market.ContractKey{}
}

// invalidCalls are refused, and not repeated: the same would be refused again.
func (t *trials) invalidCalls(ctx context.Context, s *sheet, b *bench) {
	once := func(what string, call func(context.Context) (string, error)) {
		s.step(what, func() (string, error) {
			limit, cancel := context.WithTimeout(ctx, 15*time.Second)
			defer cancel()
			epoch, renewals := b.system.store.Current().Epoch, b.system.keeper.Renewals()
			detail, err := call(limit)
			time.Sleep(settleLog)
			switch {
			case err != nil:
				return detail, err
			case s.count("", "") > 1:
				return detail, fmt.Errorf("a wrong call was made %d times", s.count("", ""))
			case b.system.store.Current().Epoch != epoch || b.system.keeper.Renewals() != renewals:
				return detail, errors.New("the login was renewed for it")
			}
			return detail, nil
		})
	}
	once("invalid: the chain of an underlying that does not exist", func(ctx context.Context) (string, error) {
		key := t.chainSide(b)
		key.Underlying = "NOSUCH"
		rows, err := b.system.gateway.OptionChain(ctx, key)
		if call, is := errors.AsType[*gateway.CallError](err); is {
			return fmt.Sprintf("verdict %s: %s", call.Verdict, call.Reason), nil
		}
		if err == nil && len(rows) == 0 {
			return "an empty chain", nil
		}
		return fmt.Sprintf("%d rows", len(rows)), errors.Join(errors.New("want a refusal"), err)
	})
	if t.embedded() { // logins are few elsewhere, refused ones count
		once("invalid: an api session that was never given out", func(ctx context.Context) (string, error) {
			_, err := b.system.gateway.Exchange(ctx, session.NewToken("00000000"))
			if !errors.Is(err, session.ErrLogin) && !errors.Is(err, session.ErrConfig) {
				return "", errors.Join(errors.New("want a refusal"), err)
			}
			return "the login is refused, the one in use stays", nil
		})
	}
	once("invalid: a wrong secret, so a wrong checksum", func(ctx context.Context) (string, error) {
		wrong := *b.system.store.Current()
		wrong.Secret = session.NewToken("not-the-secret")
		return t.judged(ctx, b, order.Auth, func(w *rest.Wire, sig rest.Signature) []byte {
			sig.By = &wrong
			return w.AppendFunds(nil, sig)
		})
	})
	once("invalid: a session token that is none", func(ctx context.Context) (string, error) {
		wrong := *b.system.store.Current()
		wrong.Session = session.NewToken("bm9ib2R5Om5vdGhpbmc=")
		return t.judged(ctx, b, order.Auth, func(w *rest.Wire, sig rest.Signature) []byte {
			sig.By = &wrong
			return w.AppendFunds(nil, sig)
		})
	})
}

// judged sends one request of its own making, which the gateway would never
// make, and requires the classifier's verdict on the answer.
func (t *trials) judged(ctx context.Context, b *bench, want order.Verdict, render func(*rest.Wire, rest.Signature) []byte) (string, error) {
	base := b.system.config.Venue.RestURL
	wire, err := rest.NewWire(rest.Config{BaseURL: base})
	if err != nil {
		return "", err
	}
	code, body, err := t.exchange(ctx, b, base, render(wire, rest.Signature{By: b.system.store.Current(), At: b.system.clock.Now().Wall}))
	if err != nil {
		return "", err
	}
	j := rest.NewClassifier().Classify(&rest.Attempt{Endpoint: rest.Funds, Phase: rest.Answered, Code: code, Body: body})
	detail := fmt.Sprintf("HTTP %d, verdict %s: %s", code, j.Verdict, j.Reason)
	if j.Verdict != want {
		return detail, fmt.Errorf("want verdict %s", want)
	}
	return detail, nil
}

// exchange writes raw bytes to the venue and reads one answer.
func (t *trials) exchange(ctx context.Context, b *bench, base string, request []byte) (code int, body []byte, err error) {
	u, err := url.Parse(base)
	if err != nil {
		return 0, nil, err
	}
	var dial func(context.Context, string, string) (net.Conn, error)
	port := u.Port()
	if u.Scheme == "https" {
		dial = (&tls.Dialer{Config: &tls.Config{RootCAs: b.system.roots, MinVersion: tls.VersionTLS12}}).DialContext
		if port == "" {
			port = "443"
		}
	} else {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return 0, nil, err
		}
	}
	if _, err := conn.Write(request); err != nil {
		return 0, nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, body, err
}

// brokenCalls meet a venue in trouble.
func (t *trials) brokenCalls(ctx context.Context, s *sheet, b *bench) {
	s.step("an error page twice: repeated with growing delays, then answered", func() (string, error) {
		if err := b.venue.SetFaults(sim.Faults{HTML502: 1}); err != nil {
			return "", err
		}
		go func() { // well when two attempts were seen
			for range 1000 {
				if s.count("funds", "") >= 2 {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
			_ = b.venue.SetFaults(sim.Faults{})
		}()
		detail, err := t.readFunds(ctx, b)
		time.Sleep(settleLog)
		if n := s.count("funds", ""); err == nil && n != 3 {
			err = fmt.Errorf("%d attempts, want 3", n)
		}
		return detail, err
	})
	s.step("an error page every time: given up after three attempts", func() (string, error) {
		if err := b.venue.SetFaults(sim.Faults{HTML502: 1}); err != nil {
			return "", err
		}
		_, err := t.readFunds(ctx, b)
		time.Sleep(settleLog)
		call, is := errors.AsType[*gateway.CallError](err)
		attempts := s.count("funds", "")
		err = b.venue.SetFaults(sim.Faults{})
		switch {
		case err != nil:
		case !is:
			err = errors.New("want an error that names the call")
		case attempts != 3:
			err = fmt.Errorf("%d attempts, want 3", attempts)
		}
		if is {
			return call.Error(), err
		}
		return "", err
	})
	s.step("no connection for a while: held back unsent, then answered", func() (string, error) {
		b.venue.cut()
		mended := make(chan error, 1)
		time.AfterFunc(600*time.Millisecond, func() { mended <- b.venue.reopen() })
		detail, err := t.readFunds(ctx, b)
		return detail, errors.Join(err, <-mended)
	})
}

// throttledCalls are refused for their rate, once by its name and once
// disguised as a lost session.
func (t *trials) throttledCalls(ctx context.Context, s *sheet) {
	for _, c := range []struct {
		what   string
		faults sim.Faults
		http   int
	}{
		{"throttled, HTTP 429: slowed down, no renewal", sim.Faults{HTML429: 1}, http.StatusTooManyRequests},
		{"throttled, disguised as HTTP 401: slowed down, no renewal", sim.Faults{Throttle401: 1}, http.StatusUnauthorized},
	} {
		who := &person{login: sim.DefaultAPISession}
		b, err := t.open(ctx, terms{login: who})
		if err == nil {
			_, err = t.firstLogin(b)
		}
		s.step(c.what, func() (string, error) {
			if err != nil {
				return "", err
			}
			if err := b.venue.SetFaults(c.faults); err != nil {
				return "", err
			}
			limit, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			before := b.venue.Stats().Calls
			_, _ = b.system.gateway.Funds(limit) // it cannot succeed; what counts is how it is taken
			time.Sleep(settleLog)
			calls := b.venue.Stats().Calls - before
			detail := fmt.Sprintf("%d calls in 2 s, %d of them throttled, %d renewals", calls, s.count("", "throttle"), b.system.keeper.Renewals())
			who.mu.Lock()
			asked := who.asked
			who.mu.Unlock()
			switch {
			case s.count("", "throttle") == 0:
				return detail, errors.New("want verdict throttle")
			case asked != 1 || b.system.keeper.Renewals() != 0:
				return detail, errors.New("the login was renewed for it")
			case calls > 3:
				return detail, errors.New("it did not slow down")
			}
			return detail, nil
		})
		t.close(b)
	}
}
