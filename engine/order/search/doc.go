// Package search proves the rules of orders over a world small enough to visit
// every state of it: two intents of two attempts each, crashes, a renewed
// session, and a network and a venue that lose, delay without bound and repeat
// what they carry. It has no code but its tests.
//
// What moves an order in that world is the real thing: Step, Next, Sighting and
// Absence of package order. Around it stand models, each a few bytes: the order
// core's own decisions (world_test.go says which of its functions each stands
// for), the journal, the wire, the venue and its order list. A breadth-first
// search visits all that can follow (explore_test.go), judges each state, and
// each quiescent one once more: nothing is left to happen there, so the books
// must agree. A broken rule is told as the shortest way to it.
//
// The search must be able to fail: each of the known ways to get these rules
// wrong is a switch of the model, and is found (search_test.go).
package search
