package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/vayu-trading/vayu/engine/session"
	"github.com/vayu-trading/vayu/exec/sim"
)

// person is somebody who logs in at the venue when asked to, or not.
type person struct {
	mu    sync.Mutex
	login string
	fresh func() string // a new login at each question; nil: the one of before
	asked int
}

// Login is what the person would paste.
func (p *person) Login(context.Context) (session.Token, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.fresh != nil {
		p.login = p.fresh()
	}
	return session.NewToken(p.login), nil
}

func (p *person) set(login string, fresh func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.login, p.fresh = login, fresh
}

// session proves that a login renews.
func (t *trials) session(ctx context.Context, s *sheet) {
	if !t.embedded() {
		t.sessionAt(ctx, s)
		return
	}
	t.sessionAhead(ctx, s)
	t.sessionLost(ctx, s)
}

// sessionAhead lets a login come to its end and looks at the next one.
func (t *trials) sessionAhead(ctx context.Context, s *sheet) {
	who := &person{login: sim.DefaultAPISession}
	b, err := t.open(ctx, terms{
		venue: func(c *sim.Config) { c.OldLogins, c.Grace, c.NoJoinSnapshot = sim.GraceOldLogins, 5*time.Second, true },
		login: who, rules: quickRules(6 * time.Second),
	})
	if !s.step("a login is exchanged and both streams are live on it", func() (string, error) {
		if err != nil {
			return "", err
		}
		return t.firstLogin(b)
	}) {
		t.close(b)
		return
	}
	defer t.close(b)
	who.set("", b.venue.NewLogin)
	first := b.system.store.Current()
	s.step("a call signed with it is answered", func() (string, error) { return t.readFunds(ctx, b) })
	s.step("the login is renewed ahead of its end, the streams move over", func() (string, error) {
		err := b.until(10*time.Second, func() bool { return b.system.keeper.Renewals() == 1 && b.system.keeper.State() == session.Live })
		if err != nil {
			return "", err
		}
		ahead := first.Expiry.Sub(b.system.store.Current().Issued)
		gaps := b.system.ticks.Stats().Gaps + b.system.orders.Stats().Gaps
		detail := fmt.Sprintf("epoch %d to %d, %s before the end, %d gaps", first.Epoch, b.system.store.Current().Epoch, ahead.Round(time.Millisecond), gaps)
		if ahead <= 0 {
			return detail, errors.New("the old login had ended")
		}
		return detail, nil
	})
	s.step("a call signed with the next one is answered", func() (string, error) { return t.readFunds(ctx, b) })
	s.step("no tick was lost on the way", func() (string, error) {
		b.venue.StopPublishing()
		b.system.catchUp(b.venue.Venue)
		published, seen := b.venue.Stats().TicksPublished, b.system.ticksSeen()
		detail := fmt.Sprintf("%d published, %d seen", published, seen)
		if seen != uint64(published) {
			return detail, errors.New("ticks were lost")
		}
		return detail, nil
	})
}

// sessionLost lets the venue forget a login.
func (t *trials) sessionLost(ctx context.Context, s *sheet) {
	who := &person{login: sim.DefaultAPISession}
	b, err := t.open(ctx, terms{login: who})
	if !s.step("another engine logs in", func() (string, error) {
		if err != nil {
			return "", err
		}
		return t.firstLogin(b)
	}) {
		t.close(b)
		return
	}
	defer t.close(b)
	s.step("the venue forgets the login: eight calls, one renewal", func() (string, error) {
		who.set(b.venue.NewLogin(), nil) // the old one is dead from here on
		renewals, logins := b.system.keeper.Renewals(), s.count("customer_details", "")
		var calls sync.WaitGroup
		failed := make(chan error, 8)
		for range 8 {
			calls.Go(func() {
				limit, cancel := context.WithTimeout(ctx, 15*time.Second)
				defer cancel()
				if _, err := b.system.gateway.Funds(limit); err != nil {
					failed <- err
				}
			})
		}
		calls.Wait()
		time.Sleep(settleLog)
		renewed, exchanges := b.system.keeper.Renewals()-renewals, s.count("customer_details", "")-logins
		detail := fmt.Sprintf("%d answered, %d refused for their session, %d renewals, %d exchanges", 8-len(failed), s.count("funds", "auth"), renewed, exchanges)
		if len(failed) > 0 {
			return detail, <-failed
		}
		if renewed != 1 || exchanges != 1 {
			return detail, errors.New("one lost login wants one exchange")
		}
		return detail, nil
	})
	s.step("forgotten again with no new login at hand: it only reduces, and says so", func() (string, error) {
		next := b.venue.NewLogin() // elsewhere; nobody tells us
		defer func() { who.set(next, nil) }()
		err := b.until(15*time.Second, func() bool { return b.system.keeper.State() == session.Reducing && b.alarmed("log in again") })
		return "state " + b.system.keeper.State().String(), err
	})
	s.step("the login is brought: it trades again by itself", func() (string, error) {
		err := b.until(15*time.Second, func() bool { return b.system.keeper.State() == session.Live })
		return "state " + b.system.keeper.State().String(), err
	})
	s.step("a call signed with it is answered", func() (string, error) { return t.readFunds(ctx, b) })
}

// sessionAt is what can be seen at a venue that is not ours: a login, and what
// the engine does when it thinks that it lost it.
func (t *trials) sessionAt(ctx context.Context, s *sheet) {
	b, err := t.open(ctx, terms{})
	if !s.step("a login is exchanged and both streams are live on it", func() (string, error) {
		if err != nil {
			return "", err
		}
		return t.firstLogin(b)
	}) {
		t.close(b)
		return
	}
	defer t.close(b)
	s.step("a call signed with it is answered", func() (string, error) { return t.readFunds(ctx, b) })
	s.step("told that it is lost, the engine exchanges it once", func() (string, error) {
		before := b.system.store.Current().Epoch
		for range 8 {
			b.system.keeper.Renew(before)
		}
		err := b.until(20*time.Second, func() bool { return b.system.store.Current().Epoch > before && b.system.keeper.State() == session.Live })
		time.Sleep(settleLog)
		exchanges := s.count("customer_details", "")
		if err == nil && exchanges != 1 {
			err = errors.New("one lost login wants one exchange")
		}
		return fmt.Sprintf("epoch %d to %d, %d exchanges", before, b.system.store.Current().Epoch, exchanges), err
	})
	s.step("a call signed with the next one is answered", func() (string, error) { return t.readFunds(ctx, b) })
}

func (t *trials) firstLogin(b *bench) (string, error) {
	if err := b.ready(); err != nil {
		return "", err
	}
	c := b.system.store.Current()
	return fmt.Sprintf("epoch %d, good for %s", c.Epoch, c.Expiry.Sub(b.system.clock.Now().Wall).Round(time.Second)), nil
}

func (t *trials) readFunds(ctx context.Context, b *bench) (string, error) {
	limit, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_, err := b.system.gateway.Funds(limit)
	return fmt.Sprintf("epoch %d", b.system.store.Current().Epoch), err
}
