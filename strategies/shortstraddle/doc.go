// Package shortstraddle sells an at-the-money call and put and keeps the pair
// neutral: it stops out on premium, re-enters after a pause, hedges its delta
// with a synthetic future, and is flat before the session turns dangerous.
//
// It owns its plan and its workers; the engine owns everything else. All its
// orders are marketable limit orders (see package taker). What it holds at the
// start, from a run before, it closes first.
package shortstraddle
