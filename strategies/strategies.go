// Package strategies is the table of the strategies this binary can run. To add
// one: write it in a folder of its own against the engine's Strategy
// interface, then add its line below and build.
package strategies

import (
	"fmt"
	"strings"

	"github.com/vayu-trading/vayu/engine"
	"github.com/vayu-trading/vayu/strategies/param"
	"github.com/vayu-trading/vayu/strategies/parityarb"
	"github.com/vayu-trading/vayu/strategies/shortstraddle"
)

// Entry is one strategy.
type Entry struct {
	Name  string
	About string
	// New makes an instance from a [strategies.params] table laid over the
	// defaults. Whatever is wrong is a param.ErrParam naming the key.
	New func(params param.Table) (engine.Strategy, error)
	// Params lists what may be set, with defaults.
	Params []param.Description
}

// Table is every strategy, in the order people should read them.
func Table() []Entry {
	return []Entry{
		entry(shortstraddle.Name, "sells the at-the-money straddle, hedges its delta, stops, re-enters", shortstraddle.Defaults(), shortstraddle.New),
		entry(parityarb.Name, "trades boxes across strikes where put-call parity is broken by more than all charges", parityarb.Defaults(), parityarb.New),
	}
}

// Find is the strategy of that name.
func Find(name string) (Entry, error) {
	var known []string
	for _, e := range Table() {
		if e.Name == name {
			return e, nil
		}
		known = append(known, e.Name)
	}
	return Entry{}, fmt.Errorf("strategies: no strategy %q; known: %s", name, strings.Join(known, ", "))
}

// entry ties typed parameters and a typed constructor together.
func entry[P any, S engine.Strategy](name, about string, defaults P, build func(P) (S, error)) Entry {
	return Entry{
		Name: name, About: about, Params: param.Describe(defaults),
		New: func(table param.Table) (engine.Strategy, error) {
			params := defaults
			if err := param.Decode(table, &params); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			s, err := build(params)
			if err != nil {
				return nil, err // not a typed nil
			}
			return s, nil
		},
	}
}
