// Package drill rehearses the way to the venue: it places limit orders of one
// lot on options near the money, some that trade at once and some that rest,
// re-prices and cancels some of those, and stays near flat. It earns nothing and
// means nothing; it exists so that the whole path, from a decision to a fill, a
// cancel or a refusal, is exercised before money depends on it.
//
// What it does next is drawn from its seed, so that two rehearsals on the same
// market do the same. It never holds more than position_lots of a contract,
// counting every open order as filled, and never has more than open_orders out.
// Of an order it did not place in this run it becomes the owner when it hears of
// it: it counts, and is cancelled when it has rested long enough.
//
//	[[strategies]]
//	name = "drill"
//	[strategies.params]
//	every = "250ms"
//	seed = 7
package drill
