// Package market is the vocabulary of the engine: prices, sizes, instants,
// instruments, quotes and depth. It owns no state, reads no clock and knows
// nobody: every other package may import it, it imports only the standard
// library.
//
// Units: money is [Paise] (1/100 rupee, integer), sizes in a book are [Units]
// (shares of the contract), sizes of a ticket are [Lots], instants are
// [UnixNano] on a wall or market clock and [Mono] on the monotonic one. The
// zero value of each means "none" and is safe to use.
package market
