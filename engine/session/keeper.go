package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vayu-trading/vayu/engine/market"
)

// LoginSource knows where a person's login comes from: a value, a watched file,
// a browser callback. Login returns the newest one, which may be the one it
// returned before.
type LoginSource interface {
	Login(ctx context.Context) (apiSession Token, err error)
}

// LoginFunc is a LoginSource.
type LoginFunc func(ctx context.Context) (Token, error)

// Login calls f.
func (f LoginFunc) Login(ctx context.Context) (Token, error) { return f(ctx) }

// Exchanger turns a login into a credential at the venue. It fills User,
// AppKey, Secret, Session and Stream; the machine fills the rest. Its errors
// wrap [ErrLogin] or [ErrConfig] where they mean that.
type Exchanger interface {
	Exchange(ctx context.Context, apiSession Token) (*Credential, error)
}

// Hook is run after each swap and waited for: a stream that moves over to the
// new credential.
type Hook struct {
	Name string
	Run  func(ctx context.Context) error
}

// Config is what a keeper needs.
type Config struct {
	Rules     Rules
	User      string // pins the account; empty: the first login does
	Store     *Store
	Source    LoginSource
	Exchanger Exchanger
	Probe     func(ctx context.Context, c *Credential) error // one read with the new credential; nil: none
	OnSwap    []Hook
	OnState   func(State, *Credential) // called by the keeper's goroutine after every change and swap; must not block; may be nil
	Alarm     func(text string)        // tells a person; may be nil
	Record    func(Attempt)            // keeps each exchange before it is made, and its success; may be nil
	Keep      func(*Credential, Token) // keeps what is in force, and the login behind it, for Resume after a restart; may be nil
	Clock     market.Clock
	Seed      uint64 // spreads the start of renewals
}

// Attempt is an exchange of a login, for who keeps a record of them: they count
// across restarts, or an engine that crashes at each login would lock the
// account.
type Attempt struct {
	Epoch  uint64          // that it leads to
	OK     bool            // it is in force; false: it is about to be made
	Expiry market.UnixNano // when it is in force
}

// lookAround is how often the keeper looks at the wall clock at least, which may
// have been set.
const lookAround = time.Minute

// How long one step of a renewal may take.
const (
	loginTimeout    = time.Minute
	exchangeTimeout = 15 * time.Second
	probeTimeout    = 5 * time.Second
	feedTimeout     = 30 * time.Second
)

// Keeper gives a [Machine] its goroutine, its clock and its world.
type Keeper struct {
	config   Config
	machine  *Machine      // owned by Run
	state    atomic.Uint32 // written by Run
	renewals atomic.Uint64 // swaps after the first; written by Run
	lost     atomic.Uint64 // the newest epoch that somebody saw refused; written by anyone
	wake     chan struct{}
}

// NewKeeper checks the configuration.
func NewKeeper(config Config) (*Keeper, error) {
	if config.Store == nil || config.Source == nil || config.Exchanger == nil || config.Clock == nil {
		return nil, errors.New("session: keeper needs a store, a source of logins, an exchanger and a clock")
	}
	machine, err := NewMachine(config.Rules, config.User, rand.New(rand.NewPCG(config.Seed, 0x5e55)))
	if err != nil {
		return nil, err
	}
	return &Keeper{config: config, machine: machine, wake: make(chan struct{}, 1)}, nil
}

// Restore counts the exchanges of earlier runs: the instants, oldest first, of
// every Attempt that was recorded before it was made. It is called before Run.
func (k *Keeper) Restore(made []market.UnixNano) {
	at := k.config.Clock.Now()
	for _, t := range made {
		k.machine.Restore(t, at)
	}
}

// Resume takes up the credential of an earlier run: see [Machine.Resume]. It is
// called before Run.
func (k *Keeper) Resume(c Credential, login Token) { k.machine.Resume(c, login) }

// State is what the session allows. Any goroutine may ask.
func (k *Keeper) State() State { return State(k.state.Load()) }

// Renewals counts the credentials that replaced another. Any goroutine may ask.
func (k *Keeper) Renewals() uint64 { return k.renewals.Load() }

