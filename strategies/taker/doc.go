// Package taker brings a strategy's position in one instrument to a target by
// marketable limit orders: touch plus or minus ticks, never a market order. It
// owns one order at a time and knows nothing of why the target is what it is.
//
// It keeps three promises. An order whose outcome is unknown is never sent
// again: the worker waits for the verdict. A price never leaves the exchange's
// protection range or the day's band. A worker gives up adding to a position
// after some refusals, but never gives up reducing one.
package taker
