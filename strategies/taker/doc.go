// Package taker brings a strategy's position in one instrument to a target by
// marketable limit orders: touch plus or minus ticks, never a market order. It
// owns one order at a time and knows nothing of why the target is what it is.
//
// It keeps three promises. An order whose outcome is unknown is never sent
// again: the worker waits for the verdict. A price never leaves the exchange's
// protection range or the day's band. A worker gives up adding to a position
// after some refusals, but never gives up reducing one: a refused price comes
// back towards the middle, to what every limit allows.
//
// A [Worker] minds one instrument; a [Crew] is a strategy's workers, which buy
// before they sell. The strategy says what to hold, by Aim, and calls Work on
// every event; a timer of [LookEvery] drives it while no news does.
package taker
