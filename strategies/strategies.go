// Package strategies is the table of the strategies that are compiled in: their
// names in the configuration, what they do, and what can be set. A strategy is
// added by a row here. The package knows nothing of how a strategy is run.
package strategies

import (
	"fmt"
	"strings"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/strategies/drill"
	"github.com/vayu-trading/vayu/strategies/param"
	"github.com/vayu-trading/vayu/strategies/parityarb"
	"github.com/vayu-trading/vayu/strategies/shortstraddle"
)

// Entry is one strategy of the table.
type Entry struct {
	Name  string // in the configuration
	About string // one line for people

	// New makes a strategy from its [strategies.params] table; nil means the
	// defaults. An unknown key, a wrong type or a value out of range is an error
	// of kind [param.ErrParam] that names the strategy and the key.
	New func(params map[string]any) (engine.Strategy, error)

	// Params lists what can be set, with the defaults, in the order to show.
	Params []param.Description
}

// Table is every strategy, in the order to show.
func Table() []Entry {
	return []Entry{
		{
			Name:   shortstraddle.Name,
			About:  "sells an at-the-money call and put, stops out on premium, re-enters, hedges its delta",
			New:    maker(shortstraddle.Name, shortstraddle.Defaults, shortstraddle.New),
			Params: param.Describe(shortstraddle.Defaults()),
		},
		{
			Name:   parityarb.Name,
			About:  "buys one strike's synthetic future and sells another's when the box locks more than it costs",
			New:    maker(parityarb.Name, parityarb.Defaults, parityarb.New),
			Params: param.Describe(parityarb.Defaults()),
		},
		{
			Name:   drill.Name,
			About:  "rehearses the way to the venue: single lots placed, re-priced and cancelled by a seed, near flat",
			New:    maker(drill.Name, drill.Defaults, drill.New),
			Params: param.Describe(drill.Defaults()),
		},
	}
}

// Find is the strategy of that name. The error of an unknown one lists the
// names there are.
func Find(name string) (Entry, error) {
	var known []string
	for _, e := range Table() {
		if e.Name == name {
			return e, nil
		}
		known = append(known, e.Name)
	}
	return Entry{}, fmt.Errorf("no strategy is named %q; known: %s", name, strings.Join(known, ", "))
}

// maker lays a table of parameters over the defaults and makes the strategy.
func maker[P any, S engine.Strategy](name string, defaults func() P, make func(P) (S, error)) func(map[string]any) (engine.Strategy, error) {
	return func(params map[string]any) (engine.Strategy, error) {
		p := defaults()
		if err := param.Decode(params, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s, err := make(p)
		if err != nil {
			return nil, err // typed: a nil *S is not a nil Strategy
		}
		return s, nil
	}
}