// Renew reports that a call signed with this epoch was refused for its session.
// It returns at once; however many callers report one epoch, one login follows.
// Any goroutine may call it.
func (k *Keeper) Renew(epoch uint64) {
	c := k.config.Store.Current()
	if c == nil || c.Epoch != epoch || k.lost.Swap(epoch) == epoch {
		return // renewed already, or somebody else has said so
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run keeps the session alive until ctx ends, whose error it returns.
func (k *Keeper) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	results := make(chan Event, 1)
	timer := time.NewTimer(0)
	defer timer.Stop()
	event := Event{Kind: Tick}
	for {
		at := k.config.Clock.Now()
		action := k.machine.Step(event, at)
		k.publish(at)
		if action.Phase == Swap {
			event = k.swap(action.Credential)
			if k.config.Keep != nil && event.Credential == action.Credential {
				k.config.Keep(action.Credential, action.Login)
			}
			continue
		}
		if action.Phase == Exchange {
			k.record(Attempt{Epoch: k.epoch() + 1})
		}
		if action.Phase != Idle {
			wg.Go(func() { results <- k.perform(ctx, action) })
		}
		timer.Reset(min(k.machine.Wait(at), lookAround))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event = <-results:
		case <-k.wake:
			event = Event{Kind: Lost, Epoch: k.lost.Load()}
		case <-timer.C:
			event = Event{Kind: Tick}
		}
	}
}

func (k *Keeper) publish(at market.Stamp) {
	if text := k.machine.Alarm(); text != "" && k.config.Alarm != nil {
		k.config.Alarm(text)
	}
	state := k.machine.State(at)
	if State(k.state.Swap(uint32(state))) != state {
		k.announce(state)
	}
}

func (k *Keeper) announce(state State) {
	if k.config.OnState != nil {
		k.config.OnState(state, k.config.Store.Current())
	}
}

func (k *Keeper) record(a Attempt) {
	if k.config.Record != nil {
		k.config.Record(a)
	}
}

// epoch is of the credential in force; zero before the first.
func (k *Keeper) epoch() uint64 {
	if c := k.config.Store.Current(); c != nil {
		return c.Epoch
	}
	return 0
}

// swap is the only place that touches the pointer.
func (k *Keeper) swap(c *Credential) Event {
	if k.config.Store.Swap(c) {
		if c.Epoch > 1 {
			k.renewals.Add(1)
		}
		k.record(Attempt{Epoch: c.Epoch, OK: true, Expiry: c.Expiry})
		k.announce(Live)
	}
	return Event{Kind: Swapped, Credential: k.config.Store.Current()}
}

func (k *Keeper) perform(ctx context.Context, action Action) Event {
	switch action.Phase {
	case Fetch:
		ctx, cancel := context.WithTimeout(ctx, loginTimeout)
		defer cancel()
		login, err := k.config.Source.Login(ctx)
		return Event{Kind: Fetched, Login: login, Err: err}
	case Exchange:
		ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
		defer cancel()
		c, err := k.config.Exchanger.Exchange(ctx, action.Login)
		if err == nil && c == nil {
			err = errors.New("session: exchange gave no credential")
		}
		return Event{Kind: Exchanged, Credential: c, Err: err}
	case Probe:
		if k.config.Probe == nil {
			return Event{Kind: Probed}
		}
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		return Event{Kind: Probed, Err: k.config.Probe(ctx, action.Credential)}
	}
	k.feeds(ctx)
	return Event{Kind: FeedsDone}
}

// feeds moves the streams over, all at once, and waits for them.
func (k *Keeper) feeds(keeping context.Context) {
	ctx, cancel := context.WithTimeout(keeping, feedTimeout)
	defer cancel()
	var wg sync.WaitGroup
	for _, hook := range k.config.OnSwap {
		wg.Go(func() {
			// A keeper that is being stopped takes its streams with it.
			if err := hook.Run(ctx); err != nil && keeping.Err() == nil && k.config.Alarm != nil {
				k.config.Alarm("session: " + hook.Name + " did not move to the new login: " + err.Error())
			}
		})
	}
	wg.Wait()
}
